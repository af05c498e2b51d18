"""How loud a take is over its length, where spans of it were made anew.

A span that is made anew may hit harder than all there was, and the take as a whole must not get
softer for it: every sample outside of the span stays as it was. So the span alone is held back as
far as the ceiling asks, with ramps where the engine cross-fades into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vatt_plugin import levels
from vatt_plugin.levels import Block

RAMP_S = 0.08  # the engine cross-fades over four code frames, of which there are 50 a second
_TRIES = 8  # what the ramps hold back less is asked for again
_NOTHING_DB = 0.001  # rounding: figures are shown in hundredths

Held = tuple[float, float, float]
"""A span that is held back: from and to, in seconds from the first sample, and the dB."""


@dataclass(frozen=True)
class Level:
    """A gain for the whole take, and the spans that are held back below it."""

    gain_db: float
    held_back: tuple[Held, ...] = ()

    def gain(self, index: NDArray[np.int64]) -> NDArray[np.float64]:
        """The factor for each sample; exactly that of ``gain_db`` outside the spans' ramps."""
        whole = 10 ** (self.gain_db / 20)
        gain: NDArray[np.float64] = np.full(len(index), whole)
        time_s = index / levels.SAMPLE_RATE
        for start_s, end_s, held_db in self.held_back:
            outside_s = np.maximum(start_s - time_s, time_s - end_s)
            inside = np.clip(1 - outside_s / RAMP_S, 0.0, 1.0)
            share = 0.5 - 0.5 * np.cos(np.pi * inside)
            gain *= 1 - share * (1 - 10 ** (held_db / 20))
        return gain

    def of(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Blocks of a take, levelled."""
        at = 0
        for block in blocks:
            gain = self.gain(np.arange(at, at + len(block)))
            yield (block * gain[:, None]).astype(np.float32)
            at += len(block)


def continued(
    earlier: Level, span: tuple[float, float], read: Callable[[], Iterable[Block]], n_channels: int
) -> tuple[Level, levels.Measurement]:
    """The level of a take that is an earlier one but for a span.

    Args:
        earlier: of the earlier take.
        span: what was made anew, in seconds from the first sample.
        read: reads the take as the engine made it, from its start.
        n_channels: 1 or 2.

    Returns:
        The level, and what the take measures at it. Its gain is the earlier one's, unless what is
        too loud lies outside of the span.
    """

    def measured(level: Level) -> tuple[levels.Measurement, float]:
        found = levels.measure(level.of(read()), n_channels)
        peak = found.true_peak_dbtp
        return found, 0.0 if peak is None else max(0.0, peak - levels.CEILING_DBTP)

    level, held_db = earlier, 0.0
    found, over_db = measured(level)
    for _ in range(_TRIES):
        if over_db < _NOTHING_DB:
            return level, found
        held_db = math.floor((held_db - over_db) * 100) / 100
        level = replace(level, held_back=(*earlier.held_back, (*span, held_db)))
        found, over_db = measured(level)
    level = replace(level, gain_db=math.floor((level.gain_db - over_db) * 100) / 100)
    return level, measured(level)[0]
