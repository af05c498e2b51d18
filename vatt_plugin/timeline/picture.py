"""From a span of a clip to the stretch of a media file that the engine decodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_engine.messages import ImageSequence, PictureSegment
from vatt_plugin.cues import CueStatus
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.media import STILLS, MediaFinder, sequence_in_name
from vatt_plugin.timeline.probe import probe


@dataclass(frozen=True)
class Source:
    """The media behind a clip, settled once per reference.

    Attributes:
        url: the media as the timeline names it; for a missing reference, the name to look for.
        media: what the engine opens; empty when it cannot be opened.
        status: ``ready``, ``offline`` or ``unreadable``; ``note`` says why.
        starts_s: media time of the file's first video frame, in ``source_range`` terms.
        length_s: how much media there is, if the timeline or the file says.
        still: a single picture, held for as long as the clip lasts.
        sequence: set for image sequences.
    """

    url: str
    media: str = ""
    status: CueStatus = "offline"
    note: str = ""
    starts_s: Fraction | None = None
    length_s: Fraction | None = None
    still: bool = False
    sequence: ImageSequence | None = None


def settle(clip: Any, finder: MediaFinder) -> Source:
    """Choose among a clip's references: the active one, or the first whose media is there.

    ``source_range`` is told in the active reference's timecode. Another reference may start
    elsewhere, so the offset from the active one's ``available_range`` is what carries over.
    """
    references: Mapping[str, Any] = clip.media_references()
    active_key = clip.active_media_reference_key
    active = clip.media_reference
    order = dict.fromkeys((active_key, "DEFAULT_MEDIA", *references))
    chosen: Source | None = None
    for key in order:
        reference = references.get(key)
        if reference is None:
            continue
        source = _settle_reference(reference, clip, finder)
        if source.status == "ready" and key != active_key and active is not None:
            start = _start_of(active)
            if start is not None:
                source = Source(
                    source.url, source.media, "ready", f"Using the reference {key!r}; {source.note}"
                    if source.note else f"The active media is not there; using {key!r}.",
                    start, source.length_s, source.still, source.sequence,
                )
        if source.status == "ready":
            return source
        chosen = chosen or source
    return chosen or Source(clip.name, note="The clip refers to no media.")


def _start_of(reference: Any) -> Fraction | None:
    if reference.available_range is None:
        return None
    return rates.seconds(reference.available_range.start_time)


def _settle_reference(reference: Any, clip: Any, finder: MediaFinder) -> Source:
    start_s = _start_of(reference)
    length_s = None
    if reference.available_range is not None:
        length_s = rates.seconds(reference.available_range.duration)
    if isinstance(reference, otio.schema.ImageSequenceReference):
        return _image_sequence(reference, clip, finder, start_s, length_s)
    if isinstance(reference, otio.schema.ExternalReference):
        url = reference.target_url or ""
        if parts := sequence_in_name(url):
            return _sequence_url(url, parts, clip, finder, start_s, length_s)
    elif isinstance(reference, otio.schema.GeneratorReference):
        return Source(reference.name or clip.name, note="A generator has no media.")
    else:  # a missing reference: EDLs leave only names to go by
        url = _missing_name(reference, clip)
        path = finder.find_named((url,)) if url else None
        if path is None:
            return Source(url, note="The timeline names no media file for this clip.")
        url = str(path)
    found = finder.find(url)
    if found.status != "ready" or found.path is None:
        return Source(url, "", found.status, found.note, start_s, length_s)
    still = found.path.suffix.lower() in STILLS
    if start_s is None and not still:
        start_s, length_s = _probed(found.path, clip)
    return Source(url, str(found.path), "ready", found.note, start_s, length_s, still)


def _probed(path: Path, clip: Any) -> tuple[Fraction | None, Fraction | None]:
    """Start timecode and length of a file whose reference does not say them."""
    facts = probe(path)
    if facts is None or facts.fps is None:
        return None, None
    length_s = facts.n_frames / facts.fps
    start_s = facts.start_frame / facts.fps
    if clip.source_range is not None:
        wanted = rates.seconds(clip.source_range.start_time)
        if wanted is not None and wanted < start_s:  # counted from the first frame after all
            start_s = Fraction(0)
    return start_s, length_s


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
    length_s: Fraction | None,
) -> Source:
    base = reference.target_url_base or ""
    joined = base if not base or base.endswith(("/", "\\")) else base + "/"
    digits, first = reference.frame_zero_padding, reference.start_frame
    step = reference.frame_step
    head, tail = joined + reference.name_prefix, reference.name_suffix
    shown = f"{head}{'#' * max(1, digits)}{tail}"
    if step != 1:
        note = f"An image sequence that skips numbers (step {step}) cannot be played."
        return Source(shown, "", "unreadable", note, start_s, length_s)
    stored = reference.available_range or clip.source_range
    rate = rates.exact_rate(reference.rate)
    if rate is None and stored is not None:  # some writers leave it 0 and mean the range's
        rate = rates.exact_rate(stored.duration.rate)
    if rate is None:
        note = f"The image sequence has the unusable rate {reference.rate}."
        return Source(shown, "", "unreadable", note, start_s, length_s)
    return _numbered(shown, (head, tail, digits), first, float(rate), finder, start_s, length_s)


def _sequence_url(
    url: str,
    parts: tuple[str, str, int, int | None],
    clip: Any,
    finder: MediaFinder,
    start_s: Fraction | None,
    length_s: Fraction | None,
) -> Source:
    head, tail, digits, first = parts
    stored = clip.source_range or clip.available_range()
    rate = rates.exact_rate(stored.duration.rate) or Fraction(24)
    if first is None:  # the number is the timecode in frames, as DI tools name their files
        first = int(start_s * rate) if start_s is not None else 0
    return _numbered(url, (head, tail, digits), first, float(rate), finder, start_s, length_s)


def _numbered(
    shown: str,
    parts: tuple[str, str, int],
    first: int,
    fps: float,
    finder: MediaFinder,
    start_s: Fraction | None,
    length_s: Fraction | None,
) -> Source:
    head, tail, digits = parts
    sign = "-" if first < 0 else ""
    found = finder.find(f"{head}{sign}{abs(first):0{max(1, digits)}d}{tail}")
    if found.status != "ready" or found.path is None:
        return Source(shown, "", found.status, found.note, start_s, length_s)
    stem = head.replace("\\", "/").rpartition("/")[2]
    folder = str(found.path.parent).replace("%", "%%")
    mark = f"%0{digits}d" if digits > 1 else "%d"
    pattern = f"{folder}/{stem.replace('%', '%%')}{mark}{tail.replace('%', '%%')}"
    sequence = ImageSequence(first, fps)
    return Source(shown, pattern, "ready", found.note, start_s, length_s, sequence=sequence)


def segment(
    source: Source, media_s: Fraction, speed: Fraction, duration_s: Fraction
) -> PictureSegment:
    """The media of one span; black when it cannot be opened.

    Args:
        source: the clip's media.
        media_s: media time at the first moment, in ``source_range`` terms.
        speed: media seconds per played second.
        duration_s: how long it plays.
    """
    if source.status != "ready":
        return PictureSegment("", 0.0, float(duration_s))
    if source.still:
        return PictureSegment(source.media, 0.0, float(duration_s), 0.0)
    start_s = max(media_s - (source.starts_s or 0), Fraction(0))
    return PictureSegment(
        source.media, float(start_s), float(duration_s), float(speed), source.sequence
    )
