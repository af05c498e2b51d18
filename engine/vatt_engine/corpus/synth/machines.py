"""Engines by revolutions, machines, clocks, electric hum, bells, and a heart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, span, strength_gain


@dataclass(frozen=True)
class Engine:
    """A combustion engine; the intensity curve is its revolutions from idle to full."""

    idle_rpm: float = span(650.0, 1100.0, "1/min", "revolutions at intensity 0")
    full_rpm: float = span(2600.0, 6500.0, "1/min", "revolutions at intensity 1")
    cylinders: float = span(1.0, 8.0, "", "number of cylinders; rounded")
    roughness: float = span(0.1, 0.6, "", "unevenness from stroke to stroke")


@dataclass(frozen=True)
class Machine:
    """A machine with a motor and a working stroke; the intensity is its speed."""

    hum_hz: float = span(45.0, 240.0, "Hz", "pitch of the motor at full speed", log=True)
    stroke_hz: float = span(1.5, 14.0, "Hz", "working strokes a second", log=True)
    clank: float = span(0.1, 0.9, "", "share of metallic strokes")


@dataclass(frozen=True)
class Clock:
    """One tick."""

    size_m: float = span(0.01, 0.06, "m", "size of the works; large is low", log=True)


@dataclass(frozen=True)
class Electric:
    """Mains hum with arcing."""

    mains_hz: float = span(50.0, 60.0, "Hz", "frequency of the mains")
    arcs_hz: float = span(2.0, 40.0, "1/s", "sparks a second at full intensity", log=True)


@dataclass(frozen=True)
class Bell:
    """A bell is struck."""

    pitch_hz: float = span(180.0, 2400.0, "Hz", "strike note", log=True)
    ring_s: float = span(0.6, 3.5, "s", "how long the hum note rings", log=True)


@dataclass(frozen=True)
class Heart:
    """One beat: two muffled thumps."""

    gap_s: float = span(0.22, 0.34, "s", "between the two sounds")


def engine(params: Engine, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Firing pulses at half the revolutions a cylinder, through an exhaust; load opens it up."""
    n = len(intensity)
    rpm = params.idle_rpm + (params.full_rpm - params.idle_rpm) * intensity
    rpm *= 0.985 + 0.03 * dsp.wander(n, 6.0, sr, rng)
    cylinders = max(1, round(params.cylinders))
    turns = np.cumsum(rpm / 120.0 * cylinders) / sr
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    # Every cylinder has its own strength: this is what makes the half-order growl.
    own = 1.0 + params.roughness * rng.normal(0.0, 1.0, cylinders)
    strokes = own[np.arange(starts.size) % cylinders]
    strokes *= 1.0 + 0.25 * params.roughness * rng.normal(0.0, 1.0, starts.size)
    length = dsp.samples(0.05, sr)
    pulse = dsp.ringing(
        np.array([62.0, 118.0, 205.0, 330.0, 520.0, 910.0]) * rng.uniform(0.8, 1.25),
        np.array([0.014, 0.010, 0.007, 0.005, 0.004, 0.003]),
        np.array([1.0, 0.9, 0.6, 0.4, 0.28, 0.15]), length, sr,
    )  # fmt: skip
    puff = dsp.band(dsp.white(length, rng), 200.0, 3500.0, sr, 1) * dsp.fall(length, 0.004, sr)
    load = 0.35 + 0.65 * intensity
    # Jitter blurs the comb that perfectly regular firing would be.
    jitter = rng.normal(0.0, 0.02 * sr * 120.0 / (rpm[starts] * cylinders)).astype(int)
    exhaust = dsp.scatter(starts + jitter, strokes * load[starts], pulse, n)
    breath = dsp.scatter(starts + jitter, strokes * load[starts] ** 2, puff, n)
    tappets = dsp.band(dsp.white(n, rng), 1200.0, 6000.0, sr, 1)
    tappets *= 0.3 + 0.7 * (0.5 + 0.5 * np.sin(2 * np.pi * turns / max(cylinders / 2, 1)))
    roar = dsp.shaped_noise(n, sr, [(50, -4), (160, 0), (600, -6), (2500, -16), (9000, -34)], rng)
    mix = dsp.unit_rms(exhaust) + 0.45 * dsp.unit_rms(breath)
    mix = dsp.soft_clip(0.7 * mix) + (0.06 * tappets + 0.3 * roar * load).astype(np.float32)
    return dsp.wave32(mix * load)


def machine(params: Machine, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Motor hum and fan noise with a regular stroke of metal."""
    n = len(intensity)
    speed = np.maximum(intensity, 0.05)
    phase = 2 * np.pi * np.cumsum(params.hum_hz * speed) / sr
    hum = sum(np.sin(k * phase + k) / k**1.1 for k in (1, 2, 3, 4, 6, 8, 12))
    whir = dsp.shaped_noise(n, sr, [(100, -8), (500, 0), (2000, -5), (8000, -18)], rng)
    turns = np.cumsum(params.stroke_hz * speed) / sr
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    clanks = np.zeros(n, dtype=np.float32)
    for part, size in ((0, 0.25), (1, 0.12)):
        ring = strike(MATERIALS["metal"], size, 0.7, 0.8, sr, rng)
        ring = ring * dsp.fall(len(ring), 0.012, sr)
        clanks += dsp.scatter(starts[part::2], rng.uniform(0.6, 1.0, starts[part::2].size), ring, n)
    whir *= 1.0 + 0.7 * np.sin(phase) + 0.4 * np.sin(2.03 * phase)
    mix = 0.45 * dsp.unit_rms(np.asarray(hum, dtype=np.float32)) + 0.6 * whir
    return dsp.wave32((mix + 1.6 * params.clank * dsp.unit_rms(clanks)) * np.sqrt(speed))


def tick(params: Clock, strength: float, sr: int, rng: Rng) -> Grain:
    """One tick: a few dry contacts of the escapement within 20 ms."""
    n = dsp.samples(0.09, sr)
    out = np.zeros(n, dtype=np.float32)
    for delay, loud in ((0.0, 1.0), (rng.uniform(0.004, 0.007), 0.5), (0.016, 0.3)):
        hit = strike(MATERIALS["metal"], params.size_m, 0.8, strength, sr, rng)
        hit = hit[: dsp.samples(0.05, sr)]
        hit = hit * dsp.fall(len(hit), 0.0035, sr)
        dsp.add_at(out, hit, dsp.samples(delay, sr) if delay else 0, loud)
    case = thud(rng.uniform(500.0, 900.0), 0.008, sr, rng)
    out = layer((dsp.unit_peak(out), 1.0), (case, 0.35))
    return dsp.unit_peak(out) * strength_gain(strength), 0


def electric(params: Electric, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Buzz of a transformer and crackling arcs."""
    n = len(intensity)
    t = dsp.seconds(n, sr)
    buzz = np.zeros(n, dtype=np.float32)
    for k in (2, 4, 6, 8, 12, 16, 24, 32, 40):
        wobble = 0.7 + 0.6 * dsp.wander(n, 4.0, sr, rng)
        tone = np.sin(2 * np.pi * k * params.mains_hz * t + rng.uniform(0, 6.3))
        buzz += (tone * wobble / k**0.5).astype(np.float32)
    gate = np.maximum(np.sin(2 * np.pi * 2 * params.mains_hz * t), 0.0) ** 4
    open_arc = (dsp.wander(n, params.arcs_hz, sr, rng) > 0.72).astype(np.float32)
    arc = dsp.band(dsp.white(n, rng), 1200.0, 10_000.0, sr, 1) * (0.3 + gate) * open_arc
    hash_noise = dsp.band(dsp.white(n, rng), 300.0, 9000.0, sr, 1) * gate
    buzz = 0.5 * dsp.unit_rms(buzz) + 0.9 * dsp.unit_rms(hash_noise)
    return dsp.wave32((buzz + 1.2 * arc * intensity) * (0.4 + 0.6 * intensity))


def bell(params: Bell, strength: float, sr: int, rng: Rng) -> Grain:
    """A bell: hum, prime, tierce, quint, nominal and above, each with a slow beat."""
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.17, 5.43, 6.8])
    hz = params.pitch_hz * np.concatenate([ratios, ratios * rng.uniform(1.001, 1.004, ratios.size)])
    decay = np.tile(params.ring_s / ratios**0.9, 2) * 0.5
    gain = np.tile(np.array([0.7, 0.8, 0.9, 0.5, 1.0, 0.5, 0.5, 0.6, 0.5, 0.35, 0.2]), 2)
    gain = gain * np.tile(ratios ** (0.5 * strength - 0.5), 2)
    n = dsp.samples(min(3.0 * params.ring_s, 4.0), sr)
    ring = dsp.ringing(hz, decay, gain, n, sr, np.full(hz.size, 1.2))
    clapper = strike(MATERIALS["metal"], 0.05, 1.0, strength, sr, rng)
    out = layer((dsp.unit_peak(ring), 1.0), (clapper[: dsp.samples(0.06, sr)], 0.2))
    return dsp.unit_peak(out) * strength_gain(strength), 0


def heart(params: Heart, strength: float, sr: int, rng: Rng) -> Grain:
    """Lub and dub."""
    out = np.zeros(dsp.samples(0.6, sr), dtype=np.float32)
    dsp.add_at(out, thud(rng.uniform(42.0, 52.0), 0.045, sr, rng), 0, 1.0)
    dsp.add_at(out, thud(rng.uniform(55.0, 66.0), 0.035, sr, rng),
               dsp.samples(params.gap_s, sr), 0.7)  # fmt: skip
    return dsp.unit_peak(out) * strength_gain(strength), 0


RECIPES = (
    Recipe("engine", Engine, texture=engine),
    Recipe("machine", Machine, texture=machine),
    Recipe("clock_tick", Clock, grain=tick, pace_hz=(1.0, 5.0), level_db=-8.0),
    Recipe("electric", Electric, texture=electric),
    Recipe("bell", Bell, grain=bell, pace_hz=(0.4, 1.2)),
    Recipe("heartbeat", Heart, grain=heart, pace_hz=(0.9, 1.8)),
)
