"""What the panel asks for as the command line does: handles, the mix, what becomes a cue."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from pytestqt.qtbot import QtBot

from tests.helpers import movies
from tests.helpers.cuts import make_cue
from tests.unit.ui.conftest import CLIP_FRAMES, FPS, open_cut, wait_take, write_cut
from vatt_engine import messages
from vatt_engine.messages import SyncLane
from vatt_plugin.project_state import Settings
from vatt_ui import asking
from vatt_ui.dialogs import cue_source, preferences, write_preview
from vatt_ui.dialogs.take_settings import TakeSettings
from vatt_ui.main_window import MainWindow
from vatt_ui.wishes import CueSource, Wishes


def add_marker(path: Path, second: int) -> None:
    timeline = otio.adapters.read_from_file(str(path))
    rng = otio.opentime.TimeRange(
        otio.opentime.RationalTime(second * FPS, FPS), otio.opentime.RationalTime(FPS, FPS)
    )
    timeline.tracks.markers.append(otio.schema.Marker("door", rng))
    otio.adapters.write_to_file(timeline, str(path))


def add_dialogue(path: Path) -> None:
    """An audio track with a tone over the first clip."""
    wav = path.with_name("voice.wav")
    tone = 0.3 * np.sin(np.arange(2 * 48_000) / 40)
    soundfile.write(wav, tone, 48_000, subtype="PCM_16")
    timeline = otio.adapters.read_from_file(str(path))
    rng = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, FPS), otio.opentime.RationalTime(CLIP_FRAMES, FPS)
    )
    track = otio.schema.Track("Dialogue", kind="Audio")
    track.append(otio.schema.Clip("voice", otio.schema.ExternalReference("voice.wav", rng), rng))
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(path))


def test_wishes_are_kept_with_the_project_and_survive_damage() -> None:
    wishes = Wishes(1.5, ("Dialogue",), -12.0, True)
    assert Wishes.of(wishes.into(Settings(model="m"))) == wishes
    assert wishes.into(Settings(model="m")).model == "m"
    assert Wishes.of(Settings(extra={"handles_s": "much"})) == Wishes()
    assert Wishes.of(Settings(extra={"handles_s": 1e9})).handles_s == 60.0


def test_new_takes_have_handles_and_lie_where_they_belong(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    page = TakeSettings(session)
    page.handles.setValue(0.5)
    page.steps.setValue(12)
    page.deleteLater()
    assert session.wishes.handles_s == 0.5
    assert session.settings.steps == 12
    panel.commands.generate()
    wait_take(panel, qtbot)
    (take,) = session.takes(session.current)
    cue = session.cue(session.current)
    assert cue is not None
    assert take.recipe.handle_frames == round(0.5 * cue.fps)
    assert take.recipe.steps == 12
    assert soundfile.info(take.wav_path).duration == pytest.approx(3.0, abs=0.05)
    sounds = panel.player.transport.mixer
    qtbot.waitUntil(lambda: bool(sounds.program.sounds), timeout=60000)
    panel.player.mix()
    assert min(sound.start for sound in sounds.program.sounds) == -24_000


def test_what_the_engine_said_itself_is_told_from_the_users_words(panel: MainWindow) -> None:
    """A caption leaves a still picture silent; words somebody typed are to be heard."""
    session = panel.session
    cue = session.cue(session.current)
    assert cue is not None
    session.note(cue.cue_id, caption="a door closing")
    request = asking.new_takes(session, cue, 1, 1)
    assert (request.prompt, request.captioned) == ("a door closing", True)
    session.edit_each("", [cue.cue_id], prompt="a door closing")
    request = asking.new_takes(session, cue, 1, 1)
    assert (request.prompt, request.captioned) == ("a door closing", False)


def test_a_lane_with_handles_counts_from_the_cue() -> None:
    cue = make_cue(n_frames=48, fps=Fraction(24))
    lane = SyncLane(((0.2, 0.5), (0.75, 1.0), (2.9, 0.4)), tuple(float(i) for i in range(150)), 50)
    shown = asking.without_handles(lane, cue, 12)
    assert shown.hits == ((0.25, 1.0),)
    assert shown.intensity[0] == 25.0
    assert len(shown.intensity) == 100
    assert asking.without_handles(lane, cue, 0) is lane


def test_markers_become_cues_and_clips_come_back(
    panel: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    session = panel.session
    session.edit_each("Edit prompt", [session.current], prompt="kept")
    first = session.current
    add_marker(cut_path, 1)
    dialog = cue_source.show(panel, session.opening, panel.theme)
    dialog.kinds["markers"].setChecked(True)
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        dialog.apply.click()
    assert [cue.clip for cue in session.cues] == ["door"]
    session.edit_each("Edit prompt", [session.current], prompt="a door")
    session.close_cut()
    open_cut(panel, cut_path, qtbot)  # the choice is the project's
    assert session.opening.source == CueSource("markers")
    assert session.state(session.current).prompt == "a door"
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        session.opening.use_source(CueSource())
    assert session.state(first).prompt == "kept"
    assert CueSource.of(cut_path) == CueSource()


def test_clips_are_split_where_their_media_cuts(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    shots = (movies.texture(160, 90, seed) // (1 + 2 * (seed % 2)) for seed in range(3))
    images = [shot for shot in shots for _ in range(16)]
    movies.write_movie(tmp_path / "shots.mp4", images, fps=FPS)
    open_cut(window, write_cut(tmp_path, ["shots.mp4"], "one.otio"), qtbot)
    session = window.session
    (whole,) = session.cues
    session.edit_each("Edit prompt", [whole.cue_id], prompt="kept")
    dialog = cue_source.show(window, session.opening, window.theme)
    dialog.split.setChecked(True)
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        dialog.apply.click()
    assert [(c.start_frame, c.n_frames) for c in session.cues] == [(0, 16), (16, 16), (32, 16)]
    assert window.cues.model.rowCount() == 3
    window.commands.handlers()["cue_next"]()
    window.commands.generate()
    wait_take(window, qtbot)
    (take,) = session.takes(session.cues[1].cue_id)
    assert soundfile.info(take.wav_path).frames == round(16 / FPS * 48_000)
    dialog = cue_source.show(window, session.opening, window.theme)
    assert dialog.split.isChecked()  # the project remembers
    dialog.split.setChecked(False)
    with qtbot.waitSignal(session.cut_opened, timeout=90000):
        dialog.apply.click()
    assert session.state(whole.cue_id).prompt == "kept"


def test_a_span_of_a_take_with_handles_lies_under_the_picture(
    panel: MainWindow, qtbot: QtBot
) -> None:
    session = panel.session
    session.set_settings(Wishes(handles_s=0.5).into(session.settings))
    panel.commands.generate()
    wait_take(panel, qtbot)
    session.set_settings(Wishes().into(session.settings))  # a take keeps the handles it has
    session.edit_each("Set in", [session.current], span=(0.75, 1.25))
    panel.commands.regenerate_span()
    ((_, job), *_others) = session.jobs.table()
    asked = job.request
    assert isinstance(asked, messages.Generate)
    assert asked.held is not None
    assert (asked.held.start_s, asked.held.end_s) == (1.25, 1.75)  # from the file's first sample
    wait_take(panel, qtbot, 2)
    parent, child = session.takes(session.current)
    assert child.recipe.handle_frames == parent.recipe.handle_frames == 12
    assert child.recipe.span == (0.75, 1.25)  # from the cue's first frame
    assert child.recipe.parent_take == parent.take_id
    assert soundfile.info(child.wav_path).frames == soundfile.info(parent.wav_path).frames


def test_a_list_that_cannot_be_read_leaves_the_cut_open(
    panel: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    bad = tmp_path / "spots.csv"
    bad.write_text("nothing,of,use\n")
    panel.session.opening.use_source(CueSource(str(bad)))
    qtbot.waitUntil(lambda: bool(panel.cues.notices.texts), timeout=90000)
    assert panel.cues.model.rowCount() == 3
    assert panel.session.opening.source == CueSource()


def test_a_spotting_lists_words_are_the_prompt(
    panel: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    spots = tmp_path / "spots.csv"
    spots.write_text("in,out,name,prompt\n01:00:00:12,01:00:01:12,Door,heavy door\n")
    with qtbot.waitSignal(panel.session.cut_opened, timeout=90000):
        panel.session.opening.use_source(CueSource(str(spots)))
    session = panel.session
    session.engine.set_paused(True)
    job = session.jobs.generate(session.current)
    request = session.engine.job(job).request
    assert isinstance(request, messages.Generate)
    assert request.prompt == "heavy door"
    session.jobs.cancel_all()


def test_writing_ducks_under_dialogue_and_lays_room_tone(
    window: MainWindow, cut_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    add_dialogue(cut_path)
    open_cut(window, cut_path, qtbot)
    session = window.session
    session.select([cue.cue_id for cue in session.cues[:2]])
    window.commands.generate()
    qtbot.waitUntil(
        lambda: all(session.takes(cue.cue_id) for cue in session.cues[:2]), timeout=90000
    )
    dialog = write_preview.show(window, session, window.theme, window.preferences)
    assert list(dialog.mix.tracks) == ["Dialogue"]
    dialog.mix.tracks["Dialogue"].setChecked(True)
    dialog.mix.room_tone.setChecked(True)
    out = tmp_path / "out.otio"
    dialog.path.setText(str(out))
    dialog.start()
    qtbot.waitUntil(lambda: any("Written" in t for t in window.window_notices.texts), timeout=90000)
    written = otio.adapters.read_from_file(str(out))
    ours = [t for t in written.tracks if t.kind == "Audio" and t.name != "Dialogue"]
    clips = [c for t in ours for c in t.find_clips()]
    names = " ".join(c.media_reference.target_url for c in clips)
    assert "ducked" in names
    assert "Room%20tone" in names or "Room tone" in names
    assert session.wishes == dataclasses.replace(
        Wishes(), duck=("Dialogue",), room_tone=True
    )  # asked for again next time


def test_preferences_hold_the_page_of_new_takes(panel: MainWindow) -> None:
    dialog = preferences.show(panel, panel.session, panel.theme, panel.preferences)
    dialog.takes.cfg.setValue(3.5)
    dialog.takes.device.setCurrentIndex(dialog.takes.device.findData("cpu"))
    assert panel.session.settings.cfg == 3.5
    assert panel.session.settings.device == "cpu"
    dialog.takes.cfg.setValue(-0.1)
    assert panel.session.settings.cfg is None
    dialog.accept()
