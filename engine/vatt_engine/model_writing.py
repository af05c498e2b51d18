"""``Model`` -> model folder: written whole or not at all, an earlier one replaced in one move.

``model_folder`` reads what is written here.
"""

from __future__ import annotations

import glob
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from vatt_engine import repertoire_files, sentence_files
from vatt_engine.errors import CannotWrite
from vatt_engine.manifest import (
    COMPONENTS,
    MANIFEST,
    TOKENIZER,
    FileEntry,
    Licence,
    Manifest,
    file_sha256,
    write_manifest,
)
from vatt_engine.model_folder import Model, stored_tensors

# A temporary folder in which nothing has happened for so long belongs to nobody.
_STALE_S = 3600.0


def save_model(
    model: Model,
    folder: Path,
    *,
    description: str = "",
    licences: tuple[Licence, ...] = (),
    provenance: Mapping[str, Any] | None = None,
    texts: Mapping[str, str] | None = None,
    force: bool = False,
) -> Manifest:
    """Write a model folder, whole or not at all.

    Args:
        model: its nets are stored as they are (dtype included).
        folder: must not exist, unless ``force``.
        description: one line for lists.
        licences: terms, part by part.
        provenance: where the weights come from.
        texts: further text files by name, such as ``MODEL_CARD.md`` and ``LICENSE``.
        force: replace an existing model folder.

    Raises:
        CannotWrite: the folder exists, or the disk refuses.
    """

    def fill(place: Path) -> Manifest:
        files = {}
        for component in COMPONENTS:
            path = place / f"{component}.safetensors"
            save_file(stored_tensors(component, getattr(model, component)), path)
            files[component] = entry_of(path)
        tokenizer = place / TOKENIZER
        tokenizer.write_text(model.converter.tokenizer.to_str(), "utf-8")
        files["tokenizer"] = entry_of(tokenizer)
        if model.converter.sentence is not None:
            sentence_files.write_encoder(place, model.converter.sentence)
            files |= {part: entry_of(place / n) for part, n in sentence_files.NAMES.items()}
        if model.repertoire is not None:
            repertoire_files.write_repertoire(place, model.repertoire)
            files |= {part: entry_of(place / n) for part, n in repertoire_files.NAMES.items()}
        for name, text in (texts or {}).items():
            (place / name).write_text(text, "utf-8")
        config = replace(model.config, name=folder.name)
        manifest = Manifest(
            config, model.trained, files, description, licences, dict(provenance or {}),
            model.audio_in_bfloat16,
        )  # fmt: skip
        write_manifest(place, manifest)
        return manifest

    return write_folder(folder, fill, force=force)


def write_folder(
    folder: Path, fill: Callable[[Path], Manifest], *, force: bool = False
) -> Manifest:
    """Let ``fill`` build a model folder under a temporary name, then move it into place.

    Raises:
        CannotWrite: the folder exists (and not ``force``), or the disk refuses. Nothing is left.
    """
    if folder.exists() and not (force and (folder / MANIFEST).is_file()):
        raise CannotWrite(f"{folder} exists already.", "Choose another name, or use --force.")
    part = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.part"
    try:
        _sweep(folder)
        part.mkdir(parents=True)
        manifest = fill(part)
        for path in part.iterdir():
            _flush(path)
        if folder.exists():
            old = part.with_suffix(".old")
            folder.rename(old)
            part.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            part.rename(folder)
        return manifest
    except OSError as error:
        raise CannotWrite(
            f"The model folder {folder} cannot be written: {error.strerror or error}.",
            "Check the free space and the permissions of that place.",
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left of an earlier attempt at the same folder."""
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*.part"):
        newest = max((p.stat().st_mtime for p in (left, *left.iterdir())), default=0.0)
        if time.time() - newest > _STALE_S:
            shutil.rmtree(left, ignore_errors=True)


def entry_of(path: Path) -> FileEntry:
    """Name, size and SHA-256 of a finished file."""
    return FileEntry(path.name, path.stat().st_size, file_sha256(path))


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
