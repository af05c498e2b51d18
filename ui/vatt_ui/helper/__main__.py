"""``python -m vatt_ui.helper``: answer requests on stdin until it ends.

A request is ``{"id": n, "op": name, ...}``. Replies are ``{"id": n, "ok": {...}}``, perhaps after
some ``{"id": n, "part": {...}}``, or ``{"id": n, "error": {"code", "message", "hint"}}``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any

from vatt_engine.errors import CannotWrite, EngineError, VattError
from vatt_ui.helper import operations

Reply = Callable[[dict[str, Any]], None]


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer requests in order; a failing one never ends the others."""

    def send(message: dict[str, Any]) -> None:
        sink.write(json.dumps(message, ensure_ascii=False, default=str).encode() + b"\n")
        sink.flush()

    for line in source:
        try:
            request = json.loads(line)
            number, op = request.pop("id"), request.pop("op")
        except (ValueError, KeyError, AttributeError):
            continue
        try:
            answer(number, op, request, send)
        except VattError as error:
            send({"id": number, "error": error.to_dict()})
        except OSError as error:
            wrapped = CannotWrite(f"{error.strerror or error}: {error.filename or ''}".strip(": "))
            send({"id": number, "error": wrapped.to_dict()})
        except Exception as error:  # the border of the process: anything else ends here, as text
            text = f"{type(error).__name__}: {error}"[:500]
            send({"id": number, "error": EngineError(text).to_dict()})


def answer(number: int, op: str, request: dict[str, Any], send: Reply) -> None:
    """Run one operation; a generator's items go out as parts."""
    function = operations.OPERATIONS[op]
    result = function(**request)
    if isinstance(result, Iterator):
        for part in result:
            send({"id": number, "part": part})
        result = {}
    send({"id": number, "ok": result})


def main() -> None:
    """Serve, with the wire kept clear of anything that libraries print."""
    wire = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, wire)


if __name__ == "__main__":
    main()
