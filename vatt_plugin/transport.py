"""Runs the engine as a child process for programs without an event loop, such as the CLI.

``EngineProcess`` carries bytes between an ``EngineClient`` and the process; two reader threads
feed one inbox, and ``pump`` is the only place where anything happens. The engine's log goes to a
file, so that an error can point to it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

from vatt_engine.errors import EngineUnavailable, describe_exit
from vatt_engine.messages import Event
from vatt_plugin import product
from vatt_plugin.client import EngineClient

READ_BYTES = 1 << 16
STEP_S = 2.0  # patience with each step of stopping
_LOG_LIMIT = 4 << 20

_Source = Literal["out", "err", "end"]


def default_log_path() -> Path:
    """Where the engine's log of this user is kept."""
    import platformdirs

    return Path(platformdirs.user_log_dir("vatt", appauthor=False)) / "engine.log"


class EngineProcess:
    """An engine process under an ``EngineClient``; use as a context manager.

    Args:
        client: the queue it serves; started on the first job, restarted as the client asks.
        command: what to run; None takes the product's ``engine`` entry point.
        log_path: where the engine's stderr goes as well; None keeps it in ``client.log`` alone.
        environment: variables of the engine beside those of this process.
    """

    def __init__(
        self,
        client: EngineClient,
        command: Sequence[str] | None = None,
        log_path: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = dict(environment or {})
        self.client = client
        self._command = list(command) if command is not None else product.command("engine")
        self._log = _open_log(log_path)
        self._process: subprocess.Popen[bytes] | None = None
        self._inbox: queue.SimpleQueue[tuple[int, _Source, bytes]] = queue.SimpleQueue()
        self._n_started = 0
        self._backlog: list[Event] = []

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now."""
        return self._process.pid if self._process is not None else None

    def pump(self, timeout_s: float = 0.1) -> list[Event]:
        """Do what is due, then wait up to ``timeout_s`` for news; returns the events to show."""
        events = self._tend()
        if events:
            return events
        with contextlib.suppress(queue.Empty):
            self._take(self._inbox.get(timeout=timeout_s))
            while True:
                self._take(self._inbox.get_nowait())
        events, self._backlog = self._backlog, []
        self._write()
        return events

    def events(self) -> Iterator[Event]:
        """All events until the client is idle."""
        while not self.client.idle:
            yield from self.pump()

    def close(self) -> None:
        """Stop the engine in steps: ask, close its input, terminate, kill."""
        process = self._process
        if process is not None:
            self.client.stopping()
            self._write()
            assert process.stdin is not None
            with contextlib.suppress(OSError):
                process.stdin.close()
            for step in (process.terminate, process.kill, lambda: None):
                try:
                    process.wait(STEP_S)
                    break
                except subprocess.TimeoutExpired:
                    step()
            self.client.ended("stopped")
            self._forget(process)
        if self._log is not None:
            self._log.close()
            self._log = None

    # --- inside -----------------------------------------------------------------------------

    def _tend(self) -> list[Event]:
        events, self._backlog = self._backlog, []
        events += self.client.tick()
        if self.client.must_kill and self._process is not None:
            self._process.kill()  # its end comes through the inbox
        if self.client.must_start and self._process is None:
            events += self._start()
        self._write()
        return events

    def _start(self) -> list[Event]:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**product.clean_environment(), **self._environment},
            )
        except OSError as error:
            program = self._command[0]
            return self.client.refused(
                EngineUnavailable(
                    f"The engine cannot be started: {program}: {error.strerror or error}.",
                    f"Install the product again, or set {product.PYTHON_VARIABLE} to the Python "
                    "it is installed in.",
                )
            )
        self._process = process
        self._n_started += 1
        number = self._n_started
        assert process.stdout is not None
        assert process.stderr is not None
        threads = [
            threading.Thread(target=self._read, args=(number, source, stream), daemon=True)
            for source, stream in (("out", process.stdout), ("err", process.stderr))
        ]
        for thread in threads:
            thread.start()
        threading.Thread(target=self._watch, args=(number, threads), daemon=True).start()
        return self.client.started()

    def _read(self, number: int, source: _Source, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(stream.fileno(), READ_BYTES):
                self._inbox.put((number, source, data))

    def _watch(self, number: int, threads: list[threading.Thread]) -> None:
        """Report the end once everything the process wrote has been read."""
        threads[0].join()
        threads[1].join(STEP_S)  # an orphaned worker may still hold the log open
        self._inbox.put((number, "end", b""))

    def _take(self, item: tuple[int, _Source, bytes]) -> None:
        number, source, data = item
        process = self._process
        if number != self._n_started or process is None:
            return
        if source == "err":
            self.client.feed_log(data)
            self._keep(data)
        elif source == "out":
            self._backlog += self.client.feed(data)
        else:
            try:
                status: int | None = process.wait(STEP_S)
            except subprocess.TimeoutExpired:
                process.kill()  # it closed its output and stayed
                process.wait()
                status = None
            self._forget(process)
            self._backlog += self.client.ended(describe_exit(status))

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _write(self) -> None:
        data = self.client.requests()
        if data and self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):  # it is dying; its end is on the way
                self._process.stdin.write(data)
                self._process.stdin.flush()

    def _keep(self, data: bytes) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.write(data)
                self._log.flush()


def _open_log(path: Path | None) -> IO[bytes] | None:
    """The log, begun anew once it is large; no log where none can be written."""
    if path is None:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        begin_anew = path.exists() and path.stat().st_size > _LOG_LIMIT
        log = path.open("wb" if begin_anew else "ab")
    except OSError:
        return None
    log.write(f"--- engine log of process {os.getpid()}, {time.strftime('%F %T')}\n".encode())
    return log
