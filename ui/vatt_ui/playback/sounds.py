"""Samples and peaks of takes and of the cut's own sound, fetched by the helper when needed."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, pyqtSignal

from vatt_engine.errors import VattError
from vatt_engine.messages import PictureSegment
from vatt_plugin.cues import Cue, Take
from vatt_ui.helper_process import HelperProcess
from vatt_ui.playback.audio import RATE, Samples

PEAK_SAMPLES = 256
MAX_MAPPED = 200


@dataclass(frozen=True)
class Peaks:
    """Lowest and highest byte per 256 samples at 48 kHz."""

    low: npt.NDArray[np.int8]
    high: npt.NDArray[np.int8]

    @property
    def duration_s(self) -> float:
        """Length of the sound, to the next peak."""
        return len(self.low) * PEAK_SAMPLES / RATE

    def columns(self, start_s: float, seconds_per_px: float, n: int) -> npt.NDArray[np.int16]:
        """Lowest and highest value for ``n`` pixel columns, [n, 2]; zero outside."""
        out = np.zeros((n, 2), dtype=np.int16)
        if not len(self.low) or n <= 0:
            return out
        edges = (start_s + np.arange(n + 1) * seconds_per_px) * (RATE / PEAK_SAMPLES)
        first = np.clip(np.floor(edges[:-1]).astype(np.int64), 0, len(self.low) - 1)
        inside = (edges[1:] > 0) & (edges[:-1] < len(self.low))
        # reduceat over [first_i, first_i+1): at least one value each, also when zoomed far in
        last = max(int(first[-1]) + 1, min(int(np.ceil(edges[-1])), len(self.low)))
        out[:, 0] = np.minimum.reduceat(self.low[:last], first)
        out[:, 1] = np.maximum.reduceat(self.high[:last], first)
        out[~inside] = 0
        return out


class SoundBank(QObject):
    """Sounds by key: a take's id, or ``original:`` and a cue's picture.

    Signals:
        ready(str): peaks and samples of a key arrived.
        failed(str, str): a sound cannot be read: key, why.
    """

    ready = pyqtSignal(str)
    failed = pyqtSignal(str, str)

    def __init__(self, helper: HelperProcess, folder: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._helper = helper
        self._folder = folder
        self._peaks: dict[str, Peaks] = {}
        self._files: dict[str, tuple[str, int]] = {}
        self._samples: OrderedDict[str, Samples] = OrderedDict()
        self._asked: set[str] = set()
        self._bad: dict[str, str] = {}

    def clear(self) -> None:
        """Forget everything of the cut that was open."""
        for store in (self._peaks, self._files, self._samples, self._bad):
            store.clear()
        self._asked.clear()

    def peaks(self, key: str) -> Peaks | None:
        """The peaks of a key, if they are here."""
        return self._peaks.get(key)

    def problem(self, key: str) -> str:
        """Why a sound cannot be heard; empty when it can."""
        return self._bad.get(key, "")

    def samples(self, key: str) -> Samples | None:
        """The samples of a key [S, 2]; None until they were asked for and arrived."""
        found = self._samples.get(key)
        if found is not None:
            self._samples.move_to_end(key)
            return found
        if key not in self._files:
            return None
        path, frames = self._files[key]
        if not frames:
            return None
        try:  # mapped, not read: an hour of sound must not hold the panel up
            self._samples[key] = np.memmap(path, dtype="<f4", mode="r", shape=(frames, 2))
        except (OSError, ValueError):
            return None
        if len(self._samples) > MAX_MAPPED:
            self._samples.popitem(last=False)
        return self._samples[key]

    def want_take(self, take: Take) -> str:
        """Ask for a take's sound; returns its key."""
        key = take.take_id
        self._ask(key, "take_sound", {"wav": take.wav_path})
        return key

    def want_original(self, cue: Cue) -> str:
        """Ask for the sound that the cue's media has of its own; returns its key."""
        key = original_key(cue.picture)
        segments = [dataclasses.asdict(s) for s in cue.picture if s.media]
        if segments:
            self._ask(key, "media_sound", {"segments": segments})
        return key

    def _ask(self, key: str, op: str, params: Mapping[str, Any]) -> None:
        if key in self._asked or key in self._peaks or key in self._bad:
            return
        self._asked.add(key)
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        path = str(Path(self._folder) / f"{name}.f32")
        self._helper.ask(
            op,
            {**params, "out": path},
            lambda reply: self._on_reply(key, reply),
            on_error=lambda error: self._on_error(key, error),
        )

    def _on_reply(self, key: str, reply: Mapping[str, Any]) -> None:
        self._asked.discard(key)
        low = np.frombuffer(base64.b64decode(reply["low"]), dtype=np.int8)
        high = np.frombuffer(base64.b64decode(reply["high"]), dtype=np.int8)
        self._peaks[key] = Peaks(low, high)
        self._files[key] = (str(reply["path"]), int(reply["frames"]))
        self.ready.emit(key)

    def _on_error(self, key: str, error: VattError) -> None:
        self._asked.discard(key)
        self._bad[key] = error.message
        self.failed.emit(key, str(error))


def original_key(picture: tuple[PictureSegment, ...]) -> str:
    """A key for the media sound under a picture."""
    parts = [f"{s.media}@{s.start_s:.4f}+{s.duration_s:.4f}x{s.time_scalar:g}" for s in picture]
    return "original:" + "|".join(parts)
