"""Arranged clips: recordings and synthesised sounds put at moments that are known exactly.

Films teach what a picture does; they always perform a category the same few ways. Here one category
at a time is arranged freely, a single blow as well as a stumble or a roll, so that the audio model
learns the rule behind the lane: a hit here means that sound here, this strong. Nothing is seen,
so these clips have no picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from vatt_engine.corpus.captions import Facts, captions
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.check import read_split
from vatt_engine.corpus.scenes.bank import CorpusBank
from vatt_engine.corpus.scenes.physics import bumps
from vatt_engine.corpus.scenes.plan import LANE_HZ
from vatt_engine.corpus.synth import api
from vatt_engine.lanes import LANE_WIDTH, rasterise
from vatt_engine.messages import SyncLane
from vatt_engine.training.sounds import read_mono

Wave = NDArray[np.float32]
Rng = np.random.Generator
Hits = tuple[tuple[float, float], ...]

WHOLE, LASTING_RECORDED, EVENTS_RECORDED = 0.2, 0.6, 0.6
"""Shares: clips left as they were recorded; recordings among lasting sounds, and among events."""

_LEAST_GAP_S = 0.06
_RING_S = 0.12
_CEILING, _HISS_DB = 0.89, -62.0  # as in films (corpus.scenes.sound)


@dataclass(frozen=True, eq=False)
class Arranged:
    """One clip: ``wave`` [S], its lane [T, 2], wordings, and the category."""

    wave: Wave
    lane: NDArray[np.float32]
    captions: tuple[str, ...]
    category: str


class Arranger:
    """Arranges clips of a corpus and the synthesiser.

    Args:
        corpus: a built corpus.
        split: ``train`` or ``test``.
        sample_rate: of the clips.
    """

    def __init__(self, corpus: Path, split: str, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._corpus = corpus
        self._bank = CorpusBank(corpus, split)
        self._whole: dict[str, list[Mapping[str, Any]]] = {}
        for row in read_split(corpus, split):
            if row.get("category"):
                self._whole.setdefault(str(row["category"]), []).append(row)
        self.categories = tuple(
            c for c in CATEGORIES if c in self._bank.categories or c in api.synthesised()
        )

    def clip(self, seed: int, duration_s: float) -> Arranged:
        """The clip of a seed; every category comes up equally often."""
        rng = np.random.default_rng([seed, 47])
        category = self.categories[int(rng.integers(len(self.categories)))]
        made = None
        if rng.random() < WHOLE:
            made = self._as_recorded(category, duration_s, rng)
        if made is None and CATEGORIES[category].kind == "continuous":
            made = self._lasting(category, duration_s, rng)
        if made is None:
            made = self._events(category, duration_s, rng)
        if made is None:
            made = self._lasting(category, duration_s, rng)
        if made is None:
            raise ValueError(f"Nothing voices {category}.")
        wave, lane, words = made
        gain = 10 ** (rng.uniform(-9, 0) / 20)
        wave = wave * np.float32(min(gain, _CEILING / max(float(np.abs(wave).max()), 1e-6)))
        hiss = rng.standard_normal(len(wave)).astype(np.float32)
        wave = wave + hiss * np.float32(10 ** (_HISS_DB / 20))
        return Arranged(wave, lane, tuple(dict.fromkeys(words)), category)

    def _as_recorded(
        self, category: str, duration_s: float, rng: Rng
    ) -> tuple[Wave, NDArray[np.float32], Sequence[str]] | None:
        """One recording as it is, somewhere in the clip."""
        rows = self._whole.get(category)
        if not rows:
            return None
        row = rows[int(rng.integers(len(rows)))]
        shot = read_mono(self._corpus / str(row["file"]), self.sample_rate)
        n = round(duration_s * self.sample_rate)
        onsets = [float(t) for t in row.get("onsets_s") or ()]
        if len(shot) > n:
            first = int(rng.integers(len(shot) - n + 1))
            shot, offset_s = shot[first : first + n], -first / self.sample_rate
        else:
            first = int(rng.integers(n - len(shot) + 1))
            offset_s = first / self.sample_rate
        wave = np.zeros(n, np.float32)
        start = max(round(offset_s * self.sample_rate), 0)
        wave[start : start + len(shot)] = shot
        loudness = envelope(wave, self.sample_rate)
        if row.get("kind") == "continuous" and len(onsets) != 1:
            # Steady sounds have a level and no moments.
            return wave, _track((), loudness, duration_s), row["captions"]
        hits = []
        for time_s in onsets:
            at = round((time_s + offset_s) * self.sample_rate)
            if 0 <= at < n:
                peak = float(np.abs(wave[at : at + self.sample_rate // 20]).max())
                hits.append((at / self.sample_rate, strength_of(peak)))
        return wave, _track(_apart(hits), loudness, duration_s), row["captions"]

    def _lasting(
        self, category: str, duration_s: float, rng: Rng
    ) -> tuple[Wave, NDArray[np.float32], Sequence[str]] | None:
        """A lasting sound along a drawn curve."""
        rate, n = self.sample_rate, round(duration_s * self.sample_rate)
        curve = draw_curve(round(duration_s * LANE_HZ), rng)
        textured = api.has_texture(category)
        wave: Wave
        taken = None
        if not textured or rng.random() < LASTING_RECORDED:
            taken = self._bank.shot(category, rate, rng)
        if taken is not None and len(taken[0]) >= rate // 2:
            shot = self._varied(taken[0], rng)
            start = int(rng.integers(len(shot)))
            loop = np.resize(np.roll(shot, -start), n)
            at = np.arange(n) * LANE_HZ / rate
            shape = np.interp(at, np.arange(len(curve)), curve)
            wave = (0.5 * loop * shape).astype(np.float32)
        elif textured:
            wave = api.render_texture(category, curve, duration_s, rate, rng)
        else:
            return None
        loud = float(curve.max())
        level = "soft" if loud < 0.4 else "loud" if loud > 0.9 else ""
        words = captions(Facts(category, loudness=level), rng, 4)
        return wave, _track((), curve, duration_s), words

    def _events(
        self, category: str, duration_s: float, rng: Rng
    ) -> tuple[Wave, NDArray[np.float32], Sequence[str]] | None:
        """Events at drawn moments."""
        hits, pace = draw_pattern(duration_s, rng)
        rate = self.sample_rate
        synthesised = api.has_events(category)
        wave: Wave | None = None
        if not synthesised or rng.random() < EVENTS_RECORDED:
            wave = self._placed(category, hits, duration_s, rng)
        if wave is None and synthesised:
            wave = api.render_events(category, hits, duration_s, rate, rng)
        if wave is None:
            return None
        strongest = max(strength for _, strength in hits)
        facts = Facts(
            category,
            count=len(hits),
            pace=pace,
            loudness="soft" if strongest < 0.4 else "loud" if strongest > 0.9 else "",
        )
        lane_s = np.arange(round(duration_s * LANE_HZ)) / LANE_HZ
        ringing = np.zeros(len(lane_s))
        for time_s, strength in hits:
            own = strength * bumps(lane_s, np.array([time_s]), 0.005, _RING_S)
            ringing = np.maximum(ringing, own)
        return wave, _track(hits, ringing, duration_s), captions(facts, rng, 4)

    def _placed(self, category: str, hits: Hits, duration_s: float, rng: Rng) -> Wave | None:
        """Recordings with their onsets at the hits: one for all, or another for each."""
        rate, n = self.sample_rate, round(duration_s * self.sample_rate)
        wave = np.zeros(n, np.float32)
        same = rng.random() < 0.6
        taken = None
        tint = rng.integers(1 << 31)
        for time_s, strength in hits:
            if taken is None or not same:
                taken = self._bank.shot(category, rate, rng)
            if taken is None:
                return None
            # The same room and thing for all: pitch and colour differ little within a clip.
            own = np.random.default_rng([int(tint)])
            shot, scale = self._tinted(taken[0], own, rng)
            start = round(time_s * rate) - round(taken[1] * scale)
            head = max(-start, 0)
            room = min(len(shot), n - start)
            if room > head:
                gain = np.float32(0.7 * 10 ** (-1.2 * (1 - strength)))
                wave[start + head : start + room] += gain * shot[head:room]
        return wave

    def _varied(self, wave: Wave, rng: Rng) -> Wave:
        return self._tinted(wave, rng, rng)[0]

    def _tinted(self, wave: Wave, thing: Rng, blow: Rng) -> tuple[Wave, float]:
        """A recording a little higher or lower, brighter or duller; and how much longer it got."""
        semitones = thing.uniform(-2.5, 2.5) + blow.uniform(-0.4, 0.4)
        slope_db = thing.uniform(-3, 3) + blow.uniform(-0.5, 0.5)  # an octave, about 1 kHz
        scale = float(2 ** (-semitones / 12))
        turned = soxr.resample(wave, self.sample_rate, self.sample_rate * scale, "LQ")
        spectrum = np.fft.rfft(turned)
        octaves = np.log2(np.maximum(np.linspace(0, self.sample_rate / 2, len(spectrum)), 60) / 1e3)
        tilted = np.fft.irfft(spectrum * 10 ** (slope_db * octaves / 20), len(turned))
        peak = float(np.abs(tilted).max(initial=0.0))
        return (tilted / peak if peak > 0 else tilted).astype(np.float32), scale


def draw_pattern(duration_s: float, rng: Rng) -> tuple[Hits, str]:
    """Moments and strengths of some way to hit, and its pace (slow, fast or neither)."""
    base, spread = rng.uniform(0.35, 1.0), rng.uniform(0.02, 0.25)
    kind = rng.choice(("single", "few", "beat", "burst"), p=(0.2, 0.3, 0.35, 0.15))
    pace = ""
    if kind == "single":
        times = rng.uniform(0.1, duration_s - 0.3, 1)
    elif kind == "few":
        times = rng.uniform(0.05, duration_s - 0.1, int(rng.integers(2, 8)))
    elif kind == "beat":
        period = float(np.exp(rng.uniform(np.log(0.18), np.log(1.4))))
        start = rng.uniform(0.05, max(period, 0.3))
        end = duration_s if rng.random() < 0.6 else rng.uniform(0.4, 1.0) * duration_s
        n = max(2, int((end - start) / period))
        times = start + period * (np.arange(n) + rng.normal(0, 0.04, n))
        pace = "slow" if period > 0.77 else "fast" if period < 0.38 else ""
    else:
        n = int(rng.integers(3, 10))
        times = rng.uniform(0.1, duration_s - 1.0) + np.cumsum(rng.uniform(0.07, 0.22, n))
    hits = [
        (float(t), float(np.clip(base + rng.normal(0, spread), 0.08, 1))) for t in sorted(times)
    ]
    inside = [(t, s) for t, s in hits if 0 <= t < duration_s - 0.02]
    return _apart(inside) or ((0.5 * duration_s, 1.0),), pace


def draw_curve(n_frames: int, rng: Rng) -> NDArray[np.float64]:
    """How loud a lasting sound is [T], 0..1: steady, swelling, or coming and going."""
    n_knots = int(rng.integers(2, 7))
    knots = np.linspace(0, n_frames - 1, n_knots)
    top = rng.uniform(0.4, 1.0)
    heights = top * rng.uniform(0.15, 1.0, n_knots) if rng.random() < 0.6 else np.full(n_knots, top)
    curve = np.interp(np.arange(n_frames), knots, heights)
    if rng.random() < 0.45:
        # There for a while only, with an edge that may be abrupt.
        begin, end = np.sort(rng.uniform(0, n_frames, 2))
        end = max(end, begin + 40)
        edge = float(np.exp(rng.uniform(np.log(1), np.log(25))))
        at = np.arange(n_frames)
        curve *= np.clip((at - begin) / edge, 0, 1) * np.clip((end - at) / edge, 0, 1)
    return np.clip(curve, 0, 1)


def envelope(wave: Wave, sample_rate: int) -> NDArray[np.float64]:
    """Loudness [T] at the lane's rate, 1 at the loudest: levels over 60 ms."""
    hop = sample_rate // LANE_HZ
    power = (wave[: len(wave) // hop * hop].astype(np.float64) ** 2).reshape(-1, hop).mean(axis=1)
    smooth = np.sqrt(np.convolve(power, np.ones(3) / 3, mode="same"))
    return smooth / max(float(smooth.max(initial=0.0)), 1e-6)


def strength_of(peak: float) -> float:
    """Strength of a hit of this peak, by the scale recordings are placed with."""
    return float(np.clip(1 + np.log10(max(peak, 1e-6) / 0.7) / 1.2, 0.05, 1))


def _apart(hits: Sequence[tuple[float, float]]) -> Hits:
    """Hits far enough apart to be told from each other."""
    kept: list[tuple[float, float]] = []
    for hit in sorted(hits):
        if not kept or hit[0] - kept[-1][0] >= _LEAST_GAP_S:
            kept.append(hit)
    return tuple(kept)


def _track(
    hits: Hits, intensity: NDArray[np.floating[Any]], duration_s: float
) -> NDArray[np.float32]:
    """A lane [T, 2]."""
    n_frames = round(duration_s * LANE_HZ)
    track = rasterise(SyncLane(hits, (), LANE_HZ), n_frames, LANE_HZ)
    m = min(n_frames, len(intensity))
    track[:m, LANE_WIDTH - 1] = np.clip(intensity[:m], 0, 1)
    return track
