"""The Timeline pane: the strip, its scroll bar and tools, and editing the hit lane."""

from __future__ import annotations

import base64
import dataclasses
import math
import time
from collections.abc import Iterator
from typing import Any

from PyQt6.QtCore import QPointF, Qt, QTimer
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QScrollArea, QScrollBar, QSlider, QWidget

from vatt_plugin.cues import Cue
from vatt_ui import spoken
from vatt_ui.asking import as_shown
from vatt_ui.dropping import CueDrops
from vatt_ui.helper_process import HelperProcess
from vatt_ui.language import _
from vatt_ui.later import later
from vatt_ui.player import Player
from vatt_ui.session import Session
from vatt_ui.shown_lane import shown_lane
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import TARGET
from vatt_ui.widgets.common import EmptyState, Pane, Stack, icon_button
from vatt_ui.widgets.hit_editing import HitEditing
from vatt_ui.widgets.strip import Strip
from vatt_ui.widgets.strip_lanes import Lanes, Thumbnails

SCROLL_UNITS = 1000  # scroll bar units a second, so that an hour still moves smoothly
TURN_S = 0.004  # for making lanes, before others have their turn
MAX_THUMBS = 32
THUMB_PX = 74  # width of a thumbnail in the strip
MAX_VISIBLE_SOUNDS = 60
ZOOM_STEPS, ZOOM_PX = 1000, 96


class TimelinePane(Pane):
    """The strip of the cut and what one does on it."""

    def __init__(
        self, session: Session, player: Player, reader: HelperProcess, theme: Theme
    ) -> None:
        super().__init__("timeline", _("Timeline"), theme, wide=True)
        self._session = session
        self._player = player
        self._reader = reader
        self._thumbnails: Thumbnails = {}
        self._asked: dict[str, int] = {}
        self._originals: dict[str, set[str]] = {}
        self._relinked: dict[str, str] = {}
        self.strip = Strip(theme)
        self.hits = HitEditing(session, player.transport, self.strip)
        self._drops = CueDrops(session, self.strip, self._cue_under)
        self.bar = QScrollBar(Qt.Orientation.Horizontal)
        self.bar.setAccessibleName(_("Scroll the timeline"))
        self.bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.buttons = {
            "zoom_out": icon_button(theme, "zoom_out", _("Zoom out")),
            "zoom_in": icon_button(theme, "zoom_in", _("Zoom in")),
            "zoom_cue": icon_button(theme, "fit", _("Fit cue")),
        }
        self.zoom = QSlider(Qt.Orientation.Horizontal)
        self.zoom.setAccessibleName(_("Zoom of the timeline"))
        self.zoom.setToolTip(_("Zoom of the timeline: left the whole cut, right single frames"))
        self.zoom.setProperty("role", "zoom")
        self.zoom.setRange(0, ZOOM_STEPS)
        self.zoom.setPageStep(ZOOM_STEPS // 10)
        self.zoom.setFixedWidth(ZOOM_PX)
        self.zoom.setMinimumHeight(TARGET)
        self.takes_open = icon_button(theme, "lanes", _("Show takes as lanes"), checkable=True)
        self.follow = icon_button(theme, "follow", _("Follow the playhead"), checkable=True)
        self.follow.setChecked(True)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self.strip)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.empty = EmptyState(
            theme,
            _("No timeline open"),
            _("The cut, its own sound, the hits and the Foley appear here."),
        )
        self._stack = Stack(scroll, self.empty)
        self.body.addWidget(self._stack, 1)
        self.body.addWidget(self.bar)
        self.bar.hide()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(8)
        self._later.timeout.connect(self._on_rebuild_due)
        self._more = QTimer(self)  # goes on as soon as others have had their turn
        self._more.setSingleShot(True)
        self._more.setInterval(0)
        self._more.timeout.connect(self._on_rebuild_due)
        self._changed: set[str] = set()
        self._whole = True
        self._building: Iterator[None] | None = None
        self._before = ""
        self._lanes = Lanes(session, player.sounds, self._thumbnails)
        self._connect()

    def tools(self) -> list[QWidget]:
        """Zoom, follow, and the lanes of takes."""
        out, closer, cue = self.buttons.values()
        return [out, self.zoom, closer, cue, self.follow, self.takes_open]

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
        transport.playing_changed.connect(lambda *_args: self._on_moved(transport.position))
        strip.seek_asked.connect(transport.seek)
        strip.place_clicked.connect(self._on_place_clicked)
        self.hits.grabbed_changed.connect(self._show_marks)
        strip.zoomed.connect(self._on_zoomed)
        self.zoom.valueChanged.connect(self._on_zoom_picked)
        self.bar.valueChanged.connect(lambda v: strip.scroll_to(v / SCROLL_UNITS))
        self.bar.valueChanged.connect(lambda *_args: self._want_visible())
        self.takes_open.toggled.connect(lambda *_args: self.rebuild())
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
        if self._session.cut is None:  # closed meanwhile: nothing of it may be asked for
            self._building, changed, self._changed = None, set(), set()
        if self._whole:
            self._building = lanes.rebuild()
            self._whole = False
        if self._building is not None:
            self._build_on()
            return
        known = [c for c in changed if self._session.cue(c) is not None]  # not of the last cut
        for cue_id in known:
            lanes.update(cue_id)
        self._changed = set()
        self.strip.set_lanes(lanes.lanes(), [self._session.place(c) for c in known])

    def _build_on(self) -> None:
        """Some milliseconds of making the lanes anew; a short cut is done in the first."""
        assert self._building is not None
        until = time.perf_counter() + TURN_S
        for _step in self._building:
            if time.perf_counter() > until:
                self._more.start()
                return
        self._building = None
        changed, self._changed = self._changed, set()
        for cue_id in changed:
            if self._session.cue(cue_id) is not None:
                self._lanes.update(cue_id)
        self.strip.set_lanes(self._lanes.lanes(), None)

    def _on_cut_opened(self) -> None:
        cut = self._session.cut
        self._thumbnails.clear()
        self._asked.clear()
        self._originals.clear()
        self._relinked = {
            c.cue_id: self._session.state(c.cue_id).relinked
            for c in self._session.cues
            if c.status == "offline"
        }
        self._before = ""
        self.hits.clear()
        shown = cut is not None and bool(cut.cues)
        self._stack.show_content(shown)
        self.bar.setVisible(shown)
        self.title.subject.setText(cut.name if cut is not None else "")
        self.strip.set_lanes([])  # those of the last cut say nothing about this one
        self.rebuild()
        if cut is not None:
            self.strip.set_cut(float(cut.duration_s), cut.fps, cut.global_start_s, cut.drop)
        later(self, 0, self.strip.fit_all)

    def _on_cue_changed(self, cue_id: str) -> None:
        self._rebuild_at(cue_id)
        relinked = self._session.state(cue_id).relinked
        if relinked != self._relinked.get(cue_id, ""):
            self._relinked[cue_id] = relinked
            self._asked.pop(cue_id, None)
            self._thumbnails.pop(cue_id, None)
            self._want_visible()
        if cue_id == self._session.current:
            self._show_marks()

    def _on_sound_ready(self, key: str) -> None:
        if self._session.take(key) is not None:
            self._rebuild_at(self._session.owner(key))
        else:
            self._rebuild_at(*self._originals.get(key, ()))

    def _on_take_shown(self, take_id: str) -> None:
        del take_id
        if shown_lane(self._session, self._session.current).made_up:
            self.hits.clear()  # each such take has hits of its own
        self._rebuild_at(self._session.current)
        self._tell_place()

    def _on_current_changed(self) -> None:
        self._rebuild_at(self._before, self._session.current)
        self._before = self._session.current
        self.hits.clear()
        self._tell_place()
        cue = self._session.cue(self._session.current)
        if cue is None:
            return
        start, end = self._session.place(cue.cue_id)
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
        session = self._session
        known = [c for c in session.selected if session.cue(c) is not None]
        current = session.current
        at = session.place(current) if session.cue(current) is not None else None
        self.strip.set_selection(at, [session.place(c) for c in known])

    def _show_marks(self) -> None:
        cue = self._session.cue(self._session.current)
        if cue is None:
            self.strip.set_span(None)
            self.strip.set_grabbed_hit(None)
            return
        state = self._session.state(cue.cue_id)
        start = float(cue.start_s)
        self.strip.set_span(tuple(start + t for t in state.span) if state.span else None)  # type: ignore[arg-type]
        grabbed_s = self.hits.grabbed_time()
        self.strip.set_grabbed_hit(None if grabbed_s is None else start + grabbed_s)
        self._set_bounds()
        self._tell_place()

    def _on_moved(self, position: float) -> None:
        playing = self._player.transport.playing
        self.strip.set_position(position, follow=playing and self.follow.isChecked())
        self._tell_place()

    def _tell_place(self) -> None:
        """Say where one is to screen readers; while playing it would babble."""
        session, transport = self._session, self._player.transport
        cut = session.cut
        if cut is None or transport.playing:
            return
        at = spoken.playhead(transport.position, cut.fps, cut.global_start_s, drop=cut.drop)
        shown = shown_lane(session, session.current)
        cue = session.cue(session.current)
        self.strip.setAccessibleName(spoken.place(at, cue, shown, self.hits.grabbed))

    def _on_zoomed(self) -> None:
        low, high, view = self.strip.scroll_bounds()
        self.bar.blockSignals(True)
        self.bar.setRange(int(low * SCROLL_UNITS), int(high * SCROLL_UNITS))
        self.bar.setPageStep(max(1, int(view * SCROLL_UNITS)))
        self.bar.setSingleStep(max(1, int(view * SCROLL_UNITS / 20)))
        self.bar.setValue(int(self.strip.visible()[0] * SCROLL_UNITS))
        self.bar.blockSignals(False)
        self.zoom.blockSignals(True)
        self.zoom.setValue(round(self.strip.view.level * ZOOM_STEPS))
        self.zoom.blockSignals(False)
        self._want_visible()

    def _on_zoom_picked(self, value: int) -> None:
        self.strip.zoom_to(self.strip.view.zoom_of(value / ZOOM_STEPS))

    def _want_visible(self) -> None:
        """Ask for pictures and sounds of what is in view, unless that is the whole feature."""
        left, right = self.strip.visible()
        if self._player.n_cues_between(left, right) > MAX_VISIBLE_SOUNDS:
            return
        for cue in self._player.cues_between(left, right):
            state = self._session.state(cue.cue_id)
            take = self._session.take(state.chosen)
            if take is not None:
                self._player.sounds.want_take(take)
            self._want_own(cue)

    def _want_own(self, cue: Cue) -> None:
        """Ask for a cue's own sound and pictures, from its media or what it is relinked to."""
        shown = as_shown(cue, self._session.state(cue.cue_id))
        if shown.status == "ready" and shown.picture:
            key = self._player.sounds.want_original(shown)
            self._originals.setdefault(key, set()).add(cue.cue_id)
        self._want_thumbnails(cue, shown)

    def _want_thumbnails(self, cue: Cue, shown: Cue) -> None:
        width = float(cue.duration_s) * self.strip.px_per_s
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
        cue = self._cue_at(at_s)
        if cue is None:
            return
        if adding:
            chosen = [c for c in self._session.selected if c != cue.cue_id]
            self._session.select([*chosen, cue.cue_id], cue.cue_id)
        elif cue.cue_id not in self._session.selected or len(self._session.selected) > 1:
            self._session.select([cue.cue_id])

    def _cue_at(self, at_s: float) -> Cue | None:
        """The cue at a time: the current one where several lie on top of each other."""
        current = self._session.cue(self._session.current)
        if current is not None:
            start, end = self._session.place(current.cue_id)
            if start <= at_s < end:
                return current
        return self._player.cue_at(at_s)

    def _cue_under(self, point: QPointF) -> str:
        cue = self._cue_at(self.strip.view.time(point.x()))
        return cue.cue_id if cue is not None else ""
