"""Footsteps: a heel, a toe, and the grain of the ground between them.

A step rolls over the ground: the heel lands (the event time), weight moves forward, the toe
follows. Loose ground answers with many tiny crunches whose density follows the roll; hard ground
answers with the modes of a floor; a puddle with a splash.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Floats, Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain
from vatt_engine.corpus.synth.water import bubbles


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
    "wood": Ground((0.70, 150.0), ("wood", 0.40, 0.9), (0, 1, 1, 0), (300, 2200, 0.10), 0.12),
    "stone": Ground(
        (0.45, 190.0), ("stone", 0.20, 0.7), (160, 1500, 0.002, 0.12), (500, 3500, 0.22), 0.15
    ),
    "metal": Ground((0.90, 130.0), ("metal", 0.60, 0.28), (0, 1, 1, 0), (300, 5000, 0.45), 0.13),
    "gravel": Ground((0.22, 120.0), None, (1100, 900, 0.0030, 1.0), (400, 5500, 0.45), 0.17),
    "snow": Ground((0.30, 95.0), None, (1800, 700, 0.0035, 0.6), (150, 3200, 0.75), 0.20),
    "grass": Ground((0.18, 90.0), None, (700, 5200, 0.0012, 0.25), (2500, 11000, 0.85), 0.25),
    "leaves": Ground((0.05, 90.0), None, (900, 4200, 0.0016, 0.7), (3000, 11000, 0.60), 0.26),
    "dirt": Ground((0.30, 120.0), None, (900, 750, 0.003, 0.5), (200, 4000, 0.50), 0.16),
    "soft": Ground((0.95, 75.0), None, (0, 1, 1, 0), (150, 1500, 0.22), 0.12),
    "water": Ground((0.15, 110.0), None, (0, 1, 1, 0), (300, 4000, 0.5), 0.34),
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
    density: Floats, centre_hz: float, ring_s: float, sr: int, rng: Rng, n_kinds: int = 8
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
        hiss = dsp.white(length, rng) * dsp.fall(length, ring_s, sr)
        # More noise than tone: grains of a ground have no pitch of their own.
        grain = 0.3 * dsp.unit_rms(tone) + dsp.unit_rms(
            dsp.band(hiss, 0.5 * pitch, 3 * pitch, sr, 1)
        )
        starts = dsp.poisson_times(density / n_kinds, n, sr, rng)
        loud = rng.lognormal(0.0, 0.9, starts.size) * rng.choice([-1.0, 1.0], starts.size)
        out += dsp.scatter(starts, loud, grain, n)
    return out


def _splash(n: int, sr: int, rng: Rng) -> Wave:
    """Short burst of spray and bubbles after a foot enters shallow water."""
    spray = dsp.shaped_noise(
        n, sr, [(120, -14), (400, 0), (1600, -1), (4000, -8), (10000, -20)], rng
    )
    spray *= dsp.fall(n, 0.10, sr, 0.035) * (0.2 + dsp.wander(n, 40, sr, rng))
    shower = bubbles(500.0 * dsp.fall(n, 0.12, sr, 0.03), 2.2, sr, rng, 16)
    return dsp.unit_peak(dsp.unit_peak(spray) + 0.8 * dsp.unit_peak(shower))


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
            ring = strike(
                MATERIALS[name], size * rng.uniform(0.8, 1.2), 0.25 + 0.45 * hard, strength, sr, rng
            )
            if name == "metal":
                ring = ring * dsp.fall(len(ring), 0.035, sr)
            dsp.add_at(out, ring, start, loud * share * (0.5 + 0.5 * hard))
    # Weight over time: full at the heel, moving on, a second push at the toe.
    # Loose ground gives way over some milliseconds; what marks the moment is the heel.
    tail = dsp.fall(n, ground.length_s / 2.2, sr, 0.03 if ground.knock is None else 0.0)
    roll = tail.copy()
    dsp.add_at(roll, tail, toe, rng.uniform(0.6, 1.1))
    rate, centre, ring_s, loud = ground.grains
    if loud:
        # The first grains break the moment the heel lands.
        density = rate * (0.4 + 0.6 * params.weight) * roll
        wave = crunch(density, centre, ring_s, sr, rng)
        dsp.add_at(out, dsp.unit_peak(wave * np.sqrt(roll)), 0, loud)
    low_hz, high_hz, loud = ground.hiss
    scuff = dsp.band(dsp.white(n, rng), low_hz, high_hz, sr) * roll
    scuff *= 0.25 + dsp.wander(n, 45.0, sr, rng) ** 2
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
        ring = strike(MATERIALS["wood"], 0.05 * rng.uniform(0.85, 1.15), 0.8, strength, sr, rng)
        base = thud(rng.uniform(620.0, 820.0), 0.012, sr, rng)
        wave = layer((ring, 0.7), (base, 0.8), (thud(160.0, 0.02, sr, rng), 0.12))
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
