"""Training examples without films on disk: seed in, features and truth out.

Motion is real: the film is drawn in grey at the motion meter's size and measured by the code that
measures footage. Picture features are drawn from the prior (``semantics``), or come from the real
encoder when one is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.captions import caption
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.lane import true_lane
from vatt_engine.corpus.scenes.plan import Scene
from vatt_engine.corpus.scenes.semantics import FeaturePrior, draw_features, encode_film
from vatt_engine.motion import MOTION_HEIGHT, Motion, MotionMeter

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Example:
    """One film as a net sees it.

    Attributes:
        scene: the plan, for its sound (``sound.render_mix``) and its words (``captions``).
        features: [F, D] picture features at ``fps``.
        motion: [F25, M] of ``vatt_engine.motion``.
        lane: [T, 2] the true sync lane at 50 Hz, of what the picture shows.
        caption: the plain caption.
        categories: of all sources, seen ones first.
    """

    scene: Scene
    features: Floats
    motion: Motion
    lane: Floats
    caption: str
    categories: tuple[str, ...]


def measure_motion(scene: Scene) -> Motion:
    """Motion features [F25, M] of the drawn film."""
    meter = MotionMeter()
    for chunk in frames(scene, MOTION_HEIGHT, grey=True):
        for image in chunk:
            meter.feed(np.ascontiguousarray(image))
    return meter.finish()


def make_example(
    seed: int,
    split: str,
    prior: FeaturePrior,
    duration_s: float = 6.0,
    fps: float = 5.0,
    encode: Callable[[NDArray[np.uint8]], Floats] | None = None,
) -> Example:
    """One example; ``encode`` runs the real picture encoder instead of drawing its features."""
    scene = make_scene(seed, split, duration_s)
    if encode is None:
        features = draw_features(scene, prior, fps)
    else:
        features = encode_film(scene, encode, fps)
    return Example(
        scene,
        features,
        measure_motion(scene),
        true_lane(scene),
        caption(scene),
        tuple(source.category for source in scene.sources),
    )


def stream(
    first_seed: int,
    prior: FeaturePrior,
    *,
    split: str = "train",
    duration_s: float = 6.0,
    step: int = 1,
) -> Iterator[Example]:
    """Examples without end; give each of N processes ``first_seed + i`` and ``step=N``."""
    seed = first_seed
    while True:
        yield make_example(seed, split, prior, duration_s)
        seed += step
