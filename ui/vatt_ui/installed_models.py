"""Which models are installed, which of them makes new takes, and what they can run on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import vatt_engine
from vatt_ui.fitting import chosen_by_auto
from vatt_ui.language import _
from vatt_ui.notices import Notice

BUNDLED = "vatt-mini"
FALLBACK = "tiny"


def first_guess() -> str:
    """The model for jobs that are asked for before the engine has said what is installed."""
    bundled = Path(vatt_engine.__file__ or "").parent / "bundled" / BUNDLED / "model.json"
    return BUNDLED if bundled.is_file() else FALLBACK


class InstalledModels:
    """What the engine told about its models.

    Attributes:
        preferred: the one the user named; empty for the best there is.
        default: the one for projects that name none.
        devices: what the engine can run on, as ``Doctor`` told it; empty while it has not.
    """

    def __init__(self) -> None:
        self.preferred = ""
        self.default = first_guess()
        self.devices: list[Mapping[str, Any]] = []
        self._known: dict[str, Mapping[str, Any]] = {}
        self._memory: dict[str, Mapping[str, Any]] = {}

    def consider(self, models: Iterable[Mapping[str, Any]]) -> bool:
        """Take the best model as the default, unless the user has named one.

        Returns:
            Whether any of them can be used.
        """
        usable = [m for m in models if "error" not in m and m.get("name")]
        if not usable:
            return False
        self._known = {str(m["name"]): m for m in usable}
        if self.preferred in self._known:
            self.default = self.preferred
        else:
            best = max(usable, key=lambda m: (m["name"] == BUNDLED, bool(m.get("trained"))))
            self.default = str(best["name"])
        return True

    def prefer(self, name: str) -> None:
        """The user names a model."""
        self.preferred = self.default = name

    def facts(self, name: str) -> Mapping[str, Any]:
        """What the engine says of a model; empty while it has not."""
        return self._known.get(name, {})

    def note_told(self, model: Mapping[str, Any]) -> None:
        """The engine has said all it knows of a model."""
        self._memory[str(model.get("name", ""))] = model.get("memory") or {}

    def memory(self, name: str) -> Mapping[str, Any]:
        """Bytes a model needs (``cpu``, ``resident``, ``offload``); empty while nobody has said."""
        return self._memory.get(name, {})

    @property
    def auto_device(self) -> str:
        """What ``auto`` means on this machine; empty while the engine has not said."""
        return chosen_by_auto(self.devices)

    def hears_hits(self, name: str) -> bool:
        """Whether hits reach the sound of this model; True until the engine has said no."""
        return self.facts(name).get("sync_lane") is not False

    def warning(self, name: str) -> Notice | None:
        """What has to be said of a model before it is used; None for a trained one."""
        if self.facts(name).get("trained") is not False:
            return None
        return Notice(
            _(
                "The model {name} is untrained: its takes are noise that shows how things work."
            ).format(name=repr(name)),
            _("Pick another one with the engine button below."),
            pane="inspector",
            key="untrained",
        )
