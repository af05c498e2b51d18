"""Takes follow their pictures into a re-cut."""

from __future__ import annotations

from typing import Any

import pytest

from tests.helpers.cuts import make_cue
from vatt_engine.messages import PictureSegment
from vatt_plugin.cues import Cue
from vatt_plugin.project_conform import CueFacts, heirs, inherited
from vatt_plugin.project_state import CueState, Hit


def cue(cue_id: str, media: str, at_s: float, frames: int = 48, **changes: Any) -> Cue:
    picture = (PictureSegment(f"/m/{media}", at_s, frames / 24),)
    return make_cue(0, frames, cue_id=cue_id, clip=media, picture=picture, **changes)


def facts(*cues: Cue) -> dict[str, CueFacts]:
    return {c.cue_id: CueFacts.of(c) for c in cues}


def test_a_moved_cue_is_found_by_its_picture() -> None:
    old = facts(cue("a", "one.mov", 10), cue("b", "two.mov", 0))
    new = [cue("x", "two.mov", 0), cue("y", "one.mov", 10), cue("z", "three.mov", 10)]
    assert heirs(old, new) == {"a": "y", "b": "x"}


def test_each_heir_inherits_once_and_the_best_overlap_wins() -> None:
    old = facts(cue("a", "one.mov", 0), cue("b", "one.mov", 1.5))
    assert heirs(old, [cue("x", "one.mov", 1.4)]) == {"b": "x"}


def test_another_speed_or_place_is_another_picture() -> None:
    old = facts(cue("a", "one.mov", 0))
    faster = make_cue(
        0, 48, cue_id="x", clip="one.mov", picture=(PictureSegment("/m/one.mov", 0, 2.0, 2.0),)
    )
    assert heirs(old, [faster]) == {}
    assert heirs(old, [cue("x", "one.mov", 1.9)]) == {}
    assert heirs(old, [cue("x", "one.mov", 50)]) == {}


def test_offline_cues_go_by_name() -> None:
    old = facts(make_cue(0, 48, cue_id="a", clip="Shot_7", picture=(), media=""))
    new = [make_cue(5, 48, cue_id="x", clip="Shot_7", picture=(), media="")]
    assert heirs(old, new) == {"a": "x"}


def test_everything_inside_shifts_with_a_trimmed_head() -> None:
    old = CueFacts.of(cue("a", "one.mov", 10))
    state = CueState(
        hits=(Hit(0.25), Hit(1.0, 0.5)),
        spotted=(Hit(0.25), Hit(0.75)),
        span=(0.25, 1.5),
        intensity=tuple(float(i) for i in range(100)),
        nudge_s=0.01,
        takes=("t",),
        chosen="t",
    )
    heir = inherited(state, old, cue("x", "one.mov", 10.5, frames=36))
    assert heir.hits == (Hit(0.5, 0.5),)
    assert heir.spotted == (Hit(0.25),)
    assert heir.span == pytest.approx((0.0, 1.0))
    assert heir.nudge_s == pytest.approx(-0.49)  # the sound starts half a second in
    assert heir.intensity[0] == 25.0
    assert len(heir.intensity) == 75
    assert heir.takes == ("t",)


def test_a_cue_that_only_moved_keeps_its_state() -> None:
    old = cue("a", "one.mov", 10)
    state = CueState(hits=(Hit(0.25),), span=(0.0, 1.0), takes=("t",), prompt="door")
    moved = cue("x", "one.mov", 10, start_frame=2400)
    assert inherited(state, CueFacts.of(old), moved) == state
