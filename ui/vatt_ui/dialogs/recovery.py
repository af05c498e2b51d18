"""After a crash: what to do with the steps that were made after the last save."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from PyQt6.QtWidgets import QGridLayout, QPushButton, QWidget

from vatt_plugin.project import Recovery
from vatt_ui.dialogs.base import Dialog
from vatt_ui.language import _, ngettext
from vatt_ui.text import ElidedLabel, Label, plain, set_tip
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP, PAD
from vatt_ui.widgets.common import text_button

Choice = Literal["recover", "saved", "skip"]


class RecoveryDialog(Dialog):
    """Recover, open what was saved, or leave everything as it is."""

    def __init__(self, parent: QWidget, theme: Theme, path: Path, found: Recovery) -> None:
        super().__init__(parent, _("Recover your work"), modal=True)
        self.choice: Choice = "skip"
        text = _(
            "{name} was not closed properly. {steps} made up to {time} can be recovered."
        ).format(name=plain(path.name), steps=in_words(found), time=moment(found.last_change))
        if found.saved_at is not None:
            text += " " + _("The last save is of {time}.").format(time=moment(found.saved_at))
        label = Label(text)
        label.setWordWrap(True)
        label.setMinimumWidth(440)
        self.body.addWidget(label)
        hint = Label(_("Skip changes nothing; you will be asked again."), "dim")
        self.body.addWidget(hint)
        self.recover = text_button(theme, _("Recover"), primary=True)
        self.saved = text_button(theme, _("Open saved"))
        self.skip = text_button(theme, _("Skip"))
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


class RecoveryList(Dialog):
    """Several projects with unsaved steps: open one of them, or leave them as they are.

    Attributes:
        path: the project's timeline to open; None when all were skipped.
        choice: what to do with its steps.
    """

    def __init__(
        self, parent: QWidget, theme: Theme, found: Sequence[tuple[Path, Recovery]]
    ) -> None:
        super().__init__(parent, _("Recover your work"), modal=True)
        self._theme = theme
        self.path: Path | None = None
        self.choice: Choice = "skip"
        text = Label(
            _(
                "These projects were not closed properly. Open one now; the others keep their "
                "steps, and you will be asked again."
            )
        )
        text.setWordWrap(True)
        text.setMinimumWidth(640)
        self.body.addWidget(text)
        self.body.addSpacing(GAP)
        self.rows = [self._row(path, recovery) for path, recovery in found]
        for row in self.rows:
            self.body.addWidget(row)
        self.skip_all = text_button(theme, _("Skip all"))
        self.skip_all.clicked.connect(self.reject)
        self.add_buttons(self.skip_all)
        self._focus_first()

    def _row(self, path: Path, found: Recovery) -> QWidget:
        row = QWidget()
        grid = QGridLayout(row)
        grid.setContentsMargins(0, 0, 0, PAD)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(0, 1)
        name = ElidedLabel(f"{path.parent.name}/{path.name}")
        set_tip(name, str(path))
        grid.addWidget(name, 0, 0)
        saved = _("never saved")
        if found.saved_at is not None:
            saved = _("saved {time}").format(time=moment(found.saved_at))
        steps = _("{steps} not saved, the last {time}; {saved}").format(
            steps=in_words(found), time=moment(found.last_change), saved=saved
        )
        grid.addWidget(Label(steps, "dim"), 1, 0)
        recover = self._button(_("Recover"), path)
        recover.clicked.connect(lambda: self._choose(path, "recover"))
        as_saved = self._button(_("Open saved"), path)
        as_saved.setEnabled(found.saved_at is not None)
        as_saved.clicked.connect(lambda: self._choose(path, "saved"))
        skip = self._button(_("Skip"), path)
        skip.clicked.connect(lambda: self._skip(row))
        for column, button in enumerate((skip, as_saved, recover), 1):
            grid.addWidget(button, 0, column, 2, 1)
        return row

    def _button(self, text: str, path: Path) -> QPushButton:
        button = text_button(self._theme, text)
        button.setAccessibleName(f"{text} {plain(path.name)}")
        return button

    def _choose(self, path: Path, choice: Choice) -> None:
        self.path, self.choice = path, choice
        self.accept()

    def _skip(self, row: QWidget) -> None:
        """Take a project off the list; nothing on disk changes."""
        row.hide()
        self.rows.remove(row)
        if self.rows:
            self._focus_first()
            self.adjustSize()
        else:
            self.reject()

    def _focus_first(self) -> None:
        for button in self.rows[0].findChildren(QPushButton):
            if button.text() == _("Recover"):
                button.setFocus()


def moment(time_s: float) -> str:
    """A time as people say it, from seconds since the epoch."""
    return time.strftime("%d %b, %H:%M", time.localtime(time_s))


def in_words(found: Recovery) -> str:
    """How many unsaved steps there are."""
    n = found.unsaved_steps
    return ngettext("{n} step", "{n} steps", n).format(n=n)


def ask(parent: QWidget, theme: Theme, path: Path, found: Recovery) -> Choice:
    """Ask, and wait for the answer: this decides what is opened at all."""
    dialog = RecoveryDialog(parent, theme, path, found)
    dialog.exec()
    return dialog.choice


def ask_which(
    parent: QWidget, theme: Theme, found: Sequence[tuple[Path, Recovery]]
) -> tuple[Path, Choice] | None:
    """Ask which of several projects to open, and how; None when all were skipped."""
    dialog = RecoveryList(parent, theme, found)
    dialog.exec()
    return (dialog.path, dialog.choice) if dialog.path is not None else None
