"""The version of the installed product, as the wire, the recipes and the files name it."""

from __future__ import annotations

import functools
from importlib import metadata

DISTRIBUTION = "vatt-plugin"


@functools.cache
def engine_version() -> str:
    """Version of the installed distribution; ``0+source`` when run from bare sources."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "0+source"


def pinned(*names: str) -> str:
    """The pins of some of our dependencies as arguments for pip (``torch==2.11.0 ...``)."""
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        requirements = []
    by_name = {
        r.split("==")[0].split(";")[0].strip(): r.split(";")[0].strip() for r in requirements
    }
    return " ".join(by_name.get(name, name) for name in names)
