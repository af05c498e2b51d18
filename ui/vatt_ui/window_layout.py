"""Where the panes of the window lie at first, its menus, and which button does what."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from vatt_ui.actions import Actions
from vatt_ui.keys import KEYS
from vatt_ui.language import _
from vatt_ui.widgets.common import NoticeBar
from vatt_ui.widgets.panes import Panes
from vatt_ui.widgets.status_bar import StatusBar

MENUS = {
    "File": _("File"),
    "Edit": _("Edit"),
    "Cue": _("Cue"),
    "Take": _("Take"),
    "Queue": _("Queue"),
    "View": _("View"),
    "Help": _("Help"),
}


def arrange(
    window: QMainWindow, panes: Panes, notices: NoticeBar, status: StatusBar
) -> dict[str, QDockWidget]:
    """Put every pane into its place; returns the docks by the key of their pane."""
    middle = QWidget()
    column = QVBoxLayout(middle)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(notices)
    column.addWidget(panes.viewer.title)
    column.addWidget(panes.viewer, 1)
    window.setCentralWidget(middle)
    area = Qt.DockWidgetArea
    window.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
    window.setCorner(Qt.Corner.BottomLeftCorner, area.BottomDockWidgetArea)
    window.setDockOptions(
        QMainWindow.DockOption.AllowNestedDocks | QMainWindow.DockOption.AllowTabbedDocks
    )
    places = (
        (panes.cues, area.LeftDockWidgetArea),
        (panes.inspector, area.RightDockWidgetArea),
        (panes.takes, area.RightDockWidgetArea),
        (panes.queue, area.RightDockWidgetArea),
        (panes.timeline, area.BottomDockWidgetArea),
    )
    docks = {}
    for pane, where in places:
        docks[pane.key] = pane.docked()
        window.addDockWidget(where, docks[pane.key])
    docks["queue"].hide()
    horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    window.resizeDocks([docks["cues"], docks["inspector"]], [448, 412], horizontal)
    window.resizeDocks([docks["inspector"], docks["takes"]], [430, 330], vertical)
    window.resizeDocks([docks["timeline"]], [290], vertical)
    foot = QWidget()
    foot_layout = QVBoxLayout(foot)
    foot_layout.setContentsMargins(0, 0, 0, 0)
    foot_layout.addWidget(status)
    bar = window.statusBar()
    assert bar is not None
    bar.setSizeGripEnabled(False)
    bar.setContentsMargins(0, 0, 0, 0)
    bar.addPermanentWidget(foot, 1)
    bar.setStyleSheet("QStatusBar::item{border:0} QStatusBar{padding:0}")
    return docks


def build_menus(
    window: QMainWindow,
    actions: Actions,
    docks: Iterable[QDockWidget],
    reset_layout: Callable[[], object],
) -> None:
    """The menus, from the key table."""
    bar = window.menuBar()
    assert bar is not None
    menus = {}
    for name, title in MENUS.items():
        menus[name] = bar.addMenu(f"&{title}")
    for key in KEYS:
        menu = menus.get(key.menu)
        if menu is not None:
            menu.addAction(actions[key.action])
    view = menus["View"]
    assert view is not None
    view.addSeparator()
    for dock in docks:
        view.addAction(dock.toggleViewAction())
    reset = QAction(_("Reset layout"), window)
    reset.triggered.connect(lambda: reset_layout())
    view.addAction(reset)
    actions["watch"].setCheckable(True)


def attach_buttons(actions: Actions, panes: Panes, status: StatusBar) -> None:
    """Let the panes' buttons do what their keys do."""
    attach = actions.attach
    for action, button in (
        *panes.viewer.buttons.items(),
        *panes.takes.buttons.items(),
        *panes.timeline.buttons.items(),
    ):
        attach(action, button)
    attach("write", status.write)
    inspector = panes.inspector
    attach("generate", inspector.generate)
    attach("regenerate_span", inspector.regenerate)
    attach("spot", inspector.find_hits)
    attach("caption", inspector.recaption)
    attach("new_seed", inspector.dice)
    attach("lock_seed", inspector.lock)
    explain = actions.explain
    explain("prompt", inspector.prompt)
    explain("negative", inspector.negative)
    explain("filter", panes.cues.search)
    explain("queue", status.queue)
    explain("pause_queue", status.pause)
    explain("cancel", panes.queue.cancel)
