"""``vatt export``: the takes of a cut as WAVs with timecode and a cue sheet."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vatt_plugin.cli.console import Console, plain
from vatt_plugin.cli.main import DONE, PARTLY
from vatt_plugin.timeline import load
from vatt_plugin.timeline.bundles import opened_out
from vatt_plugin.timeline.stems import export_wavs


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "export", help="the takes of a cut as WAVs with timecode, and a cue sheet"
    )
    parser.add_argument("input", metavar="TIMELINE", help="a timeline that vatt wrote")
    parser.add_argument("-o", "--output", metavar="DIR", help="default: TIMELINE's name + _wavs")
    parser.add_argument("--show", default="", metavar="NAME", help="production, for file names")
    parser.add_argument("--timeline", metavar="NAME", help="which, if the file has several")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.add_argument("--force", action="store_true", help="replace files that are there")


def run(args: argparse.Namespace) -> int:
    """Write the files and say where they are."""
    console = Console(args.json)
    source = Path(args.input)
    folder = Path(args.output) if args.output else source.with_name(f"{source.stem}_wavs")
    with opened_out(source) as path:
        cut = load(path, timeline=args.timeline)
        done = export_wavs(cut, folder, show=args.show, force=args.force)
    for note in done.notes:
        console.note(f"{plain(note.where)}: {plain(note.message, 500)}", code=note.code)
    console.event("finished", cue_sheet=str(done.cue_sheet), wavs=[str(path) for path in done.wavs])
    console.say(f"Cue sheet  {done.cue_sheet}")
    console.say(f"Sounds     {len(done.wavs)} in {folder}")
    return PARTLY if done.notes else DONE
