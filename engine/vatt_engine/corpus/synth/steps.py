"""Footsteps: a heel, a toe, and the grain of the ground between them.

A step rolls over the ground: the heel lands (the event time), weight moves forward, the toe
follows. Loose ground answers with many tiny crunches whose density follows the roll; hard ground
answers with the modes of a floor; a puddle with a splash.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain


@dataclass(frozen=True)
class Ground:
    """How a ground answers.

    Attributes:
        body: gain and pitch (Hz) of the low thump.
        knock: material of a hard floor with size (m) and gain, or None.
        grains: crunches a second at full weight, their centre (Hz) and ring (s), and gain.
        hiss: band (Hz, Hz) of the scuff, and its gain.
        length_s: how long the ground goes on answering.
    """

    body: tuple[float, float]
    knock: tuple[str, float, float] | None
    grains: tuple[float, float, float, float]
    hiss: tuple[float, float, float]
    length_s: float


GROUNDS = {
    "wood": Ground((0.75, 95.0), ("wood", 0.28, 0.8), (0, 1, 1, 0), (900, 5000, 0.06), 0.12),
    "stone": Ground(
        (0.35, 120.0), ("stone", 0.10, 0.9), (120, 4200, 0.002, 0.12), (1500, 7000, 0.12), 0.13
    ),
    "metal": Ground((0.35, 110.0), ("metal", 0.45, 0.55), (0, 1, 1, 0), (1500, 6000, 0.06), 0.15),
    "gravel": Ground((0.25, 90.0), None, (650, 2600, 0.0025, 1.0), (1200, 6500, 0.10), 0.26),
    "snow": Ground((0.22, 80.0), None, (1500, 1500, 0.0035, 0.8), (500, 3800, 0.45), 0.30),
    "grass": Ground((0.25, 75.0), None, (420, 4200, 0.002, 0.35), (1800, 8000, 0.75), 0.24),
    "leaves": Ground((0.16, 80.0), None, (480, 3600, 0.0030, 0.9), (2200, 9000, 0.40), 0.30),
    "dirt": Ground((0.55, 85.0), None, (420, 1300, 0.003, 0.35), (400, 3500, 0.30), 0.18),
    "soft": Ground((0.90, 70.0), None, (0, 1, 1, 0), (250, 2200, 0.16), 0.14),
    "water": Ground((0.25, 85.0), None, (0, 1, 1, 0), (700, 7000, 0.9), 0.34),
}


@dataclass(frozen=True)
class Step:
    """One footstep."""

    ground: str = choice(" ".join(GROUNDS), "what is walked on")
    shoe: str = choice("leather trainer boot heel barefoot", "what is on the foot")
    roll_s: float = span(0.05, 0.16, "s", "time from heel to toe; short when running")
    weight: float = span(0.3, 1.0, "", "weight of the walker")


_SHOE_HARDNESS = {"leather": 0.75, "trainer": 0.35, "boot": 0.6, "heel": 1.0, "barefoot": 0.15}


def crunch(
    density: Wave, centre_hz: float, ring_s: float, sr: int, rng: Rng, n_kinds: int = 8
) -> Wave:
    """Loose grains breaking and sliding: tiny resonances at random moments, [S].

    Args:
        density: grains a second over time [S].
        centre_hz: middle of the grains' pitches; they spread an octave each way.
        ring_s: ringing of one grain.
        sr: sample rate.
        rng: source of randomness.
        n_kinds: number of different grain sounds.
    """
    n = len(density)
    out = np.zeros(n, dtype=np.float32)
    length = dsp.samples(6 * ring_s, sr)
    for _ in range(n_kinds):
        pitch = centre_hz * 2.0 ** rng.normal(0.0, 0.6)
        hz = pitch * np.array([1.0, 1.7, 2.6]) * rng.uniform(0.9, 1.1, 3)
        tone = dsp.ringing(hz, np.full(3, ring_s), np.array([1.0, 0.6, 0.4]), length, sr)
        hiss = dsp.white(length, rng) * dsp.fall(length, ring_s, sr) * np.float32(0.5)
        grain = tone + dsp.band(hiss, 0.6 * pitch, 2.5 * pitch, sr, order=1)
        starts = dsp.poisson_times(density / n_kinds, n, sr, rng)
        loud = rng.lognormal(0.0, 0.9, starts.size) * rng.choice([-1.0, 1.0], starts.size)
        out += dsp.scatter(starts, loud, grain, n)
    return out


def _splash(n: int, sr: int, rng: Rng) -> Wave:
    """Short burst of spray and bubbles after a foot enters shallow water."""
    spray = dsp.shaped_noise(n, sr, [(200, -14), (900, 0), (3000, -2), (9000, -14)], rng)
    spray *= dsp.fall(n, 0.07, sr, 0.004) * (0.5 + dsp.wander(n, 40, sr, rng))
    out = dsp.unit_peak(spray)
    for start in rng.uniform(0.01, 0.7, 9) * n:
        hz = rng.uniform(450.0, 2200.0)
        length = dsp.samples(0.04, sr)
        t = dsp.seconds(length, sr)
        drop = np.sin(2 * np.pi * hz * (t + 4.0 * t * t)) * dsp.fall(length, 0.010, sr, 0.001)
        dsp.add_at(out, drop.astype(np.float32), int(start), rng.uniform(0.05, 0.3))
    return out


def step(params: Step, strength: float, sr: int, rng: Rng) -> Grain:
    """One step; the heel lands at sample 0."""
    ground = GROUNDS[params.ground]
    hard = _SHOE_HARDNESS[params.shoe]
    toe = dsp.samples(params.roll_s * rng.uniform(0.9, 1.1), sr)
    n = toe + dsp.samples(ground.length_s + 0.25, sr)
    out = np.zeros(n, dtype=np.float32)

    gain, pitch = ground.body
    low = thud(pitch * rng.uniform(0.92, 1.08), 0.035, sr, rng)
    dsp.add_at(out, low, 0, gain * (0.5 + 0.5 * params.weight))
    dsp.add_at(out, low, toe, 0.35 * gain)
    if ground.knock:
        name, size, loud = ground.knock
        for start, share in ((0, 1.0), (toe, 0.4)):
            ring = strike(MATERIALS[name], size * rng.uniform(0.8, 1.2), hard, strength, sr, rng)
            dsp.add_at(out, ring, start, loud * share * (0.35 + 0.65 * hard))
    # Weight over time: full at the heel, moving on, a second push at the toe.
    tail = dsp.fall(n, ground.length_s / 2.2, sr)
    roll = tail.copy()
    dsp.add_at(roll, tail, toe, 0.8)
    rate, centre, ring_s, loud = ground.grains
    if loud:
        # The first grains break the moment the heel lands.
        density = rate * (0.4 + 0.6 * params.weight) * roll
        wave = crunch(density, centre, ring_s, sr, rng)
        dsp.add_at(out, dsp.unit_peak(wave * np.sqrt(roll)), 0, loud)
    low_hz, high_hz, loud = ground.hiss
    scuff = dsp.band(dsp.white(n, rng), low_hz, high_hz, sr) * roll
    scuff *= 0.4 + dsp.wander(n, 60.0, sr, rng)
    dsp.add_at(out, dsp.unit_peak(scuff), 0, loud * (0.6 if params.ground != "water" else 0.3))
    if params.ground == "water":
        dsp.add_at(out, _splash(n, sr, rng), 0, 1.0)
    return dsp.unit_peak(out) * strength_gain(strength), 0


@dataclass(frozen=True)
class Hoof:
    """One beat of a horse's hoof."""

    ground: str = choice("stone dirt", "what is trodden on")


def hoof(params: Hoof, strength: float, sr: int, rng: Rng) -> Grain:
    """A hoof: a hollow knock whose pitch is that of half a coconut, over the ground."""
    if params.ground == "stone":
        ring = strike(MATERIALS["wood"], 0.055 * rng.uniform(0.85, 1.15), 0.9, strength, sr, rng)
        base = thud(rng.uniform(620.0, 820.0), 0.012, sr, rng)
        wave = layer((ring, 0.7), (base, 0.8), (thud(110.0, 0.03, sr, rng), 0.3))
    else:
        base, _ = step(Step("dirt", "boot", 0.05, 1.0), strength, sr, rng)
        wave = layer((base, 1.0), (thud(rng.uniform(90.0, 140.0), 0.05, sr, rng), 0.8))
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def _ground(name: str, level_db: float = 0.0) -> Recipe:
    return Recipe(
        f"footstep_{name}", Step, grain=step, pace_hz=(1.5, 3.0), level_db=level_db,
        fixed={"ground": name},
    )  # fmt: skip


RECIPES = (
    _ground("wood"), _ground("stone"), _ground("metal"), _ground("gravel"), _ground("snow", -3.0),
    _ground("grass", -5.0), _ground("leaves", -3.0), _ground("dirt", -4.0), _ground("soft", -8.0),
    _ground("water"),
    Recipe("horse_hooves", Hoof, grain=hoof, pace_hz=(3.0, 8.0)),
)  # fmt: skip
