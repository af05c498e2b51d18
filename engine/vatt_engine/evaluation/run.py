"""Runs a maker over a film set and judges what it makes; a bad film never stops the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.sound_families import FAMILIES, family_of
from vatt_engine.errors import Cancelled, VattError
from vatt_engine.evaluation import sync
from vatt_engine.evaluation.films import Film, FilmSet
from vatt_engine.evaluation.judge import Judge
from vatt_engine.evaluation.makers import Maker
from vatt_engine.evaluation.results import (
    ASKED,
    PARAPHRASED,
    PICTURE,
    SWAPPED,
    Evaluation,
    FilmResult,
    TakeResult,
)
from vatt_engine.evaluation.wording import paraphrases, says

log = logging.getLogger(__name__)

Report = Callable[[int, int, str], None]


def _nobody(done: int, total: int, name: str) -> None:
    del done, total, name


@dataclass(frozen=True)
class Trial:
    """One request: how it is asked, the words, the category wanted, how many takes."""

    condition: str
    prompt: str | None
    target: str
    n_takes: int


@dataclass(frozen=True)
class Settings:
    """What is asked of a maker.

    Attributes:
        seed: of the first take of every film.
        takes: how many per film without a prompt (two or more tell diversity).
        conditions: which of ``results``' conditions are run.
    """

    seed: int = 0
    takes: int = 2
    conditions: tuple[str, ...] = (PICTURE, ASKED, SWAPPED, PARAPHRASED)


def trials(film: Film, index: int, settings: Settings) -> list[Trial]:
    """The requests for one film; deterministic in the film's place in the set."""
    main = film.categories[0] if film.categories else ""
    asked: list[Trial] = []
    if PICTURE in settings.conditions:
        asked.append(Trial(PICTURE, None, main, settings.takes))
    if film.silent or main not in CATEGORIES:
        return asked
    if ASKED in settings.conditions:
        asked.append(Trial(ASKED, CATEGORIES[main].phrase, main, 1))
    if SWAPPED in settings.conditions:
        other = _another(main, index)
        asked.append(Trial(SWAPPED, CATEGORIES[other].phrase, other, 1))
    if PARAPHRASED in settings.conditions and main in paraphrases():
        words = paraphrases()[main]
        asked.append(Trial(PARAPHRASED, words[index % len(words)], main, 1))
    return asked


def _another(main: str, index: int) -> str:
    """A category that sounds otherwise but fills time alike, so that only the kind differs."""
    row = CATEGORIES[main]
    others = [
        c.name
        for c in CATEGORIES.values()
        if c.kind == row.kind and c.family != row.family and family_of(c.name) != family_of(main)
    ]
    return others[(index * 7919) % len(others)]


def evaluate(
    maker: Maker,
    films: FilmSet,
    judge: Judge,
    folder: Path,
    settings: Settings = Settings(),
    report: Report = _nobody,
) -> Evaluation:
    """Run everything.

    Args:
        maker: a model or a baseline.
        films: what it is given.
        judge: the measuring instruments.
        folder: takes are kept here, a sub-folder a film.
        settings: what is asked.
        report: called with (done, total, film name); may raise to stop.

    Returns:
        Results of all films; one whose ``failed`` is not empty takes part in no figure.
    """
    results = []
    for index, film in enumerate(films.films):
        report(index, len(films.films), film.name)
        try:
            results.append(_film(maker, film, index, judge, folder, settings))
        except Cancelled:
            raise
        except VattError as error:
            log.warning("%s could not be evaluated: %s", film.name, error)
            results.append(_failed(film, str(error)))
    report(len(films.films), len(films.films), "")
    facts = {"seed": settings.seed, "takes": settings.takes, "conditions": settings.conditions}
    return Evaluation(maker.name, films.name, facts, tuple(results))


def _failed(film: Film, why: str) -> FilmResult:
    return FilmResult(
        name=film.name,
        family=film.family,
        duration_s=film.duration_s,
        silent=film.silent,
        categories=film.categories,
        caption="",
        alternatives=(),
        caption_right=None,
        caption_near=None,
        spotted=None,
        spotted_floor=None,
        spotted_lag_s=None,
        n_spotted=None,
        reference_embedding=(),
        takes=(),
        failed=why,
    )


def _film(
    maker: Maker, film: Film, index: int, judge: Judge, folder: Path, settings: Settings
) -> FilmResult:
    takes: list[TakeResult] = []
    for trial in trials(film, index, settings):
        place = folder / Path(film.name).stem / trial.condition
        place.mkdir(parents=True, exist_ok=True)
        made = maker.takes(film, trial.prompt, settings.seed, trial.n_takes, place)
        takes += [
            judge.judge(take, film, trial.condition, trial.prompt or "", trial.target)
            for take in made
        ]
    captions = maker.captions(film)
    first = captions[0][0] if captions else ""
    spotted, floor, lag, n_spotted = _spotting(maker.hits(film), film)
    embedding, reference_family = judge.reference(film)
    return FilmResult(
        name=film.name,
        family=film.family,
        duration_s=film.duration_s,
        silent=film.silent,
        categories=film.categories,
        caption=first,
        alternatives=tuple(captions[1:]),
        caption_right=caption_right(first, film.categories) if captions else None,
        caption_near=caption_near(first, film.categories) if captions else None,
        spotted=spotted,
        spotted_floor=floor,
        spotted_lag_s=lag,
        n_spotted=n_spotted,
        reference_embedding=embedding,
        takes=tuple(takes),
        reference_family=reference_family,
    )


def _spotting(
    hits: Sequence[tuple[float, float]] | None, film: Film
) -> tuple[sync.OnsetScore | None, sync.OnsetScore | None, float | None, int | None]:
    if hits is None:
        return None, None, None, None
    found = np.array([t for t, _ in hits])
    if not film.hits:
        return None, None, None, len(found)
    true = np.array([t for t, _ in film.hits])
    score = sync.onset_score(found, true)
    floor = sync.shift_floor(found, true, film.duration_s)
    # Wider than the score's tolerance, or a lag beyond it could never show.
    pairs = sync.match(np.sort(found), true, 3 * sync.TOLERANCE_S)
    lags = [float(np.sort(found)[i] - true[j]) for i, j in pairs]
    return score, floor, float(np.median(lags)) if lags else None, len(found)


def caption_right(text: str, categories: Sequence[str]) -> bool | None:
    """Whether the words mean one of the film's categories; None for films without."""
    if not categories:
        return None
    return any(says(text, category) for category in categories)


def caption_near(text: str, categories: Sequence[str]) -> bool | None:
    """Whether the words mean a category of one of their sound families."""
    if not categories:
        return None
    families = {family_of(c) for c in categories} - {""}
    return any(says(text, near) for name in families for near in FAMILIES[name].categories)
