"""Spans that a person marked on the timeline: the markers of an OTIO file as spotted cues."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline import rates
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.walk import Walk


@dataclass(frozen=True)
class Spot:
    """A row of a spotting list; times in seconds from the timeline's first frame."""

    name: str
    start_s: Fraction
    duration_s: Fraction
    category: str = ""
    prompt: str = ""
    negative: str = ""


def marks(root: Any, walk: Walk, fps: Fraction, global_start_s: Fraction) -> list[Spot]:
    """All markers of a timeline, by start; a note in ``walk`` tells of those left out.

    Markers on the stack or a track count from its first frame; a marker on a clip or nest counts
    in that item's media time, and only the part inside the item is on the timeline. A marker on
    a single frame lasts until the next one or until its shot ends, whichever comes first.
    """
    end_s = walk.length / fps
    found: list[Spot] = []

    def collect(item: Any, spots: Iterator[Spot]) -> None:
        on_item = list(spots)
        found.extend(on_item)
        if lost := len(item.markers) - len(on_item):
            text = f"{lost} of its markers lie outside it or have an unusable range; left out."
            walk.notes.append(Note("outside", text, item.name or "timeline"))

    collect(root.tracks, _on_composition(root.tracks, end_s, global_start_s))
    for child, placed in zip(root.tracks, walk.tracks, strict=True):
        collect(child, _on_composition(child, end_s, global_start_s))
        for place in placed:
            if len(place.item.markers):
                spots = _on_item(place.item, place.start / fps, place.length / fps)
                collect(place.item, spots)
    found.sort(key=lambda spot: (spot.start_s, spot.name))
    starts = [spot.start_s for spot in found]
    ends = [span.end / fps for span in walk.seen]
    return [_lasting(spot, starts, ends, fps, end_s) for spot in found]


def _lasting(
    spot: Spot, starts: list[Fraction], ends: list[Fraction], fps: Fraction, end_s: Fraction
) -> Spot:
    """A spot as long as it lasts; ``starts`` of all spots and ``ends`` of all shots, ascending."""
    if spot.duration_s * fps > 1:
        return spot
    later = bisect.bisect_right(starts, spot.start_s)
    shot = bisect.bisect_right(ends, spot.start_s)
    end_s = min([end_s, *starts[later : later + 1], *ends[shot : shot + 1]])
    return replace(spot, duration_s=max(end_s - spot.start_s, 1 / fps))


def _on_composition(item: Any, end_s: Fraction, global_start_s: Fraction) -> Iterator[Spot]:
    trim_s = Fraction(0)
    if item.source_range is not None:
        trim_s = rates.seconds(item.source_range.start_time) or Fraction(0)
    for marker in item.markers:
        if (span := _span(marker)) is not None:
            start_s = span[0] - trim_s
            if start_s >= end_s and 0 <= start_s - global_start_s < end_s:
                start_s -= global_start_s  # some hosts count markers in record timecode
            yield _mark(marker, start_s, span[1])


def _on_item(item: Any, start_s: Fraction, duration_s: Fraction) -> Iterator[Spot]:
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
            yield _mark(marker, start_s + first, last - first)


def _span(marker: Any) -> tuple[Fraction, Fraction] | None:
    start = rates.seconds(marker.marked_range.start_time)
    duration = rates.seconds(marker.marked_range.duration)
    return None if start is None or duration is None or duration < 0 else (start, duration)


def _mark(marker: Any, start_s: Fraction, duration_s: Fraction) -> Spot:
    comment = str(getattr(marker, "comment", "") or "")
    name = str(marker.name or comment or "marker")
    return Spot(name, start_s, duration_s, prompt=comment or str(marker.name or ""))
