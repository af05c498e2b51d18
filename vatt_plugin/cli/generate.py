"""``vatt generate``: Foley for every clip of a cut, written back as new audio tracks."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.errors import VattError
from vatt_engine.messages import CaptionReady, Event, Progress, State, SyncLane, TakeReady
from vatt_plugin import prompt_files
from vatt_plugin.batch import Batch, CueResult, Media, Order
from vatt_plugin.cli.console import (
    Console,
    Interrupt,
    add_model_options,
    add_timeline_options,
    choose_model,
    device_of,
    engine,
    load_timeline,
    plain,
    print_json,
)
from vatt_plugin.cli.main import CANCELLED, DONE, FAILED, PARTLY
from vatt_plugin.cues import Cue, Take
from vatt_plugin.errors import OutputExists, UsageError
from vatt_plugin.prompt_files import Prompt
from vatt_plugin.requests import Wish
from vatt_plugin.timeline import Placement, Timeline, WriteReport
from vatt_plugin.timeline.tracks import URL_PROFILES
from vatt_plugin.timeline.walk import LEFT_OUT_ON_PURPOSE
from vatt_plugin.timeline.writing import PROFILES, check_output, write

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
        help="follow the hits seen in the picture, none, or those of a spotting list",
    )
    parser.add_argument("--steps", type=int, metavar="N", help="sampling steps (the model's own)")
    parser.add_argument("--cfg", type=float, metavar="X", help="guidance (the model's own)")
    parser.add_argument(
        "--handles", type=float, default=0.0, metavar="S", help="extra seconds at either end"
    )
    parser.add_argument("--preview", metavar="OUT.mp4", help="a film of the picture with the Foley")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default="nle",
        help="nle: sound files start at 0; post: at their record timecode",
    )
    parser.add_argument(
        "--urls", choices=URL_PROFILES, default="portable", help="how the timeline names its files"
    )
    parser.add_argument("--json", action="store_true", help="print one event a line")
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument(
        "--dry-run", action="store_true", help="list the clips that would be served; write nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Read, generate, write."""
    _check_numbers(args)
    console = Console(args.json)
    if args.dry_run:
        return _dry_run(load_timeline(args), console)
    paths = _Paths.of(args)
    words, lanes = _read_wishes(args)
    paths.check(args.force)
    timeline = load_timeline(args, paths.unpacked)
    _tell_report(timeline, console)
    with engine() as process, Interrupt() as interrupted:
        model = choose_model(process, args.model)
        if not model.get("trained", True):
            console.note(f"The model {model['name']} is untrained: it makes noise, not Foley.")
        orders = _orders(args, timeline, str(args.model or model["name"]), words, lanes, console)
        console.event("started", model=model["name"], cues=len(orders), output=str(paths.output))
        with console.bar(len(orders), "clip") as bar:
            batch = Batch(
                process,
                Media(
                    folder=paths.folder,
                    project=timeline.name,
                    record_time=args.profile == "post",
                    drop=timeline.drop,
                ),
                model_hash=str(model.get("model_hash", "")),
                notify=_Teller(console, bar),
                stop=interrupted,
            )
            results = batch.run(orders)
    if interrupted():
        return _cancelled(results, console)
    return _finish(args, paths, timeline, results, console)


# --- what is wanted --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Paths:
    """Where things go; ``folder`` holds the sounds beside the output."""

    input: Path
    output: Path
    preview: Path | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> _Paths:
        """Take them from the command line; a missing output is named after the input."""
        source = Path(args.input)
        suffix = ".otioz" if source.suffix.lower() == ".otioz" else ".otio"
        output = (
            Path(args.output) if args.output else source.with_name(f"{source.stem}_foley{suffix}")
        )
        return cls(source, output, Path(args.preview) if args.preview else None)

    @property
    def folder(self) -> Path:
        return self.output.with_name(f"{self.output.stem}_foley")

    @property
    def unpacked(self) -> Path:
        """For the media of bundles; kept, so that a rerun finds it."""
        return self.folder / ".media"

    def check(self, force: bool) -> None:
        """Refuse before any work what would be refused after it.

        Raises:
            VattError: an output is there already, is the input, or has no folder.
        """
        check_output(self.input, self.output, force)
        preview = self.preview
        if preview is None:
            return
        if preview.exists() and (not force or preview.samefile(self.input)):
            raise OutputExists(
                f"{preview} is already there.", "Choose another name, or replace it with --force."
            )
        if not preview.parent.is_dir():
            raise UsageError(f"The folder {preview.parent} does not exist.", "Make it first.")


def _check_numbers(args: argparse.Namespace) -> None:
    limits = (
        ("--takes", args.takes, 1, MAX_TAKES),
        ("--seed", args.seed, 0, 2**31 - 1),
        ("--steps", args.steps, 1, 1000),
        ("--cfg", args.cfg, 0.0, 100.0),
        ("--handles", args.handles, 0.0, 60.0),
    )
    for name, value, low, high in limits:
        if value is not None and not low <= value <= high:
            raise UsageError(f"{name} must lie between {low} and {high}, got {value}.")


def _read_wishes(
    args: argparse.Namespace,
) -> tuple[Mapping[str, Prompt], Mapping[str, SyncLane] | None]:
    words = prompt_files.read_prompts(Path(args.prompts)) if args.prompts else {}
    lanes = None
    if args.sync not in ("auto", "off"):
        lanes = prompt_files.read_lanes(Path(args.sync))
    return words, lanes


def _orders(
    args: argparse.Namespace,
    timeline: Timeline,
    model: str,
    words: Mapping[str, Prompt],
    lanes: Mapping[str, SyncLane] | None,
    console: Console,
) -> list[Order]:
    for name in prompt_files.unused([*words, *(lanes or ())], timeline.cues):
        console.note(f"No clip is called {plain(name)!r}; its line is not used.")
    orders = []
    for cue in timeline.cues:
        own = prompt_files.for_cue(words, cue)
        lane = prompt_files.for_cue(lanes, cue) if lanes is not None else None
        prompt = own.prompt if own is not None else cue.origin.get("prompt") or args.prompt
        wish = Wish(
            model=model,
            device=device_of(args),
            prompt=prompt or None,
            negative=(own.negative if own is not None else cue.origin.get("negative", ""))
            or args.negative,
            takes=args.takes,
            seed=args.seed,
            steps=args.steps,
            cfg=args.cfg,
            sync="lane" if lane is not None else "off" if args.sync == "off" else "auto",
            lane=lane,
            handle_frames=round(args.handles * cue.fps),
        )
        orders.append(Order(cue, wish))
    return orders


def _dry_run(timeline: Timeline, console: Console) -> int:
    if console.json_events:
        print_json({"cues": [_cue_facts(cue) for cue in timeline.cues]})
        return DONE
    _tell_report(timeline, console)
    for cue in timeline.cues:
        span = f"{float(cue.start_s):10.3f} s {float(cue.duration_s):8.3f} s"
        note = f"  {plain(cue.note)}" if cue.note else ""
        console.say(f"{span}  {cue.status:10} {plain(cue.clip)}{note}")
    return DONE


def _cue_facts(cue: Cue) -> dict[str, Any]:
    return {
        "cue": cue.cue_id,
        "clip": cue.clip,
        "track": cue.track,
        "start_s": float(cue.start_s),
        "duration_s": float(cue.duration_s),
        "media": cue.media,
        "status": cue.status,
        "note": cue.note,
    }


# --- what happened ---------------------------------------------------------------------------


def _tell_report(timeline: Timeline, console: Console) -> None:
    for note in timeline.report:
        where = f"{plain(note.where)}: " if note.where else ""
        console.note(f"{where}{plain(note.message, 1000)}", code=note.code, clip=note.where)


class _Teller:
    """Turns what the batch reports into events, a progress bar and lines."""

    def __init__(self, console: Console, bar: Any) -> None:
        self._console = console
        self._bar = bar

    def __call__(self, order: Order | None, news: Event | CueResult) -> None:
        if order is None:
            self._tell_engine(news)
        elif isinstance(news, CueResult):
            self._tell_result(news)
        else:
            self._tell_event(order.cue, news)

    def _tell_engine(self, news: Event | CueResult) -> None:
        if isinstance(news, State):
            self._console.event("engine", state=news.state, detail=news.detail, hint=news.hint)
            if news.state in ("restarting", "lost"):
                self._bar.clear()
                self._console.note(news.detail)

    def _tell_event(self, cue: Cue, news: Event | CueResult) -> None:
        about = {"cue": cue.cue_id, "clip": cue.clip}
        match news:
            case Progress():
                self._bar.set_postfix_str(f"{plain(cue.clip, 30)}: {news.stage}", refresh=False)
                self._bar.refresh()
                self._console.event(
                    "progress", **about, stage=news.stage, done=news.done, total=news.total
                )
            case CaptionReady():
                self._console.event("caption", **about, caption=news.caption, score=news.score)
            case TakeReady():
                self._console.event("take", **about, index=news.index, seed=news.seed)

    def _tell_result(self, result: CueResult) -> None:
        self._bar.update()
        self._console.event("clip", **result_facts(result))
        name = plain(result.cue.clip)
        if result.status == "done" and result.chosen is not None:
            self._bar.clear()
            self._console.say(_line(name, result))
        elif result.error is not None:
            self._bar.clear()
            self._console.note(f"{name} failed. {result.error}")
        elif result.status != "cancelled":
            self._bar.clear()
            self._console.note(f"{name} is left out ({result.status}). {plain(result.note)}")


def _line(name: str, result: CueResult) -> str:
    take = result.chosen
    assert take is not None
    loud = "silent" if take.lufs is None else f"{take.lufs:.1f} LUFS"
    kept = ", kept from an earlier run" if result.kept else ""
    words = result.prompt or result.caption
    return f"{name}: {plain(words)!r}, {loud}{kept}"


def result_facts(result: CueResult) -> dict[str, Any]:
    """A result as the ``clip`` and ``finished`` events show it."""
    facts: dict[str, Any] = {
        "cue": result.cue.cue_id,
        "clip": result.cue.clip,
        "status": result.status,
        "prompt": result.prompt,
        "caption": result.caption,
        "kept": result.kept,
        "takes": [_take_facts(take, take is result.chosen) for take in result.takes],
    }
    if result.error is not None:
        facts["error"] = result.error.to_dict()
    if result.note:
        facts["note"] = result.note
    return facts


def _take_facts(take: Take, chosen: bool) -> dict[str, Any]:
    return {
        "wav": take.wav_path,
        "take": take.take_id,
        "seed": take.recipe.seed,
        "chosen": chosen,
        "sync": take.sync,
        "lag_s": take.lag_s,
        "lufs": take.lufs,
        "peak_dbtp": take.peak_dbtp,
        "gain_db": take.gain_db,
        "figures": dict(take.figures),
    }


def _cancelled(results: list[CueResult], console: Console) -> int:
    n_done = sum(result.status == "done" for result in results)
    console.note(
        f"Cancelled. {n_done} of {len(results)} clips are done and kept; "
        "run the same command again to make the others."
    )
    console.event("cancelled", clips=[result_facts(result) for result in results])
    return CANCELLED


def _finish(
    args: argparse.Namespace,
    paths: _Paths,
    timeline: Timeline,
    results: list[CueResult],
    console: Console,
) -> int:
    placements = [
        Placement(
            cue=result.cue,
            take=result.chosen,
            wav_path=Path(result.chosen.wav_path),
            handle_frames=result.chosen.recipe.handle_frames,
            takes=result.takes,
        )
        for result in results
        if result.chosen is not None
    ]
    if not placements:
        return _nothing(results, console)
    report = write(
        timeline,
        placements,
        paths.output,
        profile=args.profile,
        url_profile=args.urls,
        force=args.force,
    )
    for note in report.notes:
        console.note(plain(note.message, 1000), code=note.code, clip=note.where)
    preview = _preview(paths, timeline, placements, console)
    console.event(
        "finished",
        output=str(report.path),
        tracks=list(report.tracks),
        preview=preview,
        clips=[result_facts(result) for result in results],
    )
    _say_where(paths, report, preview, console)
    wanted = [r for r in results if r.cue.origin.get("why") not in LEFT_OUT_ON_PURPOSE]
    all_done = all(r.status == "done" for r in wanted) and (preview or not paths.preview)
    return DONE if all_done else PARTLY


def _nothing(results: list[CueResult], console: Console) -> int:
    console.note(
        "No clip got sound, so no timeline was written. The reasons are above; nothing was changed."
    )
    console.event("finished", output="", clips=[result_facts(result) for result in results])
    return FAILED


def _preview(
    paths: _Paths, timeline: Timeline, placements: list[Placement], console: Console
) -> str:
    if paths.preview is None:
        return ""
    from vatt_plugin.preview import write_preview

    try:
        n_frames = timeline.n_frames
        with console.bar(n_frames, "frame") as bar:
            write_preview(timeline, placements, paths.preview, on_frame=bar.update)
    except VattError as error:
        console.note(f"The timeline is written, its preview is not. {error}")
        return ""
    return str(paths.preview)


def _say_where(paths: _Paths, report: WriteReport, preview: str, console: Console) -> None:
    clips = "1 clip" if report.clips == 1 else f"{report.clips} clips"
    console.say(f"Timeline  {report.path}  ({clips} on {', '.join(report.tracks)})")
    console.say(f"Sounds    {paths.folder}")
    if preview:
        console.say(f"Preview   {preview}")
