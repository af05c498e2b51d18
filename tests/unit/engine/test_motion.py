"""Motion is what moves, not the camera, the lamp or the repeated image."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.helpers.movies import disc, texture
from vatt_engine.motion import (
    FEATURES,
    GRID,
    MAPS,
    MOTION_HEIGHT,
    MOTION_WIDTH,
    N_FEATURES,
    Motion,
    MotionMeter,
)


def grey(image: np.ndarray) -> np.ndarray:
    mean: np.ndarray = image.mean(axis=2)
    return mean.astype(np.uint8)


def crossing(n: int, fps: float) -> Iterable[np.ndarray]:
    """A ball that goes up and down in front of a wall."""
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=1)
    for i in range(n):
        image = wall.copy()
        phase = (i / fps / 0.72) % 1.0
        disc(image, 30 + 16 * i / fps, 76 - 120 * phase * (1 - phase), 8, (250, 240, 230))
        yield image


def motion_of(images: Iterable[np.ndarray]) -> Motion:
    meter = MotionMeter()
    for image in images:
        meter.feed(image)
    return meter.finish()


def named(motion: Motion, name: str) -> np.ndarray:
    return motion[:, FEATURES.index(name)].astype(float)


def test_a_pan_is_the_camera_and_hardly_any_motion() -> None:
    wall = texture(600, MOTION_HEIGHT, seed=2)
    motion = motion_of(grey(wall[:, 4 * i : 4 * i + MOTION_WIDTH]) for i in range(60))
    assert np.median(named(motion, "camera")) == pytest.approx(2.0, abs=0.2)  # points of 2 pixels
    assert np.median(named(motion, "speed")) < 0.1


def test_a_lamp_is_a_flash_and_no_motion() -> None:
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=4).astype(float)
    images = [np.clip(wall * gain, 0, 255) for gain in [1.0] * 20 + [0.6] * 20]
    motion = motion_of(grey(i) for i in images)
    assert abs(named(motion, "flash")[20]) > 0.1
    assert np.abs(named(motion, "speed")).max() < 0.1


def test_cuts_are_told() -> None:
    walls = [texture(MOTION_WIDTH, MOTION_HEIGHT, seed=s) for s in range(6)]
    motion = motion_of(grey(wall) for wall in walls for _ in range(25))
    assert list(np.flatnonzero(named(motion, "cut") > 0.5)) == [25, 50, 75, 100, 125]
    assert named(motion, "energy").max() == 0


def test_the_maps_show_where_something_moves() -> None:
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=6)

    def image(i: int) -> np.ndarray:
        shown = wall.copy()
        disc(shown, 120 + i, 25, 9, (255, 255, 255))
        return grey(shown)

    maps = motion_of(image(i) for i in range(6))[2:, len(FEATURES) :].astype(float)
    maps = maps.mean(axis=0).reshape(len(MAPS), *GRID)
    row, column = np.unravel_index(maps[MAPS.index("change")].argmax(), GRID)
    assert (row, column) == (2, pytest.approx(12, abs=1))
    assert maps[MAPS.index("right")].max() > 0.2
    assert maps[MAPS.index("right")].max() > 3 * np.abs(maps[MAPS.index("down")]).max() / 2


def test_a_repeated_image_is_not_a_stop() -> None:
    images = [grey(i) for i in crossing(144, 24)]
    repeated = [images[int(k * 24 / 25)] for k in range(150)]
    smooth = motion_of(repeated)
    speed = smooth[:, FEATURES.index("speed")]
    again = [k for k in range(2, 150) if repeated[k] is repeated[k - 1]]
    assert len(again) >= 4
    assert all(speed[k] > 0 for k in again)


def test_directions_are_named_as_seen() -> None:
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=6)

    def moving(dx: float, dy: float) -> np.ndarray:
        images = []
        for i in range(12):
            image = wall.copy()
            disc(image, 80 + dx * (i - 6), 45 + dy * (i - 6), 9, (255, 255, 255))
            images.append(grey(image))
        mean: np.ndarray = motion_of(images)[2:].mean(axis=0)
        return mean

    for name, step in {"right": (2, 0), "left": (-2, 0), "down": (0, 2), "up": (0, -2)}.items():
        row = moving(*step)
        strengths = {n: row[FEATURES.index(n)] for n in ("right", "left", "down", "up")}
        assert max(strengths, key=strengths.__getitem__) == name


@pytest.mark.parametrize("n", [0, 1, 2])
def test_the_shortest_pictures_have_features_too(n: int) -> None:
    motion = motion_of([np.zeros((MOTION_HEIGHT, MOTION_WIDTH), np.uint8)] * n)
    assert motion.shape == (n, N_FEATURES)
    assert motion.dtype == np.float16
    assert np.isfinite(motion).all()
