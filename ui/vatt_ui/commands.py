"""What actions do to the open cut: verbs on cues, takes, hits and time, wired to the panes."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication

from vatt_plugin.cues import Cue
from vatt_ui.language import _
from vatt_ui.notices import Notice
from vatt_ui.player import Player
from vatt_ui.session import Session
from vatt_ui.widgets.panes import Panes

ZOOM = 1.5


class Commands:
    """Methods named after nothing but what they do; ``handlers`` maps them to action ids."""

    def __init__(self, session: Session, player: Player, panes: Panes) -> None:
        self._session = session
        self._player = player
        self._panes = panes
        self._transport = player.transport

    def handlers(self) -> dict[str, Callable[[], object]]:
        """The functions of all actions but those of the window itself."""
        s, t, player, panes = self._session, self._transport, self._player, self._panes
        takes, timeline = panes.takes, panes.timeline
        strip = timeline.strip
        table: dict[str, Callable[[], object]] = {
            "save": s.save,
            "undo": s.undo,
            "redo": s.redo,
            "play": t.toggle,
            "shuttle_back": lambda: t.shuttle(-1),
            "shuttle_stop": t.stop,
            "shuttle_on": lambda: t.shuttle(1),
            "frame_back": lambda: t.step_frames(-1),
            "frame_on": lambda: t.step_frames(1),
            "second_back": lambda: t.step_frames(-round(t.fps)),
            "second_on": lambda: t.step_frames(round(t.fps)),
            "cue_previous": lambda: s.step_cue(-1),
            "cue_next": lambda: s.step_cue(1),
            "cue_start": lambda: self._go(0),
            "cue_end": lambda: self._go(1),
            "timeline_start": lambda: t.seek(0.0),
            "timeline_end": lambda: t.seek(t.duration_s),
            "span_in": lambda: self.set_span("in"),
            "span_out": lambda: self.set_span("out"),
            "span_clear": self.clear_span,
            "play_span": self.play_span,
            "loop": lambda: t.set_loop(not t.loop),
            "zoom_in": lambda: strip.zoom(ZOOM),
            "zoom_out": lambda: strip.zoom(1 / ZOOM),
            "zoom_cue": self.zoom_cue,
            "zoom_all": strip.fit_all,
            "generate": self.generate,
            "generate_now": self.generate,
            "regenerate_span": self.regenerate_span,
            "variations": lambda: self.generate(takes=3),
            "cancel": s.jobs.cancel_current,
            "cancel_all": s.jobs.cancel_all,
            "take_none": lambda: takes.choose_number(0),
            "swap": takes.swap,
            "set_b": takes.set_b,
            "star": takes.star_shown,
            "delete": self.delete,
            "copy_take": takes.copy_shown,
            "mute_foley": lambda: self.set_foley_muted(not player.foley_muted),
            "mute_original": lambda: self.set_original_muted(not player.original_muted),
            "hit_add": timeline.hits.add,
            "hit_earlier": lambda: timeline.hits.nudge(-1),
            "hit_later": lambda: timeline.hits.nudge(1),
            "hit_stronger": lambda: timeline.hits.strengthen(0.1),
            "hit_weaker": lambda: timeline.hits.strengthen(-0.1),
            "hit_remove": timeline.hits.remove,
            "hit_next": lambda: timeline.hits.step(1),
            "hit_previous": lambda: timeline.hits.step(-1),
            "spot": lambda: self._each(s.jobs.spot),
            "caption": lambda: self._each(s.jobs.caption),
            "new_seed": self.new_seed,
            "lock_seed": self.lock_seed,
            "lock_cue": self.lock_cue,
            "mute_cue": self.mute_cue,
            "pane_next": lambda: self.step_pane(1),
            "pane_previous": lambda: self.step_pane(-1),
            "filter": panes.cues.focus_filter,
            "leave": self.leave_field,
        }
        for number in range(1, 10):
            table[f"take_{number}"] = partial(takes.choose_number, number)
        return table

    # --- jobs -------------------------------------------------------------------------------

    def generate(self, takes: int = 0) -> None:
        """New takes of all selected cues; what cannot be served is said once."""
        session = self._session
        ids = session.selected
        able = [c for c in ids if session.can_generate(c)]
        for cue_id in able:
            session.jobs.generate(cue_id, takes=takes)
        if ids and not able:
            cue = session.cue(ids[0])
            why = cue.note if cue is not None and cue.note else _("It is locked or read-only.")
            session.tell(
                Notice(
                    _("No take can be made here. {why}").format(why=why),
                    "",
                    "warning",
                    "inspector",
                    "unable",
                )
            )

    def regenerate_span(self) -> None:
        """A new take that differs in in..out only, or around the grabbed hit where there is none.

        Says what is missing.
        """
        session = self._session
        state = session.state(session.current)
        take = session.take(session.current_take(session.current))
        if take is None:
            text, hint = _("There is no take yet to change."), _("Press R for a first take.")
        elif not take.codes_path:
            text, hint = _("This take was kept without its codes."), _("Press R for a new take.")
        elif state.span is not None:
            session.jobs.regenerate_span(session.current)
            return
        elif self._panes.timeline.hits.regenerate_around():
            return
        else:
            text, hint = _("There is no in..out yet."), _("Set it with I and O, or pick a hit.")
        session.tell(Notice(text, hint, "warning", "inspector", "unable"))

    def _each(self, act: Callable[[str], object]) -> None:
        for cue_id in self._session.selected:
            act(cue_id)

    def new_seed(self) -> None:
        """Roll the dice for all selected cues."""
        session = self._session
        fields = {
            c: {"seed": session.random_seed()}
            for c in session.selected
            if not session.state(c).seed_locked
        }
        if not fields and session.selected:
            session.tell(
                Notice(
                    _("The seed is locked."),
                    _("Unlock it with Shift+D."),
                    pane="inspector",
                    key="seed",
                )
            )
        session.edit(_("New seed"), fields)

    def lock_seed(self) -> None:
        """Lock or unlock the seed of the selected cues."""
        locked = not self._session.state(self._session.current).seed_locked
        self._session.edit_each(_("Lock seed"), self._session.selected, seed_locked=locked)

    def lock_cue(self) -> None:
        """Lock or unlock the selected cues."""
        locked = not self._session.state(self._session.current).locked
        label = _("Lock") if locked else _("Unlock")
        self._session.edit_each(label, self._session.selected, locked=locked)

    def mute_cue(self) -> None:
        """Leave the selected cues out when the timeline is written, or take them in again."""
        muted = not self._session.state(self._session.current).muted
        label = _("Leave out") if muted else _("Take in")
        self._session.edit_each(label, self._session.selected, muted=muted)

    # --- time -------------------------------------------------------------------------------

    def _cue(self) -> Cue | None:
        return self._session.cue(self._session.current)

    def _go(self, end: int) -> None:
        cue = self._cue()
        if cue is not None:
            last = Fraction(cue.n_frames - 1) / cue.fps
            self._transport.seek(float(cue.start_s + end * last))

    def set_span(self, which: str) -> None:
        """Set in or out at the playhead, on whole video frames of the current cue."""
        cue = self._cue()
        if cue is None:
            return
        length = float(cue.duration_s)
        frame = float(Fraction(self._transport.video_frame()) / cue.fps - cue.start_s)
        at = min(max(frame, 0.0), length)
        old = self._session.state(cue.cue_id).span or (0.0, length)
        one = float(1 / cue.fps)
        if which == "in":
            span = (at, old[1] if old[1] > at else length)
        else:
            out = min(at + one, length)
            span = (old[0] if old[0] < out else 0.0, out)
        if span[1] - span[0] >= one / 2:
            label = _("Set in") if which == "in" else _("Set out")
            self._session.edit_each(label, [cue.cue_id], span=span)

    def clear_span(self) -> None:
        """Forget in and out."""
        self._session.edit_each(_("Clear in and out"), [self._session.current], span=None)

    def play_span(self) -> None:
        """Play in..out, or the whole cue."""
        cue = self._cue()
        if cue is not None:
            span = self._session.state(cue.cue_id).span or (0.0, float(cue.duration_s))
            start = float(cue.start_s)
            self._transport.play_span(start + span[0], start + span[1])

    def zoom_cue(self) -> None:
        """Show the current cue."""
        cue = self._cue()
        if cue is not None:
            start = float(cue.start_s)
            self._panes.timeline.strip.fit(start, start + float(cue.duration_s))

    def delete(self) -> None:
        """Mute the grabbed hit; without one, trash the shown take."""
        if not self._panes.timeline.hits.mute():
            self._panes.takes.trash_shown()

    # --- hearing and focus ------------------------------------------------------------------

    def set_foley_muted(self, muted: bool) -> None:
        """Switch the Foley off or on."""
        self._player.set_foley_muted(muted)
        self._panes.viewer.buttons["mute_foley"].setChecked(muted)
        self._panes.timeline.rebuild()

    def set_original_muted(self, muted: bool) -> None:
        """Switch the cut's own sound off or on."""
        self._player.set_original_muted(muted)
        self._panes.viewer.buttons["mute_original"].setChecked(muted)
        self._panes.timeline.rebuild()

    def leave_field(self) -> None:
        """Esc: out of a text field to the cues; out of a grabbed hit; else nothing."""
        if self._panes.timeline.hits.grabbed >= 0:
            self._panes.timeline.hits.clear()
        self._panes.cues.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def step_pane(self, by: int) -> None:
        """F6: to the next visible pane."""
        visible = [p for p in self._panes if p.isVisible()]
        focus = QApplication.focusWidget()
        at = next(
            (i for i, p in enumerate(visible) if focus is not None and p.isAncestorOf(focus)), -1
        )
        if visible:
            pane = visible[(at + by) % len(visible)]
            pane.first_focus().setFocus(Qt.FocusReason.TabFocusReason)
