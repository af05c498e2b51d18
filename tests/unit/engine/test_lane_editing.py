"""Bumps of the intensity go along with the hits that are moved."""

from __future__ import annotations

import math

import pytest

from vatt_engine.lane_editing import followed, spliced
from vatt_engine.messages import SyncLane

RATE = 50.0


def spotted(*hits: tuple[float, float], floor: float = 0.0, seconds: float = 4.0) -> SyncLane:
    """A lane whose intensity rings on after each hit, above something that lasts."""
    curve = [floor] * round(seconds * RATE)
    for at, strength in hits:
        k = round(at * RATE)
        for i in range(k, min(k + 25, len(curve))):
            curve[i] = max(curve[i], floor + strength * 0.7 * math.exp(-(i - k) / 5))
    return SyncLane(hits, tuple(curve), RATE)


def test_a_moved_hit_takes_its_bump_along_and_leaves_what_lasts() -> None:
    lane = spotted((1.0, 0.8), (2.0, 0.6), (3.0, 0.9), floor=0.1)
    moved = SyncLane(((1.0, 0.8), (2.3, 0.6), (3.0, 0.9)), lane.intensity, RATE)
    curve = followed(moved, lane.hits).intensity
    assert max(curve[98:114]) < 0.15
    assert curve[115] == pytest.approx(lane.intensity[100], abs=0.03)
    assert curve[:98] == lane.intensity[:98]
    assert curve[148:] == lane.intensity[148:]


def test_a_hit_moved_past_another_leaves_the_other_alone() -> None:
    lane = spotted((1.0, 0.8), (1.5, 0.6))
    moved = SyncLane(((1.5, 0.6), (2.0, 0.4)), lane.intensity, RATE)
    curve = followed(moved, lane.hits).intensity
    assert max(curve[50:70]) < 0.1
    assert curve[75:90] == lane.intensity[75:90]
    assert curve[100] == pytest.approx(0.4 * 0.7, abs=0.03)  # softer now, and so is its bump


def test_a_removed_hit_is_silent_and_an_added_one_has_nothing_to_take() -> None:
    lane = spotted((1.0, 0.8), (2.0, 0.6))
    removed = followed(SyncLane(((2.0, 0.6),), lane.intensity, RATE), lane.hits)
    assert max(removed.intensity[45:95]) < 0.1
    added = SyncLane((*lane.hits, (3.0, 0.5)), lane.intensity, RATE)
    assert followed(added, lane.hits) == added


def test_a_lane_that_was_not_edited_stays_as_it_was() -> None:
    lane = spotted((1.0, 0.8), (2.0, 0.6), floor=0.3)
    assert followed(lane, lane.hits) == lane
    bare = SyncLane(((1.2, 0.8),))
    assert followed(bare, lane.hits) == bare
    steady = SyncLane(((1.5, 0.8),), (0.5,) * 200, RATE)
    assert followed(steady, ((1.0, 0.8),)) == steady


def test_hits_at_the_ends_and_beyond_do_no_harm() -> None:
    lane = spotted((0.0, 0.8), (3.99, 0.7))
    moved = SyncLane(((3.95, 0.8), (5.0, 0.7)), lane.intensity, RATE)
    curve = followed(moved, lane.hits).intensity
    assert len(curve) == len(lane.intensity)
    assert all(0 <= value <= 1 for value in curve)


def test_a_span_made_anew_has_its_own_moments_and_the_earlier_ones_around_it() -> None:
    earlier = spotted((0.5, 0.8), (1.5, 0.6), (3.0, 0.9))
    new = spotted((0.7, 0.4), (2.0, 0.5), floor=0.2)
    both = spliced(earlier, new, (1.0, 2.5))
    assert both.hits == ((0.5, 0.8), (2.0, 0.5), (3.0, 0.9))
    assert both.intensity[:50] == earlier.intensity[:50]
    assert both.intensity[50:125] == new.intensity[50:125]
    assert both.intensity[125:] == earlier.intensity[125:]
    alone = spliced(None, new, (1.0, 2.5))
    assert alone.hits == ((2.0, 0.5),)
    assert set(alone.intensity[:50] + alone.intensity[125:]) == {0.0}
