"""Families that keep a beat: walking, climbing, sawing, shaking, dripping, clapping, beating."""

from __future__ import annotations

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.plan import Body, Floats, Part
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
    turns = (np.arange(int(stage.end_s * 2 * rate)) + 0.5) / (2 * rate)  # where x is farthest
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
