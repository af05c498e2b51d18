"""Repair of OTIO JSON that the library refuses as a whole.

One unknown effect, or one schema from next year's OTIO, makes plain OTIO reject the file. Here a
copy is changed as little as needed, and every kind of change is reported; the original text stays
what is written back, so newer and unknown objects survive.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline import salvage
from vatt_plugin.timeline.errors import TimelineUnreadable
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.salvage import READ_ERRORS
from vatt_plugin.timeline.text import place_of_error

_EFFECTS = frozenset({"Effect", "TimeEffect", "LinearTimeWarp", "FreezeFrame"})
_CHILDREN = frozenset(
    {"Clip", "Gap", "Stack", "Track", "Transition", "Composition", "Item", "Filler", "Sequence"}
)
_REFERENCES = frozenset(
    {
        "MediaReference",
        "ExternalReference",
        "MissingReference",
        "GeneratorReference",
        "ImageSequenceReference",
    }
)
_MARKERS = frozenset({"Marker"})
_NOT_NULL = frozenset(
    {"effects", "markers", "children", "enabled", "metadata", "name", "media_references", "kind"}
)
_INF = re.compile(r"(?<=[\[:,\s])(-?)Inf(?=[\s,\]}])")


def read(data: bytes, name: str) -> tuple[Any, list[Note]]:
    """Read OTIO JSON, repaired if need be.

    Args:
        data: JSON in UTF-8 without a byte order mark, of bounded depth.
        name: the file's name, for messages.

    Returns:
        The root object as OTIO gives it, and a note for each kind of change.

    Raises:
        TimelineUnreadable: not JSON, or not OTIO even after repair.
    """
    try:
        return otio.adapters.read_from_string(data, "otio_json"), []
    except READ_ERRORS as error:
        refusal = error
    text = data.decode()
    try:
        parsed = json.loads(_INF.sub(r"\1Infinity", text))
    except (json.JSONDecodeError, RecursionError):
        raise TimelineUnreadable(
            f"{name} is not valid JSON: {place_of_error(text) or refusal}.",
            "The file is damaged or was cut off: export the timeline again.",
        ) from None
    if not isinstance(parsed, dict):
        return parsed, []
    repair = _Repair()
    repaired = repair.object(parsed, in_metadata=False)
    try:
        return _deserialized(repaired), repair.notes()
    except READ_ERRORS:
        repaired = salvage.salvaged(repaired, notes := repair.notes())
    try:
        return _deserialized(repaired), notes
    except READ_ERRORS as error:
        raise TimelineUnreadable(
            f"{name} is JSON, but OpenTimelineIO cannot make a timeline of it: {error!s:.300}.",
            "Export the timeline again, or in another format.",
        ) from error


def _deserialized(data: Any) -> Any:
    copy = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace").decode()
    return otio.adapters.read_from_string(copy, "otio_json")


class _Repair:
    """Changes a parsed file so that OTIO accepts it, counting what it changed."""

    def __init__(self) -> None:
        self._known: dict[str, int] = otio.core.type_version_map()
        self._changes: Counter[tuple[str, str]] = Counter()

    def notes(self) -> list[Note]:
        """One note for each kind of change."""
        return [
            Note(code, f"{text} ({count} times)." if count > 1 else f"{text}.")
            for (code, text), count in self._changes.items()
        ]

    def object(self, data: dict[str, Any], in_metadata: bool) -> dict[str, Any]:
        """A repaired copy of one JSON object and all below it."""
        schema, version = _schema(data)
        known = self._known.get(schema)
        result: dict[str, Any] = {}
        for key, value in data.items():
            if value is None and key in _NOT_NULL and schema and not in_metadata:
                self._count("null_field", f"An empty {key!r} of a {schema} was filled in")
                continue
            result[key] = self._value(key, value, in_metadata or key == "metadata")
        if in_metadata:  # nothing there needs to be an object of OTIO's, and each must be sound
            result.pop("OTIO_SCHEMA", None)
            if known is not None and version > known:
                self._count(
                    "newer_schema", f"{schema}.{version} in metadata was read as plain data"
                )
            return result
        if known is not None and version > known:
            result["OTIO_SCHEMA"] = f"{schema}.{known}"
            self._count("newer_schema", f"{schema}.{version} was read as {schema}.{known}")
            if schema == "Marker" and isinstance(result.get("color"), dict):
                result["color"] = str(result["color"].get("name", ""))
        if schema == "Clip" and version > 1:
            result.setdefault("media_references", {})
            result.setdefault("active_media_reference_key", "DEFAULT_MEDIA")
        return result

    def _value(self, key: str, value: Any, in_metadata: bool) -> Any:
        if isinstance(value, dict):
            if key == "media_references" and not in_metadata and "OTIO_SCHEMA" not in value:
                return {
                    name: self._reference(ref)
                    for name, ref in value.items()
                    if isinstance(ref, dict)
                }
            if key == "media_reference" and not in_metadata:
                return self._reference(value)
            return self.object(value, in_metadata)
        if not isinstance(value, list):
            return value
        if in_metadata:
            return [self._value("", item, True) for item in value]
        items = [item for item in value if item is not None] if key in _NOT_NULL else value
        if key == "effects":
            return [self._effect(item) for item in items if isinstance(item, dict)]
        if key == "children":
            return [self._child(item) for item in items if isinstance(item, dict)]
        if key == "markers":
            kept = [i for i in items if isinstance(i, dict) and _schema(i)[0] in _MARKERS]
            if len(kept) < len(value):
                self._count("unknown_marker", "A marker of an unknown kind was left out")
            return [self.object(item, False) for item in kept]
        return [self._value("", item, in_metadata) for item in items]

    def _effect(self, item: dict[str, Any]) -> dict[str, Any]:
        schema, _ = _schema(item)
        if schema in _EFFECTS:
            return self.object(item, False)
        self._count("unknown_effect", f"The unknown effect {schema} was read as a plain effect")
        metadata = item.get("metadata")
        return {
            "OTIO_SCHEMA": "Effect.1",
            "name": str(item.get("name") or schema),
            "effect_name": str(item.get("effect_name") or schema),
            "metadata": self.object(metadata, True) if isinstance(metadata, dict) else {},
        }

    def _child(self, item: dict[str, Any]) -> dict[str, Any]:
        schema, _ = _schema(item)
        if schema in _CHILDREN or schema == "SerializableObjectRef":
            return self.object(item, False)
        self._count("unknown_child", f"The unknown item {schema} was read as a gap of its length")
        gap: dict[str, Any] = {"OTIO_SCHEMA": "Gap.1", "name": str(item.get("name") or schema)}
        if isinstance(item.get("source_range"), dict):
            gap["source_range"] = self.object(item["source_range"], False)
        else:
            gap["source_range"] = _duration_range(item)
        return gap

    def _reference(self, item: dict[str, Any]) -> dict[str, Any]:
        schema, _ = _schema(item)
        if schema in _REFERENCES:
            return self.object(item, False)
        self._count(
            "unknown_reference", f"The unknown media reference {schema} was read as missing"
        )
        reference: dict[str, Any] = {
            "OTIO_SCHEMA": "MissingReference.1",
            "name": str(item.get("name") or ""),
        }
        if isinstance(item.get("available_range"), dict):
            reference["available_range"] = self.object(item["available_range"], False)
        return reference

    def _count(self, code: str, text: str) -> None:
        self._changes[code, text] += 1


def _schema(data: dict[str, Any]) -> tuple[str, int]:
    """Name and version of ``"Clip.2"``; an object without a schema gives an empty name."""
    name, _, version = str(data.get("OTIO_SCHEMA", "")).rpartition(".")
    return (name, int(version)) if name and version.isdigit() else ("", 0)


def _duration_range(item: dict[str, Any]) -> dict[str, Any]:
    """A range from whatever length an unknown item gives: a duration, or its children's."""
    for key in ("available_range", "trimmed_range", "range"):
        if isinstance(item.get(key), dict):
            return dict(item[key])
    duration = item.get("duration")
    if not (isinstance(duration, dict) and _schema(duration)[0] == "RationalTime"):
        duration = {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 0}
    start = {"OTIO_SCHEMA": "RationalTime.1", "rate": duration.get("rate", 24), "value": 0}
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": start, "duration": duration}
