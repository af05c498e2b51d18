"""A sync lane made up from words, where no picture says when something sounds.

A model that was trained with a lane waits to be told when. Over a still picture, or with the lane
off, nobody tells it. So the moments are made up: the words say what sounds, how often, how fast and
how loud (``lane_words``), and a seed places it. Nothing of this has been seen; who uses such a lane
has to say so.

The same words, length and seed give the same lane, so a recipe need not carry it. Its intensity
looks as the model has learnt it: it rings after every event, and is flat under what lasts.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.lane_words import CALLS, Part
from vatt_engine.messages import Generate, SyncLane

RATE_HZ = 50.0
"""Of the intensity."""

Hit = tuple[float, float]

_BEATS: dict[str, tuple[float, float, int, float]] = {
    # seconds between events, most deviation (share), events in a row (0: endless), pause in s
    "footsteps": (0.56, 0.06, 0, 0.0),
    "horse_hooves": (0.32, 0.1, 0, 0.0),
    "ball_bounce": (0.62, 0.06, 0, 0.0),
    "door_knock": (0.27, 0.1, 4, 1.9),
    "typing": (0.15, 0.4, 7, 0.45),
    "clock_tick": (1.0, 0.0, 0, 0.0),
    "heartbeat": (0.3, 0.03, 2, 0.55),
    "hammer": (0.62, 0.1, 0, 0.0),
    "saw": (0.6, 0.06, 0, 0.0),
    "chop_wood": (1.4, 0.12, 0, 0.0),
    "dig": (1.7, 0.15, 0, 0.0),
    "pickaxe": (1.4, 0.12, 0, 0.0),
    "scissors": (0.5, 0.15, 0, 0.0),
    "water_drip": (0.9, 0.25, 0, 0.0),
    "eat": (0.6, 0.2, 0, 0.0),
}
_BEAT = (0.7, 0.12, 0, 0.0)
_LONG = {  # single events that last
    *("horse", "cat", "farm_animal", "animal", "effort", "laugh", "thunder", "creak", "bell"),
    *("door_creak", "door_open", "whoosh", "zipper", "tyre_skid", "vehicle_horn", "debris"),
    "explosion",
}

_LEAST_GAP_S = 0.06
_LAST_S = 0.25  # nothing begins so near to the end
_FADE_S = 0.4
_RING_S, _SOLE_RING_S, _LONG_RING_S = 0.12, 0.2, 0.5  # of one of many, of a single one
# Intensity of what lasts, for each unit of strength: alone, under events, under guessed ones.
# Events have to rise above it to be heard.
_LASTING, _UNDER, _GUESSED = 0.7, 0.45, 0.3
_VARIATION = 0.08  # of strengths, up and down
_STILL, _UNDER_S = 0.15, 0.1  # less intensity than this, so long after a hit, is nothing


@dataclass(frozen=True)
class Moments:
    """Where the events of the takes of one request may lie.

    Attributes:
        words: that they are made up from.
        parts: what ``lane_words.read`` found in them.
        duration_s: of a take.
        inside: seconds between which an event that comes only once or a few times has to lie.
        held_seed: of the earlier take whose moments a new span keeps; None for new moments.
    """

    words: str
    parts: tuple[Part, ...]
    duration_s: float
    inside: tuple[float, float]
    held_seed: int | None = None

    def lane(self, seed: int) -> SyncLane:
        """The lane of the take with a seed."""
        seed = seed if self.held_seed is None else self.held_seed
        return place(self.parts, self.duration_s, seed, self.inside)


def moments_of(
    words: str, parts: tuple[Part, ...], request: Generate, made_up: tuple[str, int] | None
) -> Moments:
    """What is made up for a request.

    A span of a take whose moments were made up from the same words keeps them. With other words
    the new events lie within the span, or nothing of them might be heard.

    Args:
        words: prompt or caption.
        parts: what ``lane_words.read`` found in them.
        request: for takes.
        made_up: words and seed of the earlier take, if it was made up.
    """
    duration_s = request.n_samples / request.sample_rate
    lead_s = min(max(request.handle_s, 0.0), 0.4 * duration_s)
    inside, held_seed = (lead_s, duration_s - lead_s), None
    if made_up is not None and made_up[0] == words:
        held_seed = made_up[1]
    elif request.held is not None:
        inside = (max(0.0, request.held.start_s), min(duration_s, request.held.end_s))
    return Moments(words, parts, duration_s, inside, held_seed)


def place(
    parts: Sequence[Part], duration_s: float, seed: int, inside: tuple[float, float] | None = None
) -> SyncLane:
    """The lane of one take; empty where there is nothing to place.

    Args:
        parts: what ``lane_words.read`` found.
        duration_s: of the take.
        seed: of the take; another one places everything elsewhere.
        inside: see ``Moments``; None for anywhere.
    """
    begin_s, end_s = inside or (0.0, duration_s)
    # Not of the length: a clip that is trimmed keeps its moments. Python promises that a seeded
    # random() stays the same from version to version.
    named = " ".join(part.category for part in parts)
    digest = hashlib.sha256(f"{seed} {named}".encode()).digest()
    chance = random.Random(int.from_bytes(digest[:8], "big"))
    curve = [0.0] * math.ceil(duration_s * RATE_HZ)
    hits: list[Hit] = []
    cursor_s = begin_s + _onset(end_s - begin_s, chance)
    alone = all(part.kind == "continuous" for part in parts)
    for part in parts:
        if part.kind in ("continuous", "unknown"):
            height = _GUESSED if part.kind == "unknown" else _LASTING if alone else _UNDER
            _lift_flat(curve, duration_s, height * part.strength)
        if part.kind == "continuous":
            continue
        if _is_endless(part):
            first_s = cursor_s if hits else cursor_s - begin_s  # it may sound in the handles too
            times = _until(first_s, duration_s - _LAST_S, _gaps(part, chance))
        else:
            n = part.count or 1
            times = _counted(cursor_s, n, begin_s, end_s, _gaps(part, chance))
            cursor_s = times[-1] + 0.7 + 0.6 * chance.random()
        own = [(round(t, 3), _varied(part.strength, chance)) for t in times]
        sole_s = _LONG_RING_S if part.category in _LONG else _SOLE_RING_S
        _lift_rings(curve, own, sole_s if len(own) == 1 else _RING_S)
        hits += own
    return SyncLane(_apart(hits), tuple(round(v, 4) for v in curve), RATE_HZ)


def rung(lane: SyncLane, duration_s: float) -> SyncLane:
    """The lane with something that rings on after hits that a user drew where nothing moves.

    Over no intensity at all a hit comes out faint (by 10 dB): no sound the model has learnt stops
    at once. Hits over any movement stay as they are.

    Args:
        lane: as the user made it.
        duration_s: of the take; what lies outside stays as it is.
    """
    rate_hz = lane.rate_hz if lane.intensity else RATE_HZ
    if not (math.isfinite(rate_hz) and rate_hz > 0):
        return lane
    n = len(lane.intensity) or math.ceil(duration_s * rate_hz)
    curve = [*lane.intensity] or [0.0] * n
    bare = [
        (at, strength)
        for at, strength in lane.hits
        if 0 <= at < min(duration_s, n / rate_hz)
        and max(curve[int(at * rate_hz) : int((at + _UNDER_S) * rate_hz) + 1]) < _STILL
    ]
    if not bare:
        return lane
    _lift_rings(curve, bare, _SOLE_RING_S if len(lane.hits) == 1 else _RING_S, rate_hz)
    return SyncLane(lane.hits, tuple(curve), rate_hz)


def _is_endless(part: Part) -> bool:
    """Whether its events go on until the take ends."""
    if part.count:
        return False
    return part.again or part.kind != "oneshot" or part.category in CALLS


def _onset(length_s: float, chance: random.Random) -> float:
    """When the first event comes: early, but not at once."""
    return (0.35 + 0.6 * chance.random()) * min(1.0, length_s / 4)


def _gaps(part: Part, chance: random.Random) -> Iterator[float]:
    """Seconds from each event of a part to the next, without end."""
    if part.kind != "rhythm":
        while True:
            yield part.pace * (0.7 + 0.6 * chance.random())
    family = CATEGORIES[part.category].family
    name = part.category if part.category in _BEATS else family
    period_s, deviation, row, pause_s = _BEATS.get(name, _BEAT)
    while True:
        n = row and max(2, row + int((chance.random() - 0.5) * (row - 1)))
        for _ in range(n - 1 if n and not part.count else 1):
            yield part.pace * period_s * (1 + deviation * (2 * chance.random() - 1))
        if n and not part.count:
            yield part.pace * pause_s * (0.75 + 0.5 * chance.random())


def _until(first_s: float, end_s: float, gaps: Iterator[float]) -> list[float]:
    """Events from the first until the end; the first at least."""
    times = [first_s]
    for gap_s in gaps:
        if times[-1] + gap_s > end_s:
            break
        times.append(times[-1] + gap_s)
    return times


def _counted(
    first_s: float, n: int, begin_s: float, end_s: float, gaps: Iterator[float]
) -> list[float]:
    """``n`` events between two bounds; closer together where they would not fit at their pace."""
    end_s = max(end_s - min(_LAST_S, 0.3 * (end_s - begin_s)), begin_s)
    times = [min(first_s, end_s)]
    while len(times) < n:
        times.append(times[-1] + next(gaps))
    if times[-1] <= end_s:
        return times
    first_s = min(times[0], begin_s + 0.3 * (end_s - begin_s)) if n > 1 else times[0]
    scale = (end_s - first_s) / (times[-1] - times[0])
    return [first_s + scale * (t - times[0]) for t in times]


def _varied(strength: float, chance: random.Random) -> float:
    varied = strength + _VARIATION * (2 * chance.random() - 1)
    return round(min(1.0, max(0.1, varied)), 3)


def _lift_flat(curve: list[float], duration_s: float, height: float) -> None:
    """Raise a curve to a level with soft ends."""
    fade_s = min(_FADE_S, duration_s / 4)
    for i, value in enumerate(curve):
        at = (i + 0.5) / RATE_HZ
        curve[i] = max(value, height * max(0.0, min(1.0, at / fade_s, (duration_s - at) / fade_s)))


def _lift_rings(
    curve: list[float], hits: Sequence[Hit], ring_s: float, rate_hz: float = RATE_HZ
) -> None:
    """Raise a curve to what rings on after hits."""
    for at_s, strength in hits:
        first = max(0, math.floor(at_s * rate_hz))
        for i in range(first, min(len(curve), first + 1 + round(6 * ring_s * rate_hz))):
            since_s = max(0.0, i / rate_hz - at_s)
            curve[i] = max(curve[i], strength * math.exp(-since_s / ring_s))


def _apart(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Hits in order, far enough apart to be told from each other."""
    kept: list[Hit] = []
    for hit in sorted(hits):
        if not kept or hit[0] - kept[-1][0] >= _LEAST_GAP_S:
            kept.append(hit)
    return tuple(kept)
