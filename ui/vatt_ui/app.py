"""The panel's entry: a display check, one application, one window, and no silent crash."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import types
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QLibraryInfo, QLocale, QSettings, QTimer, QTranslator
from PyQt6.QtWidgets import QApplication

from vatt_ui.building import ask_engine_after_opening, build, collect_between_events
from vatt_ui.language import _, is_translated
from vatt_ui.later import later
from vatt_ui.main_window import MainWindow
from vatt_ui.notices import Notice
from vatt_ui.preferences import Preferences

logger = logging.getLogger(__name__)

NO_DISPLAY = (
    "vatt panel: there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not "
    "set). Run it on a desktop, or use `vatt generate`."
)


def has_display() -> bool:
    """Whether Qt can open windows here; without this check it aborts the process."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def get_parser() -> argparse.ArgumentParser:
    """The panel's own arguments."""
    parser = argparse.ArgumentParser(prog="vatt panel", description="Open the panel.")
    parser.add_argument("input", nargs="?", help="timeline or video file to open")
    parser.add_argument("--debug", action="store_true", help="log to the terminal")
    parser.add_argument("--bench", action="store_true", help="measure the panel, print JSON")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the panel; returns the exit code: 0 closed, 2 usage or no display."""
    arguments = get_parser().parse_args(sys.argv[1:] if argv is None else argv)
    if arguments.bench:
        from vatt_ui import bench

        sys.stdout.write(json.dumps(bench.run()) + "\n")
        return 0
    if not has_display():
        sys.stderr.write(NO_DISPLAY + "\n")
        return 2
    logging.basicConfig(level=logging.INFO if arguments.debug else logging.WARNING)
    application = QApplication([sys.argv[0] or "vatt"])
    application.setApplicationName("vatt")
    application.setOrganizationName("vatt")
    application.setApplicationDisplayName("VATT Foley")
    translate_qt(application)
    window = build(application, Preferences(QSettings("vatt", "panel")))
    catch_errors(window)
    quit_on_signal(application, window)
    window.show()
    logger.info("the panel is open")
    ask_engine_after_opening(window)
    if arguments.input:
        path = Path(arguments.input)
        later(window, 0, lambda: window.opening.path(path))
    elif not window.preferences.first_run_done:
        window.preferences.first_run_done = True
        later(window, 300, window.show_first_run)
    else:
        later(window, 300, window.opening.offer_recovery)
    # Asking for the sound card takes a moment; better now than at the first press of Space.
    later(window, 800, window.player.transport.audio.open)
    application.setQuitOnLastWindowClosed(False)
    collector = collect_between_events(window)
    code = application.exec()
    collector.stop()
    window.session.background.wait_stopped()
    window.reader.wait_stopped()
    return code


def translate_qt(application: QApplication) -> None:
    """Qt's own words (Cancel, the file dialog) in the panel's language, or in English with it."""
    translator = QTranslator(application)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if is_translated() and translator.load(QLocale(), "qtbase", "_", folder):
        application.installTranslator(translator)


def catch_errors(window: MainWindow) -> None:
    """An error nobody caught is logged and shown; without this, PyQt aborts the process."""
    telling = False

    def hook(
        kind: type[BaseException], error: BaseException, trace: types.TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            window.close()
            return
        logger.critical("uncaught in the panel", exc_info=(kind, error, trace))
        nonlocal telling
        if telling:  # what shows messages fails itself: one more would come back here for ever
            return
        telling = True
        try:
            window.session.tell(
                Notice(
                    _("Something went wrong inside the panel ({what}). Your work is kept.").format(
                        what=kind.__name__
                    ),
                    _("If it happens again, please report it with the details."),
                    "error",
                    "window",
                    "internal",
                    details=str(error)[:1000],
                )
            )
        finally:
            telling = False

    sys.excepthook = hook


def quit_on_signal(application: QApplication, window: MainWindow) -> None:
    """Ctrl+C in the terminal closes the window as a click would."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: later(window, 0, window.close))
    timer = QTimer(application)
    timer.start(250)  # lets Python look at its signals while Qt waits
    timer.timeout.connect(lambda: None)


if __name__ == "__main__":
    sys.exit(main())
