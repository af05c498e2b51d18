"""Loudness against the standard and against pyloudnorm; true peak; the level rule."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vatt_plugin import levels
from vatt_plugin.levels import Block, Measurement, choose_gain_db, measure


def tone(hz: float, db: float, duration_s: float, channels: int = 1, phase: float = 0.0) -> Block:
    t = np.arange(round(duration_s * levels.SAMPLE_RATE)) / levels.SAMPLE_RATE
    wave = 10 ** (db / 20) * np.sin(2 * np.pi * hz * t + phase)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def test_the_reference_tone_of_the_standard() -> None:
    """BS.1770: a 997 Hz tone at 0 dBFS in one front channel measures -3.01 LKFS."""
    assert measure([tone(997, 0, 20)], 1).lufs == pytest.approx(-3.01, abs=0.01)
    stereo = measure([tone(997, -23, 20, channels=2)], 2).lufs
    assert stereo == pytest.approx(-23.0, abs=0.05)


@pytest.mark.parametrize("channels", [1, 2])
def test_it_agrees_with_pyloudnorm_gates_included(channels: int) -> None:
    rng = np.random.default_rng(1)
    sound = (rng.standard_normal((5 * 48_000 + 123, channels)) * 0.05).astype(np.float32)
    sound[48_000:120_000] *= 0.003  # a pause that the gates must leave out
    ours = measure([sound], channels).lufs
    theirs = pyloudnorm.Meter(48_000).integrated_loudness(sound.astype(np.float64))
    assert ours == pytest.approx(theirs, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60_000), min_size=1, max_size=6), st.integers(0, 3))
def test_how_the_sound_is_cut_into_blocks_does_not_matter(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sound = (rng.standard_normal((sum(sizes), 1)) * 0.1).astype(np.float32)
    blocks = np.split(sound, np.cumsum(sizes)[:-1])
    whole, cut = measure([sound], 1), measure(blocks, 1)
    assert cut.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp, abs=1e-6)
    assert (cut.lufs is None) == (whole.lufs is None)
    if cut.lufs is not None:
        assert cut.lufs == pytest.approx(whole.lufs, abs=1e-6)


def test_the_peak_between_samples_is_found() -> None:
    """A tone at a quarter of the rate whose samples all miss its crest by 3 dB."""
    fade = np.hanning(4800)[:2400, None].astype(np.float32)
    sound = tone(12_000, -6, 1.0, phase=np.pi / 4)
    sound[:2400] *= fade
    sound[-2400:] *= fade[::-1]
    measured = measure([sound], 1)
    assert 20 * np.log10(np.abs(sound).max()) == pytest.approx(-9.03, abs=0.02)
    assert measured.true_peak_dbtp == pytest.approx(-6.0, abs=0.15)


def test_silence_and_short_sounds_are_no_problem() -> None:
    silence = measure([np.zeros((48_000, 1), np.float32)], 1)
    assert (silence.lufs, silence.gauge_lufs, silence.true_peak_dbtp) == (None, None, None)
    assert choose_gain_db(silence) == 0.0
    click = measure([tone(997, -6, 0.1)], 1)
    assert click.lufs is None
    assert click.gauge_lufs == pytest.approx(-6 - 3 - 6, abs=0.3)  # a quarter of the block
    assert measure([np.zeros((0, 1), np.float32)], 1).lufs is None


def test_samples_that_are_no_numbers_are_noticed() -> None:
    sound = tone(997, -6, 1.0)
    sound[100] = np.nan
    assert not measure([sound], 1).finite
    sound[100] = np.inf
    assert not measure([sound], 1).finite


def take(lufs: float | None, peak: float | None) -> Measurement:
    return Measurement(48_000, lufs, lufs, peak, finite=True)


@pytest.mark.parametrize(
    ("lufs", "peak", "gain"),
    [
        (-20.0, -6.0, -7.0),  # brought down to the target
        (-35.0, -20.0, 8.0),  # brought up
        (-35.0, -4.0, 3.0),  # but not through the ceiling
        (-55.0, -40.0, 15.0),  # nor further than the longest lift
        (-65.0, -50.0, 0.0),  # a noise floor stays where it is
        (-20.0, 3.0, -7.0),
        (-65.0, 2.0, -3.0),
        (None, None, 0.0),
    ],
)
def test_the_level_rule(lufs: float | None, peak: float | None, gain: float) -> None:
    assert choose_gain_db(take(lufs, peak)) == pytest.approx(gain, abs=0.011)


def test_a_given_gain_is_kept_as_far_as_the_ceiling_allows() -> None:
    assert choose_gain_db(take(-30.0, -20.0), wanted_db=-2.5) == pytest.approx(-2.5, abs=0.011)
    assert choose_gain_db(take(-30.0, -2.0), wanted_db=6.0) == pytest.approx(1.0, abs=0.011)
