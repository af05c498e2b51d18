"""From a take on a timeline to the recipe of another one: other words, other hits, a span anew.

Pure functions but for the reading of two WAVs; times are seconds from the take's first sample
unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from vatt_engine.lane_editing import followed
from vatt_engine.messages import SyncLane
from vatt_plugin.cues import Recipe, Take
from vatt_plugin.errors import NoSuchHit

NEAR_S = 0.1
"""A hit so near to the time that was named is the one that is meant."""
STRENGTH = 0.8
"""Of a hit that is added without saying how strong."""
_BLOCK = 1 << 16


@dataclass(frozen=True)
class HitEdit:
    """One change of the lane: move a hit from ``at_s`` to ``to_s``, add one, or drop one."""

    kind: Literal["move", "add", "drop"]
    at_s: float
    to_s: float = 0.0
    strength: float = STRENGTH


@dataclass(frozen=True)
class Changes:
    """What the next take shall have otherwise; None keeps what the take has.

    Attributes:
        prompt, negative, seed: as in a recipe.
        lane: hits as edited.
        span: make only this anew, seconds from the cue's first frame; None for the whole take.
    """

    prompt: str | None = None
    negative: str | None = None
    seed: int | None = None
    lane: SyncLane | None = None
    span: tuple[float, float] | None = None


def changed(take: Take, changes: Changes, used_seeds: Iterable[int]) -> Recipe:
    """The recipe of a further take.

    A whole take is made by the words of the whole take before it, also where a span of that was
    made anew by others since. A lane that was edited stays.

    Args:
        take: what it starts from, with its chain.
        changes: what is to be otherwise.
        used_seeds: of the clip's takes; without a wish the next one is taken.
    """
    last = take.recipe
    first = (*last.made_from, last)[0]
    words = last if changes.span is not None else first
    prompt, captioned = words.prompt, words.captioned
    if changes.prompt is not None:
        prompt, captioned = changes.prompt, False
    elif prompt is None and take.caption:
        prompt, captioned = take.caption, True
    lane = changes.lane or last.lane
    seed = changes.seed
    if seed is None:
        seed = max([last.seed, *used_seeds]) + 1
    return replace(
        last,
        prompt=prompt,
        captioned=captioned,
        negative=words.negative if changes.negative is None else changes.negative,
        seed=seed,
        sync="lane" if lane is not None else last.sync,
        lane=lane,
        span=changes.span,
        parent_take="" if changes.span is None else take.take_id,
        made_from=(),
        batch=0,
        batch_seed=0,
    )


def with_hits(
    lane: SyncLane,
    edits: Sequence[HitEdit],
    say: Callable[[float], str] = "{:.2f} s".format,
    shown: Callable[[float], bool] = lambda _: True,
) -> SyncLane:
    """A lane with its hits edited; its intensity goes with them, as in the panel.

    Args:
        lane: as found or drawn before.
        edits: in any order; they name hits as they are in ``lane``.
        say: how a time is told to the user.
        shown: whether a hit at a time can be meant; those of handles cannot.

    Raises:
        NoSuchHit: none lies near a time that was named.
    """
    left = [hit for hit in lane.hits if shown(hit[0])]
    kept, new = [hit for hit in lane.hits if hit not in left], []
    for edit in edits:
        if edit.kind == "add":
            new.append((edit.at_s, edit.strength))
            continue
        hit = min(left, key=lambda each: abs(each[0] - edit.at_s), default=None)
        if hit is None or abs(hit[0] - edit.at_s) > NEAR_S:
            nearest = f"the nearest is at {say(hit[0])}" if hit else "there is no hit at all"
            raise NoSuchHit(
                f"There is no hit near {say(edit.at_s)}; {nearest}.",
                "`vatt rework ... --dry-run` lists the hits of a take.",
            )
        left.remove(hit)
        if edit.kind == "move":
            new.append((edit.to_s, hit[1]))
    hits = tuple(sorted([*kept, *left, *new]))
    return followed(SyncLane(hits, lane.intensity, lane.rate_hz), lane.hits)


def differing(one: Path, other: Path) -> tuple[float, float] | None:
    """From where to where two sounds of one length differ, in seconds; None if nowhere.

    Raises:
        OSError, soundfile.LibsndfileError: one cannot be read.
    """
    first = last = -1
    with soundfile.SoundFile(one) as a, soundfile.SoundFile(other) as b:
        if (a.frames, a.channels) != (b.frames, b.channels):
            return 0.0, max(a.frames, b.frames) / a.samplerate
        at, rate = 0, a.samplerate
        blocks = (each.blocks(_BLOCK, dtype="int32", always_2d=True) for each in (a, b))
        for x, y in zip(*blocks, strict=True):
            found = np.flatnonzero((x != y).any(axis=1))
            if len(found):
                first = at + int(found[0]) if first < 0 else first
                last = at + int(found[-1])
            at += len(x)
    return None if first < 0 else (first / rate, (last + 1) / rate)
