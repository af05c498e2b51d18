"""The takes of a cut as WAVs alone, for mixers whose programs read no OTIO.

Each file is a broadcast WAV whose time reference is the record timecode of its first sample, with
iXML, named after the Universal Category System; a cue sheet in CSV says what lies where. Any
program that can place files at their original timestamp rebuilds the tracks from that.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vatt_plugin import bwf
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.errors import TimelineNotWritten, TimelineOutputExists
from vatt_plugin.timeline.laid import Laid, laid_takes
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.naming import take_name, unique_name
from vatt_plugin.timeline.saving import not_written, save
from vatt_plugin.timeline.spotting import quoted

CUE_SHEET = "cue sheet.csv"
COLUMNS = ("file", "in", "out", "clip", "track", "category", "prompt", "take", "lufs", "seed")
_BLOCK = 1 << 16
_DAY_S = 86_400


@dataclass(frozen=True)
class Exported:
    """What was written: the sheet, the WAVs in its order, and what was left out."""

    cue_sheet: Path
    wavs: tuple[Path, ...]
    notes: tuple[Note, ...]


def export_wavs(
    timeline: Timeline, folder: Path, *, show: str = "", force: bool = False
) -> Exported:
    """Write every take that lies in a cut into a folder of its own.

    Args:
        timeline: a cut that ``write`` made.
        folder: made if needed; files of other names in it are left alone.
        show: production name for the file names; the timeline's name by default.
        force: replace files that are already there.

    Raises:
        TimelineNotWritten: there are no takes, or the folder takes no more.
        TimelineOutputExists: a file is there already.
    """
    takes = laid_takes(timeline)
    if not takes:
        raise TimelineNotWritten(
            f"{timeline.path.name} holds no takes of ours.", "Give a timeline that vatt wrote."
        )
    sheet = folder / CUE_SHEET
    if sheet.exists() and not force:
        raise TimelineOutputExists(f"{sheet} is already there.", "Replace it with --force.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    taken: set[str] = set()
    rows: list[list[str]] = []
    wavs: list[Path] = []
    notes: list[Note] = []
    for laid in takes:
        name = _name(laid, show or timeline.name, taken)
        taken.add(name.casefold())
        try:
            _copy(laid, folder / name, timeline)
        except soundfile.LibsndfileError as error:
            notes.append(Note("bad_wav", f"{laid.wav_path.name}: {error}.", laid.cue.clip))
            continue
        wavs.append(folder / name)
        rows.append(_row(laid, name, timeline))
    save(sheet, _sheet(rows).encode("utf-8"))
    return Exported(sheet, tuple(wavs), tuple(notes))


def _name(laid: Laid, show: str, taken: set[str]) -> str:
    words = str(laid.metadata.get("prompt") or laid.metadata.get("caption") or "")
    name = take_name(laid.cue, laid.take, words, show)
    category = str(laid.metadata.get("stem", ""))
    if category:
        name = f"{category}_{name.partition('_')[2]}"
    return unique_name(name, taken)


def _copy(laid: Laid, target: Path, timeline: Timeline) -> None:
    """Rewrite a take's header for its place in the cut; its samples stay bit for bit."""
    first_s = laid.cue.record_timecode_s + laid.offset_s
    if laid.wav_path.resolve() == target.resolve():
        raise TimelineOutputExists(f"{target} is the take itself.", "Choose another folder.")
    with soundfile.SoundFile(laid.wav_path) as sound:
        facts = bwf.WavFacts(
            n_samples=sound.frames,
            n_channels=sound.channels,
            time_reference=round(first_s * bwf.SAMPLE_RATE) % (_DAY_S * bwf.SAMPLE_RATE),
            description=f"{laid.cue.clip}: {laid.metadata.get('prompt') or ''}",
            reference=f"VATT-{laid.take}",
            fps=timeline.fps,
            drop=timeline.drop,
            project=timeline.name,
            scene=laid.cue.clip,
            take=laid.take,
            note=f"seed {laid.metadata.get('seed')}; model {laid.metadata.get('model')}",
        )
        bwf.write(target, facts, _pcm(sound))


def _pcm(sound: soundfile.SoundFile) -> Iterator[bytes]:
    """The samples of a 24 bit file as they are: the upper three bytes of each 32 bit integer."""
    for block in sound.blocks(_BLOCK, dtype="int32", always_2d=True):
        whole = np.ascontiguousarray(block.astype("<i4"))
        yield whole.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def _row(laid: Laid, name: str, timeline: Timeline) -> list[str]:
    fps = timeline.fps
    start = rates.whole_frames(laid.cue.record_timecode_s + max(laid.offset_s, Fraction(0)), fps)
    end = rates.whole_frames(laid.cue.record_timecode_s + laid.cue.duration_s + laid.tail_s, fps)
    figures: dict[str, Any] = next(
        (t for t in laid.metadata.get("takes", ()) if t.get("take") == laid.take), {}
    )
    return [
        name,
        rates.to_timecode(start, fps, timeline.drop),
        rates.to_timecode(end, fps, timeline.drop),
        laid.cue.clip,
        laid.cue.track,
        str(laid.metadata.get("stem", "")),
        str(laid.metadata.get("prompt") or laid.metadata.get("caption") or ""),
        laid.take,
        "" if figures.get("lufs") is None else str(figures["lufs"]),
        str(laid.metadata.get("seed", "")),
    ]


def _sheet(rows: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([[quoted(cell) for cell in row] for row in rows])
    return out.getvalue()
