"""Carrying takes over to a re-cut: they slide, trim and split with their picture.

A take belongs to the picture it was laid under. So for each take in the old cut, the shot below
it says which stretch of which media it sounds for; wherever the new cut shows that media at that
speed, the sound of the same moments is laid again, handles included. What no take covers is
listed, to be made anew. Sounds that were spotted by hand stay at their moments, and what was left
silent between them stays silent.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

from vatt_plugin.cues import Cue
from vatt_plugin.timeline import facts
from vatt_plugin.timeline.intervals import Intervals
from vatt_plugin.timeline.laid import Laid, is_spotted, laid_takes, our_clips, spotting_of
from vatt_plugin.timeline.matching import (
    PictureKey,
    Piece,
    Stretch,
    free_of,
    likeness,
    media_heard,
    origin_of,
    picture_key,
    piece_of,
)
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.spotted import donors_of, spotted_pieces
from vatt_plugin.timeline.tracks import Sound

_EDGE_S = Fraction(1, 1000)  # so near to its end a file has faded by itself
Fate = Literal["kept", "moved", "trimmed", "partly", "missing", "silent", "skipped"]


@dataclass(frozen=True)
class CueFate:
    """What becomes of one cue of the new cut.

    Attributes:
        cue: of the new cut.
        fate: ``kept`` where it was, ``moved`` whole, ``trimmed`` (another in or out point, all
            covered), ``partly`` covered, ``missing`` (no take), ``silent`` (spotted by hand, and
            nothing was spotted here), or ``skipped`` (needs no sound).
        pieces: what is laid under it.
        missing: uncovered stretches that want sound, in frames from the cue's start.
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
        notes: what else stays behind.
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
            "notes": list(self.notes),
        }


# --- matching --------------------------------------------------------------------------------


def plan(old: Timeline, new: Timeline) -> Plan:
    """Decide for every cue of the new cut what becomes of it; nothing is read or written."""
    takes = laid_takes(old)
    by_media = _by_media(laid for laid in takes if not laid.spotted)
    spotted = donors_of(laid for laid in takes if laid.spotted)
    used: set[int] = set()
    fates: list[CueFate] = []
    for cue in new.cues:
        if cue.status == "skipped":
            fates.append(CueFate(cue, "skipped"))
            continue
        key, shown = picture_key(cue), media_heard(cue, Fraction(0), cue.duration_s)
        pieces = _cover(cue, by_media[key].touching(*shown), used) if key in by_media else []
        settled: list[Stretch] = []
        if key in spotted:
            more, settled = spotted_pieces(cue, spotted[key].touching(*shown))
            pieces += more
        used.update(id(piece.laid) for piece in pieces)
        fates.append(_fate(cue, tuple(sorted(pieces, key=lambda piece: piece.first)), settled))
    laid_again = {(laid.take, laid.first) for laid in takes if id(laid) in used}
    unused = {(laid.take, laid.first): laid for laid in takes}
    return Plan(
        tuple(fates),
        tuple(laid for key, laid in unused.items() if key not in laid_again),
        _over_black(old, takes),
    )


def _over_black(old: Timeline, takes: Iterable[Laid]) -> tuple[str, ...]:
    """A line for each sound of the old cut that has no picture to go with."""
    known = {(laid.take, laid.first) for laid in takes}
    lone = (our for our in our_clips(old) if not our.is_bed)
    return tuple(
        f"Take {our.take} lies over black in {old.path.name}, so it goes with no shot; left behind."
        for our in lone
        if (our.take, our.start) not in known
    )


def _by_media(takes: Iterable[Laid]) -> dict[PictureKey, Intervals[Laid]]:
    """Takes by the media they sound for, and there by the stretch."""
    grouped: dict[PictureKey, list[tuple[Fraction, Fraction, Laid]]] = defaultdict(list)
    for laid in takes:
        heard = media_heard(laid.cue, laid.offset_s, laid.length_s)
        grouped[picture_key(laid.cue)].append((*heard, laid))
    return {key: Intervals(items) for key, items in grouped.items()}


def _cover(cue: Cue, takes: Iterable[Laid], used: set[int]) -> list[Piece]:
    """Cover as much of a cue as takes can, the likeliest first, without overlaps."""
    candidates = [piece for laid in takes if (piece := piece_of(cue, laid)) is not None]
    candidates.sort(key=lambda piece: likeness(cue, piece, used), reverse=True)
    chosen: list[Piece] = []
    for piece in candidates:
        free = free_of((each.stretch for each in chosen), cue.n_frames)
        parts = (piece.within(stretch, cue.n_frames) for stretch in free)
        chosen += [part for part in parts if part is not None]
    return chosen


def _fate(cue: Cue, pieces: tuple[Piece, ...], settled: Iterable[Stretch]) -> CueFate:
    missing = tuple(free_of([*(piece.stretch for piece in pieces), *settled], cue.n_frames))
    if missing:
        return CueFate(cue, "partly" if pieces else "missing", pieces, missing)
    if not pieces:
        return CueFate(cue, "silent")
    old = pieces[0].laid.cue
    same_in = origin_of(cue, "media_s", "0") == origin_of(old, "media_s", "0")
    one = len({piece.laid.cue.cue_id for piece in pieces}) == 1
    if not one or not same_in or cue.duration_s != old.duration_s:
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
    return _through(_joined(sounds))


def _joined(sounds: list[Sound]) -> list[Sound]:
    """Sounds that were spotted across a cut of the picture in one piece again."""
    joined: list[Sound] = []
    for sound in sorted(sounds, key=lambda each: (str(each.wav_path), each.start_frame)):
        before = joined[-1] if joined else None
        if (
            before is not None
            and is_spotted(sound.metadata)
            and before.wav_path == sound.wav_path
            and before.end_frame == sound.start_frame
            and before.in_frame + before.n_frames == sound.in_frame
        ):
            n_frames = before.n_frames + sound.n_frames
            joined[-1] = replace(before, n_frames=n_frames, fade_out=sound.fade_out)
        else:
            joined.append(sound)
    return sorted(joined, key=lambda each: each.start_frame)


def _through(sounds: list[Sound]) -> list[Sound]:
    """Without fades where the next clip plays on in the same file: a cut, but none in the sound."""
    starts = {(s.wav_path, s.in_frame, s.start_frame) for s in sounds}
    ends = {(s.wav_path, s.in_frame + s.n_frames, s.end_frame) for s in sounds}
    return [
        replace(
            s,
            fade_in=s.fade_in and (s.wav_path, s.in_frame, s.start_frame) not in ends,
            fade_out=s.fade_out
            and (s.wav_path, s.in_frame + s.n_frames, s.end_frame) not in starts,
        )
        for s in sounds
    ]


def _is_cut(
    at_s: Fraction, old_s: Fraction, faded_s: Any, length_s: Fraction, fps: Fraction
) -> bool:
    """Whether an edge of a sound is a cut that a re-cut made in it, now or earlier.

    Args:
        at_s: where in its file the edge lies.
        old_s: where it lay in the old cut; left as it is there, an edge was the editor's wish.
        faded_s: where an earlier conform faded; anything else than a number says nowhere.
        length_s: of the file; at its ends it has fades of its own.
        fps: of the new cut, since edges lie on whole frames.
    """
    if at_s < _EDGE_S or at_s > length_s - _EDGE_S:
        return False
    near = 1 / (2 * fps)
    known = isinstance(faded_s, int | float) and math.isfinite(faded_s)
    return abs(at_s - old_s) >= near or (known and abs(at_s - Fraction(faded_s)) < near)


def _made_for(laid: Laid) -> str:
    """The id of the cue that a take was made for, before any re-cut: its own id counts it in."""
    earlier = laid.metadata.get("conformed")
    from_cue = earlier.get("from_cue") if isinstance(earlier, Mapping) else None
    return str(from_cue or laid.metadata.get("cue") or laid.cue.cue_id)


def _sound(fate: CueFate, piece: Piece, new: Timeline) -> Sound:
    cue, laid = fate.cue, piece.laid
    held = laid.length_s * new.fps
    start = cue.start_frame + piece.first
    n_frames = min(piece.last - piece.first + piece.tail, new.n_frames - start)
    picture = facts.to_plain(facts.cue_facts(cue))
    picture["origin"] |= spotting_of(laid.metadata)
    metadata = {
        **{key: value for key, value in laid.metadata.items() if key != "mix" or not laid.is_dry},
        "schema": facts.SCHEMA,
        "take": laid.take,
        **picture,
        "conformed": {"from_cue": _made_for(laid), "fate": fate.fate},
    }
    in_s, out_s = piece.in_frame / new.fps, (piece.in_frame + n_frames) / new.fps
    faded = laid.fade
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
        fade_in=_is_cut(in_s, laid.in_s, faded.get("in_s"), laid.length_s, new.fps),
        fade_out=_is_cut(out_s, laid.out_s, faded.get("out_s"), laid.length_s, new.fps),
    )
