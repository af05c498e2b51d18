"""Words for what a film sounds like: from the plan alone, so a caption never says too much.

The first caption is plain; ``variants`` says the same in other words. Vocabulary follows the
category table's phrases; pace, count, loudness and distance come from the source's own numbers.
"""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes.plan import Scene, Source

SILENCE = "silence"

_COUNTS = {2: "twice", 3: "three times", 4: "four times"}


def caption(scene: Scene, seed: int | None = None) -> str:
    """One caption of everything that is heard; ``silence`` for a film without sources.

    Args:
        scene: the plan.
        seed: which wording; None gives the plain one.
    """
    if not scene.sources:
        return SILENCE
    rng = None if seed is None else np.random.default_rng([scene.seed, 31, seed])
    spoken = [describe(source, rng) for source in _loudest_first(scene)]
    if len(spoken) == 1:
        return spoken[0]
    joint = " and " if rng is None else str(rng.choice([" and ", ", with ", " while there is "]))
    return spoken[0] + joint + " and ".join(spoken[1:])


def describe(source: Source, rng: np.random.Generator | None = None) -> str:
    """One source in words: how, what, how often, how far."""
    phrase = CATEGORIES[source.category].phrase
    words = [phrase]
    n = len(source.hits)
    if source.kind == "oneshot" and n in _COUNTS:
        words.append(_COUNTS[n])
    if source.kind == "rhythm" and n > 2:
        span = source.hits[-1].time_s - source.hits[0].time_s
        words.append(_pace((n - 1) / max(span, 1e-3)))
    if rng is not None and rng.random() < 0.4:
        strength = float(source.intensity.max(initial=0.0))
        words.append("softly" if strength < 0.4 else "loudly" if strength > 0.85 else "")
    if not source.visible or source.distance > 0.55:
        words.append("in the distance")
    elif rng is not None and source.distance < 0.12 and rng.random() < 0.5:
        words.append("close up")
    return " ".join(w for w in words if w)


def _pace(rate_hz: float) -> str:
    return "slowly" if rate_hz < 1.3 else "quickly" if rate_hz > 2.6 else "steadily"


def _loudest_first(scene: Scene) -> list[Source]:
    return sorted(scene.sources, key=lambda s: (not s.visible, s.distance))
