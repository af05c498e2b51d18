"""The engine as its users see it: jobs go in, events come out, and nothing here touches a process.

``EngineClient`` is fed bytes and asked for bytes, so the command line drives it with
``subprocess`` (``vatt_plugin.transport``), the panel with ``QProcess``, and tests with neither.
It owns what has to hold whoever carries the bytes: one job on the wire at a time, a queue that can
be reordered (``job_queue``) and paused, cancellation that shows at once, late results dropped, a
job run once more when the engine dies under it, and an engine given up after three deaths in a
minute.

A transport does this::

    if client.must_start:  start the process, then client.started()
    stdout arrives:        events = client.feed(data)
    stderr arrives:        client.feed_log(data)
    at client.deadline():  events = client.tick()
    always after these:    write client.requests() to the engine's stdin
    if client.must_kill:   kill the process
    the process ended:     events = client.ended("killed by signal 9")
    it cannot be started:  events = client.refused(error)
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable

from vatt_engine import messages, wire
from vatt_engine.errors import (
    BadRequest,
    EngineLost,
    EngineUnavailable,
    ProtocolMismatch,
    VattError,
    error_from_dict,
)
from vatt_engine.messages import Event, Request
from vatt_engine.wire import LineSplitter
from vatt_plugin.job_queue import JobQueue
from vatt_plugin.job_state import EngineLife, EngineStatus, JobState, JobStatus

__all__ = ["EngineClient", "EngineLife", "EngineStatus", "JobState", "JobStatus"]

SILENCE_S = 5.0  # the front beats every second; this much silence means it hangs
HANDSHAKE_S = 30.0  # a cold start of Python on a busy machine
CANCEL_S = 3.0  # the front confirms within 0.5 s
DEATHS, DEATHS_WINDOW_S = 3, 60.0
N_RUNS = 2  # a job whose engine died is run once more

_FROM_FRONT: dict[str, EngineLife] = {
    "starting": "starting",
    "ready": "ready",
    "busy": "busy",
    "restarting": "restarting",
    "unavailable": "unavailable",
}


class EngineClient:
    """Queue of jobs in front of one engine process; see the module's text for the contract.

    Every method that can change what a user sees returns the events to show, in order. They are
    the typed events of ``vatt_engine.messages``, those the client makes itself included
    (``JobCancelled`` at once, ``Failed`` for a lost engine, ``State`` for its life).

    Args:
        clock: monotonic seconds.
        name: of the program, for the engine's log.
        warm: whether the engine should load torch before the first job asks for it.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        name: str = "vatt",
        *,
        warm: bool = True,
    ) -> None:
        self._clock = clock
        self._hello = messages.Hello(client=name, warm=warm)
        self._jobs = JobQueue(clock)
        self._on_wire: str | None = None  # also a cancelled job until the engine lets go of it
        self._status = EngineStatus()
        self._lines = LineSplitter()
        self._out = bytearray()
        self._log: deque[str] = deque(maxlen=400)
        self._log_rest = b""
        self._paused = False
        self._alive = False
        self._hello_by: float | None = None
        self._cancel_by: float | None = None
        self._heard_at = 0.0
        self._ticked_at = 0.0
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._stopping = False  # its end, when it comes, is our doing
        self.must_kill = False

    # --- what users of the engine call ------------------------------------------------------

    def submit(self, request: Request, *, first: bool = False) -> str:
        """Queue a job and return its id; ``first`` puts it before all that wait.

        An empty ``job_id`` is filled in. Submitting also gives an engine that was given up
        another chance.

        Raises:
            BadRequest: not a request that makes a job, too long a line, or an id already in use.
        """
        job_id = self._jobs.add(request, first=first)
        if not self._alive and self._status.life == "unavailable":
            self._status = EngineStatus()
        return job_id

    def cancel(self, job_id: str) -> list[Event]:
        """Cancel a job; it counts as cancelled from here on, whatever the engine still sends."""
        job = self._jobs.get(job_id)
        if job is None or job.ended:
            return []
        if job_id == self._on_wire:
            self._out += wire.encode(messages.Cancel(job_id=job_id))
            self._cancel_by = self._clock() + CANCEL_S
        return [self._jobs.cancel(job_id)]

    def cancel_all(self) -> list[Event]:
        """Cancel whatever runs and waits."""
        return [event for job in self._jobs.all() for event in self.cancel(job.job_id)]

    def to_front(self, job_id: str) -> None:
        """Let a waiting job run next; no effect on any other."""
        self._jobs.to_front(job_id)

    def pause(self) -> None:
        """Start no further job; the running one goes on."""
        self._paused = True

    def resume(self) -> None:
        """Undo ``pause``."""
        self._paused = False

    def forget(self, job_id: str) -> None:
        """Drop an ended job from the table, so that a long session stays small."""
        self._jobs.forget(job_id)

    def job(self, job_id: str) -> JobState:
        """The job as it stands now.

        Raises:
            KeyError: no such job.
        """
        return self._jobs[job_id]

    def jobs(self) -> tuple[JobState, ...]:
        """All jobs, in the order of submission."""
        return self._jobs.all()

    def waiting(self) -> tuple[str, ...]:
        """Ids of the queued jobs, next one first."""
        return self._jobs.waiting()

    @property
    def paused(self) -> bool:
        """Whether the queue is held."""
        return self._paused

    @property
    def status(self) -> EngineStatus:
        """What the engine is doing."""
        return self._status

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines the engine wrote to its log."""
        return tuple(self._log)

    @property
    def idle(self) -> bool:
        """Whether every job has ended and the engine has let go of the last one."""
        return self._on_wire is None and not self._jobs.waiting()

    # --- what the transport calls -----------------------------------------------------------

    @property
    def must_start(self) -> bool:
        """Whether there is work, no process, and reason to hope."""
        return not self._alive and bool(self._jobs.waiting()) and self._status.life != "unavailable"

    def started(self) -> list[Event]:
        """The engine process has been started; the handshake begins."""
        now = self._clock()
        self._alive = True
        self.must_kill = self._stopping = False
        self._lines = LineSplitter()
        self._out = bytearray(wire.encode(self._hello))
        self._hello_by = now + HANDSHAKE_S
        self._heard_at = self._ticked_at = now
        return self._now_is("starting", "Starting the engine.")

    def feed(self, data: bytes) -> list[Event]:
        """Take in what the engine wrote to its stdout.

        Lines that are no events of ours are put into the log and otherwise ignored: a library
        may print, and a newer engine may say more than we know.
        """
        self._heard_at = self._clock()
        n_refused = self._lines.n_refused
        events: list[Event] = []
        for line in self._lines.feed(data):
            try:
                event = wire.decode_event(line)
            except BadRequest as error:
                self._log.append(f"ignored a line of the engine: {error.message}")
                continue
            events += self._receive(event)
        if self._lines.n_refused > n_refused:
            self._log.append("ignored a line of the engine: longer than the limit")
        return events

    def feed_log(self, data: bytes) -> None:
        """Take in what the engine wrote to its stderr."""
        *lines, self._log_rest = (self._log_rest + data).split(b"\n")
        self._log_rest = self._log_rest[-4096:]
        self._log.extend(line.decode(errors="replace")[:2000] for line in lines if line.strip())

    def requests(self) -> bytes:
        """Bytes to write to the engine's stdin now; each byte is given out once."""
        if self._alive:
            self._send_next()
        out = bytes(self._out) if self._alive else b""
        self._out.clear()
        return out

    def deadline(self) -> float | None:
        """When ``tick`` is due, on the client's clock; None when nothing is awaited."""
        if not self._alive:
            return None
        if self._hello_by is not None:
            return self._hello_by
        silence_ends = self._heard_at + SILENCE_S
        return silence_ends if self._cancel_by is None else min(silence_ends, self._cancel_by)

    def tick(self) -> list[Event]:
        """Look at the clock: an engine that neither answers nor beats is to be killed."""
        now = self._clock()
        if now - self._ticked_at > SILENCE_S / 2:
            # We slept ourselves (a debugger, a stalled host): what it sent may still lie unread.
            soon = now + SILENCE_S / 2
            self._heard_at = max(self._heard_at, soon - SILENCE_S)
            if self._hello_by is not None:
                self._hello_by = max(self._hello_by, soon)
            if self._cancel_by is not None:
                self._cancel_by = max(self._cancel_by, soon)
        self._ticked_at = now
        due = self.deadline()
        if due is None or now < due or self.must_kill:
            return []
        self.must_kill = True
        return self._now_is("lost", "The engine has stopped answering; it is being replaced.")

    def ended(self, reason: str) -> list[Event]:
        """The engine process is gone, for ``reason`` ("killed by signal 9", "exit status 1")."""
        if not self._alive:
            return []
        if self._log_rest:
            self.feed_log(b"\n")
        before_ready = self._hello_by is not None
        if self.must_kill:
            reason = "it had stopped answering"
        job_id, self._on_wire = self._on_wire, None
        self._alive = self.must_kill = False
        self._hello_by = self._cancel_by = None
        self._out.clear()
        if self._stopping:
            return self._now_is("stopped")
        if before_ready:
            return self.refused(
                EngineUnavailable(
                    f"The engine ended before it was ready ({reason}).{self._last_words()}",
                    "Run `vatt doctor` to see what is missing.",
                )
            )
        if job_id is None and not self._jobs.waiting():
            if self._status.life == "unavailable":  # we ended it ourselves, having said why
                return []
            return self._now_is("stopped", f"The engine ended ({reason}).")
        now = self._clock()
        self._deaths.append(now)
        lost = EngineLost(
            f"The engine died in the middle of the job ({reason}).{self._last_words()}",
            "Finished takes are safe. Try again, with a shorter clip or a smaller model.",
        )
        events: list[Event] = []
        job = self._jobs.get(job_id)
        if job is not None and not job.ended:
            if job.n_runs < N_RUNS:
                self._jobs.put_back(job.job_id)
            else:
                events.append(self._jobs.fail(job.job_id, lost))
        if len(self._deaths) == DEATHS and now - self._deaths[0] < DEATHS_WINDOW_S:
            self._deaths.clear()
            return events + self.refused(
                EngineLost(
                    f"The engine died {DEATHS} times within a minute, the last time: {reason}."
                    f"{self._last_words()}",
                    "Finished takes are safe. Run `vatt doctor`, then try again.",
                )
            )
        return events + self._now_is("restarting", f"The engine died ({reason}).")

    def refused(self, error: VattError) -> list[Event]:
        """The engine cannot be started: every waiting job fails with ``error``."""
        self._alive = False
        return self._give_up(error)

    def stopping(self) -> None:
        """The transport is shutting the engine down on purpose: its end is no accident."""
        self.cancel_all()
        self._out += wire.encode(messages.Shutdown())
        self._stopping = True

    # --- events -----------------------------------------------------------------------------

    def _receive(self, event: Event) -> list[Event]:
        match event:
            case messages.Ready():
                return self._greet(event)
            case messages.Beat():
                return []
            case messages.Log():
                self._log.append(f"{event.level}: {event.message}")
                return [event]
            case messages.State():
                life = _FROM_FRONT.get(event.state)
                return [] if life is None else self._now_is(life, event.detail, event.hint)
            case messages.Failed(job_id=""):
                error = error_from_dict(dataclasses.asdict(event))
                if isinstance(error, ProtocolMismatch):
                    self.must_kill = True
                    self._hello_by = None
                    return self._give_up(error)
                return [event]
        job_id = str(getattr(event, "job_id", ""))
        if job_id != self._on_wire:
            return []  # of no job we know, or of one that ended with another engine
        job = self._jobs.get(job_id)
        if job is None or job.ended:
            if isinstance(event, messages.Finished | messages.Failed | messages.JobCancelled):
                self._let_go()
            return []  # late results of a cancelled job
        return self._receive_of_job(job, event)

    def _greet(self, ready: messages.Ready) -> list[Event]:
        if self._hello_by is None:
            return []
        self._hello_by = None
        if ready.protocol != messages.PROTOCOL_VERSION:
            self.must_kill = True
            older = "older" if ready.protocol < messages.PROTOCOL_VERSION else "newer"
            return self._give_up(
                ProtocolMismatch(
                    f"The installed engine {ready.engine_version} is {older} than this program: "
                    f"it speaks protocol {ready.protocol}, not {messages.PROTOCOL_VERSION}.",
                    "Reinstall both from one version: pip install --force-reinstall vatt-plugin.",
                )
            )
        self._status = dataclasses.replace(
            self._status, version=ready.engine_version, capabilities=ready.capabilities
        )
        return [ready, *self._now_is("ready")]

    def _receive_of_job(self, job: JobState, event: Event) -> list[Event]:
        if isinstance(event, messages.Finished | messages.Failed | messages.JobCancelled):
            self._let_go()
        if isinstance(event, messages.Started):
            self._status = dataclasses.replace(self._status, device=event.device)
        return [event] if self._jobs.take_in(job, event) else []

    # --- inside -----------------------------------------------------------------------------

    def _send_next(self) -> None:
        ready = self._hello_by is None and not self.must_kill
        if ready and not self._paused and self._on_wire is None and self._jobs.waiting():
            job = self._jobs.take_next()
            self._out += wire.encode(job.request)
            self._on_wire = job.job_id

    def _let_go(self) -> None:
        self._on_wire = None
        self._cancel_by = None

    def _give_up(self, error: VattError) -> list[Event]:
        events = self._now_is("unavailable", error.message, error.hint)
        return events + self._jobs.fail_waiting(error)

    def _now_is(self, life: EngineLife, detail: str = "", hint: str = "") -> list[Event]:
        self._status = dataclasses.replace(self._status, life=life, detail=detail, hint=hint)
        return [messages.State(state=life, detail=detail, hint=hint)]

    def _last_words(self) -> str:
        return f" Its last words: {self._log[-1]}" if self._log else ""
