"""Takes for many cues: the main use of the product, for the command line and for farms.

One engine works through the cues; each result is adopted as it comes, recorded in a ledger, and
kept whatever happens later. A cue that fails does not stop the others; a disk that takes no more
does, since every further cue would fail the same way.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vatt_engine import messages
from vatt_engine.errors import CannotWrite, EngineError, VattError
from vatt_engine.messages import Event, Generate
from vatt_plugin import ranking, takes
from vatt_plugin.client import EngineClient
from vatt_plugin.cues import Cue, Take
from vatt_plugin.errors import TakeRejected
from vatt_plugin.ledger import Ledger
from vatt_plugin.requests import Wish, generate_request, recipe, request_key
from vatt_plugin.takes import Destination
from vatt_plugin.timeline.naming import take_name
from vatt_plugin.transport import EngineProcess

ResultStatus = Literal["done", "failed", "cancelled", "skipped", "offline", "unreadable"]


@dataclass(frozen=True)
class Order:
    """One cue and what is wanted for it."""

    cue: Cue
    wish: Wish


@dataclass(frozen=True)
class CueResult:
    """What became of one cue.

    Attributes:
        status: ``done``, or why there is nothing: the cue's own status, ``failed``, ``cancelled``.
        kept: the takes were made by an earlier run.
        caption: the engine's words for the picture; empty if the user gave the prompt.
        takes: by seed; ``chosen`` is the one for the timeline.
    """

    cue: Cue
    status: ResultStatus
    prompt: str | None = None
    caption: str = ""
    takes: tuple[Take, ...] = ()
    chosen: Take | None = None
    kept: bool = False
    error: VattError | None = None
    note: str = ""


@dataclass(frozen=True)
class Media:
    """Where a batch writes and what its files say.

    Attributes:
        folder: the readable copies beside the output, ``<output stem>_foley``; made if needed.
        project: name of the timeline, for the files' iXML.
        record_time: stamp files with record timecode instead of zero.
        drop: whether the timeline counts drop-frame.
    """

    folder: Path
    project: str = ""
    record_time: bool = False
    drop: bool = False


N_AHEAD = 4  # jobs handed to the client ahead of time; enough that the engine never waits

Notify = Callable[[Order | None, Event | CueResult], None]
"""Told of a cue's events and of its result; without an order, of the engine's life."""


def choose(made: Sequence[Take]) -> Take | None:
    """The take for the timeline: the best by the engine's self-check, the first of equals."""
    return ranking.best(made)


@dataclass
class Batch:
    """Works through orders with one engine.

    Attributes:
        engine: the process, started on need.
        media: where results go.
        model_hash: of the model, so that another model's takes do not count as done.
        notify: told what happens, in order.
        stop: asked often; True cancels everything that is not done.
    """

    engine: EngineProcess
    media: Media
    model_hash: str = ""
    notify: Notify = lambda *_: None
    stop: Callable[[], bool] = lambda: False
    _results: dict[str, CueResult] = field(default_factory=dict)
    _running: dict[str, _Work] = field(default_factory=dict)
    _engine_error: VattError | None = None  # why the engine serves no more

    def run(self, orders: Iterable[Order]) -> list[CueResult]:
        """Serve ``orders``; returns a result for each, in their order.

        Raises:
            CannotWrite: the media folder takes no more. What was finished stays.
        """
        orders = list(orders)
        waiting = deque(enumerate(orders))
        self._make_folder()
        ledger = Ledger(self.media.folder)
        with tempfile.TemporaryDirectory(prefix="vatt-") as scratch:
            try:
                while not self.stop():
                    while waiting and len(self._running) < N_AHEAD and not self._engine_error:
                        self._begin(*waiting.popleft(), ledger, Path(scratch))
                    if not self._running:
                        break
                    for event in self.engine.pump():
                        self._heed(event, ledger)
            finally:
                for event in self._client.cancel_all():
                    self._heed(event, ledger)
            for _, order in waiting:
                self._leave_out(order)
        return [self._results[order.cue.cue_id] for order in orders]

    @property
    def _client(self) -> EngineClient:
        return self.engine.client

    def _begin(self, number: int, order: Order, ledger: Ledger, scratch: Path) -> None:
        cue, wish = order.cue, order.wish
        if cue.status != "ready":
            self._end(order, CueResult(cue, cue.status, wish.prompt, note=cue.note))
            return
        folder = scratch / str(number)
        request = generate_request(cue, wish, job_id=f"cue-{number}", scratch=str(folder))
        key = request_key(request, f"{self.model_hash} {self.media.record_time}", cue)
        if done := ledger.takes(key):
            caption = done[0].caption if wish.prompt is None else ""
            result = CueResult(cue, "done", wish.prompt, caption, done, choose(done), kept=True)
            self._end(order, result)
            return
        try:
            job_id = self._client.submit(request)
        except VattError as error:
            self._end(order, CueResult(cue, "failed", wish.prompt, error=error))
            return
        folder.mkdir()
        self._running[job_id] = _Work(order, request, key)

    def _heed(self, event: Event, ledger: Ledger) -> None:
        job_id = str(getattr(event, "job_id", ""))
        work = self._running.get(job_id)
        if work is None:
            if isinstance(event, messages.State):
                self.notify(None, event)
            return
        self.notify(work.order, event)
        match event:
            case messages.Started():
                work.device = event.device
            case messages.CaptionReady():
                work.caption = event.caption
            case messages.TakeReady():
                self._adopt(job_id, work, event)
            case messages.Finished():
                self._finish(job_id, work, ledger)
            case messages.Failed() | messages.JobCancelled():
                job = self._client.job(job_id)
                if self._client.status.life == "unavailable":
                    self._engine_error = job.error
                status: ResultStatus = "failed" if job.error else "cancelled"
                self._close(job_id, work, status, job.error)

    def _adopt(self, job_id: str, work: _Work, ready: messages.TakeReady) -> None:
        order, request = work.order, work.request
        cue, wish = order.cue, order.wish
        reference = takes.record_time_reference(cue, wish.handle_frames, self.media.drop)
        destination = Destination(
            folder=self.media.folder,
            name=lambda take_id: take_name(
                cue, take_id, ready.prompt, self.media.project, ready.index + 1
            ),
            project=self.media.project,
            time_reference=reference if self.media.record_time else 0,
            drop=self.media.drop,
        )
        made_by = recipe(request, ready, wish.handle_frames, made_on=work.device)
        try:
            work.takes.append(takes.adopt(ready, request, cue, made_by, destination))
        except TakeRejected as error:
            self._client.cancel(job_id)
            self._close(job_id, work, "failed", error)

    def _finish(self, job_id: str, work: _Work, ledger: Ledger) -> None:
        wanted = work.request.takes
        if len(work.takes) != wanted:
            error = EngineError(f"The engine made {len(work.takes)} takes of {wanted}.")
            self._close(job_id, work, "failed", error)
            return
        work.takes.sort(key=lambda take: take.recipe.seed)
        ledger.add(work.key, work.takes)
        self._close(job_id, work, "done", None)

    def _close(
        self, job_id: str, work: _Work, status: ResultStatus, error: VattError | None
    ) -> None:
        del self._running[job_id]
        self._client.forget(job_id)
        shutil.rmtree(work.request.scratch, ignore_errors=True)
        made = tuple(work.takes) if status == "done" else ()
        if not made:
            for take in work.takes:  # a cue is done whole or not at all
                Path(take.wav_path).unlink(missing_ok=True)
        order = work.order
        result = CueResult(
            order.cue, status, order.wish.prompt, work.caption, made, choose(made), error=error
        )
        self._end(order, result)

    def _leave_out(self, order: Order) -> None:
        """End an order that was never begun: cancelled, or the engine serves no more."""
        cue, error = order.cue, self._engine_error
        status: ResultStatus = "failed" if error else "cancelled"
        if cue.status != "ready":
            status, error = cue.status, None
        self._end(order, CueResult(cue, status, order.wish.prompt, error=error, note=cue.note))

    def _end(self, order: Order, result: CueResult) -> None:
        self._results[order.cue.cue_id] = result
        self.notify(order, result)

    def _make_folder(self) -> None:
        try:
            self.media.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(
                f"The folder {self.media.folder} cannot be made: {error.strerror or error}.",
                "Choose an output in a folder you may write to (-o).",
            ) from error


@dataclass
class _Work:
    order: Order
    request: Generate
    key: str
    caption: str = ""
    device: str = ""  # that the engine has chosen
    takes: list[Take] = field(default_factory=list)
