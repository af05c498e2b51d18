"""Progress as lines, where no terminal can show a bar."""

from __future__ import annotations

import pytest

from vatt_plugin.cli.progress import QUIET_S, ProgressLines


class Clock:
    """Time as a test has it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_each_clip_has_a_line_with_the_time_that_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with ProgressLines(3, "clip", clock=clock) as lines:
        clock.now += 10
        lines.set_postfix_str("Shot_001: done", refresh=False)
        lines.update()
        clock.now += 3700
        lines.update(2)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "vatt: 1 of 3 clips, Shot_001: done; 0:10 so far, about 0:20 left",
        "vatt: 3 of 3 clips, Shot_001: done; 1:01:50 so far",
    ]


def test_what_needs_no_work_has_no_line_and_does_not_shorten_the_time_that_is_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    lines = ProgressLines(10, "clip", clock=clock)
    for _ in range(7):
        lines.pass_over()
    clock.now += 10
    lines.update()
    assert capsys.readouterr().err == "vatt: 8 of 10 clips; 0:10 so far, about 0:20 left\n"


def test_a_long_clip_says_now_and_then_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    lines = ProgressLines(1, "clip", clock=clock)
    for _ in range(100):
        clock.now += 1
        lines.set_postfix_str("Shot_001: sampling", refresh=False)
        lines.refresh()
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "vatt: 0 of 1 clip, Shot_001: sampling; 0:30 so far"
    assert len(told) == int(100 / QUIET_S)


def test_what_has_thousands_of_parts_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    lines = ProgressLines(500, "frame", each=False, clock=clock)
    for _ in range(500):
        clock.now += 0.0625
        lines.update()
    assert capsys.readouterr().err == "vatt: 480 of 500 frames; 0:30 so far\n"
