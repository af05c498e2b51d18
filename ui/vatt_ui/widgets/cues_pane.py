"""The Cues pane: a real table of all cues, its filters, and selection that commands act on."""

from __future__ import annotations

from PyQt6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPointF, Qt
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QWidget,
)

from vatt_ui.cue_status import LOOKS
from vatt_ui.dropping import CueDrops
from vatt_ui.language import _, ngettext
from vatt_ui.models import cues_model
from vatt_ui.models.cues_model import CUE_ID_ROLE, FRACTION_ROLE, STATE, CuesFilter, CuesModel
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import PAD, SPACE
from vatt_ui.widgets.columns import SpareColumns
from vatt_ui.widgets.common import EmptyState, Pane, Stack, name_choice, quiet, row

LEAST_CLIP_PX = 110
FILTERS = (
    ("", _("All")),
    ("none", _("No take")),
    ("takes", _("Takes, none used")),
    ("queued", _("Queued")),
    ("running", _("Running")),
    ("done", _("Done")),
    ("edited", _("Edited")),
    ("failed", _("Failed")),
    ("stale", _("Stale: picture changed")),
    ("locked", _("Locked")),
    ("offline", _("Offline")),
    ("unreadable", _("Unreadable")),
    ("skipped", _("Left out")),
    ("starred", _("Starred")),
)


class _StateDelegate(QStyledItemDelegate):
    """Draws the progress of a running cue under its words."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """The cell, and a bar along its foot while a job runs."""
        super().paint(painter, option, index)
        fraction = index.data(FRACTION_ROLE)
        if painter is not None and isinstance(fraction, float):
            colour = QColor(self._theme.tokens.running)
            rect = option.rect
            width = round(rect.width() * fraction)
            painter.fillRect(rect.left(), rect.bottom() - 3, width, 3, colour)


class CuesPane(Pane):
    """All cues of the cut."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__("cues", _("Cues"), theme)
        self._session = session
        self.model = CuesModel(session, theme, self)
        self.filter = CuesFilter(session, self)
        self.filter.setSourceModel(self.model)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Filter cues"))
        self.search.setAccessibleName(_("Filter cues by name or prompt"))
        self.search.setClearButtonEnabled(True)
        for button in self.search.findChildren(QToolButton):
            button.setAccessibleName(_("Clear the filter"))
        self.states = QComboBox()
        name_choice(self.states, _("Show cues in this state"))
        for state, word in FILTERS:
            self.states.addItem(word, state)
        # As wide as the pane lets it; its list is as wide as its words.
        policy = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.states.setSizeAdjustPolicy(policy)
        self.states.setMinimumContentsLength(6)
        choices = self.states.view()
        assert choices is not None
        choices.setMinimumWidth(choices.sizeHintForColumn(0) + 2 * PAD)
        self.table = QTableView()
        viewport = self.table.viewport()
        assert viewport is not None
        self._drops = CueDrops(session, viewport, self._cue_under)
        self._build_table(theme)
        self.empty = EmptyState(theme, "", "", _("Open…"), "folder")
        self._say_nothing_open()
        self._stack = Stack(self.table, self.empty)
        filters = row(self.search, self.states, margin=SPACE + 2, spacing=SPACE + 2)
        filters.setStretch(0, 3)
        filters.setStretch(1, 2)
        self.body.addLayout(filters)
        self.body.addWidget(self._stack, 1)
        self.reading = False  # a cut is being read; the button cancels it
        self._busy = False
        self._connect()

    def _build_table(self, theme: Theme) -> None:
        table = self.table
        table.setModel(self.filter)
        table.setAccessibleName(_("Cues"))
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setItemDelegateForColumn(STATE, _StateDelegate(theme, table))
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        widths = {
            cues_model.NUMBER: 36,
            cues_model.TIMECODE: 96,
            cues_model.LENGTH: 48,
            cues_model.STAR: 26,
        }
        words = [look.word for look in LOOKS.values()]
        widths[STATE] = max(table.fontMetrics().horizontalAdvance(w) + 36 for w in words)
        quiet(table, cues_model.CLIP, widths)
        order = (cues_model.LENGTH, cues_model.TIMECODE, cues_model.NUMBER)
        SpareColumns(table, cues_model.CLIP, LEAST_CLIP_PX, order)
        vertical = table.verticalHeader()
        assert vertical is not None
        vertical.setDefaultSectionSize(28)
        vertical.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._on_text_changed)
        self.states.currentIndexChanged.connect(self._on_state_picked)
        selection = self.table.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(self._on_selected)
        selection.currentRowChanged.connect(self._on_selected)
        session = self._session
        session.cut_opened.connect(self._on_cut_opened)
        session.selection_changed.connect(self.show_selection)
        session.opening_started.connect(self._on_opening)
        session.opening_progressed.connect(self._on_opening_progressed)

    def first_focus(self) -> QWidget:
        """The table."""
        return self.table

    def _cue_under(self, point: QPointF) -> str:
        return self.table.indexAt(point.toPoint()).data(CUE_ID_ROLE) or ""

    def focus_filter(self) -> None:
        """Let the user type a filter."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def show_selection(self) -> None:
        """Select in the table what is selected in the session."""
        if self._busy:
            return
        self._busy = True
        chosen = QItemSelection()
        for cue_id in self._session.selected:
            row_number = self.model.row_of(cue_id)
            if row_number >= 0:
                at = self.filter.mapFromSource(self.model.index(row_number, 0))
                if at.isValid():
                    chosen.select(at, at)
        selection = self.table.selectionModel()
        assert selection is not None
        flags = QItemSelectionModel.SelectionFlag
        selection.select(chosen, flags.ClearAndSelect | flags.Rows)
        current = self.model.row_of(self._session.current)
        if current >= 0:
            at = self.filter.mapFromSource(self.model.index(current, 0))
            if at.isValid():
                selection.setCurrentIndex(at, flags.NoUpdate)
                self.table.scrollTo(at)
        self._busy = False

    def _on_selected(self) -> None:
        if self._busy:
            return
        selection = self.table.selectionModel()
        if selection is None:
            return
        rows = sorted(selection.selectedRows(), key=lambda index: index.row())
        ids = [index.data(CUE_ID_ROLE) for index in rows]
        current = selection.currentIndex().data(CUE_ID_ROLE) or ""
        self._busy = True
        self._session.select(ids, current if current in ids else "")
        self._busy = False

    def _on_text_changed(self, text: str) -> None:
        self.filter.set_text(text)
        self.show_selection()

    def _on_state_picked(self, place: int) -> None:
        self.filter.set_state(self.states.itemData(place))
        self.show_selection()

    def _on_cut_opened(self) -> None:
        has_cues = bool(self._session.cues)
        self._stack.show_content(has_cues)
        if self._session.cut is not None and not has_cues:
            self.empty.say(
                _("No cues"), _("This cut has no picture clips that want sound."), _("Open…")
            )
        elif self._session.cut is None:
            self._say_nothing_open()
        n = len(self._session.cues)
        self.title.subject.setText(f"{n:,}" if n else "")
        self.show_selection()

    def _say_nothing_open(self) -> None:
        self.empty.say(
            _("No timeline open"),
            _("Open a cut or a video, or drop one here."),
            _("Open…"),
            _("Open the sample"),
        )

    def _on_opening(self, name: str) -> None:
        self.reading = True
        self._stack.show_content(False)
        self.empty.say(_("Reading {name}").format(name=name), self._so_far(0), _("Cancel"))

    @staticmethod
    def _so_far(n: int) -> str:
        return ngettext("{n} cue so far", "{n} cues so far", n).format(n=f"{n:,}")

    def _on_opening_progressed(self, n: int) -> None:
        if n < 0:
            self.reading = False
            self._on_cut_opened()
        else:
            self.empty.text.setText(self._so_far(n))
