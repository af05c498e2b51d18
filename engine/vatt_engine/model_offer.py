"""What a pull would fetch, and where to: answered by the front, so no torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vatt_engine.messages import PullModel


def offer(request: PullModel) -> dict[str, Any]:
    """Sources, sizes and licences of what a pull would fetch, and where it would go; no torch.

    Raises:
        UnknownModel: nothing is published under that name.
    """
    from vatt_engine.official.pull import describe

    return {**describe(request.name), "folder": str(folder_for(request))}


def folder_for(request: PullModel) -> Path:
    """Where the fetched files go: where the user says, else the platform's cache."""
    if request.into:
        return Path(request.into)
    import platformdirs

    return Path(platformdirs.user_cache_dir("vatt", appauthor=False)) / "published" / request.name
