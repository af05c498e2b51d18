"""What an edited hit takes along: the intensity of a sync lane follows its hits.

A spotter writes a hit and, in the intensity, the bump of what it rings on. A user who drags the hit
means both. Left behind, the bump sounds where nothing hits any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vatt_engine.messages import SyncLane

LEAD_S = 0.08
"""How long before its hit a bump may begin to rise."""

RING_S = 0.6
"""How long after its hit a bump may ring."""

_SAME_S = 0.012  # nearer than that is the same hit

Hits = Sequence[tuple[float, float]]


def followed(lane: SyncLane, spotted: Hits) -> SyncLane:
    """The lane with the bumps of its intensity where its hits are now.

    Bumps of spotted hits that are gone are taken out, down to what lasts beneath them. A hit that
    is new gets the bump of the nearest one gone, scaled by strength: that is what moving a hit
    looks like. Without one it gets none, and sounds by the hit alone. Other times stay as they are.

    Args:
        lane: hits as edited, intensity as spotted.
        spotted: (time_s, strength) of the hits that the intensity was made with, ascending.
    """
    gone = [h for h in spotted if not _near(h[0], lane.hits)]
    new = [h for h in lane.hits if not _near(h[0], spotted)]
    if not gone or not lane.intensity:
        return lane
    curve = list(lane.intensity)
    bumps = {}
    for at, strength in gone:
        first, bump = _bump(curve, at, lane.rate_hz, [t for t, _ in spotted if t != at])
        for i, height in enumerate(bump):
            curve[first + i] -= height
        if strength > 0:
            bumps[at] = (first - round(at * lane.rate_hz), [b / strength for b in bump])
    for at, strength in sorted(new, key=lambda h: _distance(h[0], bumps)):
        if not bumps:
            break
        offset, bump = bumps.pop(min(bumps, key=lambda t: abs(t - at)))
        first = round(at * lane.rate_hz) + offset
        for i, height in enumerate(bump):
            if 0 <= first + i < len(curve):
                curve[first + i] = min(1.0, curve[first + i] + strength * height)
    return SyncLane(lane.hits, tuple(curve), lane.rate_hz)


def spliced(outside: SyncLane | None, inside: SyncLane, span: tuple[float, float]) -> SyncLane:
    """A lane of two takes: of the new one within a span, of the earlier one around it.

    Args:
        outside: of the earlier take; None for no hits.
        inside: of the new take.
        span: what was made anew, seconds.
    """
    start_s, end_s = span
    earlier = outside or SyncLane((), (), inside.rate_hz)
    kept = [hit for hit in earlier.hits if not start_s <= hit[0] < end_s]
    hits = sorted([*kept, *(hit for hit in inside.hits if start_s <= hit[0] < end_s)])
    curve = list(inside.intensity)
    for i in range(len(curve)):
        at = i / inside.rate_hz
        if not start_s <= at < end_s:
            there = round(at * earlier.rate_hz)
            curve[i] = earlier.intensity[there] if there < len(earlier.intensity) else 0.0
    return SyncLane(tuple(hits), tuple(curve), inside.rate_hz)


def _near(at: float, hits: Hits) -> bool:
    return any(abs(t - at) <= _SAME_S for t, _ in hits)


def _distance(at: float, times: Iterable[float]) -> float:
    return min((abs(t - at) for t in times), default=0.0)


def _bump(
    curve: Sequence[float], at: float, rate_hz: float, others: Sequence[float]
) -> tuple[int, list[float]]:
    """Where the bump of a hit begins in a curve, and its height above what lasts beneath it.

    It ends where the curve rises again, or by the next hit.
    """
    top = min(max(round(at * rate_hz), 0), len(curve) - 1)
    lead, ring = round(LEAD_S * rate_hz), round(RING_S * rate_hz)
    before = max((round(t * rate_hz) for t in others if t < at), default=-1)
    after = min((round(t * rate_hz) for t in others if t > at), default=len(curve))
    # The highest point lies on the hit or right behind it.
    last_top = min(top + lead, after - 1, len(curve) - 1)
    top = max(range(top, max(last_top, top) + 1), key=lambda i: curve[i])
    first = top
    while first > max(0, before + 1, top - 2 * lead) and curve[first - 1] <= curve[first]:
        first -= 1
    last = top
    while last < min(len(curve) - 1, after - 1, top + ring) and curve[last + 1] <= curve[last]:
        last += 1
    floor = (curve[first], curve[last])
    n = max(1, last - first)
    line = [floor[0] + (floor[1] - floor[0]) * i / n for i in range(last - first + 1)]
    return first, [max(0.0, c - f) for c, f in zip(curve[first : last + 1], line, strict=True)]
