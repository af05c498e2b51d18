"""Spotting lists as CSV: cues that a person marked, in; the cues of a cut, out."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import rates
from vatt_plugin.timeline.errors import BadCueList, TimelineError
from vatt_plugin.timeline.marks import Spot
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.naming import is_category

MAX_BYTES = 1 << 26
COLUMNS = (
    "cue", "clip", "track", "in", "out", "duration", "start_s", "duration_s", "category",
    "prompt", "negative", "status", "media", "note",
)  # fmt: skip
_NAMES = {
    "in": ("in", "tc in", "timecode in", "start", "start tc", "record in", "start_s"),
    "out": ("out", "tc out", "timecode out", "end", "end tc", "record out"),
    "duration": ("duration", "length", "duration_s"),
    "name": ("clip", "name", "title", "cue name", "cue"),
    "category": ("category", "catid", "cat id", "ucs"),
    "prompt": ("prompt", "description", "text", "sound"),
    "negative": ("negative",),
}
_HINT = (
    "Its first line must name the columns: in, out (or duration), and any of clip, category, "
    "prompt, negative. Times are record timecode or seconds."
)
_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read_spots(path: Path, fps: Fraction, global_start_s: Fraction) -> tuple[Spot, ...]:
    """Read a spotting list: comma, semicolon or tab, UTF-8 with or without a byte order mark.

    Raises:
        BadCueList: it cannot be read; the message names the line.
    """
    text = _text(path)
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise BadCueList(f"{path.name} is not a CSV file: {error}.", _HINT) from error
    columns = _columns(rows[0] if rows else [])
    if "in" not in columns or not {"out", "duration"} & set(columns):
        raise BadCueList(f"{path.name} names no columns for in and out.", _HINT)
    spots: list[Spot] = []
    for number, row in enumerate(rows[1:], 2):
        cells = {key: _unquoted(row[index]) for key, index in columns.items() if index < len(row)}
        if any(cells.values()):
            try:
                spots.append(_spot(cells, fps, global_start_s))
            except TimelineError as error:
                raise BadCueList(f"{path.name}, line {number}: {error.message}", _HINT) from error
    if not spots:
        raise BadCueList(f"{path.name} holds no cues.", _HINT)
    return tuple(spots)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadCueList(
            f"{path} cannot be read: {error.strerror or error}.", "Check the path."
        ) from error
    if len(data) > MAX_BYTES:
        raise BadCueList(f"{path.name} is {len(data) >> 20} MB; no spotting list is that long.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadCueList(f"{path.name} is not UTF-8 text.", "Save it as CSV UTF-8.") from None


def _columns(heading: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    labels = [label.strip().casefold() for label in heading]
    for key, names in _NAMES.items():
        for name in names:
            if name in labels:
                found[key] = labels.index(name)
                break
    return found


def _spot(cells: Mapping[str, str], fps: Fraction, global_start_s: Fraction) -> Spot:
    start_s = _moment(cells.get("in", ""), fps, global_start_s)
    if cells.get("out"):
        duration_s = _moment(cells["out"], fps, global_start_s) - start_s
    else:
        duration_s = rates.parse_time(cells.get("duration", ""), fps)
    if duration_s <= 0:
        raise BadCueList("the out point is not after the in point.")
    category = cells.get("category", "")
    if category and not is_category(category):
        raise BadCueList(f"{category!r:.40} is no UCS category id (such as FEETHmn).")
    prompt = cells.get("prompt", "")
    # A count of lines would rename, and so make anew, every cue behind a line that is put in.
    name = cells.get("name") or prompt or category or f"cue at {float(start_s):.2f} s"
    return Spot(name, start_s, duration_s, category, prompt, cells.get("negative", ""))


def _moment(text: str, fps: Fraction, global_start_s: Fraction) -> Fraction:
    """A record timecode, or seconds from the timeline's start, as seconds from there."""
    time_s = rates.parse_time(text, fps)
    return time_s - global_start_s if ":" in text else time_s


def spots_csv(timeline: Timeline, cues: Iterable[Cue]) -> str:
    """Cues as a spotting list that ``read_spots`` and every spreadsheet reads."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for cue in cues:
        first = timeline.global_start_frame + cue.start_frame
        writer.writerow(
            [
                cue.cue_id,
                quoted(cue.clip),
                quoted(cue.track),
                rates.to_timecode(first, cue.fps, timeline.drop),
                rates.to_timecode(first + cue.n_frames, cue.fps, timeline.drop),
                rates.to_timecode(cue.n_frames, cue.fps, timeline.drop),
                f"{float(cue.start_s):.6f}",
                f"{float(cue.duration_s):.6f}",
                cue.origin.get("category", ""),
                quoted(str(cue.origin.get("prompt", ""))),
                quoted(str(cue.origin.get("negative", ""))),
                cue.status,
                quoted(cue.media),
                quoted(cue.note),
            ]
        )
    return out.getvalue()


def quoted(text: str) -> str:
    """Text that no spreadsheet takes for a formula; plain numbers are none."""
    if not text.startswith(_FORMULA) or _NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
