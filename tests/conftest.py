"""Shared test set-up: no network, no screen, no sound card, one thread, nobody's home folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A user's own models, settings and logs are neither read nor written; set before test modules are
# imported, since some ask for the installed models there. Gone when Python ends.
_HOME = tempfile.TemporaryDirectory(prefix="vatt-test-home-")
os.environ["HOME"] = _HOME.name
for _kind in ("CACHE", "CONFIG", "DATA", "STATE"):
    os.environ.pop(f"XDG_{_kind}_HOME", None)
os.environ.pop("VATT_MODELS", None)

DATA = Path(__file__).resolve().parent / "data"


@pytest.fixture(scope="session")
def sample_file(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Finds ``golden/...`` or ``timelines/...``: in ``tests/data``, the rest in ``../shared``."""

    def find(name: str) -> Path:
        own = DATA / name
        if own.exists():
            return own
        shared: Path = request.getfixturevalue("shared_dir")
        return shared / name.replace("timelines/", "samples/timelines/")

    return find


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of samples and golden tensors beside the checkout; tests skip without it."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not path.is_dir():
        pytest.skip("../shared is not beside this checkout")
    return path


@pytest.fixture
def anyones_path() -> Iterator[Path]:
    """As ``tmp_path``, but in reach of a user who is not root; see ``helpers.unprivileged``."""
    with tempfile.TemporaryDirectory(prefix="vatt-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
