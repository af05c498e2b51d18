"""How far raters agree, and how far figures agree with raters.

Krippendorff's alpha after K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011):
1 - observed / expected disagreement from the coincidence matrix, missing answers allowed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Floats = NDArray[np.floating[Any]]


def krippendorff_alpha(
    units: Sequence[Sequence[float | str | None]], level: Level = "nominal"
) -> float | None:
    """Agreement of any number of raters over any number of units.

    Args:
        units: for each unit the raters' values; None for a missing one. Order does not matter.
        level: how values are compared; ``ordinal`` and ``interval`` need numbers.

    Returns:
        1 for perfect agreement, 0 for chance, below 0 for systematic disagreement. None when no
        unit has two values, or when all values are the same (agreement cannot be told from habit).
    """
    rated = [[v for v in unit if v is not None] for unit in units]
    rated = [unit for unit in rated if len(unit) > 1]
    values = sorted({v for unit in rated for v in unit}, key=lambda v: (str(type(v)), v))
    if len(values) < 2:
        return None
    place: Mapping[Hashable, int] = {v: i for i, v in enumerate(values)}
    coincidence = np.zeros((len(values), len(values)))
    for unit in rated:
        counts = np.zeros(len(values))
        for v in unit:
            counts[place[v]] += 1
        pairs = np.outer(counts, counts) - np.diag(counts)
        coincidence += pairs / (len(unit) - 1)
    totals = coincidence.sum(axis=1)
    n = totals.sum()
    distance = _distances(values, totals, level)
    observed = float((coincidence * distance).sum())
    expected = float((np.outer(totals, totals) * distance).sum()) / (n - 1)
    return 1 - observed / expected if expected > 0 else None


def _distances(values: Sequence[float | str], totals: Floats, level: Level) -> Floats:
    if level == "nominal":
        return 1 - np.eye(len(values))
    if level == "interval":
        numbers = np.asarray(values, float)
        return np.asarray((numbers[:, None] - numbers[None, :]) ** 2)
    before = np.cumsum(totals) - totals / 2
    return np.asarray((before[:, None] - before[None, :]) ** 2)


def spearman(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Rank correlation with averaged ties; None for fewer than three pairs or a constant side."""
    if len(a) != len(b) or len(a) < 3:
        return None
    ra, rb = _ranks(np.asarray(a, float)), _ranks(np.asarray(b, float))
    ra, rb = ra - ra.mean(), rb - rb.mean()
    norm = float(np.sqrt((ra @ ra) * (rb @ rb)))
    return float(ra @ rb) / norm if norm > 0 else None


def _ranks(values: Floats) -> Floats:
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(len(values))
    for value in np.unique(values):
        tied = values == value
        ranks[tied] = ranks[tied].mean()
    return ranks
