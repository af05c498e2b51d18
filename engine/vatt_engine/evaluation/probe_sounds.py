"""Sounds to train and test the judge's probes on: recorded or synthesised, set as takes are.

A probe that knows clean one-shots is lost in a take: several events in a room, with pauses, noise
and another colour. So recordings are set into takes of five to six seconds: events of one category
and one package at the pace of the category, or a texture cut and looped; then equalised, put into a
room, over a floor of noise, at another level. And takes come out of a codec, at a few kilobits a
second: an ear hears a door through that, a probe that has only heard clean doors does not. Nothing
here knows any model of sound but the codecs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.check import read_split
from vatt_engine.corpus.synth import api, room
from vatt_engine.corpus.synth.dsp import add_at, band
from vatt_engine.evaluation.judge import read_mono
from vatt_engine.evaluation.yamnet import SAMPLE_RATE

Wave = NDArray[np.float32]
Rng = np.random.Generator
Coding = Callable[[Wave], Wave]
"""A wave [S] at YAMNet's rate to what a codec keeps of it [S]."""

_LONGEST_S = 6.0
_EVENT_S = 2.0  # what is longer fills the take by itself
_STRIDE = 7919  # a prime: leads come from all over a category's list, not from its first package
_SUFFIXES = {".wav", ".ogg", ".flac", ".opus"}


@dataclass(frozen=True)
class Sound:
    """A wave [S] at YAMNet's rate, its category, and the package it comes from."""

    wave: Wave
    category: str
    package: str


@dataclass(frozen=True)
class Clips:
    """Recordings of one split: (path, package) by category, in a fixed order."""

    by_category: Mapping[str, Sequence[tuple[Path, str]]]

    @classmethod
    def of_corpus(cls, folder: Path, split: str) -> Clips:
        """Every clip with a category of a built corpus."""
        found: dict[str, list[tuple[Path, str]]] = {}
        for row in read_split(folder, split):
            if row.get("category") in CATEGORIES:
                at = folder / str(row["file"]), str(row["package"])
                found.setdefault(str(row["category"]), []).append(at)
        return cls(found)

    @classmethod
    def of_folder(cls, folder: Path) -> Clips:
        """Clips of ``FOLDER/<category>/*``."""
        found: dict[str, list[tuple[Path, str]]] = {}
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _SUFFIXES and path.parent.name in CATEGORIES:
                found.setdefault(path.parent.name, []).append((path, folder.name))
        return cls(found)

    def __len__(self) -> int:
        return sum(len(clips) for clips in self.by_category.values())


def plain(clips: Clips) -> Iterator[Sound]:
    """Every recording as it is, its first seconds."""
    for category, rows in clips.by_category.items():
        for path, package in rows:
            yield Sound(_load(path), category, package)


def recorded_takes(clips: Clips, a_category: int | None, seed: int) -> Iterator[Sound]:
    """Takes made of recordings.

    Args:
        clips: where events come from; each take leads with another clip.
        a_category: takes a category, so that rare ones are heard in as many settings as others;
            None for one a clip.
        seed: of all draws.
    """
    for category, rows in clips.by_category.items():
        for k in range(len(rows) if a_category is None else a_category):
            path, package = rows[k * _STRIDE % len(rows)]
            rng = np.random.default_rng([seed, k, *category.encode()])
            kin = [p for p, name in rows if name == package]
            others = [kin[int(i)] for i in rng.integers(len(kin), size=3)]
            waves = [_load(p) for p in (path, *others)]
            yield Sound(_recorded(waves, category, rng), category, package)


def synthesised_takes(a_category: int, seed: int) -> Iterator[Sound]:
    """Takes of every category the synthesiser has."""
    for name in api.synthesised():
        for k in range(a_category):
            rng = np.random.default_rng([seed, k, *name.encode()])
            duration_s = float(rng.uniform(5.0, _LONGEST_S))
            if api.has_events(name):
                events = _events(CATEGORIES[name].kind, duration_s, rng)
                wave = api.render_events(name, events, duration_s, SAMPLE_RATE, rng)
            else:
                curve = np.clip(rng.uniform(0.3, 1.0) + rng.normal(0, 0.2, 8), 0.05, 1.0)
                wave = api.render_texture(name, curve, duration_s, SAMPLE_RATE, rng)
            yield Sound(_set(wave, rng), name, "synthesiser")


def coded(sounds: Iterable[Sound], codings: Sequence[Coding]) -> Iterator[Sound]:
    """Each sound as one of the codings keeps it, one after the other in turn."""
    for k, sound in enumerate(sounds):
        yield replace(sound, wave=codings[k % len(codings)](sound.wave))


def _recorded(waves: Sequence[Wave], category: str, rng: Rng) -> Wave:
    """A take that leads with the first of ``waves``."""
    duration_s = float(rng.uniform(5.0, _LONGEST_S))
    out = np.zeros(round(duration_s * SAMPLE_RATE), np.float32)
    kind = CATEGORIES[category].kind
    first = waves[0]
    if kind == "continuous":
        start = int(rng.integers(max(1, len(first) - len(out) + 1)))
        piece = first[start : start + len(out)]
        looped = rng.random() < 0.7
        for at in range(0, len(out) if looped else 1, max(1, len(piece) - SAMPLE_RATE // 50)):
            add_at(out, _faded(piece), at)
        return _set(out, rng)
    if len(first) > _EVENT_S * SAMPLE_RATE:
        add_at(out, first, int(rng.integers(max(1, len(out) - len(first) + 1))))
        return _set(out, rng)
    for i, (time_s, strength) in enumerate(_events(kind, duration_s, rng)):
        wave = waves[0 if i == 0 else int(rng.integers(len(waves)))]
        level = 10 ** (-12 * (1 - strength) / 20)
        add_at(out, wave[: int(_EVENT_S * SAMPLE_RATE)], round(time_s * SAMPLE_RATE), level)
    return _set(out, rng)


def _events(kind: str, duration_s: float, rng: Rng) -> list[tuple[float, float]]:
    """Moments and strengths: a loose beat for a rhythm, up to five single events otherwise."""
    if kind == "rhythm":
        gap = rng.uniform(0.25, 0.9)
        times = np.arange(rng.uniform(0.1, 1.0), duration_s - 0.2, gap)
        times = times + rng.uniform(-0.06, 0.06, len(times))
    else:
        n = int(rng.integers(1, 6))
        times = np.sort(rng.uniform(0.1, duration_s - 0.6, n))
        times = times[np.concatenate([[True], np.diff(times) > 0.25])]
    return [(float(t), float(rng.uniform(0.5, 1.0))) for t in times]


def _set(wave: Wave, rng: Rng) -> Wave:
    """Colour, room, noise and level."""
    peak = max(float(np.abs(wave).max(initial=0.0)), 1e-6)
    wave = wave * np.float32(0.7 / peak)
    if rng.random() < 0.5:  # a broad tilt or bump
        low = float(np.exp(rng.uniform(np.log(100), np.log(2500))))
        part = band(wave, low, min(low * float(rng.uniform(2, 8)), 7500.0), SAMPLE_RATE, order=1)
        wave = wave + part * np.float32(10 ** (rng.uniform(-6, 6) / 20) - 1)
    if rng.random() < 0.25:
        wave = band(wave, 0.0, float(rng.uniform(3500, 7500)), SAMPLE_RATE, order=1)
    if rng.random() < 0.5:
        wave = room.place(wave, room.draw_placement(rng), SAMPLE_RATE, rng)
    floor = 10 ** (rng.uniform(-80, -50) / 20) * rng.standard_normal(len(wave))
    peak = max(float(np.abs(wave).max(initial=0.0)), 1e-6)
    level = 10 ** (rng.uniform(-15, -1) / 20) / peak
    return np.asarray(wave * level + floor, np.float32)


def _faded(wave: Wave) -> Wave:
    n = min(SAMPLE_RATE // 50, len(wave) // 2)
    out = wave.copy()
    ramp = np.linspace(0, 1, n, dtype=np.float32)
    out[:n] *= ramp
    out[len(out) - n :] *= ramp[::-1]
    return out


@lru_cache(maxsize=4000)
def _load(path: Path) -> Wave:
    """A clip at YAMNet's rate, at most six seconds."""
    wave, rate = read_mono(path)
    short: Any = wave[: int(rate * _LONGEST_S)]
    return np.asarray(soxr.resample(short, rate, SAMPLE_RATE), np.float32)
