"""``python -m vatt_engine.training.spotter_report``: a spotter's figures on made films of a split.

Films are drawn and measured as for training, at the spotter's own threshold; brackets are 95 %
intervals over films. Those of a folder are kept and serve the next spotter.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.compose import SPLITS
from vatt_engine.errors import VattError
from vatt_engine.evaluation.bootstrap import Difference, Interval, interval, paired_difference
from vatt_engine.evaluation.sync import OnsetScore, onset_score, shift_floor
from vatt_engine.spotting import BUNDLED, TrainedSpotter, pick_hits, read_spotter
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
    parser.add_argument("--store", type=Path, default=Path("runs/motion"), help="of made films")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Print a report for each spotter and the first one's difference to the others."""
    args = get_parser().parse_args(argv)
    torch.set_num_threads(1)
    try:
        films = open_films(args.store, FilmsSpec(args.split, 0, args.films))
        first: list[OnsetScore] = []
        for folder in args.spotter or [BUNDLED]:
            text, scores = report(read_spotter(folder), films)
            sys.stdout.write(f"## {folder}, {args.split}\n\n{text}\n")
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
