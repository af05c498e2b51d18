"""Seed -> scene: cast a category and a family, add company and trouble, keep the truth.

``make_scene`` is the one door. Same arguments, same scene, on any machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes import casting, distractors, physics, world
from vatt_engine.corpus.scenes.plan import (
    ASPECT,
    FPS,
    LANE_HZ,
    SUBSAMPLES,
    TRACK_HZ,
    Body,
    Floats,
    Hit,
    Part,
    Scene,
    Source,
    World,
)
from vatt_engine.corpus.scenes.stage import Stage
from vatt_engine.corpus.scenes.textures import BACKDROPS

SPLITS = ("train", "valid", "test", "blind")
_PLACES = tuple(BACKDROPS)


def make_scene(
    seed: int,
    split: str = "train",
    duration_s: float = 6.0,
    *,
    category: str | None = None,
    family: str | None = None,
    plan: world.WorldPlan | None = None,
    alone: bool = False,
    photos: Mapping[str, tuple[str, ...]] | None = None,
) -> Scene:
    """Draw a film plan.

    Args:
        seed: what everything follows from.
        split: ``train``; ``valid`` has the training families with other picture classes; ``test``
            has held-out families and other picture classes; ``blind`` has families of its own.
        duration_s: rounded to whole video frames; at least one second.
        category: ask for this category instead of drawing one.
        family: ask for this family, or one of ``casting.SILENT``.
        plan: camera, light and damage; None draws them.
        alone: no second source, no off-screen sound, no distractor, no slow motion.
        photos: cut-out photographs by category (``photos.photo_index``).

    Raises:
        ValueError: an unknown split, category or family, or a pair that does not go together.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is none of {SPLITS}")
    rng = np.random.default_rng([seed, zlib.crc32(split.encode())])
    n_frames = max(round(duration_s * FPS), FPS)
    film_s = np.arange(n_frames * SUBSAMPLES) / TRACK_HZ
    category, family = _cast(rng, split, category, family)
    silent = family in casting.SILENT
    slow = not alone and not silent and rng.random() < 0.08
    clock, factor = world.slow_clock(rng, film_s, slow)
    floor = float(rng.uniform(0.7, 0.95))
    place = str(rng.choice(casting.CASTING[category].places if not silent else _PLACES))
    trouble = world.draw_plan(rng) if plan is None else plan
    if plan is None and family == "camera":
        trouble = replace(trouble, handheld=True, pan=bool(rng.random() < 0.5), light=False)
    if plan is None and family == "light":
        trouble = replace(trouble, handheld=False, pan=False, light=True)
    if plan is None and family == "still":
        trouble = world.WorldPlan(noise=trouble.noise, compression=trouble.compression)
    surroundings = world.build(rng, trouble, n_frames, place, floor, str(rng.choice(_PLACES)))

    def stage(name: str, x: float) -> Stage:
        photo = str(rng.choice(photos[name])) if photos and photos.get(name) else ""
        own = np.random.default_rng(rng.integers(2**63))
        size = float(np.exp(rng.uniform(np.log(0.05), np.log(0.14))))
        metres = float(np.exp(rng.uniform(np.log(0.5), np.log(3.0))))
        return Stage(own, name, clock, film_s, floor, x, size, metres, photo)

    parts: list[Part] = []
    extra: list[Source] = []
    if not silent:
        company = not alone and rng.random() < 0.2
        x = float(rng.uniform(0.45, 0.65) if company else rng.uniform(0.6, 1.15))
        parts.append(_perform(rng, stage(category, x), family, split))
        if company:
            other, other_family = _cast(rng, split, None, None, sounding=True)
            parts.append(
                _perform(rng, stage(other, float(rng.uniform(1.15, 1.4))), other_family, split)
            )
        if not alone and rng.random() < 0.1:
            extra.append(_unseen(rng, film_s, split))
    if family == "distractor" or (not alone and family != "still" and rng.random() < 0.2):
        own = stage("room_tone", float(rng.uniform(0.3, 1.4)))
        parts.insert(0, distractors.distractor(own))
    parts = [_look_at(part, surroundings) for part in parts]
    style = trouble.style + (("slow_motion",) if slow else ())
    return Scene(
        seed,
        split,
        family,
        place,
        n_frames / FPS,
        tuple(parts),
        surroundings,
        style,
        1 / factor,
        tuple(extra),
    )


def _cast(
    rng: np.random.Generator,
    split: str,
    category: str | None,
    family: str | None,
    sounding: bool = False,
) -> tuple[str, str]:
    """Choose a category, then one of its families that the split may show."""
    if category is not None and category not in casting.CASTING:
        raise ValueError(f"no scene category {category!r}; see corpus.scenes.casting")
    if family in casting.SILENT:
        return category or "room_tone", str(family)
    if family is None and category is None and not sounding and rng.random() < 0.1:
        return "room_tone", str(rng.choice(casting.SILENT))
    pairs = [
        pair
        for pair in (casting.choices(split) if family is None else _all_pairs())
        if category in (None, pair[0]) and family in (None, pair[1])
    ]
    if not pairs:
        raise ValueError(
            f"no {split} film shows {category or 'anything'} as {family or 'anything'}"
        )
    names = sorted({pair[0] for pair in pairs})
    chosen = str(rng.choice(names))
    return chosen, str(rng.choice([f for c, f in pairs if c == chosen]))


def _all_pairs() -> list[tuple[str, str]]:
    known = [(c, f) for c, row in casting.CASTING.items() for f in row.families]
    return known + casting.choices("blind")


def _perform(rng: np.random.Generator, stage: Stage, family: str, split: str) -> Part:
    part = casting.family_of(family)(stage)
    picture = str(rng.choice(casting.pictures(stage.category, split)))
    source = part.source
    if source is not None:
        source = replace(source, distance=round(float(rng.beta(1.5, 4)), 3))
    return replace(part, source=source, picture=picture)


def _unseen(rng: np.random.Generator, film_s: Floats, split: str) -> Source:
    """A sound from outside the picture: its moments cannot be seen."""
    names = sorted({c for c, _ in casting.choices(split)})
    name = str(rng.choice(names))
    kind = CATEGORIES[name].kind
    rate = float(rng.uniform(0.3, 0.8) if kind == "oneshot" else rng.uniform(1.0, 2.5))
    end = float(film_s[-1])
    times = physics.series(rng, float(rng.uniform(0.1, 0.5)) * end, end, rate, 0.1)
    hits = tuple(Hit(round(float(t), 4), 0.6, False) for t in times)
    lane_s = film_s[:: TRACK_HZ // LANE_HZ]
    level = np.full(len(lane_s), 0.5) if kind == "continuous" else bumps_of(lane_s, hits)
    return Source(name, kind, () if kind == "continuous" else hits, level, False, 0.7)


def bumps_of(lane_s: Floats, hits: tuple[Hit, ...]) -> Floats:
    """Envelope of bare contacts at the lane's rate."""
    level = np.zeros(len(lane_s))
    for hit in hits:
        own = hit.strength * physics.bumps(lane_s, np.array([hit.time_s]), 0.005, 0.12)
        level = np.maximum(level, own)
    return level


def _look_at(part: Part, around: World) -> Part:
    """Mark the contacts that the picture does not show: cut away, out of frame, covered."""
    if part.source is None or not part.source.hits:
        return part
    hits = tuple(
        replace(hit, visible=hit.visible and _shown(part.bodies, around, hit.time_s))
        for hit in part.source.hits
    )
    return replace(part, source=replace(part.source, hits=hits))


def _shown(bodies: tuple[Body, ...], around: World, time_s: float) -> bool:
    frame = min(int(time_s * FPS), len(around.cutaway) - 1)
    if around.cutaway[frame]:
        return False
    moving = 0
    for body in bodies:
        k = min(int(time_s * TRACK_HZ), len(body.angle) - 1)
        j = max(k - 8, 0)
        travelled = np.abs(body.pos[k] - body.pos[j]).sum() + 0.1 * abs(
            body.angle[k] - body.angle[j]
        )
        travelled += 0.1 * np.abs(body.scale[k] - body.scale[j]).sum()
        if travelled < 1e-4 or not body.shown[j : k + 1].any():
            continue
        moving += 1
        x, y, zoom = around.camera[k]
        dx, dy = (body.pos[k, 0] - x) * zoom, (body.pos[k, 1] - y) * zoom
        if abs(dx) > ASPECT / 2 or abs(dy) > 0.5 - around.bars:
            continue
        cover = around.occluder
        if cover is not None:
            off = np.abs(body.pos[k] - cover.pos[k])
            if off[0] < cover.sprite.half[0] and off[1] < cover.sprite.half[1]:
                continue
        return True
    # Nothing moved there: specks or a seething region told the story, or nothing did.
    return moving == 0
