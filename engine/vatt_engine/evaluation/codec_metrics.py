"""Measures of a codec: how far a decoded sound is from its original, and where it smears.

Numpy in, floats out, except for the log-mel distance, which is the training's own ruler
(``vatt_engine.training.spectral``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vatt_engine.evaluation.onsets import ONSET_RISE, find_onsets
from vatt_engine.evaluation.sync import OnsetScore, match, onset_score

Wave = NDArray[np.float32]

ONSET_TOLERANCE_S = 0.020
AUDIBLE_SHARE = 0.01
"""Level before a click, relative to its peak, that counts as a pre-echo: -40 dB."""


FIRM = 2 * ONSET_RISE
"""Rise that makes an onset firm: twice what makes one at all, so that no small change undoes it."""


@dataclass(frozen=True)
class FirmScore:
    """Counts of firm onsets on both sides; those of several clips add up.

    Attributes:
        n_real: firm onsets of the original; ``n_kept`` those with any onset in the decoded sound.
        n_made: firm onsets of the decoded sound; ``n_true`` those with any onset in the original.
    """

    n_real: int = 0
    n_kept: int = 0
    n_made: int = 0
    n_true: int = 0

    def __add__(self, other: FirmScore) -> FirmScore:
        return FirmScore(
            self.n_real + other.n_real,
            self.n_kept + other.n_kept,
            self.n_made + other.n_made,
            self.n_true + other.n_true,
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of both shares; 0 when either side has no firm onset."""
        if not self.n_real or not self.n_made:
            return 0.0
        recall, precision = self.n_kept / self.n_real, self.n_true / self.n_made
        return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def si_sdr_db(made: Wave, real: Wave) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019) of waves [S]."""
    made, real = made - made.mean(), real - real.mean()
    energy = float(real @ real)
    if energy < 1e-12:
        return 0.0
    target = (float(made @ real) / energy) * real
    noise = made - target
    ratio = (float(target @ target) + 1e-12) / (float(noise @ noise) + 1e-12)
    return float(10 * np.log10(ratio))


def onsets_kept(made: Wave, real: Wave, sample_rate: int) -> OnsetScore:
    """Onsets of the decoded sound against those of the original, within 20 ms."""
    found = find_onsets(made, sample_rate).times_s.astype(np.float64)
    true = find_onsets(real, sample_rate).times_s.astype(np.float64)
    return onset_score(found, true, ONSET_TOLERANCE_S)


def firm_onsets_kept(made: Wave, real: Wave, sample_rate: int) -> FirmScore:
    """Firm onsets of either sound against all onsets of the other, within 20 ms.

    An onset close to the detector's threshold comes and goes with changes nobody hears; a firm one
    does not, and whatever the other sound has there counts as the same onset.
    """
    found, true = find_onsets(made, sample_rate), find_onsets(real, sample_rate)
    made_s, real_s = found.times_s.astype(np.float64), true.times_s.astype(np.float64)
    firm_made, firm_real = made_s[found.strengths >= FIRM], real_s[true.strengths >= FIRM]
    return FirmScore(
        n_real=len(firm_real),
        n_kept=len(match(made_s, firm_real, ONSET_TOLERANCE_S)),
        n_made=len(firm_made),
        n_true=len(match(firm_made, real_s, ONSET_TOLERANCE_S)),
    )


def pre_echo_ms(codec: Callable[[Wave], Wave], sample_rate: int, hop_length: int) -> float:
    """How long before a click the decoded sound can be heard: the worst case in ms.

    A click (one millisecond of decaying noise) is put at eight places of a code frame and at two
    levels into silence. The pre-echo lasts from the first sample that is above -40 dB of the
    decoded peak to the click.
    """
    rng = np.random.default_rng(0)
    n = sample_rate // 1000
    burst = (rng.standard_normal(n) * np.exp(-np.arange(n) / (n / 4))).astype(np.float32)
    burst /= np.abs(burst).max()
    worst = 0
    for level in (0.8, 0.2):
        for eighth in range(8):
            at = sample_rate // 2 + eighth * hop_length // 8
            wave = np.zeros(sample_rate, dtype=np.float32)
            wave[at : at + n] = level * burst
            made = np.abs(codec(wave)[: len(wave)])
            near = made[at : at + sample_rate // 20].max(initial=0.0)
            loud = np.flatnonzero(made[:at] > AUDIBLE_SHARE * max(near, made.max(initial=0.0)))
            if len(loud):
                worst = max(worst, at - int(loud[0]))
    return 1000.0 * worst / sample_rate
