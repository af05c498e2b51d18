"""Notices when another program rewrites the open cut.

A file counts as changed when its size or time differ, have been still for a moment, and its
content is really another one: editors often save what they already had.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from vatt_ui.later import later
from vatt_ui.session import Session

LOOK_MS = 2000


class Watcher(QObject):
    """Looks at the cut's file now and then, and whenever the window is entered.

    Signals:
        cut_changed(): the file holds another cut than the one shown.
    """

    cut_changed = pyqtSignal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.following = False
        self._seen: tuple[int, int] | None = None
        self._candidate: tuple[int, int] | None = None
        self._known = ""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        session.cut_opened.connect(self._on_cut_opened)

    def set_following(self, following: bool) -> None:
        """Watch-folder mode: every new export of the cut is conformed to at once."""
        self.following = following

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def keep_old(self) -> None:
        """Go on with the cut as it was; the same change is not told again."""
        self._seen = self._stat()

    def look(self) -> None:
        """Compare the file with what was read."""
        cut = self._session.cut
        now = self._stat()
        if cut is None or now is None or now == self._seen:
            self._candidate = None
            return
        if now != self._candidate:  # perhaps still being written: look again when it is still
            self._candidate = now
            later(self, LOOK_MS // 4, self.look)
            return
        self._candidate = None
        self._session.background.ask(
            "fingerprint", {"path": cut.path}, lambda reply: self._on_fingerprint(now, reply)
        )

    def _on_fingerprint(self, at: tuple[int, int], reply: dict[str, Any]) -> None:
        cut = self._session.cut
        sha256 = str(reply.get("sha256", ""))
        if cut is None or not sha256:
            return
        self._seen = at
        if sha256 not in (cut.sha256, self._known):
            self._known = sha256
            self.cut_changed.emit()

    def _on_cut_opened(self) -> None:
        self._seen = self._stat()
        self._candidate = None
        self._known = ""
        if self._session.cut is not None:
            self._timer.start()
        else:
            self._timer.stop()

    def _stat(self) -> tuple[int, int] | None:
        cut = self._session.cut
        if cut is None:
            return None
        try:
            facts = Path(cut.path).stat()
        except OSError:
            return None
        return facts.st_size, facts.st_mtime_ns
