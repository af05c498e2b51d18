"""Families of fluids, fire and weather, whose sound lasts; and places that sound by themselves."""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.plan import ASPECT, TRACK_HZ, Body, Colour, Floats, Part, Shimmer
from vatt_engine.corpus.scenes.stage import Stage, specks

_VIDEO_STEP = 4


def switched(stage: Stage, fade_s: float = 0.15) -> Floats:
    """Envelope [N]: on within a window, with short fades unless it covers the whole film."""
    start, end = stage.window(1.2)
    rise = np.ones(stage.n) if start == 0 else np.clip((stage.clock - start) / fade_s, 0, 1)
    drop = np.ones(stage.n) if end == stage.end_s else np.clip((end - stage.clock) / fade_s, 0, 1)
    return rise * drop


def starts_of(stage: Stage, gate: Floats) -> Floats:
    """World times where the envelope begins from silence; an attack is heard there."""
    rising = np.flatnonzero((gate[1:] > 0.02) & (gate[:-1] <= 0.02))
    return stage.clock[rising + 1]


def seethe(
    stage: Stage,
    centre: tuple[float, float],
    radii: tuple[float, float],
    amplitude: Floats,
    *,
    cells: float,
    drift: tuple[float, float],
    morph_hz: float,
    colour: Colour,
    glow: float = 0.0,
) -> Shimmer:
    """A region whose pattern drifts (heights a second) and changes (patterns a second).

    ``amplitude`` is a track [N]; ``cells`` the size of a cell of the pattern; the rest is as in
    ``plan.Shimmer``.
    """
    clock = stage.clock[::_VIDEO_STEP]
    moved = np.outer(clock, np.asarray(drift)) / cells
    return Shimmer(
        centre,
        radii,
        cells,
        moved,
        morph_hz * clock,
        np.asarray(amplitude)[::_VIDEO_STEP],
        colour,
        int(stage.rng.integers(2**31)),
        glow,
    )


def _stream(
    stage: Stage, x: float, top: float, bottom: float, gate: Floats, n: int, spread: float
) -> tuple[Floats, Floats]:
    """Falling grains or drops: positions and speeds [N, P, 2]; they exist only where gate is on."""
    height = max(bottom - top, 0.05)
    fall_s = float(np.sqrt(2 * height / stage.gravity))
    birth = stage.rng.uniform(0, fall_s, n)
    age = (stage.clock[:, None] - birth) % fall_s
    born = stage.clock[:, None] - age
    alive = np.interp(born.ravel(), stage.clock, gate).reshape(born.shape) > 0.05
    alive &= born >= 0 if gate[0] < 0.05 else True
    y = top + 0.5 * stage.gravity * age**2
    px = x + spread * stage.rng.standard_normal(n) * (0.4 + age / fall_s)
    pos = np.stack([px, y], axis=-1)
    pos[~alive] = np.nan
    speed = np.stack([np.zeros_like(y), stage.gravity * age], axis=-1)
    return pos, speed


def pour(stage: Stage) -> Part:
    """Liquid or grain poured from a vessel, seen as a falling stream."""
    gate = switched(stage)
    top = stage.uniform(0.15, 0.4)
    pos, speed = _stream(stage, stage.x, top, stage.floor, gate, 90, 0.012)
    tilt = 0.4 + 0.7 * gate
    jug = stage.body(
        stage.sprite("bottle", stage.size, stage.size * 1.4, real=True),
        stage.x - stage.size,
        top - 0.03,
        tilt,
    )
    pool = seethe(
        stage,
        (stage.x, stage.floor + 0.02),
        (0.2, 0.05),
        0.3 * gate,
        cells=0.03,
        drift=(0.1, 0),
        morph_hz=8.0,
        colour=(0.9, 0.95, 1.0),
    )
    starts = starts_of(stage, gate)
    return stage.part(
        bodies=(jug,),
        particles=(specks(pos, speed, stage.colour(0.6, 1.0)),),
        shimmers=(pool,),
        times=starts,
        strengths=np.full(len(starts), 0.5),
        level=0.8 * gate,
        kind="continuous",
    )


def flow(stage: Stage) -> Part:
    """Running water, waves, bubbles, foliage or smoke in the wind: a texture that travels."""
    gate = np.ones(stage.n) if stage.chance(0.6) else switched(stage, 0.6)
    swell = 0.75 + 0.25 * np.sin(2 * np.pi * stage.uniform(0.1, 0.4) * stage.clock)
    waves = stage.category == "sea_waves"
    if waves:
        swell = 0.5 + 0.5 * np.sin(2 * np.pi * stage.uniform(0.12, 0.25) * stage.clock)
    level = gate * (0.2 + 0.8 * swell)
    drift = (stage.uniform(-0.35, 0.35), stage.uniform(-0.1, 0.2))
    wide = stage.chance(0.5)
    region = seethe(
        stage,
        (stage.x, stage.floor - 0.1),
        (1.4 if wide else 0.45, stage.uniform(0.15, 0.4)),
        0.35 * level,
        cells=stage.uniform(0.02, 0.07),
        drift=drift,
        morph_hz=stage.uniform(2, 7),
        colour=stage.colour(0.6, 1.0),
    )
    thing: tuple[Body, ...] = ()
    if stage.photo or stage.chance(0.3):
        sprite = stage.sprite("blob", stage.size * 1.4, stage.size, real=True)
        thing = (
            stage.body(
                sprite,
                stage.x,
                stage.floor - 0.25,
                0.08 * physics.smooth_walk(stage.rng, stage.n, 1.0, TRACK_HZ) * gate,
            ),
        )
    return stage.part(bodies=thing, shimmers=(region,), level=0.85 * level, kind="continuous")


def surge(stage: Stage) -> Part:
    """A fountain, geyser, bonfire or gust: specks thrown up over a seething ground."""
    gate = switched(stage, 0.25)
    wander = 0.8 + 0.2 * physics.smooth_walk(stage.rng, stage.n, 1.5, TRACK_HZ)
    level = np.clip(gate * wander, 0, 1)
    n = 80
    life = stage.uniform(0.5, 0.9)
    birth = stage.rng.uniform(0, life, n)
    age = (stage.clock[:, None] - birth) % life
    born = stage.clock[:, None] - age
    alive = np.interp(born.ravel(), stage.clock, gate).reshape(born.shape) > 0.05
    vx, vy = stage.rng.normal(0, 0.12, n), -stage.rng.uniform(0.7, 1.4, n)
    pos = np.stack([stage.x + vx * age, stage.floor - 0.05 + vy * age + 1.2 * age**2], axis=-1)
    pos[~alive] = np.nan
    speed = np.stack([np.broadcast_to(vx, age.shape), vy + 2.4 * age], axis=-1)
    base = seethe(
        stage,
        (stage.x, stage.floor),
        (0.3, 0.1),
        0.4 * level,
        cells=0.03,
        drift=(0, -0.3),
        morph_hz=6.0,
        colour=(1.0, 0.95, 0.85),
    )
    starts = starts_of(stage, gate)
    return stage.part(
        particles=(specks(pos, speed, stage.colour(0.6, 1.0)),),
        shimmers=(base,),
        times=starts,
        strengths=np.full(len(starts), 0.5),
        level=0.85 * level,
        kind="continuous",
    )


def rainfall(stage: Stage) -> Part:
    """Rain or hail over the whole picture, light or heavy."""
    gate = np.ones(stage.n) if stage.chance(0.7) else switched(stage, 0.8)
    heavy = stage.uniform(0.3, 1.0)
    n = int(60 + 240 * heavy)
    speed = stage.uniform(1.5, 3.0)
    slant = stage.uniform(-0.3, 0.3)
    x0, y0 = stage.rng.uniform(-0.3, ASPECT + 0.3, n), stage.rng.uniform(0, 1, n)
    fallen = (y0 + stage.clock[:, None] * speed * stage.rng.uniform(0.8, 1.2, n)) % 1.1
    pos = np.stack([x0 + slant * fallen, fallen - 0.05], axis=-1)
    pos[gate[:, None] * heavy < stage.rng.uniform(0, 0.2, n)] = np.nan
    velocity = np.broadcast_to(np.array([slant * speed, speed]), pos.shape)
    ground = seethe(
        stage,
        (ASPECT / 2, 1.0),
        (1.6, 1.0 - stage.floor + 0.1),
        0.25 * heavy * gate,
        cells=0.02,
        drift=(0, 0),
        morph_hz=12.0,
        colour=(0.8, 0.85, 0.9),
    )
    return stage.part(
        particles=(specks(pos, velocity, (0.8, 0.85, 0.9), 0.45),),
        shimmers=(ground,),
        level=gate * heavy,
        kind="continuous",
    )


def flicker(stage: Stage) -> Part:
    """Flames or an arc: bright, restless, with sparks at the cracks that are heard."""
    gate = np.ones(stage.n) if stage.chance(0.6) else switched(stage, 0.3)
    cracks = physics.series(stage.rng, 0.2, stage.end_s, stage.uniform(0.5, 2.5), 0.45)
    cracks = cracks[np.interp(cracks, stage.clock, gate) > 0.3]
    burst = physics.bumps(stage.clock, cracks, 0.02, 0.12)
    wander = 0.7 + 0.3 * physics.smooth_walk(stage.rng, stage.n, 6.0, TRACK_HZ)
    half = stage.size * 1.8
    flame = seethe(
        stage,
        (stage.x, stage.floor - half * 0.8),
        (half, half * 1.2),
        gate * np.clip(0.5 * wander + 0.3 * burst, 0, 1),
        cells=0.05,
        drift=(0.0, -0.8),
        morph_hz=7.0,
        colour=(1.0, 0.7, 0.3),
    )
    logs = stage.body(stage.sprite("bar", half * 1.1, 0.04, real=True), stage.x, stage.floor, 0.15)
    return stage.part(
        bodies=(logs,),
        shimmers=(flame,),
        times=cracks,
        strengths=stage.rng.uniform(0.3, 0.7, len(cracks)),
        level=0.45 * gate,
        kind="continuous",
        ring_s=0.05,
    )


def sway(stage: Stage) -> Part:
    """Leaves, cloth or paper stirred in gusts."""
    gust = np.clip(0.45 + 0.5 * physics.smooth_walk(stage.rng, stage.n, 0.8, TRACK_HZ), 0, 1)
    gust = gust**1.5
    swing = physics.smooth_walk(stage.rng, stage.n, 3.0, TRACK_HZ)
    bodies = tuple(
        stage.body(
            stage.sprite("blob", 0.05 + 0.4 * stage.size, 0.04 + 0.25 * stage.size, real=k == 0),
            stage.x + dx + 0.03 * gust * swing,
            y + 0.02 * gust * np.roll(swing, 13 * k),
            0.5 * gust * np.roll(swing, 7 * k),
        )
        for k, (dx, y) in enumerate(
            zip(stage.rng.uniform(-0.45, 0.45, 7), stage.rng.uniform(0.2, 0.75, 7), strict=True)
        )
    )
    texture = seethe(
        stage,
        (stage.x, 0.45),
        (0.6, 0.35),
        0.25 * gust,
        cells=0.03,
        drift=(0.15, 0.02),
        morph_hz=3.0,
        colour=stage.colour(0.4, 0.9),
    )
    return stage.part(bodies=bodies, shimmers=(texture,), level=gust, kind="continuous")


def fumes(stage: Stage) -> Part:
    """Steam, smoke or spray that rises from a point."""
    gate = switched(stage, 0.2)
    x, base = stage.x, stage.floor - 0.1
    pot = stage.body(stage.sprite("bottle", stage.size, stage.size, real=True), x, base + 0.05)
    cloud = seethe(
        stage,
        (x, base - 0.3),
        (0.15 + stage.size, 0.3),
        0.5 * gate,
        cells=0.06,
        drift=(0.03, -0.5),
        morph_hz=2.5,
        colour=(0.95, 0.95, 0.97),
    )
    starts = starts_of(stage, gate)
    return stage.part(
        bodies=(pot,),
        shimmers=(cloud,),
        level=0.8 * gate,
        times=starts,
        strengths=np.full(len(starts), 0.5),
        kind="continuous",
    )


def scenery(stage: Stage) -> Part:
    """A place that sounds by itself: hardly anything moves."""
    region = seethe(
        stage,
        (stage.x, stage.floor),
        (0.7, 0.2),
        np.full(stage.n, 0.06),
        cells=0.05,
        drift=(0.02, 0),
        morph_hz=0.8,
        colour=stage.colour(0.4, 0.9),
    )
    level = np.full(stage.n, stage.uniform(0.4, 0.8))
    return stage.part(shimmers=(region,), level=level, kind="continuous", seen=False)


def lightning(stage: Stage) -> Part:
    """The sky lights up; thunder comes when it comes, so the picture does not tell the moment."""
    flashes = stage.moments(0.2, 1.5, 2)
    glow = physics.bumps(stage.clock, flashes, 0.02, 0.15)
    sky = seethe(
        stage,
        (ASPECT / 2, 0.2),
        (2.0, 0.5),
        0.9 * glow,
        cells=0.3,
        drift=(0.02, 0),
        morph_hz=0.3,
        colour=(0.9, 0.92, 1.0),
    )
    times = flashes + stage.uniform(0.2, 1.2)
    level = 0.8 * physics.bumps(stage.clock, times, 0.05, 0.9)
    return stage.part(shimmers=(sky,), times=times, level=level, ring_s=0.8, seen=False)
