"""The hand work on the hit lane: grab, move, add, mute and delete hits of the current cue."""

from __future__ import annotations

from PyQt6.QtCore import QObject, pyqtSignal

from vatt_plugin.cues import Cue
from vatt_plugin.project_state import Hit
from vatt_ui import hits as hit_edits
from vatt_ui.language import _
from vatt_ui.notices import Notice
from vatt_ui.playback.transport import Transport
from vatt_ui.session import Session
from vatt_ui.shown_lane import shown_lane
from vatt_ui.text import plain
from vatt_ui.widgets.strip import GRAB_PX, Strip

AROUND_S = 0.6  # what is regenerated on either side of an edited hit


class HitEditing(QObject):
    """Edits the hits that keys and the mouse mean; one hit may be grabbed.

    Signals:
        grabbed_changed(): another hit is grabbed, or it lies elsewhere.
    """

    grabbed_changed = pyqtSignal()

    def __init__(self, session: Session, transport: Transport, strip: Strip) -> None:
        super().__init__(strip)
        self._session = session
        self._transport = transport
        self._strip = strip
        self._hit = -1
        self._dragged = False
        self._held = (0.0, 0.0)  # from the pointer to the grabbed hit: seconds, strength
        strip.hit_grabbed.connect(self._on_grabbed)
        strip.hit_moved.connect(self._on_moved)
        strip.hit_asked.connect(lambda at_s, strength: self.add(at_s, round(strength, 2)))

    @property
    def grabbed(self) -> int:
        """The place of the hit that keys act on; -1 for none."""
        return self._hit

    def grabbed_time(self) -> float | None:
        """Where the grabbed hit lies, seconds from the cue's first frame; None for none."""
        hits = shown_lane(self._session, self._session.current).hits
        return hits[self._hit].time_s if 0 <= self._hit < len(hits) else None

    def clear(self) -> None:
        """Let go of the hit."""
        self._grab(-1)

    def add(self, time_s: float | None = None, strength: float = 0.8) -> None:
        """Add a hit at the playhead, or at a time of the timeline."""
        cue = self._editable_cue()
        if cue is None:
            return
        at = (self._transport.position if time_s is None else time_s) - float(cue.start_s)
        new = hit_edits.added(self._hits(cue), at, strength, cue)
        self._set(_("Add hit"), cue, new)
        self._grab(hit_edits.nearest(new, at, 1.0))
        self._offer_regenerate(cue)

    def mute(self) -> bool:
        """Mute the grabbed hit, or let it sound again; False when none is grabbed."""
        cue = self._editable_cue()
        if cue is None or not 0 <= self._hit < len(self._hits(cue)):
            return False
        self._set(_("Mute hit"), cue, hit_edits.muted(self._hits(cue), self._hit))
        self._offer_regenerate(cue)
        return True

    def remove(self) -> None:
        """Take the grabbed hit away."""
        cue = self._editable_cue()
        if cue is not None and 0 <= self._hit < len(self._hits(cue)):
            self._set(_("Delete hit"), cue, hit_edits.removed(self._hits(cue), self._hit))
            self._grab(-1)

    def nudge(self, frames: int) -> None:
        """Move the grabbed hit by whole video frames; without one, grab the nearest."""
        cue = self._editable_cue()
        if cue is None:
            return
        hits = self._hits(cue)
        if not 0 <= self._hit < len(hits):
            self._grab_nearest(cue)
            return
        at = hits[self._hit].time_s + frames * float(1 / cue.fps)
        new = hit_edits.moved(hits, self._hit, at, None, cue)
        self._set(_("Move hit"), cue, new, merge=f"hit:{cue.cue_id}")
        self._grab(hit_edits.nearest(new, hit_edits.snapped(at, cue), 1.0))
        self._offer_regenerate(cue)

    def strengthen(self, by: float) -> None:
        """Make the grabbed hit stronger or weaker; without one, grab the nearest."""
        cue = self._editable_cue()
        if cue is None:
            return
        hits = self._hits(cue)
        if not 0 <= self._hit < len(hits):
            self._grab_nearest(cue)
            return
        hit = hits[self._hit]
        strength = round(min(max(hit.strength + by, 0.05), 1.0), 2)
        new = hit_edits.moved(hits, self._hit, hit.time_s, strength, cue)
        self._set(_("Change hit"), cue, new, merge=f"hit:{cue.cue_id}")
        self._grab(hit_edits.nearest(new, hit_edits.snapped(hit.time_s, cue), 1.0))
        self._offer_regenerate(cue)

    def step(self, by: int) -> None:
        """Grab the next or previous hit and go there."""
        cue = self._session.cue(self._session.current)
        hits = self._hits(cue) if cue is not None else ()
        if cue is None or not hits:
            return
        if self._hit < 0:
            self._grab_nearest(cue)
        else:
            self._grab(min(max(self._hit + by, 0), len(hits) - 1))
        self._transport.seek(float(cue.start_s) + hits[self._hit].time_s)

    def regenerate_around(self) -> bool:
        """Make the sound around the grabbed hit anew; False when none is grabbed."""
        cue, at = self._editable_cue(), self.grabbed_time()
        if cue is None or at is None:
            return False
        self._regenerate_at(cue, at)
        return True

    # --- inside -------------------------------------------------------------------------------

    def _regenerate_at(self, cue: Cue, at: float) -> None:
        span = (max(0.0, at - AROUND_S), min(float(cue.duration_s), at + AROUND_S))
        self._session.edit_each(_("Set in and out"), [cue.cue_id], span=span)
        self._session.jobs.regenerate_span(cue.cue_id)

    def _grab(self, hit: int) -> None:
        self._hit = hit
        self.grabbed_changed.emit()

    def _grab_nearest(self, cue: Cue) -> None:
        at = self._transport.position - float(cue.start_s)
        self._grab(hit_edits.nearest(self._hits(cue), at, float(cue.duration_s) + 1))

    def _editable_cue(self) -> Cue | None:
        cue = self._session.cue(self._session.current)
        if cue is None or self._session.read_only or self._session.state(cue.cue_id).locked:
            return None
        return cue

    def _hits(self, cue: Cue) -> tuple[Hit, ...]:
        return shown_lane(self._session, cue.cue_id).hits

    def _set(self, label: str, cue: Cue, hits: tuple[Hit, ...], merge: str = "") -> None:
        fields = shown_lane(self._session, cue.cue_id).edited(hits)
        self._session.edit_each(label, [cue.cue_id], merge, **fields)

    def _on_grabbed(self, at_s: float, strength: float) -> None:
        cue = self._editable_cue()
        if cue is None:
            return
        within = GRAB_PX / self._strip.px_per_s
        hits, at = self._hits(cue), at_s - float(cue.start_s)
        self._hit = hit_edits.nearest(hits, at, within)
        if self._hit < 0:
            self._transport.seek(at_s)
        else:  # it follows the pointer from where it is, and does not jump to it
            hit = hits[self._hit]
            self._held = (hit.time_s - at, hit.strength - strength)
        self.grabbed_changed.emit()

    def _on_moved(self, at_s: float, strength: float, finished: bool) -> None:
        cue = self._editable_cue()
        if cue is None or not 0 <= self._hit < len(self._hits(cue)):
            return
        hits = self._hits(cue)
        later_s, stronger = self._held
        at = hit_edits.snapped(at_s - float(cue.start_s) + later_s, cue)
        height = round(min(max(strength + stronger, 0.05), 1.0), 2)
        new = hit_edits.moved(hits, self._hit, at, height, cue)
        self._dragged = True
        self._set(_("Move hit"), cue, new, merge=f"hit:{cue.cue_id}")
        self._grab(hit_edits.nearest(new, at, 1.0))
        if finished:
            self._end_drag(cue)

    def _end_drag(self, cue: Cue) -> None:
        if self._dragged:
            self._offer_regenerate(cue)
        self._dragged = False

    def _offer_regenerate(self, cue: Cue) -> None:
        """After a change of hits: offer to make the sound around it anew."""
        session = self._session
        take = session.take(session.current_take(cue.cue_id))
        hits = self._hits(cue)
        self.grabbed_changed.emit()
        if take is None or not take.codes_path or not 0 <= self._hit < len(hits):
            return
        model = take.recipe.model or session.model
        if not session.models.hears_hits(model):
            why = _("The hits have changed, but the model {name} hears no hits.")
            hint = _("Make new takes with a model that does.")
            said = why.format(name=repr(plain(model)))
            session.tell(Notice(said, hint, pane="timeline", key="around"))
            return
        at = hits[self._hit].time_s
        session.tell(
            Notice(
                _("The hits have changed, the take has not yet."),
                pane="timeline",
                key="around",
                actions=((_("Regenerate around it"), lambda: self._regenerate_at(cue, at)),),
            )
        )
