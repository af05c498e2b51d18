"""Any file an editor hands over, as one timeline of OTIO objects plus the text to write back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline import lenient
from vatt_plugin.timeline.adapters import MAX_ADAPTER_BYTES, guarded, read_edl, retimes_lost
from vatt_plugin.timeline.bundles import Bundle, open_bundle
from vatt_plugin.timeline.errors import (
    TimelineChoiceNeeded,
    TimelineNotFound,
    TimelineUnreadable,
    UnknownFormat,
)
from vatt_plugin.timeline.footage import from_footage
from vatt_plugin.timeline.model import Document, Note, file_stamp
from vatt_plugin.timeline.probe import VIDEO_SUFFIXES, probe
from vatt_plugin.timeline.splice import Pointer
from vatt_plugin.timeline.text import checked, read_bytes

SOUND_SUFFIXES = frozenset((".mp3", ".wav", ".aif", ".aiff", ".flac", ".m4a", ".ogg", ".opus"))
PROJECTS = {
    ".prproj": ("a Premiere project", "File > Export > OpenTimelineIO"),
    ".drp": ("a Resolve project", "File > Export > Timeline, type OpenTimelineIO"),
    ".drt": ("a Resolve timeline", "File > Export > Timeline, type OpenTimelineIO"),
    ".kdenlive": ("a Kdenlive project", "File > OpenTimelineIO Export"),
    ".hrox": ("a Hiero project", "File > Export > Export OTIO"),
    ".avb": ("an Avid bin", "as AAF with linked media"),
    ".avp": ("an Avid project", "as AAF with linked media"),
}
"""Files that editors save their work in: what each is, and how to get a timeline out of it."""
_EXTRA_HINT = "Install the format's adapter (pip install 'vatt-plugin[adapters]') or export .otio."


@dataclass(frozen=True)
class Loaded:
    """A document, the notes from loading it, and its bundle if it came in one."""

    document: Document
    notes: tuple[Note, ...]
    bundle: Bundle | None = None


def load_document(path: Path, timeline: str | None = None, rate: float | None = None) -> Loaded:
    """Open a timeline in any readable form.

    Args:
        path: a timeline file or bundle, a video file, or a folder of video files.
        timeline: name (or ``#2``, counted from 1) of the timeline to take where there are several.
        rate: frames a second, for formats that do not say (EDL) and for folders of video.

    Raises:
        TimelineError: one of its kinds, saying what, why and what to do.
    """
    if not path.exists():
        raise TimelineNotFound(f"There is no file {path}.", "Check the path.")
    stamp = file_stamp(path)
    loaded = _load(path, timeline, rate)
    return replace(loaded, document=replace(loaded.document, stamp=stamp))


def _load(path: Path, timeline: str | None, rate: float | None) -> Loaded:
    suffix = path.suffix.lower()
    if suffix in (".otioz", ".otiod"):
        bundle = open_bundle(path)
        return _from_text(bundle.data, path, timeline, bundle)
    if path.is_dir() or suffix in VIDEO_SUFFIXES:
        root, notes = from_footage(path, rate)
        return _document(root, path, notes)
    if suffix in (".otio", ".json"):
        return _from_text(read_bytes(path), path, timeline, None)
    if suffix.lstrip(".") in _adapter_suffixes():
        return _from_adapter(path, timeline, rate)
    return _sniffed(path, timeline, rate)


def _adapter_suffixes() -> set[str]:
    suffixes: set[str] = otio.adapters.suffixes_with_defined_adapters(read=True)
    return suffixes


def _sniffed(path: Path, timeline: str | None, rate: float | None) -> Loaded:
    """A file whose name says nothing: OTIO by its first character, else video, else unknown."""
    with path.open("rb") as stream:
        head = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        return _from_text(read_bytes(path), path, timeline, None)
    facts = probe(path)
    if facts is not None and facts.fps is not None:
        root, notes = from_footage(path, rate)
        return _document(root, path, notes)
    if (facts is not None and facts.has_audio) or path.suffix.lower() in SOUND_SUFFIXES:
        raise UnknownFormat(
            f"{path.name} holds sound alone; Foley is made for a picture.",
            "Give the film or the timeline that it belongs to.",
        )
    if path.suffix.lower() in PROJECTS:
        what, menu = PROJECTS[path.suffix.lower()]
        raise UnknownFormat(
            f"{path.name} is {what}, which only its own program reads.",
            f"Export the timeline there ({menu}) and give that file.",
        )
    known = ", ".join(sorted(f".{s}" for s in {*_adapter_suffixes(), "otio", "otioz", "otiod"}))
    raise UnknownFormat(
        f"{path.name} is neither a video nor a timeline format known here ({known}).", _EXTRA_HINT
    )


def _document(root: Any, path: Path, notes: list[Note]) -> Loaded:
    data = root.to_json_string(indent=4).encode()
    return Loaded(Document(path, path.parent, root, data, modified=True), tuple(notes))


# --- OTIO JSON -------------------------------------------------------------------------------


def _from_text(data: bytes, path: Path, wanted: str | None, bundle: Bundle | None) -> Loaded:
    data, had_bom = checked(data, path.name)
    notes = [Note("bom", "A byte order mark before the JSON was skipped.")] if had_bom else []
    root, changes = lenient.read(data, path.name)
    notes += changes
    base = path if bundle is not None and path.is_dir() else path.parent
    if isinstance(root, otio.schema.Timeline):
        document = Document(path, base, root, data)
    elif isinstance(root, otio.schema.SerializableCollection):
        chosen, pointer = _choose(root, wanted, path)
        if isinstance(chosen, otio.schema.Timeline):
            document = Document(path, base, chosen, data, pointer)
        else:
            text = json.dumps(_at(json.loads(data), pointer))
            document = _wrapped(chosen, text, path, base, notes)
    elif isinstance(root, otio.schema.Stack | otio.schema.Track | otio.schema.Clip):
        document = _wrapped(root, data.decode(), path, base, notes)
    else:
        kind = type(root).__name__.removeprefix("Any") if root is not None else "null"
        raise TimelineUnreadable(
            f"{path.name} holds no timeline: its JSON root is a {kind}.",
            "Export the timeline itself as .otio.",
        )
    if bundle is not None:
        document = replace(document, bundle=bundle.path)
    return Loaded(document, tuple(notes), bundle)


def _at(data: Any, pointer: Pointer) -> Any:
    for key in pointer:
        data = data[key]
    return data


def _wrapped(item: Any, text: str, path: Path, base: Path, notes: list[Note]) -> Document:
    """Make a timeline around a Stack, Track or Clip, in objects and, unchanged, in text."""
    kind = type(item).__name__
    notes.append(Note("wrapped", f"The file holds a bare {kind}; a timeline was made around it."))
    name = json.dumps(item.name or path.stem)
    if isinstance(item, otio.schema.Clip):
        video = json.dumps(otio.schema.TrackKind.Video)
        text = f'{{"OTIO_SCHEMA": "Track.1", "name": "V1", "kind": {video}, "children": [{text}]}}'
        track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
        track.append(item.deepcopy())
        item = track
    if isinstance(item, otio.schema.Track):
        text = f'{{"OTIO_SCHEMA": "Stack.1", "name": "tracks", "children": [{text}]}}'
        stack = otio.schema.Stack("tracks")
        stack.append(item.deepcopy())
        item = stack
    text = f'{{"OTIO_SCHEMA": "Timeline.1", "name": {name}, "tracks": {text}}}'
    root = otio.schema.Timeline(json.loads(name))
    root.tracks = item.deepcopy()
    return Document(path, base, root, text.encode(), modified=True)


def _choose(collection: Any, wanted: str | None, path: Path) -> tuple[Any, Pointer]:
    """One timeline out of a collection; without timelines, one bare item."""
    found = list(_members(collection, ("children",)))
    timelines = [(t, p) for t, p in found if isinstance(t, otio.schema.Timeline)]
    choices = timelines or found
    if not choices:
        raise TimelineUnreadable(f"{path.name} is a collection without a timeline in it.")
    return _pick(choices, wanted, path)


def _pick(
    choices: list[tuple[Any, Pointer]], wanted: str | None, path: Path
) -> tuple[Any, Pointer]:
    names = [choice[0].name or "(no name)" for choice in choices]
    if wanted is None:
        if len(choices) == 1:
            return choices[0]
        listing = ", ".join(f"#{i} {name}" for i, name in enumerate(names[:20], 1))
        raise TimelineChoiceNeeded(
            f"{path.name} holds {len(choices)} timelines: {listing}.",
            "Choose one with --timeline NAME (or --timeline '#2').",
        )
    named = [index for index, name in enumerate(names) if name == wanted]
    if len(named) > 1:
        numbers = ", ".join(f"#{index + 1}" for index in named[:20])
        raise TimelineChoiceNeeded(
            f"{path.name} holds {len(named)} timelines named {wanted!r}: {numbers}.",
            f"Choose one by its number: --timeline '#{named[0] + 1}'.",
        )
    for index, choice in enumerate(choices):
        if index in named or f"#{index + 1}" == wanted:
            return choice
    raise TimelineChoiceNeeded(
        f"{path.name} holds no timeline named {wanted!r}; it has {', '.join(names[:20])}.",
        "Choose one of these with --timeline.",
    )


def _members(collection: Any, pointer: Pointer) -> Iterator[tuple[Any, Pointer]]:
    playable = otio.schema.Timeline | otio.schema.Stack | otio.schema.Track | otio.schema.Clip
    for index, child in enumerate(collection):
        if isinstance(child, otio.schema.SerializableCollection):
            yield from _members(child, (*pointer, index, "children"))
        elif isinstance(child, playable):
            yield child, (*pointer, index)


# --- other formats ---------------------------------------------------------------------------


def _from_adapter(path: Path, wanted: str | None, rate: float | None) -> Loaded:
    adapter = otio.adapters.from_filepath(str(path)).name
    notes: list[Note] = []
    if path.suffix.lower() == ".edl":
        root = read_edl(path, adapter, rate, notes)
    else:
        if path.is_file() and path.stat().st_size > MAX_ADAPTER_BYTES:
            read_bytes(path, MAX_ADAPTER_BYTES)  # raises, naming the size
        root = guarded(path, adapter, lambda: otio.adapters.read_from_file(str(path)))
        notes += retimes_lost(path)
    notes.append(Note("adapter", f"Read by the OTIO adapter {adapter}."))
    if isinstance(root, otio.schema.SerializableCollection):
        root, _ = _choose(root, wanted, path)
        root = root.deepcopy()
    if not isinstance(root, otio.schema.Timeline):
        if not isinstance(root, otio.schema.Stack | otio.schema.Track | otio.schema.Clip):
            raise TimelineUnreadable(f"{path.name} holds no timeline, but a {type(root).__name__}.")
        document = _wrapped(root, root.to_json_string(indent=4), path, path.parent, notes)
        return Loaded(document, tuple(notes))
    return _document(root, path, notes)
