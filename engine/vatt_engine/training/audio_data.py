"""Clips for the audio model, packed: codes, lanes, picture features and words, in shards.

A shard follows from the run's data settings and its number alone. Half of its clips are made films,
half are arranged; both go through the frozen codec once, so that training does no audio work.
Shards may be made by several processes, and further ones added to a run that is under way.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.corpus.scenes.bank import CorpusBank
from vatt_engine.corpus.scenes.captions import SILENCE
from vatt_engine.corpus.scenes.semantics import FeaturePrior
from vatt_engine.errors import BadRequest
from vatt_engine.nets.codec import Codec
from vatt_engine.training import checkpoint
from vatt_engine.training.arranged import Arranger
from vatt_engine.training.audio_config import AudioDataConfig
from vatt_engine.training.codec_folder import read_codec
from vatt_engine.training.device import has_bf16
from vatt_engine.training.scene_store import scene_clip
from vatt_engine.training.sights import NAMES

log = logging.getLogger(__name__)

LONG_S, SHORT_S = 10.0, 6.0
FILM, ARRANGED = "film", "arranged"
_SCENE_SEEDS = 1_000_000  # films of shard s start here plus s times the clips of a shard
_ENCODED_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Clip:
    """One packed clip.

    Attributes:
        codes: [T, K] int16.
        lane: [T, 2] float16: hit and intensity.
        pictures: [seconds, D] float16 picture features, one mean a second; empty if unseen.
        captions: wordings, the plain one first.
        categories: what sounds; empty for silence.
        kind: ``film`` or ``arranged``.
    """

    codes: NDArray[np.int16]
    lane: NDArray[np.float16]
    pictures: NDArray[np.float16]
    captions: tuple[str, ...]
    categories: tuple[str, ...]
    kind: str


class ClipMaker:
    """Makes the clips of shards.

    Args:
        config: where sounds, codec and picture features come from.
        split: ``train``, or ``valid`` for clips to measure on: pictures, moments and seeds that
            training does not see. Sounds are of the training packages in both.
    """

    def __init__(self, config: AudioDataConfig, split: str = "train") -> None:
        self.config = config
        self.split = split
        self.codec: Codec = read_codec(Path(config.codec))
        self._bf16 = has_bf16(torch.device("cpu"))
        rate = self.codec.sample_rate
        self._prior = FeaturePrior.load(Path(config.picture), config.picture_prefix)
        self._bank = CorpusBank(Path(config.corpus), "train")
        self._arranger = Arranger(Path(config.corpus), "train", rate)

    def shard(self, number: int) -> list[Clip]:
        """All clips of a shard."""
        config = self.config
        first = number * config.clips
        if self.split != "train":
            first += _SCENE_SEEDS // 2
        rng = np.random.default_rng([config.seed, number, len(self.split)])
        waves, halves = [], []
        for seed in range(first, first + config.clips):
            duration_s = LONG_S if rng.random() < config.long else SHORT_S
            if rng.random() < config.films:
                wave, half = self._film(_SCENE_SEEDS + seed, duration_s)
            else:
                wave, half = self._arranged(seed, duration_s)
            waves.append(wave)
            halves.append(half)
        codes = self._encode(waves)
        return [Clip(c, *half) for c, half in zip(codes, halves, strict=True)]

    def _film(self, seed: int, duration_s: float) -> tuple[NDArray[np.float32], tuple[Any, ...]]:
        while True:
            clip = scene_clip(seed, self.split, self._prior, self._bank, duration_s=duration_s)
            if not clip.missing:
                break
            seed += _SCENE_SEEDS  # another film instead of one that lacks a sound
        seconds = clip.features.reshape(round(duration_s), -1, clip.features.shape[1]).mean(axis=1)
        captions = clip.captions if clip.categories else (SILENCE,)
        half = (clip.lane.astype(np.float16), seconds.astype(np.float16), captions)
        return clip.wave, (*half, clip.categories, FILM)

    def _arranged(
        self, seed: int, duration_s: float
    ) -> tuple[NDArray[np.float32], tuple[Any, ...]]:
        clip = self._arranger.clip(seed, duration_s)
        nothing = np.zeros((0, self._prior.width), np.float16)
        half = (clip.lane.astype(np.float16), nothing, clip.captions, (clip.category,), ARRANGED)
        return clip.wave, half

    @torch.inference_mode()
    def _encode(self, waves: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int16]]:
        """Codes [T, K] of each wave; waves of one length go through together."""
        order = sorted(range(len(waves)), key=lambda i: len(waves[i]))
        codes: list[NDArray[np.int16]] = [np.zeros((0, 0), np.int16)] * len(waves)
        while order:
            length = len(waves[order[0]])
            some = [i for i in order[:_ENCODED_AT_ONCE] if len(waves[i]) == length]
            order = order[len(some) :]
            batch = torch.from_numpy(np.stack([waves[i] for i in some]))[:, None]
            with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
                encoded = self.codec.encode(batch)
            for i, found in zip(some, encoded, strict=True):
                codes[i] = found.T.contiguous().numpy().astype(np.int16)
        return codes


def shard_path(config: AudioDataConfig, number: int, split: str = "train") -> Path:
    """Where a shard lies."""
    return Path(config.folder) / f"{split}-{number:04d}.npz"


def make_shards(config: AudioDataConfig, numbers: Sequence[int], split: str = "train") -> None:
    """Make those of the shards that are not there yet."""
    missing = [n for n in numbers if not shard_path(config, n, split).is_file()]
    if not missing:
        return
    maker = ClipMaker(config, split)
    for number in missing:
        write_shard(shard_path(config, number, split), maker.shard(number))
        log.info("packed shard %d of %s", number, split)


def write_shard(path: Path, clips: Sequence[Clip]) -> None:
    """Write a shard whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"captions": c.captions, "categories": c.categories, "kind": c.kind,
         "code_frames": len(c.codes), "seconds": len(c.pictures)}
        for c in clips
    ]  # fmt: skip
    arrays = {
        "codes": np.concatenate([c.codes for c in clips]),
        "lanes": np.concatenate([c.lane for c in clips]),
        "pictures": np.concatenate([c.pictures for c in clips]),
        "rows": np.frombuffer(json.dumps(rows).encode(), np.uint8),
    }
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as out:
        np.savez(out, **arrays)  # type: ignore[arg-type]
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)


def read_shard(path: Path) -> list[Clip]:
    """The clips of a shard.

    Raises:
        BadRequest: it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            codes, lanes = arrays["codes"], arrays["lanes"]
            pictures, rows = arrays["pictures"], json.loads(arrays["rows"].tobytes())
    except (OSError, ValueError, KeyError) as err:
        raise BadRequest(
            f"No usable clips in {path}: {err}.", "Delete it; it is made anew."
        ) from err
    clips, at, second = [], 0, 0
    for row in rows:
        n, m = int(row["code_frames"]), int(row["seconds"])
        clips.append(
            Clip(
                codes[at : at + n],
                lanes[at : at + n],
                pictures[second : second + m],
                tuple(row["captions"]),
                tuple(row["categories"]),
                str(row["kind"]),
            )
        )
        at, second = at + n, second + m
    return clips


@dataclass(frozen=True, eq=False)
class KnownPrompts:
    """Prompts the LM has read: words for each category alone, and all their sentence vectors."""

    by_category: Mapping[str, tuple[str, ...]]
    vectors: Mapping[str, Tensor]


def read_prompts(path: Path) -> KnownPrompts:
    """The prompts of an LM's run (``training.lm``).

    Raises:
        BadRequest: there are none.
    """
    tensors, state = checkpoint.load(path)
    by_category: dict[str, list[str]] = {}
    for text, numbers in zip(state["texts"], state["categories"], strict=True):
        if len(numbers) == 1:
            by_category.setdefault(NAMES[numbers[0]], []).append(text)
    ways = {name: tuple(texts) for name, texts in by_category.items()}
    return KnownPrompts(ways, dict(zip(state["texts"], tensors["vectors"], strict=True)))
