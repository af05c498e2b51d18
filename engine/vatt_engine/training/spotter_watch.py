"""How well a spotter does on films it did not learn from: hits matched within 50 ms, by family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.casting import SILENT
from vatt_engine.evaluation.sync import TOLERANCE_S, OnsetScore, match, onset_score
from vatt_engine.nets.spotter import Spotter
from vatt_engine.spotting import pick_hits, read_tracks
from vatt_engine.training.motion_films import MotionFilms

Floats = NDArray[np.float32]

THRESHOLDS = tuple(round(0.1 + 0.025 * k, 3) for k in range(21))
MOST_FALSE_A_S = 0.15
"""Hits a second in films that are silent, which the chosen threshold may let through."""

_NOTHING = OnsetScore(0, 0, 0)


@dataclass(frozen=True)
class SpotterScore:
    """What a threshold gives.

    Attributes:
        score: counts over films that show hits.
        lag_s: median of found minus true, over pairs within three times the tolerance.
        false_a_s: hits a second in films of families that make no sound.
        families: counts by family; those of silent films have no true hits.
        films: how many films a family has.
    """

    threshold: float
    score: OnsetScore
    lag_s: float
    false_a_s: float
    families: dict[str, OnsetScore]
    films: dict[str, int]


def tracks_of(net: Spotter, films: MotionFilms) -> list[Floats]:
    """What the net, in eval mode, reads from each film."""
    return [read_tracks(net, motion) for motion in films.motion]


def score_films(tracks: Sequence[Floats], films: MotionFilms, threshold: float) -> SpotterScore:
    """Counts at a threshold, as the judge counts: films without hits do not count."""
    total, silent, silent_s = _NOTHING, 0, 0.0
    families: dict[str, OnsetScore] = {}
    n_films: dict[str, int] = {}
    lags: list[float] = []
    for track, hits, family in zip(tracks, films.hits, films.families, strict=True):
        found = np.array([t for t, _ in pick_hits(track, threshold)])
        one = onset_score(found, hits[:, 0])
        families[family] = families.get(family, _NOTHING) + one
        n_films[family] = n_films.get(family, 0) + 1
        if family in SILENT:
            silent += len(found)
            silent_s += films.duration_s
        elif len(hits):
            total += one
            pairs = match(found, hits[:, 0], 3 * TOLERANCE_S)
            lags += [float(found[i] - hits[j, 0]) for i, j in pairs]
    lag = float(np.median(lags)) if lags else 0.0
    return SpotterScore(
        threshold, total, lag, silent / silent_s if silent_s else 0.0, families, n_films
    )


def best_score(tracks: Sequence[Floats], films: MotionFilms) -> SpotterScore:
    """The threshold of the highest F1 among those that leave silent films silent enough."""
    scores = [score_films(tracks, films, threshold) for threshold in THRESHOLDS]
    quiet = [s for s in scores if s.false_a_s <= MOST_FALSE_A_S] or scores[-1:]
    return max(quiet, key=lambda s: s.score.f1)


def intensity_correlation(tracks: Sequence[Floats], films: MotionFilms) -> float:
    """Of the intensity read and the true one, over all moments of all films."""
    read = np.concatenate([track[:, 2] for track in tracks])
    true = films.lane[:, :, 1].reshape(-1)
    return float(np.corrcoef(read, true)[0, 1])


def table(score: SpotterScore) -> str:
    """Figures by family as Markdown."""
    rows = ["| family | films | true | found | matched | P | R |", "|---|---|---|---|---|---|---|"]
    for name in sorted(score.families):
        c = score.families[name]
        rows.append(
            f"| {name} | {score.films[name]} | {c.n_true} | {c.n_found} | {c.n_matched} "
            f"| {c.precision:.2f} | {c.recall:.2f} |"
        )
    c = score.score
    rows.append(
        f"\nF1 {c.f1:.3f} (P {c.precision:.3f}, R {c.recall:.3f}) over {c.n_true} hits, lag "
        f"{1000 * score.lag_s:+.0f} ms, {score.false_a_s:.3f} hits a second in silent films; "
        f"threshold {score.threshold}."
    )
    return "\n".join(rows)
