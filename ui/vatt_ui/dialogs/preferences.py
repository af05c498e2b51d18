"""Preferences: looks, keys, what is written. Changes act at once."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QKeySequenceEdit,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from vatt_ui.dialogs.base import Dialog
from vatt_ui.dialogs.take_settings import TakeSettings
from vatt_ui.keys import BY_ACTION, KEYS, conflicts, shown_keys
from vatt_ui.language import _
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.text import Label
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import PAD, THEMES
from vatt_ui.widgets.common import name_choice, quiet, row, text_button

THEME_WORDS = {"dark": _("Dark"), "light": _("Light"), "high contrast": _("High contrast")}
PROFILES = (
    ("nle", _("From zero (Resolve, Premiere, Kdenlive, most editors)")),
    ("post", _("From record timecode (Avid, Pro Tools, audio post)")),
)
URL_PROFILES = (
    ("portable", _("Relative: the folder can be moved")),
    ("resolve", _("Absolute, for Resolve")),
    ("premiere", _("file:// addresses, for Premiere")),
)


class PreferencesDialog(Dialog):
    """Tabs: General, New takes, Keys.

    Signals:
        keys_changed(): keys are to be put on anew.
        layout_reset_wanted(): every pane is to go back to where it was at first.
    """

    keys_changed = pyqtSignal()
    layout_reset_wanted = pyqtSignal()

    def __init__(
        self, parent: QWidget, session: Session, theme: Theme, preferences: Preferences
    ) -> None:
        super().__init__(parent, _("Preferences"))
        self.resize(680, 560)
        self._theme = theme
        self._preferences = preferences
        tabs = QTabWidget()
        tabs.setAccessibleName(_("Preferences"))
        tabs.addTab(self._general(), _("General"))
        self.takes = TakeSettings(session)
        tabs.addTab(self.takes, _("New takes"))
        tabs.addTab(self._keys(), _("Keys"))
        self.body.addWidget(tabs, 1)
        close = text_button(theme, _("Close"), primary=True)
        close.clicked.connect(self.accept)
        self.add_buttons(close)

    def _general(self) -> QWidget:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(PAD, PAD, PAD, PAD)
        self.theme_box = QComboBox()
        name_choice(self.theme_box, _("Theme"))
        for name in THEMES:
            self.theme_box.addItem(THEME_WORDS.get(name, name), name)
        self.theme_box.setCurrentIndex(list(THEMES).index(self._theme.tokens.name))
        self.theme_box.currentIndexChanged.connect(self._on_theme_picked)
        form.addRow(Label(_("Theme"), "field"), self.theme_box)
        self.profile_box = _choice(PROFILES, self._preferences.profile, _("Written times count"))
        self.profile_box.currentIndexChanged.connect(self._on_output_picked)
        form.addRow(Label(_("Written times count"), "field"), self.profile_box)
        self.url_box = _choice(
            URL_PROFILES, self._preferences.url_profile, _("Media paths are written")
        )
        self.url_box.currentIndexChanged.connect(self._on_output_picked)
        form.addRow(Label(_("Media paths are written"), "field"), self.url_box)
        self.single = QCheckBox(_("Single keys act (Space, J, K, L, R ...)"))
        self.single.setChecked(self._preferences.single_keys)
        self.single.toggled.connect(self._on_single_toggled)
        form.addRow("", self.single)
        reset = text_button(self._theme, _("Reset layout"))
        reset.clicked.connect(self.layout_reset_wanted)
        form.addRow("", row(reset, 1))
        return page

    def _keys(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(PAD, PAD, PAD, PAD)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(_("Keys of all actions"))
        self.table.setHorizontalHeaderLabels([_("Where"), _("Action"), _("Key")])
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        quiet(self.table, 1, {})
        column.addWidget(self.table, 1)
        self.sequence = QKeySequenceEdit()
        self.sequence.setAccessibleName(_("New key for the chosen action"))
        self.sequence.setMaximumSequenceLength(1)
        self.apply = text_button(self._theme, _("Set"))
        self.reset = text_button(self._theme, _("Default"))
        self.apply.clicked.connect(self._on_key_set)
        self.reset.clicked.connect(self._on_key_reset)
        column.addLayout(row(Label(_("New key"), "field"), self.sequence, self.apply, self.reset))
        self.warning = Label("", "error")
        self.warning.setWordWrap(True)
        column.addWidget(self.warning)
        self._fill()
        self.table.selectRow(0)
        return page

    def _fill(self) -> None:
        chosen = self.table.currentRow()
        self.table.setRowCount(0)
        for key in KEYS:
            at = self.table.rowCount()
            self.table.insertRow(at)
            shown = shown_keys(key, self._preferences.keys, single_keys=True)
            for place, text in enumerate((key.group, key.title.rstrip("…"), shown)):
                self.table.setItem(at, place, QTableWidgetItem(text))
        self.table.setCurrentCell(max(0, chosen), 0)
        clashes = conflicts(self._preferences.keys)
        self.warning.setText(
            "; ".join(
                _("{keys} is both '{one}' and '{other}'").format(
                    keys=keys, one=BY_ACTION[a].title, other=BY_ACTION[b].title
                )
                for keys, a, b in clashes
            )
        )

    def set_key(self, action: str, sequence: QKeySequence) -> None:
        """Give an action another key; an empty one takes it away."""
        text = sequence.toString(QKeySequence.SequenceFormat.PortableText)
        self._preferences.keys = {**self._preferences.keys, action: [text] if text else []}
        self.keys_changed.emit()
        self._fill()

    def _on_key_set(self) -> None:
        if 0 <= self.table.currentRow() < len(KEYS):
            self.set_key(KEYS[self.table.currentRow()].action, self.sequence.keySequence())

    def _on_key_reset(self) -> None:
        if 0 <= self.table.currentRow() < len(KEYS):
            action = KEYS[self.table.currentRow()].action
            self._preferences.keys = {
                k: v for k, v in self._preferences.keys.items() if k != action
            }
            self.keys_changed.emit()
            self._fill()

    def _on_theme_picked(self, place: int) -> None:
        name = self.theme_box.itemData(place)
        self._preferences.theme = name
        self._theme.use(name)

    def _on_output_picked(self, _: int) -> None:
        self._preferences.profile = self.profile_box.currentData()
        self._preferences.url_profile = self.url_box.currentData()

    def _on_single_toggled(self, on: bool) -> None:
        self._preferences.single_keys = on
        self.keys_changed.emit()


def _choice(options: tuple[tuple[str, str], ...], current: str, name: str) -> QComboBox:
    box = QComboBox()
    name_choice(box, name)
    for value, text in options:
        box.addItem(text, value)
    box.setCurrentIndex(max(0, [value for value, _ in options].index(current)))
    return box


def show(
    parent: QWidget, session: Session, theme: Theme, preferences: Preferences
) -> PreferencesDialog:
    """Open it."""
    dialog = PreferencesDialog(parent, session, theme, preferences)
    dialog.show()
    return dialog
