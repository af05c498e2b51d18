"""Films of a camera that moves, for a spotter to learn that a camera is not heard.

It pans and stops, is whipped round, is held by any hand, follows in whole pixels, zooms, and is cut
from place to place, over things that are still and things that sway in silence. In a third of the
films something is heard as well (``contacts``), so that a camera is no sign of silence either.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vatt_engine.corpus.scenes import physics
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.plan import (
    ASPECT,
    FPS,
    SUBSAMPLES,
    TRACK_HZ,
    Floats,
    Part,
    Scene,
    Shimmer,
)
from vatt_engine.corpus.scenes.stage import Stage
from vatt_engine.corpus.scenes.world import WorldPlan
from vatt_engine.training import mechanisms
from vatt_engine.training.contacts import FAMILY, performed, stage_of

SILENT_FAMILY = "camera"
_SOUNDING = 0.35  # share of films in which something makes hits
_PIXEL = 1 / 90  # picture heights; motion is measured on 90 rows


def camera_scene(seed: int, duration_s: float) -> Scene:
    """A film of a moving camera: silent, of family ``camera``, or with hits, of ``contact``."""
    rng = np.random.default_rng([seed, 4712])
    odds = {"cuts": 0.25, "light": 0.05, "blur": 0.4, "noise": 0.4, "compression": 0.4}
    odds |= {"bars": 0.05, "occluder": 0.05}
    plan = WorldPlan(**{name: bool(rng.random() < p) for name, p in odds.items()})
    scene = make_scene(seed, "train", duration_s, family="camera", plan=plan)
    sounding = bool(rng.random() < _SOUNDING)
    way = camera_way(rng, scene.n_frames, near=sounding)
    shots = np.repeat(scene.world.shot, SUBSAMPLES)
    for shot in range(1, int(shots.max()) + 1):
        if not sounding:
            way[shots == shot, :2] += rng.uniform(-2, 2, 2)
    camera = scene.world.camera * np.array([1, 1, 0]) + way * np.array([1, 1, 0])
    camera[:, 2] = scene.world.camera[:, 2] * np.exp(way[:, 2])
    scene = replace(scene, world=replace(scene.world, camera=camera, boundless=True))
    parts: list[Part] = []
    if rng.random() < 0.75:
        parts.append(_wall(stage_of(rng, scene)))
    if rng.random() < 0.6:
        parts.append(_things(stage_of(rng, scene)))
    if rng.random() < 0.35:
        parts.append(mechanisms.swaying(stage_of(rng, scene)))
    if sounding:
        parts.append(performed(rng, scene))
    return replace(scene, family=FAMILY if sounding else SILENT_FAMILY, parts=tuple(parts))


def camera_way(rng: np.random.Generator, n_frames: int, *, near: bool) -> Floats:
    """How a camera goes: [N, 3] aside and down in picture heights, logarithm of the zoom.

    Args:
        rng: what it follows from.
        n_frames: video frames.
        near: whether it stays where it is, within about a third of the picture.
    """
    n = n_frames * SUBSAMPLES
    way = np.zeros((n, 3))
    for _ in range(int(rng.choice([1, 2, 3], p=[0.55, 0.35, 0.1]))):
        way += _WAYS[int(rng.choice(len(_WAYS), p=_SHARES))](rng, n)
    if near:
        way[:, :2] -= way[:, :2].mean(axis=0)
        way[:, :2] *= np.minimum(1, 0.3 / np.maximum(np.abs(way[:, :2]).max(axis=0), 1e-9))
    way[:, 2] = np.clip(way[:, 2] - way[:, 2].mean(), -0.5, 0.7)
    return way


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _held(rng: np.random.Generator, n: int) -> Floats:
    """By a hand, from calm to shaken."""
    way = np.zeros((n, 3))
    rate = _log_uniform(rng, 0.5, 8.0)
    amount = _log_uniform(rng, 0.003, 0.06) / max(rate / 3, 1)
    for axis in range(2):
        way[:, axis] = amount * physics.smooth_walk(rng, n, rate, TRACK_HZ)
    way[:, 2] = 0.3 * amount * physics.smooth_walk(rng, n, rate, TRACK_HZ)
    if rng.random() < 0.4:  # in bouts that begin and end at once
        way *= _switched(rng, n)[:, None]
    return way


def _stepped(rng: np.random.Generator, n: int) -> Floats:
    """By whole pixels from frame to frame, at random."""
    most = int(rng.integers(1, 4))
    n_frames = n // SUBSAMPLES
    steps = rng.integers(-most, most + 1, (n_frames, 2))
    steps[rng.random(n_frames) < rng.uniform(0, 0.7)] = 0
    way = np.zeros((n, 3))
    way[:, :2] = np.repeat(np.cumsum(steps, axis=0) * _PIXEL, SUBSAMPLES, axis=0)
    return way


def _panned(rng: np.random.Generator, n: int) -> Floats:
    """At even speeds that change at once or soon, or not at all."""
    speed = np.zeros((n, 2))
    ends = np.sort(rng.integers(0, n, int(rng.integers(0, 6))))
    toward = rng.uniform(-np.pi, np.pi) if rng.random() < 0.3 else np.pi * rng.integers(0, 2)
    for piece in np.split(np.arange(n), ends):
        if len(ends) and rng.random() < 0.35:
            continue
        if rng.random() < 0.4:
            toward += np.pi
        pace = _log_uniform(rng, 0.03, 1.6)
        if rng.random() < 0.3:  # whole pixels a frame
            pace = max(round(pace * 90 / FPS), 1) * FPS * _PIXEL
        speed[piece] = pace * np.array([np.cos(toward), np.sin(toward)])
    if rng.random() < 0.5:
        width = int(rng.integers(2, 60))
        kernel = np.hanning(width + 2)
        for axis in range(2):
            padded = np.pad(speed[:, axis], width, mode="edge")
            speed[:, axis] = np.convolve(padded, kernel / kernel.sum(), "same")[width:-width]
    return np.column_stack([np.cumsum(speed, axis=0) / TRACK_HZ, np.zeros(n)])


def _whipped(rng: np.random.Generator, n: int) -> Floats:
    """From one place to another in a moment, some times."""
    way, t = np.zeros((n, 3)), np.arange(n) / TRACK_HZ
    for _ in range(int(rng.integers(1, 6))):
        u = np.clip((t - rng.uniform(0, t[-1])) / _log_uniform(rng, 0.05, 0.6), 0, 1)
        u = u if rng.random() < 0.4 else u * u * (3 - 2 * u)
        way[:, 0] += u * rng.choice([-1, 1]) * _log_uniform(rng, 0.03, 1.2)
        way[:, 1] += u * rng.uniform(-0.1, 0.1)
    return way


def _zoomed(rng: np.random.Generator, n: int) -> Floats:
    """In and out, with a beginning and an end."""
    rate = _switched(rng, n) * _log_uniform(rng, 0.03, 1.0) * rng.choice([-1, 1])
    if rng.random() < 0.3:
        rate *= np.sign(physics.smooth_walk(rng, n, 0.5, TRACK_HZ))
    return np.column_stack([np.zeros((n, 2)), np.cumsum(rate) / TRACK_HZ])


def _swung(rng: np.random.Generator, n: int) -> Floats:
    """To and fro, as from a boat or by someone who walks; turns are round or sharp."""
    rate = _log_uniform(rng, 0.3, 5.0)
    phase = 2 * np.pi * (rate * np.arange(n) / TRACK_HZ + rng.random())
    sharp = rng.uniform(0.05, 0.98)
    course = np.arcsin(sharp * np.sin(phase)) / np.arcsin(sharp)
    course *= _log_uniform(rng, 0.005, 0.12) / max(rate / 2, 1)
    if rng.random() < 0.4:
        course *= _switched(rng, n)
    toward = rng.uniform(-np.pi, np.pi)
    return np.column_stack([np.cos(toward) * course, np.sin(toward) * course, np.zeros(n)])


def _switched(rng: np.random.Generator, n: int) -> Floats:
    """1 in some pieces, 0 in others, [n]."""
    ends = np.sort(rng.integers(0, n, int(rng.integers(1, 5))))
    on = (np.searchsorted(ends, np.arange(n), side="right") + int(rng.integers(2))) % 2
    return on.astype(float)


def _wall(stage: Stage) -> Part:
    """A pattern that stands still, fine or coarse, faint or strong, over all of the world."""
    still = np.zeros(stage.n // SUBSAMPLES)
    wall = Shimmer(
        centre=(ASPECT / 2, 0.5),
        radii=(99.0, 99.0),
        cells=float(np.exp(stage.uniform(np.log(0.035), np.log(0.35)))),
        drift=np.zeros((len(still), 2)),
        morph=still,
        amplitude=still + stage.uniform(0.03, 0.35),
        colour=(1.0, 1.0, 1.0),
        seed=int(stage.rng.integers(2**31)),
    )
    return stage.part(shimmers=(wall,), silent=True)


def _things(stage: Stage) -> Part:
    """Bodies that stand about, some of them beyond the picture."""
    bodies = []
    for _ in range(int(stage.rng.integers(1, 16))):
        half = stage.size * stage.uniform(0.4, 2.5)
        sprite = stage.sprite(
            str(stage.rng.choice(mechanisms.SHAPES)), half, half * stage.uniform(0.4, 1.2)
        )
        x, y = stage.uniform(-1.5, ASPECT + 1.5), stage.uniform(-0.1, 1.0)
        bodies.append(stage.body(sprite, x, y, stage.uniform(-1, 1)))
    return stage.part(bodies=tuple(bodies), silent=True)


_WAYS = (_held, _stepped, _panned, _whipped, _zoomed, _swung)
_SHARES = (0.25, 0.15, 0.25, 0.1, 0.1, 0.15)
