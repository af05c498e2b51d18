"""``vatt rework``: another take for a clip that has one, on a timeline that vatt wrote.

The command line alone, so that ``--help`` is answered at once; the work is in
``vatt_plugin.cli.reworking``.
"""

from __future__ import annotations

import argparse
from typing import Any

from vatt_plugin.cli.console import add_remaking_options
from vatt_plugin.errors import UsageError

MAX_SEED = 2**31 - 1


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "rework",
        help="another take for a clip: other words or hits, or only a span made anew",
        description="Another take for a clip of a timeline that vatt wrote. It is played from then "
        "on; the earlier ones stay in the clip's list. T, IN and OUT are record timecodes, or "
        "seconds from the timeline's start.",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="default: TIMELINE's name + _reworked"
    )
    parser.add_argument(
        "--take", metavar="ID", default="", help="which, by its id or the name of its clip"
    )
    parser.add_argument(
        "--between",
        nargs=2,
        metavar=("IN", "OUT"),
        help="make only this span anew; every sample outside of it stays as it is",
    )
    parser.add_argument("--prompt", metavar="TEXT", help="other words")
    parser.add_argument("--negative", metavar="TEXT", help="what must not be heard")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="default: the next that the clip's takes leave free"
    )
    hits = "repeatable; `--dry-run` lists the hits"
    parser.add_argument(
        "--move-hit",
        nargs=2,
        action="append",
        default=[],
        metavar=("T", "TO"),
        help=f"move the hit at T; {hits}",
    )
    parser.add_argument(
        "--add-hit",
        action="append",
        default=[],
        metavar="T[:STRENGTH]",
        help="add one, of strength 0 to 1 (default 0.8); repeatable",
    )
    parser.add_argument(
        "--drop-hit", action="append", default=[], metavar="T", help="take one away; repeatable"
    )
    parser.add_argument(
        "--choose", metavar="ID", default="", help="play this earlier take of the clip's list again"
    )
    add_remaking_options(parser)
    parser.add_argument(
        "--urls",
        choices=("portable", "resolve", "premiere"),
        default="portable",
        help="how the timeline names its files",
    )
    parser.add_argument("--json", action="store_true", help="print one event a line")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="tell what would be done, and the hits; write nothing",
    )


def run(args: argparse.Namespace) -> int:
    """Check what can be checked at once, then do it."""
    if args.seed is not None and not 0 <= args.seed <= MAX_SEED:
        raise UsageError(f"--seed must lie between 0 and {MAX_SEED}, got {args.seed}.")
    others = ("between", "prompt", "negative", "seed", "move_hit", "add_hit", "drop_hit")
    given = [name for name in others if getattr(args, name) not in (None, [])]
    if args.choose and given:
        raise UsageError(
            f"--choose plays a take as it is; --{given[0].replace('_', '-')} would make another.",
            "Give one or the other.",
        )
    from vatt_plugin.cli.reworking import rework

    return rework(args)
