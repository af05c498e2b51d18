"""Cues and tracks as JSON and back; exact times cross as ``"numerator/denominator"``."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from vatt_engine.messages import ImageSequence, PictureSegment
from vatt_plugin.cues import Cue


@dataclass(frozen=True)
class StripItem:
    """A clip of a track as the timeline strip draws it; seconds from the first frame."""

    name: str
    kind: str
    start_s: float
    duration_s: float
    enabled: bool = True


@dataclass(frozen=True)
class StripTrack:
    """A track of the cut; ``kind`` is ``Video`` or ``Audio``."""

    name: str
    kind: str
    items: tuple[StripItem, ...]
    ours: bool = False


@dataclass(frozen=True)
class Cut:
    """What the panel knows of an opened timeline.

    Attributes:
        sha256: of the file's bytes when it was read, to notice changes.
        notes: (where, message) pairs worth telling.
        facts: per cue id what finds it again in a re-cut, as the project keeps it.
        places: per cue id its first and last second, as ``place_of`` gives them.
    """

    path: str
    name: str
    fps: Fraction
    drop: bool
    global_start_s: Fraction
    duration_s: Fraction
    cues: tuple[Cue, ...]
    tracks: tuple[StripTrack, ...]
    notes: tuple[tuple[str, str], ...] = ()
    sha256: str = ""
    facts: Mapping[str, list[Any]] = field(default_factory=dict)
    places: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def cue(self, cue_id: str) -> Cue | None:
        """The cue of an id."""
        return next((c for c in self.cues if c.cue_id == cue_id), None)


def place_of(cue: Cue) -> tuple[float, float]:
    """Where a cue lies: first and last second from the timeline's first frame."""
    start = float(cue.start_s)
    return start, start + float(cue.duration_s)


_EXACT = ("fps", "record_frame")


def cue_to_plain(cue: Cue) -> dict[str, Any]:
    """A cue as JSON."""
    plain: dict[str, Any] = {
        name: value
        for name, value in cue._asdict().items()
        if name not in (*_EXACT, "picture", "origin")
    }
    plain.update({name: str(getattr(cue, name)) for name in _EXACT})
    plain["picture"] = [dataclasses.asdict(segment) for segment in cue.picture]
    plain["origin"] = dict(cue.origin)
    return plain


def cue_from_plain(plain: Mapping[str, Any]) -> Cue:
    """Read back ``cue_to_plain``."""
    values = dict(plain)
    values.update({name: exact(values[name]) for name in _EXACT})
    values["picture"] = tuple(segment_from_plain(s) for s in values["picture"])
    return Cue(**values)


@functools.lru_cache(4096)  # one rate and a few lengths come again and again
def exact(text: str) -> Fraction:
    """A fraction from ``numerator/denominator``, without the search for other ways to write one."""
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator or 1))


def segment_from_plain(plain: Mapping[str, Any]) -> PictureSegment:
    """A picture segment from its JSON form."""
    values = dict(plain)
    sequence = values.get("sequence")
    values["sequence"] = ImageSequence(**sequence) if sequence else None
    return PictureSegment(**values)


def track_to_plain(track: StripTrack) -> dict[str, Any]:
    """A track as JSON, its items as short rows."""
    rows = [[i.name, i.kind, i.start_s, i.duration_s, i.enabled] for i in track.items]
    return {"name": track.name, "kind": track.kind, "ours": track.ours, "items": rows}


def track_from_plain(plain: Mapping[str, Any]) -> StripTrack:
    """Read back ``track_to_plain``."""
    items = tuple(StripItem(*row) for row in plain["items"])
    return StripTrack(plain["name"], plain["kind"], items, plain["ours"])
