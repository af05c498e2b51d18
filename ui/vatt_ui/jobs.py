"""What the panel asked the engine for: requests out, takes, captions and lanes in.

The client keeps the queue; this object knows which cue a job is for, has each finished take
checked and levelled by the helper, and puts what comes back into the project. Jobs that wait are
kept in the project and asked for again after a restart.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterable
from typing import Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from vatt_engine import messages
from vatt_engine.errors import OutOfMemory, VattError, error_from_dict
from vatt_engine.messages import Event, TakeReady
from vatt_plugin.client import JobState
from vatt_plugin.cues import Cue
from vatt_plugin.project_state import Hit, picture_key, take_from_plain, take_to_plain
from vatt_ui import asking
from vatt_ui.cue_status import JobLook, overall
from vatt_ui.engine_process import EngineProcess
from vatt_ui.fitting import kind_of
from vatt_ui.helper.plain import cue_to_plain
from vatt_ui.helper_process import HelperProcess
from vatt_ui.job_failures import failure_notice
from vatt_ui.job_info import JobInfo
from vatt_ui.language import _
from vatt_ui.media_notes import amiss
from vatt_ui.notices import from_error
from vatt_ui.take_keeping import add_take, use_best
from vatt_ui.workspace import Workspace

CHANGED_MS = 30
N_ENDED = 50  # ended jobs kept in the queue's table


class Jobs(QObject):
    """Jobs by id, and the ways to start them.

    Signals:
        changed(): the queue's table is to be drawn again.
        cue_progressed(str): the job of a cue moved on.
    """

    changed = pyqtSignal()
    cue_progressed = pyqtSignal(str)

    def __init__(self, work: Workspace, engine: EngineProcess, background: HelperProcess) -> None:
        super().__init__(work)
        self._work = work
        self._engine = engine
        self._background = background
        self._jobs: dict[str, JobInfo] = {}
        self._by_cue: dict[str, list[str]] = {}
        self._adopting: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._made: dict[str, list[str]] = {}  # per job the takes that joined their cue
        self._amiss: dict[str, dict[str, None]] = {}  # per job what is amiss with the media, once
        # Per model and kind of device: seconds of work a second of sound.
        self._pace: dict[tuple[str, str], float] = {}
        self.failures: dict[str, VattError] = {}
        engine.event_received.connect(self._on_event)
        engine.jobs_changed.connect(self._on_jobs_changed)
        self._due = QTimer(self)  # progress comes in bursts; the table is drawn once for each
        self._due.setSingleShot(True)
        self._due.setInterval(CHANGED_MS)
        self._due.timeout.connect(self._on_due)

    # --- asking -----------------------------------------------------------------------------

    def generate(
        self, cue_id: str, *, takes: int = 0, first: bool = False, seed: int | None = None
    ) -> str:
        """Ask for takes of a cue; returns the job's id, or an empty string when it cannot be."""
        cue, state = self._work.cue(cue_id), self._work.state(cue_id)
        if cue is None or not self._work.can_generate(cue_id):
            return ""
        n_takes = takes or state.n_takes
        own_seed = state.seed if seed is None else seed
        request = asking.new_takes(self._work, cue, n_takes, own_seed)
        if seed is None and not state.seed_locked:
            self._work.note(cue_id, seed=state.seed + n_takes)
        handles = asking.handle_frames(self._work, cue)
        return self._submit(request, cue_id, "generate", first=first, handle_frames=handles)

    def regenerate_span(self, cue_id: str, *, first: bool = False) -> str:
        """Ask for a new take that differs from the current one in in..out only."""
        cue, state = self._work.cue(cue_id), self._work.state(cue_id)
        take = self._work.take(self._work.current_take(cue_id))
        if cue is None or state.span is None or take is None:
            return ""
        self._work.notice_cleared.emit("around")  # that offer is being taken up
        request = asking.new_span(self._work, cue, take)
        if not state.seed_locked:
            self._work.note(cue_id, seed=state.seed + 1)
        return self._submit(
            request,
            cue_id,
            "span",
            parent=take.take_id,
            first=first,
            handle_frames=take.recipe.handle_frames,
        )

    def caption(self, cue_id: str) -> str:
        """Ask the engine what the cue should sound like."""
        cue = self._work.cue(cue_id)
        if cue is None or not self._work.can_generate(cue_id):
            return ""
        return self._submit(asking.caption(self._work, cue), cue_id, "caption")

    def spot(self, cue_id: str) -> str:
        """Ask the engine where things hit in the picture."""
        cue = self._work.cue(cue_id)
        if cue is None or not self._work.can_generate(cue_id):
            return ""
        return self._submit(asking.spot(self._work, cue), cue_id, "spot")

    def retry(self, job_id: str, *, device: str = "") -> str:
        """Ask again for what failed or was cancelled, on another device if one is named."""
        info = self._jobs.get(job_id)
        if info is None:
            return ""
        request = self._engine.job(job_id).request
        parent = info.parent
        self.forget(job_id)
        fresh = dataclasses.replace(request, job_id="")  # type: ignore[call-arg]
        if device:
            fresh = dataclasses.replace(fresh, device=device)  # type: ignore[call-arg]
        if isinstance(fresh, messages.Generate):
            fresh = dataclasses.replace(fresh, scratch=self._work.scratch())
        return self._submit(
            fresh, info.cue_id, info.kind, parent=parent, handle_frames=info.handle_frames
        )

    def cancel(self, job_id: str) -> None:
        """Cancel one job."""
        self._engine.cancel(job_id)

    def cancel_current(self) -> None:
        """Cancel what runs now; with nothing running, nothing happens."""
        running = [s.job_id for _, s in self.table() if s.status == "running"]
        if running:
            self.cancel(running[0])

    def cancel_all(self) -> None:
        """Cancel everything."""
        self._engine.cancel_all()

    def forget(self, job_id: str) -> None:
        """Take an ended job off the table."""
        info = self._jobs.pop(job_id, None)
        if info is not None:
            self._by_cue[info.cue_id].remove(job_id)
            self._engine.forget(job_id)

    def clear_ended(self) -> None:
        """Take all ended jobs off the table."""
        for info, state in self.table():
            if state.ended:
                self.forget(info.job_id)

    def forget_all(self) -> None:
        """Leave a project: cancel what is open and forget the rest."""
        self.cancel_all()
        self.clear_ended()
        self.failures.clear()

    # --- reading ----------------------------------------------------------------------------

    def table(self) -> list[tuple[JobInfo, JobState]]:
        """Running first, then waiting in their order, then ended, newest first."""
        waiting = {job_id: i for i, job_id in enumerate(self._engine.client.waiting())}
        known = [(info, self._engine.job(info.job_id)) for info in self._jobs.values()]
        order = {info.job_id: i for i, info in enumerate(self._jobs.values())}

        def rank(row: tuple[JobInfo, JobState]) -> tuple[int, int]:
            info, state = row
            if state.status == "running":
                return 0, 0
            if state.status == "queued":
                return 1, waiting.get(info.job_id, 0)
            return 2, -order[info.job_id]

        return sorted(known, key=rank)

    def look(self, cue_id: str) -> JobLook | None:
        """The generating job of a cue that runs or waits, if any."""
        best: JobLook | None = None
        for job_id in self._by_cue.get(cue_id, ()):
            info = self._jobs[job_id]
            if info.kind not in ("generate", "span"):
                continue
            state = self._engine.job(info.job_id)
            if state.status == "running" or info.job_id in self._adopting:
                return JobLook(True, state.stage, overall(state.stage, state.fraction))
            if state.status == "queued":
                best = best or JobLook(False)
        return best

    @property
    def out_of_memory(self) -> bool:
        """Whether a job failed for want of memory and was not tried again."""
        return any(isinstance(error, OutOfMemory) for error in self.failures.values())

    def open_count(self) -> int:
        """How many jobs run or wait."""
        return sum(not state.ended for _, state in self.table())

    def time_left(self) -> float | None:
        """Seconds until the queue is empty, as far as it can be told."""
        rows = [state for _, state in self.table() if not state.ended]
        running = next((s for s in rows if s.status == "running" and s.eta_s is not None), None)
        if running is None or running.eta_s is None:
            return None
        fraction = running.fraction or 0.0
        whole = running.eta_s / max(1e-6, 1 - fraction) if fraction < 1 else running.eta_s
        return running.eta_s + whole * sum(s.status == "queued" for s in rows)

    def plain_queue(self) -> list[dict[str, Any]]:
        """What waits or runs, to be asked for again after a restart."""
        return [
            {"cue_id": info.cue_id, "kind": info.kind, "takes": info.n_takes}
            for info, state in self.table()
            if not state.ended
        ]

    def restore(self, queue: list[Any]) -> None:
        """Ask again for what waited when the project was last open."""
        for job in queue:
            cue_id = str(job.get("cue_id", ""))
            match job.get("kind"):
                case "generate":
                    self.generate(cue_id, takes=int(job.get("takes") or 1))
                case "span":
                    self.regenerate_span(cue_id)
                case "caption":
                    self.caption(cue_id)
                case "spot":
                    self.spot(cue_id)

    # --- answers ----------------------------------------------------------------------------

    def _submit(
        self,
        request: messages.Request,
        cue_id: str,
        kind: str,
        *,
        parent: str = "",
        first: bool = False,
        handle_frames: int = 0,
    ) -> str:
        self.failures.pop(cue_id, None)
        try:
            job_id = self._engine.client.submit(request, first=first)
        except VattError as error:
            self._work.tell(from_error(error, "inspector"))
            return ""
        n_takes = request.takes if isinstance(request, messages.Generate) else 0
        self._jobs[job_id] = JobInfo(job_id, cue_id, kind, parent, n_takes, handle_frames)
        self._by_cue.setdefault(cue_id, []).append(job_id)
        self._engine.wake()
        self.cue_progressed.emit(cue_id)
        return job_id

    def _on_event(self, event: Event) -> None:
        job_id = str(getattr(event, "job_id", ""))
        info = self._jobs.get(job_id)
        if info is None:
            return
        self._note_media(info, event)
        match event:
            case TakeReady():
                self._adopt(info, event)
            case messages.CaptionReady():
                self._take_caption(info, event)
            case messages.LaneReady():
                self._take_lane(info, event.lane)
            case messages.Progress():
                self._began.setdefault(job_id, time.monotonic())
            case messages.Finished():
                self._note_pace(info)
            case messages.Failed():
                self._fail(info, error_from_dict(dataclasses.asdict(event)))
        if isinstance(event, messages.Finished | messages.Failed | messages.JobCancelled):
            # Not before: the job may have ended already while its takes still wait to be told.
            self._clean(info)
        self.cue_progressed.emit(info.cue_id)

    def _note_media(self, info: JobInfo, event: Event) -> None:
        """Gather what a job tells of the cue's media; a whole job that tells nothing found none."""
        cue = self._work.cue(info.cue_id)
        if cue is not None and (told := amiss(event, info.kind, cue)):
            self._amiss.setdefault(info.job_id, {})[told] = None
        if isinstance(event, messages.Finished | messages.Failed | messages.JobCancelled):
            found = tuple(self._amiss.pop(info.job_id, ()))
            if found or isinstance(event, messages.Finished):
                self._work.note(info.cue_id, media_notes=found)

    def _note_pace(self, info: JobInfo) -> None:
        began = self._began.pop(info.job_id, None)
        state = self._engine.job(info.job_id)
        request = state.request
        if began is not None and isinstance(request, messages.Generate) and info.n_takes:
            sound_s = request.n_samples / request.sample_rate * info.n_takes
            pace = (time.monotonic() - began) / max(0.1, sound_s)
            self._pace[request.model, kind_of(state.device or request.device)] = pace

    def estimate_s(
        self, cue_ids: Iterable[str], device: str = "", n_takes: int = 0
    ) -> float | None:
        """Seconds that new takes of these cues will need, from the last job of this model.

        Args:
            cue_ids: the cues.
            device: where; empty for where the last job of this model ran.
            n_takes: of each; 0 for as many as the cue says.
        """
        model = self._work.model
        paces = [pace for (name, _where), pace in self._pace.items() if name == model]
        pace = self._pace.get((model, device)) if device else next(reversed(paces), None)
        if pace is None:
            return None
        cues = ((self._work.cue(c), n_takes or self._work.state(c).n_takes) for c in cue_ids)
        return pace * sum(float(cue.duration_s) * n for cue, n in cues if cue is not None)

    def _take_caption(self, info: JobInfo, event: messages.CaptionReady) -> None:
        if info.kind != "caption" and self._work.state(info.cue_id).caption:
            return  # the caption that is shown stays until another one is asked for
        others = tuple(text for text, _score in event.alternatives if text != event.caption)
        self._work.note(info.cue_id, caption=event.caption, alternatives=others)

    def _take_lane(self, info: JobInfo, lane: messages.SyncLane) -> None:
        state = self._work.state(info.cue_id)
        if info.kind != "spot" and state.hits is not None:
            return  # a lane the user has seen or made is not replaced behind their back
        cue = self._work.cue(info.cue_id)
        if cue is None:
            return
        lane = asking.without_handles(lane, cue, info.handle_frames)
        hits = tuple(Hit(time_s, strength) for time_s, strength in lane.hits)
        found = {"hits": hits, "spotted": hits, "intensity": lane.intensity}
        if info.kind == "spot" and state.hits is not None:
            again = {info.cue_id: found | {"hits_edited": False}}
            self._work.edit(_("Find hits again"), again)
        else:
            self._work.note(info.cue_id, **found, rate_hz=lane.rate_hz)

    def _adopt(self, info: JobInfo, event: TakeReady) -> None:
        """Have a take checked, levelled and stored by the helper; then it joins its cue."""
        work = self._work
        cue = work.cue(info.cue_id)
        job = self._engine.job(info.job_id)
        if cue is None or work.project is None or work.cut is None:
            return
        parent = work.take(info.parent)
        self._adopting[info.job_id] = self._adopting.get(info.job_id, 0) + 1
        self._background.ask(
            "adopt",
            {
                "event": dataclasses.asdict(event),
                "request": dataclasses.asdict(job.request),
                "device": job.device,
                "cue": cue_to_plain(cue),
                "takes": str(work.project.takes_folder),
                "handle_frames": info.handle_frames,
                "caption": work.state(cue.cue_id).caption,
                "parent": take_to_plain(parent) if parent else None,
                "project": work.cut.name,
                "drop": work.cut.drop,
            },
            lambda reply: self._on_adopted(info, cue, reply),
            on_error=lambda error: self._on_not_adopted(info, error),
        )

    def _on_adopted(self, info: JobInfo, cue: Cue, reply: dict[str, Any]) -> None:
        take = take_from_plain(reply["take"])
        add_take(self._work, cue, take, picture_key(cue))
        self._made.setdefault(info.job_id, []).append(take.take_id)
        self._adopted(info)
        self.cue_progressed.emit(info.cue_id)

    def _on_not_adopted(self, info: JobInfo, error: VattError) -> None:
        self._adopted(info)
        self._fail(info, error)
        self.cue_progressed.emit(info.cue_id)

    def _adopted(self, info: JobInfo) -> None:
        left = self._adopting.get(info.job_id, 0) - 1
        if left > 0:
            self._adopting[info.job_id] = left
        else:
            self._adopting.pop(info.job_id, None)
        self._clean(info)

    def _use_best(self, info: JobInfo) -> None:
        """When all takes of a job are there: use the best, unless the user has picked one."""
        made = self._made.pop(info.job_id, [])
        if len(made) > 1 and info.kind == "generate":
            use_best(self._work, info.cue_id, made)

    def _clean(self, info: JobInfo) -> None:
        """Remove what the engine handed over, once it is adopted: a reel would fill the disk."""
        if info.job_id not in self._jobs or info.job_id in self._adopting:
            return
        state = self._engine.job(info.job_id)
        if state.ended:
            self._use_best(info)
        if state.ended and isinstance(state.request, messages.Generate):
            shutil.rmtree(state.request.scratch, ignore_errors=True)

    def _fail(self, info: JobInfo, error: VattError) -> None:
        self.failures[info.cue_id] = error
        state = self._engine.job(info.job_id)
        self._work.tell(failure_notice(self._work, self, info, state, error))

    def _on_jobs_changed(self) -> None:
        if not self._due.isActive():
            self._due.start()

    def _on_due(self) -> None:
        ended = [info.job_id for info, state in self.table() if state.ended]
        for job_id in ended[N_ENDED:]:
            self.forget(job_id)
        self.changed.emit()
