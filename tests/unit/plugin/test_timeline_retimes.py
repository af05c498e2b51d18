"""Retimes as Final Cut's formats tell them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.helpers.timelines import clip, save, timeline, track
from vatt_plugin.cues import Cue
from vatt_plugin.timeline import load


def remapped(folder: Path, **values: str) -> Cue:
    """A clip of one second, in point 48 frames after its media begins at frame 100."""
    made = clip("a", 148, 24, available=(100, 500))
    parameters: list[dict[str, Any]] = [{"parameterid": k, "value": v} for k, v in values.items()]
    facts = {"effectid": "timeremap", "parameter": parameters}
    made.effects.append(otio.schema.Effect("Time Remap", metadata={"fcp_xml": facts}))
    (cue,) = load(save(timeline(track(made)), folder)).cues
    return cue


def test_fcp7_counts_the_in_point_as_played(tmp_path: Path) -> None:
    cue = remapped(tmp_path, variablespeed="0", speed="200", reverse="FALSE")
    assert (cue.n_frames, cue.origin["speed"]) == (24, "2")
    assert cue.origin["media_s"] in ("196/24", "49/6")
    still = remapped(tmp_path, variablespeed="0", speed="100", reverse="FALSE")
    assert (still.origin["speed"], still.origin["media_s"]) == ("1", "148/24")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"variablespeed": "1", "speed": "100"}, "varies"),
        ({"speed": "100", "reverse": "TRUE"}, "backwards"),
        ({"speed": "fast"}, "unusable"),
        ({"speed": "nan"}, "unusable"),
    ],
)
def test_what_cannot_be_followed_is_left_out_by_name(
    values: dict[str, str], words: str, tmp_path: Path
) -> None:
    cue = remapped(tmp_path, **values)
    assert cue.status == "skipped"
    assert words in cue.note


def test_retimes_that_an_fcpxml_loses_are_told(
    sample_file: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("otio_fcpx_xml_adapter")
    text = sample_file("timelines/fcpx_project.fcpxml").read_text()
    path = tmp_path / "cut.fcpxml"
    at = text.index("</spine>")
    path.write_text(text[:at] + text[at:].replace("</spine>", "<!-- <timeMap/> --></spine>", 1))
    assert any("timeMap" in note.message for note in load(path).report)
