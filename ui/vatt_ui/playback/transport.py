"""Where we are in time and how we move: play, shuttle, loop, step. No picture or sound itself.

The clock is the sound card's where there is one, never running ahead of the monotonic clock (some
outputs swallow sound hundreds of times too fast), and the monotonic clock alone where there is
none.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from fractions import Fraction

from PyQt6.QtCore import QObject, Qt, QTimer, pyqtSignal

from vatt_ui.playback.audio import RATE, AudioOut, Mixer

SHUTTLE_RATES = (1.0, 2.0, 4.0, 8.0)
TICK_MS = 15
MAX_LEAD_S = 0.25  # how far the sound card may be ahead of the wall


class Transport(QObject):
    """The playhead.

    Signals:
        moved(float): the position in seconds from the timeline's first frame.
        playing_changed(bool): it started or stopped.
        rate_changed(float): another shuttle speed; negative is backwards.
        loop_changed(bool): looping was switched.
        noted(str): something to tell about the sound output.
    """

    moved = pyqtSignal(float)
    playing_changed = pyqtSignal(bool)
    rate_changed = pyqtSignal(float)
    loop_changed = pyqtSignal(bool)
    noted = pyqtSignal(str)

    def __init__(
        self,
        audio: AudioOut | None = None,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.audio = audio or AudioOut(Mixer())
        self.mixer = self.audio.mixer
        self.fps = Fraction(25)
        self.duration_s = 0.0
        self.bounds: tuple[float, float] | None = None
        self.loop = False
        self._clock = clock
        self._position = 0.0
        self._rate = 1.0
        self._playing = False
        self._began = (0.0, 0.0)
        self._noted = False
        self._until: float | None = None
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self.tick)

    @property
    def position(self) -> float:
        """Seconds from the timeline's first frame."""
        return self._position

    @property
    def playing(self) -> bool:
        """Whether the playhead moves."""
        return self._playing

    @property
    def rate(self) -> float:
        """Speed; 1 is as it plays, negative backwards."""
        return self._rate

    def video_frame(self) -> int:
        """The whole timeline frame under the playhead."""
        return math.floor(Fraction(self._position).limit_denominator(10**7) * self.fps + 1e-4)

    # --- moving -----------------------------------------------------------------------------

    def seek(self, position: float) -> None:
        """Go somewhere; playing goes on from there."""
        self._position = min(max(position, 0.0), max(0.0, self.duration_s))
        self._rebase()
        self.moved.emit(self._position)

    def step_frames(self, n: int) -> None:
        """Stop, and go by whole video frames."""
        self.stop()
        self.seek(float((self.video_frame() + n) / self.fps))

    def toggle(self) -> None:
        """Play or pause at normal speed."""
        if self._playing:
            self.stop()
        else:
            self.play(1.0)

    def play(self, rate: float = 1.0, until: float | None = None) -> None:
        """Play on at a speed; ``until`` stops there (or loops, if looping)."""
        self.audio.open()
        if self.audio.note and not self._noted:
            self._noted = True
            self.noted.emit(self.audio.note)
        self._until = until
        at_end = rate > 0 and self._position >= self.duration_s - float(1 / self.fps) / 2
        if at_end and until is None and self.duration_s:
            self._position = self.bounds[0] if self.loop and self.bounds else 0.0
        changed = not self._playing
        self._playing = True
        self._set_rate(rate)
        self._rebase()
        self._timer.start()
        if changed:
            self.playing_changed.emit(True)

    def stop(self) -> None:
        """Stop where we are."""
        if not self._playing:
            return
        self._playing = False
        self._until = None
        self.mixer.playing = False
        self._timer.stop()
        self._set_rate(1.0)
        self.playing_changed.emit(False)

    def shuttle(self, direction: int) -> None:
        """J or L: start that way, each press faster; against the motion, slower first."""
        same_way = self._playing and self._rate * direction > 0
        if not same_way:
            self.play(float(direction))
            return
        faster = [r for r in SHUTTLE_RATES if r > abs(self._rate)]
        self.play(direction * (faster[0] if faster else SHUTTLE_RATES[-1]))

    def play_span(self, start: float, end: float) -> None:
        """Play a stretch, once or in a loop."""
        self.bounds = (start, end)
        self.seek(start)
        self.play(1.0, until=end)

    def set_loop(self, loop: bool) -> None:
        """Play round and round inside the bounds."""
        if loop != self.loop:
            self.loop = loop
            self._rebase()
            self.loop_changed.emit(loop)

    def set_bounds(self, start: float, end: float) -> None:
        """What a loop goes round in: the cue, or its in..out."""
        self.bounds = (start, end) if end > start else None
        self._share_loop()

    # --- the clock --------------------------------------------------------------------------

    def tick(self) -> None:
        """Move the playhead to now."""
        if not self._playing:
            return
        began, origin = self._began
        wall = (self._clock() - began) * self._rate
        position = origin + wall
        if self.audio.available and self._rate == 1.0 and not self._loops():
            heard = self.mixer.position / RATE - self.audio.latency_s
            position = min(max(heard, origin), position + MAX_LEAD_S)
        position = self._bounded(position)
        if position != self._position:
            self._position = position
            self.moved.emit(position)

    def _bounded(self, position: float) -> float:
        if self._loops() and self.bounds is not None:
            start, end = self.bounds
            if position >= end:
                position = start + (position - end) % (end - start)
                self._began = (self._clock(), position)
                self.mixer.seek(position * RATE)
            return position
        limit = self._until if self._until is not None else self.duration_s
        if self._rate > 0 and position >= limit:
            self.stop()
            return limit
        if self._rate < 0 and position <= 0.0:
            self.stop()
            return 0.0
        return position

    def _loops(self) -> bool:
        inside = self.bounds is not None and self._began[1] < self.bounds[1]
        return self.loop and self._rate > 0 and inside

    def _set_rate(self, rate: float) -> None:
        if rate != self._rate:
            self._rate = rate
            self.rate_changed.emit(rate)

    def _rebase(self) -> None:
        self._began = (self._clock(), self._position)
        self.mixer.rate = self._rate
        self.mixer.seek(self._position * RATE)
        self._share_loop()
        self.mixer.playing = self._playing

    def _share_loop(self) -> None:
        bounds = self.bounds
        looping = self.loop and bounds is not None
        self.mixer.loop = (bounds[0] * RATE, bounds[1] * RATE) if looping and bounds else None
