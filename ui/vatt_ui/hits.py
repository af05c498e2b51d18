"""Editing a hit lane: pure functions from hits to hits. Times snap to video frames."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

from vatt_plugin.cues import Cue
from vatt_plugin.project_state import Hit

Hits = tuple[Hit, ...]


def snapped(time_s: float, cue: Cue) -> float:
    """The nearest video frame inside the cue, seconds from its first frame."""
    frame = round(Fraction(time_s).limit_denominator(10**6) * cue.fps)
    frame = min(max(frame, 0), max(0, cue.n_frames - 1))
    return float(Fraction(frame) / cue.fps)


def added(hits: Hits, time_s: float, strength: float, cue: Cue) -> Hits:
    """With a hit more; one on the same video frame takes the new strength instead."""
    at = snapped(time_s, cue)
    others = tuple(h for h in hits if abs(h.time_s - at) > float(1 / cue.fps) / 2)
    return in_order((*others, Hit(at, strength)))


def moved(hits: Hits, index: int, time_s: float, strength: float | None, cue: Cue) -> Hits:
    """With one hit elsewhere; ``strength`` None keeps it. Order is kept by time."""
    hit = hits[index]
    new = dataclasses.replace(
        hit, time_s=snapped(time_s, cue), strength=hit.strength if strength is None else strength
    )
    return in_order((*hits[:index], new, *hits[index + 1 :]))


def muted(hits: Hits, index: int) -> Hits:
    """With one hit switched off, or on again."""
    hit = hits[index]
    return (*hits[:index], dataclasses.replace(hit, muted=not hit.muted), *hits[index + 1 :])


def removed(hits: Hits, index: int) -> Hits:
    """Without one hit."""
    return (*hits[:index], *hits[index + 1 :])


def nearest(hits: Hits, time_s: float, within_s: float) -> int:
    """The place of the nearest hit, -1 when none is that near."""
    if not hits:
        return -1
    best = min(range(len(hits)), key=lambda i: abs(hits[i].time_s - time_s))
    return best if abs(hits[best].time_s - time_s) <= within_s else -1


def in_order(hits: Hits) -> Hits:
    """By time."""
    return tuple(sorted(hits, key=lambda h: h.time_s))
