"""Small timelines and placements for tests, made on the fly."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import soundfile

from vatt_plugin.cues import Cue, Recipe, Take
from vatt_plugin.timeline import Placement

VIDEO, AUDIO = otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio


def time_range(start: float, duration: float, rate: float = 24.0) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, rate), time(duration, rate))


def clip(
    name: str,
    start: float = 0,
    duration: float = 24,
    rate: float = 24.0,
    *,
    url: str | None = None,
    available: tuple[float, float] | None = (0, 1000),
    speed: float | None = None,
    enabled: bool = True,
) -> Any:
    reference = otio.schema.ExternalReference(
        url or f"{name}.mov", time_range(*available, rate) if available else None
    )
    made = otio.schema.Clip(
        name, media_reference=reference, source_range=time_range(start, duration, rate)
    )
    if speed is not None:
        made.effects.append(otio.schema.LinearTimeWarp(time_scalar=speed))
    made.enabled = enabled
    return made


def gap(duration: float, rate: float = 24.0) -> Any:
    return otio.schema.Gap(source_range=time_range(0, duration, rate))


def track(*children: Any, name: str = "V1", kind: str = VIDEO) -> Any:
    made = otio.schema.Track(name, kind=kind)
    made.extend(children)
    return made


def timeline(*tracks: Any, name: str = "cut", start: Any = None) -> Any:
    made = otio.schema.Timeline(name, global_start_time=start)
    made.tracks.extend(tracks)
    return made


def save(made: Any, folder: Path, name: str = "cut.otio") -> Path:
    path = folder / name
    otio.adapters.write_to_file(made, str(path))
    return path


def take_for(cue: Cue, number: int = 0, wav_path: str = "") -> Take:
    recipe = Recipe("tiny", "hash", "0", "cpu", "steps", "", number, None, None, "auto")
    return Take(f"{number:012x}", cue.cue_id, wav_path, "", "steps on wood", recipe)


def placements(
    cues: Sequence[Cue], folder: Path, *, handle_frames: int = 0, extra_frames: int = 0
) -> list[Placement]:
    """Silent WAVs for every cue that can be served, named as the batch names them."""
    folder.mkdir(exist_ok=True)
    made = []
    for number, cue in enumerate(cue for cue in cues if cue.status != "skipped"):
        n_frames = cue.n_frames + 2 * handle_frames + extra_frames
        n_samples = -(-n_frames * 48_000 * cue.fps.denominator // cue.fps.numerator)
        take = take_for(cue, number)
        path = folder / f"{cue.start_frame:07d}_{number}_{take.take_id}.wav"
        soundfile.write(path, np.zeros(n_samples, np.float32), 48_000, subtype="PCM_24")
        made.append(Placement(cue, take, path, handle_frames, (take,), tail_frames=extra_frames))
    return made
