"""Words for what a film sounds like: from the plan alone, so a caption never says too much.

The wording is the corpus's own (``corpus.captions``), so that a word means the same for a film and
for a recording. The plain caption is the categories' phrases; seeds give other wordings with pace,
count, loudness and distance as the sources' numbers have them.
"""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.captions import Facts, captions
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes.plan import Scene, Source

SILENCE = "silence"

_FAR, _CLOSE = 0.55, 0.12
_SLOW_HZ, _FAST_HZ = 1.3, 2.6


def caption(scene: Scene, seed: int | None = None) -> str:
    """One caption of everything that is heard; ``silence`` for a film without sources.

    Args:
        scene: the plan.
        seed: which wording; None gives the plain one.
    """
    if not scene.sources:
        return SILENCE
    sources = sorted(scene.sources, key=lambda s: (not s.visible, s.distance))
    if seed is None:
        return " and ".join(CATEGORIES[source.category].phrase for source in sources)
    rng = np.random.default_rng([scene.seed, 31, seed])
    spoken = [captions(facts_of(source), rng, 2)[-1] for source in sources]
    return str(rng.choice([" and ", " while there is ", ", with "])).join(spoken)


def facts_of(source: Source) -> Facts:
    """What the plan knows about a source, in the captions' terms."""
    n = len(source.hits)
    pace = ""
    if source.kind == "rhythm" and n > 2:
        span = source.hits[-1].time_s - source.hits[0].time_s
        rate = (n - 1) / max(span, 1e-3)
        pace = "slow" if rate < _SLOW_HZ else "fast" if rate > _FAST_HZ else ""
    loudest = float(source.intensity.max(initial=0.0))
    far = not source.visible or source.distance > _FAR
    return Facts(
        source.category,
        count=n if source.kind == "oneshot" else 0,
        pace=pace,
        loudness="soft" if loudest < 0.4 else "loud" if loudest > 0.9 else "",
        distance="far" if far else "close" if source.distance < _CLOSE else "",
    )
