"""The cues of a cut as a table: the accessible twin of the timeline strip."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, QSortFilterProxyModel, Qt

from vatt_ui.cue_status import LOOKS, words
from vatt_ui.language import _
from vatt_ui.session import Session
from vatt_ui.text import duration, ltr, plain, timecode, tooltip
from vatt_ui.theme.apply import Theme, fixed_font

NUMBER, TIMECODE, CLIP, LENGTH, STATE, STAR = range(6)
HEADERS = (_("#"), _("TC in"), _("Clip"), _("Length"), _("State"), "★")
HEADER_NAMES = (_("Number"), _("Timecode in"), _("Clip"), _("Length"), _("State"), _("Starred"))

CUE_ID_ROLE = Qt.ItemDataRole.UserRole + 1
STATE_ROLE = Qt.ItemDataRole.UserRole + 2
SORT_ROLE = Qt.ItemDataRole.UserRole + 3
FRACTION_ROLE = Qt.ItemDataRole.UserRole + 4

_NO_PARENT = QModelIndex()
# Looked up once: an attribute of an enumeration costs as much as the rest of a cell.
_DISPLAY = Qt.ItemDataRole.DisplayRole
_DECORATION = Qt.ItemDataRole.DecorationRole
_FOREGROUND = Qt.ItemDataRole.ForegroundRole
_FONT = Qt.ItemDataRole.FontRole
_ALIGNMENT = Qt.ItemDataRole.TextAlignmentRole
_ANSWERED = frozenset(
    int(role)
    for role in (
        _DISPLAY, _DECORATION, _FOREGROUND, _FONT, _ALIGNMENT, CUE_ID_ROLE, STATE_ROLE,
        FRACTION_ROLE, SORT_ROLE, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole,
    )
)  # fmt: skip
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class CuesModel(QAbstractTableModel):
    """One row a cue. Reset only for another cut; everything else is a narrow ``dataChanged``."""

    def __init__(self, session: Session, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self._fixed = fixed_font(8.5)
        self._cues = session.cues
        self._fixed_texts: dict[tuple[int, int], str] = {}
        session.cut_opened.connect(self._on_cut_opened)
        session.cue_changed.connect(self._on_cue_changed)
        theme.changed.connect(self._on_theme_changed)

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Cues; a table's cells have no children."""
        return 0 if parent.isValid() else len(self._cues)

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """The columns of ``HEADERS``."""
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Short headings, and whole words for screen readers."""
        if orientation == Qt.Orientation.Horizontal and 0 <= section < len(HEADERS):
            if role == Qt.ItemDataRole.DisplayRole:
                return HEADERS[section]
            if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
                return HEADER_NAMES[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """One cell, by role. Asked some hundred times a redraw, so the commonest end first."""
        if role not in _ANSWERED:
            return None
        row, column = index.row(), index.column()
        if not 0 <= row < len(self._cues):
            return None
        if role == _DISPLAY:
            text = self._text(row, column)
            return text if column == CLIP else ltr(text)
        if role == _DECORATION:
            return self._icon(row) if column == STATE else None
        if role == _FOREGROUND:
            return self._colour(row, column)
        if role == _FONT:
            return self._fixed if column in (NUMBER, TIMECODE, LENGTH) else None
        if role == _ALIGNMENT:
            return _RIGHT if column in (NUMBER, LENGTH) else _LEFT
        cue = self._cues[row]
        if role == CUE_ID_ROLE:
            return cue.cue_id
        if role == STATE_ROLE:
            return self._session.status(cue.cue_id)
        if role == FRACTION_ROLE:
            job = self._session.jobs.look(cue.cue_id)
            return job.fraction if job is not None else None
        if role == SORT_ROLE:
            return row
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(self._about(row))
        said = self._text(row, column)
        if column == STAR and said:
            said = _("yes")
        return f"{HEADER_NAMES[column]}: {said or _('no')}"

    def row_of(self, cue_id: str) -> int:
        """The row of a cue; -1 for none."""
        return self._session.index(cue_id)

    def _text(self, row: int, column: int) -> str:
        if column in (STATE, STAR):
            return self._state_text(row, column)
        found = self._fixed_texts.get((row, column))
        if found is None:
            found = self._fixed_texts[row, column] = self._fixed_text(row, column)
        return found

    def _state_text(self, row: int, column: int) -> str:
        cue = self._cues[row]
        state = self._session.state(cue.cue_id)
        if column == STAR:
            return "★" if state.starred else ""
        look = LOOKS[self._session.status(cue.cue_id)]
        return words(look, state, self._session.jobs.look(cue.cue_id))

    def _fixed_text(self, row: int, column: int) -> str:
        cue = self._cues[row]
        match column:
            case 0:
                return str(row + 1)
            case 1:
                drop = self._session.cut.drop if self._session.cut else None
                return timecode(cue.record_timecode_s, cue.fps, drop_frame=drop)
            case 2:
                return plain(cue.clip) or _("(no name)")
            case _:
                return duration(float(cue.duration_s))

    def _icon(self, row: int) -> Any:
        look = LOOKS[self._session.status(self._cues[row].cue_id)]
        return self._theme.icon(look.icon, look.token)

    def _colour(self, row: int, column: int) -> Any:
        if column == STATE:
            look = LOOKS[self._session.status(self._cues[row].cue_id)]
            return self._theme.colour(look.token)
        if column == STAR:
            return self._theme.colour("accent")
        return self._theme.colour("dim") if column in (NUMBER, LENGTH) else None

    def _about(self, row: int) -> str:
        cue = self._cues[row]
        lines = [plain(cue.clip), _("Track {name}").format(name=plain(cue.track))]
        if cue.media:
            lines.append(plain(cue.media))
        if cue.note:
            lines.append(plain(cue.note))
        lines += [plain(note, 300) for note in self._session.state(cue.cue_id).media_notes]
        failure = self._session.jobs.failures.get(cue.cue_id)
        if failure is not None:
            lines += [plain(failure.message), plain(failure.hint)]
        return "\n".join(line for line in lines if line)

    def _on_cut_opened(self) -> None:
        self.beginResetModel()
        self._cues = self._session.cues
        self._fixed_texts.clear()
        self.endResetModel()

    def _on_cue_changed(self, cue_id: str) -> None:
        row = self._session.index(cue_id)
        if 0 <= row < len(self._cues):
            self.dataChanged.emit(self.index(row, LENGTH), self.index(row, STAR))

    def _on_theme_changed(self) -> None:
        if self._cues:
            last = self.index(len(self._cues) - 1, STAR)
            self.dataChanged.emit(self.index(0, 0), last)


class CuesFilter(QSortFilterProxyModel):
    """Cues by words in name or prompt, and by state."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._needle = ""
        self._state = ""
        self.setSortRole(SORT_ROLE)

    def set_text(self, text: str) -> None:
        """Show cues with these words in name, prompt or caption."""
        if text.strip().casefold() != self._needle:
            self.beginFilterChange()
            self._needle = text.strip().casefold()
            self.endFilterChange()

    def set_state(self, state: str) -> None:
        """Show cues of a state, ``starred`` ones, or all (empty)."""
        if state != self._state:
            self.beginFilterChange()
            self._state = state
            self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        """Whether a cue is shown."""
        del parent
        cues = self._session.cues
        if row >= len(cues):
            return False
        cue = cues[row]
        if not self._needle and not self._state:
            return True
        state = self._session.state(cue.cue_id)
        if self._state == "starred" and not state.starred:
            return False
        if self._state not in ("", "starred") and self._session.status(cue.cue_id) != self._state:
            return False
        where = f"{cue.clip[:500]} {state.prompt} {state.caption} {cue.track}"
        return self._needle in where.casefold()
