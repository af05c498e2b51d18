"""Synthesised sounds: exact moments, honest parameters, the same seed the same samples."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.synth import api, dsp, room
from vatt_engine.evaluation.onsets import find_onsets

RATE = 24_000
ALL = api.synthesised()
EVENTS = [name for name in ALL if api.has_events(name)]
TEXTURES = [name for name in ALL if api.has_texture(name)]
# Events whose sound leads up to the moment, or that begin gently, have no sharp onset to find.
SOFT = {"whoosh", "creak", "door_creak", "zipper", "thunder", "saw", "blade"}


@pytest.mark.parametrize("name", ALL)
def test_every_category_makes_sound_that_can_be_used(name: str) -> None:
    clip = api.render_clip(name, None, 1.5, RATE, np.random.default_rng(3))
    assert clip.wave.dtype == np.float32
    assert clip.wave.shape == (round(1.5 * RATE),)
    assert np.isfinite(clip.wave).all()
    assert 0.005 < np.abs(clip.wave).max() < 4.0
    assert bool(clip.events) == api.has_events(name)


@pytest.mark.parametrize(
    "name", ["footstep_gravel", "glass_break", "rain", "engine", "keys_jingle"]
)
def test_same_seed_same_samples_other_seed_other_samples(name: str) -> None:
    one, same, other = (
        api.render(name, None, 1.0, RATE, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", [name for name in EVENTS if name not in SOFT])
def test_an_event_starts_on_its_sample(name: str) -> None:
    at = 0.5
    wave = api.render_events(name, [(at, 0.9)], 1.5, RATE, np.random.default_rng(1))
    start = round(at * RATE)
    assert not np.abs(wave[: start - 1]).any()
    # A tenth of the event's own height within 30 ms: it does begin there.
    early = np.abs(wave[start : start + int(0.03 * RATE)]).max()
    assert early > 0.1 * np.abs(wave).max()


def test_onsets_are_heard_where_they_were_asked_for() -> None:
    times = [0.3, 0.9, 1.6, 2.4]
    for name in ("impact_wood", "impact_metal", "footstep_stone", "door_knock", "hammer"):
        events = [(time, 0.9) for time in times]
        wave = api.render_events(name, events, 3.2, RATE, np.random.default_rng(2))
        heard = find_onsets(wave, RATE).times_s
        for time in times:
            assert np.abs(heard - time).min() < 0.02, name


def test_a_whoosh_peaks_at_its_moment() -> None:
    wave = api.render_events("whoosh", [(1.0, 1.0)], 2.0, RATE, np.random.default_rng(4))
    envelope = np.convolve(np.square(wave), np.ones(480) / 480, "same")
    assert abs(int(envelope.argmax()) / RATE - 1.0) < 0.12


@pytest.mark.parametrize("name", ["impact_wood", "footstep_grass", "door_close", "water_drip"])
def test_stronger_is_louder(name: str) -> None:
    soft, loud = (
        np.abs(api.render_events(name, [(0.1, s)], 1.0, RATE, np.random.default_rng(1))).max()
        for s in (0.2, 1.0)
    )
    assert loud > 6 * soft


def test_a_harder_blow_is_brighter() -> None:
    def centroid(strength: float) -> float:
        params: dict[str, float | str] = {"size_m": 0.2, "striker": "wood"}
        waves = [
            api.render_events(
                "impact_wood", [(0.0, strength)], 0.5, RATE, np.random.default_rng(k), params
            )
            for k in range(8)
        ]
        power = sum(np.square(np.abs(np.fft.rfft(wave))) / np.square(wave).sum() for wave in waves)
        return float((np.fft.rfftfreq(waves[0].size, 1 / RATE) * power).sum() / power.sum())

    assert centroid(1.0) > centroid(0.1)


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_follows_its_intensity(name: str) -> None:
    wave = api.render_texture(
        name, np.array([0.0, 0.0, 1.0, 1.0]), 4.0, RATE, np.random.default_rng(1)
    )
    quiet, loud = np.square(wave[: RATE // 2]).mean(), np.square(wave[-RATE:]).mean()
    assert loud > 3 * quiet
    assert np.abs(wave).max() <= 0.951


def test_a_texture_without_intensity_is_silent() -> None:
    wave = api.render_texture("rain", np.zeros(1), 1.0, RATE, np.random.default_rng(1))
    assert not np.abs(wave).any()


def test_larger_things_sound_lower() -> None:
    def centroid(size_m: float) -> float:
        total, at = 0.0, 0.0
        for seed in range(6):
            rng = np.random.default_rng(seed)
            wave = api.render("impact_metal", {"size_m": size_m}, 1.0, RATE, rng)
            power = np.square(np.abs(np.fft.rfft(wave)))
            total += power.sum()
            at += (np.fft.rfftfreq(wave.size, 1 / RATE) * power).sum()
        return at / total

    assert centroid(0.05) > 1.3 * centroid(0.5)


def test_engine_pulses_come_at_the_firing_rate() -> None:
    params = {"idle_rpm": 900.0, "full_rpm": 3000.0, "cylinders": 4.0, "roughness": 0.1}
    rng = np.random.default_rng(1)
    wave = api.render_texture("engine", np.ones(1), 4.0, RATE, rng, params)
    envelope = np.abs(wave) - np.abs(wave).mean()
    power = np.square(np.abs(np.fft.rfft(envelope)))
    hz = np.fft.rfftfreq(wave.size, 1 / RATE)
    near = power[(hz > 90) & (hz < 110)].max()
    assert near > 4 * power[(hz > 30) & (hz < 85)].max()


def test_parameters_are_documented_and_checked() -> None:
    for name in ALL:
        for key, spec in api.parameters(name).items():
            assert spec["text"], (name, key)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="size_m goes from"):
        api.render("impact_wood", {"size_m": 40.0}, 1.0, RATE, rng)
    with pytest.raises(ValueError, match="has no"):
        api.render("impact_wood", {"colour": "red"}, 1.0, RATE, rng)
    with pytest.raises(KeyError, match="synthesised"):
        api.render("laugh", None, 1.0, RATE, rng)
    with pytest.raises(ValueError, match="render_texture"):
        api.render_events("rain", [(0.0, 1.0)], 1.0, RATE, rng)
    with pytest.raises(ValueError, match="render_events"):
        api.render_texture("impact_wood", np.ones(1), 1.0, RATE, rng)


def test_a_category_keeps_what_makes_it_that_category() -> None:
    assert api.draw_params("footstep_snow", np.random.default_rng(0))["ground"] == "snow"
    assert set(ALL) <= set(CATEGORIES)


def test_ringing_is_the_sum_of_its_modes() -> None:
    hz, decay, gain = np.array([220.0, 1234.5]), np.array([0.2, 0.05]), np.array([1.0, 0.5])
    t = np.arange(1000) / RATE
    expected = sum(
        g * np.exp(-t / d) * np.sin(2 * np.pi * f * t)
        for f, d, g in zip(hz, decay, gain, strict=True)
    )
    assert np.allclose(dsp.ringing(hz, decay, gain, 1000, RATE), expected, atol=1e-4)


@pytest.mark.parametrize("name", sorted(room.ROOMS))
def test_a_room_moves_no_moment(name: str) -> None:
    dry = np.zeros(RATE, dtype=np.float32)
    dry[RATE // 2] = 1.0
    placement = room.Placement(name, 1.0, -np.inf)
    wet = room.place(dry, placement, RATE, np.random.default_rng(1))
    assert not np.abs(wet[: RATE // 2]).max() > 1e-4
    assert int(np.abs(wet).argmax()) == RATE // 2


def test_farther_away_is_more_reverberant() -> None:
    def late_share(distance_m: float) -> float:
        placement = room.Placement("hall", distance_m, -np.inf)
        response = room.response(placement, RATE, np.random.default_rng(1))
        return float(np.square(response[RATE // 20 :]).sum() / np.square(response).sum())

    assert late_share(6.0) > 2 * late_share(0.5)


def test_draws_stay_within_their_ranges() -> None:
    rng = np.random.default_rng(9)
    for name in ALL:
        values = api.draw_params(name, rng)
        for key, spec in api.parameters(name).items():
            if "options" in spec:
                assert values[key] in spec["options"]
            else:
                assert spec["low"] <= float(values[key]) <= spec["high"]
    assert dataclasses.is_dataclass(api.RECIPES["rain"].params)
