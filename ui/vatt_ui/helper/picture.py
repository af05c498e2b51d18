"""Pictures of media files at exact times, for the viewer and the timeline's thumbnails.

Limits are checked from the header, before anything is decoded; playlists are refused, and only
local files are opened. The last decoders stay open and the last pictures stay cached, so playing
on, and stepping back inside a group of pictures, cost one decoding each.
"""

from __future__ import annotations

import math
import mmap
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from vatt_engine.errors import MediaMissing, MediaTooLarge, MediaUnreadable, NoVideoStream
from vatt_ui.helper.shared import N_SLOTS, SLOT_BYTES

MAX_PIXELS = 40_000_000
N_OPEN = 3
N_CACHED = 150
CACHE_BYTES = 220_000_000
FORWARD_S = 1.5  # decode on rather than seek when the target is this near

Picture = npt.NDArray[np.uint8]


def open_local(path: str) -> Any:
    """Open a local media file that is no playlist.

    Raises:
        MediaMissing: no such file, or not a file.
        MediaUnreadable: not media, a list of other files, or damaged.
    """
    file = Path(path)
    if not file.is_file():
        raise MediaMissing(f"{file.name} is not there.", "Find it with File > Find missing media.")
    with file.open("rb") as handle:
        head = handle.read(64).lstrip()
    if not head:
        raise MediaUnreadable(f"{file.name} is empty.")
    if head.startswith((b"#EXTM3U", b"ffconcat", b"[playlist]", b"<?xml", b"<MPD")):
        raise MediaUnreadable(f"{file.name} is a list of other files; lists are not followed.")
    try:
        return av.open(str(file), options={"protocol_whitelist": "file"})
    except (av.FFmpegError, ValueError, UnicodeError) as error:
        raise MediaUnreadable(f"{file.name} cannot be read: {error}.") from error


class MediaPicture:
    """One open video file; times are seconds from its first video frame."""

    def __init__(self, path: str) -> None:
        self.container = open_local(path)
        streams = self.container.streams.video
        if not streams:
            self.container.close()
            raise NoVideoStream(f"{Path(path).name} has no picture.")
        self.stream = streams[0]
        context = self.stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            self.container.close()
            raise MediaTooLarge(
                f"{Path(path).name} is {context.width} x {context.height}; "
                f"the limit is {MAX_PIXELS // 1_000_000} million pixels.",
                "Make a smaller proxy and relink to it.",
            )
        self.stream.thread_type = "AUTO"
        self.fps = float(self.stream.average_rate or self.stream.guessed_rate or 25)
        self._base = float(self.stream.time_base or 1 / 90000)
        self._first = float((self.stream.start_time or 0) * self._base)
        self._frames: Iterator[Any] = self.container.decode(self.stream)
        self._current: tuple[float, Any] | None = None
        self._ahead: tuple[float, Any] | None = None
        self._cache: OrderedDict[tuple[int, int, int], Picture] = OrderedDict()
        self._cache_bytes = 0

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()

    def at(self, time_s: float, width: int, height: int) -> tuple[float, Picture]:
        """The picture shown at ``time_s``, fitted into ``width`` x ``height``, BGRA.

        Returns:
            The time of that video frame, and the picture [H, W, 4].

        Raises:
            MediaUnreadable: nothing can be decoded there.
        """
        number = max(0, math.floor(time_s * self.fps + 0.1))
        cached = self._cache.get((number, width, height))
        if cached is not None:
            self._cache.move_to_end((number, width, height))
            return number / self.fps, cached
        wanted = time_s + 0.1 / self.fps
        backwards = self._current is not None and wanted < self._current[0]
        far = self._current is None or wanted > self._current[0] + FORWARD_S
        if backwards or far:
            self._seek(wanted)
        while True:
            if self._current is None:
                self._current = self._next()
                if self._current is None:
                    raise MediaUnreadable("No picture can be decoded there.")
            if self._ahead is None:
                self._ahead = self._next()
            if self._ahead is None or self._ahead[0] > wanted:
                break
            if backwards and self._current[0] > wanted - 1.0:
                self._keep(self._current, width, height)
            self._current, self._ahead = self._ahead, None
        return self._current[0], self._keep(self._current, width, height)

    def _seek(self, time_s: float) -> None:
        target = max(0.0, time_s) + self._first
        try:
            self.container.seek(int(target / self._base), stream=self.stream, backward=True)
        except av.FFmpegError:
            self.container.seek(0)
        self._frames = self.container.decode(self.stream)
        self._current = self._ahead = None

    def _next(self) -> tuple[float, Any] | None:
        for _ in range(64):
            try:
                frame = next(self._frames, None)
            except av.FFmpegError:
                continue  # a damaged packet; the next one may do
            if frame is None:
                return None
            if frame.pts is not None:
                return float(frame.pts) * self._base - self._first, frame
        return None

    def _keep(self, timed: tuple[float, Any], width: int, height: int) -> Picture:
        key = (max(0, math.floor(timed[0] * self.fps + 0.1)), width, height)
        picture = self._cache.get(key)
        if picture is None:
            picture = fitted(timed[1], self.stream, width, height)
            self._cache[key] = picture
            self._cache_bytes += picture.nbytes
            while len(self._cache) > N_CACHED or self._cache_bytes > CACHE_BYTES:
                self._cache_bytes -= self._cache.popitem(last=False)[1].nbytes
        return picture


def fitted(frame: Any, stream: Any, width: int, height: int) -> Picture:
    """A decoded video frame upright, in square pixels, inside the box: BGRA [H, W, 4]."""
    turns = round(int(getattr(frame, "rotation", 0) or 0) / 90) % 4
    box_w, box_h = (height, width) if turns % 2 else (width, height)
    aspect = float(stream.sample_aspect_ratio or 1) or 1.0
    shown_w = frame.width * aspect
    scale = min(box_w / shown_w, box_h / frame.height)
    size = max(2, round(shown_w * scale) // 2 * 2), max(2, round(frame.height * scale) // 2 * 2)
    picture = frame.reformat(width=size[0], height=size[1], format="bgra").to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


class PictureReader:
    """The open files of one helper, and the shared file that pictures are put into."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, MediaPicture] = OrderedDict()
        self._shared: dict[str, mmap.mmap] = {}

    def frame(
        self,
        media: str,
        time_s: float,
        width: int,
        height: int,
        shared: str,
        slot: int,
        sequence: dict[str, float] | None = None,
    ) -> dict[str, Any]:
        """Put the picture at a time into a slot of the shared file."""
        if sequence:
            number = int(sequence["first_number"]) + math.floor(time_s * sequence["fps"] + 0.1)
            media, time_s = media % number, 0.0
        at_s, picture = self._media(media).at(time_s, min(width, 1920), min(height, 1080))
        rows, columns = picture.shape[:2]
        memory = self._map(shared)
        start = slot * SLOT_BYTES
        memory[start : start + picture.nbytes] = picture.tobytes()
        return {"slot": slot, "width": columns, "height": rows, "time_s": at_s}

    def thumbnail(self, media: str, time_s: float, width: int, height: int) -> Picture:
        """A small picture; uses the same decoders."""
        return self._media(media).at(time_s, width, height)[1]

    def _media(self, path: str) -> MediaPicture:
        found = self._open.get(path)
        if found is None:
            found = self._open[path] = MediaPicture(path)
            if len(self._open) > N_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(path)
        return found

    def _map(self, path: str) -> mmap.mmap:
        found = self._shared.get(path)
        if found is None:
            with Path(path).open("r+b") as file:
                found = self._shared[path] = mmap.mmap(file.fileno(), SLOT_BYTES * N_SLOTS)
        return found
