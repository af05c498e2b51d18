"""Synthesised sounds to train on: the project's own synthesiser, packed like recordings.

Rights-free and full of clean attacks, which recordings are short of.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vatt_engine.corpus.synth import api
from vatt_engine.training.sound_bank import save_bank

log = logging.getLogger(__name__)

PACKAGE = "synthesised"
CLIP_S = 2.0


def pack_made(n_clips: int, sample_rate: int, seed: int, target: Path) -> None:
    """Make ``n_clips`` sounds of two seconds, all categories in turn, and pack them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    categories = api.synthesised()
    pieces: list[NDArray[np.int16]] = []
    sounds: list[dict[str, object]] = []
    start = 0
    for i in range(n_clips):
        category = categories[i % len(categories)]
        wave = _make(category, sample_rate, np.random.default_rng((seed, i)))
        peak = float(np.abs(wave).max(initial=0.0))
        if not np.isfinite(peak) or peak < 1e-3:
            log.info("left out a silent %s", category)
            continue
        pieces.append((wave / max(peak, 1.0) * 32767).astype(np.int16))
        name = f"{category}/{i}"
        sounds.append({"name": name, "package": PACKAGE, "start": start, "length": len(wave)})
        start += len(wave)
    save_bank(np.concatenate(pieces), sounds, sample_rate, target)
    log.info("made %d sounds", len(sounds))


def _make(category: str, sample_rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    if api.has_events(category):
        n_events = int(rng.integers(1, 7))
        times = np.sort(rng.uniform(0, CLIP_S - 0.05, n_events))
        events = [(float(t), float(rng.uniform(0.3, 1))) for t in times]
        return api.render_events(category, events, CLIP_S, sample_rate, rng)
    curve = rng.random(int(rng.integers(1, 5))).astype(np.float32)
    return api.render_texture(category, curve, CLIP_S, sample_rate, rng)
