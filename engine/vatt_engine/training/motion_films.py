"""Films as a spotter learns from them: motion features and what they should say, by the thousand.

Films are made once, in shards of 50, and kept: drawing and measuring one costs a core 0.15 s. They
are played as footage is: not only at 25 fps but also at 24 and 30, and at half rates with every
image shown twice, so tempo and repeated images vary with them.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vatt_engine import motion as motion_module
from vatt_engine.corpus.scenes.casting import SILENT
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.lane import audible_hits, true_lane
from vatt_engine.corpus.scenes.plan import FPS, LANE_HZ
from vatt_engine.errors import BadRequest
from vatt_engine.motion import MOTION_FPS, MOTION_HEIGHT, Motion, MotionMeter
from vatt_engine.training.contacts import FAMILY, contact_scene
from vatt_engine.training.spotter_cameras import camera_scene

Floats = NDArray[np.float32]

SHARD = 50


@dataclass(frozen=True)
class Playback:
    """How a drawn film is played: ``fps`` images a second, every ``step``-th of those drawn."""

    fps: float = MOTION_FPS
    step: int = 1

    @property
    def tempo(self) -> float:
        """Film seconds a second."""
        return self.fps * self.step / FPS


_PLAYBACKS = (Playback(), Playback(24), Playback(30), Playback(12.5, 2), Playback(15, 2))
_SHARES = (0.55, 0.2, 0.15, 0.05, 0.05)


@dataclass(frozen=True, eq=False)
class MotionFilms:
    """Films of equal length.

    Attributes:
        motion: [N, F, N_FEATURES] half floats.
        lane: [N, 2F, 2] intensity in the second column, as ``true_lane``.
        hits: of each film [n, 2]: time in seconds and strength, of what is visible and audible.
        families: of each film.
    """

    motion: Motion
    lane: Floats
    hits: tuple[Floats, ...]
    families: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """Of each film."""
        return float(self.motion.shape[1] / MOTION_FPS)

    def __len__(self) -> int:
        return len(self.motion)


@dataclass(frozen=True)
class FilmsSpec:
    """Which films: ``count`` of them, of ``first_seed`` and those after it.

    Attributes:
        silent: share of films of a family that makes no sound; None leaves it to ``make_scene``.
        abstract: films of ``contacts`` instead of those of the scenes.
        camera: films of ``spotter_cameras`` instead.
        varied: whether they are played at various rates; else at 25 fps.
    """

    split: str
    first_seed: int
    count: int
    duration_s: float = 6.0
    silent: float | None = None
    abstract: bool = False
    camera: bool = False
    varied: bool = False

    @property
    def shelf(self) -> str:
        """What its shards are called."""
        if self.camera:
            return "moved-camera"
        return FAMILY if self.abstract else self.split


def make_film(seed: int, spec: FilmsSpec) -> tuple[Motion, Floats, Floats, str]:
    """Motion [F, M], lane [2F, 2], hits [n, 2] and family of a seed."""
    rng = np.random.default_rng([seed, 77])
    playback = Playback()
    if spec.varied:
        playback = _PLAYBACKS[int(rng.choice(len(_PLAYBACKS), p=_SHARES))]
    silent = spec.silent is not None and rng.random() < spec.silent
    family = str(rng.choice(SILENT)) if silent else None
    n_rows = round(spec.duration_s * MOTION_FPS)
    film_s = spec.duration_s * playback.tempo + 0.2
    if spec.camera:
        scene = camera_scene(seed, film_s)
    elif spec.abstract:
        scene = contact_scene(seed, film_s)
    else:
        scene = make_scene(seed, spec.split, film_s, family=family)
    drawn = np.concatenate(list(frames(scene, MOTION_HEIGHT, grey=True)))
    meter = MotionMeter()
    shown = -1
    image = drawn[0]
    for k in range(n_rows):
        number = int(k / MOTION_FPS * playback.fps + 1e-6)
        if number != shown:
            image, shown = np.ascontiguousarray(drawn[number * playback.step]), number
        meter.feed(image, number / playback.fps)
    hits = np.array([(h.time_s, h.strength) for h in audible_hits(scene)], np.float32)
    hits = hits.reshape(-1, 2)
    hits[:, 0] /= playback.tempo
    n_steps = n_rows * round(LANE_HZ / MOTION_FPS)
    lane = true_lane(scene)
    places = (np.arange(n_steps) + 0.5) * playback.tempo
    return (
        meter.finish(),
        lane[np.minimum(places.astype(int), len(lane) - 1)],
        hits[hits[:, 0] < spec.duration_s],
        scene.family,
    )


def open_films(folder: Path, spec: FilmsSpec, workers: int = 1) -> MotionFilms:
    """Films from the store in ``folder``; those that are missing are made first.

    Args:
        folder: of the store; shards that are there are kept.
        spec: which films.
        workers: processes that make them.

    Raises:
        BadRequest: the store was made by other motion code, or a shard is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (folder / f"{spec.shelf}-{first:07d}.npz", spec, first)
        for first in range(spec.first_seed, spec.first_seed + spec.count, SHARD)
    ]
    missing = [job for job in jobs if not job[0].exists()]
    if workers > 1 and len(missing) > 1:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            pool.starmap(_make_shard, missing, chunksize=1)
    else:
        for job in missing:
            _make_shard(*job)
    films = join_films([_read_shard(path) for path, _, _ in jobs])
    return MotionFilms(
        films.motion[: spec.count],
        films.lane[: spec.count],
        films.hits[: spec.count],
        films.families[: spec.count],
    )


def join_films(parts: Sequence[MotionFilms]) -> MotionFilms:
    """All films of several sets, one after the other."""
    return MotionFilms(
        np.concatenate([part.motion for part in parts]),
        np.concatenate([part.lane for part in parts]),
        tuple(hits for part in parts for hits in part.hits),
        tuple(family for part in parts for family in part.families),
    )


def _make_shard(path: Path, spec: FilmsSpec, first: int) -> None:
    made = [make_film(seed, spec) for seed in range(first, first + SHARD)]
    counts = np.array([len(hits) for _, _, hits, _ in made])
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("wb") as out:
        np.savez(
            out,
            motion=np.stack([motion for motion, _, _, _ in made]),
            lane=np.stack([lane for _, lane, _, _ in made]),
            hits=np.concatenate([hits for _, _, hits, _ in made]),
            counts=counts,
            families=np.array([family for _, _, _, family in made]),
            made_by=_motion_code(),
        )
    temporary.replace(path)


def _read_shard(path: Path) -> MotionFilms:
    hint = f"Remove {path.parent}, or give data.folder another name; the films are made again."
    try:
        with np.load(path, allow_pickle=False) as shard:
            if str(shard["made_by"]) != _motion_code():
                raise BadRequest(f"{path} was measured by another version of the engine.", hint)
            ends = np.cumsum(shard["counts"])[:-1]
            return MotionFilms(
                shard["motion"],
                shard["lane"],
                tuple(np.split(shard["hits"], ends)),
                tuple(str(f) for f in shard["families"]),
            )
    except (OSError, ValueError, KeyError) as err:
        raise BadRequest(f"{path} is damaged: {err}.", hint) from err


def _motion_code() -> str:
    """What measured the motion: features of another version are other numbers."""
    return hashlib.sha256(Path(motion_module.__file__).read_bytes()).hexdigest()[:16]
