"""What ``vatt remake`` does: each take's request again, and the two sounds side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from vatt_engine.errors import (
    Cancelled,
    CannotWrite,
    DeviceUnavailable,
    UnknownModel,
    VattError,
)
from vatt_plugin import takes
from vatt_plugin.cli.console import Console, Interrupt, load_made, plain
from vatt_plugin.cli.main import CANCELLED, DONE, FAILED, PARTLY
from vatt_plugin.cli.workshop import Workshop
from vatt_plugin.errors import OutputExists, UsageError
from vatt_plugin.nudging import copy_take
from vatt_plugin.remaking import Comparison, Original, compare, original_of, samples_sha256
from vatt_plugin.takes import Destination
from vatt_plugin.timeline import Timeline
from vatt_plugin.timeline.bundles import opened_out
from vatt_plugin.timeline.laid import OurClip, our_clips
from vatt_plugin.timeline.outputs import gone_if_empty

_IN_WORDS = {
    "same": "the same, bit for bit",
    "same take": "the same take by its id; the file it had is gone or was changed since",
    "other": "another sound",
}


def remake(args: argparse.Namespace) -> int:
    """Make every take of a timeline again, or those asked for; returns the exit code."""
    console = Console(args.json)
    source = Path(args.input)
    folder = Path(args.output) if args.output else source.with_name(f"{source.stem}_remade")
    with gone_if_empty(folder), opened_out(source, pictures=True) as path:
        cut = load_made(args, path)
        chosen = _chosen(cut, args.take)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(
                f"The folder {folder} cannot be made: {error.strerror or error}.",
                "Choose another with -o.",
            ) from error
        found: list[str] = []
        with (
            Interrupt() as interrupted,
            Workshop(
                console,
                interrupted,
                device=args.device,
                model=args.model or "",
                offload=args.offload,
            ) as workshop,
        ):
            run = _Run(args, workshop, cut, folder, console)
            try:
                for our in sorted(chosen, key=_threads):  # the engine starts anew for each number
                    found.append(run.one(our))
            except Cancelled:
                console.note("Cancelled. What was made again is kept.")
                return CANCELLED
    same = sum(verdict in ("same", "same take") for verdict in found)
    made = str(folder) if any(found) else ""
    console.event("finished", folder=made, takes=len(found), same=same)
    console.say(f"Same      {same} of {len(found)}")
    if any(found):
        console.say(f"Sounds    {folder}")
    workshop.media.sum_up()
    if not any(found):
        return FAILED
    return DONE if same == len(found) else PARTLY


def _chosen(cut: Timeline, wanted: list[str]) -> list[OurClip]:
    """Each take once, in the order of the timeline; beds of room tone are none."""
    ours: dict[str, OurClip] = {}
    for our in our_clips(cut):
        if our.take and not our.is_bed:
            ours.setdefault(our.take, our)
    if not ours:
        raise UsageError(
            f"{cut.path.name} holds no takes of ours.", "Give a timeline that vatt wrote."
        )
    known = {name for our in ours.values() for name in _names(our)}
    for name in wanted:
        if name not in known:
            raise UsageError(
                f"{cut.path.name} has no take {plain(name)!r}; it has "
                f"{', '.join(list(ours)[:10])}{' ...' if len(ours) > 10 else ''}.",
                "Name takes by their ids, or by the names of their clips.",
            )
    return [our for our in ours.values() if not wanted or {*_names(our)} & {*wanted}]


def _threads(our: OurClip) -> int:
    """How many CPU threads made a take; 0 where nothing tells."""
    recipe = our.facts.get("recipe")
    n = recipe.get("threads") if isinstance(recipe, Mapping) else None
    return n if isinstance(n, int) else 0


def _names(our: OurClip) -> Iterator[str]:
    yield our.take
    yield our.clip.name
    if our.facts.get("source_clip"):
        yield str(our.facts["source_clip"])


class _Run:
    """Works through the takes of one timeline."""

    def __init__(
        self,
        args: argparse.Namespace,
        workshop: Workshop,
        cut: Timeline,
        folder: Path,
        console: Console,
    ) -> None:
        self._args, self._workshop, self._cut = args, workshop, cut
        self._folder, self._console = folder, console

    def one(self, our: OurClip) -> str:
        """Make one take again and tell of it; returns the verdict, empty if there is none.

        Raises:
            Cancelled: by the user.
            CannotWrite: the folder takes no more.
            VattError: the model or the device that was asked for is not there.
        """
        name = plain(our.clip.name)
        about = {"take": our.take, "clip": our.clip.name}
        try:
            original = original_of(our, self._cut)
            before = samples_sha256(original.path)
            remade = self._workshop.remade(original, self._destination(original))
            made = Path(remade.take.wav_path)
            if original.nudge_s:
                copy_take(made, made, original.nudge_s)
        except (Cancelled, CannotWrite):
            raise
        except VattError as error:
            if self._is_of_all(error):
                raise
            self._console.event("remade", **about, verdict="", error=error.to_dict())
            self._console.note(f"{name} was not made again. {error}")
            return ""
        found = compare(original, before, remade.take, remade.strayed)
        facts = {**asdict(found), "why": list(found.why)}
        n_spans = len(original.recipe.made_from)
        self._console.event(
            "remade",
            **about,
            wav=remade.take.wav_path,
            spans=n_spans,
            media_notes=self._workshop.media.of(remade.take.cue_id),
            **facts,
        )
        self._say(name, found, n_spans)
        return found.verdict

    def _is_of_all(self, error: VattError) -> bool:
        """Whether what was asked for is not there, for this take as for every other."""
        return (bool(self._args.device) and isinstance(error, DeviceUnavailable)) or (
            bool(self._args.model) and isinstance(error, UnknownModel)
        )

    def _say(self, name: str, found: Comparison, n_spans: int) -> None:
        text = _IN_WORDS[found.verdict]
        if found.difference_dbfs is not None:
            text += f", up to {found.difference_dbfs:.0f} dBFS apart"
        spans = {0: "", 1: ", with a span made anew"}.get(n_spans, f", {n_spans} spans made anew")
        self._console.say(f"{name}: {text} ({found.sha256[:12]}{spans})")
        for why in found.why:
            self._console.say(f"    {why}")

    def _destination(self, original: Original) -> Destination:
        """Under the name of the file that it stands for, header and all."""
        target = self._target(original)
        handles = original.recipe.handle_frames
        stamp, drop = 0, self._cut.drop
        if original.record_time:
            stamp = takes.record_time_reference(original.cue, handles, drop)
        return Destination(
            folder=self._folder,
            name=lambda _: target.name,
            project=self._cut.name,
            time_reference=stamp,
            drop=drop,
        )

    def _target(self, original: Original) -> Path:
        """Where it goes.

        Raises:
            OutputExists: something is there, and the user has not said that it may go.
        """
        target = self._folder / original.path.name
        if not target.exists():
            return target
        if original.path.exists() and target.samefile(original.path):
            raise OutputExists(
                f"{target} is the take itself, which is never overwritten.",
                "Choose another folder with -o.",
            )
        if not self._args.force:
            raise OutputExists(f"{target} is already there.", "Replace it with --force.")
        return target
