"""Mix rules that are baked into the files, since editors' programs cannot be told levels.

Ducking holds the Foley back while a dialogue track speaks: by where its clips lie and, where their
media can be read, by when there is sound on it. Levels by category are in ``levels``, room tone
in ``room_tone``.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from vatt_plugin.shaping import write_shaped
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.errors import UnknownClip
from vatt_plugin.timeline.model import Placement, Timeline, TrackInfo, TrackItem
from vatt_plugin.timeline.naming import MAX_NAME
from vatt_plugin.timeline.probe import OPTIONS
from vatt_plugin.timeline.tracks import Sound
from vatt_plugin.timeline.wavfacts import wav_facts

log = logging.getLogger(__name__)

DUCK_DB = -9.0
RAMP_S = 0.15
"""Ducking sets in this long before speech and lets go this long after it."""
GATE_DBFS = -42.0
HANG_S = 0.35
_HOP_S = 0.02
_RATE = 16_000  # enough to tell speech from silence
_HOP = int(_RATE * _HOP_S)
_MAX_SPEECH_S = 4 * 3600

# --- ducking ---------------------------------------------------------------------------------

Spans = list[tuple[float, float]]
"""Ascending, separate (start, end) in seconds from the timeline's first frame."""


@dataclass(frozen=True)
class Ducking:
    """When to hold the Foley back, and by how much."""

    spans: tuple[tuple[float, float], ...]
    tracks: tuple[str, ...]
    gain_db: float = DUCK_DB

    @staticmethod
    def joined(duckings: Sequence[Ducking], gain_db: float = DUCK_DB) -> Ducking:
        """One ducking under all that several are told by."""
        spans = _merged(span for each in duckings for span in each.spans)
        return Ducking(tuple(spans), tuple(n for each in duckings for n in each.tracks), gain_db)


def find_speech(timeline: Timeline, tracks: Sequence[str], gain_db: float = DUCK_DB) -> Ducking:
    """When the named audio tracks sound.

    Args:
        timeline: the cut.
        tracks: names of its audio tracks; ``A1`` counts from the first.
        gain_db: how far Foley is lowered meanwhile.

    Raises:
        UnknownClip: no such audio track.
    """
    audio = [info for info in timeline.tracks if info.kind == "Audio" and not info.ours]
    chosen = [_named(audio, name, timeline) for name in tracks]
    spans: Spans = []
    for info in chosen:
        children = timeline.document.root.tracks[info.index]
        clips = [c for c in children if type(c).__name__ != "Transition"]
        for item, clip in zip(info.items, clips, strict=False):
            if item.kind != "gap" and item.enabled and info.enabled:
                spans += _speech(item, clip)
    return Ducking(tuple(_merged(spans)), tuple(info.name for info in chosen), gain_db)


def _named(audio: Sequence[TrackInfo], name: str, timeline: Timeline) -> TrackInfo:
    counted = {f"A{number}": info for number, info in enumerate(audio, 1)}
    found = next((info for info in audio if info.name == name), counted.get(name))
    if found is not None:
        return found
    known = ", ".join(info.name for info in audio) or "none"
    raise UnknownClip(
        f"{timeline.path.name} has no audio track named {name!r}; it has {known}.",
        "Use one of these names with --duck.",
    )


def _speech(item: TrackItem, clip: Any) -> Spans:
    """When a clip sounds; all of it where its media cannot be read, and all of a nest."""
    start_s, duration_s = float(item.start_s), float(item.duration_s)
    whole = [(start_s, start_s + duration_s)]
    if item.kind == "nest" or item.status != "ready" or len(clip.effects):
        return whole
    media_start_s: Fraction | None = Fraction(0)
    if clip.source_range is not None:
        media_start_s = rates.seconds(clip.source_range.start_time)
        available = getattr(clip.media_reference, "available_range", None)
        if available is not None and media_start_s is not None:
            media_start_s -= rates.seconds(available.start_time) or 0
    if media_start_s is None:
        return whole
    first_s = max(0.0, float(media_start_s))
    levels = _levels(Path(item.media), first_s, min(duration_s, _MAX_SPEECH_S))
    if levels is None:
        return whole
    spans: Spans = []
    for index in np.flatnonzero(levels > GATE_DBFS):
        at = start_s + float(index) * _HOP_S
        if spans and at - spans[-1][1] <= HANG_S:
            spans[-1] = (spans[-1][0], at + _HOP_S)
        else:
            spans.append((at, at + _HOP_S))
    return spans


def _levels(path: Path, start_s: float, duration_s: float) -> NDArray[np.float64] | None:
    """Level in dBFS every 20 ms, of a stretch of a file's first audio stream.

    Returns:
        [n], fewer where the file ends; None where nothing of the stretch can be read.
    """
    powers: list[NDArray[np.float64]] = []
    rest = np.zeros(0, np.float32)
    try:
        for samples in _heard(path, start_s, duration_s):
            joined = np.concatenate([rest, samples])
            n = len(joined) // _HOP * _HOP
            powers.append(np.mean(joined[:n].reshape(-1, _HOP).astype(np.float64) ** 2, axis=1))
            rest = joined[n:]
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        log.info("dialogue in %s: %s", path, error)
        return None
    if not powers:
        return None
    levels: NDArray[np.float64] = 10 * np.log10(np.concatenate(powers) + 1e-12)
    return levels


def _heard(path: Path, start_s: float, duration_s: float) -> Iterator[NDArray[np.float32]]:
    """Samples at ``_RATE`` of a stretch of a file, mono, a decoded frame's worth at a time."""
    n_left = int(duration_s * _RATE)
    n_early: int | None = None  # samples before the stretch; decoding starts at a packet's edge
    with av.open(str(path.absolute()), options=OPTIONS, timeout=(5.0, 30.0)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
        if stream.time_base:
            container.seek(int(Fraction(start_s) / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.time is None or frame.time >= start_s + duration_s:
                break
            for part in resampler.resample(frame):
                samples = part.to_ndarray()[0]
                if n_early is None:
                    n_early = max(0, round((start_s - frame.time) * _RATE))
                late, n_early = samples[n_early:], max(0, n_early - len(samples))
                yield late[:n_left]
                n_left -= min(n_left, len(late))


def _merged(spans: Iterable[tuple[float, float]]) -> Spans:
    merged: Spans = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= HANG_S:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def duck(placements: Iterable[Placement], ducking: Ducking) -> list[Placement]:
    """Placements whose files are held back under speech; files without speech stay as they are.

    The dry file stays beside the new one and is named in the metadata (``mix``), so a conform
    starts from it.

    Raises:
        CannotWrite: the folder takes no more.
    """
    return [_ducked_placement(placement, ducking) for placement in placements]


def _ducked_placement(placement: Placement, ducking: Ducking) -> Placement:
    cue = placement.cue
    first_s = cue.start_s - Fraction(placement.handle_frames) / cue.fps
    take = placement.take.take_id
    path, mix = _ducked(placement.wav_path, take, first_s, cue.clip, cue.fps, ducking)
    mix = {**placement.metadata.get("mix", {}), **mix}
    return replace(placement, wav_path=path, metadata={**placement.metadata, "mix": mix})


def duck_sounds(sounds: Iterable[Sound], ducking: Ducking, fps: Fraction) -> list[Sound]:
    """The same for sounds that lie on a timeline of ``fps`` already.

    Raises:
        CannotWrite: the folder takes no more.
    """
    return [_ducked_sound(sound, ducking, fps) for sound in sounds]


def _ducked_sound(sound: Sound, ducking: Ducking, fps: Fraction) -> Sound:
    first_s = Fraction(sound.start_frame - sound.in_frame) / fps
    take = str(sound.metadata.get("take", ""))
    scene = str(sound.metadata.get("source_clip") or sound.name)
    path, mix = _ducked(sound.wav_path, take, first_s, scene, fps, ducking)
    known = sound.metadata.get("mix", {})
    mix = {
        **mix,
        **known,
        "duck": mix["duck"],
    }  # the file that ``known`` calls dry stays the dry one
    return replace(sound, wav_path=path, metadata={**sound.metadata, "mix": mix})


def _ducked(
    dry: Path, take: str, first_s: Fraction, scene: str, fps: Fraction, ducking: Ducking
) -> tuple[Path, dict[str, Any]]:
    """A file held back under speech, and what was done.

    Args:
        dry: the take's WAV.
        take: its id.
        first_s: when its first sample sounds, from the timeline's first frame.
        scene: name of the picture clip.
        fps: exact rate of the timeline.
        ducking: when, and how far.
    """
    facts: dict[str, Any] = {"tracks": list(ducking.tracks), "gain_db": ducking.gain_db}
    header = wav_facts(dry)
    length_s = header.n_samples / header.sample_rate if header is not None else 0.0
    spans = [
        (start - float(first_s), end - float(first_s))
        for start, end in ducking.spans
        if start - RAMP_S < first_s + length_s and end + RAMP_S > first_s
    ]
    facts["spans_s"] = [[round(a, 3), round(b, 3)] for a, b in spans]
    if header is None or not spans:
        return dry, {"duck": facts}
    gain = functools.partial(
        envelope, rate=header.sample_rate, spans=spans, gain_db=ducking.gain_db
    )
    target = dry.with_name(mixed_name(dry, take, "ducked", facts))
    write_shaped(dry, target, gain, take=take, scene=scene, what="ducked", fps=fps)
    return target, {"dry": dry.name, "duck": facts}


def mixed_name(dry: Path, take: str, how: str, facts: dict[str, Any]) -> str:
    """Another name for every other mix, since one take may lie in several places.

    Args:
        dry: the file it is made from.
        take: its take's id.
        how: a word for what is done to it.
        facts: what exactly; plain JSON types.
    """
    mark = f"vatt-{take}"
    mixed = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:6]
    ending = f" {how} {mixed} {mark}.wav"
    stem = dry.stem.replace(mark, "").rstrip(" _-")
    return stem[: MAX_NAME - len(ending)].rstrip(" _-") + ending


def envelope(
    index: NDArray[np.int64], *, rate: int, spans: Spans, gain_db: float
) -> NDArray[np.float64]:
    """Gain a sample: 1 outside the spans, ``gain_db`` inside, raised-cosine ramps around them.

    Args:
        index: numbers of the samples [n], ascending.
        rate: samples a second.
        spans: in seconds from sample 0.
        gain_db: inside.
    """
    time_s = index / rate
    amount = np.zeros(len(index))
    for start, end in spans:
        if end + RAMP_S < time_s[0] or start - RAMP_S > time_s[-1]:
            continue
        rise = np.clip((time_s - (start - RAMP_S)) / RAMP_S, 0.0, 1.0)
        fall = np.clip(((end + RAMP_S) - time_s) / RAMP_S, 0.0, 1.0)
        amount = np.maximum(amount, np.minimum(rise, fall))
    smooth = 0.5 - 0.5 * np.cos(np.pi * amount)
    gain: NDArray[np.float64] = 10 ** (gain_db * smooth / 20)
    return gain
