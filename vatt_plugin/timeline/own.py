"""Which tracks and clips are ours, also after a host dropped our metadata."""

from __future__ import annotations

import re
from typing import Any

import opentimelineio as otio

KEY = "vatt"
"""Our one metadata key."""
TAKE_MARK = re.compile(r"vatt-([0-9a-z]{6,64})(?![0-9a-z])")
"""How a take id stands in clip and file names."""


def take_in_name(name: str) -> str:
    """The take id in a clip or file name; empty if there is none."""
    match = TAKE_MARK.search(name)
    return match[1] if match else ""


def take_of_clip(clip: Any) -> str:
    """The take a clip plays: by metadata, else by clip name, reference name or file name."""
    own = clip.metadata.get(KEY)
    if own is not None and hasattr(own, "get") and own.get("take"):
        return str(own.get("take"))
    reference = clip.media_reference
    url = getattr(reference, "target_url", "") or ""
    names = (clip.name, getattr(reference, "name", ""), url.replace("\\", "/").rpartition("/")[2])
    return next((take for name in names if name and (take := take_in_name(name))), "")


def is_our_track(track: Any) -> bool:
    """Whether every clip on an audio track plays a take of ours, and there is one."""
    if not isinstance(track, otio.schema.Track) or track.kind != otio.schema.TrackKind.Audio:
        return False
    clips = [child for child in track if isinstance(child, otio.schema.Clip)]
    others = [c for c in track if not isinstance(c, otio.schema.Clip | otio.schema.Gap | otio.schema.Transition)]
    if not clips:
        own = track.metadata.get(KEY)
        return own is not None and not others
    return not others and all(take_of_clip(clip) for clip in clips)
