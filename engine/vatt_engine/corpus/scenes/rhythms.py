"""Families that keep a beat or belong to a body: walking, sawing, dripping, typing, doors."""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.categories import Kind
from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.plan import ASPECT, Body, Floats, Part
from vatt_engine.corpus.scenes.stage import Stage


def _steps(stage: Stage, rate: float) -> Floats:
    start, end = stage.window(2.5)
    times = physics.series(stage.rng, start + 0.05, end, rate, 0.05)
    return times if len(times) > 2 else start + 0.1 + np.arange(4) / rate


def _legs(stage: Stage, x: Floats, hip: Floats, leg: float, times: Floats) -> list[Body]:
    """Two swinging legs that touch the floor at ``times``; drawn far leg first."""
    lift, sway = physics.stride(stage.clock, times)
    sprite = stage.sprite("bar", 0.5 * leg, 0.11 * leg)
    shoe = stage.sprite("box", 0.16 * leg, 0.07 * leg)
    bodies: list[Body] = []
    for foot in range(2):
        foot_x = x + 0.42 * leg * sway[foot]
        foot_y = stage.floor - 0.06 * leg - 0.3 * leg * lift[foot]
        middle_x, middle_y = (x + foot_x) / 2, (hip + foot_y) / 2
        tilt = np.arctan2(foot_y - hip, foot_x - x)
        bodies.append(stage.body(sprite, middle_x, middle_y, tilt))
        toe_up = np.where(lift[foot] > 0.02, -0.5 * lift[foot], 0.0)
        bodies.append(stage.body(shoe, foot_x + 0.08 * leg, foot_y, toe_up))
    return bodies


def walk(stage: Stage) -> Part:
    """A figure seen from the side that walks or runs through the picture."""
    rate = stage.uniform(1.4, 3.2)
    times = _steps(stage, rate)
    leg = stage.uniform(0.2, 0.42)
    direction = -1.0 if stage.chance(0.5) else 1.0
    # Followed by the camera (stays in place) or crossing the picture.
    speed = 0.0 if stage.chance(0.4) else direction * 0.42 * leg * rate
    moving = (stage.clock > times[0] - 0.3) & (stage.clock < times[-1] + 0.3)
    since = np.clip(stage.clock, times[0], times[-1])
    x = stage.x + speed * (since - stage.end_s / 2)
    dip = 0.05 * leg * np.cos(2 * np.pi * rate * (stage.clock - times[0])) * moving
    hip = stage.floor - leg + dip
    torso = stage.body(
        stage.sprite("box", 0.28 * leg, 0.55 * leg, real=True), x, hip - 0.5 * leg, 0.05 * direction
    )
    head = stage.body(stage.sprite("disc", 0.2 * leg, 0.24 * leg), x, hip - 1.3 * leg)
    legs = _legs(stage, x, hip, leg, times)
    strengths = stage.rng.uniform(0.6, 1.0, len(times))
    return stage.part(bodies=(*legs, torso, head), times=times, strengths=strengths, kind="rhythm")


def feet(stage: Stage) -> Part:
    """A close shot of two shoes that step on the spot or come nearer."""
    rate = stage.uniform(1.2, 2.8)
    times = _steps(stage, rate)
    lift, sway = physics.stride(stage.clock, times)
    half = stage.uniform(0.1, 0.18)
    growth = 1 + stage.uniform(-0.05, 0.12) * (stage.clock - stage.end_s / 2)
    bodies: list[Body] = []
    for foot, offset in ((0, -0.2), (1, 0.2)):
        x = stage.x + offset + 0.05 * sway[foot]
        y = stage.floor - half - 0.35 * half / 0.14 * lift[foot] * 0.5
        shin = stage.body(stage.sprite("bar", 0.25, half * 0.45), x, y - 0.3, np.pi / 2, growth)
        shoe = stage.body(
            stage.sprite("box", half, half * 0.7, real=True), x, y, 0.25 * lift[foot], growth
        )
        bodies += [shin, shoe]
    strengths = stage.rng.uniform(0.6, 1.0, len(times))
    return stage.part(bodies=tuple(bodies), times=times, strengths=strengths, kind="rhythm")


def stairs(stage: Stage) -> Part:
    """A figure that climbs or comes down stairs, a step at a time."""
    rate = stage.uniform(1.2, 2.4)
    times = _steps(stage, rate)
    rise, run = stage.uniform(0.06, 0.09), stage.uniform(0.09, 0.13)
    down = stage.chance(0.5)
    index = np.searchsorted(times, stage.clock, side="right")
    previous = times[np.clip(index - 1, 0, None)]
    period = 1 / rate
    # The weight moves over in the last 60 % of each step and stops when the foot lands.
    ahead = np.clip((times[np.clip(index, 0, len(times) - 1)] - stage.clock) / (0.6 * period), 0, 1)
    done = np.where(index < len(times), 1 - ahead**1.5, 0.0)
    count = index + done - 1 - len(times) / 2
    direction = -1.0 if stage.chance(0.5) else 1.0
    x = stage.x + direction * run * count
    climb = (rise if down else -rise) * count
    hop = 0.03 * np.sin(np.pi * np.clip((stage.clock - previous) / period, 0, 1))
    y = stage.floor - 0.3 + climb - np.where(index < len(times), hop, 0)
    figure = stage.body(stage.sprite("box", 0.07, 0.17, real=True), x, y)
    head = stage.body(stage.sprite("disc", 0.05, 0.06), x, y - 0.24)
    treads = tuple(
        stage.body(
            stage.sprite("box", run / 2, 0.25),
            stage.x + direction * run * (k - len(times) / 2),
            stage.floor + 0.13 + (rise if down else -rise) * (k - len(times) / 2),
        )
        for k in range(len(times) + 1)
    )
    legs: list[Body] = []
    lift, sway = physics.stride(stage.clock, times)
    for foot in range(2):
        legs.append(
            stage.body(
                stage.sprite("bar", 0.08, 0.02),
                x + 0.03 * sway[foot],
                y + 0.22 - 0.05 * lift[foot],
                np.pi / 2 + 0.3 * sway[foot],
            )
        )
    strengths = stage.rng.uniform(0.6, 1.0, len(times))
    return stage.part(
        bodies=(*treads, *legs, figure, head), times=times, strengths=strengths, kind="rhythm"
    )


def saw(stage: Stage) -> Part:
    """A tool that is drawn to and fro; loudest in the middle of each stroke."""
    start, end = stage.window()
    rate = stage.uniform(0.7, 2.2)  # double strokes a second
    active = (stage.clock > start) & (stage.clock < end)
    phase = 2 * np.pi * rate * (np.clip(stage.clock, start, end) - start)
    reach = stage.uniform(0.08, 0.25)
    tilt = stage.uniform(-0.5, 0.5)
    offset = reach * np.sin(phase)
    work = stage.body(stage.sprite("box", 0.25, 0.12), stage.x, stage.floor - 0.1)
    tool = stage.body(
        stage.sprite("bar", 0.28, 0.02 + 0.25 * stage.size, real=True),
        stage.x + offset * np.cos(tilt),
        stage.floor - 0.24 + offset * np.sin(tilt),
        tilt,
    )
    level = np.abs(np.cos(phase)) ** 1.5 * active
    strokes = start + (np.arange(int((end - start) * 2 * rate)) + 0.0) / (2 * rate)
    # A stroke is heard as one attack when it is fastest: at the middle, not at the turn.
    return stage.part(
        bodies=(work, tool),
        times=strokes[1:],
        strengths=np.full(max(len(strokes) - 1, 0), 0.6),
        level=0.9 * level,
        kind="rhythm",
    )


def shake(stage: Stage) -> Part:
    """A limp or jingling thing shaken by a hand, in a few bouts."""
    rate = stage.uniform(2.0, 5.0)
    gate = np.zeros(stage.n)
    for start in stage.moments(0.1, 1.3, 3):
        length = stage.uniform(0.4, 1.1)
        u = np.clip((stage.clock - start) / length, 0, 1)
        gate = np.maximum(gate, np.sin(np.pi * u) ** 0.5)
    phase = 2 * np.pi * rate * stage.clock
    half = stage.size * 1.3
    x = stage.x + 0.09 * gate * np.sin(phase)
    y = stage.floor - 0.35 + 0.05 * gate * np.sin(2 * phase + 1)
    pieces = tuple(
        stage.body(
            stage.sprite(
                str(stage.rng.choice(["box", "bar", "blob"])), half * 0.7, half * 0.5, real=k == 0
            ),
            x + 0.5 * half * np.cos(2.1 * k) + 0.03 * gate * np.sin(phase * 1.3 + k),
            y + 0.5 * half * np.sin(2.1 * k) + 0.03 * gate * np.cos(phase * 1.1 + 2 * k),
            0.6 * gate * np.sin(phase + k),
        )
        for k in range(3)
    )
    turns = (np.arange(int(stage.end_s * 2 * rate)) + 0.25) / (2 * rate)
    loud = np.interp(turns, stage.clock, gate)
    turns, loud = turns[loud > 0.3], loud[loud > 0.3]
    return stage.part(
        bodies=pieces, times=turns, strengths=0.7 * loud, level=0.6 * gate, kind="rhythm"
    )


def drip(stage: Stage) -> Part:
    """Drops that form, fall and meet a surface."""
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.5, end, stage.uniform(0.5, 4.0), 0.12)
    top = stage.uniform(0.08, 0.3)
    height = stage.floor - top
    fall_s = float(np.sqrt(2 * height / stage.gravity))
    half = 0.25 * stage.size + 0.01
    bodies: list[Body] = [
        stage.body(stage.sprite("bar", 0.12, 0.035, real=True), stage.x - 0.1, top - 0.03)
    ]
    drop = stage.sprite("disc", half, half * 1.3)
    # Drops never overlap in the air for long: two bodies in turn are enough for any rate.
    lanes = 3
    for lane in range(lanes):
        own = times[lane::lanes]
        if len(own) == 0:
            continue
        index = np.clip(np.searchsorted(own, stage.clock), 0, len(own) - 1)
        age = stage.clock - (own[index] - fall_s)
        shown = (age > -0.2) & (age <= fall_s)
        y = top + 0.5 * stage.gravity * np.clip(age, 0, None) ** 2
        grown = np.clip((age + 0.2) / 0.2, 0.2, 1)
        bodies.append(stage.body(drop, stage.x, y, 0.0, grown, shown=shown))
    before = times[np.clip(np.searchsorted(times, stage.clock, side="right") - 1, 0, None)]
    ring = np.where(stage.clock >= times[0], stage.clock - before, 9.0)
    bodies.append(
        stage.body(
            stage.sprite("ring", 0.08, 0.02),
            stage.x,
            stage.floor,
            0.0,
            0.2 + 4 * np.clip(ring, 0, 1),
            shown=ring < 0.3,
        )
    )
    return stage.part(
        bodies=tuple(bodies),
        times=times,
        strengths=stage.rng.uniform(0.5, 1, len(times)),
        kind="rhythm",
    )


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


def clap(stage: Stage) -> Part:
    """Two hands that meet, once or in a row."""
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.3, end, stage.uniform(1.0, 4.0), 0.08)
    lift = physics.strikes(stage.clock, times, 0.5)
    half = stage.size
    gap = 0.18 * lift
    left = stage.body(
        stage.sprite("blob", half * 0.6, half), stage.x - half * 0.55 - gap, stage.floor - 0.35, 0.3
    )
    right = stage.body(
        stage.sprite("blob", half * 0.6, half, real=True),
        stage.x + half * 0.55 + gap,
        stage.floor - 0.35,
        -0.3,
    )
    return stage.part(
        bodies=(left, right),
        times=times,
        kind="rhythm",
        strengths=stage.rng.uniform(0.6, 1, len(times)),
    )


def pulse(stage: Stage) -> Part:
    """A chest, a jaw or a heart that swells and shrinks in a rhythm."""
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.2, end, stage.uniform(0.6, 2.2), 0.06)
    swell = 0.18 * physics.bumps(stage.clock, times, 0.07, 0.18)
    half = stage.size * 1.6
    body = stage.body(
        stage.sprite("blob", half, half, real=True), stage.x, stage.floor - 0.35, 0.0, 1 + swell
    )
    return stage.part(
        bodies=(body,),
        times=times,
        kind="rhythm",
        ring_s=0.2,
        strengths=stage.rng.uniform(0.6, 1, len(times)),
    )


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
