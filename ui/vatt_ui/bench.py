"""The panel's own numbers: how soon it is there, how smoothly it moves, how much it holds.

``run()`` works on a made-up feature, without a screen (offscreen) if there is none, and with the
real engine only where it says so. Figures are seconds, milliseconds (``_ms``) or bytes.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

N_CUES = 3000
N_TAKES = 200
N_STEPS = 240
STALL_WATCH_S = 20.0
WATCH_MS = 5
OPEN_LIMIT_S = 300.0


def run(n_cues: int = N_CUES, n_takes: int = N_TAKES, *, engine: bool = True) -> dict[str, Any]:
    """Measure; takes half a minute, or ten seconds without the engine."""
    began = time.perf_counter()
    os.environ.setdefault("QT_QPA_PLATFORM", "" if _has_screen() else "offscreen")
    from PyQt6.QtCore import QSettings
    from PyQt6.QtWidgets import QApplication

    from vatt_ui import building
    from vatt_ui.preferences import Preferences

    application = QApplication.instance() or QApplication(["vatt"])
    assert isinstance(application, QApplication)
    application.setQuitOnLastWindowClosed(False)
    with tempfile.TemporaryDirectory(prefix="vatt-bench-") as folder:
        base = Path(folder)
        settings = QSettings(str(base / "panel.ini"), QSettings.Format.IniFormat)
        window = building.build(application, Preferences(settings))
        collector = building.collect_between_events(window)
        window.resize(1440, 900)
        window.show()
        application.processEvents()
        figures: dict[str, Any] = {"time_to_window_s": time.perf_counter() - began}
        cut = write_feature(base / "feature.otio", n_cues)
        figures.update(_open(window, cut))
        fill_with_takes(window, base, n_takes)
        figures.update(_scroll(application, window))
        figures.update(_select(application, window))
        if engine:
            figures.update(_stall(window))
        collector.stop()
        gc.collect()
        figures["memory_bytes"] = memory_bytes()
        figures["cues"], figures["takes"] = n_cues, n_takes
        if hasattr(os, "getloadavg"):
            figures["load_average"] = os.getloadavg()[0]  # the figures are of a calm machine only
        window.close()
        for helper in (window.session.background, window.reader):
            helper.wait_stopped()
        end = time.perf_counter() + 4
        while window.session.engine.pid and time.perf_counter() < end:
            application.processEvents()
    return figures


def _has_screen() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def write_feature(path: Path, n_cues: int) -> Path:
    """A cut of ``n_cues`` clips over two hours, its media offline."""

    def instant(value: float) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": 24.0, "value": float(value)}

    def stretch(start: float, length: float) -> dict[str, Any]:
        return {
            "OTIO_SCHEMA": "TimeRange.1",
            "start_time": instant(start),
            "duration": instant(length),
        }

    clips = [
        {
            "OTIO_SCHEMA": "Clip.2",
            "name": f"Shot_{i:04d}",
            "source_range": stretch(i * 60, 40 + (i * 37) % 50),
            "media_references": {
                "DEFAULT_MEDIA": {
                    "OTIO_SCHEMA": "ExternalReference.1",
                    "target_url": "reel.mov",
                    "available_range": stretch(0, n_cues * 100),
                }
            },
            "active_media_reference_key": "DEFAULT_MEDIA",
        }
        for i in range(n_cues)
    ]
    track = {"OTIO_SCHEMA": "Track.1", "name": "V1", "kind": "Video", "children": clips}
    stack = {"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [track]}
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": "feature",
        "global_start_time": instant(86400),
        "tracks": stack,
    }
    path.write_text(json.dumps(timeline))
    return path


class StallWatch:
    """Asks for a turn of the event loop over and over; the longest wait is the stall.

    Where the system tells how long the thread waited for a processor that others held (Linux), that
    time is left out of ``own_ms``: it says what the panel itself does to its user.
    """

    def __init__(self) -> None:
        from PyQt6.QtCore import Qt, QTimer

        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(WATCH_MS)
        self._timer.timeout.connect(self._on_turn)
        self._last, self._waited_ms = time.perf_counter(), waited_ms()
        self.longest_ms = self.own_ms = 0.0
        self._timer.start()

    def _on_turn(self) -> None:
        now, waited = time.perf_counter(), waited_ms()
        gap_ms = (now - self._last) * 1000 - WATCH_MS
        self.longest_ms = max(self.longest_ms, gap_ms)
        self.own_ms = max(self.own_ms, gap_ms - (waited - self._waited_ms))
        self._last, self._waited_ms = now, waited

    def stop(self, name: str) -> dict[str, float]:
        """The longest stall, and the longest of our own making, milliseconds."""
        self._timer.stop()
        return {f"{name}_longest_stall_ms": self.longest_ms, f"{name}_own_stall_ms": self.own_ms}


def waited_ms() -> float:
    """How long this thread has waited for a processor so far; 0 where it cannot be told."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e6
    except (OSError, ValueError, IndexError):
        return 0.0


class Clock:
    """Times steps: by the wall, and without the time in which others held the processor."""

    def __init__(self) -> None:
        self.walls: list[float] = []
        self.owns: list[float] = []

    def time(self, *acts: Callable[[], object]) -> None:
        """Do it, and note how many milliseconds it took."""
        began, waited = time.perf_counter(), waited_ms()
        for act in acts:
            act()
        wall_ms = (time.perf_counter() - began) * 1000
        self.walls.append(wall_ms)
        self.owns.append(wall_ms - (waited_ms() - waited))

    def told(self, name: str) -> dict[str, float]:
        """Half of all steps took less than p50, one in a hundred more than p99."""
        return {
            f"{name}_p50_ms": statistics.median(self.walls),
            f"{name}_p99_ms": percentile(self.walls, 0.99),
            f"{name}_own_p99_ms": percentile(self.owns, 0.99),
        }


def _until(done: Callable[[], object], limit_s: float) -> bool:
    """Let the panel work until ``done``; False when the limit came first."""
    from PyQt6.QtCore import QEventLoop, QTimer

    loop, poll = QEventLoop(), QTimer()
    end = time.perf_counter() + limit_s

    def look() -> None:
        if done() or time.perf_counter() > end:
            loop.quit()

    poll.timeout.connect(look)
    poll.start(20)  # the loop sleeps in between: a bench that spins would measure itself
    loop.exec()
    return bool(done())


def _await_cut(window: Any, before: Any) -> None:
    """Until another cut is open: figures of an empty window would look splendid.

    Raises:
        TimeoutError: this machine is too busy to measure anything.
    """
    if not _until(lambda: window.session.cut is not before, OPEN_LIMIT_S):
        raise TimeoutError(f"No cut was open after {OPEN_LIMIT_S:.0f} s.")


def _open(window: Any, cut: Path) -> dict[str, float]:
    watch = StallWatch()
    began = time.perf_counter()
    window.opening.path(cut)
    _await_cut(window, None)
    took = time.perf_counter() - began
    _until(lambda: False, 2.5)  # lanes are made, the collector settles
    return {"open_s": took, **watch.stop("open")}


def fill_with_takes(window: Any, base: Path, n_takes: int) -> None:
    """Takes for the first cues, with waveforms of ten seconds."""
    import numpy as np

    from vatt_plugin.cues import Recipe, Take
    from vatt_ui.playback.sounds import Peaks

    project = window.session.project
    generator = np.random.default_rng(1)
    recipe = Recipe("tiny", "", "", "cpu", "steps", "", 1, None, None, "auto")
    edits = {}
    for i, cue in enumerate(window.session.cues[:n_takes]):
        take_id = f"take{i}"
        path = str(base / f"{take_id}.wav")
        project.add_take(Take(take_id, cue.cue_id, path, "", "", recipe, lufs=-27.0))
        values = generator.integers(0, 90, 1875).astype(np.int8)
        window.player.sounds._peaks[take_id] = Peaks(-values, values)
        edits[cue.cue_id] = {"takes": (take_id,), "chosen": take_id, "prompt": "steps"}
    window.session.edit("fill", edits)


def _scroll(application: Any, window: Any) -> dict[str, float]:
    """Paint times while the strip scrolls and zooms, and while the table scrolls."""
    strip = window.timeline.strip
    strip.fit(0.0, 120.0)
    application.processEvents()
    scrolled, zoomed, rows = Clock(), Clock(), Clock()
    for step in range(N_STEPS):
        scrolled.time(partial(strip.scroll_to, step * 0.8), strip.repaint)
    for step in range(60):
        zoomed.time(partial(strip.zoom, 1.12 if step % 30 < 15 else 1 / 1.12), strip.repaint)
    whole = Clock()
    whole.time(strip.fit_all, strip.repaint)
    table = window.cues.table
    bar, viewport = table.verticalScrollBar(), table.viewport()
    for step in range(N_STEPS):
        rows.time(partial(bar.setValue, bar.maximum() * step // N_STEPS), viewport.repaint)
    return {
        **scrolled.told("strip_scroll"),
        **zoomed.told("strip_zoom"),
        "strip_whole_feature_ms": whole.owns[0],
        **rows.told("table_scroll"),
    }


def _select(application: Any, window: Any) -> dict[str, float]:
    """From one cue to the next, all panes following, and a keystroke in the prompt."""
    steps, keys = Clock(), Clock()
    prompt = window.inspector.prompt
    for i in range(100):
        steps.time(partial(window.session.step_cue, 1), application.processEvents)
        keys.time(partial(prompt.setPlainText, f"steps {i}"), application.processEvents)
    return {**steps.told("next_cue"), **keys.told("keystroke")}


def _stall(window: Any) -> dict[str, float]:
    """The longest stall of the event loop while the real engine serves ``tiny``."""
    import dataclasses

    from vatt_ui.dialogs.first_run import sample_copy

    sample = sample_copy()
    if sample is None:
        return {}
    window.session.set_settings(dataclasses.replace(window.session.settings, model="tiny"))
    window.session.models.default = "tiny"
    shown = window.session.cut
    window.opening.path(sample)
    _await_cut(window, shown)
    window.player.transport.audio.open()  # the panel does so at its start
    watch = StallWatch()
    window.commands.generate(takes=3)
    window.player.transport.play()
    jobs = window.session.jobs
    _until(lambda: jobs.open_count() == 0, STALL_WATCH_S)
    window.player.transport.stop()
    return watch.stop("job")


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def memory_bytes() -> int:
    """Resident memory of the panel's own process; 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(), indent=1) + "\n")
