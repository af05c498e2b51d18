"""``vatt caption``: what each clip should sound like."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from vatt_engine.errors import VattError
from vatt_engine.messages import Caption, CaptionReady, Event
from vatt_plugin.cli.console import (
    Console,
    Interrupt,
    add_model_options,
    add_timeline_options,
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
from vatt_plugin.cli.telling import names
from vatt_plugin.cues import Cue
from vatt_plugin.errors import UsageError
from vatt_plugin.timeline import Timeline
from vatt_plugin.v2a import films_of, is_film_folder, write_v2a


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("caption", help="say what each clip should sound like")
    add_timeline_options(parser)
    add_model_options(parser)
    parser.add_argument(
        "--alternatives", type=int, default=3, metavar="N", help="how many in all (default 3)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    parser.add_argument(
        "--v2a", type=Path, metavar="OUT.json", help="write V2A Instruction; INPUT may be a folder"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Caption every clip that can be seen."""
    console = Console(args.json)
    media = MediaNotes(console)
    clips: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory(prefix="vatt-") as unpacked,
        engine() as process,
        Interrupt() as interrupted,
    ):
        cues = _cues(args, Path(unpacked))
        model = choose_model(process, args.model)
        name = args.model or model["name"]
        with console.bar(len(cues), "clip") as bar:
            for cue, called in cues:
                if interrupted():
                    break
                clip = _caption(cue, called, name, args, process, media, console, interrupted)
                clips.append(clip)
                bar.update()
                text = clip["caption"] or clip["note"]
                console.say(f"{called}: {plain(text, 2000)}")
    media.sum_up()
    if args.v2a:
        # Interrupted, there are fewer clips than cues; what is done is written.
        done = zip(cues, clips, strict=False)
        captions = [(cue.media, clip["caption"]) for (cue, _), clip in done]
        console.note(f"{write_v2a(captions, args.v2a)} captions written to {args.v2a}.")
    if args.json:
        print_json({"clips": clips})
    if interrupted():
        return CANCELLED
    n_done = sum(clip["status"] == "done" for clip in clips)
    return DONE if n_done == len(clips) else PARTLY if n_done else FAILED


def _cues(args: argparse.Namespace, unpack_to: Path) -> list[tuple[Cue, str]]:
    """Cues of the input and what they are called; of a folder, those of every film in it."""
    path = Path(args.input)
    if not is_film_folder(path):
        return _called(load_timeline(args, unpack_to))
    films = films_of(path)
    if not films:
        raise UsageError(
            f"{path} holds no films.", "Give a timeline, a film, or a folder of films."
        )
    one = [argparse.Namespace(**{**vars(args), "input": str(film)}) for film in films]
    return [cue for each in one for cue in _called(load_timeline(each, unpack_to))]


def _called(timeline: Timeline) -> list[tuple[Cue, str]]:
    called = names(timeline)
    return [(cue, called[cue.cue_id]) for cue in timeline.cues]


def _caption(
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
        "caption": "",
        "score": None,
        "alternatives": [],
        "status": cue.status,
        "note": cue.note,
        "media_notes": [],
    }
    if cue.status != "ready":
        console.note(f"{called} is left out ({cue.status}). {plain(cue.note)}")
        return clip
    request = Caption(
        model=model,
        device=device_of(args),
        picture=cue.picture,
        n=args.alternatives,
        seed=args.seed,
    )

    def take_in(event: Event) -> None:
        media.heed(event, cue, called)
        if isinstance(event, CaptionReady):
            clip["caption"], clip["score"] = event.caption, event.score
            clip["alternatives"] = [
                {"caption": text, "score": score} for text, score in event.alternatives
            ]

    try:
        ask(process, request, take_in, stop)
    except VattError as error:
        console.note(f"{called}: {error}")
        return {**clip, "status": "failed", "note": error.message}
    return {**clip, "status": "done", "media_notes": media.of(cue.cue_id)}
