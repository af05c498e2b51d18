"""Our tracks from an earlier run, found in a cut that is written again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline import own, rates
from vatt_plugin.timeline.intervals import Intervals
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.rates import Frames, nearest_frame
from vatt_plugin.timeline.tracks import ROOM_TONE, Sound
from vatt_plugin.timeline.urls import parse_media_url
from vatt_plugin.timeline.wavfacts import wav_facts


@dataclass(frozen=True)
class Earlier:
    """Our tracks that the cut already has, from an earlier run."""

    indices: frozenset[int]
    names: tuple[str, ...]
    sounds: tuple[Sound, ...]
    notes: tuple[Note, ...]

    @classmethod
    def of(cls, timeline: Timeline) -> Earlier:
        """Find them; a track that also holds the user's own clips is left alone."""
        root, notes, sounds = timeline.document.root, [], []
        takes = own.Takes(timeline.document.base)
        ours = [info for info in timeline.tracks if info.ours]
        for info in timeline.tracks:
            if info.kind == otio.schema.TrackKind.Audio and not info.ours:
                clips = [c for c in root.tracks[info.index] if isinstance(c, otio.schema.Clip)]
                if any(takes.of_clip(clip) for clip in clips):
                    text = "Holds takes of ours beside other clips, so it was left as it is."
                    notes.append(Note("mixed_track", text, info.name))
        for info in ours:
            track = root.tracks[info.index]
            for child, item in zip(_items(track), info.items, strict=False):
                if isinstance(child, otio.schema.Clip):
                    sounds.append(_carried(child, item.start, item.length, timeline, takes))
        kept = tuple(sound for sound in sounds if sound is not None)
        return cls(
            frozenset(info.index for info in ours),
            tuple(info.name for info in ours),
            kept,
            tuple(notes),
        )

    def heard_beside(self, sounds: Sequence[Sound]) -> list[Sound]:
        """Of ``not_replaced_by``, what is heard and can be read: not disabled, its file there."""
        return [
            old
            for old in self.not_replaced_by(sounds)
            if old.carried.enabled and wav_facts(old.wav_path) is not None
        ]

    def not_replaced_by(self, sounds: Sequence[Sound]) -> list[Sound]:
        """Earlier sounds whose cue or place none of the new ones takes."""
        cues = {sound.metadata.get("cue") for sound in sounds} - {None}
        taken = Intervals(
            (sound.start_frame, sound.end_frame, sound)
            for sound in sounds
            if sound.stem != ROOM_TONE
        )
        kept: list[Sound] = []
        beds = any(sound.stem == ROOM_TONE for sound in sounds)
        for old in self.sounds:
            if old.stem == ROOM_TONE:
                kept += [] if beds else [old]
                continue
            cue = old.metadata.get("cue")
            if cue not in cues and not taken.touching(old.start_frame, old.end_frame):
                kept.append(old)
        return kept


def _items(track: Any) -> list[Any]:
    return [child for child in track if not isinstance(child, otio.schema.Transition)]


def _carried(
    clip: Any, start: Frames, length: Frames, timeline: Timeline, takes: own.Takes
) -> Sound | None:
    """An earlier clip of ours as a sound; None if its file cannot be told."""
    reference = clip.media_reference
    url = getattr(reference, "target_url", "") or ""
    candidates = parse_media_url(url, timeline.document.base).candidates
    if not candidates or clip.source_range is None:
        return None
    path = next((c for c in candidates if c.is_file()), candidates[0])
    known = takes.facts(clip)
    available = reference.available_range
    starts = clip.source_range.start_time
    into_s = rates.seconds(starts if available is None else starts - available.start_time)
    return Sound(
        start_frame=nearest_frame(start),
        n_frames=nearest_frame(length),
        in_frame=nearest_frame((into_s or 0) * timeline.fps),
        file_frames=0,
        file_start=0,
        wav_path=path,
        name=clip.name,
        metadata=known,
        stem=str(known.get("stem", "")),
        carried=clip,
    )
