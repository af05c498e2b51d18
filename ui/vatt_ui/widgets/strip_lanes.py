"""What the timeline strip shows: the cut, its own sound, the hits and the Foley, as lanes.

The lanes of a cut are made once; a change of one cue exchanges that cue's blocks only, so a
keystroke in a feature of thousands of cues costs what it costs in a short.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from PyQt6.QtGui import QImage

from vatt_plugin.cues import Cue, Take
from vatt_ui.asking import as_shown
from vatt_ui.cue_status import LOOKS, words
from vatt_ui.helper.plain import StripItem, StripTrack
from vatt_ui.language import _
from vatt_ui.playback.sounds import SoundBank, original_key
from vatt_ui.session import Session
from vatt_ui.shown_lane import shown_lane
from vatt_ui.widgets.strip_blocks import Block, Lane

PICTURE_H, HITS_H, ORIGINAL_H, FOLEY_H, TAKE_H = 46, 40, 40, 58, 38
FLAT_H, MAX_TALL = 26, 2  # with many picture tracks, each is only as high as its name
_MADE_UP = _(
    "These moments are made up from the words, not seen in the picture. Another seed places them "
    "elsewhere; change one, and all of them are yours"
)
STEP = 25  # blocks made before others have their turn

Thumbnails = dict[str, tuple[tuple[float, QImage], ...]]
_Maker = tuple[Sequence[Cue], Callable[[], Block]]  # whose change has the block made anew
_Slot = tuple[Lane, int, Callable[[], Block]]
_OFF = ("offline", "unreadable", "skipped")


class Lanes:
    """The lanes of the open cut, and where each cue's blocks lie in them.

    Attributes:
        original_muted, foley_muted: drawn dimmed.
        takes_open: the current cue's takes are shown as lanes of their own.
    """

    def __init__(self, session: Session, sounds: SoundBank, thumbnails: Thumbnails) -> None:
        self._session = session
        self._sounds = sounds
        self._thumbnails = thumbnails
        self._slots: dict[str, list[_Slot]] = {}
        self._lanes: list[Lane] = []
        self.original_muted = False
        self.foley_muted = False
        self.takes_open = False

    def rebuild(self) -> Iterator[None]:
        """Make all lanes anew, top to bottom, in steps that are short enough to wait for."""
        session = self._session
        cut = session.cut
        self._slots.clear()
        self._lanes = []
        if cut is None:
            return
        by_track: dict[str, list[Cue]] = {}
        for cue in cut.cues:
            by_track.setdefault(cue.track, []).append(cue)
        pictures = [track for track in cut.tracks if track.kind == "Video"]
        shown = [(n, track) for n, track in enumerate(pictures, 1) if track.items]
        height = PICTURE_H if len(shown) <= MAX_TALL else FLAT_H
        for number, track in reversed(shown):
            cues = by_track.get(track.name, [])
            yield from self._add_picture(f"V{number}", height, track, cues)
        # What is left out, titles and the like, has neither hits nor Foley. The others share lanes
        # as far as they do not sound at once, whatever track they are on: where one is, is in view.
        layers = _layers(session, (cue for cue in cut.cues if cue.status != "skipped"))
        yield
        suffixes = [f" {n}" if len(layers) > 1 else "" for n in range(1, len(layers) + 1)]
        for suffix, cues in zip(suffixes, layers, strict=True):
            yield from self._add(_("Hits") + suffix, "hits", HITS_H, cues, self._hit_block)
        apart = layers[0] if layers else ()
        yield from self._add(_("Original"), "original", ORIGINAL_H, apart, self._original_block)
        for suffix, cues in zip(suffixes, layers, strict=True):
            yield from self._add(_("Foley") + suffix, "foley", FOLEY_H, cues, self._foley_block)

    def lanes(self) -> list[Lane]:
        """The lanes as they are, with those of the current cue's takes."""
        return [*self._lanes, *(self._take_lanes() if self.takes_open else ())]

    def update(self, cue_id: str) -> None:
        """Exchange the blocks of one cue."""
        for lane, at, make in self._slots.get(cue_id, ()):
            lane.replace(at, make())

    def _add(
        self,
        name: str,
        kind: str,
        height: int,
        cues: Iterable[Cue],
        make: Callable[[Cue], Block],
    ) -> Iterator[None]:
        makers: list[_Maker] = [((cue,), partial(make, cue)) for cue in cues]
        yield from self._fill(name, kind, height, makers)

    def _fill(self, name: str, kind: str, height: int, makers: Sequence[_Maker]) -> Iterator[None]:
        """Make a lane's blocks a few at a time, and remember which cues they show."""
        blocks: list[Block] = []
        for _cues, maker in makers:
            blocks.append(maker())
            if len(blocks) % STEP == 0:
                yield
        lane = Lane(name, kind, height, blocks)
        yield
        for at, (cues, maker) in enumerate(makers):
            for cue in cues:
                self._slots.setdefault(cue.cue_id, []).append((lane, at, maker))
        self._lanes.append(lane)
        yield

    def _add_picture(
        self, name: str, height: int, track: StripTrack, cues: list[Cue]
    ) -> Iterator[None]:
        starts = [self._session.place(c.cue_id)[0] for c in cues]
        yield
        makers: list[_Maker] = []
        for item in track.items:
            # None for a title; several where it is split; what lies above it may hide its start.
            ends = (item.start_s, item.start_s + item.duration_s)
            first, last = (bisect.bisect_left(starts, end - 1e-4) for end in ends)
            mine = cues[first:last]
            makers.append((mine, partial(self._picture_block, item, mine)))
        yield
        yield from self._fill(name, "picture", height, makers)

    def _picture_block(self, item: StripItem, cues: Sequence[Cue]) -> Block:
        session = self._session
        states = [session.status(cue.cue_id) for cue in cues]
        off = not item.enabled or all(state in _OFF for state in states)
        thumbnails: list[tuple[float, QImage]] = []
        for cue in cues:
            since_s = session.place(cue.cue_id)[0] - item.start_s
            thumbnails += [(since_s + t, im) for t, im in self._thumbnails.get(cue.cue_id, ())]
        return Block(
            item.start_s,
            item.start_s + item.duration_s,
            item.name,
            fill="raised" if off else "picture",
            dim=off,
            badge=LOOKS[states[0]].word if off and states else "",
            thumbnails=tuple(thumbnails),
        )

    def _hit_block(self, cue: Cue) -> Block:
        shown = shown_lane(self._session, cue.cue_id)
        hits = tuple((h.time_s, h.strength, h.muted) for h in shown.hits)
        lane = shown.state.lane()
        start, end = self._session.place(cue.cue_id)
        current = cue.cue_id == self._session.current
        unknown = current and shown.state.hits is None and self._session.can_generate(cue.cue_id)
        hint = _("Not looked for yet: Shift+H") if unknown else ""
        return Block(
            start,
            end,
            hint,
            fill="field",
            edge="line",
            hits=hits,
            intensity=lane.intensity if lane else (),
            made_up=shown.made_up,
            tip=_MADE_UP if shown.made_up else "",
            dim=bool(hint),
        )

    def _original_block(self, cue: Cue) -> Block:
        picture = as_shown(cue, self._session.state(cue.cue_id)).picture
        peaks = self._sounds.peaks(original_key(picture)) if picture else None
        start, end = self._session.place(cue.cue_id)
        return Block(
            start,
            end,
            fill="field",
            edge="line",
            wave="original",
            peaks=peaks if peaks is not None and len(peaks.low) else None,
            dim=self.original_muted,
        )

    def _foley_block(self, cue: Cue) -> Block:
        session = self._session
        state = session.state(cue.cue_id)
        status = session.status(cue.cue_id)
        look, job = LOOKS[status], session.jobs.look(cue.cue_id)
        current = cue.cue_id == session.current
        shown = session.current_take(cue.cue_id) if current else state.chosen
        take = session.take(shown or state.chosen)
        start, end = self._session.place(cue.cue_id)
        return Block(
            start,
            end,
            text=_foley_text(session, cue),
            fill="field" if status in ("failed", "none", "queued") else "raised",
            edge=look.token if status not in ("none", "takes") else "line_strong",
            wave="wave_chosen" if current else "wave",
            peaks=self._sounds.peaks(take.take_id) if take is not None else None,
            offset_s=handles_s(take, cue) - state.nudge_s,
            fraction=(job.fraction or 0.0) if job is not None and job.running else None,
            dim=self.foley_muted or state.muted,
        )

    def _take_lanes(self) -> list[Lane]:
        session = self._session
        cue = session.cue(session.current)
        if cue is None:
            return []
        state = session.state(cue.cue_id)
        start, end = session.place(cue.cue_id)
        lanes = []
        for number, take_id in enumerate(state.takes, 1):
            if take_id in state.trashed:
                continue
            chosen = take_id == state.chosen
            block = Block(
                start,
                end,
                text=(_("Take {n} · used") if chosen else _("Take {n}")).format(n=number),
                fill="raised" if chosen else "field",
                edge="done" if chosen else "line",
                wave="wave_chosen" if chosen else "wave",
                peaks=self._sounds.peaks(take_id),
                offset_s=handles_s(session.take(take_id), cue),
            )
            lanes.append(Lane(_("Take {n}").format(n=number), "take", TAKE_H, [block]))
        return lanes


def handles_s(take: Take | None, cue: Cue) -> float:
    """How much of a take sounds before its cue's first frame, seconds."""
    return 0.0 if take is None else float(take.recipe.handle_frames / cue.fps)


def _layers(session: Session, cues: Iterable[Cue]) -> list[list[Cue]]:
    """Cues on as few lanes as they need not to lie on top of each other, each in the first free."""
    layers: list[list[Cue]] = []
    ends: list[float] = []
    for cue in sorted(cues, key=lambda c: session.place(c.cue_id)[0]):
        start, end = session.place(cue.cue_id)
        free = next((i for i, last in enumerate(ends) if start >= last - 1e-6), len(layers))
        if free == len(layers):
            layers.append([])
            ends.append(0.0)
        layers[free].append(cue)
        ends[free] = end
    return layers


def _foley_text(session: Session, cue: Cue) -> str:
    """What the block says: the words of a finished take, else the state."""
    state = session.state(cue.cue_id)
    status = session.status(cue.cue_id)
    take = session.take(state.chosen)
    if status == "none":
        return ""
    said = (take.recipe.prompt or take.caption) if take is not None else ""
    if status in ("done", "takes", "locked"):
        return said or words(LOOKS[status], state)
    shown = words(LOOKS[status], state, session.jobs.look(cue.cue_id))
    if status == "failed":
        return _("Failed: R tries again")
    return f"{shown} · {said}" if said and status in ("edited", "stale") else shown
