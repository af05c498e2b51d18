"""Before writing: what will be added to which new timeline. The input is never written."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QFileDialog, QLineEdit, QTableWidget, QTableWidgetItem, QWidget

from vatt_engine.errors import VattError
from vatt_plugin.project_state import take_to_plain
from vatt_ui import spoken
from vatt_ui.cue_status import LOOKS
from vatt_ui.dialogs.base import Dialog
from vatt_ui.dialogs.mix_box import MixBox
from vatt_ui.helper.writing import CutChanged
from vatt_ui.language import _, ngettext
from vatt_ui.notices import Notice, from_error
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.text import Label, plain, timecode
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.common import icon_button, quiet, row, text_button

MAX_ROWS = 500


def default_output(cut_path: Path) -> Path:
    """``<stem>_foley.otio`` beside the cut."""
    return cut_path.with_name(f"{cut_path.stem}_foley.otio")


def chosen_rows(session: Session) -> list[dict[str, Any]]:
    """What goes to the timeline, cue by cue, in plain form."""
    rows = []
    for cue in session.cues:
        state = session.state(cue.cue_id)
        take = session.take(state.chosen)
        if take is None or state.muted:
            continue
        rows.append(
            {
                "cue_id": cue.cue_id,
                "take": take_to_plain(take),
                "takes": [take_to_plain(t) for t in session.takes(cue.cue_id)],
                "nudge_s": state.nudge_s,
                "number": state.takes.index(take.take_id) + 1,
            }
        )
    return rows


class WriteDialog(Dialog):
    """The preview: a row a cue, the name of the new timeline, Write."""

    def __init__(
        self, parent: QWidget, session: Session, theme: Theme, preferences: Preferences
    ) -> None:
        super().__init__(parent, _("Write timeline"))
        assert session.cut is not None
        self._session = session
        self._preferences = preferences
        self._rows = chosen_rows(session)
        self.resize(780, 620)
        n, all_cues = len(self._rows), len(session.cues)
        summary = Label(
            ngettext(
                "{n} of {all} cues has a take in use. It goes onto a new audio track after the "
                "cut's own; nothing else in the cut is changed.",
                "{n} of {all} cues have a take in use. They go onto new audio tracks after the "
                "cut's own; nothing else in the cut is changed.",
                n,
            ).format(n=n, all=all_cues)
        )
        summary.setWordWrap(True)
        self.body.addWidget(summary)
        self.table = self._preview()
        self.body.addWidget(self.table, 1)
        self.mix = MixBox(session)
        self.body.addWidget(self.mix)
        output = session.settings.output or str(default_output(Path(session.cut.path)))
        self.path = QLineEdit(output)
        self.path.setAccessibleName(_("New timeline"))
        browse = icon_button(theme, "folder", _("Choose where to write"))
        browse.clicked.connect(self._browse)
        self.body.addLayout(row(Label(_("New timeline"), "field"), self.path, browse))
        self.warning = Label("", "dim")
        self.warning.setWordWrap(True)
        self.body.addWidget(self.warning)
        self.cancel = text_button(theme, _("Cancel"))
        self.write = text_button(theme, _("Write"), "write", primary=True)
        self.cancel.clicked.connect(self.reject)
        self.write.clicked.connect(self.start)
        self.write.setEnabled(n > 0)
        self.write.setDefault(True)
        self.add_buttons(self.cancel, self.write)
        self.path.textChanged.connect(self._look_at_output)
        self._look_at_output()
        self.write.setFocus()

    def _preview(self) -> QTableWidget:
        session = self._session
        cut = session.cut
        assert cut is not None
        table = QTableWidget(0, 4)
        table.setAccessibleName(_("What will be written"))
        headings = [_("TC in"), _("Clip"), _("Take"), _("Prompt")]
        table.setHorizontalHeaderLabels(headings)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        quiet(table, 3, {0: 110, 1: 170, 2: 50})
        chosen = {r["cue_id"]: r for r in self._rows}
        for cue in session.cues[:MAX_ROWS]:
            entry = chosen.get(cue.cue_id)
            at = timecode(cue.record_timecode_s, cue.fps, drop_frame=cut.drop)
            if entry is None:
                status = session.status(cue.cue_id)
                muted = session.state(cue.cue_id).muted
                why = LOOKS[status].word
                if muted:
                    why = _("as you said")
                elif status == "takes":
                    why = _("no take is chosen")
                cells = [at, plain(cue.clip), "–", _("left out: {why}").format(why=why)]
            else:
                take = entry["take"]
                prompt = take["recipe"]["prompt"] or take["caption"] or ""
                cells = [at, plain(cue.clip), str(entry["number"]), plain(prompt)]
            table.insertRow(table.rowCount())
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                said = spoken.cell(headings[column], text)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, said)
                table.setItem(table.rowCount() - 1, column, item)
        return table

    def _look_at_output(self) -> None:
        path = Path(self.path.text())
        cut = self._session.cut
        own = cut is not None and path.absolute() == Path(cut.path).absolute()
        if own:
            self.warning.setText(
                _("This is the cut itself, which is never written. Pick another name.")
            )
        elif path.exists():
            self.warning.setText(_("This timeline is already there and will be replaced."))
        else:
            self.warning.setText("")
        self.write.setEnabled(bool(self._rows) and not own and bool(self.path.text()))
        self.write.setText(_("Replace") if path.exists() and not own else _("Write"))

    def _browse(self) -> None:
        dialog = QFileDialog(self, _("Write timeline"), self.path.text(), "OTIO (*.otio *.otioz)")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.fileSelected.connect(self.path.setText)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def start(self) -> None:
        """Write, in the helper; the panel says how it went."""
        session, cut = self._session, self._session.cut
        if cut is None:
            return
        out = Path(self.path.text()).absolute()
        wishes = self.mix.wishes(session.wishes)
        settings = wishes.into(session.settings)
        session.set_settings(dataclasses.replace(settings, output=str(out)))
        session.background.ask(
            "write",
            {
                "path": cut.path,
                "out": str(out),
                "chosen": self._rows,
                "force": out.exists(),
                "sha256": cut.sha256,
                "profile": self._preferences.profile,
                "url_profile": self._preferences.url_profile,
                **dataclasses.asdict(session.opening.source),
                "duck": wishes.duck,
                "duck_db": wishes.duck_db,
                "room_tone": wishes.room_tone,
            },
            lambda reply: _on_written(session, reply),
            on_error=lambda error: _on_failed(session, error),
        )
        session.tell(Notice(_("Writing {name}…").format(name=out.name), pane="window", key="write"))
        self.accept()


def _on_written(session: Session, reply: dict[str, Any]) -> None:
    path = Path(reply["path"])
    tracks = ", ".join(reply["tracks"]) or _("no track")
    notes = [f"{where}: {text}" if where else text for where, text in reply["notes"]]
    notes += [f"{where}: {text}" for where, text in reply["left_out"]]
    session.tell(
        Notice(
            ngettext(
                "Written: {name} with {tracks}, {n} sound.",
                "Written: {name} with {tracks}, {n} sounds.",
                reply["clips"],
            ).format(name=path.name, tracks=tracks, n=reply["clips"]),
            _("The cut itself is unchanged."),
            "info",
            "window",
            "write",
            actions=((_("Show folder"), lambda: _show_folder(path.parent)),),
            details="\n".join(notes),
        )
    )


def _on_failed(session: Session, error: VattError) -> None:
    notice = from_error(error, "window", "write")
    if isinstance(error, CutChanged):
        conform = (_("Conform takes to the new cut"), session.conform)
        notice = dataclasses.replace(notice, actions=(conform,))
    session.tell(notice)


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def show(parent: QWidget, session: Session, theme: Theme, preferences: Preferences) -> WriteDialog:
    """Open the preview."""
    dialog = WriteDialog(parent, session, theme, preferences)
    dialog.open()
    return dialog
