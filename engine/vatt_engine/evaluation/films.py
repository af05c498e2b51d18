"""Film sets: what a model is asked to sound, and what is known to be true of it.

A set is a folder with ``set.jsonl``, that file itself, a definition of seeds (``.json``), or the
name of a definition that ships (``heldout``). Definitions are rendered once into a cache folder.
One line of ``set.jsonl``: ``film`` (relative path), and where known ``hits`` [[time_s, strength]],
``hits_countable``, ``categories``, ``caption``, ``silent``, ``audio`` (the true sound), ``family``,
``duration_s``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.errors import BadRequest

_SETS = Path(__file__).parent / "sets"


@dataclass(frozen=True)
class Film:
    """One film and its truth.

    Attributes:
        name: of the file, unique within the set.
        path: the film.
        duration_s: seconds.
        hits: (time_s, strength) of what the picture shows; None when unknown.
        categories: what sounds, the main one first; empty when unknown or silent.
        caption: a true caption, or empty.
        silent: known to make no sound.
        audio: the true sound, or None.
        family: how it moves, to tell figures apart by.
        countable: whether every hit is one onset, so that onset F1 means something here.
    """

    name: str
    path: Path
    duration_s: float
    hits: tuple[tuple[float, float], ...] | None = None
    categories: tuple[str, ...] = ()
    caption: str = ""
    silent: bool = False
    audio: Path | None = None
    family: str = ""
    countable: bool = True


@dataclass(frozen=True)
class FilmSet:
    """Films with a name."""

    name: str
    films: tuple[Film, ...]


def shipped_sets() -> tuple[str, ...]:
    """Names of the definitions that come with the engine."""
    return tuple(sorted(path.stem for path in _SETS.glob("*.json")))


def read_set(where: str, cache: Path, on_film: Callable[[int, int], None] | None = None) -> FilmSet:
    """Find and read a set, rendering it if it is a definition.

    Args:
        where: folder, ``.jsonl``, ``.json`` definition, or the name of a shipped one.
        cache: where definitions are rendered to.
        on_film: called with (done, total) while rendering.

    Raises:
        BadRequest: there is no such set, or its manifest cannot be read.
    """
    path = Path(where)
    if where in shipped_sets() and not path.exists():
        path = _SETS / f"{where}.json"
    if path.is_dir():
        path = path / "set.jsonl"
    if not path.is_file():
        raise BadRequest(
            f"There is no film set {where!r}.",
            f"Give a folder with set.jsonl, or one of: {', '.join(shipped_sets())}.",
        )
    if path.suffix == ".json":
        return _rendered(path, cache, on_film)
    return FilmSet(path.parent.name, _read_manifest(path))


def _rendered(definition: Path, cache: Path, on_film: Callable[[int, int], None] | None) -> FilmSet:
    from vatt_engine.corpus.scenes.sets import make_set, read_definition

    name, films = read_definition(definition)
    # The films follow from the definition and from the code that draws them.
    digest = hashlib.sha256(definition.read_bytes())
    scenes = Path(__file__).parents[1] / "corpus" / "scenes"
    for source in sorted([*scenes.glob("*.py"), *scenes.glob("*.csv")]):
        digest.update(source.read_bytes())
    manifest = make_set(films, cache / f"{name}-{digest.hexdigest()[:12]}", on_film=on_film)
    return FilmSet(name, _read_manifest(manifest))


def _read_manifest(path: Path) -> tuple[Film, ...]:
    films: list[Film] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            films.append(_film(json.loads(line), path.parent))
        except (ValueError, KeyError, TypeError) as error:
            raise BadRequest(
                f"{path}, line {number}: {type(error).__name__}: {error}.",
                "Every line is a JSON object with at least `film` and `duration_s`.",
            ) from error
    if not films:
        raise BadRequest(f"{path} lists no films.")
    return tuple(films)


def _film(row: dict[str, Any], folder: Path) -> Film:
    hits = row.get("hits")
    audio = row.get("audio")
    return Film(
        name=str(row["film"]),
        path=folder / str(row["film"]),
        duration_s=float(row["duration_s"]),
        hits=None if hits is None else tuple((float(t), float(s)) for t, s in hits),
        categories=tuple(str(c) for c in row.get("categories", ())),
        caption=str(row.get("caption", "")),
        silent=bool(row.get("silent", False)),
        audio=folder / str(audio) if audio else None,
        family=str(row.get("family", "")),
        countable=bool(row.get("hits_countable", True)),
    )
