"""The figures of an evaluation: each one a name, a meaning, a bar, and a function of film results.

They are functions of a list of films, so that any of them can be bootstrapped and compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vatt_engine.corpus.sound_families import CHANCE, family_of
from vatt_engine.evaluation import distribution
from vatt_engine.evaluation.bootstrap import Difference, Interval, interval, paired_difference
from vatt_engine.evaluation.results import (
    ASKED,
    PARAPHRASED,
    PICTURE,
    SWAPPED,
    Evaluation,
    FilmResult,
    TakeResult,
)
from vatt_engine.evaluation.sync import OnsetScore

Films = Sequence[FilmResult]
Compute = Callable[[Films], float | None]

_SYNCED = (PICTURE, ASKED)


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: key in JSON.
        label: for people, with the unit.
        better: which way is good; ``none`` for figures that only describe.
        bar: what the bundled model is asked to reach, as text; may be empty.
        compute: None when the films do not tell.
    """

    name: str
    label: str
    better: Literal["high", "low", "none"]
    compute: Compute
    bar: str = ""


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _takes(films: Films, *conditions: str) -> list[TakeResult]:
    return [t for f in films for t in f.takes if not conditions or t.condition in conditions]


def _pooled(scores: list[OnsetScore | None], part: str) -> float | None:
    known = [score for score in scores if score is not None]
    if not known:
        return None
    return float(getattr(sum(known[1:], known[0]), part))


def _onsets(part: str) -> Compute:
    return lambda films: _pooled([t.onsets for t in _takes(films, *_SYNCED)], part)


def _floor(films: Films) -> float | None:
    return _pooled([t.floor for t in _takes(films, *_SYNCED)], "f1")


def _over_floor(films: Films) -> float | None:
    f1, floor = _onsets("f1")(films), _floor(films)
    return f1 / floor if f1 is not None and floor else None


def _lag(films: Films) -> float | None:
    lags = [t.lag_s for t in _takes(films, *_SYNCED) if t.lag_s is not None]
    return 1000 * float(np.median(lags)) if lags else None


def _lag_spread(films: Films) -> float | None:
    lags = [abs(t.lag_s) for t in _takes(films, *_SYNCED) if t.lag_s is not None]
    return 1000 * float(np.median(lags)) if lags else None


def _false_onsets(films: Films) -> float | None:
    rates = [t.n_onsets / f.duration_s for f in films if f.silent for t in f.takes]
    return _mean(rates)


def _mean_of(attribute: str, *conditions: str) -> Compute:
    def compute(films: Films) -> float | None:
        values = [getattr(t, attribute) for t in _takes(films, *conditions)]
        return _mean([float(v) for v in values if v is not None])

    return compute


def _frechet(films: Films) -> float | None:
    made = [t.embedding for f in films if not f.silent for t in f.takes if t.condition in _SYNCED]
    true = [f.reference_embedding for f in films if f.reference_embedding]
    if min(len(made), len(true)) < 2:
        return None
    return distribution.frechet(np.array(made), np.array(true))


def _right(condition: str) -> Compute:
    """Share of takes judged to be of the sound family that was wanted."""

    def compute(films: Films) -> float | None:
        takes = [t for t in _takes(films, condition) if t.target and _judged(t)]
        return _mean([float(t.family == family_of(t.target)) for t in takes])

    return compute


def _judged(take: TakeResult) -> bool:
    return bool(take.family) or "silent" in take.faults


def _category_right(condition: str) -> Compute:
    """The same for the 103 categories."""

    def compute(films: Films) -> float | None:
        takes = [t for t in _takes(films, condition) if t.target]
        takes = [t for t in takes if t.predicted or "silent" in t.faults]
        return _mean([float(t.predicted == t.target) for t in takes])

    return compute


def _true_right(films: Films) -> float | None:
    """How often the judge is right about the true sound: what a perfect model would get."""
    known = [f for f in films if f.reference_family and f.categories]
    return _mean([float(f.reference_family == family_of(f.categories[0])) for f in known])


def _accepted(condition: str) -> Compute:
    def compute(films: Films) -> float | None:
        known = [t.accepted for t in _takes(films, condition) if t.accepted is not None]
        return _mean([float(value) for value in known])

    return compute


def _swaps(films: Films) -> list[tuple[TakeResult, TakeResult]]:
    """(asked, swapped) take of every film that has both."""
    pairs = []
    for film in films:
        asked = [t for t in film.takes if t.condition == ASKED and _judged(t)]
        swapped = [t for t in film.takes if t.condition == SWAPPED and _judged(t)]
        if asked and swapped:
            pairs.append((asked[0], swapped[0]))
    return pairs


def _obeyed(films: Films) -> float | None:
    """Share of films where another prompt makes the sound it names, which the first did not."""
    done = [
        float(swapped.family == family_of(swapped.target) and asked.family != swapped.family)
        for asked, swapped in _swaps(films)
    ]
    return _mean(done)


def _differs(films: Films) -> float | None:
    """Share of films where another prompt makes a sound of any other family."""
    return _mean([float(asked.family != swapped.family) for asked, swapped in _swaps(films)])


def _diversity(films: Films) -> float | None:
    values = []
    for film in films:
        for condition in (PICTURE, ASKED):
            group = [t.embedding for t in film.takes if t.condition == condition]
            value = distribution.diversity(np.array(group)) if len(group) > 1 else None
            if value is not None:
                values.append(value)
    return _mean(values)


def _fault(name: str) -> Compute:
    def compute(films: Films) -> float | None:
        takes = [t for f in films if not f.silent for t in f.takes]
        return _mean([float(name in t.faults) for t in takes])

    return compute


def _silent_where_hits(films: Films) -> float | None:
    takes = [t for t in _takes(films) if t.onsets is not None]
    return _mean([float("silent" in t.faults) for t in takes])


def _captions(attribute: str) -> Compute:
    def compute(films: Films) -> float | None:
        known = [getattr(f, attribute) for f in films if getattr(f, attribute) is not None]
        return _mean([float(value) for value in known])

    return compute


def _spotted(part: str) -> Compute:
    return lambda films: _pooled([f.spotted for f in films], part)


def _spotted_floor(films: Films) -> float | None:
    return _pooled([f.spotted_floor for f in films], "f1")


def _spotted_lag(films: Films) -> float | None:
    lags = [f.spotted_lag_s for f in films if f.spotted_lag_s is not None]
    return 1000 * float(np.median(lags)) if lags else None


def _spotted_false(films: Films) -> float | None:
    still = [f for f in films if f.silent and f.n_spotted is not None]
    return _mean([f.n_spotted / f.duration_s for f in still if f.n_spotted is not None])


def _real_time(films: Films) -> float | None:
    takes = [(f.duration_s, t.seconds) for f in films for t in f.takes]
    spent = sum(seconds for _, seconds in takes)
    return sum(duration for duration, _ in takes) / spent if spent > 0 else None


FIGURES: tuple[Figure, ...] = (
    Figure("onset_f1", "onset F1 within 50 ms", "high", _onsets("f1"), ">= 0.70"),
    Figure("onset_f1_floor", "the same by chance (shifted truth)", "none", _floor),
    Figure("onset_f1_over_floor", "F1 / chance", "high", _over_floor, ">= 3"),
    Figure("onset_precision", "onset precision", "high", _onsets("precision")),
    Figure("onset_recall", "onset recall", "high", _onsets("recall")),
    Figure("lag_ms", "median lag, sound behind picture (ms)", "none", _lag, "within 40"),
    Figure("lag_abs_ms", "median distance in time (ms)", "low", _lag_spread),
    Figure("false_onsets_per_s", "onsets a second in silent films", "low", _false_onsets, "<= 0.2"),
    Figure("e_l1", "E-L1 of loudness envelopes", "low", _mean_of("e_l1", *_SYNCED)),
    Figure("kld", "KLD over 521 classes", "low", _mean_of("kld", *_SYNCED)),
    Figure("frechet", "Frechet distance (YAMNet)", "low", _frechet),
    Figure("asked_right", f"asked-for kind of sound (chance {CHANCE:.0%})", "high", _right(ASKED),
           ">= 0.60"),
    Figure("prompt_changes", "another prompt makes its kind of sound", "high", _obeyed, ">= 0.60"),
    Figure("paraphrase_right", "paraphrase, kind of sound", "high", _right(PARAPHRASED),
           ">= 0.50"),
    Figure("picture_right", "no prompt: film's kind of sound", "high", _right(PICTURE)),
    Figure("swapped_right", "another prompt, kind of sound", "high", _right(SWAPPED)),
    Figure("prompt_differs", "another prompt, another kind of sound", "high", _differs),
    Figure("true_right", "the true sound by the same judge", "none", _true_right),
    Figure("asked_category", "asked-for category of 103, probe", "high", _category_right(ASKED)),
    Figure("asked_accepted", "asked-for category, YAMNet top 3", "high", _accepted(ASKED)),
    Figure("swapped_category", "another prompt, category of 103", "high",
           _category_right(SWAPPED)),
    Figure("swapped_accepted", "another prompt, YAMNet top 3", "high", _accepted(SWAPPED)),
    Figure("paraphrase_category", "paraphrase, category of 103", "high",
           _category_right(PARAPHRASED)),
    Figure("paraphrase_accepted", "paraphrase, YAMNet top 3", "high", _accepted(PARAPHRASED)),
    Figure("picture_category", "no prompt: film's category of 103", "high",
           _category_right(PICTURE)),
    Figure("picture_accepted", "no prompt, YAMNet top 3", "high", _accepted(PICTURE)),
    Figure("caption_right", "caption names a category", "high", _captions("caption_right"),
           ">= 0.60"),
    Figure("caption_near", "caption names the right kind of sound", "high",
           _captions("caption_near")),
    Figure("spot_f1", "spotter F1 within 50 ms", "high", _spotted("f1")),
    Figure("spot_f1_floor", "the same by chance", "none", _spotted_floor),
    Figure("spot_lag_ms", "spotter's median lag (ms)", "none", _spotted_lag, "within 40"),
    Figure("spot_false_per_s", "spotter's hits a second, silent films", "low", _spotted_false,
           "<= 0.2"),
    Figure("diversity", "difference between seeds", "none", _diversity),
    Figure("clipped", "takes that clip", "low", _fault("clipped"), "0"),
    Figure("silent", "takes that are silent", "low", _fault("silent")),
    Figure("silent_where_hits", "silent takes where there are hits", "low", _silent_where_hits,
           "0"),
    Figure("noise", "takes that are hiss", "low", _fault("noise")),
    Figure("speech", "takes with speech", "low", _fault("speech")),
    Figure("music", "takes with music", "low", _fault("music")),
    Figure("seconds", "seconds a take", "low", _mean_of("seconds")),
    Figure("real_time_factor", "seconds of sound made a second", "high", _real_time),
)  # fmt: skip
"""Every figure, in the order of the report."""


def extra_figures(films: Films) -> tuple[Figure, ...]:
    """Figures that plugged-in evaluators brought along, averaged over takes."""
    names = sorted({name for t in _takes(films) for name in t.extra})

    def mean_of(name: str) -> Compute:
        return lambda some: _mean([t.extra[name] for t in _takes(some) if name in t.extra])

    return tuple(Figure(name, name, "none", mean_of(name)) for name in names)


def summarise(evaluation: Evaluation, resamples: int = 300) -> dict[str, Interval]:
    """Every figure with its interval over films."""
    figures = FIGURES + extra_figures(evaluation.films)
    return {
        figure.name: interval(evaluation.films, figure.compute, n_resamples=resamples)
        for figure in figures
    }


def compare(a: Evaluation, b: Evaluation, resamples: int = 300) -> dict[str, Difference]:
    """``b - a`` of every figure, over the films that both have."""
    theirs = {film.name: film for film in b.films}
    pairs = [(film, theirs[film.name]) for film in a.films if film.name in theirs]
    first, second = [p[0] for p in pairs], [p[1] for p in pairs]
    return {
        figure.name: paired_difference(first, second, figure.compute, n_resamples=resamples)
        for figure in FIGURES + extra_figures(second)
    }


def by_family(films: Films, figure: Figure) -> dict[str, float]:
    """A figure for each family of films that has it."""
    found: dict[str, Any] = {}
    for family in sorted({film.family for film in films if film.family}):
        value = figure.compute([film for film in films if film.family == family])
        if value is not None:
            found[family] = value
    return found
