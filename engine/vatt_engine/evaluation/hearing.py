"""One recording as YAMNet hears it: scores and embeddings of the moments that sound.

A take is a few sounds in a quiet room. Averaged over all of it, two knocks in six seconds would be
judged as a quiet room; so what is far quieter than the loudest moment is left out before averages
are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from vatt_engine.evaluation.yamnet import SAMPLE_RATE, Yamnet

Floats = NDArray[np.floating[Any]]

SOUNDING = 10 ** (-30 / 20)
"""Magnitude, relative to the loudest patch, below which a patch is a pause."""

FEATURES_WIDTH = 3 * 1024


@dataclass(frozen=True, eq=False)
class Heard:
    """What was heard, a row for every 0.48 s.

    Attributes:
        scores: [N, 521] class probabilities.
        embeddings: [N, 1024].
        sounding: [N] bool, False for pauses; at least one is True.
    """

    scores: Floats
    embeddings: Floats
    sounding: NDArray[np.bool_]

    @property
    def features(self) -> Floats:
        """[3072] for the probes: mean, maximum and deviation of the sounding embeddings."""
        rows = self.embeddings[self.sounding]
        return np.concatenate([rows.mean(axis=0), rows.max(axis=0), rows.std(axis=0)])

    @property
    def mean_scores(self) -> Floats:
        """[521] over all moments, pauses included."""
        return np.asarray(self.scores.mean(axis=0))

    @property
    def sounding_scores(self) -> Floats:
        """[521] over the moments that sound."""
        return np.asarray(self.scores[self.sounding].mean(axis=0))


def hear(yamnet: Yamnet, wave: Floats, sample_rate: int) -> Heard:
    """Listen to a mono wave [S] of any rate."""
    at16 = np.asarray(soxr.resample(wave, sample_rate, SAMPLE_RATE), np.float32)
    with torch.inference_mode():
        patches = yamnet.patches(torch.from_numpy(at16))
        scores, embeddings = yamnet(patches)
        # The loudest of the patch's ten-millisecond rows, in mel magnitude: a click counts as loud.
        level = patches.exp().mean(dim=2).amax(dim=1)
    loud = level.numpy()
    return Heard(scores.numpy(), embeddings.numpy(), loud >= SOUNDING * loud.max())
