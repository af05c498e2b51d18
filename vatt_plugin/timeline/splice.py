"""Adding and removing list items in JSON text, every other byte left as it was.

A timeline written back through any object model loses something: key order, number literals,
newer schemas. So new tracks are put into the original text at the end of one array, and earlier
tracks of ours are taken out of it, by offsets alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
Pointer = tuple[str | int, ...]


class NotJsonError(ValueError):
    """The text is not JSON as Python reads it, or has no array where one is asked for."""


@dataclass(frozen=True)
class ArraySpan:
    """Where an array stands in a text.

    Attributes:
        start: offset of ``[``; ``end`` the offset of ``]``.
        items: offsets of each item's first character and of the one after its last.
    """

    start: int
    end: int
    items: tuple[tuple[int, int], ...]


def find_array(text: str, pointer: Pointer) -> ArraySpan:
    """The array at a pointer such as ``("tracks", "children")``.

    Raises:
        NotJsonError: the text cannot be followed to an array there.
    """
    at = _skip(text, 0)
    try:
        for key in pointer:
            at = _member(text, at, key) if isinstance(key, str) else _item(text, at, key)
        if text[at] != "[":
            raise NotJsonError(f"no array at {pointer}")
        items = tuple(_items(text, at))
        end = _skip(text, items[-1][1] if items else at + 1)
        if text[end] != "]":
            raise NotJsonError(f"array at {pointer} does not end")
        return ArraySpan(at, end, items)
    except (IndexError, RecursionError, json.JSONDecodeError) as error:
        raise NotJsonError(f"{pointer}: {error}") from error


def with_items(text: str, pointer: Pointer, drop: frozenset[int], added: list[str]) -> str:
    """The text with some items of an array left out and others appended.

    Args:
        text: JSON.
        pointer: where the array is.
        drop: indices of items to leave out.
        added: JSON texts of the new items.

    Raises:
        NotJsonError: see ``find_array``.
    """
    array = find_array(text, pointer)
    kept = [pair for index, pair in enumerate(array.items) if index not in drop]
    if not drop:
        if not added:
            return text
        cut = array.items[-1][1] if array.items else array.start + 1
        glue = _separator(text, array) if array.items else ""
        return (
            text[:cut] + ("," + glue if array.items else "") + ("," + glue).join(added) + text[cut:]
        )
    parts = [text[start:end] for start, end in kept] + added
    glue = _separator(text, array)
    first = array.items[0][0]
    return text[:first] + ("," + glue).join(parts) + text[array.items[-1][1] :]


def _separator(text: str, array: ArraySpan) -> str:
    """White space before the array's items, to be repeated before new ones."""
    return text[array.start + 1 : array.items[0][0]] if array.items else ""


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _value_end(text: str, at: int) -> int:
    return _DECODER.raw_decode(text, at)[1]


def _items(text: str, at: int) -> list[tuple[int, int]]:
    items: list[tuple[int, int]] = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        end = _value_end(text, at)
        items.append((at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "]":
            raise NotJsonError(f"unexpected {text[at]!r} at offset {at}")
    return items


def _item(text: str, at: int, index: int) -> int:
    if text[at] != "[":
        raise NotJsonError(f"no array at offset {at}")
    return _items(text, at)[index][0]


def _member(text: str, at: int, wanted: str) -> int:
    """Offset of a member's value; of the last one where a key occurs twice, as readers do."""
    if text[at] != "{":
        raise NotJsonError(f"no object at offset {at}")
    found = -1
    at = _skip(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise NotJsonError(f"unexpected {text[at]!r} at offset {at}")
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            raise NotJsonError(f"unexpected {text[at]!r} at offset {at}")
        at = _skip(text, at + 1)
        if key == wanted:
            found = at
        at = _skip(text, _value_end(text, at))
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "}":
            raise NotJsonError(f"unexpected {text[at]!r} at offset {at}")
    if found < 0:
        raise NotJsonError(f"no key {wanted!r}")
    return found
