"""Held-out clips, takes made for them, and what is heard in those takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.corpus.sound_families import family_of
from vatt_engine.evaluation import sync
from vatt_engine.evaluation.family_judge import FamilyJudge
from vatt_engine.evaluation.hearing import hear
from vatt_engine.evaluation.onsets import FRAME_RATE, find_onsets
from vatt_engine.evaluation.sync import OnsetScore
from vatt_engine.evaluation.yamnet import Yamnet
from vatt_engine.nets.codec import Codec
from vatt_engine.training.ablations.plan import Listening
from vatt_engine.training.audio import Conditioner
from vatt_engine.training.audio_data import FILM, Clip
from vatt_engine.training.device import has_bf16

PICTURES_A_SECOND = 5
SURE_LAG = 0.15
"""Correlation below which a lag is a guess, as in ``evaluation.judge``."""

_SILENCE_DB = -60.0
_LOWEST_DB = -120.0

Away = tuple[Tensor, Tensor]
"""States of what must not be heard [B, L, E], and their mask [B, L]."""

Sample = Callable[[Tensor, Tensor, Tensor, list[torch.Generator], Away | None], Tensor]
"""Condition, mask, lane, generators and what must not be heard to codes [B, K, T]."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A held-out clip as it is used here.

    Attributes:
        codes: [K, T] int64, of the true sound.
        lane: [T, 2] float32, true.
        video: [F, D] picture features at 5 a second.
        category: what sounds.
        captions: true wordings, the plain one first.
    """

    codes: Tensor
    lane: Tensor
    video: Tensor
    category: str
    captions: tuple[str, ...]

    @property
    def hits_s(self) -> NDArray[np.float64]:
        """Moments of the lane's hits, at the middle of their code frames (50 Hz)."""
        return hits_of(self.lane)

    @property
    def family(self) -> str:
        """The sound family of what sounds."""
        return family_of(self.category)


def hits_of(lane: Tensor, frame_rate: float = 50.0) -> NDArray[np.float64]:
    """Moments in seconds of the hits of a lane [T, 2]."""
    places = np.flatnonzero(np.asarray(lane[:, 0]) > 0)
    return np.asarray((places + 0.5) / frame_rate)


@dataclass(frozen=True)
class TakeRow:
    """What was heard in one take.

    Attributes:
        onsets: counts found, true, matched.
        floor: the same against circularly shifted truth.
        lag_s: how late it is; None when that cannot be told.
        family: what the judge takes it for; empty for silence.
        closeness: how likely the judge finds the family that was asked for.
        level_db: root mean square, dB of full scale.
        clipped: whether it reaches full scale.
    """

    onsets: tuple[int, int, int]
    floor: tuple[int, int, int]
    lag_s: float | None
    family: str
    closeness: float
    level_db: float
    clipped: bool


class Ear:
    """YAMNet, the family judge and the onset detector, loaded once."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._yamnet = Yamnet.load()
        self._families = FamilyJudge.load()

    def row(self, wave: NDArray[np.float32], hits_s: NDArray[np.float64], family: str) -> TakeRow:
        """Judge a wave [S] against hits in seconds and the family it should be."""
        found = find_onsets(wave, self._rate)
        duration_s = len(wave) / self._rate
        seen = sync.hit_envelope(hits_s, np.ones(len(hits_s)), duration_s, FRAME_RATE)
        lag = sync.lag_s(found.envelope, seen, FRAME_RATE) if len(hits_s) else None
        level = float(np.sqrt(np.mean(np.square(wave, dtype=float))))
        level_db = max(20 * math.log10(level), _LOWEST_DB) if level > 0 else _LOWEST_DB
        likely = self.likely(wave)
        score = sync.onset_score(found.times_s, hits_s)
        floor = sync.shift_floor(found.times_s, hits_s, duration_s)
        return TakeRow(
            _counts(score),
            _counts(floor),
            lag[0] if lag is not None and lag[1] >= SURE_LAG else None,
            max(likely, key=likely.__getitem__) if level_db > _SILENCE_DB else "",
            likely[family] if level_db > _SILENCE_DB else 0.0,
            level_db,
            bool(np.abs(wave).max(initial=0.0) >= 0.999),
        )

    def likely(self, wave: NDArray[np.float32]) -> dict[str, float]:
        """How likely the judge finds each sound family in a wave [S]."""
        shares = self._families.probabilities(hear(self._yamnet, wave, self._rate))
        return dict(zip(self._families.names, map(float, shares), strict=True))


def _counts(score: OnsetScore) -> tuple[int, int, int]:
    return score.n_found, score.n_true, score.n_matched


def scenes_of(clips: Sequence[Clip], seconds: int, frame_rate: int) -> list[Scene]:
    """All films of one sound with at least two hits, cut to their first ``seconds``."""
    found = []
    for clip in clips:
        n = seconds * frame_rate
        lane = torch.from_numpy(clip.lane[:n].astype(np.float32))
        wanted = clip.kind == FILM and len(clip.categories) == 1 and len(clip.codes) >= n
        if not wanted or int((lane[:, 0] > 0).sum()) < 2:
            continue
        pictures = torch.from_numpy(clip.pictures[:seconds].astype(np.float32))
        found.append(
            Scene(
                torch.from_numpy(clip.codes[:n].T.astype(np.int64)),
                lane,
                pictures.repeat_interleave(PICTURES_A_SECOND, dim=0),
                clip.categories[0],
                clip.captions,
            )
        )
    return found


def choose(
    scenes: Sequence[Scene], codec: Codec, ear: Ear, listening: Listening
) -> tuple[list[Scene], list[TakeRow]]:
    """The first scenes whose own sound, coded and decoded, keeps its hits; and how it is heard."""
    chosen: list[Scene] = []
    rows: list[TakeRow] = []
    for scene in scenes:
        if len(chosen) == listening.clips:
            break
        wave = decode(codec, scene.codes[None])[0]
        row = ear.row(wave, scene.hits_s, scene.family)
        if f1_of([row]) >= listening.least_f1:
            chosen.append(scene)
            rows.append(row)
    return chosen, rows


@torch.inference_mode()
def decode(codec: Codec, codes: Tensor) -> list[NDArray[np.float32]]:
    """Waves [S] of codes [B, K, T]."""
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16(torch.device("cpu"))):
        waves = codec.decode(codes)
    return [w[0].float().numpy() for w in waves]


@torch.inference_mode()
def make_codes(
    sample: Sample,
    conditioner: Conditioner,
    scenes: Sequence[Scene],
    prompts: Sequence[str | None],
    lanes: Sequence[Tensor],
    seed: int,
    batch: int = 8,
    negatives: Sequence[str] | None = None,
) -> Tensor:
    """A take for each scene, codes [n, K, T]; take ``i`` comes of seed ``seed * 1000 + i``.

    ``negatives`` name what must not be heard; as in the product, without the picture.
    """
    made = []
    for start in range(0, len(scenes), batch):
        some = slice(start, start + batch)
        video = torch.stack([s.video for s in scenes[some]])
        states, mask = conditioner.states(video, list(prompts[some]))
        generators = [
            torch.Generator().manual_seed(seed * 1000 + start + i) for i in range(len(video))
        ]
        away: Away | None = None
        if negatives is not None:
            away = conditioner.states(torch.zeros_like(video), list(negatives[some]))
        made.append(sample(states, mask, torch.stack(list(lanes[some])), generators, away))
    return torch.cat(made)


def f1_of(rows: Sequence[TakeRow]) -> float:
    """Pooled onset F1."""
    return _pooled([r.onsets for r in rows])


def floor_of(rows: Sequence[TakeRow]) -> float:
    """Pooled onset F1 against shifted truth."""
    return _pooled([r.floor for r in rows])


def _pooled(counts: Sequence[tuple[int, int, int]]) -> float:
    return sum((OnsetScore(*c) for c in counts), OnsetScore(0, 0, 0)).f1


def row_from(plain: dict[str, Any]) -> TakeRow:
    """A row as JSON keeps it."""
    return TakeRow(**{**plain, "onsets": tuple(plain["onsets"]), "floor": tuple(plain["floor"])})
