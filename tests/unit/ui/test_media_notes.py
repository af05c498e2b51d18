"""What the engine finds amiss with the media stands with the cue it belongs to."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import open_cut
from vatt_engine.messages import Finished, Log, TakeReady
from vatt_plugin.cues import Cue
from vatt_ui.main_window import MainWindow
from vatt_ui.media_notes import amiss
from vatt_ui.models import cues_model

DAMAGED = "count.mp4: 3 damaged places were skipped; the picture before them was held."
SHORT = "count.mp4 has no picture for 0.50 s of the clip, first at 1.50 s."


def tip(panel: MainWindow, row: int) -> str:
    at = panel.cues.model.index(row, cues_model.CLIP)
    return str(panel.cues.model.data(at, Qt.ItemDataRole.ToolTipRole))


def caption(panel: MainWindow, *told: Log) -> None:
    """A caption job of the current cue in which the engine tells this."""
    session = panel.session
    session.engine.client.pause()
    job_id = session.jobs.caption(session.current)
    for log in told:
        event = Log("WARNING", log.message, job_id, log.code)
        session.engine.event_received.emit(event)
    session.engine.event_received.emit(Finished(job_id, {}))
    session.jobs.cancel_all()


def test_damaged_media_is_told_with_its_cue_and_after_reopening(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    undo_label = session.project.undo_label if session.project else ""
    caption(panel, Log(message=DAMAGED, code="media_damaged"), Log(message="the model is read"))
    assert session.state(session.current).media_notes == (DAMAGED,)
    assert session.project is not None
    assert session.project.undo_label == undo_label  # found, not done by anyone
    first = session.current
    session.step_cue(1)
    assert DAMAGED not in panel.inspector.facts.text()
    session.step_cue(-1)
    assert f"Mind: {DAMAGED}" in panel.inspector.facts.text()
    assert "damaged places" in tip(panel, 0)
    assert "damaged places" not in tip(panel, 1)
    open_cut(panel, cut_path, qtbot)
    assert session.current == first
    assert f"Mind: {DAMAGED}" in panel.inspector.facts.text()


def test_mended_media_is_no_longer_told_of(panel: MainWindow) -> None:
    caption(panel, Log(message=SHORT, code="media_short"), Log(message=SHORT, code="media_short"))
    assert panel.inspector.facts.text().count(SHORT) == 1
    caption(panel)
    assert SHORT not in panel.inspector.facts.text()


@pytest.mark.parametrize(("missing_s", "is_told"), [(0.0, False), (0.04, False), (1.5, True)])
def test_what_handles_lack_is_no_matter_for_takes(missing_s: float, is_told: bool) -> None:
    cue = Cue("id", "clip", "V1", Fraction(24), 0, 48, 0, (), {})
    assert amiss(Log("WARNING", SHORT, "j", "media_short"), "generate", cue) == ""
    take = TakeReady("j", figures={"picture_missing_s": missing_s})
    assert ("1.5 s" in amiss(take, "generate", cue)) is is_told
