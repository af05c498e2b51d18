"""Made films as the audio model learns from them: words, features, lane and sound of a seed.

Nothing is stored: planning and voicing a film of 6 s takes 13 ms of one core, drawing its picture
features 1.5 ms. What costs (codes, states) is packed by who needs it. Motion is not measured here,
the lane is the true one; ``corpus.scenes.examples`` measures motion where a net must read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.captions import caption
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.lane import true_lane
from vatt_engine.corpus.scenes.semantics import FeaturePrior, draw_features
from vatt_engine.corpus.scenes.sound import ShotBank, render_mix

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SceneClip:
    """One made film without its pixels.

    Attributes:
        seed: what everything follows from; with ``split`` it makes the same clip again.
        features: [F, D] picture features at ``fps``, drawn from the prior.
        lane: [T, 2] true sync lane at 50 Hz: hit and intensity, of what the picture shows.
        wave: [S] mono at ``sample_rate``, peak at most 0.89.
        captions: the plain caption first, then other wordings of it.
        categories: of all sources that sound, seen ones first; empty for a silent film.
        missing: categories of the plan that nothing could voice; such a clip teaches a wrong sound.
    """

    seed: int
    features: Floats
    lane: Floats
    wave: Floats
    captions: tuple[str, ...]
    categories: tuple[str, ...]
    missing: tuple[str, ...]


def scene_clip(
    seed: int,
    split: str,
    prior: FeaturePrior,
    bank: ShotBank | None,
    *,
    sample_rate: int = 16_000,
    duration_s: float = 6.0,
    fps: float = 5.0,
    n_captions: int = 4,
) -> SceneClip:
    """The clip of a seed; arguments as in ``make_scene`` and ``render_mix``."""
    scene = make_scene(seed, split, duration_s)
    mix = render_mix(scene, sample_rate, bank)
    wordings = [caption(scene), *(caption(scene, number) for number in range(n_captions - 1))]
    return SceneClip(
        seed,
        draw_features(scene, prior, fps),
        true_lane(scene),
        mix.wave,
        tuple(dict.fromkeys(wordings)),
        tuple(source.category for source in scene.sources),
        mix.missing,
    )


def scene_clips(
    first_seed: int,
    split: str,
    prior: FeaturePrior,
    bank: ShotBank | None,
    *,
    step: int = 1,
    duration_s: float = 6.0,
) -> Iterator[SceneClip]:
    """Fully voiced clips without end; N processes take ``first_seed + i`` and ``step=N``."""
    seed = first_seed
    while True:
        clip = scene_clip(seed, split, prior, bank, duration_s=duration_s)
        if not clip.missing:
            yield clip
        seed += step
