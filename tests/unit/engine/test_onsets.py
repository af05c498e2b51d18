"""Onsets are where something starts to sound, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from vatt_engine.evaluation.onsets import FRAME_RATE, SAMPLE_RATE, FluxMeter, find_onsets
from vatt_engine.evaluation.sync import hit_envelope, lag_s, onset_score, shift_floor

DURATION_S = 10.0
TIMES = np.array([0.31, 0.94, 1.18, 2.05, 2.9, 3.33, 4.4, 4.72, 5.9, 6.6, 7.01, 8.2, 9.1])


def strikes(
    times: np.ndarray,
    sample_rate: int = 48_000,
    hiss: float = 0.003,
    amplitude: float = 0.5,
    decay_s: float = 0.08,
    pitch_hz: float | None = None,
) -> np.ndarray:
    rng = np.random.default_rng(7)
    n = int(DURATION_S * sample_rate)
    wave = hiss * rng.standard_normal(n)
    for time in times:
        start = round(time * sample_rate)
        t = np.arange(n - start) / sample_rate
        body = rng.standard_normal(n - start)
        if pitch_hz is not None:
            body = 1.5 * np.sin(2 * np.pi * pitch_hz * t)
        wave[start:] += amplitude * body * np.exp(-t / decay_s)
    return wave.astype(np.float32)


@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 48_000])
@pytest.mark.parametrize(
    "sound",
    [
        {},
        {"hiss": 0.05},
        {"hiss": 0.0},
        {"pitch_hz": 120.0},
        {"pitch_hz": 300.0, "hiss": 0.02},
        {"decay_s": 0.01},
        {"amplitude": 0.01, "hiss": 1e-5},
    ],
)
def test_every_strike_is_found_within_a_hundredth_of_a_second(
    sound: dict[str, float], sample_rate: int
) -> None:
    found = find_onsets(strikes(TIMES, sample_rate, **sound), sample_rate).times_s
    assert len(found) == len(TIMES)
    assert np.abs(found - TIMES).max() < 0.01


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(480_000),
        np.zeros(0),
        np.zeros(100),
        1e-5 * np.random.default_rng(0).standard_normal(480_000),
        0.1 * np.random.default_rng(0).standard_normal(480_000),
        0.3 * np.sin(np.arange(480_000) * 0.05),
        0.3 * np.sin(np.cumsum(np.linspace(0.01, 0.5, 480_000))),
    ],
    ids=["silence", "nothing", "a blink", "faint hiss", "hiss", "a tone", "a sweep"],
)
def test_what_only_goes_on_has_no_onsets(wave: np.ndarray) -> None:
    onsets = find_onsets(wave.astype(np.float32), 48_000)
    assert len(onsets.times_s) == 0
    assert onset_score(onsets.times_s, TIMES).f1 == 0.0


def test_strikes_closer_than_fifty_milliseconds_count_as_one() -> None:
    found = find_onsets(strikes(np.array([1.0, 1.03, 3.0, 3.2]), decay_s=0.02), 48_000)
    assert len(found.times_s) == 3


def test_louder_strikes_rise_higher() -> None:
    quiet, loud = (strikes(np.array([2.0]), amplitude=a, hiss=0.02) for a in (0.05, 0.5))
    assert find_onsets(loud, 48_000).strengths[0] > 1.5 * find_onsets(quiet, 48_000).strengths[0]


def test_sound_in_pieces_gives_the_same_flux() -> None:
    wave = strikes(TIMES, SAMPLE_RATE)
    whole = FluxMeter(1.0)
    whole.feed(wave)
    pieces = FluxMeter(1.0)
    for start in range(0, len(wave), 777):
        pieces.feed(wave[start : start + 777])
    np.testing.assert_allclose(whole.finish(), pieces.finish(), atol=1e-5)


def scores(shift_s: float = 0.0, times: np.ndarray = TIMES) -> tuple[float, float, float | None]:
    onsets = find_onsets(strikes(times + shift_s), 48_000)
    f1 = onset_score(onsets.times_s, TIMES).f1
    floor = shift_floor(onsets.times_s, TIMES, DURATION_S).f1
    picture = hit_envelope(TIMES, np.ones(len(TIMES)), DURATION_S, FRAME_RATE)
    lag = lag_s(onsets.envelope, picture, FRAME_RATE)
    return f1, floor, None if lag is None else lag[0]


def test_sound_in_time_scores_full_and_without_lag() -> None:
    f1, floor, lag = scores()
    assert f1 == 1.0
    assert floor < 0.4
    assert lag == pytest.approx(0.0, abs=0.006)


def test_sound_that_is_late_scores_nothing_and_its_lag_is_told() -> None:
    f1, floor, lag = scores(shift_s=0.1)
    assert f1 <= floor + 0.1
    assert lag == pytest.approx(0.1, abs=0.006)


def test_sound_that_is_a_little_late_still_fits_and_its_lag_is_told() -> None:
    f1, _, lag = scores(shift_s=-0.03)
    assert f1 == 1.0
    assert lag == pytest.approx(-0.03, abs=0.006)


def test_sound_at_other_times_scores_like_chance() -> None:
    f1, floor, _ = scores(times=np.sort((TIMES * 7919) % 9.5 + 0.2))
    assert f1 < floor + 0.25


def test_silence_scores_nothing_and_has_no_lag() -> None:
    onsets = find_onsets(np.zeros(480_000, np.float32), 48_000)
    picture = hit_envelope(TIMES, np.ones(len(TIMES)), DURATION_S, FRAME_RATE)
    assert onset_score(onsets.times_s, TIMES).f1 == 0
    assert lag_s(onsets.envelope, picture, FRAME_RATE) is None
