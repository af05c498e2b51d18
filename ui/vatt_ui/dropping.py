"""What may be dropped on a cue, in the table or on the timeline: one of its takes, or its media.

Menu and keys do the same: a take's number uses it, *Find missing media* relinks.
"""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QMimeData, QObject, QPointF
from PyQt6.QtGui import QDropEvent
from PyQt6.QtWidgets import QWidget

from vatt_ui.language import _
from vatt_ui.session import Session

TIMELINES = (".otio", ".otioz", ".otiod", ".edl", ".xml", ".fcpxml", ".aaf", ".kdenlive")
TAKE_MIME = "application/x-vatt-take"


def is_take(data: QMimeData | None) -> bool:
    """Whether a take of ours is dragged; it also carries its file, for other programs."""
    return data is not None and data.hasFormat(TAKE_MIME)


def is_file(data: QMimeData | None) -> bool:
    """Whether a file of somebody else's is dragged."""
    if data is None or is_take(data) or not data.hasUrls():
        return False
    return data.urls()[0].isLocalFile()


def may_drop(session: Session, cue_id: str, data: QMimeData | None) -> bool:
    """Whether a drop on this cue would do something."""
    cue = session.cue(cue_id)
    if cue is None or data is None or session.read_only:
        return False
    if is_take(data):
        return _take_id(data) in session.state(cue_id).takes
    return is_file(data) and cue.status == "offline"


def drop_on_cue(session: Session, cue_id: str, data: QMimeData) -> None:
    """Use the take, or relink the cue to the file; nothing where neither makes sense."""
    if not may_drop(session, cue_id, data):
        return
    if is_take(data):
        session.edit_each(_("Choose take"), [cue_id], chosen=_take_id(data))
    else:
        session.edit_each(_("Relink"), [cue_id], relinked=data.urls()[0].toLocalFile())


def _take_id(data: QMimeData) -> str:
    return data.data(TAKE_MIME).data().decode(errors="replace")


class CueDrops(QObject):
    """Lets a widget that shows cues take drops; what no cue can use goes on to the window.

    Args:
        session: whose cues they are.
        widget: what is dropped on.
        cue_under: the id of the cue at a place in it; empty for none.
    """

    def __init__(
        self, session: Session, widget: QWidget, cue_under: Callable[[QPointF], str]
    ) -> None:
        super().__init__(widget)
        self._session = session
        self._cue_under = cue_under
        widget.setAcceptDrops(True)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Drags and drops are answered here, everything else goes its way."""
        if not isinstance(event, QDropEvent):
            return super().eventFilter(watched, event)
        data, kind = event.mimeData(), event.type()
        if data is None:
            return False
        if kind == QEvent.Type.DragEnter:
            useful = self._concerns_cues(data)
        else:
            useful = may_drop(self._session, self._cue_under(event.position()), data)
        if useful and kind == QEvent.Type.Drop:
            drop_on_cue(self._session, self._cue_under(event.position()), data)
        if useful:
            event.acceptProposedAction()
        else:
            event.ignore()
        return True

    def _concerns_cues(self, data: QMimeData) -> bool:
        if is_take(data):
            return True
        is_timeline = is_file(data) and data.urls()[0].path().lower().endswith(TIMELINES)
        offline = any(cue.status == "offline" for cue in self._session.cues)
        return is_file(data) and not is_timeline and offline
