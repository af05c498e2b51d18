"""``python -m vatt_engine.training.spotter_report``: a spotter's figures on films it did not learn.

Either made films of a split, drawn and measured as for training and kept in a store, or a set of
the judge (``evaluation.films``), decoded as footage is. The spotter's own threshold counts;
brackets are 95 % intervals over films.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import platformdirs
import torch
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.compose import SPLITS
from vatt_engine.errors import VattError
from vatt_engine.evaluation.bootstrap import Difference, Interval, interval, paired_difference
from vatt_engine.evaluation.films import read_set
from vatt_engine.evaluation.sync import OnsetScore, onset_score, shift_floor
from vatt_engine.messages import PictureSegment
from vatt_engine.seeing import look
from vatt_engine.spotting import BUNDLED, LANE_HZ, TrainedSpotter, pick_hits, read_spotter
from vatt_engine.training.motion_films import FilmsSpec, MotionFilms, open_films
from vatt_engine.training.spotter_watch import score_films, table, tracks_of

Floats = NDArray[np.float32]

_NOTHING = OnsetScore(0, 0, 0)


def f1_of(scores: Sequence[OnsetScore]) -> float:
    """Of the counts of all films together."""
    return sum(scores, _NOTHING).f1


def report(spotter: TrainedSpotter, films: MotionFilms) -> tuple[str, list[OnsetScore]]:
    """Figures as Markdown, and the counts of each film that shows hits."""
    tracks = tracks_of(spotter.net, films)
    scores, chance = [], _NOTHING
    for track, hits in zip(tracks, films.hits, strict=True):
        if len(hits):
            found = np.array([time_s for time_s, _ in pick_hits(track, spotter.threshold)])
            scores.append(onset_score(found, hits[:, 0]))
            chance += shift_floor(found, hits[:, 0], films.duration_s)
    told = table(score_films(tracks, films, spotter.threshold))
    figure = interval(scores, f1_of)
    return f"{told}\nF1 {_told(figure)}, by chance {chance.f1:.3f}", scores


def films_of_set(where: str, cache: Path) -> MotionFilms:
    """Films of a set of the judge, those of the first one's length; see ``read_set``."""
    films = read_set(where, cache).films
    films = tuple(film for film in films if film.duration_s == films[0].duration_s)
    seen = [
        look(
            (PictureSegment(str(film.path.resolve()), 0.0, film.duration_s),),
            None,
            _quietly,
        ).motion
        for film in films
    ]
    return MotionFilms(
        np.stack(seen),
        np.zeros((len(seen), round(films[0].duration_s * LANE_HZ), 2), np.float32),
        tuple(np.array(film.hits or (), np.float32).reshape(-1, 2) for film in films),
        tuple(film.family for film in films),
    )


def _quietly(stage: str, done: int, total: int | None) -> None:
    """Nobody watches."""
    del stage, done, total


def _told(figure: Interval | Difference) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "none"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vatt_engine.training.spotter_report", description=__doc__
    )
    parser.add_argument("spotter", nargs="*", type=Path, help="folders; none: the one that ships")
    parser.add_argument("--split", choices=SPLITS, default="valid")
    parser.add_argument("--films", type=int, default=200, help="seeds from 0 on")
    parser.add_argument("--set", help="a set of the judge instead of a split, such as heldout")
    parser.add_argument("--store", type=Path, default=Path("runs/motion"), help="of made films")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print a report for each spotter and the first one's difference to the others."""
    args = get_parser().parse_args(argv)
    torch.set_num_threads(1)
    try:
        if args.set:
            films = films_of_set(args.set, Path(platformdirs.user_cache_dir("vatt")) / "sets")
        else:
            films = open_films(args.store, FilmsSpec(args.split, 0, args.films))
        first: list[OnsetScore] = []
        for folder in args.spotter or [BUNDLED]:
            text, scores = report(read_spotter(folder), films)
            sys.stdout.write(f"## {folder}, {args.set or args.split}\n\n{text}\n")
            if first:
                gained = paired_difference(first, scores, f1_of)
                sys.stdout.write(f"Against the first: {_told(gained)}\n")
            first = first or scores
    except VattError as err:
        sys.stderr.write(f"{err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
