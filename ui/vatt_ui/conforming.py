"""After a re-cut: finds the cues that hold work in the new cut, and carries their work over."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vatt_engine.errors import CannotWrite
from vatt_plugin.project_conform import CueFacts, heirs, inherited
from vatt_plugin.project_state import CueState, cue_state_fields
from vatt_ui.language import _, ngettext
from vatt_ui.notices import Notice

if TYPE_CHECKING:
    from vatt_ui.session import Session


def find_heirs(session: Session, *, at_once: bool, offer: bool = True) -> None:
    """Look for cues with work that this cut does not have; carry them over, or offer to.

    Args:
        session: with the new cut open.
        at_once: carry over without asking.
        offer: ask; False when the user has only switched to other cues of the same cut.
    """
    project = session.project
    if project is None:
        return
    blank = CueState()
    worked = (
        cue_id
        for cue_id, state in project.states.items()
        if state != blank and session.cue(cue_id) is None
    )
    orphans = {c: CueFacts(*project.cut[c]) for c in worked if c in project.cut}
    if session.cut is not None:
        with contextlib.suppress(CannotWrite):
            project.remember_cut(session.cut.facts)
    if not orphans or not (at_once or offer):
        return
    free = [cue for cue in session.cues if session.state(cue.cue_id) == blank]
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
        carry_over(session, found, orphans)
        session.tell(Notice(_("Conformed: {what}").format(what=said), key="cut"))
    elif found:
        actions = (
            (_("Conform takes to the new cut"), lambda: carry_over(session, found, orphans)),
            (_("Keep the old"), lambda: None),
        )
        text = _("The cut has changed. {what}").format(what=said)
        session.tell(Notice(text, "", "warning", key="cut", actions=actions))


def carry_over(session: Session, found: Mapping[str, str], orphans: Mapping[str, CueFacts]) -> None:
    """Give each heir the work of its cue, as one step that can be undone."""
    changes: dict[str, dict[str, Any]] = {}
    for old_id, new_id in found.items():
        cue = session.cue(new_id)
        if cue is not None:
            state = inherited(session.state(old_id), orphans[old_id], cue)
            changes[new_id] = cue_state_fields(state)
            changes[old_id] = cue_state_fields(CueState())
    session.edit(_("Conform takes to the new cut"), changes)
    session.current_changed.emit()
