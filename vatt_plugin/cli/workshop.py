"""Making takes one by one, for commands that start from takes on a timeline.

Sums are rounded by the number of CPU threads, so a take is made by an engine with as many as made
it of old. One engine runs at a time; it is started anew when a take wants another number.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from vatt_engine.errors import UnknownModel
from vatt_engine.messages import Event, Generate, ListModels, Request, Started, TakeReady
from vatt_plugin import takes
from vatt_plugin.cli.console import Console, ask, choose_model, engine, plain
from vatt_plugin.cli.media_notes import MediaNotes
from vatt_plugin.cues import Cue, Recipe, Take
from vatt_plugin.errors import CannotRemake, TakeRejected
from vatt_plugin.remaking import Original, again, steps_of
from vatt_plugin.requests import recipe
from vatt_plugin.takes import Destination

_MAX_THREADS = 1024


@dataclass(frozen=True)
class Remade:
    """A take that was made again.

    Attributes:
        take: as it came out, its codes kept.
        strayed: the first of its steps that came out another take, as it is recorded and as it was
            now made; None where every take before the last is the one it was.
    """

    take: Take
    strayed: tuple[Recipe, Recipe] | None = None


class Workshop:
    """Engines for takes of any number of threads, and a room for what they hand over.

    Args:
        console: shows the bars.
        stop: asked often; True cancels.
        device: to use instead of the recipes'; empty for theirs.
        model: to use instead of the recipes'; empty for theirs.
        offload: keep the language model in main memory.

    Attributes:
        media: what was told of the clips' media.
    """

    def __init__(
        self,
        console: Console,
        stop: Callable[[], bool],
        *,
        device: str = "",
        model: str = "",
        offload: bool = False,
    ) -> None:
        self._console, self._stop = console, stop
        self.media = MediaNotes(console)
        self._device, self._wanted_model, self._offload = device, model, offload
        self._rooms = ExitStack()
        self._running = ExitStack()
        self._process: Any = None
        self._threads = 0
        self._n = 0

    def __enter__(self) -> Workshop:
        self._scratch = Path(self._rooms.enter_context(tempfile.TemporaryDirectory(prefix="vatt-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()
        self._rooms.close()

    def room(self) -> Path:
        """A new empty folder, gone in the end."""
        return Path(tempfile.mkdtemp(dir=self._scratch))

    def ask(self, request: Request, on_event: Callable[[Event], None], threads: int = 0) -> None:
        """Run one job to its end, by an engine of as many threads; 0 for any.

        Raises:
            VattError: what the engine said, or ``Cancelled``.
        """
        ask(self._engine(threads), request, on_event, self._stop)

    def remade(self, original: Original, to: Destination) -> Remade:
        """Make a take again, with all that it was made from.

        Args:
            original: as the timeline tells of it.
            to: for the last step, which is the take; its codes are kept in any case.

        Raises:
            VattError: it cannot be made, or ``Cancelled``.
        """
        parent: Take | None = None
        before: Original | None = None
        strayed: tuple[Recipe, Recipe] | None = None
        steps = steps_of(original)
        model = self.model_of(original.recipe)
        with self._console.bar(len(steps), "take") as bar:
            for step in steps:
                if parent is not None and before is not None and parent.take_id != before.take:
                    strayed = strayed or (before.recipe, parent.recipe)
                request = again(
                    step,
                    model=model,
                    device=self.device_of(step.recipe),
                    scratch=str(self.room()),
                    parent=parent,
                )
                there = to if step is steps[-1] else Destination(Path(request.scratch))
                seed, threads = step.recipe.seed, step.recipe.threads
                parent = self.made(
                    request, step.cue, there, seed=seed, threads=threads, parent=parent
                )
                before = step
                bar.update()
        if parent is None:
            raise TakeRejected("There is nothing to be made.")
        return Remade(parent, strayed)

    def made(
        self,
        request: Generate,
        cue: Cue,
        to: Destination,
        *,
        seed: int,
        threads: int,
        parent: Take | None = None,
    ) -> Take:
        """Make what is asked for and keep the take of one seed, and its codes.

        Args:
            request: with a scratch folder.
            cue: whose sound it is.
            to: where it goes; the codes go to the scratch folder where it names none.
            seed: of the take.
            threads: of the CPU; 0 for any.
            parent: the take that a span is made anew of.

        Raises:
            VattError: it cannot be made, or ``Cancelled``.
        """
        made_on = ""
        ready: TakeReady | None = None

        def heed(event: Event) -> None:
            nonlocal made_on, ready
            self.media.heed_making(event, cue, plain(cue.clip))
            if isinstance(event, Started):
                made_on = event.device
            elif isinstance(event, TakeReady) and event.seed == seed:
                ready = event

        self._n += 1
        request = replace(request, job_id=f"take-{self._n}")
        self.ask(request, heed, threads)
        if ready is None:
            raise TakeRejected("The engine made no take of the recipe's seed.")
        handles = round(Fraction(request.handle_s) * cue.fps)
        made_by = recipe(request, ready, handles, made_on=made_on, parent=parent)
        to = replace(to, codes_folder=to.codes_folder or Path(request.scratch))
        take = takes.adopt(ready, request, cue, made_by, to, parent=parent)
        self.media.heed_take(cue, take, plain(cue.clip))
        return take

    def device_of(self, recipe: Recipe) -> str:
        """The device to name in a request; empty for the recipe's own."""
        if not self._offload:
            return self._device
        return f"{self._device or recipe.device or 'auto'}+offload"

    def model_of(self, recipe: Recipe) -> str:
        """The model asked for, the recipe's, or whichever is installed that is the same.

        Raises:
            CannotRemake: there is none.
        """
        if self._wanted_model:
            return self._wanted_model
        process = self._engine(recipe.threads)
        try:
            known = choose_model(process, recipe.model)
            if str(known.get("model_hash", "")) == recipe.model_hash or not recipe.model_hash:
                return recipe.model
        except UnknownModel:
            known = {}
        for other in ask(process, ListModels())["models"]:
            if other.get("model_hash") == recipe.model_hash:
                return str(other["name"])
        if known:
            return recipe.model
        raise CannotRemake(
            f"The model {plain(recipe.model)!r} that made it is not installed.",
            "Install it (`vatt models`), or name another with --model; that makes another sound.",
        )

    def _engine(self, threads: int) -> Any:
        """The engine, started anew if it has another number of threads."""
        threads = threads if 0 < threads <= _MAX_THREADS else 0
        if self._process is None or threads not in (0, self._threads):
            self._running.close()
            environment = {"OMP_NUM_THREADS": str(threads)} if threads else {}
            self._process = self._running.enter_context(engine(environment=environment))
            self._threads = threads
        return self._process
