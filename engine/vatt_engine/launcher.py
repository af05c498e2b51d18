"""How the front of the engine gets worker processes; standard library only.

On POSIX a *zygote* imports torch once and forks a worker per request in about 20 ms, so a killed
worker is replaced before anybody notices (``vatt_engine.zygote``). Elsewhere each worker is a new
Python. Either way a worker is a pair of byte streams and something that can be killed; what it
says, and its end, are posted to the front as callbacks from reader threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import IO

from vatt_engine.errors import describe_exit
from vatt_engine.wire import LineSplitter

READ_BYTES = 1 << 16
EXIT_REPORT_S = 0.5  # how long after its last byte a worker's exit status is waited for

OnLine = Callable[["Worker", bytes], None]
OnEnd = Callable[["Worker", str], None]
OnBroken = Callable[[str, str], None]
OnWarm = Callable[[], None]


class Worker(ABC):
    """One worker process. ``send`` never blocks; lines and the end come by callback."""

    def __init__(
        self, reader: IO[bytes], writer: IO[bytes], on_line: OnLine, on_end: OnEnd
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._on_line = on_line
        self._on_end = on_end
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.killed = False
        for target in (self._read, self._write):
            threading.Thread(target=target, daemon=True).start()

    def send(self, line: bytes) -> None:
        """Hand ``line`` to the worker; lost without a word if the worker is gone."""
        self._outbox.put(line)

    @abstractmethod
    def kill(self) -> None:
        """End the process now, whatever it does."""

    @abstractmethod
    def _exit_status(self) -> int | None:
        """Wait briefly for the exit status, as ``subprocess`` counts it."""

    def _read(self) -> None:
        lines = LineSplitter()
        with contextlib.suppress(OSError, ValueError):  # reset by a killed peer; closed by us
            while data := os.read(self._reader.fileno(), READ_BYTES):
                for line in lines.feed(data):
                    self._on_line(self, line)
        status = self._exit_status()
        self._outbox.put(None)
        self._on_end(self, describe_exit(status))

    def _write(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while (line := self._outbox.get()) is not None:
                self._writer.write(line)
                self._writer.flush()


class Launcher(ABC):
    """Makes workers. ``on_broken(message, hint)`` reports an installation that cannot work."""

    @abstractmethod
    def warm(self, on_warm: OnWarm, on_broken: OnBroken) -> None:
        """Prepare, so that the next ``launch`` is quick; reports once by callback."""

    @abstractmethod
    def launch(self, on_line: OnLine, on_end: OnEnd) -> Worker:
        """Start a worker; it may be sent requests at once."""

    @abstractmethod
    def close(self) -> None:
        """End everything that was started."""


class SpawnLauncher(Launcher):
    """A new Python for every worker: slow to start, works everywhere."""

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-P", "-m", "vatt_engine.worker")
        self._workers: list[_SpawnedWorker] = []

    def warm(self, on_warm: OnWarm, on_broken: OnBroken) -> None:  # noqa: ARG002
        """Nothing can be prepared; a broken installation shows at the first job."""
        on_warm()

    def launch(self, on_line: OnLine, on_end: OnEnd) -> Worker:
        """Start Python anew; the worker reads its requests once torch is imported."""
        self._workers = [w for w in self._workers if w.process.poll() is None]
        worker = _SpawnedWorker(self._command, on_line, on_end)
        self._workers.append(worker)
        return worker

    def close(self) -> None:
        """Kill what still runs."""
        for worker in self._workers:
            worker.kill()


class _SpawnedWorker(Worker):
    def __init__(self, command: tuple[str, ...], on_line: OnLine, on_end: OnEnd) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        super().__init__(self.process.stdout, self.process.stdin, on_line, on_end)

    def kill(self) -> None:
        self.killed = True
        self.process.kill()

    def _exit_status(self) -> int | None:
        try:
            return self.process.wait(EXIT_REPORT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return None


class ForkLauncher(Launcher):
    """Workers forked from a zygote that has torch imported and has never touched a GPU."""

    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-P", "-m", "vatt_engine.zygote")
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._workers: dict[int, _ForkedWorker] = {}
        self._n_launched = 0
        self._state = "cold"  # cold -> importing -> warm; back to cold when the zygote is gone
        self._on_warm: OnWarm = lambda: None
        self._on_broken: OnBroken = lambda *_: None

    def warm(self, on_warm: OnWarm, on_broken: OnBroken) -> None:
        """Start the zygote if there is none; also after it died or could not import."""
        with self._lock:
            self._on_warm, self._on_broken = on_warm, on_broken
            if self._state == "warm":
                on_warm()
            elif self._state == "cold":
                self._start()

    def launch(self, on_line: OnLine, on_end: OnEnd) -> Worker:
        """Ask the zygote for a fork; requests wait in the socket until it is there."""
        with self._lock:
            if self._state == "cold":
                self._start()
            assert self._control is not None
            ours, theirs = socket.socketpair()
            self._n_launched += 1
            worker = _ForkedWorker(ours, on_line, on_end)
            self._workers[self._n_launched] = worker
            with theirs, contextlib.suppress(OSError):  # a dying zygote is reported by its reader
                line = b"%d\n" % self._n_launched
                socket.send_fds(self._control, [line], [theirs.fileno()])
            return worker

    def close(self) -> None:
        """Kill the zygote and, by the death signal they asked for, its workers with it."""
        with self._lock:
            for worker in self._workers.values():
                worker.kill()
            if self._zygote is not None:
                self._zygote.kill()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._zygote = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[theirs.fileno()],
            )
        self._control = ours
        self._state = "importing"
        threading.Thread(target=self._listen, args=(self._zygote, ours), daemon=True).start()

    def _listen(self, zygote: subprocess.Popen[bytes], control: socket.socket) -> None:
        """Read what one zygote reports until it is gone."""
        lines = LineSplitter()
        told = False
        with contextlib.suppress(OSError):
            while data := control.recv(READ_BYTES):
                for line in lines.feed(data):
                    report = json.loads(line)
                    told = told or "broken" in report
                    self._heed(report)
        status = zygote.wait()
        with self._lock:
            was = self._state
            if self._control is control:
                self._state, self._control, self._zygote = "cold", None, None
            orphans = [w for w in self._workers.values() if w.pid is None]
            self._workers.clear()  # all gone with it: their pids may soon be other people's
        control.close()
        if was == "importing" and not told:
            self._on_broken(
                f"The engine's libraries crashed while loading ({describe_exit(status)}).",
                "Install the product again; `vatt doctor` shows what is there.",
            )
        for worker in orphans:  # asked for, never forked
            worker.abandon()

    def _heed(self, report: dict[str, object]) -> None:
        match report:
            case {"warm": True}:
                with self._lock:
                    self._state = "warm"
                    on_warm = self._on_warm
                on_warm()
            case {"forked": int(number), "pid": int(pid)}:
                self._workers[number].forked(pid)
            case {"exited": int(pid), "status": int(status)}:
                with self._lock:
                    gone = {n: w for n, w in self._workers.items() if w.pid == pid}
                    for number in gone:
                        del self._workers[number]
                for worker in gone.values():
                    worker.exited(status)
            case {"broken": str(message), "hint": str(hint)}:
                # At once: the sockets of workers that will never be close as the zygote ends.
                self._on_broken(message, hint)


class _ForkedWorker(Worker):
    """A worker at the other end of a socket pair; its pid comes later, by the zygote."""

    def __init__(self, ours: socket.socket, on_line: OnLine, on_end: OnEnd) -> None:
        self.pid: int | None = None
        self._status: int | None = None
        self._gone = threading.Event()
        self._pid_lock = threading.Lock()
        self._socket = ours
        super().__init__(ours.makefile("rb"), ours.makefile("wb"), on_line, on_end)

    def kill(self) -> None:
        with self._pid_lock:
            self.killed = True
            if self.pid is not None and not self._gone.is_set():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)

    def forked(self, pid: int) -> None:
        """The zygote says which process it is."""
        self.pid = pid
        if self.killed:
            self.kill()

    def exited(self, status: int) -> None:
        """The zygote has seen it end."""
        with self._pid_lock:
            self._status = status
            self._gone.set()

    def abandon(self) -> None:
        """It will never be forked."""
        self._gone.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _exit_status(self) -> int | None:
        if not self._gone.wait(EXIT_REPORT_S):
            self.kill()
        self._socket.close()
        return self._status


def default_launcher() -> Launcher:
    """The best launcher of this platform."""
    return (
        ForkLauncher() if hasattr(os, "fork") and hasattr(socket, "send_fds") else SpawnLauncher()
    )
