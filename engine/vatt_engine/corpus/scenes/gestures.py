"""Families of hands, doors and bodies: keys and lids, things pushed, heads that jerk, crowds."""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.categories import Kind
from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.plan import ASPECT, Body, Part
from vatt_engine.corpus.scenes.stage import Stage


def press(stage: Stage) -> Part:
    """Fingers or small parts that go down and up: keys, switches, shutters, ticking hands."""
    start, end = stage.window()
    if stage.chance(0.6):
        times = physics.series(stage.rng, start + 0.2, end, stage.uniform(1.0, 7.0), 0.25)
    else:
        times = stage.moments(0.3, 0.6, 4)
    n_keys = int(stage.rng.integers(1, 5))
    half = stage.uniform(0.03, 0.07)
    travel = stage.uniform(0.03, 0.08)
    owner = stage.rng.integers(0, n_keys, len(times))
    plate = stage.body(
        stage.sprite("box", 0.12 + n_keys * half * 1.6, 0.1, real=True), stage.x, stage.floor - 0.12
    )
    bodies: list[Body] = [plate]
    for key in range(n_keys):
        own = times[owner == key]
        down = 1 - physics.strikes(stage.clock, own, 0.35, rebound=0.0) if len(own) else 0.15
        x = stage.x + (key - (n_keys - 1) / 2) * half * 2.6
        y = stage.floor - 0.24 - half + travel * down
        bodies.append(stage.body(stage.sprite("bar", half * 1.8, half * 0.8), x, y, 1.2))
    kind: Kind = "oneshot" if len(times) <= 3 else "rhythm"
    return stage.part(
        bodies=tuple(bodies),
        times=times,
        strengths=stage.rng.uniform(0.5, 1, len(times)),
        kind=kind,
        ring_s=0.05,
    )


def hinge(stage: Stage) -> Part:
    """A door that swings open or shut; the slam or the latch is the hit, creaking comes before."""
    moments = stage.moments(1.0, 1.6, 2)
    slow_s = stage.uniform(0.5, 1.1)
    opening = stage.category in {"door_open", "door_creak"}
    closed = np.ones(stage.n) if not opening else np.zeros(stage.n)
    for time_s in moments:
        if opening:  # the latch gives way at the hit, then the door moves
            u = np.clip((stage.clock - time_s) / slow_s, 0, 1)
            rest = np.clip((time_s + slow_s + 0.3 - stage.clock) / 0.3, 0, 1)
            closed = np.maximum(closed, u * (2 - u) * rest)
        else:
            u = np.clip((time_s - stage.clock) / slow_s, 0, 1)
            begun = np.clip((stage.clock - time_s + slow_s + 0.5) / 0.5, 0, 1)
            closed = np.minimum(closed, 1 - np.where(stage.clock <= time_s, u**0.8 * begun, 0))
    ajar = closed if opening else 1 - closed
    width, half_y = stage.uniform(0.2, 0.32), stage.uniform(0.3, 0.4)
    seen = width * (1 - 0.8 * ajar)  # foreshortened as it turns
    x0 = stage.x - width
    dark = stage.body(
        stage.sprite("box", width * 1.05, half_y * 1.03), stage.x, stage.floor - half_y
    )
    panel = stage.body(
        stage.sprite("box", width, half_y, real=True),
        x0 + seen,
        stage.floor - half_y,
        0.0,
        seen / width,
        1.0,
    )
    edge = stage.body(stage.sprite("bar", 0.02, half_y), x0 + 2 * seen, stage.floor - half_y)
    speed = np.abs(np.gradient(ajar, stage.clock, edge_order=1))
    creaks = stage.category in {"door_creak", "creak"}
    level = np.clip(speed * slow_s, 0, 1) * (0.8 if creaks else 0.25)
    strengths = np.full(len(moments), 0.4 if creaks else 1.0)
    return stage.part(
        bodies=(dark, panel, edge), times=moments, strengths=strengths, level=level, ring_s=0.2
    )


def lid(stage: Stage) -> Part:
    """A lid or lever that turns down and snaps shut, and is lifted again."""
    times = stage.moments(0.5, 1.1, 4)
    lift = physics.strikes(stage.clock, times, stage.uniform(0.6, 1.2), rebound=0.05)
    length = stage.uniform(0.15, 0.3)
    angle = lift * stage.uniform(0.6, 1.4)
    x0, y0 = stage.x - length, stage.floor - 0.25
    case = stage.body(stage.sprite("box", length * 1.1, 0.12, real=True), stage.x, y0 + 0.13)
    lever = stage.body(
        stage.sprite("bar", length, 0.025),
        x0 + length * np.cos(angle),
        y0 - length * np.sin(angle),
        -angle,
    )
    return stage.part(bodies=(case, lever), times=times, ring_s=0.08)


def call(stage: Stage) -> Part:
    """An animal or a person whose head jerks up as it calls."""
    times = stage.moments(0.3, 0.7, 5)
    jerk = physics.bumps(stage.clock, times, 0.06, 0.22)
    half = stage.size * 1.5
    y = stage.floor - half
    idle = 0.004 * np.sin(2 * np.pi * 0.5 * stage.clock)
    sprite = stage.sprite("blob", half * 1.2, half * 0.7, real=True)
    whole = bool(stage.photo)  # a photograph moves as a whole and has its own head
    trunk = stage.body(sprite, stage.x, y + idle - 0.03 * whole * jerk, -0.15 * whole * jerk)
    head_x, head_y = stage.x + half * 1.15, y - half * 0.7
    head = stage.body(
        stage.sprite("disc", half * 0.5, half * 0.45),
        head_x + 0.02 * jerk,
        head_y - 0.05 * jerk + idle,
        -0.5 * jerk,
    )
    jaw = stage.body(
        stage.sprite("bar", half * 0.28, half * 0.1),
        head_x + half * 0.55,
        head_y + half * 0.25 + 0.04 * jerk,
        0.7 * jerk,
    )
    level = 0.8 * jerk
    return stage.part(
        bodies=(trunk,) if whole else (trunk, head, jaw),
        times=times,
        level=level,
        ring_s=0.25,
        strengths=stage.rng.uniform(0.6, 1, len(times)),
    )


def bob(stage: Stage) -> Part:
    """A small animal or person that hops with its whole body as it calls."""
    times = stage.moments(0.3, 0.7, 5)
    hop = physics.bumps(stage.clock, times, 0.08, 0.15)
    half = stage.size * 1.3
    body = stage.body(
        stage.sprite("blob", half, half * 0.8, real=True),
        stage.x,
        stage.floor - half - 0.05 * hop,
        0.0,
        1 + 0.1 * hop,
    )
    beak = stage.body(
        stage.sprite("shard", half * 0.3, half * 0.2),
        stage.x + half * 1.1,
        stage.floor - half * 1.2 - 0.07 * hop,
        -0.4 * hop,
    )
    return stage.part(
        bodies=(body,) if stage.photo else (body, beak),
        times=times,
        level=0.8 * hop,
        ring_s=0.25,
        strengths=stage.rng.uniform(0.6, 1, len(times)),
    )


def slide(stage: Stage) -> Part:
    """A thing pushed or pulled along: zipper, drawer, blade; it sounds while it moves."""
    x = np.full(stage.n, 0.0)
    level = np.zeros(stage.n)
    stops: list[float] = []
    at = 0.0
    for start in stage.moments(0.2, 1.2, 3):
        length_s = stage.uniform(0.3, 1.0)
        distance = stage.uniform(0.2, 0.5) * (1 if at <= 0 else -1)
        u = np.clip((stage.clock - start) / length_s, 0, 1)
        x = x + distance * (3 * u**2 - 2 * u**3)
        level = np.maximum(level, 6 * u * (1 - u) / 1.5)
        at += distance
        stops.append(start + 0.08 * length_s)
    half = stage.size
    base = stage.body(stage.sprite("box", 0.5, 0.06), stage.x, stage.floor - 0.06)
    body = stage.body(
        stage.sprite("box", half * 1.2, half * 0.6, real=True),
        stage.x - 0.15 + x,
        stage.floor - 0.12 - half * 0.6,
    )
    return stage.part(
        bodies=(base, body),
        times=np.array(stops),
        strengths=np.full(len(stops), 0.4),
        level=0.9 * level,
        kind="continuous",
    )


def crowd(stage: Stage) -> Part:
    """Many small figures that fidget; sound without moments."""
    start, end = stage.window()
    fade = np.clip((stage.clock - start) / 0.3 + 1e-9, 0, 1) * np.clip(
        (end - stage.clock) / 0.3, 0, 1
    )
    if start == 0.0 and end == stage.end_s:
        fade = np.ones(stage.n)
    bodies = tuple(
        stage.body(
            stage.sprite("blob", 0.035, 0.05, real=k == 0),
            x,
            y + 0.012 * fade * physics.smooth_walk(stage.rng, stage.n, 4.0, 100.0),
        )
        for k, (x, y) in enumerate(
            zip(
                stage.rng.uniform(0.1, ASPECT - 0.1, 14),
                stage.rng.uniform(0.4, 0.9, 14),
                strict=True,
            )
        )
    )
    return stage.part(bodies=bodies, level=0.7 * fade, kind="continuous")
