"""The judge must hear what its author heard: shapes, padding, known sounds, half precision."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from vatt_engine.evaluation.yamnet import SAMPLE_RATE, Yamnet, mel_matrix


@pytest.fixture(scope="module")
def judge() -> Yamnet:
    return Yamnet.load()


def test_one_row_for_each_half_second_and_at_least_one(judge: Yamnet) -> None:
    assert judge.scores(np.zeros(10, np.float32)).shape == (1, 521)
    assert judge.scores(np.zeros(SAMPLE_RATE * 5, np.float32)).shape == (10, 521)
    assert judge.embedding(np.zeros(SAMPLE_RATE, np.float32)).shape == (2, 1024)


def test_silence_a_tone_and_noise_are_told_apart(judge: Yamnet) -> None:
    t = np.arange(SAMPLE_RATE * 2) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0, 0.1, t.size).astype(np.float32)
    waves: dict[str, np.ndarray] = {
        "silence": np.zeros_like(t),
        "tone": 0.3 * np.sin(2 * np.pi * 1000 * t),
        "noise": noise,
    }
    names = {
        kind: [name for name, _ in judge.top(judge.judge(wave.astype(np.float32))[0], 3)]
        for kind, wave in waves.items()
    }
    assert names["silence"][0] == "Silence"
    assert {"Sine wave", "Beep, bleep", "Dial tone"} & set(names["tone"])
    assert {"White noise", "Static", "Noise", "Waterfall", "Pink noise"} & set(names["noise"])


def test_stereo_is_refused(judge: Yamnet) -> None:
    with pytest.raises(ValueError, match=r"mono waves"):
        judge.scores(np.zeros((2, 100), np.float32))


def test_every_mel_band_hears_something() -> None:
    bands = mel_matrix()
    assert bands.shape == (257, 64)
    assert (bands.max(0) > 0).all()
    assert not bands[0].any()


def test_half_precision_changes_no_verdict(judge: Yamnet, shared_dir: Path) -> None:
    exact = Yamnet.load(shared_dir / "assets" / "yamnet.safetensors")
    expected = {"002 - Rain": "Rain", "009 - Rooster": "Fowl", "004 - Baby cry": "Crying, sobbing"}
    for folder, name in expected.items():
        clips = sorted((shared_dir / "corpus" / "esc10").glob(f"{folder}/*"))[20:22]
        heard: set[str] = set()
        for path in clips:
            wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
            mono = soxr.resample(wave.mean(1), rate, SAMPLE_RATE)
            ours, reference = judge.judge(mono)[0], exact.judge(mono)[0]
            assert torch.allclose(ours, reference, atol=0.005)
            heard |= {label for label, _ in judge.top(ours, 10)}
        assert name in heard
