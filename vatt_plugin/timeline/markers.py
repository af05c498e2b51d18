"""Cues from OTIO markers, and cues written out as markers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.own import KEY
from vatt_plugin.timeline.walk import Walk


@dataclass(frozen=True)
class Mark:
    """A marked span on the timeline, from its first frame.

    Attributes:
        name: the marker's name, or its comment.
        comment: what the user wrote; becomes the prompt.
        start_s: first moment.
        duration_s: 0 for a marker on a single frame.
        where: clip or track the marker sits on.
    """

    name: str
    comment: str
    start_s: Fraction
    duration_s: Fraction
    where: str


def cue_marker(cue: Cue, timeline: Timeline) -> Any:
    """A marker over a cue, in the timeline's own time and literal rate."""
    time = otio.opentime.RationalTime
    span = otio.opentime.TimeRange(
        time(cue.start_frame, timeline.rate), time(cue.n_frames, timeline.rate)
    )
    marker = otio.schema.Marker(cue.clip, span, otio.schema.MarkerColor.GREEN)
    marker.comment = str(cue.origin.get("prompt", "") or cue.note)
    marker.metadata[KEY] = {"schema": 1, "cue": cue.cue_id, "status": cue.status}
    return marker


def marks(root: Any, walk: Walk, fps: Fraction) -> list[Mark]:
    """All markers of a timeline, by start.

    Markers on the stack or a track count from its first frame; a marker on a clip or nest counts
    in that item's media time, and only the part inside the item is on the timeline.
    """
    found = list(_on_composition(root.tracks, Fraction(0)))
    for child, placed in zip(root.tracks, walk.tracks, strict=True):
        found += _on_composition(child, Fraction(0))
        for place in placed:
            found += _on_item(place.item, place.start / fps, place.length / fps)
    return sorted(found, key=lambda mark: (mark.start_s, mark.name))


def _on_composition(item: Any, start_s: Fraction) -> Iterator[Mark]:
    trim = Fraction(0)
    if item.source_range is not None:
        trim = rates.seconds(item.source_range.start_time) or Fraction(0)
    for marker in item.markers:
        if (span := _span(marker)) is not None:
            yield _mark(marker, start_s + span[0] - trim, span[1], item.name)


def _on_item(item: Any, start_s: Fraction, duration_s: Fraction) -> Iterator[Mark]:
    if not len(item.markers):
        return
    stored = item.source_range
    if stored is None and isinstance(item, otio.schema.Clip):
        reference = item.media_reference
        stored = reference.available_range if reference is not None else None
    media_s = rates.seconds(stored.start_time) if stored is not None else Fraction(0)
    if media_s is None:
        return
    for marker in item.markers:
        span = _span(marker)
        if span is None:
            continue
        first = max(span[0] - media_s, Fraction(0))
        last = min(span[0] + span[1] - media_s, duration_s)
        if last >= first and first < duration_s:
            yield _mark(marker, start_s + first, last - first, item.name)


def _span(marker: Any) -> tuple[Fraction, Fraction] | None:
    start = rates.seconds(marker.marked_range.start_time)
    duration = rates.seconds(marker.marked_range.duration)
    return None if start is None or duration is None or duration < 0 else (start, duration)


def _mark(marker: Any, start_s: Fraction, duration_s: Fraction, where: str) -> Mark:
    comment = str(getattr(marker, "comment", "") or "")
    name = str(marker.name or comment or "marker")
    return Mark(name, comment or (marker.name or ""), start_s, duration_s, where)
