"""From what the audience sees to cues: one for each stretch of a clip, with its picture."""

from __future__ import annotations

import bisect
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vatt_engine.messages import PictureSegment
from vatt_plugin.cues import Cue, CueStatus
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.marks import Spot
from vatt_plugin.timeline.media import MediaFinder
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.picture import Source, Sources, black, lies_before, segments
from vatt_plugin.timeline.scenecuts import find_cuts
from vatt_plugin.timeline.spans import ONE, Leaf, Span
from vatt_plugin.timeline.walk import Walk

_TOO_SHORT = "Less than one frame of it can be seen; left out."


class CueMaker:
    """Makes the cues of one reading of a timeline.

    Args:
        fps: exact rate of the timeline.
        global_start_s: record time of its first frame.
        finder: looks media up.
    """

    def __init__(self, fps: Fraction, global_start_s: Fraction, finder: MediaFinder) -> None:
        self.fps = fps
        self._over, self._under = fps.denominator, fps.numerator
        self.notes: list[Note] = []
        self._global_start = rates.whole(global_start_s * fps)
        self._sources = Sources(finder)
        self._blacks: dict[int, tuple[PictureSegment, ...]] = {}
        self._relinked: set[str] = set()

    def clip_cues(self, walk: Walk) -> tuple[Cue, ...]:
        """A cue for each visible stretch of a clip, and one ``skipped`` for each left out."""
        cues = [self._clip_cue(span) for span in walk.seen]
        if any(cue.n_frames < 1 for cue in cues):
            served = {id(s.leaf) for s, cue in zip(walk.seen, cues, strict=True) if cue.n_frames}
            slivers = {
                id(span.leaf): span._replace(why="too_short", note=_TOO_SHORT)
                for span in walk.seen
                if id(span.leaf) not in served
            }
            cues = [cue for cue in cues if cue.n_frames > 0]
            cues += [self._clip_cue(span) for span in slivers.values()]
        if len(cues) != len(walk.seen) or walk.left_out:
            cues += [self._clip_cue(span) for span in walk.left_out]
            cues.sort(key=_order)
        return unique(cues)

    def _clip_cue(self, span: Span) -> Cue:
        leaf = span.leaf
        first, n_frames = frame_span(span)
        source = self.source(leaf)
        status: CueStatus = source.status
        picture: tuple[PictureSegment, ...] = ()
        if span.why:
            status = "skipped"
        elif status == "ready":
            picture = self._segments(span, source, first, n_frames)
        else:
            picture = self._black(n_frames)
        return self.cue(
            leaf.clip.name or "clip",
            leaf.track,
            first,
            n_frames,
            picture,
            self.origin(span, source),
            status,
            span.note or source.note,
            source.media or source.url,
        )

    def spotted_cues(self, walk: Walk, spots: Iterable[Spot], kind: str) -> tuple[Cue, ...]:
        """A cue for each marked span, with all the picture the audience sees over it."""
        n_timeline = rates.nearest_frame(walk.length)
        starts, ends = [span.start for span in walk.seen], [span.end for span in walk.seen]
        cues: list[Cue] = []
        for spot in spots:
            first = rates.whole_frames(spot.start_s, self.fps)
            last = rates.whole_frames(spot.start_s + spot.duration_s, self.fps)
            begin, end = max(first, 0), min(max(last, first + 1), n_timeline)
            if end <= begin:
                text = "Lies outside the timeline; left out."
                self.notes.append(Note("outside", text, spot.name))
                continue
            under = walk.seen[bisect.bisect_right(ends, begin) : bisect.bisect_left(starts, end)]
            cues.append(self._spotted_cue(under, spot, begin, end - begin, kind))
        return unique(sorted(cues, key=_order))

    def _spotted_cue(
        self, under: list[Span], spot: Spot, first: int, n_frames: int, kind: str
    ) -> Cue:
        picture = self.picture_between(under, first, first + n_frames)
        origin: dict[str, Any] = {"kind": kind}
        status: CueStatus = "ready" if any(part.media for part in picture) else "offline"
        media, note, track = "", "", ""
        if under:  # the shot that fills most of it stands for the cue's picture
            main = max(under, key=lambda s: min(s.end, first + n_frames) - max(s.start, first))
            source = self.source(main.leaf)
            later = (first - main.start) * main.speed
            origin |= self.origin(main._replace(media=main.media + later), source)
            media, track = source.media or source.url, main.leaf.track
            note = source.note if status == "offline" else ""
        else:
            note = "There is no picture here, only black."
        for key in ("category", "prompt", "negative"):
            if value := getattr(spot, key):
                origin[key] = value
        return self.cue(spot.name, track, first, n_frames, picture, origin, status, note, media)

    def cue(
        self,
        clip: str,
        track: str,
        first: int,
        n_frames: int,
        picture: tuple[PictureSegment, ...],
        origin: dict[str, Any],
        status: CueStatus = "ready",
        note: str = "",
        media: str = "",
    ) -> Cue:
        """A cue at whole frames; its id comes from what it is and where it lies."""
        url, media_s = origin.get("url"), origin.get("media_s")
        facts = f"{clip}\0{track}\0{first}\0{n_frames}\0{url}\0{media_s}"
        return Cue(
            "c" + hashlib.sha1(facts.encode("utf-8", "replace")).hexdigest()[:10],
            clip,
            track,
            self.fps,
            first,
            n_frames,
            self._global_start + first,
            picture,
            origin,
            status,
            note,
            media,
        )

    def source(self, leaf: Leaf) -> Source:
        """The media behind a clip."""
        source = self._sources.of(leaf)
        if source.note and source.status == "ready" and source.url not in self._relinked:
            self._relinked.add(source.url)
            self.notes.append(Note("relinked", source.note, leaf.clip.name))
        return source

    def picture_between(
        self, seen: list[Span], first: int, last: int
    ) -> tuple[PictureSegment, ...]:
        """What the audience sees between two timeline frames, gaps as black."""
        segments: list[PictureSegment] = []
        at = first
        for span in seen:
            span_first, n_frames = frame_span(span)
            start, end = max(span_first, first), min(span_first + n_frames, last)
            if end <= start:
                continue
            if start > at:
                segments.append(black(float((start - at) / self.fps)))
            segments += self._segments(span, self.source(span.leaf), start, end - start)
            at = end
        if at < last:
            segments.append(black(float((last - at) / self.fps)))
        return tuple(segments)

    def _black(self, n_frames: int) -> tuple[PictureSegment, ...]:
        known = self._blacks.get(n_frames)
        if known is None:
            known = self._blacks[n_frames] = (black(float(n_frames / self.fps)),)
        return known

    def _segments(
        self, span: Span, source: Source, first: int, n_frames: int
    ) -> tuple[PictureSegment, ...]:
        media = span.media
        if first != span.start:
            media += (first - span.start) * span.speed
        shown = segments(source, media, span.speed, n_frames, self.fps)
        starts_s = source.starts_s or 0
        if source.media and not shown[0].media and lies_before(span.leaf.clip, starts_s):
            text = "Its range lies before its media; counted from the media's first frame."
            self.notes.append(Note("media_start", text, span.leaf.clip.name))
            source = source._replace(starts_s=Fraction(0))
            shown = segments(source, media, span.speed, n_frames, self.fps)
        return shown

    def origin(self, span: Span, source: Source) -> dict[str, Any]:
        """What finds the picture again in another cut: see ``conform``."""
        media = span.media
        if isinstance(media, int):
            media_s = f"{media * self._over}/{self._under}"
        else:
            media_s = str(media / self.fps)
        origin: dict[str, Any] = {
            "path": list(span.leaf.path),
            "url": source.url,
            "media_s": media_s,
            "speed": "1" if span.speed is ONE else str(span.speed),
        }
        if span.why:
            origin["why"] = span.why
        return origin


def frame_span(span: Span) -> tuple[int, int]:
    """First whole frame of a span, and how many."""
    start, end = span.start, span.end
    if type(start) is int and type(end) is int:
        return start, end - start
    first = rates.nearest_frame(start)
    return first, rates.nearest_frame(end) - first


def split_at_cuts(
    maker: CueMaker, cues: Iterable[Cue], stop: Callable[[], bool] = lambda: False
) -> tuple[Cue, ...]:
    """Split cues where the media itself cuts from one shot to another.

    Only cues of one video stretch that plays forwards or backwards are looked into.
    """
    result: list[Cue] = []
    for cue in cues:
        frames = _cut_frames(cue, stop) if cue.status == "ready" else []
        if not frames:
            result.append(cue)
            continue
        borders = [0, *frames, cue.n_frames]
        for number, (first, last) in enumerate(itertools.pairwise(borders), 1):
            result.append(_part_of(maker, cue, first, last, number))
    return unique(result)


def _cut_frames(cue: Cue, stop: Callable[[], bool]) -> list[int]:
    if len(cue.picture) != 1:
        return []
    (part,) = cue.picture
    if not part.media or part.sequence is not None or part.time_scalar == 0:
        return []
    start_s, speed = Fraction(part.start_s), Fraction(part.time_scalar)
    other_s = start_s + speed * cue.duration_s
    low_s, high_s = max(min(start_s, other_s), Fraction(0)), max(start_s, other_s)
    cuts = find_cuts(Path(part.media), low_s, high_s, stop)
    frames = {rates.nearest_frame((cut - start_s) / speed * cue.fps) for cut in cuts}
    return sorted(frame for frame in frames if 0 < frame < cue.n_frames)


def _part_of(maker: CueMaker, cue: Cue, first: int, last: int, number: int) -> Cue:
    (part,) = cue.picture
    skipped_s = first / cue.fps
    shown = replace(
        part,
        start_s=float(Fraction(part.start_s) + skipped_s * Fraction(part.time_scalar)),
        duration_s=float((last - first) / cue.fps),
    )
    origin = dict(cue.origin)
    media_s = Fraction(origin["media_s"]) + skipped_s * Fraction(origin["speed"])
    origin |= {"media_s": str(media_s), "part": number}
    return maker.cue(
        cue.clip,
        cue.track,
        cue.start_frame + first,
        last - first,
        (shown,),
        origin,
        note=cue.note,
        media=cue.media,
    )


def unique(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """Number cue ids that occur more than once, in order."""
    cues = tuple(cues)
    if len({cue.cue_id for cue in cues}) == len(cues):
        return cues
    result: list[Cue] = []
    seen: Counter[str] = Counter()
    for cue in cues:
        seen[cue.cue_id] += 1
        n = seen[cue.cue_id]
        result.append(cue if n == 1 else cue._replace(cue_id=f"{cue.cue_id}-{n}"))
    return tuple(result)


def _order(cue: Cue) -> tuple[int, bool, list[int]]:
    return cue.start_frame, cue.status == "skipped", cue.origin.get("path", [])
