"""The lapped transform gives back what it got, and the banded codec keeps SEANet's key names."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vatt_engine.errors import BadModelFolder
from vatt_engine.nets.codec import build_codec
from vatt_engine.nets.lapped import BandedDecoder, LappedTransform
from vatt_engine.sound_config import CodecConfig


@pytest.mark.parametrize("companding", [0.0, 3e-4])
def test_the_inverse_is_exact_inside(companding: float) -> None:
    transform = LappedTransform(40, companding)
    wave = torch.randn(2, 1, 1600) * 0.1
    bands = transform.analyse(wave)
    assert bands.shape == (2, 40, 40)
    back = transform.synthesise(bands)
    torch.testing.assert_close(back[..., 20:-20], wave[..., 20:-20], atol=1e-4, rtol=1e-4)


def test_companding_makes_quiet_sounds_visible() -> None:
    wave = torch.randn(1, 1, 1600) * 1e-3
    linear, companded = LappedTransform(40), LappedTransform(40, 3e-4)
    assert linear.analyse(wave).abs().mean() < 0.01
    assert companded.analyse(wave).abs().mean() > 0.5


def test_a_length_that_is_no_multiple_is_padded() -> None:
    assert LappedTransform(40).analyse(torch.zeros(1, 1, 1601)).shape[-1] == 41


def test_a_banded_codec_has_the_hop_and_the_key_names_of_any_codec() -> None:
    config = CodecConfig(bands=40, ratios=(8,), n_filters=2, dimension=4, codebook_size=8)
    codec = build_codec(config)
    assert config.hop_length == 320
    assert codec.encode(torch.zeros(1, 1, 640)).shape == (1, 4, 2)
    assert codec.encode(torch.zeros(1, 1, 641)).shape == (1, 4, 3)
    plain = build_codec(CodecConfig(ratios=(8,), n_filters=2, dimension=4, codebook_size=8))
    assert set(codec.state_dict()) == set(plain.state_dict())


def test_noise_is_the_same_for_the_same_codes_and_another_for_another_seed() -> None:
    config = CodecConfig(
        bands=40, ratios=(8,), n_filters=2, dimension=4, codebook_size=8, noise=True
    )
    torch.manual_seed(0)
    codec = build_codec(config).eval()
    codes = torch.randint(8, (1, 4, 6))
    with torch.no_grad():
        first, second = codec.decode(codes), codec.decode(codes)
        assert torch.equal(first, second)
        assert first.std() > 0
        assert isinstance(codec.decoder, BandedDecoder)
        codec.decoder.noise_seed = 1
        assert not torch.equal(codec.decode(codes), first)


@pytest.mark.parametrize(
    "wrong", [{"noise": True}, {"bands": 7}, {"companding": 1e-3}, {"bands": 0}]
)
def test_impossible_bands_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadModelFolder):
        CodecConfig(**wrong)
