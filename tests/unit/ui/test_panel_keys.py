"""Every row of the key table fires in every pane, and none while text is typed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import make_window
from vatt_ui import commands
from vatt_ui.keys import BY_ACTION, KEYS, Key, conflicts, is_single, sequences
from vatt_ui.main_window import MainWindow
from vatt_ui.widgets.common import EmptyState


@pytest.fixture(scope="module")
def fired() -> Counter[str]:
    return Counter()


@pytest.fixture(scope="module")
def bare(
    qapp: QApplication, tmp_path_factory: pytest.TempPathFactory, fired: Counter[str]
) -> Iterator[MainWindow]:
    """A window whose actions only count, so that Quit does not quit and dialogs stay shut."""
    hook = sys.excepthook
    patch = pytest.MonkeyPatch()

    def count(name: str) -> object:
        return lambda: fired.update([name])

    patch.setattr(
        commands.Commands, "handlers", lambda self: {key.action: count(key.action) for key in KEYS}
    )
    window = make_window(Path(tmp_path_factory.mktemp("keys")))
    patch.undo()
    for action in window.actions_.actions.values():
        action.setEnabled(True)
    window.show()
    window.activateWindow()
    QTest.qWaitForWindowActive(window)  # type: ignore[call-overload]  # the stub lacks @static
    yield window
    window.close()
    window.deleteLater()
    qapp.processEvents()
    sys.excepthook = hook


def press(widget: QWidget, sequence: QKeySequence) -> None:
    QtBot.keySequence(widget, sequence)


def cases() -> list[tuple[Key, QKeySequence]]:
    return [(key, s) for key in KEYS for s in sequences(key, {})]


@pytest.mark.parametrize(
    ("key", "sequence"), cases(), ids=lambda v: v.action if isinstance(v, Key) else v.toString()
)
def test_fires_from_the_strip(
    key: Key, sequence: QKeySequence, bare: MainWindow, fired: Counter[str]
) -> None:
    strip = bare.timeline.strip
    strip.setFocus()
    fired.clear()
    press(strip, sequence)
    assert fired == {key.action: 1}


@pytest.mark.parametrize(
    ("key", "sequence"), cases(), ids=lambda v: v.action if isinstance(v, Key) else v.toString()
)
def test_text_fields_keep_their_keys(
    key: Key, sequence: QKeySequence, bare: MainWindow, fired: Counter[str]
) -> None:
    for field in (bare.inspector.prompt, bare.cues.search, bare.inspector.seed):
        field.setEnabled(True)
        field.setFocus()
        fired.clear()
        press(field, sequence)
        combination = sequence[0]
        typed = not combination.keyboardModifiers() & ~Qt.KeyboardModifier.ShiftModifier
        if typed and key.action not in ("key_sheet", "pane_next", "pane_previous", "leave"):
            assert not fired, f"{key.action} fired in {field.accessibleName()}"


@pytest.mark.parametrize("action", [k.action for k in KEYS if k.in_text and k.keys])
def test_marked_keys_fire_while_typing(action: str, bare: MainWindow, fired: Counter[str]) -> None:
    field = bare.inspector.prompt
    field.setFocus()
    fired.clear()
    press(field, sequences(BY_ACTION[action], {})[0])
    assert fired[action] == 1


def test_buttons_sliders_and_lists_keep_what_is_theirs(
    bare: MainWindow, fired: Counter[str]
) -> None:
    space, up, left = QKeySequence("Space"), QKeySequence("Up"), QKeySequence("Left")
    mute = bare.viewer.buttons["mute_foley"]
    mute.setFocus()
    fired.clear()
    press(mute, space)
    assert fired == {"mute_foley": 1}  # the button was pressed; nothing played
    volume = bare.viewer.volume
    volume.setFocus()
    before = volume.value()
    fired.clear()
    press(volume, left)
    assert volume.value() < before
    assert not fired
    table = bare.takes.table
    table.setFocus()
    fired.clear()
    press(table, up)
    assert not fired


def test_tables_let_letters_and_space_through(bare: MainWindow, fired: Counter[str]) -> None:
    bare.cues.table.setFocus()
    fired.clear()
    for text in ("R", "J", "Space", "F"):
        press(bare.cues.table, QKeySequence(text))
    assert fired == {"generate": 1, "shuttle_back": 1, "play": 1, "star": 1}


def test_no_two_actions_share_a_key() -> None:
    assert conflicts({}) == []
    assert conflicts({"star": ["R"]}) == [("R", "generate", "star")]


def test_single_keys_can_be_switched_off(bare: MainWindow, fired: Counter[str]) -> None:
    bare.preferences.single_keys = False
    bare.use_keys()
    strip = bare.timeline.strip
    strip.setFocus()
    fired.clear()
    press(strip, QKeySequence("R"))
    press(strip, QKeySequence("Space"))
    assert not fired
    press(strip, QKeySequence("Ctrl+Return"))
    assert fired == {"generate_now": 1}
    bare.preferences.single_keys = True
    bare.use_keys()


def test_keys_can_be_changed_and_tool_tips_follow(bare: MainWindow, fired: Counter[str]) -> None:
    bare.preferences.keys = {"play": ["Ctrl+Alt+P"]}
    bare.use_keys()
    strip = bare.timeline.strip
    strip.setFocus()
    fired.clear()
    press(strip, QKeySequence("Space"))
    press(strip, QKeySequence("Ctrl+Alt+P"))
    assert fired == {"play": 1}
    assert "Ctrl+Alt+P" in bare.viewer.buttons["play"].toolTip()
    bare.preferences.keys = {}
    bare.use_keys()


def test_single_means_without_modifier() -> None:
    assert is_single("R")
    assert is_single("Shift+R")
    assert is_single("Space")
    assert not is_single("Ctrl+R")
    assert not is_single("F6")
    assert not is_single("Left")


def test_every_control_has_a_name(bare: MainWindow, qtbot: QtBot) -> None:
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit)
    nameless = [
        (type(w).__name__, w.parent())
        for kind in kinds
        for w in bare.findChildren(kind)
        if not (w.accessibleName() or getattr(w, "text", str)())
        and not w.objectName().startswith("qt_")
    ]
    assert nameless == []


def test_every_control_says_its_key_or_what_it_is(bare: MainWindow) -> None:
    kinds = (QAbstractButton, QAbstractSpinBox, QLineEdit, QPlainTextEdit)
    silent = [
        w.accessibleName()
        for kind in kinds
        for w in bare.findChildren(kind)
        if not w.toolTip()
        and not w.objectName().startswith("qt_")
        and not isinstance(w.parent(), QAbstractSpinBox | QLineEdit)
        and not isinstance(w.parent(), EmptyState)  # a word says it all
    ]
    assert silent == []
    for widget, keys in (
        (bare.inspector.prompt, "(P)"),
        (bare.inspector.generate, "(R)"),
        (bare.cues.search, "(/)"),
        (bare.status.write, "(Ctrl+E)"),
        (bare.status.queue, "(Q)"),
        (bare.viewer.buttons["play"], "(Space)"),
    ):
        assert keys in widget.toolTip()


def test_controls_are_large_enough(bare: MainWindow) -> None:
    small = [
        b.accessibleName()
        for b in bare.findChildren(QAbstractButton)
        if b.isVisible()
        and not b.objectName().startswith("qt_")
        and min(b.width(), b.height()) < 24
    ]
    assert small == []
