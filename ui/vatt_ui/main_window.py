"""The window: panes in docks, menus, and what concerns the panel as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QEvent, QObject, QSize, Qt
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import (
    QApplication,
    QMainWindow,
    QWidget,
)

from vatt_ui import tab_order, window_layout
from vatt_ui.actions import Actions, KeyGuard
from vatt_ui.announcing import Announcer
from vatt_ui.commands import Commands
from vatt_ui.dialogs import (
    about,
    cue_source,
    empty_trash,
    first_run,
    key_sheet,
    model_picker,
    pattern,
    write_preview,
)
from vatt_ui.dialogs import preferences as preferences_dialog
from vatt_ui.dropping import is_file
from vatt_ui.helper_process import HelperProcess
from vatt_ui.language import _
from vatt_ui.later import later
from vatt_ui.notices import Notice
from vatt_ui.opening import Opening
from vatt_ui.playback.sounds import SoundBank
from vatt_ui.playback.transport import Transport
from vatt_ui.player import Player
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.theme.apply import Theme
from vatt_ui.watcher import Watcher
from vatt_ui.widgets.common import NoticeBar
from vatt_ui.widgets.cues_pane import CuesPane
from vatt_ui.widgets.inspector import Inspector
from vatt_ui.widgets.panes import Panes
from vatt_ui.widgets.queue_pane import QueuePane
from vatt_ui.widgets.status_bar import StatusBar
from vatt_ui.widgets.takes_pane import TakesPane
from vatt_ui.widgets.timeline_pane import TimelinePane
from vatt_ui.widgets.viewer import Screen
from vatt_ui.widgets.viewer_pane import ViewerPane

LAYOUT_VERSION = 1
STOP_MS = 4000


class MainWindow(QMainWindow):
    """See the module's text."""

    def __init__(
        self,
        session: Session,
        theme: Theme,
        preferences: Preferences,
        reader: HelperProcess | None = None,
        transport: Transport | None = None,
    ) -> None:
        super().__init__()
        self.session = session
        self.theme = theme
        self.preferences = preferences
        self.reader = reader or HelperProcess(parent=self)
        self.setWindowTitle("VATT Foley")
        self.setObjectName("main")
        self.setAcceptDrops(True)
        self.resize(1440, 900)
        self.setMinimumSize(960, 600)
        sounds = SoundBank(session.background, session.listening_folder(), self)
        self.player = Player(session, transport or Transport(parent=self), sounds)
        self.cues = CuesPane(session, theme)
        screen = Screen(self.reader, session.listening_folder(), theme)
        self.viewer = ViewerPane(session, self.player, screen, theme)
        self.inspector = Inspector(session, theme)
        self.takes = TakesPane(session, sounds, theme)
        self.timeline = TimelinePane(session, self.player, self.reader, theme)
        self.queue = QueuePane(session, theme)
        self.status = StatusBar(session, theme)
        self.window_notices = NoticeBar(theme)
        self.watcher = Watcher(session, self)
        self.panes = Panes(
            self.cues, self.viewer, self.inspector, self.takes, self.timeline, self.queue
        )
        self.docks = window_layout.arrange(self, self.panes, self.window_notices, self.status)
        self.opening = Opening(self, session, theme, preferences)
        self.commands = Commands(session, self.player, self.panes)
        handlers = self._own_handlers() | self.commands.handlers()
        self.actions_ = Actions(self, theme, handlers)
        window_layout.build_menus(self, self.actions_, self.docks.values(), self.reset_layout)
        window_layout.attach_buttons(self.actions_, self.panes, self.status)
        self._guard = KeyGuard(self)
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self._guard)
        self.use_keys()
        self._connect()
        self.order_tabs()
        self._announcer = Announcer(session, self.status.say, self)
        self._default_state = self.saveState(LAYOUT_VERSION)
        self._restore_layout()
        self._refresh_actions()
        self._closing = False
        self.cues.empty.button.setFocus()

    # --- layout -------------------------------------------------------------------------------

    def _restore_layout(self) -> None:
        saved = self.preferences.layout()
        if saved is not None:
            self.restoreGeometry(saved[0])
            self.restoreState(saved[1], LAYOUT_VERSION)

    def reset_layout(self) -> None:
        """Every pane back to where it was at first."""
        self.restoreState(self._default_state, LAYOUT_VERSION)

    def sizeHint(self) -> QSize:
        """A common screen's worth."""
        return QSize(1440, 900)

    def use_keys(self) -> None:
        """Put the user's keys on."""
        self.actions_.use_keys(self.preferences.keys, single_keys=self.preferences.single_keys)

    def order_tabs(self) -> None:
        """Let Tab go from pane to pane and through each as the eye does."""
        parts: list[QWidget] = [self.window_notices]
        for pane in self.panes:
            parts += [pane.title, pane]
        tab_order.follow_the_eye([*parts, self.status])

    # --- wiring -------------------------------------------------------------------------------

    def _own_handlers(self) -> dict[str, Callable[[], object]]:
        """The functions of the actions that concern files, dialogs and the window itself."""
        return {
            "open": self.opening.ask,
            "write": self.ask_write,
            "cue_source": self.ask_cue_source,
            "relink": self.opening.ask_relink,
            "watch": self.toggle_watch,
            "preferences": self.show_preferences,
            "quit": self.close,
            "pause_queue": self.status.pause.toggle,
            "queue": self.toggle_queue,
            "empty_trash": self.ask_empty_trash,
            "prompt": lambda: self.focus_field(self.inspector.prompt),
            "negative": lambda: self.focus_field(self.inspector.negative),
            "pattern": self.ask_pattern,
            "key_sheet": self.show_keys,
            "first_run": self.show_first_run,
            "sample": self.opening.sample,
            "about": self.show_about,
        }

    def _connect(self) -> None:
        session = self.session
        session.notice_raised.connect(self.show_notice)
        session.notice_cleared.connect(self.clear_notice)
        session.cut_opened.connect(self._on_cut_opened)
        session.history_changed.connect(self._refresh_actions)
        session.selection_changed.connect(self._refresh_actions)
        session.engine.status_changed.connect(self._on_engine_status)
        self.cues.empty.acted.connect(self._on_empty_acted)
        self.cues.empty.acted_otherwise.connect(self.opening.sample)
        self.status.engine_clicked.connect(self.show_models)
        self.status.queue_clicked.connect(self.toggle_queue)
        self.status.pause_toggled.connect(session.engine.set_paused)
        transport = self.player.transport
        transport.loop_changed.connect(self.viewer.buttons["loop"].setChecked)
        session.questions.models_found.connect(lambda _: self.status.refresh())
        self.watcher.cut_changed.connect(self._on_cut_changed_on_disk)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    def _on_focus_changed(self, _: QWidget | None, now: QWidget | None) -> None:
        for pane in self.panes:
            inside = now is not None and (pane is now or pane.isAncestorOf(now))
            pane.title.set_active(inside)

    def show_notice(self, notice: Notice) -> None:
        """Put a notice into the pane it concerns, or above the viewer."""
        pane = next((p for p in self.panes if p.key == notice.pane), None)
        dock = self.docks.get(notice.pane)
        hidden = dock is not None and dock.isHidden()
        if pane is None or hidden:
            self.window_notices.show_notice(notice)
        else:
            pane.notices.show_notice(notice)
        self.order_tabs()

    def clear_notice(self, key: str) -> None:
        """Put a notice away wherever it is."""
        self.window_notices.clear(key)
        for pane in self.panes:
            pane.notices.clear(key)

    def _on_engine_status(self, *_args: object) -> None:
        status = self.session.engine.status
        life = status.life
        if life == "unavailable":
            self.session.tell(
                Notice(
                    _("{why} Prompts and takes still work.").format(why=status.detail),
                    status.hint,
                    "error",
                    "window",
                    "engine",
                    actions=((_("Set up engine"), self.show_models),),
                    details="\n".join(self.session.engine.client.log[-30:]),
                )
            )
        elif life == "restarting":
            self.session.tell(
                Notice(
                    _(
                        "{why} It is started again; the running job is run once more. Finished "
                        "takes are safe."
                    ).format(why=status.detail),
                    "",
                    "warning",
                    "window",
                    "engine-died",
                )
            )
        elif life in ("ready", "busy"):
            self.clear_notice("engine")

    def _on_cut_opened(self) -> None:
        cut = self.session.cut
        self.setWindowTitle(f"{cut.name[:80]} - VATT Foley" if cut is not None else "VATT Foley")
        for pane in self.panes:
            if pane is not self.cues:
                pane.notices.clear_all()
        if cut is not None:
            self.preferences.add_recent(cut.path)
            self.cues.table.setFocus()
            self.clear_notice("open")
            self.opening.offer_relink()
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        project = self.session.project
        undo, redo = self.actions_["undo"], self.actions_["redo"]
        undo_label = project.undo_label if project is not None else ""
        redo_label = project.redo_label if project is not None else ""
        undo.setEnabled(bool(undo_label))
        undo.setText(_("Undo {what}").format(what=undo_label).strip().replace("&", "&&"))
        redo.setEnabled(bool(redo_label))
        redo.setText(_("Redo {what}").format(what=redo_label).strip().replace("&", "&&"))
        for name in ("save", "write", "relink", "watch", "cue_source"):
            self.actions_[name].setEnabled(project is not None)

    # --- opening ------------------------------------------------------------------------------

    def _on_empty_acted(self) -> None:
        if self.cues.reading:
            self.session.opening.cancel()
        else:
            self.opening.ask()

    def toggle_watch(self) -> None:
        """Follow the cut on disk, or stop doing so."""
        self.watcher.set_following(not self.watcher.following)
        self.actions_["watch"].setChecked(self.watcher.following)

    def _on_cut_changed_on_disk(self) -> None:
        if self.watcher.following:
            self.session.conform()
            return
        self.session.tell(
            Notice(
                _("The cut has changed on disk. Your takes are safe either way."),
                "",
                "warning",
                "window",
                "cut",
                actions=(
                    (_("Conform takes to the new cut"), self.session.conform),
                    (_("Keep the old"), self.watcher.keep_old),
                ),
            )
        )

    # --- writing ------------------------------------------------------------------------------

    def ask_write(self) -> None:
        """Show what writing the timeline adds, then write it."""
        if self.session.cut is None or self.session.project is None:
            return
        write_preview.show(self, self.session, self.theme, self.preferences)

    # --- dialogs ------------------------------------------------------------------------------

    def ask_cue_source(self) -> None:
        """What becomes a cue."""
        if self.session.cut is not None:
            cue_source.show(self, self.session.opening, self.theme)

    def show_preferences(self) -> None:
        """Theme, keys, output."""
        dialog = preferences_dialog.show(self, self.session, self.theme, self.preferences)
        dialog.keys_changed.connect(self.use_keys)
        dialog.layout_reset_wanted.connect(self.reset_layout)

    def show_keys(self) -> None:
        """All keys on one sheet."""
        sheet = key_sheet.show(self, self.theme, self.preferences)
        sheet.change_wanted.connect(self.show_preferences)

    def show_models(self) -> None:
        """The engine and its models."""
        dialog = model_picker.show(self, self.session, self.theme, self.preferences)
        dialog.model_picked.connect(self.status.refresh)
        dialog.model_picked.connect(self.inspector.refresh)

    def show_first_run(self) -> None:
        """What this machine has."""
        audio = self.player.transport.audio
        dialog = first_run.show(self, self.session, self.theme, audio)
        dialog.sample_wanted.connect(self.opening.sample)

    def show_about(self) -> None:
        """Version and licences."""
        about.show(self, self.theme)

    def ask_pattern(self) -> None:
        """One prompt for many cues."""
        pattern.show(self, self.session, self.theme)

    def ask_empty_trash(self) -> None:
        """Delete trashed takes, after asking: this is the one thing undo cannot bring back."""
        project = self.session.project
        n = sum(len(s.trashed) for s in project.states.values()) if project is not None else 0
        if not n:
            self.session.tell(Notice(_("The trash is empty."), pane="takes", key="trash"))
            return
        empty_trash.show(self, self.session, n)

    # --- small things -------------------------------------------------------------------------

    def toggle_queue(self) -> None:
        """Show or hide the queue; the focus stays where it is."""
        dock = self.docks["queue"]
        dock.setVisible(dock.isHidden())

    def focus_field(self, field: QWidget) -> None:
        """Let the user type in a field of the inspector."""
        self.docks["inspector"].show()
        field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """A file can be dropped to open it; a take of ours is none to open."""
        if event is not None and is_file(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Open what was dropped."""
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and is_file(data):
            event.acceptProposedAction()
            path = Path(data.urls()[0].toLocalFile())
            later(self, 0, lambda: self.opening.path(path))

    def changeEvent(self, event: QEvent | None) -> None:
        """Coming back to the window: look whether the cut changed meanwhile."""
        super().changeEvent(event)
        if (
            event is not None
            and event.type() == QEvent.Type.ActivationChange
            and self.isActiveWindow()
        ):
            self.watcher.look()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Save everything, end the engine, go."""
        if self._closing:
            super().closeEvent(event)
            return
        self._closing = True
        self.preferences.set_layout(self.saveGeometry(), self.saveState(LAYOUT_VERSION))
        self.player.transport.stop()
        self.player.transport.audio.close()
        self.watcher.stop()
        self.viewer.picture.release()
        self.reader.stop()
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self._guard)
        self.session.engine.stopped.connect(self._on_engine_stopped)
        self.session.shut_down()
        super().closeEvent(event)

    def _on_engine_stopped(self) -> None:
        application: QObject | None = QApplication.instance()
        if isinstance(application, QApplication):
            application.quit()
