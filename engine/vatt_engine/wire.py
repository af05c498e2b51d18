"""Line framing for the wire, free of any input or output of its own.

Standard library only: the front of the engine and its clients share this module. Bytes come in as
the operating system happens to cut them; whole lines go out. What can go wrong on a pipe (half a
line at the end, a line without end, empty lines) is settled here once.
"""

from __future__ import annotations

from vatt_engine.messages import MAX_LINE_BYTES


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
