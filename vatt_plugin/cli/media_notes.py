"""What is amiss with the clips' media: told once a clip, counted in the end."""

from __future__ import annotations

from vatt_engine.messages import Event, Log
from vatt_plugin.cli.console import Console, plain
from vatt_plugin.cues import Cue, Take

_DAMAGED, _SHORT = "media_damaged", "media_short"


class MediaNotes:
    """Tells what the engine says of media; the same of a clip is said once, however often it looks.

    Args:
        console: where it is told.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, dict[str, None]] = {}  # dicts as sets that keep their order

    def heed(self, event: Event, cue: Cue, called: str) -> None:
        """Tell of damage, or of media that ends too early, if that is what an event says."""
        if isinstance(event, Log) and event.code in (_DAMAGED, _SHORT):
            self._tell(event.code, cue, called, event.message)

    def heed_making(self, event: Event, cue: Cue, called: str) -> None:
        """Tell of damage while takes are made; they say themselves what lacks between handles."""
        if isinstance(event, Log) and event.code == _DAMAGED:
            self._tell(event.code, cue, called, event.message)

    def heed_take(self, cue: Cue, take: Take | None, called: str) -> None:
        """Tell whether a clip's media ends before it does, by more than a frame."""
        missing_s = take.figures.get("picture_missing_s", 0.0) if take is not None else 0.0
        if missing_s > float(1 / cue.fps):
            text = f"its media has no picture for {missing_s:.2f} s of the clip."
            self._tell(_SHORT, cue, called, text)

    def of(self, cue_id: str) -> list[str]:
        """What was told of a clip, for programs."""
        return list(self._told.get(cue_id, ()))

    def sum_up(self) -> None:
        """How many clips something was told of, if of any; for the end of a long list."""
        if n := len(self._told):
            clips = f"{n} clip{'s' if n > 1 else ''} with damaged or missing picture"
            self._console.say(f"Media     {clips} (told above)")

    def _tell(self, code: str, cue: Cue, called: str, message: str) -> None:
        told = self._told.setdefault(cue.cue_id, {})
        if message not in told:
            told[message] = None
            about = {"cue": cue.cue_id, "clip": cue.clip}
            self._console.note(f"{called}: {plain(message, 1000)}", code=code, **about)
