"""The cut's own sound: what its audio tracks play, to be heard beside the Foley.

Read as the picture is: trims, nests, switched-off clips and steady retimes as the timeline has
them, cuts hard where it has transitions. Of a media file the first audio stream is heard. Blocks
are decoded as they are asked for, so a feature needs no more memory than a minute.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.stream import Discard
from numpy.typing import NDArray

from vatt_plugin.cues import OUTPUT_SAMPLE_RATE
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.picture import Sources, lies_before
from vatt_plugin.timeline.probe import OPTIONS, probe
from vatt_plugin.timeline.reading import host_of
from vatt_plugin.timeline.spans import Span
from vatt_plugin.timeline.walk import Walker

Samples = NDArray[np.float32]
"""Stereo [n, 2] at the output's rate."""
SLOWEST, FASTEST = Fraction(1, 8), Fraction(8)
"""Speeds between which a retimed clip is heard, its pitch shifted as on tape."""
KNEE, CEILING = 10 ** (-3 / 20), 10 ** (-1 / 20)
_EARLY_S = 0.1  # decoded before a stretch: codecs need a running start
_GAP_S = 0.05  # timestamps that jump further are believed
_SHOWN = 5  # names in a note

log = logging.getLogger(__name__)


class Stretch(NamedTuple):
    """A stretch of a media file's sound, and where it is heard.

    Attributes:
        first: sample of the timeline where it begins; ``last`` the sample after its end.
        media: the file.
        at_s: seconds into the file, from its first video frame where it has one.
        speed: seconds of the file a second.
    """

    first: int
    last: int
    media: Path
    at_s: Fraction
    speed: Fraction


@dataclass(frozen=True)
class Original:
    """What is heard of a cut by itself.

    Attributes:
        stretches: by their first sample.
        gain_db: how much louder than in the files.
        notes: what is not heard, and why.
    """

    stretches: tuple[Stretch, ...]
    gain_db: float
    notes: tuple[Note, ...]


def find_original(timeline: Timeline, gain_db: float = 0.0) -> Original:
    """What the cut's own audio tracks play; without any, what its picture's media sounds like.

    Clips that play the same of a file at the same moment, as the channels of a recording do on
    tracks of their own, are heard once.

    Args:
        timeline: the cut; all of it is heard, whichever cues were chosen.
        gain_db: how much louder than in the files.
    """
    root = timeline.document.root
    audio = [info for info in timeline.tracks if info.kind == "Audio" and not info.ours]
    own_tracks = any(item.kind != "gap" for info in audio for item in info.items)
    if own_tracks:
        walker = Walker(timeline.fps, host_of(root), kind="Audio")
        walk = walker.run(root.tracks, frozenset(info.index for info in audio))
    else:
        walk = Walker(timeline.fps, host_of(root)).run(root.tracks)
    varying = [span.leaf.clip.name for span in walk.left_out if span.why == "retime"]
    hearing = _Hearing(timeline, varying)
    stretches = {stretch for span in walk.seen if (stretch := hearing.of(span)) is not None}
    notes = [*hearing.notes()]
    if not stretches:
        text = "The cut has no sound of its own that can be heard; the preview has the Foley alone."
        notes.append(Note("original_silent", text))
    elif not own_tracks:
        text = "The cut has no audio tracks of its own; the sound of its picture's media is heard."
        notes.append(Note("original_picture", text))
    return Original(tuple(sorted(stretches)), gain_db, tuple(notes))


class _Hearing:
    """From spans of clips to stretches of files, with a record of what cannot be heard."""

    def __init__(self, timeline: Timeline, varying: Iterable[str]) -> None:
        self._fps = timeline.fps
        self._sources = Sources(timeline.finder)
        self._offline: dict[str, None] = {}  # dicts as sets that keep their order
        self._unreadable: dict[str, None] = {}
        self._mute: dict[str, None] = {}
        self._retimed = dict.fromkeys(varying)

    def of(self, span: Span) -> Stretch | None:
        """The stretch of a file that a span plays; None if it is not heard."""
        clip = span.leaf.clip
        source = self._sources.of(span.leaf)
        if source.still or source.sequence is not None:
            return None
        if source.status != "ready":
            self._offline[Path(source.url.replace("\\", "/")).name or clip.name] = None
            return None
        media = Path(source.media)
        facts = probe(media)
        if facts is None or not facts.has_audio:
            (self._unreadable if facts is None else self._mute)[media.name] = None
            return None
        if not SLOWEST <= span.speed <= FASTEST:
            self._retimed[clip.name] = None
            return None
        starts_s = source.starts_s or Fraction(0)
        if lies_before(clip, starts_s):
            starts_s = Fraction(0)
        first, last = (round(at * OUTPUT_SAMPLE_RATE / self._fps) for at in (span.start, span.end))
        if last <= first:
            return None
        return Stretch(first, last, media, span.media / self._fps - starts_s, span.speed)

    def notes(self) -> Iterator[Note]:
        """What cannot be heard, each kind in one note."""
        said = (
            ("original_offline", self._offline, "the media is not there"),
            ("original_unreadable", self._unreadable, "the media cannot be read"),
            ("original_mute", self._mute, "the media has no sound"),
            ("original_retime", self._retimed, "backwards, frozen or at a varying speed"),
        )
        for code, names, why in said:
            if names:
                yield Note(code, f"The original sound is silent here ({why}): {_listed([*names])}.")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def bent(samples: Samples) -> Samples:
    """The same up to ``KNEE``; what is louder is bent to stay under ``CEILING``."""
    loud = np.abs(samples)
    if not loud.size or loud.max() <= KNEE:
        return samples
    room = CEILING - KNEE
    over = KNEE + room * np.tanh(np.maximum(loud - KNEE, 0.0) / room)
    return np.where(loud > KNEE, np.copysign(over, samples), samples).astype(np.float32)


# --- playing ---------------------------------------------------------------------------------


class Playback:
    """The stretches where they lie on the timeline, added up; asked for from start to end."""

    def __init__(self, original: Original) -> None:
        self._coming = deque(original.stretches)
        self._gain = 10 ** (original.gain_db / 20)
        self._sounding: list[_Player] = []

    def __enter__(self) -> Playback:
        return self

    def __exit__(self, *_: object) -> None:
        for player in self._sounding:
            player.close()

    def samples(self, start: int, end: int) -> Samples:
        """Stereo [end - start, 2] of the timeline's samples from ``start``; call in order."""
        while self._coming and self._coming[0].first < end:
            self._sounding.append(_Player(self._coming.popleft()))
        total = np.zeros((end - start, 2), dtype=np.float32)
        for player in self._sounding:
            player.add_to(total, start)
            if player.stretch.last <= end:
                player.close()
        self._sounding = [each for each in self._sounding if each.stretch.last > end]
        return total * np.float32(self._gain)


class _Player:
    """Plays one stretch; what cannot be decoded is silent."""

    def __init__(self, stretch: Stretch) -> None:
        self.stretch = stretch
        self._blocks = _decoded(stretch)
        self._block = np.zeros((0, 2), np.float32)
        self._at = stretch.first  # where the block lies on the timeline
        self._done = False

    def add_to(self, total: Samples, start: int) -> None:
        """Add what is heard from the timeline's sample ``start`` on."""
        end = min(start + len(total), self.stretch.last)
        at = max(start, self.stretch.first)
        while at < end:
            while self._at + len(self._block) <= at and not self._done:
                self._next()
            low, high = max(at, self._at), min(end, self._at + len(self._block))
            if low >= high:
                break  # it ended, or goes on later
            total[low - start : high - start] += self._block[low - self._at : high - self._at]
            at = high

    def close(self) -> None:
        """Close the media file."""
        self._blocks.close()

    def _next(self) -> None:
        try:
            at, self._block = next(self._blocks)
            self._at = self.stretch.first + at
        except StopIteration:
            self._done = True
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            log.info("original sound of %s: %s", self.stretch.media, error)
            self._done = True


def _decoded(stretch: Stretch) -> Generator[tuple[int, Samples], None, None]:
    """Blocks of a file's sound, each with where it lies from the stretch's first sample.

    They begin before the stretch, and go on past it as long as they are asked for.
    """
    rate = round(OUTPUT_SAMPLE_RATE / stretch.speed)  # played at the output's rate: faster, slower
    path = str(stretch.media.absolute())
    with av.open(path, options=OPTIONS, timeout=(5.0, 30.0)) as container:
        stream = container.streams.audio[0]
        begin_s = float(stretch.at_s) + _origin_s(container)
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        if stream.time_base:
            with contextlib.suppress(av.FFmpegError):  # then it is decoded from its start
                early = Fraction(max(0.0, begin_s - _EARLY_S))
                container.seek(int(early / stream.time_base), stream=stream)
        resampler: Any = None
        at_s: float | None = None
        for frame in container.decode(stream):
            if resampler is None:  # swresample would make a single channel softer on two
                layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
                resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
            if frame.time is not None and (at_s is None or abs(frame.time - at_s) > _GAP_S):
                at_s, place = frame.time, round((frame.time - begin_s) * rate)
            if at_s is None:
                continue
            at_s += frame.samples / frame.sample_rate
            for part in resampler.resample(frame):
                yield place, _stereo(part)
                place += part.samples
        for part in resampler.resample(None) if at_s is not None else ():
            yield place, _stereo(part)
            place += part.samples


def _stereo(part: Any) -> Samples:
    samples = part.to_ndarray().reshape(part.samples, -1)
    return np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples


def _origin_s(container: Any) -> float:
    """When a file's first video frame is shown; without video, when its sound begins."""
    videos = [s for s in container.streams.video if "attached_pic" not in str(s.disposition)]
    stream = (videos or container.streams.audio)[0]
    return float((stream.start_time or 0) * (stream.time_base or 0))
