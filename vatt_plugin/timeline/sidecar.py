"""The JSON beside the WAVs that finds our takes again when a host dropped the metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vatt_plugin.timeline.own import take_in_name
from vatt_plugin.timeline.saving import save
from vatt_plugin.timeline.tracks import Sound

NAME = "vatt-takes.json"
SCHEMA = 1


def write_sidecar(sounds: Iterable[Sound], out_path: Path) -> Path | None:
    """Write, or add to, the sidecar in the folder of the (first) WAV.

    Returns:
        Its path; None when there is no sound to describe.
    """
    sounds = list(sounds)
    if not sounds:
        return None
    folder = sounds[0].wav_path.parent
    path = folder / NAME
    takes = read_sidecar(folder)
    for sound in sounds:
        take = str(sound.metadata.get("take") or take_in_name(sound.wav_path.name))
        if take and sound.metadata:
            takes[take] = {**sound.metadata, "file": sound.wav_path.name}
    body = {"schema": SCHEMA, "timeline": out_path.name, "takes": takes}
    save(path, (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
    return path


def read_sidecar(folder: Path) -> dict[str, Any]:
    """Take id to its facts; empty when there is no sidecar that can be read."""
    try:
        data = json.loads((folder / NAME).read_bytes()[: 1 << 26])
    except (OSError, ValueError, RecursionError):
        return {}
    takes = data.get("takes") if isinstance(data, dict) else None
    if not isinstance(takes, dict):
        return {}
    return {str(take): known for take, known in takes.items() if isinstance(known, dict)}
