"""What state a cue is in, in words, icon and colour: one rule for table, strip and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from vatt_plugin.cues import Cue, Take
from vatt_plugin.project_state import CueState, picture_key
from vatt_plugin.requests import lane_with_handles
from vatt_ui.language import _, ngettext


@dataclass(frozen=True)
class Look:
    """How a state is shown: ``token`` names a colour of the theme."""

    state: str
    word: str
    icon: str
    token: str


LOOKS: dict[str, Look] = {
    look.state: look
    for look in (
        Look("none", _("No take"), "none", "idle"),
        Look("queued", _("Queued"), "queued", "running"),
        Look("running", _("Running"), "running", "running"),
        Look("takes", _("Takes"), "none", "text"),
        Look("done", _("Done"), "check", "done"),
        Look("edited", _("Edited"), "edited", "edited"),
        Look("failed", _("Failed"), "warning", "failed"),
        Look("stale", _("Stale"), "stale", "stale"),
        Look("locked", _("Locked"), "lock", "dim"),
        Look("offline", _("Offline"), "offline", "idle"),
        Look("unreadable", _("Unreadable"), "warning", "idle"),
        Look("skipped", _("Left out"), "cross", "idle"),
    )
}


@dataclass(frozen=True)
class JobLook:
    """The job a cue waits for: ``fraction`` 0..1, None while unknown."""

    running: bool
    stage: str = ""
    fraction: float | None = None


_STAGES = {
    "building": _("building"),
    "caption": _("captioning"),
    "codec": _("sounding"),
    "decoding": _("decoding"),
    "drawing": _("drawing"),
    "features": _("looking"),
    "loading": _("loading"),
    "redoing": _("making anew"),
    "sampling": _("sampling"),
    "verifying": _("verifying"),
    "writing": _("writing"),
}


def stage_words(stage: str) -> str:
    """What a running job is at; the engine's own word for stages of a newer one."""
    return _STAGES.get(stage, stage) or _("starting")


# Where in the whole job a stage begins, and how much of it the stage is.
_PLACES = {
    "loading": (0.0, 0.0),
    "decoding": (0.0, 0.1),
    "features": (0.1, 0.1),
    "caption": (0.2, 0.05),
    "sampling": (0.25, 0.6),
    "redoing": (0.25, 0.6),
    "codec": (0.85, 0.05),
    "writing": (0.9, 0.1),
}


def overall(stage: str, fraction: float | None) -> float | None:
    """How much of a job is done, from how much of its stage; None where nobody can tell.

    Stages of a newer engine count for themselves.
    """
    start, share = _PLACES.get(stage, (0.0, 1.0))
    if fraction is None:
        return start if start else None
    return start + share * fraction


def is_edited(cue: Cue, state: CueState, takes: Mapping[str, Take]) -> bool:
    """Whether prompt, negative or hits are newer than the newest visible take."""
    visible = state.visible_takes
    newest = takes.get(visible[-1]) if visible else None
    if newest is None:
        return False
    recipe = newest.recipe
    if state.prompt and state.prompt != (recipe.prompt or ""):
        return True
    if state.negative != recipe.negative:
        return True
    handle_s = Fraction(recipe.handle_frames) / cue.fps
    return state.hits_edited and lane_with_handles(state.lane(), handle_s) != recipe.lane


def state_of(
    cue: Cue,
    state: CueState,
    takes: Mapping[str, Take],
    job: JobLook | None = None,
    *,
    failed: bool = False,
) -> str:
    """The one state that matters most now; a key of ``LOOKS``."""
    if job is not None:
        return "running" if job.running else "queued"
    if cue.status != "ready" and not (cue.status == "offline" and state.relinked):
        return cue.status
    if failed:
        return "failed"
    if state.locked:
        return "locked"
    if not state.visible_takes:
        return "none"
    if state.picture_key and state.picture_key != picture_key(cue):
        return "stale"
    if is_edited(cue, state, takes):
        return "edited"
    return "done" if state.chosen else "takes"


def words(look: Look, state: CueState, job: JobLook | None = None) -> str:
    """The state for a table's cell: ``43 %``, ``2 takes``, ``Done``."""
    if look.state == "running" and job is not None and job.fraction is not None:
        return f"{job.fraction * 100:.0f} %"
    n_takes = len(state.visible_takes)
    if look.state == "takes":
        return ngettext("{n} take", "{n} takes", n_takes).format(n=n_takes)
    return look.word
