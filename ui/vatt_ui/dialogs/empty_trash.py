"""Before trashed takes go for good: this is the one thing that undo cannot bring back."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QMessageBox, QWidget

from vatt_ui.language import _, ngettext
from vatt_ui.session import Session
from vatt_ui.take_keeping import empty_trash


def show(parent: QWidget, session: Session, n: int) -> QMessageBox:
    """Ask whether the ``n`` trashed takes are to be deleted; on a yes they are."""
    box = QMessageBox(parent)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(_("Empty the trash"))
    box.setText(
        ngettext(
            "Delete one take for good? Undo cannot bring it back.",
            "Delete {n} takes for good? Undo cannot bring them back.",
            n,
        ).format(n=n)
    )
    delete = box.addButton(_("Delete"), QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if delete is not None:
        delete.clicked.connect(lambda: empty_trash(session))
    box.open()
    return box
