"""Captions of a folder of films as a V2A Instruction file, the published training format.

A JSON list of ``{"input": "", "video_path", "dataset": "vggsound", "output": caption, "split"}``;
``video_path`` is the film's stem, by which feature files are found. The engine's training reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

FILM_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mxf", ".ogv"})


def is_film_folder(path: Path) -> bool:
    """Whether ``path`` is a plain folder (an ``.otiod`` bundle is a timeline)."""
    return path.is_dir() and path.suffix.lower() != ".otiod"


def films_of(folder: Path) -> list[Path]:
    """Film files directly in ``folder``, by name; hidden ones left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() in FILM_SUFFIXES and path.name[0] != "."
    )


def write_v2a(captions: Iterable[tuple[str, str]], path: Path, split: str = "train") -> int:
    """Write (media path, caption) pairs; those without a caption are left out.

    Returns:
        How many rows were written.
    """
    rows = [
        {
            "input": "",
            "video_path": Path(media).stem,
            "dataset": "vggsound",
            "output": caption,
            "split": split,
        }
        for media, caption in captions
        if caption
    ]
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return len(rows)
