"""The panel's actions: one ``QAction`` a row of the key table, and what keeps keys out of fields.

Shortcuts belong to the window, so they act wherever the focus is; except that a key which types
something never fires while text is typed, and that buttons, lists and sliders keep Space and the
arrows which are theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QAction, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QKeySequenceEdit,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from vatt_ui.keys import BY_ACTION, KEYS, Key, sequences, shown_keys
from vatt_ui.language import _
from vatt_ui.text import set_tip
from vatt_ui.theme.apply import Theme

TEXT_FIELDS = (QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QKeySequenceEdit)
_ARROWS = {Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down}
_JUMPS = {Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}
_MODIFIERS = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)
# Chords that mean something inside every text field; the panel's own meaning waits outside.
_TEXT_CHORDS = {
    Qt.Key.Key_A, Qt.Key.Key_C, Qt.Key.Key_V, Qt.Key.Key_X,
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_Backspace, Qt.Key.Key_Delete,
}  # fmt: skip


class Actions(QObject):
    """All actions by id."""

    def __init__(
        self, window: QMainWindow, theme: Theme, handlers: Mapping[str, Callable[[], object]]
    ) -> None:
        super().__init__(window)
        self._theme = theme
        self._shown: dict[str, list[QWidget]] = {}
        self._names: dict[int, str] = {}
        self._spoken: dict[int, str] = {}
        self.actions: dict[str, QAction] = {}
        for key in KEYS:
            action = QAction(key.title, window)
            action.setObjectName(key.action)
            action.setAutoRepeat(key.repeats)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            handler = handlers.get(key.action)
            if handler is not None:
                action.triggered.connect(lambda _, h=handler: h())
            window.addAction(action)
            self.actions[key.action] = action
        self._draw_icons()
        theme.changed.connect(self._draw_icons)

    def __getitem__(self, action: str) -> QAction:
        """An action by its id."""
        return self.actions[action]

    def use_keys(self, remapped: Mapping[str, Iterable[str]], *, single_keys: bool) -> None:
        """Put the shortcuts on, and show them in tool tips."""
        for key in KEYS:
            self.actions[key.action].setShortcuts(sequences(key, remapped, single_keys=single_keys))
        for action, widgets in self._shown.items():
            shown = shown_keys(BY_ACTION[action], remapped, single_keys=single_keys)
            for widget in widgets:
                name = self._names[id(widget)]
                # What a screen reader has said as the name is not said again.
                words = [] if name == self._spoken[id(widget)] else [name]
                spoken = ". ".join([*words, *([_("Key {key}").format(key=shown)] if shown else [])])
                set_tip(widget, f"{name} ({shown})" if shown else name, spoken or name)

    def attach(self, action: str, button: QAbstractButton) -> None:
        """Let a button do an action, and show its key."""
        self.explain(action, button)
        button.clicked.connect(self.actions[action].trigger)

    def explain(self, action: str, widget: QWidget) -> None:
        """Show an action's key in the tool tip of what it leads to."""
        self._shown.setdefault(action, []).append(widget)
        told = widget.toolTip() or widget.accessibleName()
        self._names[id(widget)] = told or BY_ACTION[action].title
        self._spoken[id(widget)] = widget.accessibleName()

    def _draw_icons(self) -> None:
        for key in KEYS:
            if key.icon:
                self.actions[key.action].setIcon(self._theme.icon(key.icon))


class KeyGuard(QObject):
    """An event filter: decides who gets a key before shortcuts do."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._keys: list[Key] = list(KEYS)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Accepting ``ShortcutOverride`` gives the key to the widget instead of the shortcut."""
        if event is None or event.type() != QEvent.Type.ShortcutOverride:
            return False
        if not isinstance(event, QKeyEvent) or not isinstance(watched, QWidget):
            return False
        if isinstance(watched, QPlainTextEdit) and is_history(event):
            event.ignore()  # or the field would take it: there is one history for everything
            return True
        if keeps(watched, event):
            event.accept()
            return True
        return False


def is_history(event: QKeyEvent) -> bool:
    """Whether a key means undo or redo on this platform."""
    keys = QKeySequence.StandardKey
    return event.matches(keys.Undo) or event.matches(keys.Redo)


def keeps(widget: QWidget, event: QKeyEvent) -> bool:
    """Whether a key belongs to the focused widget rather than to the panel."""
    key = Qt.Key(event.key())
    chord = event.modifiers() & _MODIFIERS
    if isinstance(widget, TEXT_FIELDS) or (isinstance(widget, QComboBox) and widget.isEditable()):
        if key in (Qt.Key.Key_Escape, Qt.Key.Key_F1, Qt.Key.Key_F6):
            return False
        if not chord:
            return True
        return key in _TEXT_CHORDS and not event.modifiers() & Qt.KeyboardModifier.AltModifier
    if chord:
        return False
    if isinstance(widget, QAbstractButton):
        return key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
    if isinstance(widget, QAbstractSlider):
        return key in _ARROWS | _JUMPS
    if isinstance(widget, QComboBox):
        return key in _ARROWS | {Qt.Key.Key_Space}
    if isinstance(widget, QAbstractItemView):
        return key in {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}
    return False
