"""Scene plan -> video frames: numpy only, lazily, a second of film at a time.

Bodies are analytic shapes, anti-aliased at exact sub-pixel places, so that a motion of a tenth of a
pixel shows; with an open shutter three moments are averaged. The same code draws grey for motion
features and colour for looking and for the real encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes import textures
from vatt_engine.corpus.scenes.photos import load_photo
from vatt_engine.corpus.scenes.plan import (
    ASPECT,
    SUBSAMPLES,
    Body,
    Colour,
    Particles,
    Scene,
    Shimmer,
)

Image = NDArray[np.floating[Any]]
Frames = NDArray[np.uint8]

CHUNK = 25
_SHUTTER = (0, 1, 2)  # of SUBSAMPLES: open for half a video frame
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _box(u: Image, v: Image) -> Image:
    return np.maximum(np.abs(u), np.abs(v)) - 1


def _disc(u: Image, v: Image) -> Image:
    return np.sqrt(u * u + v * v) - 1


def _bottle(u: Image, v: Image) -> Image:
    width = np.where(v < -0.25, 0.4, 1.0)
    return np.asarray(np.maximum(np.abs(u) - width, np.abs(v) - 1))


def _shard(u: Image, v: Image) -> Image:
    return np.maximum(np.abs(u) * 0.9 + v * 0.7, -v) - 0.7


def _star(u: Image, v: Image) -> Image:
    r = np.sqrt(u * u + v * v)
    return np.asarray(r - (0.65 + 0.35 * np.cos(7 * np.arctan2(v, u))))


def _blob(u: Image, v: Image) -> Image:
    r = np.sqrt(u * u + v * v)
    return r - (0.88 + 0.12 * np.sin(3 * np.arctan2(v, u) + 0.7))


def _ring(u: Image, v: Image) -> Image:
    return np.abs(np.sqrt(u * u + v * v) - 0.85) - 0.15


SHAPES: Mapping[str, Callable[[Image, Image], Image]] = MappingProxyType(
    {
        "box": _box,
        "bar": _box,
        "disc": _disc,
        "bottle": _bottle,
        "shard": _shard,
        "star": _star,
        "blob": _blob,
        "ring": _ring,
    }
)
"""Signed distances in units of the half size: below zero inside."""


def _pattern(kind: str, u: Image, v: Image) -> Image:
    if kind == "stripes":
        return (np.sin(7 * u) > 0).astype(np.float32)
    if kind == "spots":
        return (np.sin(6 * u + 1) * np.sin(6 * v) > 0.4).astype(np.float32)
    if kind == "halves":
        return (u * 0.6 + v > 0.1).astype(np.float32)
    # Round things are lit from above left, which is all a plain body shows of itself.
    return np.clip(0.35 - 0.25 * (u + v), 0, 1)


def _tint(colour: Colour, grey: bool) -> Image:
    value = np.asarray(colour, np.float32)
    return np.array([value @ _LUMA], np.float32) if grey else value


def _paste_body(
    canvas: Image, body: Body, frames: NDArray[np.int64], camera: Image, shutter: bool, grey: bool
) -> None:
    """Draw a body on ``canvas`` [n, H, W, C] for the video frames ``frames`` [n]."""
    height, width = canvas.shape[1:3]
    subs = _SHUTTER if shutter else (0,)
    samples = np.minimum(frames[:, None] * SUBSAMPLES + np.array(subs), len(body.angle) - 1)
    shown = body.shown[samples]
    if not shown.any():
        return
    zoom = camera[samples, 2]
    unit = (height * zoom).astype(np.float32)  # pixels a picture height
    px = (body.pos[samples, 0] - camera[samples, 0]) * unit + width / 2
    py = (body.pos[samples, 1] - camera[samples, 1]) * unit + height / 2
    half_x = np.maximum(body.sprite.half[0] * body.scale[samples, 0] * unit, 0.35)
    half_y = np.maximum(body.sprite.half[1] * body.scale[samples, 1] * unit, 0.35)
    photo = load_photo(body.sprite.photo, grey) if body.sprite.photo else None
    if photo is not None:  # keeps its own proportions, on about the area of the shape
        side, aspect = 1.2 * np.sqrt(half_x * half_y), np.sqrt(photo.shape[1] / photo.shape[0])
        half_x, half_y = side * aspect, side / aspect
    # One box that holds the body at all open moments of a video frame.
    tilt = np.abs(np.stack([np.sin(body.angle[samples]), np.cos(body.angle[samples])]))
    reach_x = half_x * tilt[1] + half_y * tilt[0] + 1.5
    reach_y = half_x * tilt[0] + half_y * tilt[1] + 1.5
    left = np.clip(np.floor((px - reach_x).min(axis=1)), 0, width).astype(int)
    right = np.clip(np.ceil((px + reach_x).max(axis=1)), 0, width).astype(int)
    top = np.clip(np.floor((py - reach_y).min(axis=1)), 0, height).astype(int)
    bottom = np.clip(np.ceil((py + reach_y).max(axis=1)), 0, height).astype(int)
    colour, accent = _tint(body.sprite.colour, grey), _tint(body.sprite.accent, grey)
    for k in np.flatnonzero((right > left) & (bottom > top) & shown.any(axis=1)):
        rows = np.arange(top[k], bottom[k], dtype=np.float32)[:, None] + 0.5
        columns = np.arange(left[k], right[k], dtype=np.float32)[None, :] + 0.5
        covered: Image | float = 0.0
        paint: Image | None = None
        for s in range(len(subs)):
            if not shown[k, s]:
                continue
            dx, dy = columns - np.float32(px[k, s]), rows - np.float32(py[k, s])
            sine = np.float32(np.sin(body.angle[samples[k, s]]))
            cosine = np.float32(np.cos(body.angle[samples[k, s]]))
            u = (dx * cosine + dy * sine) / np.float32(half_x[k, s])
            v = (dy * cosine - dx * sine) / np.float32(half_y[k, s])
            if photo is not None:
                rgba = _sample_photo(photo, u, v)
                own, alpha = rgba[..., :-1], rgba[..., -1]
            else:
                grain = np.float32(min(half_x[k, s], half_y[k, s]))
                alpha = np.clip(0.5 - SHAPES[body.sprite.shape](u, v) * grain, 0, 1)
                mix = _pattern(body.sprite.pattern, u, v)[..., None]
                own = colour + mix * (accent - colour)
            covered = covered + alpha
            paint = own if paint is None else paint
        if paint is None:
            continue
        alpha = (np.asarray(covered, np.float32) / len(subs))[..., None]
        patch = canvas[k, top[k] : bottom[k], left[k] : right[k]]
        patch += alpha * (paint - patch)


def _sample_photo(photo: Image, u: Image, v: Image) -> Image:
    """Nearest pixels of ``photo`` [h, w, C + 1] at (u, v) in -1..1; transparent outside."""
    rows = np.clip(((v + 1) / 2 * len(photo)).astype(int), 0, len(photo) - 1)
    columns = np.clip(((u + 1) / 2 * photo.shape[1]).astype(int), 0, photo.shape[1] - 1)
    found = photo[rows, columns]
    inside = (np.abs(u) <= 1) & (np.abs(v) <= 1)
    return np.asarray(found * inside[..., None], np.float32)


def _paste_particles(
    canvas: Image, specks: Particles, frames: NDArray[np.int64], camera: Image, grey: bool
) -> None:
    """Splat specks and their streaks, bilinearly so that slow ones move smoothly."""
    n, height, width = canvas.shape[:3]
    view = camera[np.minimum(frames * SUBSAMPLES, len(camera) - 1)]
    unit = (height * view[:, 2])[:, None]
    streak = np.linspace(-0.5, 0.5, 5)
    radius = max(height / 160, 0.5)
    cover = np.zeros((n, height * width), np.float32)
    for offset in streak:
        at = specks.pos[frames] + offset * specks.trail[frames]
        x = (at[..., 0] - view[:, 0:1]) * unit + width / 2 - 0.5
        y = (at[..., 1] - view[:, 1:2]) * unit + height / 2 - 0.5
        gone = ~np.isfinite(x + y)
        x0 = np.floor(np.where(gone, -9, x))
        y0 = np.floor(np.where(gone, -9, y))
        fx, fy = np.where(gone, 0, x) - x0, np.where(gone, 0, y) - y0
        for ox, wx in ((0, 1 - fx), (1, fx)):
            for oy, wy in ((0, 1 - fy), (1, fy)):
                cx, cy = (x0 + ox).astype(int), (y0 + oy).astype(int)
                ok = (cx >= 0) & (cx < width) & (cy >= 0) & (cy < height) & ~gone
                flat = np.arange(n)[:, None] * (height * width) + cy * width + cx
                cover += (
                    np.bincount(flat[ok], weights=(wx * wy)[ok], minlength=n * height * width)
                    .reshape(n, -1)
                    .astype(np.float32)
                )
    alpha = np.clip(cover * (specks.opacity * radius**2 * 0.6), 0, specks.opacity)
    alpha = alpha.reshape(n, height, width, 1)
    canvas += alpha * (_tint(specks.colour, grey) - canvas)


def _paste_shimmer(
    canvas: Image, shimmer: Shimmer, frames: NDArray[np.int64], camera: Image, grey: bool
) -> None:
    """Brighten and darken an ellipse by a pattern that drifts and changes."""
    height, width = canvas.shape[1:3]
    amplitude = shimmer.amplitude[frames].astype(np.float32)
    if not np.any(amplitude > 1e-3):
        return
    rng = np.random.default_rng(shimmer.seed)
    side = 64
    pages = rng.standard_normal((8, side, side)).astype(np.float32)
    view = camera[np.minimum(frames * SUBSAMPLES, len(camera) - 1)]
    tint = _tint(shimmer.colour, grey)
    cells = max(shimmer.cells, 2.5 / height)
    for k in np.flatnonzero(amplitude > 1e-3):
        zoom = view[k, 2]
        x = (np.arange(width) + 0.5 - width / 2) / (height * zoom) + view[k, 0]
        y = (np.arange(height) + 0.5 - height / 2) / (height * zoom) + view[k, 1]
        inside_x = np.flatnonzero(np.abs(x - shimmer.centre[0]) < shimmer.radii[0])
        inside_y = np.flatnonzero(np.abs(y - shimmer.centre[1]) < shimmer.radii[1])
        if len(inside_x) == 0 or len(inside_y) == 0:
            continue
        columns = slice(inside_x[0], inside_x[-1] + 1)
        rows = slice(inside_y[0], inside_y[-1] + 1)
        x, y = x[columns], y[rows]
        drift = shimmer.drift[frames[k]] * shimmer.cells / cells
        gx = (x / cells - drift[0]) % side
        gy = (y / cells - drift[1]) % side
        page = shimmer.morph[frames[k]] % len(pages)
        i = int(page)
        mix = np.float32(page - i)
        field = pages[i] * (1 - mix) + pages[(i + 1) % len(pages)] * mix
        field = field / np.sqrt((1 - mix) ** 2 + mix**2)
        noise = _wrapped(field, gy, gx)
        ex = (x - shimmer.centre[0]) / shimmer.radii[0]
        ey = (y - shimmer.centre[1]) / shimmer.radii[1]
        mask = np.clip(1 - (ex[None, :] ** 2 + ey[:, None] ** 2), 0, 1).astype(np.float32)
        gain = (amplitude[k] * mask * (noise + np.float32(shimmer.glow)))[..., None]
        patch = canvas[k, rows, columns]
        patch += np.where(gain > 0, gain * tint, gain * patch)


def _wrapped(field: Image, gy: NDArray[np.float64], gx: NDArray[np.float64]) -> Image:
    """Bilinear reading of a tile that repeats, at rows ``gy`` and columns ``gx``."""
    y0, x0 = gy.astype(int), gx.astype(int)
    fy, fx = (gy - y0).astype(np.float32)[:, None], (gx - x0).astype(np.float32)[None, :]
    n = len(field)
    a, b = field[y0 % n], field[(y0 + 1) % n]
    line = a + fy * (b - a)
    left, right = line[:, x0 % n], line[:, (x0 + 1) % n]
    return np.asarray(left + fx * (right - left), np.float32)


def _background(
    images: list[Image], scene: Scene, frames: NDArray[np.int64], height: int, width: int
) -> Image:
    """Crop the backdrop of each video frame at the camera's exact place."""
    channels = images[0].shape[-1]
    canvas = np.empty((len(frames), height, width, channels), np.float32)
    cached: tuple[tuple[float, ...], Image] | None = None
    for k, frame in enumerate(frames):
        shot = int(scene.world.shot[frame])
        view = scene.world.camera[min(int(frame) * SUBSAMPLES, len(scene.world.camera) - 1)]
        key = (shot, *(float(v) for v in view))
        if cached is None or cached[0] != key:
            image = images[shot]
            y = (np.arange(height) + 0.5 - height / 2) / (height * view[2]) + view[1]
            x = (np.arange(width) + 0.5 - width / 2) / (height * view[2]) + view[0]
            py = (y + textures.MARGIN) * height - 0.5
            px = (x + textures.MARGIN) * height - 0.5
            if scene.world.boundless:
                py, px = _mirrored(py, image.shape[0]), _mirrored(px, image.shape[1])
            py = np.clip(py, 0, image.shape[0] - 1.001)
            px = np.clip(px, 0, image.shape[1] - 1.001)
            y0, x0 = py.astype(int), px.astype(int)
            fy = (py - y0).astype(np.float32)[:, None, None]
            fx = (px - x0).astype(np.float32)[None, :, None]
            line = image[y0] + fy * (image[y0 + 1] - image[y0])
            cached = (key, line[:, x0] + fx * (line[:, x0 + 1] - line[:, x0]))
        canvas[k] = cached[1]
    return canvas


def _mirrored(at: Image, size: int) -> Image:
    """Places in 0..size - 1 for places on an image that is mirrored at its edges, on and on."""
    last = size - 1
    return last - np.abs(at % (2 * last) - last)


def _degrade(canvas: Image, scene: Scene, frames: NDArray[np.int64]) -> Frames:
    """Light, sensor noise, block compression, bars, eight bits."""
    world = scene.world
    height, width = canvas.shape[1:3]
    canvas *= world.light[frames].astype(np.float32)[:, None, None, None]
    if world.noise > 0:
        rng = np.random.default_rng([scene.seed, 7])
        tile = (world.noise * rng.standard_normal((height + 61, width + 67))).astype(np.float32)
        for k, frame in enumerate(frames):
            dy, dx = (int(frame) * 37) % 61, (int(frame) * 53) % 67
            canvas[k] += tile[dy : dy + height, dx : dx + width, None]
    if world.quantiser > 0:
        canvas = _block_compress(canvas, world.quantiser)
    bar = round(world.bars * height)
    if bar:
        canvas[:, :bar] = 0
        canvas[:, height - bar :] = 0
    return np.asarray(np.clip(canvas * 255 + 0.5, 0, 255)).astype(np.uint8)


def _dct() -> Image:
    k, i = np.arange(8)[:, None], np.arange(8)[None, :]
    basis = np.sqrt(2 / 8) * np.cos(np.pi * (2 * i + 1) * k / 16)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)


def _block_compress(canvas: Image, step: float) -> Image:
    """Quantise 8x8 cosine blocks as intra coding does; finer at low frequencies."""
    n, height, width, channels = canvas.shape
    h, w = height // 8 * 8, width // 8 * 8
    basis = _dct()
    blocks = canvas[:, :h, :w].reshape(n, h // 8, 8, w // 8, 8, channels)
    blocks = blocks.transpose(0, 1, 3, 5, 2, 4)
    coefficients = basis @ blocks @ basis.T
    k = np.arange(8)
    steps = (step * (1 + 0.5 * (k[:, None] + k[None, :]))).astype(np.float32)
    coefficients = np.round(coefficients / steps) * steps
    blocks = basis.T @ coefficients @ basis
    out = canvas.copy()
    out[:, :h, :w] = blocks.transpose(0, 1, 4, 2, 5, 3).reshape(n, h, w, channels)
    return out


def frames(scene: Scene, height: int = 90, grey: bool = False) -> Iterator[Frames]:
    """Draw a film, one chunk of up to ``CHUNK`` video frames at a time.

    Args:
        scene: the plan.
        height: pixels; the width follows from 16:9, rounded to an even number.
        grey: draw luma only.

    Yields:
        uint8 [n, H, W, 3], or [n, H, W] when ``grey``.
    """
    width = 2 * round(height * ASPECT / 2)
    images = [textures.paint(b, height, grey) for b in scene.world.backdrops]
    camera = scene.world.camera
    for start in range(0, scene.n_frames, CHUNK):
        index = np.arange(start, min(start + CHUNK, scene.n_frames))
        canvas = _background(images, scene, index, height, width)
        acting = np.flatnonzero(~scene.world.cutaway[index])
        if len(acting):
            stage = canvas if len(acting) == len(index) else canvas[acting]
            for part in scene.parts:
                for shimmer in part.shimmers:
                    _paste_shimmer(stage, shimmer, index[acting], camera, grey)
                for body in part.bodies:
                    _paste_body(stage, body, index[acting], camera, scene.world.shutter, grey)
                for specks in part.particles:
                    _paste_particles(stage, specks, index[acting], camera, grey)
            if scene.world.occluder is not None:
                _paste_body(stage, scene.world.occluder, index[acting], camera, False, grey)
            if stage is not canvas:
                canvas[acting] = stage
        film = _degrade(canvas, scene, index)
        yield film[..., 0] if grey else film
