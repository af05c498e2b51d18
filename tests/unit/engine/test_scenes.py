"""Made films: the truth is exact, the splits are apart, the picture shows what the plan says."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes import casting, physics
from vatt_engine.corpus.scenes.captions import SILENCE, caption
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.film import write_film
from vatt_engine.corpus.scenes.lane import audible_hits, true_lane
from vatt_engine.corpus.scenes.plan import FPS, LANE_HZ, TRACK_HZ, Scene
from vatt_engine.corpus.scenes.portraits import make_portraits
from vatt_engine.corpus.scenes.sets import define, make_set, read_definition, write_definition
from vatt_engine.corpus.scenes.sound import render_mix
from vatt_engine.corpus.scenes.world import WorldPlan
from vatt_engine.errors import BadRequest


def grey(scene: Scene, height: int = 54) -> np.ndarray:
    return np.concatenate(list(frames(scene, height, grey=True)))


def test_same_seed_same_film() -> None:
    a, b = make_scene(5, "test"), make_scene(5, "test")
    assert a.hits == b.hits
    assert caption(a) == caption(b)
    np.testing.assert_array_equal(grey(a, 32), grey(b, 32))
    assert not np.array_equal(grey(make_scene(6, "test"), 32), grey(a, 32))


@pytest.mark.parametrize("family", sorted(casting.FAMILIES))
def test_every_family_plays_every_part_it_is_cast_for(family: str) -> None:
    split = "test" if family in casting.HELD_OUT else "train"
    for category, row in casting.CASTING.items():
        if family not in row.families:
            continue
        scene = make_scene(3, split, 3.0, category=category, family=family)
        (source, *_) = [s for s in scene.sources if s.category == category]
        assert len(source.intensity) == round(scene.duration_s * LANE_HZ)
        assert source.intensity.max() > 0.05, "nothing is heard"
        assert 0 <= source.intensity.min() <= source.intensity.max() <= 1
        times = [h.time_s for h in source.hits]
        assert times == sorted(times)
        assert all(0 <= t < scene.duration_s for t in times)


@pytest.mark.parametrize("family", [family.__name__ for family in casting.BLIND])
def test_every_blind_family_shows_its_contacts(family: str) -> None:
    scene = make_scene(3, "blind", 4.0, family=family, plan=WorldPlan(), alone=True)
    times = [h.time_s for h in scene.hits]
    assert times == sorted(times)
    assert times
    assert all(h.visible for h in scene.hits)
    motion = np.abs(np.diff(grey(scene, 90).astype(float), axis=0)).mean(axis=(1, 2))
    change = np.abs(np.diff(motion))  # k: at frame k + 1, where one step ends and the next begins
    near = np.zeros(len(change), bool)
    for time_s in times:
        near[max(int(time_s * FPS) - 2, 0) : int(time_s * FPS) + 2] = True
    assert change[near].mean() > change[~near].mean()


def test_no_other_split_shows_a_blind_family() -> None:
    blind = {family.__name__ for family in casting.BLIND}
    for split in ("train", "valid", "test"):
        assert not blind & {f for _, f in casting.choices(split)}
    assert {f for _, f in casting.choices("blind")} == blind
    assert not blind & set(casting.FAMILIES)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_shaken_sounds_where_it_turns(seed: int) -> None:
    """At its hits the thing as a whole is farthest out, so it hardly moves sideways."""
    scene = make_scene(seed, "test", 6.0, family="shake", plan=WorldPlan(), alone=True)
    (part,) = scene.parts
    x = np.mean([body.pos[:, 0] for body in part.bodies], axis=0)
    speed = np.abs(np.gradient(x))
    at_hits = speed[[round(h.time_s * TRACK_HZ) for h in scene.hits]]
    assert len(at_hits) > 4
    assert np.median(at_hits) < 0.4 * np.percentile(speed[speed > 1e-6], 75)


def test_splits_share_neither_families_nor_pictures() -> None:
    assert not {f for _, f in casting.choices("train")} & {f for _, f in casting.choices("test")}
    for category, row in casting.CASTING.items():
        if len(row.pictures) >= 4:
            train, test = (set(casting.pictures(category, s)) for s in ("train", "test"))
            assert train
            assert test
            assert not train & test
    for seed in range(40):
        assert make_scene(seed, "train").family not in casting.HELD_OUT
        assert make_scene(seed, "test").family in casting.HELD_OUT | set(casting.SILENT)


def test_every_category_can_be_filmed_in_training() -> None:
    assert {c for c, _ in casting.choices("train")} == set(CATEGORIES)


def test_a_dropped_ball_meets_the_floor_when_the_formula_says() -> None:
    t = np.arange(0, 3, 0.001)
    altitude, contacts, speeds = physics.bounce(t, 0.2, 0.5, 9.81, 0.5)
    assert contacts[0] == pytest.approx(0.2 + np.sqrt(2 * 0.5 / 9.81))
    assert np.interp(contacts, t, altitude).max() < 0.005
    assert speeds[1] == pytest.approx(0.5 * speeds[0])
    assert altitude.min() >= 0


def test_tool_is_down_exactly_at_its_blows() -> None:
    t = np.arange(0, 4, 0.001)
    blows = np.array([0.7, 1.6, 2.9])
    lift = physics.strikes(t, blows, 0.5)
    assert np.interp(blows, t, lift).max() < 0.01
    assert lift[(t > 1.0) & (t < 1.3)].max() > 0.8


def test_picture_moves_up_to_the_hit_and_rests_after_it() -> None:
    scene = make_scene(
        1, "train", 4.0, category="impact_wood", family="fall", plan=WorldPlan(), alone=True
    )
    film = grey(scene, 90).astype(float)
    motion = np.abs(np.diff(film, axis=0)).mean(axis=(1, 2))  # k: between frames k and k + 1
    first = scene.hits[0].time_s
    before = motion[int(first * FPS) - 1]
    assert before > 5 * np.median(motion)
    assert before > 0


def test_still_film_stands_still_and_a_camera_film_moves_without_sound() -> None:
    still = make_scene(0, "train", 2.0, family="still", plan=WorldPlan())
    assert np.ptp(grey(still), axis=0).max() == 0
    assert not still.sources
    assert caption(still) == SILENCE
    camera = make_scene(0, "train", 2.0, family="camera")
    assert np.ptp(grey(camera), axis=0).max() > 0
    assert not camera.hits
    assert true_lane(camera).max() == 0


def test_hits_during_a_cutaway_are_marked_unseen() -> None:
    found = 0
    for seed in range(40):
        scene = make_scene(
            seed,
            "train",
            6.0,
            category="hammer",
            family="strike",
            plan=WorldPlan(cutaway=True),
            alone=True,
        )
        for hit in scene.hits:
            hidden = scene.world.cutaway[int(hit.time_s * FPS)]
            assert not (hidden and hit.visible)
            found += bool(hidden)
    assert found > 5


def test_lane_holds_each_audible_hit_in_its_bin() -> None:
    scene = make_scene(2, "train", category="hammer", family="strike", alone=True, plan=WorldPlan())
    lane = true_lane(scene)
    assert lane.shape == (round(scene.duration_s * LANE_HZ), 2)
    for hit in audible_hits(scene):
        assert lane[int(hit.time_s * LANE_HZ), 0] >= hit.strength
    assert np.count_nonzero(lane[:, 0]) == len(audible_hits(scene, weakest=0.0))


def test_slow_motion_moves_the_hits_with_the_picture() -> None:
    slow = [s for s in (make_scene(k, "train") for k in range(120)) if s.slow > 1]
    assert slow
    assert all(h.time_s < s.duration_s for s in slow for h in s.hits)


def test_sound_starts_at_the_hits() -> None:
    scene = make_scene(
        4, "train", 4.0, category="impact_metal", family="strike", plan=WorldPlan(), alone=True
    )
    mix = render_mix(scene, 24_000)
    assert mix.voiced == ("impact_metal",)
    assert np.abs(mix.wave).max() <= 0.9
    k = round(scene.hits[0].time_s * 24_000)
    before = np.abs(mix.wave[max(k - 480, 0) : k]).mean()
    assert np.abs(mix.wave[k : k + 480]).mean() > 10 * before


def test_film_file_has_every_frame_and_its_sound(tmp_path: Path) -> None:
    scene = make_scene(7, "train", 1.0)
    sound = np.zeros(48_000, np.float32)
    path = tmp_path / "film.mp4"
    write_film(scene, path, 64, sound)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25
    with av.open(str(path)) as container:
        assert container.streams.audio[0].rate == 48_000
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_set_definition_round_trips_and_makes_a_manifest(tmp_path: Path) -> None:
    films = define(2, "test", seed=9, n_still=1, duration_s=1.0)
    write_definition("tiny", films, tmp_path / "tiny.json")
    assert read_definition(tmp_path / "tiny.json") == ("tiny", films)
    manifest = make_set(films, tmp_path / "tiny", height=32)
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert [row["silent"] for row in rows] == [False, False, True]
    assert not rows[2]["hits_countable"]
    assert all((manifest.parent / row["film"]).exists() for row in rows)
    again = (manifest.parent / rows[0]["film"]).stat().st_mtime_ns
    make_set(films, tmp_path / "tiny", height=32)
    assert (manifest.parent / rows[0]["film"]).stat().st_mtime_ns == again


def test_photographs_take_the_place_of_shapes(tmp_path: Path) -> None:
    from vatt_engine.corpus.scenes.film import write_png
    from vatt_engine.corpus.scenes.photos import photo_index

    folder = tmp_path / "impact_wood"
    folder.mkdir()
    write_png(np.full((20, 20, 3), (255, 0, 255), np.uint8), folder / "log.png")
    photos = photo_index(tmp_path)
    scene = make_scene(
        1, "train", 3.0, photos=photos, category="impact_wood", family="fall", plan=WorldPlan(),
        alone=True,
    )  # fmt: skip
    film = np.concatenate(list(frames(scene, 90)))
    manifest = make_portraits(photos, tmp_path / "set", height=32)
    (row,) = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert row["categories"] == ["impact_wood"]
    assert (manifest.parent / row["film"]).is_file()
    with pytest.raises(BadRequest):
        make_portraits({"trumpet": ("x.png",)}, tmp_path / "none")
    magenta = (film[..., 0] > 230) & (film[..., 1] < 30) & (film[..., 2] > 230)
    assert magenta.any()


@pytest.mark.parametrize(
    ("split", "category", "family"),
    [("train", "impact_wood", "throw"), ("nowhere", None, None), ("train", "trumpet", None)],
)
def test_impossible_films_are_refused(split: str, category: str | None, family: str | None) -> None:
    if family == "throw":  # a held-out family may be asked for by name, but not for any category
        with pytest.raises(ValueError, match="shows"):
            make_scene(0, split, category="room_tone", family=family)
        return
    with pytest.raises(ValueError):
        make_scene(0, split, category=category, family=family)


def test_recordings_of_a_corpus_are_put_on_the_hits(tmp_path: Path) -> None:
    import soundfile as sf

    from vatt_engine.corpus.scenes.bank import CorpusBank

    click = np.zeros(2400, np.float32)
    click[480] = 0.5  # the onset is 20 ms into the file
    sf.write(tmp_path / "one.flac", click, 24_000)
    sf.write(tmp_path / "three.flac", np.ones(2400, np.float32) * 0.1, 24_000)
    rows = [
        {"file": "one.flac", "category": "dog", "kind": "oneshot", "onsets_s": [0.02]},
        {"file": "three.flac", "category": "cat", "kind": "oneshot", "onsets_s": [0, 0.1, 0.2]},
    ]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    bank = CorpusBank(tmp_path, "test")
    assert bank.categories == ("dog",)  # a clip of several events would put some anywhere
    scene = make_scene(1, "train", 3.0, category="dog", family="call", alone=True)
    mix = render_mix(scene, 24_000, bank, recorded_share=1.0)
    assert mix.voiced == ("dog",)
    for hit in scene.hits:
        k = round(hit.time_s * 24_000)
        assert np.abs(mix.wave[k - 2 : k + 3]).max() > 20 * np.abs(mix.wave[k - 400 : k - 9]).max()


def test_onsets_count_where_a_hit_is_one_onset() -> None:
    from vatt_engine.corpus.scenes.sets import is_countable

    plan = WorldPlan()
    hammer = make_scene(1, "train", category="hammer", family="strike", alone=True, plan=plan)
    assert is_countable(hammer, render_mix(hammer, 24_000).wave)
    assert is_countable(hammer, None)
    rain = make_scene(1, "train", category="rain", family="rainfall", alone=True, plan=plan)
    assert not is_countable(rain, render_mix(rain, 24_000).wave)
    # A sound that has nothing to do with the hits does not make them countable.
    assert not is_countable(hammer, np.zeros(24_000 * 6, np.float32))
