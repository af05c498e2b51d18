"""Families of things that roll, pass, run and blink."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.lasting import starts_of, switched
from vatt_engine.corpus.scenes.plan import ASPECT, TRACK_HZ, Part
from vatt_engine.corpus.scenes.stage import Stage


def roll(stage: Stage) -> Part:
    """A ball, barrel or cart that rolls, louder when faster, perhaps against a wall."""
    left_to_right = stage.chance(0.5)
    x0, x1 = stage.uniform(0.1, 0.4), stage.uniform(1.0, 1.5)
    if not left_to_right:
        x0, x1 = ASPECT - x0, ASPECT - x1
    start = stage.uniform(0.0, 0.3) * stage.end_s
    speed = stage.uniform(0.3, 1.0)
    x, v, contacts, _ = physics.rolling(stage.clock, start, x0, x1, speed, stage.uniform(0.1, 0.5))
    half = stage.size * 1.1
    sprite = stage.sprite("disc", half, half, real=True)
    body = stage.body(sprite, x, stage.floor - half, (x - x0) / half)
    side = 1 if left_to_right else -1
    wall = stage.body(
        stage.sprite("box", 0.05, 0.25), x1 + side * (half + 0.05), stage.floor - 0.25
    )
    level = 0.2 * (v > 0) + 0.7 * v / speed * (v > 0)
    times = np.concatenate([[start], contacts])
    strengths = np.concatenate([[0.35], np.full(len(contacts), 0.9)])
    return stage.part(
        bodies=(wall, body), times=times, strengths=strengths, level=level, kind="continuous"
    )


def passing(stage: Stage) -> Part:
    """A vehicle that comes, passes and goes; loudest when nearest."""
    middle = stage.uniform(0.3, 0.7) * stage.end_s
    speed = stage.uniform(0.3, 1.2) * (-1 if stage.chance(0.5) else 1)
    s = stage.clock - middle
    half = stage.size * 2.0
    high = stage.category == "aircraft"
    y = stage.uniform(0.2, 0.4) if high else stage.floor - half * 0.6
    shiver = 0.002 * np.sin(2 * np.pi * 9 * stage.clock)
    car = stage.body(
        stage.sprite("box", half * 1.4, half * 0.5, real=True), ASPECT / 2 + speed * s, y + shiver
    )
    wheels = tuple(
        stage.body(
            stage.sprite("disc", half * 0.28, half * 0.28),
            ASPECT / 2 + speed * s + k * half * 0.8,
            y + half * 0.5,
            speed * s / half / 0.28,
        )
        for k in (-1, 1)
        if not high
    )
    near = 1 / (1 + (speed * s / 0.6) ** 2)
    return stage.part(bodies=(car, *wheels), level=0.15 + 0.85 * near, kind="continuous", seen=True)


def idle(stage: Stage) -> Part:
    """A machine that runs on the spot: it trembles and turns, and may be switched on."""
    gate = switched(stage, 0.2)
    hum = stage.uniform(6, 11)
    tremble = 0.004 * gate
    half = stage.size * 1.8
    y = stage.floor - half
    case = stage.body(
        stage.sprite("box", half * 1.1, half, real=True),
        stage.x + tremble * np.sin(2 * np.pi * hum * stage.clock),
        y + tremble * np.cos(2 * np.pi * hum * 1.3 * stage.clock),
    )
    turned = np.cumsum(gate) / TRACK_HZ * 2 * np.pi * stage.uniform(0.7, 2.5)
    wheel = stage.body(stage.sprite("disc", half * 0.45, half * 0.45), stage.x, y, turned)
    rod = stage.body(
        stage.sprite("bar", 0.03, half * 0.5),
        stage.x + half * 1.2,
        y + 0.2 * half * np.sin(turned * 2),
    )
    starts = starts_of(stage, gate)
    return stage.part(
        bodies=(case,) if stage.photo else (case, wheel, rod),
        times=starts,
        level=0.8 * gate,
        kind="continuous",
        strengths=np.full(len(starts), 0.5),
    )


def spin(stage: Stage) -> Part:
    """A wheel, fan or rotor that runs up and runs down."""
    gate = switched(stage, 0.6)
    turned = np.cumsum(gate) / TRACK_HZ * 2 * np.pi * stage.uniform(0.8, 2.2)
    half = stage.size * 1.8
    y = stage.floor - half * 1.1
    blades = tuple(
        stage.body(
            stage.sprite("bar", half, half * 0.12, real=k == 0), stage.x, y, turned + k * np.pi / 3
        )
        for k in range(3)
    )
    hub = stage.body(stage.sprite("disc", half * 0.2, half * 0.2), stage.x, y, turned)
    starts = starts_of(stage, gate)
    return stage.part(
        bodies=(*blades, hub),
        level=0.85 * gate,
        kind="continuous",
        times=starts,
        strengths=np.full(len(starts), 0.4),
    )


def blink(stage: Stage) -> Part:
    """A lamp, siren or arc that goes on and off; every flash is heard."""
    rate = stage.uniform(1.0, 4.0)
    start, end = stage.window()
    times = physics.series(stage.rng, start + 0.2, end, rate, 0.03)
    on = physics.bumps(stage.clock, times, 0.01, 0.4 / rate) > 0.3
    half = stage.size
    case = stage.body(stage.sprite("box", half * 1.3, half * 1.3, real=True), stage.x, 0.45)
    light = replace(stage.sprite("disc", half * 0.8, half * 0.8), colour=(1.0, 0.9, 0.7))
    lamp = stage.body(light, stage.x, 0.45, shown=on)
    level = 0.7 * physics.bumps(stage.clock, times, 0.02, 0.5 / rate)
    return stage.part(bodies=(case, lamp), times=times, level=level, kind="rhythm", ring_s=0.15)
