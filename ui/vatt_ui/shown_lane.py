"""The lane that is drawn and edited: the picture's or the user's, or what a take made up.

Where a picture says nothing, the engine makes up the moments of a take from its words; another seed
places them elsewhere. They are drawn where they sound, as what nobody has seen, and change with the
take that is shown. The first edit of one of them makes them all the user's own lane.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from vatt_engine.messages import SyncLane
from vatt_plugin.cues import Take
from vatt_plugin.project_state import CueState, Hit
from vatt_ui.language import _
from vatt_ui.workspace import Workspace

_WITH_THE_LANE = ("spotted", "intensity", "rate_hz")


class ShownLane(NamedTuple):
    """A cue's state with the lane to show in it.

    Attributes:
        state: the cue's; where ``made_up``, with the take's moments as its lane.
        made_up: its hits are the words' and not the picture's or the user's.
    """

    state: CueState
    made_up: bool = False

    @property
    def hits(self) -> tuple[Hit, ...]:
        """What is drawn, and what an edit begins with."""
        return self.state.hits or ()

    def edited(self, hits: Sequence[Hit]) -> dict[str, Any]:
        """The fields that an edit of its hits sets: of made up ones everything they came with."""
        fields: dict[str, Any] = {"hits": tuple(hits), "hits_edited": True}
        if self.made_up:
            fields |= {name: getattr(self.state, name) for name in _WITH_THE_LANE}
        return fields


def shown_lane(work: Workspace, cue_id: str) -> ShownLane:
    """The lane of a cue with its shown take; with the used one unless the cue is current."""
    cue, state = work.cue(cue_id), work.state(cue_id)
    current = cue_id == work.current
    take = work.take(work.current_take(cue_id) if current else state.chosen)
    if cue is None or take is None or take.moments is None or not _is_open(state, take):
        return ShownLane(state)
    # Where it sounds: a take that a re-cut or the user nudged takes its moments along.
    start_s = float(take.recipe.handle_frames / cue.fps) - state.nudge_s
    lane = windowed(take.moments, start_s, float(cue.duration_s))
    hits = tuple(Hit(time_s, strength) for time_s, strength in lane.hits)
    own = dataclasses.replace(
        state, hits=hits, spotted=hits, intensity=lane.intensity, rate_hz=lane.rate_hz
    )
    return ShownLane(own, made_up=True)


def made_up_words(take: Take | None) -> str:
    """What is said of a take whose moments are made up; empty for any other."""
    if take is None or not take.figures.get("made_up"):
        return ""
    if take.recipe.sync == "off":
        return _("Moments made up from the words: the picture was not followed.")
    return _("Moments made up from the words: nothing moves here.")


def windowed(lane: SyncLane, start_s: float, length_s: float) -> SyncLane:
    """A part of a lane, counted from its own beginning; silence beyond the ends of the lane."""
    hits = tuple((t - start_s, s) for t, s in lane.hits if 0 <= t - start_s < length_s)
    first, n = round(start_s * lane.rate_hz), round(length_s * lane.rate_hz)
    values = lane.intensity
    curve = (*(0.0,) * min(max(-first, 0), n), *values[max(first, 0) : max(first + n, 0)])
    return SyncLane(hits, curve if values else (), lane.rate_hz)


def _is_open(state: CueState, take: Take) -> bool:
    """Whether neither picture nor user say when: they have no hit, and the take knew of none."""
    return not state.hits and (not state.hits_edited or take.recipe.sync == "lane")
