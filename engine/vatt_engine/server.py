"""The front of the engine: takes requests, keeps the queue, starts and kills the worker.

Standard library only, so it answers in a tenth of a second and outlives anything that torch or a
driver can do. ``Front`` holds the rules and touches neither pipes nor processes; ``serve`` runs it
on stdin and stdout. One thread makes all decisions, taking events from one inbox.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from vatt_engine import messages, wire
from vatt_engine.errors import (
    BadRequest,
    EngineError,
    EngineLost,
    EngineUnavailable,
    OutOfMemory,
    ProtocolMismatch,
    VattError,
)
from vatt_engine.launcher import Launcher, Worker, default_launcher
from vatt_engine.messages import Event, Request
from vatt_engine.process import die_with_parent
from vatt_engine.version import engine_version
from vatt_engine.wire import LineSplitter

BEAT_S = 1.0
CANCEL_SILENCE_S = 0.3  # a worker that has not let go by then is killed
N_RUNS = 2
DEATHS, DEATHS_WINDOW_S = 3, 60.0
CAPABILITIES = (
    "generate", "caption", "spot", "models", "model_info", "doctor", "bench", "lane", "held",
    "import_model", "pull_model", "verify_model",
)  # fmt: skip

_SUSPICIOUS = (OutOfMemory.code, EngineError.code)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Queued:
    job_id: str
    request: Request
    n_runs: int = 0


class Front:
    """The rules of the engine process, driven by calls and free of input and output.

    Args:
        launcher: makes workers; their callbacks must be brought to this object's thread.
        emit: sends an event to the client.
        post: runs a callable on this object's thread (from reader threads of the launcher).
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        launcher: Launcher,
        emit: Callable[[Event], None],
        post: Callable[[Callable[[], None]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._launcher = launcher
        self._emit = emit
        self._post = post
        self._clock = clock
        self._greeted = False
        self._is_warm = False
        self._queue: deque[_Queued] = deque()
        self._running: _Queued | None = None
        self._cancel_by: float | None = None  # set while the running job is being cancelled
        self._worker: Worker | None = None
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._next_beat = clock() + BEAT_S
        self.stopped = False

    # --- from the client --------------------------------------------------------------------

    def on_line(self, line: bytes) -> None:
        """Take one line of the client; what cannot be read is answered and otherwise ignored."""
        try:
            request = wire.decode_request(line)
        except BadRequest as error:
            self._refuse(line, error)
            return
        match request:
            case messages.Hello():
                self._greet(request)
            case messages.Shutdown():
                self.stopped = True
            case messages.Cancel(job_id=job_id):
                self._cancel(job_id)
            case _:
                self._accept(request)

    def on_refused_lines(self, n: int) -> None:
        """``n`` lines were too long to be taken in."""
        self._say("WARNING", f"Ignored {n} line(s) over {wire.MAX_LINE_BYTES} bytes.")

    def _refuse(self, line: bytes, error: BadRequest) -> None:
        try:
            body = json.loads(line)
        except (ValueError, RecursionError):
            body = None
        job_id = body.get("job_id") if isinstance(body, dict) else None
        if isinstance(job_id, str) and job_id and not self._knows(job_id):
            self._emit(messages.Failed(job_id, **error.to_dict()))
        else:
            self._say("WARNING", f"Ignored a line: {error.message}")

    def _greet(self, hello: messages.Hello) -> None:
        if hello.protocol != messages.PROTOCOL_VERSION:
            mismatch = ProtocolMismatch(
                f"This engine ({engine_version()}) speaks protocol {messages.PROTOCOL_VERSION}; "
                f"the program that started it speaks {hello.protocol}.",
                "Reinstall both from one version: pip install --force-reinstall vatt-plugin.",
            )
            self._emit(messages.Failed("", **mismatch.to_dict()))
            return
        self._greeted = True
        self._emit(
            messages.Ready(messages.PROTOCOL_VERSION, engine_version(), os.getpid(), CAPABILITIES)
        )
        if hello.warm:
            try:
                self._warm()
            except OSError as error:
                self._cannot_start(error)

    def _accept(self, request: Request) -> None:
        job_id = str(getattr(request, "job_id", ""))
        if not job_id or self._knows(job_id):
            why = f"There is already a job {job_id!r}." if job_id else "A job needs a job_id."
            self._say("WARNING", f"Ignored a {request.type} request: {why}")
        elif not self._greeted:
            error = BadRequest("The first line must be hello, with a protocol version.")
            self._emit(messages.Failed(job_id, **error.to_dict()))
        elif isinstance(request, messages.ListModels | messages.ModelInfo) or (
            isinstance(request, messages.PullModel) and request.dry_run
        ):
            self._emit(self._look_up(request))
        else:
            self._queue.append(_Queued(job_id, request))
            self._run_next()

    def _look_up(
        self, request: messages.ListModels | messages.ModelInfo | messages.PullModel
    ) -> Event:
        """Answer from the model folders at once: no torch, no waiting behind other jobs."""
        from vatt_engine import model_library

        try:
            if isinstance(request, messages.PullModel):
                from vatt_engine import model_offer

                return messages.Finished(request.job_id, model_offer.offer(request))
            if isinstance(request, messages.ModelInfo):
                return messages.Finished(request.job_id, model_library.model_info(request.model))
            return messages.Finished(request.job_id, {"models": model_library.list_models()})
        except VattError as error:
            return messages.Failed(request.job_id, **error.to_dict())

    def _knows(self, job_id: str) -> bool:
        running = self._running is not None and self._running.job_id == job_id
        return running or any(job.job_id == job_id for job in self._queue)

    def _cancel(self, job_id: str) -> None:
        running = self._running
        if running is not None and running.job_id == job_id:
            if self._cancel_by is None and self._worker is not None:
                self._cancel_by = self._clock() + CANCEL_SILENCE_S
                self._worker.send(wire.encode(messages.Cancel(job_id)))
            return
        for job in list(self._queue):
            if job.job_id == job_id:
                self._queue.remove(job)
                self._emit(messages.JobCancelled(job_id))

    # --- from the launcher, on this thread by way of ``post`` ---------------------------------

    def on_worker_line(self, worker: Worker, line: bytes) -> None:
        """Pass on what the worker says about the running job."""
        if worker is not self._worker:
            return  # one that was killed and replaced
        try:
            event = wire.decode_event(line)
        except BadRequest as error:
            self._say("WARNING", f"Ignored a line of the worker: {error.message}")
            return
        if isinstance(event, messages.Failed) and not event.job_id:
            self._drop_worker()
            self.on_broken(event.message, event.hint)
            return
        running = self._running
        if running is None or getattr(event, "job_id", "") != running.job_id:
            return
        ends = isinstance(event, messages.Finished | messages.Failed | messages.JobCancelled)
        if isinstance(event, messages.Failed) and event.code in _SUSPICIOUS:
            self._drop_worker()  # what broke off half-way in there may not work again
        if self._cancel_by is not None:
            if ends:  # it may have finished in the same moment; the owner wants it cancelled
                self._end_job(messages.JobCancelled(running.job_id))
        elif ends:
            self._end_job(event)
        else:
            self._emit(event)

    def on_worker_end(self, worker: Worker, reason: str) -> None:
        """The worker is gone: its job runs once more, unless it was killed to cancel it."""
        if worker is not self._worker:
            return
        self._worker = None
        running, self._running = self._running, None
        if running is None:
            log.info("the worker ended between jobs: %s", reason)
            return
        if self._cancel_by is not None:
            self._cancel_by = None
            self._emit(messages.JobCancelled(running.job_id))
            self._run_next()
            return
        now = self._clock()
        self._deaths.append(now)
        if len(self._deaths) == DEATHS and now - self._deaths[0] < DEATHS_WINDOW_S:
            self._deaths.clear()
            self._fail_all(
                [running],
                EngineLost(
                    f"The engine died {DEATHS} times within a minute, the last time: {reason}.",
                    "Finished takes are safe. Close other programs or choose a smaller model, "
                    "run `vatt doctor`, then try again.",
                ),
            )
        elif running.n_runs < N_RUNS:
            self._state("restarting", f"The engine died ({reason}); the job runs once more.")
            self._queue.appendleft(running)
            self._run_next()
        else:
            error = EngineLost(
                f"The engine died twice on this job ({reason}).",
                "Finished takes are safe. Try a shorter clip, fewer takes or a smaller model.",
            )
            self._emit(messages.Failed(running.job_id, **error.to_dict()))
            self._run_next()

    def on_warm(self) -> None:
        """The launcher is prepared."""
        self._is_warm = True
        self._state("ready" if self._running is None else "busy")

    def on_broken(self, message: str, hint: str) -> None:
        """The installation cannot work: every job fails with the reason, the next one may try."""
        self._is_warm = False
        running, self._running = self._running, None
        self._drop_worker()
        self._fail_all([running] if running else [], EngineUnavailable(message, hint))

    def _cannot_start(self, error: OSError) -> None:
        self.on_broken(f"The engine cannot start a process: {error}.", "Close other programs.")

    # --- time -------------------------------------------------------------------------------

    def tick(self) -> float:
        """Do what is due; returns when the next thing is, on the clock."""
        now = self._clock()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_S
            self._emit(messages.Beat())
        if self._cancel_by is not None and now >= self._cancel_by and self._running is not None:
            log.info("killing a worker that does not answer to cancel")
            self._drop_worker()
            self._end_job(messages.JobCancelled(self._running.job_id))
        return self._next_beat if self._cancel_by is None else min(self._next_beat, self._cancel_by)

    # --- inside -----------------------------------------------------------------------------

    def _warm(self) -> None:
        self._state("starting", "Loading the engine's libraries.")
        self._launcher.warm(
            lambda: self._post(self.on_warm),
            lambda message, hint: self._post(functools.partial(self.on_broken, message, hint)),
        )

    def _run_next(self) -> None:
        if self._running is not None or not self._queue:
            return
        job = self._queue.popleft()
        self._running = dataclasses.replace(job, n_runs=job.n_runs + 1)
        try:
            if not self._is_warm:
                self._warm()  # nothing new while it loads; another try where it was broken
            worker = self._worker = self._worker or self._launch()
        except OSError as error:
            self._cannot_start(error)
            return
        worker.send(wire.encode(job.request))
        if self._is_warm:
            self._state("busy")

    def _launch(self) -> Worker:
        return self._launcher.launch(
            lambda worker, line: self._post(functools.partial(self.on_worker_line, worker, line)),
            lambda worker, end: self._post(functools.partial(self.on_worker_end, worker, end)),
        )

    def _end_job(self, event: Event) -> None:
        self._running = None
        self._cancel_by = None
        self._emit(event)
        if self._queue:
            self._run_next()
        else:
            self._state("ready")

    def _fail_all(self, jobs: list[_Queued], error: VattError) -> None:
        jobs = [*jobs, *self._queue]
        self._queue.clear()
        self._cancel_by = None
        self._state("unavailable", error.message, error.hint)
        for job in jobs:
            self._emit(messages.Failed(job.job_id, **error.to_dict()))

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def _state(self, state: str, detail: str = "", hint: str = "") -> None:
        self._emit(messages.State(state, detail, hint))

    def _say(self, level: str, message: str) -> None:
        self._emit(messages.Log(level, message))


def serve(reader: BinaryIO, writer: BinaryIO, launcher: Launcher | None = None) -> int:
    """Run the engine until the client closes ``reader`` or asks for shutdown.

    Args:
        reader: where requests come in.
        writer: where events go out.
        launcher: makes the workers; None takes the platform's best.
    """
    inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
    launcher = launcher or default_launcher()

    def emit(event: Event) -> None:
        try:
            writer.write(wire.encode(event))
            writer.flush()
        except OSError:
            inbox.put(None)

    front = Front(launcher, emit, inbox.put)

    def read() -> None:
        lines = LineSplitter()
        n_refused = 0
        with contextlib.suppress(OSError):
            while data := os.read(reader.fileno(), 1 << 16):
                for line in lines.feed(data):
                    inbox.put(functools.partial(front.on_line, line))
                if lines.n_refused > n_refused:
                    inbox.put(
                        functools.partial(front.on_refused_lines, lines.n_refused - n_refused)
                    )
                    n_refused = lines.n_refused
        inbox.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        while not front.stopped:
            wait_s = max(0.0, front.tick() - time.monotonic())
            try:
                call = inbox.get(timeout=wait_s)
            except queue.Empty:
                continue
            if call is None:
                break
            call()
    finally:
        launcher.close()
    return 0


def main() -> int:
    """``python -m vatt_engine serve``: take over stdin and stdout and serve."""
    parent = os.getppid()
    if hasattr(signal, "SIGHUP"):
        # Sent by the kernel when the thread that started us ends, which only matters if its
        # whole process is gone.
        signal.signal(signal.SIGHUP, lambda *_: os.getppid() == parent or os._exit(1))
        die_with_parent(parent, signal.SIGHUP)
    if not sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the client's to handle
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, never onto the wire
    try:
        return serve(sys.stdin.buffer, writer)
    except KeyboardInterrupt:
        return 130
