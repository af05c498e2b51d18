"""``vatt remake``: make takes again from their recipes, and say whether they are the same.

The command line alone, so that ``--help`` is answered at once; the work is in
``vatt_plugin.cli.remaking``.
"""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "remake", help="make takes again from their recipes, and say whether they are the same"
    )
    parser.add_argument("input", metavar="TIMELINE", help="a timeline that vatt wrote")
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="for the sounds (default: TIMELINE's name + _remade)"
    )
    parser.add_argument(
        "--take",
        metavar="ID",
        action="append",
        default=[],
        help="only this take, by its id or the name of its clip; repeatable",
    )
    parser.add_argument("--timeline", metavar="NAME", help="which, if the file has several")
    parser.add_argument(
        "--media-dir",
        metavar="DIR",
        action="append",
        default=[],
        help="look here, by file name, for media that is not where it says; repeatable",
    )
    parser.add_argument(
        "--cues",
        default="clips",
        metavar="clips|markers|FILE.csv",
        help="what got sound, as it was told to generate",
    )
    parser.add_argument("--split-cuts", action="store_true", help="as it was told to generate")
    parser.add_argument(
        "--track", metavar="NAME", action="append", help="as it was told to generate; repeatable"
    )
    parser.add_argument("--model", metavar="M", help="another model than the recipe's")
    parser.add_argument(
        "--device", default="", metavar="D", help="another device than the recipe's: cpu, cuda[:N]"
    )
    parser.add_argument(
        "--offload", action="store_true", help="keep the language model in main memory"
    )
    parser.add_argument("--json", action="store_true", help="print one event a line")
    parser.add_argument("--force", action="store_true", help="replace sounds that are in DIR")


def run(args: argparse.Namespace) -> int:
    """Read the timeline, make its takes again, compare."""
    from vatt_plugin.cli.remaking import remake

    return remake(args)
