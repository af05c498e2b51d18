"""What is worked on: one open cut, its project, what is selected, and what is said of it.

It knows no process: neither the engine nor the helper. What makes takes, reads cuts and keeps the
project on the disk works on it from above; ``Session`` is the workspace with all of them at work.
Every undoable change goes through ``edit``; an error becomes a notice, never an exception in a
slot.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin.cues import Cue, Take
from vatt_plugin.project import Project
from vatt_plugin.project_state import CueState, Edit, Settings
from vatt_ui.helper.plain import Cut, place_of
from vatt_ui.installed_models import InstalledModels
from vatt_ui.language import _, ngettext
from vatt_ui.notices import Notice, from_error
from vatt_ui.wishes import Wishes

logger = logging.getLogger(__name__)


class Workspace(QObject):
    """See the module's text.

    Signals:
        cut_opened(): another cut (or none) is shown; everything is to be read anew.
        cue_changed(str): what is remembered of a cue, or its job, changed.
        current_changed(): another cue is current.
        selection_changed(): other cues are selected.
        take_shown(str): another take of the current cue is shown (A).
        history_changed(): undo and redo have other labels.
        history_walked(str, bool): the step of this label was undone (True) or done again.
        journalled(): the project's journal has grown; it is to be forced to the disk soon.
        notice_raised(Notice): something to tell.
        notice_cleared(str): the notice of a key no longer holds.
    """

    cut_opened = pyqtSignal()
    cue_changed = pyqtSignal(str)
    current_changed = pyqtSignal()
    selection_changed = pyqtSignal()
    take_shown = pyqtSignal(str)
    history_changed = pyqtSignal()
    history_walked = pyqtSignal(str, bool)
    journalled = pyqtSignal()
    notice_raised = pyqtSignal(object)
    notice_cleared = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cut: Cut | None = None
        self.project: Project | None = None
        self.models = InstalledModels()
        self.shown_take: dict[str, str] = {}
        self.compared_take: dict[str, str] = {}
        self.used_unasked: dict[str, str] = {}  # takes that are used because there was none
        self._cues: dict[str, Cue] = {}
        self._index: dict[str, int] = {}
        self._places: Mapping[str, tuple[float, float]] = {}
        self._current = ""
        self._selected: tuple[str, ...] = ()
        self._owners: dict[str, str] = {}
        self._n_scratch = 0

    # --- what is open -------------------------------------------------------------------------

    def take_up(self, cut: Cut, project: Project) -> None:
        """Show a cut that was read, with its project; the last one has been closed."""
        self.cut, self.project = cut, project
        self._cues = {cue.cue_id: cue for cue in cut.cues}
        self._index = {cue.cue_id: i for i, cue in enumerate(cut.cues)}
        self._places = cut.places or {cue.cue_id: place_of(cue) for cue in cut.cues}
        self.cut_opened.emit()
        self.history_changed.emit()
        if cut.cues:
            self.select([cut.cues[0].cue_id])

    def clear(self) -> None:
        """Forget the cut that was open; its project has been closed."""
        self.cut = None
        self._cues, self._index, self._places = {}, {}, {}
        self._selected, self._current = (), ""
        self.shown_take.clear()
        self.compared_take.clear()
        self.used_unasked.clear()

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

    def place(self, cue_id: str) -> tuple[float, float]:
        """Where a cue of the cut lies: first and last second from the timeline's first frame."""
        return self._places[cue_id]

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

    @property
    def settings(self) -> Settings:
        """What holds for the whole project."""
        return self.project.settings if self.project else Settings()

    @property
    def wishes(self) -> Wishes:
        """How takes of this project are made and mixed."""
        return Wishes.of(self.settings)

    @property
    def model(self) -> str:
        """The model that new takes are made with."""
        return self.settings.model or self.models.default

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
        """Show and hear another take of the current cue; B becomes what A was, if it was B."""
        if self._current:
            before = self.current_take(self._current)
            if self.compared_take.get(self._current) == take_id != before:
                self.compared_take[self._current] = before
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
            self.changed(changes)
        return changed

    def edit_each(self, label: str, cue_ids: Iterable[str], merge: str = "", **fields: Any) -> bool:
        """Set the same fields of several cues as one step."""
        ids = [c for c in cue_ids if c in self._cues]
        return self.edit(self.labelled(label, ids), dict.fromkeys(ids, fields), merge)

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
            self.journalled.emit()
            self.cue_changed.emit(cue_id)

    def undo(self) -> None:
        """Take the last step back."""
        self._walk_history(back=True)

    def redo(self) -> None:
        """Do the last undone step again."""
        self._walk_history(back=False)

    def set_settings(self, settings: Settings) -> None:
        """Change what holds for the whole project."""
        if self.project is not None:
            with contextlib.suppress(CannotWrite):
                self.project.set_settings(settings)
            self.journalled.emit()

    def labelled(self, label: str, cue_ids: list[str]) -> str:
        """A step's label with what it changes, for the Undo menu."""
        if len(cue_ids) == 1 and (cue := self.cue(cue_ids[0])) is not None:
            return _("{what} of {clip}").format(what=label, clip=cue.clip[:40])
        n = len(cue_ids)
        many = ngettext("{what} of {n} cue", "{what} of {n} cues", n)
        return many.format(what=label, n=n) if cue_ids else label

    def changed(self, cue_ids: Iterable[str]) -> None:
        """Tell about cues that changed by a step; it is forced to the disk soon."""
        self.journalled.emit()
        for cue_id in list(cue_ids):
            self.cue_changed.emit(cue_id)
        self.history_changed.emit()

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
        self.changed(ids)
        self.history_walked.emit(edit.label, back)

    # --- telling ------------------------------------------------------------------------------

    def tell(self, notice: Notice) -> None:
        """Show a message."""
        logger.info("%s: %s %s", notice.level, notice.text, notice.hint)
        self.notice_raised.emit(notice)

    def warn_of_model(self) -> None:
        """Say what has to be said of the model before it is used."""
        warning = self.models.warning(self.model)
        if warning is not None:
            self.tell(warning)
        else:
            self.notice_cleared.emit("untrained")
