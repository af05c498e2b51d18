"""What gets sound: each clip of the cut, each marker, or each line of a spotting list."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QButtonGroup, QCheckBox, QFileDialog, QLineEdit, QRadioButton, QWidget

from vatt_ui.cut_opening import CutOpening
from vatt_ui.dialogs.base import Dialog
from vatt_ui.language import _
from vatt_ui.text import Label
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.common import icon_button, row, text_button
from vatt_ui.wishes import CueSource

KINDS = {
    "clips": _("Each clip that is seen"),
    "markers": _("Each marker on the timeline"),
    "list": _("Each line of a spotting list (CSV)"),
}


class CueSourceDialog(Dialog):
    """Three ways, and splitting at shot cuts; applying reads the cut again."""

    def __init__(self, parent: QWidget, opening: CutOpening, theme: Theme) -> None:
        super().__init__(parent, _("What gets sound"))
        self._opening = opening
        source = opening.source
        kind = source.cues if source.cues in KINDS else "list"
        self.kinds = {name: QRadioButton(title) for name, title in KINDS.items()}
        group = QButtonGroup(self)
        for name, button in self.kinds.items():
            button.setChecked(name == kind)
            button.toggled.connect(self._look)
            group.addButton(button)
            self.body.addWidget(button)
        self.path = QLineEdit(source.cues if kind == "list" else "")
        self.path.setAccessibleName(_("Spotting list"))
        self.path.setPlaceholderText(_("Columns: timecode in, timecode out, name, prompt"))
        self.path.setMinimumWidth(420)
        self.path.textChanged.connect(self._look)
        self.browse = icon_button(theme, "folder", _("Choose a spotting list"))
        self.browse.clicked.connect(self._on_browse)
        self.body.addLayout(row(self.path, self.browse))
        self.split = QCheckBox(_("Split where the media itself cuts from one shot to another"))
        self.split.setChecked(source.split_cuts)
        self.body.addWidget(self.split)
        note = Label(
            _(
                "The cut is read again. Takes of the cues of now are kept, and are there again "
                "when you come back to them."
            ),
            "dim",
        )
        note.setWordWrap(True)
        self.body.addWidget(note)
        cancel = text_button(theme, _("Cancel"))
        self.apply = text_button(theme, _("Apply"), primary=True)
        cancel.clicked.connect(self.reject)
        self.apply.clicked.connect(self._on_applied)
        self.apply.setDefault(True)
        self.add_buttons(cancel, self.apply)
        self._look()

    def chosen(self) -> CueSource:
        """What is set here."""
        kind = next(name for name, button in self.kinds.items() if button.isChecked())
        cues = self.path.text().strip() if kind == "list" else kind
        return CueSource(cues, self.split.isChecked())

    def _look(self) -> None:
        listed = self.kinds["list"].isChecked()
        self.path.setEnabled(listed)
        self.browse.setEnabled(listed)
        self.apply.setEnabled(not listed or Path(self.path.text().strip()).is_file())

    def _on_browse(self) -> None:
        dialog = QFileDialog(self, _("Choose a spotting list"), "", "CSV (*.csv *.tsv *.txt)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.path.setText)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _on_applied(self) -> None:
        self._opening.use_source(self.chosen())
        self.accept()


def show(parent: QWidget, opening: CutOpening, theme: Theme) -> CueSourceDialog:
    """Open it."""
    dialog = CueSourceDialog(parent, opening, theme)
    dialog.open()
    return dialog
