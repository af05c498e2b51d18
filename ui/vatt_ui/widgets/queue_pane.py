"""The Queue pane: what runs and waits; cancel, retry, to the front, pause. It never takes focus."""

from __future__ import annotations

from PyQt6.QtCore import QModelIndex
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from vatt_ui.language import _
from vatt_ui.models import queue_model
from vatt_ui.models.queue_model import FRACTION_ROLE, JOB_ID_ROLE, STATUS_ROLE, QueueModel
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import SPACE
from vatt_ui.widgets.common import EmptyState, Pane, Stack, icon_button, quiet, row, text_button


class _ProgressDelegate(QStyledItemDelegate):
    """Draws how far a job is behind its words."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """The cell, with a bar along its foot."""
        super().paint(painter, option, index)
        fraction = index.data(FRACTION_ROLE)
        running = index.data(STATUS_ROLE) == "running"
        if painter is not None and running and isinstance(fraction, float):
            rect = option.rect
            colour = QColor(self._theme.tokens.running)
            painter.fillRect(
                rect.left(), rect.bottom() - 3, round(rect.width() * fraction), 3, colour
            )


class QueuePane(Pane):
    """The queue."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__("queue", _("Queue"), theme)
        self._session = session
        self.model = QueueModel(session, theme, self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName(_("Queue"))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        delegate = _ProgressDelegate(theme, self.table)
        self.table.setItemDelegateForColumn(queue_model.PROGRESS, delegate)
        quiet(self.table, queue_model.PROGRESS, {0: 130, 1: 110, 3: 52})
        vertical = self.table.verticalHeader()
        assert vertical is not None
        vertical.setDefaultSectionSize(28)
        self.cancel = text_button(theme, _("Cancel"), "cross")
        self.retry = text_button(theme, _("Retry"), "again")
        self.front = text_button(theme, _("To front"), "front")
        self.retry.setToolTip(_("Ask again for a job that failed or was cancelled"))
        self.front.setToolTip(_("Let this job run next"))
        self.clear = icon_button(theme, "trash", _("Clear ended jobs"))
        self.empty = EmptyState(
            theme, _("Nothing queued"), _("Jobs appear here while they wait and run.")
        )
        self._stack = Stack(self.table, self.empty)
        self.body.addWidget(self._stack, 1)
        self.body.addLayout(
            row(self.cancel, self.retry, self.front, 1, self.clear, margin=SPACE + 2)
        )
        self.cancel.clicked.connect(lambda: self._act("cancel"))
        self.retry.clicked.connect(lambda: self._act("retry"))
        self.front.clicked.connect(lambda: self._act("front"))
        self.clear.clicked.connect(session.jobs.clear_ended)
        session.jobs.changed.connect(self.refresh)
        session.cut_opened.connect(self.refresh)
        selection = self.table.selectionModel()
        assert selection is not None
        selection.currentRowChanged.connect(lambda *_: self.refresh())
        self.table.doubleClicked.connect(self._on_double_clicked)
        self.refresh()

    def first_focus(self) -> QWidget:
        """The table."""
        return self.table

    def refresh(self) -> None:
        """Set all controls from the state of the chosen job."""
        n = self.model.rowCount()
        self._stack.show_content(n > 0)
        open_count = self._session.jobs.open_count()
        self.title.subject.setText(_("{n} open").format(n=open_count) if open_count else "")
        job = self.model.job(self.table.currentIndex().row()) or self.model.job(0)
        status = job[1].status if job is not None else ""
        self.cancel.setEnabled(status in ("queued", "running"))
        self.retry.setEnabled(status in ("failed", "cancelled"))
        self.front.setEnabled(status == "queued")
        self.clear.setEnabled(n > open_count)

    def _act(self, what: str) -> None:
        row_number = max(0, self.table.currentIndex().row())
        job_id = self.model.index(row_number, 0).data(JOB_ID_ROLE)
        if not job_id:
            return
        if what == "cancel":
            self._session.jobs.cancel(job_id)
        elif what == "retry":
            self._session.jobs.retry(job_id)
        else:
            self._session.engine.to_front(job_id)

    def _on_double_clicked(self, index: QModelIndex) -> None:
        job = self.model.job(index.row())
        if job is not None:
            self._session.select([job[0].cue_id])
