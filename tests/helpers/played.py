"""What plays at a moment of a timeline, worked out one moment at a time, as slowly as it is plain.

Retimes are read as Resolve writes them: ``source_range`` holds the record length.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import opentimelineio as otio

Seen = tuple[str, Fraction] | None
"""A clip's name and the moment of its media, in frames; None is black."""


def length(item: Any) -> Fraction:
    """How many frames an item plays."""
    if item.source_range is not None:
        return Fraction(item.source_range.duration.value)
    return inner_length(item)


def inner_length(composition: Any) -> Fraction:
    """How many frames a composition holds before its own trim."""
    lengths = [length(child) for child in composition]
    if isinstance(composition, otio.schema.Track):
        return sum(lengths, Fraction(0))
    return max(lengths, default=Fraction(0))


def seen_in(composition: Any, moment: Fraction) -> Seen:
    """What a composition shows at a moment, before its own trim."""
    if isinstance(composition, otio.schema.Track):
        for child in composition:
            if moment < length(child):
                return seen_of(child, moment)
            moment -= length(child)
        return None
    shown = (
        seen_of(child, moment) for child in reversed(list(composition)) if moment < length(child)
    )
    return next((seen for seen in shown if seen is not None), None)


def seen_of(item: Any, moment: Fraction) -> Seen:
    """What an item shows at a moment after its first frame."""
    if isinstance(item, otio.schema.Gap):
        return None
    speed = Fraction(1)
    for effect in item.effects:
        speed *= Fraction(str(effect.time_scalar))
    start = item.source_range.start_time.value if item.source_range is not None else 0
    inner = Fraction(start) + moment * speed
    if isinstance(item, otio.schema.Clip):
        return item.name, inner
    return seen_in(item, inner) if 0 <= inner < inner_length(item) else None
