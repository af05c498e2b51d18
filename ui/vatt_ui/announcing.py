"""What happened, in one line at the foot of the window, for the eye and for screen readers.

A label whose text changes is the one announcement that PyQt6 can make: Qt tells screen readers of
its new name. Qt has an event of its own for announcements, which PyQt6 does not wrap.
"""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QObject

from vatt_engine import messages
from vatt_engine.messages import Event
from vatt_ui.language import _, ngettext
from vatt_ui.notices import Notice
from vatt_ui.session import Session
from vatt_ui.text import plain


class Announcer(QObject):
    """Says what jobs do, what notices tell, what was undone, and that a cut is open.

    Args:
        session: whose events are told.
        say: shows a line; another one takes its place.
    """

    def __init__(self, session: Session, say: Callable[[str], None], parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._say = say
        self._takes: dict[str, int] = {}  # takes of the cues that have a job
        session.notice_raised.connect(self._on_notice)
        session.cut_opened.connect(self._on_cut_opened)
        session.history_walked.connect(self._on_history_walked)
        session.jobs.cue_progressed.connect(self._on_cue_progressed)
        session.engine.event_received.connect(self._on_event)

    def _on_notice(self, notice: Notice) -> None:
        self._say(f"{notice.text} {notice.hint}".strip())

    def _on_cut_opened(self) -> None:
        self._takes.clear()
        n = len(self._session.cues)
        cues = ngettext("{n} cue", "{n} cues", n).format(n=n)
        cut = self._session.cut
        opened = _("{name} is open: {cues}.")
        self._say("" if cut is None else opened.format(name=plain(cut.name, 80), cues=cues))

    def _on_history_walked(self, label: str, back: bool) -> None:
        said = _("Undone: {what}.") if back else _("Done again: {what}.")
        self._say(said.format(what=plain(label)))

    def _on_cue_progressed(self, cue_id: str) -> None:
        session = self._session
        cue, look = session.cue(cue_id), session.jobs.look(cue_id)
        if cue is None:
            return
        n, clip = len(session.state(cue_id).takes), plain(cue.clip, 80)
        before = self._takes.get(cue_id)
        if before is None and look is not None:
            self._takes[cue_id] = n
            self._say(_("Making takes of {clip}.").format(clip=clip))
        elif before is not None and n > before:
            self._takes[cue_id] = n
            self._say(_("Take {n} of {clip} is ready.").format(n=n, clip=clip))
        if look is None:
            self._takes.pop(cue_id, None)

    def _on_event(self, event: Event) -> None:
        match event:
            case messages.CaptionReady():
                self._say(_("Caption by the engine: {text}").format(text=plain(event.caption)))
            case messages.LaneReady():
                n = len(event.lane.hits)
                self._say(ngettext("{n} hit", "{n} hits", n).format(n=n))
            case messages.JobCancelled():
                self._say(_("Cancelled."))
