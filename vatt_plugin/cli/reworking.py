"""What ``vatt rework`` does: one further take for a clip, and the cut with it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vatt_engine.errors import Cancelled, CannotWrite
from vatt_engine.messages import Event, LaneReady, Spot, SyncLane
from vatt_plugin import takes
from vatt_plugin.cli.console import Console, Interrupt, load_made, plain
from vatt_plugin.cli.main import CANCELLED, DONE
from vatt_plugin.cli.rework_asks import Moments, clips_of, edits_of, listed_takes
from vatt_plugin.cli.workshop import Workshop
from vatt_plugin.cues import Take
from vatt_plugin.errors import BadSpan, CannotRemake, TakeRejected, UsageError
from vatt_plugin.nudging import copy_take
from vatt_plugin.ranking import remarks
from vatt_plugin.relaying import relaid
from vatt_plugin.remaking import (
    Original,
    again,
    compare,
    nudge_of,
    original_of,
    samples_sha256,
)
from vatt_plugin.requests import picture_with_handles
from vatt_plugin.reworking import Changes, changed, differing, with_hits
from vatt_plugin.takes import Destination
from vatt_plugin.timeline import Timeline, WriteReport, take_name
from vatt_plugin.timeline.bundles import opened_out
from vatt_plugin.timeline.facts import take_from_facts
from vatt_plugin.timeline.laid import OurClip, our_clips
from vatt_plugin.timeline.outputs import check_form, check_output, gone_if_empty
from vatt_plugin.timeline.packing import is_bundle
from vatt_plugin.timeline.writing import write_sounds

_SEAM_S = 0.1  # the engine cross-fades into a span within less


def rework(args: argparse.Namespace) -> int:
    """Make one further take, or choose one; returns the exit code."""
    console = Console(args.json)
    source = Path(args.input)
    is_packed = source.suffix.lower() == ".otioz"
    suffix = ".otioz" if is_packed else ".otio"
    output = Path(args.output or source.with_name(f"{source.stem}_reworked{suffix}"))
    if not args.dry_run:
        check_output(source, output, args.force)
        check_form(output)
        if is_packed and not is_bundle(output):
            raise UsageError(
                f"{source.name} holds its media itself, which {output.name} would not find.",
                "Give -o a name that ends in .otioz or .otiod.",
            )
    with gone_if_empty(_folder_of(output)), opened_out(source, pictures=True) as path:
        cut = load_made(args, path)
        clips = clips_of(cut, args.take, args.choose)
        with (
            Interrupt() as interrupted,
            Workshop(console, interrupted, device=args.device, offload=args.offload) as workshop,
        ):
            bench = _Bench(args, cut, clips, workshop, console, output)
            try:
                return bench.choose() if args.choose else bench.make()
            except Cancelled:
                console.note("Cancelled; nothing was written.")
                return CANCELLED


class _Bench:
    """One take of one timeline, and what is made of it."""

    def __init__(
        self,
        args: argparse.Namespace,
        cut: Timeline,
        clips: Sequence[OurClip],
        workshop: Workshop,
        console: Console,
        output: Path,
    ) -> None:
        self._args, self._cut, self._clips = args, cut, clips
        self._workshop, self._console, self._output = workshop, console, output
        self._our = clips[0]
        self._name = plain(str(self._our.facts.get("source_clip") or self._our.clip.name))
        self._moments = Moments(cut, clips)

    def make(self) -> int:
        """A further take, with what is to be otherwise."""
        original = original_of(self._our, self._cut)
        span = self._span(original)
        edits = edits_of(self._args, self._moments)
        now = take_from_facts({"take": self._our.take, **self._our.facts})
        made_up = bool(now.figures.get("made_up")) and original.recipe.lane is None
        base: Take | None = None
        if (span and not self._args.dry_run) or (made_up and (edits or self._args.dry_run)):
            base = self._base(original)
        lane: SyncLane | None = None
        if edits or self._args.dry_run:
            lane = self._lane(original, base)
            lane = with_hits(
                lane,
                edits,
                say=lambda at: self._moments.say(self._moments.from_take(at)),
                shown=lambda at: self._moments.is_shown(self._moments.from_take(at)),
            )
        wanted = Changes(
            prompt=self._args.prompt,
            negative=self._args.negative,
            seed=self._args.seed,
            lane=lane if edits else None,
            span=span,
        )
        listed = self._our.facts.get("takes", ())
        seeds = [
            e["seed"] for e in listed if isinstance(e, dict) and isinstance(e.get("seed"), int)
        ]
        recipe = changed(now, wanted, seeds)
        step = replace(original, take="", recipe=recipe, batch=1, batch_seed=recipe.seed)
        if self._args.dry_run:
            return self._tell_plan(step, lane)
        made = self._made(step, base if span else None, now)
        stayed = self._stayed(made, base, step) if span and base is not None else {}
        hits = {"hits": self._hits(recipe.lane)} if recipe.lane is not None else {}
        return self._finish(made, {**stayed, **hits})

    def choose(self) -> int:
        """Another take of the clip's list, as it is."""
        wanted = self._args.choose
        if wanted == self._our.take:
            raise UsageError(f"{self._name} plays the take {wanted} already.", "Choose another.")
        original = original_of(self._our, self._cut, wanted)
        take = take_from_facts(self._our.facts, wanted)
        found = self._file_of(original)
        if self._args.dry_run:
            where = str(found) if found else "to be made again from its recipe"
            self._console.say(f"{self._name}: would play the take {wanted} ({where})")
            self._console.event("plan", take=self._our.take, choose=wanted, wav=str(found or ""))
            return DONE
        folder = self._folder()
        if found is None:
            made = self._workshop.remade(original, self._destination(original, wanted)).take
            if made.take_id != wanted:
                Path(made.wav_path).unlink(missing_ok=True)
                raise CannotRemake(
                    f"The file of the take {wanted} is not there, and made again from its recipe "
                    "it came out another.",
                    "`vatt remake` tells why takes come out as others.",
                )
            path = Path(made.wav_path)
        else:
            path = folder / found.name
            if found != path:
                copy_take(found, path)
        return self._finish(replace(take, wav_path=str(path)), {})

    def _span(self, original: Original) -> tuple[float, float] | None:
        """The span in seconds from the cue's first frame."""
        if self._args.between is None:
            return None
        first_s, last_s = (self._moments.of(text) for text in self._args.between)
        if last_s <= first_s:
            raise BadSpan(
                f"The span ends at {self._moments.say(last_s)}, where it has not begun.",
                "Give IN before OUT.",
            )
        handle_s = original.recipe.handle_frames / self._cut.fps
        start_s = self._moments.in_take(first_s, "The span's beginning at")
        end_s = self._moments.in_take(last_s, "The span's end at")
        return start_s - float(handle_s), end_s - float(handle_s)

    def _base(self, original: Original) -> Take:
        """The take as it is, made again for its codes.

        Raises:
            CannotRemake: it does not come out as it lies there, so nothing can be kept of it.
        """
        before = samples_sha256(original.path)
        remade = self._workshop.remade(original, Destination(self._workshop.room()))
        as_laid = remade.take
        if original.nudge_s:
            path = self._workshop.room() / "nudged.wav"
            copy_take(Path(as_laid.wav_path), path, original.nudge_s)
            as_laid = replace(as_laid, wav_path=str(path))
        found = compare(original, before, as_laid, remade.strayed)
        if found.verdict == "same" or (found.verdict == "same take" and not before):
            return remade.take
        if self._args.between is None:
            return remade.take  # asked for its moments alone
        if found.verdict == "same take":
            raise CannotRemake(
                f"{original.path.name} is not the take as it was made: it was edited since. "
                "A span of it cannot be made anew.",
                "Leave --between away for a whole take, or put the file back: `vatt remake`.",
            )
        raise CannotRemake(
            f"A span can be made anew only of a take that comes out here as it lies there. "
            f"{' '.join(found.why)}",
            "Leave --between away for a whole take, or work where it was made.",
        )

    def _lane(self, original: Original, base: Take | None) -> SyncLane:
        """The moments that the take was made by: recorded, made up, or seen in the picture."""
        recipe = original.recipe
        if recipe.lane is not None:
            return recipe.lane
        if base is not None and base.moments is not None:
            return base.moments
        found = SyncLane()

        def heed(event: Event) -> None:
            nonlocal found
            self._workshop.media.heed_making(event, original.cue, self._name)
            if isinstance(event, LaneReady):
                found = event.lane

        picture = picture_with_handles(original.cue, recipe.handle_frames)
        device = self._workshop.device_of(recipe) or recipe.device
        model = self._workshop.model_of(recipe)
        self._workshop.ask(Spot(model=model, device=device, picture=picture), heed)
        return found

    def _made(self, step: Original, parent: Take | None, now: Take) -> Take:
        """The new take, its file beside the new timeline."""
        recipe = step.recipe
        self._console.event("started", take=self._our.take, clip=self._name, seed=recipe.seed)
        request = again(
            step,
            model=self._workshop.model_of(recipe),
            device=self._workshop.device_of(recipe),
            scratch=str(self._workshop.room()),
            parent=parent,
        )
        self._folder()
        with self._console.bar(1, "take"):
            made = self._workshop.made(
                request,
                step.cue,
                self._destination(step),
                seed=recipe.seed,
                threads=recipe.threads,
                parent=parent,
            )
        return replace(made, caption=now.caption) if recipe.captioned else made

    def _stayed(self, made: Take, base: Take, step: Original) -> dict[str, Any]:
        """Where the new take differs from the one before, compared sample for sample.

        Raises:
            TakeRejected: outside of the span; its file is not kept.
        """
        span = step.recipe.span or (0.0, 0.0)
        handle_s = float(step.recipe.handle_frames / step.cue.fps)
        start_s, end_s = (at + handle_s for at in span)
        found = differing(Path(base.wav_path), Path(made.wav_path))
        if found is None:
            self._console.note("The span came out as it was; another --seed may change it.")
            return {"span_s": list(span), "changed_s": None}
        if found[0] < start_s - _SEAM_S or found[1] > end_s + _SEAM_S:
            Path(made.wav_path).unlink(missing_ok=True)
            raise TakeRejected("What came back differs outside of the span; it was not kept.")
        from_s, to_s = (float(self._moments.from_take(at + step.nudge_s)) for at in found)
        self._console.say(
            f"Changed   {from_s:.3f} to {to_s:.3f} s; every sample outside is as it was"
        )
        return {"span_s": list(span), "changed_s": [from_s, to_s]}

    def _finish(self, take: Take, more: dict[str, Any]) -> int:
        """The cut with the take in its place, and the report."""
        if nudge_s := nudge_of(self._our.facts):
            copy_take(Path(take.wav_path), Path(take.wav_path), nudge_s)
        sounds, notes = relaid(self._cut, self._clips, take, self._folder())
        report: WriteReport = write_sounds(
            self._cut,
            sounds,
            self._output,
            url_profile=self._args.urls,
            force=self._args.force,
            keep_earlier=False,
            notes=notes,
        )
        for note in report.notes:
            self._console.note(plain(note.message, 1000), code=note.code, clip=note.where)
        known = [*listed_takes(self._our), take.take_id]
        self._console.event(
            "finished",
            output=str(report.path),
            clip=self._name,
            take=take.take_id,
            before=self._our.take,
            takes=list(dict.fromkeys(known)),
            wav=take.wav_path,
            prompt=take.recipe.prompt,
            negative=take.recipe.negative,
            seed=take.recipe.seed,
            lufs=take.lufs,
            media_notes=self._workshop.media.of(take.cue_id),
            **more,
        )
        words = plain(take.recipe.prompt or take.caption)
        said = "".join(f"; {remark}" for remark in remarks(take))
        self._console.say(
            f"{self._name}: take {take.take_id}, {words!r}, seed {take.recipe.seed}{said}"
        )
        self._console.say(f"Timeline  {report.path}  (the take before: --choose {self._our.take})")
        self._console.say(f"Sound     {take.wav_path}")
        self._workshop.media.sum_up()
        return DONE

    def _tell_plan(self, step: Original, lane: SyncLane | None) -> int:
        recipe, hits = step.recipe, self._hits(lane)
        listed = listed_takes(self._our)
        self._console.event(
            "plan",
            take=self._our.take,
            clip=self._name,
            takes=listed,
            prompt=recipe.prompt,
            negative=recipe.negative,
            seed=recipe.seed,
            span_s=list(recipe.span) if recipe.span else None,
            hits=hits,
        )
        what = "the whole take"
        if self._args.between is not None:
            what = " to ".join(self._moments.say(self._moments.of(t)) for t in self._args.between)
        words = (
            "the caption of its picture" if recipe.prompt is None else repr(plain(recipe.prompt))
        )
        self._console.say(f"{self._name}: would make anew {what}, {words}, seed {recipe.seed}")
        self._console.say(f"Takes     {', '.join(listed)}  (it plays {self._our.take})")
        for hit in hits:
            at = self._moments.say(Fraction(hit["time_s"]))
            self._console.say(f"Hit       {at}, strength {hit['strength']:.2f}")
        return DONE

    def _hits(self, lane: SyncLane | None) -> list[dict[str, float]]:
        """Hits under the clips, in seconds from the timeline's start; none of the handles."""
        hits = lane.hits if lane is not None else ()
        placed = [(self._moments.from_take(at), strength) for at, strength in hits]
        return [
            {"time_s": float(time_s), "strength": strength}
            for time_s, strength in placed
            if self._moments.is_shown(time_s)
        ]

    def _folder(self) -> Path:
        """The folder for sounds beside the output; made if needed."""
        folder = _folder_of(self._output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(
                f"The folder {folder} cannot be made: {error.strerror or error}.",
                "Choose an output in a folder you may write to (-o).",
            ) from error
        return folder

    def _destination(self, step: Original, take: str = "") -> Destination:
        """A readable name, and the time reference of the file that it stands for."""
        listed = listed_takes(self._our)
        number = 1 + (listed.index(take) if take in listed else len(listed))
        words = step.recipe.prompt or ""
        handles = step.recipe.handle_frames
        stamp, drop = 0, self._cut.drop
        if step.record_time:
            stamp = takes.record_time_reference(step.cue, handles, drop)
        return Destination(
            folder=self._folder(),
            name=lambda take_id: take_name(step.cue, take_id, words, self._cut.name, number),
            project=self._cut.name,
            time_reference=stamp,
            drop=drop,
        )

    def _file_of(self, original: Original) -> Path | None:
        """The file of a take where files of this cut lie, known by its samples."""
        files = (our.file(self._cut.document.base) for our in our_clips(self._cut))
        folders = dict.fromkeys(path.parent for path in files if path is not None)
        for folder in folders:
            for path in sorted(folder.glob(f"*vatt-{original.take}.wav")):
                if takes.id_of(path, original.cue, original.recipe) == original.take:
                    return path
        return None


def _folder_of(output: Path) -> Path:
    """For the sounds of a timeline: beside it."""
    return output.with_name(f"{output.stem}_foley")
