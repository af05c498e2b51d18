"""A table in a narrow pane shows fewer columns, so that what matters most is never out of sight."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QTableView


class SpareColumns(QObject):
    """Hides columns of a table while they would squeeze the one that is stretched.

    Args:
        table: with its widths set.
        stretched: the column that takes what is left.
        least: pixels it needs to be of use.
        spare: the other columns that may go, the first to go first.
    """

    def __init__(self, table: QTableView, stretched: int, least: int, spare: Sequence[int]) -> None:
        super().__init__(table)
        self._table, self._stretched = table, stretched
        self._least, self._spare = least, spare
        model, viewport = table.model(), table.viewport()
        assert model is not None
        assert viewport is not None
        self._columns = [c for c in range(model.columnCount()) if c != stretched]
        self._widths = {c: table.columnWidth(c) for c in self._columns}
        viewport.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The pane became wider or narrower."""
        if isinstance(event, QResizeEvent):
            self._fit(event.size().width())
        return super().eventFilter(watched, event)

    def _fit(self, room: int) -> None:
        table = self._table
        for column in self._columns:  # the user may have drawn one wider
            if not table.isColumnHidden(column):
                self._widths[column] = table.columnWidth(column)
        left = room - sum(self._widths.values())
        for column in self._spare:
            hidden = left < self._least
            left += self._widths[column] if hidden else 0
            if table.isColumnHidden(column) != hidden:
                table.setColumnHidden(column, hidden)
