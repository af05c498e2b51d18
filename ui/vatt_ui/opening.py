"""Opening cuts and finding their media: dialogs, recovery after a crash, the bundled sample."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog, QWidget

from vatt_plugin.cues import Cue
from vatt_ui.dialogs import first_run, recovery
from vatt_ui.language import _, ngettext
from vatt_ui.notices import Notice
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme

OPENABLE = (
    "*.otio *.otioz *.otiod *.edl *.xml *.fcpxml *.aaf *.kdenlive "
    "*.mp4 *.mov *.mkv *.mxf *.avi *.webm *.mpg *.m4v"
)
_VIDEO = {".mp4", ".mov", ".mkv", ".mxf", ".avi", ".webm", ".mpg", ".m4v"}


class Opening:
    """What the File menu does about cuts."""

    def __init__(
        self, parent: QWidget, session: Session, theme: Theme, preferences: Preferences
    ) -> None:
        self._parent = parent
        self._session = session
        self._theme = theme
        self._preferences = preferences

    def path(self, path: Path) -> None:
        """Open a cut or video; after a crash, ask what to do with unsaved steps first."""
        found = self._session.unsaved(path)
        if found is None:
            self._session.open(path)
            return
        choice = recovery.ask(self._parent, self._theme, path, found)
        if choice != "skip":
            self._session.open(path, recover=choice == "recover")

    def ask(self) -> None:
        """Let the user pick a cut or a video."""
        recent = self._preferences.recent
        start = str(Path(recent[0]).parent) if recent else ""
        filters = _("Timelines and video") + f" ({OPENABLE});;" + _("All files") + " (*)"
        dialog = QFileDialog(self._parent, _("Open timeline or video"), start, filters)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.path(Path(name)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def sample(self) -> None:
        """Open a copy of the bundled sample cut in the user's own folder."""
        path = first_run.sample_copy()
        if path is None:
            text = _("The sample cut is not in this installation.")
            self._session.tell(Notice(text, level="warning"))
        else:
            self.path(path)

    def offer_recovery(self) -> None:
        """At the start without a file: after a crash, projects with unsaved steps are offered."""
        recent = [path for name in self._preferences.recent if (path := Path(name)).exists()]
        found = [(p, left) for p in recent if (left := self._session.unsaved(p)) is not None]
        if len(found) == 1:
            self.path(found[0][0])
        elif found:
            chosen = recovery.ask_which(self._parent, self._theme, found)
            if chosen is not None:
                path, choice = chosen
                self._session.open(path, recover=choice == "recover")

    def ask_relink(self) -> None:
        """Let the user find the media of offline cues; one folder serves all."""
        if not self._n_offline():
            self._session.tell(Notice(_("No media is missing."), pane="cues", key="relink"))
            return
        dialog = QFileDialog(self._parent, _("Folder to search for missing media"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.relink_from(Path(name)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def relink_from(self, folder: Path) -> None:
        """Relink every offline cue whose file is in the folder or below it, as one step."""
        wanted = {c.cue_id: _file_name(c) for c in self._session.cues if self._is_missing(c)}
        names = sorted({name for name in wanted.values() if name})
        self._session.background.ask(
            "find_media",
            {"folder": str(folder), "names": names},
            lambda reply: self._relink(wanted, reply["found"]),
        )

    def offer_relink(self) -> None:
        """When a cut is open: say how many cues have no media, and offer to look for it."""
        n = self._n_offline()
        if not n or self._session.read_only:
            self._session.notice_cleared.emit("relink")
            return
        text = ngettext("One cue has no media.", "{n} cues have no media.", n).format(n=n)
        actions = ((_("Find missing media…"), self.ask_relink),)
        self._session.tell(
            Notice(text, level="warning", pane="cues", key="relink", actions=actions)
        )

    def _relink(self, wanted: Mapping[str, str], found: Mapping[str, str]) -> None:
        session = self._session
        cues = [c for cue_id in wanted if (c := session.cue(cue_id)) is not None]
        changes = {
            cue.cue_id: {"relinked": found[wanted[cue.cue_id]]}
            for cue in cues
            if wanted[cue.cue_id] in found and self._is_missing(cue)
        }
        if changes:
            session.edit(session.labelled(_("Relink"), list(changes)), changes)
        text = ngettext(
            "One cue relinked; {left} still offline.",
            "{n} cues relinked; {left} still offline.",
            len(changes),
        ).format(n=len(changes), left=self._n_offline())
        self._session.tell(Notice(text, pane="cues", key="relink"))

    def _is_missing(self, cue: Cue) -> bool:
        return cue.status == "offline" and not self._session.state(cue.cue_id).relinked

    def _n_offline(self) -> int:
        return sum(self._is_missing(cue) for cue in self._session.cues)


def _file_name(cue: Cue) -> str:
    """The file that a cue wants; some editors keep only its name, as that of the clip."""
    name = cue.media.replace("\\", "/").rsplit("/", 1)[-1]
    if name:
        return name
    return cue.clip if Path(cue.clip).suffix.lower() in _VIDEO else ""
