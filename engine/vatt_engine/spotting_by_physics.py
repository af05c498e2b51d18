"""Hits by physics alone, until the trained spotter is there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.ndimage import maximum_filter1d, median_filter, uniform_filter1d

from vatt_engine.messages import SyncLane
from vatt_engine.motion import _AT, _CUT, MOTION_FPS, Motion

LANE_HZ = 50.0


def spot(motion: Motion, fps: float = MOTION_FPS) -> SyncLane:
    """The sync lane of a picture: where it hits, and how busy it is.

    Args:
        motion: features [F, N_FEATURES].
        fps: of the features.
    """
    motion = motion.astype(np.float32)
    if len(motion) < 3:
        return SyncLane((), tuple(0.0 for _ in range(round(len(motion) / fps * LANE_HZ))), LANE_HZ)
    return SyncLane(tuple(_hits(motion, fps)), _intensity(motion, fps), LANE_HZ)


def _hits(motion: Motion, fps: float) -> Iterator[tuple[float, float]]:
    """Moments when motion breaks off, and how hard.

    Things fall, feet are put down and hammers come down: what stops on its way down counts most.
    The stop is measured against how much moves around that time, so that quiet pictures have hits
    too and busy ones not only hits.
    """
    names = ("right", "left", "down", "up")
    flow = motion[:, [_AT[name] for name in names]].astype(np.float64)
    lost = np.zeros(len(flow))
    lost[:-1] = np.maximum(flow[:-1] - flow[1:], 0) @ _STOP_WEIGHTS
    around = uniform_filter1d(flow.sum(axis=1), int(0.36 * fps) | 1, mode="nearest")
    flash = maximum_filter1d(np.abs(motion[:, _AT["flash"]]), 3)
    stop = lost / (around + 0.1 * motion[:, _AT["camera"]] + 0.4 * flash + _CALM)
    stop[maximum_filter1d(motion[:, _AT["cut"]], 3) > _CUT] = 0
    width = int(0.84 * fps) | 1
    unusual = np.maximum(stop - 1.5 * median_filter(stop, width, mode="nearest"), 0)
    highest = maximum_filter1d(unusual, 5)
    for i in np.flatnonzero((unusual == highest) & (unusual > _STOP)):
        low, here, high = (unusual[j] if 0 <= j < len(unusual) else 0.0 for j in (i - 1, i, i + 1))
        # Row i tells of the time between images i - 1 and i, and motion stopped at its end.
        place = i - 0.17 + 0.5 * (high - low) / (low + here + high)
        yield max(0.0, float(place / fps)), float(min(1.0, here / (2 * _STOP) + 0.2))


_STOP_WEIGHTS = np.array([0.4, 0.4, 1.5, 0.1])  # right, left, down, up
_STOP = 0.26  # share of the motion around that must break off at once
_CALM = 0.01  # flow that compression noise makes of a still picture


def _intensity(motion: Motion, fps: float) -> tuple[float, ...]:
    speed = motion[:, _AT["speed"]] + 0.02 * motion[:, _AT["energy"]]
    smooth = uniform_filter1d(speed.astype(np.float64), 3)
    level = smooth / (smooth + max(0.02, float(np.quantile(smooth, 0.9)) / 2))
    n = round(len(motion) / fps * LANE_HZ)
    times = (np.arange(n) + 0.5) / LANE_HZ
    track = np.interp(times, (np.arange(len(motion)) + 0.5) / fps, level)
    return tuple(round(float(v), 4) for v in track)
