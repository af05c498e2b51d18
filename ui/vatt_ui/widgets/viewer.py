"""The viewer: exact video frames from the reader process, painted as they arrive.

One picture is asked for at a time and always the newest one, so scrubbing never piles up work.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from vatt_engine.errors import VattError
from vatt_ui.helper.shared import N_SLOTS, SLOT_BYTES
from vatt_ui.helper_process import HelperProcess
from vatt_ui.language import _
from vatt_ui.playback.places import Place
from vatt_ui.theme.apply import Theme


class Screen(QWidget):
    """Shows one picture, letter-boxed.

    Signals:
        shown(float): a picture is on the screen; its time in its media.
        failed(str): a picture cannot be had, and why.
    """

    shown = pyqtSignal(float)
    failed = pyqtSignal(str)

    def __init__(self, helper: HelperProcess, folder: str, theme: Theme) -> None:
        super().__init__()
        self._helper = helper
        self._theme = theme
        self._path = Path(folder) / "pictures"
        self._memory: mmap.mmap | None = None
        self._image: QImage | None = None
        self._wanted: Place | None = None
        self._asked: Place | None = None
        self._have: tuple[Place, QSize] | None = None
        self._slot = 0
        self._message = ""
        self._asked_size = QSize()
        self.setMinimumSize(220, 124)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(_("Picture"))

    def show_place(self, place: Place | None, message: str = "") -> None:
        """Show the picture of a place; None is black, with a message."""
        self._message = message
        if self.accessibleDescription() != message:
            self.setAccessibleDescription(message)
        if place is None:
            self._wanted = self._have = None
            self._image = None
            self.update()
            return
        self._wanted = place
        self._ask()

    @property
    def image(self) -> QImage | None:
        """What is shown."""
        return self._image

    @property
    def up_to_date(self) -> bool:
        """Whether what is shown is what was asked for last."""
        return self._wanted is None or (self._have is not None and self._have[0] == self._wanted)

    def release(self) -> None:
        """Let go of the shared pictures."""
        self._image = None
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _size(self) -> QSize:
        ratio = self.devicePixelRatioF()
        width = min(1920, round(self.width() * ratio))
        height = min(1080, round(self.height() * ratio))
        return QSize(max(16, width // 16 * 16), max(16, height // 16 * 16))

    def _ask(self) -> None:
        size = self._size()
        if self._wanted is None or self._asked is not None or self._have == (self._wanted, size):
            return
        if self._memory is None:
            self._open_memory()
        self._asked, self._asked_size = self._wanted, size
        self._slot = (self._slot + 1) % N_SLOTS
        params: dict[str, Any] = {
            "media": self._wanted.media,
            "time_s": self._wanted.time_s,
            "width": size.width(),
            "height": size.height(),
            "shared": str(self._path),
            "slot": self._slot,
        }
        if self._wanted.sequence is not None:
            params["sequence"] = self._wanted.sequence
        self._helper.ask("frame", params, self._on_frame, on_error=self._on_error)

    def _open_memory(self) -> None:
        with self._path.open("wb") as file:
            file.truncate(SLOT_BYTES * N_SLOTS)
        with self._path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SLOT_BYTES * N_SLOTS)

    def _on_frame(self, reply: dict[str, Any]) -> None:
        asked, self._asked = self._asked, None
        if self._memory is None or asked is None or self._wanted is None:
            return
        width, height = int(reply["width"]), int(reply["height"])
        start = int(reply["slot"]) * SLOT_BYTES
        data = self._memory[start : start + width * height * 4]
        image = QImage(data, width, height, width * 4, QImage.Format.Format_RGB32)
        self._image = image.copy()
        self._have = (asked, self._asked_size)
        self._message = ""
        self.update()
        self.shown.emit(float(reply["time_s"]))
        self._ask()

    def _on_error(self, error: VattError) -> None:
        asked, self._asked = self._asked, None
        self._image = None
        self._message = error.message
        self.setAccessibleDescription(error.message)
        self.update()
        self.failed.emit(str(error))
        if asked != self._wanted:
            self._ask()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The picture, as large as it fits."""
        del event
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        if self._image is not None:
            ratio = min(self.width() / self._image.width(), self.height() / self._image.height())
            width, height = self._image.width() * ratio, self._image.height() * ratio
            left, top = (self.width() - width) / 2, (self.height() - height) / 2
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(left, top, width, height), self._image)
        elif self._message:
            painter.setPen(QColor("#c8ccd4"))
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(24, 0, -24, 0), flags, self._message)
        painter.end()
        if self._wanted is not None and self._have != (self._wanted, self._size()):
            self._ask()
