"""Abstract contacts: bodies that meet something, along any path, in any manner.

The families of ``corpus.scenes`` each show one mechanism. What they share is more general: at a
contact a body's way breaks off, turns round, or begins. These films show just that, drawn at random
(direction, turning, growing; how fast it comes and how it goes), so that a spotter learns the break
and not the mechanisms. Beside them stand rules that are no contacts between two bodies seen
(``mechanisms``), and motion that is not heard. They are for training alone.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.distractors import distractor
from vatt_engine.corpus.scenes.plan import (
    ASPECT,
    SUBSAMPLES,
    TRACK_HZ,
    Body,
    Floats,
    Part,
    Scene,
    Source,
)
from vatt_engine.corpus.scenes.stage import Stage
from vatt_engine.training import mechanisms

FAMILY = "contact"
_SILENT = 0.12  # share of films in which something only sways
_UNSEEN_S = 0.03  # a body that is outside the picture this long before a contact does not show it


def contact_scene(seed: int, duration_s: float) -> Scene:
    """A film of one to three things that sound, or of none, with the usual troubles of a film."""
    rng = np.random.default_rng([seed, 4711])
    scene = make_scene(seed, "train", duration_s, family="distractor")
    parts: list[Part] = []
    silent = rng.random() < _SILENT
    for _ in range(0 if silent else int(rng.choice([1, 2, 3], p=[0.75, 0.2, 0.05]))):
        parts.append(performed(rng, scene))
    if silent or rng.random() < 0.2:
        parts.insert(0, mechanisms.swaying(stage_of(rng, scene)))
    if rng.random() < 0.15:
        parts.insert(0, distractor(stage_of(rng, scene)))
    return replace(scene, family=FAMILY, parts=tuple(parts))


def performed(rng: np.random.Generator, scene: Scene) -> Part:
    """Something that makes hits in ``scene``; those that its world does not show are marked."""
    perform = _PERFORMERS[int(rng.choice(len(_PERFORMERS), p=_SHARES))]
    return _seen(perform(stage_of(rng, scene)), scene)


def stage_of(rng: np.random.Generator, scene: Scene) -> Stage:
    """A place for one thing, anywhere in ``scene`` and of any size."""
    film_s = np.arange(scene.n_frames * SUBSAMPLES) / TRACK_HZ
    return Stage(
        np.random.default_rng(rng.integers(2**63)),
        "room_tone",
        film_s,
        film_s,
        float(rng.uniform(0.5, 0.95)),
        float(rng.uniform(0.3, 1.5)),
        float(np.exp(rng.uniform(np.log(0.04), np.log(0.16)))),
        float(np.exp(rng.uniform(np.log(0.5), np.log(3.0)))),
    )


def _contacts(stage: Stage) -> Part:
    rate = float(np.exp(stage.uniform(np.log(0.4), np.log(4.5))))
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.1, end, rate, stage.uniform(0.0, 0.4))
    times = times[np.diff(times, prepend=-1.0) > 0.12]
    away, strengths = _distance(stage, times)
    dip: Floats = np.zeros(stage.n)
    if stage.chance(0.3):  # it gives way after the contact
        dip = physics.bumps(stage.clock, times, stage.uniform(0.02, 0.09), stage.uniform(0.05, 0.2))
    half = stage.size
    sprite = stage.sprite(
        str(stage.rng.choice(mechanisms.SHAPES)), half, half * stage.uniform(0.4, 1.0)
    )
    drift = stage.uniform(-0.06, 0.06) * (stage.clock - stage.end_s / 2)
    squash = 1 - stage.uniform(0.05, 0.3) * dip
    direction = stage.uniform(-np.pi, np.pi) if stage.chance(0.6) else -np.pi / 2
    manner = stage.rng.random()
    others = []
    if manner < 0.6:  # a way along a line, perhaps with a turn
        reach = stage.uniform(0.06, 0.6)
        sink = stage.uniform(0.0, 0.05) * dip
        x = stage.x + drift + np.cos(direction) * (reach * away - sink)
        y = stage.floor - half + np.sin(direction) * (reach * away - sink)
        turn = stage.uniform(-2, 2) * away if stage.chance(0.4) else 0.0
        body = stage.body(sprite, x, y, turn, 1.0, squash)
        if stage.chance(0.5):  # what it meets
            off = 1.6 * half
            others.append(
                stage.body(
                    stage.sprite("box", half, half),
                    stage.x + drift - np.cos(direction) * off,
                    stage.floor - half - np.sin(direction) * off,
                    direction,
                )
            )
    elif manner < 0.88:  # a turn about a pivot
        length, swing = stage.uniform(0.12, 0.5), stage.uniform(0.15, 1.4)
        angle = direction + swing * away * (1 if stage.chance(0.5) else -1)
        x = stage.x + drift + length * (np.cos(angle) - np.cos(direction))
        y = stage.floor - half + length * (np.sin(angle) - np.sin(direction))
        body = stage.body(sprite, x, y, angle, 1.0, squash)
        if stage.chance(0.7):
            middle = 0.5 * length
            others.append(
                stage.body(
                    stage.sprite("bar", middle, stage.uniform(0.008, 0.03)),
                    x - middle * np.cos(angle),
                    y - middle * np.sin(angle),
                    angle,
                )
            )
    else:  # it grows and shrinks
        grown = 1 + stage.uniform(0.1, 0.6) * away - 0.1 * dip
        body = stage.body(sprite, stage.x + drift, stage.floor - 2 * half, 0.0, grown)
    return stage.part(bodies=(*others, body), times=times, strengths=strengths, kind="rhythm")


def _distance(stage: Stage, times: Floats) -> tuple[Floats, Floats]:
    """How far the body is from its contact [N], 0..1 and 0 at ``times``; and strengths."""
    bounds = np.concatenate([[times[0] - 0.6], times, [times[-1] + 0.8]])
    index = np.clip(np.searchsorted(bounds, stage.clock, side="right"), 1, len(bounds) - 1)
    before, after = bounds[index - 1], bounds[index]
    length = after - before
    since = np.clip(stage.clock - before, 0, length)
    left = length - since
    u = since / length
    reach = np.clip(stage.rng.uniform(0.5, 1, len(bounds)), 0, 1)[index]
    first, last = index == 1, index == len(bounds) - 1
    kind = stage.rng.random()
    if kind < 0.3:  # thrown back: as fast as it came, or nearly
        bend = stage.uniform(0.8, 2.0)
        away = np.sin(np.pi * u) ** (1 / bend) if stage.chance(0.5) else 4 * u * (1 - u)
    elif kind < 0.75:  # comes fast, stays a moment, is taken away
        come, go = stage.uniform(0.06, 0.35), stage.uniform(0.15, 0.6)
        stay = stage.uniform(0.0, 0.25)
        power = stage.uniform(0.6, 1.8)
        coming = np.clip(left / np.minimum(come, 0.5 * length), 0, 1) ** power
        rise = np.clip((since - stay * length) / np.minimum(go, 0.4 * length), 0, 1)
        away = np.minimum(np.where(first, 1.0, rise * rise * (3 - 2 * rise)), coming)
        away = np.where(last, rise * rise * (3 - 2 * rise) * float(stage.chance(0.5)), away)
        return away * reach, np.clip(stage.rng.uniform(0.4, 1.0, len(times)), 0.1, 1)
    else:  # the contact sets it moving, and it comes back by itself
        attack, decay = stage.uniform(0.02, 0.09), stage.uniform(0.08, 0.3)
        away = physics.bumps(stage.clock, times, attack, decay)
        return away * stage.uniform(0.3, 1.0), stage.rng.uniform(0.4, 1.0, len(times))
    away = np.where(first, np.clip(left / 0.4, 0, 1), away)
    away = np.where(last, away * float(stage.chance(0.5)), away)
    return away * reach, reach[np.searchsorted(stage.clock, times).clip(0, stage.n - 1)]


def _seen(part: Part, scene: Scene) -> Part:
    """Mark contacts that cannot be seen: during a cutaway, or outside the picture."""
    assert part.source is not None
    hits = []
    for hit in part.source.hits:
        frame = min(int(hit.time_s * TRACK_HZ / SUBSAMPLES), scene.n_frames - 1)
        k = min(max(int((hit.time_s - _UNSEEN_S) * TRACK_HZ), 0), len(scene.world.camera) - 1)
        inside = not part.bodies or any(_inside(body, scene, k) for body in part.bodies)
        hits.append(replace(hit, visible=inside and not bool(scene.world.cutaway[frame])))
    source: Source = replace(part.source, hits=tuple(hits))
    return replace(part, source=source)


def _inside(body: Body, scene: Scene, k: int) -> bool:
    """Whether a body that moves is in the picture, and not covered, at track sample ``k``."""
    before = max(k - 8, 0)
    moved = np.abs(body.pos[k] - body.pos[before]).sum() + np.abs(
        body.angle[k] - body.angle[before]
    )
    moved += np.abs(body.scale[k] - body.scale[before]).sum()
    ahead = min(k + 8, len(body.angle) - 1)
    sets_off = np.abs(body.pos[ahead] - body.pos[k]).sum() + np.abs(
        body.angle[ahead] - body.angle[k]
    )
    sets_off += np.abs(body.scale[ahead] - body.scale[k]).sum()
    if max(moved, sets_off) < 1e-4 or not body.shown[before : ahead + 1].any():
        return False
    x, y, zoom = scene.world.camera[k]
    off_x, off_y = (body.pos[k] - (x, y)) * zoom
    if abs(off_x) >= ASPECT / 2 or abs(off_y) >= 0.5 - scene.world.bars:
        return False
    cover = scene.world.occluder
    if cover is None:
        return True
    off = np.abs(body.pos[k] - cover.pos[k])
    return not (off[0] < cover.sprite.half[0] and off[1] < cover.sprite.half[1])


_PERFORMERS = (_contacts, mechanisms.jerked, mechanisms.flying, mechanisms.running)
_SHARES = (0.35, 0.27, 0.18, 0.2)
