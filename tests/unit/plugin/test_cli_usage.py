"""What ``vatt`` says to somebody who types or names the wrong thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import movies
from tests.helpers.timelines import clip, save, timeline, track
from vatt_plugin.cli.main import main


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
