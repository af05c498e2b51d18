"""Which tracks and clips are ours, also after a host dropped our metadata."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline.urls import parse_media_url

KEY = "vatt"
"""Our one metadata key."""
TAKE_MARK = re.compile(r"vatt-([0-9a-z]{6,64})(?![0-9a-z])")
"""How a take id stands in clip names."""
_ID_AT_END = re.compile(r"_([0-9a-f]{12})\.wav$", re.IGNORECASE)
SIDECAR = "vatt-takes.json"
"""The file beside the WAVs that knows every take."""


def take_in_name(name: str) -> str:
    """The take id in a clip or file name; empty if there is none."""
    match = TAKE_MARK.search(name)
    return match[1] if match else ""


class Takes:
    """Tells which take a clip plays, whatever a host left of what we wrote.

    Args:
        base: folder that relative media URLs start from.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._sidecars: dict[Path, dict[str, Any]] = {}

    def of_clip(self, clip: Any) -> str:
        """The take id: by metadata, else by a name that carries it, else by the sidecar."""
        own = clip.metadata.get(KEY)
        if own is not None and hasattr(own, "get") and own.get("take"):
            return str(own.get("take"))
        reference = clip.media_reference
        url = getattr(reference, "target_url", "") or ""
        file_name = url.replace("\\", "/").rpartition("/")[2]
        for name in (clip.name, getattr(reference, "name", ""), file_name):
            if name and (take := take_in_name(name)):
                return take
        return self._by_sidecar(url, file_name)

    def facts(self, clip: Any) -> dict[str, Any]:
        """What was written under our key, from the clip itself or from the sidecar."""
        if KEY in clip.metadata:
            known = json.loads(clip.to_json_string())["metadata"][KEY]
            if isinstance(known, dict) and known:
                return known
        found = self.sidecar(getattr(clip.media_reference, "target_url", "") or "")
        known = found.get(self.of_clip(clip), {})
        return dict(known)

    def sidecar(self, url: str) -> dict[str, Any]:
        """Takes listed beside the file that a URL names."""
        for candidate in parse_media_url(url, self._base).candidates:
            folder = candidate.parent
            if folder not in self._sidecars:
                self._sidecars[folder] = read_sidecar(folder)
            if self._sidecars[folder]:
                return self._sidecars[folder]
        return {}

    def _by_sidecar(self, url: str, file_name: str) -> str:
        match = _ID_AT_END.search(file_name)
        if match is None:
            return ""
        return match[1] if match[1] in self.sidecar(url) else ""


def is_our_track(track: Any, takes: Takes) -> bool:
    """Whether every clip on an audio track plays a take of ours, and there is one."""
    if not isinstance(track, otio.schema.Track) or track.kind != otio.schema.TrackKind.Audio:
        return False
    fillers = otio.schema.Gap | otio.schema.Transition
    items = [child for child in track if not isinstance(child, fillers)]
    if any(not isinstance(item, otio.schema.Clip) for item in items):
        return False
    if not items:
        return KEY in track.metadata
    return all(takes.of_clip(clip) for clip in items)


def read_sidecar(folder: Path) -> dict[str, Any]:
    """Take id to its facts, from a media folder; empty when there is nothing to be read."""
    try:
        data = json.loads((folder / SIDECAR).read_bytes()[: 1 << 26])
    except (OSError, ValueError, RecursionError):
        return {}
    takes = data.get("takes") if isinstance(data, dict) else None
    if not isinstance(takes, dict):
        return {}
    return {str(take): known for take, known in takes.items() if isinstance(known, dict)}
