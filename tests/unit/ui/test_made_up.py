"""Moments made up from words: shown as such with their take, the user's own once one is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QFont
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import open_cut, wait_take
from tests.unit.ui.test_strip import at
from vatt_engine.messages import SyncLane
from vatt_plugin.project_state import Hit, take_from_plain, take_to_plain
from vatt_ui.main_window import MainWindow
from vatt_ui.shown_lane import ShownLane, shown_lane, windowed
from vatt_ui.theme.tokens import THEMES, contrast
from vatt_ui.widgets.strip_blocks import Block, Lane
from vatt_ui.widgets.strip_tiles import paint_tile


@pytest.fixture
def engine_modes() -> tuple[str, ...]:
    return ("still",)


@pytest.fixture
def still(panel: MainWindow, qtbot: QtBot) -> MainWindow:
    """The first cue with two takes from words over a picture in which nothing moves."""
    panel.inspector.prompt.setPlainText("two knocks")
    panel.commands.generate(takes=2)
    wait_take(panel, qtbot, 2)
    panel.session.show_take(panel.session.takes(panel.session.current)[0].take_id)
    qtbot.waitUntil(lambda: panel.timeline.strip.n_lanes >= 4, timeout=30000)
    panel.timeline.strip.fit(0.0, 2.0)
    return panel


def shown(panel: MainWindow) -> ShownLane:
    return shown_lane(panel.session, panel.session.current)


def times(panel: MainWindow) -> list[float]:
    return [round(hit.time_s, 3) for hit in shown(panel).hits]


def hit_block(panel: MainWindow) -> Block:
    return panel.timeline.strip._lanes[1].blocks[0]


def test_made_up_moments_are_shown_with_their_take_and_said_to_be_so(
    still: MainWindow, qtbot: QtBot
) -> None:
    session, inspector = still.session, still.inspector
    assert session.state(session.current).hits == (), "the picture has none, and keeps none"
    assert shown(still).made_up
    assert times(still) == [0.5, 1.3]
    assert inspector.made_up.isVisible()
    assert inspector.made_up.text() == ("Moments made up from the words: nothing moves here.")
    assert "made up" not in inspector.facts.text(), "said once"
    qtbot.waitUntil(lambda: hit_block(still).made_up, timeout=30000)
    lane = still.timeline.strip._lanes[1]
    assert "made up from the words, not seen" in lane.tip(0.5)
    assert "Drag a hit" in lane.tip(0.5)
    assert "made up" not in lane.tip(3.0), "the next cue has no take"
    said = still.viewer.lane.accessibleDescription()
    assert said.startswith("2 hits made up from the words, not seen: 0.50 s, strength 80 %")
    assert "2 hits made up from the words" in still.timeline.strip.accessibleName()

    session.show_take(session.takes(session.current)[1].take_id)
    assert times(still) == [0.6, 1.4], "another seed places them elsewhere"
    assert "0.60 s" in still.viewer.lane.accessibleDescription()


def test_a_dragged_moment_makes_them_all_the_users_own_in_one_step(
    still: MainWindow, qtbot: QtBot
) -> None:
    session, strip = still.session, still.timeline.strip
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(strip, left, pos=at(still, 0.5, 0.8))
    assert "made up hit 1 of 2" in strip.accessibleName()
    qtbot.mouseMove(strip, at(still, 0.7, 0.8))
    qtbot.mouseMove(strip, at(still, 0.9, 0.8))
    qtbot.mouseRelease(strip, left, pos=at(still, 1.0, 0.8))
    state = session.state(session.current)
    assert not shown(still).made_up
    assert not still.inspector.made_up.isVisible()
    assert state.hits_edited
    assert [h.time_s for h in state.hits or ()] == [pytest.approx(1.0, abs=0.03), 1.3]
    assert session.status(session.current) == "edited"
    lane = state.lane()
    assert lane is not None
    assert lane.intensity[10] == 0.3, "what lasts beneath the hits is kept"

    session.undo()
    assert shown(still).made_up
    assert times(still) == [0.5, 1.3]
    session.redo()
    still.commands.generate()
    wait_take(still, qtbot, 3)
    newest = session.takes(session.current)[-1]
    assert newest.recipe.sync == "lane"
    assert newest.recipe.lane == lane
    assert session.status(session.current) == "done"


def test_a_click_on_a_hit_changes_nothing(still: MainWindow, qtbot: QtBot) -> None:
    strip = still.timeline.strip
    before = still.session.state(still.session.current)
    point = at(still, 1.3, 0.3)  # on its stem, between two video frames
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=point)
    assert still.timeline.hits.grabbed == 1
    assert still.session.state(still.session.current) == before


def test_a_hit_taken_by_its_stem_keeps_its_strength(still: MainWindow, qtbot: QtBot) -> None:
    strip, left = still.timeline.strip, Qt.MouseButton.LeftButton
    qtbot.mousePress(strip, left, pos=at(still, 0.5, 0.3))
    qtbot.mouseMove(strip, at(still, 0.75, 0.3))
    qtbot.mouseRelease(strip, left, pos=at(still, 0.75, 0.3))
    moved, other = still.session.state(still.session.current).hits or ()
    assert moved == Hit(moved.time_s, 0.8)
    assert moved.time_s == pytest.approx(0.75, abs=0.03)
    assert other == Hit(1.3, 0.6)


def test_a_hit_added_or_muted_keeps_the_others(still: MainWindow) -> None:
    session = still.session
    still.player.transport.seek(1.75)
    still.commands.handlers()["hit_add"]()
    assert times(still) == [0.5, 1.3, 1.75]
    session.undo()
    still.timeline.hits.step(1)
    still.commands.delete()
    assert sum(hit.muted for hit in shown(still).hits) == 1
    session.undo()
    assert shown(still).made_up


def test_all_hits_removed_leave_an_empty_lane_of_the_users(still: MainWindow) -> None:
    for _ in range(2):
        still.timeline.hits.step(1)
        still.timeline.hits.remove()
    assert times(still) == []
    assert not shown(still).made_up
    assert still.session.state(still.session.current).hits_edited


def test_a_span_made_anew_keeps_the_moments_around_it(still: MainWindow, qtbot: QtBot) -> None:
    session = still.session
    session.edit_each("Set in", [session.current], span=(1.0, 2.0))
    session.edit_each("Set seed", [session.current], seed=3)
    still.commands.regenerate_span()
    wait_take(still, qtbot, 3)
    child = session.takes(session.current)[-1]
    assert child.moments is not None
    assert child.moments.hits == ((0.5, 0.8), (1.5, 0.6))


def test_made_up_moments_are_kept_with_the_project(
    still: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    before = still.session.takes(still.session.current)
    assert [take_from_plain(json.loads(json.dumps(take_to_plain(t)))) for t in before] == before
    still.session.close_cut()
    open_cut(still, cut_path, qtbot)
    assert still.session.takes(still.session.current) == before
    assert shown(still).made_up


@pytest.mark.parametrize("name", THEMES)
def test_made_up_hits_look_different_and_can_be_seen(qapp: object, name: str) -> None:
    tokens = THEMES[name]

    def pixels(made_up: bool, muted: bool = False) -> list[str]:
        block = Block(
            0.0, 2.0, fill="field", edge="line", hits=((1.0, 0.5, muted),), made_up=made_up
        )
        image = paint_tile(0, 100.0, 1.0, [Lane("H", "hits", 60, [block])], tokens, QFont())
        return [image.pixelColor(100, y).name() for y in range(60)]

    seen, guessed, muted = pixels(False), pixels(True), pixels(False, True)
    assert guessed.count(tokens.hit) < 0.8 * seen.count(tokens.hit), "hollow and dashed"
    assert guessed.count(tokens.hit) > 8
    assert tokens.hit not in muted
    assert contrast(tokens.hit, tokens.field) >= 3


def test_a_lane_is_cut_and_continued_with_silence() -> None:
    lane = SyncLane(((0.1, 0.5), (1.0, 0.9)), tuple(float(i) for i in range(100)), 50.0)
    later = windowed(lane, 0.5, 2.0)
    assert later.hits == ((0.5, 0.9),)
    assert (later.intensity[0], later.intensity[-1], len(later.intensity)) == (25.0, 99.0, 75)
    nudged = windowed(lane, -0.5, 2.0)
    assert nudged.hits == ((0.6, 0.5), (1.5, 0.9))
    assert nudged.intensity[:26] == (0.0,) * 25 + (0.0,)
    assert nudged.intensity[26] == 1.0
    assert len(nudged.intensity) == 100
