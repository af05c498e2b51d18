"""First run: is everything there? Ticks, or a remedy of one line each, and the sample cut."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QSize, QStandardPaths, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QWidget

import vatt_plugin
from vatt_plugin.client import EngineStatus
from vatt_ui.dialogs.base import Dialog
from vatt_ui.language import _
from vatt_ui.playback.audio import AudioOut
from vatt_ui.session import Session
from vatt_ui.text import Label, plain
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP, PAD
from vatt_ui.widgets.common import text_button

TEXT_PX = 440
NEEDED_BYTES = 2_000_000_000
HINTS = (
    _("Space plays, J K L shuttle, Up and Down walk the cues."),
    _("P edits the prompt, Ctrl+Enter generates, 1-9 choose a take."),
    _("Drag a hit in the hit lane, then regenerate around it."),
    _("Ctrl+E writes a new timeline. The cut itself is never changed."),
)

ROWS = {
    "engine": _("Engine"),
    "device": _("Device"),
    "model": _("Model"),
    "sound": _("Sound"),
    "disk": _("Disk"),
}


def sample_copy() -> Path | None:
    """A copy of the bundled sample cut where the user may write; None when it is not shipped."""
    source = Path(vatt_plugin.__file__).parent / "sample_cut"
    if not (source / "demo.otio").is_file():
        return None
    base = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.AppDataLocation)
    target = Path(base or Path.home()) / "sample"
    if not (target / "demo.otio").is_file():
        shutil.copytree(source, target, dirs_exist_ok=True)
    return target / "demo.otio"


def devices_in_words(devices: Sequence[Mapping[str, Any]]) -> str:
    """What the engine can run on: ``cpu (EPYC, 24.0 GB); cuda:0 (H200, 139.0 GB)``."""
    told = []
    for device in devices:
        size = f"{float(device.get('memory_bytes') or 0) / 1e9:,.1f} GB"
        told.append(f"{device.get('id', '')} ({plain(str(device.get('name', '')), 60)}, {size})")
    return "; ".join(told)


class FirstRun(Dialog):
    """Checks that fill in as the answers come; nothing here has to be waited for.

    Signals:
        sample_wanted(): the bundled sample is to be opened.
    """

    sample_wanted = pyqtSignal()

    def __init__(self, parent: QWidget, session: Session, theme: Theme, audio: AudioOut) -> None:
        super().__init__(parent, _("Welcome"))
        self.setMinimumWidth(TEXT_PX + 160)
        self._theme = theme
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(PAD)
        self._grid.setVerticalSpacing(GAP)
        self._grid.setColumnStretch(2, 1)
        self._rows: dict[str, tuple[Label, Label]] = {}
        self.body.addWidget(Label(_("What this machine has"), "large"))
        self.body.addLayout(self._grid)
        for name, title in ROWS.items():
            self._add_row(name, title)
        self._check_sound(audio)
        self._check_disk()
        self._check_engine(session.engine.status)
        self._say("model", None, _("asking the engine…"))
        self._say("device", None, _("asking the engine…"))
        self.body.addSpacing(GAP)
        self.body.addWidget(Label(_("Four things to know"), "large"))
        for hint in HINTS:
            line = Label(f"•  {hint}", "dim")
            line.setWordWrap(True)
            self.body.addWidget(line)
        sample = text_button(theme, _("Open the sample"), "play", primary=True)
        skip = text_button(theme, _("Close"))
        sample.clicked.connect(self.accept)
        sample.clicked.connect(self.sample_wanted)
        skip.clicked.connect(self.accept)
        self.add_buttons(skip, sample)
        session.engine.status_changed.connect(self._check_engine)
        session.questions.models_found.connect(self._check_models)
        session.questions.devices_found.connect(self._check_devices)
        session.questions.list_models()
        session.questions.list_devices()
        sample.setFocus()

    def _add_row(self, name: str, title: str) -> None:
        mark, text = Label(), Label("", "dim")
        text.setWordWrap(True)
        row_number = len(self._rows)
        self._grid.addWidget(mark, row_number, 0)
        self._grid.addWidget(Label(title), row_number, 1)
        self._grid.addWidget(text, row_number, 2)
        self._rows[name] = (mark, text)

    def _say(self, name: str, good: bool | None, text: str) -> None:
        mark, label = self._rows[name]
        icon, token = {
            True: ("check", "done"),
            False: ("warning", "edited"),
            None: ("queued", "dim"),
        }[good]
        mark.setPixmap(self._theme.icon(icon, token).pixmap(QSize(18, 18)))
        mark.setAccessibleName({True: _("there"), False: _("missing"), None: _("unknown")}[good])
        label.setText(text)
        label.setMinimumHeight(label.heightForWidth(TEXT_PX))

    def row_text(self, name: str) -> str:
        """What a row says now."""
        return self._rows[name][1].text()

    def _check_sound(self, audio: AudioOut) -> None:
        audio.open()
        self._say("sound", audio.available, audio.note or _("the default output"))

    def _check_disk(self) -> None:
        free = shutil.disk_usage(Path.home()).free
        text = _("{n} GB free").format(n=f"{free / 1e9:,.0f}")
        if free < NEEDED_BYTES:
            text += _("; free 2 GB to keep takes")
        self._say("disk", free >= NEEDED_BYTES, text)

    def _check_engine(self, status: EngineStatus) -> None:
        if status.life == "unavailable":
            self._say("engine", False, f"{status.detail} {status.hint}")
            for name in ("device", "model"):
                self._say(name, None, _("unknown without an engine"))
        elif status.life in ("ready", "busy"):
            self._say("engine", True, _("version {version}").format(version=status.version))
        else:
            self._say("engine", None, _("starting…"))

    def _check_devices(self, devices: list[dict[str, object]]) -> None:
        self._say("device", bool(devices), devices_in_words(devices) or _("none"))

    def _check_models(self, models: list[dict[str, object]]) -> None:
        names = [str(m.get("name", "")) for m in models]
        usable = [n for n in names if n]
        self._say("model", bool(usable), ", ".join(usable) or _("none; see `vatt models list`"))


def show(parent: QWidget, session: Session, theme: Theme, audio: AudioOut) -> FirstRun:
    """Open it."""
    dialog = FirstRun(parent, session, theme, audio)
    dialog.show()
    return dialog
