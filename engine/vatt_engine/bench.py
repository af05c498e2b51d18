"""Seconds per stage for a made clip, cold and warm; what ``vatt bench`` prints.

The clip is drawn on the fly (1280 x 720, 25 fps, H.264), so that every machine times the same.
"Cold" is the first job after the model was loaded, "warm" a second one that has to look at the
picture again, and "extra take" a third one that does not.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest
from vatt_engine.messages import Bench, Generate, PictureSegment
from vatt_engine.pipeline import VATT
from vatt_engine.seeing import Report

STAGES = ("decoding", "features", "caption", "sampling", "codec", "writing")
SAMPLE_RATE = 48_000
_SIZE = (720, 1280)
_FPS = 25
_LONGEST_S = 600.0


class StageClock:
    """A ``report`` that adds up the seconds of each stage.

    A stage reports when a step of it is done, so the time since the last report is its own.
    """

    def __init__(self, report: Report) -> None:
        self.seconds: dict[str, float] = {}
        self._report = report
        self._last = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Count the time since the last call for ``stage``, and pass the report on."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._report(stage, done, total)
        self._last = time.perf_counter()

    @property
    def total_s(self) -> float:
        """All stages together."""
        return sum(self.seconds.values())


def run(request: Bench, report: Report) -> dict[str, Any]:
    """Load the model, make a clip, and time three jobs.

    Args:
        request: model, device, seconds of picture; option ``steps`` changes the sampling steps,
            ``size: published`` times the published size instead (``bench_published``).
        report: called with (stage, done, total); may raise to stop.

    Returns:
        Plain numbers by name; ``cold_s`` and ``warm_s`` by stage.

    Raises:
        BadRequest: an impossible duration.
        UnknownModel, DeviceUnavailable: see ``model_folder.load_model``.
    """
    if request.options.get("size") == "published":
        from vatt_engine.bench_published import run_published

        return run_published(request, report)
    duration_s = request.duration_s
    if not (math.isfinite(duration_s) and 0.5 <= duration_s <= _LONGEST_S):
        raise BadRequest(f"duration_s is {duration_s}; allowed: 0.5 to {_LONGEST_S:.0f} seconds.")
    steps = request.options.get("steps")
    if steps is not None and not isinstance(steps, int):
        raise BadRequest(f"steps is {steps!r}; a whole number is wanted.")
    report("loading", 0, None)
    before = time.perf_counter()
    vatt = VATT.from_pretrained(request.model or "tiny", request.device)
    load_s = time.perf_counter() - before
    with tempfile.TemporaryDirectory(prefix="vatt-bench-") as folder:
        movie = Path(folder) / "clip.mp4"
        draw_clip(movie, duration_s, report)
        job = Generate(
            job_id="bench",
            picture=(PictureSegment(str(movie), 0.0, duration_s),),
            n_samples=round(duration_s * SAMPLE_RATE),
            sample_rate=SAMPLE_RATE,
            steps=steps,
            scratch=folder,
        )
        cold = _time(vatt, job, report)
        again = VATT(vatt.model)  # remembers no picture
        warm = _time(again, job, report)
        extra = _time(again, replace(job, seed=1, prompt="footsteps"), report)
    return {
        "model": vatt.model.config.name,
        "trained": vatt.model.trained,
        "device": str(vatt.model.device),
        "precision": vatt.model.precision,
        "duration_s": duration_s,
        "steps": steps or vatt.model.config.sampler.steps,
        "load_s": round(load_s, 3),
        "cold_s": _by_stage(cold),
        "warm_s": _by_stage(warm),
        "total_cold_s": round(cold.total_s, 3),
        "total_warm_s": round(warm.total_s, 3),
        "extra_take_s": round(extra.total_s, 3),
        "real_time_factor": round(duration_s / warm.total_s, 3),
        "peak_memory_bytes": peak_memory_bytes(),
        "peak_device_memory_bytes": _peak_device_memory(vatt.model.device),
        "environment": environment(vatt),
    }


def draw_clip(path: Path, duration_s: float, report: Report) -> None:
    """A ball that bounces before a textured wall, as an H.264 movie."""
    height, width = _SIZE
    n = math.ceil(duration_s * _FPS)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for i, image in enumerate(_bouncing_ball(n, height, width)):
            frame = av.VideoFrame.from_ndarray(image, format="gray").reformat(format="yuv420p")
            frame.pts = i
            container.mux(stream.encode(frame))
            report("drawing", i + 1, n)
        container.mux(stream.encode())


def _bouncing_ball(n: int, height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(0)
    tiles = rng.integers(60, 160, (height // 20, width // 20), dtype=np.uint8)
    wall = np.kron(tiles, np.ones((20, 20), np.uint8))
    rows, columns = np.mgrid[:160, :160]
    ball = np.hypot(rows - 80, columns - 80) < 78
    for i in range(n):
        phase = (i / _FPS / 0.8) % 1.0  # a contact every 0.8 s
        top = round((height - 200) * (1 - 4 * phase * (1 - phase)))
        left = round((width - 160) * (0.5 + 0.4 * math.sin(i / 40)))
        image = wall.copy()
        image[top : top + 160, left : left + 160][ball] = 235
        yield image


def peak_memory_bytes() -> int:
    """Most memory this process ever held; 0 where the system does not tell."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def environment(vatt: VATT) -> dict[str, Any]:
    """What the figures depend on."""
    device = vatt.model.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "processor": name,
        "cpus": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "parameters": sum(vatt.model.n_parameters.values()),
    }


def _time(vatt: VATT, job: Generate, report: Report) -> StageClock:
    clock = StageClock(report)
    for _ in vatt.run(job, clock):
        pass
    return clock


def _by_stage(clock: StageClock) -> dict[str, float]:
    return {stage: round(clock.seconds.get(stage, 0.0), 3) for stage in STAGES}


def _peak_device_memory(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
