"""Do something later, unless its owner is gone by then."""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject, QTimer


def later(owner: QObject, milliseconds: int, act: Callable[[], object]) -> QTimer:
    """Call ``act`` once after a while. The timer dies with ``owner``, and the call with it."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)

    def due() -> None:
        timer.deleteLater()
        act()

    timer.timeout.connect(due)
    timer.start()
    return timer
