"""``vatt remake``: make takes again from their recipes, and say whether they are the same.

The command line alone, so that ``--help`` is answered at once; the work is in
``vatt_plugin.cli.remaking``.
"""

from __future__ import annotations

import argparse
from typing import Any

from vatt_plugin.cli.console import add_remaking_options


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "remake", help="make takes again from their recipes, and say whether they are the same"
    )
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
    add_remaking_options(parser)
    parser.add_argument("--model", metavar="M", help="another model than the recipe's")
    parser.add_argument("--json", action="store_true", help="print one event a line")
    parser.add_argument("--force", action="store_true", help="replace sounds that are in DIR")


def run(args: argparse.Namespace) -> int:
    """Read the timeline, make its takes again, compare."""
    from vatt_plugin.cli.remaking import remake

    return remake(args)
