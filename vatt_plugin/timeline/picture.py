"""From a span of a clip to the stretch of a media file that the engine decodes."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import opentimelineio as otio

from vatt_engine.messages import ImageSequence, PictureSegment
from vatt_plugin.cues import CueStatus
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.media import STILLS, MediaFinder, sequence_in_name
from vatt_plugin.timeline.probe import probe
from vatt_plugin.timeline.rates import FRAME_SLACK, Frames
from vatt_plugin.timeline.spans import ONE, Leaf
from vatt_plugin.timeline.walk import available_range

ExternalReference = otio.schema.ExternalReference
_ZERO = Fraction(0)


class Source(NamedTuple):
    """The media behind a clip, settled once per reference.

    Attributes:
        url: the media as the timeline names it; for a missing reference, the name to look for.
        media: what the engine opens; empty when it cannot be opened.
        status: ``ready``, ``offline`` or ``unreadable``; ``note`` says why.
        starts_s: media time of the file's first video frame, in ``source_range`` terms.
        still: a single picture, held for as long as the clip lasts.
        sequence: set for image sequences.
    """

    url: str
    media: str = ""
    status: CueStatus = "offline"
    note: str = ""
    starts_s: Fraction | None = None
    still: bool = False
    sequence: ImageSequence | None = None


class Sources:
    """Settles what media is behind clips, once for all clips that say the same; one a reading.

    Args:
        finder: looks media up.
    """

    def __init__(self, finder: MediaFinder) -> None:
        self._finder = finder
        self._absent: dict[str, Source] = {}
        self._told: dict[tuple[str, float, float], Source] = {}
        self._clips: dict[tuple[int, ...], Source] = {}

    def of(self, leaf: Leaf) -> Source:
        """The media behind a clip."""
        if isinstance(leaf.reference, ExternalReference) and not leaf.others:
            return self._named(leaf, leaf.reference)
        if not isinstance(leaf.clip, otio.schema.Clip):  # a nest without a range
            return Source(leaf.clip.name)
        known = self._clips.get(leaf.path)
        if known is None:
            known = self._clips[leaf.path] = settle(leaf, self._finder)
        return known

    def _named(self, leaf: Leaf, reference: Any) -> Source:
        """A clip with one reference: what its URL and range tell is true of others like it."""
        url = reference.target_url or ""
        if url in self._absent:
            return self._absent[url]
        available = reference.available_range
        if available is None:
            source = settle(leaf, self._finder)
        else:
            start = available.start_time
            key = (url, start.value, start.rate)
            if key in self._told:
                return self._told[key]
            source = settle(leaf, self._finder)
            if source.sequence is None:  # a sequence may begin at the clip's own first picture
                self._told[key] = source
        if source.status != "ready" and source.starts_s is None:
            self._absent[url] = source
        return source


def settle(leaf: Leaf, finder: MediaFinder) -> Source:
    """Choose among a clip's references: the active one, or the first whose media is there.

    ``source_range`` is told in the active reference's timecode. Another reference may start
    elsewhere, so the offset from the active one's ``available_range`` is what carries over.

    Args:
        leaf: a clip with its references.
        finder: looks media up.
    """
    clip, active = leaf.clip, leaf.reference
    first = _settle_reference(active, clip, finder) if active is not None else None
    if first is not None and (first.status == "ready" or not leaf.others):
        return first
    for key in dict.fromkeys(("DEFAULT_MEDIA", *leaf.others)):
        reference = leaf.others.get(key)
        if reference is None or reference is active:
            continue
        source = _settle_reference(reference, clip, finder)
        if source.status == "ready":
            note = source.note or f"The active media is not there; using the reference {key!r}."
            start_s = _media_start(active) if active is not None else None
            return source._replace(
                note=note, starts_s=source.starts_s if start_s is None else start_s
            )
        first = first or source
    return first or Source(clip.name, note="The clip refers to no media.")


def _settle_reference(reference: Any, clip: Any, finder: MediaFinder) -> Source:
    if isinstance(reference, ExternalReference):
        url = reference.target_url or ""
        if parts := sequence_in_name(url):
            return _sequence_url(url, parts, clip, finder, _media_start(reference))
    elif isinstance(reference, otio.schema.ImageSequenceReference):
        return _image_sequence(reference, clip, finder, _media_start(reference))
    elif isinstance(reference, otio.schema.GeneratorReference):
        return Source(reference.name or clip.name, note="A generator has no media.")
    else:  # a missing reference: EDLs leave only names to go by
        url = _missing_name(reference, clip)
        path = finder.find_named((url,)) if url else None
        if path is None:
            return Source(url, note="The timeline names no media file for this clip.")
        url = str(path)
    found = finder.find(url)
    if found.path is None or found.status != "ready":
        return Source(url, "", found.status, found.note)
    start_s = _media_start(reference)
    still = found.path.suffix.lower() in STILLS
    if start_s is None and not still:
        start_s = _probed(found.path, clip)
    return Source(url, str(found.path), "ready", found.note, start_s, still)


def lies_before(clip: Any, start_s: Fraction | int) -> bool:
    """Whether all that a clip plays would lie before its media: then it counts from zero."""
    stored = clip.source_range
    if stored is None:
        return False
    first_s, length_s = rates.seconds(stored.start_time), rates.seconds(stored.duration)
    return first_s is not None and length_s is not None and first_s + length_s <= start_s


def _media_start(reference: Any) -> Fraction | None:
    """Media time of a reference's first frame, if it says so."""
    available = reference.available_range
    return None if available is None else rates.seconds(available.start_time)


def _probed(path: Path, clip: Any) -> Fraction | None:
    """Start timecode of a file whose reference does not say it."""
    facts = probe(path)
    if facts is None or facts.fps is None:
        return None
    start_s = facts.start_frame / facts.fps
    if clip.source_range is not None:
        wanted = rates.seconds(clip.source_range.start_time)
        if wanted is not None and wanted < start_s:  # counted from the first frame after all
            start_s = Fraction(0)
    return start_s


def _missing_name(reference: Any, clip: Any) -> str:
    for name in (reference.name, clip.name):
        if name and Path(name).suffix:
            return Path(name.replace("\\", "/")).name
    return str(clip.name or reference.name or "")


def _image_sequence(
    reference: Any,
    clip: Any,
    finder: MediaFinder,
    start_s: Fraction | None,
) -> Source:
    base = reference.target_url_base or ""
    joined = base if not base or base.endswith(("/", "\\")) else base + "/"
    digits, first = reference.frame_zero_padding, reference.start_frame
    step = reference.frame_step
    head, tail = joined + reference.name_prefix, reference.name_suffix
    shown = f"{head}{'#' * max(1, digits)}{tail}"
    if step != 1:
        note = f"An image sequence that skips numbers (step {step}) cannot be played."
        return Source(shown, "", "unreadable", note, start_s)
    stored = reference.available_range or clip.source_range
    rate = rates.exact_rate(reference.rate)
    if rate is None and stored is not None:  # some writers leave it 0 and mean the range's
        rate = rates.exact_rate(stored.duration.rate)
    if rate is None:
        note = f"The image sequence has the unusable rate {reference.rate}."
        return Source(shown, "", "unreadable", note, start_s)
    return _numbered(shown, (head, tail, digits), first, rate, clip, finder, start_s)


def _sequence_url(
    url: str,
    parts: tuple[str, str, int, int | None],
    clip: Any,
    finder: MediaFinder,
    start_s: Fraction | None,
) -> Source:
    head, tail, digits, first = parts
    stored = clip.source_range or available_range(clip)
    rate = rates.exact_rate(stored.duration.rate) or Fraction(24)
    if first is None:  # the number is the timecode in frames, as DI tools name their files
        first = int(start_s * rate) if start_s is not None else 0
    return _numbered(url, (head, tail, digits), first, rate, clip, finder, start_s)


def _numbered(
    shown: str,
    parts: tuple[str, str, int],
    first: int,
    fps: Fraction,
    clip: Any,
    finder: MediaFinder,
    start_s: Fraction | None,
) -> Source:
    """A sequence from its first picture, or, if only part was delivered, from the clip's first."""
    head, tail, digits = parts
    used_s = rates.seconds(clip.source_range.start_time) if clip.source_range else start_s
    starts = [(first, start_s)]
    if used_s is not None and start_s is not None:
        starts.append((first + rates.nearest_frame((used_s - start_s) * fps), used_s))
    for number, from_s in starts:
        digits_text = f"{'-' if number < 0 else ''}{abs(number):0{max(1, digits)}d}"
        found = finder.find(f"{head}{digits_text}{tail}")
        if found.status == "ready" and found.path is not None:
            pattern = _pattern(found.path, digits_text, (tail, unquote(tail)), digits)
            sequence = ImageSequence(number, float(fps))
            return Source(shown, pattern, "ready", found.note, from_s, sequence=sequence)
    return Source(shown, "", found.status, found.note, start_s)


def _pattern(path: Path, number: str, tails: tuple[str, ...], digits: int) -> str:
    """A printf pattern for the files beside ``path``, whose own number is ``number``."""
    tail = next((t for t in tails if path.name.endswith(number + t)), path.suffix)
    stem = path.name[: len(path.name) - len(number) - len(tail)]
    mark = f"%0{digits}d" if digits > 1 else "%d"
    folder, stem, tail = (text.replace("%", "%%") for text in (str(path.parent), stem, tail))
    return f"{folder}/{stem}{mark}{tail}"


@lru_cache(maxsize=4096)
def black(duration_s: float) -> PictureSegment:
    """Nothing to see: a gap, or media that is not there."""
    return PictureSegment("", 0.0, duration_s)


def segments(
    source: Source, media: Frames, speed: Fraction, n_frames: int, fps: Fraction
) -> tuple[PictureSegment, ...]:
    """What one span shows of its media: black when it cannot be opened, or has not begun yet.

    Args:
        source: the clip's media.
        media: media time at the first moment, in ``source_range`` terms, in timeline frames.
        speed: media time per played time.
        n_frames: how long it plays.
        fps: exact rate of the timeline.
    """
    over, under = fps.denominator, fps.numerator  # whole numbers: a long cut asks very often
    duration_s = n_frames * over / under
    if source.status != "ready":
        return (black(duration_s),)
    if source.still:
        return (PictureSegment(source.media, 0.0, duration_s, 0.0),)
    starts = source.starts_s or _ZERO
    count = starts.denominator
    start_s = (media * over * count - starts.numerator * under) / (under * count)
    if start_s < 0:
        return _before_its_start(source, -start_s, speed, n_frames, fps)
    factor = 1.0 if speed is ONE else float(speed)
    return (PictureSegment(source.media, float(start_s), duration_s, factor, source.sequence),)


def _before_its_start(
    source: Source, early_s: Fraction | float, speed: Fraction, n_frames: int, fps: Fraction
) -> tuple[PictureSegment, ...]:
    """A span that begins before its media does; up to a frame of that is a host's rounding."""
    pace = abs(speed) if speed else ONE
    early = math.ceil(early_s * fps / pace - FRAME_SLACK)
    if early <= 1:
        early = 0
    elif speed <= 0:
        early = n_frames
    dark, shown = min(early, n_frames), max(0, n_frames - early)
    start_s = max(0.0, float(dark * speed / fps) - float(early_s))
    parts = (
        black(float(dark / fps)),
        PictureSegment(source.media, start_s, float(shown / fps), float(speed), source.sequence),
    )
    return tuple(part for part in parts if part.duration_s > 0)
