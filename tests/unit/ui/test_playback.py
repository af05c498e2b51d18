"""Time, sound and picture: the clock never runs away, sound never clicks, frames are exact."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QProcess
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from tests.helpers import movies
from tests.unit.ui.conftest import CLIP_FRAMES, FPS, NoSound
from vatt_engine.errors import MediaMissing, MediaTooLarge, MediaUnreadable, NoVideoStream
from vatt_engine.messages import PictureSegment
from vatt_plugin import nudging
from vatt_plugin.cues import Recipe, Take
from vatt_ui.helper import operations, picture
from vatt_ui.helper.sound import peaks_of
from vatt_ui.main_window import MainWindow
from vatt_ui.playback.audio import FADE_SAMPLES, RATE, AudioOut, Mixer, Program, Sound
from vatt_ui.playback.places import place_of
from vatt_ui.playback.sounds import Peaks
from vatt_ui.playback.transport import MAX_LEAD_S, Transport
from vatt_ui.player import matched_gain


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transport(qtbot: QtBot, clock: Clock) -> Transport:
    transport = Transport(NoSound(Mixer()), clock)
    transport.fps = Fraction(24)
    transport.duration_s = 10.0
    return transport


def test_plays_in_real_time_and_stops_at_the_end(transport: Transport, clock: Clock) -> None:
    transport.play()
    clock.now += 2.5
    transport.tick()
    assert transport.position == pytest.approx(2.5)
    clock.now += 60
    transport.tick()
    assert transport.position == 10.0
    assert not transport.playing


def test_a_sound_card_that_runs_too_fast_is_held_back(
    transport: Transport, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AudioOut, "available", property(lambda self: True))
    transport.play()
    clock.now += 1.0
    transport.mixer.position = 500 * RATE
    transport.tick()
    assert transport.position <= 1.0 + MAX_LEAD_S


def test_shuttle_doubles_and_turns(transport: Transport, clock: Clock) -> None:
    transport.seek(5.0)
    for expected in (1, 2, 4, 8, 8):
        transport.shuttle(1)
        assert transport.rate == expected
    transport.shuttle(-1)
    assert transport.rate == -1
    clock.now += 1.0
    transport.tick()
    assert transport.position == pytest.approx(4.0)
    transport.stop()
    assert transport.rate == 1.0


def test_steps_are_whole_video_frames(transport: Transport) -> None:
    transport.fps = Fraction(24000, 1001)
    for _ in range(100):
        transport.step_frames(1)
    assert transport.video_frame() == 100
    assert transport.position == pytest.approx(100 * 1001 / 24000)
    for _ in range(100):
        transport.step_frames(-1)
    assert transport.position == 0.0


def test_loop_goes_round_inside_its_bounds(transport: Transport, clock: Clock) -> None:
    transport.set_bounds(2.0, 4.0)
    transport.set_loop(True)
    transport.seek(3.0)
    transport.play()
    clock.now += 1.5
    transport.tick()
    assert transport.position == pytest.approx(2.5)


def test_playing_a_span_ends_with_it(transport: Transport, clock: Clock) -> None:
    transport.play_span(1.0, 2.0)
    clock.now += 5
    transport.tick()
    assert transport.position == 2.0
    assert not transport.playing


def test_silence_is_noted_once(transport: Transport, qtbot: QtBot) -> None:
    notes: list[str] = []
    transport.noted.connect(notes.append)
    for _ in range(3):
        transport.play()
        transport.stop()
    assert len(notes) == 1
    assert "silently" in notes[0]


def tone(n: int = RATE, level: float = 0.5) -> np.ndarray:
    wave = level * np.sin(2 * np.pi * 440 * np.arange(n) / RATE)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def test_start_and_stop_are_faded() -> None:
    mixer = Mixer()
    mixer.volume = 1.0
    mixer.program = Program((Sound(0, np.ones((RATE, 2), np.float32) * 0.5),))
    mixer.playing = True
    block = mixer.render(4 * FADE_SAMPLES)
    assert block[0, 0] < 0.01
    assert block[-1, 0] == pytest.approx(0.5)
    assert np.abs(np.diff(block[:, 0])).max() < 0.01
    mixer.playing = False
    tail = mixer.render(2 * FADE_SAMPLES)
    assert tail[-1, 0] == 0.0
    assert np.abs(np.diff(tail[:, 0])).max() < 0.01


def test_changing_the_program_is_gapless() -> None:
    mixer = Mixer()
    mixer.volume = 1.0
    a, b = np.full((RATE, 2), 0.5, np.float32), np.full((RATE, 2), -0.5, np.float32)
    mixer.program = Program((Sound(0, a),))
    mixer.playing = True
    mixer.render(4800)
    mixer.program = Program((Sound(0, b),))
    block = mixer.render(4800)
    assert block[-1, 0] == pytest.approx(-0.5)
    assert np.abs(np.diff(block[:, 0])).max() < 0.01


def test_mixing_places_sounds_to_the_sample() -> None:
    program = Program((Sound(100, tone(50)), Sound(140, tone(50), 0.5)))
    block = program.block(np.arange(0, 300, dtype=np.float64))
    assert not block[:100].any()
    assert np.array_equal(block[100:140], tone(50)[:40])
    assert np.allclose(block[140:150], tone(50)[40:] + 0.5 * tone(50)[:10])
    assert not block[190:].any()


def test_shuttling_interpolates_both_ways() -> None:
    ramp = np.repeat(np.linspace(0, 1, 101, dtype=np.float32)[:, None], 2, axis=1)
    program = Program((Sound(0, ramp),))
    forward = program.block(np.arange(0, 20, 2.0))
    assert np.allclose(forward[:, 0], np.arange(0, 20, 2) / 100)
    backward = program.block(np.arange(50, 40, -1.0))
    assert np.allclose(backward[:, 0], np.arange(50, 40, -1) / 100)
    assert np.allclose(program.block(np.array([10.5]))[0, 0], 0.105)


def test_louder_take_is_turned_down_never_up() -> None:
    recipe = Recipe("m", "", "", "cpu", "", "", 1, None, None, "auto")
    loud = Take("a", "c", "", "", "", recipe, lufs=-20.0)
    soft = Take("b", "c", "", "", "", recipe, lufs=-26.0)
    assert matched_gain(loud, soft) == pytest.approx(10 ** (-6 / 20))
    assert matched_gain(soft, loud) == 1.0
    assert matched_gain(soft, None) == 1.0


def test_peaks_show_every_click_at_any_zoom() -> None:
    samples = np.zeros((RATE * 2, 1), np.float32)
    samples[30_000] = 1.0
    low, high = peaks_of(samples)
    peaks = Peaks(low, high)
    for n in (1, 7, 100, 1875):
        columns = peaks.columns(0.0, 2.0 / n, n)
        assert columns[:, 1].max() == 127
    assert peaks.columns(5.0, 0.01, 10).max() == 0
    assert peaks.columns(-1.0, 0.01, 50).max() == 0


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_every_video_frame_is_the_one_asked_for(movie: Path, order: str) -> None:
    media = picture.MediaPicture(str(movie))
    numbers = list(range(0, 160, 3))
    if order == "backward":
        numbers.reverse()
    if order == "shuffled":
        numbers = [numbers[(i * 17) % len(numbers)] for i in range(len(numbers))]
    for number in numbers:
        at_s, image = media.at(number / FPS, 128, 96)
        rgb = image[:, :, 2::-1]
        assert movies.read_number(np.moveaxis(rgb, 2, 0)) == number
        assert at_s == pytest.approx(number / FPS, abs=1e-3)
    media.close()


def test_media_that_must_not_be_opened(tmp_path: Path) -> None:
    cases = {
        "none.mp4": (None, MediaMissing),
        "empty.mp4": (b"", MediaUnreadable),
        "text.mp4": (b"just words", MediaUnreadable),
        "list.mp4": (b"#EXTM3U\nhttp://127.0.0.1/x.ts\n", MediaUnreadable),
    }
    for name, (data, error) in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(error):
            picture.MediaPicture(str(tmp_path / name))
    with pytest.raises(MediaMissing):
        picture.MediaPicture(str(tmp_path))
    with pytest.raises(MediaMissing):
        picture.MediaPicture("http://127.0.0.1:9/x.mp4")


def test_sound_alone_is_no_picture(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(4800), RATE)
    with pytest.raises(NoVideoStream):
        picture.MediaPicture(str(tmp_path / "a.wav"))


def test_huge_pictures_are_refused_from_their_header(
    movie: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "MAX_PIXELS", 100)
    with pytest.raises(MediaTooLarge, match="million pixels"):
        picture.MediaPicture(str(movie))


def test_places_in_retimed_and_reversed_pictures() -> None:
    segments = (PictureSegment("a", 10.0, 1.0, 2.0), PictureSegment("b", 5.0, 1.0, -1.0))
    place = place_of(segments, 0.5)
    assert place is not None
    assert (place.media, place.time_s) == ("a", 11.0)
    place = place_of(segments, 1.25)
    assert place is not None
    assert (place.media, place.time_s) == ("b", 4.75)
    assert place_of((PictureSegment("", 0.0, 1.0),), 0.5) is None
    assert operations.place_in([{"media": "a", "start_s": 1.0, "duration_s": 1.0,
                                 "time_scalar": 0.0}], 0.7) == ("a", 1.0)  # fmt: skip


def shown_number(image: QImage) -> int:
    converted = image.convertToFormat(QImage.Format.Format_RGB888)
    bits = converted.constBits()
    assert bits is not None
    raw = np.frombuffer(bits.asstring(converted.sizeInBytes()), np.uint8)
    rows = raw.reshape(converted.height(), converted.bytesPerLine())[:, : converted.width() * 3]
    return movies.read_number(np.moveaxis(rows.reshape(converted.height(), -1, 3), 2, 0))


def test_viewer_shows_the_video_frame_under_the_playhead(panel: MainWindow, qtbot: QtBot) -> None:
    transport, screen = panel.player.transport, panel.viewer.picture

    def shows(number: int) -> None:
        qtbot.waitUntil(
            lambda: screen.image is not None and shown_number(screen.image) == number,
            timeout=90000,
        )

    shows(0)
    transport.step_frames(5)
    shows(5)
    transport.step_frames(-3)
    shows(2)
    panel.session.step_cue(1)
    shows(CLIP_FRAMES)
    assert panel.viewer.timecode.text() == "01:00:02:00"
    transport.seek(3.0)
    shows(72)


def test_nudged_copies_keep_length_and_header() -> None:
    import io

    import soundfile

    samples = np.zeros((4800, 1))
    samples[2400] = 0.5
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, subtype="PCM_24", format="WAV")
    wav = buffer.getvalue()
    for shift in (100, -100, 0):
        moved = nudging.shifted(wav, shift)
        assert len(moved) == len(wav)
        back, _ = soundfile.read(io.BytesIO(moved))
        assert int(np.argmax(back)) == 2400 + shift
        assert back[2400 + shift] == pytest.approx(0.5, abs=1e-6)


def test_helper_survives_bad_requests_and_a_death(panel: MainWindow, qtbot: QtBot) -> None:
    helper = panel.session.background
    answers: list[object] = []
    helper.ask("no_such_thing", {}, answers.append, on_error=answers.append)
    qtbot.waitUntil(lambda: len(answers) == 1, timeout=60000)
    with qtbot.waitSignal(helper.died, timeout=60000):
        helper.ask("fingerprint", {"path": "/x"}, on_error=answers.append)
        (process,) = helper.findChildren(QProcess)
        process.kill()
    assert len(answers) == 2
    done: list[object] = []
    helper.ask("fingerprint", {"path": "/x"}, done.append)
    qtbot.waitUntil(lambda: done == [{"sha256": ""}], timeout=90000)


def test_replaced_helper_still_answers_what_was_asked(panel: MainWindow, qtbot: QtBot) -> None:
    helper = panel.session.background
    kept: list[object] = []
    dropped = helper.ask("fingerprint", {"path": "/dropped"}, kept.append)
    helper.ask("fingerprint", {"path": "/kept"}, kept.append)
    helper.forget(dropped)
    helper.replace()
    qtbot.waitUntil(lambda: kept == [{"sha256": ""}], timeout=90000)


def test_panel_does_not_import_the_heavy_things() -> None:
    import subprocess

    code = (
        "import sys, vatt_ui.app; "
        "print([m for m in ('torch', 'av', 'scipy', 'opentimelineio', 'soundfile', 'sounddevice')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
