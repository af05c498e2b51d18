"""An engine that is a script: says what a test wants, and misbehaves on demand.

Run as ``python fake_engine.py MODE [STATE_FOLDER]``; standard library only, so it starts in
moments. It makes real WAVs of a tone whose pitch follows the seed. Modes:

    good            serves every job
    coded           likewise, and hands over codes, of which spans are made anew
    slow            a job ends only when cancelled
    deaf            a job never ends, cancelled or not
    die-once        the first job kills the engine; a file in STATE_FOLDER remembers
    die-always      every generate job kills the engine
    mute            says hello, then neither beats nor answers
    silent          never says a word
    stubborn        ignores shutdown, the end of its input, and SIGTERM
    old             speaks an older protocol
    noisy           prints rubbish, a 3 MB line, unknown jobs, and half a line at the end
    damaged         serves every job, and says twice that its media is damaged
    fail            every job fails with media_unreadable
    fail-second     only the job for the second clip fails
    broken          ends at once with words on stderr
    nan, short, rate, outside, hash, link   a WAV that must be rejected
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Spans = Sequence[tuple[float, float, float]]


def say(**body: object) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


def wav(
    n_samples: int, rate: int, pitch_hz: float, *, nan: bool = False, spans: Spans = ()
) -> bytes:
    samples = [0.2 * math.sin(2 * math.pi * pitch_hz * i / rate) for i in range(n_samples)]
    for start_s, end_s, other_hz in spans:
        for i in range(round(start_s * rate), min(n_samples, round(end_s * rate))):
            samples[i] = 0.2 * math.sin(2 * math.pi * other_hz * i / rate)
    if nan and samples:
        samples[len(samples) // 2] = math.nan
    data = struct.pack(f"<{n_samples}f", *samples)
    fmt = struct.pack("<HHIIHH", 3, 1, rate, rate * 4, 4, 32)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def generate(job: dict[str, Any], mode: str) -> None:
    job_id, scratch = job["job_id"], Path(job["scratch"])
    say(type="progress", job_id=job_id, stage="sampling", done=1, total=2)
    if job["prompt"] is None:
        say(type="caption", job_id=job_id, caption="a tone", score=-0.5, alternatives=[])
    prompt = job["prompt"] or "a tone"
    for index in range(job["takes"]):
        n, rate = job["n_samples"], job["sample_rate"]
        if mode == "short":
            n -= 1
        if mode == "rate":
            rate = 44100
        pitch_hz, spans = 200 + job["seed"] + index, []
        if job.get("held"):
            held = job["held"]
            codes = json.loads(Path(held["codes_path"]).read_text())
            spans = [*codes["spans"], [held["start_s"], held["end_s"], pitch_hz]]
            pitch_hz = codes["pitch_hz"]
        codes_path = scratch / f"take{index}.codes" if mode == "coded" else None
        if codes_path is not None:
            codes_path.write_text(json.dumps({"pitch_hz": pitch_hz, "spans": spans}))
        data = wav(n, rate, pitch_hz, nan=mode == "nan", spans=spans)
        path = scratch / f"take{index}.wav"
        if mode == "outside":
            path = scratch.parent / "outside.wav"
        if mode == "link":
            path.symlink_to("/etc/hostname")
        else:
            path.write_bytes(data)
        digest = "0" * 64 if mode == "hash" else hashlib.sha256(data).hexdigest()
        say(
            type="take", job_id=job_id, index=index, seed=job["seed"] + index,
            wav_path=str(path), codes_path=str(codes_path or ""), wav_sha256=digest, n_samples=n,
            sample_rate=rate, channels=1, prompt=prompt, sync=0.5,
            heard=prompt + ", footsteps" if "sneakers" in prompt else prompt, lag_s=0.01,
            figures={"onsets": 1.0}, model=job["model"], model_hash="feed", engine_version="fake",
        )  # fmt: skip
    say(type="finished", job_id=job_id, result={})


def serve(mode: str, folder: Path) -> None:
    n_jobs = 0
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        request = json.loads(line)
        kind, job_id = request["type"], request.get("job_id", "")
        for _ in range(2 if mode == "damaged" and kind in ("spot", "caption", "generate") else 0):
            say(type="log", level="WARNING", message="a.mov: 3 damaged places were skipped.",
                job_id=job_id, code="media_damaged")  # fmt: skip
        if kind == "hello":
            if mode != "silent":
                protocol = 0 if mode == "old" else 1
                say(type="ready", protocol=protocol, engine_version="fake", pid=os.getpid())
            if mode == "noisy":
                sys.stdout.write("Downloading something... 50%\n")
                sys.stdout.write('{"type": "no such event"}\n')
                sys.stdout.write("x" * (3 << 20) + "\n")
                say(type="finished", job_id="never-heard-of", result={})
        elif kind == "shutdown":
            if mode == "stubborn":
                time.sleep(600)
            return
        elif kind == "cancel":
            if mode == "slow":
                say(type="cancelled", job_id=job_id)
        elif kind == "doctor":
            say(type="finished", job_id=job_id, result={"devices": [], "versions": {}})
        elif kind == "models":
            say(type="finished", job_id=job_id, result={"models": [MODEL]})
        elif kind == "model_info":
            say(type="finished", job_id=job_id, result={**MODEL, "name": request["model"]})
        elif kind == "spot":
            lane = {"hits": [[0.125, 0.5], [0.25, 1.0]], "intensity": [0.0, 1.0], "rate_hz": 50.0}
            say(type="lane", job_id=job_id, lane=lane)
            say(type="finished", job_id=job_id, result={})
        elif kind == "caption":
            say(type="caption", job_id=job_id, caption="a tone", score=-0.5,
                alternatives=[["a tone", -0.5], ["a hum", -1.0]])  # fmt: skip
            say(type="finished", job_id=job_id, result={})
        elif kind == "generate":
            n_jobs += 1
            misbehave(mode, folder)
            if mode == "fail" or (mode == "fail-second" and n_jobs == 2):
                say(type="failed", job_id=job_id, code="media_unreadable",
                    message="No picture in it.", hint="Export it again.")  # fmt: skip
            elif request["model"] == "nobody":
                say(type="failed", job_id=job_id, code="unknown_model",
                    message="There is no nobody.", hint="There is fake.")  # fmt: skip
            elif mode in ("slow", "deaf"):
                say(type="progress", job_id=job_id, stage="sampling", done=1, total=100)
            elif mode != "mute":
                generate(request, mode)
    if mode == "noisy":
        sys.stdout.write('{"type": "fini')


def misbehave(mode: str, folder: Path) -> None:
    marker = folder / "died"
    if mode == "die-always" or (mode == "die-once" and not marker.exists()):
        marker.touch()
        sys.stderr.write("about to die\n")
        sys.stderr.flush()
        os.abort()


MODEL = {
    "name": "fake",
    "trained": False,
    "bytes": 1,
    "description": "A tone.",
    "model_hash": "feed",
}

if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "good"
    if chosen == "broken":
        sys.exit("ModuleNotFoundError: No module named 'vatt_engine'")
    serve(chosen, Path(sys.argv[2] if len(sys.argv) > 2 else "."))
