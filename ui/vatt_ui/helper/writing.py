"""Writing the timeline back, in the helper: readable copies of the chosen takes, then the cut."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin.nudging import copy_take
from vatt_plugin.project_state import take_from_plain

if TYPE_CHECKING:
    from vatt_plugin.timeline.tracks import Sound


class CutChanged(VattError):
    """The cut on disk is not the one that is shown."""

    code = "cut_changed"


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes; empty when it cannot be read (a folder, gone)."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def write(
    path: str,
    out: str,
    chosen: list[dict[str, Any]],
    force: bool,
    sha256: str = "",
    profile: str = "nle",
    url_profile: str = "portable",
    cues: str = "clips",
    split_cuts: bool = False,
    duck: Sequence[str] = (),
    duck_db: float = 0.0,
    room_tone: bool = False,
) -> dict[str, Any]:
    """Write a copy of the cut at ``path`` with the chosen takes.

    Args:
        path: the cut; never written.
        out: the new timeline.
        chosen: per cue ``{"cue_id", "take", "takes", "nudge_s", "number"}``.
        force: replace an output of ours that is already there.
        sha256: of the cut as it is shown; another one on disk is not written to by guess.
        profile: ``nle`` or ``post``; see ``vatt_plugin.timeline.write``.
        url_profile: how media paths are written.
        cues: how the cut was read for the panel, as is ``split_cuts``.
        split_cuts: see ``vatt_plugin.timeline.load``.
        duck: audio tracks under which the Foley is held back.
        duck_db: by how much.
        room_tone: lay a quiet bed under each scene.
    """
    from vatt_plugin import mixing
    from vatt_plugin import timeline as timelines
    from vatt_plugin.room_tone import room_tone as make_room_tone
    from vatt_plugin.timeline.outputs import check_output

    source, target = Path(path), Path(out)
    if sha256 and file_sha256(source) != sha256:
        raise CutChanged(
            f"{source.name} has changed on disk since it was opened. Nothing was written.",
            "Conform the takes to the new cut, then write again.",
        )
    cut = timelines.load(source, cues=cues, split_cuts=split_cuts)
    check_output(source, target, force)
    known = {cue.cue_id: cue for cue in cut.cues}
    folder = target.with_name(f"{target.stem}_foley")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"The folder {folder.name} cannot be made: {error.strerror or error}.",
            "Choose a folder you may write to.",
        ) from error
    placements, left_out = [], []
    for row in chosen:
        cue = known.get(row["cue_id"])
        take = take_from_plain(row["take"])
        if cue is None:
            left_out.append([row["cue_id"], "This cue is not in the cut any more."])
            continue
        prompt = take.recipe.prompt or take.caption
        name = timelines.take_name(cue, take.take_id, prompt, cut.name, int(row["number"]))
        copy = folder / name
        nudge_s = float(row["nudge_s"])
        copy_take(Path(take.wav_path), copy, nudge_s)
        every = tuple(take_from_plain(t) for t in row["takes"])
        take = dataclasses.replace(take, cue_id=cue.cue_id)  # a conformed take has moved
        facts = {"nudge_s": nudge_s} if nudge_s else {}
        handles = take.recipe.handle_frames
        placements.append(timelines.Placement(cue, take, copy, handles, every, facts))
    if duck:
        placements = mixing.duck(placements, mixing.find_speech(cut, duck, duck_db))
    beds: list[Sound] = []
    if room_tone:
        beds = make_room_tone(cut, placements, folder, record_time=profile == "post")
    report = timelines.write(
        cut,
        placements,
        target,
        profile="post" if profile == "post" else "nle",
        url_profile=url_profile if url_profile in ("resolve", "premiere") else "portable",  # type: ignore[arg-type]
        force=force,
        extra=beds,
    )
    notes = [[note.where, note.message] for note in report.notes]
    return {**report.to_dict(), "left_out": left_out, "notes": notes, "folder": str(folder)}
