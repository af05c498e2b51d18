"""Things that break: a crack, then shards that fall and come to rest.

The blow comes first and loud, then fragments of very different sizes ring at random moments whose
density dies away (a Poisson process), and the last few bounce. Small fragments sound high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave
from vatt_engine.corpus.synth.modal import MATERIALS, layer, strike, thud
from vatt_engine.corpus.synth.recipe import Grain, Recipe, choice, span, strength_gain


@dataclass(frozen=True)
class Breakage:
    """A thing that breaks."""

    material: str = choice("glass ceramic wood stone", "what breaks")
    size_m: float = span(0.08, 0.8, "m", "its size", log=True)
    shards: float = span(15.0, 140.0, "", "number of audible fragments", log=True)
    fall_s: float = span(0.25, 1.1, "s", "how long fragments go on falling")


_SHARD_SIZE = {"glass": 0.03, "ceramic": 0.05, "wood": 0.16, "stone": 0.15}
_CRACK_BAND = {
    "glass": (1800.0, 10_000.0), "ceramic": (1200.0, 8500.0),
    "wood": (350.0, 5500.0), "stone": (250.0, 5000.0),
}  # fmt: skip


def _fragments(params: Breakage, n: int, sr: int, rng: Rng) -> Wave:
    """Fragments hitting the ground: a few kinds of ring at many random moments."""
    material = MATERIALS[params.material]
    out = np.zeros(n, dtype=np.float32)
    density = dsp.fall(n, params.fall_s * 0.5, sr, 0.03)
    density *= params.shards / max(float(density.sum()) / sr, 1e-6)
    n_kinds = 14
    for _ in range(n_kinds):
        size = _SHARD_SIZE[params.material] * 2.0 ** rng.normal(-0.5, 0.8)
        ring = strike(material, float(np.clip(size, 0.01, 0.5)), 0.95, rng.uniform(0.4, 1), sr, rng)
        starts = dsp.poisson_times(density / n_kinds, n, sr, rng)
        # Each fragment lands, and often bounces once or twice, sooner and softer.
        later = starts + (rng.exponential(0.06, starts.size) * sr).astype(int)
        loud = rng.lognormal(-1.0, 0.8, starts.size)
        out += dsp.scatter(starts, loud, ring, n) + dsp.scatter(later, 0.4 * loud, ring, n)
    return out


def breakage(params: Breakage, strength: float, sr: int, rng: Rng) -> Grain:
    """The crack at sample 0 and what falls after it."""
    n = dsp.samples(params.fall_s * 2.2 + 0.5, sr)
    low, high = _CRACK_BAND[params.material]
    crack = dsp.band(dsp.white(n, rng), low, high, sr) * dsp.fall(n, 0.018, sr)
    burst = dsp.band(dsp.white(n, rng), low, high, sr) * dsp.fall(n, 0.10, sr)
    burst *= dsp.wander(n, 120.0, sr, rng) ** 2
    if params.material == "stone":
        burst *= np.minimum(dsp.seconds(n, sr) / 0.08, 1.0)
    rumble = dsp.band(dsp.white(n, rng), 45.0, 420.0, sr, 1) * dsp.fall(n, params.fall_s, sr, 0.04)
    rumble *= 0.3 + dsp.wander(n, 14.0, sr, rng)
    first = strike(MATERIALS[params.material], params.size_m, 1.0, strength, sr, rng)
    body = thud(90.0 + 40.0 / (params.size_m + 0.2), 0.05, sr, rng)
    wave = layer(
        # Rubble comes down; it does not burst.
        (dsp.unit_peak(crack), 0.2 if params.material == "stone" else 0.9),
        (dsp.unit_peak(burst), 0.45),
        (first, {"wood": 0.9, "stone": 0.3}.get(params.material, 0.4)),
        (dsp.unit_peak(rumble), 0.9 if params.material == "stone" else 0.0),
        (body, 0.3 if params.material in ("glass", "ceramic") else 0.8),
        (dsp.unit_peak(_fragments(params, n, sr, rng)), 0.75),
    )
    if params.material == "wood":
        wave = layer((wave, 0.8), (_splinters(n, sr, rng), 0.8))
    return dsp.unit_peak(wave) * strength_gain(strength), 0


def _splinters(n: int, sr: int, rng: Rng) -> Wave:
    """Fibres tearing: a quickening run of dry snaps."""
    out = np.zeros(n, dtype=np.float32)
    for start in rng.exponential(0.07, 22):
        length = dsp.samples(0.02, sr)
        snap = dsp.band(dsp.white(length, rng), 600.0, 6500.0, sr, 1) * dsp.fall(length, 0.002, sr)
        dsp.add_at(out, dsp.unit_peak(snap), int(start * sr), rng.lognormal(-1.0, 0.7))
    return dsp.unit_peak(out)


RECIPES = (
    Recipe("glass_break", Breakage, grain=breakage, fixed={"material": "glass"}),
    Recipe("ceramic_break", Breakage, grain=breakage, fixed={"material": "ceramic"}),
    Recipe("wood_break", Breakage, grain=breakage, fixed={"material": "wood"}),
    Recipe("debris", Breakage, grain=breakage, fixed={"material": "stone"}),
)
