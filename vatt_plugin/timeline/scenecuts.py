"""Shot cuts inside a media file, for clips that are themselves an edit (``--split-cuts``).

A cut is a video frame that differs from the one before far more than its neighbours differ among
themselves. The measure is taken on 48x27 pictures: mean absolute difference plus the distance of
coarse colour histograms, so that fast motion (which changes pixels, but hardly the histogram) and
flashes (which return) are told from cuts. Written here rather than taken from PySceneDetect,
which would bring OpenCV and with it a second FFmpeg; see docs/dependencies.md.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vatt_plugin.timeline.probe import OPTIONS

log = logging.getLogger(__name__)

SIZE = (48, 27)
MAX_PIXELS = 8192 * 4352
FLOOR = 0.12
"""Differences below are no cut however calm the shot: 0 is the same picture, 2 black to white."""
RATIO = 3.0
"""How much a cut stands out from the differences around it."""
AROUND = 6
"""Video frames on either side that say how busy the shot is."""
MIN_SHOT_S = Fraction(1, 4)


def find_cuts(
    path: Path, start_s: Fraction, end_s: Fraction, stop: Callable[[], bool] = lambda: False
) -> tuple[Fraction, ...]:
    """Times of the first video frame of each new shot, in media seconds from the file's first.

    Args:
        path: a video file.
        start_s: where to look from.
        end_s: where to stop.
        stop: asked now and then; True ends the search with what was found.

    Returns:
        Ascending times strictly inside the span; none if the file cannot be decoded.
    """
    times: list[Fraction] = []
    differences: list[float] = []
    before: NDArray[np.float32] | None = None
    try:
        with av.open(str(path.absolute()), options=OPTIONS, timeout=(5.0, 30.0)) as container:
            stream = container.streams.video[0]
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                return ()
            stream.thread_type = "AUTO"
            origin = Fraction(stream.start_time or 0) * (stream.time_base or 1)
            if stream.time_base:
                container.seek(int((start_s + origin) / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is None or frame.time_base is None:
                    continue
                time_s = frame.pts * frame.time_base - origin
                if time_s >= end_s or stop():
                    break
                if time_s < start_s:
                    continue
                picture = frame.reformat(*SIZE, format="rgb24").to_ndarray().astype(np.float32)
                if before is not None:
                    times.append(time_s)
                    differences.append(_difference(before, picture))
                before = picture
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        log.info("no cuts found in %s: %s", path, error)
        return ()
    return tuple(_pick(times, np.array(differences), start_s, end_s))


def _difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Mean absolute difference plus histogram distance, each 0..1."""
    pixels = float(np.abs(a - b).mean()) / 255
    bins = [np.histogram(p, bins=16, range=(0, 256))[0] / p.size for p in (a, b)]
    return pixels + float(np.abs(bins[0] - bins[1]).sum()) / 2


def _pick(
    times: list[Fraction], differences: NDArray[np.float64], start_s: Fraction, end_s: Fraction
) -> list[Fraction]:
    cuts: list[Fraction] = []
    for index, value in enumerate(differences):
        around = np.concatenate(
            [
                differences[max(0, index - AROUND) : index],
                differences[index + 1 : index + 1 + AROUND],
            ]
        )
        busy = float(np.median(around)) if around.size else 0.0
        beside = [*differences[max(0, index - 1) : index], *differences[index + 1 : index + 2]]
        flash = max(beside, default=0.0) > value / 2  # it goes and comes: two jumps in a row
        if value < FLOOR or value < RATIO * busy or flash:
            continue
        at = times[index]
        last = cuts[-1] if cuts else start_s
        if at - last >= MIN_SHOT_S and end_s - at >= MIN_SHOT_S:
            cuts.append(at)
    return cuts
