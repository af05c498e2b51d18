"""Recorded one-shots of a built corpus, for the sound of films."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from vatt_engine.corpus.check import read_split

Wave = NDArray[np.float32]

_LONGEST_S = 12.0


class CorpusBank:
    """Serves clips of one split by category; a ``sound.ShotBank``.

    Only clips of at most one event are used for contacts, because a clip that holds three knocks
    would put two of them at moments nobody sees. Lasting categories use any clip.
    """

    def __init__(self, folder: Path, split: str) -> None:
        """Index ``split`` of the corpus in ``folder``."""
        self._folder = folder
        self._clips: dict[str, list[tuple[str, float]]] = {}
        for row in read_split(folder, split):
            onsets = [float(t) for t in row.get("onsets_s") or ()]
            category = str(row.get("category") or "")
            if category and (len(onsets) <= 1 or row.get("kind") == "continuous"):
                onset = onsets[0] if onsets else 0.0
                self._clips.setdefault(category, []).append((str(row["file"]), onset))

    @property
    def categories(self) -> tuple[str, ...]:
        """What can be served."""
        return tuple(sorted(self._clips))

    def shot(
        self, category: str, sample_rate: int, rng: np.random.Generator
    ) -> tuple[Wave, int] | None:
        """One recording [S] peaking at 1 and the sample of its onset; None when there is none."""
        clips = self._clips.get(category)
        if not clips:
            return None
        name, onset_s = clips[int(rng.integers(len(clips)))]
        wave = _load(str(self._folder / name), sample_rate)
        return wave, round(onset_s * sample_rate)


@lru_cache(maxsize=512)
def _load(path: str, sample_rate: int) -> Wave:
    with sf.SoundFile(path) as file:
        wave = file.read(int(_LONGEST_S * file.samplerate), dtype="float32", always_2d=True)
        rate = file.samplerate
    mono = wave.mean(axis=1)
    if rate != sample_rate:
        mono = soxr.resample(mono, rate, sample_rate)
    peak = float(np.abs(mono).max(initial=0.0))
    return np.asarray(mono / peak if peak > 0 else mono, np.float32)
