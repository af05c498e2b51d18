"""``write``: a copy of the cut with our audio tracks after the last of its own.

The original is never changed: new tracks are spliced into its JSON text, so that newer schemas,
unknown objects, key order and number literals stay as they are. What cannot be spliced (another
format, JSON that Python refuses) is written from the OTIO objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import opentimelineio as otio

from vatt_plugin.timeline import facts, lenient, own, splice
from vatt_plugin.timeline.earlier import Earlier
from vatt_plugin.timeline.errors import TimelineNotWritten
from vatt_plugin.timeline.model import Note, Placement, Timeline, WriteReport
from vatt_plugin.timeline.naming import is_category, plain
from vatt_plugin.timeline.outputs import OTHER_FORMS, OTIO_SUFFIXES, check_form, check_output
from vatt_plugin.timeline.packing import is_bundle, pack
from vatt_plugin.timeline.rates import frames_a_day
from vatt_plugin.timeline.reading import host_of
from vatt_plugin.timeline.saving import save
from vatt_plugin.timeline.sidecar import write_sidecar
from vatt_plugin.timeline.tracks import Sound, UrlProfile, build_track, lanes
from vatt_plugin.timeline.wavfacts import wav_facts

Profile = Literal["nle", "post"]
_RELATIVE_URL = re.compile(r'"target_url"\s*:\s*"(?!/|[A-Za-z][A-Za-z0-9+.-]*:|\\\\|")')
PROFILES: tuple[Profile, ...] = ("nle", "post")


def write(
    timeline: Timeline,
    placements: Sequence[Placement],
    out_path: Path | str,
    *,
    profile: Profile = "nle",
    url_profile: UrlProfile = "portable",
    force: bool = False,
    stems: bool = True,
    extra: Sequence[Sound] = (),
) -> WriteReport:
    """Write the cut with a take under each placed cue.

    Args:
        timeline: as ``load`` gave it.
        placements: what goes where; a WAV that is missing or too short is left out and reported.
        out_path: ``.otio``, ``.otioz`` or ``.otiod``, or a format an adapter writes audio in.
        profile: ``nle`` counts media time from 0, ``post`` from the record timecode; the WAVs'
            bext time references must say the same.
        url_profile: how media paths are written, see ``tracks.media_url``.
        force: replace an output that is already there.
        stems: keep cues with a category on tracks of that name.
        extra: further sounds of ours, such as room tone.

    Raises:
        TimelineOutputExists: the output is there, or is the input.
        TimelineNotWritten: it could not be written, or did not read back equal.
    """
    sounds, notes = sounds_of(timeline, placements, profile, stems)
    return write_sounds(
        timeline,
        [*sounds, *extra],
        Path(out_path),
        url_profile=url_profile,
        force=force,
        notes=notes,
    )


def write_sounds(
    timeline: Timeline,
    sounds: Sequence[Sound],
    out_path: Path,
    *,
    url_profile: UrlProfile = "portable",
    force: bool = False,
    keep_earlier: bool = True,
    notes: Iterable[Note] = (),
) -> WriteReport:
    """Write the cut with these sounds.

    Our earlier tracks in the cut are replaced; takes on them that no new sound stands in for are
    laid again, unless ``keep_earlier`` is off.
    """
    check_output(timeline.path, out_path, force)
    if timeline.document.bundle is not None:
        check_output(timeline.document.bundle, out_path, force)
    report = list(notes)
    if timeline.document.stamp is not None and timeline.changed_on_disk:
        text = f"{timeline.path.name} has changed since it was read; this is the cut as it was."
        report.append(Note("changed", f"{text} Carry the takes over with vatt conform."))
    earlier = Earlier.of(timeline)
    report += earlier.notes
    kept = earlier.not_replaced_by(sounds) if keep_earlier else []
    everything = [*sounds, *kept]
    host = "premiere" if url_profile == "premiere" else host_of(timeline.document.root)
    if url_profile == "resolve":
        host = "resolve"
    tracks = [
        build_track(name, lane, timeline, out_path, url_profile, host)
        for name, lane in lanes(everything)
    ]
    text = _with_tracks(timeline, tracks, earlier.indices)
    _check(timeline, text, tracks, earlier.indices)
    sidecar = None
    try:
        sidecar = write_sidecar(everything, out_path)
    except TimelineNotWritten as error:  # the metadata in the cut says the same
        report.append(Note("sidecar", error.message))
    wavs = [sound.wav_path for sound in everything]
    if is_bundle(out_path):
        report += pack(timeline, text, wavs, out_path)
    elif out_path.suffix.lower() in OTIO_SUFFIXES:
        save(out_path, text.encode("utf-8"))
        report += _moved_base(timeline, out_path)
    else:
        report += _write_with_adapter(text, out_path)
    return WriteReport(
        out_path,
        tuple(track.name for track in tracks),
        earlier.names,
        len(everything),
        sidecar,
        tuple(report),
    )


# --- sounds ----------------------------------------------------------------------------------


def sounds_of(
    timeline: Timeline, placements: Iterable[Placement], profile: Profile, stems: bool
) -> tuple[list[Sound], list[Note]]:
    """Placements as sounds with whole-frame ranges that agree with their files."""
    sounds: list[Sound] = []
    notes: list[Note] = []
    for placement in placements:
        sound, note = _sound(timeline, placement, profile, stems)
        if sound is not None:
            sounds.append(sound)
        if note is not None:
            notes.append(note)
    return sounds, notes


def _sound(
    timeline: Timeline, placement: Placement, profile: Profile, stems: bool
) -> tuple[Sound | None, Note | None]:
    cue = placement.cue
    header = wav_facts(placement.wav_path)
    if header is None:
        text = f"{placement.wav_path.name} is missing or not a WAV; its clip was left out."
        return None, Note("bad_wav", text, cue.clip)
    held = header.n_samples * timeline.fps / header.sample_rate  # in frames
    file_frames = int(held)
    needed = placement.handle_frames + cue.n_frames
    if file_frames < needed:
        text = (
            f"{placement.wav_path.name} holds {float(held):.2f} frames, {needed} are needed; its "
            "clip was left out."
        )
        return None, Note("short_wav", text, cue.clip)
    n_frames = min(cue.n_frames + placement.tail_frames, file_frames - placement.handle_frames)
    n_frames = min(n_frames, timeline.n_frames - cue.start_frame)
    file_start = 0
    if profile == "post":
        file_start = timeline.global_start_frame + cue.start_frame - placement.handle_frames
        file_start %= frames_a_day(timeline.fps, timeline.drop)
    note = None
    if header.time_reference is not None:
        said = Fraction(header.time_reference) * timeline.fps / header.sample_rate
        told = round(said)
        if told != file_start:
            text = (
                f"{placement.wav_path.name} carries the start timecode of frame {told}; the "
                f"{profile} profile asks for {file_start}. The clip follows its file."
            )
            note = Note("timecode", text, cue.clip)
            file_start = told
    take_mark = f"vatt-{placement.take.take_id}"
    category = str(cue.origin.get("category", ""))
    stem = category if stems and is_category(category) else ""
    return (
        Sound(
            start_frame=cue.start_frame,
            n_frames=n_frames,
            in_frame=placement.handle_frames,
            file_frames=file_frames,
            file_start=file_start,
            wav_path=placement.wav_path,
            name=f"{plain(cue.clip, 60)} {take_mark}",
            channels=header.channels,
            metadata=facts.placement_facts(placement, header.n_samples, header.sample_rate)
            | ({"stem": stem} if stem else {}),
            stem=stem,
        ),
        note,
    )


# --- text ------------------------------------------------------------------------------------


def _with_tracks(timeline: Timeline, tracks: Sequence[Any], drop: frozenset[int]) -> str:
    """The whole file's JSON with our earlier tracks out and the new ones in."""
    document = timeline.document
    pointer = (*document.pointer, "tracks", "children")
    old_generation = '"Clip.1"' in document.text and '"Clip.2"' not in document.text
    versions = otio.versioning.fetch_map("OTIO_CORE", "0.14.0") if old_generation else {}
    indent = 4 if "\n" in document.text.strip() else -1
    texts = [
        otio.adapters.otio_json.write_to_string(
            track, target_schema_versions=versions, indent=indent
        )
        for track in tracks
    ]
    try:
        return splice.with_items(document.text, pointer, drop, texts)
    except splice.NotJsonError:
        return _from_objects(timeline, tracks, drop)


def _from_objects(timeline: Timeline, tracks: Sequence[Any], drop: frozenset[int]) -> str:
    """For JSON that only OTIO reads (a bare ``Inf``): the objects, written by OTIO."""
    root = timeline.document.root.deepcopy()
    for index in sorted(drop, reverse=True):
        del root.tracks[index]
    for track in tracks:
        root.tracks.append(track.deepcopy())
    return str(root.to_json_string(indent=4))


def _check(timeline: Timeline, text: str, tracks: Sequence[Any], drop: frozenset[int]) -> None:
    """Read the new text back: all but our tracks equal, ours there and as long as the cut.

    Raises:
        TimelineNotWritten: something differs; that is our fault, and nothing was written.
    """
    name = timeline.path.name
    root, _ = lenient.read(text.encode(), name)
    for key in timeline.document.pointer:
        root = root[key] if isinstance(key, int) else root
    added = list(root.tracks)[len(root.tracks) - len(tracks) :] if tracks else []
    for wanted, found in zip(tracks, added, strict=True):
        if wanted.name != found.name or len(wanted) != len(found):
            raise TimelineNotWritten(f"The track {wanted.name!r} did not read back.", _REPORT)
        if wanted.duration() != found.duration():
            raise TimelineNotWritten(f"The track {wanted.name!r} changed its length.", _REPORT)
    try:
        before = _without(json.loads(timeline.document.data), timeline, drop, 0)
        after = _without(json.loads(text), timeline, frozenset(), len(tracks))
    except ValueError:
        return  # only OTIO reads it; the tracks were compared above
    if json.dumps(before) != json.dumps(after):
        raise TimelineNotWritten(f"The copy of {name} differs from the original.", _REPORT)


_REPORT = "This is a fault of ours: nothing was written; please report it with the file."


def _without(data: Any, timeline: Timeline, drop: frozenset[int], last: int) -> Any:
    children = data
    for key in (*timeline.document.pointer, "tracks", "children"):
        children = children[key]
    keep = [child for index, child in enumerate(children) if index not in drop]
    children[:] = keep[: len(keep) - last] if last else keep
    return data


def _moved_base(timeline: Timeline, out_path: Path) -> list[Note]:
    """A note when existing relative URLs now start from another folder."""
    document = timeline.document
    if document.bundle is not None:
        text = f"Media that lies inside {document.bundle.name} is not found from this output."
        return [Note("moved_base", f"{text} Write .otioz or .otiod to keep it with the cut.")]
    if document.modified or out_path.parent.absolute() == document.base.absolute():
        return []
    if not _RELATIVE_URL.search(document.text):
        return []
    text = (
        f"The output lies in another folder than {timeline.path.name}; media that the cut names "
        "relative to itself will not be found from there."
    )
    return [Note("moved_base", text)]


def _take_ids(root: Any) -> set[str]:
    """Takes that a timeline's clips name."""
    roots = root if isinstance(root, otio.schema.SerializableCollection) else [root]
    clips = [clip for each in roots for clip in each.find_clips()]
    return {own.take_in_name(clip.name) for clip in clips} - {""}


def _losses(before: Any, after: Any, suffix: str) -> list[Note]:
    """A note when an adapter has written less of the user's own cut than there was."""

    def counts(root: Any) -> tuple[int, int]:
        children = list(root.find_children(descended_from_type=otio.schema.Clip))
        children += root.find_children(descended_from_type=otio.core.Composition)
        effects = [effect for child in children for effect in child.effects]
        warps = sum(isinstance(effect, otio.schema.TimeEffect) for effect in effects)
        return warps, len(root.find_clips())

    lost = [(a - b, what) for a, b, what in zip(counts(before), counts(after), _CUTS, strict=True)]
    said = " and ".join(f"{n} {what if n > 1 else what[:-1]}" for n, what in lost if n > 0)
    if not said:
        return []
    text = f"The OTIO adapter for {suffix} lost {said} of the cut itself."
    return [Note("adapter", f"{text} Take the Foley tracks from it and not the picture.")]


_CUTS = ("retimes", "clips")


def _write_with_adapter(text: str, out_path: Path) -> list[Note]:
    """Another format, by its OTIO adapter; returns what it lost of the cut itself.

    Raises:
        TimelineNotWritten: no adapter, or one that would lose the sound.
    """
    check_form(out_path)
    suffix = out_path.suffix.lower()
    root = otio.adapters.read_from_string(text, "otio_json")
    options = {"use_empty_mob_ids": True} if suffix == ".aaf" else {}
    temporary = out_path.with_name(f".vatt-{out_path.name}")
    try:
        otio.adapters.write_to_file(root, str(temporary), **options)
        written = otio.adapters.read_from_file(str(temporary))
        wanted, found = _take_ids(root), _take_ids(written)
        if wanted - found:
            raise TimelineNotWritten(
                f"The OTIO adapter for {suffix} lost {len(wanted - found)} of {len(wanted)} takes.",
                OTHER_FORMS,
            )
        notes = _losses(root, written, suffix)
        temporary.replace(out_path)
    except TimelineNotWritten:
        raise
    except Exception as error:  # adapters raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise TimelineNotWritten(
            f"The OTIO adapter for {suffix} could not write the timeline ({reason:.300}).",
            OTHER_FORMS,
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return notes
