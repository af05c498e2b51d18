"""Qt's own accessibility tree: what a screen reader is told of a window.

PyQt6 wraps no ``QAccessible``, so the tree is read through Qt's C++ interface: a handful of
virtual functions, called by ``ctypes``. That holds for Linux on x86-64 (``AVAILABLE``); tests that
need it are skipped elsewhere.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import PyQt6
from PyQt6 import sip as _sip
from PyQt6.QtCore import QObject, QRect

sip: Any = _sip  # its stub says that unwrapinstance returns nothing
AVAILABLE = sys.platform == "linux" and platform.machine() == "x86_64"

ROLES = {
    0x01: "title bar", 0x02: "menu bar", 0x03: "scroll bar", 0x09: "window", 0x0A: "client",
    0x0B: "popup menu", 0x0C: "menu item", 0x10: "pane", 0x12: "dialog", 0x13: "border",
    0x14: "grouping", 0x15: "separator", 0x17: "status bar", 0x18: "table", 0x19: "column header",
    0x1A: "row header", 0x1D: "cell", 0x21: "list", 0x22: "list item", 0x25: "tab",
    0x26: "property page", 0x27: "indicator", 0x28: "graphic", 0x29: "text", 0x2A: "field",
    0x2B: "button", 0x2C: "check box", 0x2D: "radio button", 0x2E: "combo box",
    0x30: "progress bar", 0x32: "hotkey field", 0x33: "slider", 0x34: "spin box",
    0x38: "drop-down button", 0x39: "menu button", 0x3B: "whitespace", 0x3C: "tab list",
    0x3E: "splitter", 0x3F: "layered pane",
}  # fmt: skip
NAME, DESCRIPTION, VALUE = 0, 1, 2  # QAccessible::Text
EVENTS = {0x02: "alert", 0x800C: "name", 0x800D: "description", 0x800E: "value", 0x8000: "shown"}
_DISABLED, _FOCUSABLE, _INVISIBLE = 1 << 0, 1 << 2, 1 << 17
_CHECKABLE, _CHECKED = 1 << 5, 1 << 6
# Places in the table of virtual functions; the first two are the destructors.
_CHILD, _CHILD_COUNT, _TEXT, _RECT, _ROLE, _STATE = 9, 10, 12, 14, 15, 16


class _Text(ctypes.Structure):
    """A QString: its array's header, UTF-16 characters, how many."""

    _fields_ = (
        ("header", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_ssize_t),
    )


class _Rect(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int) for name in ("left", "top", "right", "bottom"))


class _Event(ctypes.Structure):
    """The start of a QAccessibleEvent."""

    _fields_ = (("table", ctypes.c_void_p), ("kind", ctypes.c_int), ("object", ctypes.c_void_p))


_HANDLER = ctypes.CFUNCTYPE(None, ctypes.POINTER(_Event))


@dataclass(frozen=True)
class Node:
    """One thing that a screen reader can stand on."""

    role: str
    name: str
    description: str
    value: str
    focusable: bool
    enabled: bool
    visible: bool
    checked: bool | None
    rect: QRect
    depth: int

    def __str__(self) -> str:
        marks = "*" if self.focusable else " "
        marks += " " if self.enabled else "-"
        more = "".join(f" | {x!r}" for x in (self.description, self.value) if x)
        return f"{marks} {'  ' * self.depth}{self.role}: {self.name!r}{more}"


def tree(root: QObject, *, hidden: bool = False, cells: int = 40) -> list[Node]:
    """Every node below ``root``, in the order in which it is told.

    Args:
        root: a widget.
        hidden: also what is not shown.
        cells: how many children of a node are looked at, so that a table of 3,000 rows ends.
    """
    found: list[Node] = []
    address = _query()(sip.unwrapinstance(root))
    _walk(address, 0, hidden, cells, found)
    return found


def _walk(address: int | None, depth: int, hidden: bool, cells: int, found: list[Node]) -> None:
    if not address:
        return
    node = _node(address, depth)
    if not (node.visible or hidden):
        return
    found.append(node)
    count = _call(address, _CHILD_COUNT, ctypes.c_int)
    for number in range(min(count, cells)):
        child = _call(address, _CHILD, ctypes.c_void_p, ctypes.c_int(number))
        _walk(child, depth + 1, hidden, cells, found)


def _node(address: int, depth: int) -> Node:
    role = int(_call(address, _ROLE, ctypes.c_int))
    state = int(_call(address, _STATE, ctypes.c_uint64))
    rect = _call(address, _RECT, _Rect)
    return Node(
        ROLES.get(role, hex(role)),
        _text(address, NAME),
        _text(address, DESCRIPTION),
        _text(address, VALUE),
        focusable=bool(state & _FOCUSABLE),
        enabled=not state & _DISABLED,
        visible=not state & _INVISIBLE,
        checked=bool(state & _CHECKED) if state & _CHECKABLE else None,
        rect=QRect(rect.left, rect.top, rect.right - rect.left + 1, rect.bottom - rect.top + 1),
        depth=depth,
    )


def _function(address: int, place: int) -> int:
    table = ctypes.cast(address, ctypes.POINTER(ctypes.c_void_p))[0]
    assert table is not None
    function = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))[place]
    assert function is not None
    return int(function)


def _call(address: int, place: int, result: Any, *arguments: Any) -> Any:
    kinds = [type(argument) for argument in arguments]
    function = ctypes.CFUNCTYPE(result, ctypes.c_void_p, *kinds)(_function(address, place))
    return function(address, *arguments)


def _text(address: int, which: int) -> str:
    # A QString comes back by a hidden first argument. It is read and left: a test may leak a line.
    text = _Text()
    kind = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Text), ctypes.c_void_p, ctypes.c_int)
    kind(_function(address, _TEXT))(ctypes.byref(text), address, which)
    if not text.data or not text.size:
        return ""
    return ctypes.string_at(text.data, 2 * text.size).decode("utf-16-le")


@contextlib.contextmanager
def heard() -> Iterator[list[tuple[str, str]]]:
    """What is told to screen readers meanwhile: kinds of events and the name of what changed."""
    told: list[tuple[str, str]] = []

    def on_event(event: Any) -> None:
        kind = EVENTS.get(event.contents.kind)
        address = event.contents.object
        if kind is None or not address:
            return
        interface = _query()(address)
        if interface:
            which = {"description": DESCRIPTION, "value": VALUE}.get(kind, NAME)
            told.append((kind, _text(interface, which)))

    handler = _HANDLER(on_event)
    gui = _gui()
    install = gui._ZN11QAccessible20installUpdateHandlerEPFvP16QAccessibleEventE
    install.argtypes, install.restype = [ctypes.c_void_p], ctypes.c_void_p
    set_active = gui._ZN11QAccessible9setActiveEb
    set_active.argtypes = [ctypes.c_bool]
    set_active(True)
    before = install(ctypes.cast(handler, ctypes.c_void_p))
    try:
        yield told
    finally:
        install(before)
        set_active(False)


@cache
def _gui() -> ctypes.CDLL:
    return ctypes.CDLL(str(Path(PyQt6.__file__).parent / "Qt6" / "lib" / "libQt6Gui.so.6"))


def _query() -> Any:
    function = _gui()._ZN11QAccessible24queryAccessibleInterfaceEP7QObject
    function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_void_p
    return function
