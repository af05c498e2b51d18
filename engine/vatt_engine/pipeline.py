"""VATT from end to end: a picture and perhaps a prompt in; a caption, a sync lane and takes out.

``VATT`` answers the requests of ``messages`` with events, one after the other; it knows nothing of
the wire. By default takes are made one by one, so that a take never depends on how many were asked
for with it: the same picture, words, seed, model and kind of device give the same bytes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor, isfinite
from pathlib import Path
from typing import Self

import torch

from vatt_engine.code_file import CodeFile, Codes, read_code_file, write_code_file
from vatt_engine.config import SamplerConfig
from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.media.picture import exact
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
from vatt_engine.motion import spot
from vatt_engine.rendering import Renderer
from vatt_engine.seeing import Report, Seen, look, summary_of
from vatt_engine.take_figures import measure_take
from vatt_engine.take_maker import TakeMaker
from vatt_engine.version import engine_version
from vatt_engine.windows import Shape, plan, window_step

_OVERLAP_S = 2
_SHORTEST_S = 2  # a net that has learnt windows of ten seconds says little in less
_MAX_TAKES = 100
_SAMPLE_RATES = (8_000, 192_000)
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
        self._seen: OrderedDict[tuple[object, ...], Seen] = OrderedDict()

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, device: str = "auto") -> Self:
        """Load an installed model by name or folder; see ``model_folder.load_model``."""
        return cls(load_model(name_or_folder, device))

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
            ``CaptionReady`` if there was no prompt, ``LaneReady`` if there is a lane, and a
            ``TakeReady`` for each take. For ``Caption``: ``CaptionReady``. For ``Spot``:
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
        self._seen[key] = seen
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return seen

    def caption(
        self, seen: Seen, n: int = 3, seed: int = 0, report: Report = silent
    ) -> list[tuple[str, float]]:
        """What the picture should sound like: up to ``n`` (text, score), the best guess first."""
        video = torch.from_numpy(summary_of(seen, self.model.config)).to(self.model.device)
        return self.model.converter.caption(
            video,
            torch.Generator().manual_seed(seed),
            n,
            lambda done, total: report("caption", done, total),
        )

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
        job = _Job.of(request, self.renderer(request.sample_rate), self.model)
        seen = self.see(request.picture, report, small=small)
        yield from _notes(seen)
        prompt = request.prompt
        if prompt is None:
            captions = self.caption(seen, 1, request.seed, report)
            yield _caption_ready(request.job_id, captions)
            prompt = captions[0][0] if captions else ""
        found = self.lane(seen)
        lane = {"auto": found, "off": None, "lane": request.lane}[request.sync]
        if lane is not None:
            yield LaneReady(request.job_id, lane)
        maker = TakeMaker(
            self.model,
            seen,
            job.n_frames,
            prompt=prompt.strip() or None,
            negative=request.negative.strip() or None,
            lane=lane,
            sampler=job.sampler,
        )
        windows = plan(job.n_frames, job.begin, job.end, self.shape)
        known = None if job.held is None else job.held.current
        batch = 1 if small else self._max_batch
        for first in range(0, request.takes, batch):
            indices = range(first, min(request.takes, first + batch))

            def on_step(done: int, total: int, first: int = first, n: int = len(indices)) -> None:
                report("sampling", first * total + n * done, request.takes * total)

            seeds = [request.seed + index for index in indices]
            for index, codes in zip(
                indices, maker.make(windows, seeds, known, on_step), strict=True
            ):
                take = self._write(job, index, codes, seen, lane or found, report)
                yield replace(take, prompt=prompt)

    def _write(
        self, job: _Job, index: int, codes: Codes, seen: Seen, lane: SyncLane, report: Report
    ) -> TakeReady:
        """Put a take's sound and codes into the scratch folder and measure it."""
        request, take = job.request, job.code_file(codes)
        # A job id is the client's; it must not lead out of the scratch folder.
        stem = f"{re.sub('[^A-Za-z0-9_-]', '_', request.job_id) or 'take'}-{index}"
        wav_path = Path(request.scratch) / f"{stem}.wav"
        codes_path = Path(request.scratch) / f"{stem}.safetensors"
        silent_from = None
        if seen.ends_early_s is not None:
            silent_from = round(seen.ends_early_s * request.sample_rate)
        sha256 = job.renderer.write(
            wav_path,
            take,
            silent_from,
            lambda done, total: report("codec", index * total + done, request.takes * total),
        )
        write_code_file(codes_path, take)
        figures = measure_take(wav_path, lane, lambda: report("writing", index, request.takes))
        report("writing", index + 1, request.takes)
        missing_s = sum(b - a for a, b in seen.missing_s)
        return TakeReady(
            job_id=request.job_id,
            index=index,
            seed=request.seed + index,
            wav_path=str(wav_path),
            codes_path=str(codes_path),
            wav_sha256=sha256,
            n_samples=request.n_samples,
            sample_rate=request.sample_rate,
            sync=figures.sync,
            lag_s=figures.lag_s,
            figures={**figures.numbers, "picture_missing_s": round(missing_s, 3)},
            model=self.model.config.name,
            model_hash=self.model.model_hash,
            engine_version=engine_version(),
        )


@dataclass(frozen=True)
class _Job:
    """A checked ``Generate`` request.

    Attributes:
        held: the earlier take whose span is made anew, or None.
        n_frames: code frames of the cue.
        begin: first code frame to make.
        end: one past the last.
    """

    request: Generate
    renderer: Renderer
    sampler: SamplerConfig
    held: CodeFile | None
    n_frames: int
    begin: int
    end: int
    model_hash: str

    @classmethod
    def of(cls, request: Generate, renderer: Renderer, model: Model) -> Self:
        """Check a request.

        Raises:
            BadRequest: what is wrong, and what is allowed.
        """
        low, high = _SAMPLE_RATES
        _require(low <= request.sample_rate <= high, f"sample_rate {request.sample_rate} Hz")
        _require(request.n_samples > 0, f"n_samples {request.n_samples}")
        _require(1 <= request.takes <= _MAX_TAKES, f"takes {request.takes}; 1 to {_MAX_TAKES}")
        _require(0 <= request.seed < 1 << 62, f"seed {request.seed}; 0 to 2**62")
        _require(request.sync in ("auto", "off", "lane"), f"sync {request.sync!r}; auto, off, lane")
        _require(request.sync != "lane" or request.lane is not None, "sync 'lane' without a lane")
        _require(Path(request.scratch).is_dir(), f"scratch {request.scratch!r}: no such folder")
        n_frames = renderer.n_frames(request.n_samples)
        held, begin, end = None, 0, n_frames
        if request.held is not None:
            held = read_code_file(Path(request.held.codes_path))
            _check_held(held, request, n_frames, model)
            begin, end = _span(request.held.start_s, request.held.end_s, renderer, n_frames)
        sampler = _sampler(model.config.sampler, request)
        return cls(request, renderer, sampler, held, n_frames, begin, end, model.model_hash)

    def code_file(self, codes: Codes) -> CodeFile:
        """What is stored for a take with these codes [K, T]."""
        if self.held is not None:
            return self.held.patched(self.renderer.patch(codes, self.begin, self.end))
        request = self.request
        return CodeFile(codes, (), request.n_samples, request.sample_rate, self.model_hash)


def _require(good: bool, what: str) -> None:
    if not good:
        raise BadRequest(f"A generate request asks for what cannot be: {what}.")


def _check_held(held: CodeFile, request: Generate, n_frames: int, model: Model) -> None:
    hint = "Generate a whole new take instead of a span."
    if held.model_hash != model.model_hash:
        raise BadRequest("The earlier take was made by another model.", hint)
    if (held.n_samples, held.sample_rate) != (request.n_samples, request.sample_rate):
        raise BadRequest(
            f"The earlier take is {held.n_samples} samples long at {held.sample_rate} Hz, the clip"
            f" {request.n_samples} at {request.sample_rate} Hz.",
            hint,
        )
    audio = model.config.audio
    shape_fits = held.codes.shape == (audio.n_codebooks, n_frames)
    parts = [held.codes, *(patch.codes for patch in held.patches)]
    if not shape_fits or any(p.min() < 0 or p.max() >= audio.codebook_size for p in parts):
        raise BadRequest("The earlier take's codes are damaged.", hint)


def _span(start_s: float, end_s: float, renderer: Renderer, n_frames: int) -> tuple[int, int]:
    """Code frames that a span touches."""
    _require(isfinite(start_s) and isfinite(end_s), "a span that is not finite")
    begin = max(0, floor(exact(start_s) * renderer.frame_rate))
    end = min(n_frames, ceil(exact(end_s) * renderer.frame_rate))
    _require(begin < end, f"a span from {start_s} s to {end_s} s, which holds nothing of the take")
    return begin, end


def _sampler(default: SamplerConfig, request: Generate) -> SamplerConfig:
    """The model's sampler with what the request changes."""
    try:
        return replace(
            default,
            steps=default.steps if request.steps is None else request.steps,
            cfg=default.cfg if request.cfg is None else request.cfg,
        )
    except BadModelFolder as error:
        raise BadRequest(error.message) from None


def _notes(seen: Seen) -> Iterator[Event]:
    for note in seen.notes:
        yield Log("WARNING", note.message)


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
