"""Air set in motion: whooshes, arrows and blades, steam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain


@dataclass(frozen=True)
class Whoosh:
    """Something swung or flying past."""

    speed: float = span(0.1, 1.0, "", "slow and dull (0) to fast and bright (1)")
    size_m: float = span(0.02, 0.6, "m", "thickness of what moves; thick is low", log=True)


@dataclass(frozen=True)
class Arrow:
    """A bow is released."""

    target: str = choice("none wood earth", "what the arrow hits")


@dataclass(frozen=True)
class Blade:
    """A blade is drawn or meets another."""

    action: str = choice("clash draw", "what happens")
    size_m: float = span(0.15, 0.7, "m", "length", log=True)


@dataclass(frozen=True)
class Steam:
    """Gas escaping through a narrow opening."""

    pitch_hz: float = span(2500.0, 7000.0, "Hz", "centre of the hiss", log=True)


def _moving_band(wave: Wave, centre_hz: Wave, sr: int) -> Wave:
    """Noise through a band whose centre moves: blocks of 12 ms, overlapped."""
    block = dsp.samples(0.012, sr)
    n = len(wave)
    n_blocks = -(-n // block) + 1
    padded = np.pad(wave, (block, 2 * block))
    frames = np.stack([padded[k * block : (k + 2) * block] for k in range(n_blocks)])
    spectrum = np.fft.rfft(frames * np.sqrt(signal.windows.hann(2 * block, sym=False)), axis=1)
    hz = np.fft.rfftfreq(2 * block, 1 / sr)
    at = np.clip(np.arange(n_blocks) * block, 0, n - 1)
    octaves = np.log2(np.maximum(hz, 20.0)[None] / centre_hz[at][:, None])
    # Steeper above than below: turbulence has a long low tail.
    gain_db = np.where(octaves > 0, -9.0 * np.maximum(octaves, 0.0) ** 1.2, 6.0 * octaves)
    shaped = np.fft.irfft(spectrum * 10 ** (gain_db / 20), axis=1)
    shaped = shaped * np.sqrt(signal.windows.hann(2 * block, sym=False))
    out = np.zeros((n_blocks + 2) * block)
    for k in range(n_blocks):
        out[k * block : (k + 2) * block] += shaped[k]
    return out[block : block + n].astype(np.float32)


def whoosh(params: Whoosh, strength: float, sr: int, rng: Rng) -> Grain:
    """A swish; the event is its loudest moment, when the thing passes."""
    length = 0.75 - 0.5 * params.speed * (0.6 + 0.4 * strength)
    n = dsp.samples(length, sr)
    rise = rng.uniform(0.45, 0.6)
    envelope = dsp.bump(n, rise, 2.0 + 2.0 * params.speed)
    # Strouhal: pitch of the wake goes with speed over thickness.
    top = (250.0 + 1000.0 * params.speed * (0.5 + 0.5 * strength)) * (0.1 / params.size_m) ** 0.35
    centre = top * (0.35 + 0.65 * envelope)
    wave = _moving_band(dsp.white(n, rng), centre.astype(np.float32), sr) * envelope
    return dsp.unit_peak(wave) * strength_gain(strength), int(rise * n)


def arrow(params: Arrow, strength: float, sr: int, rng: Rng) -> Grain:
    """Bow string, flight, and what is hit; the event is the release."""
    n = dsp.samples(0.9, sr)
    string_hz = rng.uniform(90.0, 150.0) * np.arange(1, 9)
    twang = dsp.ringing(string_hz, 0.05 / np.arange(1, 9) ** 0.4, 1 / np.arange(1, 9), n, sr)
    slap = dsp.band(dsp.white(n, rng), 600.0, 4500.0, sr, 1) * dsp.fall(n, 0.006, sr)
    air, _ = whoosh(Whoosh(0.95, 0.03), strength, sr, rng)
    out = layer((dsp.unit_peak(twang), 0.5), (dsp.unit_peak(slap), 0.7))
    dsp.add_at(out, dsp.unit_peak(air), dsp.samples(0.02, sr), 0.55)
    if params.target != "none":
        hit = strike(MATERIALS["wood"], 0.3, 0.8, 1.0, sr, rng)
        low = thud(130.0, 0.04, sr, rng)
        at = dsp.samples(rng.uniform(0.3, 0.55), sr)
        dsp.add_at(out, hit, at, 0.7 if params.target == "wood" else 0.15)
        dsp.add_at(out, low, at, 0.5)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def blade(params: Blade, strength: float, sr: int, rng: Rng) -> Grain:
    """Steel on steel (a clash), or steel drawn along a sheath."""
    ring = strike(MATERIALS["metal"], params.size_m * 0.35, 1.0, strength, sr, rng)
    if params.action == "clash":
        second = strike(MATERIALS["metal"], params.size_m * 0.22, 1.0, strength, sr, rng)
        out = layer((ring, 0.7), (second, 0.7))
        n = dsp.samples(0.12, sr)
        grind = dsp.band(dsp.white(n, rng), 3000.0, 10_000.0, sr, 1) * dsp.fall(n, 0.03, sr)
        dsp.add_at(out, dsp.unit_peak(grind), 0, 0.5)
        return dsp.unit_peak(out) * strength_gain(strength), 0
    n = dsp.samples(rng.uniform(0.35, 0.7), sr)
    slide = dsp.bump(n, 0.6, 1.0)
    hiss = _moving_band(dsp.white(n, rng), (2500.0 + 4000.0 * slide).astype(np.float32), sr) * slide
    out = np.zeros(n + len(ring), dtype=np.float32)
    dsp.add_at(out, dsp.unit_peak(hiss), 0, 0.8)
    dsp.add_at(out, ring, int(0.75 * n), 0.45)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def steam(params: Steam, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Hiss of escaping gas; more pressure is brighter."""
    n = len(intensity)
    centre = params.pitch_hz * (0.6 + 0.4 * intensity) * (0.95 + 0.1 * dsp.wander(n, 8.0, sr, rng))
    hiss = _moving_band(dsp.white(n, rng), centre.astype(np.float32), sr)
    return hiss * intensity * (0.85 + 0.3 * dsp.wander(n, 20.0, sr, rng))


RECIPES = (
    Recipe("whoosh", Whoosh, grain=whoosh, level_db=-4.0),
    Recipe("bow_arrow", Arrow, grain=arrow, level_db=-2.0),
    Recipe("blade", Blade, grain=blade),
    Recipe("steam", Steam, texture=steam),
)
