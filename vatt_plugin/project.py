"""The project folder ``<timeline stem>.foley/``: one cut's prompts, hits, takes and history.

Everything the user does goes through ``Project.edit``; it is journalled before the call returns,
so a crash costs nothing that was done. Layout of the folder::

    project.json                 schema and the timeline's name
    lock                         held while a program has it open
    journal-000000042.jsonl      records after snapshot 42
    snapshots/000000042-save.json
    takes/                       sounds and codes, named by content
    scratch/                     what the engine hands over, emptied at opening

One process writes; others open the same project read-only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin.cues import Take
from vatt_plugin.journal import FolderLock, Journal, SnapshotStore, write_atomically
from vatt_plugin.project_memory import SCHEMA, ProjectMemory
from vatt_plugin.project_state import Edit, Settings, apply_changes, take_to_plain


class ProjectReadOnly(VattError):
    """The project is open without the right to change it."""

    code = "project_read_only"


class ProjectDamaged(VattError):
    """Nothing in the project folder can be read."""

    code = "project_damaged"


@dataclass(frozen=True)
class Recovery:
    """What a crash left behind: steps made after the last save."""

    unsaved_steps: int
    last_change: float
    saved_at: float | None


def project_folder(timeline: Path) -> Path:
    """Where the project of a timeline lives."""
    return timeline.with_name(f"{timeline.stem}.foley")


def inspect(timeline: Path) -> Recovery | None:
    """Unsaved steps of a project that nobody has open; None when there is nothing to recover."""
    folder = project_folder(timeline)
    if not folder.is_dir():
        return None
    saved = SnapshotStore(folder / "snapshots").newest("save")
    since = saved.n if saved else 0
    steps = [r for r in _journal_records(folder) if r["n"] > since and r["op"] in _STEPS]
    if not steps:
        return None
    return Recovery(len(steps), float(steps[-1].get("time", 0)), saved.time if saved else None)


_STEPS = ("edit", "undo", "redo", "take")


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("journal-*.jsonl"))


def _journal_records(folder: Path) -> list[dict[str, Any]]:
    """All records in order; a gap in the numbers ends the reading."""
    records: list[dict[str, Any]] = []
    for path in _journals(folder):
        for record in Journal(path).records():
            if records and record["n"] != records[-1]["n"] + 1:
                return records
            records.append(record)
    return records


class Project(ProjectMemory):
    """One open project. Changes states only through ``edit``, ``undo``, ``redo`` and ``note``.

    Attributes:
        timeline, folder: the cut, and where its project lives.
        read_only: empty, or the reason why nothing can be changed.
    """

    def __init__(
        self, timeline: Path, folder: Path, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.timeline = timeline
        self.folder = folder
        self.read_only = ""
        self.saved_at: float | None = None
        self._clock = clock
        self._n = 0
        self._saved_n = 0
        self._lock = FolderLock(folder / "lock")
        self._snapshots = SnapshotStore(folder / "snapshots")
        self._journal: Journal | None = None

    # --- opening and closing ------------------------------------------------------------

    @staticmethod
    def open(
        timeline: Path,
        *,
        recover: bool = True,
        folder: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Project:
        """Open the project of a timeline, making its folder on the first time.

        Args:
            timeline: the cut it belongs to; never written.
            recover: replay the steps after the last save; otherwise they are set aside.
            folder: where the project lives, if not beside the timeline.
            clock: seconds since the epoch.

        Raises:
            ProjectDamaged: there are snapshots, and none of them is whole.
        """
        project = Project(timeline, folder or project_folder(timeline), clock=clock)
        project._take_folder()
        project._load(recover)
        if not project.read_only:
            project._empty_scratch()
            project._start_journal()
        return project

    @property
    def takes_folder(self) -> Path:
        """Where adopted takes lie, named by content."""
        return self.folder / "takes"

    @property
    def scratch_folder(self) -> Path:
        """Where the engine hands its results over."""
        return self.folder / "scratch"

    def close(self) -> None:
        """Save and let the folder go. A project that was only looked at leaves no trace."""
        if self.read_only:
            return
        worked = bool(self.history or self.takes or self.states)
        with contextlib.suppress(CannotWrite):
            if self._n != self._saved_n and worked:
                self.save()
        if self._journal is not None:
            self._journal.close()
        self._lock.release()
        if not worked:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _take_folder(self) -> None:
        try:
            for part in (self.folder, self.folder / "snapshots", self.takes_folder):
                part.mkdir(parents=True, exist_ok=True)
            if not self._lock.acquire():
                self.read_only = f"This project is open in {self._lock.owner()}."
        except OSError as error:
            reason = error.strerror or error
            self.read_only = f"The project folder cannot be written ({reason})."
        self._check_schema()

    def _check_schema(self) -> None:
        path = self.folder / "project.json"
        try:
            schema = int(json.loads(path.read_text())["schema"])
        except FileNotFoundError:
            if not self.read_only:
                body = {"schema": SCHEMA, "timeline": self.timeline.name}
                write_atomically(path, json.dumps(body, indent=1).encode())
            return
        except (OSError, ValueError, KeyError, TypeError):
            return  # the snapshots carry their own schema; this file only names the folder
        if schema > SCHEMA and not self.read_only:
            self._lock.release()
            self.read_only = f"A newer version of the panel made this project (schema {schema})."

    def _load(self, recover: bool) -> None:
        snapshot = self._snapshots.newest(None if recover else "save")
        if snapshot is None and any(self._snapshots.folder.glob("*.json")) and recover:
            raise ProjectDamaged(
                f"No snapshot in {self.folder.name} can be read.",
                "Put the folder back from a backup, or rename it to start afresh.",
            )
        if snapshot is not None:
            self.restore(snapshot.body)
            self._n = self._saved_n = snapshot.n
        last_save = self._snapshots.newest("save")
        self._saved_n = last_save.n if last_save else 0
        self.saved_at = last_save.time if last_save else None
        if recover:
            for record in _journal_records(self.folder):
                if record["n"] == self._n + 1:
                    self.replay(record)
                    self._n = record["n"]
        elif not self.read_only:
            self._set_aside()

    def _set_aside(self) -> None:
        """Move the steps after the last save out of the way; nothing is thrown away."""
        later = [p for p in self._snapshots.folder.glob("*-auto.json") if int(p.name[:9]) > self._n]
        aside = self.folder / f"set-aside-{int(self._clock())}"
        aside.mkdir(exist_ok=True)
        for path in [*later, *_journals(self.folder)]:
            path.rename(aside / path.name)

    def _empty_scratch(self) -> None:
        shutil.rmtree(self.scratch_folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.scratch_folder.mkdir(exist_ok=True)

    def _start_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()
        self._journal = Journal(self.folder / f"journal-{self._n:09d}.jsonl")

    # --- reading ------------------------------------------------------------------------

    @property
    def unsaved_steps(self) -> int:
        """Journal records since the last save."""
        return self._n - self._saved_n

    # --- changing -----------------------------------------------------------------------

    def edit(self, label: str, changes: Mapping[str, Mapping[str, Any]], merge: str = "") -> bool:
        """Do one undoable step.

        Args:
            label: for the Undo menu.
            changes: cue id -> field -> new value, as ``CueState`` has it.
            merge: a key; a step with the same key within a second joins the one before.

        Returns:
            False when nothing changed, so no step was made.

        Raises:
            ProjectReadOnly: nothing was changed.
            CannotWrite: the step was done and is kept in memory, but is not on disk yet.
        """
        self._must_be_writable()
        found = self.changes_of(changes)
        if not found:
            return False
        edit = Edit(label, tuple(found), merge, self._clock())
        self.do(edit)
        self._record({"op": "edit", "edit": edit.to_plain(), "time": edit.time})
        return True

    def undo(self) -> Edit | None:
        """Take the last step back; None when there is none."""
        self._must_be_writable()
        if not self.position:
            return None
        edit = self.undo_step()
        self._record({"op": "undo", "time": self._clock()})
        return edit

    def redo(self) -> Edit | None:
        """Do the last undone step again; None when there is none."""
        self._must_be_writable()
        if self.position >= len(self.history):
            return None
        edit = self.redo_step()
        self._record({"op": "redo", "time": self._clock()})
        return edit

    def note(self, cue_id: str, **fields: Any) -> bool:
        """Remember what the engine found (a caption, a spotted lane); not an undoable step."""
        if self.read_only:
            return False
        changes = self.changes_of({cue_id: fields})
        if not changes:
            return False
        apply_changes(self.states, changes)
        plain = [[c.cue_id, c.field, c.before, c.after] for c in changes]
        self._record({"op": "note", "changes": plain})
        return True

    def add_take(self, take: Take) -> None:
        """Keep a take's record. Showing it in its cue is an ``edit`` of ``takes``."""
        self._must_be_writable()
        self.takes[take.take_id] = take
        self._record({"op": "take", "take": take_to_plain(take), "time": self._clock()})

    def forget_takes(self, take_ids: Iterable[str]) -> None:
        """Drop takes for good (the trash is emptied); undo does not bring them back."""
        self._must_be_writable()
        ids = [t for t in take_ids if t in self.takes]
        if ids:
            self.drop_takes(ids)
            self._record({"op": "forget", "takes": ids})

    def set_settings(self, settings: Settings) -> None:
        """Change what holds for the whole project."""
        if settings != self.settings and not self.read_only:
            self.settings = settings
            self._record({"op": "settings", "settings": dataclasses.asdict(settings)})

    def set_queue(self, queue: Iterable[Mapping[str, Any]]) -> None:
        """Remember the waiting jobs."""
        jobs = [dict(job) for job in queue]
        if jobs != self.queue and not self.read_only:
            self.queue = list(jobs)
            self._record({"op": "queue", "queue": jobs})

    def remember_cut(self, facts: Mapping[str, list[Any]]) -> None:
        """Keep what finds the cues again; those no longer in the cut are kept if they hold work."""
        kept = {k: v for k, v in self.cut.items() if k in self.states}
        now = {**kept, **facts}
        if now != self.cut and not self.read_only:
            self.cut = now
            self._record({"op": "cut", "cut": now})

    def save(self, kind: str = "save") -> None:
        """Write a snapshot: ``save`` by the user or at closing, ``auto`` now and then.

        Raises:
            ProjectReadOnly: nothing is written.
            CannotWrite: the former snapshots and the journal still hold everything.
        """
        self._must_be_writable()
        self._snapshots.write(self._n, kind, self.as_plain())
        self.snapshot_written(self._n, kind)

    def snapshot_written(self, n: int, kind: str) -> None:
        """A snapshot of the state after record ``n`` is on disk: begin a new journal.

        Called by who writes the snapshot elsewhere (``project_text``, ``write_text``).

        Raises:
            CannotWrite: a later record is in memory only; the journal goes on as it was.
        """
        if n != self._n:
            self.flush()
        if kind == "save":
            self._saved_n = n
            self.saved_at = self._clock()
        old = _journals(self.folder)
        self._start_journal()
        oldest_kept = min(
            (int(p.name[:9]) for p in self._snapshots.folder.glob("*.json")), default=0
        )
        for path, following in itertools.pairwise(old):
            if int(following.stem[-9:]) <= oldest_kept:
                path.unlink(missing_ok=True)

    @property
    def n_records(self) -> int:
        """The number of the last journal record."""
        return self._n

    def flush(self) -> Path | None:
        """Hand to the operating system what the journal could not write so far.

        Returns:
            The journal's file, for who forces it to the disk elsewhere; None for a read-only one.

        Raises:
            CannotWrite: it still cannot; the records are kept in memory.
        """
        if self._journal is None:
            return None
        self._journal.flush()
        return self._journal.path

    def sync(self) -> None:
        """Force the journal to the disk; called within a second of a step."""
        if self._journal is not None:
            self._journal.sync()

    # --- inside -------------------------------------------------------------------------

    def _must_be_writable(self) -> None:
        if self.read_only:
            raise ProjectReadOnly(
                f"{self.read_only} Nothing was changed.",
                "Close it there, or copy the timeline and its .foley folder elsewhere.",
            )

    def _record(self, record: dict[str, Any]) -> None:
        self._n += 1
        if self._journal is not None:
            self._journal.append({"n": self._n, **record})
