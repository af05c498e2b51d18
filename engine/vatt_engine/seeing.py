"""Look at a cue's picture once: features for the nets and motion for the sync lane.

The picture is decoded in one pass. Images live only until they are encoded, in small batches;
what stays are vectors, and of a very long cue even those go to an unnamed temporary file, so that
memory is the same for a second and for an hour.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from vatt_engine.config import ModelConfig
from vatt_engine.media.picture import Feed, Image, Note, Picture
from vatt_engine.messages import PictureSegment
from vatt_engine.motion import MOTION_FPS, MOTION_HEIGHT, MOTION_WIDTH, Motion, MotionMeter
from vatt_engine.nets.visual import VisualEncoder

Floats = NDArray[np.float32]
Report = Callable[[str, int, int | None], None]

_BATCH = 16
_IN_MEMORY_BYTES = 64 << 20


@dataclass(frozen=True)
class Seen:
    """What is known of a picture after one look.

    Attributes:
        duration_s: as played, exact.
        fps: visual features a second.
        features: [F, D]; F is 0 when only motion was asked for.
        motion: [F25, M] half floats, see ``motion``.
        notes: what the user should know about the media.
        missing_s: played spans without picture.
    """

    duration_s: Fraction
    fps: Fraction
    features: Floats
    motion: Motion
    notes: tuple[Note, ...]
    missing_s: tuple[tuple[float, float], ...]

    @property
    def ends_early_s(self) -> float | None:
        """From when on there is no picture any more; None if it lasts to the end."""
        if self.missing_s and self.missing_s[-1][1] >= float(self.duration_s) - 1e-6:
            return self.missing_s[-1][0]
        return None


class Progress:
    """A ``report`` that the decoder can repeat between its packets, so that it can be stopped."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._decoded: tuple[int, int | None] = (0, None)

    def report(self, stage: str, done: int, total: int | None) -> None:
        """Pass a report on."""
        if stage == "decoding":
            self._decoded = (done, total)
        self._report(stage, done, total)

    def check(self) -> None:
        """Say again how far decoding is."""
        self._report("decoding", *self._decoded)


def look(
    segments: Sequence[PictureSegment],
    visual: VisualEncoder | None,
    report: Report,
    *,
    small: bool = False,
) -> Seen:
    """Decode a picture and keep what matters.

    Args:
        segments: what plays, in order.
        visual: in eval mode; None when only motion is wanted.
        report: called with (stage, done, total); may raise to stop.
        small: encode images one by one, to need less memory.

    Raises:
        BadRequest: no segment, or one without a length.
        MediaMissing, MediaUnreadable, NoVideoStream, MediaTooLarge: the picture's media.
    """
    progress = Progress(report)
    report = progress.report
    picture = Picture(segments, progress.check)
    motion_feed = Feed(Fraction(MOTION_FPS), MOTION_WIDTH, MOTION_HEIGHT, gray=True, fit="stretch")
    feeds = [motion_feed]
    fps, encoder = Fraction(1), None
    if visual is not None:
        fps = Fraction(visual.config.fps).limit_denominator(1001)
        feeds.append(Feed(fps, visual.image_size, visual.image_size))
        n = feeds[1].n_images(picture.duration_s)
        encoder = _Encoder(visual, n, 1 if small else _BATCH, report)
    meter = MotionMeter()
    total = motion_feed.n_images(picture.duration_s)
    for picked in picture.images(feeds):
        if picked.feed == 0:
            meter.feed(picked.image, picked.since_s)
            if picked.number % MOTION_FPS == 0:
                report("decoding", picked.number, total)
        elif encoder is not None:
            encoder.feed(picked.image)
    report("decoding", total, total)
    return Seen(
        duration_s=picture.duration_s,
        fps=fps,
        features=encoder.finish() if encoder is not None else np.zeros((0, 0), np.float32),
        motion=meter.finish(),
        notes=tuple(picture.notes),
        missing_s=tuple(picture.missing_s),
    )


def features_of(seen: Seen, config: ModelConfig, start_s: Fraction, n_frames: int) -> Floats:
    """Features of a window [F, D]; where the picture is over, its last one is repeated.

    Args:
        seen: the picture.
        config: of the model.
        start_s: of the window.
        n_frames: code frames of the window.
    """
    first = round(start_s * seen.fps)
    places = first + np.arange(config.video_frames(n_frames))
    return np.asarray(seen.features[np.minimum(places, len(seen.features) - 1)])


def summary_of(seen: Seen, config: ModelConfig) -> Floats:
    """Features that stand for the whole picture [F, D], as many as one window has at most.

    A longer picture is averaged over equal stretches, so that a caption speaks of all of it.
    """
    n, most = len(seen.features), config.window_video_frames
    if n <= most:
        return np.asarray(seen.features)
    edges = np.linspace(0, n, most + 1).astype(int)
    return np.stack([seen.features[a:b].mean(axis=0) for a, b in itertools.pairwise(edges)])


class _Encoder:
    """Collects images into batches and their features into one array."""

    def __init__(self, visual: VisualEncoder, n_images: int, batch: int, report: Report) -> None:
        self._visual, self._batch, self._report = visual, batch, report
        shape = (n_images, visual.width)
        self._file = None
        if n_images * visual.width * 4 > _IN_MEMORY_BYTES:
            # Unnamed on POSIX: it is gone with the process, whatever happens.
            self._file = tempfile.TemporaryFile(prefix="vatt-")  # noqa: SIM115
            self._features: Floats = np.memmap(self._file, np.float32, "w+", shape=shape)
        else:
            self._features = np.zeros(shape, np.float32)
        self._waiting: list[Image] = []
        self._n_done = 0

    def feed(self, image: Image) -> None:
        self._waiting.append(image)
        if len(self._waiting) == self._batch:
            self._encode()

    def finish(self) -> Floats:
        self._encode()
        return self._features

    def _encode(self) -> None:
        """Encode what waits; an image that stays on screen is encoded once."""
        if not self._waiting:
            return
        unlike: list[Image] = []
        places = []
        for image in self._waiting:
            if not unlike or image is not unlike[-1]:
                unlike.append(image)
            places.append(len(unlike) - 1)
        with torch.inference_mode():
            features = self._visual(torch.from_numpy(np.stack(unlike)))
        done = self._n_done + len(self._waiting)
        self._features[self._n_done : done] = features.float().cpu().numpy()[places]
        self._n_done = done
        self._waiting.clear()
        self._report("features", done, len(self._features))
