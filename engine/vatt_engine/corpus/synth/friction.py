"""Rolling, scraping, creaking: sounds of two surfaces moving against each other.

Rolling and scraping excite the modes of the object by the small bumps that pass under the contact:
the faster, the denser and brighter. A creak or squeak is stick-slip: a train of tiny releases
whose rate wanders with the pull.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, plate_modes
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain


@dataclass(frozen=True)
class Rolling:
    """Something round on a hard floor."""

    material: str = choice("stone wood metal plastic glass", "the rolling object")
    size_m: float = span(0.02, 0.3, "m", "its diameter", log=True)
    roughness: float = span(0.2, 1.0, "", "of the floor")


@dataclass(frozen=True)
class Scrape:
    """Something dragged."""

    material: str = choice("stone metal wood plastic ceramic", "the dragged object")
    size_m: float = span(0.06, 0.4, "m", "its size", log=True)
    grit: float = span(0.1, 1.0, "", "smooth (0) or gritty (1) ground")


@dataclass(frozen=True)
class Creak:
    """Stick-slip of wood or of a hinge."""

    pitch_hz: float = span(250.0, 1100.0, "Hz", "main resonance", log=True)
    rate_hz: float = span(28.0, 110.0, "Hz", "releases a second in the middle", log=True)
    length_s: float = span(0.5, 1.8, "s", "how long one creak lasts")


def _through_modes(drive: Wave, material: str, size_m: float, sr: int, rng: Rng) -> Wave:
    """Drive a material's modes with a continuous excitation, [S]."""
    hz, decay = plate_modes(MATERIALS[material], size_m, rng)
    n = dsp.samples(float(np.clip(5 * decay.max(), 0.02, 0.5)), sr)
    gain = rng.uniform(0.4, 1.0, hz.size) / np.sqrt(np.arange(1, hz.size + 1))
    ring = dsp.ringing(hz, decay, gain, n, sr)
    out: Wave = signal.oaconvolve(drive, ring)[: len(drive)].astype(np.float32)
    return out


def rolling(params: Rolling, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Rolling: bumps at a rate set by the speed, once more each turn, over a rumble.

    ``intensity`` is the speed.
    """
    n = len(intensity)
    speed = np.maximum(intensity, 0.0)
    bumps = np.zeros(n, dtype=np.float32)
    starts = dsp.poisson_times((60.0 + 340.0 * params.roughness) * speed, n, sr, rng)
    np.add.at(bumps, starts, rng.lognormal(0.0, 0.7, starts.size).astype(np.float32))
    # The object is never quite round: each turn presses harder once.
    turn_hz = 1.2 * speed / (np.pi * params.size_m)
    phase = 2 * np.pi * np.cumsum(np.minimum(turn_hz, 30.0)) / sr
    bumps *= (0.45 + 0.55 * (0.5 + 0.5 * np.sin(phase)) ** 2).astype(np.float32)
    contact = dsp.band(bumps, 60.0, 2200.0, sr, order=1)
    body = _through_modes(contact * speed, params.material, params.size_m, sr, rng)
    rumble = dsp.band(dsp.white(n, rng), 60.0, 420.0, sr) * speed**1.5
    rumble *= 0.6 + 0.8 * dsp.wander(n, 9.0, sr, rng)
    mix = 0.6 * dsp.unit_rms(body) + 1.8 * dsp.unit_rms(rumble)
    mix = dsp.wave32(mix + 0.5 * dsp.unit_rms(contact * speed))
    return dsp.wave32(mix * np.sqrt(speed))


def scrape(params: Scrape, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Scraping: noise and grit through the object's modes; brighter with speed (intensity)."""
    n = len(intensity)
    hiss = dsp.band(dsp.white(n, rng), 1100.0, 7000.0, sr)
    jitter = 0.35 + dsp.wander(n, 34.0, sr, rng) ** 2
    grit = np.zeros(n, dtype=np.float32)
    starts = dsp.poisson_times((80.0 + 900.0 * params.grit) * intensity, n, sr, rng)
    np.add.at(grit, starts, rng.lognormal(0.0, 0.9, starts.size).astype(np.float32))
    drive = (
        dsp.unit_rms(hiss * jitter)
        + 0.8 * params.grit * dsp.unit_rms(dsp.band(grit, 800.0, 8000.0, sr, 1))
    ) * intensity
    body = _through_modes(drive, params.material, params.size_m, sr, rng)
    # Hands do not pull evenly: strokes with short stops between them.
    stroke = np.clip(1.8 * dsp.wander(n, 4.0, sr, rng) - 0.3, 0.05, 1.0)
    mix = 0.35 * dsp.unit_rms(body) + 1.0 * dsp.unit_rms(drive)
    return dsp.wave32(mix * np.sqrt(intensity) * stroke)


def creak(params: Creak, strength: float, sr: int, rng: Rng) -> Grain:
    """One creak: releases that speed up and slow down, each ringing the wood."""
    n = dsp.samples(params.length_s, sr)
    pull = dsp.bump(n, rng.uniform(0.3, 0.7), 1.0)
    rate = params.rate_hz * (0.35 + 0.65 * pull) * (0.75 + 0.5 * dsp.wander(n, 5.0, sr, rng))
    turns = np.cumsum(rate) / sr
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    # Releases are nearly regular; that is what makes a creak a tone and not a rattle.
    starts = starts + rng.normal(0, 0.06 * sr / params.rate_hz, starts.size).astype(int)
    starts = starts[(starts >= 0) & (starts < n)]
    gains = pull[starts] * rng.uniform(0.5, 1.0, starts.size)
    ratios = np.array([1.0, 1.48, 2.07, 2.9, 3.6, 4.9, 6.1])
    ratios = ratios * rng.uniform(0.85, 1.15, ratios.size)
    hz = params.pitch_hz * ratios * rng.uniform(0.96, 1.04, ratios.size)
    weights = np.array([1.0, 0.8, 0.9, 0.6, 0.5, 0.35, 0.25]) * rng.uniform(0.6, 1.0, ratios.size)
    decays = rng.uniform(0.003, 0.010, ratios.size)
    phases = np.full(ratios.size, 1.2)
    ring = dsp.ringing(hz, decays, weights, dsp.samples(0.07, sr), sr, phases)
    wave = dsp.scatter(starts, gains, ring, n)
    rub = dsp.band(dsp.white(n, rng), 1500.0, 6000.0, sr, order=1) * pull
    wave = dsp.unit_peak(wave) + 0.08 * rub
    return dsp.unit_peak(wave) * strength_gain(strength), int(starts[0]) if starts.size else 0


RECIPES = (
    Recipe("rolling", Rolling, texture=rolling),
    Recipe("scrape", Scrape, texture=scrape),
    Recipe("creak", Creak, grain=creak, level_db=-6.0, pace_hz=(0.3, 0.6)),
    Recipe("door_creak", Creak, grain=creak, level_db=-6.0, pace_hz=(0.3, 0.6)),
)
