"""The window with its session and theme, put together: for the panel, bench and pictures."""

from __future__ import annotations

from PyQt6.QtWidgets import QApplication

from vatt_ui.collector import Collector
from vatt_ui.later import later
from vatt_ui.main_window import MainWindow
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme, put_on

WARM_UP_MS = 1200


def build(
    application: QApplication, preferences: Preferences, session: Session | None = None
) -> MainWindow:
    """The window with its session and theme, not shown yet."""
    theme = Theme(preferences.theme, application)
    put_on(application, theme.tokens)
    session = session or Session()
    if preferences.model:
        session.models.default = session.models.preferred = preferences.model
    return MainWindow(session, theme, preferences)


def ask_engine_after_opening(window: MainWindow) -> None:
    """The engine warms up while the editor looks around; the first take then comes sooner."""
    session = window.session
    session.cut_opened.connect(
        lambda: later(window, WARM_UP_MS, session.questions.get_to_know_engine)
    )


def collect_between_events(window: MainWindow) -> Collector:
    """Keep the cycle collector from stopping the panel; the caller stops it."""
    collector = Collector(window)
    window.session.opening_started.connect(collector.pause)
    window.session.cut_opened.connect(collector.settle)
    collector.start()
    return collector
