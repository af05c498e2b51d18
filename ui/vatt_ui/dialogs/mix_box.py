"""How the written Foley sits in the mix: under dialogue, and on a bed of room tone."""

from __future__ import annotations

import dataclasses

from PyQt6.QtWidgets import QCheckBox, QDoubleSpinBox, QWidget

from vatt_ui.language import _
from vatt_ui.session import Session
from vatt_ui.text import Label, plain
from vatt_ui.theme.tokens import GAP
from vatt_ui.widgets.common import row
from vatt_ui.widgets.flow import FlowLayout
from vatt_ui.wishes import Wishes

MAX_TRACKS = 24


class MixBox(QWidget):
    """A tick per audio track of the cut, how far the Foley is held back under it, and room tone."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        wishes = session.wishes
        flow = FlowLayout(GAP)
        self.setLayout(flow)
        self.tracks: dict[str, QCheckBox] = {}
        flow.addWidget(Label(_("Hold the Foley back while there is sound on"), "field"))
        for name in audio_tracks(session):
            box = QCheckBox(plain(name, 40).replace("&", "&&"))
            box.setAccessibleName(_("Hold the Foley back under {track}").format(track=plain(name)))
            box.setChecked(name in wishes.duck)
            box.toggled.connect(self._on_toggled)
            self.tracks[name] = box
            flow.addWidget(box)
        if not self.tracks:
            flow.addWidget(Label(_("(this cut has no sound of its own)"), "dim"))
        self.level = QDoubleSpinBox()
        self.level.setRange(-60.0, 0.0)
        self.level.setDecimals(1)
        self.level.setSuffix(" dB")
        self.level.setValue(wishes.duck_db)
        self.level.setAccessibleName(_("How far the Foley is held back"))
        by = QWidget()
        by.setLayout(row(Label(_("by"), "field"), self.level))
        by.setVisible(bool(self.tracks))
        flow.addWidget(by)
        self.room_tone = QCheckBox(_("Room tone under each scene"))
        self.room_tone.setToolTip(_("A quiet bed, so that cuts between takes do not pump"))
        self.room_tone.setChecked(wishes.room_tone)
        flow.addWidget(self.room_tone)
        self._on_toggled()

    def wishes(self, before: Wishes) -> Wishes:
        """The wishes of a project with what is set here."""
        return dataclasses.replace(
            before,
            duck=tuple(name for name, box in self.tracks.items() if box.isChecked()),
            duck_db=self.level.value(),
            room_tone=self.room_tone.isChecked(),
        )

    def _on_toggled(self) -> None:
        self.level.setEnabled(any(box.isChecked() for box in self.tracks.values()))


def audio_tracks(session: Session) -> list[str]:
    """The names of the cut's own audio tracks that have something on them."""
    tracks = session.cut.tracks if session.cut is not None else ()
    names = [t.name for t in tracks if t.kind == "Audio" and not t.ours and t.items]
    return list(dict.fromkeys(names))[:MAX_TRACKS]
