"""The cycle collector, kept from stopping the panel in the middle of something.

Left to itself it looks through everything whenever enough objects were made: with the cues of a
feature open that takes tens of milliseconds. Here what was there when a cut had been opened is left
alone (it holds no cycles, so it goes when the cut does), nothing is collected while a cut is read,
and what is made later is looked through now and then, which takes a millisecond.
"""

from __future__ import annotations

import gc

from PyQt6.QtCore import QObject, QTimer

LOOK_MS = 1000
N_YOUNG = 2000  # objects made since the last look that make another one worth while
N_LOOKS = 60  # every so many looks include what is older
SETTLE_MS = 1500  # after a cut was opened; by then its lanes are made


class Collector(QObject):
    """Collects in Python's place, from ``start`` to ``stop``."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._n_looks = 0
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._on_look_due)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._on_settled)

    def start(self) -> None:
        """From now on nothing is collected but here."""
        gc.disable()
        gc.freeze()
        self._timer.start()

    def pause(self) -> None:
        """A cut is being read: make objects, collect none."""
        self._timer.stop()
        self._settle.start()

    def settle(self) -> None:
        """The cut is open: leave alone what it is made of, and go on."""
        self._settle.start()

    def stop(self) -> None:
        """Python collects again."""
        self._timer.stop()
        self._settle.stop()
        gc.unfreeze()
        gc.enable()

    def _on_settled(self) -> None:
        gc.freeze()
        self._timer.start()

    def _on_look_due(self) -> None:
        self._n_looks += 1
        if self._n_looks % N_LOOKS == 0:
            gc.collect()
        elif gc.get_count()[0] > N_YOUNG:
            gc.collect(1)
