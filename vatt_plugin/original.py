"""The cut's own sound: what its audio tracks play, to be heard beside the Foley.

Read as the picture is: trims, nests, switched-off clips and steady retimes as the timeline has
them, crossfades where it has transitions, and levels where a reader tells them. Of a media file the
first audio stream is heard, or all if they are single channels: left and right in turn, as such
recordings are laid. Blocks are decoded as they are asked for, so a feature needs no more memory
than a minute.
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
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.faders import Fade, fader_of, fades_of
from vatt_plugin.timeline.model import Note, Timeline
from vatt_plugin.timeline.picture import Sources, lies_before
from vatt_plugin.timeline.probe import OPTIONS, probe
from vatt_plugin.timeline.rates import Frames
from vatt_plugin.timeline.reading import host_of
from vatt_plugin.timeline.spans import Span
from vatt_plugin.timeline.walk import Walker, available_range

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
        stream: which of the file's audio streams.
        fade_in: samples from ``first`` on; ``fade_out`` those before ``last``.
        gains: of the left and of the right ear, as factors.
    """

    first: int
    last: int
    media: Path
    at_s: Fraction
    speed: Fraction
    stream: int = 0
    fade_in: int = 0
    fade_out: int = 0
    gains: tuple[float, float] = (1.0, 1.0)


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
    tracks of their own, are heard once, at the level of the loudest.

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
    stretches: dict[Stretch, Stretch] = {}
    for stretch in (each for span in walk.seen for each in hearing.of(span)):
        same = stretch._replace(gains=(1.0, 1.0))
        stretches[same] = max(stretch, stretches.get(same, stretch))
    notes = [*hearing.notes()]
    if not stretches:
        text = "The cut has no sound of its own that can be heard; the preview has the Foley alone."
        notes.append(Note("original_silent", text))
    elif not own_tracks:
        text = "The cut has no audio tracks of its own; the sound of its picture's media is heard."
        notes.append(Note("original_picture", text))
    return Original(tuple(sorted(stretches.values())), gain_db, tuple(notes))


class _Hearing:
    """From spans of clips to stretches of files, with a record of what cannot be heard."""

    def __init__(self, timeline: Timeline, varying: Iterable[str]) -> None:
        self._fps, self._root = timeline.fps, timeline.document.root.tracks
        self._sources = Sources(timeline.finder)
        self._offline: dict[str, None] = {}  # dicts as sets that keep their order
        self._unreadable: dict[str, None] = {}
        self._mute: dict[str, None] = {}
        self._retimed = dict.fromkeys(varying)
        self._moving: dict[str, None] = {}
        self._others: dict[str, None] = {}

    def of(self, span: Span) -> Iterator[Stretch]:
        """The stretches of a file that a span plays, one a stream; none if it is not heard."""
        clip = span.leaf.clip
        source = self._sources.of(span.leaf)
        if source.still or source.sequence is not None:
            return
        if source.status != "ready":
            self._offline[Path(source.url.replace("\\", "/")).name or clip.name] = None
            return
        media = Path(source.media)
        facts = probe(media)
        if facts is None or not facts.has_audio:
            (self._unreadable if facts is None else self._mute)[media.name] = None
            return
        if not SLOWEST <= span.speed <= FASTEST:
            self._retimed[clip.name] = None
            return
        starts_s = source.starts_s or Fraction(0)
        if lies_before(clip, starts_s):
            starts_s = Fraction(0)
        into, out_of = self._fades(span)
        begin, end = span.start - into.before, span.end + out_of.after
        media_s = (span.media - into.before) / self._fps - starts_s  # only speed 1 is faded
        first, last = self._sample(begin), self._sample(end)
        if last <= first:
            return
        fade_in, fade_out = (self._sample(sum(fade)) for fade in (into, out_of))
        fader = fader_of(clip)
        if fader.moves:
            self._moving[clip.name] = None
        plain = Stretch(first, last, media, media_s, span.speed, 0, fade_in, fade_out)
        if any(n > 1 for n in facts.channels):
            if len(facts.channels) > 1:
                self._others[media.name] = None
            yield plain._replace(gains=(fader.gain, fader.gain))
            return
        alone = len(facts.channels) == 1
        for stream in range(len(facts.channels)):
            left, right = (alone or stream % 2 == side for side in (0, 1))
            yield plain._replace(stream=stream, gains=(left * fader.gain, right * fader.gain))

    def _fades(self, span: Span) -> tuple[Fade, Fade]:
        """Those of a clip that is heard whole; the edges of a part are cuts."""
        stored = span.leaf.clip.source_range or available_range(span.leaf.clip)
        n_frames = None if stored is None else rates.in_frames(stored.duration, self._fps)
        if span.speed != 1 or n_frames != span.end - span.start:
            return Fade(), Fade()
        return fades_of(self._root, span.leaf.path, self._fps)

    def _sample(self, frames: Frames) -> int:
        return round(frames * OUTPUT_SAMPLE_RATE / self._fps)

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
        if self._moving:
            text = "The level of these clips moves; they are heard at one level"
            yield Note("original_fader", f"{text}: {_listed([*self._moving])}.")
        if self._others:
            text = "Of these files' several audio streams the first is heard"
            yield Note("original_streams", f"{text}: {_listed([*self._others])}.")


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
            heard = self._block[low - self._at : high - self._at]
            total[low - start : high - start] += heard * self._gains(low, high)
            at = high

    def close(self) -> None:
        """Close the media file."""
        self._blocks.close()

    def _gains(self, low: int, high: int) -> Samples:
        """Factors [high - low, 2]: the fader's, and fades of equal power."""
        first, last, fade_in, fade_out = (
            self.stretch.first, self.stretch.last, self.stretch.fade_in, self.stretch.fade_out,
        )  # fmt: skip
        gains = np.array([self.stretch.gains], np.float32)
        if low >= first + fade_in and high <= last - fade_out:
            return gains
        at = np.arange(low, high, dtype=np.float64)[:, None] + 0.5
        risen = np.clip((at - first) / max(fade_in, 1), 0.0, 1.0) if fade_in else 1.0
        left = np.clip((last - at) / max(fade_out, 1), 0.0, 1.0) if fade_out else 1.0
        shape = np.sin(np.pi / 2 * risen) * np.sin(np.pi / 2 * left)
        return np.asarray(gains * shape, np.float32)

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
        stream = container.streams.audio[stretch.stream]
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
