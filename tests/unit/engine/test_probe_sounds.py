"""Sounds for the judge's probes: takes as a codec keeps them."""

from __future__ import annotations

import numpy as np

from vatt_engine.evaluation.probe_sounds import Sound, coded
from vatt_engine.evaluation.train_probe import codings_of
from vatt_engine.nets.codec import build_codec
from vatt_engine.sound_config import CodecConfig


def test_codings_take_turns_and_labels_stay() -> None:
    sounds = [Sound(np.full(4, n, np.float32), f"category {n}", "package") for n in range(3)]
    kept = list(coded(sounds, [lambda w: w + 10, lambda w: w + 20]))
    assert [float(s.wave[0]) for s in kept] == [10, 21, 12]
    assert [s.category for s in kept] == [s.category for s in sounds]


def test_what_a_codec_keeps_is_as_long_as_it_was() -> None:
    # A probe would learn the length instead of the sound.
    codec = build_codec(
        CodecConfig(
            kind="drawn", sample_rate=16_000, bands=80, ratios=(4,), dimension=16,
            n_codebooks=2, codebook_size=8,
        )
    ).eval()  # fmt: skip
    wave = np.random.default_rng(0).normal(0, 0.1, 16_123).astype(np.float32)
    for coding in codings_of(codec):
        kept = coding(wave)
        assert kept.shape == wave.shape
        assert kept.dtype == np.float32
        assert np.isfinite(kept).all()
