"""How fast an item plays, as its effects tell it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import opentimelineio as otio

from vatt_plugin.timeline.spans import ONE

TimeEffect = otio.schema.TimeEffect
FASTEST = 1e4


class Retime(NamedTuple):
    """What the time effects of an item come to.

    Attributes:
        speed: media time per played time; the product of all.
        why: ``retime`` where the picture cannot be followed; ``note`` says why in words.
        in_is_played: the in point counts frames as played and not frames of the media.
    """

    speed: Fraction = ONE
    why: str = ""
    note: str = ""
    in_is_played: bool = False


def retime_of(item: Any) -> Retime:
    """Product of all enabled time warps; or why it cannot be served if one is no plain factor."""
    speed, in_is_played = ONE, False
    for effect in item.effects:
        if not effect.enabled:
            continue
        if isinstance(effect, TimeEffect):
            factor = _time_effect(effect)
        elif (remap := _fcp7_remap(effect)) is not None:
            factor, in_is_played = _remapped(effect, remap), True
        else:
            continue
        if isinstance(factor, str):
            return Retime(ONE, "retime", factor)
        speed *= factor
    return Retime(speed, in_is_played=in_is_played and speed != 1)


def _time_effect(effect: Any) -> Fraction | str:
    scalar = getattr(effect, "time_scalar", None)
    if scalar is not None:
        return _factor(scalar)
    return ONE if _is_identity(effect) else _varies(effect)


def _factor(scalar: float) -> Fraction | str:
    if not math.isfinite(scalar) or abs(scalar) > FASTEST:
        return f"Its time warp has the unusable factor {scalar}; left out."
    return Fraction(repr(float(scalar)))


def _varies(effect: Any) -> str:
    return (
        f"Its time effect {effect.effect_name or effect.name!r} varies the speed; "
        "the picture cannot be followed, so it is left out."
    )


def _is_identity(effect: Any) -> bool:
    """Hiero writes a ``TimeWarp`` with a table of frame offsets on clips that have none."""
    lookup = effect.metadata.get("lookup")
    return lookup is not None and all(offset == 0 for offset in lookup)


# --- Final Cut Pro 7 XML ---------------------------------------------------------------------


def _fcp7_remap(effect: Any) -> dict[str, str] | None:
    """The parameters of FCP 7's *Time Remap*, which the XML adapter leaves as a plain effect."""
    told = effect.metadata.get("fcp_xml")
    if told is None or not hasattr(told, "get") or told.get("effectid") != "timeremap":
        return None
    parameters = told.get("parameter")
    listed = [parameters] if hasattr(parameters, "get") else list(parameters or ())
    return {str(p.get("parameterid")): str(p.get("value")) for p in listed if hasattr(p, "get")}


def _remapped(effect: Any, remap: dict[str, str]) -> Fraction | str:
    if remap.get("variablespeed", "0").upper() not in ("0", "FALSE", "NONE"):
        return _varies(effect)
    if remap.get("reverse", "FALSE").upper() == "TRUE":
        return (
            "It plays backwards, and FCP 7 XML does not say from which frame, so it is left out; "
            "export .otio."
        )
    try:
        return _factor(float(remap.get("speed", "100")) / 100)
    except ValueError:
        return f"Its time remap has the unusable speed {remap.get('speed')!r:.40}; left out."
