"""``vatt train`` hands the words on and waits, whatever the user presses."""

import subprocess
import sys
from typing import ClassVar

import pytest

from vatt_plugin.cli import main


class Process:
    """Stands in for the engine's training process."""

    started: ClassVar[list[list[str]]] = []

    def __init__(self, words: list[str]) -> None:
        self.started.append(words)
        self.interrupts = 1

    def wait(self) -> int:
        if self.interrupts:
            self.interrupts -= 1
            raise KeyboardInterrupt
        return 130


def test_words_are_passed_on_and_an_interrupt_lets_the_run_save(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Process.started.clear()
    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.delenv("VATT_PYTHON", raising=False)
    code = main.main(["train", "codec", "c.toml", "--resume", "--stop-after", "60"])
    assert code == 130
    words = [sys.executable, "-m", "vatt_engine.training", "codec", "c.toml"]
    assert Process.started == [[*words, "--resume", "--stop-after", "60.0"]]


def test_a_config_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main(["train", "codec"])
    assert stopped.value.code == 2
    assert "CONFIG" in capsys.readouterr().err
