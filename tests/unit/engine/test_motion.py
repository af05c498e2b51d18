"""Contacts are found where they are; cameras, lamps, cuts and stillness are no contacts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.movies import disc, texture, write_movie
from vatt_engine.evaluation.sync import onset_score
from vatt_engine.media.picture import Feed, Picture
from vatt_engine.messages import PictureSegment
from vatt_engine.motion import (
    FEATURES,
    MOTION_FPS,
    MOTION_HEIGHT,
    MOTION_WIDTH,
    N_FEATURES,
    MotionMeter,
)
from vatt_engine.spotting_by_physics import spot

PERIOD_S = 0.72
CONTACTS = np.arange(1, 9) * PERIOD_S  # the ball starts on the floor and lands every period


def grey(image: np.ndarray) -> np.ndarray:
    return image.mean(axis=2).astype(np.uint8)


def ball_at(time_s: float) -> tuple[float, float]:
    """Place of a ball that bounces on a floor at y = 80."""
    phase = (time_s / PERIOD_S) % 1.0
    return 30 + 16 * time_s, 76 - 30 * 4 * phase * (1 - phase)


def bouncing(
    n: int, fps: float, shake: Callable[[int], tuple[int, int]] = lambda _: (0, 0)
) -> Iterable[np.ndarray]:
    wall = texture(MOTION_WIDTH + 40, MOTION_HEIGHT + 40, seed=1)
    for i in range(n):
        dx, dy = shake(i)
        image = wall[20 + dy : 20 + dy + MOTION_HEIGHT, 20 + dx : 20 + dx + MOTION_WIDTH].copy()
        x, y = ball_at(i / fps)
        disc(image, x - dx, y - dy, 8, (250, 240, 230))
        yield image


def motion_of(images: Iterable[np.ndarray]) -> np.ndarray:
    meter = MotionMeter()
    for image in images:
        meter.feed(image)
    return meter.finish()


def found_in(images: Iterable[np.ndarray]) -> list[tuple[float, float]]:
    return list(spot(motion_of(map(grey, images))).hits)


def score(hits: list[tuple[float, float]]) -> float:
    times = np.array([t for t, _ in hits])
    return onset_score(times[times > PERIOD_S / 2], CONTACTS[CONTACTS < 5.9]).f1


def test_a_bouncing_ball_hits_when_it_touches_the_floor() -> None:
    hits = found_in(bouncing(150, MOTION_FPS))
    assert score(hits) > 0.9
    late = [t - CONTACTS[np.abs(CONTACTS - t).argmin()] for t, _ in hits if t > 0.4]
    assert abs(np.mean(late)) < 0.02
    assert all(0 < strength <= 1 for _, strength in hits)


def test_a_moving_camera_does_not_hide_the_hits() -> None:
    hits = found_in(bouncing(150, MOTION_FPS, lambda i: (round(8 * np.sin(i / 15)), i // 25)))
    assert score(hits) > 0.75


def test_a_pan_over_a_still_scene_has_no_hits() -> None:
    wall = texture(600, MOTION_HEIGHT, seed=2)
    images = [wall[:, 3 * i : 3 * i + MOTION_WIDTH] for i in range(140)]
    assert found_in(images) == []


def test_a_handheld_still_scene_has_hardly_any_hits() -> None:
    rng = np.random.default_rng(3)
    wall = texture(MOTION_WIDTH + 60, MOTION_HEIGHT + 60, seed=3)
    walk = 30 + np.cumsum(rng.integers(-1, 2, (150, 2)), axis=0)
    walk = np.clip(walk, 0, 59)
    images = [wall[y : y + MOTION_HEIGHT, x : x + MOTION_WIDTH] for y, x in walk]
    assert len(found_in(images)) <= 2


def test_flickering_light_is_no_hit() -> None:
    rng = np.random.default_rng(4)
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=4).astype(float)
    images = [np.clip(wall * rng.uniform(0.6, 1.2), 0, 255) for _ in range(150)]
    assert len(found_in(images)) <= 2


def test_cuts_are_no_hits() -> None:
    walls = [texture(MOTION_WIDTH, MOTION_HEIGHT, seed=s) for s in range(6)]
    images = [wall for wall in walls for _ in range(25)]
    motion = motion_of(map(grey, images))
    assert spot(motion).hits == ()
    cuts = np.flatnonzero(motion[:, FEATURES.index("cut")] > 0.5)
    assert list(cuts) == [25, 50, 75, 100, 125]


@pytest.mark.parametrize("noise", [0, 4])
def test_stillness_is_still_noise_or_not(noise: int) -> None:
    rng = np.random.default_rng(5)
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=5).astype(int)
    images = [np.clip(wall + noise * rng.standard_normal(wall.shape), 0, 255) for _ in range(100)]
    lane = spot(motion_of(grey(i) for i in images))
    assert lane.hits == ()
    assert max(lane.intensity) < 0.3


@pytest.mark.parametrize("fps", [12, 15, 24, 30])
def test_sources_of_any_rate_show_the_same_hits(fps: int, tmp_path: Path) -> None:
    path = write_movie(tmp_path / "m.mp4", bouncing(6 * fps, fps), fps=fps)
    feed = Feed(Fraction(MOTION_FPS), MOTION_WIDTH, MOTION_HEIGHT, gray=True, fit="stretch")
    picture = Picture([PictureSegment(str(path), 0.0, 6.0)])
    meter = MotionMeter()
    for picked in picture.images([feed]):
        meter.feed(picked.image, picked.since_s)
    lane = spot(meter.finish())
    assert score(list(lane.hits)) > (0.55 if fps == 12 else 0.8)


def test_a_repeated_image_is_not_a_stop() -> None:
    images = [grey(i) for i in bouncing(144, 24)]
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
        return motion_of(images)[2:].mean(axis=0)

    for name, step in {"right": (2, 0), "left": (-2, 0), "down": (0, 2), "up": (0, -2)}.items():
        row = moving(*step)
        strengths = {n: row[FEATURES.index(n)] for n in ("right", "left", "down", "up")}
        assert max(strengths, key=strengths.__getitem__) == name


def test_lanes_have_one_intensity_every_fiftieth_of_a_second() -> None:
    motion = motion_of(map(grey, bouncing(77, MOTION_FPS)))
    assert motion.shape == (77, N_FEATURES)
    assert np.isfinite(motion).all()
    lane = spot(motion)
    assert len(lane.intensity) == 154
    assert all(0 <= v <= 1 for v in lane.intensity)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_shortest_pictures_have_lanes_too(n: int) -> None:
    lane = spot(motion_of([np.zeros((MOTION_HEIGHT, MOTION_WIDTH), np.uint8)] * n))
    assert lane.hits == ()
    assert len(lane.intensity) == 2 * n
