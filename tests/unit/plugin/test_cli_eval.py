"""``vatt eval`` hands its words to the engine's evaluation program."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from vatt_plugin import product
from vatt_plugin.cli.main import main


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_words_arrive_in_the_engine_and_its_exit_code_comes_back(started: list[list[str]]) -> None:
    words = ["eval", "tiny", "heldout", "--report", "r.html", "--takes", "3", "--json"]
    assert main(words) == 3
    (command,) = started
    assert command[:3] == [product.python(), "-m", "vatt_engine.evaluation"]
    assert command[3:] == ["tiny", "heldout", "--report", "r.html", "--takes", "3", "--json"]


def test_several_rating_files_stay_together(started: list[list[str]]) -> None:
    assert main(["eval", "--ratings", "a.csv", "b.csv", "--key", "k.json"]) == 3
    assert started[0][3:] == ["--ratings", "a.csv", "b.csv", "--key", "k.json"]


def test_help_needs_no_engine(capsys: pytest.CaptureFixture[str], started: list[list[str]]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["eval", "--help"])
    assert stop.value.code == 0
    assert "--rating-page" in capsys.readouterr().out
    assert not started
