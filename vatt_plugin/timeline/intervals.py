"""Which of many intervals touch a given one, without looking at all of them."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable
from fractions import Fraction
from typing import Generic, TypeVar

T = TypeVar("T")
Moment = int | Fraction


class Intervals(Generic[T]):
    """Items at half-open intervals, looked up by overlap.

    Args:
        items: (start, end, item); they may overlap each other.
    """

    def __init__(self, items: Iterable[tuple[Moment, Moment, T]]) -> None:
        self._items = sorted(items, key=lambda item: item[0])
        self._starts = [start for start, _, _ in self._items]
        # The latest end so far never decreases, so it can be searched too.
        self._latest = list(itertools.accumulate((end for _, end, _ in self._items), max))

    def touching(self, start: Moment, end: Moment) -> list[T]:
        """Items that overlap ``start`` to ``end``, by their own start."""
        first = bisect.bisect_right(self._latest, start)
        last = bisect.bisect_left(self._starts, end)
        return [item for _, item_end, item in self._items[first:last] if item_end > start]
