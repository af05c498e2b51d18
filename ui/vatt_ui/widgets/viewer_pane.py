"""The Viewer pane: picture, timecode, transport, and the volumes."""

from __future__ import annotations

from fractions import Fraction

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import QSlider, QVBoxLayout, QWidget

from vatt_ui.language import _
from vatt_ui.player import Player
from vatt_ui.session import Session
from vatt_ui.shown_lane import shown_lane
from vatt_ui.text import FittingLabel, Label, set_tip, timecode
from vatt_ui.theme.apply import Theme, fixed_font
from vatt_ui.theme.tokens import GAP, SPACE, TARGET
from vatt_ui.widgets.common import Pane, icon_button, row, word_button
from vatt_ui.widgets.cue_lane import CueLane
from vatt_ui.widgets.viewer import Screen


class ViewerPane(Pane):
    """Picture and transport. Buttons are wired to actions by the main window."""

    def __init__(self, session: Session, player: Player, screen: Screen, theme: Theme) -> None:
        super().__init__("viewer", _("Viewer"), theme)
        self._session = session
        self._player = player
        self.picture = screen
        self.timecode = Label("--:--:--:--")
        self.timecode.setFont(fixed_font(15))
        self.rate = Label("", "dim")
        self.rate.setFont(fixed_font(9))
        self.span = FittingLabel("dim")
        self.span.setFont(fixed_font(9))
        self.buttons = {
            "cue_previous": icon_button(theme, "previous", _("Previous cue")),
            "shuttle_back": icon_button(theme, "back", _("Shuttle backwards")),
            "play": icon_button(theme, "play", _("Play or pause")),
            "shuttle_on": icon_button(theme, "forward", _("Shuttle forwards")),
            "cue_next": icon_button(theme, "next", _("Next cue")),
            "span_in": icon_button(theme, "in", _("Set in")),
            "span_out": icon_button(theme, "out", _("Set out")),
            "loop": icon_button(theme, "loop", _("Loop"), checkable=True),
            "mute_foley": word_button(_("Foley"), _("Mute Foley")),
            "mute_original": word_button(_("Original"), _("Mute original sound")),
        }
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.volume.setAccessibleName(_("Volume"))
        self.volume.setToolTip(_("Volume"))
        self.volume.setRange(0, 100)
        self.volume.setValue(80)
        self.volume.setFixedWidth(96)
        self.volume.setMinimumHeight(TARGET)
        self.volume.valueChanged.connect(self._on_volume)
        self.hint = Label(_("Mute"), "dim")
        self.volume_icon = Label()
        self.lane = CueLane(theme)
        self.lane.seek_asked.connect(self._on_lane_seek)
        self._lay_out()
        self._draw_play(False)
        transport = player.transport
        transport.moved.connect(self._on_moved)
        transport.playing_changed.connect(self._draw_play)
        transport.rate_changed.connect(self._on_rate)
        session.cut_opened.connect(self.refresh)
        session.current_changed.connect(self.refresh)
        session.cue_changed.connect(self._on_cue_changed)
        session.take_shown.connect(lambda *_args: self._show_lane())
        theme.changed.connect(lambda: self._draw_play(transport.playing))
        screen.failed.connect(lambda text: set_tip(self.picture, text))
        transport.playing_changed.connect(lambda _: self._tell_timecode())

    def _lay_out(self) -> None:
        b = self.buttons
        self.body.addWidget(self.picture, 1)
        self.body.addWidget(self.lane)
        controls = QWidget()
        # Time runs to the right in every language.
        controls.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        column = QVBoxLayout(controls)
        column.setContentsMargins(GAP, SPACE, GAP, GAP)
        column.setSpacing(SPACE)
        left = row(self.timecode, self.rate, 1)
        middle = row(
            b["cue_previous"],
            b["shuttle_back"],
            b["play"],
            b["shuttle_on"],
            b["cue_next"],
            spacing=2,
        )
        right = row(1, self.volume_icon, self.volume)
        line = row()
        for part, stretch in ((left, 1), (middle, 0), (right, 1)):
            line.addLayout(part, stretch)
        column.addLayout(line)
        marks = row(b["span_in"], b["span_out"], b["loop"])
        marks.addSpacing(GAP)
        marks.addWidget(self.span, 1)
        marks.addWidget(self.hint)
        marks.addWidget(b["mute_original"])
        marks.addWidget(b["mute_foley"])
        column.addLayout(marks)
        self.body.addWidget(controls)

    def first_focus(self) -> QWidget:
        """The play button."""
        return self.buttons["play"]

    def refresh(self) -> None:
        """Show where the playhead is, from the start."""
        self._on_moved(self._player.transport.position)
        cue = self._session.cue(self._session.current)
        self.title.subject.setText(cue.clip if cue is not None else "")
        self._show_lane()

    def _show_lane(self) -> None:
        cue = self._session.cue(self._session.current)
        shown = shown_lane(self._session, self._session.current)
        self.lane.show_cue(shown, float(cue.duration_s) if cue is not None else 0.0)

    def _on_moved(self, position: float) -> None:
        cut = self._session.cut
        if cut is None:
            self.timecode.setText("--:--:--:--")
        else:
            frame = self._player.transport.video_frame()
            at = cut.global_start_s + Fraction(frame) / cut.fps
            self.timecode.setText(timecode(at, cut.fps, drop_frame=cut.drop))
        self._tell_timecode()
        cue = self._session.cue(self._session.current)
        if cue is not None:
            self.lane.set_position(position - float(cue.start_s))
        place, message = self._player.place_at(position)
        self.picture.show_place(place, message)
        self._show_span()

    def _tell_timecode(self) -> None:
        """A label's accessible name is read instead of its text; while playing it would babble."""
        if not self._player.transport.playing:
            said = _("Timecode at the playhead: {time}").format(time=self.timecode.text())
            self.timecode.setAccessibleName(said)

    def _on_cue_changed(self, cue_id: str) -> None:
        if cue_id == self._session.current:
            self.refresh()

    def _show_span(self) -> None:
        cue = self._session.cue(self._session.current)
        state = self._session.state(self._session.current)
        cut = self._session.cut
        if cue is None or cut is None or state.span is None:
            self.span.show_longest()
            return
        start, end = (
            timecode(cue.record_timecode_s + Fraction(t), cut.fps, drop_frame=cut.drop)
            for t in state.span
        )
        length = state.span[1] - state.span[0]
        self.span.show_longest(f"{length:.2f} s   {start} – {end}", f"{length:.2f} s")

    def _on_lane_seek(self, time_s: float) -> None:
        cue = self._session.cue(self._session.current)
        if cue is not None:
            self._player.transport.seek(float(cue.start_s) + time_s)

    def _draw_play(self, playing: bool) -> None:
        button = self.buttons["play"]
        button.setIcon(self.theme.icon("pause" if playing else "play"))
        button.setAccessibleName(_("Pause") if playing else _("Play"))
        self.volume_icon.setPixmap(self.theme.icon("sound", "dim").pixmap(QSize(18, 18)))

    def _on_rate(self, rate: float) -> None:
        self.rate.setText("" if rate == 1.0 else f"{rate:+.0f}x")

    def _on_volume(self, value: int) -> None:
        # Squared, so that the slider's middle sounds like the middle.
        self._player.transport.mixer.volume = (value / 100) ** 2
