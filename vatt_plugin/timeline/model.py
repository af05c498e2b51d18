"""What reading a timeline yields: cues, what lies on each track, and a report of every oddity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import opentimelineio as otio

from vatt_plugin.cues import Cue, CueStatus, Take
from vatt_plugin.timeline.media import MediaFinder
from vatt_plugin.timeline.rates import Frames


@dataclass(frozen=True)
class Note:
    """One thing the user should know about how their file was read or written.

    Attributes:
        code: stable snake_case name of the kind of note.
        message: plain text, one sentence.
        where: clip or track it concerns; empty for the file as a whole.
    """

    code: str
    message: str
    where: str = ""

    def to_dict(self) -> dict[str, str]:
        """JSON form."""
        return {"code": self.code, "message": self.message, "where": self.where}


@dataclass(frozen=True, slots=True)
class TrackItem:
    """What lies on a top-level track, for showing.

    Attributes:
        name: as the timeline has it.
        kind: ``clip``, ``gap`` or ``nest``.
        start: from the timeline's first frame, in its frames; ``length`` likewise.
        fps: exact rate of the timeline.
        enabled: not switched off in the editor.
        media: path if the file is there, else the URL.
        status: whether the media is there.
    """

    name: str
    kind: Literal["clip", "gap", "nest"]
    start: Frames
    length: Frames
    fps: Fraction
    enabled: bool = True
    media: str = ""
    status: CueStatus = "ready"

    @property
    def start_s(self) -> Fraction:
        """Seconds from the timeline's first frame."""
        return self.start / self.fps

    @property
    def duration_s(self) -> Fraction:
        """Length in seconds."""
        return self.length / self.fps


@dataclass(frozen=True)
class TrackInfo:
    """A top-level track; ``index`` is its place in the timeline's stack, ``ours`` a Foley track."""

    name: str
    kind: str
    index: int
    enabled: bool
    items: tuple[TrackItem, ...]
    ours: bool = False


@dataclass(frozen=True)
class Document:
    """Where a timeline came from, with enough kept to write it back losslessly.

    Attributes:
        path: the file the user named.
        base: folder that relative URLs start from.
        root: the timeline as OTIO objects, repaired if need be; never changed by us.
        data: the file's JSON as UTF-8, without a byte order mark; ``text`` the same as text.
        pointer: keys from the JSON root to the chosen timeline.
        bundle: the ``.otioz`` or ``.otiod`` the text came from, if any.
        modified: the text is not what the file holds (an adapter's or a video file's timeline).
        stamp: size and time of change of the file when it was read.
    """

    path: Path
    base: Path
    root: otio.schema.Timeline
    data: bytes = b""
    pointer: tuple[str | int, ...] = ()
    bundle: Path | None = None
    modified: bool = False
    stamp: tuple[int, int] | None = None

    @cached_property
    def text(self) -> str:
        """What new tracks are put into; made when first asked for, since reading needs none."""
        return self.data.decode()


def file_stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is rewritten; None if it is gone."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


@dataclass(frozen=True)
class Timeline:
    """A cut, read once.

    Attributes:
        path: the file the user named.
        name: the timeline's own name, or the file's stem.
        fps: exact frame rate.
        rate: the file's literal for it, to be written back.
        drop: whether timecode is shown drop-frame.
        global_start_s: record time of the first frame; ``global_start_frame`` the same in frames.
        n_frames: length over all tracks, in whole frames.
        cues: by start; those that cannot be served say so in ``status``.
        report: everything that was repaired, guessed or left out.
        document: what ``write`` needs.
        finder: looks up media that no cue names, as that of the audio tracks.
        show: makes ``tracks`` when they are first asked for.
    """

    path: Path
    name: str
    fps: Fraction
    rate: float
    drop: bool
    global_start_s: Fraction
    global_start_frame: int
    n_frames: int
    cues: tuple[Cue, ...]
    report: tuple[Note, ...]
    document: Document = field(repr=False, compare=False)
    finder: MediaFinder = field(repr=False, compare=False)
    show: Callable[[], tuple[TrackInfo, ...]] = field(repr=False, compare=False)

    @property
    def changed_on_disk(self) -> bool:
        """Whether another program has rewritten the file since it was read (or removed it)."""
        return file_stamp(self.path) != self.document.stamp

    @cached_property
    def tracks(self) -> tuple[TrackInfo, ...]:
        """Every top-level track, bottom up, for showing."""
        return self.show()

    @property
    def duration_s(self) -> Fraction:
        """Length of the timeline, exact."""
        return self.n_frames / self.fps


@dataclass(frozen=True)
class Placement:
    """A take to lay under a cue.

    Attributes:
        cue: where it goes.
        take: the chosen take.
        wav_path: its WAV in the media folder beside the output.
        handle_frames: whole timeline frames of sound in the file before the cue's first frame.
        takes: all takes of the cue, the chosen one included, for the metadata.
        metadata: further plain facts for ``metadata["vatt"]`` (mix rules, seam, ...).
        tail_frames: frames the sound rings on, on the timeline, past the end of the cue.
    """

    cue: Cue
    take: Take
    wav_path: Path
    handle_frames: int = 0
    takes: tuple[Take, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tail_frames: int = 0


@dataclass(frozen=True)
class WriteReport:
    """What ``write`` did.

    Attributes:
        path: the new timeline.
        tracks: names of the tracks that were added.
        replaced: names of our earlier tracks that they stand in for.
        clips: clips placed.
        sidecar: JSON file beside the WAVs that finds our takes again.
        notes: everything else worth saying.
    """

    path: Path
    tracks: tuple[str, ...]
    replaced: tuple[str, ...]
    clips: int
    sidecar: Path | None
    notes: tuple[Note, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "path": str(self.path),
            "tracks": list(self.tracks),
            "replaced": list(self.replaced),
            "clips": self.clips,
            "sidecar": str(self.sidecar) if self.sidecar else "",
            "notes": [note.to_dict() for note in self.notes],
        }
