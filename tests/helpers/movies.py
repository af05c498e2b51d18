"""Tiny movies whose content is known exactly, written with PyAV on the fly.

``write_numbered`` burns its number into every video frame as a grid of black and white cells that
survives scaling and compression, so a test can tell which frame it was shown, and which way up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

_CELLS = 4  # the grid is 4 x 4: corners tell the orientation, the 12 others are bits


def number_image(number: int, width: int = 128, height: int = 96) -> Image:
    """[height, width, 3] picture of a number below 4096; white in the top left corner."""
    bits = iter([(number >> i) & 1 for i in range(_CELLS * _CELLS - 4)])
    grid = np.zeros((_CELLS, _CELLS), np.uint8)
    for row in range(_CELLS):
        for column in range(_CELLS):
            if (row, column) == (0, 0):
                grid[row, column] = 235
            elif row in (0, _CELLS - 1) and column in (0, _CELLS - 1):
                grid[row, column] = 20
            else:
                grid[row, column] = 235 if next(bits) else 20
    rows = np.arange(height) * _CELLS // height
    columns = np.arange(width) * _CELLS // width
    return np.repeat(grid[np.ix_(rows, columns)][:, :, None], 3, axis=2)


def read_number(image: Image) -> int:
    """The number in a [3, H, W] or [H, W] image of any size.

    Raises:
        AssertionError: the picture stands on its head or side, or is no number at all.
    """
    gray = image.mean(axis=0) if image.ndim == 3 else image.astype(float)
    height, width = gray.shape
    grid = np.empty((_CELLS, _CELLS))
    for row in range(_CELLS):
        for column in range(_CELLS):
            top, left = row * height // _CELLS, column * width // _CELLS
            cell = gray[top : top + height // _CELLS, left : left + width // _CELLS]
            grid[row, column] = cell[
                len(cell) // 4 : -(len(cell) // 4) or None,
                cell.shape[1] // 4 : -(cell.shape[1] // 4) or None,
            ].mean()
    corners = [grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1]]
    assert corners[0] > 128 > max(corners[1:]), f"not upright: corners {corners}"
    corner = (0, _CELLS - 1)
    bits = [
        grid[row, column] > 128
        for row in range(_CELLS)
        for column in range(_CELLS)
        if not (row in corner and column in corner)
    ]
    return sum(bit << i for i, bit in enumerate(bits))


def write_movie(
    path: Path,
    images: Iterable[Image],
    fps: Fraction | int = 25,
    codec: str = "libx264",
    times_s: Sequence[Fraction] | None = None,
    gop: int = 12,
    b_frames: int = 2,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    timecode: str | None = None,
    sound: NDArray[np.float32] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write [H, W, 3] images as a movie; ``times_s`` makes the frame rate variable."""
    tick = Fraction(1, 90_000) if times_s is not None else 1 / Fraction(fps)
    with av.open(str(path), "w") as container:
        stream = None
        audio = (
            container.add_stream("aac", rate=48_000, layout="mono") if sound is not None else None
        )
        for i, image in enumerate(images):
            if stream is None:
                stream = container.add_stream(codec, rate=Fraction(fps))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.codec_context.time_base = tick
                stream.codec_context.gop_size = gop
                if codec in ("libx264", "mpeg2video", "mpeg4"):
                    stream.codec_context.max_b_frames = b_frames
                if codec == "libx264":
                    stream.options = {"preset": "ultrafast", "bf": str(b_frames), "crf": "23"}
                if options is not None:
                    stream.options = options
                if pixel_aspect is not None:
                    stream.codec_context.sample_aspect_ratio = pixel_aspect
                if rotation:
                    stream.set_display_rotation(rotation)
                if timecode is not None:
                    stream.metadata["timecode"] = timecode
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = i if times_s is None else round(times_s[i] / tick)
            frame.time_base = tick
            for packet in stream.encode(frame):
                container.mux(packet)
        assert stream is not None, "a movie needs at least one image"
        for packet in stream.encode():
            container.mux(packet)
        if audio is not None and sound is not None:
            block = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
            block.sample_rate = 48_000
            for packet in [*audio.encode(block), *audio.encode()]:
                container.mux(packet)
    return path


def write_numbered(path: Path, n: int, width: int = 128, height: int = 96, **options: Any) -> Path:
    """A movie that counts from 0; ``options`` as of ``write_movie``."""
    return write_movie(path, (number_image(i, width, height) for i in range(n)), **options)


def draw(
    n: int, paint: Callable[[Image, int], None], width: int = 160, height: int = 90, seed: int = 0
) -> Iterable[Image]:
    """``n`` images: a fixed textured background over which ``paint(image, i)`` draws."""
    background = texture(width, height, seed)
    for i in range(n):
        image = background.copy()
        paint(image, i)
        yield image


def texture(width: int, height: int, seed: int = 0) -> Image:
    """Smooth random colours, so that motion has something to hold on to."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(40, 200, (height // 6 + 3, width // 6 + 3, 3))
    y, x = np.arange(height) / 6, np.arange(width) / 6
    y0, x0 = y.astype(int), x.astype(int)
    fy, fx = (y - y0)[:, None, None], (x - x0)[None, :, None]
    top = coarse[y0][:, x0] * (1 - fx) + coarse[y0][:, x0 + 1] * fx
    bottom = coarse[y0 + 1][:, x0] * (1 - fx) + coarse[y0 + 1][:, x0 + 1] * fx
    smooth: Image = (top * (1 - fy) + bottom * fy).astype(np.uint8)
    return smooth


def disc(image: Image, x: float, y: float, radius: float, colour: Sequence[int]) -> None:
    """Draw a soft-edged disc into an [H, W, 3] image."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    cover = np.clip(radius + 0.5 - np.hypot(rows - y, columns - x), 0, 1)[:, :, None]
    image[:] = (image * (1 - cover) + np.array(colour) * cover).astype(np.uint8)
