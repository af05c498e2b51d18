"""Sync lanes between their two forms: hits with times, and tracks at the code-frame rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest
from vatt_engine.messages import SyncLane

LANE_WIDTH = 2
"""A code frame's lane: ``hit`` and ``intensity``."""


def rasterise(lane: SyncLane, n_frames: int, frame_rate: float) -> NDArray[np.float32]:
    """What the audio model hears of a lane.

    A hit is one value in the frame that holds its moment, as strong as the strongest hit there;
    its place within that frame is finer than anyone hears.

    Args:
        lane: hits in seconds, intensity at its own rate.
        n_frames: T.
        frame_rate: code frames a second.

    Returns:
        [T, 2]: hit and intensity, both 0..1.

    Raises:
        BadRequest: times or strengths that are not finite, or a rate that is not positive.
    """
    track = np.zeros((n_frames, LANE_WIDTH), np.float32)
    hits = np.array(lane.hits, dtype=np.float64).reshape(-1, 2)
    intensity = np.array(lane.intensity, dtype=np.float64)
    if not (np.isfinite(hits).all() and np.isfinite(intensity).all() and lane.rate_hz > 0):
        raise BadRequest("A sync lane must hold finite numbers and a positive rate.")
    places = np.floor(hits[:, 0] * frame_rate + 1e-6).astype(np.int64)
    inside = (places >= 0) & (places < n_frames)
    np.maximum.at(track[:, 0], places[inside], np.clip(hits[inside, 1], 0, 1))
    if len(intensity):
        middle = (np.arange(n_frames) + 0.5) / frame_rate
        own = (np.arange(len(intensity)) + 0.5) / lane.rate_hz
        track[:, 1] = np.interp(middle, own, np.clip(intensity, 0, 1))
        track[middle > own[-1] + 0.5 / lane.rate_hz, 1] = 0
    return track
