"""What the helper can be asked for. Each operation takes and returns plain JSON values."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vatt_engine import messages, wire
from vatt_engine.errors import CannotWrite
from vatt_plugin.journal import SnapshotStore
from vatt_plugin.project_conform import CueFacts
from vatt_plugin.project_state import take_from_plain, take_to_plain
from vatt_ui.helper import picture, plain, sound, writing

CUES_PER_PART = 100  # a part is taken in within a few milliseconds
THUMB_W, THUMB_H = 96, 54

_pictures = picture.PictureReader()


def load(path: str, cues: str = "clips", split_cuts: bool = False) -> Iterator[dict[str, Any]]:
    """Read a cut: cues in parts, then one part with everything else under ``cut``.

    ``cues`` and ``split_cuts`` are those of ``vatt_plugin.timeline.load``.

    With each part of cues go the ``facts`` that find them again in a re-cut.
    """
    from vatt_plugin.timeline.reading import load as load_timeline

    sha256 = writing.file_sha256(Path(path))
    timeline = load_timeline(Path(path), cues=cues, split_cuts=split_cuts)
    for start in range(0, len(timeline.cues), CUES_PER_PART):
        some = timeline.cues[start : start + CUES_PER_PART]
        yield {
            "cues": [plain.cue_to_plain(cue) for cue in some],
            "facts": {cue.cue_id: CueFacts.of(cue).to_plain() for cue in some},
        }
    of_cues = {cue.track for cue in timeline.cues}
    tracks = [
        plain.StripTrack(
            # Cues call a track without a name by its place, as the walk over the cut does.
            next((n for n in (track.name, f"Track {track.index + 1}") if n in of_cues), track.name),
            track.kind,
            tuple(
                plain.StripItem(
                    i.name[:200], i.kind, float(i.start_s), float(i.duration_s), i.enabled
                )
                for i in track.items
                if i.kind != "gap"
            ),
            track.ours,
        )
        for track in timeline.tracks
    ]
    yield {
        "cut": {
            "name": timeline.name,
            "fps": str(timeline.fps),
            "drop": timeline.drop,
            "global_start_s": str(timeline.global_start_s),
            "duration_s": str(timeline.duration_s),
            "tracks": [plain.track_to_plain(track) for track in tracks],
            "notes": [[note.where, note.message] for note in timeline.report],
            "sha256": sha256,
        }
    }


def fingerprint(path: str) -> dict[str, Any]:
    """The hash of the cut's file as it is now."""
    return {"sha256": writing.file_sha256(Path(path))}


def frame(**request: Any) -> dict[str, Any]:
    """Put one picture into a slot of the shared file."""
    return _pictures.frame(**request)


def thumbnails(segments: list[dict[str, Any]], duration_s: float, count: int) -> dict[str, Any]:
    """Small pictures spread over a cue: [(seconds in the cue, width, height, BGRA base64)]."""
    found = []
    for i in range(max(1, count)):
        at_s = duration_s * i / max(1, count)
        place = place_in(segments, at_s)
        if place is None:
            continue
        media, time_s = place
        image = _pictures.thumbnail(media, time_s, THUMB_W, THUMB_H)
        data = base64.b64encode(np.ascontiguousarray(image).tobytes()).decode()
        found.append([at_s, image.shape[1], image.shape[0], data])
    return {"thumbnails": found}


def place_in(segments: list[dict[str, Any]], at_s: float) -> tuple[str, float] | None:
    """Media file and time in it, at a time of a cue; None for black."""
    start = 0.0
    for segment in segments:
        length = segment["duration_s"]
        if at_s < start + length or segment is segments[-1]:
            if not segment["media"]:
                return None
            time_s = segment["start_s"] + (at_s - start) * segment["time_scalar"]
            sequence = segment.get("sequence")
            if sequence:
                number = int(sequence["first_number"]) + int(time_s * sequence["fps"] + 0.1)
                return segment["media"] % number, 0.0
            return segment["media"], max(0.0, time_s)
        start += length
    return None


def take_sound(wav: str, out: str) -> dict[str, Any]:
    """A take's samples and peaks."""
    return sound.hand_over(sound.read_wav(wav), out)


def media_sound(segments: list[dict[str, Any]], out: str) -> dict[str, Any]:
    """The sound of the media under a cue; retimed stretches are left silent."""
    pieces = []
    heard = False
    for segment in segments:
        length = round(segment["duration_s"] * sound.RATE)
        silence = np.zeros((length, 2), dtype=np.float32)
        if segment["media"] and segment["time_scalar"] == 1.0 and not segment.get("sequence"):
            samples = sound.read_media_sound(
                segment["media"], segment["start_s"], segment["duration_s"]
            )
            heard = heard or len(samples) > 0
            silence[: len(samples)] = samples[:length]
        pieces.append(silence)
    samples = np.concatenate(pieces) if heard else np.zeros((0, 2), dtype=np.float32)
    return sound.hand_over(samples, out)


def adopt(
    event: dict[str, Any],
    request: dict[str, Any],
    cue: dict[str, Any],
    takes: str,
    handle_frames: int,
    caption: str,
    parent: dict[str, Any] | None,
    project: str,
    drop: bool,
    device: str = "",
    stamped: bool = False,
) -> dict[str, Any]:
    """Check, level and keep a take that the engine handed over."""
    from vatt_plugin import takes as adopting
    from vatt_plugin.requests import recipe as recipe_of

    ready = decode(messages.TakeReady, event)
    asked = decode(messages.Generate, request)
    whole = plain.cue_from_plain(cue)
    origin = take_from_plain(parent) if parent is not None else None
    recipe = recipe_of(asked, ready, handle_frames, made_on=device, parent=origin)
    folder = Path(takes)
    destination = adopting.Destination(
        folder=folder,
        codes_folder=folder,
        project=project,
        time_reference=(
            adopting.record_time_reference(whole, handle_frames, drop) if stamped else 0
        ),
        drop=drop,
    )
    take = adopting.adopt(ready, asked, whole, recipe, destination, parent=origin)
    if caption and not take.caption:
        take = dataclasses.replace(take, caption=caption)
    return {"take": take_to_plain(take)}


def sync(path: str) -> dict[str, Any]:
    """Force a journal's bytes to the disk.

    Raises:
        CannotWrite: the disk refuses.
    """
    try:
        with Path(path).open("r+b") as file:
            os.fsync(file.fileno())
    except FileNotFoundError:
        pass  # a snapshot has taken its place meanwhile
    except OSError as error:
        raise CannotWrite(
            f"The journal could not be forced to the disk: {error.strerror or error}.",
            "Save the project to another disk.",
        ) from error
    return {}


def snapshot(part: str, n: int, kind: str) -> dict[str, Any]:
    """Make a snapshot of the text that the panel has put into ``part``, in the same folder."""
    path = Path(part)
    SnapshotStore(path.parent).write_text(n, kind, path.read_text(encoding="utf-8"))
    path.unlink(missing_ok=True)
    return {}


def decode(kind: type[Any], body: dict[str, Any]) -> Any:
    """A message of the wire from its plain form."""
    line = json.dumps({**body, "type": kind.type}).encode()
    if issubclass(kind, messages.Event):
        return wire.decode_event(line)
    return wire.decode_request(line)


def find_media(folder: str, names: list[str]) -> dict[str, Any]:
    """Where files of these names lie in a folder or below it; ``names`` without those not found."""
    from vatt_plugin.timeline.media import MediaFinder

    finder = MediaFinder(Path(folder), (Path(folder),))
    found = {name: finder.find_named([name]) for name in names}
    return {"found": {name: str(path) for name, path in found.items() if path is not None}}


OPERATIONS: dict[str, Callable[..., dict[str, Any] | Iterator[dict[str, Any]]]] = {
    "load": load,
    "fingerprint": fingerprint,
    "find_media": find_media,
    "frame": frame,
    "thumbnails": thumbnails,
    "take_sound": take_sound,
    "media_sound": media_sound,
    "adopt": adopt,
    "sync": sync,
    "snapshot": snapshot,
    "write": writing.write,
}
