"""The true sync lane of a film: what a spotter should find, and what an audio model is shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.plan import LANE_HZ, Hit, Scene

MERGE_S = 0.05
"""Contacts closer than this are heard, and counted, as one."""


def audible_hits(scene: Scene, visible_only: bool = True, weakest: float = 0.1) -> tuple[Hit, ...]:
    """The contacts a listener tells apart: close ones merged, faint ones left out.

    Args:
        scene: the plan.
        visible_only: leave out what the picture does not show.
        weakest: smallest strength that counts.
    """
    kept: list[Hit] = []
    for hit in scene.hits:
        if hit.strength < weakest or (visible_only and not hit.visible):
            continue
        if kept and hit.time_s - kept[-1].time_s < MERGE_S:
            if hit.strength > kept[-1].strength:
                kept[-1] = hit
            continue
        kept.append(hit)
    return tuple(kept)


def true_lane(scene: Scene, visible_only: bool = True) -> NDArray[np.float32]:
    """[T, 2] at ``LANE_HZ``: ``hit`` (strength in the bin of each contact) and ``intensity``."""
    n = round(scene.duration_s * LANE_HZ)
    lane = np.zeros((n, 2), np.float32)
    for hit in audible_hits(scene, visible_only, weakest=0.0):
        k = min(int(hit.time_s * LANE_HZ), n - 1)
        lane[k, 0] = max(lane[k, 0], hit.strength)
    for source in scene.sources:
        if source.visible or not visible_only:
            m = min(n, len(source.intensity))
            lane[:m, 1] = np.maximum(lane[:m, 1], source.intensity[:m])
    return lane
