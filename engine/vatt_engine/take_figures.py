"""What can be measured of a finished take: level, silence, onsets, and how it fits the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from vatt_engine.evaluation.onsets import (
    FRAME_RATE,
    SAMPLE_RATE,
    FluxMeter,
    Onsets,
    pick_onsets,
)
from vatt_engine.evaluation.sync import hit_envelope, lag_s, onset_score, shift_floor
from vatt_engine.media.audio import resample_stream
from vatt_engine.messages import SyncLane

Wave = NDArray[np.float32]

LOWEST_DB = -120.0
"""What a level of digital silence is given as; JSON knows no infinity."""

_SILENCE = 10 ** (-60 / 20)  # of full scale
_SILENCE_S = 0.05  # shortest silence that counts
_READ_S = 5
_LAG_WITHIN_S = 60  # the lag is measured on the first minute; correlating an hour would take long
_LAG_CORRELATION = 0.15  # below this the lag is a guess


@dataclass(frozen=True)
class TakeFigures:
    """Measurements of a take.

    Attributes:
        sync: F1 of its onsets against the picture's hits; None when the picture has none.
        lag_s: how much later it comes than the picture; None when that cannot be told.
        numbers: ``peak_db``, ``rms_db`` (dB of full scale), ``silence`` and ``clipped`` (shares of
            the length), ``n_onsets``, and with hits ``n_hits``, ``precision``, ``recall``,
            ``sync_floor``.
    """

    sync: float | None
    lag_s: float | None
    numbers: Mapping[str, float]


def between_handles(n_samples: int, sample_rate: int, handle_s: float) -> tuple[int, int]:
    """First sample of what a take is seen with, and the one past its last.

    The whole take where its handles would leave nothing.
    """
    if not 0 < handle_s < n_samples / sample_rate / 2:
        return 0, n_samples
    first = round(handle_s * sample_rate)
    return (first, n_samples - first) if 2 * first < n_samples else (0, n_samples)


def measure_take(
    wav_path: Path, lane: SyncLane, check: Callable[[], None], handle_s: float = 0.0
) -> TakeFigures:
    """Measure what is seen of a mono WAV, in flat memory.

    Args:
        wav_path: of the take.
        lane: the moments it should fit, in seconds from its first sample.
        check: called for each block; raises to stop.
        handle_s: seconds at either end that lie outside of the shot, and are not measured.
    """
    info = soundfile.info(wav_path)
    first, end = between_handles(info.frames, info.samplerate, handle_s)
    peak, power, n_clipped, n_silent = 0.0, 0.0, 0, 0
    for wave in _blocks(wav_path, check, first, end):
        magnitude = np.abs(wave)
        peak = max(peak, float(magnitude.max(initial=0)))
        power += float(np.square(wave, dtype=np.float64).sum())
        n_clipped += int((magnitude > 1).sum())
        n_silent += _n_silent(magnitude, round(_SILENCE_S * info.samplerate))
    n = max(1, end - first)
    meter = FluxMeter(peak)
    # All of it: what rings on from a handle would start at the cut if the sound began there.
    whole = _blocks(wav_path, check, 0, info.frames)
    for wave in resample_stream(whole, info.samplerate, SAMPLE_RATE):
        meter.feed(wave)
    onsets = pick_onsets(meter.finish())
    if n < info.frames:
        onsets, lane = _seen(onsets, lane, first / info.samplerate, end / info.samplerate)
    numbers = {
        "peak_db": _decibels(peak),
        "rms_db": _decibels((power / n) ** 0.5),
        "silence": round(n_silent / n, 4),
        "clipped": round(n_clipped / n, 6),
        "n_onsets": float(len(onsets.times_s)),
    }
    if not lane.hits:
        return TakeFigures(None, None, numbers)
    hits = np.array([t for t, _ in lane.hits], float)
    score = onset_score(onsets.times_s.astype(float), hits)
    floor = shift_floor(onsets.times_s.astype(float), hits, n / info.samplerate)
    numbers |= {
        "n_hits": float(len(hits)),
        "precision": round(score.precision, 4),
        "recall": round(score.recall, 4),
        "sync_floor": round(floor.f1, 4),
    }
    return TakeFigures(round(score.f1, 4), _lag(onsets, lane), numbers)


def _seen(onsets: Onsets, lane: SyncLane, begin_s: float, end_s: float) -> tuple[Onsets, SyncLane]:
    """What is heard and what should be, from ``begin_s`` to ``end_s``, counted from the former."""
    # Both begin at a value of the envelope, so that no lag comes of the rounding.
    low, high = round(begin_s * FRAME_RATE), round(end_s * FRAME_RATE)
    begin_s = low / FRAME_RATE
    inside = (onsets.times_s >= begin_s) & (onsets.times_s < end_s)
    heard = Onsets(
        onsets.times_s[inside] - np.float32(begin_s),
        onsets.strengths[inside],
        onsets.envelope[low:high],
    )
    hits = tuple((t - begin_s, strength) for t, strength in lane.hits if begin_s <= t < end_s)
    return heard, replace(lane, hits=hits)


def _lag(onsets: Onsets, lane: SyncLane) -> float | None:
    sound = onsets.envelope[: int(_LAG_WITHIN_S * FRAME_RATE)].astype(float)
    duration_s = len(sound) / FRAME_RATE
    near = [(t, s) for t, s in lane.hits if t < duration_s]
    if not near:
        return None
    times, strengths = np.array(near, float).T
    found = lag_s(sound, hit_envelope(times, strengths, duration_s, FRAME_RATE), FRAME_RATE)
    if found is None or found[1] < _LAG_CORRELATION:
        return None
    return round(float(found[0]), 4)


def _n_silent(magnitude: Wave, length: int) -> int:
    """Samples in stretches of ``length`` without any sound; a wave's zero crossings are none."""
    starts = np.arange(0, len(magnitude), length)
    loudest = np.maximum.reduceat(magnitude, starts)
    lengths = np.diff(np.append(starts, len(magnitude)))
    return int(lengths[loudest < _SILENCE].sum())


def _blocks(wav_path: Path, check: Callable[[], None], first: int, end: int) -> Iterator[Wave]:
    with soundfile.SoundFile(wav_path) as file:
        n = _READ_S * round(_SILENCE_S * file.samplerate) * 20
        file.seek(first)
        while True:
            check()
            wave = file.read(min(n, end - file.tell()), dtype="float32")
            if not len(wave):
                return
            yield wave


def _decibels(amplitude: float) -> float:
    return round(max(LOWEST_DB, 20 * math.log10(max(amplitude, 1e-9))), 2)
