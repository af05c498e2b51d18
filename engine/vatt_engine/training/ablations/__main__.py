"""``python -m vatt_engine.training.ablations PART CONFIG [--only NAME ...]``.

Parts: ``small`` trains and measures the tiny runs that have no result yet; ``speed`` times nets;
``trained`` asks the trained model; ``tables`` writes what there is into the document, as the other
parts do at their end. Exit codes: 0 done, 1 failed, 2 usage.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vatt_engine.errors import VattError

_TIMED = ((128, 2), (256, 3), (512, 6))


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vatt_engine.training.ablations",
        description="What the paper left open, run small, as tables.",
    )
    parser.add_argument("part", choices=("small", "speed", "trained", "tables"))
    parser.add_argument("config", type=Path, help="TOML file, such as configs/ablations.toml")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these, also if there already")
    parser.add_argument("--model", metavar="FOLDER", help="ask this trained model instead")
    parser.add_argument("--clips", type=int, metavar="N", help="ask it about so many clips")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one part; returns the exit code."""
    args = get_parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    try:
        _run(args)
    except VattError as err:
        sys.stderr.write(f"{err}\n")
        return 1
    return 0


def _run(args: argparse.Namespace) -> None:
    from vatt_engine.training.ablations import small, tables
    from vatt_engine.training.ablations.plan import read_plan
    from vatt_engine.training.ablations.results import results_of

    plan = read_plan(args.config)
    results = results_of(plan, "small")
    if args.part == "small":
        runs = small.SmallRuns(plan)
        results.add(runs.truth())
        for variation in plan.variations:
            wanted = variation.name in (args.only or ())
            if wanted or (not args.only and variation.name not in results.rows()):
                results.add(runs.run(variation))
                tables.write(plan)
    elif args.part == "speed":
        results.add(small.time_nets(plan, _TIMED))
    elif args.part == "trained":
        from vatt_engine.training.ablations import trained

        trained.ask(plan, args.model, args.clips, args.only)
    tables.write(plan)


if __name__ == "__main__":
    sys.exit(main())
