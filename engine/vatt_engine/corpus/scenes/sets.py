"""Sets of films to judge models on: a small definition (seeds), and the folder it makes.

A definition is JSON: ``{"name", "films": [{"seed", "split", "duration_s", "category", "family",
"alone"}, ...]}``. Made from it: ``NAME/set.jsonl`` with one film a line (``docs/scenes.md``), an
MP4 and a FLAC each. The judge reads the folder and knows nothing of how it was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from vatt_engine.corpus.scenes.captions import caption
from vatt_engine.corpus.scenes.casting import SILENT, choices
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.film import write_film
from vatt_engine.corpus.scenes.lane import audible_hits
from vatt_engine.corpus.scenes.plan import Scene
from vatt_engine.corpus.scenes.sound import ShotBank, render_mix
from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.onsets import find_onsets
from vatt_engine.evaluation.sync import onset_score

MANIFEST = "set.jsonl"
_SAMPLE_RATE = 24_000
_COUNTABLE = 0.8


@dataclass(frozen=True)
class FilmSpec:
    """What one film is made from; see ``compose.make_scene``."""

    seed: int
    split: str = "test"
    duration_s: float = 6.0
    category: str | None = None
    family: str | None = None
    alone: bool = False

    def scene(self) -> Scene:
        """The plan."""
        return make_scene(
            self.seed,
            self.split,
            self.duration_s,
            category=self.category,
            family=self.family,
            alone=self.alone,
        )


def read_definition(path: Path) -> tuple[str, tuple[FilmSpec, ...]]:
    """Name and films of a definition file.

    Raises:
        BadRequest: not such a file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return str(data["name"]), tuple(FilmSpec(**row) for row in data["films"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{path} is no set definition: {error}.", "Make one with the scenes' `define` command."
        ) from error


def define(
    n_films: int, split: str, seed: int, n_still: int = 0, duration_s: float = 6.0
) -> tuple[FilmSpec, ...]:
    """Films spread evenly over categories and families of a split, and ``n_still`` silent ones."""
    by_category: dict[str, list[str]] = {}
    for category, family in choices(split):
        by_category.setdefault(category, []).append(family)
    names = list(by_category)
    films: list[FilmSpec] = []
    for i in range(n_films):
        # A small set takes every so-manieth category, a large one goes round more than once.
        category = names[i * len(names) // n_films if n_films < len(names) else i % len(names)]
        family = _rarest(by_category[category], films)
        films.append(FilmSpec(seed + i, split, duration_s, category, family))
    for i in range(n_still):
        family = SILENT[i % len(SILENT)]
        films.append(FilmSpec(seed + n_films + i, split, duration_s, None, family))
    return tuple(films)


def _rarest(families: list[str], films: list[FilmSpec]) -> str:
    """The family that the set has least of, so that a small set shows them all."""
    return min(families, key=lambda name: sum(film.family == name for film in films))


def write_definition(name: str, films: Sequence[FilmSpec], path: Path) -> None:
    """Write a definition, defaults left out."""
    plain = FilmSpec(0)
    rows = [
        {k: v for k, v in asdict(film).items() if k == "seed" or v != getattr(plain, k)}
        for film in films
    ]
    body = ",\n".join("  " + json.dumps(row) for row in rows)
    path.write_text(f'{{"name": {json.dumps(name)}, "films": [\n{body}\n]}}\n', encoding="utf-8")


def is_countable(scene: Scene, wave: NDArray[np.float32] | None) -> bool:
    """Whether onsets can tell if a sound is in sync with this film.

    They can where a hit makes one onset: not for gravel, splinters, creaks or rain, and not where
    something is heard that is not seen. The true sound decides, if there is one: its own onsets
    must match the hits with an F1 of ``_COUNTABLE``; without it, every source must consist of
    visible contacts.
    """
    hits = np.array([hit.time_s for hit in audible_hits(scene)])
    if len(hits) == 0:
        return False
    if wave is not None:
        found = find_onsets(wave, _SAMPLE_RATE).times_s
        return onset_score(found, hits).f1 >= _COUNTABLE
    return all(
        source.visible and source.kind != "continuous" and all(hit.visible for hit in source.hits)
        for source in scene.sources
    )


def describe(
    spec: FilmSpec, scene: Scene, film: str, audio: str, countable: bool
) -> dict[str, Any]:
    """One line of the set's manifest."""
    return {
        "film": film,
        "audio": audio,
        "duration_s": scene.duration_s,
        "hits": [[h.time_s, h.strength] for h in audible_hits(scene)],
        "hits_countable": countable,
        "categories": [s.category for s in scene.sources],
        "caption": caption(scene),
        "family": scene.family,
        "silent": not scene.sources,
        "style": list(scene.style),
        "made_from": asdict(spec),
    }


def make_set(
    films: Sequence[FilmSpec],
    folder: Path,
    height: int = 224,
    bank: ShotBank | None = None,
    on_film: Callable[[int, int], None] | None = None,
) -> Path:
    """Render a set; films that are there already are kept.

    Args:
        films: what to make.
        folder: made if missing.
        height: pixels.
        bank: recordings for the reference sound.
        on_film: called with (done, total).

    Returns:
        Path of the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Mapping[str, Any]] = []
    for index, spec in enumerate(films):
        scene = spec.scene()
        film, audio = folder / f"{index:04d}.mp4", folder / f"{index:04d}.flac"
        mix = render_mix(scene, _SAMPLE_RATE, bank)
        if not audio.exists():
            sf.write(audio, mix.wave, _SAMPLE_RATE)
        if not film.exists():
            write_film(scene, film, height)
        # A reference that lacks a source would be no reference.
        true = None if mix.missing else mix.wave
        name = "" if mix.missing else audio.name
        rows.append(describe(spec, scene, film.name, name, is_countable(scene, true)))
        if on_film is not None:
            on_film(index + 1, len(films))
    manifest = folder / MANIFEST
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return manifest
