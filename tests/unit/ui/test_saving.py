"""The project on the disk: forced there by the helper, snapshots made in slices, nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.helpers.crashes import crash
from tests.unit.ui.conftest import wait_take
from vatt_engine.errors import CannotWrite
from vatt_plugin.project import Project
from vatt_plugin.project_text import snapshot_pieces
from vatt_ui.helper import operations
from vatt_ui.main_window import MainWindow


def test_pieces_of_a_snapshot_are_the_project(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    assert session.project is not None
    for text in ('steps "on" gravel', "steps\nüber Holz"):
        session.edit_each("Edit prompt", [session.current], prompt=text)
    panel.commands.generate()
    wait_take(panel, qtbot)
    pieces = list(snapshot_pieces(session.project))
    whole = json.loads(json.dumps(session.project.as_plain()))
    assert json.loads("".join(pieces)) == whole
    assert len(pieces) > len(session.cues)


def test_pieces_describe_the_project_as_it_was_when_asked(panel: MainWindow) -> None:
    session = panel.session
    assert session.project is not None
    session.edit_each("Edit prompt", [session.current], prompt="before")
    pieces = snapshot_pieces(session.project)
    session.edit_each("Edit prompt", [session.current], prompt="after")
    body = json.loads("".join(pieces))
    assert body["cues"][session.current]["prompt"] == "before"


def test_saving_goes_on_between_events_and_keeps_later_steps(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    assert session.project is not None
    session.edit_each("Edit prompt", [session.current], prompt="saved")
    with qtbot.waitSignal(session.saved, timeout=60000):
        session.save()
        session.edit_each("Edit prompt", [session.cues[1].cue_id], prompt="later")
    assert session.project.saved_at is not None
    assert session.project.unsaved_steps >= 1
    crash(session.project)
    session.project = None
    session.saving.stop()
    again = Project.open(cut_path)
    assert again.state(session.cues[0].cue_id).prompt == "saved"
    assert again.state(session.cues[1].cue_id).prompt == "later"
    again.close()


def test_steps_reach_the_disk_within_a_second(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    with qtbot.waitSignal(session.saved, timeout=60000):
        session.edit_each("Edit prompt", [session.current], prompt="steps")


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    assert operations.sync(str(tmp_path / "gone.jsonl")) == {}  # a snapshot has replaced it
    with pytest.raises(CannotWrite):
        operations.sync(str(tmp_path))


def test_a_full_disk_keeps_the_former_snapshot(
    panel: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = panel.session
    assert session.project is not None
    session.edit_each("Edit prompt", [session.current], prompt="steps")

    def full(*_args: object, **_options: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    session.save()
    monkeypatch.undo()
    assert any("not saved" in text for text in panel.window_notices.texts)
    with qtbot.waitSignal(session.saved, timeout=60000):
        session.save()
    assert not any("not saved" in text for text in panel.window_notices.texts)
