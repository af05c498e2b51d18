"""Things in the hand: cloth, paper, keys, coins, crockery, latches, switches, keyboards.

Rustles are showers of tiny events that follow a hand's movement; jingles are small metal objects
striking each other a few dozen times; clicks are two or three dry contacts in a row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain
from vatt_engine.corpus.synth.steps import crunch


@dataclass(frozen=True)
class Rustle:
    """A soft sheet that is moved; the intensity is how fast."""

    sheet: str = choice("cotton silk denim paper newspaper plastic foil leaves", "what it is")
    moves_hz: float = span(0.7, 3.0, "Hz", "movements a second", log=True)


@dataclass(frozen=True)
class Jingle:
    """Small hard things moved together."""

    thing: str = choice("keys coins chain cutlery crockery pieces", "what they are")
    pieces: float = span(3.0, 14.0, "", "how many; rounded")
    length_s: float = span(0.25, 0.9, "s", "how long they clatter")


@dataclass(frozen=True)
class Click:
    """A small mechanism."""

    size_m: float = span(0.01, 0.08, "m", "its size; large is low and slow", log=True)
    material: str = choice("plastic metal", "what it is made of")


@dataclass(frozen=True)
class Zipper:
    """A zip fastener."""

    teeth_hz: float = span(60.0, 220.0, "1/s", "teeth a second", log=True)
    length_s: float = span(0.3, 1.0, "s", "how long the pull lasts")


@dataclass(frozen=True)
class Pen:
    """A pen on paper; the intensity is its speed."""

    strokes_hz: float = span(2.5, 7.0, "Hz", "strokes a second")


# Per sheet: crackles a second, their centre (Hz) and ring (s), their share; band of the rustle.
_SHEETS = {
    "cotton": (60.0, 2200.0, 0.0010, 0.02, (350.0, 3500.0)),
    "silk": (120.0, 4500.0, 0.0008, 0.03, (1800.0, 9000.0)),
    "denim": (150.0, 1800.0, 0.0012, 0.08, (350.0, 4200.0)),
    "paper": (420.0, 3200.0, 0.0011, 0.70, (1200.0, 9000.0)),
    "newspaper": (380.0, 1900.0, 0.0016, 0.65, (600.0, 7000.0)),
    "plastic": (2400.0, 4200.0, 0.0009, 0.95, (2500.0, 10_500.0)),
    "foil": (700.0, 5200.0, 0.0016, 0.95, (3000.0, 11_000.0)),
    "leaves": (700.0, 3800.0, 0.0012, 0.22, (500.0, 9500.0)),
}
# Per thing: material, size of a piece (m), share of bounces on a table.
_THINGS = {
    "keys": ("metal", 0.0075, 0.05), "coins": ("metal", 0.0055, 0.15),
    "chain": ("metal", 0.018, 0.2),
    "cutlery": ("metal", 0.03, 0.4), "crockery": ("ceramic", 0.11, 0.6),
    "pieces": ("wood", 0.022, 0.9),
}  # fmt: skip


def rustle(params: Rustle, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """Sheets: strokes of the hand, each a swell of friction noise with crackles in it."""
    rate, centre, ring_s, share, (low, high) = _SHEETS[params.sheet]
    n = len(intensity)
    hand = dsp.wander(n, 2.0 * params.moves_hz, sr, rng)
    hand = np.clip(1.5 * hand - 0.3, 0.03, 1.0) * intensity
    # Folds give way one after the other: crackles come in short bursts inside a stroke.
    bursts = np.clip(dsp.wander(n, 22.0, sr, rng) * 2.0 - 0.6, 0.05, None)
    crackles = crunch(rate * hand * bursts, centre, ring_s, sr, rng, 12)
    # Threads catch and slip: a fine flutter that never falls silent within a stroke.
    fine = 0.7 + 0.6 * dsp.wander(n, 40.0, sr, rng)
    rub = dsp.band(dsp.white(n, rng), low, high, sr) * fine * hand
    return share * dsp.unit_rms(crackles) + (1 - share) * dsp.unit_rms(rub)


def jingle(params: Jingle, strength: float, sr: int, rng: Rng) -> Grain:
    """Pieces striking each other, densest at the start; the first contact is sample 0."""
    material, size, table = _THINGS[params.thing]
    n = dsp.samples(params.length_s + 0.9, sr)
    out = np.zeros(n, dtype=np.float32)
    pieces = max(2, round(params.pieces))
    knock = thud(rng.uniform(150.0, 260.0), 0.015, sr, rng)
    for piece in range(pieces):
        own = size * rng.uniform(0.75, 1.3)
        ring = strike(MATERIALS[material], own, 0.95, rng.uniform(0.5, 1.0), sr, rng)
        if params.thing in ("keys", "chain"):
            ring = ring * dsp.fall(len(ring), 0.10 if params.thing == "keys" else 0.045, sr)
        hits = np.sort(
            rng.exponential(
                params.length_s / 2.5, rng.integers(2, 6) * (3 if params.thing == "chain" else 1)
            )
        )
        for order, at in enumerate(hits - (hits[0] if piece == 0 else 0.0)):
            loud = rng.uniform(0.25, 1.0) * np.exp(-1.2 * at / params.length_s)
            dsp.add_at(out, ring, int(at * sr), loud * (0.9 if order or piece else 1.3))
            dsp.add_at(out, knock, int(at * sr), 0.3 * table * loud)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def click(params: Click, strength: float, sr: int, rng: Rng) -> Grain:
    """A switch: contact, and the stop a few milliseconds later."""
    gap = 0.004 + 0.35 * params.size_m * rng.uniform(0.7, 1.3)
    out = np.zeros(dsp.samples(gap + 0.09, sr), dtype=np.float32)
    for delay, loud in ((0.0, 0.7), (gap, 1.0)):
        hit = strike(MATERIALS[params.material], params.size_m, 0.9, strength, sr, rng)
        hit = hit[: dsp.samples(0.07, sr)] * dsp.fall(
            min(len(hit), dsp.samples(0.07, sr)), 0.006, sr
        )
        dsp.add_at(out, hit, dsp.samples(delay, sr) if delay else 0, loud)
        # Springs and housing rattle on for some milliseconds, at the top of the spectrum.
        n = dsp.samples(0.05, sr)
        tick = dsp.band(dsp.white(n, rng), 2200.0, 10_500.0, sr, 1)
        tick *= 0.8 * dsp.fall(n, 0.0012, sr) + 0.2 * dsp.fall(n, 0.009, sr)
        dsp.add_at(out, dsp.unit_peak(tick), dsp.samples(delay, sr) if delay else 0, 0.8 * loud)
    body = thud(90.0 + 9.0 / params.size_m, 0.012, sr, rng)
    return dsp.unit_peak(layer((out, 1.0), (body, 0.25))) * strength_gain(strength), 0


def key_press(params: Click, strength: float, sr: int, rng: Rng) -> Grain:
    """One key: finger, bottom, and the key coming back up, softer."""
    own = Click(params.size_m * rng.uniform(0.85, 1.2), "plastic")
    down, _ = click(own, strength, sr, rng)
    up, _ = click(Click(own.size_m * 0.8, "plastic"), 0.6 * strength, sr, rng)
    out = np.zeros(dsp.samples(0.28, sr), dtype=np.float32)
    case = thud(rng.uniform(180.0, 300.0), 0.015, sr, rng)
    dsp.add_at(out, dsp.unit_peak(down), 0)
    dsp.add_at(out, case, 0, 0.3)
    dsp.add_at(out, dsp.unit_peak(up), dsp.samples(rng.uniform(0.06, 0.12), sr), 0.35)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def latch(params: Click, strength: float, sr: int, rng: Rng) -> Grain:
    """A latch or bolt: it moves, slides, and snaps home in several small contacts.

    The event is the first contact.
    """
    size = 0.012 + 0.5 * params.size_m
    gap = rng.uniform(0.06, 0.16)
    out = np.zeros(dsp.samples(gap + 0.35, sr), dtype=np.float32)
    slide_n = dsp.samples(gap, sr)
    slide = dsp.band(dsp.white(slide_n, rng), 2500.0, 9000.0, sr, 1) * dsp.bump(slide_n, 0.6, 1.0)
    dsp.add_at(out, dsp.unit_rms(slide), dsp.samples(0.004, sr), 0.02)
    moments = [(0.0, 0.5), (0.012, 0.25), (gap, 1.0)]
    moments += [(gap + rng.uniform(0.006, 0.05), rng.uniform(0.2, 0.6)) for _ in range(3)]
    for time_s, loud in moments:
        ring = strike(MATERIALS["metal"], size * rng.uniform(0.6, 1.4), 0.95, strength, sr, rng)
        ring = ring * dsp.fall(len(ring), rng.uniform(0.008, 0.025), sr)
        dsp.add_at(out, ring, round(time_s * sr), loud)
    dsp.add_at(out, thud(rng.uniform(200.0, 380.0), 0.012, sr, rng), slide_n, 0.2)
    return dsp.unit_peak(out) * strength_gain(strength), 0


def zipper(params: Zipper, strength: float, sr: int, rng: Rng) -> Grain:
    """A pull over the teeth: a buzz of clicks that speeds up, over a hiss."""
    n = dsp.samples(params.length_s, sr)
    pull = dsp.bump(n, 0.55, 0.6)
    rate = params.teeth_hz * (0.5 + pull)
    turns = np.cumsum(rate) / sr
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    length = dsp.samples(0.006, sr)
    tooth = dsp.band(dsp.white(length, rng), 2000.0, 9500.0, sr, 1) * dsp.fall(length, 0.0011, sr)
    wave = dsp.scatter(starts, rng.uniform(0.5, 1.0, starts.size) * pull[starts], tooth, n)
    hiss = dsp.band(dsp.white(n, rng), 2500.0, 10_000.0, sr, 1) * pull
    out = dsp.unit_peak(wave) + 0.12 * dsp.unit_rms(hiss)
    return dsp.unit_peak(out) * strength_gain(strength), int(starts[0]) if starts.size else 0


def writing(params: Pen, intensity: Wave, sr: int, rng: Rng) -> Wave:
    """A pen: strokes of fine friction with pauses between words, and a table under it."""
    n = len(intensity)
    t = dsp.seconds(n, sr)
    wobble = np.cumsum(0.7 + 0.6 * dsp.wander(n, 3.0, sr, rng)) / sr
    stroke = np.abs(np.sin(np.pi * params.strokes_hz * wobble)) ** 0.7
    words = (dsp.wander(n, 1.6, sr, rng) > 0.3).astype(np.float32)
    words = dsp.band(words, 0.0, 30.0, sr, 1)
    grain = 0.4 + dsp.wander(n, 160.0, sr, rng)
    rub = dsp.band(dsp.white(n, rng), 1800.0, 8000.0, sr, 1) * grain
    low = dsp.band(dsp.white(n, rng), 250.0, 900.0, sr, 1)
    mix = (rub + 0.25 * low) * stroke * np.clip(words, 0.0, 1.0) * intensity
    return dsp.wave32(mix * np.minimum(t / 0.01, 1.0))


def _rustle(category: str, sheet: str | None = None) -> Recipe:
    return Recipe(category, Rustle, texture=rustle, fixed={"sheet": sheet} if sheet else {})


def _jingle(category: str, thing: str, level_db: float = -4.0) -> Recipe:
    return Recipe(category, Jingle, grain=jingle, level_db=level_db, fixed={"thing": thing})


RECIPES = (
    _rustle("cloth_rustle", "cotton"),
    _rustle("paper", "paper"),
    _rustle("plastic_crackle", "plastic"),
    _rustle("leaves_rustle", "leaves"),
    _jingle("keys_jingle", "keys"),
    _jingle("coins", "coins"),
    _jingle("chain_rattle", "chain"),
    _jingle("dishes", "crockery"),
    _jingle("game_pieces", "pieces"),
    Recipe("switch_click", Click, grain=click, level_db=-8.0),
    Recipe("typing", Click, grain=key_press, level_db=-9.0, pace_hz=(4.0, 9.0),
           fixed={"material": "plastic"}),
    Recipe("latch_lock", Click, grain=latch, level_db=-4.0, fixed={"material": "metal"}),
    Recipe("zipper", Zipper, grain=zipper, level_db=-6.0),
    Recipe("writing", Pen, texture=writing),
)  # fmt: skip
