"""What the panel asks the engine apart from jobs: its models, and what it can run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from vatt_engine import messages
from vatt_engine.messages import Event
from vatt_ui.engine_process import EngineProcess


class Questions(QObject):
    """Asks; the same question is under way once at a time, and never shown in the queue.

    Signals:
        models_found(list): what ``ListModels`` brought.
        devices_found(list): what the engine can run on, as ``Doctor`` told it.
        model_told(dict): all that the engine knows of one model.
    """

    models_found = pyqtSignal(list)
    devices_found = pyqtSignal(list)
    model_told = pyqtSignal(dict)

    def __init__(self, engine: EngineProcess, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._asked: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {}
        self._knows_devices = False
        self.devices_found.connect(self._on_devices_found)
        engine.event_received.connect(self._on_event)

    def list_models(self) -> None:
        """Ask which models are installed; ``models_found`` follows."""
        self._ask(
            messages.ListModels(),
            lambda result: self.models_found.emit(list(result.get("models", []))),
            first=True,
        )

    def get_to_know_engine(self) -> None:
        """Ask for its models and devices; once a session is enough for the latter."""
        self.list_models()
        if not self._knows_devices:
            self.list_devices()

    def list_devices(self) -> None:
        """Ask what the engine can run on; ``devices_found`` follows, once it has torch."""
        self._ask(
            messages.Doctor(),
            lambda result: self.devices_found.emit(list(result.get("devices", []))),
        )

    def tell_model(self, name: str) -> None:
        """Ask for all that is known of a model; ``model_told`` follows."""
        request = messages.ModelInfo(model=name)
        self._ask(request, lambda result: self.model_told.emit(dict(result)), first=True)

    def _on_devices_found(self, devices: list[dict[str, Any]]) -> None:
        self._knows_devices = bool(devices)

    def _ask(
        self,
        request: messages.Request,
        on_result: Callable[[dict[str, Any]], None],
        *,
        first: bool = False,
    ) -> None:
        question = repr(request)
        if all(question != asked for asked, _on in self._asked.values()):
            job_id = self._engine.client.submit(request, first=first)
            self._asked[job_id] = (question, on_result)  # before anything can come back
            self._engine.wake()

    def _on_event(self, event: Event) -> None:
        job_id = str(getattr(event, "job_id", ""))
        ended = isinstance(event, messages.Finished | messages.Failed | messages.JobCancelled)
        if job_id not in self._asked or not ended:
            return
        _question, on_result = self._asked.pop(job_id)
        if isinstance(event, messages.Finished):
            on_result(dict(event.result))
        self._engine.forget(job_id)
