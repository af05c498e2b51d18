"""The killable process that owns torch and the model: requests in, events out, one job at a time.

A reader thread takes in lines, so that a cancellation sets its flag while the main thread computes;
the job asks for the flag between steps. End of input means that the front is gone: leave at once.
This module itself needs only the standard library, so that a broken torch can still be told in
words; ``vatt_engine.jobs`` does the work.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import Any, BinaryIO, Protocol

from vatt_engine import messages, wire
from vatt_engine.errors import (
    DEVICE_FAILED,
    BadRequest,
    Cancelled,
    EngineError,
    EngineUnavailable,
    OutOfMemory,
    VattError,
)
from vatt_engine.messages import Event, Request
from vatt_engine.process import (
    die_with_parent,
    import_all,
    prepare_environment,
    yield_to_the_panel,
)
from vatt_engine.running_job import Job
from vatt_engine.wire import LineSplitter

log = logging.getLogger(__name__)


class DeviceFailure(Exception):
    """The device context is beyond repair; only a new process gets another one."""


class Runner(Protocol):
    """What a worker needs of the module that does the work."""

    def run(self, job: Job, *, small: bool) -> dict[str, Any]:
        """Do ``job``, with as little memory as possible if ``small``; the ``Finished`` result."""

    def release(self) -> None:
        """Let go of models and cached memory."""


_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    "could not create a primitive",  # oneDNN's way to say it
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on the host or on the device."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN):
        return True  # EAGAIN: no memory for another thread
    text = str(error).lower()
    return isinstance(error, RuntimeError | OSError) and any(w in text for w in _MEMORY_WORDS)


def is_device_failure(error: BaseException) -> bool:
    """Whether the device context is beyond repair, so that this process must be replaced."""
    text = str(error)
    return type(error).__name__ == "AcceleratorError" or (
        isinstance(error, RuntimeError)
        and any(
            w in text for w in ("CUDA error", "device-side assert", "CUDNN_STATUS", "HIP error")
        )
    )


def run_job(runner: Runner, job: Job) -> Event:
    """Do one job whatever happens in it; returns the event that ends it.

    Raises:
        DeviceFailure: this process must be replaced before the job can be tried again.
    """
    ended, out_of_memory = _attempt(runner, job, small=False)
    if out_of_memory:
        # Outside the except block on purpose: the traceback would keep the tensors alive.
        log.warning("job %s ran out of memory; once more with less at a time", job.job_id)
        runner.release()
        ended, out_of_memory = _attempt(runner, job, small=True)
        if out_of_memory:
            runner.release()
    return ended


def _attempt(runner: Runner, job: Job, *, small: bool) -> tuple[Event, bool]:
    try:
        job.check()
        return messages.Finished(job.job_id, runner.run(job, small=small)), False
    except Cancelled:
        return messages.JobCancelled(job.job_id), False
    except Exception as error:  # the border of a job: whatever happens becomes its named failure
        if (short := _memory_behind(error)) is not None:
            return _failed(job, _name_out_of_memory(short)), True
        if isinstance(error, VattError):
            return _failed(job, error), False
        traceback.print_exc()
        if is_device_failure(error):
            raise DeviceFailure(str(error)) from error
        return _failed(job, _unexpected(error)), False


def _memory_behind(error: BaseException) -> BaseException | None:
    """The shortage of memory that ``error`` stems from, if any: a named error may hide it."""
    cause: BaseException | None = error
    while cause is not None and not is_out_of_memory(cause):
        cause = cause.__cause__ or cause.__context__
    return cause


def _failed(job: Job, error: VattError) -> messages.Failed:
    return messages.Failed(job.job_id, **error.to_dict())


def _name_out_of_memory(error: BaseException) -> OutOfMemory:
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return OutOfMemory(
        f"Not enough memory for this clip, even in smaller pieces: {first_line[:300]}",
        "Close other programs, ask for fewer takes, or choose a smaller model or another device.",
    )


def _unexpected(error: Exception) -> EngineError:
    return EngineError(
        f"The engine failed unexpectedly: {type(error).__name__}: {str(error)[:500]}",
        "Other clips are not affected. The engine's log has the details; please report them.",
    )


class Connection:
    """The worker's end of the wire."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._write_lock = threading.Lock()
        self._inbox: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._current: Job | None = None

    def emit(self, event: Event) -> None:
        """Send one event; the process ends when nobody listens any more."""
        try:
            line = wire.encode(event)
        except BadRequest as error:
            job_id = str(getattr(event, "job_id", ""))
            line = wire.encode(messages.Failed(job_id, **error.to_dict()))
        with self._write_lock:
            try:
                self._writer.write(line)
                self._writer.flush()
            except OSError:
                os._exit(0)

    def serve(self, runner: Runner) -> int:
        """Work until the device fails; the end of input exits from the reader thread."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            try:
                self.emit(run_job(runner, self._inbox.get()))
            except DeviceFailure:
                return DEVICE_FAILED

    def _read(self) -> None:
        lines = LineSplitter()
        try:
            while data := os.read(self._reader.fileno(), 1 << 16):
                for line in lines.feed(data):
                    self._heed(wire.decode_request(line))
        except OSError:
            pass
        os._exit(0)

    def _heed(self, request: Request) -> None:
        current = self._current
        if isinstance(request, messages.Cancel):
            if current is not None and current.job_id == request.job_id:
                current.cancel()
            return
        self._current = Job(request, self.emit)
        self._inbox.put(self._current)


def _serve(connection: Connection) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    from vatt_engine.jobs import EngineRunner

    return connection.serve(EngineRunner())


def serve_socket(wire: socket.socket) -> int:
    """Serve in a process that the zygote forked; returns the exit status."""
    return _serve(Connection(wire.makefile("rb"), wire.makefile("wb")))


def main() -> int:
    """Serve on stdin and stdout in a Python of its own (platforms without fork)."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    connection = Connection(sys.stdin.buffer, writer)
    yield_to_the_panel()
    prepare_environment()
    failure = import_all()
    if failure is not None:
        connection.emit(messages.Failed("", **EngineUnavailable(*failure).to_dict()))
        return 1
    return _serve(connection)


if __name__ == "__main__":
    sys.exit(main())
