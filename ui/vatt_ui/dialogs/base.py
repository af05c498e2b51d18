"""What the dialogs share: never modal unless data could be lost, gone when closed, Esc closes."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from vatt_ui.text import Label
from vatt_ui.theme.tokens import GAP, PAD


class Dialog(QDialog):
    """A window beside the panel with a heading and a row of buttons."""

    def __init__(self, parent: QWidget, title: str, *, modal: bool = False) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(modal)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(2 * PAD, PAD + GAP, 2 * PAD, PAD)
        self.body.setSpacing(GAP)
        self.heading = Label(title, "heading")
        self.body.addWidget(self.heading)

    def add_buttons(self, *widgets: QWidget) -> None:
        """The last row: buttons on the right."""
        row = QHBoxLayout()
        row.addStretch(1)
        for widget in widgets:
            row.addWidget(widget)
        self.body.addSpacing(GAP)
        self.body.addLayout(row)
