"""Cues written out as OTIO markers, on a copy of the cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import splice
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.own import KEY
from vatt_plugin.timeline.saving import save


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


def write_markers(timeline: Timeline, out_path: Path) -> None:
    """Write a copy of the cut with a marker for each cue that can be served; all else stays.

    Raises:
        TimelineNotWritten: the folder is not writable or the disk full.
    """
    texts = [
        cue_marker(cue, timeline).to_json_string(indent=4)
        for cue in timeline.cues
        if cue.status != "skipped"
    ]
    document = timeline.document
    pointer = (*document.pointer, "tracks", "markers")
    try:
        text = splice.with_items(document.text, pointer, frozenset(), texts)
    except splice.NotJsonError:  # no list of markers there yet, or JSON that only OTIO reads
        root = document.root.deepcopy()
        for text in texts:
            root.tracks.markers.append(otio.adapters.read_from_string(text, "otio_json"))
        text = root.to_json_string(indent=4)
    save(out_path, text.encode("utf-8"))
