"""Tools at work: strokes with a clear moment each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.breakage import Breakage, breakage
from vatt_engine.corpus.synth.dsp import Rng
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain
from vatt_engine.corpus.synth.steps import crunch


@dataclass(frozen=True)
class Hammer:
    """A hammer blow."""

    target: str = choice("nail anvil wood", "what is hit")


@dataclass(frozen=True)
class Saw:
    """One stroke of a hand saw."""

    teeth_hz: float = span(90.0, 320.0, "1/s", "teeth a second in mid-stroke", log=True)
    length_s: float = span(0.22, 0.5, "s", "length of a stroke")


@dataclass(frozen=True)
class Chop:
    """One blow of an axe."""

    split: float = span(0.0, 1.0, "", "how much the wood gives way")


@dataclass(frozen=True)
class Dig:
    """One thrust of a spade."""

    soil: str = choice("earth gravel sand", "what is dug")


@dataclass(frozen=True)
class Pick:
    """One blow of a pickaxe."""

    crumble: float = span(0.0, 1.0, "", "how much rock breaks away")


def hammer(params: Hammer, strength: float, sr: int, rng: Rng) -> Grain:
    """A hammer on a nail in wood, on an anvil, or on wood."""
    head = strike(MATERIALS["metal"], 0.07 * rng.uniform(0.95, 1.05), 1.0, strength, sr, rng)
    board = strike(MATERIALS["wood"], 0.4, 0.8, strength, sr, rng)
    low = thud(rng.uniform(110.0, 150.0), 0.03, sr, rng)
    if params.target == "anvil":
        big = strike(MATERIALS["metal"], 0.22, 1.0, strength, sr, rng)
        wave = layer((head, 0.5), (big, 0.8), (low, 0.3))
    elif params.target == "nail":
        short = head * dsp.fall(len(head), 0.03, sr)
        wave = layer((short, 0.5), (board, 1.0), (low, 0.25))
    else:
        wave = layer((board, 1.0), (low, 0.4))
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def saw(params: Saw, strength: float, sr: int, rng: Rng) -> Grain:
    """One stroke: teeth ripping fibres, louder and brighter in the middle; starts at sample 0."""
    n = dsp.samples(params.length_s * rng.uniform(0.9, 1.1), sr)
    speed = dsp.bump(n, 0.45, 0.8)
    turns = np.cumsum(params.teeth_hz * (0.35 + 0.65 * speed)) / sr
    edge = (1.0 - (turns % 1.0)).astype(np.float32) ** 2
    rip = dsp.band(dsp.white(n, rng), 500.0, 7500.0, sr, 1) * (0.35 + edge) * speed
    ring = strike(MATERIALS["metal"], 0.3, 0.6, 0.5, sr, rng)[: dsp.samples(0.05, sr)]
    body = np.convolve(rip, ring)[:n].astype(np.float32)
    wave = dsp.unit_rms(rip) + 0.7 * dsp.unit_rms(body)
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def chop(params: Chop, strength: float, sr: int, rng: Rng) -> Grain:
    """An axe enters wood: a hard knock, a dull log, perhaps a split."""
    log = strike(MATERIALS["wood"], 0.22 * rng.uniform(0.85, 1.2), 0.9, strength, sr, rng)
    low = thud(rng.uniform(95.0, 140.0), 0.04, sr, rng)
    n = dsp.samples(0.03, sr)
    bite = dsp.band(dsp.white(n, rng), 800.0, 6500.0, sr, 1) * dsp.fall(n, 0.004, sr)
    wave = layer((log, 0.9), (low, 0.6), (dsp.unit_peak(bite), 0.5))
    if params.split > 0.5:
        torn, _ = breakage(Breakage("wood", 0.2, 20.0, 0.25), 0.8, sr, rng)
        wave = layer((wave, 1.0), (dsp.unit_peak(torn), 0.6 * params.split))
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def dig(params: Dig, strength: float, sr: int, rng: Rng) -> Grain:
    """A spade cuts in, then the load slides off it."""
    centre = {"earth": 1300.0, "gravel": 2600.0, "sand": 3400.0}[params.soil]
    n = dsp.samples(0.9, sr)
    cut = dsp.fall(n, 0.09, sr, 0.06)
    load = dsp.bump(n, 0.5, 2.0) * 0.5
    grains = crunch(1500.0 * (cut + load), centre, 0.0022, sr, rng) * (cut + load)
    hiss = dsp.band(dsp.white(n, rng), 0.4 * centre, 2.8 * centre, sr, 1) * (cut + 0.7 * load)
    spade = strike(MATERIALS["metal"], 0.26, 0.6, strength, sr, rng)
    spade = spade * dsp.fall(len(spade), 0.05, sr)
    wave = layer(
        (dsp.unit_peak(grains), 0.7), (dsp.unit_peak(hiss), 0.6), (spade, 0.12),
        (thud(140.0, 0.02, sr, rng), 0.2),
    )  # fmt: skip
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def pick(params: Pick, strength: float, sr: int, rng: Rng) -> Grain:
    """Steel on rock: a clink and a crack, and some crumbs."""
    steel = strike(MATERIALS["metal"], 0.12 * rng.uniform(0.9, 1.1), 1.0, strength, sr, rng)
    steel = steel * dsp.fall(len(steel), 0.12, sr)
    rock = strike(MATERIALS["stone"], 0.15, 1.0, strength, sr, rng)
    wave = layer((steel, 0.6), (rock, 0.8), (thud(120.0, 0.03, sr, rng), 0.5))
    if params.crumble > 0.3:
        crumbs, _ = breakage(Breakage("stone", 0.15, 20.0, 0.4), 0.6, sr, rng)
        dsp.add_at(wave, dsp.unit_peak(crumbs), 0, 0.3 * params.crumble)
    return dsp.unit_peak(wave) * strength_gain(strength), 0


RECIPES = (
    Recipe("hammer", Hammer, grain=hammer, pace_hz=(0.9, 2.2)),
    Recipe("saw", Saw, grain=saw, level_db=-6.0, pace_hz=(1.2, 2.4)),
    Recipe("chop_wood", Chop, grain=chop, pace_hz=(0.4, 0.8)),
    Recipe("dig", Dig, grain=dig, level_db=-4.0, pace_hz=(0.4, 0.8)),
    Recipe("pickaxe", Pick, grain=pick, pace_hz=(0.5, 1.0)),
)
