"""Paints the timeline in tiles of 512 px: numpy for waveforms and dense cuts, text on top.

A tile is a picture of one stretch of time at one zoom, all lanes at once. It is painted once and
then only copied to the screen; scrolling costs copying, whatever the number of clips.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QImage,
    QPainter,
    QPen,
    QPolygonF,
)

from vatt_ui.text import plain
from vatt_ui.theme.tokens import Tokens
from vatt_ui.widgets.strip_blocks import Block, Lane

TILE_PX = 512
MAX_TILES = 160
MIN_TEXT_PX, MAX_TEXT_PX = 34, 2000
WAVE_CURVE = 0.6
EDGE_PX = 4  # edges of clips are drawn no denser
HIT_ROOM_PX = 6  # for the head of the strongest hit
_DASH_PX = 3


class TileCache:
    """The painted tiles of the strip, dropped by stretch when something changes."""

    def __init__(self) -> None:
        self._tiles: OrderedDict[tuple[int, float, float], QImage] = OrderedDict()
        self.n_painted = 0

    def clear(self) -> None:
        """Drop all tiles."""
        self._tiles.clear()

    def drop(self, start_s: float, end_s: float) -> None:
        """Drop the tiles that show a stretch of time."""
        for key in list(self._tiles):
            number, px_per_s, _ = key
            if (
                number * TILE_PX / px_per_s <= end_s
                and (number + 1) * TILE_PX / px_per_s >= start_s
            ):
                del self._tiles[key]

    def tile(
        self,
        number: int,
        px_per_s: float,
        ratio: float,
        lanes: Sequence[Lane],
        tokens: Tokens,
        font: QFont,
    ) -> QImage:
        """The tile of a number at a zoom; painted if it is not there."""
        key = (number, px_per_s, ratio)
        found = self._tiles.get(key)
        if found is None:
            found = paint_tile(number, px_per_s, ratio, lanes, tokens, font)
            self._tiles[key] = found
            self.n_painted += 1
            if len(self._tiles) > MAX_TILES:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end(key)
        return found


def paint_tile(
    number: int, px_per_s: float, ratio: float, lanes: Sequence[Lane], tokens: Tokens, font: QFont
) -> QImage:
    """Paint one tile of all lanes."""
    height = sum(lane.height for lane in lanes)
    image = QImage(
        round(TILE_PX * ratio), max(1, round(height * ratio)), QImage.Format.Format_RGB32
    )
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(tokens.ground))
    painter = QPainter(image)
    painter.setFont(font)
    start_s = number * TILE_PX / px_per_s
    top = 0
    for lane in lanes:
        _paint_lane(painter, lane, top, start_s, px_per_s, ratio, tokens)
        top += lane.height
    painter.end()
    return image


def _paint_lane(
    painter: QPainter,
    lane: Lane,
    top: int,
    start_s: float,
    px_per_s: float,
    ratio: float,
    tokens: Tokens,
) -> None:
    end_s = start_s + TILE_PX / px_per_s
    found = lane.between(start_s, end_s)
    painter.fillRect(QRectF(0, top, TILE_PX, lane.height - 1), QColor(tokens.pane))
    if len(found) > TILE_PX // 3:
        _paint_dense(painter, lane, found, top, start_s, px_per_s, tokens)
        return
    for i in found:
        block = lane.blocks[i]
        left = (block.start_s - start_s) * px_per_s
        width = max(1.0, (block.end_s - block.start_s) * px_per_s - 1)
        rect = QRectF(left, top + 2, width, lane.height - 5)
        _paint_block(painter, lane, block, rect, px_per_s, ratio, tokens)


def _paint_dense(
    painter: QPainter,
    lane: Lane,
    found: range,
    top: int,
    start_s: float,
    px_per_s: float,
    tokens: Tokens,
) -> None:
    """Many blocks a tile: runs of one colour, and an edge wherever a pixel column holds a start."""
    for fill, runs in lane.runs(found, start_s, px_per_s, TILE_PX).items():
        colour = QColor(getattr(tokens, fill))
        for left, right in runs.tolist():
            painter.fillRect(QRectF(left, top + 2, right - left, lane.height - 5), colour)
    columns = np.unique(
        ((lane.starts[found.start : found.stop] - start_s) * px_per_s).astype(np.int64)
    )
    painter.setPen(QPen(QColor(tokens.ground), 1))
    last = -EDGE_PX
    for column in columns.tolist():
        if column - last >= EDGE_PX:
            painter.drawLine(column, top + 2, column, top + lane.height - 4)
            last = column


def _paint_block(
    painter: QPainter,
    lane: Lane,
    block: Block,
    rect: QRectF,
    px_per_s: float,
    ratio: float,
    tokens: Tokens,
) -> None:
    painter.save()
    painter.setClipRect(rect.intersected(QRectF(-2, rect.top(), TILE_PX + 4, rect.height())))
    fill = QColor(getattr(tokens, block.fill))
    if block.dim:
        fill.setAlpha(110)
    painter.fillRect(rect, fill)
    _paint_thumbnails(painter, block, rect, px_per_s)
    if block.peaks is not None:
        _paint_wave(painter, block, _below_text(painter, lane, rect), px_per_s, ratio, tokens)
    elif lane.kind == "foley" and rect.width() < MIN_TEXT_PX:
        painter.fillRect(rect, QColor(getattr(tokens, lane.overview_fill(block))))
    if block.intensity:
        _paint_intensity(painter, block, rect, px_per_s, tokens)
    if block.fraction is not None:
        _paint_progress(painter, block, rect, tokens)
    if lane.kind == "hits":
        _paint_hits(painter, block, rect, px_per_s, tokens)
    painter.setPen(QPen(QColor(getattr(tokens, block.edge)), 1))
    if rect.width() > 2:
        painter.drawLine(rect.topLeft(), rect.bottomLeft())
    _paint_text(painter, block, rect, tokens)
    painter.restore()


def _paint_thumbnails(painter: QPainter, block: Block, rect: QRectF, px_per_s: float) -> None:
    """Each picture again and again up to the next one, so that a clip is filled at every zoom."""
    ends = (*(at_s for at_s, _ in block.thumbnails[1:]), block.end_s - block.start_s)
    for (at_s, picture), end_s in zip(block.thumbnails, ends, strict=False):
        width = picture.width() * rect.height() / picture.height()
        left, right = (rect.left() + t * px_per_s for t in (at_s, end_s))
        x = left + max(0.0, -left // width) * width
        while x < min(right, TILE_PX):
            shown = min(width, right - x)
            part = QRectF(0, 0, picture.width() * shown / width, picture.height())
            painter.drawImage(QRectF(x, rect.top(), shown, rect.height()), picture, part)
            x += width


def _below_text(painter: QPainter, lane: Lane, rect: QRectF) -> QRectF:
    """Where a waveform goes: under the words, where there is room for both."""
    if lane.kind not in ("foley", "take") or rect.width() < MIN_TEXT_PX:
        return rect
    return rect.adjusted(0, QFontMetricsF(painter.font()).height() - 2, 0, 0)


def _paint_wave(
    painter: QPainter,
    block: Block,
    rect: QRectF,
    px_per_s: float,
    ratio: float,
    tokens: Tokens,
) -> None:
    assert block.peaks is not None
    left = max(0.0, rect.left())
    right = min(float(TILE_PX), rect.right())
    n = round((right - left) * ratio)
    if n <= 0:
        return
    start = block.offset_s + (left - rect.left()) / px_per_s
    columns = block.peaks.columns(start, 1 / (px_per_s * ratio), n)
    picture = wave_image(columns * block.gain, max(2, round(rect.height() * ratio)), tokens, block)
    painter.drawImage(QRectF(left, rect.top(), n / ratio, rect.height()), picture)


def wave_image(
    columns: npt.NDArray[Any],
    height: int,
    tokens: Tokens,
    block: Block,
) -> QImage:
    """A waveform [n, 2] (-127..127) as a picture of ``height`` pixels, see-through around it."""
    n = len(columns)
    colour = QColor(getattr(tokens, block.wave))
    alpha = 130 if block.dim else 255
    word = np.uint32((alpha << 24) | _premultiplied(colour, alpha))
    middle = (height - 1) / 2
    # Curved, so that Foley, which lies low under dialogue, can still be seen.
    curved = np.sign(columns) * (np.abs(columns) / 127) ** WAVE_CURVE
    top = np.clip(middle - curved[:, 1] * middle, 0, height - 1)
    bottom = np.clip(middle - curved[:, 0] * middle, 0, height - 1)
    rows = np.arange(height)[:, None]
    inside = (rows >= np.floor(top)[None, :]) & (rows <= np.ceil(bottom)[None, :])
    pixels = np.where(inside, word, np.uint32(0)).astype(np.uint32)
    data = pixels.tobytes()
    return QImage(data, n, height, n * 4, QImage.Format.Format_ARGB32_Premultiplied).copy()


def _premultiplied(colour: QColor, alpha: int) -> int:
    red, green, blue = (c * alpha // 255 for c in (colour.red(), colour.green(), colour.blue()))
    return (red << 16) | (green << 8) | blue


def _paint_intensity(
    painter: QPainter, block: Block, rect: QRectF, px_per_s: float, tokens: Tokens
) -> None:
    """The curve of how busy the picture is, as a soft area at the foot of the lane."""
    brush = intensity_brush(tokens, block.made_up)
    step = 1 / 50
    width = max(1.0, step * px_per_s)
    n = len(block.intensity)
    stride = max(1, int(2 / (step * px_per_s)))
    for i in range(0, n, stride):
        x = rect.left() + i * step * px_per_s
        if x > TILE_PX:
            break
        if x + width * stride < 0:
            continue
        height = min(1.0, max(block.intensity[i : i + stride])) * rect.height()
        painter.fillRect(QRectF(x, rect.bottom() - height, width * stride, height), brush)


def _paint_progress(painter: QPainter, block: Block, rect: QRectF, tokens: Tokens) -> None:
    colour = QColor(tokens.running)
    colour.setAlpha(90)
    assert block.fraction is not None
    width = rect.width() * min(1.0, max(0.0, block.fraction))
    painter.fillRect(QRectF(rect.left(), rect.top(), width, rect.height()), colour)
    painter.fillRect(QRectF(rect.left(), rect.bottom() - 2, width, 3), QColor(tokens.running))


def _paint_hits(
    painter: QPainter, block: Block, rect: QRectF, px_per_s: float, tokens: Tokens
) -> None:
    for time_s, strength, muted in block.hits:
        x = rect.left() + time_s * px_per_s
        if not -4 < x < TILE_PX + 4:
            continue
        height = max(5.0, (rect.height() - HIT_ROOM_PX) * strength)
        paint_hit(painter, x, rect.bottom(), height, tokens, muted=muted, made_up=block.made_up)


def intensity_brush(tokens: Tokens, made_up: bool) -> QBrush:
    """What the intensity is filled with: a soft area, hatched where nobody has seen it."""
    colour = QColor(tokens.hit)
    colour.setAlpha(150 if made_up else 60)
    pattern = Qt.BrushStyle.BDiagPattern if made_up else Qt.BrushStyle.SolidPattern
    return QBrush(colour, pattern)


def paint_hit(
    painter: QPainter,
    x: float,
    bottom: float,
    height: float,
    tokens: Tokens,
    *,
    muted: bool,
    made_up: bool,
) -> None:
    """A hit as a pin: its head is hollow if muted, a hollow diamond on dashes if made up."""
    colour = QColor(tokens.idle if muted else tokens.hit)
    top = bottom - height
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    y = bottom
    while y > top:  # counted from the foot, so that hits side by side look alike
        part = min(_DASH_PX if made_up else height, y - top)
        painter.fillRect(QRectF(x - 1, y - part, 2, part), colour)
        y -= part + (_DASH_PX if made_up else 0)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(colour, 1.4))
    if made_up:
        painter.setBrush(QColor(tokens.field))  # nothing shines through a hollow head
        corners = ((x, top - 4.2), (x + 4.2, top), (x, top + 4.2), (x - 4.2, top))
        painter.drawPolygon(QPolygonF([QPointF(*corner) for corner in corners]))
    else:
        painter.setBrush(Qt.BrushStyle.NoBrush if muted else colour)
        painter.drawEllipse(QRectF(x - 3, top - 3, 6, 6))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _paint_text(painter: QPainter, block: Block, rect: QRectF, tokens: Tokens) -> None:
    # Words may run over the edge of a tile: each tile draws its part of them at the same place.
    width = rect.width()
    hidden = rect.left() + min(width, MAX_TEXT_PX) < 0
    if hidden or width < MIN_TEXT_PX or not (block.text or block.badge):
        return
    metrics = QFontMetricsF(painter.font())
    text = metrics.elidedText(plain(block.text), Qt.TextElideMode.ElideRight, width - 10)
    shown = QRectF(rect.left() + 5, rect.top() + 1, width - 8, metrics.height() + 2)
    if block.thumbnails or block.peaks is not None:
        back = QColor(tokens.ground)
        back.setAlpha(245)  # dim words hold 4.5:1 on any picture, in all palettes
        painter.fillRect(
            QRectF(
                rect.left() + 2,
                rect.top() + 1,
                metrics.horizontalAdvance(text) + 7,
                metrics.height(),
            ),
            back,
        )
    painter.setPen(QColor(tokens.dim if block.dim else tokens.text))
    painter.drawText(shown, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop), text)
    if block.badge and rect.height() > 2 * metrics.height():
        low = QRectF(
            rect.left() + 5, rect.bottom() - metrics.height() - 1, width - 8, metrics.height()
        )
        painter.setPen(QColor(tokens.dim))
        painter.drawText(low, int(Qt.AlignmentFlag.AlignLeft), block.badge)
