"""One pass over a timeline: where each clip lies, and which of them the audience sees.

Positions are running sums per track, in frames of the timeline: plain integers in nearly every
cut, exact fractions where rates are mixed. Every composition yields spans in its own played time;
its parent trims, retimes and shifts them, so nested stacks keep their own trims, and of
overlapping video tracks the topmost enabled one wins at every level.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import opentimelineio as otio

from vatt_plugin.timeline import rates
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.rates import Frames
from vatt_plugin.timeline.retimes import Retime, retime_of
from vatt_plugin.timeline.spans import ONE, Leaf, Part, Span, mapped, moved, overlay

LEFT_OUT_ON_PURPOSE = frozenset({"disabled", "hidden", "generator", "too_short"})
"""Reasons for a clip without sound that are the editor's own doing, not a fault."""
Clip, Gap, Stack, Track = (
    otio.schema.Clip,
    otio.schema.Gap,
    otio.schema.Stack,
    otio.schema.Track,
)
GeneratorReference, Transition = otio.schema.GeneratorReference, otio.schema.Transition


class Placed(NamedTuple):
    """A child of a top-level track at its place."""

    item: Any
    start: Frames
    length: Frames


@dataclass
class Walk:
    """What one pass found.

    Attributes:
        seen: what the audience sees, by start, not overlapping.
        left_out: clips that get no sound, each with its reason.
        tracks: for each child of the timeline's stack, its items at their places.
        length: of the timeline.
        notes: everything odd, in order.
    """

    seen: list[Span] = field(default_factory=list)
    left_out: list[Span] = field(default_factory=list)
    tracks: list[list[Placed]] = field(default_factory=list)
    length: Frames = 0
    notes: list[Note] = field(default_factory=list)


class _NoRangeError(Exception):
    """A clip has neither range, so its length is unknown."""


class Walker:
    """Walks one timeline.

    Args:
        fps: the timeline's exact rate.
        host: ``resolve``, ``premiere`` or empty. Premiere stores source frames in the
            ``source_range`` of a retimed clip; Resolve, and for want of knowledge everyone else,
            stores the record length.
        on_clip: called with the number of clips so far, every 500 clips; may raise to cancel.
        kind: of the tracks that are walked for what they play; of sound all is heard at once,
            where of picture the topmost hides what lies below.
    """

    def __init__(
        self,
        fps: Fraction,
        host: str = "",
        on_clip: Callable[[int], None] | None = None,
        kind: str = otio.schema.TrackKind.Video,
    ) -> None:
        self._fps = fps
        self._count = rates.counter(fps)
        self._host = host
        self._on_clip = on_clip
        self._kind = kind
        self._n_clips = 0
        self._track = ""
        self._notes: list[Note] = []

    def run(self, stack: Any, only: frozenset[int] | None = None) -> Walk:
        """Walk a timeline's stack; ``only`` narrows which of its children count."""
        walk = Walk(notes=self._notes)
        layers: list[Part] = []
        for index, child in enumerate(stack):
            self._track = child.name or f"Track {index + 1}"
            placed: list[Placed] = []
            try:
                part = self._item(child, (index,), placed)
            except _NoRangeError:
                self._note("no_range", "The clip has no range at all; left out.", child.name)
                part = Part()
            walk.tracks.append(placed)
            walk.length = max(walk.length, part.length)
            if self._counts(child) and (only is None or index in only):
                layers.append(part)
        whole = self._together(layers)
        whole.length = walk.length
        if stack.source_range is not None:
            whole = self._own_range(stack, whole, *walk.tracks)
            walk.length = whole.length
        walk.seen = whole.seen
        visible = {id(span.leaf) for span in whole.seen} if whole.out else set()
        walk.left_out = [s for s in whole.out if s.why != "hidden" or id(s.leaf) not in visible]
        return walk

    # --- items ---------------------------------------------------------------------------

    def _item(self, item: Any, path: tuple[int, ...], placed: list[Placed] | None = None) -> Part:
        """Any composable, with its own trim, retime and enabled flag applied."""
        if isinstance(item, Clip):
            span = self._clip(item, path, 0)
            return Part(span.end, [], [span]) if span.why else Part(span.end, [span], [])
        if isinstance(item, Gap):
            return Part(self._gap_length(item))
        if isinstance(item, Track):
            part = self._track_part(item, path, placed)
        elif isinstance(item, Stack):
            part = self._stack_part(item, path)
        else:
            return Part()
        part = self._own_range(item, part, placed)
        if not item.enabled:
            text = f"Inside {item.name!r}, which is disabled in the timeline."
            part.out = [
                span if span.why else span._replace(why="disabled", note=text)
                for span in (*part.out, *part.seen)
            ]
            part.seen = []
        return part

    def _clip(self, clip: Any, path: tuple[int, ...], at: Frames) -> Span:
        """A clip that starts at ``at``.

        Raises:
            _NoRangeError: nothing says how long it is.
        """
        if self._on_clip is not None:
            self._n_clips += 1
            if self._n_clips % 500 == 0:
                self._on_clip(self._n_clips)
        stored = clip.source_range or available_range(clip)
        if stored is None:
            raise _NoRangeError
        leaf = Leaf.of(clip, path, self._track)
        length, begin = stored.duration, stored.start_time
        duration = self._count(length.value, length.rate)
        media = self._count(begin.value, begin.rate)
        if duration is None or duration <= 0 or media is None:
            text = f"The clip's range is unusable ({show_range(stored)}); left out."
            self._note("bad_range", text, clip.name)
            end = at + max(duration or 0, 0)
            return Span(at, end, leaf, 0, ONE, "bad_range", text)
        speed, why, note = ONE, "", ""
        if len(clip.effects):
            speed, why, note, in_is_played = self._retime(clip)
            if in_is_played:
                media = self._source_in(clip, media, speed)
            if speed != 1:
                duration = self._record_length(duration, speed)
            if speed < 0:  # the same frames backwards: the last one is shown first
                last = self._fps / (rates.exact_rate(length.rate) or 1)
                media += duration * -speed - last
        if not clip.enabled:
            why, note = "disabled", "Disabled in the timeline."
        elif not why and isinstance(leaf.reference, GeneratorReference):
            why, note = "generator", "A title or generator without media; what lies below shows."
        return Span(at, at + duration, leaf, media, speed, why, note)

    def _source_in(self, clip: Any, media: Frames, speed: Fraction) -> Frames:
        """Media time of an in point that was counted in frames as played."""
        available = available_range(clip)
        begins = rates.in_frames(available.start_time, self._fps) if available is not None else 0
        return (begins or 0) + (media - (begins or 0)) * speed

    def _gap_length(self, gap: Any) -> Frames:
        duration = rates.in_frames(gap.source_range.duration, self._fps) if gap.source_range else 0
        if duration is None or duration < 0:
            text = f"A gap's range is unusable ({show_range(gap.source_range)}); taken as empty."
            self._note("bad_range", text, self._track)
            return 0
        return duration

    def _track_part(self, track: Any, path: tuple[int, ...], placed: list[Placed] | None) -> Part:
        whole = Part()
        at: Frames = 0
        for index, child in enumerate(track):
            start = at
            try:
                if isinstance(child, Clip):
                    span = self._clip(child, (*path, index), at)
                    (whole.out if span.why else whole.seen).append(span)
                    at = span.end
                elif isinstance(child, Transition):
                    continue  # it overlaps its neighbours and has no length of its own
                else:
                    part = self._item(child, (*path, index))
                    whole.seen.extend(moved(part.seen, at))
                    whole.out.extend(moved(part.out, at))
                    at += part.length
                    if self._counts(track):
                        self._note_empty(child, part)
            except _NoRangeError:
                text = (
                    f"{child.name or 'A clip'!r} has neither a source range nor an available "
                    "range; nothing from here on can be placed on this track."
                )
                self._note("no_range", text, track.name or self._track)
                leaf = Leaf(child, (*path, index), self._track)
                whole.out.append(Span(at, at, leaf, 0, ONE, "no_range", text))
                break
            if placed is not None:
                placed.append(Placed(child, start, at - start))
        whole.length = at
        return whole

    def _note_empty(self, item: Any, part: Part) -> None:
        """Tell of a nest that shows nothing; a gap is meant to, and one that is disabled."""
        if not isinstance(item, Stack | Track) or not item.enabled:
            return
        if part.length and not (part.seen or part.out):
            text = "The nest shows no picture where it is used, so it gets no sound."
            self._note("empty_nest", text, item.name or self._track)

    def _stack_part(self, stack: Any, path: tuple[int, ...]) -> Part:
        layers: list[Part] = []
        length: Frames = 0
        for index, child in enumerate(stack):
            try:
                part = self._item(child, (*path, index))
            except _NoRangeError:
                self._note("no_range", f"{child.name!r} has no range at all; left out.", stack.name)
                continue
            length = max(length, part.length)
            if self._counts(child):
                layers.append(part)
        whole = self._together(layers)
        whole.length = length
        return whole

    def _counts(self, child: Any) -> bool:
        """Whether a child of a stack is of the kind: tracks say so, bare items are taken as it."""
        return not isinstance(child, Track) or child.kind == self._kind

    def _together(self, layers: list[Part]) -> Part:
        if self._kind == otio.schema.TrackKind.Video:
            return overlay(layers)
        seen = [span for layer in layers for span in layer.seen]
        return Part(seen=seen, out=[span for layer in layers for span in layer.out])

    def _own_range(self, item: Any, part: Part, *tracks: list[Placed] | None) -> Part:
        """A composition's ``source_range`` and retime, applied to what lies in it."""
        speed, why, note, _ = self._retime(item)
        start: Frames = 0
        used = part.length
        if item.source_range is not None:
            range_start = rates.in_frames(item.source_range.start_time, self._fps)
            duration = rates.in_frames(item.source_range.duration, self._fps)
            if range_start is None or duration is None or duration <= 0:
                text = f"The range {show_range(item.source_range)} is unusable; left out."
                self._note("bad_range", text, item.name or self._track)
                return Part(0, [], [])
            start, used = range_start, duration
        elif speed == 1 and not why:
            return part
        length = self._record_length(used, speed) if speed != 1 else used
        window = (start, start + length * (abs(speed) or ONE))
        for placed in tracks:
            if placed and start:
                placed[:] = [p._replace(start=p.start - start) for p in placed]
        seen, out = part.seen, part.out
        if why:
            out = [*out, *(span._replace(why=why, note=note) for span in seen)]
            seen = []
        return Part(
            length,
            mapped(seen, window, speed, length),
            mapped(out, window, speed, length),
        )

    # --- retimes -------------------------------------------------------------------------

    def _retime(self, item: Any) -> Retime:
        """How an item's time effects play it, with a note where that is not plain."""
        retime = retime_of(item)
        if retime.note:
            self._note("retime", retime.note, item.name)
        elif retime.speed != 1 and not self._host and not retime.in_is_played:
            self._note(
                "retime_reading",
                "Retimed; read as Resolve writes it (source_range holds the record length), since "
                "the file does not say which program made it.",
                item.name,
            )
        return retime

    def _record_length(self, duration: Frames, speed: Fraction) -> Frames:
        """How long a retimed item plays; Premiere's own record lengths are whole frames."""
        if self._host != "premiere" or not speed:
            return duration
        return max(1, rates.nearest_frame(duration / abs(speed)))

    def _note(self, code: str, message: str, where: str) -> None:
        self._notes.append(Note(code, message, where))


# --- ranges ----------------------------------------------------------------------------------


def available_range(clip: Any) -> Any:
    """The active reference's ``available_range``, or another reference's if it has none."""
    active = clip.media_reference
    if active is not None and active.available_range is not None:
        return active.available_range
    ranges = (ref.available_range for ref in clip.media_references().values() if ref is not None)
    return next((found for found in ranges if found is not None), None)


def show_range(stored: Any) -> str:
    """A range as text, for messages."""
    start, duration = stored.start_time, stored.duration
    return f"start {start.value:g}@{start.rate:g}, duration {duration.value:g}@{duration.rate:g}"
