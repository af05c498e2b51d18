"""Families whose sound is a contact: falling, bouncing, thrown, colliding, struck, breaking.

Each family is a function of a ``Stage``; its docstring says what is seen. Contacts come from
``physics`` in closed form, so the truth is exact to the track's 10 ms or better.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.categories import Kind
from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.plan import ASPECT, Body, Floats, Part, Particles
from vatt_engine.corpus.scenes.stage import Stage, specks

_SOLIDS = ("disc", "box", "bottle", "shard", "bar")


def _solid(stage: Stage) -> str:
    return str(stage.rng.choice(_SOLIDS))


def _after(times: Floats, t: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Seconds since the latest of ``times`` (inf before the first), and its index (-1 before)."""
    index = np.searchsorted(times, t, side="right") - 1
    since = np.where(index >= 0, t - times[np.clip(index, 0, None)], np.inf)
    return since, index


def shards(stage: Stage, time_s: float, x: float, y: float, n: int, speed: float) -> Particles:
    """``n`` pieces flying off from (x, y) at ``time_s``, falling to the floor and lying there."""
    rng = stage.rng
    since = np.clip(stage.clock - time_s, 0, None)[:, None]
    angle = rng.uniform(-np.pi, 0, n)
    v = speed * rng.uniform(0.3, 1.0, n)
    vx, vy = v * np.cos(angle), v * np.sin(angle)
    px = x + vx * since
    py = y + vy * since + 0.5 * stage.gravity * since**2
    landed = py >= stage.floor
    # A piece that lies on the floor stays where it met it.
    drop = vy**2 + 2 * stage.gravity * max(stage.floor - y, 0.0)
    flight = (-vy + np.sqrt(np.maximum(drop, 0))) / stage.gravity
    px = np.where(landed, x + vx * flight, px)
    py = np.minimum(py, stage.floor)
    pos = np.stack([px, py], axis=-1)
    pos[stage.clock < time_s] = np.nan
    still = landed | (stage.clock[:, None] < time_s)
    velocity = np.stack(
        [np.where(still, 0, vx), np.where(still, 0, vy + stage.gravity * since)], axis=-1
    )
    return specks(pos, velocity, stage.colour(0.4, 1.0))


def fall(stage: Stage) -> Part:
    """One to four things dropped one after the other; each hops a little and lies still."""
    moments = stage.moments(0.1, 0.8, 4, tail_s=0.1 + float(np.sqrt(1.6 / stage.gravity)))
    bodies: list[Body] = []
    times: list[Floats] = []
    strengths: list[Floats] = []
    shape = _solid(stage)
    for start in moments:
        half = stage.size * stage.uniform(0.6, 1.2)
        height = min(stage.uniform(0.25, 0.8), stage.floor - half - 0.02)
        altitude, contacts, speeds = physics.bounce(
            stage.clock, start, height, stage.gravity, stage.uniform(0.05, 0.5)
        )
        spin = stage.uniform(-6, 6) * np.clip(stage.clock - start, 0, contacts[-1] - start)
        drift = stage.uniform(-0.15, 0.15) * np.clip(stage.clock - start, 0, contacts[-1] - start)
        x = stage.x + stage.uniform(-0.45, 0.45) + drift
        held = stage.chance(0.5)  # in view before it is let go, or only appearing when it falls
        bodies.append(
            stage.body(
                stage.sprite(shape, half, half * stage.uniform(0.6, 1.0), real=True),
                x,
                stage.floor - half * 0.8 - altitude,
                spin if shape != "disc" or stage.chance(0.5) else 0.0,
                shown=True if held else stage.clock >= start,
            )
        )
        times.append(contacts)
        strengths.append(speeds / speeds[0] * stage.uniform(0.7, 1.0))
    return stage.part(
        bodies=tuple(bodies), times=np.concatenate(times), strengths=np.concatenate(strengths)
    )


def bounce(stage: Stage) -> Part:
    """A ball that bounces, dribbled or left to itself."""
    start, end = stage.window()
    half = stage.size * 0.9
    if stage.chance(0.5):  # dribbled: every bounce alike
        rate = stage.uniform(1.0, 2.6)
        contacts = physics.series(stage.rng, start + 0.3, end, rate, 0.04)
        if len(contacts) < 2:
            contacts = np.array([start + 0.3, start + 0.3 + 1 / rate])
        index = np.clip(np.searchsorted(contacts, stage.clock, side="right"), 1, len(contacts) - 1)
        a, b = contacts[index - 1], contacts[index]
        u = np.clip((stage.clock - a) / (b - a), 0, 1)
        altitude: Floats = (
            4 * u * (1 - u) * np.minimum(0.5, 0.5 * stage.gravity * ((b - a) / 2) ** 2)
        )
        altitude = np.where((stage.clock < contacts[0]) | (stage.clock > contacts[-1]), 0, altitude)
        strengths = stage.rng.uniform(0.6, 1.0, len(contacts))
    else:
        altitude, contacts, speeds = physics.bounce(
            stage.clock, start, stage.uniform(0.3, 0.7), stage.gravity, stage.uniform(0.6, 0.85)
        )
        strengths = speeds / speeds[0]
    travel = stage.uniform(-0.25, 0.25) * (stage.clock - start)
    x = stage.x + travel
    body = stage.body(
        stage.sprite("disc", half, half, real=True), x, stage.floor - half - altitude, travel / half
    )
    return stage.part(bodies=(body,), times=contacts, strengths=strengths, kind="rhythm")


def throw(stage: Stage) -> Part:
    """Things thrown across the picture that hit a wall and drop."""
    wall_x = stage.uniform(1.1, 1.6)
    wall = stage.body(stage.sprite("box", 0.06, 0.6), wall_x + 0.06, stage.floor - 0.5)
    bodies = [wall]
    times: list[float] = []
    strengths: list[float] = []
    for start in stage.moments(0.1, 0.9, 4, tail_s=0.7):
        half = stage.size * stage.uniform(0.5, 0.9)
        flight = stage.uniform(0.25, 0.6)
        x0, y0 = stage.uniform(0.0, 0.5), stage.uniform(0.3, 0.7) * stage.floor
        y1 = stage.uniform(0.35, 0.75) * stage.floor
        g = stage.gravity
        vx = (wall_x - half - x0) / flight
        vy = (y1 - y0) / flight - 0.5 * g * flight
        s = np.clip(stage.clock - start, 0, None)
        hit = start + flight
        back = np.clip(stage.clock - hit, 0, None)
        drop = max(stage.floor - half - y1, 0.0)
        landing = hit + np.sqrt(2 * drop / g)
        air = np.minimum(back, landing - hit)
        x = np.where(stage.clock < hit, x0 + vx * s, wall_x - half - 0.2 * vx * air)
        y = np.where(stage.clock < hit, y0 + vy * s + 0.5 * g * s**2, y1 + 0.5 * g * air**2)
        shown = stage.clock >= start
        sprite = stage.sprite(_solid(stage), half, half, real=True)
        bodies.append(stage.body(sprite, x, y, 9 * np.minimum(s, landing - start), shown=shown))
        times += [hit, landing]
        strengths += [1.0, float(np.clip(0.6 * np.sqrt(2 * drop * g) / abs(vx), 0.1, 0.9))]
    return stage.part(bodies=tuple(bodies), times=np.array(times), strengths=np.array(strengths))


def collide(stage: Stage) -> Part:
    """Two things that run into each other on a table."""
    times = stage.moments(0.5, 1.1, 3)
    half = stage.size
    y = stage.floor - half
    since, index = _after(times, stage.clock)
    to_next = np.where(
        index + 1 < len(times), times[np.clip(index + 1, 0, len(times) - 1)] - stage.clock, np.inf
    )
    speed = stage.uniform(0.5, 1.4)
    gap_back = 0.5 * speed * 0.4 * (1 - np.exp(-np.where(np.isfinite(since), since, 0) / 0.4))
    gap = np.minimum(speed * np.minimum(to_next, 0.7), np.where(index >= 0, gap_back, np.inf))
    gap = np.where(np.isfinite(gap), gap, gap_back)
    share = stage.uniform(0.0, 0.6)  # how much of the movement the second one takes
    shape = _solid(stage)
    left = stage.body(
        stage.sprite(shape, half, half, real=True), stage.x - half - (1 - share) * gap, y
    )
    right = stage.body(stage.sprite(shape, half, half), stage.x + half + share * gap, y)
    return stage.part(
        bodies=(left, right), times=times, strengths=stage.rng.uniform(0.5, 1.0, len(times))
    )


def swing(stage: Stage) -> Part:
    """A thing on a string that swings against a post."""
    period = stage.uniform(0.45, 1.1)
    angle, contacts, speeds = physics.swing(
        stage.clock, period, stage.uniform(0.5, 1.1), stage.uniform(0.0, 0.25), stage.uniform(0, 1)
    )
    length, half = stage.uniform(0.35, 0.55), stage.size * 0.9
    top = stage.uniform(0.05, 0.2)
    post = stage.body(stage.sprite("box", 0.04, 0.35), stage.x - half - 0.04, top + length)
    bob = stage.body(
        stage.sprite(_solid(stage), half, half, real=True),
        stage.x + length * np.sin(angle),
        top + length * np.cos(angle),
        -angle,
    )
    cord = stage.body(
        stage.sprite("bar", 0.008, length / 2),
        stage.x + length / 2 * np.sin(angle),
        top + length / 2 * np.cos(angle),
        -angle,
    )
    strengths = speeds / max(float(speeds.max(initial=0.0)), 1e-6)
    return stage.part(bodies=(post, cord, bob), times=contacts, strengths=strengths, kind="rhythm")


def strike(stage: Stage) -> Part:
    """A tool or a fist that comes down on something, again and again."""
    start, end = stage.window()
    rate = stage.uniform(0.7, 2.5)
    times = physics.series(stage.rng, start + 0.4, end, rate, 0.08)
    lift = physics.strikes(stage.clock, times, 0.9 / rate)
    reach = stage.uniform(0.25, 0.5)
    swing_rad = stage.uniform(0.6, 1.3)
    side = -1.0 if stage.chance(0.5) else 1.0
    pivot_x, pivot_y = stage.x + side * reach, stage.floor - stage.size - 0.02
    angle = lift * swing_rad
    head = stage.size * stage.uniform(0.5, 0.8)
    # The handle turns about the pivot (a wrist); its far end carries the head.
    end_x = pivot_x - side * reach * np.cos(angle)
    end_y = pivot_y - reach * np.sin(angle)
    arm = stage.body(
        stage.sprite("bar", reach / 2, 0.015),
        (pivot_x + end_x) / 2,
        (pivot_y + end_y) / 2,
        side * angle,
    )
    tool = stage.body(stage.sprite("box", head * 0.6, head, real=True), end_x, end_y, side * angle)
    target = stage.body(
        stage.sprite(_solid(stage), stage.size * 1.2, stage.size * 0.7),
        stage.x,
        pivot_y + head + stage.size * 0.6,
    )
    strengths = stage.rng.uniform(0.5, 1.0, len(times))
    chips = (
        tuple(shards(stage, float(t), stage.x, pivot_y + head, 6, 0.5) for t in times[:8])
        if stage.chance(0.3)
        else ()
    )
    kind: Kind = "oneshot" if len(times) <= 2 else "rhythm"
    return stage.part(
        bodies=(target, arm, tool), particles=chips, times=times, strengths=strengths, kind=kind
    )


def burst(stage: Stage) -> Part:
    """A thing that falls and goes to pieces on the floor, or is broken by a blow."""
    half = stage.size * 1.2
    fallen = stage.chance(0.6)
    if fallen:
        height = min(stage.uniform(0.25, 0.7), stage.floor - half - 0.02)
        fall_s = float(np.sqrt(2 * height / stage.gravity))
        start = stage.uniform(0.0, max(stage.end_s - fall_s - 0.4, 0.02))
        altitude, contacts, _ = physics.bounce(stage.clock, start, height, stage.gravity, 0.0)
        time_s = float(contacts[0])
        y: Floats | float = stage.floor - half - altitude
    else:
        time_s = stage.uniform(0.3, max(stage.end_s - 0.4, 0.35))
        y = stage.floor - half
    y_hit = stage.floor - half * (0.2 if fallen else 1.0)
    whole = stage.body(
        stage.sprite(_solid(stage), half, half, real=True), stage.x, y, shown=stage.clock < time_s
    )
    pieces = shards(stage, time_s, stage.x, y_hit, int(stage.rng.integers(25, 70)), 1.3)
    level = 0.5 * physics.bumps(stage.clock, np.array([time_s]), 0.01, 0.35)
    return stage.part(
        bodies=(whole,), particles=(pieces,), times=np.array([time_s]), level=level, ring_s=0.3
    )


def splash(stage: Stage) -> Part:
    """Things that fall into water: the surface opens, drops fly, rings run."""
    surface = max(stage.floor - 0.1, 0.5)
    bodies: list[Body] = []
    drops: list[Particles] = []
    times: list[float] = []
    for start in stage.moments(0.1, 1.0, 3, tail_s=0.1 + float(np.sqrt(1.4 / stage.gravity))):
        half = stage.size * stage.uniform(0.5, 1.0)
        height = stage.uniform(0.2, surface - half)
        hit = start + float(np.sqrt(2 * height / stage.gravity))
        s = np.clip(stage.clock - start, 0, None)
        y = np.where(
            stage.clock < hit,
            surface - height + 0.5 * stage.gravity * s**2,
            surface + 0.3 * (stage.clock - hit),
        )
        x = stage.x + stage.uniform(-0.4, 0.4)
        shown = (stage.clock >= start) & (y < surface + half)
        bodies.append(
            stage.body(stage.sprite(_solid(stage), half, half, real=True), x, y, shown=shown)
        )
        rising = shards(stage, hit, x, surface, 40, 1.1)
        rising.pos[rising.pos[..., 1] > surface] = np.nan
        drops.append(rising)
        ring = np.clip(stage.clock - hit, 0, None)
        bodies.append(
            stage.body(
                stage.sprite("ring", 0.1, 0.02),
                x,
                surface + 0.02,
                0.0,
                0.2 + 3 * ring,
                (ring > 0) & (ring < 0.8),
            )
        )
        times.append(hit)
    water = stage.body(stage.sprite("box", 1.2, 0.5), ASPECT / 2, surface + 0.5)
    level = 0.5 * physics.bumps(stage.clock, np.array(times), 0.03, 0.3)
    return stage.part(
        bodies=(water, *bodies),
        particles=tuple(drops),
        times=np.array(times),
        level=level,
        ring_s=0.25,
    )


def jump(stage: Stage) -> Part:
    """A figure that crouches, leaps, and lands with its whole weight."""
    takeoffs = stage.moments(0.5, 1.3, 4, tail_s=0.7)
    half = stage.size * 1.4
    altitude = np.zeros(stage.n)
    squash = np.ones(stage.n)
    landings: list[float] = []
    for start in takeoffs:
        air = stage.uniform(0.35, 0.6)
        u = np.clip((stage.clock - start) / air, 0, 1)
        altitude += 4 * u * (1 - u) * min(stage.gravity * air**2 / 8, 0.4)
        crouch = np.clip((stage.clock - start + 0.35) / 0.35, 0, 1)
        squash -= np.where(stage.clock < start, 0.2 * np.sin(np.pi * crouch), 0)
        land = start + air
        squash -= 0.25 * physics.bumps(stage.clock, np.array([land]), 0.05, 0.15)
        landings.append(land)
    trunk = stage.body(
        stage.sprite("box", half * 0.45, half, real=True),
        stage.x,
        stage.floor - half * squash - altitude,
        0.0,
        squash,
    )
    head = stage.body(
        stage.sprite("disc", half * 0.35, half * 0.35),
        stage.x,
        stage.floor - 2.3 * half * squash - altitude,
    )
    return stage.part(
        bodies=(trunk, head),
        times=np.array(landings),
        strengths=stage.rng.uniform(0.6, 1.0, len(landings)),
    )


def swipe(stage: Stage) -> Part:
    """Something long and fast that sweeps through the picture."""
    times = stage.moments(0.25, 0.7, 4)
    bodies: list[Body] = []
    level = np.zeros(stage.n)
    for time_s in times:
        width = stage.uniform(0.08, 0.22)  # seconds from edge to edge, halved
        u = (stage.clock - time_s) / width
        shown = np.abs(u) < 1.6
        direction = -1.0 if stage.chance(0.5) else 1.0
        tilt = stage.uniform(-0.6, 0.6)
        length = stage.uniform(0.15, 0.35)
        sprite = stage.sprite("bar", length, 0.02 + 0.3 * stage.size, real=True)
        y = 0.5 + 0.3 * direction * np.sin(np.clip(u, -1.6, 1.6)) * np.tan(tilt)
        bodies.append(
            stage.body(
                sprite,
                ASPECT / 2 + direction * 0.6 * np.clip(u, -1.6, 1.6),
                y,
                tilt + direction * 0.8 * u.clip(-1.6, 1.6),
                shown=shown,
            )
        )
        level = np.maximum(level, np.exp(-0.5 * (u / 0.6) ** 2))
    return stage.part(
        bodies=tuple(bodies), times=times, strengths=np.full(len(times), 0.7), level=0.9 * level
    )


def flash(stage: Stage) -> Part:
    """A muzzle flash, a blast or a rocket: light first, then smoke and sparks."""
    times = stage.moments(0.2, 0.6, 4)
    x, y = stage.x, stage.uniform(0.3, 0.6)
    flare_size = stage.size * stage.uniform(1.0, 2.5)
    glow = physics.bumps(stage.clock, times, 0.01, 0.09)
    kick = 0.03 * physics.bumps(stage.clock, times, 0.02, 0.12)
    barrel = stage.body(stage.sprite("bar", 0.25, 0.04, real=True), x - 0.3 - kick, y, kick)
    fireball = replace(
        stage.sprite("star", flare_size, flare_size), colour=(1.0, 0.9, 0.6), accent=(1.0, 0.6, 0.2)
    )
    flare = stage.body(fireball, x, y, stage.uniform(0, 3), 0.3 + glow, shown=glow > 0.15)
    sparks = tuple(shards(stage, float(t), x, y, 30, 1.6) for t in times)
    level = 0.5 * physics.bumps(stage.clock, times, 0.02, 0.4)
    return stage.part(
        bodies=(barrel, flare), particles=sparks, times=times, level=level, ring_s=0.25
    )
