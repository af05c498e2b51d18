"""How new takes of this project are made: the page of the preferences that the engine reads."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from PyQt6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

from vatt_ui.language import _
from vatt_ui.text import Label
from vatt_ui.theme.tokens import PAD
from vatt_ui.widgets.common import name_choice
from vatt_ui.wishes import MAX_HANDLES_S

if TYPE_CHECKING:
    from vatt_ui.session import Session

DEVICES = (
    ("auto", _("The fastest there is")),
    ("cpu", _("CPU")),
    ("cuda", _("GPU (CUDA)")),
    ("cuda+offload", _("GPU, language model in main memory")),
    ("mps", _("GPU (Apple)")),
)
MAX_STEPS, MAX_CFG = 1000, 100.0


class TakeSettings(QWidget):
    """Handles, device, steps and guidance; each change acts at once, on takes made from now on."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        settings = session.settings
        form = QFormLayout(self)
        form.setContentsMargins(PAD, PAD, PAD, PAD)
        note = Label(_("These hold for takes of this project that are made from now on."), "dim")
        note.setWordWrap(True)
        form.addRow(note)
        self.handles = QDoubleSpinBox()
        self.handles.setRange(0.0, MAX_HANDLES_S)
        self.handles.setSingleStep(0.5)
        self.handles.setSuffix(" s")
        self.handles.setValue(session.wishes.handles_s)
        self.handles.setToolTip(_("Sound before and after the clip, for trims and cross-fades"))
        self._add(form, _("Handles at either end"), self.handles)
        self.device = QComboBox()
        for value, text in DEVICES:
            self.device.addItem(text, value)
        known = [value for value, _text in DEVICES]
        if settings.device not in known:
            self.device.addItem(settings.device, settings.device)
        self.device.setCurrentIndex(self.device.findData(settings.device))
        self._add(form, _("Device"), self.device)
        name_choice(self.device, _("Device"))
        self.steps = QSpinBox()
        self.steps.setRange(0, MAX_STEPS)
        self.steps.setSpecialValueText(_("the model's own"))
        self.steps.setValue(settings.steps or 0)
        self.steps.setToolTip(_("Fewer are faster, more are finer"))
        self._add(form, _("Sampling steps"), self.steps)
        self.cfg = QDoubleSpinBox()
        self.cfg.setRange(-0.1, MAX_CFG)
        self.cfg.setSingleStep(0.5)
        self.cfg.setDecimals(1)
        self.cfg.setSpecialValueText(_("the model's own"))
        self.cfg.setValue(-0.1 if settings.cfg is None else settings.cfg)
        self.cfg.setToolTip(_("How closely takes follow prompt and picture"))
        self._add(form, _("Guidance"), self.cfg)
        self.setEnabled(not session.read_only)
        for box in (self.handles, self.steps, self.cfg):
            box.valueChanged.connect(self._on_changed)
        self.device.currentIndexChanged.connect(self._on_changed)

    @staticmethod
    def _add(form: QFormLayout, title: str, field: QWidget) -> None:
        field.setAccessibleName(title)
        label = Label(title, "field")
        label.setBuddy(field)
        form.addRow(label, field)

    def _on_changed(self, *_args: Any) -> None:
        session = self._session
        wishes = dataclasses.replace(session.wishes, handles_s=self.handles.value())
        settings = dataclasses.replace(
            wishes.into(session.settings),
            device=str(self.device.currentData()),
            steps=self.steps.value() or None,
            cfg=None if self.cfg.value() < 0 else round(self.cfg.value(), 1),
        )
        session.set_settings(settings)
