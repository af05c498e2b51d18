"""The spotter that ships finds contacts where they are, and takes nothing else for one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.movies import disc, texture, write_movie
from vatt_engine import spotting
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.examples import measure_motion
from vatt_engine.corpus.scenes.lane import audible_hits
from vatt_engine.errors import BadModelFolder
from vatt_engine.evaluation.sync import match, onset_score
from vatt_engine.media.picture import Feed, Picture
from vatt_engine.messages import PictureSegment
from vatt_engine.motion import (
    MOTION_FPS,
    MOTION_HEIGHT,
    MOTION_WIDTH,
    N_FEATURES,
    Motion,
    MotionMeter,
)
from vatt_engine.nets.spotter import Spotter, SpotterConfig
from vatt_engine.spotting import LANE_HZ, pick_hits, read_spotter, read_tracks, spot

PERIOD_S = 0.72
CONTACTS = np.arange(1, 9) * PERIOD_S  # the ball starts on the floor and lands every period


def grey(image: np.ndarray) -> np.ndarray:
    mean: np.ndarray = image.mean(axis=2)
    return mean.astype(np.uint8)


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


def motion_of(images: Iterable[np.ndarray]) -> Motion:
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
    assert found_in(wall[:, 3 * i : 3 * i + MOTION_WIDTH] for i in range(140)) == []


def test_a_handheld_still_scene_has_hardly_any_hits() -> None:
    rng = np.random.default_rng(3)
    wall = texture(MOTION_WIDTH + 60, MOTION_HEIGHT + 60, seed=3)
    walk = 30 + np.cumsum(rng.integers(-1, 2, (150, 2)), axis=0)
    walk = np.clip(walk, 0, 59)
    images = [wall[y : y + MOTION_HEIGHT, x : x + MOTION_WIDTH] for y, x in walk]
    assert len(found_in(images)) <= 2


def test_a_lamp_that_is_dimmed_is_no_hit() -> None:
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=4).astype(float)
    level = 0.8 + 0.3 * np.sin(np.arange(150) / 12)
    assert len(found_in(np.clip(wall * gain, 0, 255) for gain in level)) <= 1


def test_cuts_are_no_hits() -> None:
    walls = [texture(MOTION_WIDTH, MOTION_HEIGHT, seed=s) for s in range(6)]
    assert len(found_in(wall for wall in walls for _ in range(25))) <= 1


@pytest.mark.parametrize("noise", [0, 4])
def test_stillness_is_still_noise_or_not(noise: int) -> None:
    rng = np.random.default_rng(5)
    wall = texture(MOTION_WIDTH, MOTION_HEIGHT, seed=5).astype(int)
    images = [np.clip(wall + noise * rng.standard_normal(wall.shape), 0, 255) for _ in range(100)]
    lane = spot(motion_of(grey(i) for i in images))
    assert lane.hits == ()
    assert np.mean(lane.intensity) < 0.2


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


def test_made_films_of_unseen_families_are_spotted_in_time() -> None:
    total, off = onset_score(np.zeros(0), np.zeros(0)), []
    for seed in range(12):
        scene = make_scene(70_000 + seed, "test", 4.0, family="throw", alone=True)
        true = np.array([hit.time_s for hit in audible_hits(scene)])
        found = np.array([t for t, _ in spot(measure_motion(scene)).hits])
        total += onset_score(found, true)
        off += [found[i] - true[j] for i, j in match(found, true)]
    assert total.f1 > 0.5
    assert abs(np.median(off)) < 0.02


def test_lanes_have_one_intensity_every_fiftieth_of_a_second() -> None:
    lane = spot(motion_of(map(grey, bouncing(77, MOTION_FPS))))
    assert len(lane.intensity) == 154
    assert lane.rate_hz == LANE_HZ == 50
    assert all(0 <= v <= 1 for v in lane.intensity)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_shortest_pictures_have_lanes_too(n: int) -> None:
    lane = spot(motion_of([np.zeros((MOTION_HEIGHT, MOTION_WIDTH), np.uint8)] * n))
    assert lane.hits == ()
    assert len(lane.intensity) == 2 * n


def test_a_long_film_is_read_in_pieces_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = Spotter(SpotterConfig(places=(2, 3), width=8, dilations=(1, 2, 4))).eval()
    motion = np.random.default_rng(0).standard_normal((130, N_FEATURES)).astype(np.float16)
    whole = read_tracks(net, motion)
    monkeypatch.setattr(spotting, "_CHUNK", 40)
    np.testing.assert_allclose(read_tracks(net, motion), whole, atol=1e-5)


def tracks(hit: dict[int, float], n: int = 40) -> np.ndarray:
    track = np.zeros((n, 3), np.float32)
    for at, height in hit.items():
        track[at, :2] = height, 0.7
    return track


def test_peaks_become_hits_between_the_samples() -> None:
    (first, second) = pick_hits(tracks({10: 1.0, 20: 0.9, 21: 0.9}), 0.3)
    assert first == pytest.approx((10.5 / LANE_HZ, 0.7))
    assert second[0] == pytest.approx(21 / LANE_HZ, abs=1e-3)


def test_two_peaks_within_a_twentieth_of_a_second_are_one_hit() -> None:
    hits = pick_hits(tracks({10: 1.0, 12: 0.9, 15: 0.8}), 0.2)
    assert [round(t * LANE_HZ - 0.5) for t, _ in hits] == [10, 15]


def test_low_peaks_are_no_hits() -> None:
    assert pick_hits(tracks({10: 0.5}), 0.3) == ()


def test_a_missing_or_damaged_spotter_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadModelFolder, match="No usable spotter"):
        read_spotter(tmp_path)
    shutil.copytree(spotting.BUNDLED, tmp_path / "s")
    weights = tmp_path / "s" / spotting.FILES.weights
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(BadModelFolder, match="damaged"):
        read_spotter(tmp_path / "s")


def test_what_ships_is_small_and_says_where_it_comes_from() -> None:
    assert sum(f.stat().st_size for f in spotting.BUNDLED.iterdir()) < 2_000_000
    told = json.loads((spotting.BUNDLED / spotting.FILES.description).read_text())
    assert told["licence"] == "CC-BY-SA-4.0"
    assert told["provenance"]["steps"] > 0
