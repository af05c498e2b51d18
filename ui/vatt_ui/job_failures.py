"""What is said of a failed job: what happened, what is safe, and the ways out as buttons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from vatt_engine.errors import OutOfMemory, VattError
from vatt_plugin.client import JobState
from vatt_ui.fitting import FILLED, LEAN, device_word, kind_of, needed_bytes, room_bytes
from vatt_ui.installed_models import InstalledModels
from vatt_ui.job_info import JobInfo
from vatt_ui.language import _
from vatt_ui.notices import Action, Notice
from vatt_ui.text import duration, plain
from vatt_ui.workspace import Workspace

WORTH = 0.9  # less memory is offered where it is less than this share


class Retries(Protocol):
    """What the ways out need: to ask again, and to know how long that takes."""

    def retry(self, job_id: str, *, device: str = "") -> str:
        """Ask again, on another device if one is named."""

    def estimate_s(
        self, cue_ids: Iterable[str], device: str = "", n_takes: int = 0
    ) -> float | None:
        """Seconds that new takes will need."""


def failure_notice(
    work: Workspace, jobs: Retries, info: JobInfo, state: JobState, error: VattError
) -> Notice:
    """The notice of a job that failed, for the pane where its result would be."""
    cue = work.cue(info.cue_id)
    name = plain(cue.clip if cue is not None else info.cue_id)
    short = _short_of_memory(work.models, state, name) if isinstance(error, OutOfMemory) else ""
    what = short or _("{clip}: {what}").format(clip=name, what=error.message)
    return Notice(
        _("{what} Other takes are safe.").format(what=what),
        "" if short else error.hint,
        "error",
        "takes" if info.kind in ("generate", "span") else "inspector",
        key=f"job-{info.cue_id}",
        actions=_ways_out(work.models, jobs, info, state, error),
        details=f"{error.message} {error.hint}".strip() if short else "",
    )


def _device(models: InstalledModels, state: JobState) -> str:
    """Where the job ran: as the engine told, else as it was asked for."""
    asked = str(getattr(state.request, "device", "cpu"))
    return state.device or (models.auto_device if asked == "auto" else asked) or asked


def _short_of_memory(models: InstalledModels, state: JobState, clip: str) -> str:
    """``Shot_014 needs about 9.2 GB; this GPU has 8 GB``, where both are known."""
    device = _device(models, state)
    model = str(getattr(state.request, "model", ""))
    needed = needed_bytes(models.memory(model), device)
    room = room_bytes(models.devices, device)
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


def _saves(models: InstalledModels, state: JobState, lean: str) -> bool:
    """Whether a model with its language model outside needs much less, as far as is known."""
    memory = models.memory(str(getattr(state.request, "model", "")))
    whole, least = (needed_bytes(memory, d) for d in (lean.removesuffix(LEAN), lean))
    return not whole or least < WORTH * whole


def _ways_out(
    models: InstalledModels, jobs: Retries, info: JobInfo, state: JobState, error: VattError
) -> tuple[Action, ...]:
    """Again; short of memory on a GPU also with less of it there, or on the CPU."""
    retry: Action = (_("Retry"), lambda: jobs.retry(info.job_id))
    device = _device(models, state)
    if not isinstance(error, OutOfMemory) or kind_of(device) == "cpu":
        return (retry,)
    ways = [retry]
    lean = device + LEAN
    if kind_of(device) == "cuda" and not device.endswith(LEAN) and _saves(models, state, lean):
        ways.append((_("Use less GPU memory"), lambda: jobs.retry(info.job_id, device=lean)))
    word = _("Try on the CPU")
    seconds = jobs.estimate_s([info.cue_id], "cpu", info.n_takes)
    if seconds is not None and info.n_takes:
        word = _("Try on the CPU, about {time}").format(time=duration(seconds))
    ways.append((word, lambda: jobs.retry(info.job_id, device="cpu")))
    return tuple(ways)
