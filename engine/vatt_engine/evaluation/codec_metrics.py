"""Measures of a codec: how far a decoded sound is from its original, and where it smears.

Numpy in, floats out, except for the log-mel distance, which is the training's own ruler
(``vatt_engine.training.spectral``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vatt_engine.evaluation.onsets import find_onsets
from vatt_engine.evaluation.sync import OnsetScore, onset_score

Wave = NDArray[np.float32]

ONSET_TOLERANCE_S = 0.020
AUDIBLE_SHARE = 0.01
"""Level before a click, relative to its peak, that counts as a pre-echo: -40 dB."""


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
