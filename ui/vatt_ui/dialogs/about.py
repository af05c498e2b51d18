"""What this is, which version, under which licences."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from vatt_plugin.product import manifest
from vatt_ui.dialogs.base import Dialog
from vatt_ui.language import _
from vatt_ui.text import Label
from vatt_ui.theme.apply import Theme
from vatt_ui.widgets.common import text_button

TEXT = _(
    "Synchronised Foley on your editing timeline, made on your own machine. Nothing is sent "
    "anywhere.\n\nThe panel and its icons are free software under the GPL, version 3 or later. "
    "The engine and the timeline tools are under the Apache licence 2.0. Models have licences of "
    "their own; the model list shows them."
)


def show(parent: QWidget, theme: Theme) -> Dialog:
    """Open it."""
    dialog = Dialog(parent, _("About VATT Foley"))
    product = manifest()
    dialog.body.addWidget(
        Label(_("Version {version}").format(version=product.get("version", "")), "dim")
    )
    text = Label(TEXT)
    text.setWordWrap(True)
    text.setMinimumWidth(420)
    dialog.body.addWidget(text)
    close = text_button(theme, _("Close"), primary=True)
    close.clicked.connect(dialog.accept)
    dialog.add_buttons(close)
    dialog.show()
    return dialog
