"""Room tone: a quiet, steady bed under each scene, so that cuts between takes do not pump.

Every take ends in near silence of its own colour; at a cut that colour jumps. The bed is noise
with the average spectrum of the quietest moments of the scene's takes, at a level just above
them, one file a scene, with long fades. It is made from a fixed seed: same takes, same bytes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from vatt_plugin import bwf
from vatt_plugin.timeline.facts import SCHEMA
from vatt_plugin.timeline.model import Placement, Timeline
from vatt_plugin.timeline.naming import plain
from vatt_plugin.timeline.rates import frames_a_day
from vatt_plugin.timeline.tracks import ROOM_TONE, Sound
from vatt_plugin.timeline.wavfacts import wav_facts

RATE = bwf.SAMPLE_RATE
WINDOW = 4096
QUIETEST = 0.1
"""Share of a take's moments that count as its silence."""
LOUDEST_DBFS = -52.0
SOFTEST_DBFS = -66.0
FADE_S = 0.5
MAX_GAP_S = 2.0
"""A longer stretch without picture cues begins a new scene."""
_HOP = WINDOW // 2


@dataclass(frozen=True)
class Scene:
    """Sounds that follow each other, and the timeline frames from first to last."""

    sounds: tuple[Placement | Sound, ...]
    first: int
    last: int


def scenes(sounds: Iterable[Placement | Sound], fps: Fraction) -> list[Scene]:
    """Runs of sounds with no longer gap than ``MAX_GAP_S``."""
    found: list[list[Placement | Sound]] = []
    end = -math.inf
    for sound in sorted(sounds, key=lambda each: _frames(each)[0]):
        first, last = _frames(sound)
        if (first - end) / float(fps) > MAX_GAP_S or not found:
            found.append([])
        found[-1].append(sound)
        end = max(end, last)
    return [
        Scene(tuple(run), _frames(run[0])[0], max(_frames(each)[1] for each in run))
        for run in found
    ]


def _frames(sound: Placement | Sound) -> tuple[int, int]:
    """Timeline frames of the picture that a sound goes with."""
    if isinstance(sound, Sound):
        return sound.start_frame, sound.end_frame
    return sound.cue.start_frame, sound.cue.start_frame + sound.cue.n_frames


def _take(sound: Placement | Sound) -> str:
    return str(sound.metadata.get("take")) if isinstance(sound, Sound) else sound.take.take_id


def room_tone(
    timeline: Timeline,
    sounds: Sequence[Placement | Sound],
    folder: Path,
    *,
    record_time: bool = False,
) -> list[Sound]:
    """A bed for every scene of two sounds or more, written into ``folder``.

    Args:
        timeline: the cut.
        sounds: the takes that are laid; one whose file is not there counts by its place alone.
        folder: existing media folder.
        record_time: stamp files with record timecode (the ``post`` profile).

    Raises:
        CannotWrite: the folder takes no more.
    """
    made: list[Sound] = []
    for scene in scenes(sounds, timeline.fps):
        if len(scene.sounds) < 2:
            continue
        n_frames = min(scene.last, timeline.n_frames) - scene.first
        n_samples = math.ceil(n_frames * RATE / timeline.fps)
        paths = [each.wav_path for each in scene.sounds]
        spectrum = silence_spectrum(path for path in paths if wav_facts(path) is not None)
        identity = "".join(_take(each) for each in scene.sounds) + f"{scene.first} {n_frames}"
        take = hashlib.sha256(identity.encode()).hexdigest()[:12]
        show = plain(timeline.name, 16, " -")
        path = folder / f"AMBRoom_Room tone_VATT_{show}_f{scene.first} vatt-{take}.wav"
        file_start = timeline.global_start_frame + scene.first if record_time else 0
        file_start %= frames_a_day(timeline.fps, timeline.drop)
        facts = bwf.WavFacts(
            n_samples=n_samples,
            time_reference=bwf.time_reference(file_start, timeline.fps),
            description="room tone",
            reference=f"VATT-{take}",
            fps=timeline.fps,
            drop=timeline.drop,
            project=timeline.name,
            scene="room tone",
            take=take,
        )
        bed = _bed(spectrum, n_samples, int(take, 16))
        bwf.write(path, facts, (bwf.to_pcm24(block[:, None]) for block in bed))
        made.append(
            Sound(
                scene.first, n_frames, 0, n_frames, file_start, path, f"Room tone vatt-{take}",
                metadata={
                    "schema": SCHEMA, "take": take, "kind": "room_tone", "stem": ROOM_TONE,
                    "level_dbfs": round(_level_db(spectrum), 1),
                    "samples": n_samples, "sample_rate": RATE,
                },
                stem=ROOM_TONE,
            )
        )  # fmt: skip
    return made


def silence_spectrum(paths: Iterable[Path]) -> NDArray[np.float64]:
    """Mean power spectrum [WINDOW // 2 + 1] of the quietest moments of several sounds."""
    window = np.hanning(WINDOW)
    total = np.zeros(WINDOW // 2 + 1)
    count = 0
    for path in paths:
        with soundfile.SoundFile(path) as sound:
            quiet = _quietest(sound)
            for moment in quiet:
                sound.seek(moment * _HOP)
                total += (
                    np.abs(
                        np.fft.rfft(
                            _mono(sound.read(WINDOW, dtype="float64", always_2d=True)) * window
                        )
                    )
                    ** 2
                )
        count += len(quiet)
    return total / max(1, count)


def _quietest(sound: soundfile.SoundFile) -> list[int]:
    """Which of a sound's moments, ``_HOP`` apart, are its quietest, in order."""
    moments = sound.blocks(WINDOW, overlap=WINDOW - _HOP, dtype="float64", always_2d=True)
    loudness = [np.mean(_mono(each) ** 2) for each in moments if len(each) == WINDOW]
    n = max(1, int(len(loudness) * QUIETEST))
    return sorted(np.argsort(loudness, kind="stable")[:n].tolist())


def _mono(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    mixed: NDArray[np.float64] = samples.mean(axis=1)
    return mixed


def _level_db(power: NDArray[np.float64]) -> float:
    """RMS in dBFS that a bed of a spectrum is held at."""
    quiet_db = 10 * math.log10(float(np.sum(power)) / WINDOW**2 * 4 + 1e-12)
    return min(max(quiet_db, SOFTEST_DBFS), LOUDEST_DBFS)


def _bed(power: NDArray[np.float64], n_samples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Noise of a spectrum at its level, faded at both ends, ``_HOP`` samples at a time.

    Overlapping stretches of random phase; their windows, squared, add up to one.
    """
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    floor = 1.0 / (
        1.0 + (hertz / 300.0) ** 1.5
    )  # the hush of a room, where takes are digital silence
    shape = np.sqrt(power / (power.max() + 1e-30) + 1e-4 * floor)
    shape[0] = shape[-1] = 0.0
    rms = math.sqrt(2 * float(np.sum(shape**2))) / WINDOW  # of what irfft makes of it
    shape *= 10 ** (_level_db(power) / 20) / rms
    window = np.sqrt(np.hanning(WINDOW + 1)[:-1])
    noise = np.random.default_rng(seed)

    def stretch() -> NDArray[np.float64]:
        phases = np.exp(2j * np.pi * noise.random(len(shape)))
        drawn: NDArray[np.float64] = np.fft.irfft(shape * phases) * window
        return drawn

    n_fade = max(1, min(round(FADE_S * RATE), n_samples // 2))
    earlier = stretch()
    for at in range(0, n_samples, _HOP):
        later = stretch()
        index = np.arange(at, min(at + _HOP, n_samples))
        fade = np.clip(np.minimum(index, n_samples - 1 - index) / n_fade, 0.0, 1.0)
        yield (earlier[_HOP:] + later[:_HOP])[: len(index)] * fade
        earlier = later
