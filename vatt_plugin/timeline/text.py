"""The JSON text of a timeline, made safe before the native reader sees it.

OTIO's reader recurses natively: some ten thousand nested arrays end the process. So size and
depth are checked on the bytes first, in one pass that parses nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from vatt_plugin.timeline.errors import (
    TimelineNotFound,
    TimelineTooDeep,
    TimelineTooLarge,
    TimelineUnreadable,
)

MAX_BYTES = 1 << 30
MAX_DEPTH = 400
"""Deep nests of compound clips reach about 60; Python's own parser gives up near 900."""
_STRUCTURE = b'"[]{}'
_OTHER = bytes(b for b in range(256) if b not in _STRUCTURE)
_BLOCK = 1 << 24


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """A file's bytes, if it may be read and is not absurdly large.

    Raises:
        TimelineNotFound: no such file, or no right to read it.
        TimelineTooLarge: more than ``limit`` bytes.
    """
    try:
        size = path.stat().st_size
        if size > limit:
            raise TimelineTooLarge(
                f"{path.name} is {size >> 20} MB; the limit for a timeline is {limit >> 20} MB.",
                "Export a shorter part of the timeline.",
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise TimelineNotFound(f"There is no file {path}.", "Check the path.") from None
    except OSError as error:
        raise TimelineNotFound(
            f"{path} cannot be read: {error.strerror or error}.",
            "Check the file and its permissions.",
        ) from error


def checked(data: bytes, name: str) -> tuple[bytes, bool]:
    """A file's bytes, if they can be the JSON of a timeline.

    Returns:
        The bytes, which are UTF-8, without a byte order mark; and whether there was one.

    Raises:
        TimelineUnreadable: empty, UTF-16, or not text.
        TimelineTooDeep: nests deeper than ``MAX_DEPTH``.
    """
    had_bom = data.startswith(b"\xef\xbb\xbf")
    if had_bom:
        data = data[3:]
    if not data[:4096].strip() and not data.strip():
        raise TimelineUnreadable(f"{name} is empty.", "Export the timeline again.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or data[:4].count(0) >= 2:
        raise TimelineUnreadable(
            f"{name} is UTF-16 text, from its first bytes; timelines are UTF-8.",
            "Save it as UTF-8, or export it again.",
        )
    depth = nesting_depth(data)
    if depth > MAX_DEPTH:
        raise TimelineTooDeep(
            f"{name} nests {depth} levels deep; the limit is {MAX_DEPTH}.",
            "No editor writes such a file: it is damaged or hostile.",
        )
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError as error:
        raise TimelineUnreadable(
            f"{name} is not a text file: byte {error.start} is not UTF-8.",
            "Export the timeline again as .otio.",
        ) from None
    return data, had_bom


def nesting_depth(data: bytes) -> int:
    """Deepest nesting of brackets outside strings, for any bytes at all."""
    # Inside strings a backslash begins a pair; with the pairs gone, every quote is a border.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    # Two quotes side by side hold no bracket; taking both away changes nothing for the others.
    marks = np.frombuffer(plain.translate(None, _OTHER).replace(b'""', b""), np.uint8)
    deepest = depth = 0
    in_string = 0
    for start in range(0, len(marks), _BLOCK):
        block = marks[start : start + _BLOCK]
        quotes = block == ord('"')
        inside = (np.cumsum(quotes, dtype=np.int32) + in_string) & 1
        opening = (block == ord("[")) | (block == ord("{"))
        steps = np.where(quotes | (inside == 1), 0, np.where(opening, 1, -1))
        levels = np.cumsum(steps, dtype=np.int32) + depth
        deepest, depth = max(deepest, int(levels.max())), int(levels[-1])
        in_string = int(inside[-1])
    return deepest


def place_of_error(text: str) -> str:
    """Where JSON stops making sense: ``line 3, column 14: ...``; empty if it is sound."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        return "nested too deeply"
    return ""
