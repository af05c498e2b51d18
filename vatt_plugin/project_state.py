"""What the panel remembers of a cue, and the edits that change it: plain data, no files.

A ``CueState`` is frozen; an ``Edit`` is a list of field changes, each with the value before and
after in JSON form. Undo applies the befores, redo the afters, the journal stores the edit as it
is: so everything that can be done can be undone, repeated and recovered by the same few lines.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vatt_engine.lane_editing import followed
from vatt_engine.messages import ImageSequence, PictureSegment, SyncLane
from vatt_plugin.cues import Cue, Recipe, Take


@dataclass(frozen=True)
class Hit:
    """A moment that should sound: seconds from the cue's first frame, strength 0..1."""

    time_s: float
    strength: float = 0.8
    muted: bool = False


@dataclass(frozen=True)
class CueState:
    """All that is remembered of one cue beside what the timeline says.

    Attributes:
        prompt: the user's words; empty lets the engine's caption speak.
        caption: the engine's words, kept apart; ``alternatives`` its other offers.
        hits: the hit lane; None until spotted or drawn. ``intensity`` goes with it at
            ``rate_hz``.
        hits_edited: the user has changed the lane, so the next take must follow it.
        spotted: the hits as they were found together with ``intensity``; a hit moved since takes
            its part of that curve along.
        span: in..out inside the cue, seconds, for listening and regenerating.
        takes: ids in order of making; ``trashed`` and ``starred`` are subsets of them.
        chosen: the take that goes to the timeline; empty for none.
        nudge_s: how much earlier (negative) or later the chosen take is laid.
        relinked: media path the user chose for an offline cue.
        picture_key: what the picture was when the newest take was made.
        media_notes: what the engine found amiss with the media when it last looked.
    """

    prompt: str = ""
    negative: str = ""
    caption: str = ""
    alternatives: tuple[str, ...] = ()
    prompt_history: tuple[str, ...] = ()
    seed: int = 1
    seed_locked: bool = False
    n_takes: int = 1
    hits: tuple[Hit, ...] | None = None
    hits_edited: bool = False
    spotted: tuple[Hit, ...] = ()
    intensity: tuple[float, ...] = ()
    rate_hz: float = 50.0
    span: tuple[float, float] | None = None
    takes: tuple[str, ...] = ()
    trashed: tuple[str, ...] = ()
    starred: tuple[str, ...] = ()
    chosen: str = ""
    nudge_s: float = 0.0
    locked: bool = False
    muted: bool = False
    relinked: str = ""
    picture_key: str = ""
    media_notes: tuple[str, ...] = ()

    @property
    def visible_takes(self) -> tuple[str, ...]:
        """Takes that are not in the trash."""
        return tuple(t for t in self.takes if t not in self.trashed)

    def lane(self) -> SyncLane | None:
        """The lane to send to the engine: muted hits left out; None before any spotting."""
        if self.hits is None:
            return None
        hits = sorted((h.time_s, h.strength) for h in self.hits if not h.muted)
        lane = SyncLane(tuple(hits), self.intensity, self.rate_hz)
        return followed(lane, [(h.time_s, h.strength) for h in self.spotted])


_FIELDS = {f.name: f for f in dataclasses.fields(CueState)}


def plain_value(value: object) -> Any:
    """The JSON form of a field's value: tuples become lists, hits dictionaries."""
    if isinstance(value, Hit):
        return dataclasses.asdict(value)
    if isinstance(value, tuple | list):
        return [plain_value(v) for v in value]
    return value


def field_value(name: str, plain: Any) -> Any:
    """The field's own form of a JSON value.

    Raises:
        ValueError: an unknown field or a value of the wrong shape.
    """
    if name not in _FIELDS:
        raise ValueError(f"unknown cue field {name!r}")
    if name in ("hits", "spotted"):
        return None if plain is None else tuple(Hit(**hit) for hit in plain)
    if isinstance(plain, list):
        return tuple(plain)
    return plain


def cue_state_fields(state: CueState) -> dict[str, Any]:
    """All fields of a state, as ``Project.edit`` takes them."""
    return {name: getattr(state, name) for name in _FIELDS}


def cue_state_to_plain(state: CueState) -> dict[str, Any]:
    """Only what differs from an untouched cue, so that large projects stay small."""
    blank = CueState()
    return {
        name: plain_value(getattr(state, name))
        for name in _FIELDS
        if getattr(state, name) != getattr(blank, name)
    }


def cue_state_from_plain(plain: Mapping[str, Any]) -> CueState:
    """Read back ``cue_state_to_plain``; fields of a newer version are left out."""
    known = {k: field_value(k, v) for k, v in plain.items() if k in _FIELDS}
    return CueState(**known)


@dataclass(frozen=True)
class Change:
    """One field of one cue; ``before`` and ``after`` in JSON form."""

    cue_id: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Edit:
    """One undoable step.

    Attributes:
        label: what the Undo menu says ("Edit prompt of Shot_012").
        merge: edits with the same non-empty key within a second become one step.
        time: seconds since the epoch, for merging and for the history list.
    """

    label: str
    changes: tuple[Change, ...]
    merge: str = ""
    time: float = 0.0

    @property
    def cue_ids(self) -> tuple[str, ...]:
        """The cues it touches, each once, in order."""
        return tuple(dict.fromkeys(change.cue_id for change in self.changes))

    def merged_with(self, later: Edit) -> Edit:
        """This step and a later one as one: first befores, last afters."""
        merged = {(c.cue_id, c.field): c for c in self.changes}
        for change in later.changes:
            key = (change.cue_id, change.field)
            first = merged.get(key)
            merged[key] = dataclasses.replace(change, before=first.before) if first else change
        return dataclasses.replace(self, changes=tuple(merged.values()), time=later.time)

    def to_plain(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "label": self.label,
            "merge": self.merge,
            "time": self.time,
            "changes": [[c.cue_id, c.field, c.before, c.after] for c in self.changes],
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Edit:
        """Read back ``to_plain``."""
        changes = tuple(Change(*change) for change in plain["changes"])
        return Edit(plain["label"], changes, plain.get("merge", ""), plain.get("time", 0.0))


def apply_changes(
    states: dict[str, CueState], changes: Iterable[Change], *, backwards: bool = False
) -> None:
    """Set each changed field in ``states`` (in place), to its after or its before value."""
    for change in changes:
        value = field_value(change.field, change.before if backwards else change.after)
        state = states.get(change.cue_id, CueState())
        states[change.cue_id] = dataclasses.replace(state, **{change.field: value})


@dataclass(frozen=True)
class Settings:
    """What holds for the whole project."""

    model: str = ""
    device: str = "auto"
    steps: int | None = None
    cfg: float | None = None
    output: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Settings:
        """Known keys only; a newer version's others are ignored."""
        names = {f.name for f in dataclasses.fields(Settings)}
        return Settings(**{k: v for k, v in plain.items() if k in names})


def take_to_plain(take: Take) -> dict[str, Any]:
    """A take's record as the project keeps it."""
    return dataclasses.asdict(take)


def take_from_plain(plain: Mapping[str, Any]) -> Take:
    """Read back ``take_to_plain``, leaving out what a newer version added."""
    names = {f.name for f in dataclasses.fields(Take)} - {"recipe", "moments", "held_back"}
    return Take(
        recipe=recipe_from_plain(plain["recipe"]),
        moments=_lane_from_plain(plain.get("moments")),
        held_back=tuple((a, b, db) for a, b, db in plain.get("held_back", ())),
        **{k: v for k, v in plain.items() if k in names},
    )


def recipe_from_plain(plain: Mapping[str, Any]) -> Recipe:
    """A recipe of its JSON form, leaving out what a newer version added.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    recipe = dict(plain)
    recipe["lane"] = _lane_from_plain(recipe.get("lane"))
    recipe["made_from"] = tuple(recipe_from_plain(each) for each in recipe.get("made_from") or ())
    if recipe.get("span") is not None:
        recipe["span"] = tuple(recipe["span"])
    names = {f.name for f in dataclasses.fields(Recipe)}
    return Recipe(**{k: v for k, v in recipe.items() if k in names})


def _lane_from_plain(plain: Mapping[str, Any] | None) -> SyncLane | None:
    if plain is None:
        return None
    hits = tuple((float(t), float(s)) for t, s in plain["hits"])
    return SyncLane(hits, tuple(plain["intensity"]), plain["rate_hz"])


def picture_key(cue: Cue) -> str:
    """What decides whether a take still fits its picture: media, place, length and speed."""
    parts = [f"{float(cue.duration_s):.4f}"]
    for segment in cue.picture:
        name = segment.media.replace("\\", "/").rsplit("/", 1)[-1]
        parts.append(
            f"{name}@{segment.start_s:.4f}+{segment.duration_s:.4f}x{segment.time_scalar:g}"
        )
    return "|".join(parts)


def relinked_picture(cue: Cue, media: str) -> tuple[PictureSegment, ...]:
    """The cue's picture with its missing media replaced by ``media``."""
    sequence: ImageSequence | None = None
    if not cue.picture:
        return (PictureSegment(media, 0.0, float(cue.duration_s), 1.0, sequence),)
    return tuple(
        dataclasses.replace(s, media=media, sequence=sequence) if not s.media else s
        for s in cue.picture
    )
