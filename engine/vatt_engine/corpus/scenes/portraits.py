"""A set of still portraits: one cut-out photograph a film, large and nearly at rest.

For one question only: does a model say the right thing about a photograph of something that
sounds? Nothing hits, so the films have no hits and no true sound; only words and categories count.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes import world
from vatt_engine.corpus.scenes.casting import CASTING
from vatt_engine.corpus.scenes.film import write_film
from vatt_engine.corpus.scenes.plan import ASPECT, FPS, SUBSAMPLES, Body, Part, Scene, Sprite
from vatt_engine.corpus.scenes.sets import MANIFEST
from vatt_engine.errors import BadRequest

_HALF = 0.38


def portrait(category: str, photo: str, seed: int = 0, duration_s: float = 2.0) -> Scene:
    """A photograph of ``category`` in one of its places, held by hand."""
    rng = np.random.default_rng([seed, *photo.encode()])
    n_frames = max(round(duration_s * FPS), 1)
    n = n_frames * SUBSAMPLES
    place = str(rng.choice(CASTING[category].places))
    around = world.build(rng, world.WorldPlan(handheld=True), n_frames, place, 0.85, place)
    sprite = Sprite("box", (_HALF, _HALF), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), photo=photo)
    centre = np.tile([ASPECT / 2, 0.5], (n, 1))
    body = Body(sprite, centre, np.zeros(n), np.ones((n, 2)), np.ones(n, bool))
    return Scene(seed, "test", "portrait", place, duration_s, (Part((body,)),), around)


def make_portraits(
    photos: Mapping[str, tuple[str, ...]], folder: Path, height: int = 224, seed: int = 0
) -> Path:
    """Films and manifest of all photographs.

    Args:
        photos: by category, see ``photos.photo_index``; other names are left out.
        folder: made if missing.
        height: pixels.
        seed: of places and camera.

    Returns:
        Path of the manifest, which ``vatt eval MODEL FOLDER --only asked`` reads.

    Raises:
        BadRequest: none of the names is a category.
    """
    known = [(c, p) for c in sorted(photos) if c in CASTING for p in photos[c]]
    if not known:
        raise BadRequest(
            "There are no photographs of known categories.",
            f"Name the folders after categories: {', '.join(list(CATEGORIES)[:4])} ...",
        )
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for category, photo in known:
        name = f"{category}-{Path(photo).stem}.mp4"
        scene = portrait(category, photo, seed)
        write_film(scene, folder / name, height)
        rows.append({
            "film": name,
            "duration_s": scene.duration_s,
            "categories": [category],
            "caption": CATEGORIES[category].phrase,
            "family": "portrait",
        })  # fmt: skip
    manifest = folder / MANIFEST
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return manifest
