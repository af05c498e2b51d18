"""Messages for the user: what happened, what is safe, what to do, and which pane it concerns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vatt_engine.errors import VattError

Action = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class Notice:
    """One message.

    Attributes:
        text: what happened and why; plain text.
        hint: what to do; may be empty.
        level: ``info``, ``warning`` or ``error``.
        pane: ``cues``, ``viewer``, ``inspector``, ``takes``, ``timeline``, ``queue`` or ``window``.
        key: a newer notice of the same key takes its place.
        actions: buttons, as (label, what it does).
        details: long text behind a Details button.
    """

    text: str
    hint: str = ""
    level: str = "info"
    pane: str = "window"
    key: str = ""
    actions: tuple[Action, ...] = ()
    details: str = ""


def from_error(error: VattError, pane: str = "window", key: str = "") -> Notice:
    """An error as a notice."""
    return Notice(error.message, error.hint, "error", pane, key or error.code)
