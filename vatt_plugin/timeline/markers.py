"""Cues written out as OTIO markers."""

from __future__ import annotations

from typing import Any

import opentimelineio as otio

from vatt_plugin.cues import Cue
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.own import KEY


def cue_marker(cue: Cue, timeline: Timeline) -> Any:
    """A marker over a cue, in the timeline's own time and literal rate."""
    time = otio.opentime.RationalTime
    span = otio.opentime.TimeRange(
        time(cue.start_frame, timeline.rate), time(cue.n_frames, timeline.rate)
    )
    marker = otio.schema.Marker(cue.clip, span, otio.schema.MarkerColor.GREEN)
    marker.comment = str(cue.origin.get("prompt", "") or cue.note)
    marker.metadata[KEY] = {"schema": 1, "cue": cue.cue_id, "status": cue.status}
    return marker
