"""When the project goes to the disk: the journal within a second, snapshots in slices.

A step is in the journal's file before the next key arrives. What takes long, forcing it to the
disk and writing snapshots, is the helper's work, and a snapshot's text is made between redraws.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from vatt_engine.errors import CannotWrite, EngineLost, VattError
from vatt_plugin.project import Project
from vatt_plugin.project_text import snapshot_pieces
from vatt_ui.helper_process import HelperProcess
from vatt_ui.jobs import Jobs
from vatt_ui.language import _

SYNC_MS = 1000
QUEUE_MS = 500  # a batch of thousands ends jobs faster than its queue is worth writing
SNAPSHOT_MS = 10 * 60 * 1000
SLICE_S = 0.003


class Saving(QObject):
    """Keeps one open project on the disk.

    Signals:
        saved(): everything up to now is on the disk.
        failed(VattError): it is not; it is kept in memory and tried again.
    """

    saved = pyqtSignal()
    failed = pyqtSignal(object)

    def __init__(self, helper: HelperProcess, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._helper = helper
        self._jobs = jobs
        self._project: Project | None = None
        self._sync = self._timer(SYNC_MS, self._on_sync_due, single=True)
        self._queue = self._timer(QUEUE_MS, self._keep_queue, single=True)
        self._snapshot = self._timer(SNAPSHOT_MS, self._on_snapshot_due)
        self._slice = self._timer(0, self._write_on)
        self._pieces: Iterator[str] | None = None
        self._part: TextIO | None = None
        self._asked = (0, "")  # the record and the kind of the snapshot being made
        jobs.changed.connect(self._on_jobs_changed)

    def _timer(self, interval: int, act: Callable[[], object], *, single: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.setSingleShot(single)
        timer.timeout.connect(act)
        return timer

    def watch(self, project: Project) -> None:
        """Keep this project from here on."""
        self._project = project
        self._snapshot.start()

    def stop(self) -> None:
        """Leave the project; who closes it saves it."""
        self._keep_queue()
        self._drop_snapshot()
        for timer in (self._sync, self._queue, self._snapshot):
            timer.stop()
        self._project = None

    def touch(self) -> None:
        """A step was journalled: force it to the disk within a second."""
        if self._project is not None:
            self._sync.start()

    def save(self, kind: str = "save") -> None:
        """Write a snapshot of the project as it is now; ``saved`` or ``failed`` follows."""
        project = self._project
        if project is None or project.read_only:
            return
        self._drop_snapshot()
        try:
            self._part = self._part_path(project).open("w", encoding="utf-8")
        except OSError as error:
            self.failed.emit(cannot_save(error))
            return
        self._asked = (project.n_records, kind)
        self._pieces = snapshot_pieces(project)
        self._slice.start()

    @staticmethod
    def _part_path(project: Project) -> Path:
        return project.folder / "snapshots" / ".panel.part"

    def _write_on(self) -> None:
        """A few milliseconds' worth of the snapshot's text."""
        pieces, part, project = self._pieces, self._part, self._project
        if pieces is None or part is None or project is None:
            self._drop_snapshot()
            return
        until = time.perf_counter() + SLICE_S
        try:
            for piece in pieces:
                part.write(piece)
                if time.perf_counter() > until:
                    return
            part.close()
        except OSError as error:
            self._drop_snapshot()
            self.failed.emit(cannot_save(error))
            return
        self._slice.stop()
        self._pieces = self._part = None
        n, kind = self._asked
        path = self._part_path(project)
        self._helper.ask(
            "snapshot",
            {"part": str(path), "n": n, "kind": kind},
            lambda _reply: self._on_snapshot_written(project, n, kind),
            on_error=self.failed.emit,
        )

    def _drop_snapshot(self) -> None:
        self._slice.stop()
        self._pieces = None
        if self._part is not None:
            with contextlib.suppress(OSError):
                self._part.close()
                Path(self._part.name).unlink(missing_ok=True)
            self._part = None

    def _on_snapshot_written(self, project: Project, n: int, kind: str) -> None:
        if project is not self._project:
            return
        try:
            journal = project.flush()
            if journal is not None:  # what came since the snapshot is in the old journal only
                self._helper.ask("sync", {"path": str(journal)})
            project.snapshot_written(n, kind)
        except CannotWrite as error:
            self.failed.emit(error)
            return
        self.saved.emit()

    def _on_sync_due(self) -> None:
        project = self._project
        if project is None:
            return
        try:
            journal = project.flush()
        except CannotWrite as error:
            self.failed.emit(error)
            self._sync.start()
            return
        if journal is not None and journal.exists():
            self._helper.ask(
                "sync",
                {"path": str(journal)},
                lambda _reply: self.saved.emit(),
                on_error=self._on_not_synced,
            )

    def _on_not_synced(self, error: VattError) -> None:
        if self._project is None:
            return
        if isinstance(error, EngineLost):  # a hostile file has killed the helper: no fault of ours
            with contextlib.suppress(CannotWrite):
                self._project.sync()
            return
        self.failed.emit(error)
        self._sync.start()

    def _on_snapshot_due(self) -> None:
        if self._project is not None and self._project.unsaved_steps:
            self.save("auto")

    def _on_jobs_changed(self) -> None:
        if not self._queue.isActive() and self._project is not None:
            self._queue.start()

    def _keep_queue(self) -> None:
        if self._project is not None:
            with contextlib.suppress(CannotWrite):
                self._project.set_queue(self._jobs.plain_queue())


def cannot_save(error: OSError) -> CannotWrite:
    """Why a snapshot could not be written."""
    return CannotWrite(
        _("The project was not saved: {why}. Nothing was overwritten.").format(
            why=error.strerror or error
        ),
        _("Free some space, then save again."),
    )
