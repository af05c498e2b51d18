"""The synthesiser's front: a category and some parameters in, a wave with known moments out.

`render` makes a clip on its own, `render_events` puts events at given times to the sample,
`render_texture` follows an intensity curve. All three are pure: the same generator state gives
the same samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.synth import (
    air,
    breakage,
    doors,
    friction,
    handling,
    machines,
    modal,
    steps,
    tools,
    water,
    weather,
)
from vatt_engine.corpus.synth.dsp import Floats, Rng, Wave, add_at, fade_out, limit
from vatt_engine.corpus.synth.recipe import Recipe, draw

Params = Mapping[str, float | str]
Events = Sequence[tuple[float, float]]
"""(time in s, strength 0..1) per event."""

_MODULES = (
    modal, steps, weather, friction, breakage, water, air, machines, handling, doors, tools
)  # fmt: skip
_PEAK = 0.7
_TEXTURE_RMS = 0.1

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {recipe.category: recipe for module in _MODULES for recipe in module.RECIPES}
)
"""What can be synthesised, by category."""


@dataclass(frozen=True)
class Rendered:
    """A synthesised clip and what is known about it.

    Attributes:
        wave: mono [S].
        category: what it is.
        params: the values that made it.
        events: (time in s, strength) of every event in it; empty for a pure texture.
    """

    wave: Wave
    category: str
    params: dict[str, float | str]
    events: tuple[tuple[float, float], ...]


def synthesised() -> tuple[str, ...]:
    """Categories that have a recipe, in the category table's order."""
    return tuple(name for name in CATEGORIES if name in RECIPES)


def parameters(category: str) -> dict[str, dict[str, Any]]:
    """Documentation of a category's parameters: unit, range or options, meaning, fixed value."""
    recipe = _recipe(category)
    table: dict[str, dict[str, Any]] = {}
    for spec in dataclasses.fields(recipe.params):
        table[spec.name] = {k: v for k, v in spec.metadata.items() if k != "log"}
        if spec.name in recipe.fixed:
            table[spec.name]["fixed"] = recipe.fixed[spec.name]
    return table


def draw_params(category: str, rng: Rng, given: Params | None = None) -> dict[str, float | str]:
    """Parameters for a category: ``given`` ones kept and checked, the others drawn.

    Raises:
        ValueError: an unknown name or a value out of range.
        KeyError: the category cannot be synthesised.
    """
    return dataclasses.asdict(draw(_recipe(category), rng, given))


def render_events(
    category: str,
    events: Events,
    duration_s: float,
    sample_rate: int,
    rng: Rng,
    params: Params | None = None,
) -> Wave:
    """Events at exact times.

    Every event sounds from the same object (the same parameters) but never twice the same.
    Its onset, or for sounds that lead up to it (a whoosh) its peak, lies on sample
    ``round(time * sample_rate)``. Strength 1 peaks near 0.7; 0 is 30 dB softer.

    Args:
        category: a category with events (see `has_events`).
        events: (time in s, strength 0..1); times outside the clip are cut off.
        duration_s: length of the result.
        sample_rate: Hz.
        rng: source of randomness.
        params: fixed parameters; the rest is drawn once for all events.

    Returns:
        wave [S], may exceed 1 where events pile up.

    Raises:
        ValueError: bad parameters, or the category has no events.
    """
    recipe = _recipe(category)
    if recipe.grain is None:
        raise ValueError(f"{category} is a texture without events; use render_texture")
    values = draw(recipe, rng, params)
    out = np.zeros(max(1, round(duration_s * sample_rate)), dtype=np.float32)
    level = _PEAK * 10.0 ** (recipe.level_db / 20.0)
    for time_s, strength in events:
        wave, onset = recipe.grain(values, float(strength), sample_rate, rng)
        add_at(out, fade_out(wave, sample_rate // 100), round(time_s * sample_rate) - onset, level)
    return out


def render_texture(
    category: str,
    intensity: Floats,
    duration_s: float,
    sample_rate: int,
    rng: Rng,
    params: Params | None = None,
) -> Wave:
    """A continuous sound that follows an intensity curve.

    Args:
        category: a category with a texture (see `has_texture`).
        intensity: values 0..1, evenly spread over the clip, any number >= 1; stretched linearly.
        duration_s: length of the result.
        sample_rate: Hz.
        rng: source of randomness.
        params: fixed parameters; the rest is drawn.

    Returns:
        wave [S], about -20 dBFS RMS at full intensity, peaks below 0.95.

    Raises:
        ValueError: bad parameters, or the category has no texture.
    """
    recipe = _recipe(category)
    if recipe.texture is None:
        raise ValueError(f"{category} is made of events; use render_events")
    values = draw(recipe, rng, params)
    n = max(1, round(duration_s * sample_rate))
    points = np.clip(np.asarray(intensity, dtype=np.float32).reshape(-1), 0.0, 1.0)
    curve = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(points)), points)
    wave = recipe.texture(values, curve.astype(np.float32), sample_rate, rng)
    # Level by the loud part, so that a clip with pauses is not pushed up.
    loud = curve > 0.5 * curve.max(initial=0.0)
    scale = float(np.sqrt(np.mean(wave[loud] ** 2))) if loud.any() else 0.0
    if scale < 1e-9:
        return np.zeros(n, dtype=np.float32)
    top = float(curve[loud].mean())
    level = _TEXTURE_RMS * 10.0 ** (recipe.level_db / 20.0) * top
    return limit(wave * np.float32(level / scale))


def render(
    category: str, params: Params | None, duration_s: float, sample_rate: int, rng: Rng
) -> Wave:
    """A clip on its own: one event, a plausible rhythm, or a texture. See `render_clip`."""
    return render_clip(category, params, duration_s, sample_rate, rng).wave


def render_clip(
    category: str, params: Params | None, duration_s: float, sample_rate: int, rng: Rng
) -> Rendered:
    """Like `render`, and tells the parameters and the events that were drawn."""
    recipe = _recipe(category)
    values = draw_params(category, rng, params)
    if recipe.grain is None:
        curve = 0.6 + 0.4 * rng.random(max(2, round(duration_s) + 1))
        wave = render_texture(category, curve, duration_s, sample_rate, rng, values)
        events: tuple[tuple[float, float], ...] = ()
    else:
        kind = CATEGORIES[category].kind
        events = draw_rhythm(recipe, duration_s, rng) if kind == "rhythm" else ((0.0, 1.0),)
        wave = render_events(category, events, duration_s, sample_rate, rng, values)
    return Rendered(wave, category, values, events)


def draw_rhythm(recipe: Recipe, duration_s: float, rng: Rng) -> tuple[tuple[float, float], ...]:
    """A beat at the recipe's pace with human unevenness, from the start to the end of a clip."""
    low, high = recipe.pace_hz
    period = 1.0 / rng.uniform(low, high)
    times: list[float] = []
    now = float(rng.uniform(0.0, 0.5 * period))
    while now < duration_s - 0.05:
        times.append(now)
        now += period * float(np.clip(rng.normal(1.0, 0.05), 0.7, 1.3))
    times = times or [0.0]
    base = rng.uniform(0.6, 0.9)
    return tuple((t, float(np.clip(base + rng.normal(0, 0.07), 0.2, 1.0))) for t in times)


def has_events(category: str) -> bool:
    """Whether `render_events` serves this category."""
    return category in RECIPES and RECIPES[category].grain is not None


def has_texture(category: str) -> bool:
    """Whether `render_texture` serves this category."""
    return category in RECIPES and RECIPES[category].texture is not None


def with_events(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that `render_events` serves."""
    return [name for name in names if has_events(name)]


def _recipe(category: str) -> Recipe:
    try:
        return RECIPES[category]
    except KeyError:
        raise KeyError(
            f"{category!r} cannot be synthesised; see vatt_engine.corpus.synth.api.synthesised()"
        ) from None
