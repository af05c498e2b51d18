"""What a spotter's run depends on: frozen dataclasses read from one TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from vatt_engine.errors import BadRequest
from vatt_engine.nets.spotter import SpotterConfig
from vatt_engine.training.codec_config import OptimConfig, RunConfig, from_plain


@dataclass(frozen=True)
class SpotterData:
    """Which films, and how batches are cut from them.

    Attributes:
        folder: store of measured films; those that are missing are made at the start.
        first: seed of the first film to learn from.
        train: films of the scenes to learn from.
        abstract: films of ``contacts`` to learn from, beside them.
        camera: films of ``spotter_cameras`` to learn from, beside them.
        valid: films of the same families with other things in them, to choose weights by.
        silent: share of the training films in which nothing sounds, beside those drawn anyway.
        workers: processes that make films.
        batch: films a step.
        shortest: rows of the shortest crop; a film is at most 6 s.
    """

    folder: str = "runs/motion"
    first: int = 0
    train: int = 3000
    abstract: int = 800
    camera: int = 0
    valid: int = 150
    silent: float = 0.08
    workers: int = 1
    batch: int = 16
    shortest: int = 90

    def __post_init__(self) -> None:
        if min(self.train, self.valid, self.batch, self.workers) < 1:
            raise BadRequest("data: counts must be positive.", "Correct the training config.")


@dataclass(frozen=True)
class SpotterLoss:
    """Weights of the losses.

    Attributes:
        bell_s: a hit is a bell of this width in the track the net is to draw.
        positive: how much more a value near a hit weighs than one far from all.
        strength: of the squared error of strengths, near hits.
        intensity: of the squared error of the intensity.
    """

    bell_s: float = 0.014
    positive: float = 2.0
    strength: float = 0.5
    intensity: float = 1.0


@dataclass(frozen=True)
class Disturbance:
    """What happens to motion features, so that footage does not break the net; probabilities.

    Attributes:
        gain: spread (of the logarithm) of how strongly things move.
        mix: two films at once.
        grain: noise and grain all over the picture.
        pulse: key frames of a codec: a change all over at even intervals.
        hide: a rectangle in which nothing is seen.
        freeze: rows lost here and there.
        blind: no features of the whole picture.
        stretch: played slower or faster.
    """

    gain: float = 0.35
    mix: float = 0.15
    grain: float = 0.3
    pulse: float = 0.15
    hide: float = 0.15
    freeze: float = 0.1
    blind: float = 0.1
    stretch: float = 0.3


@dataclass(frozen=True)
class SpotterTraining:
    """One run.

    Attributes:
        start: folder of a spotter whose weights it goes on from; empty: from nothing.
    """

    run: RunConfig
    optim: OptimConfig
    net: SpotterConfig = field(default_factory=SpotterConfig)
    data: SpotterData = field(default_factory=SpotterData)
    loss: SpotterLoss = field(default_factory=SpotterLoss)
    disturb: Disturbance = field(default_factory=Disturbance)
    start: str = ""


def read_spotter_training(path: Path) -> SpotterTraining:
    """The run a TOML file describes.

    Raises:
        BadRequest: the file is missing or no TOML, or a key or value is wrong; it is named.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise BadRequest(f"Cannot read {path}: {err.strerror}.", "Give a training config.") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise BadRequest(f"{path} is no TOML: {err}.", "Correct the file.") from err
    return from_plain(SpotterTraining, data, path.name)
