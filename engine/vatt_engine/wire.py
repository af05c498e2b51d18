"""Messages as lines, free of any input or output of its own: one JSON object a line, UTF-8.

Standard library only: the front of the engine and its clients share this module. Bytes come in as
the operating system happens to cut them; whole lines go out. What can go wrong on a pipe (half a
line at the end, a line without end, empty lines) is settled here once.
"""

from __future__ import annotations

import dataclasses
import json
import typing

from vatt_engine.errors import BadRequest
from vatt_engine.messages import EVENTS, REQUESTS, Event, Request
from vatt_engine.plain import build

MAX_LINE_BYTES = 1 << 20


class LineSplitter:
    """Cuts a byte stream into lines of at most ``limit`` bytes, newline included.

    A longer line is dropped as it streams in, so memory stays bounded whatever the other side
    sends; ``n_refused`` counts such lines. A half line at the end of the stream is never given out.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False
        self.n_refused = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take in ``data``; return the lines it completes, without line ends and empty lines."""
        *ended, rest = data.split(b"\n")
        lines = [line for piece in ended if (line := self._end(piece))]
        self._keep(rest)
        return lines

    def _keep(self, piece: bytes) -> None:
        if self._skipping or not piece:
            return
        self._parts.append(piece)
        self._size += len(piece)
        if self._size >= self._limit:
            self._skipping = True
            self._parts.clear()

    def _end(self, piece: bytes) -> bytes | None:
        self._keep(piece)
        line = b"".join(self._parts)
        refused = self._skipping
        self._parts.clear()
        self._size = 0
        self._skipping = False
        if refused:
            self.n_refused += 1
            return None
        return line.rstrip(b"\r") or None


def encode(message: Request | Event) -> bytes:
    """One line of UTF-8 JSON ending in a newline.

    Raises:
        BadRequest: the line would be longer than ``MAX_LINE_BYTES`` or holds NaN or Infinity.
    """
    body = {"type": message.type, **dataclasses.asdict(message)}
    try:
        line = json.dumps(body, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except ValueError as error:
        raise BadRequest(
            f"A {message.type!r} message holds a number JSON cannot carry: {error}."
        ) from error
    if len(line) > MAX_LINE_BYTES:
        raise BadRequest(
            f"A {message.type!r} message is {len(line)} bytes long; the limit is {MAX_LINE_BYTES}."
        )
    return line


def decode_request(line: bytes) -> Request:
    """Read a request line. Unknown keys are ignored, wrong types refused.

    Raises:
        BadRequest: not JSON, not an object, an unknown type, or a field of the wrong type.
    """
    return typing.cast(Request, _decode(line, typing.cast("dict[str, type]", REQUESTS)))


def decode_event(line: bytes) -> Event:
    """Read an event line; see ``decode_request``."""
    return typing.cast(Event, _decode(line, typing.cast("dict[str, type]", EVENTS)))


def _decode(line: bytes, known: dict[str, type]) -> object:
    if len(line) > MAX_LINE_BYTES:
        raise BadRequest(f"A line of {len(line)} bytes; the limit is {MAX_LINE_BYTES}.")
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"Not a JSON line: {error}.") from error
    if not isinstance(body, dict):
        raise BadRequest(f"Expected a JSON object, got {type(body).__name__}.")
    kind = body.get("type")
    cls = known.get(kind) if isinstance(kind, str) else None
    if cls is None:
        raise BadRequest(f"Unknown message type {kind!r}; known: {', '.join(sorted(known))}.")
    return build(cls, body, where=str(kind))
