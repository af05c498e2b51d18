"""Walk through the panel by keys alone, with the bundled model, and take the README's picture.

``python scripts/readme_picture.py [OUT.png] [--steps FOLDER]``: opens the sample, makes three takes
of each clip, moves a hit and makes the sound around it anew, picks, writes the timeline. Prints how
long each step took; with ``--steps`` each one leaves a picture of its own. No network, no screen.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QSettings
from PyQt6.QtGui import QKeySequence
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from vatt_ui import building
from vatt_ui.dialogs.write_preview import WriteDialog
from vatt_ui.preferences import Preferences

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ("grass rustles, heavy steps", "distant traffic, wind", "typing on a keyboard")
N_TAKES = 3
PATIENCE_S = 900.0  # a busy machine is slow, not broken
SHOWN_S = 1.2  # where the playhead rests for the picture


class Walk:
    """A panel and a person at its keyboard."""

    def __init__(self, folder: Path, steps: Path | None) -> None:
        self.application = QApplication(["vatt"])
        self.application.setApplicationName("vatt")
        self.application.setQuitOnLastWindowClosed(False)
        settings = QSettings(str(folder / "panel.ini"), QSettings.Format.IniFormat)
        self.window = building.build(self.application, Preferences(settings))
        self.session = self.window.session
        building.ask_engine_after_opening(self.window)
        self.window.resize(1440, 900)
        self.window.show()
        self.window.activateWindow()
        self._steps = steps
        self._until = time.monotonic() + PATIENCE_S
        self._began = time.monotonic()
        self._n = 0
        self.wait(lambda: QApplication.focusWidget() is not None)

    def press(self, keys: str, times: int = 1) -> None:
        """Press keys where the keyboard is."""
        combination = QKeySequence(keys)[0]
        for _ in range(times):
            target = QApplication.focusWidget() or self.window
            QTest.keyClick(target, combination.key(), combination.keyboardModifiers())

    def write(self, text: str) -> None:
        """Type where the keyboard is, instead of what stands there."""
        self.press("Ctrl+A")
        QTest.keyClicks(QApplication.focusWidget() or self.window, text)

    def wait(self, done: Callable[[], bool]) -> None:
        """Let the panel work until ``done``."""
        while not done():
            if time.monotonic() > self._until:
                raise SystemExit("\n".join(["No end in sight.", *self.session.engine.client.log]))
            self.application.processEvents()
            time.sleep(0.002)

    def settle(self) -> None:
        """Until everything that can be seen is there."""
        session, window = self.session, self.window
        self.wait(lambda: session.jobs.open_count() == 0 and session.engine.client.idle)
        self.wait(lambda: not session.background.busy and not window.reader.busy)
        quiet = time.monotonic() + 0.5
        self.wait(lambda: time.monotonic() > quiet and window.viewer.picture.up_to_date)

    def step(self, name: str) -> None:
        """A step is done."""
        now = time.monotonic()
        self._n += 1
        print(f"{name:32} {now - self._began:6.1f} s", flush=True)
        if self._steps is not None:
            self.window.grab().save(str(self._steps / f"{self._n}-{name.replace(' ', '-')}.png"))
        self._began = time.monotonic()

    def takes(self, n: int) -> bool:
        """Whether the current cue has so many takes."""
        failures = self.session.jobs.failures
        if failures:
            raise SystemExit(f"A job failed: {next(iter(failures.values()))}")
        return len(self.session.takes(self.session.current)) >= n

    def close(self) -> None:
        """End the panel and its processes."""
        self.window.close()
        self.wait(lambda: not self.session.engine.pid)
        for helper in (self.session.background, self.window.reader):
            helper.wait_stopped()


def walk(person: Walk) -> None:
    """What a person does who never saw the panel."""
    session, press = person.session, person.press
    press("Tab")  # from Open to Open the sample
    press("Space")
    person.wait(lambda: bool(session.cues))
    person.step("sample open")
    for number, prompt in enumerate(PROMPTS):
        if number:
            press("Down")
        press("P")
        person.write(prompt)
        press("Esc")
        press("C")
        press("Alt+R")
        if not number:
            person.wait(lambda: person.takes(N_TAKES))
            person.step("first three takes")
    person.wait(lambda: all(len(session.takes(c.cue_id)) >= N_TAKES for c in session.cues))
    person.settle()
    person.step("three takes of the others")
    press("Up", len(PROMPTS) - 1)
    press("Alt+Down" if session.state(session.current).hits else "H")
    press("Alt+Right", 2)
    press("Shift+R")
    person.wait(lambda: person.takes(N_TAKES + 1))
    person.settle()
    person.step("hit moved and heard")
    press("B")  # the take before, for comparison
    press(str(N_TAKES + 1))
    press("Ctrl+E")
    dialog = person.window.findChild(WriteDialog)
    assert dialog is not None
    person.wait(lambda: QApplication.focusWidget() is dialog.write)
    press("Return")
    person.wait(lambda: any("Written" in text for text in person.window.window_notices.texts))
    person.step("picked and written")


def take_picture(person: Walk, out: Path) -> None:
    """The window as it stands, without passing messages."""
    window = person.window
    window.window_notices.clear_all()
    for pane in window.panes:
        pane.notices.clear_all()
    person.press("Esc")
    window.player.transport.seek(SHOWN_S)
    person.settle()
    out.parent.mkdir(parents=True, exist_ok=True)
    window.grab().save(str(out))


def main() -> None:
    """Walk, then take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", nargs="?", default=str(ROOT / "docs" / "images" / "panel.png"))
    parser.add_argument("--steps", help="folder for a picture of each step")
    arguments = parser.parse_args()
    steps = Path(arguments.steps) if arguments.steps else None
    if steps is not None:
        steps.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_DATA_HOME"] = name  # the sample is copied to where the user's data lies
        person = Walk(Path(name), steps)
        walk(person)
        take_picture(person, Path(arguments.out))
        person.close()


if __name__ == "__main__":
    main()
