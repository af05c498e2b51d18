"""Cues and takes: what the timeline, the engine client, the project and the panel share.

Immutable, without behaviour beyond derived numbers. Times are exact: positions are kept in
frames, and seconds are ``Fraction``s computed from them at the exact rate (24000/1001, not
23.976); floats appear only at the engine's border.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from vatt_engine.messages import PictureSegment, SyncLane

OUTPUT_SAMPLE_RATE = 48_000

CueStatus = Literal["ready", "offline", "unreadable", "skipped"]
"""``ready`` can be served; ``offline`` lacks its media; ``unreadable`` has no picture;
``skipped`` is left out on purpose (disabled, zero length, a bad range); ``note`` says why."""


class Cue(NamedTuple):
    """A span of picture that wants sound; a named tuple, since a reel has thousands of them.

    Attributes:
        cue_id: stable over re-reading the same timeline, unique within it.
        clip: the picture clip's name as the timeline has it (shown as plain text).
        track: the picture track's name.
        fps: exact frame rate of the timeline.
        start_frame: whole frames from the timeline's first; ``n_frames`` the length.
        record_frame: ``start_frame`` counted by record timecode, from midnight; a fraction where
            the timeline itself starts between two frames.
        picture: what the audience sees over the cue, without handles.
        origin: JSON-ready facts that find the picture clip again (media, source range, indices).
        status: whether the cue can be served, and why not in ``note``.
    """

    cue_id: str
    clip: str
    track: str
    fps: Fraction
    start_frame: int
    n_frames: int
    record_frame: int | Fraction
    picture: tuple[PictureSegment, ...]
    origin: Mapping[str, Any]
    status: CueStatus = "ready"
    note: str = ""
    media: str = ""

    @property
    def start_s(self) -> Fraction:
        """Seconds from the timeline's first frame."""
        return self.start_frame / self.fps

    @property
    def duration_s(self) -> Fraction:
        """Record duration in seconds."""
        return self.n_frames / self.fps

    @property
    def record_timecode_s(self) -> Fraction:
        """``global_start_time`` plus ``start_s``."""
        return self.record_frame / self.fps

    @property
    def n_samples(self) -> int:
        """Samples a WAV must hold to cover the cue's frames: ``ceil(n * 48000 / fps)``."""
        return math.ceil(Fraction(self.n_frames) * OUTPUT_SAMPLE_RATE / self.fps)


def samples_with_handles(cue: Cue, handle_frames: int) -> int:
    """Samples a take holds: the cue's frames and ``handle_frames`` on either side, rounded up."""
    frames = cue.n_frames + 2 * handle_frames
    return -(-frames * OUTPUT_SAMPLE_RATE * cue.fps.denominator // cue.fps.numerator)


@dataclass(frozen=True)
class Recipe:
    """Everything that makes the same take again, bit for bit, on the same kind of device.

    ``precision`` is what the nets were computed in. The device ``auto`` may choose another one on
    another machine; ``cpu+<precision>`` asks for it. Empty in takes of older versions: float32 on
    a CPU, bfloat16 on a GPU. ``captioned``: the prompt was the engine's caption. ``made_on``: what
    ``device`` came to, such as ``cuda:0``; empty where nobody has kept it. ``threads``: of the
    CPU, 0 on a GPU and in takes of older versions; sums are rounded by them. ``batch``: how many
    takes were drawn at once, ``batch_seed`` the first one's seed; what is drawn together is rounded
    together. 0 where nobody has kept it.

    A take of which only a span was made tells the span in seconds from the cue's first frame, the
    take it was made of, and in ``made_from`` the recipes of all that came before, oldest first:
    each names the one before it as its ``parent_take``. Their own ``made_from`` is empty.
    """

    model: str
    model_hash: str
    engine_version: str
    device: str
    prompt: str | None
    negative: str
    seed: int
    steps: int | None
    cfg: float | None
    sync: str
    lane: SyncLane | None = None
    handle_frames: int = 0
    span: tuple[float, float] | None = None
    parent_take: str = ""
    precision: str = ""
    captioned: bool = False
    made_on: str = ""
    threads: int = 0
    batch: int = 0
    batch_seed: int = 0
    made_from: tuple[Recipe, ...] = ()


@dataclass(frozen=True)
class Take:
    """One generated sound for a cue; immutable, kept by content.

    Attributes:
        take_id: short hash over the audio's content.
        wav_path: 48 kHz 24-bit BWF.
        codes_path: the engine's codes, to regenerate a span; empty if not kept.
        sync: onset F1 against the picture's hits, None when there is nothing to hit.
        lag_s: sound behind picture, seconds.
        lufs: integrated loudness between the handles, None for silence or sounds under 0.4 s.
        peak_dbtp: true peak.
        gain_db: what levelling applied.
        held_back: spans made anew that would have been too loud: from, to (seconds from the first
            sample), and the dB that they are laid below ``gain_db``.
        heard: what the model was told: prompt or caption, and perhaps the name of a sound it knows.
        moments: its lane where that was made up from the words (``figures["made_up"]``), seconds
            from its first sample; None where it was not, and in takes of older versions.
    """

    take_id: str
    cue_id: str
    wav_path: str
    codes_path: str
    caption: str
    recipe: Recipe
    sync: float | None = None
    lag_s: float | None = None
    lufs: float | None = None
    peak_dbtp: float | None = None
    gain_db: float = 0.0
    held_back: tuple[tuple[float, float, float], ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    heard: str = ""
    moments: SyncLane | None = None

    @property
    def added_words(self) -> str:
        """What the model was told behind the prompt or caption; empty if just these words."""
        words = (self.recipe.prompt or self.caption).strip()
        return self.heard.removeprefix(words).lstrip(", ")
