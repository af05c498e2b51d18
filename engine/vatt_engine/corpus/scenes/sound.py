"""Scene plan -> sound: the synthesiser or recorded one-shots, placed at the true moments.

Contacts go through ``render_events``, lasting sources through ``render_texture`` along the source's
own envelope. A bank of recordings may be given; it is asked first for a share of the sources, so
that a training set hears both. What can be voiced by neither is left out and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.plan import LANE_HZ, Scene, Source
from vatt_engine.corpus.synth import api

Wave = NDArray[np.float32]

_CEILING = 0.89
_ROOM_DB = -62.0


class ShotBank(Protocol):
    """Recordings by category."""

    def shot(
        self, category: str, sample_rate: int, rng: np.random.Generator
    ) -> tuple[Wave, int] | None:
        """One recording [S] peaking at 1 and the sample of its onset; None when there is none."""


@dataclass(frozen=True, eq=False)
class Mix:
    """The sound of a film.

    Attributes:
        wave: [S] mono, peak at most 0.89.
        voiced: categories that are in it; ``missing`` those that nothing could voice.
    """

    wave: Wave
    voiced: tuple[str, ...]
    missing: tuple[str, ...]


def render_mix(
    scene: Scene,
    sample_rate: int,
    bank: ShotBank | None = None,
    recorded_share: float = 0.5,
    seed: int | None = None,
) -> Mix:
    """Voice every source of a scene.

    Args:
        scene: the plan; its hits are put on sample ``round(time * sample_rate)``.
        sample_rate: Hz.
        bank: recordings; None synthesises everything that can be.
        recorded_share: how often the bank goes first where both could serve.
        seed: of the sound alone; the scene's own by default, so equal calls give equal samples.
    """
    rng = np.random.default_rng([scene.seed if seed is None else seed, 11])
    n = round(scene.duration_s * sample_rate)
    total = np.zeros(n, np.float32)
    voiced: list[str] = []
    missing: list[str] = []
    for source in scene.sources:
        first = bank if bank is not None and rng.random() < recorded_share else None
        stem = _voice(source, scene.duration_s, sample_rate, rng, first)
        if stem is None and first is None and bank is not None:
            stem = _voice(source, scene.duration_s, sample_rate, rng, bank)
        if stem is None:
            missing.append(source.category)
            continue
        voiced.append(source.category)
        total[: len(stem)] += stem[:n] * np.float32(10 ** (-0.9 * source.distance))
    hiss = rng.standard_normal(n).astype(np.float32) * np.float32(10 ** (_ROOM_DB / 20))
    total += hiss
    peak = float(np.abs(total).max(initial=0.0))
    if peak > _CEILING:
        total *= np.float32(_CEILING / peak)
    return Mix(total, tuple(voiced), tuple(missing))


def _voice(
    source: Source,
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
    bank: ShotBank | None,
) -> Wave | None:
    """One source alone; None when it cannot be voiced this way."""
    events = [(hit.time_s, hit.strength) for hit in source.hits]
    if bank is not None:
        return _recorded(source, events, duration_s, sample_rate, rng, bank)
    category = source.category
    textured, eventful = api.has_texture(category), api.has_events(category)
    if not textured and not eventful:
        return None
    wave = np.zeros(round(duration_s * sample_rate), np.float32)
    if textured and (source.kind == "continuous" or not eventful):
        wave += api.render_texture(category, source.intensity, duration_s, sample_rate, rng)
    if eventful:
        if not events:
            events = _sprinkled(source, rng)
        if events and not (textured and source.kind == "continuous" and not source.hits):
            wave += api.render_events(category, events, duration_s, sample_rate, rng)
    return wave


def _sprinkled(source: Source, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Moments drawn along the envelope of a lasting source that is made of events."""
    rate = 5.0 * source.intensity / LANE_HZ
    at = np.flatnonzero(rng.random(len(rate)) < rate)
    return [(float(i) / LANE_HZ, float(0.4 + 0.5 * source.intensity[i])) for i in at]


def _recorded(
    source: Source,
    events: list[tuple[float, float]],
    duration_s: float,
    sample_rate: int,
    rng: np.random.Generator,
    bank: ShotBank,
) -> Wave | None:
    n = round(duration_s * sample_rate)
    wave = np.zeros(n, np.float32)
    if source.kind == "continuous":
        taken = bank.shot(source.category, sample_rate, rng)
        if taken is None or len(taken[0]) < sample_rate // 2:
            return None
        loop = np.resize(taken[0], n)
        at = np.arange(n) * LANE_HZ / sample_rate
        curve = np.interp(at, np.arange(len(source.intensity)), source.intensity)
        return np.asarray(0.5 * loop * curve, np.float32)
    for time_s, strength in events:
        # Every contact takes another recording of the thing, as real repeats differ.
        taken = bank.shot(source.category, sample_rate, rng)
        if taken is None:
            return None
        shot, onset = taken
        start = round(time_s * sample_rate) - onset
        head = max(-start, 0)
        room = min(len(shot), n - start)
        if room > head:
            gain = np.float32(0.7 * 10 ** (-1.2 * (1 - strength)))
            wave[start + head : start + room] += gain * shot[head:room]
    return wave
