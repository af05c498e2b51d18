"""What is said of a failed job: what happened, what is safe, and the ways out as buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vatt_engine.errors import OutOfMemory, VattError
from vatt_plugin.client import JobState
from vatt_ui.fitting import FILLED, LEAN, device_word, kind_of, needed_bytes, room_bytes
from vatt_ui.language import _
from vatt_ui.notices import Action, Notice
from vatt_ui.text import duration, plain

if TYPE_CHECKING:
    from vatt_ui.jobs import JobInfo
    from vatt_ui.session import Session

WORTH = 0.9  # less memory is offered where it is less than this share


def failure_notice(session: Session, info: JobInfo, state: JobState, error: VattError) -> Notice:
    """The notice of a job that failed, for the pane where its result would be."""
    cue = session.cue(info.cue_id)
    name = plain(cue.clip if cue is not None else info.cue_id)
    short = _short_of_memory(session, state, name) if isinstance(error, OutOfMemory) else ""
    what = short or _("{clip}: {what}").format(clip=name, what=error.message)
    return Notice(
        _("{what} Other takes are safe.").format(what=what),
        "" if short else error.hint,
        "error",
        "takes" if info.kind in ("generate", "span") else "inspector",
        key=f"job-{info.cue_id}",
        actions=_ways_out(session, info, state, error),
        details=f"{error.message} {error.hint}".strip() if short else "",
    )


def _device(session: Session, state: JobState) -> str:
    """Where the job ran: as the engine told, else as it was asked for."""
    asked = str(getattr(state.request, "device", "cpu"))
    return state.device or (session.models.auto_device if asked == "auto" else asked) or asked


def _short_of_memory(session: Session, state: JobState, clip: str) -> str:
    """``Shot_014 needs about 9.2 GB; this GPU has 8 GB``, where both are known."""
    device = _device(session, state)
    model = str(getattr(state.request, "model", ""))
    needed = needed_bytes(session.models.memory(model), device)
    room = room_bytes(session.models.devices, device)
    if not needed or not room:
        return ""
    said = _("{clip} needs about {need} GB; this {device} has {room} GB.")
    if needed <= FILLED * room:
        said = _("{clip} needs about {need} GB; others hold too much of this {device}'s {room} GB.")
    return said.format(
        clip=clip,
        need=f"{needed / 1e9:,.1f}",
        device=_("machine") if kind_of(device) == "cpu" else device_word(device),
        room=f"{room / 1e9:,.0f}",
    )


def _saves(session: Session, state: JobState, lean: str) -> bool:
    """Whether a model with its language model outside needs much less, as far as is known."""
    memory = session.models.memory(str(getattr(state.request, "model", "")))
    whole, least = (needed_bytes(memory, d) for d in (lean.removesuffix(LEAN), lean))
    return not whole or least < WORTH * whole


def _ways_out(
    session: Session, info: JobInfo, state: JobState, error: VattError
) -> tuple[Action, ...]:
    """Again; short of memory on a GPU also with less of it there, or on the CPU."""
    retry: Action = (_("Retry"), lambda: session.jobs.retry(info.job_id))
    device = _device(session, state)
    if not isinstance(error, OutOfMemory) or kind_of(device) == "cpu":
        return (retry,)
    ways = [retry]
    lean = device + LEAN
    if kind_of(device) == "cuda" and not device.endswith(LEAN) and _saves(session, state, lean):
        ways.append(
            (_("Use less GPU memory"), lambda: session.jobs.retry(info.job_id, device=lean))
        )
    word = _("Try on the CPU")
    seconds = session.jobs.estimate_s([info.cue_id], "cpu", info.n_takes)
    if seconds is not None and info.n_takes:
        word = _("Try on the CPU, about {time}").format(time=duration(seconds))
    ways.append((word, lambda: session.jobs.retry(info.job_id, device="cpu")))
    return tuple(ways)
