"""Intervals without assumptions: resample the films, look at the spread.

The films are the unit, not the takes: takes of one film are alike, and treating them as
independent would make every interval too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


@dataclass(frozen=True)
class Interval:
    """A figure with the bounds that hold it in 95 % of resamplings; None where undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """``b - a`` with its interval; ``certain`` when the interval leaves out zero."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def certain(self) -> bool:
        """Whether the sign of the difference is beyond chance."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def interval(
    items: Sequence[Item],
    figure: Callable[[Sequence[Item]], float | None],
    seed: int = 0,
    n_resamples: int = 500,
) -> Interval:
    """The figure of ``items`` and its 95 % percentile interval over resampled items."""
    value = figure(items)
    if value is None or len(items) < 2:
        return Interval(value, None, None)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n_resamples):
        picked = figure([items[i] for i in rng.integers(0, len(items), len(items))])
        if picked is not None:
            draws.append(picked)
    low, high = _bounds(draws)
    return Interval(value, low, high)


def paired_difference(
    a: Sequence[Item],
    b: Sequence[Item],
    figure: Callable[[Sequence[Item]], float | None],
    seed: int = 0,
    n_resamples: int = 500,
) -> Difference:
    """``figure(b) - figure(a)`` where ``a[i]`` and ``b[i]`` are of the same film.

    Raises:
        ValueError: the lists are of unequal length.
    """
    if len(a) != len(b):
        raise ValueError(f"paired lists must match in length, not {len(a)} and {len(b)}")
    fa, fb = figure(a), figure(b)
    if fa is None or fb is None:
        return Difference(None, None, None)
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n_resamples):
        index = rng.integers(0, len(a), len(a))
        ra, rb = figure([a[i] for i in index]), figure([b[i] for i in index])
        if ra is not None and rb is not None:
            draws.append(rb - ra)
    low, high = _bounds(draws)
    return Difference(fb - fa, low, high)


def _bounds(draws: list[float]) -> tuple[float | None, float | None]:
    if len(draws) < 20:
        return None, None
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)
