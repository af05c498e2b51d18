"""After a crash: what to do with the steps that were made after the last save."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from PyQt6.QtWidgets import QWidget

from vatt_plugin.project import Recovery
from vatt_ui.dialogs.base import Dialog
from vatt_ui.text import Label, plain
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.common import text_button

Choice = Literal["recover", "saved", "skip"]


class RecoveryDialog(Dialog):
    """Recover, open what was saved, or leave everything as it is."""

    def __init__(self, parent: QWidget, theme: Theme, path: Path, found: Recovery) -> None:
        super().__init__(parent, "Recover your work", modal=True)
        self.choice: Choice = "skip"
        n = found.unsaved_steps
        when = time.strftime("%d %b, %H:%M", time.localtime(found.last_change))
        text = (
            f"{plain(path.name)} was not closed properly. {n} step{'s' if n != 1 else ''} "
            f"made up to {when} can be recovered."
        )
        if found.saved_at is not None:
            saved = time.strftime("%d %b, %H:%M", time.localtime(found.saved_at))
            text += f" The last save is of {saved}."
        label = Label(text)
        label.setWordWrap(True)
        label.setMinimumWidth(440)
        self.body.addWidget(label)
        hint = Label("Skip changes nothing; you will be asked again.", "dim")
        self.body.addWidget(hint)
        self.recover = text_button(theme, "Recover", primary=True)
        self.saved = text_button(theme, "Open saved")
        self.skip = text_button(theme, "Skip")
        self.saved.setEnabled(found.saved_at is not None)
        self.recover.clicked.connect(lambda: self._choose("recover"))
        self.saved.clicked.connect(lambda: self._choose("saved"))
        self.skip.clicked.connect(self.reject)
        self.add_buttons(self.skip, self.saved, self.recover)
        self.recover.setDefault(True)
        self.recover.setFocus()

    def _choose(self, choice: Choice) -> None:
        self.choice = choice
        self.accept()


def ask(parent: QWidget, theme: Theme, path: Path, found: Recovery) -> Choice:
    """Ask, and wait for the answer: this decides what is opened at all."""
    dialog = RecoveryDialog(parent, theme, path, found)
    dialog.exec()
    return dialog.choice
