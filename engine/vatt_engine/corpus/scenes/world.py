"""The world around the action: places, camera, light, cuts, and what a film suffers on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vatt_engine.corpus.scenes.physics import bumps, smooth_walk
from vatt_engine.corpus.scenes.plan import (
    ASPECT,
    FPS,
    SUBSAMPLES,
    TRACK_HZ,
    Backdrop,
    Body,
    Floats,
    Sprite,
    World,
)

_CENTRE = (ASPECT / 2, 0.5, 1.0)


@dataclass(frozen=True)
class WorldPlan:
    """Which troubles a film has; every one is off by default."""

    handheld: bool = False
    pan: bool = False
    zoom: bool = False
    cuts: bool = False
    cutaway: bool = False
    light: bool = False
    occluder: bool = False
    blur: bool = False
    noise: bool = False
    compression: bool = False
    bars: bool = False

    @property
    def style(self) -> tuple[str, ...]:
        """Names of what is on."""
        return tuple(name for name, on in vars(self).items() if on)


def draw_plan(rng: np.random.Generator) -> WorldPlan:
    """A mix as in footage: a third is clean, most have one or two troubles."""
    if rng.random() < 0.2:
        return WorldPlan()
    odds = {
        "handheld": 0.35,
        "pan": 0.08,
        "zoom": 0.08,
        "cuts": 0.2,
        "cutaway": 0.06,
        "light": 0.12,
        "occluder": 0.1,
        "blur": 0.4,
        "noise": 0.5,
        "compression": 0.5,
        "bars": 0.08,
    }
    return WorldPlan(**{name: bool(rng.random() < p) for name, p in odds.items()})


def slow_clock(rng: np.random.Generator, film_s: Floats, slow: bool) -> tuple[Floats, float]:
    """World seconds [N] at film seconds; ``slow`` stretches all of the film or its middle."""
    if not slow:
        return film_s.copy(), 1.0
    factor = float(rng.uniform(0.3, 0.7))
    speed = np.full(len(film_s), factor)
    if rng.random() < 0.5:  # a speed ramp
        start, end = np.sort(rng.uniform(0.1, 0.9, 2)) * film_s[-1]
        inside = np.clip((film_s - start) / 0.2, 0, 1) * np.clip((end - film_s) / 0.2, 0, 1)
        speed = 1 - (1 - factor) * inside
    clock = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1])) / TRACK_HZ])
    return clock, factor


def _camera(rng: np.random.Generator, plan: WorldPlan, n: int, shots: Floats) -> Floats:
    camera = np.tile(np.array(_CENTRE), (n, 1))
    if plan.handheld:
        amount = rng.uniform(0.004, 0.025)
        rate = rng.uniform(0.8, 3.0)
        for axis in range(2):
            camera[:, axis] += amount * smooth_walk(rng, n, rate, TRACK_HZ)
        camera[:, 2] *= 1 + 0.3 * amount * smooth_walk(rng, n, rate, TRACK_HZ)
    ramp = np.linspace(-0.5, 0.5, n)
    if plan.pan:
        camera[:, 0] += rng.uniform(-0.3, 0.3) * ramp
        camera[:, 1] += rng.uniform(-0.06, 0.06) * ramp
    if plan.zoom:
        camera[:, 2] *= np.exp(rng.uniform(-0.2, 0.35) * (ramp + 0.5))
    for shot in range(1, int(shots.max()) + 1):  # each shot frames the action differently
        mine = shots == shot
        camera[mine, 0] += rng.uniform(-0.15, 0.15)
        camera[mine, 1] += rng.uniform(-0.05, 0.08)
        camera[mine, 2] *= rng.uniform(0.85, 1.5)
    return camera


def build(
    rng: np.random.Generator,
    plan: WorldPlan,
    n_frames: int,
    place: str,
    floor: float,
    other_place: str,
) -> World:
    """Make a world of ``n_frames`` video frames at ``place``."""
    n = n_frames * SUBSAMPLES
    duration_s = n_frames / FPS
    shot = np.zeros(n_frames, np.int64)
    cutaway = np.zeros(n_frames, bool)
    if plan.cuts:
        cuts = np.sort(rng.uniform(0.3, max(duration_s - 0.3, 0.31), int(rng.integers(1, 4))))
        shot = np.searchsorted(cuts, np.arange(n_frames) / FPS).astype(np.int64)
    if plan.cutaway:
        start = rng.uniform(0.2, 0.7) * duration_s
        inside = (np.arange(n_frames) / FPS >= start) & (
            np.arange(n_frames) / FPS < start + rng.uniform(0.6, 1.5)
        )
        shot = np.where(inside, shot.max() + 1, shot)
        cutaway = inside
    tint = tuple(float(v) for v in np.clip(1 + 0.08 * rng.standard_normal(3), 0.7, 1.2))
    backdrops = []
    for index in range(int(shot.max()) + 1):
        away = bool(cutaway[shot == index].any())
        backdrops.append(
            Backdrop(
                other_place if away else place,
                int(rng.integers(2**31)),
                floor,
                (tint[0], tint[1], tint[2]),
            )
        )
    light: Floats = _lighting(rng, n) if plan.light else np.ones(n)
    occluder = None
    if plan.occluder:
        grey = float(rng.uniform(0.05, 0.4))
        sprite = Sprite(
            "box",
            (float(rng.uniform(0.08, 0.2)), float(rng.uniform(0.2, 0.6))),
            (grey, grey, grey),
            (grey * 0.8, grey * 0.8, grey * 0.8),
        )
        pos = np.tile([rng.uniform(0.5, 1.3), rng.uniform(0.6, 0.9)], (n, 1))
        occluder = Body(sprite, pos, np.zeros(n), np.ones((n, 2)), np.ones(n, bool))
    return World(
        backdrops=tuple(backdrops),
        shot=shot,
        camera=_camera(rng, plan, n, np.repeat(shot, SUBSAMPLES)),
        light=light[::SUBSAMPLES],
        cutaway=cutaway,
        occluder=occluder,
        shutter=plan.blur,
        noise=float(rng.uniform(0.004, 0.03)) if plan.noise else 0.0,
        quantiser=float(rng.uniform(0.02, 0.12)) if plan.compression else 0.0,
        bars=float(rng.uniform(0.06, 0.13)) if plan.bars else 0.0,
    )


def _lighting(rng: np.random.Generator, n: int) -> Floats:
    """Silent changes of light: a slow drift, a dimmer, flashes, or mains flicker."""
    t = np.arange(n) / TRACK_HZ
    kind = int(rng.integers(0, 4))
    if kind == 0:
        return np.asarray(np.clip(1 + 0.25 * smooth_walk(rng, n, 0.5, TRACK_HZ), 0.3, 1.6))
    if kind == 1:
        at = rng.uniform(0.2, 0.8) * t[-1]
        return np.where(t < at, 1.0, rng.uniform(0.45, 0.8))
    if kind == 2:
        return 1 + 0.5 * bumps(t, np.sort(rng.uniform(0, t[-1], 3)), 0.01, 0.15)
    return 1 + 0.12 * np.sin(2 * np.pi * rng.uniform(3, 11) * t)
