"""From what the engine hands over to a take one can trust: check, level, fade, write.

The engine leaves 32 bit float WAVs in a scratch folder. Nothing it says is taken on trust: a file
outside that folder, of another length or rate, with a sample that is no number, or with other
bytes than announced is rejected by name and never gets a final name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from vatt_engine.errors import CannotWrite
from vatt_engine.lane_editing import spliced
from vatt_engine.messages import Generate, SyncLane, TakeReady
from vatt_plugin import bwf, levels
from vatt_plugin.cues import OUTPUT_SAMPLE_RATE, Cue, Recipe, Take
from vatt_plugin.errors import TakeRejected
from vatt_plugin.span_levels import Level, continued
from vatt_plugin.timeline import rates

FADE_S = 0.008  # at both ends, so that no edit clicks
BLOCK_SAMPLES = 1 << 16
MAX_CHANNELS = 2


@dataclass(frozen=True)
class Destination:
    """Where and under which facts an adopted take is written.

    Attributes:
        folder: existing folder for the WAV.
        name: file name for a take id, without folder.
        codes_folder: where the take's codes are kept; None keeps none.
        project: shown in the file's iXML.
        time_reference: samples since midnight; see ``record_time_reference``.
        drop: whether the timeline counts drop-frame.
    """

    folder: Path
    name: Callable[[str], str] = "{}.wav".format
    codes_folder: Path | None = None
    project: str = ""
    time_reference: int = 0
    drop: bool = False


def record_time_reference(cue: Cue, handle_frames: int, drop: bool = False) -> int:
    """Samples since midnight of a take's first sample, handles included.

    Wraps where the timecode does, which counts drop-frame or not; see ``bwf.time_reference``.
    """
    first = (cue.record_frame - handle_frames) % rates.frames_a_day(cue.fps, drop)
    return bwf.time_reference(first, cue.fps)


def adopt(
    ready: TakeReady,
    request: Generate,
    cue: Cue,
    recipe: Recipe,
    to: Destination,
    *,
    parent: Take | None = None,
) -> Take:
    """Check what came back for ``request`` and keep it as a levelled 48 kHz 24 bit BWF.

    Args:
        ready: the engine's event.
        request: what was asked for.
        cue: whose sound it is.
        recipe: everything that makes it again.
        to: where it goes.
        parent: the take of which it is another but for a span: its level stays, so that every
            sample outside of the span does.

    Raises:
        TakeRejected: it is not what was asked for.
        CannotWrite: the disk would not take it. Neither leaves a file behind.
    """
    source = _inside(ready.wav_path, request.scratch)
    _check_bytes(source, ready)
    with _open(source) as sound:
        _check_format(sound, ready, request)
        measured = levels.measure(_blocks(sound), sound.channels)
        _check_samples(measured, request)
        n_handle = round(recipe.handle_frames * OUTPUT_SAMPLE_RATE / cue.fps)
        between = n_handle, sound.frames - n_handle
        if parent is not None and request.held is not None:
            span = (request.held.start_s, request.held.end_s)
            earlier = Level(parent.gain_db, parent.held_back)
            level, measured = continued(earlier, span, lambda: _blocks(sound), sound.channels)
            lufs, peak = _after(measured.lufs, 0.0), _after(measured.true_peak_dbtp, 0.0)
        else:
            target = levels.target_lufs(str(cue.origin.get("category", "")))
            gauge = _heard(measured, _blocks(sound), between, sound.channels)
            level = Level(levels.choose_gain_db(gauge, target=target))
            lufs, peak = (
                _after(figure, level.gain_db) for figure in (measured.lufs, measured.true_peak_dbtp)
            )
        heard_lufs = lufs
        if n_handle:
            heard = levels.measure(_cut(level.of(_blocks(sound)), *between), sound.channels)
            heard_lufs = _after(heard.lufs, 0.0)
        take_id = _take_id(sound, level, cue, recipe)
        path = to.folder / to.name(take_id)
        facts = bwf.WavFacts(
            n_samples=sound.frames,
            n_channels=sound.channels,
            time_reference=to.time_reference,
            description=f"{cue.clip}: {ready.prompt}",
            reference=f"VATT-{take_id}",
            originator=f"VATT Foley {recipe.engine_version}",
            fps=cue.fps,
            drop=to.drop,
            project=to.project,
            scene=cue.clip,
            take=take_id,
            note=f"prompt: {ready.prompt}; seed {ready.seed}; model {recipe.model}",
            lufs=lufs,
            peak_dbtp=peak,
        )
        bwf.write(path, facts, _pcm(sound, level))
    return Take(
        take_id=take_id,
        cue_id=cue.cue_id,
        wav_path=str(path),
        codes_path=_keep_codes(ready, request, take_id, to.codes_folder),
        caption=ready.prompt if request.prompt is None else "",
        heard=ready.heard,
        recipe=recipe,
        sync=ready.sync,
        lag_s=ready.lag_s,
        lufs=heard_lufs,
        peak_dbtp=peak,
        gain_db=level.gain_db,
        held_back=level.held_back,
        figures=dict(ready.figures),
        moments=_moments(ready, request, parent),
    )


def _moments(ready: TakeReady, request: Generate, parent: Take | None) -> SyncLane | None:
    """The moments that were made up for a take: of a span its own, around it the parent's."""
    if ready.moments is None or parent is None or request.held is None:
        return ready.moments
    span = (request.held.start_s, request.held.end_s)
    return spliced(parent.moments, ready.moments, span)


def _inside(path: str, scratch: str) -> Path:
    """The file, if it lies in the scratch folder and is no link out of it."""
    try:
        found = Path(path).resolve(strict=True)
        folder = Path(scratch).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise TakeRejected(f"The engine named a file that is not there: {path[:200]!r}.") from error
    if not found.is_relative_to(folder) or not found.is_file():
        raise TakeRejected(f"The engine named a file outside its folder: {path[:200]!r}.")
    return found


def _check_bytes(path: Path, ready: TakeReady) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != ready.wav_sha256:
        raise TakeRejected("The sound file is not the one the engine announced (hash differs).")


def _open(path: Path) -> soundfile.SoundFile:
    try:
        return soundfile.SoundFile(path)
    except soundfile.LibsndfileError as error:
        raise TakeRejected(f"The sound file cannot be read: {error}.") from error


def _check_format(sound: soundfile.SoundFile, ready: TakeReady, request: Generate) -> None:
    if sound.samplerate != request.sample_rate or ready.sample_rate != request.sample_rate:
        raise TakeRejected(
            f"The sound is at {sound.samplerate} Hz, {request.sample_rate} Hz were asked for."
        )
    if sound.frames != request.n_samples:
        raise TakeRejected(
            f"The sound is {sound.frames} samples long, {request.n_samples} were asked for."
        )
    if not 1 <= sound.channels <= MAX_CHANNELS:
        raise TakeRejected(f"The sound has {sound.channels} channels; one or two are allowed.")


def _check_samples(measured: levels.Measurement, request: Generate) -> None:
    if not measured.finite:
        raise TakeRejected("The sound holds samples that are not numbers (NaN or infinite).")
    if measured.n_samples != request.n_samples:
        raise TakeRejected("The sound file is cut off.")


def _blocks(sound: soundfile.SoundFile) -> Iterator[levels.Block]:
    sound.seek(0)
    yield from sound.blocks(BLOCK_SAMPLES, dtype="float32", always_2d=True)


def _cut(blocks: Iterable[levels.Block], first: int, end: int) -> Iterator[levels.Block]:
    """What of a sound lies between two samples."""
    at = 0
    for block in blocks:
        yield block[max(0, first - at) : max(0, end - at)]
        at += len(block)


def _heard(
    whole: levels.Measurement,
    blocks: Iterable[levels.Block],
    between: tuple[int, int],
    n_channels: int,
) -> levels.Measurement:
    """A take's measurement with the loudness of what is heard in the cut.

    A hit in a handle must not set the level of the shot beside it. Where the shot is silent, or
    too short for a loudness of its own, the whole take is the gauge.
    """
    if between == (0, whole.n_samples):
        return whole
    lufs = levels.measure(_cut(blocks, *between), n_channels).lufs
    if lufs is None or lufs <= levels.FLOOR_LUFS:
        return whole
    return replace(whole, gauge_lufs=lufs)


def _pcm(sound: soundfile.SoundFile, level: Level) -> Iterator[bytes]:
    """The levelled sound with its fades, as 24 bit PCM."""
    n_fade = min(round(FADE_S * OUTPUT_SAMPLE_RATE), sound.frames // 2)
    at = 0
    for block in _blocks(sound):
        index = np.arange(at, at + len(block))
        from_edge = np.minimum(index, sound.frames - 1 - index)
        ramp = np.clip(from_edge / max(1, n_fade), 0.0, 1.0)
        shape = 0.5 - 0.5 * np.cos(np.pi * ramp)
        yield bwf.to_pcm24(block.astype(np.float64) * (level.gain(index) * shape)[:, None])
        at += len(block)


def _take_id(sound: soundfile.SoundFile, level: Level, cue: Cue, recipe: Recipe) -> str:
    """Short hash over the sound, its cue and its seed: equal only for the same take made again."""
    digest = hashlib.sha256()
    for piece in _pcm(sound, level):
        digest.update(piece)
    digest.update(f"{sound.channels} {cue.cue_id} {recipe.seed}".encode())
    return digest.hexdigest()[:12]


def id_of(path: Path, cue: Cue, recipe: Recipe) -> str:
    """The id of the take that a file of ours holds, by its samples; empty if it is no such file."""
    digest = hashlib.sha256()
    try:
        with soundfile.SoundFile(path) as sound:
            for block in sound.blocks(BLOCK_SAMPLES, dtype="int32", always_2d=True):
                digest.update(bwf.to_pcm24(block / 2**31))
            channels = sound.channels
    except (OSError, soundfile.LibsndfileError):
        return ""
    digest.update(f"{channels} {cue.cue_id} {recipe.seed}".encode())
    return digest.hexdigest()[:12]


def _after(level_db: float | None, gain_db: float) -> float | None:
    return None if level_db is None else round(level_db + gain_db, 2)


def _keep_codes(ready: TakeReady, request: Generate, take_id: str, folder: Path | None) -> str:
    if folder is None or not ready.codes_path:
        return ""
    source = _inside(ready.codes_path, request.scratch)
    path = folder / f"{take_id}.safetensors"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        part.replace(path)
    except OSError as error:
        raise CannotWrite(
            f"{path.name} was not saved: {error.strerror or error}.",
            "Free some space or choose a folder you may write to.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return str(path)
