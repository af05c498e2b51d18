"""The takes of the current cue: what each is, and which are A, B, chosen, starred, trashed."""

from __future__ import annotations

from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from vatt_plugin import ranking
from vatt_plugin.cues import Take
from vatt_ui.language import _
from vatt_ui.session import Session
from vatt_ui.text import ltr, plain, tooltip
from vatt_ui.theme.apply import Theme, fixed_font

NUMBER, WAVE, SEED, LAG, FIT, USED = range(6)
HEADERS = ("#", _("Sound"), _("Seed"), _("Lag"), _("Fit"), _("Use"))
HEADER_NAMES = (
    _("Take"),
    _("Sound"),
    _("Seed"),
    _("Lag of sound behind picture"),
    _("How well timing and kind of sound fit"),
    _("State"),
)

TAKE_ID_ROLE = Qt.ItemDataRole.UserRole + 1
TRASHED_ROLE = Qt.ItemDataRole.UserRole + 2
MARK_ROLE = Qt.ItemDataRole.UserRole + 3  # "A", "B", "AB" or ""

_NO_PARENT = QModelIndex()


class TakesModel(QAbstractTableModel):
    """One row a take of the current cue, in order of making; numbers never move."""

    def __init__(self, session: Session, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self._fixed = fixed_font(8)
        self._with_trash = False
        self._takes: list[Take] = []
        self._numbers: dict[str, int] = {}
        session.cut_opened.connect(self._on_reset)
        session.current_changed.connect(self._on_reset)
        session.cue_changed.connect(self._on_cue_changed)
        session.take_shown.connect(self._on_take_shown)
        theme.changed.connect(self._refresh)

    def set_with_trash(self, shown: bool) -> None:
        """Show what is in the trash as well."""
        self._with_trash = shown
        self._on_reset()

    def rowCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """Takes."""
        return 0 if parent.isValid() else len(self._takes)

    def columnCount(self, parent: QModelIndex = _NO_PARENT) -> int:
        """The columns of ``HEADERS``."""
        return 0 if parent.isValid() else len(HEADERS)

    def take(self, row: int) -> Take | None:
        """The take of a row."""
        return self._takes[row] if 0 <= row < len(self._takes) else None

    def row_of(self, take_id: str) -> int:
        """The row of a take; -1 for none."""
        return next((i for i, t in enumerate(self._takes) if t.take_id == take_id), -1)

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
        """One cell, by role."""
        take = self.take(index.row()) if index.isValid() else None
        if take is None:
            return None
        column = index.column()
        state = self._session.state(self._session.current)
        if role == TAKE_ID_ROLE:
            return take.take_id
        if role == TRASHED_ROLE:
            return take.take_id in state.trashed
        if role == MARK_ROLE:
            return self._mark(take)
        if role == Qt.ItemDataRole.DisplayRole:
            return ltr(self._text(take, column))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{HEADER_NAMES[column]}: {self._spoken(take, column)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(self._about(take))
        if role == Qt.ItemDataRole.FontRole:
            return self._fixed if column in (NUMBER, SEED, LAG, FIT) else None
        if role == Qt.ItemDataRole.DecorationRole:
            if column == FIT:
                return self._theme.icon("warning", "edited") if ranking.faults(take) else None
            return self._icon(take) if column == USED else None
        if role == Qt.ItemDataRole.ForegroundRole:
            if take.take_id in state.trashed:
                return self._theme.colour("dim")
            return self._theme.colour("done") if column == USED else None
        return None

    def _mark(self, take: Take) -> str:
        mark = "A" if take.take_id == self._session.current_take(self._session.current) else ""
        compared = self._session.compared_take.get(self._session.current, "")
        return mark + ("B" if take.take_id == compared else "")

    def _text(self, take: Take, column: int) -> str:
        match column:
            case 0:
                return str(self._numbers[take.take_id])
            case 2:
                return str(take.recipe.seed)
            case 3:
                return "–" if take.lag_s is None else f"{take.lag_s * 1000:+.0f} ms"
            case 4:
                return self._fit(take)
            case 5:
                return self._use(take)
            case _:
                return ""

    @staticmethod
    def _fit(take: Take) -> str:
        """What the engine's self-check says; its timing for takes nobody listened to."""
        score = take.figures.get("score", take.sync)
        return "–" if score is None else f"{score * 100:.0f} %"

    def _use(self, take: Take) -> str:
        state = self._session.state(self._session.current)
        if take.take_id in state.trashed:
            return _("trash")
        if take.take_id == state.chosen:
            return _("used")
        if ranking.faults(take):
            return _("faulty")
        others = [ranking.rank(other) for other in self._takes if other is not take]
        return _("best") if others and ranking.rank(take) < min(others) else ""

    def _spoken(self, take: Take, column: int) -> str:
        if column == WAVE:
            mark = self._mark(take)
            return _("take {n}").format(n=self._numbers[take.take_id]) + (
                f", {mark}" if mark else ""
            )
        if column == USED:
            starred = take.take_id in self._session.state(self._session.current).starred
            return ", ".join(
                x for x in (self._use(take), _("starred") if starred else "") if x
            ) or _("not used")
        return self._text(take, column)

    def _icon(self, take: Take) -> Any:
        state = self._session.state(self._session.current)
        if take.take_id in state.starred:
            return self._theme.icon("starred", "accent")
        if take.take_id in state.trashed:
            return self._theme.icon("trash", "dim")
        return self._theme.icon("check", "done") if take.take_id == state.chosen else None

    def _about(self, take: Take) -> str:
        recipe = take.recipe
        lines = [
            _("Prompt: {text}").format(text=plain(recipe.prompt or take.caption) or _("(none)")),
            _("Seed {seed}, model {model}, engine {version}").format(
                seed=recipe.seed, model=plain(recipe.model), version=recipe.engine_version
            ),
        ]
        if take.added_words:
            lines.insert(1, _("Heard as: {text}").format(text=plain(take.heard, 400)))
        if recipe.negative:
            lines.insert(1, _("Without: {text}").format(text=plain(recipe.negative)))
        if recipe.span:
            lines.append(
                _("Regenerated {start} to {end} s").format(
                    start=f"{recipe.span[0]:.2f}", end=f"{recipe.span[1]:.2f}"
                )
            )
        return "\n".join([*lines, *self._measured(take)])

    def _measured(self, take: Take) -> list[str]:
        """What was measured of a take, and its place among the others."""
        lines = []
        if take.sync is not None:
            lines.append(_("Hits met: {n} %").format(n=f"{take.sync * 100:.0f}"))
        if "closeness" in take.figures:
            likely = f"{take.figures['closeness'] * 100:.0f}"
            lines.append(_("Likely the sound asked for: {n} %").format(n=likely))
        if len(self._takes) > 1:
            place = sorted(self._takes, key=ranking.rank).index(take) + 1
            said = _("Place {place} of {n} by timing and kind of sound")
            lines.append(said.format(place=place, n=len(self._takes)))
        lines += [_("Mind: {what}").format(what=what) for what in ranking.remarks(take)]
        if take.lufs is not None:
            lines.append(_("Loudness {lufs} LUFS").format(lufs=f"{take.lufs:.1f}"))
        if take.peak_dbtp is not None:
            peak = _("True peak {peak} dBTP, gain {gain} dB")
            lines.append(peak.format(peak=f"{take.peak_dbtp:.1f}", gain=f"{take.gain_db:+.1f}"))
        return lines

    def _on_reset(self) -> None:
        self.beginResetModel()
        current = self._session.current
        self._takes = self._session.takes(current, trashed=self._with_trash) if current else []
        every = self._session.state(current).takes if current else ()
        self._numbers = {take_id: i + 1 for i, take_id in enumerate(every)}
        self.endResetModel()

    def _on_cue_changed(self, cue_id: str) -> None:
        if cue_id != self._session.current:
            return
        now = self._session.takes(cue_id, trashed=self._with_trash)
        if [t.take_id for t in now] == [t.take_id for t in self._takes]:
            self._refresh()
        else:
            self._on_reset()

    def _on_take_shown(self, take_id: str) -> None:
        del take_id
        self._refresh()

    def _refresh(self) -> None:
        if self._takes:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._takes) - 1, USED))
