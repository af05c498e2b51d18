"""Which experiments are run, read from one TOML file.

It has a tiny base run, its variations, and the questions that only a trained model can answer.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vatt_engine.errors import BadRequest
from vatt_engine.sound_config import SamplerConfig
from vatt_engine.training.audio_config import AudioTraining
from vatt_engine.training.codec_config import from_plain


@dataclass(frozen=True)
class Listening:
    """Which held-out clips takes are made for, and how.

    Attributes:
        clips: how many.
        seconds: the beginning of each that is used.
        least_f1: a clip counts only if the onsets of its true sound, coded and decoded, meet its
            true hits this well; where they do not, onset F1 says nothing about a take.
        loss_clips: clips that held-out cross-entropy is measured on.
        moments: code frames a clip at which the next frame is asked for.
    """

    clips: int = 24
    seconds: int = 4
    least_f1: float = 0.6
    loss_clips: int = 96
    moments: int = 6


@dataclass(frozen=True)
class Variation:
    """One tiny run.

    Attributes:
        name: unique.
        tables: of the document in which it is a row.
        says: what is different, for the tables.
        net: ``causal`` hears what came before and gives all codes of a frame at once.
        condition: what the audio model is told: the LM's last ``states``; its ``inputs``, as if
            there were no LM; or states after a ``random_picture`` projection, never trained.
        frozen: parameters of the audio model that stay as they began.
        picture_only: takes are also made without words.
        training: the run.
        sampler: how takes are made.
    """

    name: str
    tables: tuple[str, ...]
    says: str
    training: AudioTraining
    sampler: SamplerConfig
    net: Literal["masked", "causal"] = "masked"
    condition: Literal["states", "inputs", "random_picture"] = "states"
    frozen: tuple[str, ...] = ()
    picture_only: bool = False


@dataclass(frozen=True)
class Questions:
    """What is asked of a trained model; everything not varied is as in ``sampler``.

    Attributes:
        model: its folder (``training.audio_folder``).
        codec: folder of the codec.
        converter: folder of the converter.
        clips: held-out clips (``training.audio_data``).
        seed: of all takes.
        steps: of the sampler.
        cfg: guidance strengths.
        moved_ms: how far one hit of each lane is moved.
        shifts_ms: how far whole lanes are.
        captions: alternatives the converter offers in the rounds.
        sampler: as takes are made otherwise; None takes that of the bundle in ``converter``.
        rounds_steps: sampler steps of takes that only serve to rank captions.
        batch: takes made at once.
    """

    model: str
    codec: str
    converter: str
    clips: str
    seed: int = 1
    steps: tuple[int, ...] = (4, 8, 16, 32)
    cfg: tuple[float, ...] = (1.0, 2.0, 3.5, 5.0)
    moved_ms: int = 200
    shifts_ms: tuple[int, ...] = (-200, -100, 100, 200)
    captions: int = 3
    sampler: SamplerConfig | None = None
    rounds_steps: int = 8
    batch: int = 8


@dataclass(frozen=True)
class Plan:
    """All experiments.

    Attributes:
        folder: where results are kept, as JSON lines.
        document: Markdown file whose marked places the tables are written into.
        listening: to the tiny runs' takes.
        trained_listening: to the trained model's.
        variations: the tiny runs, in the order they are made.
        questions: of the trained model.
    """

    folder: str
    document: str
    listening: Listening
    trained_listening: Listening
    variations: tuple[Variation, ...]
    questions: Questions


@dataclass(frozen=True)
class _Row:
    """A variation as the file has it: what it sets, by ``section.key``."""

    name: str
    tables: tuple[str, ...]
    says: str
    net: Literal["masked", "causal"] = "masked"
    condition: Literal["states", "inputs", "random_picture"] = "states"
    frozen: tuple[str, ...] = ()
    picture_only: bool = False


def read_plan(path: Path) -> Plan:
    """The experiments a TOML file describes.

    Raises:
        BadRequest: the file is missing or no TOML, a key is unknown or missing, a value is of the
            wrong kind, or two runs have one name.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise BadRequest(f"Cannot read {path}: {err.strerror}.", "Give a plan.") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise BadRequest(f"{path} is no TOML: {err}.", "Correct the file.") from err
    try:
        base, rows, folder, document = (data.pop(k) for k in ("base", "runs", "folder", "document"))
    except KeyError as err:
        raise BadRequest(f"{path} lacks {err}.", "Correct the file.") from err
    variations = tuple(_variation(base, row, str(folder)) for row in rows)
    names = [v.name for v in variations]
    if len(set(names)) < len(names):
        raise BadRequest(f"{path}: two runs have one name.", "Correct the file.")
    plan = Plan(
        str(folder),
        str(document),
        from_plain(Listening, data.pop("listening", {}), "listening"),
        from_plain(Listening, data.pop("trained_listening", {}), "trained_listening"),
        variations,
        from_plain(Questions, data.pop("questions", {}), "questions"),
    )
    if data:
        raise BadRequest(f"{path} has unknown keys: {', '.join(data)}.", "Correct the file.")
    return plan


def _variation(base: Mapping[str, Any], row: Mapping[str, Any], folder: str) -> Variation:
    """The base run with what a row sets."""
    own = dict(row)
    changed = copy.deepcopy(dict(base))
    for place, value in dict(own.pop("set", {})).items():
        section, _, key = place.partition(".")
        if section not in changed or not key:
            raise BadRequest(f"runs.set: {place} is of no section of base.", "Correct the file.")
        changed[section][key] = value
    plain = from_plain(_Row, own, f"run {own.get('name', '')!r}")
    changed["run"]["folder"] = f"{folder}/{plain.name}"
    sampler = from_plain(SamplerConfig, changed.pop("sampler", {}), "sampler")
    training = from_plain(AudioTraining, changed, f"run {plain.name!r}")
    return Variation(training=training, sampler=sampler, **vars(plain))
