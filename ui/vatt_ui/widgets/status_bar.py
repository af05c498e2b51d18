"""The foot of the window: what the engine does, the queue, and when the project was last saved."""

from __future__ import annotations

import time

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from vatt_plugin.client import EngineStatus
from vatt_ui.cue_status import overall
from vatt_ui.fitting import device_word
from vatt_ui.language import _
from vatt_ui.session import Session
from vatt_ui.text import ElidedLabel, Label, duration, plain, set_tip
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP, PAD, TARGET
from vatt_ui.widgets.common import icon_button, text_button

_WORDS = {
    "stopped": _("Engine idle"),
    "starting": _("Engine starting"),
    "ready": _("Engine ready"),
    "busy": _("Engine busy"),
    "restarting": _("Engine restarting"),
    "lost": _("Engine lost"),
    "unavailable": _("No engine"),
}
_TOKENS = {
    "stopped": "idle",
    "starting": "running",
    "ready": "done",
    "busy": "running",
    "restarting": "edited",
    "lost": "failed",
    "unavailable": "failed",
}


class StatusBar(QWidget):
    """Engine chip, queue summary, saved state.

    Signals:
        engine_clicked(): the chip was pressed: show models and engine.
        queue_clicked(): the summary was pressed: show the queue.
        pause_toggled(bool): hold or resume the queue.
    """

    engine_clicked = pyqtSignal()
    queue_clicked = pyqtSignal()
    pause_toggled = pyqtSignal(bool)

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__()
        self._session = session
        self._theme = theme
        self.setProperty("role", "status")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.chip = QPushButton()
        self.chip.setProperty("role", "chip")
        self.chip.setIconSize(QSize(16, 16))
        self.queue = QPushButton(_("Queue empty"))
        self.queue.setProperty("role", "chip")
        self.progress = QProgressBar()
        self.progress.setAccessibleName(_("Progress of the current job"))
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(120)
        self.progress.hide()
        self.pause = icon_button(theme, "pause", _("Pause queue"), checkable=True)
        self.message = ElidedLabel("", "dim")
        self.saved = Label("", "dim")
        self.write = text_button(theme, _("Write timeline"), "write")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(PAD, 4, PAD, 4)
        layout.setSpacing(GAP)
        for widget in (self.chip, self.queue, self.progress, self.pause):
            layout.addWidget(widget)
        layout.addWidget(self.message, 1)
        layout.addWidget(self.saved)
        layout.addWidget(self.write)
        self.setFixedHeight(TARGET + 12)
        self.chip.clicked.connect(self.engine_clicked)
        self.queue.clicked.connect(self.queue_clicked)
        self.pause.toggled.connect(self.pause_toggled)
        session.engine.status_changed.connect(self.show_engine)
        session.jobs.changed.connect(self.show_queue)
        session.saved.connect(self.show_saved)
        session.history_changed.connect(self.show_saved)
        session.cut_opened.connect(self.refresh)
        session.questions.devices_found.connect(self.refresh)
        theme.changed.connect(self.refresh)
        self.refresh()

    def refresh(self, *_args: object) -> None:
        """Everything from the session."""
        self.show_engine(self._session.engine.status)
        self.show_queue()
        self.show_saved()

    def show_engine(self, status: EngineStatus) -> None:
        """The engine's life: icon, words and colour."""
        word, token = _WORDS[status.life], _TOKENS[status.life]
        if status.life in ("ready", "stopped") and self._session.jobs.out_of_memory:
            word, token = _("Out of memory"), "failed"
        session = self._session
        shown = word
        if status.life in ("ready", "busy", "stopped"):
            asked = session.settings.device
            device = status.device or (session.models.auto_device if asked == "auto" else asked)
            shown = f"{word}: {session.model}"
            shown += f", {device_word(device)}" if device else ""
        self.chip.setText(plain(shown, 60))
        self.chip.setIcon(self._theme.icon("engine", token))
        self.chip.setAccessibleName(_("{engine}. Show models").format(engine=shown))
        tip = "\n".join(x for x in (shown, status.detail, status.hint) if x)
        set_tip(self.chip, tip, " ".join(x for x in (status.detail, status.hint) if x) or shown)

    def say(self, text: str) -> None:
        """The last thing that happened; a screen reader is told of the new text."""
        self.message.setText(text)

    def show_queue(self) -> None:
        """How many jobs are open, and how long they take; the engine may be short of memory."""
        self.show_engine(self._session.engine.status)
        jobs = self._session.jobs
        n = jobs.open_count()
        left = jobs.time_left()
        text = _("Queue {n}").format(n=n) if n else _("Queue empty")
        if left is not None and n:
            text = _("{queue}, {time} left").format(queue=text, time=duration(left))
        self.queue.setText(text)
        self.queue.setAccessibleName(_("{queue}. Show the queue").format(queue=text))
        running = next((s for _, s in jobs.table() if s.status == "running"), None)
        self.progress.setVisible(running is not None)
        if running is not None:
            done = overall(running.stage, running.fraction)
            self.progress.setRange(0, 100 if done is not None else 0)
            self.progress.setValue(round((done or 0.0) * 100))
        self.pause.setEnabled(n > 0 or self.pause.isChecked())

    def show_saved(self) -> None:
        """When the project was last on disk."""
        project = self._session.project
        self.write.setEnabled(project is not None)
        if project is None:
            self.saved.setText("")
        elif project.read_only:
            self.saved.setText(_("read-only"))
        else:
            self.saved.setText(_("saved {time}").format(time=time.strftime("%H:%M")))
