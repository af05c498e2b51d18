"""What an evaluation found, film by film: plain data that goes to JSON and comes back.

Figures are computed from this afterwards (``figures``), so a report can be made again, and two
evaluations compared, without running a model.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.sync import OnsetScore

SCHEMA = 2

PICTURE, ASKED, SWAPPED, PARAPHRASED = "picture", "asked", "swapped", "paraphrased"
"""How a take was asked for: no prompt; the true category's phrase; another's; in other words."""


@dataclass(frozen=True)
class TakeResult:
    """One take.

    Attributes:
        condition: one of the four above.
        target: category it should sound like; empty for silent films and unknown truth.
        predicted: category by the probe; ``accepted`` whether YAMNet's best classes fit the target.
        family: sound family by the judge.
        onsets: against the film's hits; None without known hits. ``floor`` the same by chance.
        n_onsets: heard in all, also in films without hits.
        lag_s: sound behind picture; None when it cannot be told.
        e_l1: envelope difference; ``kld`` of classes: both against the true sound, None without.
        faults: names of ``health.Health`` flags that are set.
        embedding: [1024] of YAMNet, for Frechet distance and diversity.
        wav: where the take lies.
    """

    condition: str
    seed: int
    prompt: str
    target: str
    predicted: str
    accepted: bool | None
    seconds: float
    n_onsets: int
    onsets: OnsetScore | None
    floor: OnsetScore | None
    lag_s: float | None
    e_l1: float | None
    kld: float | None
    faults: tuple[str, ...]
    embedding: tuple[float, ...]
    extra: Mapping[str, float] = field(default_factory=dict)
    wav: str = ""
    family: str = ""


@dataclass(frozen=True)
class FilmResult:
    """Everything found about one film.

    Attributes:
        caption: the model's first; ``alternatives`` the others with scores.
        caption_right: its words mean one of the film's categories; None when that is unknown.
        caption_near: the same for their sound families.
        spotted: the spotter's hits against the true ones; ``spotted_lag_s`` their median lag.
        n_spotted: hits the spotter saw in all; None when it does not spot.
        reference_embedding: of the true sound; ``reference_family`` what the judge takes it for.
        failed: why nothing could be made of this film; empty when all is well.
    """

    name: str
    family: str
    duration_s: float
    silent: bool
    categories: tuple[str, ...]
    caption: str
    alternatives: tuple[tuple[str, float], ...]
    caption_right: bool | None
    caption_near: bool | None
    spotted: OnsetScore | None
    spotted_floor: OnsetScore | None
    spotted_lag_s: float | None
    n_spotted: int | None
    reference_embedding: tuple[float, ...]
    takes: tuple[TakeResult, ...]
    failed: str = ""
    reference_family: str = ""


@dataclass(frozen=True)
class Evaluation:
    """A model on a set."""

    model: str
    set_name: str
    settings: Mapping[str, Any]
    films: tuple[FilmResult, ...]


def write(evaluation: Evaluation, path: Path) -> None:
    """Write as JSON, under a temporary name first."""
    partial = path.with_name(path.name + ".part")
    body = {"schema": SCHEMA, **dataclasses.asdict(evaluation)}
    partial.write_text(json.dumps(body, allow_nan=False), encoding="utf-8")
    partial.replace(path)


def read(path: Path) -> Evaluation:
    """Read what ``write`` wrote.

    Raises:
        BadRequest: not such a file, or of a newer schema.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise BadRequest(f"{path} has schema {data['schema']}; this engine reads {SCHEMA}.")
        films = tuple(_film(row) for row in data["films"])
        return Evaluation(data["model"], data["set_name"], data["settings"], films)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{path} is no evaluation: {type(error).__name__}: {error}.",
            "Give a file that `vatt eval --json` wrote.",
        ) from error


def _film(row: dict[str, Any]) -> FilmResult:
    takes = tuple(
        TakeResult(
            **{
                **take,
                "onsets": _score(take["onsets"]),
                "floor": _score(take["floor"]),
                "faults": tuple(take["faults"]),
                "embedding": tuple(take["embedding"]),
            }
        )
        for take in row["takes"]
    )
    return FilmResult(
        **{
            **row,
            "categories": tuple(row["categories"]),
            "alternatives": tuple((str(t), float(s)) for t, s in row["alternatives"]),
            "spotted": _score(row["spotted"]),
            "spotted_floor": _score(row["spotted_floor"]),
            "reference_embedding": tuple(row["reference_embedding"]),
            "takes": takes,
        }
    )


def _score(row: dict[str, int] | None) -> OnsetScore | None:
    return None if row is None else OnsetScore(**row)
