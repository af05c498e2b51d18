"""The panel in other languages: catalogues are found, every word is in them, longer words fit."""

from __future__ import annotations

import importlib.util
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from vatt_ui import language

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "message", ["Generate", "TC in", "{n} of {all} cues have a take in use.", "Trash take, or mute"]
)
def test_pseudo_words_are_two_fifths_longer_and_keep_their_places(message: str) -> None:
    made = language.lengthened(message)
    assert len(made) >= 1.25 * len(message)
    assert made.count("{") == message.count("{")
    for name in ("{n}", "{all}"):
        assert (name in made) == (name in message)


def test_the_template_holds_every_message_of_the_source() -> None:
    spec = importlib.util.spec_from_file_location("messages", ROOT / "scripts" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages"] = module
    spec.loader.exec_module(module)
    assert module.TEMPLATE.read_text(encoding="utf-8") == module.template(), "run `make messages`"


def write_catalogue(path: Path, pairs: dict[str, str]) -> None:
    """A compiled catalogue (GNU gettext's .mo format, little endian)."""
    entries = sorted({"": "Content-Type: text/plain; charset=UTF-8\n", **pairs}.items())
    head = 7 * 4
    ids, texts, table_o, table_t = b"", b"", [], []
    data = head + 16 * len(entries)
    for text, _ in entries:
        table_o.append((len(text.encode()), data + len(ids)))
        ids += text.encode() + b"\0"
    for _, text in entries:
        table_t.append((len(text.encode()), data + len(ids) + len(texts)))
        texts += text.encode() + b"\0"
    n = len(entries)
    out = struct.pack("<7I", 0x950412DE, 0, n, head, head + 8 * n, 0, 0)
    for length, offset in (*table_o, *table_t):
        out += struct.pack("<2I", length, offset)
    path.parent.mkdir(parents=True)
    path.write_bytes(out + ids + texts)


def test_the_environments_language_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue = tmp_path / "de" / "LC_MESSAGES" / f"{language.DOMAIN}.mo"
    write_catalogue(catalogue, {"Generate": "Erzeugen"})
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    monkeypatch.setenv("LANGUAGE", "de_AT:en")
    assert language.find_translations().gettext("Generate") == "Erzeugen"
    monkeypatch.setenv("LANGUAGE", "fr")
    assert language.find_translations().gettext("Generate") == "Generate"


def test_longer_words_fit_and_none_is_forgotten(tmp_path: Path) -> None:
    environment = {**os.environ, "LANGUAGE": language.PSEUDO, "QT_QPA_PLATFORM": "offscreen"}
    result = subprocess.run(
        [sys.executable, "-m", "tests.helpers.long_words", str(tmp_path)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stderr.splitlines()[-1])
    assert found["n_seen"] > 300
    assert found["clipped"] == []
    assert found["untranslated"] == []
