"""Configs refuse what does not fit, and survive JSON."""

import dataclasses
import json

import pytest

from vatt_engine.config import AudioModelConfig, ModelConfig
from vatt_engine.config_json import config_from_dict, config_to_dict
from vatt_engine.errors import BadModelFolder, UnknownModel
from vatt_engine.presets import PRESETS, PUBLISHED, preset
from vatt_engine.sound_config import CodecConfig, SamplerConfig


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name: str) -> None:
    config = preset(name)
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_window_is_ten_seconds_of_500_code_frames_and_50_video_frames(name: str) -> None:
    config = preset(name)
    assert config.codec.frame_rate == 50
    assert (config.window_s, config.window_samples) == (10.0, 160_000)
    assert config.window_video_frames == 50
    assert config.longest_condition == 74
    assert config.audio.mask_id == 2048
    assert config.audio.fixed_window


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="tiny"):
        preset("vat-gemma")


def test_parts_that_do_not_fit_are_refused_by_name() -> None:
    tiny = preset("tiny")
    with pytest.raises(
        BadModelFolder, match=r"converter\.width is 64, but audio\.cond_width is 65"
    ):
        dataclasses.replace(tiny, audio=dataclasses.replace(tiny.audio, cond_width=65))


def test_too_few_positions_for_the_longest_prompt_are_refused() -> None:
    tiny = preset("tiny")
    with pytest.raises(BadModelFolder, match="n_positions"):
        dataclasses.replace(tiny, audio=dataclasses.replace(tiny.audio, n_positions=560))


@pytest.mark.parametrize(
    ("part", "key", "value", "named"),
    [
        ("audio", "layout", "straight", "layout"),
        ("audio", "width", "64", "width"),
        ("audio", "n_heads", True, "n_heads"),
        ("codec", "ratios", 320, "ratios"),
        ("codec", "n_qs", 4, "n_qs"),
        ("visual", "mean", [0.5], "mean"),
        ("sampler", "steps", 0, "steps"),
        ("converter", "n_layers", 10**9, "n_layers"),
        ("converter", "vocabulary", 10**12, "vocabulary"),
        ("audio", "n_encoder_layers", 10**9, "layers are too many"),
        ("audio", "n_positions", 10**9, "n_positions"),
        ("codec", "n_filters", 10**9, "too wide"),
    ],
)
def test_a_bad_value_in_json_is_named(part: str, key: str, value: object, named: str) -> None:
    data = json.loads(json.dumps(config_to_dict(preset("tiny"))))
    data[part][key] = value
    with pytest.raises(BadModelFolder, match=named):
        config_from_dict(data)


def test_a_missing_part_is_named() -> None:
    data = config_to_dict(preset("tiny"))
    del data["codec"]
    with pytest.raises(BadModelFolder, match="codec"):
        config_from_dict(data)


def test_derived_numbers_follow_the_sizes() -> None:
    codec = CodecConfig(sample_rate=24_000, ratios=(8, 5, 4, 2))
    assert (codec.hop_length, codec.frame_rate) == (320, 75.0)
    config = dataclasses.replace(preset("tiny"), codec=dataclasses.replace(preset("tiny").codec))
    assert isinstance(config, ModelConfig)
    assert config.video_frames(1) == 1
    assert config.video_frames(250) == 25


def test_official_layout_needs_a_window_that_divides() -> None:
    with pytest.raises(BadModelFolder, match="official"):
        AudioModelConfig(layout="official", window_code_frames=501)


def test_sampler_limits() -> None:
    with pytest.raises(BadModelFolder, match="1 to 1000"):
        SamplerConfig(steps=1001)
