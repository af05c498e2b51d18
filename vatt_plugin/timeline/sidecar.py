"""The JSON beside the WAVs that finds our takes again when a host dropped the metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from vatt_plugin.timeline.own import SIDECAR, read_sidecar, take_in_name
from vatt_plugin.timeline.saving import save
from vatt_plugin.timeline.tracks import Sound

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
    path = folder / SIDECAR
    takes = read_sidecar(folder)
    for sound in sounds:
        take = str(sound.metadata.get("take") or take_in_name(sound.wav_path.name))
        if take and sound.metadata:
            takes[take] = {**sound.metadata, "file": sound.wav_path.name}
    body = {"schema": SCHEMA, "timeline": out_path.name, "takes": takes}
    save(path, (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
    return path
