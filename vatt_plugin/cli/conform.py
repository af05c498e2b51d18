"""``vatt conform``: carry the takes of a cut over to its re-cut."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from vatt_plugin.batch import Batch, CueResult, Media, Order
from vatt_plugin.cli.console import (
    Console,
    Interrupt,
    add_model_options,
    choose_model,
    device_of,
    engine,
    media_roots,
    plain,
    print_json,
)
from vatt_plugin.cli.main import CANCELLED, DONE, PARTLY
from vatt_plugin.cli.media_notes import MediaNotes
from vatt_plugin.cli.telling import in_words, names, result_facts
from vatt_plugin.cues import Cue
from vatt_plugin.errors import UsageError
from vatt_plugin.nudging import copy_take
from vatt_plugin.remix import Mix, profile_of, remixed
from vatt_plugin.requests import Wish
from vatt_plugin.timeline import Placement, Timeline, load
from vatt_plugin.timeline.bundles import opened_out
from vatt_plugin.timeline.conform import CueFate, Plan, plan, sounds_of
from vatt_plugin.timeline.outputs import check_form, check_output
from vatt_plugin.timeline.saving import not_written
from vatt_plugin.timeline.tracks import URL_PROFILES, Sound
from vatt_plugin.timeline.writing import PROFILES, Profile, write_sounds
from vatt_plugin.timeline.writing import sounds_of as sounds_of_placements


def add_parser(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser("conform", help="carry the takes over to a re-cut timeline")
    parser.add_argument("old", metavar="OLD", help="the cut with Foley, as vatt wrote it")
    parser.add_argument("new", metavar="NEW", help="the re-cut")
    parser.add_argument("-o", "--output", metavar="OUT", help="default: NEW's name + _foley.otio")
    parser.add_argument("--rate", type=float, metavar="FPS", help="frame rate, for EDL")
    parser.add_argument("--timeline", metavar="NAME", help="which timeline of NEW, if several")
    parser.add_argument("--old-timeline", metavar="NAME", help="which of OLD, if several")
    parser.add_argument(
        "--media-dir",
        "--media-root",
        metavar="DIR",
        action="append",
        default=[],
        help="look here, by file name, for media that is not where NEW says; repeatable",
    )
    parser.add_argument(
        "--regenerate", action="store_true", help="make anew what no take covers wholly"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="for --regenerate")
    parser.add_argument(
        "--handles", type=float, default=0.0, metavar="S", help="for --regenerate: extra seconds"
    )
    add_model_options(parser)
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="new sound files start at 0 (nle) or at record timecode (post); default: as in OLD",
    )
    parser.add_argument(
        "--urls", choices=URL_PROFILES, default="portable", help="how the timeline names its files"
    )
    mixing = parser.add_mutually_exclusive_group()
    mixing.add_argument(
        "--duck",
        action="append",
        metavar="TRACK",
        help="hold the Foley back under this audio track of NEW (default: as in OLD); repeatable",
    )
    mixing.add_argument(
        "--no-mix", action="store_true", help="leave OLD's ducking and room tone away"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument("--dry-run", action="store_true", help="print the report; write nothing")


def run(args: argparse.Namespace) -> int:
    """Plan, tell, and unless it is a dry run write."""
    console = Console(args.json)
    source = Path(args.new)
    output = Path(args.output) if args.output else source.with_name(f"{source.stem}_foley.otio")
    if not args.dry_run:
        check_output(source, output, args.force)
        check_output(Path(args.old), output, args.force)
        check_form(output)
    folder = output.with_name(f"{output.stem}_foley")
    new = load(
        source,
        timeline=args.timeline,
        rate=args.rate,
        media_roots=media_roots(args),
        media_dir=folder / ".media" if args.regenerate else None,
    )
    with opened_out(Path(args.old)) as path:
        old = load(path, timeline=args.old_timeline, rate=args.rate)
        return _carry_over(args, old, new, output, folder, console)


def _carry_over(
    args: argparse.Namespace,
    old: Timeline,
    new: Timeline,
    output: Path,
    folder: Path,
    console: Console,
) -> int:
    planned = plan(old, new)
    if not any(fate.pieces for fate in planned.fates) and not planned.unused:
        raise UsageError(
            f"{Path(args.old).name} holds no takes of ours.",
            "Give the timeline that vatt wrote as OLD and the re-cut as NEW.",
        )
    mix = _mix(args, old)
    profile: Profile = args.profile or profile_of(old)
    _tell(planned, console)
    if args.dry_run:
        _tell_mix(mix, console)
        if args.json:
            rules = {"duck_tracks": list(mix.tracks), "room_tone": mix.room_tone}
            print_json({"event": "finished", "output": "", **planned.to_dict(), "mix": rules})
        return DONE
    made: list[CueResult] = []
    if args.regenerate and planned.to_regenerate:
        with Interrupt() as interrupted:
            made = _regenerate(args, planned, new, folder, profile, console, interrupted)
        if interrupted():
            console.note("Cancelled; no timeline was written. What is done is kept for a rerun.")
            return CANCELLED
    return _write(args, planned, new, made, mix, output, folder, profile, console)


def _mix(args: argparse.Namespace, old: Timeline) -> Mix:
    """The mix rules to apply: OLD's, unless told otherwise."""
    if args.no_mix:
        return Mix()
    mix = Mix.of(old)
    return replace(mix, tracks=tuple(args.duck)) if args.duck else mix


def _tell_mix(mix: Mix, console: Console) -> None:
    if mix.tracks:
        console.say(f"{'ducking':10} to be made anew under {plain(', '.join(mix.tracks))}")
    if mix.room_tone:
        console.say(f"{'room tone':10} to be made anew under each scene")


def _tell(planned: Plan, console: Console) -> None:
    for fate in planned.fates:
        console.event("clip", **fate.to_dict())
        console.say(_line(fate))
    for laid in planned.unused:
        console.say(f"{'unused':10} {plain(laid.cue.clip)}: take {laid.take} has no picture now")
    for note in planned.notes:
        console.say(f"{'unused':10} {plain(note, 300)}")


def _line(fate: CueFate) -> str:
    at = float(fate.cue.start_s)
    text = f"{fate.fate:10} {at:10.3f} s {plain(fate.cue.clip)}"
    if fate.pieces and fate.fate != "kept":
        text += f"  (was at {float(fate.pieces[0].laid.cue.start_s):.3f} s)"
    for first, last in fate.missing if fate.fate == "partly" else ():
        text += f"  no sound for {first}-{last} of {fate.cue.n_frames} frames"
    return text


def _regenerate(
    args: argparse.Namespace,
    planned: Plan,
    new: Timeline,
    folder: Path,
    profile: Profile,
    console: Console,
    interrupted: Interrupt,
) -> list[CueResult]:
    """Make takes for cues that are not covered, with the words of the take they had, if any."""
    with engine() as process:
        model = choose_model(process, args.model)
        name = str(args.model or model["name"])
        orders = [
            Order(
                fate.cue,
                Wish(
                    model=name,
                    device=device_of(args),
                    prompt=_words(fate, "prompt") or None,
                    captioned=_words(fate, "prompt") == _words(fate, "caption"),
                    negative=_words(fate, "negative"),
                    seed=args.seed,
                    handle_frames=round(args.handles * fate.cue.fps),
                ),
            )
            for fate in planned.fates
            if fate.fate in ("partly", "missing")
        ]
        called = names(new)
        media = MediaNotes(console)
        with console.bar(len(orders), "clip") as bar:

            def notify(order: Order | None, news: Any) -> None:
                if order is None:
                    return
                name = called[order.cue.cue_id]
                if not isinstance(news, CueResult):
                    media.heed_making(news, order.cue, name)
                    return
                media.heed_take(news.cue, news.chosen, name)
                bar.update()
                console.event("regenerated", **result_facts(news, media))
                if news.chosen is not None:
                    console.say(f"{'made anew':10} {name}: {in_words(news)}")
                elif news.status != "cancelled":
                    why = str(news.error) if news.error else news.note
                    console.note(f"{name} was not made anew. {plain(why, 500)}")

            batch = Batch(
                process,
                Media(folder, new.name, record_time=profile == "post", drop=new.drop),
                model_hash=str(model.get("model_hash", "")),
                notify=notify,
                stop=interrupted,
            )
            return batch.run(orders)


def _words(fate: CueFate, key: str) -> str:
    known = next((piece.laid.metadata.get(key) for piece in fate.pieces), None)
    return str(known or "")


def _write(
    args: argparse.Namespace,
    planned: Plan,
    new: Timeline,
    made: list[CueResult],
    mix: Mix,
    output: Path,
    folder: Path,
    profile: Profile,
    console: Console,
) -> int:
    done = [result for result in made if result.chosen is not None]
    placements = [
        Placement(
            result.cue,
            result.chosen,
            Path(result.chosen.wav_path),
            result.chosen.recipe.handle_frames,
            result.takes,
        )
        for result in done
        if result.chosen is not None
    ]
    fresh, notes = sounds_of_placements(new, placements, profile, stems=True)
    carried = sounds_of(planned, new, skip=[result.cue.cue_id for result in done])
    mixed = remixed(
        mix,
        [*_gathered(carried, folder), *fresh],
        new,
        folder,
        record_time=profile == "post",
    )
    report = write_sounds(
        new,
        mixed.sounds,
        output,
        url_profile=args.urls,
        force=args.force,
        keep_earlier=False,
        notes=[*notes, *mixed.notes],
    )
    for note in report.notes:
        console.note(plain(note.message, 1000), code=note.code, clip=note.where)
    open_cues = _open_cues(planned, done)
    console.event("finished", output=str(output), **planned.to_dict(), mix=mixed.to_dict())
    if mixed.tracks:
        console.say(f"Ducked    {mixed.ducked} under {plain(', '.join(mixed.tracks))}")
    if mixed.faded:
        console.say(f"Faded     {mixed.faded} where the cut goes through the sound")
    if mixed.beds:
        console.say(f"Room tone {mixed.beds} made anew")
    console.say(f"Timeline  {report.path}  ({report.clips} clips)")
    console.say(f"Sounds    {folder}")
    if open_cues:
        names = ", ".join(plain(cue.clip, 40) for cue in open_cues[:10])
        more = " ..." if len(open_cues) > 10 else ""
        hint = "" if args.regenerate else " Run again with --regenerate --force to make the rest."
        clips = "1 clip is" if len(open_cues) == 1 else f"{len(open_cues)} clips are"
        console.note(f"{clips} not wholly covered: {names}{more}.{hint}")
    return PARTLY if open_cues else DONE


def _open_cues(planned: Plan, done: list[CueResult]) -> list[Cue]:
    ids = {result.cue.cue_id for result in done}
    return [cue for cue in planned.to_regenerate if cue.cue_id not in ids]


def _gathered(sounds: list[Sound], folder: Path) -> list[Sound]:
    """Copy the takes' files beside the new cut, so that it can be moved and archived alone."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    gathered = []
    for sound in sounds:
        target = folder / sound.wav_path.name
        if sound.wav_path.is_file() and not _same(sound.wav_path, target):
            copy_take(sound.wav_path, target)
        gathered.append(replace(sound, wav_path=target if target.is_file() else sound.wav_path))
    return gathered


def _same(source: Path, target: Path) -> bool:
    """Whether the target is that take already: names carry a hash over the content."""
    return target.is_file() and target.stat().st_size == source.stat().st_size
