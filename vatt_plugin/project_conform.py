"""Carrying what is remembered of cues over to a re-cut: who is who, and what shifts inside.

A cue of the new cut is the heir of an old one when both show an overlapping stretch of the same
media at the same speed. Its takes then still fit where the pictures overlap: hits, in..out and
sound are shifted by as much as the head was trimmed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vatt_plugin.cues import Cue
from vatt_plugin.project_state import CueState, Hit

MIN_OVERLAP = 0.3  # of the shorter of the two


@dataclass(frozen=True)
class CueFacts:
    """What finds a cue again: its clip's name, its media's name, where in it, how fast."""

    clip: str
    media: str
    media_start_s: float
    media_duration_s: float
    time_scalar: float

    @staticmethod
    def of(cue: Cue) -> CueFacts:
        """The facts of a cue; a cue of several pieces goes by its first."""
        media = cue.media.replace("\\", "/").rsplit("/", 1)[-1]
        start, scalar = _seconds(cue.origin.get("media_s")), 1.0
        if cue.picture:
            first = cue.picture[0]
            media = first.media.replace("\\", "/").rsplit("/", 1)[-1] or media
            start, scalar = first.start_s, first.time_scalar
        length = float(cue.duration_s) * abs(scalar)
        return CueFacts(cue.clip[:200], media, start, length, scalar)

    def to_plain(self) -> list[Any]:
        """For the project's files."""
        return list(dataclasses.astuple(self))

    def overlap_s(self, other: CueFacts) -> float:
        """How much of the media both show; 0 for other media or another speed."""
        same = self.media == other.media if self.media else self.clip == other.clip
        if not same or abs(self.time_scalar - other.time_scalar) > 1e-6:
            return 0.0
        start = max(self.media_start_s, other.media_start_s)
        end = min(
            self.media_start_s + self.media_duration_s,
            other.media_start_s + other.media_duration_s,
        )
        return max(0.0, end - start)


def heirs(old: Mapping[str, CueFacts], new: Sequence[Cue]) -> dict[str, str]:
    """Old cue id -> new cue id, one to one; best overlap first, then order on the timeline.

    Args:
        old: the cues to place, none of whose ids is in the new cut.
        new: the cues that are free to inherit.
    """
    facts = {cue.cue_id: CueFacts.of(cue) for cue in new}
    order = {cue.cue_id: i for i, cue in enumerate(new)}
    by_media: dict[str, list[str]] = {}
    for cue_id, fact in facts.items():
        by_media.setdefault(fact.media or fact.clip, []).append(cue_id)
    pairs = []
    for rank, (old_id, fact) in enumerate(old.items()):
        for new_id in by_media.get(fact.media or fact.clip, ()):
            overlap = fact.overlap_s(facts[new_id])
            shorter = min(fact.media_duration_s, facts[new_id].media_duration_s)
            if overlap > 0 and overlap >= MIN_OVERLAP * shorter:
                same_name = fact.clip == facts[new_id].clip
                pairs.append((-overlap, not same_name, rank, order[new_id], old_id, new_id))
    found: dict[str, str] = {}
    taken: set[str] = set()
    for *_, old_id, new_id in sorted(pairs):
        if old_id not in found and new_id not in taken:
            found[old_id] = new_id
            taken.add(new_id)
    return found


def inherited(state: CueState, old: CueFacts, cue: Cue) -> CueState:
    """The state of a cue as its heir has it: everything inside shifted by the trim of the head."""
    new = CueFacts.of(cue)
    speed = abs(new.time_scalar) or 1.0
    shift_s = (old.media_start_s - new.media_start_s) / speed
    if new.time_scalar < 0:
        shift_s = -shift_s
    length = float(cue.duration_s)
    hits = None if state.hits is None else _shifted_hits(state.hits, shift_s, length)
    spotted = _shifted_hits(state.spotted, shift_s, length)
    span = None
    if state.span is not None:
        start, end = (min(max(t + shift_s, 0.0), length) for t in state.span)
        span = (start, end) if end - start > 1e-3 else None
    intensity = _shifted_curve(state.intensity, shift_s, length, state.rate_hz)
    return dataclasses.replace(
        state,
        hits=hits,
        spotted=spotted,
        span=span,
        intensity=intensity,
        nudge_s=state.nudge_s + shift_s,
        media_notes=(),  # of another part of the media
    )


def _seconds(value: Any) -> float:
    """A time as the reader noted it: a number, or the text of a fraction."""
    try:
        return float(Fraction(str(value or 0)))
    except (ValueError, ZeroDivisionError):
        return 0.0


def _shifted_hits(hits: Iterable[Hit], shift_s: float, length_s: float) -> tuple[Hit, ...]:
    moved = (dataclasses.replace(h, time_s=h.time_s + shift_s) for h in hits)
    return tuple(h for h in moved if -1e-6 <= h.time_s < length_s)


def _shifted_curve(
    values: tuple[float, ...], shift_s: float, length_s: float, rate_hz: float
) -> tuple[float, ...]:
    if not values:
        return ()
    steps, wanted = round(shift_s * rate_hz), round(length_s * rate_hz)
    return tuple(values[i - steps] if 0 <= i - steps < len(values) else 0.0 for i in range(wanted))
