"""`vatt corpus` hands its words to the engine's program in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from vatt_engine.corpus.__main__ import get_parser as engine_parser
from vatt_plugin.cli.main import get_parser
from vatt_plugin.cli.main import main as vatt


@pytest.mark.parametrize(
    "words",
    [
        "build --only scratch freedoom --jobs 1 --keep-packages --json",
        "build --corpus c --foley f --packages p",
        "check --corpus c",
        "list --json",
        "report -o x.html --only rain wind",
        "pack --corpus c small --max-mib 20",
        "unpack small --corpus c",
    ],
)
def test_the_engine_understands_every_word(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    assert vatt(["corpus", *words.split()]) == 3
    (command,) = asked
    assert command[1:3] == ["-m", "vatt_engine.corpus"]
    args = engine_parser().parse_args(command[3:])
    assert args.command == words.split()[0]
    assert args.json == ("--json" in words)


def test_help_names_every_action(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        get_parser("corpus").parse_args(["corpus", "--help"])
    text = capsys.readouterr().out
    for action in ("build", "check", "list", "report", "pack", "unpack"):
        assert action in text
