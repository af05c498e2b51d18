"""What a converter learns to caption: picture features with the words for them.

Two kinds. *Films* are plans of ``corpus.scenes`` with drawn features. *Views* are cheaper and more
varied: things of a category, in one of its places, for a few seconds. Views know every picture
class of the casting table and the kin of animals, since a class that was never named cannot be
guessed from the encoder's features (docs/training-log.md has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.captions import heads
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes.captions import SILENCE
from vatt_engine.corpus.scenes.casting import CASTING
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.plan import Scene, Source
from vatt_engine.corpus.scenes.semantics import FeaturePrior, draw_features, draw_view
from vatt_engine.corpus.scenes.textures import BACKDROPS

Floats = NDArray[np.float32]

FPS = 5
"""Picture features a second; a token of the converter is one second."""

NAMES: tuple[str, ...] = (*CATEGORIES, SILENCE)
"""What a picture or a prompt can be about: the categories, and silence last."""

SILENT = len(CATEGORIES)
"""The number of silence."""

# ImageNet numbers its classes by kin, so the relatives of a cast animal are ranges.
_KIN: Mapping[str, tuple[tuple[int, int], ...]] = {
    "dog": ((151, 268),),
    "cat": ((281, 285),),
    "bird": ((9, 24), (80, 96), (127, 146)),
    "poultry": ((7, 8), (97, 100)),
    "insect": ((308, 320),),
    "animal": ((30, 32), (269, 280), (286, 297), (365, 386)),
    "farm_animal": ((341, 341), (345, 350), (354, 355)),
    "horse": ((339, 340),),
}
_COMPANY, _SILENT = 0.12, 0.08
_LONGEST_S = 8


@dataclass(frozen=True, eq=False)
class Sight:
    """One picture to caption.

    Attributes:
        seconds: [S, D] features, one row a second.
        caption: what it sounds like.
        categories: numbers into ``NAMES``.
    """

    seconds: Floats
    caption: str
    categories: tuple[int, ...]


def film(seed: int, split: str, prior: FeaturePrior, other_words: float = 0.0) -> Sight:
    """The film of a seed; with probability ``other_words`` not in the plainest words."""
    scene = make_scene(seed, split)
    rng = np.random.default_rng([seed, 41])
    return Sight(
        by_second(draw_features(scene, prior, FPS)),
        _worded(tuple(s.category for s in _seen_first(scene)), rng, other_words),
        numbers_of(tuple(s.category for s in scene.sources)),
    )


def view(
    rng: np.random.Generator,
    prior: FeaturePrior,
    other_words: float = 0.0,
    shown: tuple[int, ...] | None = None,
) -> Sight:
    """A view of one or two things that sound, or of a place where nothing does.

    Args:
        rng: what is drawn follows from it.
        prior: of the features.
        other_words: how often the caption is not in the plainest words.
        shown: numbers into ``NAMES`` of what to show; None draws it.
    """
    n = int(rng.integers(1, _LONGEST_S + 1))
    silent = rng.random() < _SILENT if shown is None else SILENT in shown
    if silent:
        features = draw_view(prior, rng, (), str(rng.choice(tuple(BACKDROPS))), n)
        return Sight(features, SILENCE, numbers_of(()))
    names = tuple(CASTING)
    if shown is not None:
        cast = [NAMES[k] for k in shown]
    else:
        cast = [str(rng.choice(names))]
        if rng.random() < _COMPANY:
            cast.append(str(rng.choice(names)))
    classes = tuple(int(rng.choice(classes_of(name, prior.names))) for name in cast)
    # Drawn one after another, each covers what came before: the last is the nearest.
    features = draw_view(prior, rng, classes, str(rng.choice(CASTING[cast[0]].places)), n)
    return Sight(features, _worded(tuple(cast), rng, other_words), numbers_of(tuple(cast)))


@lru_cache(maxsize=256)
def classes_of(category: str, lemmas: tuple[str, ...]) -> tuple[int, ...]:
    """Picture classes of a category: those of the casting table, and their kin.

    Args:
        category: of the casting table.
        lemmas: name of every class of the encoder.
    """
    cast = {lemmas.index(lemma) for lemma in CASTING[category].pictures}
    kin = {k for low, high in _KIN.get(category, ()) for k in range(low, high + 1)}
    return tuple(sorted(cast)) * (1 if not kin else max(1, len(kin) // len(cast))) + tuple(kin)


def numbers_of(categories: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers into ``NAMES``, silence for none."""
    return tuple(NAMES.index(name) for name in dict.fromkeys(categories or (SILENCE,)))


def plain_words(categories: tuple[str, ...]) -> str:
    """The table's phrases, joined."""
    return " and ".join(CATEGORIES[c].phrase for c in dict.fromkeys(categories)) or SILENCE


def by_second(features: Floats) -> Floats:
    """Means [S, D] over whole seconds of features [F, D]; a last part of one counts too."""
    parts = [features[i : i + FPS].mean(axis=0) for i in range(0, len(features), FPS)]
    return np.stack(parts)


def _worded(categories: tuple[str, ...], rng: np.random.Generator, other_words: float) -> str:
    if rng.random() >= other_words:
        return plain_words(categories)
    return " and ".join(
        str(rng.choice(heads(CATEGORIES[c]))) for c in dict.fromkeys(categories)
    ) or SILENCE  # fmt: skip


def _seen_first(scene: Scene) -> list[Source]:
    return sorted(scene.sources, key=lambda s: (not s.visible, s.distance))
