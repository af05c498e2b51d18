"""Pictures of every pane and theme of the panel, without a screen and without an engine.

``python scripts/screenshots.py [FOLDER]`` opens the sample cut, lays made-up takes into its
project, and writes PNGs to ``build/screenshots``. A person looks at them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import numpy as np
import soundfile
from PyQt6.QtCore import QSettings, Qt
from PyQt6.QtWidgets import QApplication, QWidget

from vatt_engine.errors import OutOfMemory
from vatt_engine.messages import Failed, SyncLane
from vatt_plugin.client import EngineStatus
from vatt_plugin.cues import Recipe, Take
from vatt_plugin.project import Recovery
from vatt_plugin.project_state import Hit, picture_key
from vatt_ui import app, bench, building
from vatt_ui.dialogs import (
    cue_source,
    first_run,
    key_sheet,
    model_picker,
    pattern,
    preferences,
    write_preview,
)
from vatt_ui.dialogs.recovery import RecoveryDialog, RecoveryList
from vatt_ui.main_window import MainWindow
from vatt_ui.notices import Notice
from vatt_ui.preferences import Preferences
from vatt_ui.theme.tokens import THEMES

ROOT = Path(__file__).resolve().parents[1]
RATE = 48_000
MODEL = "vatt-mini"
PROMPTS = {
    "bunny_meadow": "heavy paws in tall grass, rustle of a bush, one deep yawn",
    "city_night": "distant traffic, wind between towers",
    "typing_hello": "mechanical keyboard, quick typing, a soft click at the end",
}
CAPTIONS = {
    "bunny_meadow": "an animal moves through grass and stretches",
    "city_night": "wind over a city at night",
    "typing_hello": "someone types on a keyboard",
}
MODELS = [
    {"name": MODEL, "bytes": 73_700_000, "licence": "CC-BY-SA-4.0; Apache-2.0", "trained": True,
     "description": "Bundled: Foley on a CPU", "memory_bytes": 1_446_000_000,
     "machine_bytes": 25_300_000_000, "fits": True,
     "memory": {"cpu": 1_446_000_000, "resident": 1_053_000_000, "offload": 1_048_000_000}},
    {"name": "vatt-gemma-t", "bytes": 7_000_000_000, "licence": "CC-BY-NC-4.0", "trained": True,
     "description": "Published weights, imported", "memory_bytes": 8_387_000_000,
     "machine_bytes": 25_300_000_000, "fits": True,
     "memory": {"cpu": 8_387_000_000, "resident": 7_438_000_000, "offload": 3_471_000_000}},
    {"name": "tiny", "bytes": 400_000, "licence": "Apache-2.0", "trained": False,
     "memory_bytes": 705_000_000, "machine_bytes": 25_300_000_000, "fits": True,
     "memory": {"cpu": 705_000_000, "resident": 673_000_000, "offload": 673_000_000}},
]  # fmt: skip
DEVICES = [
    {"id": "cpu", "name": "2 threads", "memory_bytes": 25_300_000_000},
    {"id": "cuda:0", "name": "RTX 3050", "memory_bytes": 6_000_000_000, "auto": True},
]
VARIANTS = {
    "scale-1.5": {"QT_SCALE_FACTOR": "1.5"},
    "scale-2": {"QT_SCALE_FACTOR": "2"},
    "long-words": {"LANGUAGE": "en_XA"},
}
STILL = "city_night"  # nothing moves in it, as far as these pictures go
HITS = {
    "bunny_meadow": (0.32, 0.84, 1.52, 2.36, 2.8),
    "city_night": (1.2,),
    "typing_hello": tuple(0.3 + 0.22 * i + 0.05 * (i % 3) for i in range(14)),
}


def sound(hits: tuple[float, ...], length_s: float, seed: int) -> np.ndarray:
    """Bursts of noise that ring out at the hits, over a breath of air: [S]."""
    generator = np.random.default_rng(seed)
    n = round(length_s * RATE)
    out = generator.normal(0, 0.012, n)
    for at in hits:
        start = round((at + generator.normal(0, 0.008)) * RATE)
        tail = np.exp(-np.arange(n) / (RATE * generator.uniform(0.03, 0.12)))
        burst = generator.normal(0, 1, n) * tail * generator.uniform(0.2, 0.6)
        start = max(0, start)
        out[start:] += burst[: n - start]
    return np.clip(out, -0.9, 0.9)


def figures(seed: int) -> dict[str, float]:
    """What an engine that listens to its takes would say of one."""
    made: dict[str, float] = {"score": 0.55 + 0.09 * (seed % 5), "closeness": 0.7, "faults": 0.0}
    if seed % 4 == 2:
        made.update(faults=1.0, fault_noise=1.0)
    return made


def from_words(take: Take, length_s: float) -> Take:
    """The take as if its moments were made up from its words."""
    first = 0.4 + 0.13 * (take.recipe.seed % 3)
    hits = tuple((first + 0.52 * i, 0.5 + 0.07 * (i % 3)) for i in range(int(length_s / 0.6)))
    curve = [0.2] * round(length_s * 50)
    for at, strength in hits:
        for i in range(30):
            if (there := round(at * 50) + i) < len(curve):
                curve[there] = max(curve[there], strength * 0.82**i)
    told = {**take.figures, "made_up": 1.0, "made_up_hits": float(len(hits))}
    moments = SyncLane(hits, tuple(curve), 50.0)
    return dataclasses.replace(take, sync=None, lag_s=None, figures=told, moments=moments)


def settle(application: QApplication, done: Callable[[], bool], limit_s: float = 20.0) -> None:
    """Let the panel work until ``done``, or until the limit."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end and not done():
        application.processEvents()
        time.sleep(0.005)
    quiet = time.monotonic() + 0.25
    while time.monotonic() < quiet:
        application.processEvents()
        time.sleep(0.005)


def fill(window: MainWindow, folder: Path) -> None:
    """Takes, prompts, hits and a few states for the open sample."""
    session = window.session
    assert session.project is not None
    for number, cue in enumerate(session.cues):
        hits = HITS.get(cue.clip, (0.5, 1.0))
        length = float(cue.duration_s)
        ids = []
        for seed in range(48211, 48211 + (3, 2, 4)[number % 3]):
            take_id = f"{cue.clip[:4]}{seed}"
            path = folder / f"{take_id}.wav"
            soundfile.write(path, sound(hits, length, seed), RATE, subtype="PCM_24")
            recipe = Recipe(
                MODEL, "feed", "0.1.0", "cpu", PROMPTS.get(cue.clip, "steps"),
                "speech, music", seed, None, None, "auto",
            )  # fmt: skip
            lag = (0.012, -0.034, 0.004, 0.051)[seed % 4]
            caption = CAPTIONS.get(cue.clip, "")
            take = Take(take_id, cue.cue_id, str(path), str(path), caption, recipe,
                        0.8, lag, -27.0 - seed % 3, -6.2, 4.0, figures=figures(seed))  # fmt: skip
            if cue.clip == STILL:
                take = from_words(take, length)
            session.project.add_take(take)
            ids.append(take_id)
        generator = np.random.default_rng(number)
        curve = np.convolve(generator.random(round(length * 50)), np.ones(25) / 25, "same")
        session.edit(
            "fill",
            {
                cue.cue_id: {
                    "prompt": PROMPTS.get(cue.clip, "steps on gravel"),
                    "negative": "speech, music",
                    "caption": CAPTIONS.get(cue.clip, "steps"),
                    "alternatives": ("grass rustles in the wind", "soft steps, cloth moving"),
                    "seed": 48215,
                    "seed_locked": number == 1,
                    "hits": tuple(Hit(t, 0.5 + 0.4 * ((i * 7) % 5) / 4) for i, t in enumerate(hits))
                    if cue.clip != STILL
                    else (),
                    "intensity": tuple(float(v) for v in curve) if cue.clip != STILL else (),
                    "takes": tuple(ids),
                    "starred": (ids[1],),
                    "chosen": ids[1] if number != 2 else "",
                    "picture_key": picture_key(cue),
                    "prompt_history": ("grass", "heavy paws in grass"),
                }
            },
        )
    first = session.cues[0]
    session.edit("span", {first.cue_id: {"span": (0.6, 1.8)}})
    session.compared_take[first.cue_id] = session.takes(first.cue_id)[0].take_id
    session.show_take(session.takes(first.cue_id)[1].take_id)
    window.player.transport.seek(1.24)


class Studio:
    """Takes the pictures."""

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self.application = QApplication.instance() or QApplication(["vatt"])
        assert isinstance(self.application, QApplication)
        self.temporary = Path(tempfile.mkdtemp(prefix="vatt-shots-"))
        self.n = 0

    def window(self, theme: str = "dark", size: tuple[int, int] = (1440, 900)) -> MainWindow:
        """A panel without a cut."""
        settings = QSettings(str(self.temporary / "panel.ini"), QSettings.Format.IniFormat)
        settings.clear()
        chosen = Preferences(settings)
        chosen.theme = theme
        window = building.build(self.application, chosen)
        app.catch_errors(window)
        window.resize(*size)
        window.show()
        return window

    def opened(self, window: MainWindow) -> None:
        """The sample cut with takes, everything painted."""
        folder = self.temporary / f"cut{self.n}"
        self.n += 1
        shutil.copytree(ROOT / "vatt_plugin" / "sample_cut", folder)
        window.opening.path(folder / "demo.otio")
        settle(self.application, lambda: window.session.cut is not None)
        fill(window, folder)
        window.session.engine.client._status = EngineStatus("ready", version="0.1.0", device="cpu")
        window.session.models.default = MODEL
        window.status.refresh()
        settle(
            self.application,
            lambda: (
                not window.session.background.busy
                and not window.reader.busy
                and window.viewer.picture.up_to_date
            ),
        )

    def shot(self, widget: QWidget, name: str) -> None:
        """Save a widget's picture."""
        settle(self.application, lambda: True)
        path = self.out / f"{name}.png"
        widget.grab().save(str(path))
        print(path)

    def close(self, window: MainWindow) -> None:
        """Close a panel and its processes."""
        window.close()
        for helper in (window.session.background, window.reader):
            helper.wait_stopped()
        settle(self.application, lambda: True)
        window.deleteLater()

    def run(self) -> None:
        """All pictures."""
        self.application.setQuitOnLastWindowClosed(False)
        for theme in THEMES:
            window = self.window(theme)
            slug = theme.replace(" ", "-")
            if theme == "dark":
                self.shot(window, "empty")
            self.opened(window)
            self.shot(window, f"panel-{slug}")
            self.panes(window, slug)
            self.made_up(window, slug)
            if theme == "dark":
                self.dialogs(window)
                self.states(window)
            self.close(window)
        self.sizes()
        self.variants()
        shutil.rmtree(self.temporary, ignore_errors=True)

    def variants(self) -> None:
        """The window at other scales and with long words, each in a process of its own."""
        for name, settings in VARIANTS.items():
            environment = {**os.environ, **settings}
            command = [sys.executable, __file__, str(self.out), "--variant", name]
            subprocess.run(command, env=environment, check=True)

    def variant(self, name: str) -> None:
        """One window, named after what is special about it; at twice the size all of them."""
        self.application.setQuitOnLastWindowClosed(False)
        for theme in THEMES if name == "scale-2" else ("dark",):
            window = self.window(theme, size=(1280, 720))
            self.opened(window)
            slug = "" if theme == "dark" else f"-{theme.replace(' ', '-')}"
            self.shot(window, f"panel-{name}{slug}")
            if name == "scale-2":
                self.panes(window, f"{theme.replace(' ', '-')}-2x")
            self.close(window)

    def panes(self, window: MainWindow, slug: str) -> None:
        """Each pane that can be seen."""
        for pane in window.panes:
            if pane.isVisible():
                self.shot(pane, f"pane-{pane.key}-{slug}")

    def made_up(self, window: MainWindow, slug: str) -> None:
        """The cue in which nothing moves."""
        first, still = (
            next(c for c in window.session.cues if (c.clip == STILL) is wanted)
            for wanted in (False, True)
        )
        window.session.select([still.cue_id])
        settle(self.application, lambda: window.viewer.picture.up_to_date)
        self.shot(window, f"panel-made-up-{slug}")
        window.session.select([first.cue_id])
        window.player.transport.seek(1.24)

    def dialogs(self, window: MainWindow) -> None:
        """Every window beside the main one."""
        session, theme, chosen = window.session, window.theme, window.preferences
        questions = session.questions
        for question in ("list_models", "list_devices", "tell_model"):  # answered below
            setattr(questions, question, lambda *_args: None)
        made = [
            ("write", write_preview.show(window, session, theme, chosen)),
            ("keys", key_sheet.show(window, theme, chosen)),
            ("preferences", preferences.show(window, session, theme, chosen)),
            ("models", model_picker.show(window, session, theme, chosen)),
            ("pattern", pattern.show(window, session, theme)),
            ("cue-source", cue_source.show(window, session.opening, theme)),
            ("welcome", first_run.show(window, session, theme, window.player.transport.audio)),
        ]
        questions.devices_found.emit(DEVICES)
        questions.models_found.emit(MODELS)
        for model in MODELS:
            questions.model_told.emit(model)
        for name, dialog in made:
            self.shot(dialog, f"dialog-{name}")
            dialog.close()
        found = Recovery(7, time.time() - 600, time.time() - 4000)
        recovery = RecoveryDialog(window, window.theme, Path("reel 3.otio"), found)
        recovery.show()
        self.shot(recovery, "dialog-recovery")
        recovery.close()
        several = [(self.temporary / f"reel {n}.otio", found) for n in (3, 2, 1)]
        chooser = RecoveryList(window, window.theme, several)
        chooser.show()
        self.shot(chooser, "dialog-recovery-list")
        chooser.close()

    def states(self, window: MainWindow) -> None:
        """Queue, takes as lanes, notices, many cues."""
        session = window.session
        session.set_settings(dataclasses.replace(session.settings, model=MODELS[1]["name"]))
        session.engine.client.pause()
        job_ids = [session.jobs.generate(cue.cue_id, takes=2) for cue in session.cues]
        window.docks["queue"].show()
        window.timeline.takes_open.setChecked(True)
        failure = OutOfMemory(
            "Not enough memory for this clip, even in smaller pieces: CUDA out of memory.",
            "Close other programs, ask for fewer takes, or choose a smaller model.",
        )
        session.engine.event_received.emit(Failed(job_ids[0], **failure.to_dict()))
        window.show_notice(
            Notice(
                "The cut has changed on disk. Your takes are safe either way.", "", "warning",
                "window", "cut",
                (("Conform takes to the new cut", lambda: None), ("Keep the old", lambda: None)),
            )
        )  # fmt: skip
        self.shot(window, "panel-busy")
        session.jobs.cancel_all()

    def sizes(self) -> None:
        """Small, scaled, mirrored, long words, and a feature."""
        window = self.window(size=(1280, 720))
        self.opened(window)
        self.shot(window, "panel-1280x720")
        window.timeline.strip.fit(0.2, 2.2)
        self.shot(window.timeline, "pane-timeline-zoomed")
        window.resize(1440, 900)
        sample = window.session.cut
        media = sorted((ROOT / "vatt_plugin" / "sample_cut" / "media").glob("*.mp4"))
        shutil.copyfile(media[0], self.temporary / "reel.mov")
        window.opening.path(bench.write_feature(self.temporary / "feature.otio", 3000))
        settle(self.application, lambda: window.session.cut is not sample)
        settle(self.application, lambda: window.timeline.strip.n_lanes > 0)
        bench.fill_with_takes(window, self.temporary, 700)
        window.session.select([window.session.cues[4].cue_id])
        self.shot(window, "panel-3000-cues")
        self.close(window)
        assert isinstance(self.application, QApplication)
        self.application.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        window = self.window()
        self.opened(window)
        self.shot(window, "panel-right-to-left")
        self.close(window)
        self.application.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        for theme in ("dark", "light"):
            window = self.window(theme)
            self.opened(window)
            window.resize(window.minimumSizeHint())
            window.timeline.strip.fit_all()
            self.shot(window, f"panel-smallest-{theme}")
            self.close(window)


def main() -> None:
    """Take the pictures; with ``--variant`` only that one's, as ``Studio.variants`` asks."""
    parser = argparse.ArgumentParser(description="Pictures of every pane and theme of the panel.")
    parser.add_argument(
        "folder", type=Path, nargs="?", default=ROOT / "build" / "screenshots",
        help="where the PNGs go (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--variant", choices=VARIANTS,
        help="one kind of window only; scale and language are those of the environment",
    )  # fmt: skip
    args = parser.parse_args()
    studio = Studio(args.folder)
    if args.variant:
        studio.variant(args.variant)
    else:
        studio.run()


if __name__ == "__main__":
    main()
