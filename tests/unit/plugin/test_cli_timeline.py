"""``vatt cues``, ``vatt export`` and the options that choose cues, in one process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.helpers.timelines import AUDIO, clip, placements, save, time_range, timeline, track
from vatt_plugin.cli.main import main
from vatt_plugin.timeline import load, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = timeline(
        track(clip("A"), clip("B")),
        track(clip("title <b>", enabled=False), name="V2"),
        track(clip("line"), name="Dialog", kind=AUDIO),
    )
    made.tracks[0][1].markers.append(otio.schema.Marker("hit", time_range(6, 12)))
    return save(made, tmp_path)


def cues(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    assert main(["cues", str(path), "--json", *options]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    return [cue["clip"] for cue in json.loads(line)["cues"]]


def test_cues_are_listed_and_chosen(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cues(path, capsys) == ["A", "title <b>", "B"]
    assert cues(path, capsys, "--track", "V1") == ["A", "B"]
    assert cues(path, capsys, "--tracks", "V1, V2") == ["A", "title <b>", "B"]
    assert cues(path, capsys, "--clips", "B") == ["B"]
    assert cues(path, capsys, "--between", "00:00:01:00", "00:00:02:00") == ["B"]
    assert cues(path, capsys, "--cues", "markers") == ["hit"]
    assert main(["cues", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "00:00:01:00  00:00:02:00  offline" in shown


def test_cues_are_exported_as_csv_and_markers(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, marked = tmp_path / "c.csv", tmp_path / "m.otio"
    before = path.read_bytes()
    arguments = ["cues", str(path), "--csv", str(table), "--markers", str(marked)]
    assert main(arguments) == 0
    assert main(arguments) == 1
    assert main([*arguments, "--force"]) == 0
    assert path.read_bytes() == before
    said = capsys.readouterr().out
    assert f"Spotting list  {table}" in said
    assert f"Markers        {marked}" in said
    assert cues(path, capsys, "--cues", str(table)) == ["A", "title <b>", "B"]
    root = otio.adapters.read_from_file(str(marked))
    assert [marker.name for marker in root.tracks.markers] == ["A", "B"]
    data = json.loads(marked.read_text())
    del data["tracks"]["markers"][:]
    assert data == json.loads(path.read_text())


def test_the_input_is_refused_as_output(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cues", str(path), "--markers", str(path), "--force"]) == 1
    assert "never written" in capsys.readouterr().err


def test_wavs_are_exported(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = load(path)
    write(cut, placements(cut.cues, tmp_path / "o_foley"), tmp_path / "o.otio")
    assert main(["export", str(tmp_path / "o.otio"), "--json"]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(done["wavs"]) == 2
    assert all(Path(wav).is_file() for wav in done["wavs"])
    assert main(["export", str(tmp_path / "o.otio")]) == 1
    assert main(["export", str(path)]) == 1
    assert "no takes of ours" in capsys.readouterr().err


def test_a_bundles_takes_are_exported_and_conformed(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = load(path)
    write(cut, placements(cut.cues, tmp_path / "o_foley"), tmp_path / "o.otioz")
    shutil.rmtree(tmp_path / "o_foley")
    assert main(["export", str(tmp_path / "o.otioz"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["wavs"]) == 2
    again = tmp_path / "again.otio"
    assert main(["conform", str(tmp_path / "o.otioz"), str(path), "-o", str(again)]) == 0
    foley = load(again).tracks[-1]
    assert [(item.kind, item.status) for item in foley.items] == [("clip", "ready")] * 2


def test_which_timeline_of_several_is_conformed(path: Path, tmp_path: Path) -> None:
    cut = load(path)
    write(cut, placements(cut.cues, tmp_path / "o_foley"), tmp_path / "o.otio")
    both = otio.schema.SerializableCollection("bin")
    for name in (path, tmp_path / "o.otio"):
        both.append(otio.adapters.read_from_file(str(name)))
    old = save(both, tmp_path, "both.otio")
    arguments = ["conform", str(old), str(path), "-o", str(tmp_path / "new.otio")]
    assert main(arguments) == 1
    assert main([*arguments, "--old-timeline", "#2"]) == 0


def test_equal_names_are_told_apart_by_number(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = otio.schema.SerializableCollection("bin")
    for _ in range(2):
        both.append(otio.adapters.read_from_file(str(path)))
    twice = save(both, tmp_path, "twice.otio")
    assert main(["cues", str(twice), "--timeline", "cut"]) == 1
    assert "#1, #2" in capsys.readouterr().err
    assert cues(twice, capsys, "--timeline", "#2") == ["A", "title <b>", "B"]
