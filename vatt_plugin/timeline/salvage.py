"""Saving what is sound of a timeline that OTIO refuses even after repair.

Items are tried one by one, innermost first; one that OTIO cannot take is cut down to its name,
its range and its media, as far as these are sound. So a clip damaged in the middle of a reel
costs that clip, not the reel.
"""

from __future__ import annotations

import json
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline.model import Note

READ_ERRORS = (
    otio.exceptions.OTIOError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
)
"""What OTIO's reader and its format plug-ins raise for damaged input."""

_PLAYABLE = (otio.core.Composable,)


def salvaged(data: dict[str, Any], notes: list[Note]) -> dict[str, Any]:
    """A copy of a file's JSON root with every damaged item cut down; appends a note for each."""
    schema = _schema(data)
    if schema == "SerializableCollection":
        children = data.get("children")
        items = [c for c in children if isinstance(c, dict)] if isinstance(children, list) else []
        kept = [salvaged(item, notes) for item in items]
        return {"OTIO_SCHEMA": "SerializableCollection.1", "name": "", "children": kept}
    if schema != "Timeline":
        return _item(data, notes, "")
    if sound(data):
        return data
    result: dict[str, Any] = {"OTIO_SCHEMA": "Timeline.1", "name": _text(data.get("name"))}
    for key in ("global_start_time", "metadata"):
        if isinstance(data.get(key), dict) and sound(data[key]):
            result[key] = data[key]
    tracks = data.get("tracks")
    if isinstance(tracks, dict):
        result["tracks"] = _item(tracks, notes, result["name"])
    return result


def _item(data: dict[str, Any], notes: list[Note], where: str) -> dict[str, Any]:
    """One composable, sound."""
    name = _text(data.get("name"))
    if isinstance(data.get("children"), list):
        children = [_item(c, notes, name or where) for c in data["children"] if isinstance(c, dict)]
        data = {**data, "children": children}
    if sound(data) and _is_playable(data):
        return data
    schema = _schema(data)
    text = f"Damaged; only its name and what is sound of its range and media were read ({schema})."
    notes.append(Note("damaged_item", text, name or where))
    if schema in ("Track", "Stack"):
        kind = data.get("kind")
        result: dict[str, Any] = {
            "OTIO_SCHEMA": f"{schema}.1",
            "name": name,
            "children": data["children"] if isinstance(data.get("children"), list) else [],
        }
        if schema == "Track":
            result["kind"] = kind if isinstance(kind, str) else "Video"
        return result | _ranges(data)
    if schema == "Gap" or schema == "Transition":
        return {"OTIO_SCHEMA": "Gap.1", "name": name} | _ranges(data)
    return _clip(data, name)


def _clip(data: dict[str, Any], name: str) -> dict[str, Any]:
    references = data.get("media_references")
    if not isinstance(references, dict):
        references = {"DEFAULT_MEDIA": data.get("media_reference")}
    kept: dict[str, Any] = {}
    for key, reference in references.items():
        if isinstance(reference, dict):
            kept[str(key)] = reference if sound(reference) else _reference(reference)
    key = data.get("active_media_reference_key")
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": name,
        "media_references": kept,
        "active_media_reference_key": key if isinstance(key, str) and key else "DEFAULT_MEDIA",
    } | _ranges(data)


def _reference(data: dict[str, Any]) -> dict[str, Any]:
    url = data.get("target_url")
    reference: dict[str, Any] = {"OTIO_SCHEMA": "MissingReference.1", "name": ""}
    if isinstance(url, str):
        reference = {"OTIO_SCHEMA": "ExternalReference.1", "target_url": url}
    if isinstance(data.get("available_range"), dict) and sound(data["available_range"]):
        reference["available_range"] = data["available_range"]
    return reference


def _ranges(data: dict[str, Any]) -> dict[str, Any]:
    """The item's own range; one that cannot be read is NaN, so that the item is flagged."""
    stored = data.get("source_range")
    if stored is None:
        return {}
    parts = stored if isinstance(stored, dict) else {}
    return {
        "source_range": {
            "OTIO_SCHEMA": "TimeRange.1",
            "start_time": _time(parts.get("start_time")),
            "duration": _time(parts.get("duration")),
        }
    }


def _time(stored: Any) -> dict[str, Any]:
    if isinstance(stored, dict) and _schema(stored) == "RationalTime" and sound(stored):
        return stored
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": 1.0, "value": float("nan")}


def sound(data: dict[str, Any]) -> bool:
    """Whether OTIO takes an object as it is."""
    try:
        otio.core.deserialize_json_from_string(json.dumps(data))
    except READ_ERRORS:
        return False
    return True


def _is_playable(data: dict[str, Any]) -> bool:
    return isinstance(otio.core.deserialize_json_from_string(json.dumps(data)), _PLAYABLE)


def _schema(data: dict[str, Any]) -> str:
    return str(data.get("OTIO_SCHEMA", "")).rpartition(".")[0]


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
