"""A WAV through a gain that changes with time, a block at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from vatt_plugin import bwf

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


def changes(path: Path, gain: Gain) -> bool:
    """Whether ``gain`` makes any sample another; not so where it falls on silence alone."""

    def whole(index: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.ones(len(index))

    pairs = zip(shaped(path, gain), shaped(path, whole), strict=True)
    return any(after != before for after, before in pairs)
