"""Small windows: what matters most stays in sight, and comes back as it was in large ones."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from vatt_ui.main_window import MainWindow
from vatt_ui.models import cues_model
from vatt_ui.widgets.strip_view import TimeView


def columns(panel: MainWindow) -> list[int]:
    table = panel.cues.table
    return [c for c in range(6) if not table.isColumnHidden(c)]


def set_width(panel: MainWindow, qtbot: QtBot, width: int) -> None:
    dock = panel.docks["cues"]
    panel.resizeDocks([dock], [width], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: abs(dock.width() - width) <= 2, timeout=5000)


def test_the_state_of_a_cue_is_seen_however_narrow_its_table(
    panel: MainWindow, qtbot: QtBot
) -> None:
    table = panel.cues.table
    set_width(panel, qtbot, 600)
    assert columns(panel) == [0, 1, 2, 3, 4, 5]
    table.setColumnWidth(cues_model.LENGTH, 90)
    set_width(panel, qtbot, 390)
    assert columns(panel) == [0, 1, 2, 4, 5], "the length goes first"
    set_width(panel, qtbot, 230)
    assert {cues_model.CLIP, cues_model.STATE, cues_model.STAR} <= set(columns(panel))
    viewport = table.viewport()
    assert viewport is not None
    header = table.horizontalHeader()
    assert header is not None
    assert header.length() <= viewport.width(), "nothing has to be scrolled to"
    set_width(panel, qtbot, 600)
    assert columns(panel) == [0, 1, 2, 3, 4, 5]
    assert table.columnWidth(cues_model.LENGTH) == 90


def test_the_choices_of_the_filter_are_whole_in_their_list(panel: MainWindow) -> None:
    box = panel.cues.states
    view = box.view()
    assert view is not None
    words = [box.itemText(i) for i in range(box.count())]
    assert view.minimumWidth() > max(box.fontMetrics().horizontalAdvance(w) for w in words)


def test_a_low_inspector_keeps_the_prompt_and_offers_the_rest_in_a_menu(
    panel: MainWindow, qtbot: QtBot
) -> None:
    session, inspector = panel.session, panel.inspector
    session.note(session.current, caption="a door", alternatives=("steps & stairs", "cloth"))
    assert inspector.chips_holder.isVisible()
    panel.resizeDocks([panel.docks["inspector"]], [200], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: not inspector.chips_holder.isVisible(), timeout=5000)
    assert inspector.history.isEnabled()
    menu = inspector.history_menu()
    offered = [action for action in menu.actions() if action.text()]
    assert [action.text() for action in offered] == ["steps && stairs", "cloth"]
    offered[0].trigger()
    assert session.state(session.current).prompt == "steps & stairs"


def test_a_view_of_the_whole_cut_stays_one_in_another_window(panel: MainWindow) -> None:
    strip = panel.timeline.strip
    strip.fit_all()
    for width in (900, 1700, 1200):
        panel.resize(width, 900)
        left, right = strip.visible()
        assert left == 0.0
        assert 6.0 < right < 7.5


def test_a_closer_view_keeps_its_zoom_in_another_window() -> None:
    view = TimeView(80)
    view.duration_s = 100.0
    view.resize(1000)
    view.fit(0.0, 100.0)
    view.zoom_to(50.0, 40.0)
    left = view.left_s
    view.resize(1500)
    assert (view.px_per_s, view.left_s) == (50.0, left)
