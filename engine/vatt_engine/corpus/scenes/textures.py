"""Procedural backgrounds: a dozen kinds of place, each different for every seed.

An image covers more than the picture (``MARGIN`` heights on every side), so that a camera can move
over it. Everything is drawn from coarse random grids, so one seed gives the same place at any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.plan import ASPECT, Backdrop, Colour

MARGIN = 0.35

Image = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Look:
    """Colours from top to ground, roughness above and below, and what stands there."""

    top: Colour
    horizon: Colour
    ground: Colour
    rough: tuple[float, float]
    decor: tuple[str, ...]


BACKDROPS: Mapping[str, _Look] = MappingProxyType(
    {
        "plain": _Look((0.55, 0.55, 0.57), (0.6, 0.6, 0.6), (0.45, 0.45, 0.44), (0.05, 0.05), ()),
        "room": _Look(
            (0.7, 0.66, 0.6),
            (0.62, 0.58, 0.52),
            (0.42, 0.33, 0.26),
            (0.05, 0.08),
            ("blocks", "frame"),
        ),
        "planks": _Look(
            (0.5, 0.42, 0.34),
            (0.45, 0.38, 0.3),
            (0.55, 0.38, 0.22),
            (0.06, 0.12),
            ("blocks", "boards"),
        ),
        "tiles": _Look(
            (0.72, 0.74, 0.74), (0.68, 0.7, 0.71), (0.6, 0.6, 0.58), (0.03, 0.05), ("grid",)
        ),
        "street": _Look(
            (0.6, 0.68, 0.78), (0.62, 0.6, 0.57), (0.33, 0.33, 0.34), (0.06, 0.1), ("houses",)
        ),
        "field": _Look((0.55, 0.7, 0.88), (0.75, 0.8, 0.85), (0.33, 0.42, 0.16), (0.05, 0.22), ()),
        "forest": _Look(
            (0.2, 0.3, 0.14), (0.3, 0.38, 0.2), (0.27, 0.22, 0.12), (0.25, 0.22), ("trunks",)
        ),
        "water": _Look(
            (0.6, 0.72, 0.85), (0.7, 0.78, 0.85), (0.16, 0.32, 0.42), (0.06, 0.1), ("waves",)
        ),
        "sky": _Look((0.35, 0.55, 0.85), (0.75, 0.82, 0.9), (0.5, 0.55, 0.5), (0.2, 0.1), ()),
        "night": _Look(
            (0.02, 0.03, 0.07), (0.06, 0.06, 0.1), (0.05, 0.05, 0.05), (0.03, 0.04), ("lamps",)
        ),
        "snow": _Look(
            (0.75, 0.8, 0.86), (0.85, 0.88, 0.92), (0.92, 0.94, 0.97), (0.05, 0.06), ("trunks",)
        ),
        "workshop": _Look(
            (0.36, 0.36, 0.37),
            (0.4, 0.38, 0.36),
            (0.34, 0.32, 0.3),
            (0.09, 0.12),
            ("blocks", "boards", "frame"),
        ),
    }
)
"""Every kind of place, by name."""


def _stretch(grid: Image, n_out: int) -> Image:
    """Linear interpolation of the rows of ``grid`` [n, m] to [n_out, m]."""
    x = np.linspace(0, len(grid) - 1, n_out)
    i = np.clip(np.floor(x).astype(int), 0, len(grid) - 2)
    f = (x - i).astype(np.float32)[:, None]
    return np.asarray(grid[i] * (1 - f) + grid[i + 1] * f)


def cloud(rng: np.random.Generator, height: int, width: int, cells: int, octaves: int) -> Image:
    """Fractal noise [height, width] of about unit deviation; ``cells`` grid cells a height."""
    total = np.zeros((height, width), np.float32)
    weight = 0.0
    for octave in range(octaves):
        rows = cells * 2**octave + 2
        columns = int(rows * width / height) + 2
        grid = rng.standard_normal((rows, columns)).astype(np.float32)
        gain = 0.6**octave
        if rows < height:  # finer grids than pixels would only alias
            total += gain * _stretch(_stretch(grid, height).T, width).T
            weight += gain**2
    return total / np.float32(np.sqrt(max(weight, 1e-6)) * 0.66)


def _rectangle(
    image: Image, per_height: float, x0: float, y0: float, x1: float, y1: float, colour: Image
) -> None:
    rows = slice(*(max(int((v + MARGIN) * per_height), 0) for v in sorted((y0, y1))))
    columns = slice(*(max(int((v + MARGIN) * per_height), 0) for v in sorted((x0, x1))))
    image[rows, columns] = colour


def _decorate(
    image: Image, kind: str, floor: float, per_height: float, rng: np.random.Generator
) -> None:
    def shade(low: float = 0.6, high: float = 1.25) -> Image:
        row = min(max(int((floor + MARGIN) * per_height) - 2, 0), len(image) - 1)
        return np.asarray(np.clip(image[row, 0] * rng.uniform(low, high), 0, 1))

    if kind in {"blocks", "houses"}:
        for _ in range(int(rng.integers(2, 7))):
            x, w = rng.uniform(-0.3, 2.0), rng.uniform(0.12, 0.5)
            top = floor - rng.uniform(0.15, 0.8 if kind == "houses" else 0.45)
            _rectangle(image, per_height, x, top, x + w, floor, shade())
            if kind == "houses":
                glass = shade(0.3, 0.7)
                for wy in np.arange(top + 0.05, floor - 0.08, 0.11):
                    for wx in np.arange(x + 0.04, x + w - 0.05, 0.09):
                        _rectangle(image, per_height, wx, wy, wx + 0.045, wy + 0.06, glass)
    elif kind == "frame":
        x, y = rng.uniform(0.0, 1.4), rng.uniform(0.05, 0.3)
        _rectangle(image, per_height, x, y, x + 0.35, y + 0.3, shade(0.4, 0.7))
        _rectangle(image, per_height, x + 0.02, y + 0.02, x + 0.33, y + 0.28, shade(1.1, 1.5))
    elif kind == "trunks":
        for _ in range(int(rng.integers(4, 12))):
            x, w = rng.uniform(-0.3, 2.1), rng.uniform(0.02, 0.09)
            _rectangle(image, per_height, x, -MARGIN, x + w, floor + 0.05, shade(0.4, 0.8))
    elif kind == "lamps":
        for _ in range(int(rng.integers(3, 14))):
            x, y, r = rng.uniform(-0.2, 2.0), rng.uniform(0, floor), rng.uniform(0.004, 0.015)
            glow = np.array([1.0, 0.85, 0.55], np.float32) * np.float32(rng.uniform(0.4, 1))
            _rectangle(image, per_height, x, y, x + r, y + r, glow)
    elif kind in {"boards", "waves", "grid"}:
        y = floor
        step = rng.uniform(0.035, 0.08)
        while y < 1 + MARGIN:  # lines on the ground draw apart towards the viewer
            _rectangle(image, per_height, -MARGIN, y, ASPECT + MARGIN, y + 0.006, shade(0.55, 0.8))
            y += step
            step *= 1.25
        if kind == "grid":
            for x in np.arange(-MARGIN, ASPECT + MARGIN, rng.uniform(0.1, 0.2)):
                _rectangle(image, per_height, x, -MARGIN, x + 0.006, 1 + MARGIN, shade(0.6, 0.8))
            for v in np.arange(-MARGIN, floor, rng.uniform(0.1, 0.2)):
                _rectangle(
                    image, per_height, -MARGIN, v, ASPECT + MARGIN, v + 0.006, shade(0.6, 0.8)
                )


def paint(backdrop: Backdrop, height: int, grey: bool) -> Image:
    """Draw a backdrop for pictures ``height`` pixels high.

    Returns:
        Image [Hb, Wb, C] 0..1, with C = 1 when ``grey`` else 3, covering ``MARGIN`` around.
    """
    look = BACKDROPS[backdrop.kind]
    rng = np.random.default_rng(backdrop.seed)
    rows = round((1 + 2 * MARGIN) * height)
    columns = round((ASPECT + 2 * MARGIN) * height)
    y = np.linspace(-MARGIN, 1 + MARGIN, rows, dtype=np.float32)[:, None]
    tint = np.asarray(backdrop.tint, np.float32) * rng.uniform(0.8, 1.15)
    top, horizon, ground = (
        np.clip(np.asarray(c, np.float32) * tint, 0, 1)
        for c in (look.top, look.horizon, look.ground)
    )
    blend = np.clip(y / backdrop.floor, 0, 1)
    above = top * (1 - blend) + horizon * blend
    nearer = np.clip((y - backdrop.floor) / (1.2 - backdrop.floor), 0, 1)
    below = ground * (0.8 + 0.35 * nearer)
    column = np.where(y < backdrop.floor, above, below).astype(np.float32)
    image = np.repeat(column[:, None, :], columns, axis=1)
    for kind in look.decor:
        _decorate(image, kind, backdrop.floor, height, rng)
    noise = cloud(rng, rows, columns, 5, 6)
    rough = np.where(y < backdrop.floor, look.rough[0], look.rough[1]).astype(np.float32)
    image = np.clip(image * (1 + rough * noise)[..., None], 0, 1)
    if grey:
        image = image @ np.array([[0.299], [0.587], [0.114]], np.float32)
    return np.asarray(image, np.float32)
