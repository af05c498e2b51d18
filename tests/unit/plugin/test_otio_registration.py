"""OTIO finds our plug-ins, and nothing else about it changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.helpers.timelines import clip, save, timeline, track

SCRIPT = """
import json, sys
import opentimelineio as otio
manifest = otio.plugins.ActiveManifest()
linkers = [plugin.name for plugin in manifest.media_linkers]
hooks = {name: list(scripts) for name, scripts in manifest.hooks.items()}
scripts = [plugin.name for plugin in manifest.hook_scripts]
root = otio.adapters.read_from_file(sys.argv[1])
otio.adapters.write_to_file(root, sys.argv[2])
print(json.dumps([linkers, scripts, hooks, "vatt_plugin.timeline" in sys.modules]))
"""


@pytest.mark.e2e
def test_a_fresh_interpreter_finds_them_under_no_hook(tmp_path: Path) -> None:
    path = save(timeline(track(clip("A"))), tmp_path)
    out = tmp_path / "out.otio"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), str(out)],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    linkers, scripts, hooks, loaded = json.loads(done.stdout)
    assert "vatt_search_roots" in linkers
    assert "vatt_cue_markers" in scripts
    assert not any("vatt_cue_markers" in listed for listed in hooks.values())
    assert not loaded
    assert "could not load plugin" not in done.stderr
    assert json.loads(out.read_text()) == json.loads(path.read_text())


def test_the_linker_finds_media_when_asked(tmp_path: Path) -> None:
    (tmp_path / "rushes").mkdir()
    (tmp_path / "rushes" / "a.mov").write_bytes(b"x")
    path = save(timeline(track(clip("A", url="/gone/a.mov"), clip("B"))), tmp_path)
    root = otio.adapters.read_from_file(
        str(path),
        media_linker_name="vatt_search_roots",
        media_linker_argument_map={"media_roots": [str(tmp_path / "rushes")]},
    )
    first, second = root.tracks[0]
    assert first.media_reference.target_url == str(tmp_path / "rushes" / "a.mov")
    assert first.media_reference.available_range == first.available_range()
    assert second.media_reference.target_url == "B.mov"


def test_the_hook_marks_cues_when_asked(tmp_path: Path) -> None:
    root = timeline(track(clip("A"), clip("B")))
    otio.plugins.ActiveManifest().hooks["vatt_test"] = ["vatt_cue_markers"]
    try:
        root = otio.hooks.run("vatt_test", root)
    finally:
        del otio.plugins.ActiveManifest().hooks["vatt_test"]
    assert [marker.name for marker in root.tracks.markers] == ["A", "B"]
    assert len(root.tracks) == 1
