"""The codec that ships: it loads, fits its description, and keeps what an editor would miss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import vatt_engine
from vatt_engine.evaluation.codec_metrics import onsets_kept, pre_echo_ms
from vatt_engine.nets.codec import Codec
from vatt_engine.training.codec_folder import read_codec
from vatt_engine.training.spectral import MultiScaleMel

FOLDER = Path(vatt_engine.__file__).parent / "bundled" / "vatt-mini"


@pytest.fixture(scope="module")
def codec() -> Codec:
    return read_codec(FOLDER)


def through(codec: Codec, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.no_grad():
        made: NDArray[np.float32] = codec(torch.from_numpy(wave)[None, None])[0, 0].numpy()
    return made


def test_it_makes_fifty_code_frames_a_second(codec: Codec) -> None:
    assert codec.config.frame_rate == 50
    assert codec.encode(torch.zeros(1, 1, 16000)).shape == (1, codec.config.n_codebooks, 50)


def test_silence_stays_silent(codec: Codec) -> None:
    assert np.abs(through(codec, np.zeros(16000, np.float32))).max() < 1e-3


def test_knocks_keep_their_time_and_their_level(codec: Codec) -> None:
    rng = np.random.default_rng(0)
    wave = np.zeros(32000, np.float32)
    for at in (4000, 12000, 25000):
        knock = rng.standard_normal(3000) * np.exp(-np.arange(3000) / 400)
        wave[at : at + 3000] += 0.3 * knock.astype(np.float32)
    made = through(codec, wave)
    assert onsets_kept(made, wave, 16000).f1 > 0.8
    assert 0.5 < np.sqrt((made**2).mean() / (wave**2).mean()) < 2
    both = torch.from_numpy(made)[None], torch.from_numpy(wave)[None]
    assert float(MultiScaleMel(16000)(*both)) < 1.0


def test_a_click_stays_a_click(codec: Codec) -> None:
    assert pre_echo_ms(lambda wave: through(codec, wave), 16000, 320) <= 10


def test_the_same_codes_make_the_same_sound(codec: Codec) -> None:
    codes = torch.randint(codec.config.codebook_size, (1, codec.config.n_codebooks, 25))
    with torch.no_grad():
        assert torch.equal(codec.decode(codes), codec.decode(codes))
