"""Who makes the takes that are judged: a model, or a baseline whose right answer is known.

Baselines use the film's true sound: ``exact`` plays it, ``coded`` plays what the bundled codec
keeps of it (a perfect audio model could make no more with that codec), ``late`` plays it 120 ms
late, ``shuffled`` plays another film's, ``silent`` and ``noise`` need no film. They bound every
figure from both sides, and a figure that does not tell them apart is broken.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import soundfile as sf
import soxr
import torch

from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.films import Film
from vatt_engine.messages import (
    Caption,
    CaptionReady,
    Generate,
    LaneReady,
    PictureSegment,
    Spot,
    TakeReady,
)
from vatt_engine.nets.codec import Codec
from vatt_engine.training.codec_folder import read_codec

if TYPE_CHECKING:
    from vatt_engine.pipeline import VATT

BASELINES = ("exact", "coded", "late", "shuffled", "silent", "noise")
LATE_S = 0.12
_SAMPLE_RATE = 24_000
_BUNDLED = Path(__file__).resolve().parents[1] / "bundled" / "vatt-mini"


@dataclass(frozen=True)
class MadeTake:
    """A take on disk and how long it took to make."""

    wav: Path
    seed: int
    seconds: float


class Maker(Protocol):
    """Anything that can be judged."""

    @property
    def name(self) -> str:
        """For reports."""

    def takes(
        self, film: Film, prompt: str | None, seed: int, n: int, folder: Path
    ) -> list[MadeTake]:
        """``n`` takes of a film with seeds from ``seed`` on; WAVs go to ``folder``."""

    def captions(self, film: Film) -> list[tuple[str, float]]:
        """What the film should sound like, best guess first; [] when it cannot say."""

    def hits(self, film: Film) -> list[tuple[float, float]] | None:
        """(time_s, strength) seen in the film; None when it does not spot."""


class BaselineMaker:
    """Plays known sound; see the module."""

    def __init__(self, kind: str, films: Sequence[Film]) -> None:
        if kind not in BASELINES:
            raise BadRequest(f"No baseline {kind!r}.", f"There are: {', '.join(BASELINES)}.")
        self._kind = kind
        self._films = list(films)

    @property
    def name(self) -> str:
        """``baseline:KIND``."""
        return f"baseline:{self._kind}"

    def takes(
        self, film: Film, prompt: str | None, seed: int, n: int, folder: Path
    ) -> list[MadeTake]:
        """The same sound for every prompt; noise alone follows the seed."""
        del prompt
        made = []
        for i in range(n):
            started = time.perf_counter()
            wave, rate = self._sound(film, seed + i)
            path = folder / f"{Path(film.name).stem}-{seed + i}.wav"
            sf.write(path, wave, rate, subtype="FLOAT")
            made.append(MadeTake(path, seed + i, time.perf_counter() - started))
        return made

    def _sound(self, film: Film, seed: int) -> tuple[np.ndarray, int]:
        n = round(film.duration_s * _SAMPLE_RATE)
        if self._kind == "silent":
            return np.zeros(n, np.float32), _SAMPLE_RATE
        if self._kind == "noise":
            rng = np.random.default_rng(seed)
            return (0.1 * rng.standard_normal(n)).astype(np.float32), _SAMPLE_RATE
        source = film
        if self._kind == "shuffled":
            sounding = [f for f in self._films if f.audio and not f.silent]
            names = [f.name for f in sounding]
            at = names.index(film.name) if film.name in names else 0
            source = sounding[(at + len(sounding) // 2) % len(sounding)]
        if source.audio is None:
            raise BadRequest(
                f"{film.name} has no true sound.", "Baselines need `audio` in the set."
            )
        wave, rate = sf.read(source.audio, dtype="float32")
        if self._kind == "coded":
            return self._coded(wave, rate)
        if self._kind == "late":
            shift = round(LATE_S * rate)
            wave = np.concatenate([np.zeros(shift, np.float32), wave])[: len(wave)]
        return wave, rate

    @torch.inference_mode()
    def _coded(self, wave: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
        codec = self._codec
        mono = wave if wave.ndim == 1 else wave.mean(axis=1)
        there = soxr.resample(mono, rate, codec.sample_rate)
        return codec(torch.from_numpy(there)[None, None])[0, 0].numpy(), codec.sample_rate

    @cached_property
    def _codec(self) -> Codec:
        return read_codec(_BUNDLED)

    def captions(self, film: Film) -> list[tuple[str, float]]:
        """The film's own caption, or for ``shuffled`` another's."""
        if self._kind == "exact" and film.caption:
            return [(film.caption, 0.0)]
        if self._kind == "shuffled":
            at = [f.name for f in self._films].index(film.name)
            return [(self._films[(at + len(self._films) // 2) % len(self._films)].caption, 0.0)]
        return []

    def hits(self, film: Film) -> list[tuple[float, float]] | None:
        """The true ones, for ``exact`` alone."""
        return list(film.hits) if self._kind == "exact" and film.hits is not None else None


class VattMaker:
    """A loaded model, run in this process."""

    def __init__(
        self,
        vatt: VATT,
        name: str,
        steps: int | None = None,
        cfg: float | None = None,
        sync: str = "auto",
    ) -> None:
        self._vatt = vatt
        self._name = name
        self._steps, self._cfg, self._sync = steps, cfg, sync

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._name

    def takes(
        self, film: Film, prompt: str | None, seed: int, n: int, folder: Path
    ) -> list[MadeTake]:
        """Takes as the product makes them, lane from the picture included."""
        request = Generate(
            job_id="eval",
            picture=_picture(film),
            n_samples=round(film.duration_s * 48_000),
            prompt=prompt,
            takes=n,
            seed=seed,
            steps=self._steps,
            cfg=self._cfg,
            sync=self._sync,
            scratch=str(folder),
        )
        made = []
        started = time.perf_counter()
        for event in self._vatt.run(request):
            if isinstance(event, TakeReady):
                now = time.perf_counter()
                made.append(MadeTake(Path(event.wav_path), event.seed, now - started))
                started = now
        return made

    def captions(self, film: Film) -> list[tuple[str, float]]:
        """The converter's captions."""
        for event in self._vatt.run(Caption(job_id="eval", picture=_picture(film), n=3)):
            if isinstance(event, CaptionReady):
                return [(event.caption, event.score), *event.alternatives]
        return []

    def hits(self, film: Film) -> list[tuple[float, float]] | None:
        """The spotter's hits."""
        for event in self._vatt.run(Spot(job_id="eval", picture=_picture(film))):
            if isinstance(event, LaneReady):
                return [(float(t), float(s)) for t, s in event.lane.hits]
        return None


def _picture(film: Film) -> tuple[PictureSegment, ...]:
    return (PictureSegment(str(film.path.resolve()), 0.0, film.duration_s),)
