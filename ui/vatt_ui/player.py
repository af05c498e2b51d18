"""Joins the playhead to picture and sound: which take is heard, what the viewer shows.

The program that is heard is made of the takes near the playhead and of the cut's own sound, dimmed.
Listening to A against B only exchanges the program, so it is gapless; the louder of the two is
turned down to the other, so that the louder one does not win for being louder.
"""

from __future__ import annotations

import bisect

from PyQt6.QtCore import QObject, QTimer

from vatt_plugin.cues import Cue, Take
from vatt_ui.asking import as_shown
from vatt_ui.language import _
from vatt_ui.notices import Notice
from vatt_ui.playback.audio import RATE, Program, Sound
from vatt_ui.playback.places import Place, place_of
from vatt_ui.playback.sounds import SoundBank
from vatt_ui.playback.transport import Transport
from vatt_ui.session import Session

AHEAD_S = 20.0  # sounds this far ahead of the playhead are fetched and mixed
ORIGINAL_GAIN = 0.35
N_OVERLAPPING = 8  # cues on top of each other that are looked through


class Player(QObject):
    """Feeds the mixer and says what the viewer shows."""

    def __init__(self, session: Session, transport: Transport, sounds: SoundBank) -> None:
        super().__init__(session)
        self._session = session
        self.transport = transport
        self.sounds = sounds
        self.foley_muted = False
        self.original_muted = False
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._mixed_from = -1.0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(15)
        self._later.timeout.connect(self.mix)
        session.cut_opened.connect(self._on_cut_opened)
        session.cue_changed.connect(self._on_cue_changed)
        session.take_shown.connect(self._on_take_shown)
        session.current_changed.connect(self._on_current_changed)
        sounds.ready.connect(self._on_sound_ready)
        sounds.failed.connect(self._on_sound_failed)
        transport.moved.connect(self._on_moved)
        transport.noted.connect(self._on_noted)

    def cue_at(self, position: float) -> Cue | None:
        """The cue under a position; the current cue wins where several lie on top of each other."""
        current = self._session.cue(self._session.current)
        if current is not None and _inside(current, position):
            return current
        cues = self._session.cues
        i = bisect.bisect_right(self._starts, position + 1e-6) - 1
        lowest = max(0, i - N_OVERLAPPING)
        while i >= lowest:
            if _inside(cues[i], position):
                return cues[i]
            i -= 1
        return None

    def cues_between(self, start_s: float, end_s: float) -> list[Cue]:
        """The cues that touch a stretch of the timeline."""
        cues, ends = self._session.cues, self._ends
        if len(cues) != len(ends):
            return []  # one cut is closed and the next one not yet told
        first = max(0, bisect.bisect_right(self._starts, start_s) - N_OVERLAPPING)
        last = bisect.bisect_left(self._starts, end_s)
        return [cues[i] for i in range(first, last) if ends[i] > start_s]

    def n_cues_between(self, start_s: float, end_s: float) -> int:
        """About how many cues touch a stretch of the timeline; quick for a whole feature."""
        first = bisect.bisect_right(self._starts, start_s)
        return bisect.bisect_left(self._starts, end_s) - first

    def place_at(self, position: float) -> tuple[Place | None, str]:
        """What the viewer shows at a position, or why it shows nothing."""
        cue = self.cue_at(position)
        if cue is None:
            return None, "" if self._session.cut else _("No timeline open")
        shown = as_shown(cue, self._session.state(cue.cue_id))
        if shown.status == "offline":
            return (
                None,
                "\n".join(
                    (
                        cue.note or _("The media is offline."),
                        _("Drop the file on the cue, or find it with File > Find missing media."),
                    )
                ),
            )
        if shown.status == "unreadable":
            return None, cue.note or _("The media cannot be read.")
        return place_of(shown.picture, position - float(cue.start_s)), ""

    def set_foley_muted(self, muted: bool) -> None:
        """Switch the Foley off or on."""
        self.foley_muted = muted
        self.mix()

    def set_original_muted(self, muted: bool) -> None:
        """Switch the cut's own sound off or on."""
        self.original_muted = muted
        self.mix()

    def mix(self) -> None:
        """Make the program anew for where the playhead is."""
        position = self.transport.position
        self._mixed_from = position
        found: list[Sound] = []
        for cue in self._near(position):
            start = round(float(cue.start_s) * RATE)
            if not self.foley_muted and not self._session.state(cue.cue_id).muted:
                found += self._foley(cue, start)
            shown = as_shown(cue, self._session.state(cue.cue_id))
            if not self.original_muted and shown.picture:
                samples = self.sounds.samples(self.sounds.want_original(shown))
                if samples is not None:
                    found.append(Sound(start, samples, ORIGINAL_GAIN))
        self.transport.mixer.program = Program(tuple(found))

    def _foley(self, cue: Cue, start: int) -> list[Sound]:
        state = self._session.state(cue.cue_id)
        current = cue.cue_id == self._session.current
        take = self._session.take(
            self._session.current_take(cue.cue_id) if current else state.chosen
        )
        if take is None:
            return []
        samples = self.sounds.samples(self.sounds.want_take(take))
        if samples is None:
            return []
        other = self._session.take(self._session.compared_take.get(cue.cue_id, ""))
        gain = matched_gain(take, other) if current else 1.0
        handles = round(take.recipe.handle_frames / cue.fps * RATE)
        return [Sound(start - handles + round(state.nudge_s * RATE), samples, gain)]

    def _near(self, position: float) -> list[Cue]:
        near = self.cues_between(position - 1, position + AHEAD_S)
        current = self._session.cue(self._session.current)
        return [*near, current] if current is not None and current not in near else near

    def _on_cut_opened(self) -> None:
        cut = self._session.cut
        self.transport.stop()
        self.sounds.clear()
        places = [self._session.place(cue.cue_id) for cue in self._session.cues]
        self._starts = [start for start, _ in places]
        self._ends = [end for _, end in places]
        self.transport.duration_s = float(cut.duration_s) if cut else 0.0
        if cut is not None:
            self.transport.fps = cut.fps
        self.transport.bounds = None
        self.transport.seek(0.0)
        self._later.start()

    def _on_moved(self, position: float) -> None:
        if abs(position - self._mixed_from) > AHEAD_S / 4:
            self._later.start()

    def _on_cue_changed(self, cue_id: str) -> None:
        cue = self._session.cue(cue_id)
        if cue_id == self._session.current:
            for take in self._session.takes(cue_id):
                self.sounds.want_take(take)
        if cue is not None and abs(float(cue.start_s) - self.transport.position) < 2 * AHEAD_S:
            self._later.start()

    def _on_take_shown(self, take_id: str) -> None:
        del take_id
        self.mix()

    def _on_current_changed(self) -> None:
        for take in self._session.takes(self._session.current):
            self.sounds.want_take(take)
        self._later.start()

    def _on_sound_ready(self, key: str) -> None:
        del key
        self._later.start()

    def _on_sound_failed(self, key: str, text: str) -> None:
        if not key.startswith("original:"):
            self._session.tell(Notice(text, level="error", pane="takes", key=f"sound-{key}"))

    def _on_noted(self, text: str) -> None:
        self._session.tell(Notice(text, level="info", pane="viewer", key="audio"))


def _inside(cue: Cue, position: float) -> bool:
    return float(cue.start_s) - 1e-6 <= position < float(cue.start_s + cue.duration_s) - 1e-6


def matched_gain(take: Take, other: Take | None) -> float:
    """What to turn ``take`` down by so that it is no louder than ``other``; never up."""
    if other is None or take.lufs is None or other.lufs is None:
        return 1.0
    return float(min(1.0, 10 ** ((other.lufs - take.lufs) / 20)))
