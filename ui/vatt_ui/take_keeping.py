"""Takes that join their cues, and takes that leave for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin import ranking
from vatt_plugin.cues import Cue, Take
from vatt_ui.language import _
from vatt_ui.notices import Notice, from_error
from vatt_ui.text import plain
from vatt_ui.workspace import Workspace

MAX_PROMPTS = 20  # earlier prompts kept per cue


def add_take(work: Workspace, cue: Cue, take: Take, picture: str) -> None:
    """A new take joins its cue; it is chosen when there was none.

    Args:
        work: with an open project.
        cue: of the open cut; for any other nothing happens.
        take: adopted, its files in the project.
        picture: ``picture_key`` of what it was made for.
    """
    if work.project is None or work.cue(cue.cue_id) is None:
        return
    state = work.state(cue.cue_id)
    if take.take_id in state.takes:
        text = _("{clip}: the new take is the same as an earlier one.")
        work.tell(
            Notice(
                text.format(clip=plain(cue.clip)),
                _("Take another seed or another prompt."),
                pane="takes",
                key="same",
            )
        )
        return
    try:
        work.project.add_take(take)
    except CannotWrite as error:
        work.tell(from_error(error, "takes", key="journal"))
    history = state.prompt_history
    prompt = take.recipe.prompt or ""
    if prompt and state.prompt == prompt and prompt not in history[-1:]:
        history = (*[h for h in history if h != prompt], prompt)[-MAX_PROMPTS:]
    work.edit(
        work.labelled(_("New take"), [cue.cue_id]),
        {
            cue.cue_id: {
                "takes": (*state.takes, take.take_id),
                "chosen": state.chosen or take.take_id,
                "picture_key": picture,
                "prompt_history": history,
            }
        },
    )
    if not state.chosen:
        work.used_unasked[cue.cue_id] = take.take_id
    work.shown_take[cue.cue_id] = take.take_id
    if cue.cue_id == work.current:
        work.take_shown.emit(take.take_id)


def use_best(work: Workspace, cue_id: str, made: Sequence[str]) -> None:
    """Of the takes of one job show the best, and use it where one was used without being asked for.

    The last one made was shown as it came; a user who looks at another one keeps it.
    """
    state = work.state(cue_id)
    takes = [take for t in made if t in state.visible_takes and (take := work.take(t))]
    best = ranking.best(takes)
    last = work.take(made[-1])
    shown = work.shown_take.get(cue_id) == made[-1]
    if best is not None and last is not None and shown and ranking.rank(best) < ranking.rank(last):
        work.shown_take[cue_id] = best.take_id
        if cue_id == work.current:
            work.take_shown.emit(best.take_id)
    unasked = work.used_unasked.pop(cue_id, "")
    if best is None or state.chosen != unasked or unasked not in made:
        return
    if best.take_id != state.chosen:
        label = work.labelled(_("Use best take"), [cue_id])
        work.edit(label, {cue_id: {"chosen": best.take_id}})


def empty_trash(work: Workspace) -> int:
    """Delete every trashed take for good; returns how many. Used ones are never trashed."""
    project = work.project
    if project is None:
        return 0
    trashed = [t for s in project.states.values() for t in s.trashed]
    takes = [take for t in trashed if (take := work.take(t)) is not None]
    try:
        project.forget_takes(trashed)
    except VattError as error:
        work.tell(from_error(error, key="journal"))
        return 0
    kept = {path for t in project.takes.values() for path in (t.wav_path, t.codes_path)}
    for take in takes:
        for path in (take.wav_path, take.codes_path):
            inside = path and Path(path).is_relative_to(project.takes_folder)
            if inside and path not in kept:
                Path(path).unlink(missing_ok=True)
    work.changed(project.states)
    work.current_changed.emit()
    return len(takes)
