"""The controller of the panel: a workspace with the engine and the helper at work on it.

Widgets call its methods and listen to its signals; none of them changes the project by itself.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTemporaryDir, pyqtSignal

from vatt_plugin.project import inspect
from vatt_ui.cue_status import state_of
from vatt_ui.cut_opening import CutOpening
from vatt_ui.engine_process import EngineProcess
from vatt_ui.helper_process import HelperProcess
from vatt_ui.jobs import Jobs
from vatt_ui.notices import from_error
from vatt_ui.questions import Questions
from vatt_ui.saving import Saving
from vatt_ui.workspace import Workspace


class Session(Workspace):
    """See the module's text.

    Signals, besides those of the workspace:
        opening_started(str), opening_progressed(int): a cut is being read; cues so far.
        saved(): the project is on disk up to now.
    """

    opening_started = pyqtSignal(str)
    opening_progressed = pyqtSignal(int)
    saved = pyqtSignal()

    def __init__(
        self,
        engine: EngineProcess | None = None,
        background: HelperProcess | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.engine = engine or EngineProcess(parent=self)
        self.background = background or HelperProcess(parent=self)
        self._files = QTemporaryDir()
        self._random = random.Random()
        self._statuses: dict[str, str] = {}
        self.cue_changed.connect(self._on_cue_changed)  # first of all, so that others see afresh
        self.cut_opened.connect(self._statuses.clear)
        self.jobs = Jobs(self, self.engine, self.background)
        self.jobs.cue_progressed.connect(self.cue_changed)
        self.questions = Questions(self.engine, self)
        self.questions.models_found.connect(self._on_models_found)
        self.questions.model_told.connect(self.models.note_told)
        self.questions.devices_found.connect(self._on_devices_found)
        self.saving = Saving(self.background, self.jobs, self)
        self.saving.saved.connect(self._on_saved)
        self.saving.failed.connect(lambda error: self.tell(from_error(error, key="journal")))
        self.journalled.connect(self.saving.touch)
        self.opening = CutOpening(self, self.background, self.jobs, self.saving)
        self.opening.started.connect(self.opening_started)
        self.opening.progressed.connect(self.opening_progressed)

    # --- opening and closing ------------------------------------------------------------------

    def open(self, path: Path, *, recover: bool = True) -> None:
        """Read a cut or a video in the helper; ``cut_opened`` or a notice follows.

        Args:
            path: the file.
            recover: replay the unsaved steps of a crash, if there are any.
        """
        self.opening.open(path, recover=recover)

    def conform(self) -> None:
        """Read the cut again from disk; takes go with their cues."""
        self.opening.conform()

    def unsaved(self, path: Path) -> Any:
        """What a crash left of the project of a cut; None when nothing."""
        try:
            return inspect(path)
        except OSError:
            return None

    def close_cut(self) -> None:
        """Close the project; it is saved."""
        self.opening.close()

    def shut_down(self) -> None:
        """End everything; the engine's ``stopped`` signal says when it is gone."""
        self.close_cut()
        self.background.stop()
        self.engine.stop()

    def save(self) -> None:
        """Write a snapshot now; ``saved`` or a notice follows."""
        self.saving.save()

    # --- reading ------------------------------------------------------------------------------

    def status(self, cue_id: str) -> str:
        """The state a cue is in; a key of ``cue_status.LOOKS``."""
        known = self._statuses.get(cue_id)
        if known is not None:
            return known
        cue = self.cue(cue_id)
        if cue is None or self.project is None:
            return "none"
        self._statuses[cue_id] = state_of(
            cue,
            self.state(cue_id),
            self.project.takes,
            self.jobs.look(cue_id),
            failed=cue_id in self.jobs.failures,
        )
        return self._statuses[cue_id]

    def listening_folder(self) -> str:
        """A temporary folder for samples to listen to; it goes with the panel."""
        return self._files.path()

    def random_seed(self) -> int:
        """A seed for the dice."""
        return self._random.randrange(1, 100_000)

    # --- inside -------------------------------------------------------------------------------

    def _on_cue_changed(self, cue_id: str) -> None:
        self._statuses.pop(cue_id, None)

    def _on_models_found(self, models: list[dict[str, Any]]) -> None:
        if self.models.consider(models):
            self.warn_of_model()
            self.questions.tell_model(self.model)

    def _on_devices_found(self, devices: list[dict[str, Any]]) -> None:
        self.models.devices = list(devices)

    def _on_saved(self) -> None:
        self.notice_cleared.emit("journal")
        self.saved.emit()
