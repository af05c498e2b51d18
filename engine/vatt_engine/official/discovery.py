"""Finding the published files in a folder, however they were unpacked and named.

Files are told apart by what they hold. What cannot be opened, or is not needed, is noted with
the reason and shown when something is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from vatt_engine.errors import BadCheckpoint
from vatt_engine.official import audio, codec, llm
from vatt_engine.official.reading import (
    MergedSource,
    SafetensorsSource,
    TensorSource,
    load_torch,
    tensor_list,
    tensors_of,
)

_TORCH_ENDINGS = {".ckpt", ".pt", ".pth", ".bin"}
_ENDINGS = {*_TORCH_ENDINGS, ".safetensors"}
_MAX_FILES = 20_000


@dataclass(frozen=True)
class LlmFolder:
    """A base LLM in Hugging Face layout."""

    folder: Path
    config: Mapping[str, Any]
    source: TensorSource


@dataclass(frozen=True)
class CodecFile:
    """A compression model as audiocraft exports it."""

    path: Path
    data: Mapping[str, Any]


@dataclass
class Found:
    """What a folder holds, by kind; ``ignored`` has the rest with the reason."""

    checkpoints: list[TensorSource] = field(default_factory=list)
    converters: list[TensorSource] = field(default_factory=list)
    visuals: list[TensorSource] = field(default_factory=list)
    codecs: list[CodecFile] = field(default_factory=list)
    codebooks: list[tuple[Path, list[Tensor]]] = field(default_factory=list)
    embeddings: list[tuple[Path, Tensor]] = field(default_factory=list)
    llms: list[LlmFolder] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)


def discover(folder: Path) -> Found:
    """Look through ``folder`` and all below it.

    Raises:
        BadCheckpoint: no such folder, or far too many files to be one with models.
    """
    if not folder.is_dir():
        raise BadCheckpoint(f"{folder} is no folder.", "Name the folder with the published files.")
    found = Found()
    for place, names in _walk(folder):
        weights = [place / n for n in sorted(names) if Path(n).suffix.lower() in _ENDINGS]
        if "config.json" in names and weights:
            weights = _take_llm(place, weights, found)
        for path in weights:
            try:
                _sort_in(path, found)
            except BadCheckpoint as error:
                found.ignored.append((path, error.message))
        for name in sorted(names):
            if name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz")):
                found.ignored.append((place / name, "it is packed; unpack it first"))
    return found


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    n_files = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        n_files += len(names)
        if n_files > _MAX_FILES:
            raise BadCheckpoint(
                f"{folder} holds more than {_MAX_FILES} files.",
                "Name the folder that holds only the published files.",
            )
        yield Path(place), names


def _take_llm(place: Path, weights: list[Path], found: Found) -> list[Path]:
    """Take a base LLM's weight files out of ``weights``, if that is what the folder holds."""
    try:
        config = llm.read_llm_json(place)
    except BadCheckpoint as error:
        found.ignored.append((place / "config.json", error.message))
        return weights
    if config.get("model_type") not in ("llama", "gemma"):
        return weights
    shards = [p for p in weights if re.match(r"(model|pytorch_model)[-.\w]*$", p.name)]
    safe = [p for p in shards if p.suffix == ".safetensors"]
    chosen = safe or shards
    parts: list[TensorSource] = []
    for path in chosen:
        try:
            source = _open(path)
        except BadCheckpoint as error:
            found.ignored.append((path, error.message))
            continue
        if source is not None:
            parts.append(source)
    names = [n for part in parts for n in part.names()]
    if not names or any(n.startswith("base_model.") or "video_proj" in n for n in names):
        return weights
    found.llms.append(LlmFolder(place, config, MergedSource(place, parts)))
    return [p for p in weights if p not in shards]


def _open(path: Path) -> TensorSource | None:
    if path.suffix.lower() == ".safetensors":
        return SafetensorsSource(path)
    return tensors_of(path, load_torch(path))


def _sort_in(path: Path, found: Found) -> None:
    source: TensorSource | None
    if path.suffix.lower() == ".safetensors":
        source = SafetensorsSource(path)
    else:
        data = load_torch(path)
        if codec.is_codec_file(data):
            found.codecs.append(CodecFile(path, data))
            return
        tables = tensor_list(data)
        if tables is not None:
            found.codebooks.append((path, tables))
            return
        table = _lone_table(data)
        if table is not None:
            found.embeddings.append((path, table))
            return
        source = tensors_of(path, data)
    if source is None:
        found.ignored.append((path, "it holds no tensors that are known here"))
    elif any(n.startswith(audio.PREFIX) for n in source.names()):
        found.checkpoints.append(source)
    elif any(n.startswith("visual.") for n in source.names()):
        found.visuals.append(source)
    elif llm.has_llm_keys(source):
        found.converters.append(source)
    else:
        found.ignored.append((path, "it holds no tensors that are known here"))


def _lone_table(data: Any) -> Tensor | None:
    """A word embedding saved alone: a matrix, or a state dict of nothing but ``weight``."""
    if isinstance(data, Mapping) and len(data) == 1:
        (name, data) = next(iter(data.items()))
        if str(name) not in ("weight", "embed_tokens.weight", "word_embeds.weight"):
            return None
    if hasattr(data, "weight") and not isinstance(data, Tensor):
        data = data.weight
    return data.detach() if isinstance(data, Tensor) and data.ndim == 2 else None


def visual_tensors(source: TensorSource) -> dict[str, str]:
    """Our key -> published key of the picture half of an open_clip file."""
    return {
        f"backbone.{name.removeprefix('visual.')}": name
        for name in source.names()
        if name.startswith("visual.")
    }
