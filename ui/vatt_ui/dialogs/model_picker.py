"""The engine and its models: what runs, what is installed, how large, under which licence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QPlainTextEdit, QTableWidget, QTableWidgetItem, QWidget

from vatt_plugin.client import EngineStatus
from vatt_ui import spoken
from vatt_ui.dialogs.base import Dialog
from vatt_ui.dialogs.first_run import devices_in_words
from vatt_ui.fitting import fit_words, gpu_fit, gpu_of
from vatt_ui.language import _
from vatt_ui.preferences import Preferences
from vatt_ui.session import Session
from vatt_ui.text import Label, plain, tooltip
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP
from vatt_ui.widgets.common import quiet, row, text_button

HEADERS = (
    _("Model"),
    _("Size"),
    _("Licence"),
    _("Fit on the CPU"),
    _("Fit on the GPU"),
    _("About"),
)
CPU_FIT, GPU_FIT = 3, 4
IN_PARTS = _(
    "In parts: the language model stays in main memory and visits the GPU layer by layer, which is "
    "slower. Preferences, New takes, Device has the choice."
)


def cells_of(model: dict[str, Any]) -> list[str]:
    """A model's row; the engine may leave facts out."""
    n_bytes = model.get("bytes") or model.get("size_bytes") or 0
    size = size_of(int(n_bytes)) if n_bytes else "–"
    licence = model.get("licence") or model.get("license") or model.get("licences") or "–"
    if isinstance(licence, dict):
        licence = ", ".join(sorted({str(v) for v in licence.values()}))
    if isinstance(licence, list):
        licence = ", ".join(str(v) for v in licence)
    about = model.get("note") or model.get("summary") or model.get("description") or ""
    if not about and model.get("trained") is False:
        about = _("untrained, for tests")
    if model.get("error"):
        about = _("damaged: {why}").format(why=model["error"])
    needed, room = int(model.get("memory_bytes") or 0), int(model.get("machine_bytes") or 0)
    on_cpu = fit_words(needed, room, model.get("fits"))
    return [str(model.get("name", "")), size, str(licence), on_cpu, "–", str(about)]


def size_of(n_bytes: int) -> str:
    """A size on disk, short enough for its column."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.1f} MB"


def about_model(model: Mapping[str, Any]) -> str:
    """What a model's own folder says: what it is, what it may be used for, where it is from."""
    lines = [plain(str(model.get("description") or ""), 600)]
    if model.get("trained") is False:
        lines.append(_("Untrained: its takes are noise that shows how things work."))
    if model.get("sync_lane") is False:
        lines.append(_("It does not hear hits."))
    licences = [
        ", ".join(plain(str(value)) for value in licence.values() if value)
        for licence in model.get("licences") or ()
        if isinstance(licence, Mapping)
    ]
    if licences:
        lines.append(_("Licences: {text}").format(text="; ".join(licences)))
    provenance = model.get("provenance") or {}
    told = [f"{plain(str(key))}: {plain(str(value))}" for key, value in provenance.items()]
    if told:
        lines.append(_("From: {text}").format(text="; ".join(told)[:600]))
    return "\n".join(line for line in lines if line)


class ModelPicker(Dialog):
    """Filled when the engine answers; works, and says so, when there is none.

    Signals:
        model_picked(): another model makes the takes from now on.
    """

    model_picked = pyqtSignal()

    def __init__(
        self, parent: QWidget, session: Session, theme: Theme, preferences: Preferences
    ) -> None:
        super().__init__(parent, _("Engine and models"))
        self.resize(960, 560)
        self._session = session
        self._preferences = preferences
        self.state = Label("")
        self.state.setWordWrap(True)
        self.body.addWidget(self.state)
        self.devices = Label("", "dim")
        self.devices.setWordWrap(True)
        self.body.addWidget(self.devices)
        self.table = QTableWidget(0, len(HEADERS))
        self.table.setAccessibleName(_("Installed models"))
        self.table.setHorizontalHeaderLabels(list(HEADERS))
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        quiet(self.table, len(HEADERS) - 1, {0: 120, 1: 76, 2: 120, CPU_FIT: 205, GPU_FIT: 215})
        self.table.setColumnHidden(GPU_FIT, True)  # until the engine has found one
        self.body.addWidget(self.table, 1)
        self.about = Label("", "dim")
        self.about.setWordWrap(True)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._say_about("")
        self.body.addWidget(self.about)
        self.table.currentCellChanged.connect(self._on_row_chosen)
        self.log = QPlainTextEdit("\n".join(session.engine.client.log[-60:]))
        self.log.setAccessibleName(_("The engine's log"))
        self.log.setReadOnly(True)
        self.log.setMaximumHeight(120)
        self.log.hide()
        self.body.addWidget(self.log)
        show_log = text_button(theme, _("Log"))
        show_log.setCheckable(True)
        show_log.toggled.connect(self.log.setVisible)
        use = text_button(theme, _("Use this model"), primary=True)
        close = text_button(theme, _("Close"))
        use.clicked.connect(self._on_used)
        close.clicked.connect(self.accept)
        buttons = row(show_log, 1, close, use, spacing=GAP)
        self.body.addLayout(buttons)
        session.questions.models_found.connect(self.show_models)
        session.engine.status_changed.connect(self.show_state)
        self.show_state(session.engine.status)
        session.questions.devices_found.connect(self._show_devices)
        session.questions.model_told.connect(self._show_model)
        session.questions.list_models()
        session.questions.list_devices()

    def show_state(self, status: EngineStatus) -> None:
        """What the engine does."""
        text = {
            "stopped": _("The engine starts with the first job."),
            "starting": _("The engine is starting."),
            "ready": _("The engine {version} is ready.").format(version=status.version),
            "busy": _("The engine {version} is busy.").format(version=status.version),
            "restarting": _("The engine is being started again."),
            "lost": _("The engine has stopped answering; it is being replaced."),
            "unavailable": _("There is no engine. Prompts and takes still work."),
        }[status.life]
        self.state.setText(" ".join(x for x in (text, status.detail, status.hint) if x))

    def show_models(self, models: list[dict[str, Any]]) -> None:
        """The engine has answered."""
        self.table.setRowCount(0)
        for model in models:
            self.table.insertRow(self.table.rowCount())
            for column, text in enumerate(cells_of(model)):
                item = QTableWidgetItem(plain(text))
                said = spoken.cell(HEADERS[column], plain(text))
                item.setData(Qt.ItemDataRole.AccessibleTextRole, said)
                self.table.setItem(self.table.rowCount() - 1, column, item)
            if model.get("name") == self._session.model:
                self.table.selectRow(self.table.rowCount() - 1)
            if not model.get("error"):
                self._session.questions.tell_model(str(model.get("name", "")))
        self._show_gpu_fits()

    def _show_gpu_fits(self) -> None:
        """Whether the models fit on the GPU, where there is one."""
        models = self._session.models
        self.table.setColumnHidden(GPU_FIT, not gpu_of(models.devices))
        for number in range(self.table.rowCount()):
            name = self.table.item(number, 0)
            if name is not None:
                item = QTableWidgetItem(gpu_fit(models.memory(name.text()), models.devices))
                item.setToolTip(tooltip(IN_PARTS))
                self.table.setItem(number, GPU_FIT, item)

    def _on_row_chosen(self, row_number: int, *_args: int) -> None:
        item = self.table.item(row_number, 0)
        if item is not None:
            self._say_about("")
            self._session.questions.tell_model(item.text())

    def _show_model(self, model: dict[str, Any]) -> None:
        self._show_gpu_fits()
        item = self.table.item(self.table.currentRow(), 0)
        if item is not None and item.text() == model.get("name"):
            self._say_about(about_model(model))

    def _say_about(self, text: str) -> None:
        self.about.setText(text)
        # A label's accessible name is read instead of its text, so it has to hold both.
        self.about.setAccessibleName(_("About the chosen model: {text}").format(text=text))

    def _show_devices(self, devices: list[dict[str, Any]]) -> None:
        self.devices.setText(_("Runs on: {devices}").format(devices=devices_in_words(devices)))
        self._show_gpu_fits()

    def _on_used(self) -> None:
        item = self.table.item(self.table.currentRow(), 0)
        if item is not None:
            session = self._session
            session.set_settings(dataclasses.replace(session.settings, model=item.text()))
            session.models.prefer(item.text())
            session.warn_of_model()
            self._preferences.model = item.text()
            self.model_picked.emit()
        self.accept()


def show(parent: QWidget, session: Session, theme: Theme, preferences: Preferences) -> ModelPicker:
    """Open it."""
    dialog = ModelPicker(parent, session, theme, preferences)
    dialog.show()
    return dialog
