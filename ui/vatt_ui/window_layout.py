"""Where the panes of the window lie at first, its menus, and which button does what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from vatt_ui.keys import KEYS
from vatt_ui.language import _

if TYPE_CHECKING:
    from vatt_ui.main_window import MainWindow

MENUS = {
    "File": _("File"),
    "Edit": _("Edit"),
    "Cue": _("Cue"),
    "Take": _("Take"),
    "Queue": _("Queue"),
    "View": _("View"),
    "Help": _("Help"),
}


def arrange(window: MainWindow) -> None:
    """Put every pane into its place."""
    middle = QWidget()
    column = QVBoxLayout(middle)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(window.window_notices)
    column.addWidget(window.viewer.title)
    column.addWidget(window.viewer, 1)
    window.setCentralWidget(middle)
    area = Qt.DockWidgetArea
    window.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
    window.setCorner(Qt.Corner.BottomLeftCorner, area.BottomDockWidgetArea)
    window.setDockOptions(
        QMainWindow.DockOption.AllowNestedDocks | QMainWindow.DockOption.AllowTabbedDocks
    )
    places = (
        (window.cues, area.LeftDockWidgetArea),
        (window.inspector, area.RightDockWidgetArea),
        (window.takes, area.RightDockWidgetArea),
        (window.queue, area.RightDockWidgetArea),
        (window.timeline, area.BottomDockWidgetArea),
    )
    for pane, where in places:
        dock = pane.docked()
        window.docks[pane.key] = dock
        window.addDockWidget(where, dock)
    window.docks["queue"].hide()
    horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    window.resizeDocks([window.docks["cues"], window.docks["inspector"]], [448, 412], horizontal)
    window.resizeDocks([window.docks["inspector"], window.docks["takes"]], [430, 330], vertical)
    window.resizeDocks([window.docks["timeline"]], [290], vertical)
    foot = QWidget()
    foot_layout = QVBoxLayout(foot)
    foot_layout.setContentsMargins(0, 0, 0, 0)
    foot_layout.addWidget(window.status)
    bar = window.statusBar()
    assert bar is not None
    bar.setSizeGripEnabled(False)
    bar.setContentsMargins(0, 0, 0, 0)
    bar.addPermanentWidget(foot, 1)
    bar.setStyleSheet("QStatusBar::item{border:0} QStatusBar{padding:0}")


def build_menus(window: MainWindow) -> None:
    """The menus, from the key table."""
    bar = window.menuBar()
    assert bar is not None
    menus = {}
    for name, title in MENUS.items():
        menus[name] = bar.addMenu(f"&{title}")
    for key in KEYS:
        menu = menus.get(key.menu)
        if menu is not None:
            menu.addAction(window.actions_[key.action])
    view = menus["View"]
    assert view is not None
    view.addSeparator()
    for dock in window.docks.values():
        view.addAction(dock.toggleViewAction())
    reset = QAction(_("Reset layout"), window)
    reset.triggered.connect(window.reset_layout)
    view.addAction(reset)
    window.actions_["watch"].setCheckable(True)


def attach_buttons(window: MainWindow) -> None:
    """Let the panes' buttons do what their keys do."""
    attach = window.actions_.attach
    for action, button in (
        *window.viewer.buttons.items(),
        *window.takes.buttons.items(),
        *window.timeline.buttons.items(),
    ):
        attach(action, button)
    attach("write", window.status.write)
    inspector = window.inspector
    attach("generate", inspector.generate)
    attach("regenerate_span", inspector.regenerate)
    attach("spot", inspector.find_hits)
    attach("caption", inspector.recaption)
    attach("new_seed", inspector.dice)
    attach("lock_seed", inspector.lock)
    explain = window.actions_.explain
    explain("prompt", inspector.prompt)
    explain("negative", inspector.negative)
    explain("filter", window.cues.search)
    explain("queue", window.status.queue)
    explain("pause_queue", window.status.pause)
    explain("cancel", window.queue.cancel)
