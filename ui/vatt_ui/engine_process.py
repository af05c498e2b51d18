"""Carries bytes between ``EngineClient`` and the engine's process with ``QProcess``.

All decisions (queue, retries, deadlines) are the client's; this object starts the process, passes
what it reads, writes what the client hands out, and tells the panel about every event.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence

from PyQt6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, pyqtSignal

from vatt_engine.errors import EngineUnavailable
from vatt_engine.messages import Event, Log, Request
from vatt_plugin.client import EngineClient, EngineStatus, JobState
from vatt_plugin.product import clean_environment, command
from vatt_ui.language import _
from vatt_ui.later import later

logger = logging.getLogger(__name__)

SHUTDOWN_MS, TERMINATE_MS = 1500, 800
ENGINE_NICE = 5


class EngineProcess(QObject):
    """The engine as the panel holds it.

    Signals:
        event_received(Event): every event worth showing, the client's own included.
        status_changed(EngineStatus): the life of the engine changed.
        jobs_changed(): a job was added, moved, progressed or ended.
        stopped(): the process is gone after ``stop``.
    """

    event_received = pyqtSignal(object)
    status_changed = pyqtSignal(object)
    jobs_changed = pyqtSignal()
    stopped = pyqtSignal()

    def __init__(
        self,
        argv: Sequence[str] | None = None,
        client: EngineClient | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.client = client or EngineClient(name="panel")
        self._command = list(argv or command("engine"))
        self._process: QProcess | None = None
        self._stopping = False
        self._shown = EngineStatus()
        self._deadline = QTimer(self)
        self._deadline.setInterval(250)
        self._deadline.timeout.connect(self._on_tick)

    # --- what the panel asks ----------------------------------------------------------------

    @property
    def status(self) -> EngineStatus:
        """What the engine is doing."""
        return self.client.status

    @property
    def pid(self) -> int:
        """The engine's process id; 0 when there is none."""
        return self._process.processId() if self._process is not None else 0

    def submit(self, request: Request, *, first: bool = False) -> str:
        """Queue a job; the engine is started if need be. Returns the job's id."""
        job_id = self.client.submit(request, first=first)
        self._pump([])
        return job_id

    def wake(self) -> None:
        """Let the client act on what was submitted to it directly."""
        self._pump([])

    def job(self, job_id: str) -> JobState:
        """A job as it stands."""
        return self.client.job(job_id)

    def cancel(self, job_id: str) -> None:
        """Cancel a running or waiting job; shown at once."""
        self._pump(self.client.cancel(job_id))

    def cancel_all(self) -> None:
        """Cancel everything that runs or waits."""
        self._pump(self.client.cancel_all())

    def to_front(self, job_id: str) -> None:
        """Let a waiting job run next."""
        self.client.to_front(job_id)
        self._pump([])

    def set_paused(self, paused: bool) -> None:
        """Hold or resume the queue; the running job goes on."""
        if paused:
            self.client.pause()
        else:
            self.client.resume()
        self._pump([])

    def forget(self, job_id: str) -> None:
        """Drop an ended job from the queue's table."""
        self.client.forget(job_id)
        self.jobs_changed.emit()

    def stop(self) -> None:
        """End the engine in steps: shutdown, end of stdin, terminate, kill. Never blocks."""
        process = self._process
        self._stopping = True
        if process is None or process.state() == QProcess.ProcessState.NotRunning:
            self._deadline.stop()
            self.stopped.emit()
            return
        self.client.stopping()
        process.write(self.client.requests())
        process.closeWriteChannel()
        later(process, SHUTDOWN_MS, process.terminate)
        later(process, SHUTDOWN_MS + TERMINATE_MS, process.kill)

    # --- the process ------------------------------------------------------------------------

    def _start(self) -> None:
        process = QProcess(self)
        environment = QProcessEnvironment()
        for name, value in clean_environment().items():
            environment.insert(name, value)
        process.setProcessEnvironment(environment)
        process.setProgram(self._command[0])
        process.setArguments(self._command[1:])
        process.readyReadStandardOutput.connect(self._on_output)
        process.readyReadStandardError.connect(self._on_log)
        process.started.connect(self._on_started)
        process.errorOccurred.connect(self._on_error)
        process.finished.connect(self._on_finished)
        self._process = process
        events = self.client.started()
        process.start()
        self._deadline.start()
        self._pump(events)

    def _pump(self, events: list[Event]) -> None:
        """Show events, write what the client has to say, start or kill as it asks."""
        for event in events:
            if isinstance(event, Log):
                logger.info("engine: %s", event.message)
            self.event_received.emit(event)
        self._show_status()  # before a new process hides that the old one died
        if self.client.must_start and not self._stopping and self._process is None:
            self._start()
        process = self._process
        if process is not None and process.state() != QProcess.ProcessState.NotRunning:
            data = self.client.requests()
            if data:
                process.write(data)
            if self.client.must_kill:
                process.kill()
        self._show_status()
        self.jobs_changed.emit()

    def _show_status(self) -> None:
        if self.client.status != self._shown:
            self._shown = self.client.status
            self.status_changed.emit(self._shown)

    def _on_started(self) -> None:
        """Let the panel go first: an engine busy on every core must not hold a redraw back."""
        if hasattr(os, "setpriority") and self.pid:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.pid, ENGINE_NICE)

    def _on_output(self) -> None:
        if self._process is not None:
            self._pump(self.client.feed(self._process.readAllStandardOutput().data()))

    def _on_log(self) -> None:
        if self._process is not None:
            self.client.feed_log(self._process.readAllStandardError().data())

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            process, self._process = self._process, None
            self._deadline.stop()
            reason = process.errorString() if process is not None else "unknown"
            if process is not None:
                process.deleteLater()
            self._pump(
                self.client.refused(
                    EngineUnavailable(
                        _("The engine's Python could not be started ({why}).").format(why=reason),
                        _("Prompts and takes still work. Run `vatt doctor` to see what is amiss."),
                    )
                )
            )

    def _on_finished(self, code: int, status: QProcess.ExitStatus) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        events = self.client.feed(process.readAllStandardOutput().data())
        self.client.feed_log(process.readAllStandardError().data())
        process.deleteLater()
        self._deadline.stop()
        crashed = status == QProcess.ExitStatus.CrashExit
        reason = (
            _("killed by signal {n}").format(n=code)
            if crashed and code
            else _("exit status {n}").format(n=code)
        )
        events += self.client.ended(reason)
        self._pump(events)
        if self._stopping:
            self.stopped.emit()

    def _on_tick(self) -> None:
        self._pump(self.client.tick())
