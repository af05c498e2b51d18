"""What a project remembers, apart from files: cues, takes, history, settings, the queue.

``ProjectMemory`` is the project as data. It applies what was done, forwards and backwards, and can
be made from a snapshot and the journal's records; ``project.Project`` puts each change on disk.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from vatt_plugin.cues import Take
from vatt_plugin.project_state import (
    Change,
    CueState,
    Edit,
    Settings,
    apply_changes,
    cue_state_from_plain,
    cue_state_to_plain,
    plain_value,
    take_from_plain,
    take_to_plain,
)

SCHEMA = 1
MAX_HISTORY = 200
MERGE_WITHIN_S = 1.0

_UNTOUCHED = CueState()


class ProjectMemory:
    """One project as data.

    Attributes:
        states: what is remembered per cue id; use ``state`` to read.
        takes: every take ever adopted, by id; immutable.
        history: the undoable steps; those from ``position`` on are undone.
        settings: what holds for the whole project.
        queue: jobs that wait, in plain form, so that they survive a restart.
        cut: per cue id what finds its picture again in a re-cut (``project_conform``).
    """

    def __init__(self) -> None:
        self.states: dict[str, CueState] = {}
        self.takes: dict[str, Take] = {}
        self.history: list[Edit] = []
        self.position = 0
        self.settings = Settings()
        self.queue: list[Mapping[str, Any]] = []
        self.cut: dict[str, list[Any]] = {}

    # --- reading ------------------------------------------------------------------------

    def state(self, cue_id: str) -> CueState:
        """What is remembered of a cue."""
        return self.states.get(cue_id, _UNTOUCHED)

    @property
    def undo_label(self) -> str:
        """What undo would take back; empty when there is nothing."""
        return self.history[self.position - 1].label if self.position else ""

    @property
    def redo_label(self) -> str:
        """What redo would do again; empty when there is nothing."""
        return self.history[self.position].label if self.position < len(self.history) else ""

    def as_plain(self) -> dict[str, Any]:
        """The whole project as data: what a snapshot holds and what tests compare."""
        return {
            "schema": SCHEMA,
            "cues": {k: p for k, s in self.states.items() if (p := cue_state_to_plain(s))},
            "takes": [take_to_plain(take) for take in self.takes.values()],
            "history": [edit.to_plain() for edit in self.history],
            "position": self.position,
            "settings": dataclasses.asdict(self.settings),
            "queue": [dict(job) for job in self.queue],
            "cut": dict(self.cut),
        }

    def changes_of(self, changes: Mapping[str, Mapping[str, Any]]) -> list[Change]:
        """What new values (cue id -> field -> value) would change, in plain form."""
        found = []
        for cue_id, fields in changes.items():
            state = self.state(cue_id)
            for name, value in fields.items():
                before, after = plain_value(getattr(state, name)), plain_value(value)
                if before != after:
                    found.append(Change(cue_id, name, before, after))
        return found

    # --- what happened ------------------------------------------------------------------

    def do(self, edit: Edit) -> None:
        """Do a step; one with the same merge key soon after the last joins it."""
        apply_changes(self.states, edit.changes)
        del self.history[self.position :]
        last = self.history[-1] if self.history else None
        if (
            last is not None
            and edit.merge
            and last.merge == edit.merge
            and edit.time - last.time <= MERGE_WITHIN_S
        ):
            self.history[-1] = last.merged_with(edit)
        else:
            self.history.append(edit)
            del self.history[:-MAX_HISTORY]
        self.position = len(self.history)

    def undo_step(self) -> Edit:
        """Take the last step back; there is one."""
        self.position -= 1
        edit = self.history[self.position]
        apply_changes(self.states, edit.changes, backwards=True)
        return edit

    def redo_step(self) -> Edit:
        """Do the last undone step again; there is one."""
        edit = self.history[self.position]
        apply_changes(self.states, edit.changes)
        self.position += 1
        return edit

    def drop_takes(self, take_ids: Iterable[str]) -> None:
        """Takes are gone, from every cue that had them."""
        gone = set(take_ids)
        for take_id in gone:
            self.takes.pop(take_id, None)
        for cue_id, state in self.states.items():
            if gone.intersection(state.takes):
                self.states[cue_id] = dataclasses.replace(
                    state,
                    takes=tuple(t for t in state.takes if t not in gone),
                    trashed=tuple(t for t in state.trashed if t not in gone),
                    starred=tuple(t for t in state.starred if t not in gone),
                )

    def replay(self, record: Mapping[str, Any]) -> None:
        """Let a record of the journal happen again."""
        match record["op"]:
            case "edit":
                self.do(Edit.from_plain(record["edit"]))
            case "undo" if self.position:
                self.undo_step()
            case "redo" if self.position < len(self.history):
                self.redo_step()
            case "note":
                apply_changes(self.states, (Change(*c) for c in record["changes"]))
            case "take":
                take = take_from_plain(record["take"])
                self.takes[take.take_id] = take
            case "forget":
                self.drop_takes(record["takes"])
            case "settings":
                self.settings = Settings.from_plain(record["settings"])
            case "queue":
                self.queue = list(record["queue"])
            case "cut":
                self.cut = dict(record["cut"])

    def restore(self, body: Mapping[str, Any]) -> None:
        """Become what a snapshot holds."""
        self.states = {k: cue_state_from_plain(v) for k, v in body["cues"].items()}
        takes = (take_from_plain(t) for t in body["takes"])
        self.takes = {take.take_id: take for take in takes}
        self.history = [Edit.from_plain(e) for e in body["history"]]
        self.position = int(body["position"])
        self.settings = Settings.from_plain(body["settings"])
        self.queue = list(body.get("queue", []))
        self.cut = dict(body.get("cut", {}))
