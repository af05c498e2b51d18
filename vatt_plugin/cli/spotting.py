"""What ``vatt spot`` does: ask the engine for each clip's hits, and print or write them."""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

from vatt_engine.errors import VattError
from vatt_engine.messages import Event, LaneReady, Spot
from vatt_plugin.cli.console import (
    Console,
    Interrupt,
    ask,
    choose_model,
    device_of,
    engine,
    load_timeline,
    plain,
    print_json,
)
from vatt_plugin.cli.main import CANCELLED, DONE, FAILED, PARTLY
from vatt_plugin.cli.media_notes import MediaNotes
from vatt_plugin.cli.telling import names, tell_report
from vatt_plugin.cues import Cue
from vatt_plugin.timeline import Timeline
from vatt_plugin.timeline.outputs import check_output
from vatt_plugin.timeline.rates import to_timecode
from vatt_plugin.timeline.saving import save

COLUMNS = ("clip", "track", "timecode", "time_s", "strength")


def spot(args: argparse.Namespace, out: Path | None) -> int:
    """Find the hits of every clip; returns the exit code."""
    console = Console(args.json)
    media = MediaNotes(console)
    if out is not None:
        check_output(Path(args.input), out, args.force)
    found: list[tuple[Cue, dict[str, Any]]] = []
    with (
        tempfile.TemporaryDirectory(prefix="vatt-") as unpacked,
        engine() as process,
        Interrupt() as interrupted,
    ):
        timeline: Timeline = load_timeline(args, Path(unpacked))
        tell_report(timeline, console)
        called = names(timeline)
        model = args.model or choose_model(process, None)["name"]
        with console.bar(len(timeline.cues), "clip") as bar:
            for cue in timeline.cues:
                if interrupted():
                    break
                name = called[cue.cue_id]
                clip = _spot_cue(cue, name, model, args, process, media, console, interrupted)
                found.append((cue, clip))
                bar.update()
                if out is None:
                    _say(console, name, clip)
    if interrupted():
        return CANCELLED
    if args.json:
        print_json({"clips": [clip for _, clip in found]})
    if out is not None:
        save(out, _table(found, timeline).encode("utf-8"))
        console.say(f"Spotting list  {out}")
    media.sum_up()
    n_done = sum(clip["status"] == "done" for _, clip in found)
    return DONE if n_done == len(found) else PARTLY if n_done else FAILED


def _spot_cue(
    cue: Cue,
    called: str,
    model: str,
    args: argparse.Namespace,
    process: Any,
    media: MediaNotes,
    console: Console,
    stop: Interrupt,
) -> dict[str, Any]:
    clip: dict[str, Any] = {
        "clip": cue.clip,
        "cue": cue.cue_id,
        "media": cue.media,
        "start_s": float(cue.start_s),
        "duration_s": float(cue.duration_s),
        "hits": [],
        "intensity": [],
        "intensity_rate_hz": 50.0,
        "status": cue.status,
        "media_notes": [],
    }
    if cue.status != "ready":
        console.note(f"{called} is left out ({cue.status}). {plain(cue.note)}")
        return clip

    def take_in(event: Event) -> None:
        media.heed(event, cue, called)
        if isinstance(event, LaneReady):
            lane = event.lane
            clip["hits"] = [{"time_s": time, "strength": strength} for time, strength in lane.hits]
            clip["intensity"] = list(lane.intensity)
            clip["intensity_rate_hz"] = lane.rate_hz

    try:
        ask(process, Spot(model=model, device=device_of(args), picture=cue.picture), take_in, stop)
    except VattError as error:
        console.note(f"{called}: {error}")
        return {**clip, "status": "failed"}
    return {**clip, "status": "done", "media_notes": media.of(cue.cue_id)}


def _say(console: Console, called: str, clip: dict[str, Any]) -> None:
    if clip["status"] == "done":
        times = ", ".join(f"{hit['time_s']:.2f}" for hit in clip["hits"]) or "no hits"
        console.say(f"{called}: {times}")


def _table(found: list[tuple[Cue, dict[str, Any]]], timeline: Timeline) -> str:
    """A line a hit: record timecode for people, seconds into the clip for programs."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for cue, clip in found:
        for hit in clip["hits"]:
            at_s = cue.record_timecode_s + Fraction(hit["time_s"])
            timecode = to_timecode(round(at_s * timeline.fps), timeline.fps, timeline.drop)
            row = (_cell(cue.clip), _cell(cue.track), timecode, hit["time_s"], hit["strength"])
            writer.writerow(row)
    return text.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
