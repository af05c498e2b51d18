"""Scenes as files: MP4 films to judge models on, and contact sheets to look at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.plan import FPS, Scene
from vatt_engine.errors import CannotWrite

_SAMPLE_RATE = 48_000


def write_film(
    scene: Scene,
    path: Path,
    height: int = 180,
    audio: NDArray[np.float32] | None = None,
    sample_rate: int = _SAMPLE_RATE,
    crf: int = 20,
) -> None:
    """Render a scene to an H.264 MP4, with sound when given.

    Args:
        scene: the plan.
        path: written under a temporary name, then renamed.
        height: pixels, even.
        audio: [S] mono at ``sample_rate``; None for a silent film without a sound track.
        sample_rate: of ``audio``.
        crf: x264 quality; higher is smaller and worse.

    Raises:
        CannotWrite: the disk or the encoder refused.
    """
    # Two evaluations may make the same set at the same time.
    partial = path.with_name(f"{path.stem}.{os.getpid()}.part.mp4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(partial), "w") as container:
            options = {"crf": str(crf), "preset": "veryfast"}
            picture = container.add_stream("libx264", rate=FPS, options=options)
            sound = None
            if audio is not None:
                sound = container.add_stream("aac", rate=sample_rate, layout="mono")
            picture.time_base = Fraction(1, FPS)
            index = 0
            for chunk in frames(scene, height):
                if index == 0:
                    picture.height, picture.width = chunk.shape[1:3]
                    picture.pix_fmt = "yuv420p"
                for image in chunk:
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                    frame.pts = index
                    frame.time_base = Fraction(1, FPS)
                    container.mux(picture.encode(frame))
                    index += 1
            container.mux(picture.encode())
            if sound is not None and audio is not None:
                block = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(audio[None], np.float32), format="fltp", layout="mono"
                )
                block.sample_rate = sample_rate
                block.pts = 0
                container.mux(sound.encode(block))
                container.mux(sound.encode())
        partial.replace(path)
    except (OSError, av.FFmpegError) as error:
        partial.unlink(missing_ok=True)
        raise CannotWrite(f"{path} could not be written: {error}.", "Check the disk.") from error


def contact_sheet(scenes: Sequence[Scene], columns: int = 8, height: int = 90) -> NDArray[np.uint8]:
    """One row of pictures a scene, evenly spaced in time: uint8 [H, W, 3].

    The bar under a picture marks hits: its left end is the picture's time, a bright tick is a hit.
    """
    rows: list[NDArray[np.uint8]] = []
    for scene in scenes:
        film = np.concatenate(list(frames(scene, height)))
        picks = np.linspace(0, len(film) - 1, columns).astype(int)
        strip = np.concatenate(list(film[picks]), axis=1)
        bar = np.full((6, strip.shape[1], 3), 40, np.uint8)
        for hit in scene.hits:
            x = int(hit.time_s / scene.duration_s * (strip.shape[1] - 1))
            bar[:, x : x + 3] = (90, 230, 90) if hit.visible else (230, 60, 60)
        rows += [strip, bar]
    return np.concatenate(rows)


def write_png(image: NDArray[np.uint8], path: Path) -> None:
    """Write uint8 [H, W, 3] as PNG."""
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
