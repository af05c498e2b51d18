"""What the timeline strip shows: the cut, its own sound, the hits and the Foley, as lanes."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt6.QtGui import QImage

from vatt_plugin.cues import Cue
from vatt_ui.cue_status import LOOKS, words
from vatt_ui.helper.plain import StripTrack
from vatt_ui.playback.sounds import SoundBank, original_key
from vatt_ui.session import Session
from vatt_ui.widgets.strip_tiles import Block, Lane

PICTURE_H, HITS_H, ORIGINAL_H, FOLEY_H, TAKE_H = 46, 40, 40, 58, 38

Thumbnails = dict[str, tuple[tuple[float, QImage], ...]]


def lanes_of(
    session: Session,
    sounds: SoundBank,
    thumbnails: Thumbnails,
    *,
    original_muted: bool,
    foley_muted: bool,
    takes_open: bool,
) -> list[Lane]:
    """All lanes, top to bottom."""
    cut = session.cut
    if cut is None:
        return []
    lanes = []
    by_track: dict[str, list[Cue]] = {}
    for cue in cut.cues:
        by_track.setdefault(cue.track, []).append(cue)
    pictures = [t for t in cut.tracks if t.kind == "Video"]
    for number, track in reversed(list(enumerate(pictures, 1))):
        cues = by_track.get(track.name, [])
        lanes.append(_picture_lane(f"V{number}", track, cues, session, thumbnails))
    for track_name, cues in by_track.items():
        suffix = "" if len(by_track) == 1 else f" {_short(track_name, pictures)}"
        blocks = [_hit_block(session, cue) for cue in cues]
        lanes.append(Lane.of(f"Hits{suffix}", "hits", HITS_H, blocks))
    originals = [t for t in cut.tracks if t.kind == "Audio" and not t.ours and t.items]
    if originals or any(cue.picture for cue in cut.cues):
        lanes.append(_original_lane(session, sounds, original_muted))
    for track_name, cues in by_track.items():
        suffix = "" if len(by_track) == 1 else f" {_short(track_name, pictures)}"
        blocks = [_foley_block(session, sounds, cue, muted=foley_muted) for cue in cues]
        lanes.append(Lane.of(f"Foley{suffix}", "foley", FOLEY_H, blocks))
    if takes_open:
        lanes += _take_lanes(session, sounds)
    return lanes


def _short(name: str, tracks: Iterable[StripTrack]) -> str:
    for number, track in enumerate(tracks, 1):
        if track.name == name:
            return f"V{number}"
    return name[:4]


def _picture_lane(
    name: str, track: StripTrack, cues: list[Cue], session: Session, thumbnails: Thumbnails
) -> Lane:
    places = {round(float(c.start_s), 4): c for c in cues}
    blocks = []
    for item in track.items:
        if item.kind == "gap":
            continue
        cue = places.get(round(item.start_s, 4))
        pictures = thumbnails.get(cue.cue_id, ()) if cue is not None else ()
        status = session.status(cue.cue_id) if cue is not None else "skipped"
        off = not item.enabled or status in ("offline", "unreadable", "skipped")
        badge = LOOKS[status].word if off and cue is not None else ""
        blocks.append(
            Block(
                item.start_s,
                item.start_s + item.duration_s,
                item.name,
                fill="raised" if off else "picture",
                dim=off,
                badge=badge,
                thumbnails=pictures,
            )
        )
    return Lane.of(name, "picture", PICTURE_H, blocks)


def _hit_block(session: Session, cue: Cue) -> Block:
    state = session.state(cue.cue_id)
    hits = tuple((h.time_s, h.strength, h.muted) for h in state.hits or ())
    return Block(
        float(cue.start_s),
        float(cue.start_s + cue.duration_s),
        fill="field",
        edge="line",
        hits=hits,
        intensity=state.intensity,
    )


def _original_lane(session: Session, sounds: SoundBank, muted: bool) -> Lane:
    blocks = []
    for cue in _without_overlap(session.cues):
        peaks = sounds.peaks(original_key(cue.picture)) if cue.picture else None
        blocks.append(
            Block(
                float(cue.start_s),
                float(cue.start_s + cue.duration_s),
                fill="field",
                edge="line",
                wave="original",
                peaks=peaks if peaks is not None and len(peaks.low) else None,
                dim=muted,
            )
        )
    return Lane.of("Original", "original", ORIGINAL_H, blocks)


def _without_overlap(cues: Iterable[Cue]) -> list[Cue]:
    kept: list[Cue] = []
    for cue in cues:
        if not kept or cue.start_s >= kept[-1].start_s + kept[-1].duration_s:
            kept.append(cue)
    return kept


def _foley_block(session: Session, sounds: SoundBank, cue: Cue, *, muted: bool) -> Block:
    state = session.state(cue.cue_id)
    status = session.status(cue.cue_id)
    look = LOOKS[status]
    job = session.jobs.look(cue.cue_id)
    shown = session.current_take(cue.cue_id) if cue.cue_id == session.current else state.chosen
    take = session.take(shown or state.chosen)
    peaks = sounds.peaks(take.take_id) if take is not None else None
    fill = {"failed": "field", "none": "field", "queued": "field"}.get(status, "raised")
    return Block(
        float(cue.start_s),
        float(cue.start_s + cue.duration_s),
        text=_foley_text(session, cue),
        fill=fill,
        edge=look.token if status not in ("none", "takes") else "line_strong",
        wave="wave_chosen" if cue.cue_id == session.current else "wave",
        peaks=peaks,
        offset_s=-state.nudge_s,
        fraction=(job.fraction or 0.0) if job is not None and job.running else None,
        dim=muted or state.muted,
    )


def _foley_text(session: Session, cue: Cue) -> str:
    """What the block says: the words of a finished take, else the state."""
    state = session.state(cue.cue_id)
    status = session.status(cue.cue_id)
    take = session.take(state.chosen)
    if status == "none":
        return ""
    said = (take.recipe.prompt or take.caption) if take is not None else ""
    if status in ("done", "takes", "locked"):
        return said or words(LOOKS[status], state)
    shown = words(LOOKS[status], state, session.jobs.look(cue.cue_id))
    return f"{shown} · {said}" if said and status in ("edited", "stale") else shown


def _take_lanes(session: Session, sounds: SoundBank) -> list[Lane]:
    cue = session.cue(session.current)
    if cue is None:
        return []
    lanes = []
    state = session.state(cue.cue_id)
    for number, take_id in enumerate(state.takes, 1):
        if take_id in state.trashed:
            continue
        chosen = take_id == state.chosen
        block = Block(
            float(cue.start_s),
            float(cue.start_s + cue.duration_s),
            text=f"Take {number}" + (" · used" if chosen else ""),
            fill="raised" if chosen else "field",
            edge="done" if chosen else "line",
            wave="wave_chosen" if chosen else "wave",
            peaks=sounds.peaks(take_id),
        )
        lanes.append(Lane.of(f"Take {number}", "take", TAKE_H, [block]))
    return lanes
