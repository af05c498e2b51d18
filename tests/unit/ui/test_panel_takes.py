"""Takes in the panel: made, compared, starred, trashed, copied, ranked, made anew in part."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import wait_take
from vatt_plugin import ranking
from vatt_ui import take_keeping
from vatt_ui.main_window import MainWindow


def test_regenerating_a_span_keeps_the_parent(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.regenerate_span()
    assert "no take yet" in " ".join(panel.inspector.notices.texts)
    panel.commands.generate()
    wait_take(panel, qtbot)
    session.edit_each("Set in", [session.current], span=(0.5, 1.0))
    panel.commands.regenerate_span()
    wait_take(panel, qtbot, 2)
    parent, child = session.takes(session.current)
    assert child.recipe.parent_take == parent.take_id
    assert child.recipe.span == (0.5, 1.0)
    assert session.state(session.current).chosen == parent.take_id  # chosen takes stay


def test_undo_hides_a_take_and_keeps_its_file(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    (take,) = session.takes(session.current)
    session.undo()
    assert session.takes(session.current) == []
    assert session.state(session.current).chosen == ""
    assert Path(take.wav_path).is_file()
    session.redo()
    assert session.takes(session.current) == [take]


def test_takes_are_compared_starred_trashed_and_recalled(panel: MainWindow, qtbot: QtBot) -> None:
    session, takes = panel.session, panel.takes
    session.edit_each("Edit prompt", [session.current], prompt="door")
    panel.commands.generate(takes=3)
    wait_take(panel, qtbot, 3)
    one, two, three = (t.take_id for t in session.takes(session.current))
    assert takes.shown == three
    takes.set_b()
    takes.choose_number(1)
    takes.swap()
    assert takes.shown == three
    takes.swap()
    assert takes.shown == one
    assert takes.ab.text() == "A 1   B 3"
    takes.choose_number(3)  # B itself: what was A is compared with it from now on
    assert takes.ab.text() == "A 3   B 1"
    takes.choose_number(1)
    takes.star_shown()
    assert session.state(session.current).starred == (one,)
    takes.choose_number(2)
    takes.trash_shown()
    state = session.state(session.current)
    assert state.trashed == (two,)
    assert state.chosen == ""
    session.undo()
    assert session.state(session.current).chosen == two
    panel.inspector.prompt.setPlainText("window")
    session.show_take(one)
    takes.recall_recipe("remix")
    assert session.state(session.current).prompt == "door"
    takes.recall_recipe("seed")
    recalled = session.take(one)
    assert recalled is not None
    assert session.state(session.current).seed == recalled.recipe.seed
    takes.nudge_away_lag()
    assert session.state(session.current).nudge_s == -0.04
    session.show_take(two)
    takes.trash_shown()
    assert take_keeping.empty_trash(session) == 1
    assert [t.take_id for t in session.takes(session.current)] == [one, three]
    assert panel.takes.model.rowCount() == 2


def test_cancelled_job_leaves_no_take(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    session.engine.set_paused(True)
    panel.commands.generate()
    assert session.status(session.current) == "queued"
    session.jobs.cancel_all()
    assert session.status(session.current) == "none"
    session.engine.set_paused(False)
    assert session.takes(session.current) == []
    job = session.jobs.table()[0][0].job_id
    session.jobs.retry(job)
    wait_take(panel, qtbot)


def test_dragged_take_is_a_real_file(panel: MainWindow, qtbot: QtBot) -> None:
    from vatt_ui.widgets.takes_pane import take_data

    panel.commands.generate()
    wait_take(panel, qtbot)
    data = take_data(panel.takes.model, panel.takes.model.index(0, 0))
    assert data is not None
    assert Path(data.urls()[0].toLocalFile()).is_file()


@pytest.mark.parametrize("engine_modes", [("burst",)])
def test_takes_arrive_also_when_all_events_come_in_one_piece(
    panel: MainWindow, qtbot: QtBot
) -> None:
    panel.commands.generate(takes=3)
    wait_take(panel, qtbot, 3)
    assert panel.session.jobs.failures == {}


def test_a_take_in_the_making_is_shown_where_it_will_appear(
    panel: MainWindow, qtbot: QtBot
) -> None:
    assert not panel.takes.progress.isVisible()
    panel.session.engine.set_paused(True)
    panel.commands.generate()
    assert panel.takes.progress.isVisible()
    assert panel.takes.progress.text() == "Take 1: waiting"
    panel.session.engine.set_paused(False)
    wait_take(panel, qtbot)
    qtbot.waitUntil(lambda: not panel.takes.progress.isVisible(), timeout=30000)


def test_a_take_is_copied_as_a_file(panel: MainWindow, qtbot: QtBot) -> None:
    panel.commands.generate()
    wait_take(panel, qtbot)
    panel.takes.copy_shown()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    data = clipboard.mimeData()
    assert data is not None
    assert Path(data.urls()[0].toLocalFile()).suffix == ".wav"


def test_the_best_of_several_takes_is_used_unless_one_was_picked(
    panel: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "rank", lambda take: (0.0, -take.recipe.seed))
    session = panel.session
    panel.commands.generate(takes=3)
    wait_take(panel, qtbot, 3)
    takes = session.takes(session.current)
    qtbot.waitUntil(
        lambda: session.state(session.current).chosen == takes[2].take_id, timeout=30000
    )
    session.undo()
    assert session.state(session.current).chosen == takes[0].take_id
    panel.commands.generate(takes=2)
    wait_take(panel, qtbot, 5)
    qtbot.waitUntil(lambda: session.jobs.open_count() == 0, timeout=30000)
    assert session.state(session.current).chosen == takes[0].take_id


def test_of_several_takes_the_best_is_heard_and_not_the_last(
    panel: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "rank", lambda take: (0.0, abs(take.recipe.seed - 2)))
    session = panel.session
    panel.commands.generate(takes=3)
    wait_take(panel, qtbot, 3)
    second = session.takes(session.current)[1].take_id
    qtbot.waitUntil(lambda: panel.takes.shown == second, timeout=30000)
    assert session.state(session.current).chosen == second


def test_takes_say_how_well_they_fit_and_what_is_wrong(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate(takes=3)
    wait_take(panel, qtbot, 3)
    qtbot.waitUntil(lambda: session.jobs.open_count() == 0, timeout=30000)
    told: list[dict[str, float]] = [
        {"score": 0.5, "faults": 0.0},
        {"score": 0.9, "faults": 1.0, "fault_speech": 1.0},
        {"score": 0.7, "faults": 0.0, "closeness": 0.66},
    ]
    assert session.project is not None
    for take, figures in zip(session.takes(session.current), told, strict=True):
        session.project.takes[take.take_id] = dataclasses.replace(take, figures=figures)
    session.cue_changed.emit(session.current)
    session.current_changed.emit()
    model = panel.takes.model
    cells = [[model.index(row, column).data() for column in (4, 5)] for row in range(3)]
    assert cells == [["50 %", "used"], ["90 %", "faulty"], ["70 %", "best"]]
    assert "66 %" in model.index(2, 0).data(Qt.ItemDataRole.ToolTipRole)
    session.show_take(session.takes(session.current)[1].take_id)
    panel.inspector.refresh()
    assert "there is speech in it" in panel.inspector.facts.text()


def test_words_added_to_a_prompt_are_shown_under_it(panel: MainWindow, qtbot: QtBot) -> None:
    session, inspector = panel.session, panel.inspector
    panel.commands.generate()
    wait_take(panel, qtbot)
    assert not inspector.heard.isVisible()  # the model was told just the caption
    inspector.prompt.setPlainText("sneakers on a gym floor")
    panel.commands.generate()
    wait_take(panel, qtbot, 2)
    first, second = session.takes(session.current)
    session.show_take(first.take_id)
    assert not inspector.heard.isVisible()  # of other words it says nothing
    session.show_take(second.take_id)
    assert inspector.heard.isVisible()
    assert inspector.heard.text() == "Heard as: …, footsteps"
    assert inspector.heard.accessibleName() == "Heard as: sneakers on a gym floor, footsteps"
    assert inspector.prompt.toPlainText() == "sneakers on a gym floor"  # the user's, untouched
    model = panel.takes.model
    tips = [model.index(row, 0).data(Qt.ItemDataRole.ToolTipRole) for row in range(2)]
    assert ["Heard as: sneakers on a gym floor, footsteps" in tip for tip in tips] == [False, True]
    inspector.prompt.setPlainText("boots")
    assert not inspector.heard.isVisible()  # nothing is known of these words yet
