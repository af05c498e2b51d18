"""The published V2A Instruction format: captions as JSON, features and code frames as files.

JSON: a list of ``{"input": "", "video_path", "dataset": "vggsound" | "audioset", "output": caption,
"split": "train" | "test"}``, optionally ``instruction`` and ``task``. ``video_path`` is a file stem
for VGGSound (``<id>_<six digits>``) and an HDF5 path for AudioSet. Features: VGGSound has ``.npy``
of video [50, 768] and of code frames [500, 4]; AudioSet's HDF5 has ``clip`` [10, 768], one video
frame a second, repeated five times here, and ``audio_tokens`` [4, 500].

Code frames are returned as [K, T] whatever the file has. HDF5 needs ``h5py``, which the project
does not install.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest, MediaMissing
from vatt_engine.nets.prompts import DUMMY_INSTRUCTIONS

Split = Literal["train", "test"]
Dataset = Literal["vggsound", "audioset"]

VIDEO_FRAMES, VIDEO_WIDTH, N_CODEBOOKS, CODE_FRAMES = 50, 768, 4, 500


@dataclass(frozen=True)
class Sample:
    """One row of the JSON.

    Attributes:
        video_path: stem or HDF5 path, as in the file.
        caption: what should be said ("output").
        dataset: which of the two layouts its feature files have.
        split: train or test.
        instruction: empty for the dummy ones.
        task: empty unless the file says.
    """

    video_path: str
    caption: str
    dataset: Dataset = "vggsound"
    split: Split = "train"
    instruction: str = ""
    task: str = ""

    def to_json(self) -> dict[str, str]:
        """The row as published; ``instruction`` and ``task`` only when there are any."""
        row = {
            "input": "",
            "video_path": self.video_path,
            "dataset": self.dataset,
            "output": self.caption,
            "split": self.split,
        }
        if self.instruction:
            row["instruction"] = self.instruction
        if self.task:
            row["task"] = self.task
        return row


def read_samples(path: Path, split: Split | None = None) -> list[Sample]:
    """Rows of a V2A Instruction file, of one split or all.

    Raises:
        BadRequest: not such a file; names the row and what is wrong with it.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(
            f"{path} cannot be read as V2A Instruction: {error}.", "It is one JSON list."
        ) from error
    if not isinstance(rows, list):
        raise BadRequest(f"{path} holds no list.", "V2A Instruction is one JSON list of objects.")
    samples = [_sample(row, number, path) for number, row in enumerate(rows)]
    return [s for s in samples if split is None or s.split == split]


def _sample(row: Any, number: int, path: Path) -> Sample:
    try:
        sample = Sample(
            video_path=str(row["video_path"]),
            caption=str(row["output"]),
            dataset=row.get("dataset", "vggsound"),
            split=row.get("split", "train"),
            instruction=str(row.get("instruction") or ""),
            task=str(row.get("task") or ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BadRequest(
            f"{path}, row {number}: {type(error).__name__}: {error}.",
            "Every row needs `video_path` and `output`.",
        ) from error
    if sample.dataset not in ("vggsound", "audioset") or sample.split not in ("train", "test"):
        raise BadRequest(
            f"{path}, row {number}: dataset {sample.dataset!r}, split {sample.split!r}.",
            "Datasets are vggsound and audioset, splits train and test.",
        )
    return sample


def write_samples(samples: Iterable[Sample], path: Path) -> None:
    """Write a V2A Instruction file, under a temporary name first."""
    partial = path.with_name(path.name + ".part")
    body = json.dumps([s.to_json() for s in samples], ensure_ascii=False, indent=1)
    partial.write_text(body + "\n", encoding="utf-8")
    partial.replace(path)


@dataclass(frozen=True, eq=False)
class Features:
    """What the files of a sample hold.

    Attributes:
        video: [F, D] float32, five video frames a second.
        codes: [K, T] int64, or None when there is no code file.
    """

    video: NDArray[np.float32]
    codes: NDArray[np.int64] | None


def read_features(sample: Sample, video_dir: Path, codes_dir: Path | None = None) -> Features:
    """Feature files of a sample.

    Args:
        sample: the row.
        video_dir: folder of ``<stem>.npy`` (VGGSound), or what AudioSet's paths are relative to.
        codes_dir: folder of code ``.npy`` files; not needed for AudioSet, whose HDF5 has both.

    Raises:
        MediaMissing: a file is not there.
        BadRequest: a file has other shapes than the format says.
    """
    if sample.dataset == "audioset":
        return _read_hdf5(_inside(video_dir, sample.video_path))
    video = _load(_inside(video_dir, f"{Path(sample.video_path).stem}.npy"))
    codes = None
    if codes_dir is not None:
        codes = as_codes(_load(_inside(codes_dir, f"{Path(sample.video_path).stem}.npy")))
    return Features(as_video(video), codes)


def _inside(folder: Path, name: str) -> Path:
    """A path from a downloaded list must not lead out of its folder."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadRequest(f"{name!r} leads out of {folder}.", "Check the list's `video_path`.")
    return path


def _load(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError as error:
        raise MediaMissing(f"The feature file {path} is not there.", "") from error
    except ValueError as error:
        raise BadRequest(f"{path} is no plain array: {error}.") from error


def as_video(array: NDArray[Any]) -> NDArray[np.float32]:
    """Video features [F, D]; one a second becomes five a second by repeating.

    Raises:
        BadRequest: not two-dimensional, or not numbers.
    """
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating) or len(array) == 0:
        raise BadRequest(f"Video features must be floats [F, D], not {array.dtype} {array.shape}.")
    if len(array) == VIDEO_FRAMES // 5:
        array = np.repeat(array, 5, axis=0)
    return np.ascontiguousarray(array, np.float32)


def as_codes(array: NDArray[Any]) -> NDArray[np.int64]:
    """Code frames [K, T] from [T, K] or [K, T]: the longer side is time.

    Raises:
        BadRequest: not two-dimensional, or not whole numbers from 0 on.
    """
    whole = np.issubdtype(array.dtype, np.integer)
    if array.ndim != 2 or not whole or array.size == 0 or int(array.min()) < 0:
        raise BadRequest(f"Code frames must be integers [T, K], not {array.dtype} {array.shape}.")
    return np.ascontiguousarray(array.T if array.shape[0] > array.shape[1] else array, np.int64)


def _read_hdf5(path: Path) -> Features:
    try:
        import h5py  # type: ignore[import-not-found]
    except ImportError as error:
        raise BadRequest(
            "AudioSet's feature files are HDF5, and h5py is not installed.",
            "pip install h5py into the engine's Python.",
        ) from error
    if not path.is_file():
        raise MediaMissing(f"The feature file {path} is not there.", "")
    with h5py.File(path, "r") as file:
        video, codes = np.asarray(file["clip"]), np.asarray(file["audio_tokens"])
    return Features(as_video(video), as_codes(codes))


def write_features(
    stem: str,
    video: NDArray[np.floating[Any]],
    video_dir: Path,
    codes: NDArray[np.integer[Any]] | None = None,
    codes_dir: Path | None = None,
) -> None:
    """Write a sample's files the VGGSound way: video [F, D], code frames [T, K]."""
    video_dir.mkdir(parents=True, exist_ok=True)
    np.save(video_dir / f"{stem}.npy", np.asarray(video, np.float32))
    if codes is not None and codes_dir is not None:
        codes_dir.mkdir(parents=True, exist_ok=True)
        np.save(codes_dir / f"{stem}.npy", np.asarray(codes).T)


def examples(
    samples: Sequence[Sample],
    video_dir: Path,
    seed: int,
    codes_dir: Path | None = None,
) -> Iterator[tuple[str, str, Features]]:
    """One shuffled pass for training: (instruction, caption, features).

    Rows without files are passed over, as the published lists name films that are gone.
    """
    rng = random.Random(seed)
    order = list(samples)
    rng.shuffle(order)
    for sample in order:
        instruction = sample.instruction or rng.choice(DUMMY_INSTRUCTIONS)
        try:
            yield instruction, sample.caption, read_features(sample, video_dir, codes_dir)
        except MediaMissing:
            continue
