"""From what is remembered of a cue to a request for the engine: functions of the workspace."""

from __future__ import annotations

import dataclasses

from vatt_engine import messages
from vatt_engine.messages import HeldTake, SyncLane
from vatt_plugin.cues import Cue, Take
from vatt_plugin.project_state import CueState, relinked_picture
from vatt_plugin.requests import Wish, generate_request
from vatt_ui.shown_lane import windowed
from vatt_ui.workspace import Workspace

N_CAPTIONS = 3


def as_shown(cue: Cue, state: CueState) -> Cue:
    """The cue with the media that the user relinked it to, if any."""
    if not state.relinked:
        return cue
    return cue._replace(picture=relinked_picture(cue, state.relinked), status="ready")


def new_takes(work: Workspace, cue: Cue, n_takes: int, seed: int) -> messages.Generate:
    """The request for takes of a cue as its inspector stands now."""
    state, settings = work.state(cue.cue_id), work.settings
    lane = state.lane() if state.hits_edited else None
    prompt = prompt_of(work, cue)
    wish = Wish(
        model=work.model,
        device=settings.device,
        prompt=prompt or None,
        captioned=prompt == state.caption and prompt not in (state.prompt, _asked_in(cue)),
        negative=state.negative or str(cue.origin.get("negative", "")),
        takes=n_takes,
        seed=seed,
        steps=settings.steps,
        cfg=settings.cfg,
        sync="lane" if lane is not None else "auto",
        lane=lane,
        handle_frames=handle_frames(work, cue),
    )
    return generate_request(as_shown(cue, state), wish, scratch=work.scratch())


def handle_frames(work: Workspace, cue: Cue) -> int:
    """Extra timeline frames of sound at either end of a new take."""
    return round(work.wishes.handles_s * cue.fps)


def without_handles(lane: SyncLane, cue: Cue, n_frames: int) -> SyncLane:
    """A lane that counts from the first sample as one that counts from the cue's first frame."""
    return windowed(lane, float(n_frames / cue.fps), float(cue.duration_s)) if n_frames else lane


def _asked_in(cue: Cue) -> str:
    """The prompt that came with the cue, from a spotting list or the timeline; empty for none."""
    return str(cue.origin.get("prompt", ""))


def prompt_of(work: Workspace, cue: Cue) -> str:
    """The words a new take is made from: the user's, a spotting list's, or the caption."""
    state = work.state(cue.cue_id)
    return state.prompt or _asked_in(cue) or state.caption


def new_span(work: Workspace, cue: Cue, take: Take) -> messages.Generate:
    """The request for a take that differs from another one in in..out only."""
    state = work.state(cue.cue_id)
    assert state.span is not None
    recipe = take.recipe
    lane = state.lane() if state.hits_edited else None
    wish = Wish(
        model=recipe.model or work.model,
        device=work.settings.device,
        prompt=state.prompt or recipe.prompt,
        captioned=recipe.captioned and not state.prompt,
        negative=state.negative,
        seed=state.seed,
        steps=recipe.steps,
        cfg=recipe.cfg,
        sync="lane" if lane is not None else recipe.sync,
        lane=lane,
        handle_frames=recipe.handle_frames,
    )
    request = generate_request(as_shown(cue, state), wish, scratch=work.scratch())
    if lane is None:  # a recipe's lane counts handles already
        request = dataclasses.replace(request, lane=recipe.lane)
    handle_s = float(recipe.handle_frames / cue.fps)
    held = HeldTake(take.codes_path, state.span[0] + handle_s, state.span[1] + handle_s)
    return dataclasses.replace(request, held=held)


def caption(work: Workspace, cue: Cue) -> messages.Caption:
    """The question what a cue should sound like."""
    state = work.state(cue.cue_id)
    return messages.Caption(
        model=work.model,
        device=work.settings.device,
        picture=as_shown(cue, state).picture,
        n=N_CAPTIONS,
        seed=state.seed,
    )


def spot(work: Workspace, cue: Cue) -> messages.Spot:
    """The question where things hit in the picture of a cue."""
    return messages.Spot(
        model=work.model,
        device=work.settings.device,
        picture=as_shown(cue, work.state(cue.cue_id)).picture,
    )
