"""The timeline strip: what it paints, how little it repaints, and the hand work on the hit lane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent, QFont, QImage
from PyQt6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import open_cut, wait_take
from vatt_plugin.project_state import Hit
from vatt_ui.main_window import MainWindow
from vatt_ui.playback.sounds import Peaks
from vatt_ui.theme.tokens import DARK
from vatt_ui.widgets.strip import HEAD_PX, RULER_PX
from vatt_ui.widgets.strip_blocks import Block, Lane, shared_heights
from vatt_ui.widgets.strip_lanes import HITS_H, PICTURE_H
from vatt_ui.widgets.strip_tiles import TILE_PX, TileCache, paint_tile
from vatt_ui.widgets.takes_pane import take_data

pytestmark = pytest.mark.usefixtures("qapp")


def lane(n: int, length_s: float = 1.0, **changes: Any) -> Lane:
    blocks = [Block(i * length_s, (i + 1) * length_s, f"b{i}", **changes) for i in range(n)]
    return Lane("V1", "picture", 40, blocks)


def colours(image: QImage, row: int = 20) -> set[str]:
    return {image.pixelColor(x, row).name() for x in range(TILE_PX)}


def test_dense_and_sparse_cuts_are_both_seen() -> None:
    for n in (5, 100, 600, 3000, 20000):
        px_per_s = 0.9 * TILE_PX / n
        image = paint_tile(0, px_per_s, 1.0, [lane(n, fill="picture")], DARK, QFont())
        assert DARK.picture in colours(image), n


def test_a_lane_finds_its_blocks_by_time() -> None:
    found = lane(10).between(2.5, 4.5)
    assert list(found) == [2, 3, 4]
    assert list(lane(10).between(100, 200)) == []


def test_tiles_are_painted_once_and_dropped_by_time() -> None:
    cache = TileCache()
    lanes = [lane(100)]
    for _ in range(3):
        for number in range(4):
            cache.tile(number, 10.0, 1.0, lanes, DARK, QFont())
    assert cache.n_painted == 4
    cache.drop(60.0, 61.0)
    for number in range(4):
        cache.tile(number, 10.0, 1.0, lanes, DARK, QFont())
    assert cache.n_painted == 5


def test_waves_are_drawn_where_they_sound() -> None:
    high = np.zeros(375, dtype=np.int8)
    high[187:] = 120  # the second half of two seconds
    block = Block(0.0, 2.0, peaks=Peaks(-high, high), wave="wave", fill="field")
    image = paint_tile(0, 200.0, 1.0, [Lane("F", "foley", 58, [block])], DARK, QFont())
    assert image.pixelColor(100, 25).name() != DARK.wave
    assert image.pixelColor(300, 25).name() == DARK.wave


def test_the_strongest_hit_is_drawn_whole() -> None:
    for made_up in (False, True):
        block = Block(0, 2, fill="field", edge="line", hits=((1.0, 1.0, False),), made_up=made_up)
        image = paint_tile(0, 100.0, 1.0, [Lane("H", "hits", 40, [block])], DARK, QFont())
        column = [image.pixelColor(100, y).name() for y in range(40)]
        assert column[2] == DARK.field, "nothing of its head is cut off"
        assert DARK.hit in column[3:8]


def test_states_are_told_when_zoomed_out() -> None:
    blocks = [Block(i, i + 1, edge="failed" if i == 50 else "line_strong") for i in range(100)]
    image = paint_tile(0, 4.0, 1.0, [Lane("F", "foley", 58, blocks)], DARK, QFont())
    assert image.pixelColor(201, 20).name() == DARK.failed


def at(panel: MainWindow, time_s: float, strength: float) -> QPoint:
    strip = panel.timeline.strip
    x = HEAD_PX + (time_s - strip.visible()[0]) * strip.px_per_s
    picture, hits = strip._lanes[:2]
    top = RULER_PX + picture.height
    return QPoint(round(x), round(top + hits.height - 3 - strength * (hits.height - 11)))


def test_hits_are_added_dragged_muted_and_undone(panel: MainWindow, qtbot: QtBot) -> None:
    session, strip = panel.session, panel.timeline.strip
    strip.fit(0.0, 2.0)
    qtbot.waitUntil(lambda: strip.content_height() > RULER_PX + PICTURE_H + HITS_H, timeout=30000)

    def hits() -> tuple[Hit, ...]:
        return session.state(session.current).hits or ()

    qtbot.mouseDClick(strip, Qt.MouseButton.LeftButton, pos=at(panel, 1.0, 0.5))
    (hit,) = hits()
    assert abs(hit.time_s - 1.0) < 0.03
    assert abs(hit.strength - 0.5) < 0.1
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=at(panel, hit.time_s, hit.strength))
    assert panel.timeline.hits.grabbed == 0
    qtbot.mouseMove(strip, at(panel, 1.4, 0.9))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=at(panel, 1.5, 0.9))
    (moved,) = hits()
    assert abs(moved.time_s - 1.5) < 0.03
    assert moved.strength > 0.8
    panel.commands.delete()
    assert hits()[0].muted
    edited = session.state(session.current).lane()
    assert edited is not None
    assert edited.hits == ()
    session.undo()
    assert not hits()[0].muted
    session.undo()
    assert hits() == (hit,)
    session.undo()
    assert hits() == ()


def test_tapping_while_playing_places_hits(panel: MainWindow) -> None:
    transport = panel.player.transport
    for time_s in (0.25, 0.75, 1.25):
        transport.seek(time_s)
        panel.commands.handlers()["hit_add"]()
    hits = panel.session.state(panel.session.current).hits or ()
    assert [h.time_s for h in hits] == [0.25, 0.75, 1.25]


def test_changed_hits_offer_to_regenerate_around(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    panel.timeline.hits.add(1.5)
    assert any("hits have changed" in t for t in panel.timeline.notices.texts)
    button = panel.timeline.notices.findChildren(type(panel.inspector.generate))[0]
    assert button.text() == "Regenerate around it"
    button.click()
    wait_take(panel, qtbot, 2)
    child = session.takes(session.current)[1]
    assert child.recipe.span is not None
    assert child.recipe.span[0] < 1.5 < child.recipe.span[1]
    assert child.recipe.lane is not None
    assert 1.5 in [t for t, _ in child.recipe.lane.hits]


def test_one_changed_cue_repaints_only_its_tiles(panel: MainWindow, qtbot: QtBot) -> None:
    strip = panel.timeline.strip
    strip.fit(0.0, 0.5)
    strip.repaint()

    def quiet() -> bool:
        waiting = panel.reader.busy or panel.session.background.busy
        return not waiting and not panel.timeline._later.isActive()

    qtbot.waitUntil(quiet, timeout=90000)
    strip.repaint()
    before = strip._tiles.n_painted
    panel.session.edit_each("Edit prompt", [panel.session.cues[2].cue_id], prompt="far away")
    qtbot.waitUntil(quiet, timeout=90000)
    strip.repaint()
    assert strip._tiles.n_painted == before


def test_hits_by_keyboard_alone(panel: MainWindow) -> None:
    session, timeline = panel.session, panel.timeline
    act = panel.commands.handlers()
    panel.player.transport.seek(0.5)
    act["hit_add"]()
    panel.player.transport.seek(1.0)
    act["hit_add"]()

    def hits() -> tuple[Hit, ...]:
        return session.state(session.current).hits or ()

    act["hit_previous"]()
    assert timeline.hits.grabbed == 0
    assert panel.player.transport.position == 0.5
    act["hit_later"]()
    act["hit_stronger"]()
    assert hits()[0].time_s == pytest.approx(0.5 + 1 / 24)
    assert hits()[0] == Hit(hits()[0].time_s, 0.9)
    act["hit_remove"]()
    assert [h.time_s for h in hits()] == [1.0]
    panel.commands.leave_field()
    assert timeline.hits.grabbed == -1


def test_thumbnails_fill_their_clip_at_every_zoom() -> None:
    red, blue = (QImage(32, 18, QImage.Format.Format_RGB32) for _ in range(2))
    red.fill(QColor("#ff0000"))
    blue.fill(QColor("#0000ff"))
    block = Block(0.0, 4.0, thumbnails=((0.0, red), (2.0, blue)))
    image = paint_tile(0, 100.0, 1.0, [Lane("V1", "picture", 46, [block])], DARK, QFont())
    row = [image.pixelColor(x, 20).name() for x in range(4, 396)]
    assert row == ["#ff0000"] * 196 + ["#0000ff"] * 196


def test_a_high_pane_shows_high_lanes(panel: MainWindow, qtbot: QtBot) -> None:
    strip = panel.timeline.strip
    qtbot.waitUntil(lambda: strip.n_lanes >= 4, timeout=30000)
    foley = strip._lanes[3]
    panel.resizeDocks([panel.docks["timeline"]], [220], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: foley.height < 70, timeout=5000)
    panel.resizeDocks([panel.docks["timeline"]], [400], Qt.Orientation.Vertical)
    qtbot.waitUntil(lambda: foley.height > 80, timeout=5000)
    assert strip.content_height() <= strip.height()


def test_zoom_slider_goes_from_the_whole_cut_to_single_frames(
    panel: MainWindow, qtbot: QtBot
) -> None:
    strip, slider = panel.timeline.strip, panel.timeline.zoom
    strip.fit_all()
    assert slider.value() == 0
    left, right = strip.visible()
    assert left <= 0.0 < 6.0 <= right
    slider.setFocus()
    for _ in range(5):
        qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert 0 < slider.value() < slider.maximum()
    closer = strip.px_per_s
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert strip.px_per_s > closer
    left, right = strip.visible()
    assert right - left < 1.0
    panel.commands.handlers()["zoom_all"]()
    assert slider.value() == 0


def drop(widget: QWidget, point: QPoint, data: QMimeData) -> tuple[bool, bool]:
    """Drag over a place and let go, as the window system would; (entered, could be dropped)."""
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    none = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(point, copy, data, left, none)
    QApplication.sendEvent(widget, enter)
    move = QDragMoveEvent(point, copy, data, left, none)
    QApplication.sendEvent(widget, move)
    if move.isAccepted():
        QApplication.sendEvent(widget, QDropEvent(QPointF(point), copy, data, left, none))
    return enter.isAccepted(), move.isAccepted()


def test_a_take_dropped_on_its_cue_is_used_and_never_opened(
    panel: MainWindow, qtbot: QtBot
) -> None:
    session, strip = panel.session, panel.timeline.strip
    panel.commands.generate(takes=2)
    wait_take(panel, qtbot, 2)
    cue_id, other = session.current, session.cues[1].cue_id
    panel.takes.choose("")
    data = take_data(panel.takes.model, panel.takes.model.index(1, 0))
    assert data is not None
    there = QPoint(round(strip.view.x(1.0)), RULER_PX + PICTURE_H + 5)
    elsewhere = QPoint(round(strip.view.x(3.0)), RULER_PX + PICTURE_H + 5)
    assert drop(strip, elsewhere, data) == (True, False)
    assert session.state(other).chosen == ""
    assert drop(strip, there, data) == (True, True)
    assert session.state(cue_id).chosen == session.takes(cue_id)[1].take_id
    session.undo()
    assert session.state(cue_id).chosen == ""
    viewport = panel.cues.table.viewport()
    assert viewport is not None
    row = panel.cues.table.visualRect(panel.cues.filter.index(0, 2)).center()
    assert drop(viewport, row, data) == (True, True)
    assert session.state(cue_id).chosen == session.takes(cue_id)[1].take_id
    assert drop(panel, QPoint(5, 5), data) == (False, False)  # its file is no cut


def test_a_cut_dropped_on_the_strip_is_taken_by_the_window(panel: MainWindow) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/some/where/next.otio")])
    entered, _ = drop(panel.timeline.strip, QPoint(300, 40), data)
    assert entered  # Qt asks the parents of who declined
    assert panel.session.state(panel.session.current).relinked == ""


def test_the_span_key_acts_around_a_picked_hit(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    panel.commands.regenerate_span()
    assert any("no in..out" in text for text in panel.inspector.notices.texts)
    panel.player.transport.seek(1.0)
    panel.commands.handlers()["hit_add"]()
    panel.commands.regenerate_span()
    wait_take(panel, qtbot, 2)
    span = session.takes(session.current)[1].recipe.span
    assert span is not None
    assert span[0] < 1.0 < span[1]


def test_many_picture_tracks_leave_the_foley_in_view(window: MainWindow) -> None:
    def lanes(n_tracks: int) -> list[Lane]:
        kinds = ["picture"] * n_tracks + ["hits", "original", "foley"]
        usual = {"picture": 26, "hits": 40, "original": 40, "foley": 58}
        return [Lane(f"{kind}{i}", kind, usual[kind], []) for i, kind in enumerate(kinds)]

    few, many, too_many = lanes(2), lanes(6), lanes(30)
    room = 240
    assert shared_heights(few, room) > [lane.usual_height for lane in few]
    heights = shared_heights(many, room)
    assert sum(heights) <= room
    assert heights < [lane.usual_height for lane in many]
    line = window.timeline.strip.fontMetrics().height()
    assert all(height >= line + 4 for height in shared_heights(too_many, room))
    assert sum(shared_heights(too_many, room)) > room  # no lower than can be read: they scroll


def test_a_clip_whose_head_is_covered_still_shows_its_cue(
    window: MainWindow, cut_path: Path, qtbot: QtBot
) -> None:
    timeline = otio.adapters.read_from_file(str(cut_path))
    above = timeline.tracks[0].clone()
    above.name = "V2"
    del above[1:]
    above[0].source_range = otio.opentime.TimeRange(
        otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(60, 24)
    )
    timeline.tracks.append(above)
    otio.adapters.write_to_file(timeline, str(cut_path))
    open_cut(window, cut_path, qtbot)
    session, strip = window.session, window.timeline.strip
    qtbot.waitUntil(lambda: strip.n_lanes >= 5, timeout=30000)
    covered = next(c for c in session.cues if c.clip == "Shot_002")
    assert session.place(covered.cue_id)[0] == pytest.approx(2.5)
    qtbot.waitUntil(lambda: covered.cue_id in window.timeline._thumbnails, timeout=30000)
    qtbot.waitUntil(lambda: bool(strip._lanes[1].blocks[1].thumbnails), timeout=5000)
    (hidden, block, last) = strip._lanes[1].blocks
    assert (hidden.dim, block.dim, last.dim) == (True, False, False)
    assert block.thumbnails[0][0] == pytest.approx(0.5), "its pictures begin where it is seen"
