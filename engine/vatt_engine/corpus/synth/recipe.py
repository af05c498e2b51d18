"""What a synthesiser recipe is: named parameters with ranges, and a grain or a texture function.

A *grain* is one event (a knock, a step) whose onset sits at a known sample. A *texture* fills time
and follows an intensity curve (rain, an engine). Parameters are frozen dataclasses whose fields
carry unit and range; `draw` picks what the caller left open.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from vatt_engine.corpus.synth.dsp import Rng, Wave

Grain: TypeAlias = tuple[Wave, int]
"""A wave and the sample in it where the event happens (0 but for sounds that lead up to it)."""

GrainFn: TypeAlias = Callable[[Any, float, int, Rng], Grain]
"""(params, strength 0..1, sample_rate, rng) -> grain."""

TextureFn: TypeAlias = Callable[[Any, Wave, int, Rng], Wave]
"""(params, intensity [S] 0..1, sample_rate, rng) -> wave [S]."""


def span(low: float, high: float, unit: str, text: str, log: bool = False) -> Any:
    """A number between ``low`` and ``high``; ``log`` draws evenly over its logarithm."""
    middle = math.sqrt(low * high) if log else (low + high) / 2
    return field(
        default=middle, metadata={"low": low, "high": high, "unit": unit, "text": text, "log": log}
    )


def choice(options: str, text: str) -> Any:
    """One of the space-separated words; the first is the default."""
    words = tuple(options.split())
    return field(default=words[0], metadata={"options": words, "text": text})


@dataclass(frozen=True)
class Recipe:
    """How one category is made.

    Attributes:
        category: name in `vatt_engine.corpus.categories`.
        params: the dataclass of its parameters.
        grain: makes one event, or None for a pure texture.
        texture: fills time, or None for pure events.
        pace_hz: events a second when a rhythm is asked for without times, low and high.
        level_db: loudest short-term level of a strength 1 event, relative to the others.
        fixed: parameter values that make this category out of a shared dataclass.
    """

    category: str
    params: type
    grain: GrainFn | None = None
    texture: TextureFn | None = None
    pace_hz: tuple[float, float] = (0.4, 1.2)
    level_db: float = 0.0
    fixed: Mapping[str, float | str] = dataclasses.field(default_factory=dict)


def draw(recipe: Recipe, rng: Rng, given: Mapping[str, float | str] | None = None) -> Any:
    """A parameter object: ``given`` values as they are, the rest drawn from their ranges.

    Raises:
        ValueError: a name is unknown, or a value lies outside its range; says which and what
            is allowed.
    """
    wanted = {**recipe.fixed, **(given or {})}
    fields = {f.name: f for f in dataclasses.fields(recipe.params)}
    unknown = sorted(set(wanted) - set(fields))
    if unknown:
        raise ValueError(f"{recipe.category} has no {unknown}; it has {sorted(fields)}")
    values: dict[str, float | str] = {}
    for name, spec in fields.items():
        meta = spec.metadata
        if name in wanted:
            values[name] = _checked(recipe.category, name, wanted[name], meta)
        elif "options" in meta:
            values[name] = str(rng.choice(meta["options"]))
        elif meta["log"]:
            values[name] = math.exp(rng.uniform(math.log(meta["low"]), math.log(meta["high"])))
        else:
            values[name] = float(rng.uniform(meta["low"], meta["high"]))
    return recipe.params(**values)


def _checked(category: str, name: str, value: float | str, meta: Mapping[str, Any]) -> float | str:
    if "options" in meta:
        if value not in meta["options"]:
            raise ValueError(f"{category}: {name} is one of {meta['options']}, not {value!r}")
        return str(value)
    number = float(value)
    if not meta["low"] <= number <= meta["high"]:
        limits = f"{meta['low']} to {meta['high']} {meta['unit']}"
        raise ValueError(f"{category}: {name} goes from {limits}, not {number}")
    return number


def strength_gain(strength: float | np.floating[Any]) -> float:
    """Amplitude of an event of this strength: 1 at strength 1, 30 dB less at 0."""
    return float(10.0 ** (-1.5 * (1.0 - np.clip(strength, 0.0, 1.0))))
