"""Measures of a codec, on systems whose faults are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vatt_engine.evaluation.codec_metrics import (
    FirmScore,
    firm_onsets_kept,
    onsets_kept,
    pre_echo_ms,
    si_sdr_db,
)
from vatt_engine.evaluation.opus_reference import through_opus


def clicks(rate: int = 16000) -> NDArray[np.float32]:
    wave = np.zeros(2 * rate, dtype=np.float32)
    rng = np.random.default_rng(0)
    for at in (0.3, 0.8, 1.5):
        n = rate // 50
        burst = rng.standard_normal(n) * np.exp(-np.arange(n) / 60)
        wave[int(at * rate) : int(at * rate) + n] += 0.3 * burst.astype(np.float32)
    return wave


def test_a_transparent_codec_has_no_pre_echo_and_a_smearing_one_has() -> None:
    assert pre_echo_ms(lambda w: w, 16000, 320) == 0
    kernel = np.ones(640, dtype=np.float32) / 640  # 20 ms to either side

    def smear(wave: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.convolve(wave, kernel, "same").astype(np.float32)

    assert 15 < pre_echo_ms(smear, 16000, 320) < 25


def test_a_late_codec_keeps_no_onset() -> None:
    wave = clicks()
    assert onsets_kept(wave, wave, 16000).f1 == 1
    assert onsets_kept(np.roll(wave, 800), wave, 16000).f1 == 0  # 50 ms late
    assert onsets_kept(np.zeros_like(wave), wave, 16000).f1 == 0


def test_firm_onsets_survive_what_nobody_hears_but_not_a_shift() -> None:
    wave = clicks()
    hiss = 1e-3 * np.random.default_rng(1).standard_normal(len(wave)).astype(np.float32)
    assert firm_onsets_kept(wave + hiss, wave, 16000) == FirmScore(3, 3, 3, 3)
    assert firm_onsets_kept(np.roll(wave, 800), wave, 16000).f1 == 0  # 50 ms late
    assert firm_onsets_kept(np.zeros_like(wave), wave, 16000).f1 == 0


def test_a_firm_onset_may_answer_a_faint_one() -> None:
    wave = clicks()
    softer = wave + 0.02 * np.random.default_rng(1).standard_normal(len(wave)).astype(np.float32)
    score = firm_onsets_kept(softer, wave, 16000)
    assert score.n_made < score.n_real  # the hiss takes their firmness
    assert score.n_kept > score.n_made


def test_si_sdr_ignores_gain_and_falls_with_noise() -> None:
    rng = np.random.default_rng(0)
    wave = rng.standard_normal(16000).astype(np.float32)
    noise = rng.standard_normal(16000).astype(np.float32)
    assert si_sdr_db(wave * 0.5, wave) > 60
    assert si_sdr_db(wave + noise * 0.1, wave) == pytest.approx(20, abs=0.5)


def test_opus_gives_back_the_same_length_in_few_bytes() -> None:
    wave = clicks()
    made, n_bytes = through_opus(wave, 16000, 6000)
    assert made.shape == wave.shape
    assert 0 < n_bytes * 8 / 2 < 9000
    assert onsets_kept(made, wave, 16000).f1 > 0.6
