"""Our sounds as they lie in a cut that was written earlier: each with the picture above it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import own, rates
from vatt_plugin.timeline.intervals import Intervals
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.tracks import ROOM_TONE
from vatt_plugin.timeline.urls import parse_media_url
from vatt_plugin.timeline.wavfacts import wav_facts


@dataclass(frozen=True)
class Laid:
    """A take as it lies in the old cut.

    Attributes:
        take: its id.
        cue: the picture it was laid under.
        offset_s: from the cue's start to the file's first sample; negative with handles.
        length_s: of the file.
        tail_s: sound on the timeline past the end of the cue.
        file_start: frame number of the file's first sample, in the old cut's rate.
        wav_path: the file; the dry one, where a mix was baked into what is played.
        played: the file that the clip plays.
        first: timeline frame at which it is heard first; ``last`` the one after its last.
        name: clip name.
        channels: 1 or 2.
        metadata: what was under our key.
    """

    take: str
    cue: Cue
    offset_s: Fraction
    length_s: Fraction
    tail_s: Fraction
    file_start: int
    wav_path: Path
    played: Path
    first: int
    last: int
    name: str
    channels: int
    metadata: Mapping[str, Any]

    @property
    def spotted(self) -> bool:
        """Whether it was put at its moment by a marker or a spotting list, not under a shot."""
        return is_spotted(self.metadata)

    @property
    def is_dry(self) -> bool:
        """Whether no ducking or fade of an earlier conform is baked into ``wav_path``."""
        return self.wav_path != self.played or not dry_name(self.metadata)

    @property
    def in_s(self) -> Fraction:
        """How far into the file it is heard first."""
        return (self.first - self.cue.start_frame) / self.cue.fps - self.offset_s

    @property
    def out_s(self) -> Fraction:
        """How far into the file it is heard last."""
        return (self.last - self.cue.start_frame) / self.cue.fps - self.offset_s

    @property
    def fade(self) -> Mapping[str, Any]:
        """Where in the file an earlier conform faded what is played, ``in_s`` and ``out_s``."""
        mix = self.metadata.get("mix")
        fade = mix.get("fade") if isinstance(mix, dict) else None
        return fade if isinstance(fade, dict) else {}


@dataclass(frozen=True)
class OurClip:
    """An enabled clip on one of our tracks: where it lies, in whole frames, and what it plays.

    Where a host dropped our metadata, the take id in the clip's name and the sidecar beside the
    WAV stand in for it.
    """

    clip: Any
    start: int
    length: int
    take: str
    facts: Mapping[str, Any]

    def file(self, base: Path) -> Path | None:
        """The file it plays, whether it is there or not; ``base`` is where relative URLs start."""
        url = getattr(self.clip.media_reference, "target_url", "") or ""
        candidates = parse_media_url(url, base).candidates
        return next((c for c in candidates if c.is_file()), candidates[0] if candidates else None)

    @property
    def file_start_s(self) -> Fraction | None:
        """Media time of the file's first sample; None if its range is unusable."""
        available = self.clip.media_reference.available_range
        return rates.seconds(available.start_time) if available is not None else Fraction(0)

    @property
    def in_s(self) -> Fraction | None:
        """How far into the file it starts; None if a range is unusable."""
        starts, stored = self.file_start_s, self.clip.source_range
        if starts is None or stored is None:
            return None if starts is None else Fraction(0)
        used = rates.seconds(stored.start_time)
        return None if used is None else used - starts

    @property
    def is_bed(self) -> bool:
        """Whether it is room tone, which lies under a scene and not under a shot."""
        return self.facts.get("stem") == ROOM_TONE


def our_clips(timeline: Timeline) -> Iterator[OurClip]:
    """Every sound of ours in a cut, beds included."""
    takes = own.Takes(timeline.document.base)
    for info in timeline.tracks:
        if not info.ours:
            continue
        track = timeline.document.root.tracks[info.index]
        children = [c for c in track if not isinstance(c, otio.schema.Transition)]
        for clip, item in zip(children, info.items, strict=False):
            if isinstance(clip, otio.schema.Clip) and clip.enabled:
                start, length = rates.nearest_frame(item.start), rates.nearest_frame(item.length)
                yield OurClip(clip, start, length, takes.of_clip(clip), takes.facts(clip))


def laid_takes(timeline: Timeline) -> tuple[Laid, ...]:
    """Every take of ours in a cut, with the picture it lies under.

    Room tone is none: a bed lies under a scene and not under a shot, so it is made anew.
    """
    cues = Intervals(
        (cue.start_frame, cue.start_frame + cue.n_frames, cue)
        for cue in timeline.cues
        if cue.status != "skipped"
    )
    takes = (our for our in our_clips(timeline) if not our.is_bed)
    found: list[Laid | None] = []
    for our in takes:
        span = (our.start, our.start + our.length)
        under = sorted(cues.touching(*span), key=lambda cue: _overlap(cue, *span))
        if is_spotted(our.facts):  # it may go with several shots
            last = max((cue.start_frame for cue in under), default=0)
            found += [_laid(timeline, our, cue, cue.start_frame == last) for cue in under]
        elif under:
            found.append(_laid(timeline, our, under[-1], True))
    return tuple(laid for laid in found if laid is not None)


def _laid(timeline: Timeline, our: OurClip, cue: Cue, rings: bool) -> Laid | None:
    """A take under one cue; ``rings``: what is heard past its end is its tail."""
    clip, start, length, known = our.clip, our.start, our.length, our.facts
    played = our.file(timeline.document.base)
    if played is None or not our.take:
        return None
    dry = dry_name(known)
    path = played.with_name(dry) if dry and played.with_name(dry).is_file() else played
    available = clip.media_reference.available_range
    file_start_s, in_s = our.file_start_s, our.in_s
    if file_start_s is None or in_s is None:
        return None
    header = wav_facts(path)
    if header is not None:
        length_s = Fraction(header.n_samples, header.sample_rate)
    elif available is not None:
        length_s = rates.seconds(available.duration) or Fraction(0)
    else:
        return None
    begins_s = (start - cue.start_frame) / timeline.fps
    ends_s = (start + length - cue.start_frame - cue.n_frames) / timeline.fps
    return Laid(
        take=our.take,
        cue=cue,
        offset_s=begins_s - in_s,
        length_s=length_s,
        tail_s=max(ends_s, Fraction(0)) if rings else Fraction(0),
        file_start=round(file_start_s * timeline.fps),
        wav_path=path,
        played=played,
        first=start,
        last=start + length,
        name=clip.name,
        channels=header.channels if header is not None else 1,
        metadata=known,
    )


def _overlap(cue: Cue, first: int, last: int) -> int:
    return min(cue.start_frame + cue.n_frames, last) - max(cue.start_frame, first)


def dry_name(facts: Mapping[str, Any]) -> str:
    """Name of the file that a ducked or faded one was made from; empty where neither was done."""
    mix = facts.get("mix")
    dry = mix.get("dry") if isinstance(mix, dict) else None
    return Path(dry).name if isinstance(dry, str) else ""


def spotting_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """How a take was spotted, if it was: the part of its origin that outlives a re-cut."""
    origin = facts.get("origin")
    if not isinstance(origin, Mapping) or origin.get("kind") not in ("marker", "spotted"):
        return {}
    return {key: origin[key] for key in ("kind", "category") if key in origin}


def is_spotted(facts: Mapping[str, Any]) -> bool:
    """Whether a take was put at its moment by a marker or a spotting list."""
    return bool(spotting_of(facts))
