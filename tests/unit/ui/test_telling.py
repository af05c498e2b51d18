"""Whatever the window shows is also said in the line at its foot, which screen readers are told."""

from __future__ import annotations

import sys

import pytest
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import wait_take
from vatt_plugin.client import EngineStatus
from vatt_ui.main_window import MainWindow
from vatt_ui.notices import Notice


def said(window: MainWindow) -> str:
    return window.status.message.text()


def test_the_windows_own_notices_are_said_at_its_foot(panel: MainWindow) -> None:
    panel.ask_empty_trash()
    assert said(panel) == "The trash is empty."
    panel.watcher.cut_changed.emit()
    assert said(panel).startswith("The cut has changed on disk.")
    client = panel.session.engine.client
    for life, words in (("restarting", "It is started again"), ("unavailable", "still work.")):
        client._status = EngineStatus(life, detail="The engine has died.")  # type: ignore[arg-type]
        panel.session.engine.status_changed.emit(client.status)
        assert said(panel).startswith("The engine has died.")
        assert words in said(panel)


def test_an_uncaught_error_is_said_at_the_foot(window: MainWindow) -> None:
    error = ValueError("of the inside")
    sys.excepthook(ValueError, error, None)
    assert said(window).startswith("Something went wrong inside the panel (ValueError).")
    assert any("ValueError" in text for text in window.window_notices.texts)


def test_an_error_in_showing_errors_ends(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Notice] = []

    def show(notice: Notice) -> None:
        shown.append(notice)
        sys.excepthook(RuntimeError, RuntimeError("again"), None)

    window.session.notice_raised.connect(show)
    sys.excepthook(ValueError, ValueError("first"), None)
    assert len(shown) == 1


def test_what_is_undone_is_said(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    session.edit_each("Edit prompt", [session.current], prompt="door")
    session.undo()
    assert said(panel) == "Undone: Edit prompt of Shot_001."
    session.undo()
    assert said(panel) == "Undone: New take of Shot_001."
    session.redo()
    assert said(panel) == "Done again: New take of Shot_001."
