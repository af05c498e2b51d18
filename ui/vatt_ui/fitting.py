"""Where the engine runs, and whether a model fits there, from what the engine has told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vatt_ui.language import _

LEAN = "+offload"  # the language model stays in main memory and visits the GPU layer by layer
FILLED = 0.9  # other programs want some of a GPU's memory too


def kind_of(device: str) -> str:
    """``cpu``, ``cuda`` or ``mps``, without number and manner."""
    return device.partition("+")[0].partition(":")[0]


def device_word(device: str) -> str:
    """A device for people; as the engine names it where it is of no known kind."""
    words = {"cpu": _("CPU"), "cuda": _("GPU"), "mps": _("GPU")}
    return words.get(kind_of(device), device)


def needed_bytes(memory: Mapping[str, Any], device: str) -> int:
    """What a model needs on a device, of the engine's estimate; 0 where it said nothing."""
    if kind_of(device) == "cpu":
        return int(memory.get("cpu") or 0)
    return int(memory.get("offload" if device.endswith(LEAN) else "resident") or 0)


def room_bytes(devices: Iterable[Mapping[str, Any]], device: str) -> int:
    """How much memory a device of this machine has; 0 where nobody has said."""
    of_kind = [d for d in devices if kind_of(str(d.get("id", ""))) == kind_of(device)]
    named = [d for d in of_kind if d.get("id") == device.partition("+")[0]]
    return int(next(iter(named or of_kind), {}).get("memory_bytes") or 0)


def chosen_by_auto(devices: Iterable[Mapping[str, Any]]) -> str:
    """The device that ``auto`` means here; empty while the engine has not said."""
    return next((str(d.get("id", "")) for d in devices if d.get("auto")), "")


def gpu_of(devices: Iterable[Mapping[str, Any]]) -> str:
    """The first device that is no CPU; empty for none."""
    ids = (str(d.get("id", "")) for d in devices)
    return next((name for name in ids if name and kind_of(name) != "cpu"), "")


def fit_words(needed: int, room: int, fits: bool | None) -> str:
    """``fits: needs 1.4 GB of 25 GB``; a dash where nothing is known."""
    if not needed:
        return "–"
    words = _("needs {size} GB").format(size=f"{needed / 1e9:,.1f}")
    if not room or fits is None:
        return words
    told = _("fits: {need} of {there} GB") if fits else _("too large: {need} of {there} GB")
    return told.format(need=words, there=f"{room / 1e9:,.0f}")


def gpu_fit(memory: Mapping[str, Any], devices: Iterable[Mapping[str, Any]]) -> str:
    """Whether a model fits on this machine's GPU, whole or with its language model outside."""
    known = list(devices)
    gpu = gpu_of(known)
    whole, room = needed_bytes(memory, gpu), room_bytes(known, gpu)
    lean = needed_bytes(memory, gpu + LEAN)
    if not gpu or not whole:
        return "–"
    if whole > FILLED * room and 0 < lean <= FILLED * room:
        said = _("in parts: {need} of {there} GB")
        need = _("needs {size} GB").format(size=f"{lean / 1e9:,.1f}")
        return said.format(need=need, there=f"{room / 1e9:,.0f}")
    return fit_words(whole, room, whole <= FILLED * room)
