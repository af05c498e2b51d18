"""The timeline strip: lanes from cached tiles, the playhead, in..out, and the hit lane's hand work.

The cut itself is read-only here. What the strip shows is also in the Cues and Takes tables, which
is what screen readers read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from PyQt6.QtCore import QEvent, QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QToolTip, QWidget

from vatt_ui.language import _
from vatt_ui.text import timecode, tooltip
from vatt_ui.theme.apply import Theme, fixed_font
from vatt_ui.widgets.strip_blocks import LANE_TIPS, Lane, shared_heights
from vatt_ui.widgets.strip_tiles import HIT_ROOM_PX, TILE_PX, TileCache
from vatt_ui.widgets.strip_view import TimeView

HEAD_PX = 78  # width of the lanes' names, unless one of them is longer
RULER_PX = 26
GRAB_PX = 7
DRAG_PX = 3
_STEPS_S = (0.04, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


class Strip(QWidget):
    """Lanes over time.

    Signals:
        seek_asked(float): the playhead is to go there.
        place_clicked(float, str, bool): a lane was clicked at a time; lane kind; add to selection.
        hit_grabbed(float, float): a press in the hit lane at a time and strength.
        hit_moved(float, float, bool): dragged from there to a time and strength; finished.
        hit_asked(float, float): a double-click asks for a new hit there, with a strength.
        zoomed(): another zoom or place.
    """

    seek_asked = pyqtSignal(float)
    place_clicked = pyqtSignal(float, str, bool)
    hit_grabbed = pyqtSignal(float, float)
    hit_moved = pyqtSignal(float, float, bool)
    hit_asked = pyqtSignal(float, float)
    zoomed = pyqtSignal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._tiles = TileCache()
        self._lanes: Sequence[Lane] = ()
        self._heights: list[int] = []
        self.view = TimeView(HEAD_PX)
        self._position = 0.0
        self._span: tuple[float, float] | None = None
        self._current: tuple[float, float] | None = None
        self._selected: tuple[tuple[float, float], ...] = ()
        self._grabbed: float | None = None
        self._fps = Fraction(25)
        self._origin_s = Fraction(0)
        self._drop: bool | None = None
        self._drag = ""
        self._held: tuple[QPointF, Lane, int] | None = None  # where in which hit lane, and its top
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setMinimumHeight(RULER_PX + 60)
        self.setAccessibleName(_("Timeline"))
        self.setAccessibleDescription(
            _("The cut with its Foley. The tables Cues and Takes tell the same in words.")
        )
        theme.changed.connect(self._on_theme_changed)

    # --- what is shown ------------------------------------------------------------------------

    def set_cut(self, duration_s: float, fps: Fraction, origin_s: Fraction, drop: bool) -> None:
        """Another cut: its length, rate and first timecode."""
        self.view.duration_s = duration_s
        self._fps, self._origin_s, self._drop = fps, origin_s, drop
        self._tiles.clear()
        self.fit_all()

    def set_lanes(
        self, lanes: Sequence[Lane], changed: Sequence[tuple[float, float]] | None = None
    ) -> None:
        """New lanes; ``changed`` are the stretches of time that differ, None for everything."""
        same_shape = [x.name for x in lanes] == [x.name for x in self._lanes]
        self._lanes = lanes
        words = self.fontMetrics().horizontalAdvance
        self.view.head_px = (
            max(HEAD_PX, *(words(lane.name) + 18 for lane in lanes)) if lanes else HEAD_PX
        )
        self._measure()
        if changed is None or not same_shape:
            self._tiles.clear()
        else:
            for start, end in changed:
                self._tiles.drop(start, end)
        self.setMinimumHeight(RULER_PX + sum(lane.least_height for lane in lanes) + 2)
        self._share_height()
        self.update()

    def set_position(self, position: float, *, follow: bool) -> None:
        """Move the playhead; ``follow`` turns the page when it leaves the view."""
        old, self._position = self._position, position
        view = self.view
        if follow and not view.left_s <= position <= view.right_s:
            view.scroll_to(position - 0.1 * view.length_s)
            self.zoomed.emit()
            self.update()
            return
        for at in (old, position):
            x = int(self.view.x(at))
            self.update(x - 9, 0, 18, self.height())

    def set_span(self, span: tuple[float, float] | None) -> None:
        """Show in..out, seconds on the timeline."""
        self._span = span
        self.update()

    def set_selection(
        self, current: tuple[float, float] | None, selected: Sequence[tuple[float, float]]
    ) -> None:
        """Outline the current cue, and mark the selected ones."""
        self._current, self._selected = current, tuple(selected)
        self.update()

    def set_grabbed_hit(self, at_s: float | None) -> None:
        """Mark the hit that keys act on."""
        self._grabbed = at_s
        self.update()

    @property
    def px_per_s(self) -> float:
        """The zoom."""
        return self.view.px_per_s

    @property
    def n_lanes(self) -> int:
        """How many lanes are shown; 0 while they are being made."""
        return len(self._lanes)

    def visible(self) -> tuple[float, float]:
        """The stretch of time in view."""
        return self.view.left_s, self.view.right_s

    def content_height(self) -> int:
        """The height that shows all lanes."""
        return RULER_PX + sum(lane.height for lane in self._lanes) + 2

    # --- zoom and place -----------------------------------------------------------------------

    def zoom(self, factor: float, around_s: float | None = None) -> None:
        """Zoom about a time, by default the playhead if it is in view, else the middle."""
        self.zoom_to(self.view.px_per_s * factor, around_s)

    def zoom_to(self, px_per_s: float, around_s: float | None = None) -> None:
        """Another zoom about a time; see ``zoom``."""
        view = self.view
        if around_s is None:
            inside = view.left_s <= self._position <= view.right_s
            around_s = self._position if inside else view.left_s + view.length_s / 2
        view.zoom_to(px_per_s, around_s)
        self.zoomed.emit()
        self.update()

    def fit(self, start_s: float, end_s: float) -> None:
        """Show a stretch of time with a little air around it."""
        self.view.fit(start_s, end_s)
        self.zoomed.emit()
        self.update()

    def fit_all(self) -> None:
        """Show the whole cut."""
        if self.view.duration_s:
            self.fit(0.0, self.view.duration_s)

    def scroll_to(self, left_s: float) -> None:
        """Show time from ``left_s`` on."""
        self.view.scroll_to(left_s)
        self.update()

    def scroll_bounds(self) -> tuple[float, float, float]:
        """First and last possible left edge and the length of the view, seconds."""
        return *self.view.bounds(), self.view.length_s

    def _share_height(self) -> None:
        heights = shared_heights(self._lanes, self.height() - RULER_PX - 2)
        if heights != self._heights:
            self._heights = heights
            self._tiles.clear()
        for lane, height in zip(self._lanes, heights, strict=True):
            lane.height = height

    def _measure(self) -> None:
        self.view.resize(float(self.width() - self.view.head_px))

    def _lane_at(self, y: float) -> tuple[Lane, int] | None:
        top = RULER_PX
        for lane in self._lanes:
            if top <= y < top + lane.height:
                return lane, top
            top += lane.height
        return None

    # --- painting -----------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Copy tiles, then draw the few things that move."""
        painter = QPainter(self)
        tokens = self._theme.tokens
        area = event.rect() if event is not None else self.rect()
        painter.fillRect(area, QColor(tokens.ground))
        painter.save()
        painter.setClipRect(area.intersected(self.rect().adjusted(self.view.head_px, 0, 0, 0)))
        self._draw_tiles(painter, area.left(), area.right())
        self._draw_selection(painter)
        self._draw_ruler(painter)
        self._draw_span(painter)
        self._draw_playhead(painter)
        painter.restore()
        if area.left() < self.view.head_px:
            self._draw_heads(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens.focus), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _draw_tiles(self, painter: QPainter, left_px: int, right_px: int) -> None:
        if not self._lanes:
            return
        ratio = self.devicePixelRatioF()
        left_s, right_s = (
            self.view.time(max(self.view.head_px, left_px)),
            self.view.time(right_px + 1),
        )
        first = math.floor(left_s * self.view.px_per_s / TILE_PX)
        last = math.floor(right_s * self.view.px_per_s / TILE_PX)
        for number in range(first, last + 1):
            tile = self._tiles.tile(
                number, self.view.px_per_s, ratio, self._lanes, self._theme.tokens, self.font()
            )
            x = self.view.head_px + number * TILE_PX - round(self.view.left_s * self.view.px_per_s)
            painter.drawImage(QPointF(x, RULER_PX), tile)

    def _draw_selection(self, painter: QPainter) -> None:
        tokens = self._theme.tokens
        height = self.content_height() - RULER_PX - 2
        tint = QColor(tokens.accent)
        tint.setAlpha(26)
        for start, end in self._selected:
            rect = QRectF(self.view.x(start), RULER_PX, (end - start) * self.view.px_per_s, height)
            painter.fillRect(rect, tint)
        if self._current is not None:
            start, end = self._current
            rect = QRectF(self.view.x(start), RULER_PX, (end - start) * self.view.px_per_s, height)
            painter.setPen(QPen(QColor(tokens.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(rect.adjusted(0.5, 0.5, -1, -1))
        if self._grabbed is not None:
            for lane, top in [x for x in self._tops() if x[0].kind == "hits"][:1]:
                height = lane.height - 5
                painter.setPen(QPen(QColor(tokens.focus), 1.5))
                painter.drawRect(QRectF(self.view.x(self._grabbed) - 5, top + 2, 10, height))

    def _tops(self) -> list[tuple[Lane, int]]:
        top, found = RULER_PX, []
        for lane in self._lanes:
            found.append((lane, top))
            top += lane.height
        return found

    def _draw_ruler(self, painter: QPainter) -> None:
        tokens = self._theme.tokens
        painter.fillRect(QRectF(self.view.head_px, 0, self.width(), RULER_PX), QColor(tokens.pane))
        painter.setPen(QColor(tokens.line_strong))
        painter.drawLine(self.view.head_px, RULER_PX - 1, self.width(), RULER_PX - 1)
        if not self.view.duration_s:
            return
        painter.setFont(fixed_font(8))
        width = QFontMetricsF(painter.font()).horizontalAdvance("00:00:00:00") + 14
        step = next((s for s in _STEPS_S if s * self.view.px_per_s >= width), _STEPS_S[-1])
        number = math.floor(self.view.left_s / step)
        while number * step <= self.view.right_s:
            x = self.view.x(number * step)
            painter.setPen(QColor(tokens.line_strong))
            painter.drawLine(QPointF(x, RULER_PX - 8), QPointF(x, RULER_PX - 1))
            for part in range(1, 5):
                minor = x + part * step * self.view.px_per_s / 5
                painter.drawLine(QPointF(minor, RULER_PX - 4), QPointF(minor, RULER_PX - 1))
            painter.setPen(QColor(tokens.dim))
            at = self._origin_s + Fraction(number * step).limit_denominator(1000)
            painter.drawText(
                QPointF(x + 4, RULER_PX - 10), timecode(at, self._fps, drop_frame=self._drop)
            )
            number += 1

    def _draw_span(self, painter: QPainter) -> None:
        if self._span is None:
            return
        tokens = self._theme.tokens
        start, end = (self.view.x(t) for t in self._span)
        tint = QColor(tokens.span)
        tint.setAlpha(38)
        painter.fillRect(QRectF(start, RULER_PX, end - start, self.height() - RULER_PX), tint)
        painter.fillRect(QRectF(start, RULER_PX - 5, end - start, 4), QColor(tokens.span))
        painter.setPen(QPen(QColor(tokens.span), 1))
        for x in (start, end):
            painter.drawLine(QPointF(x, RULER_PX - 5), QPointF(x, self.height()))

    def _draw_playhead(self, painter: QPainter) -> None:
        x = self.view.x(self._position)
        if x < self.view.head_px - 8:
            return
        colour = QColor(self._theme.tokens.playhead)
        painter.setPen(QPen(colour, 1.4))
        painter.drawLine(QPointF(x, 10), QPointF(x, self.height()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        points = [QPointF(x - 6, 4), QPointF(x + 6, 4), QPointF(x + 6, 10), QPointF(x, 17)]
        painter.drawPolygon(QPolygonF([*points, QPointF(x - 6, 10)]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_heads(self, painter: QPainter) -> None:
        tokens = self._theme.tokens
        painter.fillRect(QRectF(0, 0, self.view.head_px, self.height()), QColor(tokens.pane))
        painter.setFont(self.font())
        for lane, top in self._tops():
            painter.setPen(QColor(tokens.line))
            painter.drawLine(0, top + lane.height - 1, self.view.head_px, top + lane.height - 1)
            bar = {"picture": "picture", "hits": "hit", "original": "original"}.get(
                lane.kind, "wave"
            )
            painter.fillRect(QRectF(0, top, 3, lane.height - 1), QColor(getattr(tokens, bar)))
            painter.setPen(QColor(tokens.dim))
            rect = QRectF(10, top, self.view.head_px - 12, lane.height - 1)
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter), lane.name)
        painter.setPen(QColor(tokens.line_strong))
        painter.drawLine(self.view.head_px - 1, 0, self.view.head_px - 1, self.height())

    # --- the mouse ----------------------------------------------------------------------------

    def event(self, event: QEvent | None) -> bool:
        """A tool tip says what the mouse does on the lane it rests on."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            found, at = self._lane_at(event.pos().y()), self.view.time(event.pos().x())
            tip = found[0].tip(at) if found is not None else LANE_TIPS["ruler"]
            QToolTip.showText(event.globalPos(), tooltip(tip), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Ruler: scrub. Hit lane: grab. Elsewhere: go there and select."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position()
        at = self.view.time(point.x())
        found = self._lane_at(point.y())
        if point.x() < self.view.head_px:
            return
        if point.y() < RULER_PX or found is None:
            self._drag = "scrub"
            self.seek_asked.emit(at)
            return
        lane, top = found
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        self.place_clicked.emit(at, lane.kind, bool(control))
        if lane.kind == "hits":
            self._drag, self._held = "press", (point, lane, top)
            self.hit_grabbed.emit(*self._hit_place(point, lane, top))
        else:
            self.seek_asked.emit(at)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Scrub, or drag the grabbed hit."""
        if event is None:
            return
        if self._drag == "scrub":
            self.seek_asked.emit(self.view.time(event.position().x()))
        elif self._held is not None and self._grabbed is not None:
            pressed, lane, top = self._held
            if (event.position() - pressed).manhattanLength() >= DRAG_PX:
                self._drag = "hit"  # from now on; a click that trembles moves nothing
            if self._drag == "hit":
                self.hit_moved.emit(*self._hit_place(event.position(), lane, top), False)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        """End of a drag."""
        if event is not None and self._drag == "hit" and self._held and self._grabbed is not None:
            self.hit_moved.emit(*self._hit_place(event.position(), *self._held[1:]), True)
        self._drag, self._held = "", None

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """In the hit lane: add a hit. Elsewhere: fit the cue under the pointer."""
        if event is None:
            return
        found = self._lane_at(event.position().y())
        if found is not None and found[0].kind == "hits":
            self.hit_asked.emit(*self._hit_place(event.position(), *found))
        elif found is not None and self._current is not None:
            self.fit(*self._current)

    def _hit_place(self, point: QPointF, lane: Lane, top: int) -> tuple[float, float]:
        foot = top + lane.height - 3
        strength = (foot - point.y()) / max(1, lane.height - 5 - HIT_ROOM_PX)
        return self.view.time(point.x()), min(max(strength, 0.05), 1.0)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Wheel: along the time. Ctrl: zoom about the pointer."""
        if event is None:
            return
        delta = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(1.2 ** (delta.y() / 120), self.view.time(event.position().x()))
        else:
            amount = delta.x() if delta.x() else delta.y()
            self.scroll_to(self.view.left_s - amount / self.view.px_per_s)
            self.zoomed.emit()
        event.accept()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Keep inside the cut, and the whole of it in view if it was."""
        del event
        self._measure()
        self._share_height()
        self.zoomed.emit()

    def _on_theme_changed(self) -> None:
        self._tiles.clear()
        self.update()
