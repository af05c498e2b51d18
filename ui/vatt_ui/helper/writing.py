"""Writing the timeline back, in the helper: readable copies of the chosen takes, then the cut."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vatt_engine.errors import CannotWrite, VattError
from vatt_plugin.project_state import take_from_plain

if TYPE_CHECKING:
    from vatt_plugin.timeline.tracks import Sound

RATE = 48_000
EDGE_SAMPLES = 240  # 5 ms ramp where a nudge cuts into the sound


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
    from vatt_plugin.timeline.writing import check_output

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
        copy_take(Path(take.wav_path), copy, round(float(row["nudge_s"]) * RATE))
        every = tuple(take_from_plain(t) for t in row["takes"])
        take = dataclasses.replace(take, cue_id=cue.cue_id)  # a conformed take has moved
        placements.append(timelines.Placement(cue, take, copy, take.recipe.handle_frames, every))
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


def copy_take(source: Path, target: Path, shift: int) -> None:
    """Copy a take's WAV whole or not at all, its sound moved by ``shift`` samples.

    Raises:
        CannotWrite: nothing is left under the final name.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        if shift:
            part.write_bytes(shifted(source.read_bytes(), shift))
        else:
            shutil.copyfile(source, part)
        if part.stat().st_size != source.stat().st_size:
            raise OSError(28, "the copy is not whole")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CannotWrite(
            f"{target.name} was not written: {error.strerror or error}. Nothing was overwritten.",
            "Free some space, then write the timeline again.",
        ) from error


def shifted(wav: bytes, shift: int) -> bytes:
    """A 24 bit WAV with its samples later by ``shift`` (earlier if negative), same length."""
    start, size, channels = data_chunk(wav)
    raw = np.frombuffer(wav, dtype=np.uint8, count=size, offset=start)
    n_frames = size // (3 * channels)
    used = n_frames * 3 * channels
    frames = raw[:used].reshape(n_frames, channels, 3)
    wide = np.zeros((n_frames, channels, 4), dtype=np.uint8)
    wide[..., 1:] = frames
    samples = wide.view("<i4")[..., 0].astype(np.float64)
    out = np.zeros_like(samples)
    shift = max(-n_frames, min(n_frames, shift))
    if shift >= 0:
        out[shift:] = samples[: n_frames - shift]
    else:
        out[:shift] = samples[-shift:]
    n_edge = min(EDGE_SAMPLES, n_frames)
    ramp = np.linspace(0.0, 1.0, n_edge)[:, None]
    if shift < 0:
        out[:n_edge] *= ramp
    else:
        out[n_frames - n_edge :] *= ramp[::-1]
    packed = out.astype("<i4").view(np.uint8).reshape(n_frames, channels, 4)[..., 1:]
    return wav[:start] + packed.tobytes() + wav[start + used :]


def data_chunk(wav: bytes) -> tuple[int, int, int]:
    """Where the samples of a RIFF file start, how many bytes they are, and the channels.

    Raises:
        CannotWrite: not a WAV of ours.
    """
    at, channels = 12, 1
    while at + 8 <= len(wav):
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        if name == b"fmt ":
            channels = int.from_bytes(wav[at + 10 : at + 12], "little")
        if name == b"data":
            return at + 8, min(size, len(wav) - at - 8), channels
        at += 8 + size + size % 2
    raise CannotWrite("A take's WAV has no samples in it.", "Make the take again.")
