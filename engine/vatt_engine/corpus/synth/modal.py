"""Struck objects: modes of a plate by material and size, excited by a striker.

Classic modal synthesis: an impact excites the modes of the object by how hard and where it is
hit; each mode rings at its frequency and dies at a rate set by the material. The support under
the object answers with a dull low mode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Floats, Rng, Wave
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain


@dataclass(frozen=True)
class Material:
    """Sound of a material.

    Attributes:
        pitch_hz: lowest plate mode of an object 10 cm across.
        scaling: how fast the pitch falls with size.
        decay_s: 1/e decay of a mode at 1 kHz, and the longest decay of any mode.
        damping: how much faster high modes die (exponent of frequency).
        modes: how many modes are heard; many close ones sound like a knock, few like a note.
        scatter: random spread of the modes against the ideal plate.
        hardness: 0 soft to 1 hard; sets the contact time.
        noise: share of contact noise against ringing.
    """

    pitch_hz: float
    scaling: float
    decay_s: tuple[float, float]
    damping: float
    modes: int
    scatter: float
    hardness: float
    noise: float


MATERIALS = {
    "wood": Material(400.0, 0.50, (0.014, 0.030), 0.55, 48, 0.14, 0.58, 0.20),
    "metal": Material(860.0, 0.60, (0.24, 0.90), 0.50, 40, 0.04, 0.95, 0.10),
    "glass": Material(1700.0, 0.45, (0.13, 0.24), 0.55, 32, 0.06, 0.97, 0.12),
    "ceramic": Material(1700.0, 0.45, (0.060, 0.10), 0.60, 32, 0.08, 0.95, 0.22),
    "plastic": Material(520.0, 0.50, (0.012, 0.026), 0.45, 44, 0.16, 0.62, 0.30),
    "stone": Material(700.0, 0.45, (0.012, 0.024), 0.35, 56, 0.18, 0.95, 0.50),
    "soft": Material(120.0, 0.40, (0.006, 0.022), 0.80, 30, 0.20, 0.15, 0.60),
    "rubber": Material(170.0, 0.45, (0.010, 0.035), 0.80, 20, 0.15, 0.28, 0.25),
}

_STRIKER_HARDNESS = {"metal": 1.0, "wood": 0.7, "plastic": 0.6, "finger": 0.3, "soft": 0.1}


@dataclass(frozen=True)
class Impact:
    """A blow on an object."""

    material: str = choice(" ".join(MATERIALS), "what is struck")
    size_m: float = span(0.04, 0.6, "m", "largest extent of the object", log=True)
    striker: str = choice("wood metal plastic finger soft", "what strikes it")
    hollow: float = span(0.0, 1.0, "", "how much a hollow body answers below the plate")
    support: float = span(0.0, 1.0, "", "how much the table or floor thuds along")


@dataclass(frozen=True)
class Bounce:
    """A ball meeting the floor."""

    ball: str = choice("basketball rubber tennis plastic", "kind of ball")
    size_m: float = span(0.04, 0.25, "m", "diameter", log=True)


@dataclass(frozen=True)
class Blow:
    """A punch, slap or fall of a body."""

    flesh: float = span(0.0, 1.0, "", "from a slap of the skin (0) to a dull body fall (1)")


def plate_modes(material: Material, size_m: float, rng: Rng) -> tuple[Floats, Floats]:
    """Frequencies and decays of a rectangular plate with a drawn aspect, [M] each.

    Half of the modes are twins a little apart: real bodies are never quite symmetric, and the
    beating of the pairs is what keeps a strike from sounding like an instrument.
    """
    aspect = rng.uniform(0.45, 0.95)
    m, n = np.meshgrid(np.arange(1, 11), np.arange(1, 11))
    half = -(-material.modes // 2)
    ratio = np.sort(((m**2 + (aspect * n) ** 2) / (1 + aspect**2)).ravel())[:half]
    lowest = material.pitch_hz * (0.1 / size_m) ** material.scaling
    hz = lowest * ratio**0.85 * np.exp(material.scatter * rng.standard_normal(half))
    hz = np.concatenate([hz, hz * (1 + rng.uniform(0.002, 0.02 + material.scatter, half))])
    usual, longest = material.decay_s
    decay = usual * (1000.0 / np.maximum(hz, 40.0)) ** material.damping
    return hz, np.minimum(decay, longest) * rng.uniform(0.6, 1.3, hz.size)


def strike(
    material: Material, size_m: float, hardness: float, strength: float, sr: int, rng: Rng
) -> Wave:
    """The ringing and the contact noise of one blow, peak 1; its onset is sample 0."""
    hz, decay = plate_modes(material, size_m, rng)
    # A harder and faster contact is shorter and so excites higher modes (Hertz contact).
    joint = min(hardness, material.hardness) * (0.6 + 0.4 * strength)
    contact_s = 0.0040 * 10.0 ** (-1.5 * joint)
    place = rng.uniform(0.15, 0.85)
    shape = np.abs(np.sin(np.pi * place * np.arange(1, hz.size + 1))) + 0.25
    gain = shape * rng.uniform(0.4, 1.0, hz.size) / (1.0 + (hz * contact_s) ** 2)
    longest = float(np.max(decay * (gain > 1e-3), initial=0.02))
    n = dsp.samples(min(6.0 * longest, 3.5) + 0.01, sr)
    # Random phases: aligned ones would pile up into one spike, which no contact makes.
    ring = dsp.unit_peak(dsp.ringing(hz, decay, gain, n, sr, rng.uniform(0.0, np.pi, hz.size)))
    top_hz = min(0.8 / contact_s, 0.45 * sr)
    hiss = dsp.band(dsp.white(n, rng), 0.15 * top_hz, top_hz, sr)
    hiss = hiss * dsp.fall(n, 2.0 * contact_s + 0.006, sr)
    return dsp.unit_peak((1 - material.noise) * ring + material.noise * dsp.unit_peak(hiss))


def thud(hz: float, decay_s: float, sr: int, rng: Rng) -> Wave:
    """The dull answer of a floor, a table, a body, peak 1.

    Many close low modes with random phases: a knock, not the note of a drum.
    """
    ratios = np.concatenate([rng.uniform(0.7, 1.5, 10), rng.uniform(1.3, 4.5, 14)])
    gains = rng.uniform(0.4, 1.0, ratios.size) / np.maximum(ratios, 1.0) ** 1.2
    decays = decay_s * rng.uniform(0.4, 1.0, ratios.size) / ratios**0.5
    n = dsp.samples(5 * decay_s, sr)
    phases = rng.uniform(0.0, np.pi, ratios.size)
    wave = dsp.ringing(hz * ratios, decays, gains, n, sr, phases)
    return dsp.unit_peak(wave * np.minimum(dsp.seconds(n, sr) / 0.0008, 1.0))


def layer(*parts: tuple[Wave, float]) -> Wave:
    """Waves summed from a common start, each with its gain."""
    out = np.zeros(max(len(wave) for wave, _ in parts), dtype=np.float32)
    for wave, gain in parts:
        dsp.add_at(out, wave, 0, gain)
    return out


def impact(params: Impact, strength: float, sr: int, rng: Rng) -> Grain:
    """One blow on an object."""
    material = MATERIALS[params.material]
    hard = _STRIKER_HARDNESS[params.striker]
    ring = strike(material, params.size_m, hard, strength, sr, rng)
    low = 70.0 + 60.0 * rng.random() + 60.0 / (1 + 10 * params.size_m)
    parts = [(ring, 1.0), (thud(low, 0.03, sr, rng), 0.35 * params.support)]
    if params.material in ("wood", "plastic", "metal"):
        cavity = thud(190.0 * (0.2 / params.size_m) ** 0.5, 0.04, sr, rng)
        parts.append((cavity, 0.7 * params.hollow))
    if params.material == "soft":
        n = dsp.samples(0.28, sr)
        flop = dsp.band(dsp.white(n, rng), 600.0, 9500.0, sr, 1) * dsp.fall(n, 0.06, sr, 0.003)
        flop *= 0.4 + dsp.wander(n, 60.0, sr, rng)
        parts.append((dsp.unit_peak(flop), 0.8))
    if params.material == "stone":
        for delay in rng.exponential(0.06, 3):
            again = strike(material, params.size_m * 0.7, hard, 0.7 * strength, sr, rng)
            start = dsp.samples(0.02 + delay, sr)
            parts.append((np.pad(again, (start, 0)), rng.uniform(0.1, 0.45)))
    return dsp.unit_peak(layer(*parts)) * strength_gain(strength), 0


def bounce(params: Bounce, strength: float, sr: int, rng: Rng) -> Grain:
    """One contact of a ball: skin slap, air mode, floor."""
    skin = {"basketball": 0.5, "rubber": 0.3, "tennis": 0.6, "plastic": 0.9}[params.ball]
    air_hz = {"basketball": 210.0, "rubber": 320.0, "tennis": 380.0, "plastic": 900.0}[params.ball]
    pitch = air_hz * (0.12 / params.size_m) ** 0.35
    tone = thud(pitch, 0.035 if params.ball != "basketball" else 0.06, sr, rng)
    floor = thud(rng.uniform(75.0, 110.0), 0.045, sr, rng)
    n = dsp.samples(0.05, sr)
    slap = dsp.band(dsp.white(n, rng), 700.0, 5500.0, sr) * dsp.fall(n, 0.004, sr)
    wave = layer((tone, 0.8), (floor, 0.7), (dsp.unit_peak(slap), skin * (0.3 + 0.7 * strength)))
    if params.ball == "basketball":
        ring = strike(MATERIALS["rubber"], 0.05, 0.6, strength, sr, rng)
        wave = layer((wave, 1.0), (ring, 0.25))
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def blow(params: Blow, strength: float, sr: int, rng: Rng) -> Grain:
    """A slap or a fall: short skin noise over a low thump."""
    n = dsp.samples(0.18, sr)
    slap = dsp.band(dsp.white(n, rng), 900.0, 5000.0 - 3000.0 * params.flesh, sr)
    slap = slap * dsp.fall(n, 0.006 + 0.02 * params.flesh, sr)
    body = thud(rng.uniform(55.0, 95.0), 0.05 + 0.04 * params.flesh, sr, rng)
    wave = layer(
        (dsp.unit_peak(slap), 1.0 - 0.65 * params.flesh), (body, 0.25 + 0.75 * params.flesh)
    )
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def _impact(category: str, material: str, level_db: float = 0.0) -> Recipe:
    return Recipe(category, Impact, grain=impact, level_db=level_db, fixed={"material": material})


RECIPES = (
    _impact("impact_wood", "wood"),
    _impact("impact_metal", "metal"),
    _impact("impact_glass", "glass", -4.0),
    _impact("impact_ceramic", "ceramic", -3.0),
    _impact("impact_plastic", "plastic", -3.0),
    _impact("impact_stone", "stone"),
    _impact("impact_soft", "soft", -5.0),
    Recipe("impact_body", Blow, grain=blow),
    Recipe("ball_bounce", Bounce, grain=bounce, pace_hz=(1.2, 2.5)),
)
