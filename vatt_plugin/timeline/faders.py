"""How loud an editor has set a clip, and how it is faded: what timelines tell of it.

Resolve writes a clip's volume into its ``.otio`` in dB, FCP 7 XML has a factor in its filter
*Audio Levels*; the other readers deliver none. Transitions are OpenTimelineIO's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import opentimelineio as otio

from vatt_plugin.timeline import rates
from vatt_plugin.timeline.rates import Frames

_RESOLVE_VOLUME = 62  # the effect's type; its one parameter is in dB
_LOUDEST = 10 ** (30 / 20)  # Resolve's own limit

Clip, Gap, Transition = otio.schema.Clip, otio.schema.Gap, otio.schema.Transition


class Fader(NamedTuple):
    """A clip's level: a factor, and whether keyframes move it, which is not followed."""

    gain: float = 1.0
    moves: bool = False


def fader_of(clip: Any) -> Fader:
    """Where a clip's fader stands; at 1.0 where nothing readable says otherwise."""
    gain, moves = 1.0, False
    for effect in clip.effects:
        if effect.enabled:
            for level, moving in _levels(effect.metadata):
                gain, moves = gain * level, moves or moving
    return Fader(min(gain, _LOUDEST), moves)


def _levels(metadata: Mapping[str, Any]) -> Iterator[tuple[float, bool]]:
    """The levels in an effect's metadata, as factors, each with whether it moves."""
    resolve, fcp = metadata.get("Resolve_OTIO"), metadata.get("fcp_xml")
    if (
        isinstance(resolve, Mapping)
        and resolve.get("Type") == _RESOLVE_VOLUME
        and resolve.get("Enabled", True)
    ):
        for each in _listed(resolve.get("Parameters")):
            level_db = _number(each.get("Parameter Value"))
            if each.get("Parameter ID") == "volume" and level_db is not None:
                yield 10 ** (min(level_db, 30.0) / 20), bool(each.get("Key Frames"))
    if isinstance(fcp, Mapping) and fcp.get("effectid") == "audiolevels":
        for each in _listed(fcp.get("parameter")):
            level = _number(each.get("value"))
            if each.get("parameterid") == "level" and level is not None:
                yield max(0.0, level), bool(each.get("keyframe"))


def _listed(found: Any) -> list[Mapping[str, Any]]:
    """Parameters, of which a reader gives one alone where there is only one."""
    several = isinstance(found, Sequence) and not isinstance(found, str)
    return [each for each in (found if several else [found]) if isinstance(each, Mapping)]


def _number(found: Any) -> float | None:
    try:
        value = float(found)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


class Fade(NamedTuple):
    """How far a transition reaches before an edge of a clip, and after it, in timeline frames."""

    before: Frames = 0
    after: Frames = 0


def fades_of(root: Any, path: tuple[int, ...], fps: Fraction) -> tuple[Fade, Fade]:
    """The transitions at a clip's two edges; of no length where it is not faded.

    Only what plays at its own speed is faded, against a clip that does so too or against silence,
    and only where no composition around it is trimmed or retimed: elsewhere the cut is hard.

    Args:
        root: the timeline's stack.
        path: child indices from there to the clip.
        fps: exact rate of the timeline.
    """
    parent = root
    for index in path[:-1]:
        if parent.source_range is not None or _is_retimed(parent):
            return Fade(), Fade()
        parent = parent[index]
    if parent.source_range is not None or _is_retimed(parent) or not _is_plain(parent[path[-1]]):
        return Fade(), Fade()
    return _fade(parent, path[-1], -1, fps), _fade(parent, path[-1], 1, fps)


def _fade(parent: Any, index: int, step: int, fps: Fraction) -> Fade:
    at, beyond = index + step, index + 2 * step
    if not 0 <= at < len(parent) or not isinstance(parent[at], Transition):
        return Fade()
    if 0 <= beyond < len(parent) and not _is_plain(parent[beyond]):
        return Fade()
    offsets = (parent[at].in_offset, parent[at].out_offset)
    before, after = (rates.in_frames(offset, fps) or 0 for offset in offsets)
    return Fade(max(0, before), max(0, after))


def _is_plain(item: Any) -> bool:
    """A clip at its own speed, or nothing."""
    return isinstance(item, Clip | Gap) and not _is_retimed(item)


def _is_retimed(item: Any) -> bool:
    return any(isinstance(effect, otio.schema.TimeEffect) for effect in item.effects)
