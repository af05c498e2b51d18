"""Batches for the spotter: crops of films, disturbed as footage disturbs them.

A batch is a function of (seed, step) alone, so a resumed run sees what an unbroken one would have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.motion import FEATURES, GRID, MAPS
from vatt_engine.nets.spotter import STEPS_A_FRAME
from vatt_engine.spotting import LANE_HZ
from vatt_engine.training.motion_films import MotionFilms
from vatt_engine.training.spotter_config import Disturbance, SpotterLoss

Floats = NDArray[np.float32]

_WHOLE = len(FEATURES)
_AT = {name: i for i, name in enumerate(FEATURES)}
_MAP = {name: i for i, name in enumerate(MAPS)}
_SPEEDS = (0.7, 1.4)  # slowest and fastest a film is played


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        motion: [B, F, N_FEATURES].
        hit: [B, 2F] bells, 1 at hits.
        strength: [B, 2F] of the nearest hit, where ``near`` is not 0.
        near: [B, 2F] how much the strength matters there.
        intensity: [B, 2F].
    """

    motion: Tensor
    hit: Tensor
    strength: Tensor
    near: Tensor
    intensity: Tensor


def draw_batch(
    films: MotionFilms,
    n: int,
    shortest: int,
    loss: SpotterLoss,
    disturb: Disturbance,
    rng: np.random.Generator,
) -> Batch:
    """``n`` films, cut to one length."""
    n_rows = int(rng.integers(shortest, films.motion.shape[1] + 1))
    rows = [_example(films, n_rows, loss, disturb, rng) for _ in range(n)]
    motion, hit, strength, intensity = (np.stack(part) for part in zip(*rows, strict=True))
    return Batch(
        torch.from_numpy(motion),
        torch.from_numpy(hit),
        torch.from_numpy(strength),
        torch.from_numpy((hit > 0.3).astype(np.float32)),
        torch.from_numpy(intensity),
    )


def truth(hits: Floats, n_steps: int, bell_s: float) -> tuple[Floats, Floats]:
    """Bells and strengths [n_steps] of hits [n, 2]."""
    times = (np.arange(n_steps, dtype=np.float32) + 0.5) / np.float32(LANE_HZ)
    if len(hits) == 0:
        return np.zeros(n_steps, np.float32), np.zeros(n_steps, np.float32)
    off = np.abs(times[:, None] - hits[:, 0])
    nearest = off.argmin(axis=1)
    bells = np.exp(-0.5 * (off.min(axis=1) / bell_s) ** 2)
    return bells.astype(np.float32), hits[nearest, 1].astype(np.float32)


def _example(
    films: MotionFilms,
    n_rows: int,
    loss: SpotterLoss,
    disturb: Disturbance,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats, Floats]:
    motion, hits, intensity = _crop(films, n_rows, disturb.stretch, rng)
    if rng.random() < disturb.mix:
        other, more, louder = _crop(films, n_rows, disturb.stretch, rng)
        motion[:, _AT["cut"]] -= np.minimum(motion[:, _AT["cut"]], other[:, _AT["cut"]])
        motion += other
        hits = np.concatenate([hits, more])
        intensity = np.maximum(intensity, louder)
    motion = disturbed(motion, disturb, rng)
    bells, strength = truth(hits, STEPS_A_FRAME * n_rows, loss.bell_s)
    return motion, bells, strength, intensity


def _crop(
    films: MotionFilms, n_rows: int, stretch: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """A part of one film, mirrored half of the time and played at any speed: motion, hits, lane."""
    i = int(rng.integers(len(films)))
    speed = 1.0
    if rng.random() < stretch:
        fastest = min(_SPEEDS[1], films.motion.shape[1] / n_rows)
        speed = float(np.exp(rng.uniform(np.log(_SPEEDS[0]), np.log(fastest))))
    n_read = min(int(np.ceil(n_rows * speed)), films.motion.shape[1])
    start = int(rng.integers(films.motion.shape[1] - n_read + 1))
    motion = films.motion[i, start : start + n_read].astype(np.float32)
    steps = slice(STEPS_A_FRAME * start, STEPS_A_FRAME * (start + n_read))
    intensity = films.lane[i, steps, 1]
    if speed != 1:
        motion = replayed(motion, n_rows, speed)
        places = ((np.arange(STEPS_A_FRAME * n_rows) + 0.5) * speed).astype(int)
        intensity = intensity[np.minimum(places, len(intensity) - 1)]
    if rng.random() < 0.5:
        motion = mirrored(motion)
    hits = films.hits[i] - np.array([start * STEPS_A_FRAME / LANE_HZ, 0], np.float32)
    hits = hits * np.array([1 / speed, 1], np.float32)
    # A contact just outside still shows; its bell reaches in by itself.
    end_s = n_rows * STEPS_A_FRAME / LANE_HZ
    hits = hits[(hits[:, 0] > -0.1) & (hits[:, 0] < end_s + 0.1)]
    return motion, hits, intensity


def replayed(motion: Floats, n_rows: int, speed: float) -> Floats:
    """The first of motion [F, N_FEATURES] played ``speed`` times as fast: [n_rows, N_FEATURES].

    A row tells what happened within its 25th of a second, so rows that are run together add up.
    """
    total = np.concatenate([np.zeros_like(motion[:1]), np.cumsum(motion, axis=0)])
    bounds = np.minimum(np.arange(n_rows + 1) * speed, len(motion))
    below = np.minimum(bounds.astype(int), len(motion) - 1)
    share = (bounds - below).astype(np.float32)[:, None]
    played: Floats = np.diff(total[below] + share * motion[below], axis=0)
    # A cut is a cut at any speed; a row holds parts of three at most.
    first = (np.arange(n_rows) * speed).astype(int)
    last = np.ceil((np.arange(n_rows) + 1) * speed).astype(int) - 1
    parts = np.minimum(np.stack([first, (first + last) // 2, last]), len(motion) - 1)
    played[:, _AT["cut"]] = motion[parts, _AT["cut"]].max(axis=0)
    return played


def mirrored(motion: Floats) -> Floats:
    """The motion [F, N_FEATURES] of the picture seen in a mirror."""
    swapped = motion.copy()
    swapped[:, [_AT["right"], _AT["left"]]] = motion[:, [_AT["left"], _AT["right"]]]
    maps = _maps(swapped)
    maps[:] = maps[..., ::-1].copy()
    maps[:, _MAP["right"]] *= -1
    return swapped


def disturbed(motion: Floats, disturb: Disturbance, rng: np.random.Generator) -> Floats:
    """Motion [F, N_FEATURES] as worse cameras and codecs would have shown it; changed in place."""
    maps = _maps(motion)
    n_rows = len(motion)
    motion[:, : _AT["camera"]] *= np.float32(np.exp(disturb.gain * rng.standard_normal()))
    maps *= np.float32(np.exp(disturb.gain * rng.standard_normal()))
    if rng.random() < disturb.grain:
        level = np.float32(np.exp(rng.uniform(np.log(0.05), np.log(1.0))))
        noise = rng.standard_normal(maps.shape, np.float32)
        maps[:, 0] += level * np.abs(noise[:, 0])
        maps[:, 1:] += np.float32(0.06) * level * noise[:, 1:]
        motion[:, _AT["energy"]] += np.float32(0.8) * level
    if rng.random() < disturb.pulse:
        keys = slice(int(rng.integers(25)), n_rows, int(rng.choice([6, 12, 15, 25, 50])))
        level = np.float32(rng.uniform(0.2, 3.0))
        patchy = np.abs(rng.standard_normal(maps[keys, 0].shape, np.float32))
        maps[keys, 0] += level * patchy
        maps[keys, 1:] += (
            np.float32(0.05) * level * rng.standard_normal(maps[keys, 1:].shape, np.float32)
        )
        motion[keys, _AT["energy"]] += np.float32(0.8) * level
    if rng.random() < disturb.hide:
        top, left = int(rng.integers(GRID[0] - 2)), int(rng.integers(GRID[1] - 3))
        maps[:, :, top : top + int(rng.integers(2, 5)), left : left + int(rng.integers(2, 6))] = 0
    if rng.random() < disturb.freeze:
        motion[rng.integers(0, n_rows, int(rng.integers(1, 4)))] = 0
    if rng.random() < disturb.blind:
        motion[:, :_WHOLE] = 0
    return motion


def _maps(motion: Floats) -> Floats:
    """A view [F, map, row, column] of the maps within motion [F, N_FEATURES]."""
    return motion[:, _WHOLE:].reshape(len(motion), len(MAPS), *GRID)
