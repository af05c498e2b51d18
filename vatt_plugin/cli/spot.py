"""``vatt spot``: the sync lane of each clip, as a spotting list of hits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vatt_plugin.cli.console import add_model_options, add_timeline_options


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "spot", help="find the moments where something hits (the spotting list)"
    )
    add_timeline_options(parser)
    add_model_options(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON; `generate --sync` reads it")
    form.add_argument("--csv", metavar="OUT", help="write a line a hit, with record timecode")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")


def run(args: argparse.Namespace) -> int:
    """Look at every clip that can be seen."""
    from vatt_plugin.cli.spotting import spot

    return spot(args, Path(args.csv) if args.csv else None)
