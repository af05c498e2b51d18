"""Any file an editor hands over, as one timeline of OTIO objects plus the text to write back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline import lenient
from vatt_plugin.timeline.bundles import Bundle, open_bundle
from vatt_plugin.timeline.errors import (
    RateNeeded,
    TimelineChoiceNeeded,
    TimelineNotFound,
    TimelineUnreadable,
    UnknownFormat,
)
from vatt_plugin.timeline.footage import from_footage
from vatt_plugin.timeline.model import Document, Note, file_stamp
from vatt_plugin.timeline.probe import VIDEO_SUFFIXES, probe
from vatt_plugin.timeline.rates import exact_rate
from vatt_plugin.timeline.splice import Pointer
from vatt_plugin.timeline.text import checked, read_bytes

MAX_ADAPTER_BYTES = 1 << 28
_RATE_FORMATS = frozenset({".edl"})
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
    for index, choice in enumerate(choices):
        if names[index] == wanted or f"#{index + 1}" == wanted:
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
    if path.suffix.lower() in _RATE_FORMATS:
        root = _read_edl(path, adapter, rate, notes)
        if isinstance(root, otio.schema.Timeline):
            _place_record_times(root)
            _note_drop_frame(root, path)
    else:
        if path.is_file() and path.stat().st_size > MAX_ADAPTER_BYTES:
            read_bytes(path, MAX_ADAPTER_BYTES)  # raises, naming the size
        root = _guarded(path, adapter, lambda: otio.adapters.read_from_file(str(path)))
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


def _guarded(path: Path, adapter: str, read: Callable[[], Any]) -> Any:
    """Run a format plug-in; whatever third-party parsers raise becomes one named error."""
    try:
        return read()
    except RecursionError:
        raise TimelineUnreadable(f"{path.name} nests too deeply for {adapter}.") from None
    except Exception as error:  # adapters raise anything from AttributeError to ParseError
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise TimelineUnreadable(
            f"{path.name} cannot be read by the OTIO adapter {adapter} ({reason:.300}).",
            "Export the timeline again, or as .otio.",
        ) from error


def _read_edl(path: Path, adapter: str, rate: float | None, notes: list[Note]) -> Any:
    exact = exact_rate(rate) if rate is not None else None
    if exact is None:
        raise RateNeeded(
            f"{path.name} is an EDL; these do not say their frame rate.",
            "Give it with --rate, for example --rate 23.976 or --rate 25.",
        )
    data = read_bytes(path, MAX_ADAPTER_BYTES)
    if not data.strip():
        raise TimelineUnreadable(f"{path.name} is empty.", "Export the EDL again.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        notes.append(Note("encoding", "The EDL is not UTF-8; it was read as Windows text."))

    def read(**options: Any) -> Any:
        return otio.adapters.read_from_string(text, adapter, rate=float(exact), **options)

    try:
        return read()
    except Exception as error:  # see _guarded; one known cause has a remedy
        root = _guarded(path, adapter, lambda: read(ignore_timecode_mismatch=True))
        reason = " ".join(str(error).split())
        notes.append(
            Note("timecode_mismatch", f"Source and record lengths disagree: {reason:.200}")
        )
        return root


def _note_drop_frame(root: Any, path: Path) -> None:
    """Keep what an EDL's FCM line says of its counting, which the adapter drops."""
    modes = re.findall(rb"^FCM:\s*(NON-?\s*)?DROP", read_bytes(path), re.MULTILINE | re.IGNORECASE)
    if modes:
        root.metadata["vatt"] = {"drop_frame": not modes[0]}


def _place_record_times(root: Any) -> None:
    """Turn the CMX adapter's record times into a start time and, for later tracks, gaps.

    It notes a track's first record timecode as a negative ``source_range`` start, which OTIO's
    own reading would take as a trim to long before the first event.
    """
    starts = [
        -track.source_range.start_time
        for track in root.tracks
        if track.source_range is not None and track.source_range.start_time.value < 0
    ]
    if not starts:
        return
    first = min(starts)
    if root.global_start_time is None:
        root.global_start_time = first
    for track in root.tracks:
        stored = track.source_range
        if stored is None or stored.start_time.value >= 0:
            continue
        track.source_range = None
        late = -stored.start_time - first
        if late.value > 0:
            zero = otio.opentime.RationalTime(0, late.rate)
            track.insert(0, otio.schema.Gap(source_range=otio.opentime.TimeRange(zero, late)))
