"""What the audience sees, as evenly timed images for the nets.

Segments play one after the other; every feed asks for images at ``k / fps`` seconds from the start
of the first one, and all feeds are served from one decoding pass. Images are scaled down straight
from the decoder's frame, so a full-size picture never reaches Python.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest, MediaUnreadable
from vatt_engine.media.sources import (
    TIME_TOLERANCE,
    Check,
    Shown,
    Source,
    never_cancelled,
    open_source,
)
from vatt_engine.messages import ImageSequence, PictureSegment

Image = NDArray[np.uint8]

_REVERSE_CHUNK_S = 4  # played seconds that are decoded forwards and kept small, then turned round
_MAX_SCALED_SIDE = 16_384  # of the image before cropping, for pictures like a 1 x 8000 line


@dataclass(frozen=True)
class Feed:
    """How often and how large images are wanted.

    Attributes:
        fps: images per played second.
        width: of each image in pixels.
        height: of each image in pixels.
        gray: brightness only.
        fit: ``cover`` keeps the shape and crops what sticks out, as image encoders are trained;
            ``stretch`` shows all of the picture.
    """

    fps: Fraction
    width: int
    height: int
    gray: bool = False
    fit: Literal["cover", "stretch"] = "cover"

    def n_images(self, duration_s: Fraction) -> int:
        """How many images a picture of this length gives: all ``k / fps < duration_s``."""
        return math.ceil(duration_s * self.fps)


class Picked(NamedTuple):
    """Image ``number`` of feed ``feed``.

    ``image`` is [3, H, W] or, gray, [H, W]. While one video frame stays on screen the very same
    array comes again, so ``is`` tells a repeated frame from a still one. ``shown`` is False where
    the file has no picture at this time (black is given). ``since_s`` is the played time at which
    the video frame came on screen, if that is known: up to one frame before ``number / fps``.
    """

    feed: int
    number: int
    image: Image
    shown: bool
    since_s: float | None = None


@dataclass(frozen=True)
class Note:
    """Something a user should know about a picture that could be used all the same.

    Attributes:
        kind: stable name: ``media_short``, ``media_damaged``.
        message: for people.
    """

    kind: str
    message: str


class Picture:
    """The picture of one cue.

    Attributes:
        duration_s: length as played, exact.
        notes: what came up while decoding; complete once ``images`` is exhausted.
        missing_s: played spans (start, end) for which a named file had no picture.
    """

    def __init__(self, segments: Sequence[PictureSegment], check: Check = never_cancelled) -> None:
        """Look at nothing yet.

        Args:
            segments: what plays, in order.
            check: called often; raises to stop.

        Raises:
            BadRequest: no segment, or a length that is not a positive number.
        """
        if not segments:
            raise BadRequest("There is no picture: the cue has no segments.")
        for segment in segments:
            numbers = (segment.start_s, segment.duration_s, segment.time_scalar)
            if not all(map(math.isfinite, numbers)) or segment.duration_s <= 0:
                raise BadRequest(
                    f"A picture segment must have finite times and a positive length,"
                    f" got start {segment.start_s} s, length {segment.duration_s} s,"
                    f" speed {segment.time_scalar}."
                )
        self.notes: list[Note] = []
        self.missing_s: list[tuple[float, float]] = []
        self._segments = tuple(segments)
        self._check = check
        starts = [Fraction(0)]
        for segment in segments:
            starts.append(starts[-1] + exact(segment.duration_s))
        self._starts = starts
        self.duration_s = starts[-1]

    def images(self, feeds: Sequence[Feed], from_s: Fraction = Fraction(0)) -> Iterator[Picked]:
        """All images of all feeds, by time; feeds in their order at equal times.

        Args:
            feeds: what is wanted.
            from_s: leave out what is earlier.

        Raises:
            MediaMissing, MediaUnreadable, NoVideoStream, MediaTooLarge: a segment's file.
            Whatever ``check`` raises.
        """
        self.notes.clear()
        self.missing_s.clear()
        scaler = _Scaler(feeds)
        source: Source | None = None
        opened: tuple[str, ImageSequence | None] | None = None
        try:
            spans = itertools.pairwise(self._starts)
            for segment, (start, end) in zip(self._segments, spans, strict=True):
                ticks = _ticks(feeds, max(start, from_s), end)
                if not segment.media:
                    for tick in ticks:
                        self._check()
                        yield scaler.black(tick, shown=True)
                    continue
                if source is None or (segment.media, segment.sequence) != opened:
                    if source is not None:
                        self._finish(source)
                    opened = segment.media, segment.sequence
                    source = open_source(*opened, self._check)
                play = _forwards if segment.time_scalar >= 0 else _backwards
                yield from self._watch(play(source, segment, start, ticks, scaler), feeds, end)
        finally:
            if source is not None:
                self._finish(source)

    def _watch(
        self, images: Iterator[Picked], feeds: Sequence[Feed], end: Fraction
    ) -> Iterator[Picked]:
        """Pass images on and keep account of spans without picture."""
        gap: Fraction | None = None
        for picked in images:
            time_s = picked.number / feeds[picked.feed].fps
            if not picked.shown and gap is None:
                gap = time_s
            elif picked.shown and gap is not None:
                self.missing_s.append((float(gap), float(time_s)))
                gap = None
            yield picked
        if gap is not None:
            self.missing_s.append((float(gap), float(end)))

    def _finish(self, source: Source) -> None:
        name = source.info.path.name
        if source.n_damaged:
            self._note(
                "media_damaged",
                f"{name}: {source.n_damaged} damaged places were skipped; the picture before"
                " them was held.",
            )
        if self.missing_s:
            missing_s = sum(b - a for a, b in self.missing_s)
            self._note(
                "media_short",
                f"{name} has no picture for {missing_s:.2f} s of the clip,"
                f" first at {self.missing_s[0][0]:.2f} s.",
            )
        source.close()

    def _note(self, kind: str, message: str) -> None:
        note = Note(kind, message)
        if note not in self.notes:
            self.notes.append(note)


def exact(seconds: float) -> Fraction:
    """The rational number meant by a float: n/24, n * 1001/30000, n/1000000, ..."""
    return Fraction(seconds).limit_denominator(1_000_000)


class _Tick(NamedTuple):
    time_s: Fraction
    feed: int
    number: int


def _ticks(feeds: Sequence[Feed], start: Fraction, end: Fraction) -> Iterator[_Tick]:
    """When images are due in [start, end)."""

    def of_feed(feed: int, fps: Fraction) -> Iterator[_Tick]:
        number = math.ceil(start * fps)
        while number < end * fps:
            yield _Tick(number / fps, feed, number)
            number += 1

    return heapq.merge(*(of_feed(i, feed.fps) for i, feed in enumerate(feeds)))


@dataclass(frozen=True)
class _Clock:
    """Played time to media time and back for one segment."""

    start: Fraction  # played
    first_s: Fraction  # media
    speed: Fraction

    def media_s(self, played_s: Fraction) -> Fraction:
        return self.first_s + (played_s - self.start) * self.speed

    def played_s(self, media_s: Fraction | None) -> float | None:
        if media_s is None or not self.speed:
            return None
        return float(self.start + (media_s - self.first_s) / self.speed)


def _forwards(
    source: Source,
    segment: PictureSegment,
    start: Fraction,
    ticks: Iterator[_Tick],
    scaler: _Scaler,
) -> Iterator[Picked]:
    clock = _Clock(start, exact(segment.start_s), exact(segment.time_scalar))
    for tick in ticks:
        yield scaler.pick(tick, source.at(clock.media_s(tick.time_s)), clock)


def _backwards(
    source: Source,
    segment: PictureSegment,
    start: Fraction,
    ticks: Iterator[_Tick],
    scaler: _Scaler,
) -> Iterator[Picked]:
    """Decode short stretches forwards, keep their small images, and hand them out turned round.

    Played backwards a frame stays on screen from its own timestamp on, so the frame wanted is the
    earliest one *not before* the asked time; one frame later and a little less, it is the one that
    ``Source.at`` finds.
    """
    clock = _Clock(start, exact(segment.start_s), exact(segment.time_scalar))
    ahead = Fraction(0)
    if source.info.fps:
        ahead = 1 / source.info.fps - 2 * min(TIME_TOLERANCE, 1 / (4 * source.info.fps))
    for chunk in _chunks(ticks):
        images = [
            scaler.pick(tick, source.at(clock.media_s(tick.time_s) + ahead), clock)
            for tick in reversed(chunk)
        ]
        yield from reversed(images)


def _chunks(ticks: Iterator[_Tick]) -> Iterator[list[_Tick]]:
    chunk: list[_Tick] = []
    for tick in ticks:
        if chunk and tick.time_s - chunk[0].time_s >= _REVERSE_CHUNK_S:
            yield chunk
            chunk = []
        chunk.append(tick)
    if chunk:
        yield chunk


class _Scaler:
    """Scales decoded frames for each feed; one frame is scaled once however long it is shown."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self._feeds = feeds
        self._black = [
            np.zeros((f.height, f.width) if f.gray else (3, f.height, f.width), np.uint8)
            for f in feeds
        ]
        self._reformatters = [av.video.reformatter.VideoReformatter() for _ in feeds]
        self._last: list[tuple[Any, Image] | None] = [None] * len(feeds)

    def black(self, tick: _Tick, shown: bool) -> Picked:
        return Picked(tick.feed, tick.number, self._black[tick.feed], shown)

    def pick(self, tick: _Tick, shown: Shown | None, clock: _Clock) -> Picked:
        if shown is None:
            return self.black(tick, shown=False)
        last = self._last[tick.feed]
        if last is None or last[0] is not shown.frame:
            last = shown.frame, self._scale(shown, tick.feed)
            self._last[tick.feed] = last
        return Picked(tick.feed, tick.number, last[1], True, clock.played_s(shown.since_s))

    def _scale(self, shown: Shown, number: int) -> Image:
        frame, feed = shown.frame, self._feeds[number]
        width, height = _scaled_size(*shown.display_size, feed)
        turned = bool(frame.rotation % 180)
        try:
            small = self._reformatters[number].reformat(
                frame,
                width=height if turned else width,
                height=width if turned else height,
                format="gray" if feed.gray else "rgb24",
                src_colorspace=_colorspace(frame),
                interpolation=_GRAY_FILTER if feed.gray else _COLOUR_FILTER,
            )
        except (av.error.FFmpegError, ValueError) as error:
            raise MediaUnreadable(
                f"A picture of {frame.width}x{frame.height} ({frame.format.name}) cannot be"
                f" scaled: {error}.",
                "Make a proxy in a common format (H.264, ProRes, DNxHR) and relink the clip.",
            ) from None
        image: Image = small.to_ndarray()
        if frame.rotation:
            image = np.rot90(image, k=round(frame.rotation / 90) % 4)
        top, left = (height - feed.height) // 2, (width - feed.width) // 2
        image = image[top : top + feed.height, left : left + feed.width]
        return np.ascontiguousarray(image if feed.gray else image.transpose(2, 0, 1))


_Filter = av.video.reformatter.Interpolation
# Exact rounding, so that the same file gives the same images on every kind of processor.
_EXACT = _Filter.ACCURATE_RND | _Filter.BITEXACT
_COLOUR_FILTER = _Filter.BICUBIC | _EXACT
_GRAY_FILTER = _Filter.AREA | _EXACT  # plain averages: half the time, and less noise


def _scaled_size(width: int, height: int, feed: Feed) -> tuple[int, int]:
    """Size of the whole picture, of which the middle ``feed.width`` x ``feed.height`` is used."""
    if feed.fit == "stretch":
        return feed.width, feed.height
    scale = max(Fraction(feed.width, width), Fraction(feed.height, height))
    scaled = max(feed.width, round(width * scale)), max(feed.height, round(height * scale))
    return min(scaled[0], _MAX_SCALED_SIDE), min(scaled[1], _MAX_SCALED_SIDE)


def _colorspace(frame: Any) -> int:
    """The YUV matrix; files that name none are taken as players take them, by size."""
    named = av.video.reformatter.Colorspace
    known = {1: named.ITU709, 4: named.FCC, 5: named.ITU601, 6: named.SMPTE170M}
    known |= {7: named.SMPTE240M, 9: named.BT2020, 10: named.BT2020}
    fallback = named.ITU709 if frame.height >= 720 else named.ITU601
    return int(known.get(int(frame.colorspace), fallback))
