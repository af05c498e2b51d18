"""What the product is, from ``plugin.json``: version, and how to start its parts."""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

from vatt_plugin.errors import BrokenInstall

PYTHON_VARIABLE = "VATT_PYTHON"
_UNWANTED = ("PYTHONHOME", "PYTHONPATH", "QT_PLUGIN_PATH", "LD_LIBRARY_PATH")


@functools.cache
def manifest() -> dict[str, Any]:
    """The product's manifest: beside this package when installed, at the root of a checkout.

    Raises:
        BrokenInstall: it is not there or not readable.
    """
    here = Path(__file__).resolve().parent
    for path in (here / "plugin.json", here.parent / "plugin.json"):
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise BrokenInstall(f"{path} cannot be read: {error}.", "Install again.") from error
    raise BrokenInstall("plugin.json is missing from the installation.", "Install again.")


def python() -> str:
    """The Python that runs our parts: ``VATT_PYTHON`` if set, else this one."""
    return os.environ.get(PYTHON_VARIABLE) or sys.executable


def command(entry_point: str, *arguments: str) -> list[str]:
    """The argument list that starts ``entry_point`` (panel, cli, engine, otio).

    Raises:
        BrokenInstall: the manifest does not name it.
    """
    try:
        words = manifest()["entry_points"][entry_point]
    except KeyError as error:
        raise BrokenInstall(f"plugin.json names no entry point {entry_point!r}.", "") from error
    return [str(word).replace("{python}", python()) for word in words] + list(arguments)


def clean_environment() -> dict[str, str]:
    """Our environment without what a host program sets for its own Python and libraries."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _UNWANTED and not name.startswith("DYLD_")
    }
