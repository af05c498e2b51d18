"""What the user has set for the panel as a whole, kept by Qt in the user's own settings file."""

from __future__ import annotations

import json
from typing import Any

from PyQt6.QtCore import QByteArray, QSettings


class Preferences:
    """Typed access to ``QSettings``; a damaged value falls back to its default."""

    def __init__(self, settings: QSettings | None = None) -> None:
        self._settings = settings or QSettings("vatt", "panel")

    @property
    def theme(self) -> str:
        """Name of the palette."""
        return str(self._settings.value("theme", "dark"))

    @theme.setter
    def theme(self, name: str) -> None:
        self._settings.setValue("theme", name)

    @property
    def single_keys(self) -> bool:
        """Whether lone keys act."""
        return bool(self._json("single_keys", True))

    @single_keys.setter
    def single_keys(self, on: bool) -> None:
        self._set_json("single_keys", on)

    @property
    def keys(self) -> dict[str, list[str]]:
        """Remapped keys by action."""
        value = self._json("keys", {})
        if not isinstance(value, dict):
            return {}
        return {str(k): [str(s) for s in v] for k, v in value.items() if isinstance(v, list)}

    @keys.setter
    def keys(self, keys: dict[str, list[str]]) -> None:
        self._set_json("keys", keys)

    @property
    def model(self) -> str:
        """The model for new projects; empty for the bundled one."""
        return str(self._settings.value("model", ""))

    @model.setter
    def model(self, name: str) -> None:
        self._settings.setValue("model", name)

    @property
    def profile(self) -> str:
        """What the written timeline counts from: ``nle`` or ``post``."""
        value = str(self._settings.value("profile", "nle"))
        return value if value in ("nle", "post") else "nle"

    @profile.setter
    def profile(self, name: str) -> None:
        self._settings.setValue("profile", name)

    @property
    def url_profile(self) -> str:
        """How media paths are written: ``portable``, ``resolve`` or ``premiere``."""
        value = str(self._settings.value("url_profile", "portable"))
        return value if value in ("portable", "resolve", "premiere") else "portable"

    @url_profile.setter
    def url_profile(self, name: str) -> None:
        self._settings.setValue("url_profile", name)

    @property
    def first_run_done(self) -> bool:
        """Whether the first-run page has been seen."""
        return bool(self._json("first_run_done", False))

    @first_run_done.setter
    def first_run_done(self, done: bool) -> None:
        self._set_json("first_run_done", done)

    @property
    def recent(self) -> list[str]:
        """Timelines opened lately, newest first."""
        value = self._json("recent", [])
        return [str(p) for p in value][:10] if isinstance(value, list) else []

    def add_recent(self, path: str) -> None:
        """Put a timeline at the head of the recent ones."""
        self._set_json("recent", [path, *(p for p in self.recent if p != path)][:10])

    def layout(self) -> tuple[QByteArray, QByteArray] | None:
        """Saved geometry and dock layout of the main window."""
        geometry, state = self._settings.value("geometry"), self._settings.value("state")
        if isinstance(geometry, QByteArray) and isinstance(state, QByteArray):
            return geometry, state
        return None

    def set_layout(self, geometry: QByteArray, state: QByteArray) -> None:
        """Remember geometry and dock layout."""
        self._settings.setValue("geometry", geometry)
        self._settings.setValue("state", state)

    def _json(self, name: str, default: Any) -> Any:
        try:
            return json.loads(str(self._settings.value(name, json.dumps(default))))
        except ValueError:
            return default

    def _set_json(self, name: str, value: Any) -> None:
        self._settings.setValue(name, json.dumps(value))
