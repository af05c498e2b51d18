"""Carrying takes over to a re-cut: they slide, trim and split with their picture.

A take belongs to the picture it was laid under. So for each take in the old cut, the shot below
it says which stretch of which media it sounds for; wherever the new cut shows that media at that
speed, the sound of the same moments is laid again, handles included. What no take covers is
listed, to be made anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, Literal

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import facts, rates
from vatt_plugin.timeline.intervals import Intervals
from vatt_plugin.timeline.laid import Laid, laid_takes
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.tracks import Sound

Fate = Literal["kept", "moved", "trimmed", "partly", "missing", "skipped"]


@dataclass(frozen=True)
class Piece:
    """A stretch of a cue of the new cut that a take covers, in frames from the cue's start."""

    laid: Laid
    first: int
    last: int
    in_frame: int
    tail: int = 0


@dataclass(frozen=True)
class CueFate:
    """What becomes of one cue of the new cut.

    Attributes:
        cue: of the new cut.
        fate: ``kept`` where it was, ``moved`` whole, ``trimmed`` (another in or out point, all
            covered), ``partly`` covered, ``missing`` (no take), or ``skipped`` (needs no sound).
        pieces: what is laid under it.
        missing: uncovered stretches, in frames from the cue's start.
    """

    cue: Cue
    fate: Fate
    pieces: tuple[Piece, ...] = ()
    missing: tuple[tuple[int, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON form, a row of the report."""
        fps = self.cue.fps
        first = self.pieces[0].laid if self.pieces else None
        return {
            "cue": self.cue.cue_id,
            "clip": self.cue.clip,
            "fate": self.fate,
            "start_s": float(self.cue.start_s),
            "duration_s": float(self.cue.duration_s),
            "old_start_s": float(first.cue.start_s) if first else None,
            "takes": [piece.laid.take for piece in self.pieces],
            "missing": [[float(a / fps), float(b / fps)] for a, b in self.missing],
        }


@dataclass(frozen=True)
class Plan:
    """A whole conform.

    Attributes:
        fates: one for each cue of the new cut.
        unused: takes of the old cut whose picture the new one does not show.
    """

    fates: tuple[CueFate, ...]
    unused: tuple[Laid, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def to_regenerate(self) -> tuple[Cue, ...]:
        """Cues that are not wholly covered."""
        return tuple(fate.cue for fate in self.fates if fate.fate in ("partly", "missing"))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "cues": [fate.to_dict() for fate in self.fates],
            "unused": [
                {"take": laid.take, "clip": laid.cue.clip, "old_start_s": float(laid.cue.start_s)}
                for laid in self.unused
            ],
            "regenerate": [cue.cue_id for cue in self.to_regenerate],
        }


# --- matching --------------------------------------------------------------------------------


def plan(old: Timeline, new: Timeline) -> Plan:
    """Decide for every cue of the new cut what becomes of it; nothing is read or written."""
    takes = laid_takes(old)
    grouped: dict[tuple[str, Fraction], list[tuple[Fraction, Fraction, Laid]]] = defaultdict(list)
    for laid in takes:
        speed = _origin(laid.cue, "speed", "1")
        heard = _media_heard(laid.cue, laid.offset_s, laid.length_s)
        grouped[_media_key(laid.cue), speed].append((*heard, laid))
    by_media = {key: Intervals(items) for key, items in grouped.items()}
    used: set[int] = set()
    fates: list[CueFate] = []
    for cue in new.cues:
        if cue.status == "skipped":
            fates.append(CueFate(cue, "skipped"))
            continue
        same = by_media.get((_media_key(cue), _origin(cue, "speed", "1")))
        shown = _media_heard(cue, Fraction(0), cue.duration_s)
        pieces = _cover(cue, same.touching(*shown), used) if same is not None else ()
        used.update(id(piece.laid) for piece in pieces)
        fates.append(_fate(cue, pieces))
    unused = tuple(laid for laid in takes if id(laid) not in used)
    return Plan(tuple(fates), unused)


def _media_heard(cue: Cue, offset_s: Fraction, length_s: Fraction) -> tuple[Fraction, Fraction]:
    """The stretch of media that passes from ``offset_s`` after a cue's start, ascending.

    A frozen frame is a moment; it gets a breadth, so that it can be found.
    """
    media, speed = _origin(cue, "media_s", "0"), _origin(cue, "speed", "1")
    ends = media + offset_s * speed, media + (offset_s + length_s) * speed
    return (min(ends), max(ends)) if speed else (media, media + 1 / cue.fps)


def _media_key(cue: Cue) -> str:
    """The media's file name: folders change between the picture and the sound department."""
    url = str(cue.origin.get("url", ""))
    return PurePosixPath(url.replace("\\", "/")).name or cue.clip


def _cover(cue: Cue, takes: Iterable[Laid], used: set[int]) -> tuple[Piece, ...]:
    """Cover as much of a cue as takes can, the likeliest first, without overlaps."""
    candidates: list[tuple[tuple[Any, ...], Piece]] = []
    for laid in takes:
        piece = _piece(cue, laid)
        if piece is not None:
            candidates.append((_likeness(cue, piece, used), piece))
    candidates.sort(key=lambda pair: pair[0], reverse=True)
    chosen: list[Piece] = []
    for _, piece in candidates:
        for first, last in _free(chosen, cue.n_frames):
            begin, end = max(first, piece.first), min(last, piece.last)
            if end > begin:
                tail = piece.tail if end == cue.n_frames else 0
                shift = begin - piece.first
                chosen.append(
                    replace(
                        piece, first=begin, last=end, in_frame=piece.in_frame + shift, tail=tail
                    )
                )
    return tuple(sorted(chosen, key=lambda piece: piece.first))


def _piece(cue: Cue, laid: Laid) -> Piece | None:
    """The part of a cue that a take has sound for; None if it sounds for other moments."""
    old = laid.cue
    speed, old_speed = _origin(cue, "speed", "1"), _origin(old, "speed", "1")
    media, old_media = _origin(cue, "media_s", "0"), _origin(old, "media_s", "0")
    if speed != old_speed:
        return None
    if speed:
        later_s = (media - old_media) / speed
    elif media == old_media:
        later_s = Fraction(0)
    else:
        return None
    in_frame = rates.nearest_frame((later_s - laid.offset_s) * cue.fps)
    held = laid.length_s * cue.fps
    file_frames = held.numerator // held.denominator
    first, last = max(0, -in_frame), min(cue.n_frames, file_frames - in_frame)
    if last <= first:
        return None
    same_end = later_s + cue.duration_s == old.duration_s
    tail = rates.nearest_frame(laid.tail_s * cue.fps) if same_end and last == cue.n_frames else 0
    return Piece(laid, first, last, in_frame + first, min(tail, file_frames - in_frame - last))


def _origin(cue: Cue, key: str, default: str) -> Fraction:
    try:
        return Fraction(str(cue.origin.get(key, default)))
    except (ValueError, ZeroDivisionError):
        return Fraction(default)


def _likeness(cue: Cue, piece: Piece, used: set[int]) -> tuple[Any, ...]:
    """How well a take fits a cue; the greatest wins.

    A take of the very same stretch comes before one that covers it by chance, one not laid yet
    before one that is, and of equals the one that moves least.
    """
    old = piece.laid.cue
    same_range = (
        _origin(cue, "media_s", "0") == _origin(old, "media_s", "0")
        and cue.duration_s == old.duration_s
    )
    return (
        piece.last - piece.first,
        cue.origin.get("url") == old.origin.get("url"),
        same_range,
        cue.clip == old.clip,
        cue.cue_id == old.cue_id,
        id(piece.laid) not in used,
        cue.track == old.track,
        -abs(cue.start_s - old.start_s),
    )


def _free(pieces: Iterable[Piece], n_frames: int) -> list[tuple[int, int]]:
    free: list[tuple[int, int]] = []
    at = 0
    for piece in sorted(pieces, key=lambda piece: piece.first):
        if piece.first > at:
            free.append((at, piece.first))
        at = max(at, piece.last)
    if at < n_frames:
        free.append((at, n_frames))
    return free


def _fate(cue: Cue, pieces: tuple[Piece, ...]) -> CueFate:
    missing = tuple(_free(pieces, cue.n_frames))
    if not pieces:
        return CueFate(cue, "missing", (), missing)
    if missing:
        return CueFate(cue, "partly", pieces, missing)
    old = pieces[0].laid.cue
    same_in = _origin(cue, "media_s", "0") == _origin(old, "media_s", "0")
    if len(pieces) > 1 or not same_in or cue.duration_s != old.duration_s:
        return CueFate(cue, "trimmed", pieces)
    return CueFate(cue, "kept" if cue.start_s == old.start_s else "moved", pieces)


# --- laying ----------------------------------------------------------------------------------


def sounds_of(plan: Plan, new: Timeline, skip: Iterable[str] = ()) -> list[Sound]:
    """The plan as sounds for ``write_sounds``; cues whose ids are in ``skip`` are left free."""
    left_free = set(skip)
    sounds: list[Sound] = []
    for fate in plan.fates:
        if fate.cue.cue_id in left_free:
            continue
        sounds += [_sound(fate, piece, new) for piece in fate.pieces]
    return sounds


def _sound(fate: CueFate, piece: Piece, new: Timeline) -> Sound:
    cue, laid = fate.cue, piece.laid
    held = laid.length_s * new.fps
    start = cue.start_frame + piece.first
    n_frames = min(piece.last - piece.first + piece.tail, new.n_frames - start)
    metadata = {
        **{key: value for key, value in laid.metadata.items() if key != "mix" or not laid.is_dry},
        "schema": facts.SCHEMA,
        "take": laid.take,
        **facts.to_plain(facts.cue_facts(cue)),
        "conformed": {"from_cue": laid.cue.cue_id, "fate": fate.fate},
    }
    return Sound(
        start_frame=start,
        n_frames=n_frames,
        in_frame=piece.in_frame,
        file_frames=held.numerator // held.denominator,
        file_start=round(Fraction(laid.file_start) * new.fps / laid.cue.fps),
        wav_path=laid.wav_path,
        name=laid.name,
        channels=laid.channels,
        metadata=metadata,
        stem=str(laid.metadata.get("stem", "")),
    )
