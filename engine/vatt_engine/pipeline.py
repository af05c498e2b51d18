"""VATT from end to end: a picture and perhaps a prompt in; a caption, a sync lane and takes out.

``VATT`` answers the requests of ``messages`` with events, one after the other; it knows nothing of
the wire. By default takes are made one by one, so that a take never depends on how many were asked
for with it: the same picture, words, seed, model and kind of device give the same bytes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Self

import torch

from vatt_engine.code_file import Codes
from vatt_engine.corpus.sound_families import family_of
from vatt_engine.evaluation.wording import category_of
from vatt_engine.following import follow
from vatt_engine.lane_words import NameOf, read
from vatt_engine.lanes import LANE_WIDTH
from vatt_engine.messages import (
    Caption,
    CaptionReady,
    Event,
    Generate,
    LaneReady,
    Log,
    PictureSegment,
    Spot,
    SyncLane,
    TakeReady,
)
from vatt_engine.model_folder import Model, load_model
from vatt_engine.nets.repertoire import also_said, captions, meant
from vatt_engine.rendering import Renderer
from vatt_engine.seeing import Report, Seen, look, summary_of
from vatt_engine.self_check import MAX_REDOS, SelfCheck, attempt_seed
from vatt_engine.spotting import spot
from vatt_engine.take_job import TakeJob
from vatt_engine.take_maker import TakeMaker
from vatt_engine.take_writer import OnStep, TakeWriter
from vatt_engine.windows import Shape, plan, window_step
from vatt_engine.worded_lane import Moments, moments_of

_OVERLAP_S = 2
_SHORTEST_S = 2  # a net that has learnt windows of ten seconds says little in less
_TAKES_AT_ONCE = 4  # on a GPU: beyond it, memory grows faster than speed
HEARD_AS = 'The prompt "{prompt}" is in words of your own; the model is told "{heard}".'
_TELLABLE = 60_000  # values of a lane, 20 minutes: a message has an end
_REMEMBERED = 4  # pictures: editors ask for a caption, takes and a span of the same cue in turn


def silent(stage: str, done: int, total: int | None) -> None:
    """The ``report`` of callers that do not care."""


class VATT:
    """A loaded model and what it can do with a cue."""

    def __init__(self, model: Model, max_batch: int = 1) -> None:
        """Take over a model.

        Args:
            model: ready to run.
            max_batch: takes made in one go. More is faster on a GPU, but there a take may then
                differ in its last bits from the same take made alone.
        """
        self.model = model
        self._max_batch = max_batch
        self._self_check: SelfCheck | None = None
        self._seen: OrderedDict[tuple[object, ...], Seen] = OrderedDict()

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, device: str = "auto") -> Self:
        """Load an installed model by name or folder; see ``model_folder.load_model``.

        On a GPU the takes of a request are made several at once; a CPU gains nothing by that.
        """
        model = load_model(name_or_folder, device)
        return cls(model, _TAKES_AT_ONCE if model.device.type == "cuda" else 1)

    def run(
        self, request: Generate | Caption | Spot, report: Report = silent, *, small: bool = False
    ) -> Iterator[Event]:
        """Answer a request.

        Args:
            request: what is wanted.
            report: called with (stage, done, total) again and again; may raise to stop.
            small: need as little memory as possible.

        Yields:
            A ``Log`` for each thing the user should know about the media. Then, for ``Generate``:
            ``CaptionReady`` if there was no prompt, a ``Log`` if the model is told more than the
            prompt, ``LaneReady`` if there is a lane of the picture or the user, a ``Log`` if there
            is nothing to hear or its moments are not the picture's, and a ``TakeReady`` for each
            take. For ``Caption``: ``CaptionReady``. For ``Spot``:
            ``LaneReady``.

        Raises:
            VattError: by name. Whatever ``report`` raises.
        """
        if isinstance(request, Generate):
            yield from self._generate(request, report, small=small)
        elif isinstance(request, Caption):
            seen = self.see(request.picture, report, small=small)
            yield from _notes(seen)
            captions = self.caption(seen, request.n, request.seed, report)
            yield _caption_ready(request.job_id, captions)
        else:
            seen = self.see(request.picture, report, motion_only=True)
            yield from _notes(seen)
            yield LaneReady(request.job_id, self.lane(seen))

    def see(
        self,
        segments: Sequence[PictureSegment],
        report: Report = silent,
        *,
        small: bool = False,
        motion_only: bool = False,
    ) -> Seen:
        """Look at a picture, or remember it from before if its files have not changed."""
        key = _picture_key(segments)
        remembered = self._seen.get(key)
        if remembered is not None and (motion_only or len(remembered.features)):
            self._seen.move_to_end(key)
            return remembered
        seen = look(segments, None if motion_only else self.model.visual, report, small=small)
        if not any(s.sequence for s in segments):  # one of many files may change unnoticed
            self._seen[key] = seen
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return seen

    def caption(
        self, seen: Seen, n: int = 3, seed: int = 0, report: Report = silent
    ) -> list[tuple[str, float]]:
        """What the picture should sound like: up to ``n`` (text, score), the best guess first."""
        model = self.model
        video = torch.from_numpy(summary_of(seen, model.config)).to(model.device)
        generator = torch.Generator().manual_seed(seed)

        def on_step(done: int, total: int) -> None:
            report("caption", done, total)

        if model.repertoire is None:
            return model.converter.caption(video, generator, n, on_step)
        return captions(model.converter, model.repertoire, video, generator, n, on_step)

    def heard(self, prompt: str) -> str:
        """What the model is told for a prompt: its words, and perhaps the name of a sound it knows.

        The user's words are never replaced, and takes tell what was added (``TakeReady.heard``).
        """
        words = prompt.strip()
        if not words or self.model.repertoire is None:
            return words
        also = also_said(self.model.converter, self.model.repertoire, family_of, words)
        return f"{words}, {also}" if also else words

    def lane(self, seen: Seen) -> SyncLane:
        """Where the picture hits, and how busy it is."""
        return spot(seen.motion)

    def renderer(self, sample_rate: int) -> Renderer:
        """What turns codes into WAVs of a sample rate."""
        return Renderer(self.model.codec, self.model.device, sample_rate)

    @property
    def shape(self) -> Shape:
        """What windows the net takes."""
        config = self.model.config
        frame_rate = Fraction(config.codec.sample_rate, config.codec.hop_length)
        fps = Fraction(config.visual.fps).limit_denominator(1001)
        window = config.audio.window_code_frames
        step = window_step(frame_rate, fps, config.converter.video_frames_a_token)
        step = step if step <= window // 4 else 1
        overlap = min(int(_OVERLAP_S * frame_rate), window // 3)
        shortest = min(window, int(_SHORTEST_S * frame_rate))
        return Shape(window, config.audio.fixed_window, overlap, step, shortest)

    def _generate(self, request: Generate, report: Report, *, small: bool) -> Iterator[Event]:
        job = TakeJob.of(request, self.renderer(request.sample_rate), self.model)
        seen = self.see(request.picture, report, small=small)
        yield from _notes(seen)
        prompt = request.prompt
        if prompt is None:
            captions = self.caption(seen, 1, request.seed, report)
            yield _caption_ready(request.job_id, captions)
            prompt = captions[0][0] if captions else ""
        heard = self.heard(prompt)
        if heard != prompt.strip():
            yield Log("INFO", HEARD_AS.format(prompt=prompt.strip(), heard=heard))
        found = self.lane(seen)
        lane = {"auto": found, "off": None, "lane": request.lane}[request.sync]
        if lane is not None:
            yield LaneReady(request.job_id, lane)
        made_up = partial(self._made_up, job, prompt)
        followed = follow(request, prompt, found, lane, made_up, self.name_of)
        maker = TakeMaker(
            self.model,
            seen,
            job.n_frames,
            prompt=heard or None,
            negative=request.negative.strip() or None,
            lane=followed.lane,
            sampler=job.sampler,
        )
        if followed.note is not None:
            yield followed.note
        moments, judged_by = followed.moments, lane or found
        words = None if moments is None else moments.words
        writer = TakeWriter(
            job, self.model, seen, judged_by, followed.wish, self._listener(), report, words
        )
        batch = 1 if small else self._max_batch
        for take in self._takes(job, maker, writer, moments, report, batch):
            yield replace(take, prompt=prompt, heard=heard)

    def _takes(
        self,
        job: TakeJob,
        maker: TakeMaker,
        writer: TakeWriter,
        moments: Moments | None,
        report: Report,
        batch: int,
    ) -> Iterator[TakeReady]:
        """Draw the takes of a request, ``batch`` at once, and finish them one by one."""
        request = job.request
        windows = plan(job.n_frames, job.begin, job.end, self.shape)
        known = None if job.held is None else job.held.current
        # What random weights make is always noise, so making it anew is idle; and a span is the
        # user's own repair of a take: what is wrong elsewhere in it stays.
        whole = job.held is None
        redos = MAX_REDOS if self.model.trained and whole else 0
        n_drafts = job.sampler.drafts if whole else 1
        for first in range(0, request.takes, batch):
            indices = range(first, min(request.takes, first + batch))

            def on_step(done: int, total: int, first: int = first, n: int = len(indices)) -> None:
                report("sampling", first * total + n * done, request.takes * total)

            seeds = [request.seed + index for index in indices]
            lanes = None if moments is None else [moments.lane(seed) for seed in seeds]
            tries = range(n_drafts)
            each = [attempt_seed(seed, n) if n else seed for seed in seeds for n in tries]
            along = None if lanes is None else [lane for lane in lanes for _ in tries]
            made = maker.make(windows, each, known, on_step, along)
            for number, index in enumerate(indices):
                drafts = made[number * n_drafts : (number + 1) * n_drafts]
                own = None if lanes is None else lanes[number : number + 1]

                def again(seed: int, on_step: OnStep, own: list[SyncLane] | None = own) -> Codes:
                    # What is faulty is made anew at the same moments.
                    return maker.make(windows, [seed], known, on_step, own)[0]

                take = writer.finish(index, drafts, again, redos)
                figures = {**take.figures, "batch": len(seeds), "batch_first": first}
                if own is not None:
                    figures |= {"made_up": 1.0, "made_up_hits": float(len(own[0].hits))}
                    take = replace(take, moments=_tellable(own[0]))
                yield replace(take, figures=figures)

    @property
    def name_of(self) -> NameOf:
        """Tells which known sound words mean: as the model reads them, if it can."""
        model = self.model
        if model.repertoire is None:
            return category_of
        return partial(meant, model.converter, model.repertoire, family_of)

    def _made_up(self, job: TakeJob, words: str) -> Moments | None:
        """Moments where nothing says when; None for no words, silence, or a model without lane."""
        model = self.model
        if model.config.audio.lane_width != LANE_WIDTH:
            return None
        parts = read(words, self.name_of)
        held = None if job.held is None else job.held.made_up
        return moments_of(words.strip(), parts, job.request, held) if parts else None

    def _listener(self) -> SelfCheck:
        if self._self_check is None:
            self._self_check = SelfCheck()
        return self._self_check


def _notes(seen: Seen) -> Iterator[Event]:
    for note in seen.notes:
        yield Log("WARNING", note.message, code=note.kind)


def _tellable(lane: SyncLane) -> SyncLane | None:
    """A lane that fits into a message; None for one of a film of an hour."""
    return lane if len(lane.intensity) <= _TELLABLE else None


def _caption_ready(job_id: str, captions: Sequence[tuple[str, float]]) -> CaptionReady:
    if not captions:
        return CaptionReady(job_id)
    return CaptionReady(job_id, *captions[0], tuple(captions[1:]))


def _picture_key(segments: Sequence[PictureSegment]) -> tuple[object, ...]:
    """Tells pictures apart, and a file from the same file written anew."""
    files: list[object] = []
    for media in dict.fromkeys(s.media for s in segments):
        try:
            status = Path(media).stat()
            files.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except (OSError, ValueError):
            files.append(None)
    return (*segments, *files)
