"""After a crash: several projects with unsaved steps, of which one is opened and none is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from tests.helpers.crashes import crash
from tests.unit.ui.conftest import write_cut
from vatt_plugin.project import Project, inspect
from vatt_ui.dialogs.recovery import RecoveryList
from vatt_ui.main_window import MainWindow
from vatt_ui.text import Label

NAMES = ("one.otio", "two.otio")


@pytest.fixture
def crashed(window: MainWindow, movie: Path, tmp_path: Path) -> list[Path]:
    """Two projects with a save, and one and two steps after it that nobody saved."""
    paths = [write_cut(tmp_path, [str(movie)], name) for name in NAMES]
    for n_steps, path in enumerate(paths, 1):
        project = Project.open(path)
        project.edit("Edit prompt", {"cue": {"prompt": "saved"}})
        project.save()
        for step in range(n_steps):
            project.edit("Edit prompt", {"cue": {"prompt": f"unsaved {step}"}})
        crash(project)
        window.preferences.add_recent(str(path))
    return paths


def press(*names: str) -> None:
    """Press buttons of the list, by their accessible names, once it is open."""

    def act() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, RecoveryList)
        buttons = {b.accessibleName(): b for b in dialog.findChildren(QPushButton)}
        for name in names:
            buttons[name].click()

    QTimer.singleShot(0, act)


def n_unsaved(path: Path) -> int:
    found = inspect(path)
    return found.unsaved_steps if found is not None else 0


def test_the_list_tells_projects_and_unsaved_steps(window: MainWindow, crashed: list[Path]) -> None:
    found = [(path, left) for path in crashed if (left := inspect(path)) is not None]
    dialog = RecoveryList(window, window.theme, found)
    texts = [label.text() for row in dialog.rows for label in row.findChildren(Label)]
    assert [Path(text).name for text in texts[::2]] == list(NAMES)
    assert [text.partition(",")[0] for text in texts[1::2]] == [
        "1 step not saved",
        "2 steps not saved",
    ]
    dialog.close()


@pytest.mark.parametrize(("button", "prompt"), [("Recover", "unsaved 1"), ("Open saved", "saved")])
def test_one_is_opened_and_the_skipped_one_keeps_its_steps(
    window: MainWindow, crashed: list[Path], qtbot: QtBot, button: str, prompt: str
) -> None:
    press("Skip one.otio", f"{button} two.otio")
    with qtbot.waitSignal(window.session.cut_opened, timeout=90000):
        window.opening.offer_recovery()
    assert window.session.project is not None
    assert window.session.project.timeline == crashed[1]
    assert window.session.state("cue").prompt == prompt
    assert n_unsaved(crashed[0]) == 1


@pytest.mark.parametrize("buttons", [("Skip all",), ("Skip two.otio", "Skip one.otio")])
def test_skipping_everything_changes_nothing(
    window: MainWindow, crashed: list[Path], buttons: tuple[str, ...]
) -> None:
    press(*buttons)
    window.opening.offer_recovery()
    assert window.session.project is None
    assert [n_unsaved(path) for path in crashed] == [1, 2]
