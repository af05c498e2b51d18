"""Stretches of clips as they play: trimming, retiming and stacking them.

Pure functions over sorted lists of spans that do not overlap, in frames of the timeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

from vatt_plugin.timeline.rates import Frames

ONE = Fraction(1)


class Leaf(NamedTuple):
    """A clip at the bottom of the nesting.

    Attributes:
        clip: the OTIO clip.
        path: child indices from the timeline's stack down to the clip.
        track: name of the top-level track.
        reference: the clip's active media reference; None if it has none.
        others: all its references by key, where that is more than the active one.
    """

    clip: Any
    path: tuple[int, ...]
    track: str
    reference: Any = None
    others: Mapping[str, Any] = MappingProxyType({})

    @classmethod
    def of(cls, clip: Any, path: tuple[int, ...] = (), track: str = "") -> Leaf:
        """A clip with its references, asked for once, since that is dear."""
        references = clip.media_references()
        reference = references.get(clip.active_media_reference_key)
        if reference is not None and len(references) == 1:
            return cls(clip, path, track, reference)
        return cls(clip, path, track, reference, references)


class Span(NamedTuple):
    """A stretch of a clip as it plays, in the time of the composition it was asked of.

    Attributes:
        start: first moment, in timeline frames; ``end`` the moment after the last.
        leaf: the clip.
        media: media time shown at ``start``, in the time of the clip's ``source_range``, in
            timeline frames.
        speed: media time per played time; negative is reverse, 0 a frozen frame.
        why: empty if the audience sees it, else ``disabled``, ``hidden``, ``generator``,
            ``retime``, ``bad_range`` or ``no_range``; ``note`` says it in words.
    """

    start: Frames
    end: Frames
    leaf: Leaf
    media: Frames
    speed: Fraction
    why: str = ""
    note: str = ""


@dataclass(slots=True)
class Part:
    """What an item contributes, in its own played time."""

    length: Frames = 0
    seen: list[Span] = field(default_factory=list)
    out: list[Span] = field(default_factory=list)


def moved(spans: list[Span], by: Frames) -> Iterable[Span]:
    """Spans shifted to a later place."""
    if not by:
        return spans
    return [Span(s.start + by, s.end + by, s.leaf, s.media, s.speed, s.why, s.note) for s in spans]


def _cut(span: Span, start: Frames, end: Frames) -> Span:
    """The part of a span between two moments inside it."""
    if start == span.start and end == span.end:
        return span
    media = span.media + (start - span.start) * span.speed
    return Span(start, end, span.leaf, media, span.speed, span.why, span.note)


def mapped(
    spans: list[Span],
    window: tuple[Frames, Frames],
    speed: Fraction,
    length: Frames,
) -> list[Span]:
    """Trim spans to a window of inner time and play that window at ``speed`` over ``length``."""
    first, last = window
    if speed == 0:  # the frame at the start of the window, held
        for span in spans:
            if span.start <= first < span.end:
                held = _cut(span, first, span.end)
                return [held._replace(start=0, end=length, speed=speed)]
        return []
    result: list[Span] = []
    for span in spans:
        start, end = max(span.start, first), min(span.end, last)
        if start > end or (start == end and span.start != span.end):
            continue
        part = _cut(span, start, end)
        if speed > 0:
            start, end = (start - first) / speed, (end - first) / speed
            media = part.media
        else:
            start, end = (last - part.end) / -speed, (last - part.start) / -speed
            media = part.media + (part.end - part.start - 1) * part.speed
        result.append(part._replace(start=start, end=end, media=media, speed=part.speed * speed))
    return result if speed > 0 else result[::-1]


def overlay(layers: list[Part]) -> Part:
    """What shows when layers, bottom first, are stacked: each moment belongs to the topmost."""
    whole = Part(out=[span for layer in layers for span in layer.out])
    above: list[Span] = []
    for layer in reversed(layers):
        if not above:
            above = layer.seen
            continue
        below, hidden = _uncovered(layer.seen, above)
        whole.out.extend(hidden)
        above = sorted([*above, *below], key=lambda span: span.start)
    whole.seen = above
    return whole


def _uncovered(spans: list[Span], cover: list[Span]) -> tuple[list[Span], list[Span]]:
    """Parts of ``spans`` that ``cover`` leaves visible, and the spans it hides wholly.

    Both lists are sorted and free of overlaps, so one merge does.
    """
    visible: list[Span] = []
    hidden: list[Span] = []
    first = 0
    for span in spans:
        while first < len(cover) and cover[first].end <= span.start:
            first += 1
        at, n_before, index = span.start, len(visible), first
        while index < len(cover) and cover[index].start < span.end:
            if cover[index].start > at:
                visible.append(_cut(span, at, cover[index].start))
            at = max(at, cover[index].end)
            index += 1
        if at < span.end:
            visible.append(_cut(span, at, span.end))
        if len(visible) == n_before:
            top = cover[first].leaf
            text = f"Wholly covered by {top.clip.name!r} on track {top.track!r}."
            hidden.append(span._replace(why="hidden", note=text))
    return visible, hidden
