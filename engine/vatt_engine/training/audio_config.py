"""Everything a run of the audio model depends on: frozen dataclasses read from one TOML file."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vatt_engine.config import AudioModelConfig
from vatt_engine.errors import BadRequest
from vatt_engine.training.codec_config import OptimConfig, RunConfig, from_plain


def _check(ok: bool, message: str) -> None:
    if not ok:
        raise BadRequest(message, "Correct the training config.")


@dataclass(frozen=True)
class AudioDataConfig:
    """Which clips the audio model learns from (``audio_data``).

    Attributes:
        folder: where packed clips are kept.
        codec: folder of the frozen codec.
        converter: folder of the frozen converter.
        corpus: a built corpus.
        picture: weights of the picture encoder, from whose last layers features are drawn.
        picture_prefix: what precedes their names in that file.
        prompts: the prompts the small LM was trained on, for other words than the captions'.
        shards: how many packs of clips; ``clips`` in each.
        valid_clips: clips to measure on.
        films: share of made films; the others are arranged.
        long: share of clips of 10 s; the others last 6 s.
        seed: of all clips.
    """

    folder: str
    codec: str
    converter: str
    corpus: str
    picture: str
    picture_prefix: str = ""
    prompts: str = ""
    shards: int = 30
    clips: int = 400
    valid_clips: int = 200
    films: float = 0.5
    long: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        _check(self.shards > 0 and self.clips > 0, "data: shards and clips must be positive.")
        _check(0 <= self.films <= 1 and 0 <= self.long <= 1, "data: films and long are shares.")


@dataclass(frozen=True)
class BatchConfig:
    """How a batch is drawn from the clips; numbers are probabilities unless said otherwise.

    Attributes:
        size: clips a step.
        crop_s: shortest and longest crop in whole seconds; one length a batch.
        whole: a batch of windows of full length, for which clips are joined.
        other_words: a prompt of the LM's in the caption's place (clips of one category).
        picture_only: a dummy instruction in the caption's place (clips with a picture that fits).
        wrong_picture: the picture is of another film, so that the words decide.
        drop_condition: neither picture nor words are heard (for guidance).
        drop_lane: the lane is not heard.
        rough_lane: the lane is as a spotter or a hasty hand would make it.
        splice: two clips joined, where only the picture speaks.
        roll: the clip is turned round by whole seconds.
    """

    size: int = 16
    crop_s: tuple[int, int] = (4, 6)
    whole: float = 0.08
    other_words: float = 0.25
    picture_only: float = 0.25
    wrong_picture: float = 0.3
    drop_condition: float = 0.1
    drop_lane: float = 0.12
    rough_lane: float = 0.25
    splice: float = 0.5
    roll: float = 0.1

    def __post_init__(self) -> None:
        _check(self.size > 0, "batch.size must be positive.")
        low, high = self.crop_s
        _check(1 <= low <= high <= 10, "batch.crop_s must be two whole numbers within 1 and 10.")
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, float):
                _check(0 <= value <= 1, f"batch.{f.name} is {value}; it is a probability.")


@dataclass(frozen=True)
class MaskLossConfig:
    """What is asked of the net: which codes are hidden, and how its answers count.

    Attributes:
        mask: how the ratio of hidden codes is drawn. ``truncated_normal``, the paper's choice:
            around ``mask_mean`` with ``mask_spread``; ``fixed``: always ``mask_mean``; ``uniform``;
            ``arccos``: as the sampler's cosine schedule leaves it; ``moving``: truncated normal
            around a mean that goes from ``mask_mean`` to ``mask_mean_end`` over the run.
        mask_range: bounds of the ratio, whichever way it is drawn.
        coarse_first: share of examples whose fine codebooks are hidden before the coarser ones,
            as the sampler uncovers them.
        blind: share of examples with everything hidden, asked for the coarsest codebook.
        spans: share of examples in which only a span is hidden.
        near: share of the target that goes to codes whose sound is nearly the same.
        near_width: how near, in distances between a code and its nearest neighbour.
        weights: of the codebooks, the coarsest first; finer ones beyond the last count like it.
        tell: of a linear readout that names the categories from the summary of the condition; it
            makes words and picture matter early, and is not kept. Only with a close condition.
    """

    mask: Literal["truncated_normal", "fixed", "uniform", "arccos", "moving"] = "truncated_normal"
    mask_mean: float = 0.75
    mask_mean_end: float = 0.75
    mask_spread: float = 0.25
    mask_range: tuple[float, float] = (0.5, 1.0)
    coarse_first: float = 0.6
    blind: float = 0.0
    spans: float = 0.2
    near: float = 0.2
    near_width: float = 1.0
    weights: tuple[float, ...] = (1.0, 0.6, 0.4, 0.3)
    tell: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.mask_range
        _check(0 < low < high <= 1, "loss.mask_range must be two numbers within 0 and 1.")
        _check(0 <= self.coarse_first <= 1, "loss.coarse_first is a share.")
        _check(0 <= self.blind <= 1, "loss.blind is a share.")
        _check(0 <= self.spans <= 1, "loss.spans is a share.")
        _check(0 <= self.near < 1 and self.near_width > 0, "loss: near or near_width.")
        _check(bool(self.weights) and min(self.weights) >= 0, "loss.weights.")
        _check(self.mask_spread > 0, "loss.mask_spread must be positive.")
        _check(self.tell >= 0, "loss.tell must not be negative.")


@dataclass(frozen=True)
class AudioOptimConfig(OptimConfig):
    """The optimiser of an audio run.

    Attributes:
        matrices: what moves the matrices of the layers: ``muon`` learns more a step and takes a
            seventh longer for it on a CPU; everything else is moved by AdamW.
    """

    matrices: Literal["adamw", "muon"] = "adamw"


@dataclass(frozen=True)
class AudioTraining:
    """One run of the audio model."""

    run: RunConfig
    model: AudioModelConfig
    data: AudioDataConfig
    optim: AudioOptimConfig
    batch: BatchConfig = field(default_factory=BatchConfig)
    loss: MaskLossConfig = field(default_factory=MaskLossConfig)

    def __post_init__(self) -> None:
        _check(self.model.layout == "aligned", "model.layout: new models are trained aligned.")
        _check(
            self.model.close_condition or not self.loss.tell,
            "loss.tell needs model.close_condition.",
        )


def read_audio_training(path: Path) -> AudioTraining:
    """The run a TOML file describes.

    Raises:
        BadRequest: the file is missing or no TOML, a key is unknown or missing, or a value is of
            the wrong kind; it is named.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise BadRequest(f"Cannot read {path}: {err.strerror}.", "Give a training config.") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise BadRequest(f"{path} is no TOML: {err}.", "Correct the file.") from err
    return from_plain(AudioTraining, data, path.name)
