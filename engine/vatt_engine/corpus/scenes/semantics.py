"""What a film would look like to the picture encoder, drawn in feature space in microseconds.

The encoder of the bundled model ends in batch norm, ReLU6 and a mean over positions. Batch norm's
scale and shift are the statistics of real photographs, so a position's activation is drawn as
``relu6(shift + scale * (style + detail + k * class direction))``, where the class direction is the
classifier's row. With style 0.6..0.8 and k near 0.3 the drawn features have the norm, sparsity,
mutual cosine and classifier confidence of features of real cut-out photographs (docs/scenes.md
gives the figures). The exact path, ``encode_film``, renders frames and runs the encoder itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.plan import FPS, Part, Scene

Floats = NDArray[np.float32]

_POSITIONS = 8
PLACE_CLASSES = {
    "room": ("desk", "studio couch", "bookcase", "window shade", "entertainment center"),
    "planks": ("barn", "worm fence", "desk", "pier"),
    "tiles": ("washbasin", "bathtub", "stove", "shower curtain"),
    "street": ("street sign", "traffic light", "parking meter", "cab", "palace"),
    "field": ("hay", "alp", "valley", "barn", "rapeseed"),
    "forest": ("valley", "cliff", "acorn", "agaric", "lakeside"),
    "water": ("lakeside", "seashore", "sandbar", "promontory"),
    "sky": ("wing", "airliner", "alp", "kite"),
    "night": ("spotlight", "torch", "stage", "candle"),
    "snow": ("alp", "ski", "snowplow", "snowmobile"),
    "workshop": ("carpenter's kit", "power drill", "crate", "lumbermill"),
    "plain": ("screen", "monitor", "velvet"),
}
"""What a photograph of each backdrop would show: ImageNet classes by their first lemma."""


@dataclass(frozen=True, eq=False)
class FeaturePrior:
    """Statistics of an encoder's features, read from its own last layers.

    Attributes:
        scale, shift: batch norm of the last convolution [D].
        directions: unit class directions [classes, D], scaled to root-mean-square 1.
        names: first lemma of every class.
    """

    scale: Floats
    shift: Floats
    directions: Floats
    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """D, length of a feature vector."""
        return len(self.scale)

    @classmethod
    def load(cls, path: Path, prefix: str = "") -> FeaturePrior:
        """Read the prior from the safetensors file of an EfficientNet-Lite of timm.

        Args:
            path: the weights.
            prefix: what precedes ``bn2.`` and ``classifier.`` in the names.
        """
        from safetensors.numpy import load_file

        tensors = load_file(str(path))
        rows = tensors[f"{prefix}classifier.weight"].astype(np.float32)
        rows = rows - rows.mean(axis=0)
        rows /= np.sqrt((rows**2).mean(axis=1, keepdims=True))
        return cls(
            tensors[f"{prefix}bn2.weight"].astype(np.float32),
            tensors[f"{prefix}bn2.bias"].astype(np.float32),
            rows,
            imagenet_lemmas(),
        )

    def index(self, lemma: str) -> int:
        """Class number of a lemma.

        Raises:
            ValueError: no class is called that.
        """
        return self.names.index(lemma)


@lru_cache(maxsize=1)
def imagenet_lemmas() -> tuple[str, ...]:
    """First lemma of each of the 1000 classes, in the classifier's order."""
    from timm.data import ImageNetInfo  # imports torch, so only when features are drawn

    info = ImageNetInfo()
    return tuple(info.index_to_description(k).split(",")[0].strip() for k in range(1000))


def draw_features(scene: Scene, prior: FeaturePrior, fps: float = 5.0) -> Floats:
    """Picture features [F, D] of a film at ``fps``, drawn from the prior.

    Every shot keeps its style; a thing counts by how large it is and whether it is in view; small
    changes from frame to frame follow.
    """
    rng = np.random.default_rng([scene.seed, 23])
    n = max(round(scene.duration_s * fps), 1)
    at = np.minimum((np.arange(n) / fps * FPS).astype(int), scene.n_frames - 1)
    shots = scene.world.shot[at]
    shares = [_share(part, scene, at, rng) for part in scene.parts if part.picture]
    classes = [prior.index(part.picture) for part in scene.parts if part.picture]
    clear = float(rng.uniform(0.7, 1.0)) if scene.world.quantiser > 0.08 else 1.0
    out = np.empty((n, prior.width), np.float32)
    spread = float(rng.uniform(0.6, 0.8))
    for shot in np.unique(shots):
        style = spread * rng.standard_normal(prior.width).astype(np.float32)
        mine = shots == shot
        place = scene.world.backdrops[int(shot)].kind
        names = PLACE_CLASSES[place]
        scenery = prior.index(str(rng.choice(names)))
        ground = _region(prior, rng, style, spread, scenery, float(rng.uniform(0.05, 0.3)))
        mixed = np.repeat(ground[None], int(mine.sum()), axis=0)
        for share, number in zip(shares, classes, strict=True):
            strength = clear * float(rng.uniform(0.12, 0.42))
            thing = _region(prior, rng, style, spread, number, strength)
            mixed += share[mine, None] * (thing - mixed)
        out[mine] = mixed
    flutter = 0.05 * rng.standard_normal(out.shape).astype(np.float32)
    return np.maximum(out * (1 + flutter), 0)


def draw_view(
    prior: FeaturePrior,
    rng: np.random.Generator,
    things: Sequence[int],
    place: str,
    n: int,
) -> Floats:
    """Features [n, D] of one shot of things of classes ``things`` in a place, without a film.

    More varied than films are: a thing may be faint or small, stray classes shine through, and
    the whole varies in strength. So what is learnt on views holds for photographs better.
    """
    spread = float(rng.uniform(0.5, 0.85))
    style = spread * rng.standard_normal(prior.width).astype(np.float32)
    scenery = prior.index(str(rng.choice(PLACE_CLASSES[place])))
    mixed = _region(prior, rng, style, spread, scenery, float(rng.uniform(0, 0.3)))
    mixed = np.repeat(mixed[None], n, axis=0)
    for number in things:
        strength = float(rng.uniform(0.08, 0.45))
        thing = _region(prior, rng, style, spread, number, strength, n_stray=2)
        share = float(rng.uniform(0.3, 0.95)) * rng.uniform(0.8, 1.0, (n, 1)).astype(np.float32)
        mixed += share * (thing - mixed)
    mixed *= np.float32(rng.uniform(0.75, 1.25))
    flutter = 0.05 * rng.standard_normal(mixed.shape).astype(np.float32)
    return np.maximum(mixed * (1 + flutter), 0)


def _region(
    prior: FeaturePrior,
    rng: np.random.Generator,
    style: Floats,
    spread: float,
    number: int,
    strength: float,
    n_stray: int = 0,
) -> Floats:
    """Mean activation [D] of a region that shows class ``number``, and traces of others."""
    detail = rng.standard_normal((_POSITIONS, prior.width)).astype(np.float32)
    detail *= np.float32(np.sqrt(1 - spread**2))
    shown = strength * prior.directions[number]
    for stray in rng.integers(len(prior.directions), size=n_stray):
        shown = shown + float(rng.uniform(0, 0.5)) * strength * prior.directions[stray]
    z = prior.shift + prior.scale * (style + detail + shown)
    return np.asarray(np.clip(z, 0, 6).mean(axis=0), np.float32)


def _share(part: Part, scene: Scene, at: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """How much of the picture a part's thing fills [F], 0 when it is not in view."""
    base = float(rng.uniform(0.25, 0.85))
    seen = ~scene.world.cutaway[at]
    if part.bodies:
        samples = at * (len(part.bodies[0].angle) // scene.n_frames)
        visible = np.any([body.shown[samples] for body in part.bodies], axis=0)
        # A thing that only shows for moments is still known from its surroundings.
        seen = seen & (visible | (rng.random() < 0.5))
    zoom = scene.world.camera[:: len(scene.world.camera) // scene.n_frames, 2][at]
    return np.asarray(np.clip(base * zoom**0.5, 0, 0.95) * seen, np.float32)


def encode_film(
    scene: Scene,
    encode: Callable[[NDArray[np.uint8]], Floats],
    fps: float = 5.0,
    height: int = 224,
) -> Floats:
    """The exact way: render the film and run the encoder on it.

    Args:
        scene: the plan.
        encode: uint8 [B, 3, H, W] -> features [B, D], such as a wrapped ``nets.visual`` encoder.
        fps: of the features.
        height: pixels of the rendered pictures.

    Returns:
        [F, D], as many rows as ``draw_features`` gives.
    """
    n = max(round(scene.duration_s * fps), 1)
    wanted = np.minimum((np.arange(n) / fps * FPS).astype(int), scene.n_frames - 1)
    rows: list[Floats] = []
    start = 0
    for chunk in frames(scene, height):
        mine = wanted[(wanted >= start) & (wanted < start + len(chunk))] - start
        if len(mine):
            rows.append(encode(np.ascontiguousarray(chunk[mine].transpose(0, 3, 1, 2))))
        start += len(chunk)
    return np.concatenate(rows)
