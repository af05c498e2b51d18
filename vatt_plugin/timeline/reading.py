"""``load``: a file of any editor in, cues out."""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import math
import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import opentimelineio as otio

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.bundles import Bundle, unpacked
from vatt_plugin.timeline.cueing import CueMaker, split_at_cuts
from vatt_plugin.timeline.errors import NoPicture, UnknownClip
from vatt_plugin.timeline.loading import load_document
from vatt_plugin.timeline.marks import marks
from vatt_plugin.timeline.media import MediaFinder
from vatt_plugin.timeline.model import Document, Note, Timeline, TrackInfo, TrackItem
from vatt_plugin.timeline.own import Takes, is_our_track
from vatt_plugin.timeline.picture import ExternalReference
from vatt_plugin.timeline.spotting import read_spots
from vatt_plugin.timeline.walk import Clip, Gap, Placed, Walk, Walker, available_range

Progress = Callable[[int], None]
"""Called with the number of clips read so far; may raise to cancel."""


def load(
    path: Path | str,
    *,
    timeline: str | None = None,
    rate: float | None = None,
    media_roots: Sequence[Path] = (),
    media_dir: Path | None = None,
    clips: Sequence[str] | None = None,
    track: str | Sequence[str] | None = None,
    between: tuple[str, str] | None = None,
    cues: str | Path = "clips",
    split_cuts: bool = False,
    on_clip: Progress | None = None,
) -> Timeline:
    """Read a cut. No media is opened, but for the header of files whose start is not told.

    Args:
        path: ``.otio``, ``.otioz``, ``.otiod``, any installed adapter's format, a video file, or
            a folder of video files.
        timeline: name or ``#n`` of the timeline in a file that holds several.
        rate: frames a second, where the file does not say (EDL).
        media_roots: folders searched by file name for media that is not where the cut says.
        media_dir: folder of ours into which an ``.otioz``'s media is unpacked as cues need it;
            without it such cues are listed, but have no picture to decode.
        clips: keep only cues of clips of these names, or of these cue ids.
        track: look only at these video tracks, as if the others were not there.
        between: keep only cues that touch this record timecode range.
        cues: ``clips`` for one a visible stretch of a clip, ``markers`` for one a marker, or the
            path of a spotting list (CSV).
        split_cuts: look into the media for shot cuts and split cues there.
        on_clip: told about progress on long timelines; may raise to cancel.

    Raises:
        TimelineError: one of its kinds; a bad clip is never one, it is flagged in its cue.
    """
    with _no_collector():
        loaded = load_document(_absolute(path), timeline, rate)
        document = loaded.document
        finder = MediaFinder(document.base, tuple(_absolute(root) for root in media_roots))
        if loaded.bundle is not None:
            folder = _absolute(media_dir) if media_dir is not None else None
            finder.bundled = _BundledMedia(loaded.bundle, folder)
        return read_document(
            document,
            finder,
            notes=loaded.notes,
            clips=clips,
            track=track,
            between=between,
            cues=cues,
            split_cuts=split_cuts,
            on_clip=on_clip,
        )


def _absolute(path: Path | str) -> Path:
    """An absolute path without ``..``, symbolic links left as the user made them."""
    return Path(os.path.abspath(path))  # noqa: PTH100


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the cycle collector: a long cut makes a million objects at once and no garbage.

    Afterwards they count as old, or the next object made would set off a look at all of them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if not gc.get_freeze_count():
                gc.freeze()  # both move lists, not objects: no time whatever the number
                gc.unfreeze()
            gc.enable()


def read_document(
    document: Document,
    finder: MediaFinder,
    *,
    notes: Iterable[Note] = (),
    clips: Sequence[str] | None = None,
    track: str | Sequence[str] | None = None,
    between: tuple[str, str] | None = None,
    cues: str | Path = "clips",
    split_cuts: bool = False,
    on_clip: Progress | None = None,
) -> Timeline:
    """Make cues of an already loaded document; see ``load``."""
    root = document.root
    if root.tracks is None:
        raise NoPicture(f"{document.path.name} has no tracks.", "Export the timeline again.")
    fps, literal = timeline_rate(root)
    start_s = Fraction(0)
    if root.global_start_time is not None:
        start_s = rates.seconds(root.global_start_time) or Fraction(0)
    only = _track_indices(root, track)
    walk = Walker(fps, host_of(root), on_clip).run(root.tracks, only)
    if not walk.seen and not walk.left_out:
        raise NoPicture(
            f"{document.path.name} has no video track with a clip on it.",
            "Export the timeline with its picture, or check --track.",
        )
    maker = CueMaker(fps, start_s, finder)
    if cues == "clips":
        found = maker.clip_cues(walk)
    elif cues == "markers":
        found = maker.spotted_cues(walk, marks(root, walk, fps, start_s), "marker")
        if not found:
            raise UnknownClip(
                f"{document.path.name} has no markers.", "Set markers, or leave --cues away."
            )
    else:
        found = maker.spotted_cues(walk, read_spots(Path(cues), fps, start_s), "spotted")
    start_frame = rates.whole_frames(start_s, fps)
    timeline = Timeline(
        path=document.path,
        name=root.name or document.path.stem,
        fps=fps,
        rate=literal,
        drop=is_drop(root, fps, start_frame),
        global_start_s=start_s,
        global_start_frame=start_frame,
        n_frames=length_in_frames(walk.length),
        cues=found,
        report=(*notes, *walk.notes, *maker.notes),
        document=document,
        finder=finder,
        show=functools.partial(_tracks, root, walk, fps, finder),
    )
    chosen = chosen_cues(timeline, clips, between)
    if split_cuts:
        chosen = split_at_cuts(maker, chosen)
    return replace(timeline, cues=chosen)


# --- facts of the whole timeline -------------------------------------------------------------


def timeline_rate(root: Any) -> tuple[Fraction, float]:
    """Exact rate of a timeline and the literal that the file uses for it.

    ``global_start_time`` says it; else the commonest rate of the video clips. Rates that no
    picture has (48000, 44100) are never taken, whole seconds only when there is nothing better.
    """
    start = root.global_start_time
    if start is not None and _is_picture_rate(start.rate):
        return rates.exact_rate(start.rate) or Fraction(24), start.rate
    counts: Counter[float] = Counter()
    for rate, weight in _rates_of(root.tracks):
        counts[rate] += weight
    exact: Counter[Fraction] = Counter()
    for literal, count in counts.items():
        if _is_picture_rate(literal):
            exact[rates.exact_rate(literal) or Fraction(24)] += count
    if not exact:  # whole seconds are better than nothing, an audio rate is not
        return (Fraction(1), 1.0) if 1.0 in counts else (Fraction(24), 24.0)
    fps = exact.most_common(1)[0][0]
    literals = {lit: n for lit, n in counts.items() if rates.exact_rate(lit) == fps}
    return fps, max(literals, key=lambda literal: literals[literal])


def _rates_of(composition: Any) -> Iterator[tuple[float, int]]:
    """Rates of the picture items of a composition, and how much each counts."""
    for child in composition:
        if isinstance(child, Clip):
            stored = child.source_range or available_range(child)
            if stored is not None:
                yield stored.duration.rate, 1000
        elif isinstance(child, Gap):
            if child.source_range is not None:
                yield child.source_range.duration.rate, 1
        elif isinstance(child, otio.schema.Track) and child.kind != otio.schema.TrackKind.Video:
            continue
        elif isinstance(child, otio.core.Composition):
            yield from _rates_of(child)


def _is_picture_rate(literal: float) -> bool:
    exact = rates.exact_rate(literal)
    return exact is not None and rates.PICTURE_RATES[0] < exact <= rates.PICTURE_RATES[1]


def host_of(root: Any) -> str:
    """Which program wrote the timeline, as far as retimes are concerned: see ``Walker``."""
    items = (
        itertools.islice(track, 50)
        for track in root.tracks
        if isinstance(track, otio.core.Composition)
    )
    for holder in itertools.chain([root, root.tracks], root.tracks, *items):
        metadata = holder.metadata
        for key, host in (("PremierePro_OTIO", "premiere"), ("Resolve_OTIO", "resolve")):
            if key in metadata:
                return host
    return ""


def is_drop(root: Any, fps: Fraction, start_frame: int) -> bool:
    """Whether timecode is counted drop-frame; OTIO has no field for it, so it is the custom.

    At 29.97 and 59.94 editors count drop-frame unless told otherwise, as OTIO assumes too. A
    start on a round non-drop minute (frame 108000 is 01:00:00:00) tells otherwise.
    """
    own = root.metadata.get("vatt")
    if own is not None and hasattr(own, "get") and own.get("drop_frame") is not None:
        return bool(own.get("drop_frame"))
    if not rates.is_drop_frame_rate(fps):
        return False
    round_non_drop = start_frame > 0 and start_frame % (math.ceil(fps) * 60) == 0
    return not round_non_drop or rates.to_timecode(start_frame, fps, True).endswith(":00;00")


def length_in_frames(length: rates.Frames) -> int:
    """Whole frames that hold a length; a tenth of a frame of audio more does not add one."""
    below = math.floor(length)
    return below if length - below <= Fraction(1, 10) else below + 1


# --- choosing --------------------------------------------------------------------------------


def _track_indices(root: Any, track: str | Sequence[str] | None) -> frozenset[int] | None:
    """Indices of the video tracks to look at; None for all. ``V1`` counts from the bottom."""
    if not track:
        return None
    videos = [
        (index, child.name)
        for index, child in enumerate(root.tracks)
        if getattr(child, "kind", otio.schema.TrackKind.Video) == otio.schema.TrackKind.Video
    ]
    known = {name for _, name in videos}
    chosen: set[int] = set()
    for wanted in _listed([track] if isinstance(track, str) else track, known):
        named = {index for index, name in videos if name == wanted}
        counted = {index for n, (index, _) in enumerate(videos, 1) if wanted == f"V{n}"}
        if not named and not counted:
            labels = [name or f"V{n}" for n, (_, name) in enumerate(videos, 1)]
            raise UnknownClip(
                f"There is no video track named {wanted!r}; there are {', '.join(labels)}.",
                "Use one of these names with --track.",
            )
        chosen |= named or counted
    return frozenset(chosen)


def _listed(names: Iterable[str], known: Container[str]) -> Iterator[str]:
    """Names as they were given, ``V1,V2`` taken apart unless something is called that."""
    for name in names:
        yield from [name] if name in known else filter(None, map(str.strip, name.split(",")))


def chosen_cues(
    timeline: Timeline, clips: Sequence[str] | None, between: tuple[str, str] | None
) -> tuple[Cue, ...]:
    """The cues that ``clips`` (names or cue ids) and a record timecode range leave.

    Raises:
        UnknownClip: a name that the timeline does not have, or an empty range.
    """
    cues = timeline.cues
    if clips:
        known = {name for cue in cues for name in (cue.clip, cue.cue_id)}
        if missing := [name for name in clips if name not in known]:
            some = ", ".join(sorted({cue.clip for cue in cues})[:20])
            raise UnknownClip(
                f"The timeline has no clip named {missing[0]!r}; it has {some}.",
                "Use one of these names with --clips.",
            )
        cues = tuple(cue for cue in cues if cue.clip in clips or cue.cue_id in clips)
    if between:
        first, last = (rates.parse_time(text, timeline.fps) for text in between)
        if ":" in between[0]:
            first, last = first - timeline.global_start_s, last - timeline.global_start_s
        cues = tuple(c for c in cues if c.start_s < last and c.start_s + c.duration_s > first)
        if not cues:
            start, n_frames = timeline.global_start_frame, timeline.n_frames
            begins, ends = (
                rates.to_timecode(frame, timeline.fps, timeline.drop)
                for frame in (start, start + n_frames)
            )
            raise UnknownClip(
                f"No clip lies between {between[0]} and {between[1]}; the cut lasts from {begins} "
                f"to {ends}.",
                "Give record timecodes, or seconds from the timeline's start.",
            )
    return cues


# --- showing ---------------------------------------------------------------------------------


def _tracks(root: Any, walk: Walk, fps: Fraction, finder: MediaFinder) -> tuple[TrackInfo, ...]:
    infos: list[TrackInfo] = []
    takes = Takes(finder.base)
    numbers: Counter[str] = Counter()
    for index, (child, placed) in enumerate(zip(root.tracks, walk.tracks, strict=True)):
        kind = child.kind if isinstance(child, otio.schema.Track) else "Video"
        numbers[kind] += 1
        infos.append(
            TrackInfo(
                child.name or f"{kind[:1]}{numbers[kind]}",
                kind,
                index,
                child.enabled,
                tuple(_track_item(p, fps, finder) for p in placed),
                is_our_track(child, takes),
            )
        )
    return tuple(infos)


def _track_item(placed: Placed, fps: Fraction, finder: MediaFinder) -> TrackItem:
    item = placed.item
    if isinstance(item, Gap):
        return TrackItem(item.name, "gap", placed.start, placed.length, fps)
    if not isinstance(item, Clip):
        return TrackItem(item.name, "nest", placed.start, placed.length, fps, item.enabled)
    reference = item.media_reference
    if not isinstance(reference, ExternalReference):
        return TrackItem(item.name, "clip", placed.start, placed.length, fps, item.enabled)
    url = reference.target_url or ""
    found = finder.find(url)
    media = str(found.path) if found.status == "ready" else url
    return TrackItem(
        item.name, "clip", placed.start, placed.length, fps, item.enabled, media, found.status
    )


class _BundledMedia(dict[str, Path]):
    """URL in a bundle's timeline to the member's path, unpacked on first use."""

    def __init__(self, bundle: Bundle, folder: Path | None) -> None:
        super().__init__()
        self._bundle = bundle
        self._folder = folder

    def get(self, url: str, default: Any = None) -> Any:
        """The path behind a URL of the bundle, or ``default`` for anything else."""
        for name in (url, unquote(url)):
            member = name.removeprefix("./")
            if member in self._bundle.members:
                if self._bundle.path.is_dir():
                    return self._bundle.path / member
                if self._folder is None:
                    return self._bundle.path / member
                return unpacked(self._bundle, member, self._folder)
        return default
