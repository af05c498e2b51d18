"""One prompt for many cues: a pattern in which ``{clip}``, ``{caption}`` and ``{n}`` stand in."""

from __future__ import annotations

from PyQt6.QtWidgets import QCheckBox, QLineEdit, QWidget

from vatt_plugin.cues import Cue
from vatt_plugin.project_state import CueState
from vatt_ui.dialogs.base import Dialog
from vatt_ui.language import _, ngettext
from vatt_ui.session import Session
from vatt_ui.text import Label, plain
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.common import text_button


def filled(pattern: str, cue: Cue, state: CueState, number: int) -> str:
    """The prompt of one cue. Only the three known words are replaced."""
    words = {"{clip}": cue.clip[:200], "{caption}": state.caption, "{n}": str(number)}
    for word, value in words.items():
        pattern = pattern.replace(word, value)
    return " ".join(pattern.split())[:2000]


def _title(n: int) -> str:
    return ngettext("One prompt for {n} cue", "One prompt for {n} cues", n).format(n=n)


class PatternDialog(Dialog):
    """Pattern, example, and whether to generate at once."""

    def __init__(self, parent: QWidget, session: Session, theme: Theme) -> None:
        ids = [c for c in session.selected if not session.state(c).locked]
        super().__init__(parent, _title(len(ids)))
        self._session, self._ids = session, ids
        self.pattern = QLineEdit(session.state(session.current).prompt or "{caption}")
        self.pattern.setAccessibleName(_("Prompt pattern"))
        self.pattern.setMinimumWidth(480)
        self.example = Label("", "dim")
        self.example.setWordWrap(True)
        self.generate = QCheckBox(_("Generate a take of each"))
        self.body.addWidget(
            Label(_("{clip} is the clip's name, {caption} the engine's words, {n} counts."), "dim")
        )
        self.body.addWidget(self.pattern)
        self.body.addWidget(self.example)
        self.body.addWidget(self.generate)
        cancel = text_button(theme, _("Cancel"))
        self.apply = text_button(theme, _("Apply"), primary=True)
        cancel.clicked.connect(self.reject)
        self.apply.clicked.connect(self._on_applied)
        self.apply.setEnabled(bool(ids))
        self.apply.setDefault(True)
        self.add_buttons(cancel, self.apply)
        self.pattern.textChanged.connect(self._show_example)
        self._show_example()

    def prompts(self) -> dict[str, str]:
        """The prompt of every selected cue."""
        session = self._session
        return {
            cue_id: filled(self.pattern.text(), cue, session.state(cue_id), number)
            for number, cue_id in enumerate(self._ids, 1)
            if (cue := session.cue(cue_id)) is not None
        }

    def _show_example(self) -> None:
        first = next(iter(self.prompts().values()), "")
        self.example.setText(
            _("First cue: {prompt}").format(prompt=plain(first) if first else _("(its caption)"))
        )

    def _on_applied(self) -> None:
        session = self._session
        changes = {cue_id: {"prompt": prompt} for cue_id, prompt in self.prompts().items()}
        session.edit(_title(len(changes)), changes)
        if self.generate.isChecked():
            for cue_id in changes:
                session.jobs.generate(cue_id)
        self.accept()


def show(parent: QWidget, session: Session, theme: Theme) -> PatternDialog:
    """Open it."""
    dialog = PatternDialog(parent, session, theme)
    dialog.open()
    return dialog
