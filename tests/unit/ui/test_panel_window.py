"""The panel as a whole: open, edit, generate, compare, choose, undo, write, and live on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import opentimelineio as otio
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.helpers.crashes import crash
from tests.unit.ui.conftest import (
    cell_text,
    close_window,
    make_window,
    open_cut,
    press,
    wait_take,
    write_cut,
)
from vatt_engine import messages
from vatt_plugin.project import Project
from vatt_ui.dialogs import first_run, write_preview
from vatt_ui.dialogs.preferences import PreferencesDialog
from vatt_ui.main_window import MainWindow


def test_opening_a_cut_lists_its_cues(panel: MainWindow) -> None:
    model = panel.cues.model
    assert model.rowCount() == 3
    texts = [model.index(1, c).data() for c in range(4)]
    assert texts == ["2", "01:00:02:00", "Shot_002", "2.0 s"]
    assert panel.session.current == panel.session.cues[0].cue_id
    assert panel.windowTitle().startswith("cut")


def test_what_cannot_be_read_is_said_and_the_open_cut_stays(
    panel: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    bad = tmp_path / "bad.otio"
    bad.write_text("not a timeline <b>at all</b>")
    panel.opening.path(bad)
    qtbot.waitUntil(lambda: bool(panel.cues.notices.texts), timeout=90000)
    assert panel.cues.model.rowCount() == 3


def test_generating_makes_a_take_that_is_heard_and_used(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    session.edit_each("Edit prompt", [session.current], prompt="heavy door")
    panel.commands.generate()
    wait_take(panel, qtbot)
    (take,) = session.takes(session.current)
    assert take.recipe.prompt == "heavy door"
    assert take.recipe.seed == 1
    assert session.state(session.current).chosen == take.take_id
    assert session.status(session.current) == "done"
    assert session.state(session.current).seed == 2  # the next take is another one
    project = session.project
    assert project is not None
    qtbot.waitUntil(lambda: not any(project.scratch_folder.iterdir()), timeout=30000)
    assert panel.takes.model.rowCount() == 1
    qtbot.waitUntil(lambda: bool(panel.player.transport.mixer.program.sounds), timeout=60000)
    assert len(session.state(session.current).hits or ()) == 2


def test_editing_never_starts_a_job(panel: MainWindow) -> None:
    panel.inspector.prompt.setPlainText("boots on gravel")
    assert panel.session.state(panel.session.current).prompt == "boots on gravel"
    assert panel.session.jobs.open_count() == 0


def test_edited_state_follows_prompt_and_hits(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    panel.inspector.prompt.setPlainText("something else")
    assert session.status(session.current) == "edited"
    session.undo()
    assert session.status(session.current) == "done"
    panel.timeline.hits.add(0.75)
    assert session.status(session.current) == "edited"


def test_closing_and_opening_again_brings_everything_back(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    session.edit_each("Edit prompt", [session.current], prompt="steps")
    assert session.project is not None
    whole = session.project.as_plain()
    session.close_cut()
    open_cut(panel, cut_path, qtbot)
    assert session.project.as_plain() == whole
    assert session.project.undo_label.startswith("Edit prompt")


def test_writing_adds_tracks_and_leaves_the_cut_alone(
    panel: MainWindow, cut_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    before = hashlib.sha256(cut_path.read_bytes()).hexdigest()
    panel.commands.generate()
    wait_take(panel, qtbot)
    dialog = write_preview.show(panel, session, panel.theme, panel.preferences)
    assert dialog.table.rowCount() == 3
    assert "left out" in cell_text(dialog.table, 1, 3)
    dialog.path.setText(str(cut_path))
    assert not dialog.write.isEnabled()
    out = tmp_path / "out.otio"
    dialog.path.setText(str(out))
    dialog.start()
    qtbot.waitUntil(lambda: any("Written" in t for t in panel.window_notices.texts), timeout=90000)
    assert "Written: out.otio" in panel.status.message.text()  # for screen readers
    assert hashlib.sha256(cut_path.read_bytes()).hexdigest() == before
    written = otio.adapters.read_from_file(str(out))
    (foley,) = [t for t in written.tracks if t.kind == "Audio"]
    (clip,) = foley.find_clips()
    assert clip.metadata["vatt"]["take"] == session.takes(session.current)[0].take_id
    assert (out.parent / clip.media_reference.target_url.replace("%20", " ")).is_file()


def test_killing_the_engine_leaves_the_panel_alive(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    with qtbot.waitSignal(session.engine.status_changed, timeout=30000):
        assert session.engine.pid  # 0 would mean ourselves
        os.kill(session.engine.pid, signal.SIGKILL)
    panel.inspector.prompt.setPlainText("still here")
    assert session.state(session.current).prompt == "still here"
    panel.commands.generate()
    wait_take(panel, qtbot, 2)


def test_no_engine_is_said_and_editing_goes_on(
    tmp_path: Path, cut_path: Path, qtbot: QtBot
) -> None:
    panel = make_window(tmp_path, ["/nonexistent/python"])
    open_cut(panel, cut_path, qtbot)
    session = panel.session
    panel.commands.generate()
    qtbot.waitUntil(lambda: session.engine.status.life == "unavailable", timeout=30000)
    assert any("still work" in t for t in panel.window_notices.texts)
    assert session.status(session.current) == "failed"
    assert "No engine" in panel.status.chip.text()
    panel.inspector.prompt.setPlainText("edits work")
    assert session.state(session.current).prompt == "edits work"
    close_window(panel, qtbot)


def test_offline_media_is_shown_and_can_be_relinked(
    window: MainWindow, tmp_path: Path, movie: Path, qtbot: QtBot
) -> None:
    path = write_cut(tmp_path, ["gone/count.mp4", "gone/count.mp4", "gone/other.mp4", ""])
    path.write_text(path.read_text().replace("Shot_004", "count.mp4"))
    rushes = tmp_path / "rushes" / "day 1"
    rushes.mkdir(parents=True)
    shutil.copyfile(movie, rushes / "count.mp4")
    open_cut(window, path, qtbot)
    session = window.session
    assert session.status(session.current) == "offline"
    assert "4 cues have no media." in window.cues.notices.texts
    assert not session.can_generate(session.current)
    window.commands.generate()
    assert window.inspector.notices.texts
    assert "not found" in window.takes.empty.text.text()
    window.opening.relink_from(tmp_path / "rushes")
    qtbot.waitUntil(lambda: session.can_generate(session.current), timeout=30000)
    assert session.status(session.current) == "none"
    assert "Relinked to count.mp4" in window.inspector.facts.text()
    assert "not found" not in window.inspector.facts.text()
    qtbot.waitUntil(lambda: session.cues[1].cue_id in window.timeline._thumbnails, timeout=90000)
    assert "Press R" in window.takes.empty.text.text()
    assert session.project is not None
    assert session.project.undo_label == "Relink of 3 cues"
    assert window.cues.notices.texts[-1] == "3 cues relinked; 1 still offline."
    assert session.state(session.cues[3].cue_id).relinked.endswith("count.mp4"), (
        "by its clip's name"
    )
    assert not session.state(session.cues[2].cue_id).relinked


def test_cues_of_several_tracks_share_lanes_as_far_as_they_do_not_sound_at_once(
    window: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    timeline = otio.adapters.read_from_file(str(cut_path))
    above = timeline.tracks[0].clone()
    gap = otio.schema.Gap(source_range=above[0].source_range)
    above[1] = gap
    above[0].enabled = False
    timeline.tracks.append(above)
    for track in timeline.tracks:
        track.name = ""
    otio.adapters.write_to_file(timeline, str(cut_path))
    open_cut(window, cut_path, qtbot)
    strip = window.timeline.strip
    qtbot.waitUntil(lambda: strip.n_lanes >= 4, timeout=30000)
    lanes = {lane.name: lane for lane in strip._lanes}
    assert list(lanes) == ["V2", "V1", "Hits", "Original", "Foley"]
    assert len(lanes["Foley"].blocks) == 3, "the one that is switched off has none"
    assert lanes["V2"].blocks[0].badge == "Left out", "a track without a name knows its cues"


def test_names_from_files_stay_plain_text(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    path = write_cut(tmp_path, ["x.mp4"])
    text = path.read_text().replace("Shot_001", "<img src='x'><b>bold</b>" + "y" * 5000)
    path.write_text(text)
    open_cut(window, path, qtbot)
    shown = window.cues.model.index(0, 2).data()
    assert shown.startswith("<img src='x'><b>bold</b>")
    assert len(shown) <= 200
    tip = window.cues.model.index(0, 2).data(3)
    assert "<b>" not in tip
    assert "&lt;b&gt;" in tip


def test_second_panel_on_a_project_only_looks(panel: MainWindow, cut_path: Path) -> None:
    panel.session.edit_each("Edit prompt", [panel.session.current], prompt="mine")
    other = Project.open(cut_path)
    assert other.read_only
    other.close()


def test_crash_offers_recovery(panel: MainWindow, cut_path: Path, qtbot: QtBot) -> None:
    session = panel.session
    session.edit_each("Edit prompt", [session.current], prompt="before the crash")
    assert session.project is not None
    folder = session.project.folder
    crash(session.project)
    session.project = None
    found = session.unsaved(cut_path)
    assert found.unsaved_steps == 1
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        session.open(cut_path, recover=True)
    assert session.state(session.current).prompt == "before the crash"
    assert json.loads((folder / "project.json").read_text())["schema"] == 1


def test_waiting_jobs_survive_a_restart(panel: MainWindow, cut_path: Path, qtbot: QtBot) -> None:
    session = panel.session
    session.engine.set_paused(True)
    panel.commands.generate()
    assert session.jobs.open_count() == 1
    session.close_cut()
    assert session.jobs.open_count() == 0
    open_cut(panel, cut_path, qtbot)
    qtbot.waitUntil(lambda: session.jobs.open_count() == 1, timeout=30000)
    session.engine.set_paused(False)
    wait_take(panel, qtbot)


def test_recut_carries_takes_over_and_undo_brings_them_back(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    session.select([session.cues[1].cue_id])
    panel.commands.generate()
    wait_take(panel, qtbot)
    (take,) = session.takes(session.current)
    timeline = otio.adapters.read_from_file(str(cut_path))
    track = timeline.tracks[0]
    del track[0]
    otio.adapters.write_to_file(timeline, str(cut_path))
    panel.watcher.look()
    qtbot.waitUntil(
        lambda: any("changed on disk" in t for t in panel.window_notices.texts), timeout=90000
    )
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        session.conform()
    qtbot.waitUntil(lambda: any("Conformed" in t for t in panel.window_notices.texts))
    first = session.cues[0]
    assert first.clip == "Shot_002"
    assert session.takes(first.cue_id) == [take]
    assert session.status(first.cue_id) == "done"
    assert panel.takes.model.rowCount() == 1
    session.undo()
    assert session.takes(first.cue_id) == []
    session.redo()
    assert session.takes(first.cue_id) == [take]


def test_captions_are_offered_and_become_prompts(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    session.jobs.caption(session.current)
    qtbot.waitUntil(lambda: bool(session.state(session.current).caption), timeout=90000)
    assert panel.inspector.caption.text() == "a door closes"
    assert panel.inspector.chips.count() == 2
    item = panel.inspector.chips.itemAt(0)
    chip = item.widget() if item is not None else None
    assert isinstance(chip, QPushButton)
    chip.click()
    assert session.state(session.current).prompt == "steps on wood"
    session.undo()
    assert session.state(session.current).prompt == ""


def test_batch_over_a_selection(panel: MainWindow, qtbot: QtBot) -> None:
    from vatt_ui.dialogs import pattern

    session = panel.session
    session.select([cue.cue_id for cue in session.cues])
    assert panel.inspector.generate.text() == "Generate for 3 cues"
    dialog = pattern.show(panel, session, panel.theme)
    dialog.pattern.setText("steps in {clip}, {n}")
    dialog.generate.setChecked(True)
    dialog.apply.click()
    prompts = [session.state(cue.cue_id).prompt for cue in session.cues]
    assert prompts[2] == "steps in Shot_003, 3"
    qtbot.waitUntil(lambda: all(session.takes(c.cue_id) for c in session.cues), timeout=90000)
    assert session.takes(session.cues[1].cue_id)[0].recipe.prompt == "steps in Shot_002, 2"


def test_queue_shows_reorders_and_never_takes_the_focus(panel: MainWindow) -> None:
    session = panel.session
    session.engine.set_paused(True)
    for cue in session.cues:
        session.jobs.generate(cue.cue_id)
    panel.cues.table.setFocus()
    panel.toggle_queue()
    assert panel.docks["queue"].isVisible()
    assert panel.cues.table.hasFocus()
    last = session.jobs.table()[-1][0]
    session.engine.to_front(last.job_id)
    assert session.jobs.table()[0][0].job_id == last.job_id
    session.jobs.cancel_all()


def test_locked_cues_are_left_alone(panel: MainWindow) -> None:
    session = panel.session
    panel.commands.lock_cue()
    assert session.status(session.current) == "locked"
    panel.commands.generate()
    assert session.jobs.open_count() == 0
    assert panel.inspector.prompt.isReadOnly()
    panel.commands.lock_cue()
    assert session.status(session.current) == "none"


def test_a_cut_that_changed_meanwhile_is_not_written_by_guess(
    panel: MainWindow, cut_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    panel.commands.generate()
    wait_take(panel, qtbot)
    timeline = otio.adapters.read_from_file(str(cut_path))
    del timeline.tracks[0][2]
    otio.adapters.write_to_file(timeline, str(cut_path))
    dialog = write_preview.show(panel, panel.session, panel.theme, panel.preferences)
    dialog.path.setText(str(tmp_path / "out.otio"))
    dialog.start()
    qtbot.waitUntil(
        lambda: any("has changed on disk" in t for t in panel.window_notices.texts), timeout=90000
    )
    assert not (tmp_path / "out.otio").exists()


def test_the_best_installed_model_is_taken_unless_one_was_named(
    panel: MainWindow, qtbot: QtBot
) -> None:
    session = panel.session
    with qtbot.waitSignal(session.questions.models_found, timeout=60000):
        session.questions.list_models()
    assert session.model == "vatt-mini"
    session.models.preferred = "tiny"
    with qtbot.waitSignal(session.questions.models_found, timeout=60000):
        session.questions.list_models()
    assert session.model == "tiny"
    assert any("untrained" in text for text in panel.inspector.notices.texts)
    assert "tiny" in panel.status.chip.text()


def test_undo_inside_the_prompt_is_the_panels(panel: MainWindow, qtbot: QtBot) -> None:
    session, prompt = panel.session, panel.inspector.prompt
    session.edit_each("Edit prompt", [session.current], prompt="door")
    prompt.setFocus()
    prompt.moveCursor(prompt.textCursor().MoveOperation.End)
    qtbot.keyClicks(prompt, " slams")
    assert session.state(session.current).prompt == "door slams"
    qtbot.keyClick(prompt, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert prompt.toPlainText() == session.state(session.current).prompt == "door"
    qtbot.keyClick(
        prompt,
        Qt.Key.Key_Z,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert prompt.toPlainText() == "door slams"


def test_an_error_in_a_slot_is_said_and_the_panel_runs_on(
    panel: MainWindow, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise ZeroDivisionError("a slot went wrong")
    except ZeroDivisionError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert any("Something went wrong" in text for text in panel.window_notices.texts)
    assert "a slot went wrong" in caplog.text
    panel.session.step_cue(1)
    assert panel.session.current == panel.session.cues[1].cue_id


def test_opening_can_be_cancelled(panel: MainWindow, cut_path: Path, qtbot: QtBot) -> None:
    before = panel.session.cut
    panel.session.open(cut_path)
    assert panel.cues.empty.button.text() == "Cancel"
    panel.cues.empty.button.click()
    assert panel.session.cut is before
    assert panel.cues.model.rowCount() == 3
    open_cut(panel, cut_path, qtbot)
    assert panel.session.cut is not before


def test_the_first_page_tells_what_the_engine_runs_on(panel: MainWindow, qtbot: QtBot) -> None:
    dialog = first_run.show(panel, panel.session, panel.theme, panel.player.transport.audio)
    qtbot.waitUntil(lambda: "24.0 GB" in dialog.row_text("device"), timeout=60000)
    assert "tiny" in dialog.row_text("model")
    dialog.accept()


def test_the_first_page_opens_the_sample(
    panel: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(panel.opening, "sample", lambda: opened.append("sample"))
    panel.show_first_run()
    press(panel, "Open the sample")
    assert opened == ["sample"]


def test_every_action_does_something(window: MainWindow) -> None:
    actions = window.actions_.actions
    assert [name for name, a in actions.items() if not a.receivers(a.triggered)] == []


def test_a_key_that_is_changed_acts_at_once(window: MainWindow) -> None:
    window.show_keys()
    press(window, "Change keys…")
    dialog = window.findChild(PreferencesDialog)
    assert dialog is not None
    dialog.set_key("generate_now", QKeySequence("Ctrl+G"))
    assert window.actions_["generate_now"].shortcut() == QKeySequence("Ctrl+G")
    dialog.accept()


def test_an_untrained_model_is_said_of_every_cut(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    session.models.preferred = "tiny"
    with qtbot.waitSignal(session.questions.models_found, timeout=60000):
        session.questions.list_models()
    open_cut(panel, cut_path, qtbot)
    assert any("untrained" in text for text in panel.inspector.notices.texts)
    session.models.preferred = "vatt-mini"
    with qtbot.waitSignal(session.questions.models_found, timeout=60000):
        session.questions.list_models()
    assert not any("untrained" in text for text in panel.inspector.notices.texts)


def test_a_shown_caption_stays_until_another_is_asked_for(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    session.note(session.current, caption="first words")
    session.engine.set_paused(True)
    job_id = session.jobs.generate(session.current)
    session.engine.event_received.emit(messages.CaptionReady(job_id, "other words"))
    assert session.state(session.current).caption == "first words"
    job_id = session.jobs.caption(session.current)
    session.engine.event_received.emit(messages.CaptionReady(job_id, "other words"))
    assert session.state(session.current).caption == "other words"
    session.jobs.cancel_all()
