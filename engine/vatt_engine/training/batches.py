"""Training examples, drawn by step number.

A batch is a function of (seed, step) alone, so a resumed run sees the very sounds an unbroken run
would have seen, without any state to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.training.codec_config import DataConfig
from vatt_engine.training.sound_bank import SoundBank


class SegmentSampler:
    """Draws batches of short segments.

    Long sounds are drawn more often than short ones, but no more than ``MOST_S`` seconds of a sound
    count, so that a minute of rain does not outweigh fifty footsteps.

    Args:
        banks: sounds of each source.
        shares: how often each source is drawn from.
        config: gains and mixing.
        length: samples of a segment.
        seed: of the whole run.
    """

    MOST_S = 3.0
    LEAST_S = 0.3

    def __init__(
        self,
        banks: Sequence[SoundBank],
        shares: Sequence[float],
        config: DataConfig,
        length: int,
        seed: int,
    ) -> None:
        self.banks = list(banks)
        self.config = config
        self.length = length
        self.seed = seed
        self._shares = np.asarray(shares, dtype=np.float64) / np.sum(shares)
        self._weights = []
        for bank in banks:
            seconds = np.clip(bank.lengths / bank.sample_rate, self.LEAST_S, self.MOST_S)
            self._weights.append(np.cumsum(seconds) / seconds.sum())

    def batch(self, step: int) -> Tensor:
        """Segments [B, 1, S] of a step."""
        rng = np.random.default_rng((self.seed, step))
        rows = [self._example(rng) for _ in range(self.config.batch)]
        return torch.from_numpy(np.stack(rows))[:, None]

    def _example(self, rng: np.random.Generator) -> NDArray[np.float32]:
        wave = self._segment(rng)
        if rng.random() < self.config.mix:
            wave = wave + self._segment(rng) * np.float32(10 ** (rng.uniform(-15, 0) / 20))
        if rng.random() < self.config.clicks:
            wave = wave * np.float32(rng.random() < 0.5) + self._clicks(rng)
        low, high = self.config.gain_db
        gain = 10 ** (rng.uniform(low, high) / 20) * (1 if rng.random() < 0.5 else -1)
        # The floor keeps a faint tail of a sound from being blown up to full scale.
        return wave * np.float32(gain / max(float(np.abs(wave).max()), 0.02))

    def _clicks(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """One to four bursts of noise or a ringing tone that die out within 0.3 to 30 ms."""
        wave = np.zeros(self.length, dtype=np.float32)
        rate = self.banks[0].sample_rate
        for _ in range(int(rng.integers(1, 5))):
            decay = rate * 10 ** rng.uniform(-3.5, -1.5)
            at = int(rng.integers(self.length))
            time = np.arange(min(self.length - at, int(6 * decay) + 2))
            burst = rng.standard_normal(len(time))
            if rng.random() < 0.5:
                burst = np.sin(2 * np.pi * 10 ** rng.uniform(2, 3.8) / rate * time)
            burst *= np.exp(-time / decay) * 10 ** rng.uniform(-1.5, 0)
            wave[at : at + len(time)] += burst.astype(np.float32)
        return wave

    def _segment(self, rng: np.random.Generator) -> NDArray[np.float32]:
        which = int(rng.choice(len(self.banks), p=self._shares))
        bank, weights = self.banks[which], self._weights[which]
        index = min(int(np.searchsorted(weights, rng.random())), len(bank) - 1)
        n = int(bank.lengths[index])
        if n >= self.length:
            return bank.wave(index, int(rng.integers(n - self.length + 1)), self.length)
        wave = np.zeros(self.length, dtype=np.float32)
        # A short sound starts anywhere, so silence before an attack is learnt too.
        offset = int(rng.integers(self.length - n + 1))
        wave[offset : offset + n] = bank.wave(index)
        return wave


class Batches:
    """Batches by step, cut ahead by threads; a context manager."""

    def __init__(self, make: Callable[[int], Tensor], first: int, n_workers: int) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(n_workers) if n_workers else None
        self._ahead = 2 * n_workers
        self._next = first
        self._waiting: dict[int, Future[Tensor]] = {}

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def get(self, step: int) -> Tensor:
        """The batch of ``step``; steps are asked for in turn."""
        if self._pool is None:
            return self._make(step)
        while self._next < step + 1 + self._ahead:
            self._waiting[self._next] = self._pool.submit(self._make, self._next)
            self._next += 1
        return self._waiting.pop(step).result()


def hash_seed(seed: int, step: int, use: str) -> int:
    """A seed for one use within one step, unlike that of any other."""
    words = np.random.SeedSequence([seed, step, *use.encode()]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1
