"""What is amiss with a cue's media, as the engine tells it while it works on a job of the cue."""

from __future__ import annotations

from vatt_engine.messages import Event, Log, TakeReady
from vatt_plugin.cues import Cue
from vatt_ui.language import _
from vatt_ui.text import duration

_DAMAGED, _SHORT = "media_damaged", "media_short"


def amiss(event: Event, kind: str, cue: Cue) -> str:
    """What an event says is amiss with the picture of a cue; empty for nothing.

    Args:
        event: of a job of the cue.
        kind: of that job. A job for takes also looks at their handles, and that media does not
            reach so far is no matter; its takes tell what the cue itself lacks.
        cue: whose media it is.
    """
    match event:
        case Log(code=code) if code == _DAMAGED or (code == _SHORT and kind in ("caption", "spot")):
            return event.message
        case TakeReady():
            missing_s = event.figures.get("picture_missing_s", 0.0)
            if missing_s > 1 / cue.fps:
                said = _("The media has no picture for {time} of the cue.")
                return said.format(time=duration(missing_s))
    return ""
