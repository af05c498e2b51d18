"""Which sound family is this? Two opinions, one answer.

One comes from a probe over YAMNet's embeddings, trained on recordings and synthesised sounds. The
other comes from YAMNet's own 521 classes through the fixed table of ``corpus.sound_families``: it
was never trained on anything of ours, so what only our synthesiser's habits suggest does not move
it. Their log-probabilities are averaged.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.sound_families import FAMILIES
from vatt_engine.evaluation import probe
from vatt_engine.evaluation.hearing import Heard
from vatt_engine.evaluation.probe import Probe
from vatt_engine.evaluation.yamnet import class_names

Floats = NDArray[np.floating[Any]]

SHIPPED = Path(__file__).resolve().parents[1] / "assets" / "family_probe.safetensors"

TABLE_SHARE = 0.3
"""Weight of the table in the average; chosen on training packages, each held out in turn."""

_NAMES = tuple(FAMILIES)
_LEAST = 1e-3  # a class YAMNet hears nothing of


class FamilyJudge:
    """Names the sound family of what was heard.

    Args:
        trained: a probe whose categories are sound families.
    """

    def __init__(self, trained: Probe) -> None:
        if not set(trained.categories) <= set(_NAMES):
            raise ValueError("this probe knows other names than the sound families")
        self.probe = trained
        self._at = [_NAMES.index(name) for name in trained.categories]

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """The one that ships.

        Raises:
            BadModelFolder: the file is not there or is no probe.
        """
        return cls(probe.load(path))

    @property
    def names(self) -> tuple[str, ...]:
        """The families, in the order of ``probabilities``."""
        return _NAMES

    def probabilities(self, heard: Heard) -> Floats:
        """[35] in the order of ``FAMILIES``."""
        learnt = np.full(len(_NAMES), _LEAST)
        learnt[self._at] = np.maximum(self.probe.probabilities(heard.features), _LEAST)
        mixed = (1 - TABLE_SHARE) * np.log(learnt) + TABLE_SHARE * np.log(self.by_table(heard))
        raised = np.exp(mixed - mixed.max())
        return np.asarray(raised / raised.sum())

    def family(self, heard: Heard) -> str:
        """The likeliest family."""
        return _NAMES[int(np.argmax(self.probabilities(heard)))]

    def by_table(self, heard: Heard) -> Floats:
        """[35] from YAMNet's classes alone: each family's best class, scaled to sum 1.

        A class counts with its mean over the moments that sound, or with half its best moment if
        that is more: a single bark in six seconds is still a bark.
        """
        best = np.maximum(heard.sounding_scores, 0.5 * heard.scores.max(axis=0))
        rows = np.array([best[list(at)].max() for at in self._classes]) + _LEAST
        return np.asarray(rows / rows.sum())

    @cached_property
    def _classes(self) -> tuple[tuple[int, ...], ...]:
        at = {name: i for i, name in enumerate(class_names())}
        return tuple(tuple(at[name] for name in row.yamnet) for row in FAMILIES.values())
