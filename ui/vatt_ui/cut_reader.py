"""Reads a cut through the helper, in parts, so that a feature of thousands of cues never blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from vatt_engine.errors import VattError
from vatt_plugin.cues import Cue
from vatt_ui.helper.plain import Cut, cue_from_plain, place_of, track_from_plain
from vatt_ui.helper_process import HelperProcess
from vatt_ui.wishes import CueSource


class CutReader(QObject):
    """Reads one cut at a time.

    Signals:
        started(str): the name of the file being read.
        progressed(int): cues so far; -1 when it is over, one way or the other.
        cut_read(Cut), failed(VattError): how it ended. Cancelling ends it without either.
    """

    started = pyqtSignal(str)
    progressed = pyqtSignal(int)
    cut_read = pyqtSignal(object)
    failed = pyqtSignal(object)

    def __init__(self, helper: HelperProcess, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._helper = helper
        self._cues: list[Cue] = []
        self._found: dict[str, list[Any]] = {}
        self._places: dict[str, tuple[float, float]] = {}
        self._facts: Mapping[str, Any] = {}
        self._request = 0

    def read(self, path: Path, source: CueSource) -> None:
        """Begin; what was being read is left off."""
        self.cancel()
        self._begin_anew()
        self.started.emit(path.name)
        self._request = self._helper.ask(
            "load",
            {"path": str(path), **dataclasses.asdict(source)},
            lambda _: self._on_read(path),
            on_part=self._on_part,
            on_error=self._on_failed,
        )

    def cancel(self) -> None:
        """Stop reading, at once: the helper is replaced."""
        if self._request:
            self._helper.forget(self._request)
            self._helper.replace()
            self._request = 0
            self.progressed.emit(-1)

    def _on_part(self, part: Mapping[str, Any]) -> None:
        cues = [cue_from_plain(cue) for cue in part.get("cues", ())]
        self._cues += cues
        self._places.update((cue.cue_id, place_of(cue)) for cue in cues)
        self._found.update(part.get("facts", {}))
        self._facts = part.get("cut", self._facts)
        self.progressed.emit(len(self._cues))

    def _on_read(self, path: Path) -> None:
        self._request = 0
        self.progressed.emit(-1)
        facts = self._facts
        cut = Cut(
            path=str(path),
            name=str(facts["name"]),
            fps=Fraction(facts["fps"]),
            drop=bool(facts["drop"]),
            global_start_s=Fraction(facts["global_start_s"]),
            duration_s=Fraction(facts["duration_s"]),
            cues=tuple(self._cues),
            tracks=tuple(track_from_plain(t) for t in facts["tracks"]),
            notes=tuple((str(w), str(m)) for w, m in facts["notes"]),
            sha256=str(facts["sha256"]),
            facts=self._found,
            places=self._places,
        )
        self._begin_anew()
        self.cut_read.emit(cut)

    def _begin_anew(self) -> None:
        self._cues, self._facts, self._found, self._places = [], {}, {}, {}

    def _on_failed(self, error: VattError) -> None:
        self._request = 0
        self.progressed.emit(-1)
        self.failed.emit(error)
