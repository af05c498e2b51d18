"""Formats that OTIO's adapters read, and what they get wrong about EDLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline.errors import RateNeeded, TimelineUnreadable
from vatt_plugin.timeline.model import Note
from vatt_plugin.timeline.rates import exact_rate
from vatt_plugin.timeline.text import read_bytes

MAX_ADAPTER_BYTES = 1 << 28
_SPEED = re.compile(r"^M2\s.*?(-?\d+(?:\.\d+)?)\s+\d\d:\d\d:\d\d[:;]\d\d\s*$", re.MULTILINE)


def guarded(path: Path, adapter: str, read: Callable[[], Any]) -> Any:
    """Run a format plug-in; whatever third-party parsers raise becomes one named error."""
    try:
        return read()
    except RecursionError:
        raise TimelineUnreadable(f"{path.name} nests too deeply for {adapter}.") from None
    except Exception as error:  # adapters raise anything from AttributeError to ParseError
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise TimelineUnreadable(
            f"{path.name} cannot be read by the OTIO adapter {adapter} ({reason:.300}).",
            "Export the timeline again, or as .otio.",
        ) from error


def read_edl(path: Path, adapter: str, rate: float | None, notes: list[Note]) -> Any:
    """What an EDL holds, at the record times it tells.

    Args:
        path: the EDL.
        adapter: name of the OTIO adapter.
        rate: frames a second.
        notes: anything odd is added here.

    Raises:
        RateNeeded: no rate was given.
        TimelineUnreadable: no EDL, or one that the adapter cannot read.
    """
    exact = exact_rate(rate) if rate is not None else None
    if exact is None:
        raise RateNeeded(
            f"{path.name} is an EDL; these do not say their frame rate.",
            "Give it with --rate, for example --rate 23.976 or --rate 25.",
        )
    if not otio.opentime.RationalTime.is_valid_timecode_rate(float(exact)):
        raise RateNeeded(
            f"There is no timecode at {rate:g} frames a second (--rate).",
            "Editors count 23.976, 24, 25, 29.97, 30, 48, 50, 59.94 or 60.",
        )
    data = read_bytes(path, MAX_ADAPTER_BYTES)
    if not data.strip():
        raise TimelineUnreadable(f"{path.name} is empty.", "Export the EDL again.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
        notes.append(Note("encoding", "The EDL is not UTF-8; it was read as Windows text."))

    def read(**options: Any) -> Any:
        return otio.adapters.read_from_string(text, adapter, rate=float(exact), **options)

    try:
        root = read()
    except Exception as error:  # see guarded; one known cause has a remedy
        root = guarded(path, adapter, lambda: read(ignore_timecode_mismatch=True))
        reason = " ".join(str(error).split())
        notes.append(
            Note("timecode_mismatch", f"Source and record lengths disagree: {reason:.200}")
        )
    if isinstance(root, otio.schema.Timeline):
        _place_record_times(root)
        _keep_drop_frame(root, text)
        notes += _lost_speeds(root, text, float(exact))
    return root


def _lost_speeds(root: Any, text: str, fps: float) -> list[Note]:
    """A note when there are more speed changes (M2) than the adapter made time warps of.

    It drops those whose source and record lengths are equal, and nothing says of which clip.
    """
    told = sum(abs(float(speed) / fps - 1) > 0.01 for speed in _SPEED.findall(text))
    warps = sum(len(clip.effects) for clip in root.find_clips())
    if told <= warps:
        return []
    lines = f"{told - warps} of {told} speed changes (M2)"
    return [Note("retime", f"{lines} have equal source and record lengths; read as normal speed.")]


def _keep_drop_frame(root: Any, text: str) -> None:
    """Keep what an EDL's FCM line says of its counting, which the adapter drops."""
    modes = re.findall(r"^FCM:\s*(NON-?\s*)?DROP", text, re.MULTILINE | re.IGNORECASE)
    if modes:
        root.metadata["vatt"] = {"drop_frame": not modes[0]}


def _place_record_times(root: Any) -> None:
    """Turn the CMX adapter's record times into a start time and, for later tracks, gaps.

    It notes a track's first record timecode as a negative ``source_range`` start, which OTIO's
    own reading would take as a trim to long before the first event.
    """
    starts = [
        -track.source_range.start_time
        for track in root.tracks
        if track.source_range is not None and track.source_range.start_time.value < 0
    ]
    if not starts:
        return
    first = min(starts)
    if root.global_start_time is None:
        root.global_start_time = first
    for track in root.tracks:
        stored = track.source_range
        if stored is None or stored.start_time.value >= 0:
            continue
        track.source_range = None
        late = -stored.start_time - first
        if late.value > 0:
            zero = otio.opentime.RationalTime(0, late.rate)
            track.insert(0, otio.schema.Gap(source_range=otio.opentime.TimeRange(zero, late)))


def retimes_lost(path: Path) -> list[Note]:
    """A note when an FCPXML retimes clips (``timeMap``), since its adapter passes over them."""
    if path.suffix.lower() != ".fcpxml" or not path.is_file():
        return []
    count = len(re.findall(rb"<timeMap\b", read_bytes(path, MAX_ADAPTER_BYTES)))
    if not count:
        return []
    text = (
        f"{count} retimes (timeMap) are not passed on by the FCPXML adapter; those clips are read "
        "at normal speed. Leave them out with --clips, or export another format."
    )
    return [Note("retime", text)]
