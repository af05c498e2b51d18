"""The sync lane of the current cue under the picture: hits, intensity, in..out, the playhead."""

from __future__ import annotations

from PyQt6.QtCore import QPointF, QRectF, pyqtSignal
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PyQt6.QtWidgets import QSizePolicy, QWidget

from vatt_plugin.project_state import CueState
from vatt_ui import spoken
from vatt_ui.language import _
from vatt_ui.shown_lane import ShownLane
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.strip_tiles import intensity_brush, paint_hit

HEIGHT = 34
EDGE = 8


class CueLane(QWidget):
    """A small drawing of one cue; a click goes there.

    Signals:
        seek_asked(float): seconds from the cue's first frame.
    """

    seek_asked = pyqtSignal(float)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._shown = ShownLane(CueState())
        self._duration_s = 0.0
        self._position = -1.0
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(_("Hits of the current cue"))
        self._drawn: QPixmap | None = None
        theme.changed.connect(self._draw_anew)

    def show_cue(self, shown: ShownLane, duration_s: float) -> None:
        """Another cue, or another state or take of it."""
        if (shown, duration_s) == (self._shown, self._duration_s):
            return
        self._shown, self._duration_s = shown, duration_s
        self.setAccessibleDescription(spoken.lane(shown))
        self._draw_anew()

    def _draw_anew(self) -> None:
        self._drawn = None
        self.update()

    def set_position(self, position: float) -> None:
        """The playhead, seconds from the cue's first frame."""
        old, self._position = self._position, position
        for at in (old, position):
            self.update(int(self._x(at)) - 3, 0, 7, HEIGHT)

    def _x(self, time_s: float) -> float:
        return EDGE + time_s / max(1e-6, self._duration_s) * (self.width() - 2 * EDGE)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The kept drawing of the cue, and the playhead, which is all that moves."""
        ratio = self.devicePixelRatioF()
        size = self.size() * ratio
        if self._drawn is None or self._drawn.size() != size:
            self._drawn = QPixmap(size)
            self._drawn.setDevicePixelRatio(ratio)
            self._draw(self._drawn)
        painter = QPainter(self)
        if event is not None:
            painter.setClipRect(event.rect())
        painter.drawPixmap(0, 0, self._drawn)
        if 0 <= self._position <= self._duration_s and self._duration_s > 0:
            painter.setPen(QPen(QColor(self._theme.tokens.playhead), 1.4))
            x = self._x(self._position)
            painter.drawLine(QPointF(x, 0), QPointF(x, HEIGHT))
        painter.end()

    def _draw(self, target: QPixmap) -> None:
        target.fill(QColor(self._theme.tokens.ground))
        if self._duration_s <= 0:
            return
        painter = QPainter(target)
        self._draw_intensity(painter)
        self._draw_span(painter)
        self._draw_hits(painter)
        painter.end()

    def _draw_intensity(self, painter: QPainter) -> None:
        lane = self._shown.state.lane()
        if lane is None or not lane.intensity:
            return
        values = lane.intensity
        brush = intensity_brush(self._theme.tokens, self._shown.made_up)
        n_columns = max(1, (self.width() - 2 * EDGE) // 2)
        for column in range(n_columns):
            value = values[min(len(values) - 1, column * len(values) // n_columns)]
            height = min(1.0, value) * (HEIGHT - 6)
            painter.fillRect(QRectF(EDGE + 2 * column, HEIGHT - height, 2, height), brush)

    def _draw_span(self, painter: QPainter) -> None:
        span = self._shown.state.span
        if span is None:
            return
        colour = QColor(self._theme.tokens.span)
        left, right = (self._x(t) for t in span)
        painter.fillRect(QRectF(left, 0, right - left, 3), colour)
        colour.setAlpha(36)
        painter.fillRect(QRectF(left, 0, right - left, HEIGHT), colour)

    def _draw_hits(self, painter: QPainter) -> None:
        tokens, made_up = self._theme.tokens, self._shown.made_up
        for hit in self._shown.hits:
            height = max(6.0, (HEIGHT - 8) * hit.strength)
            x = self._x(hit.time_s)
            paint_hit(painter, x, HEIGHT, height, tokens, muted=hit.muted, made_up=made_up)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Go there."""
        if event is not None and self._duration_s > 0:
            share = (event.position().x() - EDGE) / max(1, self.width() - 2 * EDGE)
            self.seek_asked.emit(min(max(share, 0.0), 1.0) * self._duration_s)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Scrub."""
        self.mousePressEvent(event)
