"""Take the README's picture of the panel: the sample cut, real takes of the bundled model.

Works the panel's session with its real engine: ``python scripts/readme_picture.py [OUT.png]``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication

from vatt_plugin import ranking
from vatt_ui.app import build
from vatt_ui.preferences import Preferences

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ("grass rustles, heavy paws", "distant traffic, wind", "keys of a keyboard")
PATIENCE_S = 180.0


def wait(application: QApplication, done: Callable[[], bool]) -> None:
    """Let the panel work until ``done``."""
    until = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > until:
            raise SystemExit("The panel did not get there in time.")
        application.processEvents()


def main(out: Path) -> None:
    """Open, find hits, generate, choose, grab."""
    application = QApplication(["vatt"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "cut"
        shutil.copytree(ROOT / "vatt_plugin" / "sample_cut", folder)
        settings = QSettings(str(Path(name) / "panel.ini"), QSettings.Format.IniFormat)
        window = build(application, Preferences(settings))
        session = window.session
        window.resize(1440, 900)
        window.show()
        window.opening.path(folder / "demo.otio")
        wait(application, lambda: session.cut is not None)
        session.questions.list_models()
        wait(application, lambda: bool(session.models.facts(session.model)))
        trained = bool(session.models.facts(session.model).get("trained"))
        for cue, prompt in zip(session.cues, PROMPTS, strict=True):
            session.edit("Prompt", {cue.cue_id: {"prompt": prompt}})
            session.jobs.spot(cue.cue_id)
            if trained:  # an untrained one only babbles
                session.jobs.caption(cue.cue_id)
            session.jobs.generate(cue.cue_id, takes=3)
        wait(application, lambda: all(len(session.takes(c.cue_id)) == 3 for c in session.cues))
        for cue in session.cues:
            best = ranking.best(session.takes(cue.cue_id))
            session.edit("Use", {cue.cue_id: {"chosen": best.take_id if best else ""}})
        wait(application, lambda: session.jobs.open_count() == 0)
        wait(application, lambda: not session.background.busy and not window.reader.busy)
        window.inspector.notices.clear_all()
        window.player.transport.seek(1.2)
        settled = time.monotonic() + 1.5
        wait(application, lambda: time.monotonic() > settled)
        window.grab().save(str(out))
        window.close()
        wait(application, lambda: not session.engine.pid)
        for helper in (session.background, window.reader):
            helper.wait_stopped()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images" / "panel.png")
