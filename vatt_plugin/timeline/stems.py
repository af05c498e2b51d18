"""The sounds of a cut as WAVs alone, for mixers whose programs read no OTIO.

Each file is a broadcast WAV whose time reference is the record timecode of its first sample, with
iXML, named after the Universal Category System; a cue sheet in CSV says what lies where. Any
program that can place files at their original timestamp rebuilds the tracks from that. What is
played is what is exported: ducked files, room tone, and of a take that a re-cut has trimmed the
part that is heard, with the handles it was made with.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vatt_plugin import bwf
from vatt_plugin.cues import Cue
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.errors import TimelineNotWritten, TimelineOutputExists
from vatt_plugin.timeline.laid import laid_takes, our_clips
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.naming import take_name, unique_name
from vatt_plugin.timeline.saving import not_written, save
from vatt_plugin.timeline.spotting import quoted

CUE_SHEET = "cue sheet.csv"
COLUMNS = (
    "file",
    "in",
    "out",
    "file starts",
    "clip",
    "track",
    "category",
    "prompt",
    "take",
    "lufs",
    "seed",
)
_BLOCK = 1 << 16


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
    stems = _stems(timeline)
    if not stems:
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
    for stem in stems:
        name = unique_name(stem.name(show or timeline.name), taken)
        taken.add(name.casefold())
        try:
            _copy(stem, folder / name, timeline)
        except soundfile.LibsndfileError as error:
            notes.append(Note("bad_wav", f"{stem.path.name}: {error!s:.200}", stem.clip))
            continue
        wavs.append(folder / name)
        rows.append(_row(stem, name, timeline))
    save(sheet, _sheet(rows).encode("utf-8"))
    return Exported(sheet, tuple(wavs), tuple(notes))


@dataclass(frozen=True)
class _Stem:
    """A sound as it lies in the cut.

    Attributes:
        path: the file that is played.
        first: timeline frame at which it is heard first; ``last`` the one after its last.
        in_frame: frames into the file at which it starts.
        take: its id.
        facts: what was under our key.
        cue: the picture it lies under; None for room tone and over black.
    """

    path: Path
    first: int
    last: int
    in_frame: int
    take: str
    facts: Mapping[str, Any]
    cue: Cue | None = None

    @property
    def clip(self) -> str:
        """Name of the picture clip."""
        return self.cue.clip if self.cue is not None else str(self.facts.get("stem", ""))

    @property
    def words(self) -> str:
        """What it sounds like."""
        return str(self.facts.get("prompt") or self.facts.get("caption") or "")

    def name(self, show: str) -> str:
        """A file name after the Universal Category System."""
        if self.cue is None:
            return self.path.name
        name = take_name(self.cue, self.take, self.words, show)
        category = str(self.facts.get("stem", ""))
        return f"{category}_{name.partition('_')[2]}" if category else name

    @property
    def handles(self) -> int:
        """Frames that it was made longer by at either end."""
        frames = self.facts.get("handle_frames", 0)
        return frames if isinstance(frames, int) else 0

    @property
    def starts(self) -> int:
        """Timeline frame of the first sample that is exported, handles included."""
        return self.first - min(self.in_frame, self.handles)

    def stretch(self, n_samples: int, fps: Fraction) -> tuple[int, int]:
        """Which samples of the file are exported: those heard, and its handles."""
        first = self.starts - self.first + self.in_frame
        last = self.in_frame + self.last - self.first + self.handles
        end = math.ceil(last * bwf.SAMPLE_RATE / fps)
        held = math.floor(n_samples * fps / bwf.SAMPLE_RATE)
        return round(first * bwf.SAMPLE_RATE / fps), n_samples if last >= held else end


def _stems(timeline: Timeline) -> list[_Stem]:
    """Every sound of ours once, by start."""
    stems: dict[tuple[str, int], _Stem] = {}
    for laid in laid_takes(timeline):
        begins_s = (laid.first - laid.cue.start_frame) / timeline.fps
        in_frame = rates.nearest_frame((begins_s - laid.offset_s) * timeline.fps)
        stems.setdefault(
            (laid.take, laid.first),
            _Stem(laid.played, laid.first, laid.last, in_frame, laid.take, laid.metadata, laid.cue),
        )
    for our in our_clips(timeline):
        path = our.file(timeline.document.base)
        if path is not None and (in_s := our.in_s) is not None:  # room tone, sounds over black
            in_frame = rates.nearest_frame(in_s * timeline.fps)
            last = our.start + our.length
            stem = _Stem(path, our.start, last, in_frame, our.take, our.facts)
            stems.setdefault((our.take, our.start), stem)
    return sorted(stems.values(), key=lambda stem: stem.first)


def _copy(stem: _Stem, target: Path, timeline: Timeline) -> None:
    """Write the part that is wanted with a header for its place; samples stay bit for bit."""
    if stem.path.resolve() == target.resolve():
        raise TimelineOutputExists(f"{target} is the take itself.", "Choose another folder.")
    with soundfile.SoundFile(stem.path) as sound:
        first, last = stem.stretch(sound.frames, timeline.fps)
        begins = timeline.global_start_s * timeline.fps + stem.first - stem.in_frame
        begins += first * timeline.fps / bwf.SAMPLE_RATE
        facts = bwf.WavFacts(
            n_samples=last - first,
            n_channels=sound.channels,
            time_reference=bwf.time_reference(
                begins % rates.frames_a_day(timeline.fps, timeline.drop), timeline.fps
            ),
            description=f"{stem.clip}: {stem.facts.get('prompt') or ''}",
            reference=f"VATT-{stem.take}",
            fps=timeline.fps,
            drop=timeline.drop,
            project=timeline.name,
            scene=stem.clip,
            take=stem.take,
            note=f"seed {stem.facts.get('seed')}; model {stem.facts.get('model')}",
        )
        sound.seek(first)
        bwf.write(target, facts, _pcm(sound, last - first))


def _pcm(sound: soundfile.SoundFile, n_samples: int) -> Iterator[bytes]:
    """The samples of a 24 bit file as they are: the upper three bytes of each 32 bit integer."""
    for block in sound.blocks(_BLOCK, dtype="int32", always_2d=True, frames=n_samples):
        whole = np.ascontiguousarray(block.astype("<i4"))
        yield whole.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()


def _row(stem: _Stem, name: str, timeline: Timeline) -> list[str]:
    start = timeline.global_start_frame
    takes = stem.facts.get("takes", ())
    figures: dict[str, Any] = next((t for t in takes if t.get("take") == stem.take), {})
    return [
        name,
        rates.to_timecode(start + stem.first, timeline.fps, timeline.drop),
        rates.to_timecode(start + stem.last, timeline.fps, timeline.drop),
        rates.to_timecode(start + stem.starts, timeline.fps, timeline.drop),
        stem.clip,
        stem.cue.track if stem.cue is not None else "",
        str(stem.facts.get("stem", "")),
        stem.words,
        stem.take,
        "" if figures.get("lufs") is None else str(figures["lufs"]),
        str(stem.facts.get("seed", "")),
    ]


def _sheet(rows: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([[quoted(cell) for cell in row] for row in rows])
    return out.getvalue()
