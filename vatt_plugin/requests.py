"""From a cue and the user's wishes to a request for the engine. Pure functions.

Times cross from exact fractions to floats here, at the engine's border, and nowhere else.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vatt_engine.messages import Generate, PictureSegment, SyncLane, TakeReady
from vatt_plugin.cues import OUTPUT_SAMPLE_RATE, Cue, Recipe, Take, samples_with_handles


@dataclass(frozen=True)
class Wish:
    """What the user wants for one cue.

    Attributes:
        prompt: None lets the engine caption the picture.
        captioned: the prompt is such a caption, not the user's own words.
        takes: how many; take ``i`` has seed ``seed + i``.
        sync: ``auto``, ``off`` or ``lane``, the latter with ``lane`` from the cue's first frame.
        handle_frames: extra timeline frames of sound at either end.
    """

    model: str
    device: str = "auto"
    prompt: str | None = None
    captioned: bool = False
    negative: str = ""
    takes: int = 1
    seed: int = 0
    steps: int | None = None
    cfg: float | None = None
    sync: str = "auto"
    lane: SyncLane | None = None
    handle_frames: int = 0


def generate_request(cue: Cue, wish: Wish, *, job_id: str = "", scratch: str = "") -> Generate:
    """The request that serves ``wish`` for ``cue``, exact to the sample."""
    return Generate(
        job_id=job_id,
        model=wish.model,
        device=wish.device,
        picture=picture_with_handles(cue, wish.handle_frames),
        n_samples=samples_with_handles(cue, wish.handle_frames),
        sample_rate=OUTPUT_SAMPLE_RATE,
        prompt=wish.prompt,
        captioned=wish.captioned,
        negative=wish.negative,
        takes=wish.takes,
        seed=wish.seed,
        steps=wish.steps,
        cfg=wish.cfg,
        sync=wish.sync,
        lane=lane_with_handles(wish.lane, Fraction(wish.handle_frames) / cue.fps),
        handle_s=float(Fraction(wish.handle_frames) / cue.fps),
        scratch=scratch,
    )


def recipe(
    request: Generate,
    ready: TakeReady,
    handle_frames: int,
    *,
    made_on: str = "",
    parent: Take | None = None,
) -> Recipe:
    """What makes the take ``ready`` again.

    Args:
        request: what was asked for.
        ready: what came of it.
        handle_frames: extra timeline frames of sound at either end.
        made_on: the device that the engine has told.
        parent: the take of which ``request`` holds all but a span.
    """
    batch = int(ready.figures.get("batch", 0)) if "batch_first" in ready.figures else 0
    first = int(ready.figures.get("batch_first", 0))
    made = Recipe(
        model=ready.model or request.model,
        model_hash=ready.model_hash,
        engine_version=ready.engine_version,
        device=request.device,
        prompt=request.prompt,
        captioned=request.captioned,
        negative=request.negative,
        seed=ready.seed,
        steps=request.steps,
        cfg=request.cfg,
        sync=request.sync,
        lane=request.lane,
        handle_frames=handle_frames,
        precision=ready.precision,
        made_on=made_on,
        threads=ready.threads,
        batch=batch,
        batch_seed=request.seed + first if batch else 0,
    )
    held = request.held
    if held is None or parent is None:
        return made
    earlier = dataclasses.replace(parent.recipe, made_from=())
    return dataclasses.replace(
        made,
        span=(held.start_s - request.handle_s, held.end_s - request.handle_s),
        parent_take=parent.take_id,
        made_from=(*parent.recipe.made_from, earlier),
    )


def picture_with_handles(cue: Cue, handle_frames: int) -> tuple[PictureSegment, ...]:
    """The cue's picture, continued in its own media at either end.

    What lies before a media file's first frame is black; past its end the engine sees what the
    decoder has, which is nothing.
    """
    if handle_frames == 0 or not cue.picture:
        return cue.picture
    handle_s = float(Fraction(handle_frames) / cue.fps)
    first, last = cue.picture[0], cue.picture[-1]
    return (*_before(first, handle_s), *cue.picture, _after(last, handle_s))


def request_key(request: Generate, model_hash: str, cue: Cue) -> str:
    """Hash over everything that decides how the takes of a request sound.

    A media file counts by path, size and time of change, so a new render of a shot is noticed
    without reading it.
    """
    facts: dict[str, Any] = dataclasses.asdict(dataclasses.replace(request, job_id="", scratch=""))
    del facts["handle_s"]  # told by cue and length; keys stay those of takes made before it was
    facts["cue"] = cue.cue_id
    facts["model_hash"] = model_hash
    media = {segment.media for segment in request.picture} - {""}  # black, and no file
    facts["media"] = [_identity(path) for path in sorted(media)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _before(first: PictureSegment, handle_s: float) -> list[PictureSegment]:
    if not first.media or first.time_scalar == 0:
        return [dataclasses.replace(first, duration_s=handle_s)]
    start_s = first.start_s - handle_s * first.time_scalar
    if start_s >= 0:
        return [dataclasses.replace(first, start_s=start_s, duration_s=handle_s)]
    missing_s = min(handle_s, -start_s / first.time_scalar)
    there_s = handle_s - missing_s
    black = PictureSegment("", 0.0, missing_s)
    there = dataclasses.replace(first, start_s=0.0, duration_s=there_s)
    return [black, there] if there_s > 1e-6 else [black]


def _after(last: PictureSegment, handle_s: float) -> PictureSegment:
    start_s = last.start_s + last.duration_s * last.time_scalar
    if start_s < 0:  # played backwards to its first frame and beyond
        return PictureSegment("", 0.0, handle_s)
    return dataclasses.replace(last, start_s=start_s, duration_s=handle_s)


def lane_with_handles(lane: SyncLane | None, handle_s: Fraction) -> SyncLane | None:
    """Shift a lane that counts from the cue's first frame to count from the first sample."""
    if lane is None or handle_s == 0:
        return lane
    n_pad = round(float(handle_s) * lane.rate_hz)
    padding = (0.0,) * n_pad if lane.intensity else ()
    return SyncLane(
        hits=tuple((time_s + float(handle_s), strength) for time_s, strength in lane.hits),
        intensity=(*padding, *lane.intensity, *padding),
        rate_hz=lane.rate_hz,
    )


def _identity(path: str) -> list[Any]:
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):
        return [path]
    return [path, facts.st_size, facts.st_mtime_ns]
