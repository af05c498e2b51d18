"""Find the video frame that is on screen at a given media time.

A source answers one question: which picture does the audience see at this time, in seconds from
the file's own first video frame? Ascending times are answered by decoding forward, others by
seeking, so only a handful of decoded video frames is ever held. A frame is on screen from its
presentation timestamp until the next one's, whatever the frame rate claims; that covers constant
and variable rates alike.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Callable, Generator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import av

from vatt_engine.errors import MediaMissing, MediaUnreadable
from vatt_engine.media.probe import (
    MAX_STILL_PIXELS,
    MAX_VIDEO_PIXELS,
    MediaInfo,
    check_size,
    is_still,
    open_media,
    start_timecode,
    video_stream,
)
from vatt_engine.messages import ImageSequence

TIME_TOLERANCE = Fraction(6, 10_000)
"""Containers such as Matroska round timestamps to the millisecond, so a frame stamped up to half of
one after the asked time still counts as the one shown then."""

_SEEK_AHEAD_S = 8  # further ahead than this it is quicker to seek than to decode through
_MAX_BAD_IN_A_ROW = 500  # packets; a file that is damaged to its end must not be retried for ever
_DEFAULT_RATE = Fraction(25)  # for elementary streams that state none

Check = Callable[[], None]


def never_cancelled() -> None:
    """The ``check`` of callers that cannot be cancelled."""


class Shown(NamedTuple):
    """A decoded ``av.VideoFrame``, the shape of its pixels, and since when it is on screen.

    ``pixel_aspect`` is width over height; ``since_s`` counts from the file's first video frame and
    is None for a still image.
    """

    frame: Any
    pixel_aspect: Fraction
    since_s: Fraction | None

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height as the audience sees it: square pixels, rotated.

        Pixel aspect is realised in the width, so that no line is thrown away.
        """
        width, height = max(1, round(self.frame.width * self.pixel_aspect)), self.frame.height
        return (height, width) if self.frame.rotation % 180 else (width, height)


class Source(Protocol):
    """A movie, a still image or an image sequence."""

    @property
    def info(self) -> MediaInfo:
        """What was opened."""
        ...

    @property
    def n_damaged(self) -> int:
        """How many packets or images could not be decoded so far."""
        ...

    def at(self, time_s: Fraction) -> Shown | None:
        """The video frame on screen at a time, None where there is none.

        The same frame is the same ``av.VideoFrame`` object as long as times ascend.

        Args:
            time_s: from the first video frame of the file.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def open_source(
    media: str, sequence: ImageSequence | None = None, check: Check = never_cancelled
) -> Source:
    """Open what a ``PictureSegment`` names.

    Args:
        media: absolute path, or printf pattern.
        sequence: set for a pattern.
        check: called between packets; raises to stop.

    Raises:
        MediaMissing, MediaUnreadable, NoVideoStream, MediaTooLarge: see ``probe.open_media``.
    """
    if sequence is not None:
        return SequenceSource(media, sequence, check)
    return MovieSource(Path(media), check)


def probe(path: Path) -> MediaInfo:
    """Describe a media file; its first video frame is decoded as a proof.

    Raises:
        MediaMissing, MediaUnreadable, NoVideoStream, MediaTooLarge: see ``open_media``.
    """
    source = MovieSource(path)
    try:
        return source.info
    finally:
        source.close()


class MovieSource:
    """A movie file, or a still image, which is shown for ever."""

    _zero: Fraction  # timestamp of the first video frame, in seconds
    _decoded: Generator[tuple[Fraction, Any], None, None]

    def __init__(self, path: Path, check: Check = never_cancelled) -> None:
        self.n_damaged = 0
        self._check = check
        self._path = path
        self._open()
        self.info = self._describe()

    def at(self, time_s: Fraction) -> Shown | None:
        """See ``Source.at``."""
        if self._is_still:
            return Shown(self._current[1], self._pixel_aspect, None)
        one_frame = 1 / self._rate
        target = self._zero + time_s + min(TIME_TOLERANCE, one_frame / 4)
        decoded_to = (self._upcoming or self._current)[0]
        if target < self._current[0] or (target - decoded_to > _SEEK_AHEAD_S and not self._at_end):
            self._seek(target)
        self._advance(target)
        pts, frame = self._current
        # Cuts are rounded to whole frames: up to one frame outside shows the nearest one.
        early = target < pts - one_frame
        late = self._at_end and target >= self._end() + one_frame
        return None if early or late else Shown(frame, self._pixel_aspect, pts - self._zero)

    def close(self) -> None:
        """Close the file."""
        self._decoded.close()
        self._container.close()

    def _describe(self) -> MediaInfo:
        stream, container = self._stream, self._container
        width, height = Shown(self._current[1], self._pixel_aspect, None).display_size
        duration: float | None = None
        if stream.duration is not None:
            duration = float(stream.duration * self._tick)
        elif container.duration is not None:
            duration = container.duration / av.time_base
        return MediaInfo(
            path=self._path,
            container=container.format.name,
            codec=stream.codec_context.name,
            width=width,
            height=height,
            fps=Fraction(0) if self._is_still else self._rate,
            duration_s=None if self._is_still else duration,
            n_frames=1 if self._is_still else stream.frames or None,
            has_audio=bool(container.streams.audio),
            is_still=self._is_still,
            start_timecode=start_timecode(container, stream),
        )

    def _decode(self) -> Generator[tuple[Fraction, Any], None, None]:
        """Frames from where the file stands, with ascending timestamps in seconds."""
        last: Fraction | None = None
        bad_in_a_row = 0
        packets = self._container.demux(self._stream)
        while True:
            self._check()
            try:
                packet = next(packets)
                frames = packet.decode()
            except (StopIteration, EOFError):
                return
            # IndexError: damage can make a demuxer see a stream that PyAV does not know of.
            except (av.error.FFmpegError, IndexError):
                self.n_damaged += 1
                bad_in_a_row += 1
                if bad_in_a_row > _MAX_BAD_IN_A_ROW:
                    return
                packets = self._container.demux(self._stream)  # an error ends the generator
                continue
            bad_in_a_row = 0
            for frame in frames:
                if frame.pts is not None:
                    pts = frame.pts * Fraction(frame.time_base or self._tick)
                else:  # an elementary stream without timestamps: count
                    pts = Fraction(0) if last is None else last + 1 / self._rate
                if last is not None and pts <= last:
                    continue
                last = pts
                yield pts, frame

    def _stand_on(self, found: tuple[Fraction, Any]) -> None:
        self._current: tuple[Fraction, Any] = found
        self._upcoming: tuple[Fraction, Any] | None = None
        self._at_end = False

    def _advance(self, target: Fraction) -> None:
        """Decode until the next frame lies after ``target``."""
        while not self._at_end:
            if self._upcoming is None:
                self._upcoming = next(self._decoded, None)
                self._at_end = self._upcoming is None
            if self._upcoming is None or self._upcoming[0] > target:
                return
            self._current, self._upcoming = self._upcoming, None

    def _seek(self, target: Fraction) -> None:
        """Stand on a frame at or before ``target``, or on the first frame of the file.

        Indexes point at key frames only roughly in some containers, and some have none: whoever
        lands behind the target goes back further, at last to the beginning.
        """
        start, back = target, Fraction(2)
        while start > self._zero:
            self._decoded.close()
            try:
                offset = math.floor(start / self._tick)
                self._container.seek(offset, stream=self._stream, backward=True)
            except av.error.FFmpegError:
                break
            self._decoded = self._decode()
            found = next(self._decoded, None)
            if found is not None and found[0] <= target:
                self._stand_on(found)
                return
            start, back = target - back, 2 * back
        self._decoded.close()
        self._container.close()
        self._open()

    def _open(self) -> None:
        """Open the file and stand on its first video frame."""
        self._container = open_media(self._path)
        try:
            self._stream = video_stream(self._container, self._path)
            self._is_still = is_still(self._container)
            codec = self._stream.codec_context
            check_size(self._path, codec.width, codec.height, self._is_still)
            # The header may lie, or the size change midway: the decoder holds the limit as well.
            limit = MAX_STILL_PIXELS if self._is_still else MAX_VIDEO_PIXELS
            codec.options = {"max_pixels": str(limit)}
            codec.thread_type = "AUTO"
            codec.thread_count = _n_threads(codec.width * codec.height)
            self._rate = Fraction(
                self._stream.average_rate or self._stream.guessed_rate or _DEFAULT_RATE
            )
            self._tick = Fraction(self._stream.time_base)
            aspect = self._stream.sample_aspect_ratio
            self._pixel_aspect = Fraction(aspect) if aspect else Fraction(1)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise MediaUnreadable(
                    f"{self._path.name} has a header, but no picture in it can be decoded.",
                    "The file is damaged or cut off: copy or export it again.",
                )
        except BaseException:
            self._container.close()
            raise
        self._zero = first[0]
        self._stand_on(first)

    def _end(self) -> Fraction:
        """When the current frame leaves the screen if it is the last."""
        pts, frame = self._current
        return pts + (frame.duration * self._tick if frame.duration else 1 / self._rate)


class SequenceSource:
    """Numbered images; each file is opened, checked and decoded by itself."""

    def __init__(
        self, pattern: str, sequence: ImageSequence, check: Check = never_cancelled
    ) -> None:
        fields = re.findall(r"%0?\d*d", Path(pattern).name)
        if len(fields) != 1 or not sequence.fps > 0:
            raise MediaUnreadable(
                f"{Path(pattern).name} is no image sequence: one number field such as %04d in the"
                f" file name and a positive rate are needed (rate {sequence.fps}).",
                "Relink the clip to the sequence.",
            )
        self.n_damaged = 0
        self._check = check
        self._pattern = Path(pattern)
        self._field = fields[0]
        self._first = sequence.first_number
        self._fps = Fraction(sequence.fps).limit_denominator(1001)
        self._number: int | None = None
        self._image: Shown | None = None
        first = MovieSource(self._path_of(self._first))
        try:
            info = first.info
        finally:
            first.close()
        self.info = MediaInfo(
            path=self._pattern,
            container="image sequence",
            codec=info.codec,
            width=info.width,
            height=info.height,
            fps=self._fps,
            duration_s=None,
            n_frames=None,
            has_audio=False,
            is_still=False,
            start_timecode=None,
        )

    def at(self, time_s: Fraction) -> Shown | None:
        """See ``Source.at``; a number that is missing shows None."""
        self._check()
        index = math.floor((time_s + min(TIME_TOLERANCE, 1 / (4 * self._fps))) * self._fps)
        number = self._first + index
        if number != self._number:
            self._number, self._image = number, self._load(number) if index >= 0 else None
        return self._image

    def close(self) -> None:
        """Nothing is held open."""

    def _path_of(self, number: int) -> Path:
        text = str(number).zfill(int(self._field[1:-1] or 0))
        return self._pattern.with_name(self._pattern.name.replace(self._field, text))

    def _load(self, number: int) -> Shown | None:
        try:
            source = MovieSource(self._path_of(number))
        except MediaMissing:
            return None
        except MediaUnreadable:
            self.n_damaged += 1
            return None
        with contextlib.closing(source):
            shown = source.at(Fraction(0))
        since_s = (number - self._first) / self._fps
        return None if shown is None else shown._replace(since_s=since_s)


def _n_threads(n_pixels: int) -> int:
    """Frame threads each hold several decoded frames, so large pictures get fewer."""
    cpus = os.cpu_count() or 1
    return max(1, min(cpus, 4 if n_pixels <= 1920 * 1088 else 2 if n_pixels <= 4096 * 2304 else 1))
