"""The panes of the window, by name, for those that work with several of them."""

from __future__ import annotations

from typing import NamedTuple

from vatt_ui.widgets.cues_pane import CuesPane
from vatt_ui.widgets.inspector import Inspector
from vatt_ui.widgets.queue_pane import QueuePane
from vatt_ui.widgets.takes_pane import TakesPane
from vatt_ui.widgets.timeline_pane import TimelinePane
from vatt_ui.widgets.viewer_pane import ViewerPane


class Panes(NamedTuple):
    """One of each kind, in the order in which Tab and F6 visit them."""

    cues: CuesPane
    viewer: ViewerPane
    inspector: Inspector
    takes: TakesPane
    timeline: TimelinePane
    queue: QueuePane
