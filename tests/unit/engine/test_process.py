"""What every engine process does first: importing under guard, with a remedy for each failure."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vatt_engine import process
from vatt_engine.version import engine_version, pinned


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_all_is_well_when_everything_imports() -> None:
    assert process.import_all(("json", "csv")) is None


@pytest.mark.parametrize(
    ("body", "words", "remedy"),
    [
        ("raise ImportError('undefined symbol: torch_library_impl')", "undefined", "torchaudio=="),
        ("raise OSError('libcudart.so.13: cannot open')", "libcudart", "torchvision=="),
        ("raise RuntimeError('operator torchvision::nms does not exist')", "nms", "torch=="),
        ("import torch_that_is_not_there", "torch_that_is_not_there", "torch_that_is_not_there"),
        ("raise ModuleNotFoundError('x', name='encodec.model')", "x", "encodec=="),
        ("raise ModuleNotFoundError('x', name='vatt_engine.y')", "x", "vatt-plugin"),
    ],
)
def test_a_broken_library_is_named_with_the_line_that_mends_it(
    broken: Path, body: str, words: str, remedy: str
) -> None:
    (broken / "vatt_test_broken.py").write_text(body)
    failure = process.import_all(("json", "vatt_test_broken", "never_reached"))
    sys.modules.pop("vatt_test_broken", None)
    assert failure is not None
    message, hint = failure
    assert "cannot load vatt_test_broken" in message
    assert words in message
    assert "pip install" in hint
    assert remedy in hint


def test_nothing_is_downloaded_at_run_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "0")
    process.prepare_environment()
    import os

    assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"


def test_pins_are_those_of_the_distribution() -> None:
    assert engine_version() != "0+source"
    assert pinned("torch", "nonesuch").endswith(" nonesuch")
    assert pinned("torch").startswith("torch==")
