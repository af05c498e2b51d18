"""``vatt generate``: Foley for every clip of a cut, written back as new audio tracks.

The command line alone, so that ``--help`` and a mistyped flag are answered at once; the work is in
``vatt_plugin.cli.generating``.
"""

from __future__ import annotations

import argparse
from typing import Any

from vatt_plugin.cli.console import add_model_options, add_timeline_options
from vatt_plugin.errors import UsageError

MAX_TAKES = 100


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand; names and meaning are a contract (design.md, section 4)."""
    parser = subparsers.add_parser(
        "generate", help="make Foley for every clip and write it back as new audio tracks"
    )
    add_timeline_options(parser)
    add_model_options(parser)
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="new timeline (default: INPUT's name + _foley.otio)"
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--prompt", metavar="TEXT", help="what every clip should sound like")
    words.add_argument("--prompts", metavar="FILE.csv", help="clip,prompt[,negative] a line")
    parser.add_argument("--negative", default="", metavar="TEXT", help="what must not be heard")
    parser.add_argument(
        "--takes", type=int, default=1, metavar="N", help="takes a clip; the best in sync is used"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="take i has seed S+i (default 0)"
    )
    parser.add_argument(
        "--sync",
        default="auto",
        metavar="auto|off|FILE.json",
        help="follow the hits seen in the picture, none (its moments are then made up from the "
        "words), or those of a spotting list",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="sampling steps (the model's own)")
    parser.add_argument("--cfg", type=float, metavar="X", help="guidance (the model's own)")
    parser.add_argument(
        "--handles", type=float, default=0.0, metavar="S", help="extra seconds at either end"
    )
    parser.add_argument("--preview", metavar="OUT.mp4", help="a film of the picture with the Foley")
    parser.add_argument(
        "--preview-original",
        action="store_true",
        help="with the cut's own sound too: its audio tracks, or the film's",
    )
    parser.add_argument(
        "--preview-original-db",
        type=float,
        default=0.0,
        metavar="DB",
        help="how much louder than in its files (default 0; -6 is softer)",
    )
    parser.add_argument(
        "--profile",
        choices=("nle", "post"),
        default="nle",
        help="nle: sound files start at 0; post: at their record timecode",
    )
    parser.add_argument(
        "--urls",
        choices=("portable", "resolve", "premiere"),
        default="portable",
        help="how the timeline names its files",
    )
    parser.add_argument(
        "--duck",
        action="append",
        default=[],
        metavar="TRACK",
        help="hold the Foley back while this audio track speaks; repeatable",
    )
    parser.add_argument(
        "--duck-db", type=float, default=-9.0, metavar="DB", help="how far (default -9)"
    )
    parser.add_argument("--room-tone", action="store_true", help="lay a quiet bed under each scene")
    parser.add_argument("--json", action="store_true", help="print one event a line")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument(
        "--dry-run", action="store_true", help="list the clips that would be served; write nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Check the numbers, then read, generate and write."""
    _check_numbers(args)
    if args.preview_original and not args.preview:
        raise UsageError(
            "--preview-original is heard in the preview film, and none is asked for.",
            "Add --preview OUT.mp4.",
        )
    from vatt_plugin.cli.generating import generate

    return generate(args)


def _check_numbers(args: argparse.Namespace) -> None:
    limits = (
        ("--takes", args.takes, 1, MAX_TAKES),
        ("--seed", args.seed, 0, 2**31 - 1),
        ("--steps", args.steps, 1, 1000),
        ("--cfg", args.cfg, 0.0, 100.0),
        ("--handles", args.handles, 0.0, 60.0),
        ("--duck-db", args.duck_db, -60.0, 0.0),
        ("--preview-original-db", args.preview_original_db, -60.0, 20.0),
    )
    for name, value, low, high in limits:
        if value is not None and not low <= value <= high:
            raise UsageError(f"{name} must lie between {low} and {high}, got {value}.")
