"""Codes become sound of exact length, whatever the block grid; spans fade into what was there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from vatt_engine.code_file import (
    MAX_PATCHES,
    CodeFile,
    Patch,
    read_code_file,
    write_code_file,
)
from vatt_engine.errors import BadRequest, Cancelled, CannotWrite
from vatt_engine.lanes import rasterise
from vatt_engine.messages import SyncLane
from vatt_engine.nets.codec import Codec
from vatt_engine.rendering import Renderer

HOP = 320


class Staircase:
    """A codec whose sound is its first code, held for a code frame; it looks nowhere else."""

    sample_rate = 16_000
    hop_length = HOP

    def __init__(self) -> None:
        self.longest = 0

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        self.longest = max(self.longest, codes.shape[-1])
        return (codes[:, :1].float() / 100).repeat_interleave(HOP, dim=2)


def codes_of(n_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 64, (4, n_frames)).astype(np.int32)


def renderer(sample_rate: int = 16_000, codec: Staircase | None = None) -> Renderer:
    codec = codec or Staircase()
    return Renderer(cast(Codec, codec), torch.device("cpu"), sample_rate)


def quiet(done: int, total: int) -> None:
    pass


def render(
    tmp_path: Path, take: CodeFile, silent_from: int | None = None, rate: int = 16_000
) -> np.ndarray:
    renderer(rate).write(tmp_path / "t.wav", take, silent_from, quiet)
    wave: np.ndarray = soundfile.read(tmp_path / "t.wav", dtype="float32")[0]
    return wave


@pytest.mark.parametrize("n_frames", [1, 499, 550, 551, 599, 1000, 1051, 3333])
def test_long_codes_sound_as_if_decoded_at_once(tmp_path: Path, n_frames: int) -> None:
    codes = codes_of(n_frames)
    wave = render(tmp_path, CodeFile(codes, (), n_frames * HOP, 16_000, "m"))
    expected = np.repeat(codes[0] / np.float32(100), HOP)
    np.testing.assert_allclose(wave, expected, atol=1e-6)


def test_peaks_are_bent_below_full_scale_and_all_else_is_left_alone(tmp_path: Path) -> None:
    codes = np.tile(np.arange(-300, 301, 3, dtype=np.int32), (4, 1))  # levels of -3 to 3
    wave = render(tmp_path, CodeFile(codes, (), codes.shape[1] * HOP, 16_000, "m"))
    given_level = np.repeat(codes[0] / np.float32(100), HOP)
    assert np.abs(wave).max() < 0.999
    assert (np.diff(wave) >= 0).all()  # bent, not folded
    low = np.abs(given_level) <= 0.8
    np.testing.assert_allclose(wave[low], given_level[low], atol=1e-6)


def test_memory_is_that_of_one_block(tmp_path: Path) -> None:
    take = CodeFile(codes_of(5000), (), 5000 * HOP, 16_000, "m")
    codec = Staircase()
    renderer(codec=codec).write(tmp_path / "t.wav", take, None, quiet)
    assert codec.longest <= 600


def test_progress_counts_code_frames_and_can_stop(tmp_path: Path) -> None:
    take = CodeFile(codes_of(1700), (), 1700 * HOP, 16_000, "m")
    seen: list[tuple[int, int]] = []
    renderer().write(tmp_path / "t.wav", take, None, lambda *p: seen.append(p))
    assert seen == sorted(seen)
    assert seen[-1] == (1700, 1700)

    def stop(done: int, total: int) -> None:
        if done > 500:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        renderer().write(tmp_path / "other.wav", take, None, stop)
    assert [p.name for p in tmp_path.iterdir()] == ["t.wav"]


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
@settings(max_examples=15, deadline=None)
@given(begin=st.integers(0, 699), length=st.integers(1, 700), seed=st.integers(0, 99))
def test_a_patch_changes_its_span_and_a_short_fade_around_it(
    tmp_path_factory: pytest.TempPathFactory, rate: int, begin: int, length: int, seed: int
) -> None:
    end, per_frame = min(700, begin + length), rate // 50
    tmp_path = tmp_path_factory.mktemp("p")
    take = CodeFile(codes_of(700), (), 700 * per_frame, rate, "m")
    before = render(tmp_path, take, rate=rate)
    patched = take.patched(renderer(rate).patch(codes_of(700, seed + 1), begin, end))
    after = render(tmp_path, patched, rate=rate)
    low, high = (begin - 4) * per_frame, (end + 4) * per_frame
    assert np.array_equal(before[: max(0, low)], after[: max(0, low)])
    assert np.array_equal(before[high:], after[high:])
    inside = slice(begin * per_frame + 40, end * per_frame - 40)
    full = render(
        tmp_path, CodeFile(codes_of(700, seed + 1), (), 700 * per_frame, rate, "m"), rate=rate
    )
    np.testing.assert_allclose(after[inside], full[inside], atol=2e-3)


def test_silence_begins_where_it_must(tmp_path: Path) -> None:
    wave = render(tmp_path, CodeFile(codes_of(100) + 10, (), 100 * HOP, 16_000, "m"), 16_000)
    assert not wave[16_000:].any()
    assert wave[15_000:15_400].min() > 0.09
    assert 0 < wave[15_990] < 0.05


def test_code_files_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    take = CodeFile(codes_of(60), (), 60 * 960, 48_000, "hash", ("rain", 3))
    take = take.patched(Patch(10, 20, 30, codes_of(40, 1)))
    write_code_file(path, take)
    back = read_code_file(path)
    assert np.array_equal(back.current, take.current)
    assert np.array_equal(back.current[:, 20:30], codes_of(40, 1)[:, 10:20])
    assert (back.n_samples, back.sample_rate, back.model_hash) == (60 * 960, 48_000, "hash")
    assert back.made_up == ("rain", 3)
    assert [p.name for p in tmp_path.iterdir()] == ["t.safetensors"]


def test_code_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite):
        write_code_file(tmp_path / "no" / "t.safetensors", CodeFile(codes_of(5), (), 1, 1, ""))


@pytest.mark.parametrize(
    "facts",
    [
        {"schema": 99},
        {"n_samples": 0},
        {"patches": [[0, 5, 3]]},
        {"patches": [[50, 55, 56]]},
        {"patches": "x"},
        {"sample_rate": None},
    ],
)
def test_damaged_code_files_are_refused(tmp_path: Path, facts: dict[str, object]) -> None:
    good = {"schema": 1, "n_samples": 9, "sample_rate": 48_000, "model_hash": "", "patches": []}
    tensors = {"codes": codes_of(60), "patch.0": codes_of(20)}
    metadata = {"vatt": json.dumps(good | facts)}
    save_file(tensors, tmp_path / "t.safetensors", metadata=metadata)
    with pytest.raises(BadRequest, match="cannot be read"):
        read_code_file(tmp_path / "t.safetensors")


def test_patches_have_an_end() -> None:
    patch = Patch(0, 0, 1, codes_of(1))
    take = CodeFile(codes_of(5), (patch,) * MAX_PATCHES, 9, 9, "")
    with pytest.raises(BadRequest, match="already"):
        take.patched(patch)


# --- lanes ------------------------------------------------------------------------------------


def test_a_hit_stands_in_the_code_frame_of_its_moment() -> None:
    lane = SyncLane(((0.0, 0.5), (0.999, 0.7), (1.0, 1.0), (1.005, 0.2), (9.0, 1.0), (-1.0, 1.0)))
    track = rasterise(lane, 100, 50.0)
    assert {int(i): round(float(track[i, 0]), 3) for i in np.flatnonzero(track[:, 0])} == {
        0: 0.5,
        49: 0.7,
        50: 1.0,
    }
    assert not track[:, 1].any()


def test_intensity_is_resampled_and_ends_with_the_lane() -> None:
    track = rasterise(SyncLane((), (0.0, 1.0, 1.0, 1.0), 2.0), 150, 50.0)
    assert track[0, 1] == 0
    assert track[75, 1] == pytest.approx(1.0)
    assert not track[101:, 1].any()


def test_lanes_that_are_not_finite_are_refused() -> None:
    for lane in (
        SyncLane(((float("inf"), 1.0),)),
        SyncLane((), (float("nan"),)),
        SyncLane(rate_hz=0),
    ):
        with pytest.raises(BadRequest):
            rasterise(lane, 10, 50.0)
