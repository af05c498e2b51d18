"""What ``vatt`` says to somebody who types or names the wrong thing."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.helpers import movies
from tests.helpers.cuts import make_cue
from tests.helpers.timelines import clip, save, take_for, timeline, track
from tests.helpers.unprivileged import unprivileged
from vatt_plugin.cli.console import Console
from vatt_plugin.cli.main import main
from vatt_plugin.cli.media_notes import MediaNotes


def said(capsys: pytest.CaptureFixture[str], code: int, *words: object) -> str:
    """Run ``vatt`` in this process, expect an exit code, and return what stderr shows."""
    try:
        got = main([str(word) for word in words])
    except SystemExit as stop:
        got = int(stop.code or 0)
    assert got == code
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("generat", "x.otio"), "'generat' is no command; did you mean generate"),
        (("generate", "x.otio", "--takez", "3"), "no option --takez; did you mean --takes"),
        (("generate", "x.otio", "--promt=rain"), "no option --promt; did you mean --prompt"),
        (("generate", "x.otio", "--takes", "many"), "--takes needs a whole number, got 'many'"),
        (("cues", "x.otio", "--rate", "pal"), "--rate needs a number, got 'pal'"),
        (
            ("generate", "x.otio", "--profile", "mix"),
            "'mix' is no --profile; it is one of nle, post",
        ),
        (("models", "lst"), "did you mean list"),
    ],
)
def test_a_slip_is_told_in_two_lines_with_a_guess(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    text = said(capsys, 2, *words)
    assert told in text
    assert "--help` tells what there is" in text
    assert len(text.splitlines()) == 2


def test_a_device_that_is_none_is_said_before_the_cut_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = said(capsys, 2, "generate", tmp_path / "missing.otio", "--device", "gpu")
    assert "got 'gpu'" in text
    assert "vatt doctor" in text


@pytest.mark.parametrize("name", ["line.mp3", "line.wav"])
def test_sound_alone_is_told_from_an_unknown_format(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"ID3")
    text = said(capsys, 1, "cues", tmp_path / name)
    assert "holds sound alone" in text
    assert "film or the timeline" in text


def test_a_folder_with_timelines_names_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    save(timeline(track(clip("A"))), tmp_path, "reel.otio")
    assert "give one of reel.otio" in said(capsys, 1, "cues", tmp_path)
    movies.write_numbered(tmp_path / "shot.mp4", 4)
    assert "It also holds reel.otio" in said(capsys, 0, "cues", tmp_path)


def test_a_rate_without_timecode_names_those_with(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "reel.edl").write_text("TITLE: reel\n")
    text = said(capsys, 1, "cues", tmp_path / "reel.edl", "--rate", "23.5")
    assert "no timecode at 23.5" in text
    assert "23.976" in text


def test_missing_media_is_counted_and_the_remedy_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = save(timeline(track(clip("A"), clip("B"))), tmp_path)
    for words in (("cues", path), ("generate", path, "--dry-run")):
        assert main([str(word) for word in words]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith("2 cues: 2 offline. --media-dir")


def test_a_project_file_is_told_from_a_timeline(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "Reel 1.prproj").write_bytes(b"\x1f\x8b")
    text = said(capsys, 1, "generate", tmp_path / "Reel 1.prproj")
    assert "Reel 1.prproj is a Premiere project" in text
    assert "File > Export > OpenTimelineIO" in text


def test_a_stretch_outside_of_the_cut_is_told_with_where_the_cut_lies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    hour = otio.opentime.RationalTime(86_400, 24)
    path = save(timeline(track(clip("A", duration=48)), start=hour), tmp_path)
    text = said(capsys, 1, "cues", path, "--between", "00:00:00:00", "00:00:01:00")
    assert "the cut lasts from 01:00:00:00 to 01:00:02:00" in text


@pytest.mark.parametrize("command", ["generate", "rework"])
def test_a_folder_as_output_and_one_that_is_not_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    path = save(timeline(track(clip("A"))), tmp_path)
    desktop = tmp_path / "Desktop"
    desktop.mkdir()
    text = said(capsys, 1, command, path, "-o", desktop, "--force")
    assert f"{desktop} is a folder." in text
    text = said(capsys, 2, command, path, "--media-dir", tmp_path / "rushes")
    assert f"There is no folder {tmp_path / 'rushes'}, named by --media-dir." in text


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "-o", "out.otio"),
        ("generate", "--preview", "film.mp4"),
        ("rework", "-o", "out.otio"),
        ("spot", "--csv", "list.csv"),
        ("cues", "--markers", "marked.otio"),
    ],
)
def test_a_closed_folder_is_told_before_the_work_and_not_after_it(
    capsys: pytest.CaptureFixture[str], anyones_path: Path, words: tuple[str, ...]
) -> None:
    command, option, name = words
    for module in ("generating", "reworking", "spotting", "cues"):  # nobody may not import them
        importlib.import_module(f"vatt_plugin.cli.{module}")
    path = save(timeline(track(clip("A"))), anyones_path)
    anyones_path.chmod(0o500)
    try:
        with unprivileged(anyones_path):
            text = said(capsys, 1, command, path, option, anyones_path / name)
    finally:
        anyones_path.chmod(0o700)
    assert f"You may not write to the folder {anyones_path}." in text


@pytest.mark.parametrize("option", ["--prompts", "--sync", "--cues"])
def test_a_list_that_is_not_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    path = save(timeline(track(clip("A"))), tmp_path)
    text = said(capsys, 1, "generate", path, option, tmp_path / "no.csv")
    assert text.splitlines() == [
        f"vatt: {tmp_path / 'no.csv'} cannot be read: No such file or directory.",
        "      Check the path.",
    ]


def test_media_that_ends_before_its_shot_does_is_minded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cue = make_cue(n_frames=48)
    take = take_for(cue)
    media = MediaNotes(Console(True))
    for missing_s in (0.0, 0.02, 1.25, 1.25):
        media.heed_take(cue, replace(take, figures={"picture_missing_s": missing_s}), "Shot")
    said = capsys.readouterr()
    told = "its media has no picture for 1.25 s of the clip."
    assert said.err.splitlines() == [f"vatt: Shot: {told}"]
    assert json.loads(said.out)["code"] == "media_short"
    assert media.of(cue.cue_id) == [told]
