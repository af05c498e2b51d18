"""Sounds spotted by hand over a re-cut: each stays at its moment, and silence stays silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.intervals import Intervals
from vatt_plugin.timeline.laid import Laid
from vatt_plugin.timeline.matching import (
    PictureKey,
    Piece,
    Stretch,
    free_of,
    later_by,
    media_heard,
    origin_of,
    picture_key,
    piece_of,
)


@dataclass(frozen=True)
class Donor:
    """A shot of the old cut, and what was spotted over it."""

    cue: Cue
    takes: tuple[Laid, ...]


def donors_of(takes: Iterable[Laid]) -> dict[PictureKey, Intervals[Donor]]:
    """Shots with spotted sounds, by what they show."""
    shots: dict[str, list[Laid]] = defaultdict(list)
    for laid in takes:
        shots[laid.cue.cue_id].append(laid)
    grouped: dict[PictureKey, list[tuple[Fraction, Fraction, Donor]]] = defaultdict(list)
    for group in shots.values():
        cue = group[0].cue
        shown = media_heard(cue, Fraction(0), cue.duration_s)
        grouped[picture_key(cue)].append((*shown, Donor(cue, tuple(group))))
    return {key: Intervals(items) for key, items in grouped.items()}


def spotted_pieces(cue: Cue, donors: Iterable[Donor]) -> tuple[list[Piece], list[Stretch]]:
    """The spotted sounds of a cue; they may overlap each other.

    Returns:
        The pieces, and the stretches of the cue that had been spotted, silence included.
    """
    pieces: list[Piece] = []
    settled: list[Stretch] = []
    ranked = ((_shown(cue, donor.cue), donor) for donor in donors)
    likeliest = sorted(
        ((shown, donor) for shown, donor in ranked if shown is not None),
        key=lambda pair: _likeness(cue, pair[0], pair[1].cue),
        reverse=True,
    )
    for shown, donor in likeliest:
        for free in free_of(settled, cue.n_frames):
            stretch = max(shown[0], free[0]), min(shown[1], free[1])
            if stretch[1] <= stretch[0]:
                continue
            settled.append(stretch)
            heard = (_as_laid(cue, laid) for laid in donor.takes)
            parts = (piece.within(stretch, cue.n_frames) for piece in heard if piece is not None)
            pieces += [part for part in parts if part is not None]
    return pieces, settled


def _shown(cue: Cue, old: Cue) -> Stretch | None:
    """The frames of a cue that show what ``old`` showed."""
    later_s = later_by(cue, old)
    if later_s is None:
        return None
    first = rates.nearest_frame(-later_s * cue.fps)
    last = rates.nearest_frame((old.duration_s - later_s) * cue.fps)
    return max(0, first), min(cue.n_frames, last)


def _as_laid(cue: Cue, laid: Laid) -> Piece | None:
    """A take at its moment in a new cue, as much of it as was heard in the old one."""
    piece, later_s = piece_of(cue, laid), later_by(cue, laid.cue)
    if piece is None or later_s is None:
        return None
    first, last = (
        rates.nearest_frame(((at - laid.cue.start_frame) / laid.cue.fps - later_s) * cue.fps)
        for at in (laid.first, laid.last)
    )
    return piece.within((first, last), cue.n_frames)


def _likeness(cue: Cue, shown: Stretch, old: Cue) -> tuple[object, ...]:
    return (
        shown[1] - shown[0],
        cue.origin.get("url") == old.origin.get("url"),
        origin_of(cue, "media_s", "0") == origin_of(old, "media_s", "0"),
        cue.clip == old.clip,
        cue.cue_id == old.cue_id,
        cue.track == old.track,
        -abs(cue.start_s - old.start_s),
    )
