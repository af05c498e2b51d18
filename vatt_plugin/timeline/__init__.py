"""Timelines in and out: any editor's cut to cues, takes to audio tracks on a copy of the cut.

``load`` reads, ``write`` writes; both follow docs/timelines.md.
"""

from __future__ import annotations

from vatt_plugin.timeline.model import (
    Document,
    Note,
    Placement,
    Timeline,
    TrackInfo,
    TrackItem,
    WriteReport,
)
from vatt_plugin.timeline.naming import take_name
from vatt_plugin.timeline.reading import load
from vatt_plugin.timeline.writing import write

__all__ = [
    "Document",
    "Note",
    "Placement",
    "Timeline",
    "TrackInfo",
    "TrackItem",
    "WriteReport",
    "load",
    "take_name",
    "write",
]
