"""The jobs of one engine client: what was asked, in which order it waits, what has come back.

No engine and no bytes here: ``EngineClient`` decides when a job goes out and what its end means;
this table keeps each job's state and turns the events of a job into the next state of it.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable

from vatt_engine import messages, wire
from vatt_engine.errors import BadRequest, VattError, error_from_dict
from vatt_engine.messages import Event, Request, TakeReady
from vatt_plugin.job_state import JobState


class JobQueue:
    """Jobs by id, and the ids that wait.

    Args:
        clock: monotonic seconds, for how long a stage still takes.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._jobs: dict[str, JobState] = {}
        self._waiting: deque[str] = deque()
        self._stage_began = (0.0, 0)  # clock and ``done`` at the first progress of the stage
        self._n_added = 0

    # --- reading ----------------------------------------------------------------------------

    def get(self, job_id: str | None) -> JobState | None:
        """A job; None when there is none of that id."""
        return self._jobs.get(job_id) if job_id is not None else None

    def __getitem__(self, job_id: str) -> JobState:
        """A job.

        Raises:
            KeyError: no such job.
        """
        return self._jobs[job_id]

    def all(self) -> tuple[JobState, ...]:
        """All jobs, in the order of submission."""
        return tuple(self._jobs.values())

    def waiting(self) -> tuple[str, ...]:
        """Ids of the queued jobs, next one first."""
        return tuple(self._waiting)

    # --- coming and going -------------------------------------------------------------------

    def add(self, request: Request, *, first: bool = False) -> str:
        """Let a job wait; an empty ``job_id`` is filled in. Returns the id.

        Raises:
            BadRequest: not a request that makes a job, too long a line, or an id already in use.
        """
        if not any(f.name == "job_id" for f in dataclasses.fields(request)):
            raise BadRequest(f"{request.type!r} is not a job.")
        job_id = str(getattr(request, "job_id", ""))
        if not job_id:
            self._n_added += 1
            job_id = f"job-{self._n_added}"
            request = dataclasses.replace(request, job_id=job_id)  # type: ignore[call-arg]
        if job_id in self._jobs:
            raise BadRequest(f"There is already a job {job_id!r}.")
        wire.encode(request)  # refuse here what could not be sent later
        self._jobs[job_id] = JobState(job_id, request)
        if first:
            self._waiting.appendleft(job_id)
        else:
            self._waiting.append(job_id)
        return job_id

    def to_front(self, job_id: str) -> None:
        """Let a waiting job be the next; no effect on any other."""
        if job_id in self._waiting:
            self._waiting.remove(job_id)
            self._waiting.appendleft(job_id)

    def take_next(self) -> JobState:
        """The next waiting job, running from now on."""
        job_id = self._waiting.popleft()
        return self._change(job_id, status="running", n_runs=self._jobs[job_id].n_runs + 1)

    def put_back(self, job_id: str) -> None:
        """A running job waits again, before all others; what it had made is kept."""
        self._waiting.appendleft(job_id)
        self._change(job_id, status="queued", stage="", done=0, total=None, eta_s=None)

    def cancel(self, job_id: str) -> Event:
        """A job that has not ended is cancelled, whether it waits or runs."""
        if job_id in self._waiting:
            self._waiting.remove(job_id)
        self._change(job_id, status="cancelled")
        return messages.JobCancelled(job_id=job_id)

    def fail(self, job_id: str, error: VattError) -> Event:
        """A job ends with an error of our own."""
        self._change(job_id, status="failed", error=error)
        return messages.Failed(job_id=job_id, **error.to_dict())

    def fail_waiting(self, error: VattError) -> list[Event]:
        """Every waiting job ends with an error."""
        events = [self.fail(job_id, error) for job_id in self._waiting]
        self._waiting.clear()
        return events

    def forget(self, job_id: str) -> None:
        """Drop an ended job."""
        if self._jobs[job_id].ended:
            del self._jobs[job_id]

    # --- what the engine says of a running job ------------------------------------------------

    def take_in(self, job: JobState, event: Event) -> bool:
        """Note an event of a job; False when it tells nothing new."""
        match event:
            case messages.Started():
                self._change(job.job_id, device=event.device)
            case messages.Finished():
                self._change(job.job_id, status="done", result=dict(event.result))
            case messages.Failed():
                error = error_from_dict(dataclasses.asdict(event))
                self._change(job.job_id, status="failed", error=error)
            case messages.JobCancelled():
                self._change(job.job_id, status="cancelled")
            case messages.Progress():
                self._note_progress(job, event)
            case messages.CaptionReady():
                self._change(job.job_id, caption=event)
            case messages.LaneReady():
                self._change(job.job_id, lane=event.lane)
            case TakeReady():
                if any(t.index == event.index for t in job.takes):
                    return False  # the second run of a job whose first one got this far
                self._change(job.job_id, takes=(*job.takes, event))
        return True

    def _note_progress(self, job: JobState, event: messages.Progress) -> None:
        now = self._clock()
        if event.stage != job.stage or event.done < job.done:
            self._stage_began = (now, event.done)
        since, at = self._stage_began
        steps = event.done - at
        eta_s = None
        if event.total is not None and steps >= 2:
            eta_s = (now - since) / steps * max(0, event.total - event.done)
        self._change(job.job_id, stage=event.stage, done=event.done, total=event.total, eta_s=eta_s)

    def _change(self, job_id: str, **values: object) -> JobState:
        changed = dataclasses.replace(self._jobs[job_id], **values)  # type: ignore[arg-type]
        self._jobs[job_id] = changed
        return changed
