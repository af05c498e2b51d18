"""After a re-cut: finds the cues that hold work in the new cut, and carries their work over."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from vatt_engine.errors import CannotWrite
from vatt_plugin.project_conform import CueFacts, heirs, inherited
from vatt_plugin.project_state import CueState, cue_state_fields
from vatt_ui.language import _, ngettext
from vatt_ui.notices import Notice
from vatt_ui.workspace import Workspace


def find_heirs(work: Workspace, *, at_once: bool, offer: bool = True) -> None:
    """Look for cues with work that this cut does not have; carry them over, or offer to.

    Args:
        work: with the new cut open.
        at_once: carry over without asking.
        offer: ask; False when the user has only switched to other cues of the same cut.
    """
    project = work.project
    if project is None:
        return
    blank = CueState()
    worked = (
        cue_id
        for cue_id, state in project.states.items()
        if state != blank and work.cue(cue_id) is None
    )
    orphans = {c: CueFacts(*project.cut[c]) for c in worked if c in project.cut}
    if work.cut is not None:
        with contextlib.suppress(CannotWrite):
            project.remember_cut(work.cut.facts)
    if not orphans or not (at_once or offer):
        return
    free = [cue for cue in work.cues if work.state(cue.cue_id) == blank]
    found = heirs(orphans, free)
    lost = len(orphans) - len(found)
    said = ngettext(
        "One cue of the earlier cut is found again in this one.",
        "{n} cues of the earlier cut are found again in this one.",
        len(found),
    ).format(n=len(found))
    if lost:
        said += " " + ngettext(
            "One is not; its takes are kept.", "{n} are not; their takes are kept.", lost
        ).format(n=lost)
    if at_once:
        carry_over(work, found, orphans)
        work.tell(Notice(_("Conformed: {what}").format(what=said), key="cut"))
    elif found:
        actions = (
            (_("Conform takes to the new cut"), lambda: carry_over(work, found, orphans)),
            (_("Keep the old"), lambda: None),
        )
        text = _("The cut has changed. {what}").format(what=said)
        work.tell(Notice(text, "", "warning", key="cut", actions=actions))


def carry_over(work: Workspace, found: Mapping[str, str], orphans: Mapping[str, CueFacts]) -> None:
    """Give each heir the work of its cue, as one step that can be undone."""
    changes: dict[str, dict[str, Any]] = {}
    for old_id, new_id in found.items():
        cue = work.cue(new_id)
        if cue is not None:
            state = inherited(work.state(old_id), orphans[old_id], cue)
            changes[new_id] = cue_state_fields(state)
            changes[old_id] = cue_state_fields(CueState())
    work.edit(_("Conform takes to the new cut"), changes)
    work.current_changed.emit()
