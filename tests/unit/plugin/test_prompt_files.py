"""Prompts from CSV, lanes from JSON, in the shapes people's programs write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.cuts import make_cue
from vatt_engine.messages import SyncLane
from vatt_plugin.errors import BadPromptFile
from vatt_plugin.prompt_files import Prompt, for_cue, read_lanes, read_prompts, unused


@pytest.mark.parametrize(
    "text",
    [
        "Shot_000,steps on gravel,music\nShot_001,\n",
        "clip,prompt,negative\nShot_000,steps on gravel,music\n\nShot_001,,\n",
        "\ufeffClip;Prompt;Negative\r\nShot_000;steps on gravel;music\r\nShot_001;;\r\n",
        "negative\tclip\tprompt\nmusic\tShot_000\tsteps on gravel\n\tShot_001\t\n",
        ' Shot_000 ,"steps on gravel",music\nShot_001, \n',
    ],
)
def test_prompts_are_read_as_spreadsheets_write_them(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text, encoding="utf-8", newline="")
    assert read_prompts(path) == {
        "Shot_000": Prompt("steps on gravel", "music"),
        "Shot_001": Prompt(None),
    }


def test_commas_in_quotes_and_two_columns(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text('Shot_000,"heavy door, wood"\n')
    assert read_prompts(path)["Shot_000"] == Prompt("heavy door, wood")


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"clip,prompt\n", b"just words\n", b",x\n", b"\xff\xfe"]
)
def test_bad_prompt_files_are_told_by_name_and_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(data)
    with pytest.raises(BadPromptFile, match=r"p\.csv"):
        read_prompts(path)
    with pytest.raises(BadPromptFile):
        read_prompts(tmp_path / "missing.csv")


def test_a_cue_is_found_by_id_first_then_by_clip_and_leftovers_are_told() -> None:
    table = {"c00": "by id", "Shot_000": "by clip", "Shot_999": "nobody"}
    assert for_cue(table, make_cue(0)) == "by id"
    assert for_cue(table, make_cue(0, cue_id="other")) == "by clip"
    assert for_cue(table, make_cue(5)) is None
    assert unused(table, [make_cue(0)]) == ["Shot_999"]


def test_lanes_are_read_as_spot_prints_them(tmp_path: Path) -> None:
    path = tmp_path / "lanes.json"
    hits = [{"time_s": 1, "strength": 2.0}, {"time_s": 0.5, "strength": 0.25}]
    clip = {"clip": "A", "hits": hits, "intensity": [0, 1], "intensity_rate_hz": 25}
    path.write_text(json.dumps({"clips": [clip, {"clip": "B", "hits": []}]}))
    assert read_lanes(path) == {
        "A": SyncLane(((0.5, 0.25), (1.0, 1.0)), (0.0, 1.0), 25.0),
        "B": SyncLane(),
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"clips": [{"clip": "A"}]}',
        '{"clips": [{"clip": "A", "hits": [{"time_s": NaN, "strength": 1}]}]}',
        '{"clips": [{"clip": "A", "hits": [], "intensity_rate_hz": 0}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_lane_file_is_refused_with_the_command_that_makes_one(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "lanes.json"
    path.write_text(text)
    with pytest.raises(BadPromptFile) as caught:
        read_lanes(path)
    assert "vatt spot" in caught.value.hint
