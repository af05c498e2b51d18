"""Doors: closing, opening, knocking; latch, panel and frame together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.friction import Creak, creak
from vatt_engine.corpus.synth.handling import Click, latch
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain


@dataclass(frozen=True)
class Door:
    """A door in its frame."""

    material: str = choice("wood metal", "the panel")
    weight: float = span(0.2, 1.0, "", "cupboard (0.2) to heavy front door (1)")
    hinge: float = span(0.0, 1.0, "", "how much the hinges creak on opening")


@dataclass(frozen=True)
class Knock:
    """Knuckles on a door."""

    thickness: float = span(0.2, 1.0, "", "thin panel (0.2) to solid door (1)")


def _panel(params: Door, strength: float, sr: int, rng: Rng) -> Wave:
    """The panel meeting its frame: low boom of the leaf, rattle of what hangs in it."""
    leaf = thud(140.0 - 75.0 * params.weight, 0.05 + 0.04 * params.weight, sr, rng)
    face = strike(MATERIALS[params.material], 0.35 + 0.25 * params.weight, 0.55, strength, sr, rng)
    face = face * dsp.fall(len(face), 0.06 if params.material == "wood" else 0.07, sr)
    n = dsp.samples(0.25, sr)
    slap = dsp.band(dsp.white(n, rng), 180.0, 2600.0, sr) * dsp.fall(n, 0.014, sr)
    # A leaf never meets its frame at once: corners follow within some tens of milliseconds.
    rattle = dsp.band(dsp.white(n, rng), 90.0, 3200.0, sr, 1) * dsp.fall(n, 0.05, sr, 0.002)
    rattle *= dsp.wander(n, 80.0, sr, rng) ** 2
    return layer((leaf, 0.6), (face, 0.5), (dsp.unit_peak(slap), 0.7), (dsp.unit_peak(rattle), 0.7))


def close(params: Door, strength: float, sr: int, rng: Rng) -> Grain:
    """A door shuts: the panel hits the frame at sample 0, the latch falls in just after."""
    bolt, _ = latch(Click(0.04, "metal"), strength, sr, rng)
    out = np.zeros(dsp.samples(0.9, sr), dtype=np.float32)
    dsp.add_at(out, dsp.unit_peak(_panel(params, strength, sr, rng)), 0)
    dsp.add_at(out, dsp.unit_peak(bolt), dsp.samples(rng.uniform(0.012, 0.045), sr), 0.15)
    # The frame gives back a softer second contact.
    again = _panel(params, 0.5 * strength, sr, rng)
    dsp.add_at(out, dsp.unit_peak(again), dsp.samples(rng.uniform(0.05, 0.1), sr), 0.22)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def opening(params: Door, strength: float, sr: int, rng: Rng) -> Grain:
    """A door opens: the latch at sample 0, the panel leaving the frame, the hinges."""
    out = np.zeros(dsp.samples(1.8, sr), dtype=np.float32)
    bolt, _ = latch(Click(0.05, "metal"), strength, sr, rng)
    dsp.add_at(out, dsp.unit_peak(bolt), 0, 0.2)
    handle = dsp.unit_peak(_panel(params, 0.4, sr, rng))
    dsp.add_at(out, handle, 0, 0.5)
    leaf = thud(190.0 - 80.0 * params.weight, 0.03, sr, rng)
    dsp.add_at(out, leaf, dsp.samples(rng.uniform(0.12, 0.2), sr), 1.0)
    n = dsp.samples(0.9, sr)
    brush = dsp.band(dsp.white(n, rng), 250.0, 2500.0, sr, 1) * dsp.bump(n, 0.3, 1.5)
    dsp.add_at(out, dsp.unit_rms(brush), dsp.samples(0.15, sr), 0.01)
    if params.hinge > 0.6:
        groan, _ = creak(Creak(rng.uniform(300, 800), rng.uniform(20, 60), 1.0), 1.0, sr, rng)
        dsp.add_at(out, groan, dsp.samples(0.25, sr), 0.3 * params.hinge)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def knock(params: Knock, strength: float, sr: int, rng: Rng) -> Grain:
    """One knock of knuckles."""
    panel = thud(260.0 - 110.0 * params.thickness, 0.03, sr, rng)
    size = 0.35 + 0.2 * params.thickness
    face = strike(MATERIALS["wood"], size * rng.uniform(0.95, 1.05), 0.45, strength, sr, rng)
    n = dsp.samples(0.02, sr)
    skin = dsp.band(dsp.white(n, rng), 500.0, 3500.0, sr, 1) * dsp.fall(n, 0.0025, sr)
    wave = layer((panel, 0.9), (face, 0.7), (dsp.unit_peak(skin), 0.3))
    return dsp.unit_peak(wave) * strength_gain(strength), 0


RECIPES = (
    Recipe("door_close", Door, grain=close),
    Recipe("door_open", Door, grain=opening, level_db=-5.0),
    Recipe("door_knock", Knock, grain=knock, pace_hz=(3.0, 5.5), level_db=-3.0),
)
