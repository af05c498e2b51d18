"""Opening a cut: read it, open its project, find the work of an earlier cut, ask again for jobs.

And closing it: whoever works on the project lets go of it before it is closed.
"""

from __future__ import annotations

import contextlib
import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin.project import Project
from vatt_ui.conforming import find_heirs
from vatt_ui.cut_reader import CutReader
from vatt_ui.helper.plain import Cut
from vatt_ui.helper_process import HelperProcess
from vatt_ui.jobs import Jobs
from vatt_ui.language import _, ngettext
from vatt_ui.later import later
from vatt_ui.notices import Notice, from_error
from vatt_ui.saving import Saving
from vatt_ui.wishes import CueSource
from vatt_ui.workspace import Workspace


@dataclasses.dataclass(frozen=True)
class _Request:
    """What was asked for; ``recover`` False leaves the unsaved steps of a crash aside."""

    path: Path
    source: CueSource
    recover: bool = True
    conforming: bool = False


class CutOpening(QObject):
    """Opens one cut at a time in a workspace; what is open stays until the next one is read.

    Signals:
        started(str), progressed(int): a cut is being read; cues so far.

    Attributes:
        source: what became the cues of the open cut.
    """

    started = pyqtSignal(str)
    progressed = pyqtSignal(int)

    def __init__(
        self, work: Workspace, background: HelperProcess, jobs: Jobs, saving: Saving
    ) -> None:
        super().__init__(work)
        self._work = work
        self._jobs = jobs
        self._saving = saving
        self.source = CueSource()
        self._sha256 = ""
        self._asked: _Request | None = None
        self._reader = CutReader(background, self)
        self._reader.started.connect(self.started)
        self._reader.progressed.connect(self.progressed)
        self._reader.cut_read.connect(self._on_cut_read)
        self._reader.failed.connect(self._on_not_read)

    def open(self, path: Path, *, recover: bool = True) -> None:
        """Read a cut or a video in the helper; ``cut_opened`` or a notice follows."""
        self._read(_Request(path.absolute(), CueSource.of(path), recover))

    def close(self) -> None:
        """Close what is open; its project is saved."""
        work = self._work
        if work.project is None:
            return
        self._saving.stop()  # keeps the queue: what waits in it is asked for again another day
        project, work.project = work.project, None  # what its jobs still tell changes nothing
        self._jobs.forget_all()
        project.close()
        work.clear()

    def cancel(self) -> None:
        """Stop reading; what is open stays open."""
        self._asked = None
        self._reader.cancel()

    def conform(self) -> None:
        """Read the open cut again from disk; takes go with their cues."""
        cut = self._work.cut
        if cut is not None:
            self._work.notice_cleared.emit("cut")
            self._read(_Request(Path(cut.path), self.source, conforming=True))

    def use_source(self, source: CueSource) -> None:
        """Read the open cut again with other cues; work on the cues of now is kept."""
        cut = self._work.cut
        if cut is not None and source != self.source:
            self._read(_Request(Path(cut.path), source))

    def _read(self, request: _Request) -> None:
        self._asked = request
        self._reader.read(request.path, request.source)

    def _on_cut_read(self, cut: Cut) -> None:
        work, asked, self._asked = self._work, self._asked, None
        if asked is None:
            return
        before = work.cut
        same_file = before is not None and before.path == cut.path and self._sha256 == cut.sha256
        switched = same_file and asked.source != self.source
        self.close()
        try:
            project = Project.open(asked.path, recover=asked.recover)
        except VattError as error:
            work.tell(from_error(error, "cues"))
            work.cut_opened.emit()
            return
        self.source, self._sha256 = asked.source, cut.sha256
        if self.source != CueSource.of(asked.path) and not project.read_only:
            with contextlib.suppress(CannotWrite):
                self.source.keep(asked.path)
        waiting = list(project.queue)
        self._saving.watch(project)
        work.take_up(cut, project)
        if project.read_only:
            why = _("{why} It is open for looking only.").format(why=project.read_only)
            work.tell(Notice(why, level="warning"))
        self._tell_oddities(cut)
        work.warn_of_model()
        # What is left to do has a turn of its own: a feature's worth of it takes a while.
        rest = partial(self._look_back, project, waiting, asked.conforming, switched)
        later(self, 0, rest)

    def _look_back(
        self, project: Project, waiting: list[Any], conforming: bool, switched: bool
    ) -> None:
        """Find the work of an earlier cut, and the jobs that waited when it was closed."""
        if project is self._work.project:
            find_heirs(self._work, at_once=conforming, offer=not switched)
            self._jobs.restore(waiting)

    def _on_not_read(self, error: VattError) -> None:
        asked, self._asked = self._asked, None
        notice = from_error(error, "cues", key="open")
        if asked is not None and asked.source != CueSource():
            plainly = dataclasses.replace(asked, source=CueSource())
            action = (_("Open with a cue for each clip"), lambda: self._read(plainly))
            notice = dataclasses.replace(notice, actions=(action,))
        self._work.tell(notice)

    def _tell_oddities(self, cut: Cut) -> None:
        if not cut.notes:
            return
        lines = [f"{where}: {message}" if where else message for where, message in cut.notes]
        said = ngettext(
            "One remark on how this cut was read.",
            "{n} remarks on how this cut was read.",
            len(lines),
        ).format(n=len(lines))
        details = "\n".join(lines)
        self._work.tell(Notice(said, pane="cues", key="report", details=details))
