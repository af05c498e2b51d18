"""What ``vatt generate`` does: read the cut, make the takes, write the new timeline."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.errors import VattError
from vatt_engine.messages import SyncLane
from vatt_plugin import prompt_files
from vatt_plugin.batch import Batch, CueResult, Media, Order
from vatt_plugin.cli.console import (
    Console,
    Interrupt,
    choose_model,
    device_of,
    engine,
    is_of_engine,
    load_timeline,
    plain,
    print_json,
    where_is_the_log,
)
from vatt_plugin.cli.main import CANCELLED, DONE, FAILED, PARTLY
from vatt_plugin.cli.media_notes import MediaNotes
from vatt_plugin.cli.telling import (
    WHERE_MEDIA_IS,
    Teller,
    in_all,
    names,
    result_facts,
    tell_report,
)
from vatt_plugin.cues import Cue
from vatt_plugin.errors import OutputExists
from vatt_plugin.mixing import Ducking, duck, find_speech
from vatt_plugin.original import Original, find_original
from vatt_plugin.prompt_files import Prompt
from vatt_plugin.requests import Wish
from vatt_plugin.room_tone import room_tone
from vatt_plugin.timeline import Placement, Timeline, WriteReport
from vatt_plugin.timeline.earlier import Earlier
from vatt_plugin.timeline.outputs import check_form, check_output, gone_if_empty
from vatt_plugin.timeline.tracks import ROOM_TONE, Sound
from vatt_plugin.timeline.walk import LEFT_OUT_ON_PURPOSE
from vatt_plugin.timeline.writing import sounds_of, write


def generate(args: argparse.Namespace) -> int:
    """Read, generate, write; returns the exit code."""
    console = Console(args.json)
    if args.dry_run:
        return _dry_run(load_timeline(args), console)
    paths = _Paths.of(args)
    device_of(args)  # a slip there is said before the cut is read
    words, lanes = _read_wishes(args)
    paths.check(args.force)
    timeline = load_timeline(args, paths.unpacked)
    paths.spare(timeline)
    tell_report(timeline, console)
    ducking = find_speech(timeline, args.duck, args.duck_db) if args.duck else None
    original = _original(args, timeline, console)
    media = MediaNotes(console)
    with gone_if_empty(paths.folder), engine() as process, Interrupt() as interrupted:
        model = choose_model(process, args.model)
        if not model.get("trained", True):
            console.note(f"The model {model['name']} is untrained: it makes noise, not Foley.")
        orders = _orders(args, timeline, str(args.model or model["name"]), words, lanes, console)
        console.event("started", model=model["name"], cues=len(orders), output=str(paths.output))
        with console.bar(len(orders), "clip", log="each") as bar:
            batch = Batch(
                process,
                Media(
                    folder=paths.folder,
                    project=timeline.name,
                    record_time=args.profile == "post",
                    drop=timeline.drop,
                ),
                model_hash=str(model.get("model_hash", "")),
                notify=Teller(console, bar, names(timeline), media),
                stop=interrupted,
            )
            results = batch.run(orders)
    if interrupted():
        return _cancelled(results, media, console)
    if any(is_of_engine(result.error) for result in results):
        console.note(where_is_the_log())
    return _finish(args, paths, timeline, results, ducking, original, media, console)


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
            VattError: an output is there already, is the input, has no folder, or is of a kind
                that holds no sound or no film.
        """
        check_output(self.input, self.output, force)
        check_form(self.output)
        preview = self.preview
        if preview is None:
            return
        from vatt_plugin.preview import check_form as check_film

        check_film(preview)
        check_output(self.input, preview, force)

    def spare(self, timeline: Timeline) -> None:
        """Never write over the user's media, whatever ``--force`` says.

        Raises:
            OutputExists: an output is a media file of the cut.
        """
        for path in (self.output, self.preview):
            if path is None or not path.exists():
                continue
            media = {cue.media for cue in timeline.cues if cue.media}
            items = [item for info in timeline.tracks for item in info.items]
            media |= {item.media for item in items if item.media and item.status == "ready"}
            if any(Path(name).exists() and path.samefile(name) for name in media):
                raise OutputExists(
                    f"{path} is media of the cut, which is never written.", "Choose another name."
                )


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


def _original(args: argparse.Namespace, timeline: Timeline, console: Console) -> Original | None:
    """The cut's own sound, if it is wanted; what of it cannot be heard is told at once."""
    if not args.preview_original:
        return None
    original = find_original(timeline, args.preview_original_db)
    for note in original.notes:
        where = f" {WHERE_MEDIA_IS}" if note.code == "original_offline" else ""
        console.note(plain(note.message, 1000) + where, code=note.code)
    return original


def _dry_run(timeline: Timeline, console: Console) -> int:
    if console.json_events:
        print_json({"cues": [_cue_facts(cue) for cue in timeline.cues]})
        return DONE
    tell_report(timeline, console)
    for cue in timeline.cues:
        span = f"{float(cue.start_s):10.3f} s {float(cue.duration_s):8.3f} s"
        note = f"  {plain(cue.note)}" if cue.note else ""
        console.say(f"{span}  {cue.status:10} {plain(cue.clip)}{note}")
    console.say(in_all(timeline.cues))
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


def _cancelled(results: list[CueResult], media: MediaNotes, console: Console) -> int:
    n_done = sum(result.status == "done" for result in results)
    console.note(
        f"Cancelled. {n_done} of {len(results)} clips are done and kept; "
        "run the same command again to make the others."
    )
    console.event("cancelled", clips=[result_facts(result, media) for result in results])
    return CANCELLED


def _finish(
    args: argparse.Namespace,
    paths: _Paths,
    timeline: Timeline,
    results: list[CueResult],
    ducking: Ducking | None,
    original: Original | None,
    media: MediaNotes,
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
        return _nothing(results, media, console)
    if ducking is not None:
        placements = duck(placements, ducking)
    laid, _ = sounds_of(timeline, placements, args.profile, stems=True)
    earlier = Earlier.of(timeline)
    beds: list[Sound] = []
    if args.room_tone:  # under what an earlier run laid too, since the new beds replace the old
        others = [sound for sound in earlier.not_replaced_by(laid) if sound.stem != ROOM_TONE]
        record_time = args.profile == "post"
        beds = room_tone(timeline, [*laid, *others], paths.folder, record_time=record_time)
    report = write(
        timeline,
        placements,
        paths.output,
        profile=args.profile,
        url_profile=args.urls,
        force=args.force,
        extra=beds,
    )
    for note in report.notes:
        console.note(plain(note.message, 1000), code=note.code, clip=note.where)
    extra = [*beds, *earlier.heard_beside([*laid, *beds])]
    preview = _preview(paths, timeline, placements, extra, original, console)
    console.event(
        "finished",
        output=str(report.path),
        tracks=list(report.tracks),
        preview=preview,
        clips=[result_facts(result, media) for result in results],
    )
    _say_where(paths, report, preview, console)
    media.sum_up()
    wanted = [r for r in results if r.cue.origin.get("why") not in LEFT_OUT_ON_PURPOSE]
    all_done = all(r.status == "done" for r in wanted) and (preview or not paths.preview)
    return DONE if all_done else PARTLY


def _nothing(results: list[CueResult], media: MediaNotes, console: Console) -> int:
    why = "No clip got sound, so no timeline was written. The reasons are above."
    offline = any(result.cue.status == "offline" for result in results)
    console.note(f"{why} {WHERE_MEDIA_IS}" if offline else why)
    console.event("finished", output="", clips=[result_facts(result, media) for result in results])
    return FAILED


def _preview(
    paths: _Paths,
    timeline: Timeline,
    placements: list[Placement],
    extra: list[Sound],
    original: Original | None,
    console: Console,
) -> str:
    if paths.preview is None:
        return ""
    from vatt_plugin.preview import write_preview

    try:
        n_frames = timeline.n_frames
        with console.bar(n_frames, "frame", log="slow") as bar:
            write_preview(
                timeline, placements, paths.preview, bar.update, extra=extra, original=original
            )
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
