"""Figures of takes whose content is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vatt_engine.errors import Cancelled
from vatt_engine.media.audio import write_wav
from vatt_engine.messages import SyncLane
from vatt_engine.take_figures import LOWEST_DB, TakeFigures, measure_take

RATE = 48_000
HITS = SyncLane(((0.5, 1.0), (1.6, 0.8), (2.3, 1.0), (4.1, 0.6)))


def quiet() -> None:
    pass


def strikes(times: list[float], seconds: float = 6.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    wave = np.zeros(round(seconds * RATE))
    for time in times:
        start = round(time * RATE)
        t = np.arange(len(wave) - start) / RATE
        wave[start:] += 0.3 * rng.standard_normal(len(t)) * np.exp(-t / 0.05)
    return wave.astype(np.float32)


def measure(
    tmp_path: Path, wave: np.ndarray, lane: SyncLane = HITS, handle_s: float = 0.0
) -> TakeFigures:
    write_wav(tmp_path / "t.wav", wave, RATE)
    return measure_take(tmp_path / "t.wav", lane, quiet, handle_s)


def test_a_take_in_time_scores_full(tmp_path: Path) -> None:
    figures = measure(tmp_path, strikes([t for t, _ in HITS.hits]))
    assert figures.sync == 1.0
    assert figures.lag_s == pytest.approx(0.0, abs=0.008)
    assert figures.numbers["n_onsets"] == figures.numbers["n_hits"] == 4
    assert figures.numbers["sync_floor"] < 0.3


def test_a_late_take_scores_nothing_and_says_how_late(tmp_path: Path) -> None:
    figures = measure(tmp_path, strikes([t + 0.12 for t, _ in HITS.hits]))
    assert figures.sync == 0.0
    assert figures.lag_s == pytest.approx(0.12, abs=0.008)


def test_silence_scores_nothing(tmp_path: Path) -> None:
    figures = measure(tmp_path, np.zeros(6 * RATE, np.float32))
    assert figures.sync == 0.0
    assert figures.lag_s is None
    assert figures.numbers["silence"] == 1.0
    assert figures.numbers["peak_db"] == figures.numbers["rms_db"] == LOWEST_DB


def test_without_hits_there_is_no_score(tmp_path: Path) -> None:
    figures = measure(tmp_path, strikes([1.0]), SyncLane())
    assert figures.sync is None
    assert "n_hits" not in figures.numbers


def test_silence_is_where_nothing_sounds_for_a_while(tmp_path: Path) -> None:
    wave = np.sin(np.arange(8 * RATE) * 0.05).astype(np.float32)
    assert measure(tmp_path, wave).numbers["silence"] == 0.0
    wave[2 * RATE : 4 * RATE] = 0
    assert measure(tmp_path, wave).numbers["silence"] == pytest.approx(0.25, abs=0.01)


def test_only_what_is_seen_between_the_handles_counts(tmp_path: Path) -> None:
    """In the handles: a hit with its sound, sounds nobody asked for, and clipping."""
    wave = strikes([0.5, 0.9, 1.6, 2.3, 4.1, 5.5])
    wave[:4800] = 1.5
    figures = measure(tmp_path, wave, handle_s=1.0)
    assert figures.sync == 1.0
    assert figures.lag_s == pytest.approx(0.0, abs=0.008)
    assert figures.numbers["n_onsets"] == figures.numbers["n_hits"] == 3
    assert figures.numbers["clipped"] == 0.0
    shot = measure(tmp_path, wave[RATE:-RATE])
    for name in ("peak_db", "rms_db", "silence"):
        assert figures.numbers[name] == pytest.approx(shot.numbers[name], abs=0.01)


def test_what_rings_on_from_a_handle_does_not_start_in_the_shot(tmp_path: Path) -> None:
    wave = strikes([0.97])
    assert measure(tmp_path, wave, SyncLane(), 1.0).numbers["n_onsets"] == 0
    assert measure(tmp_path, wave[RATE:], SyncLane()).numbers["n_onsets"] == 1


def test_a_shot_without_hits_has_no_score_though_a_handle_has_one(tmp_path: Path) -> None:
    figures = measure(tmp_path, strikes([0.5]), SyncLane(((0.5, 1.0),)), 1.0)
    assert figures.sync is None
    assert figures.numbers["silence"] > 0.9


@pytest.mark.parametrize("handle_s", [3.0, 1e9, float("inf"), float("nan"), -1.0])
def test_handles_that_leave_nothing_are_measured_too(tmp_path: Path, handle_s: float) -> None:
    wave = strikes([t for t, _ in HITS.hits])
    assert measure(tmp_path, wave, handle_s=handle_s) == measure(tmp_path, wave)


def test_clipping_is_counted(tmp_path: Path) -> None:
    wave = np.full(RATE, 0.5, np.float32)
    wave[:480] = -1.5
    assert measure(tmp_path, wave).numbers["clipped"] == 0.01


def test_the_shortest_take_can_be_measured(tmp_path: Path) -> None:
    assert measure(tmp_path, np.zeros(1, np.float32)).numbers["silence"] == 1.0


def test_measuring_can_be_stopped(tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled("stop")

    write_wav(tmp_path / "t.wav", strikes([1.0]), RATE)
    with pytest.raises(Cancelled):
        measure_take(tmp_path / "t.wav", HITS, stop)
