"""Takes a little earlier or later than they were made: their samples moved within their file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from vatt_engine.errors import CannotWrite
from vatt_plugin.bwf import SAMPLE_RATE

EDGE_SAMPLES = 240  # 5 ms ramp where a nudge cuts into the sound


def copy_take(source: Path, target: Path, nudge_s: float = 0.0) -> None:
    """Copy a take's WAV whole or not at all, its sound later by ``nudge_s`` (earlier if negative).

    Raises:
        CannotWrite: nothing is left under the final name.
    """
    shift = round(nudge_s * SAMPLE_RATE)
    part = target.with_name(f".{target.name}.part")
    try:
        if shift:
            part.write_bytes(shifted(source.read_bytes(), shift))
        else:
            shutil.copyfile(source, part)
        if part.stat().st_size != source.stat().st_size:
            raise OSError(28, "the copy is not whole")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotWrite(
            f"{target.name} was not written: {error.strerror or error}. Nothing was overwritten.",
            "Free some space, then write the timeline again.",
        ) from error


def shifted(wav: bytes, shift: int) -> bytes:
    """A 24 bit WAV with its samples later by ``shift`` (earlier if negative), same length."""
    start, size, channels = data_chunk(wav)
    raw = np.frombuffer(wav, dtype=np.uint8, count=size, offset=start)
    n_frames = size // (3 * channels)
    used = n_frames * 3 * channels
    frames = raw[:used].reshape(n_frames, channels, 3)
    wide = np.zeros((n_frames, channels, 4), dtype=np.uint8)
    wide[..., 1:] = frames
    samples = wide.view("<i4")[..., 0].astype(np.float64)
    out = np.zeros_like(samples)
    shift = max(-n_frames, min(n_frames, shift))
    if shift >= 0:
        out[shift:] = samples[: n_frames - shift]
    else:
        out[:shift] = samples[-shift:]
    n_edge = min(EDGE_SAMPLES, n_frames)
    ramp = np.linspace(0.0, 1.0, n_edge)[:, None]
    if shift < 0:
        out[:n_edge] *= ramp
    else:
        out[n_frames - n_edge :] *= ramp[::-1]
    packed = out.astype("<i4").view(np.uint8).reshape(n_frames, channels, 4)[..., 1:]
    return wav[:start] + packed.tobytes() + wav[start + used :]


def data_chunk(wav: bytes) -> tuple[int, int, int]:
    """Where the samples of a RIFF file start, how many bytes they are, and the channels.

    Raises:
        CannotWrite: not a WAV of ours.
    """
    at, channels = 12, 1
    while at + 8 <= len(wav):
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        if name == b"fmt ":
            channels = int.from_bytes(wav[at + 10 : at + 12], "little")
        if name == b"data":
            return at + 8, min(size, len(wav) - at - 8), channels
        at += 8 + size + size % 2
    raise CannotWrite("A take's WAV has no samples in it.", "Make the take again.")
