"""The house rules that a machine can hold: import direction, file sizes, plain weights."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [ROOT / "engine" / "vatt_engine", ROOT / "vatt_plugin", ROOT / "ui" / "vatt_ui"]


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name]


def test_imports_point_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([str(lint)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_package_folder_says_what_lives_there() -> None:
    silent = [
        init.parent
        for package in PACKAGES
        for init in package.rglob("__init__.py")
        if '"""' not in init.read_text() and not (init.parent / "README.md").exists()
    ]
    assert silent == []


def test_no_tracked_file_is_over_20_mb() -> None:
    assert [p for p in tracked_files() if p.exists() and p.stat().st_size > 20_000_000] == []


def test_nothing_pickled_is_tracked() -> None:
    pickles = {".pt", ".pth", ".ckpt", ".bin", ".pkl", ".npy", ".npz"}
    assert [p for p in tracked_files() if p.suffix in pickles] == []


def test_manifest_and_package_agree_on_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert json.loads((ROOT / "plugin.json").read_text())["version"] == version
