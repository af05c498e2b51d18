"""The published V2A Instruction format, read and written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vatt_engine.errors import BadRequest, MediaMissing
from vatt_engine.nets.prompts import DUMMY_INSTRUCTIONS
from vatt_engine.training.v2a import (
    Sample,
    as_codes,
    examples,
    read_features,
    read_samples,
    write_features,
    write_samples,
)
from vatt_plugin.v2a import films_of, is_film_folder, write_v2a


def test_samples_survive_a_round_trip_in_the_published_keys(tmp_path: Path) -> None:
    path = tmp_path / "v2a.json"
    samples = [
        Sample("abc_000030", "a dog barks"),
        Sample("a/b.h5", "rain — heavy", "audioset", "test", "Describe it.", "caption"),
    ]
    write_samples(samples, path)
    assert read_samples(path) == samples
    assert read_samples(path, "test") == samples[1:]
    first = json.loads(path.read_text())[0]
    assert first == {
        "input": "",
        "video_path": "abc_000030",
        "dataset": "vggsound",
        "output": "a dog barks",
        "split": "train",
    }


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1}',
        "[1]",
        '[{"video_path": "x"}]',
        "no",
        '[{"video_path":"x","output":"y","split":"z"}]',
    ],
)
def test_bad_lists_are_refused_by_name(tmp_path: Path, body: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(body)
    with pytest.raises(BadRequest, match=r"bad\.json"):
        read_samples(path)


def test_feature_files_round_trip_as_the_published_shapes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    video = rng.standard_normal((50, 768)).astype(np.float32)
    codes = rng.integers(0, 2048, (4, 500))
    write_features("abc_000030", video, tmp_path / "v", codes, tmp_path / "c")
    assert np.load(tmp_path / "c" / "abc_000030.npy").shape == (500, 4)
    found = read_features(Sample("abc_000030", "x"), tmp_path / "v", tmp_path / "c")
    np.testing.assert_array_equal(found.video, video)
    assert found.codes is not None
    np.testing.assert_array_equal(found.codes, codes)


def test_one_video_frame_a_second_is_repeated_to_five(tmp_path: Path) -> None:
    write_features("x", np.arange(10.0)[:, None] * np.ones((1, 768)), tmp_path)
    found = read_features(Sample("x", ""), tmp_path)
    assert found.video.shape == (50, 768)
    assert found.video[:6, 0].tolist() == [0, 0, 0, 0, 0, 1]


def test_codes_come_back_time_last_whatever_the_file_has() -> None:
    codes = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(as_codes(codes), codes)
    np.testing.assert_array_equal(as_codes(codes.T), codes)
    with pytest.raises(BadRequest, match="integers"):
        as_codes(codes.astype(float))


def test_features_are_never_read_from_outside_their_folder_nor_unpickled(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    folder.mkdir()
    with pytest.raises(BadRequest, match="leads out"):
        read_features(Sample("../secret.h5", "", "audioset"), folder)
    np.save(folder / "evil.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(BadRequest, match="plain array"):
        read_features(Sample("evil", ""), folder)
    with pytest.raises(MediaMissing):
        read_features(Sample("gone", ""), folder)


def test_a_pass_is_shuffled_repeatable_and_skips_what_is_gone(tmp_path: Path) -> None:
    samples = [Sample(f"s{i}", f"caption {i}") for i in range(8)]
    for i in range(6):
        write_features(f"s{i}", np.full((50, 4), float(i)), tmp_path)
    once = list(examples(samples, tmp_path, seed=1))
    again = list(examples(samples, tmp_path, seed=1))
    assert [c for _, c, _ in once] == [c for _, c, _ in again]
    assert sorted(c for _, c, _ in once) == [f"caption {i}" for i in range(6)]
    assert all(instruction in DUMMY_INSTRUCTIONS for instruction, _, _ in once)


def test_what_the_plugin_writes_the_engine_reads(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    films = [("/films/door_000001.mp4", "a door slams"), ("/films/dark.mp4", "")]
    assert write_v2a(films, path) == 1
    assert read_samples(path) == [Sample("door_000001", "a door slams")]


def test_films_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MOV", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).touch()
    assert [p.name for p in films_of(tmp_path)] == ["a.MOV", "b.mp4"]
    assert is_film_folder(tmp_path)
    bundle = tmp_path / "cut.otiod"
    bundle.mkdir()
    assert not is_film_folder(bundle)
