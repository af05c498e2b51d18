"""The queue as a table: what runs, what waits, what ended and how."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from vatt_plugin.client import JobState
from vatt_ui import spoken
from vatt_ui.cue_status import overall, stage_words
from vatt_ui.job_info import JobInfo
from vatt_ui.language import _
from vatt_ui.session import Session
from vatt_ui.text import duration, plain, tooltip
from vatt_ui.theme.apply import Theme

CUE, WHAT, PROGRESS, LEFT = range(4)
HEADERS = (_("Cue"), _("Job"), _("Progress"), _("Left"))

JOB_ID_ROLE = Qt.ItemDataRole.UserRole + 1
STATUS_ROLE = Qt.ItemDataRole.UserRole + 2
FRACTION_ROLE = Qt.ItemDataRole.UserRole + 3

_WORDS = {
    "queued": _("Waiting"),
    "running": _("Running"),
    "done": _("Done"),
    "cancelled": _("Cancelled"),
}
_ICONS = {
    "queued": ("queued", "dim"),
    "running": ("running", "running"),
    "done": ("check", "done"),
    "failed": ("warning", "failed"),
    "cancelled": ("cross", "idle"),
}
_NO_PARENT = QModelIndex()


class QueueModel(QAbstractTableModel):
    """One row a job; running first, then waiting in their order, then ended."""

    def __init__(self, session: Session, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self._rows: list[tuple[JobInfo, JobState]] = []
        session.jobs.changed.connect(self._on_changed)
        theme.changed.connect(self._refresh)

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Jobs."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """The columns of ``HEADERS``."""
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """The headings."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell, by role."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        info, state = self._rows[index.row()]
        if role == JOB_ID_ROLE:
            return info.job_id
        if role == STATUS_ROLE:
            return state.status
        if role == FRACTION_ROLE:
            return overall(state.stage, state.fraction)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(info, state, index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken.cell(HEADERS[index.column()], self._text(info, state, index.column()))
        if role == Qt.ItemDataRole.DecorationRole and index.column() == CUE:
            icon, token = _ICONS[state.status]
            return self._theme.icon(icon, token)
        if role == Qt.ItemDataRole.ToolTipRole and state.error is not None:
            return tooltip(f"{state.error.message}\n{state.error.hint}")
        if role == Qt.ItemDataRole.ForegroundRole and state.ended:
            return self._theme.colour("failed" if state.status == "failed" else "dim")
        return None

    def job(self, row: int) -> tuple[JobInfo, JobState] | None:
        """The job of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def _text(self, info: JobInfo, state: JobState, column: int) -> str:
        if column == CUE:
            cue = self._session.cue(info.cue_id)
            return plain(cue.clip) if cue is not None else ""
        if column == WHAT:
            return info.verb
        if column == LEFT:
            running = state.status == "running" and state.eta_s is not None
            return duration(state.eta_s or 0.0) if running else ""
        if state.status == "failed" and state.error is not None:
            return plain(state.error.message)
        if state.status == "running":
            done = overall(state.stage, state.fraction)
            return stage_words(state.stage) + ("" if done is None else f" {done * 100:.0f} %")
        return _WORDS[state.status]

    def _on_changed(self) -> None:
        rows = self._session.jobs.table()
        same = [r[0].job_id for r in rows] == [r[0].job_id for r in self._rows]
        if same:
            changed = [i for i, row in enumerate(rows) if row != self._rows[i]]
            self._rows = rows
            for i in changed:
                self.dataChanged.emit(self.index(i, 0), self.index(i, LEFT))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def _refresh(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, LEFT))
