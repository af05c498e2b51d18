"""A WAV through a gain that changes with time, a block at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from vatt_plugin import bwf
from vatt_plugin.timeline.wavfacts import wav_facts

BLOCK_SAMPLES = 1 << 16

Gain = Callable[[NDArray[np.int64]], NDArray[np.float64]]
"""Numbers of samples, in a row, to the factor that each is multiplied by."""


def shaped(path: Path, gain: Gain) -> Iterator[bytes]:
    """The samples of a file under ``gain``, as 24 bit PCM for ``bwf.write``.

    Raises:
        soundfile.LibsndfileError: the file cannot be read.
    """
    at = 0
    with soundfile.SoundFile(path) as sound:
        for block in sound.blocks(BLOCK_SAMPLES, dtype="float64", always_2d=True):
            index = np.arange(at, at + len(block))
            yield bwf.to_pcm24(block * gain(index)[:, None])
            at += len(block)


def write_shaped(
    path: Path, target: Path, gain: Gain, *, take: str, scene: str, what: str, fps: Fraction
) -> None:
    """Write a take under ``gain`` as another file, which starts at the same timecode.

    Args:
        path: the take's WAV.
        target: the new file.
        gain: what is done to it.
        take: its id.
        scene: name of the picture clip.
        what: what is done to it, in a word or two.
        fps: exact rate of the timeline.

    Raises:
        CannotWrite: the folder takes no more.
        soundfile.LibsndfileError: the take cannot be read.
    """
    file, header = soundfile.info(path), wav_facts(path)
    facts = bwf.WavFacts(
        n_samples=file.frames,
        n_channels=file.channels,
        time_reference=(header.time_reference if header is not None else None) or 0,
        description=f"{scene} ({what})",
        reference=f"VATT-{take}",
        fps=fps,
        scene=scene,
        take=take,
    )
    bwf.write(target, facts, shaped(path, gain))


def changes(path: Path, gain: Gain) -> bool:
    """Whether ``gain`` makes any sample another; not so where it falls on silence alone."""

    def whole(index: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ones(len(index))

    pairs = zip(shaped(path, gain), shaped(path, whole), strict=True)
    return any(after != before for after, before in pairs)
