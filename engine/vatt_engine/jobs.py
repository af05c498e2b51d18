"""What a worker does for each kind of request, with torch and a model that stays loaded.

One model is kept between jobs, since loading takes longer than most jobs; asking for another, or
for another device, lets go of it first. Torch is set up once to give the same bits every time.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import math
import platform
from importlib import metadata
from typing import Any

import torch

from vatt_engine import messages
from vatt_engine.errors import BadRequest
from vatt_engine.manifest import MANIFEST
from vatt_engine.memory import machine_memory
from vatt_engine.messages import Event, LaneReady, SyncLane, TakeReady
from vatt_engine.model_folder import resolve_device
from vatt_engine.model_library import TINY, find_model
from vatt_engine.pipeline import VATT
from vatt_engine.running_job import Job

VERSIONS = (
    "torch",
    "torchvision",
    "torchaudio",
    "transformers",
    "encodec",
    "open_clip_torch",
    "av",
)
MAX_LANE_VALUES = 60_000  # keeps the line of a LaneReady well under a megabyte
MAX_LANE_HITS = 15_000

log = logging.getLogger(__name__)


class EngineRunner:
    """Does jobs; the ``Runner`` of ``vatt_engine.worker``."""

    def __init__(self) -> None:
        make_repeatable()
        self._engine: VATT | None = None
        self._key: tuple[str, str, int] | None = None

    def run(self, job: Job, *, small: bool) -> dict[str, Any]:
        """Do one job, sending its events; returns what ``Finished`` carries.

        Raises:
            VattError: by name.
            Cancelled: its owner wants no more of it.
        """
        match job.request:
            case messages.Generate() | messages.Caption() | messages.Spot() as request:
                job.emit(messages.Started(job.job_id, told_device(request.device)))
                job.report("loading", 0, None)
                engine = self._load(request.model, request.device)
                for event in engine.run(request, job.report, small=small):
                    job.emit(presentable(event))
                return {"model": engine.model.config.name, "device": str(engine.model.device)}
            case messages.ImportModel() | messages.PullModel() | messages.VerifyModel() as request:
                from vatt_engine import model_jobs

                return model_jobs.run(request, job.report)
            case messages.Doctor():
                return examine_machine()
            case messages.Bench() as request:
                return self._bench(job, request)
        raise BadRequest(f"A worker does not do {job.request.type!r}.")

    def release(self) -> None:
        """Let go of the model and of the memory torch keeps for later."""
        self._engine = self._key = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _load(self, model: str, device: str) -> VATT:
        """The model, from before if it is the same and its files have not changed."""
        changed = 0 if model == TINY else (find_model(model) / MANIFEST).stat().st_mtime_ns
        key = (model, device, changed)
        if self._engine is None or self._key != key:
            self.release()
            log.info("loading %s on %s", model, device)
            self._engine = VATT.from_pretrained(model, device)
            self._key = key
        return self._engine

    def _bench(self, job: Job, request: messages.Bench) -> dict[str, Any]:
        from vatt_engine import bench

        self.release()
        return dict(bench.run(request, job.report))


def make_repeatable() -> None:
    """Same input, seed, model and kind of device: same bits."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    # On by default with the above, for finding bugs; it writes every new tensor twice.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def told_device(device: str) -> str:
    """What a device of a request is here: ``auto`` by its name, ``+offload`` kept.

    Raises:
        DeviceUnavailable: unknown, or not on this machine.
    """
    name, plus, manner = device.partition("+")
    return f"{resolve_device(name)}{plus}{manner}"


def presentable(event: Event) -> Event:
    """The event as the wire can carry it: finite numbers, and lanes that fit on a line."""
    if isinstance(event, LaneReady):
        return dataclasses.replace(event, lane=thin_lane(event.lane))
    if isinstance(event, TakeReady):
        figures = {k: float(v) for k, v in event.figures.items() if math.isfinite(v)}
        return dataclasses.replace(event, figures=figures)
    return event


def thin_lane(lane: SyncLane) -> SyncLane:
    """A lane in short numbers; a very long one at a lower rate, with its strongest hits.

    An hour of picture holds 180,000 values of intensity at 50 Hz, more than a line may carry.
    """
    intensity, rate_hz = lane.intensity, lane.rate_hz
    while len(intensity) > MAX_LANE_VALUES:
        intensity = tuple(max(intensity[i : i + 2]) for i in range(0, len(intensity), 2))
        rate_hz /= 2
    hits = lane.hits
    if len(hits) > MAX_LANE_HITS:
        hits = tuple(sorted(sorted(hits, key=lambda hit: -hit[1])[:MAX_LANE_HITS]))
    return SyncLane(
        tuple((round(time_s, 4), round(strength, 4)) for time_s, strength in hits),
        tuple(round(value, 3) for value in intensity),
        rate_hz,
    )


def examine_machine() -> dict[str, Any]:
    """Devices with their memory, which of them ``auto`` is, and what the engine stands on."""
    cpu = {
        "id": "cpu",
        "name": f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads",
        "memory_bytes": machine_memory()["ram"],
    }
    devices: list[dict[str, Any]] = [cpu]
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        devices.append(
            {"id": f"cuda:{index}", "name": facts.name, "memory_bytes": facts.total_memory}
        )
    if torch.backends.mps.is_available():
        devices.append({"id": "mps", "name": "Apple GPU", "memory_bytes": cpu["memory_bytes"]})
    auto = resolve_device("auto").type
    first = next((d for d in devices if d["id"].partition(":")[0] == auto), cpu)
    first["auto"] = True
    versions = {}
    for name in VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "missing"
    return {"devices": devices, "versions": versions, "cuda": torch.version.cuda or ""}
