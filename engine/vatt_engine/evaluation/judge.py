"""Judges one take of one film: all figures of ``results.TakeResult``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.sound_families import FAMILIES, family_of
from vatt_engine.evaluation import distribution, sync
from vatt_engine.evaluation.evaluators import Evaluator
from vatt_engine.evaluation.family_judge import FamilyJudge
from vatt_engine.evaluation.films import Film
from vatt_engine.evaluation.health import check_health
from vatt_engine.evaluation.hearing import Heard, hear
from vatt_engine.evaluation.makers import MadeTake
from vatt_engine.evaluation.onsets import FRAME_RATE, find_onsets
from vatt_engine.evaluation.probe import Probe
from vatt_engine.evaluation.results import TakeResult
from vatt_engine.evaluation.yamnet import SAMPLE_RATE, Yamnet

Floats = NDArray[np.floating[Any]]

SURE_LAG = 0.15
"""Correlation below which a lag is not reported: nothing there fits anything."""

_TOP = 3


class Judge:
    """YAMNet, the probe and the onset detector, loaded once.

    Args:
        yamnet: the network.
        probe: of the 103 categories; None leaves ``predicted`` empty.
        evaluators: published ones a user has weights for.
        families: of the sound families; None leaves ``family`` empty.
    """

    def __init__(
        self,
        yamnet: Yamnet,
        probe: Probe | None,
        evaluators: Sequence[Evaluator] = (),
        families: FamilyJudge | None = None,
    ) -> None:
        self._yamnet = yamnet
        self._probe = probe
        self._families = families
        self._evaluators = tuple(evaluators)
        self._heard = lru_cache(maxsize=64)(self._listen)

    def judge(
        self, take: MadeTake, film: Film, condition: str, prompt: str, target: str
    ) -> TakeResult:
        """Measure a take.

        Args:
            take: the WAV, any rate; several channels are averaged.
            film: with its truth, as far as it is known.
            condition: how the take was asked for.
            prompt: the words it was asked for with.
            target: the category it should be, empty when unknown.
        """
        wave, rate = read_mono(take.wav)
        heard = hear(self._yamnet, wave, rate)
        scores = heard.mean_scores
        found = find_onsets(wave, rate)
        onsets = floor = lag = None
        if film.hits:
            times = np.array([t for t, _ in film.hits])
            strengths = np.array([s for _, s in film.hits])
            if film.countable:
                onsets = sync.onset_score(found.times_s, times)
                floor = sync.shift_floor(found.times_s, times, film.duration_s)
            seen = sync.hit_envelope(times, strengths, film.duration_s, FRAME_RATE)
            measured = sync.lag_s(found.envelope, seen, FRAME_RATE)
            lag = measured[0] if measured and measured[1] >= SURE_LAG else None
        e_l1 = kld = None
        extra: dict[str, float] = {}
        if film.audio is not None and not film.silent and condition != "swapped":
            true_wave, truth = self._heard(film.audio)
            e_l1 = sync.envelope_l1(soxr.resample(wave, rate, SAMPLE_RATE), true_wave, SAMPLE_RATE)
            kld = distribution.kld(truth.mean_scores, scores)
        for evaluator in self._evaluators:
            extra.update(evaluator.judge(wave, rate, film.path, prompt, film.audio))
        wanted = FAMILIES.get(family_of(target or (film.categories or ("",))[0]))
        health = check_health(
            wave,
            scores,
            self._yamnet.classes,
            expects_noise=wanted is not None and wanted.noisy,
            expects_speech=wanted is not None and wanted.voiced,
            expects_music=wanted is not None and wanted.tonal,
        )
        predicted = self._probe.predict(heard.features) if self._probe else ""
        family = self._families.family(heard) if self._families else ""
        return TakeResult(
            condition=condition,
            seed=take.seed,
            prompt=prompt,
            target=target,
            predicted="" if health.silent else predicted,
            family="" if health.silent else family,
            accepted=self.accepts(scores, target) and not health.silent if target else None,
            seconds=take.seconds,
            n_onsets=len(found.times_s),
            onsets=onsets,
            floor=floor,
            lag_s=lag,
            e_l1=e_l1,
            kld=kld,
            faults=tuple(name for name, on in asdict(health).items() if on),
            embedding=_rounded(heard),
            extra=extra,
            wav=str(take.wav),
        )

    def accepts(self, scores: Floats, target: str) -> bool:
        """Whether one of YAMNet's best classes is one the category table accepts."""
        best = np.argsort(-np.asarray(scores))[:_TOP]
        names = {self._yamnet.classes[int(i)] for i in best}
        return bool(names & set(CATEGORIES[target].yamnet)) if target in CATEGORIES else False

    def reference(self, film: Film) -> tuple[tuple[float, ...], str]:
        """Embedding and sound family of the true sound; empty when there is none."""
        if film.audio is None or film.silent:
            return (), ""
        _, heard = self._heard(film.audio)
        return _rounded(heard), self._families.family(heard) if self._families else ""

    def _listen(self, path: Path) -> tuple[Floats, Heard]:
        wave, rate = read_mono(path)
        return soxr.resample(wave, rate, SAMPLE_RATE), hear(self._yamnet, wave, rate)


def _rounded(heard: Heard) -> tuple[float, ...]:
    """Mean embedding [1024], short enough for JSON."""
    return tuple(round(float(v), 5) for v in heard.embeddings.mean(axis=0))


def read_mono(path: Path) -> tuple[NDArray[np.float32], int]:
    """A sound file's samples [S], channels averaged, and its rate."""
    wave, rate = sf.read(path, dtype="float32", always_2d=True)
    return np.ascontiguousarray(wave.mean(axis=1)), int(rate)
