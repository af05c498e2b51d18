"""What the user wants of a whole project beyond the model: sound at the ends, the mix, the cues.

The command line has a flag for each of these; the panel keeps them with the project.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_plugin.journal import write_atomically
from vatt_plugin.project import project_folder
from vatt_plugin.project_state import Settings

MAX_HANDLES_S = 60.0
DUCK_DB = -9.0  # as --duck-db; its module would bring PyAV into the panel


@dataclass(frozen=True)
class Wishes:
    """How takes are made and mixed.

    Attributes:
        handles_s: extra sound at either end of new takes, seconds.
        duck: names of the audio tracks under which the Foley is held back.
        duck_db: by how much.
        room_tone: lay a quiet bed under each scene.
    """

    handles_s: float = 0.0
    duck: tuple[str, ...] = ()
    duck_db: float = DUCK_DB
    room_tone: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Wishes:
        """The wishes of a project; what is missing or damaged has its default."""
        extra, blank = settings.extra, cls()
        try:
            return cls(
                handles_s=min(max(float(extra.get("handles_s", 0.0)), 0.0), MAX_HANDLES_S),
                duck=tuple(str(name) for name in extra.get("duck", ())),
                duck_db=min(float(extra.get("duck_db", DUCK_DB)), 0.0),
                room_tone=bool(extra.get("room_tone", False)),
            )
        except (TypeError, ValueError):
            return blank

    def into(self, settings: Settings) -> Settings:
        """The settings of a project with these wishes."""
        plain = {**dataclasses.asdict(self), "duck": list(self.duck)}
        return dataclasses.replace(settings, extra={**settings.extra, **plain})


@dataclass(frozen=True)
class CueSource:
    """What becomes a cue: needed before the project can be opened, so it has a file of its own.

    Attributes:
        cues: ``clips``, ``markers`` or the path of a spotting list (CSV).
        split_cuts: split clips where their media cuts from one shot to another.
    """

    cues: str = "clips"
    split_cuts: bool = False

    @classmethod
    def of(cls, timeline: Path) -> CueSource:
        """What the project of a timeline says; each clip a cue where it says nothing."""
        try:
            plain: Mapping[str, Any] = json.loads(_file(timeline).read_text(encoding="utf-8"))
            return cls(str(plain["cues"]), bool(plain["split_cuts"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def keep(self, timeline: Path) -> None:
        """Remember it for the next opening.

        Raises:
            CannotWrite: what was said before still holds.
        """
        write_atomically(_file(timeline), json.dumps(dataclasses.asdict(self)).encode())


def _file(timeline: Path) -> Path:
    return project_folder(timeline) / "cue-source.json"
