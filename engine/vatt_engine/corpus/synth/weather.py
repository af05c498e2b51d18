"""Rain by surface, wind, fire and thunder: textures that follow an intensity curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.recipe import Recipe, choice, span

# Per surface: resonances of one drop (Hz), their ring (s), brightness of its tick, colour of the
# distant rain as (Hz, dB) corners.
_Curve = list[tuple[float, float]]
_SURFACES: dict[str, tuple[tuple[float, ...], float, float, _Curve]] = {
    "ground": ((2600, 4100), 0.0012, 0.9,
               [(150, -26), (700, -9), (2500, 0), (5000, 0), (10000, -7)]),
    "leaves": ((1500, 3300), 0.0016, 0.7,
               [(150, -22), (600, -6), (1600, 0), (4500, -3), (10000, -14)]),
    "metal": ((1150, 2450, 3900, 5200), 0.020, 1.0,
              [(150, -18), (500, -6), (1800, 0), (6000, -3), (10000, -9)]),
    "glass": ((1900, 3100), 0.005, 0.8,
              [(150, -20), (500, -8), (1800, 0), (5000, -4), (10000, -12)]),
    "water": ((900, 1500, 2300), 0.009, 0.3,
              [(150, -24), (600, -8), (2000, 0), (5000, 0), (10000, -6)]),
    "cloth": ((380, 700), 0.004, 0.3,
              [(120, -10), (350, 0), (1200, -4), (4000, -14), (10000, -26)]),
}  # fmt: skip


@dataclass(frozen=True)
class Rain:
    """Falling rain."""

    surface: str = choice(" ".join(_SURFACES), "what it falls on")
    drops_hz: float = span(15.0, 500.0, "1/s", "near drops a second at full intensity", log=True)
    near: float = span(0.15, 0.8, "", "share of near drops against the distant rain")


@dataclass(frozen=True)
class Wind:
    """Moving air."""

    pitch_hz: float = span(180.0, 700.0, "Hz", "centre of the howl", log=True)
    howl: float = span(0.2, 0.9, "", "share of whistling tone")
    gust_hz: float = span(0.15, 0.8, "Hz", "gusts a second")


@dataclass(frozen=True)
class Fire:
    """Burning wood or gas."""

    crackle_hz: float = span(10.0, 90.0, "1/s", "crackles a second at full intensity", log=True)
    roar: float = span(0.05, 0.4, "", "share of low roar against crackle")


@dataclass(frozen=True)
class Thunder:
    """One clap and its rumble."""

    distance: float = span(0.0, 1.0, "", "0 overhead, sharp; 1 far, only rumble")


def rain(params: Rain, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Rain: the hiss of far drops and the ticks of near ones, both following the intensity."""
    hz, ring_s, bright, colour = _SURFACES[params.surface]
    n = len(intensity)
    far = dsp.shaped_noise(n, sr, colour, rng) * (0.85 + 0.3 * dsp.wander(n, 3.0, sr, rng))
    near = np.zeros(n, dtype=np.float32)
    n_kinds = 10
    length = dsp.samples(max(8 * ring_s, 0.006), sr)
    for _ in range(n_kinds):
        pitch = np.array(hz) * 2.0 ** rng.normal(0.0, 0.35)
        drop = dsp.ringing(
            pitch, np.full(len(hz), ring_s), rng.uniform(0.3, 1, len(hz)), length, sr
        )
        tick = dsp.white(length, rng) * dsp.fall(length, 0.0006, sr)
        grain = dsp.unit_peak(drop) + np.float32(bright) * dsp.unit_peak(tick)
        starts = dsp.poisson_times(params.drops_hz / n_kinds * intensity, n, sr, rng)
        near += dsp.scatter(starts, rng.lognormal(-0.7, 0.8, starts.size), grain, n)
    far_level = (1 - params.near) * intensity
    return dsp.wave32(far * far_level + near * (2.2 * params.near))


def wind(params: Wind, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Wind: low turbulence and a wandering band of noise that rises in pitch with each gust."""
    n = len(intensity)
    gust = intensity * (0.35 + 0.65 * dsp.wander(n, 2 * params.gust_hz, sr, rng))
    low = dsp.shaped_noise(n, sr, [(30, -6), (90, 0), (350, -8), (1500, -24), (8000, -46)], rng)
    leaves = dsp.shaped_noise(n, sr, [(300, -30), (1200, -6), (3500, 0), (9000, -12)], rng)
    out = low * gust + 0.04 * leaves * gust**2
    # The howl: the same noise through resonators at three pitches, crossfaded by the gust.
    source = dsp.white(n, rng)
    for k, ratio in enumerate((0.8, 1.0, 1.3)):
        tone = dsp.unit_rms(dsp.resonate(source, params.pitch_hz * ratio, 0.02, sr))
        weight = np.maximum(0.0, 1.0 - np.abs(gust * 2.5 - 0.5 - k * 0.7) / 0.9)
        out += np.float32(params.howl) * tone * weight * gust
    return dsp.wave32(out)


def fire(params: Fire, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Fire: flapping low roar, hiss of gas, and crackles of very different loudness."""
    n = len(intensity)
    flap = 0.4 + 0.6 * dsp.wander(n, 7.0, sr, rng)
    roar = dsp.shaped_noise(n, sr, [(35, -4), (80, 0), (240, -6), (900, -22), (8000, -50)], rng)
    hiss = dsp.shaped_noise(n, sr, [(800, -30), (3000, -6), (6000, 0), (11000, -6)], rng)
    out = np.float32(params.roar) * roar * flap + 0.10 * hiss * dsp.wander(n, 4.0, sr, rng)
    out *= intensity
    n_kinds = 9
    for _ in range(n_kinds):
        length = dsp.samples(rng.uniform(0.004, 0.03), sr)
        centre = rng.uniform(700.0, 4500.0)
        snap = dsp.band(dsp.white(length, rng), 0.5 * centre, 2.2 * centre, sr, order=1)
        snap *= dsp.fall(length, rng.uniform(0.0006, 0.004), sr)
        # Crackles come in clusters: wood gives way in bursts.
        cluster = np.clip(dsp.wander(n, 2.5, sr, rng) * 2.2 - 0.7, 0.05, None)
        starts = dsp.poisson_times(params.crackle_hz / n_kinds * cluster * intensity, n, sr, rng)
        loud = rng.lognormal(-0.3, 1.0, starts.size)
        out += (1.1 - params.roar) * dsp.scatter(starts, loud, dsp.unit_peak(snap), n)
    return dsp.wave32(out)


def thunder(params: Thunder, strength: float, sr: int, rng: Rng) -> tuple[Wave, int]:
    """A clap tearing (near) or only rolling (far); the event is the first arrival."""
    n = dsp.samples(4.5, sr)
    rumble = dsp.shaped_noise(n, sr, [(20, -8), (55, 0), (130, -5), (400, -20), (6000, -60)], rng)
    roll = 0.15 + dsp.wander(n, 3.0, sr, rng) ** 2
    rumble *= roll * dsp.fall(n, 1.4, sr, 0.02 + 0.3 * params.distance)
    crack = dsp.shaped_noise(
        n, sr, [(60, -8), (250, 0), (1500, -4), (6000, -14), (11000, -22)], rng
    )
    tear = dsp.fall(n, 0.16, sr) * (0.3 + dsp.wander(n, 45.0, sr, rng)) ** 2
    wave = dsp.unit_peak(rumble) + (1 - params.distance) * dsp.unit_peak(crack * tear)
    return dsp.unit_peak(wave) * np.float32(10.0 ** (-1.5 * (1 - strength))), 0


RECIPES = (
    Recipe("rain", Rain, texture=rain),
    Recipe("wind", Wind, texture=wind),
    Recipe("fire", Fire, texture=fire),
    Recipe("thunder", Thunder, grain=thunder, pace_hz=(0.15, 0.25)),
)
