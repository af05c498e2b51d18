"""New audio tracks as OTIO objects: which sound goes on which, and what each clip carries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import opentimelineio as otio

from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.own import KEY
from vatt_plugin.timeline.rates import in_frames, nearest_frame

UrlProfile = Literal["portable", "resolve", "premiere"]
URL_PROFILES: tuple[UrlProfile, ...] = ("portable", "resolve", "premiere")

ROOM_TONE = "Room tone"
"""Stem of the beds that belong to no cue."""


@dataclass(frozen=True)
class Sound:
    """A stretch of a WAV on the new timeline; all lengths in whole timeline frames.

    Attributes:
        start_frame: where it starts on the timeline.
        n_frames: how long it is there.
        in_frame: frames into the file at which it starts.
        file_frames: whole frames that the file holds.
        file_start: frame number of the file's first sample (0, or record timecode).
        wav_path: the file.
        name: clip name.
        channels: 1 or 2.
        metadata: what goes under our key.
        stem: tracks are kept apart by this name; empty for the plain ``Foley`` tracks.
        carried: an earlier clip of ours to be laid again as it is, but for its URL.
        fade_in: a re-cut goes through the sound where it starts; ``fade_out``: where it ends.
    """

    start_frame: int
    n_frames: int
    in_frame: int
    file_frames: int
    file_start: int
    wav_path: Path
    name: str
    channels: int = 1
    metadata: Mapping[str, Any] = field(default_factory=dict)
    stem: str = ""
    carried: Any = None
    fade_in: bool = False
    fade_out: bool = False

    @property
    def end_frame(self) -> int:
        """The timeline frame after its last."""
        return self.start_frame + self.n_frames


def lanes(sounds: list[Sound]) -> list[tuple[str, list[Sound]]]:
    """Spread sounds over as few tracks as keep them from overlapping, stem by stem.

    Returns:
        (track name, its sounds by start), in order.
    """
    named: list[tuple[str, list[Sound]]] = []
    for stem in sorted({sound.stem for sound in sounds}):
        tracks: list[list[Sound]] = []
        mine = (sound for sound in sounds if sound.stem == stem)
        for sound in sorted(mine, key=lambda s: (s.start_frame, s.end_frame)):
            free = (t for t in tracks if t[-1].end_frame <= sound.start_frame)
            track = next(free, None)
            if track is None:
                track = []
                tracks.append(track)
            track.append(sound)
        named += [
            (f"Foley {stem} {n}" if stem else f"Foley {n}", t) for n, t in enumerate(tracks, 1)
        ]
    return named


def build_track(
    name: str, sounds: list[Sound], timeline: Timeline, out_path: Path, urls: UrlProfile, host: str
) -> Any:
    """One audio track, exactly as long as the timeline: clips, and gaps between them.

    Every range is in whole frames at the timeline's literal rate.
    """
    track = otio.schema.Track(name, kind=otio.schema.TrackKind.Audio)
    track.metadata[KEY] = {"schema": 1}
    if host == "resolve":
        kind = "Stereo" if any(s.channels == 2 for s in sounds) else "Mono"
        track.metadata["Resolve_OTIO"] = {"Audio Type": kind, "Locked": False, "SoloOn": False}
    at = 0
    length = timeline.n_frames + lead_frames(timeline)
    for sound in sounds:
        start = sound.start_frame + lead_frames(timeline)
        if start > at:
            track.append(_gap(start - at, timeline.rate))
        track.append(_clip(sound, timeline, out_path, urls, host))
        at = start + sound.n_frames
    if at < length:
        track.append(_gap(length - at, timeline.rate))
    return track


def lead_frames(timeline: Timeline) -> int:
    """Frames before the timeline's first visible one, where its stack has a range of its own."""
    stored = timeline.document.root.tracks.source_range
    if stored is None:
        return 0
    start = in_frames(stored.start_time, timeline.fps)
    return max(0, nearest_frame(start)) if start is not None else 0


def _range(start: int, n_frames: int, rate: float) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, rate), time(n_frames, rate))


def _gap(n_frames: int, rate: float) -> Any:
    return otio.schema.Gap(source_range=_range(0, n_frames, rate))


def _clip(sound: Sound, timeline: Timeline, out_path: Path, urls: UrlProfile, host: str) -> Any:
    if sound.carried is not None:
        kept = sound.carried.deepcopy()
        if sound.wav_path.is_file():  # not when it lies inside a bundle
            kept.media_reference.target_url = media_url(sound.wav_path, out_path, urls)
        return kept
    rate = timeline.rate
    reference = otio.schema.ExternalReference(
        target_url=media_url(sound.wav_path, out_path, urls),
        available_range=_range(sound.file_start, sound.file_frames, rate),
    )
    reference.name = sound.wav_path.name
    clip = otio.schema.Clip(
        sound.name,
        media_reference=reference,
        source_range=_range(sound.file_start + sound.in_frame, sound.n_frames, rate),
    )
    clip.enabled = True
    clip.metadata[KEY] = dict(sound.metadata)
    if host == "resolve":
        channels = [{"Source Channel ID": n, "Source Track ID": 0} for n in range(sound.channels)]
        clip.metadata["Resolve_OTIO"] = {"Channels": channels}
    elif host == "premiere":
        clip.metadata["PremierePro_OTIO"] = {
            "AudioChannels": {
                "ChannelType": "Stereo" if sound.channels == 2 else "Mono",
                "SecondaryAssignments": [
                    {"SecondaryChannelIndex": n} for n in range(sound.channels)
                ],
            }
        }
    return clip


def media_url(path: Path, out_path: Path, profile: UrlProfile) -> str:
    """A media path as the profile's hosts want to read it.

    ``portable``: relative to the timeline, without ``./``; ``resolve``: bare absolute path;
    ``premiere``: a percent-encoded ``file://`` URL.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100  (symlinks stay as the user made them)
    if profile == "resolve":
        return str(absolute)
    if profile == "premiere":
        return "file://" + quote(absolute.as_posix())
    folder = os.path.abspath(out_path.parent)  # noqa: PTH100
    try:
        return Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # another drive on Windows: nothing relative leads there
        return absolute.as_posix()
