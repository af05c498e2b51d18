"""Each undoable action: done, undone, redone, saved, lost in a crash and recovered, as data."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from tests.helpers.crashes import crash
from tests.unit.ui.conftest import wait_take
from vatt_ui.collector import Collector
from vatt_ui.main_window import MainWindow


def actions(panel: MainWindow) -> dict[str, Callable[[], object]]:
    """What a user does to a cue with two takes and hits, by what it is called."""
    hits, takes = panel.timeline.hits, panel.takes

    def set_span(which: str, seconds: float) -> None:
        panel.player.transport.seek(seconds)
        panel.commands.set_span(which)

    return {
        "prompt": lambda: panel.inspector.prompt.setPlainText("boots on gravel"),
        "negative": lambda: panel.inspector.negative.setPlainText("birds"),
        "seed": lambda: panel.inspector.seed.setValue(777),
        "lock seed": panel.commands.lock_seed,
        "number of takes": lambda: panel.inspector.takes.setValue(4),
        "add hit": lambda: hits.add(0.25, 0.6),
        "move hit": lambda: hits.nudge(3),
        "weaken hit": lambda: hits.strengthen(-0.3),
        "mute hit": hits.mute,
        "delete hit": hits.remove,
        "set in": lambda: set_span("in", 0.5),
        "set out": lambda: set_span("out", 1.0),
        "clear in and out": panel.commands.clear_span,
        "choose": lambda: takes.choose_number(2),
        "star": takes.star_shown,
        "nudge": takes.nudge_away_lag,
        "recall": lambda: takes.recall_recipe("all"),
        "trash": takes.trash_shown,
        "leave out": panel.commands.mute_cue,
        "lock": panel.commands.lock_cue,
    }


def cues_of(panel: MainWindow) -> Any:
    assert panel.session.project is not None
    return panel.session.project.as_plain()["cues"]


def test_every_action_is_undone_redone_and_recovered(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    panel.commands.generate(takes=2)
    wait_take(panel, qtbot, 2)
    qtbot.waitUntil(lambda: session.jobs.open_count() == 0, timeout=30000)
    for name, act in actions(panel).items():
        before = cues_of(panel)
        act()
        after = cues_of(panel)
        assert after != before, name
        session.undo()
        assert cues_of(panel) == before, name
        session.redo()
        assert cues_of(panel) == after, name
        with qtbot.assertNotEmitted(session.notice_raised):
            session.edit_each("Pause", [session.cues[2].cue_id], prompt=f"no merging with {name}")
    assert session.project is not None
    session.project.save()
    session.edit_each("Edit prompt", [session.cues[1].cue_id], prompt="after the save")
    whole = session.project.as_plain()
    crash(session.project)
    session.saving.stop()
    session.project = None
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        session.open(cut_path, recover=True)
    assert session.project is not None
    assert session.project.as_plain() == {**whole, "cut": session.project.cut}
    for _step in range(5):
        session.undo()
    for _step in range(5):
        session.redo()
    assert session.project.as_plain()["cues"] == whole["cues"]


def test_the_collector_gives_its_work_back(qapp: object) -> None:
    assert gc.isenabled()
    collector = Collector()
    collector.start()
    assert not gc.isenabled()
    collector.pause()
    collector.settle()
    collector.stop()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    collector.deleteLater()
