"""The panel with the real engine and the ``tiny`` model: keyboard only, from cut to timeline."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import opentimelineio as otio
import pytest
import soundfile
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import close_window, make_window, movie, open_cut, write_cut
from vatt_plugin.product import command
from vatt_ui.dialogs.write_preview import WriteDialog
from vatt_ui.main_window import MainWindow

__all__ = ["movie"]
pytestmark = pytest.mark.e2e
SLOW_MS = 120_000  # the engine imports torch, perhaps on a busy machine


@pytest.fixture
def panel(qtbot: QtBot, tmp_path: Path, movie: Path) -> Iterator[MainWindow]:
    hook = sys.excepthook
    (tmp_path / "count.mp4").write_bytes(movie.read_bytes())
    path = write_cut(tmp_path, ["count.mp4"] * 2)
    window = make_window(tmp_path, command("engine"))
    window.session.models.default = "tiny"
    window.show()
    window.activateWindow()
    qtbot.waitExposed(window)
    open_cut(window, path, qtbot)
    yield window
    close_window(window, qtbot)
    sys.excepthook = hook


def press(window: MainWindow, keys: str, times: int = 1) -> None:
    """Press keys where the keyboard is, as a person would."""
    target: QWidget = QApplication.focusWidget() or window
    for _ in range(times):
        QtBot.keySequence(target, QKeySequence(keys))


def type_text(text: str) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None
    QtBot.keyClicks(focus, text)


def wait_takes(window: MainWindow, qtbot: QtBot, n: int) -> None:
    session = window.session

    def there() -> None:
        failures = session.jobs.failures.get(session.current)
        assert failures is None, (str(failures), session.engine.client.log)
        assert len(session.takes(session.current)) >= n, session.engine.client.log

    qtbot.waitUntil(there, timeout=SLOW_MS)


def test_keyboard_only(panel: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session = panel.session
    cut = tmp_path / "cut.otio"
    before = hashlib.sha256(cut.read_bytes()).hexdigest()
    clean = dict(session.project.states) if session.project else {}

    press(panel, "P")
    type_text("heavy door")
    assert session.jobs.open_count() == 0
    press(panel, "Ctrl+Return")
    wait_takes(panel, qtbot, 1)
    press(panel, "Esc")
    press(panel, "R")
    wait_takes(panel, qtbot, 2)
    first, second = session.takes(session.current)
    assert first.recipe.prompt == second.recipe.prompt == "heavy door"
    assert first.take_id != second.take_id

    press(panel, "B")  # compare, then use the second
    press(panel, "2")
    assert session.state(session.current).chosen == second.take_id

    press(panel, "Right", 12)
    press(panel, "I")
    press(panel, "H")
    n_hits = len(session.state(session.current).hits or ())
    assert n_hits >= 1
    press(panel, "Alt+Right", 2)
    press(panel, "Right", 12)
    press(panel, "O")
    assert session.state(session.current).span == pytest.approx((0.5, 1.0 + 1 / 24))
    press(panel, "Shift+R")
    wait_takes(panel, qtbot, 3)
    span_take = session.takes(session.current)[2]
    assert span_take.recipe.parent_take
    assert span_take.recipe.sync == "lane"
    assert span_take.recipe.lane is not None

    parent = next(t for t in (first, second) if t.take_id == span_take.recipe.parent_take)
    old, new = (soundfile.read(t.wav_path, dtype="int32")[0] for t in (parent, span_take))
    seam = int(0.1 * 48_000)  # four code frames of cross-fade
    start, end = int(0.5 * 48_000) - seam, int((1 + 1 / 24) * 48_000) + seam
    assert (old[:start] == new[:start]).all()
    assert (old[end:] == new[end:]).all()
    assert (old[start:end] != new[start:end]).any()

    done = session.project.as_plain() if session.project else {}
    while session.project and session.project.undo_label:
        press(panel, "Ctrl+Z")
    left = dict(session.project.states) if session.project else {}
    for cue_id, state in left.items():
        assert state.takes == ()
        assert state.prompt == ""
        assert state.span is None
        assert cue_id in clean or state.chosen == ""
    while session.project and session.project.redo_label:
        press(panel, "Ctrl+Shift+Z")
    assert session.project is not None
    assert session.project.as_plain() == done

    press(panel, "Ctrl+E")
    dialog = panel.findChild(WriteDialog)
    assert dialog is not None
    QtBot.keyClick(dialog.write, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: any("Written" in text for text in panel.window_notices.texts), timeout=SLOW_MS
    )
    assert hashlib.sha256(cut.read_bytes()).hexdigest() == before
    written = otio.adapters.read_from_file(str(tmp_path / "cut_foley.otio"))
    clips = [c for t in written.tracks if t.kind == "Audio" for c in t.find_clips()]
    assert [c.metadata["vatt"]["take"] for c in clips] == [second.take_id]
    # The take with its span anew was not written, but how it was made was: it is made again.
    words = ["rework", str(tmp_path / "cut_foley.otio"), "--choose", span_take.take_id]
    result = subprocess.run([*command("cli"), *words], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    written = otio.adapters.read_from_file(str(tmp_path / "cut_foley_reworked.otio"))
    clips = [c for t in written.tracks if t.kind == "Audio" for c in t.find_clips()]
    again = tmp_path / clips[0].media_reference.target_url
    assert (soundfile.read(again, dtype="int32")[0] == new).all()

    session.close_cut()
    open_cut(panel, cut, qtbot)
    assert [t.take_id for t in session.takes(session.current)] == [
        first.take_id, second.take_id, span_take.take_id,
    ]  # fmt: skip


def test_killed_engine_costs_at_most_the_running_job(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate(takes=2)
    qtbot.waitUntil(lambda: session.engine.status.life in ("ready", "busy"), timeout=SLOW_MS)
    qtbot.waitUntil(
        lambda: any(s.status == "running" for _, s in session.jobs.table()), timeout=SLOW_MS
    )
    assert session.engine.pid  # 0 would mean ourselves
    os.kill(session.engine.pid, signal.SIGKILL)
    qtbot.waitUntil(
        lambda: any("run once more" in text for text in panel.window_notices.texts), timeout=5000
    )
    panel.inspector.prompt.setPlainText("still here")
    wait_takes(panel, qtbot, 2)


def test_no_display_is_one_clear_line() -> None:
    environment = {
        k: v
        for k, v in os.environ.items()
        if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    result = subprocess.run(
        command("panel"), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "no display" in result.stderr


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs xvfb")
def test_the_same_under_an_x_server() -> None:
    result = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, "-m", "pytest",
         __file__, "-k", "keyboard_only"],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"}, capture_output=True, text=True,
        timeout=280, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]


def children(pid: int) -> dict[int, str]:
    """Process ids and command lines of a process's children."""
    found = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                command_line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry.name)] = command_line.decode()
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_killed_panel_takes_its_engine_along(tmp_path: Path, movie: Path, qtbot: QtBot) -> None:
    (tmp_path / "count.mp4").write_bytes(movie.read_bytes())
    cut = write_cut(tmp_path, ["count.mp4"])
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    environment["XDG_CONFIG_HOME"] = str(tmp_path)
    panel = subprocess.Popen([*command("panel"), str(cut)], env=environment)
    try:
        qtbot.waitUntil(
            lambda: any("vatt_engine" in line for line in children(panel.pid).values()),
            timeout=SLOW_MS,
        )
        family = list(children(panel.pid))
        panel.kill()
        panel.wait(timeout=10)
        qtbot.waitUntil(
            lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in family), timeout=10_000
        )
    finally:
        panel.kill()
        panel.wait(timeout=10)


def test_panel_opens_and_closes_on_a_signal(tmp_path: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    environment["XDG_CONFIG_HOME"] = str(tmp_path)
    process = subprocess.Popen(
        [*command("panel"), "--debug"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "panel is open" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()
