"""A layout of chips or ticks that goes on in the next line where one is full."""

from __future__ import annotations

from PyQt6.QtCore import QRect, QSize
from PyQt6.QtWidgets import QLayout, QLayoutItem

from vatt_ui.theme.tokens import SPACE


class FlowLayout(QLayout):
    """Widgets in lines, as many to a line as fit, each in the middle of its line."""

    def __init__(self, spacing: int = SPACE) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem | None) -> None:
        """Add at the end."""
        if item is not None:
            self._items.append(item)

    def count(self) -> int:
        """How many."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """The item at a place."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Remove the item at a place."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        """It grows downwards."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height at a width."""
        edges = self.contentsMargins()
        inner = width - edges.left() - edges.right()
        high = self._arrange(QRect(0, 0, inner, 0), apply=False)
        return high + edges.top() + edges.bottom()

    def setGeometry(self, rect: QRect) -> None:
        """Lay the items out."""
        super().setGeometry(rect)
        self._arrange(rect.marginsRemoved(self.contentsMargins()), apply=True)

    def sizeHint(self) -> QSize:
        """The smallest size."""
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        """Room for the largest item."""
        size = QSize()
        for item in self._items:
            size = size.expandedTo(QSize(40, item.sizeHint().height()))
        edges = self.contentsMargins()
        return size + QSize(edges.left() + edges.right(), edges.top() + edges.bottom())

    def _arrange(self, rect: QRect, *, apply: bool) -> int:
        """Lay out line by line; returns the height."""
        y = rect.y()
        for line in self._lines(rect.width()):
            height = max(item.sizeHint().height() for item, _width in line)
            x = rect.x()
            for item, width in line:
                own = item.sizeHint().height()
                if apply:
                    left = rect.left() + rect.right() + 1 - x - width if self._mirrored() else x
                    item.setGeometry(QRect(left, y + (height - own) // 2, width, own))
                x += width + self.spacing()
            y += height + self.spacing()
        return max(0, y - self.spacing() - rect.y())

    def _mirrored(self) -> bool:
        owner = self.parentWidget()
        return owner is not None and owner.isRightToLeft()

    def _lines(self, room: int) -> list[list[tuple[QLayoutItem, int]]]:
        lines: list[list[tuple[QLayoutItem, int]]] = []
        used = 0
        for item in self._items:
            if item.isEmpty():
                continue
            width = min(item.sizeHint().width(), max(40, room))
            if not lines or used + width > room:
                lines.append([])
                used = 0
            lines[-1].append((item, width))
            used += width + self.spacing()
        return lines
