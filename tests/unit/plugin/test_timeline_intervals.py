from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vatt_plugin.timeline.intervals import Intervals

spans = st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda s: (s[0], s[0] + s[1]))


@given(st.lists(spans, max_size=20), spans)
def test_what_touches_is_found_and_nothing_else(
    stored: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    intervals = Intervals((start, end, (start, end)) for start, end in stored)
    expected = [s for s in stored if s[0] < asked[1] and asked[0] < s[1]]
    assert sorted(intervals.touching(*asked)) == sorted(expected)
