"""What ``vatt remake`` does: each take's request again, and the two sounds side by side."""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vatt_engine.errors import Cancelled, CannotWrite, UnknownModel, VattError
from vatt_engine.messages import Event, Generate, ListModels, Started, TakeReady
from vatt_plugin import takes
from vatt_plugin.cli.console import Console, Interrupt, ask, choose_model, engine, plain
from vatt_plugin.cli.main import CANCELLED, DONE, FAILED, PARTLY
from vatt_plugin.cues import Take
from vatt_plugin.errors import CannotRemake, OutputExists, TakeRejected, UsageError
from vatt_plugin.remaking import Comparison, Original, again, compare, original_of, samples_sha256
from vatt_plugin.requests import recipe
from vatt_plugin.takes import Destination
from vatt_plugin.timeline import Timeline, load
from vatt_plugin.timeline.bundles import opened_out
from vatt_plugin.timeline.laid import OurClip, our_clips

_MAX_THREADS = 1024
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
    with tempfile.TemporaryDirectory(prefix="vatt-") as scratch, opened_out(source) as path:
        cut = load(
            path,
            timeline=args.timeline,
            media_roots=[Path(root) for root in args.media_dir],
            media_dir=Path(scratch) / "media",
            track=args.track,
            cues=args.cues,
            split_cuts=args.split_cuts,
        )
        chosen = _chosen(cut, args.take)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(
                f"The folder {folder} cannot be made: {error.strerror or error}.",
                "Choose another with -o.",
            ) from error
        found: list[str] = []
        with Interrupt() as interrupted:
            for threads, group in itertools.groupby(sorted(chosen, key=_by_threads), _threads):
                with engine(environment=threads) as process:
                    room = Path(tempfile.mkdtemp(dir=scratch))
                    run = _Run(args, process, cut, folder, room, console, interrupted)
                    try:
                        found += [run.one(our) for our in group]
                    except Cancelled:
                        console.note("Cancelled. What was made again is kept.")
                        return CANCELLED
    same = sum(verdict in ("same", "same take") for verdict in found)
    console.event("finished", folder=str(folder), takes=len(found), same=same)
    console.say(f"Same      {same} of {len(found)}")
    console.say(f"Sounds    {folder}")
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
    names = {key: take for take, our in ours.items() for key in _names(our)}
    for name in wanted:
        if name not in names:
            raise UsageError(
                f"{cut.path.name} has no take {plain(name)!r}; it has "
                f"{', '.join(list(ours)[:10])}{' ...' if len(ours) > 10 else ''}.",
                "Name takes by their ids, or by the names of their clips.",
            )
    kept = {names[name] for name in wanted} if wanted else set(ours)
    return [our for take, our in ours.items() if take in kept]


def _threads(our: OurClip) -> dict[str, str]:
    """What gives the engine as many CPU threads as made a take: more or fewer round otherwise."""
    recipe = our.facts.get("recipe")
    n = recipe.get("threads") if isinstance(recipe, Mapping) else None
    known = isinstance(n, int) and 0 < n <= _MAX_THREADS
    return {"OMP_NUM_THREADS": str(n)} if known else {}


def _by_threads(our: OurClip) -> str:
    return "".join(_threads(our).values())


def _names(our: OurClip) -> Iterator[str]:
    yield our.take
    yield our.clip.name
    if our.facts.get("source_clip"):
        yield str(our.facts["source_clip"])


class _Run:
    """One engine that works through the takes of one timeline."""

    def __init__(
        self,
        args: argparse.Namespace,
        process: Any,
        cut: Timeline,
        folder: Path,
        scratch: Path,
        console: Console,
        interrupted: Interrupt,
    ) -> None:
        self._args, self._process, self._cut = args, process, cut
        self._folder, self._scratch, self._console = folder, scratch, console
        self._interrupted = interrupted
        self._n = 0

    def one(self, our: OurClip) -> str:
        """Make one take again and tell of it; returns the verdict, empty if there is none.

        Raises:
            Cancelled: by the user.
            CannotWrite: the folder takes no more.
        """
        name = plain(our.clip.name)
        about = {"take": our.take, "clip": our.clip.name}
        try:
            original = original_of(our, self._cut)
            before = samples_sha256(original.path)
            made = self._make(original)
        except (Cancelled, CannotWrite):
            raise
        except VattError as error:
            self._console.event("remade", **about, verdict="", error=error.to_dict())
            self._console.note(f"{name} was not made again. {error}")
            return ""
        found = compare(original, before, made)
        facts = {**asdict(found), "why": list(found.why)}
        self._console.event("remade", **about, wav=made.wav_path, **facts)
        self._say(name, found)
        return found.verdict

    def _say(self, name: str, found: Comparison) -> None:
        text = _IN_WORDS[found.verdict]
        if found.difference_dbfs is not None:
            text += f", up to {found.difference_dbfs:.0f} dBFS apart"
        self._console.say(f"{name}: {text} ({found.sha256[:12]})")
        for why in found.why:
            self._console.say(f"    {why}")

    def _make(self, original: Original) -> Take:
        target = self._target(original)
        scratch = self._scratch / str(self._n)
        self._n += 1
        scratch.mkdir()
        device = self._args.device + ("+offload" if self._args.offload else "")
        if device.startswith("+"):
            device = f"{original.recipe.device or 'auto'}{device}"
        request = again(
            original,
            model=self._model(original),
            device=device,
            job_id=f"take-{self._n}",
            scratch=str(scratch),
        )
        made_on = ""
        ready: TakeReady | None = None

        def heed(event: Event) -> None:
            nonlocal made_on, ready
            if isinstance(event, Started):
                made_on = event.device
            elif isinstance(event, TakeReady) and event.seed == original.recipe.seed:
                ready = event

        with self._console.bar(1, "take"):
            ask(self._process, request, heed, self._interrupted)
        if ready is None:
            raise TakeRejected("The engine made no take of the recipe's seed.")
        return self._adopted(original, request, ready, made_on, target)

    def _adopted(
        self, original: Original, request: Generate, ready: TakeReady, made_on: str, target: Path
    ) -> Take:
        """Keep what came back under the name of the file it stands for, header and all."""
        handles = original.recipe.handle_frames
        stamp = takes.record_time_reference(original.cue, handles) if original.record_time else 0
        made_by = replace(recipe(request, ready, handles), made_on=made_on)
        destination = Destination(
            folder=self._folder,
            name=lambda _: target.name,
            project=self._cut.name,
            time_reference=stamp,
            drop=self._cut.drop,
        )
        return takes.adopt(ready, request, original.cue, made_by, destination)

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

    def _model(self, original: Original) -> str:
        """The model asked for, the recipe's, or whichever is installed that is the same."""
        if self._args.model:
            return str(self._args.model)
        wanted = original.recipe
        try:
            known = choose_model(self._process, wanted.model)
            if str(known.get("model_hash", "")) == wanted.model_hash or not wanted.model_hash:
                return wanted.model
        except UnknownModel:
            known = {}
        for other in ask(self._process, ListModels())["models"]:
            if other.get("model_hash") == wanted.model_hash:
                return str(other["name"])
        if known:
            return wanted.model
        raise CannotRemake(
            f"The model {plain(wanted.model)!r} that made it is not installed.",
            "Install it (`vatt models`), or name another with --model; that makes another sound.",
        )
