"""Windows make every code frame exactly once, and always hear what went before."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vatt_engine.windows import Shape, Window, plan, window_step

PUBLISHED = Shape(window=500, fixed=True, overlap=100, step=50)


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int, int, Shape]:
    window = draw(st.integers(2, 600))
    step = draw(st.integers(1, min(50, window)))
    overlap = draw(st.integers(0, window - step))
    shape = Shape(window, draw(st.booleans()), overlap, step, draw(st.integers(1, 700)))
    n_frames = draw(st.integers(1, 3000))
    begin = draw(st.integers(0, n_frames - 1))
    return n_frames, begin, draw(st.integers(begin + 1, n_frames)), shape


@given(cases())
def test_each_frame_of_the_span_is_made_once_in_order(
    case: tuple[int, int, int, Shape],
) -> None:
    n_frames, begin, end, shape = case
    windows = plan(n_frames, begin, end, shape)
    assert [f for w in windows for f in range(w.new_from, w.new_to)] == list(range(begin, end))
    for w in windows:
        assert w.start % shape.step == 0
        assert 0 <= w.start <= w.new_from < w.new_to <= w.start + w.length
        assert w.length == shape.window if shape.fixed else w.length <= shape.window
        heard = w.new_from - w.start
        assert heard >= min(w.new_from, shape.overlap // 2)


@given(cases())
def test_windows_of_a_net_of_any_length_stay_within_the_cue_or_the_shortest_pass(
    case: tuple[int, int, int, Shape],
) -> None:
    n_frames, begin, end, shape = case
    for w in plan(n_frames, begin, end, shape):
        if not shape.fixed:
            assert w.start + w.length <= max(n_frames, w.start + shape.shortest)


def test_a_clip_of_one_window_takes_one_pass() -> None:
    assert plan(500, 0, 500, PUBLISHED) == [Window(0, 500, 0, 500)]


def test_a_short_clip_fills_a_fixed_window_and_shortens_a_free_one() -> None:
    assert plan(80, 0, 80, PUBLISHED) == [Window(0, 500, 0, 80)]
    free = Shape(500, fixed=False, overlap=100, step=50, shortest=100)
    assert plan(80, 0, 80, free) == [Window(0, 100, 0, 80)]
    assert plan(333, 0, 333, free) == [Window(0, 333, 0, 333)]


def test_a_long_clip_is_continued_with_two_seconds_of_what_was_heard() -> None:
    assert plan(1170, 0, 1170, PUBLISHED) == [
        Window(0, 500, 0, 500),
        Window(400, 500, 500, 900),
        Window(700, 500, 900, 1170),  # flush with the end, so it hears four seconds
    ]


def test_a_span_hears_as_much_after_as_before() -> None:
    assert plan(5000, 1000, 1100, PUBLISHED) == [Window(800, 500, 1000, 1100)]


def test_a_span_at_either_edge_uses_the_whole_window() -> None:
    assert plan(5000, 0, 20, PUBLISHED) == [Window(0, 500, 0, 20)]
    assert plan(5000, 4950, 5000, PUBLISHED) == [Window(4500, 500, 4950, 5000)]


def test_an_hour_takes_as_many_passes_as_it_must() -> None:
    windows = plan(180_000, 0, 180_000, PUBLISHED)
    assert len(windows) == 1 + -(-(180_000 - 500) // 400)


@pytest.mark.parametrize(
    ("frame_rate", "fps", "run", "step"),
    [(50, 5, 5, 50), (75, 5, 5, 75), (50, 8, 5, 125), (50, 5, 1, 10)],
)
def test_windows_start_where_picture_and_sound_meet(
    frame_rate: int, fps: int, run: int, step: int
) -> None:
    assert window_step(Fraction(frame_rate), Fraction(fps), run) == step


@pytest.mark.parametrize("bad", [(0, 0, 1), (10, 10, 1), (10, -1, 1), (10, 5, 6)])
def test_impossible_shapes_are_refused(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="window"):
        Shape(window=bad[0], fixed=False, overlap=bad[1], step=bad[2])
