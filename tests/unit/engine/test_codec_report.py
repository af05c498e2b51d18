"""The codec report: every system measured on the held-out sounds, bars said plainly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vatt_engine.evaluation import codec_report
from vatt_engine.nets.codec import build_codec
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training.codec_folder import write_codec

CONFIG = """
[run]
folder = "{folder}/run"
[codec]
bands = 40
ratios = [8]
[data]
segment_s = 0.2
cache = "{folder}/cache"
[[data.sources]]
path = "{folder}/train"
[[data.sources]]
path = "{folder}/test"
held_out = true
[optim]
steps = 2000
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A random codec, two held-out sounds, and the config that names them."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        for i in range(2):
            wave = rng.standard_normal(8000) * np.exp(-np.arange(8000) / 1500) * 0.3
            soundfile.write(tmp_path / split / f"{i}.wav", wave, 16000)
    config = CodecConfig(
        bands=40, companding=3e-4, noise=True, ratios=(8,), n_filters=2, dimension=4, lstm=0,
        n_codebooks=2, codebook_size=8,
    )  # fmt: skip
    torch.manual_seed(0)
    write_codec(tmp_path / "codec", config, build_codec(config).state_dict(), {"steps": 0})
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path))
    return tmp_path


def test_an_untrained_codec_is_measured_and_fails_its_bars(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(place / "codec"), str(place / "config.toml"), "--out", str(place / "out")]
    assert codec_report.main(words) == 0
    assert "NOT MET: onset F1" in capsys.readouterr().out
    figures = json.loads((place / "out" / "report.json").read_text())
    assert figures["n_clips"] == 2
    names = [row["name"] for row in figures["systems"]]
    assert names == ["2 codebooks", "1 codebook", "unquantised", "Opus at 6 kb/s"]
    assert figures["systems"][0]["kbit_s"] == pytest.approx(2 * 50 * 3 / 1000)
    assert figures["systems"][3]["kbit_s"] < 9
    assert {"noise at -70 dBFS", "Opus at 32 kb/s"} <= set(figures["onset_yardsticks"])
    assert "hardly audible" in (place / "out" / "report.html").read_text()
    assert len(figures["codebooks"]["used"]) == 2
    page = (place / "out" / "report.html").read_text()
    assert page.count("<audio") == 2 * 5
    assert "<th>firm onset F1</th>" in page
    assert "not met" in page


def test_a_missing_codec_is_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(place / "none"), str(place / "config.toml"), "--out", str(place / "out")]
    assert codec_report.main(words) == 1
    assert "No usable codec" in capsys.readouterr().err
