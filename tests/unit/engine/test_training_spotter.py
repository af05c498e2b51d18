"""Training the spotter: films played true to time, mirrored batches, resuming that is exact."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.plan import TRACK_HZ, Part
from vatt_engine.corpus.scenes.stage import Stage
from vatt_engine.corpus.scenes.world import WorldPlan
from vatt_engine.errors import BadRequest
from vatt_engine.motion import FEATURES, GRID, MAPS, N_FEATURES
from vatt_engine.nets.spotter import SpotterConfig
from vatt_engine.spotting import read_spotter, spot
from vatt_engine.training import mechanisms, motion_films, spotter_report
from vatt_engine.training.codec_config import OptimConfig, RunConfig
from vatt_engine.training.motion_films import FilmsSpec, MotionFilms, make_film, open_films
from vatt_engine.training.spotter import SpotterTrainer
from vatt_engine.training.spotter_batches import (
    disturbed,
    draw_batch,
    mirrored,
    replayed,
    truth,
)
from vatt_engine.training.spotter_cameras import SILENT_FAMILY, camera_scene, camera_way
from vatt_engine.training.spotter_config import (
    Disturbance,
    SpotterData,
    SpotterLoss,
    SpotterTraining,
    read_spotter_training,
)
from vatt_engine.training.spotter_watch import best_score, table

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.fixture(scope="module")
def films_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the films of ``config`` are kept: drawn by the first test that trains on them."""
    return tmp_path_factory.mktemp("films")


@pytest.fixture
def config(tmp_path: Path, films_folder: Path, monkeypatch: pytest.MonkeyPatch) -> SpotterTraining:
    monkeypatch.setattr(motion_films, "SHARD", 2)
    return SpotterTraining(
        run=RunConfig(str(tmp_path / "run"), device="cpu", log_every=1, eval_every=2),
        optim=OptimConfig(steps=4, warmup_steps=1, decay_steps=1),
        net=SpotterConfig(places=(2, 3), width=8, dilations=(1,)),
        data=SpotterData(
            folder=str(films_folder),
            train=2,
            abstract=2,
            camera=2,
            valid=2,
            batch=2,
            shortest=140,
        ),
    )


def test_the_shipped_config_is_read() -> None:
    config = read_spotter_training(CONFIGS / "spotter.toml")
    assert config.optim.steps > 1000
    assert config.net.reach > 25  # a second to either side


def test_a_resumed_run_is_the_unbroken_one(config: SpotterTraining, tmp_path: Path) -> None:
    whole = SpotterTrainer(config)
    assert whole.run()
    broken = dataclasses.replace(
        config, run=dataclasses.replace(config.run, folder=str(tmp_path / "b"))
    )
    first = SpotterTrainer(broken)
    assert not first.run(stop=lambda: first.step == 3)
    second = SpotterTrainer(broken)
    second.resume()
    assert second.run()
    for name, tensor in whole.net.state_dict().items():
        assert torch.equal(tensor, second.net.state_dict()[name]), name
    assert [row["step"] for row in second.journal.rows() if "loss" in row] == [1, 2, 3, 4]


def test_what_is_exported_can_be_used(config: SpotterTraining, tmp_path: Path) -> None:
    trainer = SpotterTrainer(config)
    trainer.run()
    trainer.export(tmp_path / "out")
    spotter = read_spotter(tmp_path / "out")
    lane = spot(trainer.valid.motion[0], spotter)
    assert len(lane.intensity) == 300
    assert "| family |" in trainer.report_on("valid", 2)


def test_a_checkpoint_of_another_shape_is_refused(config: SpotterTraining) -> None:
    SpotterTrainer(config).save()
    other = dataclasses.replace(config, net=dataclasses.replace(config.net, width=10))
    with pytest.raises(BadRequest, match="another shape"):
        SpotterTrainer(other).resume()


def test_films_of_other_motion_code_are_refused(
    config: SpotterTraining, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = FilmsSpec("valid", 0, 2, duration_s=1.0)
    films = open_films(tmp_path, spec)
    assert films.motion.shape == (2, 25, N_FEATURES)
    monkeypatch.setattr(motion_films, "_motion_code", lambda: "another")
    with pytest.raises(BadRequest, match="another version"):
        open_films(tmp_path, spec)


def test_a_faster_playback_moves_the_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed at 25 and at 30 images a second: hits come earlier by that ratio."""
    spec = FilmsSpec("train", 0, 1, duration_s=3.0, varied=True)
    seed = next(s for s in range(20) if len(make_film(s, spec)[2]) >= 3)
    played = {}
    for playback in (motion_films.Playback(), motion_films.Playback(30)):
        monkeypatch.setattr(motion_films, "_PLAYBACKS", (playback,) * 5)
        motion, lane, hits, _ = make_film(
            seed, dataclasses.replace(spec, duration_s=3 / playback.tempo)
        )
        assert len(lane) == 2 * len(motion)
        played[playback.fps] = hits[:, 0]
    n = min(map(len, played.values()))
    assert n >= 2
    # Films of other lengths are other films; here both are 3 s of film.
    np.testing.assert_allclose(played[25][:n], 1.2 * played[30][:n], atol=1e-3)


def test_abstract_contacts_are_where_the_motion_breaks() -> None:
    """At a contact something comes to nought or sets off: speed changes within two images."""
    gained = []
    for seed in range(12):
        spec = FilmsSpec("train", 0, 1, duration_s=2.0, abstract=True)
        motion, _, hits, family = make_film(seed, spec)
        assert family == "contact"
        speed = motion[:, FEATURES.index("speed")].astype(float)
        change = np.abs(np.diff(speed, prepend=speed[0]))
        near = np.zeros(len(change), bool)
        for time_s, _ in hits:
            near[max(0, int(time_s * 25) - 1) : int(time_s * 25) + 3] = True
        if near.any() and not near.all():
            gained.append(change[near].mean() > change[~near].mean())
    assert np.mean(gained) > 0.8


def features(**named: float) -> np.ndarray:
    motion = np.zeros((20, N_FEATURES), np.float32)
    for name, value in named.items():
        motion[:, FEATURES.index(name)] = value
    return motion


def test_a_mirror_swaps_left_and_right() -> None:
    motion = features(right=2.0, left=1.0, up=3.0)
    maps = motion[:, len(FEATURES) :].reshape(20, len(MAPS), *GRID)
    maps[:, MAPS.index("right"), 4, 0] = 1.5
    maps[:, MAPS.index("down"), 4, 0] = 0.5
    seen = mirrored(motion)
    assert seen[0, FEATURES.index("left")] == 2.0
    assert seen[0, FEATURES.index("up")] == 3.0
    other = seen[:, len(FEATURES) :].reshape(20, len(MAPS), *GRID)
    assert other[0, MAPS.index("right"), 4, -1] == -1.5
    assert other[0, MAPS.index("down"), 4, -1] == 0.5
    np.testing.assert_array_equal(mirrored(seen), motion)


def test_disturbances_reach_the_maps() -> None:
    rng = np.random.default_rng(0)
    motion = disturbed(features(), Disturbance(gain=0, grain=1, pulse=1, hide=1), rng)
    maps = motion[:, len(FEATURES) :].reshape(20, len(MAPS), *GRID)
    assert maps[:, 0].max() > 0
    assert (maps == 0).all(axis=(0, 1)).sum() >= 4  # the hidden rectangle


def test_bells_stand_at_the_hits() -> None:
    bells, strength = truth(np.array([[0.21, 0.4], [0.61, 0.9]], np.float32), 50, 0.014)
    assert bells[10] > 0.99
    assert bells[30] > 0.99
    assert bells[20] < 1e-3
    assert strength[9] == pytest.approx(0.4)
    assert strength[32] == pytest.approx(0.9)


def test_batches_hold_hits_where_the_crop_has_them() -> None:
    motion = np.zeros((1, 50, N_FEATURES), np.float16)
    hits = (np.array([[0.51, 0.8], [1.51, 0.6]], np.float32),)
    films = MotionFilms(motion, np.zeros((1, 100, 2), np.float32), hits, ("fall",))
    calm = Disturbance(0, 0, 0, 0, 0, 0, 0, 0)
    batch = draw_batch(films, 4, 50, SpotterLoss(), calm, np.random.default_rng(0))
    assert batch.hit.shape == (4, 100)
    assert set(batch.hit.argmax(dim=1).tolist()) <= {25, 75}
    assert batch.strength[0, 25] == pytest.approx(0.8)


def test_the_threshold_leaves_silent_films_silent() -> None:
    """A net that sees a weak peak everywhere must not get a threshold below it."""
    track = np.zeros((100, 3), np.float32)
    track[[20, 50, 80], 0] = 0.5
    loud = track.copy()
    loud[20, 0] = 1.0
    hits = (np.array([[0.41, 1.0]], np.float32), np.zeros((0, 2), np.float32))
    motion = np.zeros((2, 50, N_FEATURES), np.float16)
    films = MotionFilms(motion, np.zeros((2, 100, 2), np.float32), hits, ("fall", "still"))
    best = best_score([loud, track], films)
    assert best.threshold > 0.25
    assert best.score.f1 == 1
    assert "| still | 1 | 0 | 0 |" in table(best)


def test_a_film_played_faster_moves_faster_and_hits_earlier() -> None:
    motion = features(down=1.0)
    fast = replayed(motion, 10, 1.6)
    np.testing.assert_allclose(fast[:, FEATURES.index("down")], 1.6, atol=1e-5)
    motion[:, FEATURES.index("down")] = 0
    motion[13, FEATURES.index("down")] = 1  # a jerk within 0.52 .. 0.56 s
    fast = replayed(motion, 10, 1.6)[:, FEATURES.index("down")]
    assert fast.sum() == pytest.approx(1)
    assert fast.argmax() == 8  # 0.325 .. 0.35 s of 0.32 .. 0.36
    motion[13, FEATURES.index("cut")] = 1
    assert replayed(motion, 10, 1.6)[8, FEATURES.index("cut")] == 1


def test_stretched_batches_keep_bells_on_the_motion() -> None:
    """A film that jerks at its one hit, at many speeds: the bell stays on the jerk."""
    motion = np.zeros((1, 60, N_FEATURES), np.float16)
    motion[0, 30, FEATURES.index("energy")] = 5
    hits = (np.array([[30.5 / 25, 0.8]], np.float32),)
    films = MotionFilms(motion, np.zeros((1, 120, 2), np.float32), hits, ("fall",))
    bent = Disturbance(0, 0, 0, 0, 0, 0, 0, stretch=1)
    batch = draw_batch(films, 40, 50, SpotterLoss(), bent, np.random.default_rng(0))
    jerk = batch.motion[..., FEATURES.index("energy")]
    at = 2 * jerk.argmax(dim=1) + 1
    seen = jerk.amax(dim=1) > 2
    assert seen.sum() > 10
    assert len(set(jerk.amax(dim=1).tolist())) > 5
    assert ((batch.hit.argmax(dim=1) - at).abs() <= 2)[seen].all()


def test_a_run_goes_on_from_other_weights(config: SpotterTraining, tmp_path: Path) -> None:
    first = SpotterTrainer(config)
    first.run()
    first.export(tmp_path / "known")
    again = dataclasses.replace(config, start=str(tmp_path / "known"))
    second = SpotterTrainer(again)
    known = read_spotter(tmp_path / "known").net.state_dict()
    for name, tensor in second.net.state_dict().items():
        assert torch.equal(tensor, known[name]), name
    wider = dataclasses.replace(again, net=dataclasses.replace(config.net, width=10))
    with pytest.raises(BadRequest, match="another shape"):
        SpotterTrainer(wider)


@pytest.mark.parametrize("perform", [mechanisms.jerked, mechanisms.flying, mechanisms.running])
def test_mechanisms_sound_within_the_film(perform: Callable[[Stage], Part]) -> None:
    n_hits = 0
    for seed in range(12):
        stage = stage_of(seed)
        source = perform(stage).source
        assert source is not None
        n_hits += len(source.hits)
        assert all(0 <= hit.time_s <= stage.end_s for hit in source.hits)
    assert n_hits


def test_what_is_jerked_turns_at_its_hits() -> None:
    """The hand changes its direction there: what moves the most is nearly at rest."""
    stage = stage_of(4)
    part = mechanisms.jerked(stage)
    assert part.source is not None
    course = part.bodies[0].pos - part.bodies[0].pos.mean(axis=0)
    speed = np.hypot(*np.gradient(course, axis=0).T) + np.abs(np.gradient(part.bodies[0].angle))
    at_hits = speed[[round(hit.time_s * TRACK_HZ) for hit in part.source.hits]]
    assert len(at_hits) > 3
    assert np.median(at_hits) < 0.5 * np.percentile(speed, 75)


def test_what_sways_is_silent_and_slow() -> None:
    for seed in range(6):
        part = mechanisms.swaying(stage_of(seed))
        assert part.source is None
        turns = np.diff(np.sign(np.diff(part.bodies[0].pos[:, 0])))
        assert np.count_nonzero(turns) < 6 * 2 * 2  # 6 s, twice a period of at most 1.3 Hz, margin


def test_moving_cameras_are_silent_unless_something_else_sounds() -> None:
    scenes = [camera_scene(seed, 3.0) for seed in range(16)]
    silent = [scene for scene in scenes if scene.family == SILENT_FAMILY]
    assert 0 < len(silent) < len(scenes)
    for scene in silent:
        assert not scene.sources
        assert np.abs(np.diff(scene.world.camera, axis=0)).max() > 0
    others = [scene for scene in scenes if scene not in silent]
    assert any(hit.visible for scene in others for hit in scene.hits)


def test_a_camera_near_something_keeps_it_in_view() -> None:
    for seed in range(20):
        way = camera_way(np.random.default_rng(seed), 100, near=True)
        assert way.shape == (400, 3)
        assert np.abs(way[:, :2]).max() < 0.31
        assert -0.5 <= way[:, 2].min() <= way[:, 2].max() <= 0.7


def test_a_pan_beyond_the_backdrop_is_seen_to_move() -> None:
    """Backdrops of moving cameras go on for ever."""
    scene = make_scene(3, "train", 2.0, family="still", plan=WorldPlan())
    camera = scene.world.camera + np.arange(len(scene.world.camera))[:, None] * [0.02, 0, 0]
    panned = replace(scene.world, camera=camera, boundless=True)
    pictures = np.concatenate(list(frames(replace(scene, world=panned), 90, grey=True)))
    assert min(image.std() for image in pictures) > 0
    steps = [np.abs(a.astype(float) - b).mean() for a, b in pairwise(pictures)]
    assert min(steps) > 0.1


def stage_of(seed: int) -> Stage:
    film_s = np.arange(600) / TRACK_HZ
    return Stage(np.random.default_rng(seed), "room_tone", film_s, film_s, 0.8, 0.9, 0.1, 1.0)


def test_a_report_tells_chance_and_compares(
    config: SpotterTraining, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = SpotterTrainer(config)
    trainer.run()
    trainer.export(tmp_path / "out")
    arguments = ["--split", "valid", "--films", "2", "--store", config.data.folder]
    assert spotter_report.main([str(tmp_path / "out"), str(tmp_path / "out"), *arguments]) == 0
    told = capsys.readouterr().out
    assert told.count("by chance") == 2
    assert "Against the first" in told
    assert spotter_report.main([str(tmp_path / "none"), *arguments]) == 1
