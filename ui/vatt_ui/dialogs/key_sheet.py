"""F1: every key on one sheet, as it is now."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from vatt_ui.dialogs.base import Dialog
from vatt_ui.keys import KEYS, Key, shown_keys
from vatt_ui.language import _
from vatt_ui.preferences import Preferences
from vatt_ui.text import Label
from vatt_ui.theme.apply import Theme, fixed_font
from vatt_ui.theme.tokens import GAP, PAD, SPACE
from vatt_ui.widgets.common import text_button

COLUMNS = 3


class KeySheet(Dialog):
    """All groups side by side.

    Signals:
        change_wanted(): the user asks to change keys.
    """

    change_wanted = pyqtSignal()

    def __init__(self, parent: QWidget, theme: Theme, preferences: Preferences) -> None:
        super().__init__(parent, _("Keys"))
        self.resize(1020, 690)
        groups: dict[str, list[tuple[Key, str]]] = {}
        for key in KEYS:
            if key.action.startswith("take_") and key.action not in ("take_1", "take_none"):
                continue
            shown = shown_keys(key, preferences.keys, single_keys=preferences.single_keys)
            if shown:
                groups.setdefault(key.group, []).append((key, shown))
        content = QWidget()
        grid = QGridLayout(content)
        grid.setHorizontalSpacing(3 * PAD)
        columns = [QVBoxLayout() for _ in range(COLUMNS)]
        heights = [0] * COLUMNS
        for name, keys in groups.items():
            place = heights.index(min(heights))
            columns[place].addWidget(_group(name, keys))
            heights[place] += len(keys) + 3
        for i, column in enumerate(columns):
            column.addStretch(1)
            grid.addLayout(column, 0, i)
            grid.setColumnStretch(i, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName(_("Keys of all actions"))
        scroll.setWidget(content)
        self.body.addWidget(scroll, 1)
        change = text_button(theme, _("Change keys…"), "settings")
        close = text_button(theme, _("Close"), primary=True)
        change.clicked.connect(self.accept)
        change.clicked.connect(self.change_wanted)
        close.clicked.connect(self.accept)
        self.add_buttons(change, close)


def _group(name: str, keys: list[tuple[Key, str]]) -> QWidget:
    widget = QWidget()
    grid = QGridLayout(widget)
    grid.setContentsMargins(0, 0, 0, GAP)
    grid.setVerticalSpacing(SPACE)
    grid.setHorizontalSpacing(PAD)
    grid.addWidget(Label(name, "large"), 0, 0, 1, 2)
    for row_number, (key, shown) in enumerate(keys, 1):
        title = _("Choose take 1-9") if key.action == "take_1" else key.title.rstrip("…")
        shown = "1-9" if key.action == "take_1" else shown
        cap = Label(shown)
        cap.setFont(fixed_font(9))
        cap.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        cap.setMinimumWidth(104)
        grid.addWidget(cap, row_number, 0)
        grid.addWidget(Label(title, "dim"), row_number, 1)
    grid.setColumnStretch(1, 1)
    return widget


def show(parent: QWidget, theme: Theme, preferences: Preferences) -> KeySheet:
    """Open the sheet."""
    sheet = KeySheet(parent, theme, preferences)
    sheet.show()
    return sheet
