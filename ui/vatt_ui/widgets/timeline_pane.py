"""The Timeline pane: the strip, its scroll bar and tools, and editing the hit lane."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QScrollArea, QScrollBar, QWidget

from vatt_plugin.cues import Cue
from vatt_plugin.project_state import Hit
from vatt_ui import hits as hit_edits
from vatt_ui.helper_process import HelperProcess
from vatt_ui.jobs import as_shown
from vatt_ui.later import later
from vatt_ui.notices import Notice
from vatt_ui.player import Player
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.common import EmptyState, Pane, Stack, icon_button
from vatt_ui.widgets.strip import GRAB_PX, Strip
from vatt_ui.widgets.strip_lanes import STEP, Lanes, Thumbnails, place

SCROLL_UNITS = 1000  # scroll bar units a second, so that an hour still moves smoothly
AROUND_S = 0.6  # what is regenerated on either side of an edited hit
MAX_THUMBS = 32
THUMB_PX = 74  # width of a thumbnail in the strip
MAX_VISIBLE_SOUNDS = 60


class TimelinePane(Pane):
    """The strip of the cut and what one does on it."""

    def __init__(
        self, session: Session, player: Player, reader: HelperProcess, theme: Theme
    ) -> None:
        super().__init__("timeline", "Timeline", theme)
        self._session = session
        self._player = player
        self._reader = reader
        self._thumbnails: Thumbnails = {}
        self._asked: dict[str, int] = {}
        self._originals: dict[str, set[str]] = {}
        self._hit = -1
        self.strip = Strip(theme)
        self.bar = QScrollBar(Qt.Orientation.Horizontal)
        self.bar.setAccessibleName("Scroll the timeline")
        self.bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.buttons = {
            "zoom_out": icon_button(theme, "zoom_out", "Zoom out"),
            "zoom_in": icon_button(theme, "zoom_in", "Zoom in"),
            "zoom_cue": icon_button(theme, "fit", "Fit cue"),
        }
        self.takes_open = icon_button(theme, "down", "Show takes as lanes", checkable=True)
        self.follow = icon_button(theme, "forward", "Follow the playhead", checkable=True)
        self.follow.setChecked(True)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.strip)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.empty = EmptyState(
            theme,
            "No timeline open",
            "The cut, its own sound, the hits and the Foley appear here.",
        )
        self._stack = Stack(scroll, self.empty)
        self.body.addWidget(self._stack, 1)
        self.body.addWidget(self.bar)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(8)
        self._later.timeout.connect(self._on_rebuild_due)
        self._changed: set[str] = set()
        self._whole = True
        self._building: Iterator[None] | None = None
        self._before = ""
        self._lanes = Lanes(session, player.sounds, self._thumbnails)
        self._connect()

    def tools(self) -> list[QWidget]:
        """Zoom, follow, and the lanes of takes."""
        return [*self.buttons.values(), self.follow, self.takes_open]

    def first_focus(self) -> QWidget:
        """The strip."""
        return self.strip

    def _connect(self) -> None:
        session, strip, transport = self._session, self.strip, self._player.transport
        session.cut_opened.connect(self._on_cut_opened)
        session.cue_changed.connect(self._on_cue_changed)
        session.selection_changed.connect(self._on_selection_changed)
        session.current_changed.connect(self._on_current_changed)
        session.take_shown.connect(self._on_take_shown)
        self._player.sounds.ready.connect(self._on_sound_ready)
        transport.moved.connect(self._on_moved)
        transport.playing_changed.connect(lambda _: self._on_moved(transport.position))
        strip.seek_asked.connect(transport.seek)
        strip.place_clicked.connect(self._on_place_clicked)
        strip.hit_grabbed.connect(self._on_hit_grabbed)
        strip.hit_moved.connect(self._on_hit_moved)
        strip.hit_asked.connect(self._on_hit_asked)
        strip.zoomed.connect(self._on_zoomed)
        self.bar.valueChanged.connect(lambda v: strip.scroll_to(v / SCROLL_UNITS))
        self.bar.valueChanged.connect(lambda _: self._want_visible())
        self.takes_open.toggled.connect(lambda _: self.rebuild())
        self.theme.changed.connect(self.rebuild)

    # --- what is shown ------------------------------------------------------------------------

    def rebuild(self) -> None:
        """Make all lanes anew."""
        self._whole = True
        self._later.start()

    def _rebuild_at(self, *cue_ids: str) -> None:
        self._changed.update(c for c in cue_ids if c)
        if not self._later.isActive():
            self._later.start()

    def _on_rebuild_due(self) -> None:
        lanes, changed = self._lanes, self._changed
        lanes.original_muted = self._player.original_muted
        lanes.foley_muted = self._player.foley_muted
        lanes.takes_open = self.takes_open.isChecked()
        if self._whole:
            self._building = lanes.rebuild()
            self._whole = False
        if self._building is not None:
            self._build_on()
            return
        for cue_id in changed:
            lanes.update(cue_id)
        cues = [cue for c in changed if (cue := self._session.cue(c)) is not None]
        self._changed = set()
        self.strip.set_lanes(lanes.lanes(), [place(cue) for cue in cues])

    def _build_on(self) -> None:
        """One step of making the lanes anew; a short cut is done in the first."""
        assert self._building is not None
        short = len(self._session.cues) <= STEP
        for _ in self._building:
            if not short:
                self._later.start()
                return
        self._building = None
        changed, self._changed = self._changed, set()
        for cue_id in changed:
            self._lanes.update(cue_id)
        self.strip.set_lanes(self._lanes.lanes(), None)

    def _on_cut_opened(self) -> None:
        cut = self._session.cut
        self._thumbnails.clear()
        self._asked.clear()
        self._originals.clear()
        self._before = ""
        self._hit = -1
        self._stack.show_content(cut is not None and bool(cut.cues))
        self.title.subject.setText(cut.name if cut is not None else "")
        self.rebuild()
        if cut is not None:
            self.strip.set_cut(float(cut.duration_s), cut.fps, cut.global_start_s, cut.drop)
        later(self, 0, self.strip.fit_all)

    def _on_cue_changed(self, cue_id: str) -> None:
        self._rebuild_at(cue_id)
        if cue_id == self._session.current:
            self._show_marks()

    def _on_sound_ready(self, key: str) -> None:
        if self._session.take(key) is not None:
            self._rebuild_at(self._session.owner(key))
        else:
            self._rebuild_at(*self._originals.get(key, ()))

    def _on_take_shown(self, _: str) -> None:
        self._rebuild_at(self._session.current)

    def _on_current_changed(self) -> None:
        self._hit = -1
        self._rebuild_at(self._before, self._session.current)
        self._before = self._session.current
        self._show_marks()
        cue = self._session.cue(self._session.current)
        if cue is None:
            return
        start, end = float(cue.start_s), float(cue.start_s + cue.duration_s)
        transport = self._player.transport
        if not start - 1e-6 <= transport.position < end:
            transport.seek(start)
        self._set_bounds()
        left, right = self.strip.visible()
        if end < left or start > right:
            self.strip.scroll_to(start - 0.2 * (right - left))
            self._on_zoomed()

    def _set_bounds(self) -> None:
        cue = self._session.cue(self._session.current)
        if cue is not None:
            span = self._session.state(cue.cue_id).span
            start = float(cue.start_s)
            self._player.transport.set_bounds(
                *(start + t for t in (span or (0.0, float(cue.duration_s))))
            )

    def _on_selection_changed(self) -> None:
        cue = self._session.cue(self._session.current)
        places = [place(c) for i in self._session.selected if (c := self._session.cue(i))]
        self.strip.set_selection(place(cue) if cue is not None else None, places)

    def _show_marks(self) -> None:
        cue = self._session.cue(self._session.current)
        if cue is None:
            self.strip.set_span(None)
            self.strip.set_grabbed_hit(None)
            return
        state = self._session.state(cue.cue_id)
        start = float(cue.start_s)
        self.strip.set_span(tuple(start + t for t in state.span) if state.span else None)  # type: ignore[arg-type]
        hits = state.hits or ()
        chosen = 0 <= self._hit < len(hits)
        self.strip.set_grabbed_hit(start + hits[self._hit].time_s if chosen else None)
        self._set_bounds()

    def _on_moved(self, position: float) -> None:
        playing = self._player.transport.playing
        self.strip.set_position(position, follow=playing and self.follow.isChecked())

    def _on_zoomed(self) -> None:
        low, high, view = self.strip.scroll_bounds()
        self.bar.blockSignals(True)
        self.bar.setRange(int(low * SCROLL_UNITS), int(high * SCROLL_UNITS))
        self.bar.setPageStep(max(1, int(view * SCROLL_UNITS)))
        self.bar.setSingleStep(max(1, int(view * SCROLL_UNITS / 20)))
        self.bar.setValue(int(self.strip.visible()[0] * SCROLL_UNITS))
        self.bar.blockSignals(False)
        self._want_visible()

    def _want_visible(self) -> None:
        """Ask for pictures and sounds of what is in view, unless that is the whole feature."""
        left, right = self.strip.visible()
        cues = self._player.cues_between(left, right)
        if len(cues) > MAX_VISIBLE_SOUNDS:
            return
        for cue in cues:
            state = self._session.state(cue.cue_id)
            take = self._session.take(state.chosen)
            if take is not None:
                self._player.sounds.want_take(take)
            if cue.status == "ready" and cue.picture:
                key = self._player.sounds.want_original(cue)
                self._originals.setdefault(key, set()).add(cue.cue_id)
            self._want_thumbnails(cue)

    def _want_thumbnails(self, cue: Cue) -> None:
        width = float(cue.duration_s) * self.strip.px_per_s
        shown = as_shown(cue, self._session.state(cue.cue_id))
        count = min(MAX_THUMBS, max(1, math.ceil(width / THUMB_PX)))
        enough = self._asked.get(cue.cue_id, 0) * 1.5 >= count
        if enough or width < THUMB_PX / 2 or shown.status != "ready":
            return
        self._asked[cue.cue_id] = count
        self._reader.ask(
            "thumbnails",
            {
                "segments": [dataclasses.asdict(s) for s in shown.picture],
                "duration_s": float(cue.duration_s),
                "count": count,
            },
            lambda reply: self._on_thumbnails(cue, reply),
        )

    def _on_thumbnails(self, cue: Cue, reply: dict[str, Any]) -> None:
        found = []
        for at_s, width, height, data in reply["thumbnails"]:
            raw = base64.b64decode(data)
            image = QImage(raw, width, height, width * 4, QImage.Format.Format_RGB32)
            found.append((float(at_s), image.copy()))
        self._thumbnails[cue.cue_id] = tuple(found)
        self._rebuild_at(cue.cue_id)

    # --- clicks -------------------------------------------------------------------------------

    def _on_place_clicked(self, at_s: float, kind: str, adding: bool) -> None:
        del kind
        cue = self._player.cue_at(at_s)
        current = self._session.cue(self._session.current)
        if current is not None and place(current)[0] <= at_s < place(current)[1]:
            cue = current
        if cue is None:
            return
        if adding:
            chosen = [c for c in self._session.selected if c != cue.cue_id]
            self._session.select([*chosen, cue.cue_id], cue.cue_id)
        elif cue.cue_id not in self._session.selected or len(self._session.selected) > 1:
            self._session.select([cue.cue_id])

    # --- the hit lane -------------------------------------------------------------------------

    @property
    def grabbed_hit(self) -> int:
        """The place of the hit that keys act on; -1 for none."""
        return self._hit

    def clear_hit(self) -> None:
        """Let go of the hit."""
        self._hit = -1
        self._show_marks()

    def add_hit(self, time_s: float | None = None, strength: float = 0.8) -> None:
        """Add a hit at the playhead, or at a time of the timeline."""
        cue = self._editable_cue()
        if cue is None:
            return
        at = (self._player.transport.position if time_s is None else time_s) - float(cue.start_s)
        new = hit_edits.added(self._hits(cue), at, strength, cue)
        self._set_hits("Add hit", cue, new)
        self._hit = hit_edits.nearest(new, at, 1.0)
        self._offer_regenerate(cue)

    def mute_hit(self) -> bool:
        """Mute the grabbed hit; False when none is grabbed."""
        cue = self._editable_cue()
        if cue is None or not 0 <= self._hit < len(self._hits(cue)):
            return False
        self._set_hits("Mute hit", cue, hit_edits.muted(self._hits(cue), self._hit))
        self._offer_regenerate(cue)
        return True

    def remove_hit(self) -> None:
        """Take the grabbed hit away."""
        cue = self._editable_cue()
        if cue is not None and 0 <= self._hit < len(self._hits(cue)):
            self._set_hits("Delete hit", cue, hit_edits.removed(self._hits(cue), self._hit))
            self._hit = -1

    def nudge_hit(self, frames: int) -> None:
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
        self._set_hits("Move hit", cue, new, merge=f"hit:{cue.cue_id}")
        self._hit = hit_edits.nearest(new, hit_edits.snapped(at, cue), 1.0)
        self._show_marks()
        self._offer_regenerate(cue)

    def strengthen_hit(self, by: float) -> None:
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
        self._set_hits("Change hit", cue, new, merge=f"hit:{cue.cue_id}")
        self._hit = hit_edits.nearest(new, hit_edits.snapped(hit.time_s, cue), 1.0)
        self._offer_regenerate(cue)

    def step_hit(self, by: int) -> None:
        """Grab the next or previous hit and go there."""
        cue = self._session.cue(self._session.current)
        hits = self._hits(cue) if cue is not None else ()
        if cue is None or not hits:
            return
        if self._hit < 0:
            self._grab_nearest(cue)
        else:
            self._hit = min(max(self._hit + by, 0), len(hits) - 1)
        self._player.transport.seek(float(cue.start_s) + hits[self._hit].time_s)
        self._show_marks()

    def _grab_nearest(self, cue: Cue) -> None:
        at = self._player.transport.position - float(cue.start_s)
        self._hit = hit_edits.nearest(self._hits(cue), at, float(cue.duration_s) + 1)
        self._show_marks()

    def _editable_cue(self) -> Cue | None:
        cue = self._session.cue(self._session.current)
        if cue is None or self._session.read_only or self._session.state(cue.cue_id).locked:
            return None
        return cue

    def _hits(self, cue: Cue) -> tuple[Hit, ...]:
        return self._session.state(cue.cue_id).hits or ()

    def _set_hits(self, label: str, cue: Cue, hits: tuple[Hit, ...], merge: str = "") -> None:
        self._session.edit_each(label, [cue.cue_id], merge, hits=hits, hits_edited=True)

    def _on_hit_grabbed(self, at_s: float) -> None:
        cue = self._editable_cue()
        if cue is not None:
            within = GRAB_PX / self.strip.px_per_s
            self._hit = hit_edits.nearest(self._hits(cue), at_s - float(cue.start_s), within)
            if self._hit < 0:
                self._player.transport.seek(at_s)
            self._show_marks()

    def _on_hit_moved(self, at_s: float, strength: float, finished: bool) -> None:
        cue = self._editable_cue()
        if cue is None or not 0 <= self._hit < len(self._hits(cue)):
            return
        hits = self._hits(cue)
        at = hit_edits.snapped(at_s - float(cue.start_s), cue)
        if finished and abs(hits[self._hit].time_s - at) < 1e-6:
            self._drag_done(cue)
            return
        new = hit_edits.moved(hits, self._hit, at, round(strength, 2), cue)
        self._dragged = True
        self._set_hits("Move hit", cue, new, merge=f"hit:{cue.cue_id}")
        self._hit = hit_edits.nearest(new, at, 1.0)
        self._show_marks()
        if finished:
            self._drag_done(cue)

    _dragged = False

    def _drag_done(self, cue: Cue) -> None:
        if self._dragged:
            self._offer_regenerate(cue)
        self._dragged = False

    def _on_hit_asked(self, at_s: float, strength: float) -> None:
        self.add_hit(at_s, round(strength, 2))

    def _offer_regenerate(self, cue: Cue) -> None:
        """After a change of hits: offer to make the sound around it anew."""
        session = self._session
        take = session.take(session.current_take(cue.cue_id))
        hits = self._hits(cue)
        self._show_marks()
        if take is None or not take.codes_path or not 0 <= self._hit < len(hits):
            return
        model = take.recipe.model or session.model
        if not session.hears_hits(model):
            why = f"The hits have changed, but the model {model!r} hears no hits."
            session.tell(
                Notice(why, "Make new takes with a model that does.", pane="timeline", key="around")
            )
            return
        at = hits[self._hit].time_s
        span = (max(0.0, at - AROUND_S), min(float(cue.duration_s), at + AROUND_S))

        def around() -> None:
            session.edit_each("Set in and out", [cue.cue_id], span=span)
            session.jobs.regenerate_span(cue.cue_id)

        session.tell(
            Notice(
                "The hits have changed.",
                pane="timeline",
                key="around",
                actions=(("Regenerate around it", around),),
            )
        )
