"""Jobs and the engine at one moment, as ``EngineClient`` shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vatt_engine.errors import VattError
from vatt_engine.messages import CaptionReady, Request, SyncLane, TakeReady

JobStatus = Literal["queued", "running", "done", "failed", "cancelled"]
EngineLife = Literal["stopped", "starting", "ready", "busy", "restarting", "lost", "unavailable"]


@dataclass(frozen=True)
class EngineStatus:
    """What the engine is doing, for the engine chip and ``vatt doctor``.

    ``device`` is where it last ran a job (``cpu``, ``cuda``); empty until it has run one.
    """

    life: EngineLife = "stopped"
    detail: str = ""
    hint: str = ""
    version: str = ""
    capabilities: tuple[str, ...] = ()
    device: str = ""


@dataclass(frozen=True)
class JobState:
    """One job at one moment; every change makes a new one.

    Attributes:
        request: what was asked, ``job_id`` filled in.
        n_runs: how often it was handed to an engine.
        device: where it runs: what ``auto`` has become; empty until it has been told.
        stage, done, total: the latest progress; ``total`` None is a busy bar.
        takes: takes so far, by index; final once ``status`` is ``done``.
        result: what ``Finished`` brought.
        error: why it failed.
        eta_s: seconds left in this stage, known after two of its steps.
    """

    job_id: str
    request: Request
    status: JobStatus = "queued"
    n_runs: int = 0
    device: str = ""
    stage: str = ""
    done: int = 0
    total: int | None = None
    caption: CaptionReady | None = None
    lane: SyncLane | None = None
    takes: tuple[TakeReady, ...] = ()
    result: dict[str, object] = field(default_factory=dict)
    error: VattError | None = None
    eta_s: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ("done", "failed", "cancelled")

    @property
    def fraction(self) -> float | None:
        """How much of the current stage is done, 0..1; None when unknown."""
        return min(1.0, self.done / self.total) if self.total else None
