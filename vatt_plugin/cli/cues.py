"""``vatt cues``: what would get sound, as a table, a spotting list or markers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vatt_plugin.cli.console import (
    Console,
    add_timeline_options,
    load_timeline,
    plain,
    print_json,
)
from vatt_plugin.cli.main import DONE
from vatt_plugin.cli.telling import in_all
from vatt_plugin.cues import Cue
from vatt_plugin.timeline import Timeline
from vatt_plugin.timeline.markers import write_markers
from vatt_plugin.timeline.outputs import check_output
from vatt_plugin.timeline.rates import to_timecode
from vatt_plugin.timeline.saving import save
from vatt_plugin.timeline.spotting import spots_csv


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "cues", help="list what would get sound; export it as a spotting list or as markers"
    )
    add_timeline_options(parser)
    parser.add_argument("--csv", metavar="OUT.csv", help="write a spotting list, to edit and reuse")
    parser.add_argument("--markers", metavar="OUT.otio", help="write a copy with a marker a cue")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--force", action="store_true", help="replace outputs that are there")


def run(args: argparse.Namespace) -> int:
    """List, and write what was asked for."""
    console = Console(args.json)
    outputs = [Path(name) for name in (args.csv, args.markers) if name]
    for path in outputs:
        check_output(Path(args.input), path, args.force)
    timeline: Timeline = load_timeline(args)
    for note in timeline.report:
        where = f"{plain(note.where)}: " if note.where else ""
        console.note(f"{where}{plain(note.message, 1000)}", code=note.code, clip=note.where)
    if args.csv:
        save(Path(args.csv), spots_csv(timeline, timeline.cues).encode("utf-8-sig"))
    if args.markers:
        write_markers(timeline, Path(args.markers))
    if args.json:
        print_json({"cues": [_facts(cue, timeline) for cue in timeline.cues]})
    for cue in timeline.cues:
        facts = _facts(cue, timeline)
        why = f"  {plain(cue.note)}" if cue.note else ""
        console.say(
            f"{facts['in']}  {facts['out']}  {cue.status:10} {plain(cue.track, 20):<12} "
            f"{plain(cue.clip)}{why}"
        )
    console.say(in_all(timeline.cues))
    if args.csv:
        console.say(f"Spotting list  {args.csv}")
    if args.markers:
        console.say(f"Markers        {args.markers}")
    return DONE


def _facts(cue: Cue, timeline: Timeline) -> dict[str, Any]:
    first = timeline.global_start_frame + cue.start_frame
    return {
        "cue": cue.cue_id,
        "clip": cue.clip,
        "track": cue.track,
        "in": to_timecode(first, cue.fps, timeline.drop),
        "out": to_timecode(first + cue.n_frames, cue.fps, timeline.drop),
        "start_s": float(cue.start_s),
        "duration_s": float(cue.duration_s),
        "category": cue.origin.get("category", ""),
        "prompt": cue.origin.get("prompt", ""),
        "media": cue.media,
        "status": cue.status,
        "note": cue.note,
    }
