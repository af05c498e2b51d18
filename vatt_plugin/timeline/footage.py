"""A timeline around bare video files: one file, or a folder of them in a row."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline.errors import NoPicture
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.probe import VIDEO_SUFFIXES, MediaFacts, probe
from vatt_plugin.timeline.rates import exact_rate, whole_frames


def from_footage(path: Path, rate: float | None = None) -> tuple[Any, list[Note]]:
    """Make a timeline of a video file, or of the video files in a folder, by name.

    The picture lies on ``V1`` and, where a file has sound, that sound on ``A1``, so that the
    result opens in an editor as the footage itself.

    Args:
        path: the file or folder.
        rate: frames a second of the timeline; the (first) file's own by default.

    Raises:
        NoPicture: nothing there can be read as video.
    """
    files = _video_files(path) if path.is_dir() else [path]
    notes: list[Note] = []
    shots: list[tuple[Path, MediaFacts]] = []
    for file in files:
        facts = probe(file)
        if facts is None or facts.fps is None or not facts.n_frames:
            notes.append(Note("unreadable", _why(file, facts), file.name))
        else:
            shots.append((file, facts))
    if not shots:
        if path.is_dir():
            cuts = _timelines_in(path)
            raise NoPicture(
                f"{path} is a folder without a film that can be read.",
                f"It holds timelines: give one of {cuts}." if cuts else "Name the file itself.",
            )
        raise NoPicture(notes[0].message, "Check the file, or convert it to .mp4 or .mov.")
    if path.is_dir() and (cuts := _timelines_in(path)):
        said = f"The folder is read as its films, one after the other. It also holds {cuts}"
        notes.append(Note("folder", f"{said}: name a timeline to use it.", path.name))
    first = shots[0][1]
    fps = (exact_rate(rate) if rate is not None else None) or first.fps
    assert fps is not None
    timeline = otio.schema.Timeline(path.stem)
    start = first.start_frame if len(shots) == 1 and fps == first.fps else 0
    timeline.global_start_time = otio.opentime.RationalTime(start, float(fps))
    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    audio = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
    for file, facts in shots:
        clip = _clip(file, facts, fps)
        video.append(clip)
        audio.append(
            clip.deepcopy() if facts.has_audio else otio.schema.Gap(source_range=clip.source_range)
        )
    timeline.tracks.append(video)
    if any(facts.has_audio for _, facts in shots):
        timeline.tracks.append(audio)
    if first.drop:
        timeline.metadata["vatt"] = {"drop_frame": True}
    return timeline, notes


def _video_files(folder: Path) -> list[Path]:
    """Video files of a folder in the order a person would count: ``shot2`` before ``shot10``."""

    def key(path: Path) -> list[tuple[int, int | str]]:
        parts = re.split(r"(\d+)", path.name.casefold())
        return [(0, int(p)) if p.isdigit() else (1, p) for p in parts]

    return sorted(
        (p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()),
        key=key,
    )


def _timelines_in(folder: Path) -> str:
    """The names of timelines in a folder, for a message; a few of them are enough."""
    suffixes = (".otio", ".otioz", ".otiod", ".edl", ".xml", ".fcpxml", ".aaf")
    return ", ".join(sorted(p.name for p in folder.iterdir() if p.suffix.lower() in suffixes)[:5])


def _why(file: Path, facts: MediaFacts | None) -> str:
    if file.is_file() and file.stat().st_size == 0:
        return f"{file.name} is empty (0 bytes)."
    if facts is None:
        return f"{file.name} cannot be read as video."
    if facts.fps is None:
        return f"{file.name} has no video stream."
    return f"{file.name} has no video frames."


def _clip(file: Path, facts: MediaFacts, fps: Fraction) -> Any:
    """A clip of the whole file: media time in the file's rate, its length in the timeline's."""
    assert facts.fps is not None
    length = max(1, whole_frames(facts.n_frames / facts.fps, fps))
    time, span = otio.opentime.RationalTime, otio.opentime.TimeRange
    rate = float(fps) if facts.fps == fps else float(facts.fps)
    start = time(facts.start_frame, rate)
    reference = otio.schema.ExternalReference(
        target_url=str(file.absolute()), available_range=span(start, time(facts.n_frames, rate))
    )
    reference.name = file.name
    used = time(length, float(fps)) if facts.fps != fps else time(facts.n_frames, rate)
    return otio.schema.Clip(file.stem, media_reference=reference, source_range=span(start, used))
