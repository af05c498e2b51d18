"""What the panel knows of a job beyond what the engine's client does."""

from __future__ import annotations

from dataclasses import dataclass

from vatt_ui.language import _, ngettext


@dataclass(frozen=True)
class JobInfo:
    """A job of the panel: what for, and with how many frames of sound at either end.

    ``parent`` is the take that a span is made anew of.
    """

    job_id: str
    cue_id: str
    kind: str
    parent: str = ""
    n_takes: int = 0
    handle_frames: int = 0

    @property
    def verb(self) -> str:
        """What it does, for the queue."""
        return {
            "generate": ngettext("New take", "{n} takes", self.n_takes).format(n=self.n_takes),
            "span": _("Regenerate in..out"),
            "caption": _("Caption"),
            "spot": _("Find hits"),
        }[self.kind]
