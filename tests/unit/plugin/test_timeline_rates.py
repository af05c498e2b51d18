from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vatt_plugin.timeline import rates
from vatt_plugin.timeline.errors import TimelineError

FILM = Fraction(24_000, 1001)
NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize(
    ("literal", "exact"),
    [
        (23.976, FILM),
        (23.98, FILM),
        (24000 / 1001, FILM),
        (23.976024627685547, FILM),
        (24, Fraction(24)),
        (29.97, NTSC),
        (59.94, Fraction(60_000, 1001)),
        (119.88, Fraction(120_000, 1001)),
        (14.985, Fraction(15_000, 1001)),
        (12.5, Fraction(25, 2)),
        (15, Fraction(15)),
        (1, Fraction(1)),
        (44_100, Fraction(44_100)),
        (48_000, Fraction(48_000)),
        (24_000, Fraction(24_000)),
    ],
)
def test_rates_seen_in_files_are_read_exactly(literal: float, exact: Fraction) -> None:
    assert rates.exact_rate(literal) == exact


@pytest.mark.parametrize("literal", [0, -24, math.nan, math.inf, 1e300])
def test_what_is_no_rate_is_refused(literal: float) -> None:
    assert rates.exact_rate(literal) is None


def test_frames_that_went_through_floats_are_whole() -> None:
    assert rates.frames(86400.0887) == 86400
    assert rates.frames(10.5) == Fraction(21, 2)
    assert rates.frames(math.nan) is None


@pytest.mark.parametrize(
    ("frame", "fps", "drop", "text"),
    [
        (0, NTSC, True, "00:00:00;00"),
        (1799, NTSC, True, "00:00:59;29"),
        (1800, NTSC, True, "00:01:00;02"),
        (17982, NTSC, True, "00:10:00;00"),
        (107892, NTSC, True, "01:00:00;00"),
        (108000, NTSC, False, "01:00:00:00"),
        (86400, FILM, True, "01:00:00:00"),
        (3600, Fraction(60_000, 1001), True, "00:01:00;04"),
    ],
)
def test_timecode(frame: int, fps: Fraction, drop: bool, text: str) -> None:
    assert rates.to_timecode(frame, fps, drop) == text
    assert rates.parse_timecode(text, fps) == frame


@settings(max_examples=100)
@given(st.integers(0, 24 * 3600 * 30 - 2600), st.sampled_from([NTSC, Fraction(60_000, 1001)]))
def test_drop_frame_timecode_comes_back(frame: int, fps: Fraction) -> None:
    assert rates.parse_timecode(rates.to_timecode(frame, fps, True), fps) == frame


@pytest.mark.parametrize(
    "text",
    ["", "1:2:3", "00:00:00:24", "00:60:00:00", "00:01:00;00x", "1e999999999", "00:01:00;01"],
)
def test_bad_times_are_named(text: str) -> None:
    fps = NTSC if ";" in text else Fraction(24)
    with pytest.raises(TimelineError):
        rates.parse_time(text, fps)


def test_three_hours_do_not_drift() -> None:
    """Fault 9: the sample on which a late video frame starts is within one of its true time."""
    for fps in (FILM, NTSC):
        n_frames = math.floor(3 * 3600 * fps)
        exact_s = n_frames / fps
        assert abs(round(exact_s * 48_000) - exact_s * 48_000) <= 1
        assert rates.whole_frames(exact_s, fps) == n_frames
