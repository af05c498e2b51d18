"""``vatt models import | verify | pull`` as a user types them, with the real engine process."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.helpers.published import Published, golden_set
from vatt_engine.model_folder import load_model
from vatt_engine.official.importer import Options, import_model
from vatt_plugin.cli.main import main

pytestmark = pytest.mark.e2e


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VATT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "models"


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_golden_checkpoint_through_the_command_line(
    sample_file: Callable[[str], Path],
    tmp_path: Path,
    models: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = tmp_path / "files"
    _, expected = golden_set(sample_file("golden/audio-model-small"), files)
    assert main(["models", "import", str(files), "--as", "golden", "--json"]) == 0
    said = events(capsys)
    assert said[-1]["event"] == "finished"
    assert said[-1]["written"] is True
    assert any(e["event"] == "progress" and e["stage"] == "writing" for e in said)
    assert main(["models", "verify", "golden"]) == 0
    assert "all as written" in capsys.readouterr().out
    net = load_model(models / "golden").audio
    codes, cond, mask = expected["codes"], expected["cond"], expected["cond_mask"]
    with torch.no_grad():
        context = net.context(cond, mask, codes.shape[-1], count_padding=True)
        logits = net.head_logits(codes, context)
    assert (logits - expected["logits"]).abs().max() < 1e-4


def test_a_dry_run_tells_what_lacks_and_fails(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = Published().write(tmp_path / "files")
    (files / "audiogen" / "compression_state_dict.bin").unlink()
    assert main(["models", "import", str(files), "--as", "vatt-llama-t", "--dry-run"]) == 1
    assert "lacks   the codec" in capsys.readouterr().out
    assert not models.exists()


def test_a_damaged_model_does_not_verify(
    tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = Published().write(tmp_path / "files")
    import_model(files, "mine", models, Options(), lambda *_: None)
    path = models / "mine" / "audio.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert main(["models", "verify", "mine"]) == 1
    assert "audio.safetensors has changed" in capsys.readouterr().err


def test_pull_shows_sources_and_fetches_nothing_unasked(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models", "pull", "vatt-gemma-t", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "CC-BY-NC-4.0" in shown
    assert "Gemma Terms of Use" in shown
    assert main(["models", "pull", "vatt-gemma-t", "--json"]) == 1
    assert events(capsys)[-1]["code"] == "licence_not_accepted"
