"""Text that comes from files is shown as it is, never as markup, and never at any length.

Qt guesses: a label whose text looks like HTML is drawn as HTML, links and pictures included.
Every label of the panel is made here, so a clip called ``<img src=...>`` stays a name.
"""

from __future__ import annotations

from fractions import Fraction

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QFontMetrics, QGuiApplication, QPainter, QPaintEvent
from PyQt6.QtWidgets import QLabel, QSizePolicy, QWidget

MAX_SHOWN = 200


def plain(text: str, limit: int = MAX_SHOWN) -> str:
    """One line of at most ``limit`` characters; control characters become spaces."""
    line = "".join(c if c.isprintable() else " " for c in text[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


def tooltip(text: str) -> str:
    """A tool tip that Qt cannot take for markup: tool tips have no plain-text switch."""
    escaped = text[:1000].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<qt>" + escaped.replace("\n", "<br>") + "</qt>"


def set_tip(widget: QWidget, text: str, spoken: str | None = None) -> None:
    """Give a widget a tool tip, and say the same to screen readers without its markup.

    Args:
        widget: any.
        text: the tool tip.
        spoken: what is said instead of it.
    """
    widget.setToolTip(tooltip(text) if text else "")
    widget.setAccessibleDescription(text[:1000] if spoken is None else spoken)


def ltr(text: str) -> str:
    """Numbers with signs and units, kept in their order where writing runs to the left."""
    mirrored = QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft
    return f"\u2066{text}\u2069" if mirrored and text else text


def timecode(seconds: Fraction | float, fps: Fraction, *, drop_frame: bool | None = None) -> str:
    """``HH:MM:SS:FF`` of an instant; drop-frame (``;``) by default at 29.97 and 59.94.

    Args:
        seconds: from the timecode's zero.
        fps: exact rate; 30000/1001 counts 30 numbers a second.
        drop_frame: None decides by the rate.
    """
    if fps <= 0:
        return "--:--:--:--"
    exact = seconds if isinstance(seconds, Fraction) else Fraction(seconds)
    number = round(exact * fps)
    base = round(fps)
    drops = fps.denominator == 1001 and base % 30 == 0 if drop_frame is None else drop_frame
    sign, number = ("-", -number) if number < 0 else ("", number)
    if drops:
        dropped = 2 * base // 30
        per_minute = 60 * base - dropped
        per_ten = 10 * per_minute + dropped
        tens, rest = divmod(number, per_ten)
        number += 9 * dropped * tens
        if rest >= dropped:
            number += dropped * ((rest - dropped) // per_minute)
    seconds_total, frame = divmod(number, base)
    minutes, second = divmod(seconds_total, 60)
    hour, minute = divmod(minutes, 60)
    separator = ";" if drops else ":"
    return f"{sign}{hour:02d}:{minute:02d}:{second:02d}{separator}{frame:02d}"


def duration(seconds: float) -> str:
    """A length for people: ``0.8 s``, ``14 s``, ``01:12``, ``1:02:03``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute:02d}:{second:02d}"


class Label(QLabel):
    """A label that shows plain text only."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        if role:
            self.setProperty("role", role)
        self.setText(text)


class ElidedLabel(Label):
    """A one-line label that ends in an ellipsis where its text does not fit."""

    def __init__(self, text: str = "", role: str = "", parent: QWidget | None = None) -> None:
        super().__init__(plain(text), role, parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def setText(self, text: str | None) -> None:
        """Show ``text``, cut to a length that is quick to measure."""
        shown = plain(text or "")
        super().setText(shown)
        set_tip(self, shown)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the elided text."""
        del event
        painter = QPainter(self)
        metrics = QFontMetrics(self.font())
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self.alignment()), text)
        painter.end()


class FittingLabel(Label):
    """Numbers on one line, at the greatest length of several that there is room for."""

    def __init__(self, role: str = "") -> None:
        super().__init__("", role)
        self._texts: tuple[str, ...] = ("",)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def show_longest(self, *texts: str) -> None:
        """Show the first of ``texts`` that fits; the whole of it is in the tool tip."""
        self._texts = texts or ("",)
        self.setText(self._texts[0])
        set_tip(self, self._texts[0])

    def sizeHint(self) -> QSize:
        """What the shortest needs."""
        metrics = QFontMetrics(self.font())
        return QSize(metrics.horizontalAdvance(self._texts[-1]), metrics.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw what fits; a number is never cut."""
        del event
        metrics = QFontMetrics(self.font())
        fitting = (t for t in self._texts if metrics.horizontalAdvance(t) <= self.width())
        painter = QPainter(self)
        painter.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(self.alignment()), next(fitting, ""))
        painter.end()
