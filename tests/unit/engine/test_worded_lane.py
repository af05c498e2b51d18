"""Moments made up from words: how many, how fast, where; none where nothing is to be heard."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from functools import partial
from typing import Any

import pytest

from vatt_engine.corpus.sound_families import family_of
from vatt_engine.evaluation.wording import category_of
from vatt_engine.lane_words import Part, read
from vatt_engine.messages import Generate, HeldTake, SyncLane
from vatt_engine.model_folder import load_model
from vatt_engine.nets.repertoire import meant
from vatt_engine.worded_lane import moments_of, place, rung

SECONDS = 6.0


def lane_of(words: str, seed: int = 1, seconds: float = SECONDS) -> SyncLane:
    return place(read(words, category_of), seconds, seed)


def times(lane: SyncLane) -> list[float]:
    return [at for at, _ in lane.hits]


def period(words: str) -> float:
    at = times(lane_of(words))
    return statistics.median(b - a for a, b in itertools.pairwise(at))


def test_a_single_event_comes_once_early_but_not_at_once_and_rings() -> None:
    for seed in range(40):
        lane = lane_of("glass shattering", seed)
        ((at, strength),) = lane.hits
        assert 0.2 < at < 2.0
        assert 0.7 < strength <= 1
        assert len(lane.intensity) == SECONDS * lane.rate_hz
        assert max(lane.intensity[: int(at * 50)], default=0.0) == 0
        assert max(lane.intensity) == pytest.approx(strength, abs=0.1)
        assert lane.intensity[int(at * 50) + 100] < 0.01


@pytest.mark.parametrize(
    ("words", "n"),
    [
        ("three knocks on a door", 3),
        ("knocking on a door, twice", 2),
        ("glass shattering once", 1),
        ("a dog barks once", 1),
        ("two dogs barking", 2),
        ("a single footstep on gravel", 1),
        ("footsteps on stone, 4 steps", 4),
        ("a couple of gunshots", 2),
        ("distant gunshots", 3),
        ("several explosions", 4),
    ],
)
def test_counts_in_words_are_kept_at_any_length(words: str, n: int) -> None:
    for seconds in (1.5, 6.0, 90.0):
        at = times(lane_of(words, seconds=seconds))
        assert len(at) == n
        assert at[-1] < seconds


def test_a_beat_goes_on_to_the_end_at_the_pace_of_the_words() -> None:
    at = times(lane_of("footsteps on gravel"))
    assert at[0] < 1.5
    assert at[-1] > SECONDS - 1
    plain = period("footsteps on gravel")
    assert 0.45 < plain < 0.7
    assert period("slow footsteps on gravel") > 1.3 * plain
    assert period("footsteps on gravel, fast") < 0.75 * plain
    assert period("running footsteps on gravel") < 0.75 * plain
    assert period("a clock ticking") == pytest.approx(1.0, abs=0.01)


def test_what_lasts_has_no_hits_and_soft_ends() -> None:
    lane = lane_of("rain falling")
    assert lane.hits == ()
    middle = lane.intensity[50:-50]
    assert set(middle) == {max(lane.intensity)}
    assert 0.55 < middle[0] < 0.65
    assert lane.intensity[0] < 0.1
    assert lane.intensity[-1] < 0.1
    assert max(lane_of("heavy rain falling").intensity) > middle[0]
    assert max(lane_of("soft rain falling").intensity) < middle[0]


def test_sounds_that_are_named_together_share_the_lane_in_their_order() -> None:
    both = lane_of("a door slams and rain falls")
    assert len(both.hits) == 1
    assert 0.3 < min(both.intensity[50:-50]) < 0.5, "the slam has to be heard in the rain"
    at = times(lane_of("a door opens, then footsteps on a wooden floor"))
    assert len(at) > 4
    assert at[1] - at[0] > 0.6, "the door comes first"


def test_words_that_name_nothing_known_get_a_modest_mixture() -> None:
    lane = lane_of("xyzzy")
    assert 3 <= len(lane.hits) <= 7
    assert 0.2 < min(lane.intensity[50:-50]) < 0.4


@pytest.mark.parametrize(
    "words", ["", " ", "silence", "Total silence.", "nothing", "room tone", "no footsteps", ", ."]
)
def test_silence_has_no_moments(words: str) -> None:
    assert read(words, category_of) == ()


def test_what_is_said_not_to_sound_gets_no_moments() -> None:
    assert [part.category for part in read("rain falling, no thunder", category_of)] == ["rain"]


def test_places_and_qualities_belong_to_what_they_follow() -> None:
    (part,) = read("footsteps on gravel, slow, in a hall", category_of)
    assert (part.category, part.pace > 1) == ("footstep_gravel", True)


def test_the_same_seed_repeats_and_another_one_places_elsewhere() -> None:
    assert lane_of("footsteps on gravel") == lane_of("footsteps on gravel")
    assert lane_of("footsteps on gravel") != lane_of("footsteps on gravel", seed=2)
    longer = times(lane_of("footsteps on gravel", seconds=SECONDS + 1))
    assert longer[:8] == times(lane_of("footsteps on gravel"))[:8], "trimming moves nothing"
    # Recorded: takes of older versions must come out again bit for bit.
    assert lane_of("glass shattering", 7).hits == ((0.931, 0.933),)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.5, 3600.0])
@pytest.mark.parametrize("words", ["glass shattering", "typing", "rain falling", "twelve gunshots"])
def test_any_length_is_served(words: str, seconds: float) -> None:
    lane = lane_of(words, seconds=seconds)
    at = times(lane)
    assert at == sorted(at)
    assert all(0 <= t < seconds for t in at)
    assert all(0 <= v <= 1 for v in lane.intensity)
    assert "rain" in words or at


def request(**changes: Any) -> Generate:
    return dataclasses.replace(Generate(n_samples=6 * 48_000, prompt="a gunshot"), **changes)


ONCE = (Part("gunshot", "oneshot", 1),)


def test_a_single_event_is_not_put_into_the_handles() -> None:
    for seed in range(30):
        moments = moments_of("a gunshot", ONCE, request(handle_s=2.0), None)
        ((at, _),) = moments.lane(seed).hits
        assert 2.0 < at < 4.0


def test_a_span_keeps_the_moments_of_its_take_unless_its_words_are_others() -> None:
    first = moments_of("a gunshot", ONCE, request(), None).lane(3)
    span = request(seed=9, held=HeldTake("codes", 4.0, 5.0))
    assert moments_of("a gunshot", ONCE, span, ("a gunshot", 3)).lane(9) == first
    ((at, _),) = moments_of("a gunshot", ONCE, span, ("rain", 3)).lane(9).hits
    assert 4.0 < at < 5.0
    ((at, _),) = moments_of("a gunshot", ONCE, span, None).lane(9).hits
    assert 4.0 < at < 5.0


def test_hits_drawn_where_nothing_moves_ring_on_and_others_stay_as_they_are() -> None:
    still, moving = (0.0,) * 100, (0.3,) * 100
    lane = rung(SyncLane(((0.5, 0.8),), still), 2.0)
    assert lane.hits == ((0.5, 0.8),)
    assert lane.intensity[25] == pytest.approx(0.8)
    assert lane.intensity[24] == 0
    assert 0 < lane.intensity[50] < 0.1
    assert max(rung(SyncLane(((0.5, 0.8),)), 2.0).intensity) == pytest.approx(0.8)
    made = lane_of("footsteps on gravel")
    for same in (SyncLane(((0.5, 0.8),), moving), SyncLane((), still), made):
        assert rung(same, SECONDS) == same


@pytest.mark.parametrize("odd", [(float("nan"), 1.0), (-1.0, 1.0), (1e12, 1.0), (9.0, 1.0)])
def test_odd_hits_are_left_to_who_checks_lanes(odd: tuple[float, float]) -> None:
    lane = SyncLane((odd,))
    assert rung(lane, 2.0) is lane
    short = SyncLane(((0.5, 1.0),), (0.0,))  # its curve has ended by then
    assert rung(short, 2.0) is short
    wrong = SyncLane(((0.5, 1.0),), (0.0,), float("nan"))
    assert rung(wrong, 2.0) is wrong


def test_the_bundled_model_understands_more_words_than_the_table_has() -> None:
    model = load_model("vatt-mini")
    assert model.repertoire is not None
    name_of = partial(meant, model.converter, model.repertoire, family_of)
    for words, kind in (
        ("a stallion in the stable", "oneshot"),
        ("hiking along a dusty trail", "rhythm"),
        ("a downpour on the roof", "continuous"),
        ("xyzzy", "unknown"),
        ("piano music", "unknown"),
    ):
        assert [part.kind for part in read(words, name_of)] == [kind], words
    assert name_of("  ") == ""
