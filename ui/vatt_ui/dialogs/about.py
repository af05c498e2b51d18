"""What this is, which version, under which licences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vatt_plugin.product import manifest
from vatt_ui.dialogs.base import Dialog
from vatt_ui.language import _
from vatt_ui.text import Label
from vatt_ui.widgets.common import text_button

if TYPE_CHECKING:
    from vatt_ui.main_window import MainWindow

TEXT = _(
    "Synchronised Foley on your editing timeline, made on your own machine. Nothing is sent "
    "anywhere.\n\nThe panel and its icons are free software under the GPL, version 3 or later. "
    "The engine and the timeline tools are under the Apache licence 2.0. Models have licences of "
    "their own; the model list shows them."
)


def show(window: MainWindow) -> Dialog:
    """Open it."""
    dialog = Dialog(window, _("About VATT Foley"))
    product = manifest()
    dialog.body.addWidget(
        Label(_("Version {version}").format(version=product.get("version", "")), "dim")
    )
    text = Label(TEXT)
    text.setWordWrap(True)
    text.setMinimumWidth(420)
    dialog.body.addWidget(text)
    close = text_button(window.theme, _("Close"), primary=True)
    close.clicked.connect(dialog.accept)
    dialog.add_buttons(close)
    dialog.show()
    return dialog
