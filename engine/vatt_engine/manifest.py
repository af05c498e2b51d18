"""``model.json``: what a model folder says about itself; no torch here, so listing is quick.

The file names every other file of the folder with size and SHA-256. Nothing outside the folder
is ever read: a file entry is a bare name, and what it resolves to must lie inside.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vatt_engine.config import ModelConfig
from vatt_engine.config_json import config_from_dict, config_to_dict
from vatt_engine.errors import BadModelFolder

MANIFEST = "model.json"
SCHEMA = 1
COMPONENTS = ("visual", "converter", "audio", "codec")
TOKENIZER = "tokenizer.json"
SENTENCE_PARTS = ("sentence", "sentence_words", "sentence_tokenizer")
"""Further files of a model whose converter has a sentence encoder."""
_MAX_MANIFEST_BYTES = 4 << 20


@dataclass(frozen=True)
class FileEntry:
    """One file of a model folder."""

    name: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class Licence:
    """Terms of one part of a model: ``what`` it covers, the licence's name, where it is."""

    what: str
    name: str
    url: str = ""


@dataclass(frozen=True)
class Manifest:
    """The contents of ``model.json``.

    Attributes:
        config: sizes of all parts.
        trained: False for random weights; panel and CLI warn then.
        files: by what they hold: see ``parts_of``; a repertoire is two more (``repertoire_files``).
        description: one line for lists.
        licences: terms, part by part.
        provenance: where the weights come from; JSON-ready, free form.
        audio_in_bfloat16: its makers have checked that the audio model sounds the same in bfloat16,
            so that CPUs which multiply that in hardware may use it (decision 14).
    """

    config: ModelConfig
    trained: bool
    files: Mapping[str, FileEntry]
    description: str = ""
    licences: tuple[Licence, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    audio_in_bfloat16: bool = False

    @property
    def n_bytes(self) -> int:
        """Size of all files together."""
        return sum(entry.n_bytes for entry in self.files.values())

    @property
    def model_hash(self) -> str:
        """Identifies config and weights, whatever the folder or the name: 16 hex digits."""
        config = {k: v for k, v in config_to_dict(self.config).items() if k != "name"}
        files = {what: entry.sha256 for what, entry in self.files.items()}
        canonical = json.dumps({"config": config, "files": files}, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def parts_of(config: ModelConfig) -> tuple[str, ...]:
    """What files a model of this config has: its components, and what its converter reads with."""
    sentence = SENTENCE_PARTS if config.converter.sentence is not None else ()
    return (*COMPONENTS, "tokenizer", *sentence)


def manifest_to_dict(manifest: Manifest) -> dict[str, Any]:
    """JSON form of a manifest."""
    return {
        "schema": SCHEMA,
        "name": manifest.config.name,
        "description": manifest.description,
        "trained": manifest.trained,
        "layout": manifest.config.audio.layout,
        "sample_rate": manifest.config.codec.sample_rate,
        "audio_in_bfloat16": manifest.audio_in_bfloat16,
        "config": config_to_dict(manifest.config),
        "files": {what: vars(entry) for what, entry in manifest.files.items()},
        "licences": [vars(licence) for licence in manifest.licences],
        "provenance": dict(manifest.provenance),
    }


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``model.json``; the files it names are checked for being inside only.

    Raises:
        BadModelFolder: no or a broken file, a newer schema, a bad value; what and where is named.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise _bad(folder, f"{MANIFEST} is larger than any model's")
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _bad(folder, f"{MANIFEST} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _bad(folder, f"{MANIFEST} is not JSON ({error})") from error
    if not isinstance(data, dict):
        raise _bad(folder, f"{MANIFEST} is not an object")
    schema = data.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise _bad(folder, f"{MANIFEST} has no schema version")
    if schema > SCHEMA:
        raise BadModelFolder(
            f"The model in {folder} was made by a newer version (schema {schema}; this one "
            f"reads {SCHEMA}).",
            "Update the program.",
        )
    try:
        # A model goes by its folder's name; a copied or renamed folder still has its old one
        # inside, and takes must name what can be found again.
        config = replace(config_from_dict(_get(data, "config", dict)), name=folder.resolve().name)
        return Manifest(
            config=config,
            trained=_get(data, "trained", bool),
            files=_read_files(folder, _get(data, "files", dict), parts_of(config)),
            description=str(data.get("description", "")),
            licences=tuple(_read_licence(item) for item in data.get("licences", [])),
            provenance=_get(data, "provenance", dict) if "provenance" in data else {},
            audio_in_bfloat16=data.get("audio_in_bfloat16") is True,
        )
    except (KeyError, TypeError) as error:
        raise _bad(folder, f"{MANIFEST} is incomplete or wrong: {error}") from error
    except BadModelFolder as error:
        raise _bad(folder, error.message.rstrip(".")) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``model.json`` whole or not at all."""
    text = json.dumps(manifest_to_dict(manifest), indent=1, ensure_ascii=False)
    part = folder / f"{MANIFEST}.part"
    with part.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / MANIFEST)


def inside(folder: Path, entry: FileEntry) -> Path:
    """Path of a folder's file.

    Raises:
        BadModelFolder: the name or a link leads out of the folder, or nothing is there.
    """
    if Path(entry.name).name != entry.name or entry.name in ("", ".", ".."):
        raise _bad(folder, f"{entry.name!r} is no plain file name")
    path = folder / entry.name
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise _bad(folder, f"{entry.name} is missing") from error
    if folder.resolve() not in real.parents:
        raise _bad(folder, f"{entry.name} leads out of the folder")
    if not real.is_file():
        raise _bad(folder, f"{entry.name} is no file")
    return real


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(folder: Path, entry: FileEntry, *, whole: bool) -> Path:
    """Path of a folder's file after checking its size and, if ``whole``, its content.

    Raises:
        BadModelFolder: it is missing, truncated, or changed since the folder was written.
    """
    path = inside(folder, entry)
    n_bytes = path.stat().st_size
    if n_bytes != entry.n_bytes:
        raise _bad(folder, f"{entry.name} has {n_bytes} bytes instead of {entry.n_bytes}")
    if whole and file_sha256(path) != entry.sha256:
        raise _bad(folder, f"{entry.name} has changed since the model was written (SHA-256)")
    return path


def _read_files(
    folder: Path, data: Mapping[str, Any], parts: tuple[str, ...]
) -> dict[str, FileEntry]:
    files = {
        str(what): FileEntry(
            _get(item, "name", str), _get(item, "n_bytes", int), _get(item, "sha256", str)
        )
        for what, item in data.items()
    }
    missing = sorted(set(parts) - set(files))
    if missing:
        raise BadModelFolder(f"{MANIFEST} names no file for: {', '.join(missing)}.")
    for entry in files.values():
        inside(folder, entry)
    return files


def _read_licence(item: Any) -> Licence:
    url = str(item.get("url", "")) if isinstance(item, dict) else ""
    return Licence(_get(item, "what", str), _get(item, "name", str), url)


def _get(data: Any, key: str, kind: type) -> Any:
    if not isinstance(data, dict) or key not in data:
        raise BadModelFolder(f"{MANIFEST} lacks {key!r}.")
    if not isinstance(data[key], kind):
        raise BadModelFolder(f"{key!r} in {MANIFEST} must be of type {kind.__name__}.")
    return data[key]


def _bad(folder: Path, what: str) -> BadModelFolder:
    return BadModelFolder(
        f"The model in {folder} cannot be used: {what}.",
        "Fetch or import the model again.",
    )
