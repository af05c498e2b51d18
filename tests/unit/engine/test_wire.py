"""Cutting a byte stream into lines, whatever the stream is like."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vatt_engine.wire import LineSplitter


@given(
    lines=st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: not set(b) & {10, 13})),
    cuts=st.lists(st.integers(min_value=0, max_value=600)),
)
def test_lines_come_out_however_the_stream_is_cut(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    places = sorted({0, len(stream), *(c for c in cuts if c < len(stream))})
    splitter = LineSplitter()
    out = [
        line
        for begin, end in itertools.pairwise(places)
        for line in splitter.feed(stream[begin:end])
    ]
    assert out == lines
    assert splitter.n_refused == 0


def test_half_a_line_is_never_given_out() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"type": "fini') == []
    assert splitter.feed(b"") == []


def test_empty_lines_and_carriage_returns_are_dropped() -> None:
    assert LineSplitter().feed(b"\n\r\na\r\n\n") == [b"a"]


def test_an_endless_line_is_refused_in_bounded_memory_and_the_next_is_read() -> None:
    splitter = LineSplitter(limit=100)
    for _ in range(1000):
        assert splitter.feed(b"x" * 1000) == []
        assert sum(map(len, splitter._parts)) <= 1100
    assert splitter.feed(b"\nnext\n") == [b"next"]
    assert splitter.n_refused == 1


def test_a_line_of_the_limit_is_refused_and_one_shorter_is_not() -> None:
    splitter = LineSplitter(limit=5)
    assert splitter.feed(b"1234\n12345\n123\n") == [b"1234", b"123"]
    assert splitter.n_refused == 1
