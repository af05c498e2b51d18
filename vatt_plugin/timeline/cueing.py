"""From what the audience sees to cues: one for each stretch of a clip, with its picture."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from vatt_engine.messages import PictureSegment
from vatt_plugin.cues import Cue, CueStatus
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.media import MediaFinder
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.picture import Source, segment, settle
from vatt_plugin.timeline.walk import Span, Walk, show_range


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
        self.global_start_s = global_start_s
        self.finder = finder
        self.notes: list[Note] = []
        self._sources: dict[int, Source] = {}
        self._relinked: set[str] = set()

    def clip_cues(self, walk: Walk) -> tuple[Cue, ...]:
        """A cue for each visible stretch of a clip, and one ``skipped`` for each left out."""
        seen = [span for span in walk.seen if self._n_frames(span) > 0]
        served = {id(span.leaf) for span in seen}
        slivers = {
            id(span.leaf): replace(span, why="too_short", note=_TOO_SHORT)
            for span in walk.seen
            if id(span.leaf) not in served
        }
        cues = [self._clip_cue(span) for span in (*seen, *slivers.values(), *walk.left_out)]
        return unique(sorted(cues, key=_order))

    def _n_frames(self, span: Span) -> int:
        return rates.whole_frames(span.end_s, self.fps) - rates.whole_frames(
            span.start_s, self.fps
        )

    def _clip_cue(self, span: Span) -> Cue:
        first = rates.whole_frames(span.start_s, self.fps)
        last = rates.whole_frames(span.end_s, self.fps)
        source = self.source(span)
        status: CueStatus = "skipped" if span.why else source.status
        picture = self.picture(span, first, last) if not span.why else ()
        return self.cue(
            span.leaf.clip.name or "clip",
            span.leaf.track,
            first,
            last - first,
            picture,
            status=status,
            note=span.note or source.note,
            media=source.media or source.url,
            origin=self._origin(span, source),
        )

    def cue(
        self,
        clip: str,
        track: str,
        first: int,
        n_frames: int,
        picture: tuple[PictureSegment, ...],
        *,
        status: CueStatus = "ready",
        note: str = "",
        media: str = "",
        origin: dict[str, Any],
    ) -> Cue:
        """A cue at whole frames; its id comes from what it is and where it lies."""
        start_s = first / self.fps
        return Cue(
            cue_id=_cue_id(clip, track, first, n_frames, origin),
            clip=clip,
            track=track,
            start_s=start_s,
            duration_s=n_frames / self.fps,
            fps=self.fps,
            start_frame=first,
            n_frames=n_frames,
            record_timecode_s=self.global_start_s + start_s,
            picture=picture,
            status=status,
            note=note,
            media=media,
            origin=origin,
        )

    def source(self, span: Span) -> Source:
        """The media behind a span's clip, settled once."""
        clip = span.leaf.clip
        known = self._sources.get(id(span.leaf))
        if known is None:
            if span.why in ("no_range", "bad_range") or not hasattr(clip, "media_references"):
                return Source(getattr(clip, "name", ""))
            known = self._sources[id(span.leaf)] = settle(clip, self.finder)
            if known.status == "ready" and known.note and known.url not in self._relinked:
                self._relinked.add(known.url)
                self.notes.append(Note("relinked", known.note, clip.name))
        return known

    def picture(self, span: Span, first: int, last: int) -> tuple[PictureSegment, ...]:
        """The segments of one visible span between two timeline frames."""
        media_s = span.media_s + (first / self.fps - span.start_s) * span.speed
        source = self.source(span)
        return (segment(source, media_s, span.speed, (last - first) / self.fps),)

    def picture_between(self, seen: list[Span], first: int, last: int) -> tuple[PictureSegment, ...]:
        """What the audience sees between two timeline frames, gaps as black."""
        segments: list[PictureSegment] = []
        at = first
        for span in seen:
            start = max(rates.whole_frames(span.start_s, self.fps), first)
            end = min(rates.whole_frames(span.end_s, self.fps), last)
            if end <= start:
                continue
            if start > at:
                segments.append(PictureSegment("", 0.0, float((start - at) / self.fps)))
            segments.extend(self.picture(span, start, end))
            at = end
        if at < last:
            segments.append(PictureSegment("", 0.0, float((last - at) / self.fps)))
        return tuple(segments)

    def _origin(self, span: Span, source: Source) -> dict[str, Any]:
        """What finds the picture again in another cut: see ``conform``."""
        clip = span.leaf.clip
        origin: dict[str, Any] = {
            "path": list(span.leaf.path),
            "url": source.url,
            "media_s": str(span.media_s),
            "speed": str(span.speed),
        }
        if source.starts_s is not None:
            origin["starts_s"] = str(source.starts_s)
        if source.length_s is not None:
            origin["length_s"] = str(source.length_s)
        if clip.source_range is not None:
            origin["source_range"] = show_range(clip.source_range)
        if span.why:
            origin["why"] = span.why
        return origin


def unique(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """Number cue ids that occur more than once, in order."""
    result: list[Cue] = []
    seen: Counter[str] = Counter()
    for cue in cues:
        seen[cue.cue_id] += 1
        n = seen[cue.cue_id]
        result.append(cue if n == 1 else replace(cue, cue_id=f"{cue.cue_id}-{n}"))
    return tuple(result)


def _order(cue: Cue) -> tuple[int, bool, list[int]]:
    return cue.start_frame, cue.status == "skipped", cue.origin.get("path", [])


def _cue_id(clip: str, track: str, first: int, n_frames: int, origin: dict[str, Any]) -> str:
    facts = [clip, track, first, n_frames, origin.get("url", ""), origin.get("media_s", "")]
    return "c" + hashlib.sha1(json.dumps(facts).encode()).hexdigest()[:10]
