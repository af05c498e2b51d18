"""A whole panel on a tiny cut, with an engine that replays a recording; nothing may leak."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio
import pytest
from PyQt6.QtCore import QSettings, QTimer
from PyQt6.QtWidgets import QApplication, QPushButton, QTableWidget
from pytestqt.qtbot import QtBot

from tests.helpers import movies
from vatt_ui import app
from vatt_ui.engine_process import EngineProcess
from vatt_ui.main_window import MainWindow
from vatt_ui.playback.audio import AudioOut, Mixer
from vatt_ui.playback.transport import Transport
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme, put_on

ROOT = Path(__file__).resolve().parents[3]
CONVERSATION = ROOT / "tests" / "data" / "panel" / "conversation.jsonl"
FPS = 24
CLIP_FRAMES = 48


class NoSound(AudioOut):
    """A machine without a sound card; the panel then plays silently."""

    def open(self) -> None:
        self.note = "Playing silently: there is no sound card in this test."


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """No thread and no running timer may outlive a test."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@pytest.fixture(scope="session")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds in which every video frame shows its number."""
    return movies.write_numbered(tmp_path_factory.mktemp("media") / "count.mp4", 168, fps=FPS)


def write_cut(folder: Path, media: list[str], name: str = "cut.otio") -> Path:
    """A cut at 01:00:00:00 with a clip of two seconds from each media file."""
    track = otio.schema.Track("V1", kind="Video")
    for number, url in enumerate(media, 1):
        rng = otio.opentime.TimeRange(
            otio.opentime.RationalTime((number - 1) * CLIP_FRAMES, FPS),
            otio.opentime.RationalTime(CLIP_FRAMES, FPS),
        )
        available = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, FPS), otio.opentime.RationalTime(168, FPS)
        )
        reference = otio.schema.ExternalReference(url, available)
        track.append(otio.schema.Clip(f"Shot_{number:03d}", reference, rng))
    timeline = otio.schema.Timeline("cut")
    timeline.global_start_time = otio.opentime.RationalTime(3600 * FPS, FPS)
    timeline.tracks.append(track)
    path = folder / name
    otio.adapters.write_to_file(timeline, str(path))
    return path


@pytest.fixture
def cut_path(tmp_path: Path, movie: Path) -> Path:
    """Three clips, all online."""
    shutil.copyfile(movie, tmp_path / "count.mp4")
    return write_cut(tmp_path, ["count.mp4"] * 3)


def engine_argv(*modes: str) -> list[str]:
    script = ROOT / "tests" / "helpers" / "recorded_engine.py"
    return [sys.executable, str(script), str(CONVERSATION), *modes]


def make_window(folder: Path, argv: list[str] | None = None) -> MainWindow:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    settings = QSettings(str(folder / "panel.ini"), QSettings.Format.IniFormat)
    preferences = Preferences(settings)
    preferences.first_run_done = True
    session = Session(EngineProcess(argv or engine_argv()))
    theme = Theme(preferences.theme)
    put_on(application, theme.tokens)
    window = MainWindow(session, theme, preferences, transport=Transport(NoSound(Mixer())))
    window.resize(1440, 900)
    app.catch_errors(window)
    return window


def press(panel: MainWindow, text: str) -> None:
    """Click the button of this text in one of the window's dialogs."""
    (button,) = [b for b in panel.findChildren(QPushButton) if b.text() == text and b.isVisible()]
    button.click()


def cell_text(table: QTableWidget, row: int, column: int) -> str:
    """What a cell of a table shows."""
    item = table.item(row, column)
    assert item is not None, f"the table has no cell {row}, {column}"
    return item.text()


def close_window(window: MainWindow, qtbot: QtBot) -> None:
    """Close, and wait until every process is gone."""
    helpers = (window.session.background, window.reader)
    with qtbot.waitSignal(window.session.engine.stopped, timeout=40000):
        window.close()
    for helper in helpers:
        helper.wait_stopped()
    owners = (window, window.session)
    qtbot.waitUntil(
        lambda: not any(t.isActive() for owner in owners for t in owner.findChildren(QTimer)),
        timeout=20000,
    )
    window.deleteLater()
    window.session.deleteLater()


@pytest.fixture
def engine_modes() -> tuple[str, ...]:
    """How the window's engine behaves; see ``helpers.recorded_engine``."""
    return ()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, engine_modes: tuple[str, ...]) -> Iterator[MainWindow]:
    """A panel without a cut."""
    hook = sys.excepthook
    window = make_window(tmp_path, engine_argv(*engine_modes))
    window.show()
    qtbot.waitExposed(window)
    yield window
    close_window(window, qtbot)
    sys.excepthook = hook


@pytest.fixture
def panel(window: MainWindow, cut_path: Path, qtbot: QtBot) -> MainWindow:
    """A panel with the cut open and its first cue current."""
    open_cut(window, cut_path, qtbot)
    return window


def open_cut(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    with qtbot.waitSignal(window.session.cut_opened, timeout=90000):
        window.opening.path(path)


def wait_take(window: MainWindow, qtbot: QtBot, n: int = 1) -> None:
    """Until the current cue has ``n`` takes."""
    session = window.session
    qtbot.waitUntil(lambda: len(session.takes(session.current)) >= n, timeout=90000)
