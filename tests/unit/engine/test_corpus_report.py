"""The corpus report: one file that needs no network, with facts that mean something."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vatt_engine.corpus.audio import SAMPLE_RATE
from vatt_engine.corpus.report import write_report
from vatt_engine.errors import BadRequest


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A corpus of one recording: a knock on wood."""
    t = np.arange(SAMPLE_RATE // 4) / SAMPLE_RATE
    soundfile.write(tmp_path / "knock.flac", 0.5 * np.sin(1200 * t) * np.exp(-40 * t), SAMPLE_RATE)
    row = (
        '{"file": "knock.flac", "package": "p", "category": "impact_wood", "seconds": 0.25,'
        ' "licence": "CC0-1.0", "split": "train"}\n'
    )
    (tmp_path / "train.jsonl").write_text(row)
    (tmp_path / "test.jsonl").write_text("")
    return tmp_path


def test_a_category_is_shown_synthesised_and_recorded(corpus: Path, tmp_path: Path) -> None:
    shares = write_report(tmp_path / "r.html", corpus, ("impact_wood",))
    page = (tmp_path / "r.html").read_text()
    assert 0 <= shares["impact_wood"]["recorded"] <= 1
    assert page.count("<audio") == page.count("<img") == 2
    assert "recorded, 1 clip<" in page
    assert set(re.findall(r"(?:src|href)='(.{4})", page)) == {"data", "#imp"}
    assert re.search(r"onsets within \d ms", page)


def test_a_sound_that_swells_is_not_given_an_onset_far_away(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", None, ("whoosh",))
    page = (tmp_path / "r.html").read_text()
    assert "no onset heard" in page
    assert "onsets within" not in page


def test_an_unknown_category_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="brass_band"):
        write_report(tmp_path / "r.html", None, ("brass_band",))
