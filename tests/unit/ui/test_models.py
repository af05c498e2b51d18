"""Item models obey Qt's rules through every change; the small pure parts say what they should."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import pytest
from PyQt6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from tests.helpers.cuts import make_cue
from tests.unit.ui.conftest import wait_take
from vatt_plugin.cues import Recipe, Take
from vatt_plugin.project_state import CueState, Hit, picture_key
from vatt_ui import hits
from vatt_ui.cue_status import JobLook, overall, state_of
from vatt_ui.dialogs.pattern import filled
from vatt_ui.main_window import MainWindow
from vatt_ui.text import duration, plain, timecode, tooltip
from vatt_ui.theme.tokens import THEMES, contrast

FATAL = QAbstractItemModelTester.FailureReportingMode.Fatal


def test_models_hold_through_a_working_session(panel: MainWindow, qtbot: QtBot) -> None:
    models = [panel.cues.model, panel.cues.filter, panel.takes.model, panel.queue.model]
    testers = [QAbstractItemModelTester(m, FATAL) for m in models]
    session = panel.session
    panel.commands.generate(takes=2)
    wait_take(panel, qtbot, 2)
    panel.takes.swap()
    panel.takes.star_shown()
    panel.takes.trash_shown()
    panel.takes.trash.setChecked(True)
    session.step_cue(1)
    session.undo()
    session.redo()
    panel.cues.search.setText("shot_002")
    assert panel.cues.filter.rowCount() == 1
    panel.cues.search.setText("")
    panel.cues.states.setCurrentIndex(panel.cues.states.findData("none"))
    assert panel.cues.filter.rowCount() == 2
    session.close_cut()
    session.cut_opened.emit()
    assert all(m.rowCount() == 0 for m in (panel.cues.model, panel.takes.model))
    del testers


def recipe(**changes: Any) -> Recipe:
    plain_recipe = Recipe("m", "", "", "cpu", "door", "", 1, None, None, "auto")
    return dataclasses.replace(plain_recipe, **changes)


TAKE = Take("t1", "c00", "/x.wav", "", "", recipe())


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CueState(), "none"),
        (CueState(takes=("t1",), prompt="door"), "takes"),
        (CueState(takes=("t1",), chosen="t1", prompt="door"), "done"),
        (CueState(takes=("t1",), chosen="t1", prompt="window"), "edited"),
        (CueState(takes=("t1",), chosen="t1", negative="speech"), "edited"),
        (CueState(takes=("t1",), chosen="t1", hits=(Hit(0.1),), hits_edited=True), "edited"),
        (CueState(takes=("t1",), trashed=("t1",)), "none"),
        (CueState(takes=("t1",), chosen="t1", picture_key="another"), "stale"),
        (CueState(takes=("t1",), chosen="t1", locked=True), "locked"),
    ],
)
def test_states(state: CueState, expected: str) -> None:
    assert state_of(make_cue(), state, {"t1": TAKE}) == expected


def test_states_of_jobs_and_cues() -> None:
    cue = make_cue()
    assert state_of(cue, CueState(), {}, JobLook(True)) == "running"
    assert state_of(cue, CueState(), {}, JobLook(False)) == "queued"
    assert state_of(cue, CueState(), {}, failed=True) == "failed"
    offline = make_cue(status="offline")
    assert state_of(offline, CueState(), {}) == "offline"
    assert state_of(offline, CueState(relinked="/b.mov"), {}) == "none"
    same = CueState(takes=("t1",), chosen="t1", picture_key=picture_key(cue))
    assert state_of(cue, same, {"t1": TAKE}) == "done"


@pytest.mark.parametrize("name", THEMES)
def test_contrast_of_every_text(name: str) -> None:
    t = THEMES[name]
    grounds = [t.ground, t.pane, t.raised, t.field]
    for token in ("text", "dim", "done", "running", "edited", "failed", "stale", "idle"):
        for ground in grounds[:2] if token not in ("text", "dim") else grounds:
            assert contrast(getattr(t, token), ground) >= 4.5, (token, ground)
    assert contrast(t.on_selection, t.selection) >= 4.5
    assert contrast(t.on_accent, t.accent) >= 4.5
    assert contrast(t.focus, t.pane) >= 3
    assert contrast(t.text, t.hover) >= 4.5


def test_timecodes() -> None:
    film, ntsc = Fraction(24), Fraction(30000, 1001)
    assert timecode(Fraction(3600), film) == "01:00:00:00"
    assert timecode(Fraction(3600) + Fraction(47, 24), film) == "01:00:01:23"
    assert timecode(Fraction(1800) / ntsc, ntsc) == "00:01:00;02"
    assert timecode(Fraction(17982) / ntsc, ntsc) == "00:10:00;00"
    assert timecode(Fraction(1800) / ntsc, ntsc, drop_frame=False) == "00:01:00:00"
    assert timecode(Fraction(1), Fraction(0)) == "--:--:--:--"


def test_text_is_plain_and_short() -> None:
    assert plain("a\nb\x00c") == "a b c"
    assert len(plain("x" * 2_000_000)) == 200
    assert "<img" not in tooltip("<img src=x>")
    assert [duration(s) for s in (0.84, 14, 72, 3723)] == ["0.8 s", "14 s", "01:12", "1:02:03"]


def test_hits_snap_to_video_frames() -> None:
    cue = make_cue(n_frames=24)
    lane = hits.added((), 0.51, 0.7, cue)
    assert lane == (Hit(0.5, 0.7),)
    assert hits.added(lane, 0.5, 0.3, cue) == (Hit(0.5, 0.3),)
    lane = hits.added(lane, 0.25, 0.9, cue)
    assert [h.time_s for h in lane] == [0.25, 0.5]
    assert hits.moved(lane, 0, 99.0, None, cue)[-1].time_s == pytest.approx(23 / 24)
    assert hits.muted(lane, 0)[0].muted
    assert hits.removed(lane, 0) == (Hit(0.5, 0.7),)
    assert hits.nearest(lane, 0.27, 0.05) == 0
    assert hits.nearest(lane, 0.35, 0.05) == -1


def test_patterns_replace_known_words_only() -> None:
    cue = make_cue(3)
    state = CueState(caption="steps")
    assert filled("{n}: {caption} in {clip} {else}", cue, state, 2) == "2: steps in Shot_003 {else}"


def test_progress_of_a_job_runs_once_from_start_to_end() -> None:
    told = [
        overall("loading", None), overall("decoding", 0.5), overall("features", 1.0),
        overall("caption", 1.0), overall("sampling", 0.0), overall("sampling", 1.0),
        overall("codec", 0.5), overall("writing", 1.0),
    ]  # fmt: skip
    assert told[0] is None
    known = [value for value in told if value is not None]
    assert known == sorted(known)
    assert known[-1] == pytest.approx(1.0)
    assert overall("a newer stage", 0.3) == 0.3
