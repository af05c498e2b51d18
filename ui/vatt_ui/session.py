"""The controller of the panel: one open cut, its project, the engine, and what is selected.

Widgets call its methods and listen to its signals; none of them changes the project by itself.
Every undoable change goes through ``edit``; an error becomes a notice, never an exception in a
slot.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTemporaryDir, QTimer, pyqtSignal

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin.cues import Cue, Take
from vatt_plugin.project import Project, inspect
from vatt_plugin.project_state import CueState, Edit, Settings
from vatt_ui.conforming import find_heirs
from vatt_ui.cue_status import state_of
from vatt_ui.cut_reader import CutReader
from vatt_ui.engine_process import EngineProcess
from vatt_ui.helper.plain import Cut
from vatt_ui.helper_process import HelperProcess
from vatt_ui.jobs import Jobs
from vatt_ui.notices import Notice, from_error

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "tiny"
SYNC_MS = 1000
QUEUE_MS = 500  # a batch of thousands ends jobs faster than its queue is worth writing
SNAPSHOT_MS = 10 * 60 * 1000


class Session(QObject):
    """See the module's text.

    Signals:
        opening_started(str), opening_progressed(int): a cut is being read; cues so far.
        cut_opened(): another cut (or none) is shown; everything is to be read anew.
        cue_changed(str): what is remembered of a cue, or its job, changed.
        current_changed(): another cue is current.
        selection_changed(): other cues are selected.
        take_shown(str): another take of the current cue is shown (A).
        history_changed(): undo and redo have other labels.
        saved(): the project is on disk up to now.
        notice_raised(Notice): something to tell.
        notice_cleared(str): the notice of a key no longer holds.
    """

    opening_started = pyqtSignal(str)
    opening_progressed = pyqtSignal(int)
    cut_opened = pyqtSignal()
    cue_changed = pyqtSignal(str)
    current_changed = pyqtSignal()
    selection_changed = pyqtSignal()
    take_shown = pyqtSignal(str)
    history_changed = pyqtSignal()
    saved = pyqtSignal()
    notice_raised = pyqtSignal(object)
    notice_cleared = pyqtSignal(str)

    def __init__(
        self,
        engine: EngineProcess | None = None,
        background: HelperProcess | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.engine = engine or EngineProcess(parent=self)
        self.background = background or HelperProcess(parent=self)
        self.cut: Cut | None = None
        self.project: Project | None = None
        self.default_model = DEFAULT_MODEL
        self.preferred_model = ""
        self._models: dict[str, dict[str, Any]] = {}
        self.shown_take: dict[str, str] = {}
        self.compared_take: dict[str, str] = {}
        self._cues: dict[str, Cue] = {}
        self._index: dict[str, int] = {}
        self._current = ""
        self._selected: tuple[str, ...] = ()
        self._recover = True
        self._reader = CutReader(self.background, self)
        self._reader.started.connect(self.opening_started)
        self._reader.progressed.connect(self.opening_progressed)
        self._reader.cut_read.connect(self._on_cut_read)
        self._reader.failed.connect(self._on_not_read)
        self._n_scratch = 0
        self._conforming: Path | None = None
        self._owners: dict[str, str] = {}
        self._files = QTemporaryDir()
        self._random = random.Random()
        self._statuses: dict[str, str] = {}
        self.cue_changed.connect(self._on_cue_changed)  # first of all, so that others see afresh
        self.cut_opened.connect(self._statuses.clear)
        self.jobs = Jobs(self)
        self.jobs.cue_progressed.connect(self.cue_changed)
        self.jobs.changed.connect(self._on_jobs_changed)
        self.jobs.models_found.connect(self.consider_models)
        self._sync = QTimer(self)
        self._sync.setSingleShot(True)
        self._sync.setInterval(SYNC_MS)
        self._sync.timeout.connect(self._on_sync_due)
        self._queue_timer = QTimer(self)
        self._queue_timer.setSingleShot(True)
        self._queue_timer.setInterval(QUEUE_MS)
        self._queue_timer.timeout.connect(self._keep_queue)
        self._snapshot = QTimer(self)
        self._snapshot.setInterval(SNAPSHOT_MS)
        self._snapshot.timeout.connect(self._on_snapshot_due)

    # --- opening and closing ------------------------------------------------------------------

    def open(self, path: Path, *, recover: bool | None = None) -> None:
        """Read a cut or a video in the helper; ``cut_opened`` or a notice follows.

        Args:
            path: the file.
            recover: what to do with unsaved steps of a crash; None when there are none.
        """
        self._recover = recover is not False
        self._reader.read(path.absolute())

    def cancel_opening(self) -> None:
        """Stop reading; what is open stays open."""
        self._reader.cancel()

    def conform(self) -> None:
        """Read the cut again from disk; takes go with their cues."""
        if self.cut is not None:
            self.notice_cleared.emit("cut")
            path = Path(self.cut.path)
            self.open(path)
            self._conforming = path

    def unsaved(self, path: Path) -> Any:
        """What a crash left of the project of a cut; None when nothing."""
        try:
            return inspect(path)
        except OSError:
            return None

    def close_cut(self) -> None:
        """Close the project; it is saved."""
        if self.project is None:
            return
        self._sync.stop()
        self._snapshot.stop()
        self._queue_timer.stop()
        self._keep_queue()
        project, self.project = self.project, None
        self.jobs.forget_all()
        project.close()
        self.cut = None
        self._cues, self._index, self._selected, self._current = {}, {}, (), ""
        self.shown_take.clear()
        self.compared_take.clear()

    def shut_down(self) -> None:
        """End everything; the engine's ``stopped`` signal says when it is gone."""
        self.close_cut()
        self.background.stop()
        self.engine.stop()

    def _on_cut_read(self, cut: Cut) -> None:
        path = Path(cut.path)
        conforming, self._conforming = self._conforming == path, None
        self.close_cut()
        try:
            self.project = Project.open(path, recover=self._recover)
        except VattError as error:
            self.tell(from_error(error, "cues"))
            self.cut_opened.emit()
            return
        self.cut = cut
        self._cues = {cue.cue_id: cue for cue in cut.cues}
        self._index = {cue.cue_id: i for i, cue in enumerate(cut.cues)}
        self._snapshot.start()
        waiting = list(self.project.queue)
        self.cut_opened.emit()
        self.history_changed.emit()
        if cut.cues:
            self.select([cut.cues[0].cue_id])
        if self.project.read_only:
            self.tell(
                Notice(f"{self.project.read_only} It is open for looking only.", level="warning")
            )
        self._tell_oddities()
        find_heirs(self, at_once=conforming)
        self.jobs.restore(waiting)

    def _on_not_read(self, error: VattError) -> None:
        self._conforming = None
        self.tell(from_error(error, "cues", key="open"))

    def _tell_oddities(self) -> None:
        assert self.cut is not None
        if self.cut.notes:
            lines = [
                f"{where}: {message}" if where else message for where, message in self.cut.notes
            ]
            self.tell(
                Notice(
                    f"{len(lines)} remark(s) on how this cut was read.",
                    level="info",
                    pane="cues",
                    key="report",
                    details="\n".join(lines),
                )
            )

    # --- reading ------------------------------------------------------------------------------

    @property
    def cues(self) -> tuple[Cue, ...]:
        """All cues, by start."""
        return self.cut.cues if self.cut else ()

    def cue(self, cue_id: str) -> Cue | None:
        """A cue by its id."""
        return self._cues.get(cue_id)

    def index(self, cue_id: str) -> int:
        """A cue's place among the cues; -1 for none."""
        return self._index.get(cue_id, -1)

    def state(self, cue_id: str) -> CueState:
        """What is remembered of a cue."""
        return self.project.state(cue_id) if self.project else CueState()

    def take(self, take_id: str) -> Take | None:
        """A take by its id."""
        return self.project.takes.get(take_id) if self.project else None

    def takes(self, cue_id: str, *, trashed: bool = False) -> list[Take]:
        """The takes of a cue in order of making, without the trash or with it."""
        state = self.state(cue_id)
        ids = state.takes if trashed else state.visible_takes
        return [take for take_id in ids if (take := self.take(take_id)) is not None]

    def owner(self, take_id: str) -> str:
        """The cue that a take belongs to now; empty for none."""
        owner = self._owners.get(take_id, "")
        if self.project is not None and take_id not in self.state(owner).takes:
            self._owners = {
                take: cue_id for cue_id, s in self.project.states.items() for take in s.takes
            }
            owner = self._owners.get(take_id, "")
        return owner

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

    @property
    def settings(self) -> Settings:
        """What holds for the whole project."""
        return self.project.settings if self.project else Settings()

    @property
    def model(self) -> str:
        """The model that new takes are made with."""
        return self.settings.model or self.default_model

    def hears_hits(self, model: str) -> bool:
        """Whether hits reach the sound of this model; True until the engine has said no."""
        return self._models.get(model, {}).get("sync_lane") is not False

    @property
    def read_only(self) -> bool:
        """Whether nothing can be changed."""
        return self.project is None or bool(self.project.read_only)

    def can_generate(self, cue_id: str) -> bool:
        """Whether the engine can be asked for this cue."""
        cue, state = self.cue(cue_id), self.state(cue_id)
        if cue is None or self.read_only or state.locked:
            return False
        return cue.status == "ready" or (cue.status == "offline" and bool(state.relinked))

    def scratch(self) -> str:
        """A new folder for the engine to hand one job's results over in."""
        assert self.project is not None
        self._n_scratch += 1
        folder = self.project.scratch_folder / str(self._n_scratch)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def listening_folder(self) -> str:
        """A temporary folder for samples to listen to; it goes with the panel."""
        return self._files.path()

    # --- selection ----------------------------------------------------------------------------

    @property
    def current(self) -> str:
        """The id of the cue that viewer, inspector and takes show."""
        return self._current

    @property
    def selected(self) -> tuple[str, ...]:
        """The ids of the cues that commands act on."""
        return self._selected or ((self._current,) if self._current else ())

    def select(self, cue_ids: Iterable[str], current: str = "") -> None:
        """Select cues; ``current`` defaults to the first."""
        selected = tuple(c for c in cue_ids if c in self._cues)
        current = current if current in selected else (selected[0] if selected else "")
        changed, moved = selected != self._selected, current != self._current
        self._selected, self._current = selected, current
        if moved:
            self.current_changed.emit()
        if changed or moved:
            self.selection_changed.emit()

    def step_cue(self, by: int) -> None:
        """Make the next or previous cue current."""
        if self.cues:
            at = self.index(self._current)
            target = min(max(at + by, 0), len(self.cues) - 1)
            self.select([self.cues[target].cue_id])

    def current_take(self, cue_id: str) -> str:
        """The take that is shown and heard (A): last looked at, else chosen, else newest."""
        state = self.state(cue_id)
        shown = self.shown_take.get(cue_id, "")
        if shown in state.takes:
            return shown
        visible = state.visible_takes
        return state.chosen or (visible[-1] if visible else "")

    def show_take(self, take_id: str) -> None:
        """Show and hear another take of the current cue."""
        if self._current:
            self.shown_take[self._current] = take_id
            self.take_shown.emit(take_id)

    # --- changing -----------------------------------------------------------------------------

    def edit(self, label: str, changes: Mapping[str, Mapping[str, Any]], merge: str = "") -> bool:
        """One undoable step; tells about what goes wrong. Returns whether anything changed."""
        if self.project is None:
            return False
        try:
            changed = self.project.edit(label, changes, merge)
        except CannotWrite as error:
            self.tell(from_error(error, key="journal"))
            changed = True
        except VattError as error:
            self.tell(from_error(error))
            return False
        if changed:
            self._changed(changes)
        return changed

    def edit_each(self, label: str, cue_ids: Iterable[str], merge: str = "", **fields: Any) -> bool:
        """Set the same fields of several cues as one step."""
        ids = [c for c in cue_ids if c in self._cues]
        return self.edit(self._labelled(label, ids), dict.fromkeys(ids, fields), merge)

    def note(self, cue_id: str, **fields: Any) -> None:
        """Remember what the engine found; not a step."""
        if self.project is None:
            return
        try:
            changed = self.project.note(cue_id, **fields)
        except CannotWrite as error:
            self.tell(from_error(error, key="journal"))
            changed = True
        if changed:
            self._sync.start()
            self.cue_changed.emit(cue_id)

    def undo(self) -> None:
        """Take the last step back."""
        self._walk_history(back=True)

    def redo(self) -> None:
        """Do the last undone step again."""
        self._walk_history(back=False)

    def add_take(self, cue: Cue, take: Take, key: str) -> None:
        """A new take joins its cue; it is chosen when there was none."""
        if self.project is None or cue.cue_id not in self._cues:
            return
        state = self.state(cue.cue_id)
        if take.take_id in state.takes:
            self.tell(
                Notice(
                    f"{cue.clip}: the new take is the same as an earlier one.",
                    "Take another seed or another prompt.",
                    pane="takes",
                    key="same",
                )
            )
            return
        try:
            self.project.add_take(take)
        except CannotWrite as error:
            self.tell(from_error(error, "takes", key="journal"))
        history = state.prompt_history
        prompt = take.recipe.prompt or ""
        if prompt and state.prompt == prompt and prompt not in history[-1:]:
            history = (*[h for h in history if h != prompt], prompt)[-20:]
        self.edit(
            self._labelled("New take", [cue.cue_id]),
            {
                cue.cue_id: {
                    "takes": (*state.takes, take.take_id),
                    "chosen": state.chosen or take.take_id,
                    "picture_key": key,
                    "prompt_history": history,
                }
            },
        )
        self.shown_take[cue.cue_id] = take.take_id
        if cue.cue_id == self._current:
            self.take_shown.emit(take.take_id)

    def empty_trash(self) -> int:
        """Delete every trashed take for good; returns how many. Used ones are never trashed."""
        if self.project is None:
            return 0
        trashed = [t for s in self.project.states.values() for t in s.trashed]
        takes = [take for t in trashed if (take := self.take(t)) is not None]
        try:
            self.project.forget_takes(trashed)
        except VattError as error:
            self.tell(from_error(error, key="journal"))
            return 0
        kept = {path for t in self.project.takes.values() for path in (t.wav_path, t.codes_path)}
        for take in takes:
            for path in (take.wav_path, take.codes_path):
                inside = path and Path(path).is_relative_to(self.project.takes_folder)
                if inside and path not in kept:
                    Path(path).unlink(missing_ok=True)
        self._changed({cue_id: {} for cue_id in self.project.states})
        self.current_changed.emit()
        return len(takes)

    def set_settings(self, settings: Settings) -> None:
        """Change what holds for the whole project."""
        if self.project is not None:
            with contextlib.suppress(CannotWrite):
                self.project.set_settings(settings)
            self._sync.start()

    def consider_models(self, models: list[dict[str, Any]]) -> None:
        """Take the best installed model as the default, unless the user has named one."""
        usable = [m for m in models if "error" not in m and m.get("name")]
        if not usable:
            return
        known = self._models = {str(m["name"]): m for m in usable}
        if self.preferred_model in known:
            self.default_model = self.preferred_model
        else:
            best = max(usable, key=lambda m: (m["name"] == "vatt-mini", bool(m.get("trained"))))
            self.default_model = str(best["name"])
        if known.get(self.model, {}).get("trained") is False:
            self.tell(
                Notice(
                    f"The model {self.model!r} is untrained: its takes are noise that shows how "
                    "things work.",
                    "Pick another one with the engine button below.",
                    pane="inspector",
                    key="untrained",
                )
            )
        else:
            self.notice_cleared.emit("untrained")

    def random_seed(self) -> int:
        """A seed for the dice."""
        return self._random.randrange(1, 100_000)

    def save(self) -> None:
        """Write a snapshot now."""
        if self.project is None:
            return
        try:
            self.project.save()
        except VattError as error:
            self.tell(from_error(error, key="journal"))
            return
        self.notice_cleared.emit("journal")
        self.saved.emit()

    # --- telling ------------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Show a message."""
        logger.info("%s: %s %s", notice.level, notice.text, notice.hint)
        self.notice_raised.emit(notice)

    # --- inside -------------------------------------------------------------------------------

    def _on_cue_changed(self, cue_id: str) -> None:
        self._statuses.pop(cue_id, None)

    def _labelled(self, label: str, cue_ids: list[str]) -> str:
        if len(cue_ids) == 1 and (cue := self.cue(cue_ids[0])) is not None:
            return f"{label} of {cue.clip[:40]}"
        return f"{label} of {len(cue_ids)} cues" if cue_ids else label

    def _walk_history(self, *, back: bool) -> None:
        if self.project is None:
            return
        edit: Edit | None = None
        try:
            edit = self.project.undo() if back else self.project.redo()
        except CannotWrite as error:
            self.tell(from_error(error, key="journal"))
        except VattError as error:
            self.tell(from_error(error))
        if edit is None:
            self.history_changed.emit()
            return
        ids = edit.cue_ids
        if ids and self._current not in ids and ids[0] in self._cues:
            self.select([ids[0]])
        self._changed({cue_id: {} for cue_id in ids})

    def _changed(self, changes: Mapping[str, Any]) -> None:
        self._sync.start()
        for cue_id in changes:
            self.cue_changed.emit(cue_id)
        self.history_changed.emit()

    def _on_jobs_changed(self) -> None:
        if not self._queue_timer.isActive() and self.project is not None:
            self._queue_timer.start()

    def _keep_queue(self) -> None:
        if self.project is not None:
            with contextlib.suppress(CannotWrite):
                self.project.set_queue(self.jobs.plain_queue())

    def _on_sync_due(self) -> None:
        if self.project is None:
            return
        try:
            self.project.sync()
        except CannotWrite as error:
            self.tell(from_error(error, key="journal"))
            self._sync.start()
            return
        self.notice_cleared.emit("journal")
        self.saved.emit()

    def _on_snapshot_due(self) -> None:
        if self.project is not None and not self.project.read_only and self.project.unsaved_steps:
            with contextlib.suppress(CannotWrite):
                self.project.save("auto")
