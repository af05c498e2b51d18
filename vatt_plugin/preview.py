"""A film to listen to: the cut's picture with the Foley, and its own sound if wanted, as an MP4.

For judging, not for delivery: at most 1280 pixels wide, H.264 and AAC. Picture and sound go through
one frame at a time, so an hour needs no more memory than a minute. A media file that cannot be
decoded shows as black; the sound is complete either way.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from vatt_engine.errors import CannotWrite
from vatt_engine.messages import PictureSegment
from vatt_plugin.cues import OUTPUT_SAMPLE_RATE, Cue
from vatt_plugin.original import Original, Playback, bent
from vatt_plugin.timeline import Placement, Timeline
from vatt_plugin.timeline.probe import FORMATS, probe
from vatt_plugin.timeline.tracks import Sound

MAX_WIDTH, MAX_HEIGHT = 1280, 720
FALLBACK_SIZE = (640, 360)
SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts", ".flv", ".3gp", "")
"""Names of files that hold H.264 beside AAC; one without a suffix is an MP4."""
_MAX_PIXELS = 8192 * 4352
_SEEK_AHEAD_S = 2.0  # decode on rather than seek, up to here
_EPSILON_S = 1e-4
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "enable_drefs": "0",
    "use_absolute_path": "0",
}

Image = NDArray[np.uint8]
"""RGB [height, width, 3]."""

_Heard = Callable[[int, int], NDArray[np.float32]]
"""Stereo samples of the timeline, from one number to the one before another; called in order."""

log = logging.getLogger(__name__)


def check_form(path: Path) -> None:
    """Refuse a name that stands for no film; before the sounds are made, not after.

    Raises:
        CannotWrite: files of this kind cannot hold the preview.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise CannotWrite(
            f"The preview {path.name} cannot be written: {path.suffix} files do not hold its "
            "picture and sound.",
            "Choose a name that ends in .mp4.",
        )


def write_preview(
    timeline: Timeline,
    placements: Sequence[Placement],
    path: Path,
    on_frame: Callable[[int], object] = lambda _: None,
    *,
    extra: Sequence[Sound] = (),
    original: Original | None = None,
) -> None:
    """Write the film under a temporary name, then rename it.

    Args:
        timeline: the cut.
        placements: the sounds, as ``timeline.write`` took them.
        path: of the film; replaced if it exists.
        extra: sounds that belong to no cue, as room tone, likewise.
        original: the cut's own sound, heard with the Foley; loud moments of both are bent, so
            that none clips.
        on_frame: told how many more video frames are done; may raise to stop.

    Raises:
        CannotWrite: disk full, no permission, or no film by its name.
    """
    check_form(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix or '.mp4'}")
    try:
        with (
            _Mix([*placements, *extra], timeline.fps) as mix,
            _with_original(mix, original) as heard,
            _Screen(timeline.cues) as screen,
        ):
            _encode(timeline, heard, screen, part, on_frame)
        part.replace(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CannotWrite(
            f"The preview {path.name} was not written: {error}.",
            "Choose a name that ends in .mp4, in a folder with enough space.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _with_original(mix: _Mix, original: Original | None) -> Iterator[_Heard]:
    """The Foley as it is, or added to the cut's own sound."""
    if original is None or not original.stretches:
        yield mix.samples
        return
    with Playback(original) as playback:
        yield lambda start, end: bent(mix.samples(start, end) + playback.samples(start, end))


def _encode(
    timeline: Timeline,
    heard: _Heard,
    screen: _Screen,
    path: Path,
    on_frame: Callable[[int], object],
) -> None:
    fps = timeline.fps
    with av.open(str(path), "w") as film:
        video: Any = film.add_stream(
            "libx264", rate=fps, options={"crf": "21", "preset": "veryfast"}
        )
        video.width, video.height = screen.size
        video.pix_fmt = "yuv420p"
        audio: Any = film.add_stream("aac", rate=OUTPUT_SAMPLE_RATE, layout="stereo")
        audio.bit_rate = 192_000
        n_sent = 0
        for number in range(timeline.n_frames):
            frame = av.VideoFrame.from_ndarray(screen.image(number), format="rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            film.mux(video.encode(frame))
            until = ceil((number + 1) * OUTPUT_SAMPLE_RATE / fps)
            for start in range(n_sent, until, 1024):
                n_sent = min(start + 1024, until)
                film.mux(audio.encode(_audio_frame(heard(start, n_sent), start)))
            on_frame(1)
        film.mux(video.encode(None))
        film.mux(audio.encode(None))


def _audio_frame(samples: NDArray[np.float32], start: int) -> av.AudioFrame:
    planar = np.ascontiguousarray(np.clip(samples, -1.0, 1.0).T)
    frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout="stereo")
    frame.sample_rate = OUTPUT_SAMPLE_RATE
    frame.pts, frame.time_base = start, Fraction(1, OUTPUT_SAMPLE_RATE)
    return frame


class _Laid(NamedTuple):
    """A file on the timeline, in samples: from ``first`` to ``last``, played from ``at`` on."""

    first: int
    last: int
    at: int
    path: Path

    @classmethod
    def of(cls, sound: Placement | Sound, fps: Fraction) -> _Laid:
        if isinstance(sound, Sound):
            frames = sound.start_frame, sound.end_frame, sound.in_frame
        else:
            cue = sound.cue
            end = cue.start_frame + cue.n_frames + sound.tail_frames
            frames = cue.start_frame, end, sound.handle_frames
        rate = OUTPUT_SAMPLE_RATE / fps
        first, last, at = (round(frame * rate) for frame in frames)
        return cls(first, last, at, sound.wav_path)


class _Mix:
    """The sounds where they lie on the timeline, added up; asked for from start to end."""

    def __init__(self, sounds: Iterable[Placement | Sound], fps: Fraction) -> None:
        self._coming = deque(sorted(_Laid.of(sound, fps) for sound in sounds))
        self._sounding: list[_Laid] = []
        self._files: dict[Path, soundfile.SoundFile] = {}

    def __enter__(self) -> _Mix:
        return self

    def __exit__(self, *_: object) -> None:
        for sound in self._files.values():
            sound.close()

    def samples(self, start: int, end: int) -> NDArray[np.float32]:
        """Stereo [end - start, 2] of the timeline's samples from ``start``; call in order."""
        while self._coming and self._coming[0].first < end:
            self._sounding.append(self._coming.popleft())
        self._sounding = [laid for laid in self._sounding if laid.last > start]
        total = np.zeros((end - start, 2), dtype=np.float32)
        for first, last, at, path in self._sounding:
            low, high = max(start, first), min(end, last)
            sound = self._open(path)
            sound.seek(min(at + low - first, sound.frames))
            read = sound.read(high - low, dtype="float32", always_2d=True)
            total[low - start : low - start + len(read)] += read  # mono spreads to both
        return total

    def _open(self, path: Path) -> soundfile.SoundFile:
        if path not in self._files:
            if len(self._files) >= 16:  # a reel has more clips than a process may have files
                self._files.pop(next(iter(self._files))).close()
            self._files[path] = soundfile.SoundFile(path)
        return self._files[path]


class _Screen:
    """What the audience sees at each frame of the timeline."""

    def __init__(self, cues: Sequence[Cue]) -> None:
        self._cues = sorted((c for c in cues if c.status == "ready"), key=lambda c: c.start_frame)
        self._next = 0
        self._player: _Player | None = None
        self.size = self._choose_size()
        self._black = np.zeros((self.size[1], self.size[0], 3), dtype=np.uint8)

    def __enter__(self) -> _Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._player is not None:
            self._player.close()

    def image(self, number: int) -> Image:
        """The picture at frame ``number``; call in ascending order."""
        while self._next < len(self._cues) and self._cues[self._next].start_frame <= number:
            if self._player is not None:
                self._player.close()
            self._player = _Player(self._cues[self._next], self.size)
            self._next += 1
        player = self._player
        if player is None or number >= player.cue.start_frame + player.cue.n_frames:
            return self._black
        image = player.image(float((number - player.cue.start_frame) / player.cue.fps))
        return self._black if image is None else image

    def _choose_size(self) -> tuple[int, int]:
        """Of the first picture whose size can be told, shrunk to fit, even in both directions."""
        for cue in self._cues:
            for segment in cue.picture:
                facts = probe(Path(segment.media)) if segment.media else None
                if facts is not None and facts.width and facts.height:
                    return _fit(facts.width, facts.height, (MAX_WIDTH, MAX_HEIGHT))
        return FALLBACK_SIZE


def _fit(width: float, height: float, box: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, box[0] / width, box[1] / height)
    return tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))  # type: ignore[return-value]


class _Player:
    """Plays the segments of one cue."""

    def __init__(self, cue: Cue, size: tuple[int, int]) -> None:
        self.cue = cue
        self._size = size
        self._starts = [0.0]
        for segment in cue.picture:
            self._starts.append(self._starts[-1] + segment.duration_s)
        self._index = -1
        self._reader: _Reader | None = None

    def image(self, at_s: float) -> Image | None:
        """The picture ``at_s`` seconds into the cue; None for black."""
        index = max(i for i, start in enumerate(self._starts[:-1]) if start <= at_s + _EPSILON_S)
        segment = self.cue.picture[index]
        if index != self._index:
            self.close()
            self._index = index
            self._reader = _open_reader(segment, self._size)
        if self._reader is None:
            return None
        inside_s = at_s - self._starts[index]
        return self._reader.image(segment.start_s + inside_s * segment.time_scalar)

    def close(self) -> None:
        """Close the media file."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _open_reader(segment: PictureSegment, size: tuple[int, int]) -> _Reader | None:
    if not segment.media:
        return None
    try:
        return _Reader(segment, size)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        log.info("no preview picture from %s: %s", segment.media, error)
        return None


class _Reader:
    """Decodes one media file, forwards where it can."""

    def __init__(self, segment: PictureSegment, size: tuple[int, int]) -> None:
        options, kind = dict(_OPTIONS), None
        if segment.sequence is not None:
            kind = "image2"
            options["start_number"] = str(segment.sequence.first_number)
            options["framerate"] = str(Fraction(segment.sequence.fps).limit_denominator(1001))
        self._container = av.open(segment.media, format=kind, options=options)
        self._stream = self._container.streams.video[0]
        context = self._stream.codec_context
        if context.width * context.height > _MAX_PIXELS:
            raise ValueError(f"{context.width}x{context.height} is too large")
        self._stream.thread_type = "AUTO"
        self._size = size
        self._frames: Iterator[Any] = self._container.decode(self._stream)
        first = next(self._frames, None)
        if first is None:
            raise ValueError("it holds no picture")
        self._zero_s = float(first.time or 0.0)
        self._shown, self._coming = first, next(self._frames, None)
        self._drawn: tuple[Any, Image] | None = None

    def image(self, media_s: float) -> Image | None:
        """The video frame shown ``media_s`` seconds after the file's first."""
        wanted = self._zero_s + max(0.0, media_s) + _EPSILON_S
        try:
            self._go_to(wanted)
        except av.FFmpegError as error:
            log.info("preview picture: %s", error)
        if self._drawn is None or self._drawn[0] is not self._shown:
            self._drawn = (self._shown, self._draw(self._shown))
        return self._drawn[1]

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _go_to(self, wanted: float) -> None:
        shown_s = float(self._shown.time or 0.0)
        if wanted < shown_s or wanted > shown_s + _SEEK_AHEAD_S:
            self._seek(wanted)
        while self._coming is not None and float(self._coming.time or 0.0) <= wanted:
            self._shown, self._coming = self._coming, next(self._frames, None)

    def _seek(self, wanted: float) -> None:
        assert self._stream.time_base is not None
        with contextlib.suppress(av.FFmpegError):  # an image sequence: what is there is shown
            self._container.seek(int(wanted / self._stream.time_base), stream=self._stream)
            self._frames = self._container.decode(self._stream)
            found = next(self._frames, None)
            if found is not None:
                self._shown, self._coming = found, next(self._frames, None)

    def _draw(self, frame: Any) -> Image:
        """The video frame on a canvas of the film's size, upright, with black bars as needed."""
        ratio = float(self._stream.sample_aspect_ratio or 1) or 1.0
        turned = int(frame.rotation or 0) // 90 % 4
        width, height = frame.width * ratio, float(frame.height)
        if turned % 2:
            width, height = height, width
        scale = min(self._size[0] / width, self._size[1] / height)
        w, h = (max(2, min(side, round(length * scale))) for side, length in
                zip(self._size, (width, height), strict=True))  # fmt: skip
        drawn_w, drawn_h = (h, w) if turned % 2 else (w, h)
        small = frame.reformat(drawn_w, drawn_h, "rgb24").to_ndarray()
        if turned:
            small = np.rot90(small, turned)
        canvas = np.zeros((self._size[1], self._size[0], 3), dtype=np.uint8)
        top, left = (self._size[1] - h) // 2, (self._size[0] - w) // 2
        canvas[top : top + h, left : left + w] = small
        return canvas
