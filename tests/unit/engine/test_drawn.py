"""The drawn codec: what it keeps of a sound without a net, and how it is fitted."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.nets.codec import build_codec
from vatt_engine.nets.drawn import (
    Describer,
    DrawnDecoder,
    description_width,
    rounded,
    turning,
    white_bands,
)
from vatt_engine.nets.lapped import LappedTransform
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training.codec_config import DataConfig, RunConfig, SoundSource, codec_kind
from vatt_engine.training.codec_folder import read_codec
from vatt_engine.training.drawn import DrawnFitter, DrawnTraining, FitConfig, fit

RATE, BANDS, WINDOWS = 16_000, 80, 4
SIZES = CodecConfig(
    kind="drawn", bands=BANDS, ratios=(WINDOWS,), dimension=8, n_codebooks=2, codebook_size=16
)


def tone(hertz: float, seconds: float = 1.0) -> torch.Tensor:
    return 0.3 * torch.sin(2 * torch.pi * hertz / RATE * torch.arange(int(seconds * RATE)))


def redrawn(wave: torch.Tensor) -> np.ndarray:
    """A wave [S] through a drawn codec that keeps all of the description and quantises nothing."""
    width = description_width(BANDS, WINDOWS)
    codec = build_codec(dataclasses.replace(SIZES, dimension=width)).eval()
    with torch.no_grad():
        for part in (codec.encoder, codec.decoder):
            part.get_parameter("basis").copy_(torch.eye(width))
        made: np.ndarray = codec.decoder(codec.encoder(wave[None, None]))[0, 0].numpy()
    return made[: len(wave)]


def share_near(wave: np.ndarray, hertz: float, width: float) -> float:
    """Share of the power within ``width`` of a frequency."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    at = np.fft.rfftfreq(len(wave), 1 / RATE)
    return float(power[np.abs(at - hertz) < width].sum() / power.sum())


@pytest.mark.parametrize("hertz", [440.0, 1020.0, 3333.0])
def test_a_tone_stays_a_tone(hertz: float) -> None:
    made = redrawn(tone(hertz))
    assert share_near(made, hertz, 15) > 0.8
    levels = made[1600:-1600].reshape(-1, 320).std(axis=1)
    assert levels.std() < 0.3 * levels.mean()
    assert 0.7 < levels.mean() / (0.3 / np.sqrt(2)) < 1.4


def test_noise_stays_noise_of_its_level() -> None:
    noise = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(1))
    made = redrawn(noise)
    assert share_near(made, 2000, 100) == pytest.approx(0.025, abs=0.015)
    assert 0.7 < made.std() / 0.1 < 1.4


def test_an_attack_does_not_sound_before_it_begins() -> None:
    wave = torch.zeros(RATE // 2)
    wave[4000:] = 0.2 * torch.randn(4000, generator=torch.Generator().manual_seed(2))
    made = redrawn(wave)
    before = made[: 4000 - RATE // 100]
    assert np.abs(before).max() < 0.05 * np.abs(made).max()


def test_nothing_clips_and_what_is_soft_stays_as_it_is() -> None:
    loud = 3 * torch.randn(RATE, generator=torch.Generator().manual_seed(4))
    assert np.abs(redrawn(loud)).max() < 0.99
    wave = torch.linspace(-0.7, 0.7, 9)
    assert torch.equal(rounded(wave), wave)


def test_silence_stays_silent() -> None:
    assert np.abs(redrawn(torch.zeros(RATE // 4))).max() < 1e-3


def test_descriptions_tell_levels_and_turns_apart() -> None:
    describer = Describer(LappedTransform(BANDS), WINDOWS)
    described = describer.describe(tone(1050)[None, None])
    assert described.shape == (1, description_width(BANDS, WINDOWS), 50)
    levels, turns = describer.read(described)
    assert levels.shape == (1, BANDS, 200)
    assert turns.shape == (1, 2 * BANDS, 200)
    band = int(levels.mean(dim=2).argmax())
    assert band == 10  # 1000 to 1100 Hz
    # In the middle of its band a tone turns by the band's own angle: (1, 0) beside it.
    assert turns[0, band, 8:-8].mean() > 0.95
    assert turns[0, BANDS + band, 8:-8].abs().mean() < 0.1


def test_the_same_codes_give_the_same_bytes_and_another_seed_others() -> None:
    torch.manual_seed(0)
    codec = build_codec(SIZES).eval()
    codes = torch.randint(16, (1, 2, 6))
    with torch.no_grad():
        first = codec.decode(codes)
        assert torch.equal(first, codec.decode(codes))
        assert first.shape == (1, 1, 6 * SIZES.hop_length)
        assert isinstance(codec.decoder, DrawnDecoder)
        codec.decoder.noise_seed = 1
        assert not torch.equal(first, codec.decode(codes))
        assert codec.encode(torch.zeros(1, 1, 641)).shape == (1, 2, 3)


def test_processes_have_unit_power_however_sure_the_turn_is() -> None:
    for length in (0.0, 0.6, 1.0):
        turns = np.zeros((1, 2 * BANDS, 400), np.float32)
        turns[:, :BANDS] = length
        white = white_bands(LappedTransform(BANDS), 401, 0)
        assert np.mean(np.abs(turning(turns, white)) ** 2) == pytest.approx(1.0, abs=0.15)


def test_bands_must_fall_into_groups() -> None:
    with pytest.raises(BadModelFolder):
        CodecConfig(kind="drawn", bands=82)
    with pytest.raises(BadModelFolder):
        CodecConfig(kind="drawn")


@pytest.fixture
def config(tmp_path: Path) -> DrawnTraining:
    rng = np.random.default_rng(0)
    for i in range(4):
        wave = 0.2 * rng.standard_normal(RATE) * np.exp(-np.arange(RATE) / (1000 * (i + 1)))
        soundfile.write(tmp_path / f"{i}.wav", wave, RATE)
    return DrawnTraining(
        run=RunConfig(folder=str(tmp_path / "run"), device="cpu"),
        codec=SIZES,
        data=DataConfig(
            sources=(SoundSource(str(tmp_path)),),
            segment_s=0.4,
            batch=2,
            cache=str(tmp_path / "cache"),
        ),
        fit=FitConfig(batches=6, vectors=200),
    )


def test_a_fit_repeats_is_kept_and_reads_back(config: DrawnTraining, tmp_path: Path) -> None:
    first, second = DrawnFitter(config), DrawnFitter(config)
    assert first.run()
    assert second.run()
    wave = torch.randn(1, 1, 6400, generator=torch.Generator().manual_seed(3)) * 0.1
    codes = first.net.encode(wave)
    assert torch.equal(codes, second.net.encode(wave))
    assert len(codes.unique()) > 2

    first.export(tmp_path / "codec")
    assert torch.equal(read_codec(tmp_path / "codec").encode(wave), codes)

    resumed = DrawnFitter(config)
    resumed.resume()
    assert resumed.run()
    assert torch.equal(resumed.net.encode(wave), codes)


def test_a_stopped_fit_leaves_nothing_behind(config: DrawnTraining) -> None:
    fitter = DrawnFitter(config)
    assert not fitter.run(stop=lambda: True)
    assert not fitter.checkpoint_path.exists()


def test_a_fit_of_another_codec_is_not_taken_up(config: DrawnTraining) -> None:
    DrawnFitter(config).run()
    other = dataclasses.replace(config, codec=dataclasses.replace(SIZES, n_codebooks=3))
    with pytest.raises(BadRequest, match="another codec"):
        DrawnFitter(other).resume()


def test_only_a_drawn_codec_is_fitted() -> None:
    plain = build_codec(CodecConfig(ratios=(8,), n_filters=2, dimension=4, codebook_size=8))
    with pytest.raises(BadRequest, match="drawn"):
        fit(plain, torch.zeros(4, 260), 4, 1)


def test_the_kind_is_read_from_the_config(tmp_path: Path) -> None:
    path = tmp_path / "codec.toml"
    path.write_text('[codec]\nkind = "drawn"\n')
    assert codec_kind(path) == "drawn"
    path.write_text("[codec]\nbands = 20\n")
    assert codec_kind(path) == "seanet"
