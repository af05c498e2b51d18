"""An engine that replays a recorded conversation: JSON lines in, JSON lines out.

``python recorded_engine.py CONVERSATION.jsonl [hold]``. Each line of the recording is
``{"on": request type, "say": event}``; the events of a request's type are said in order, with the
job's id, and real files where the recording says ``$WAV`` and ``$CODES``. With ``hold`` a
generate job stays at its first progress until it is cancelled; with ``burst`` all events of a
request arrive in one piece; with ``still`` nothing moves in the picture, and takes that follow no
lane of the user's have two moments made up, later by a tenth of a second for each seed. Standard
library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.helpers.fake_engine import wav

BEAT_S = 1.0  # as the real one; without it an engine counts as lost, on a slow machine too soon

_writing = threading.Lock()


def say(event: dict[str, Any]) -> None:
    with _writing:
        sys.stdout.write(json.dumps(event) + "\n")
        if "burst" not in sys.argv[2:]:
            sys.stdout.flush()


def beat(over: threading.Event) -> None:
    while not over.wait(BEAT_S):
        with _writing, contextlib.suppress(OSError, ValueError):
            sys.stdout.write('{"type": "beat"}\n')
            sys.stdout.flush()


def filled(event: dict[str, Any], request: dict[str, Any], index: int) -> dict[str, Any]:
    """The recorded event with this job's own names, numbers and files."""
    event = dict(event)
    if "job_id" in event:
        event["job_id"] = request["job_id"]
    if event["type"] == "ready":
        event["pid"] = os.getpid()
    if event["type"] == "take":
        span = request["held"]
        pitch = 200 + request["seed"] + index + (500 if span else 0)
        data = wav(request["n_samples"], request["sample_rate"], pitch)
        path = Path(request["scratch"]) / f"take{index}.wav"
        path.write_bytes(data)
        codes = path.with_suffix(".safetensors")
        codes.write_bytes(b"codes of " + str(pitch).encode())
        prompt = request["prompt"] or "a door closes"
        event.update(
            index=index,
            seed=request["seed"] + index,
            wav_path=str(path),
            codes_path=str(codes),
            wav_sha256=hashlib.sha256(data).hexdigest(),
            n_samples=request["n_samples"],
            sample_rate=request["sample_rate"],
            prompt=prompt,
            heard=prompt + ", footsteps" if "sneakers" in prompt else prompt,
        )
    return event


def still(event: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """The event as it would be over a picture in which nothing moves."""
    if event["type"] == "lane":
        nothing = {"hits": [], "intensity": [0.0] * 100, "rate_hz": 50.0}
        return event | {"lane": request.get("lane") or nothing}
    if event["type"] == "take" and request["sync"] != "lane":
        later_s = event["seed"] / 10
        hits = [[round(t + later_s, 3), s] for t, s in ((0.4, 0.8), (1.2, 0.6))]
        moments = {"hits": hits, "intensity": [0.3] * 100, "rate_hz": 50.0}
        figures = {"made_up": 1.0, "made_up_hits": 2.0}
        return event | {"moments": moments, "figures": figures, "sync": None, "lag_s": None}
    return event


def serve(recording: list[dict[str, Any]], hold: bool) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        kind = request["type"]
        if kind == "shutdown":
            return
        if kind == "cancel":
            say({"type": "cancelled", "job_id": request["job_id"]})
            continue
        for entry in recording:
            if entry["on"] != kind:
                continue
            event = entry["say"]
            repeat = request["takes"] if event["type"] == "take" else 1
            for index in range(repeat):
                said = filled(event, request, index)
                say(still(said, request) if "still" in sys.argv[2:] else said)
            if hold and kind == "generate" and event["type"] == "progress":
                break
        sys.stdout.flush()


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text().splitlines()
    over = threading.Event()
    if "burst" not in sys.argv[2:]:  # a beat would cut the piece in two
        threading.Thread(target=beat, args=(over,), daemon=True).start()
    serve([json.loads(line) for line in lines if line.strip()], "hold" in sys.argv[2:])
    over.set()
