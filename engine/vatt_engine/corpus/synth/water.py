"""Water: everything is bubbles. A drop, a pour, a brook differ in how many, how large, how deep.

A bubble of radius r rings near 3 / r Hz (Minnaert 1933) and its pitch rises as it nears the
surface (van den Doel 2005); a splash adds spray, which is noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Floats, Rng, Wave
from vatt_engine.corpus.synth.recipe import Grain, Recipe, span, strength_gain


@dataclass(frozen=True)
class Drip:
    """One drop into water or onto a wet surface."""

    size_mm: float = span(1.2, 5.0, "mm", "radius of the bubble it makes", log=True)
    depth: float = span(0.0, 1.0, "", "from a wet surface (0) to deep water (1)")


@dataclass(frozen=True)
class Splash:
    """Something enters water."""

    size_m: float = span(0.03, 0.6, "m", "size of what falls in", log=True)


@dataclass(frozen=True)
class Flow:
    """Water that keeps running."""

    bubbles_hz: float = span(60.0, 500.0, "1/s", "bubbles a second at full intensity", log=True)
    size_mm: float = span(1.0, 5.0, "mm", "usual bubble radius", log=True)
    spray: float = span(0.05, 0.6, "", "share of spray noise")
    vessel_hz: float = span(250.0, 1400.0, "Hz", "resonance of the vessel at the end", log=True)


@dataclass(frozen=True)
class Waves:
    """Waves on a shore."""

    period_s: float = span(3.0, 9.0, "s", "between waves")
    surf: float = span(0.3, 1.0, "", "share of hissing surf against the deep roll")


def bubble(radius_mm: float, sr: int, rng: Rng, rise: float = 0.1) -> Wave:
    """One bubble, peak 1: a decaying sine whose pitch rises."""
    hz = min(3000.0 / radius_mm, 0.3 * sr)
    # Damping of an air bubble (van den Doel): radiation, then thermal losses.
    decay_s = 1.0 / (0.0433 * hz + 0.00139 * hz**1.5)
    n = dsp.samples(min(7.0 * decay_s, 0.25), sr)
    t = dsp.seconds(n, sr)
    sweep = hz * (t + 0.5 * rise / decay_s * t * t * rng.uniform(0.5, 1.5))
    return dsp.wave32(np.sin(2 * np.pi * sweep) * dsp.fall(n, decay_s, sr, 0.0004))


def bubbles(rate_hz: Floats, radius_mm: float, sr: int, rng: Rng, n_kinds: int = 24) -> Wave:
    """Many bubbles of spread sizes at random moments, [S]."""
    n = len(rate_hz)
    out = np.zeros(n, dtype=np.float32)
    for _ in range(n_kinds):
        radius = float(np.clip(radius_mm * 2.0 ** rng.normal(0.0, 0.7), 0.4, 14.0))
        one = bubble(radius, sr, rng, rng.uniform(0.0, 0.12))
        starts = dsp.poisson_times(rate_hz / n_kinds, n, sr, rng)
        # Large bubbles are rarer and louder.
        loud = rng.lognormal(-0.8, 0.8, starts.size) * (radius / radius_mm) ** 0.5
        out += dsp.scatter(starts, loud, one, n)
    return out


def drip(params: Drip, strength: float, sr: int, rng: Rng) -> Grain:
    """A drop: a tiny tick, then the bubble it drags under."""
    radius = params.size_mm * rng.uniform(0.8, 1.25)
    n = dsp.samples(0.25, sr)
    out = np.zeros(n, dtype=np.float32)
    tick = dsp.band(dsp.white(n, rng), 1500.0, 8000.0, sr, 1) * dsp.fall(n, 0.0015, sr)
    dsp.add_at(out, dsp.unit_peak(tick), 0, 0.25 + 0.35 * (1 - params.depth))
    delay = dsp.samples(rng.uniform(0.004, 0.015), sr)
    dsp.add_at(out, bubble(radius, sr, rng, 0.12), delay, 0.4 + 0.6 * params.depth)
    for _ in range(rng.integers(1, 4)):
        small = bubble(radius * rng.uniform(0.3, 0.7), sr, rng, 0.1)
        dsp.add_at(out, small, int(rng.uniform(0.02, 0.12) * sr), rng.uniform(0.1, 0.35))
    return dsp.unit_peak(out) * strength_gain(strength), 0


def splash(params: Splash, strength: float, sr: int, rng: Rng) -> Grain:
    """A splash: slap, a plume of spray, then bubbles and drops falling back."""
    length = 0.5 + 1.3 * params.size_m**0.5
    n = dsp.samples(length, sr)
    low = 300.0 / (0.4 + 2 * params.size_m)
    slap = dsp.band(dsp.white(n, rng), low, 4500.0, sr, 1) * dsp.fall(n, 0.02, sr)
    plume = dsp.shaped_noise(
        n, sr, [(150, -20), (500, -4), (1600, 0), (6000, -5), (11000, -14)], rng
    )
    plume *= dsp.fall(n, 0.09 + 0.25 * params.size_m, sr, 0.006) * (
        0.4 + dsp.wander(n, 35, sr, rng)
    )
    rate = 600.0 * (0.3 + params.size_m) * dsp.fall(n, 0.22 * length, sr, 0.02)
    back = bubbles(rate, 1.6 + 5.0 * params.size_m, sr, rng)
    gulp = bubble(6.0 + 16.0 * params.size_m, sr, rng, 0.15)
    wave = 0.7 * dsp.unit_peak(slap) + 0.8 * dsp.unit_peak(plume) + 0.55 * dsp.unit_peak(back)
    dsp.add_at(wave, gulp, dsp.samples(0.05, sr), 0.5)
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def flow(params: Flow, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Running water: bubbles over a little spray."""
    n = len(intensity)
    swell = intensity * (0.6 + 0.8 * dsp.wander(n, 3.0, sr, rng))
    body = bubbles(params.bubbles_hz * swell, params.size_mm, sr, rng, 36)
    spray = dsp.shaped_noise(
        n, sr, [(200, -22), (700, -8), (2500, 0), (6000, -3), (11000, -12)], rng
    )
    return dsp.unit_rms(body) * np.sqrt(swell) + params.spray * spray * swell


def pour(params: Flow, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Pouring: running water in a vessel whose resonance rises as it fills."""
    wet = dsp.unit_rms(flow(params, intensity, sr, rng))
    n = len(wet)
    block = dsp.samples(0.25, sr)
    out = np.zeros(n + block, dtype=np.float32)
    window = np.hanning(2 * block).astype(np.float32)
    padded = np.pad(wet, (block, 2 * block))
    # The air column shortens while the vessel fills: overlapping blocks, each a little higher.
    for k in range(-(-n // block) + 1):
        filled = k * block / max(n, 1)
        hz = params.vessel_hz * (0.45 + 0.55 * min(filled, 1.0))
        piece = dsp.resonate(padded[k * block : k * block + 2 * block], hz, 0.006, sr) * window
        dsp.add_at(out, dsp.unit_rms(piece), (k - 1) * block)
    level = np.minimum(np.sqrt(intensity) * 1.2, 1.0)
    return (wet + 0.55 * dsp.unit_rms(out[:n]) * level).astype(np.float32)


def waves(params: Waves, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Surf: slow swells of noise; each breaks bright and draws back in a hiss."""
    n = len(intensity)
    deep = dsp.shaped_noise(n, sr, [(40, -6), (120, 0), (500, -5), (2000, -16), (9000, -34)], rng)
    hiss = dsp.shaped_noise(
        n, sr, [(200, -16), (800, -3), (2500, 0), (7000, -7), (11000, -14)], rng
    )
    swell = np.full(n, 0.18, dtype=np.float32)
    back = np.full(n, 0.10, dtype=np.float32)
    at = -rng.uniform(0.2, 0.8) * params.period_s
    while at * sr < n:
        height = rng.uniform(0.5, 1.0)
        dsp.add_at(
            swell, dsp.bump(dsp.samples(params.period_s, sr), 0.4, 2.5), int(at * sr), height
        )
        late = int((at + 0.25 * params.period_s) * sr)
        dsp.add_at(back, dsp.bump(dsp.samples(params.period_s, sr), 0.3, 2.0), late, 0.8 * height)
        at += params.period_s * rng.uniform(0.75, 1.25)
    return (deep * swell + params.surf * hiss * (0.3 * swell + 0.7 * back)) * intensity


RECIPES = (
    Recipe("water_drip", Drip, grain=drip, pace_hz=(0.8, 3.5), level_db=-4.0),
    Recipe("water_splash", Splash, grain=splash),
    Recipe("water_pour", Flow, texture=pour),
    Recipe("water_stream", Flow, texture=flow),
    Recipe("water_bubbles", Flow, texture=flow, fixed={"spray": 0.05, "bubbles_hz": 60.0}),
    Recipe("sea_waves", Waves, texture=waves),
)
