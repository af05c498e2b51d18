"""Mechanisms that sound, and such that do not, without the things that have them.

Beside plain contacts (``contacts``) four rules of physics tell when motion is heard:

- what is jerked to and fro sounds at its turns, for what hangs loose on it or lies in it goes on;
- what flies ends somewhere, and that is heard, however fast it came;
- what runs (turns, travels, streams) is heard to begin, and then has no moments, however it moves;
- what sways slowly and smoothly is not heard.

Like the contacts these are for training alone, drawn at random in form, direction, size and speed.
"""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.impacts import shards
from vatt_engine.corpus.scenes.lasting import seethe, starts_of, switched
from vatt_engine.corpus.scenes.plan import ASPECT, TRACK_HZ, Body, Floats, Part
from vatt_engine.corpus.scenes.stage import Stage, specks

SHAPES = ("disc", "box", "bottle", "shard", "bar", "blob")
_TURNS_HZ = (1.8, 6.0)  # of what is jerked to and fro; above, 25 rows a second lose it
_SWAYS_HZ = (0.15, 1.3)
_WEAKEST = 0.3  # share of a bout's full swing from which on a turn is heard


def jerked(stage: Stage) -> Part:
    """Bodies shaken to and fro in bouts, along a line, about a pivot, or both; they sound at turns.

    The course is between a sine and a triangle, so turns are round or sharp.
    """
    gate: Floats = np.ones(stage.n)
    if stage.chance(0.8):
        gate = np.zeros(stage.n)
        for start in stage.moments(0.05, 0.9, 4):
            u = np.clip((stage.clock - start) / stage.uniform(0.3, 2.0), 0, 1)
            gate = np.maximum(gate, np.sin(np.pi * u) ** stage.uniform(0.3, 1.0))
    low, high = np.log(_TURNS_HZ)
    rate = float(np.exp(stage.uniform(low, high)))
    wander = stage.uniform(0, 0.15) * physics.smooth_walk(stage.rng, stage.n, 1.0, TRACK_HZ)
    phase = stage.uniform(0, 2 * np.pi) + 2 * np.pi * np.cumsum(
        rate * np.clip(1 + wander, 0.6, 1.5) / TRACK_HZ
    )
    bodies = _to_and_fro(stage, phase, gate, stage.uniform(0.0, 0.98), faster=rate > 3)
    turned = (phase + np.pi / 2) / np.pi  # whole at every turn
    whole = np.arange(np.ceil(turned[0]), np.floor(turned[-1]) + 1)
    times = np.interp(whole, turned, stage.clock)
    loud = np.interp(times, stage.clock, gate)
    return stage.part(
        bodies=bodies,
        times=times[loud > _WEAKEST],
        strengths=stage.uniform(0.5, 0.9) * loud[loud > _WEAKEST],
        level=0.5 * gate,
        kind="rhythm",
    )


def swaying(stage: Stage) -> Part:
    """The same bodies that sway slowly and smoothly, or wander: nothing is heard."""
    gate = np.clip(1 + 0.4 * physics.smooth_walk(stage.rng, stage.n, 0.4, TRACK_HZ), 0.1, 2)
    low, high = np.log(_SWAYS_HZ)
    rate = float(np.exp(stage.uniform(low, high)))
    phase = stage.uniform(0, 2 * np.pi) + 2 * np.pi * rate * stage.clock
    return stage.part(bodies=_to_and_fro(stage, phase, gate, 0.0, faster=False), silent=True)


def _to_and_fro(
    stage: Stage, phase: Floats, gate: Floats, sharp: float, *, faster: bool
) -> tuple[Body, ...]:
    """One to four bodies that follow one hand, each a little in its own way.

    ``sharp`` is 0 for a sine, nearly 1 for a triangle; ``faster`` ones go less far.
    """
    loose = stage.uniform(0.0, 0.35)
    direction = stage.uniform(-np.pi, np.pi)
    reach = stage.uniform(0.02, 0.09 if faster else 0.16)
    nods = stage.uniform(-0.9, 0.9) if stage.chance(0.6) else 0.0
    if abs(nods) > 0.3 and stage.chance(0.4):
        reach *= 0.2  # it mainly turns
    across = stage.uniform(0.0, 0.5)
    top = stage.chance(0.4)  # hung up: turns about its upper end
    half = stage.size * stage.uniform(0.5, 1.4)
    n = int(stage.rng.integers(1, 5))
    y0 = stage.floor - stage.uniform(0.1, 0.5)
    bodies = []
    for k in range(n):
        lag = loose * k * stage.uniform(0.3, 1.0)
        own = gate * _course(phase - lag, sharp) * stage.uniform(1 - loose, 1 + loose)
        aside = gate * np.sin(2 * phase + 1 - lag) * across
        off_x, off_y = half * stage.rng.uniform(-1, 1, 2) * (n > 1)
        angle = nods * own
        long = half * (1.5 if top else 1.0)
        x = stage.x + off_x + reach * (np.cos(direction) * own - 0.3 * np.sin(direction) * aside)
        y = y0 + off_y + reach * (np.sin(direction) * own + 0.3 * np.cos(direction) * aside)
        if top:
            x, y = x + long * np.sin(angle), y + long * np.cos(angle)
        sprite = stage.sprite(
            str(stage.rng.choice(SHAPES)), half * stage.uniform(0.4, 0.9), half * 0.7
        )
        bodies.append(stage.body(sprite, x, y, -angle if top else angle))
    return tuple(bodies)


def _course(phase: Floats, sharp: float) -> Floats:
    """-1..1 with turns where a sine has them."""
    if sharp < 0.05:
        return np.sin(phase)
    return np.asarray(np.arcsin(sharp * np.sin(phase)) / np.arcsin(sharp))


def flying(stage: Stage) -> Part:
    """Bodies that come flying, from anywhere, fast, and end on something, seen or not."""
    bodies: list[Body] = []
    particles = []
    times: list[float] = []
    strengths: list[float] = []
    gravity = stage.gravity * stage.uniform(0.0, 1.0)
    for start in stage.moments(0.0, 0.6, 5, tail_s=0.5):
        half = stage.size * stage.uniform(0.3, 0.9)
        way = stage.uniform(0.15, 0.7)
        x1, y1 = stage.uniform(0.2, ASPECT - 0.2), stage.uniform(0.2, 0.85) * stage.floor
        speed = float(np.exp(stage.uniform(np.log(0.7), np.log(3.5))))
        toward = stage.uniform(-np.pi, np.pi)
        vx, vy = speed * np.cos(toward), 0.6 * speed * np.sin(toward)  # at the contact
        hit = start + way
        before = np.clip(hit - stage.clock, 0, way)
        after = np.clip(stage.clock - hit, 0, None)
        x, y = x1 - vx * before, y1 - vy * before + 0.5 * gravity * before**2
        spin = stage.uniform(-12, 12) * -before
        shown = stage.clock >= start
        end = stage.rng.random()
        times.append(hit)
        strengths.append(stage.uniform(0.6, 1.0))
        if end < 0.3:  # it sticks
            if stage.chance(0.5):
                shown &= after < stage.uniform(0.2, 1.5)
        elif end < 0.8:  # it is thrown back a little and falls
            fall = max(stage.gravity, 4.0)
            drop = max(stage.floor - half - y1, 0.0)
            landing = float(np.sqrt(2 * drop / fall))
            air = np.minimum(after, landing)
            x, y = x - stage.uniform(0.0, 0.3) * vx * air, y + 0.5 * fall * air**2
            spin = spin + stage.uniform(-5, 5) * air
            if landing > 0.08:
                times.append(hit + landing)
                strengths.append(float(np.clip(0.3 * np.sqrt(2 * drop * fall), 0.15, 0.9)))
        else:  # it goes to pieces, or into it
            shown &= stage.clock < hit
            if stage.chance(0.7):
                particles.append(shards(stage, hit, x1, y1, 20, 1.0))
        sprite = stage.sprite(str(stage.rng.choice(SHAPES)), half, half * stage.uniform(0.5, 1))
        bodies.append(stage.body(sprite, x, y, spin, shown=shown))
        if stage.chance(0.5):  # what it meets
            gap = half + 0.04
            wall = stage.sprite("box", 0.03, stage.uniform(0.05, 0.4))
            bodies.insert(
                0,
                stage.body(wall, x1 + gap * np.cos(toward), y1 + gap * np.sin(toward), toward),
            )
    return stage.part(
        bodies=tuple(bodies),
        particles=tuple(particles),
        times=np.array(times),
        strengths=np.array(strengths),
    )


def running(stage: Stage) -> Part:
    """Something that turns, travels or streams, with a start that is slow or at once."""
    fade = float(np.exp(stage.uniform(np.log(0.04), np.log(1.0))))
    gate = np.ones(stage.n) if stage.chance(0.35) else switched(stage, fade)
    pace = gate * np.clip(
        1 + stage.uniform(0, 0.3) * physics.smooth_walk(stage.rng, stage.n, 0.5, TRACK_HZ), 0.3, 2
    )
    gone = np.cumsum(pace) / TRACK_HZ
    starts = starts_of(stage, gate)
    strengths = np.full(len(starts), 0.5)
    level = 0.8 * gate
    kind = stage.rng.random()
    if kind < 0.5:
        return stage.part(
            bodies=_rotor(stage, gone), times=starts, strengths=strengths, level=level
        )
    if kind < 0.75:
        return stage.part(bodies=_belt(stage, gone), times=starts, strengths=strengths, level=level)
    n, life = 70, stage.uniform(0.4, 1.0)
    toward, speed = stage.uniform(-np.pi, np.pi), stage.uniform(0.3, 1.4)
    age = (stage.clock[:, None] - stage.rng.uniform(0, life, n)) % life
    born = stage.clock[:, None] - age
    flowing = np.interp(born.ravel(), stage.clock, gate).reshape(born.shape)
    alive = flowing > stage.rng.uniform(0.02, 0.9, n)
    vx = speed * np.cos(toward) + stage.rng.normal(0, 0.1, n)
    vy = speed * np.sin(toward) + stage.rng.normal(0, 0.1, n)
    pull = stage.uniform(-0.5, 2.5)
    y0 = stage.floor - stage.uniform(0.0, 0.5)
    pos = np.stack([stage.x + vx * age, y0 + vy * age + 0.5 * pull * age**2], axis=-1)
    pos[~alive] = np.nan
    velocity = np.stack([np.broadcast_to(vx, age.shape), vy + pull * age], axis=-1)
    ground = seethe(
        stage,
        (stage.x, y0),
        (stage.uniform(0.1, 0.5), stage.uniform(0.05, 0.3)),
        stage.uniform(0.1, 0.5) * gate,
        cells=stage.uniform(0.02, 0.06),
        drift=(stage.uniform(-0.4, 0.4), stage.uniform(-0.6, 0.3)),
        morph_hz=stage.uniform(2, 8),
        colour=stage.colour(0.6, 1.0),
    )
    return stage.part(
        particles=(specks(pos, velocity, stage.colour(0.6, 1.0)),) if stage.chance(0.8) else (),
        shimmers=(ground,),
        times=starts,
        strengths=strengths,
        level=level,
        kind="continuous",
    )


def _rotor(stage: Stage, gone: Floats) -> tuple[Body, ...]:
    """Spokes, a patterned disc, or bodies that circle."""
    turned = gone * 2 * np.pi * stage.uniform(0.3, 3.0) * (1 if stage.chance(0.5) else -1)
    half = stage.size * stage.uniform(0.8, 2.2)
    y = stage.floor - half * 1.1
    form = stage.rng.random()
    if form < 0.4:
        n = int(stage.rng.integers(1, 5))
        return tuple(
            stage.body(
                stage.sprite("bar", half, half * stage.uniform(0.06, 0.2)),
                stage.x,
                y,
                turned + k * np.pi / n,
            )
            for k in range(n)
        )
    if form < 0.7:
        shape = str(stage.rng.choice(["disc", "box", "star", "shard"]))
        return (stage.body(stage.sprite(shape, half, half), stage.x, y, turned),)
    n, squeezed = int(stage.rng.integers(1, 5)), stage.uniform(0.3, 1.0)
    sprite = stage.sprite(str(stage.rng.choice(SHAPES)), 0.4 * half, 0.3 * half)
    return tuple(
        stage.body(
            sprite,
            stage.x + half * np.cos(turned + 2 * np.pi * k / n),
            y + squeezed * half * np.sin(turned + 2 * np.pi * k / n),
            turned,
        )
        for k in range(n)
    )


def _belt(stage: Stage, gone: Floats) -> tuple[Body, ...]:
    """A row of like things that travels on and on."""
    n, speed = int(stage.rng.integers(3, 8)), stage.uniform(-0.8, 0.8)
    tilt = stage.uniform(-0.6, 0.6)
    sprite = stage.sprite(str(stage.rng.choice(SHAPES)), stage.size * 0.7, stage.size * 0.5)
    span = ASPECT + 0.6
    bodies = []
    for k in range(n):
        at = (k * span / n + speed * gone) % span - 0.3
        bodies.append(
            stage.body(sprite, at, stage.floor - 0.25 + np.tan(tilt) * (at - ASPECT / 2), tilt)
        )
    return tuple(bodies)
