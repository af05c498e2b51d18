"""Which sound fits which picture: the stretch of media that a take sounds for, and how well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.laid import Laid

Stretch = tuple[int, int]
"""First frame and the one after the last, from a cue's start."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a cue of the new cut that a take covers, in frames from the cue's start."""

    laid: Laid
    first: int
    last: int
    in_frame: int
    tail: int = 0

    @property
    def stretch(self) -> Stretch:
        """Where it lies."""
        return self.first, self.last

    def within(self, stretch: Stretch, n_frames: int) -> Piece | None:
        """The part of it inside a stretch of a cue of ``n_frames``; a tail rings past its end."""
        first, last = max(self.first, stretch[0]), min(self.last, stretch[1])
        if last <= first:
            return None
        tail = self.tail if last == n_frames else 0
        return Piece(self.laid, first, last, self.in_frame + first - self.first, tail)


def media_heard(cue: Cue, offset_s: Fraction, length_s: Fraction) -> tuple[Fraction, Fraction]:
    """The stretch of media that passes from ``offset_s`` after a cue's start, ascending.

    A frozen frame is a moment; it gets a breadth, so that it can be found.
    """
    media, speed = origin_of(cue, "media_s", "0"), origin_of(cue, "speed", "1")
    ends = media + offset_s * speed, media + (offset_s + length_s) * speed
    return (min(ends), max(ends)) if speed else (media, media + 1 / cue.fps)


PictureKey = tuple[str, Fraction]
"""Media and speed: what sounds may be exchanged between."""


def picture_key(cue: Cue) -> PictureKey:
    """What two cues must have in common for the sounds of one to fit the other."""
    return media_key(cue), origin_of(cue, "speed", "1")


def media_key(cue: Cue) -> str:
    """The media's file name: folders change between the picture and the sound department."""
    url = str(cue.origin.get("url", ""))
    return PurePosixPath(url.replace("\\", "/")).name or cue.clip


def later_by(cue: Cue, old: Cue) -> Fraction | None:
    """How many seconds into ``old`` a cue begins; None where they show other moments."""
    speed = origin_of(cue, "speed", "1")
    if speed != origin_of(old, "speed", "1"):
        return None
    media, old_media = origin_of(cue, "media_s", "0"), origin_of(old, "media_s", "0")
    if speed:
        return (media - old_media) / speed
    return Fraction(0) if media == old_media else None


def piece_of(cue: Cue, laid: Laid) -> Piece | None:
    """The part of a cue that a take has sound for; None if it sounds for other moments."""
    old = laid.cue
    later_s = later_by(cue, old)
    if later_s is None:
        return None
    in_frame = rates.nearest_frame((later_s - laid.offset_s) * cue.fps)
    held = laid.length_s * cue.fps
    file_frames = held.numerator // held.denominator
    first, last = max(0, -in_frame), min(cue.n_frames, file_frames - in_frame)
    if last <= first:
        return None
    same_end = later_s + cue.duration_s == old.duration_s
    tail = rates.nearest_frame(laid.tail_s * cue.fps) if same_end and last == cue.n_frames else 0
    return Piece(laid, first, last, in_frame + first, min(tail, file_frames - in_frame - last))


def origin_of(cue: Cue, key: str, default: str) -> Fraction:
    """A number that the reader noted of a cue; ``default`` where there is none."""
    try:
        return Fraction(str(cue.origin.get(key, default)))
    except (ValueError, ZeroDivisionError):
        return Fraction(default)


def likeness(cue: Cue, piece: Piece, used: set[int]) -> tuple[Any, ...]:
    """How well a take fits a cue; the greatest wins.

    A take of the very same stretch comes before one that covers it by chance, one not laid yet
    before one that is, and of equals the one that moves least.
    """
    old = piece.laid.cue
    same_range = (
        origin_of(cue, "media_s", "0") == origin_of(old, "media_s", "0")
        and cue.duration_s == old.duration_s
    )
    return (
        piece.last - piece.first,
        cue.origin.get("url") == old.origin.get("url"),
        same_range,
        cue.clip == old.clip,
        cue.cue_id == old.cue_id,
        id(piece.laid) not in used,
        cue.track == old.track,
        -abs(cue.start_s - old.start_s),
    )


def free_of(taken: Iterable[Stretch], n_frames: int) -> list[Stretch]:
    """What is left of a cue of ``n_frames``, ascending."""
    free: list[Stretch] = []
    at = 0
    for first, last in sorted(taken):
        if first > at:
            free.append((at, first))
        at = max(at, last)
    if at < n_frames:
        free.append((at, n_frames))
    return free
