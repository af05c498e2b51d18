"""Batches for the audio model: crops of packed clips with words, pictures and lanes to match.

A batch is a function of (seed, step) alone, so a resumed run sees what an unbroken one would have.
Crops begin on whole seconds: there the picture, of which the converter sees one mean a second,
and the code frames stay aligned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.training.audio_config import BatchConfig
from vatt_engine.training.audio_data import FILM, LONG_S, Clip

Rng = np.random.Generator
Floats = NDArray[np.float32]

_SPOT_JITTER_S = 0.015


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        codes: [B, K, T] int64.
        lane: [B, T, 2] float32.
        pictures: [B, seconds, D] float32, one mean of the picture features a second.
        prompts: B prompts; None where the picture alone speaks.
        categories: what is said or shown of each of the B, as far as it is known.
        drop_cond: [B] True where neither picture nor words are heard.
        drop_lane: [B] True where the lane is not.
    """

    codes: Tensor
    lane: Tensor
    pictures: Tensor
    prompts: list[str | None]
    categories: list[tuple[str, ...]]
    drop_cond: Tensor
    drop_lane: Tensor


@dataclass(frozen=True, eq=False)
class _Piece:
    """Aligned seconds of a clip: codes [T, K], lane [T, 2], pictures [seconds, D]."""

    codes: NDArray[np.int16]
    lane: Floats
    pictures: Floats

    def joined(self, other: _Piece) -> _Piece:
        return _Piece(
            np.concatenate((self.codes, other.codes)),
            np.concatenate((self.lane, other.lane)),
            np.concatenate((self.pictures, other.pictures)),
        )

    def cut(self, start: int, seconds: int, rate: int) -> _Piece:
        frames = slice(start * rate, (start + seconds) * rate)
        return _Piece(self.codes[frames], self.lane[frames], self.pictures[start : start + seconds])

    def rolled(self, seconds: int, rate: int) -> _Piece:
        return _Piece(
            np.roll(self.codes, seconds * rate, axis=0),
            np.roll(self.lane, seconds * rate, axis=0),
            np.roll(self.pictures, seconds, axis=0),
        )


class BatchMaker:
    """Draws batches.

    Args:
        clips: all packed clips.
        config: how to draw.
        seed: of the run.
        frame_rate: code frames a second.
        prompts: other words for a category, by its name.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        config: BatchConfig,
        seed: int,
        frame_rate: int,
        prompts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._clips = list(clips)
        self._config = config
        self._seed = seed
        self._rate = frame_rate
        self._prompts = prompts or {}
        self._films = [i for i, c in enumerate(self._clips) if len(c.pictures)]
        self._showing: dict[str, list[int]] = {}
        for i in self._films:
            for category in self._clips[i].categories[:1]:
                self._showing.setdefault(category, []).append(i)

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        config = self._config
        rng = np.random.default_rng([self._seed, step, 3])
        low, high = config.crop_s
        seconds = int(rng.integers(low, high + 1))
        if rng.random() < config.whole:
            seconds = int(LONG_S)
        # Long windows take as much memory and time as several short ones.
        size = max(1, round(config.size * min(1.0, high / seconds)))
        examples = [self._example(seconds, rng) for _ in range(size)]
        pieces, prompts, categories = zip(*examples, strict=True)
        codes = np.stack([p.codes for p in pieces]).transpose(0, 2, 1).astype(np.int64)
        return Batch(
            torch.from_numpy(np.ascontiguousarray(codes)),
            torch.from_numpy(np.stack([p.lane for p in pieces])),
            torch.from_numpy(np.stack([p.pictures for p in pieces])),
            list(prompts),
            list(categories),
            torch.from_numpy(rng.random(size) < config.drop_condition),
            torch.from_numpy(rng.random(size) < config.drop_lane),
        )

    def _example(self, seconds: int, rng: Rng) -> tuple[_Piece, str | None, tuple[str, ...]]:
        config = self._config
        index = int(rng.integers(len(self._clips)))
        clip = self._clips[index]
        shown = self._film_like(index, rng)
        picture_only = shown is not None and rng.random() < config.picture_only
        if shown is None or (not picture_only and rng.random() < config.wrong_picture):
            shown = self._films[int(rng.integers(len(self._films)))]
        piece = self._piece(index, shown, seconds, rng)
        prompt: str | None = self._words_for(clip, rng)
        categories = clip.categories
        if picture_only:
            prompt = None
            if rng.random() < config.splice and seconds > 1:
                first = int(rng.integers(1, seconds))
                other = self._films[int(rng.integers(len(self._films)))]
                after = self._piece(other, other, seconds - first, rng)
                piece = piece.cut(0, first, self._rate).joined(after)
                categories += self._clips[other].categories
        if rng.random() < config.roll:
            piece = piece.rolled(int(rng.integers(1, seconds)) if seconds > 1 else 0, self._rate)
        lane = piece.lane
        if rng.random() < config.rough_lane:
            lane = roughened(lane, self._rate, rng)
        return _Piece(piece.codes, lane, piece.pictures), prompt, categories

    def _words_for(self, clip: Clip, rng: Rng) -> str:
        ways: Sequence[str] = clip.captions
        if len(clip.categories) == 1 and rng.random() < self._config.other_words:
            ways = self._prompts.get(clip.categories[0]) or ways
        return ways[int(rng.integers(len(ways)))]

    def _film_like(self, index: int, rng: Rng) -> int | None:
        """A film that shows what clip ``index`` sounds like; itself, if it is one."""
        clip = self._clips[index]
        if clip.kind == FILM:
            return index
        films = self._showing.get(clip.categories[0]) if clip.categories else None
        return films[int(rng.integers(len(films)))] if films else None

    def _piece(self, index: int, shown: int, seconds: int, rng: Rng) -> _Piece:
        """``seconds`` of clip ``index`` under the picture of clip ``shown``."""
        clip = self._clips[index]
        length = len(clip.codes) // self._rate
        pictures = self._clips[shown].pictures
        # A clip that is too short goes round; so does a picture.
        pictures = pictures[np.arange(length) % len(pictures)]
        whole = _Piece(clip.codes, clip.lane.astype(np.float32), pictures.astype(np.float32))
        while length < seconds:
            whole = whole.joined(whole)
            length *= 2
        return whole.cut(int(rng.integers(length - seconds + 1)), seconds, self._rate)


def roughened(lane: Floats, frame_rate: int, rng: Rng) -> Floats:
    """A lane [T, 2] as a spotter or a hasty hand makes it: moved, missing and needless hits.

    The intensity is scaled, blurred by spurious unrest, or, where there are hits, left out.
    """
    T = len(lane)
    out = np.zeros_like(lane)
    scale = np.exp(rng.normal(0, 0.35))
    for t in np.flatnonzero(lane[:, 0]):
        if rng.random() < 0.08:
            continue
        place = round(float(t) + rng.normal(0, _SPOT_JITTER_S * frame_rate))
        if 0 <= place < T:
            strength = lane[t, 0] * scale * np.exp(rng.normal(0, 0.2))
            out[place, 0] = max(out[place, 0], min(strength, 1.0))
    for place in rng.integers(0, T, int(rng.poisson(0.08 * T / frame_rate))):
        out[place, 0] = max(out[place, 0], rng.uniform(0.1, 0.5))
    way = rng.random()
    if way < 0.4 and lane[:, 0].any():
        return out
    out[:, 1] = lane[:, 1] * np.exp(rng.normal(0, 0.25))
    if way < 0.7:
        knots = rng.uniform(0, rng.uniform(0.05, 0.4), T // frame_rate * 2 + 2)
        out[:, 1] += np.interp(np.linspace(0, 1, T), np.linspace(0, 1, len(knots)), knots)
    out[:, 1] = np.clip(out[:, 1], 0, 1)
    return out
