"""A trained converter as files, and a sentence encoder as files.

``write_converter`` and ``load_converter`` are what the audio model's training, the bundle and tests
use. The tensors are named and stored as in a model folder: the LM in half precision, the sentence
encoder as bytes in two files, so that none is larger than 20 MB.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vatt_engine.config import ConverterConfig, SentenceConfig
from vatt_engine.config_json import read_config
from vatt_engine.errors import BadModelFolder
from vatt_engine.net_files import save_tensors
from vatt_engine.nets.building import fill_strictly, parameters_on_meta
from vatt_engine.nets.converter import Converter, build_converter, tie_embeddings
from vatt_engine.nets.sentence import SentenceEncoder
from vatt_engine.sentence_files import (
    INSIDE,
    NAMES,
    read_encoder_tensors,
    read_tensors,
    read_tokenizer,
    write_encoder,
)

CONVERTER, READOUT = "converter.safetensors", "readout.safetensors"
DESCRIPTION, SENTENCE_DESCRIPTION = "converter.json", "sentence.json"
TOKENIZER = "tokenizer.json"
SCHEMA = 1

_HEAD = "llm.lm_head.weight"


def write_sentence(folder: Path, encoder: SentenceEncoder) -> None:
    """Write a sentence encoder: two weight files, its tokenizer, its sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_encoder(folder, encoder)
    _write_json(folder / SENTENCE_DESCRIPTION, {"config": dataclasses.asdict(encoder.config)})


def read_sentence(folder: Path) -> SentenceEncoder:
    """The sentence encoder of a folder, on the CPU.

    Raises:
        BadModelFolder: a file is missing, damaged, or does not fit the others.
    """
    description = _read_json(folder / SENTENCE_DESCRIPTION)
    config = read_config(SentenceConfig, description.get("config"), SENTENCE_DESCRIPTION)
    encoder = SentenceEncoder(config, read_tokenizer(folder / NAMES["sentence_tokenizer"]))
    tensors = _encoder_tensors(folder)
    fill_strictly(encoder, tensors, str(folder))
    return encoder.eval()


def write_converter(folder: Path, converter: Converter, provenance: Mapping[str, Any]) -> None:
    """Write a converter, LoRA merged or none, with where it comes from.

    Args:
        folder: is made; files in it are replaced.
        converter: floats are stored in half precision.
        provenance: config of the run, steps, data; JSON-ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: t.detach().cpu().half().contiguous()
        for name, t in converter.state_dict().items()
        if name != _HEAD and not name.startswith(INSIDE)
    }
    save_tensors(folder / CONVERTER, tensors)
    names = [CONVERTER, TOKENIZER]
    (folder / TOKENIZER).write_text(converter.tokenizer.to_str(), "utf-8")
    if converter.sentence is not None:
        write_encoder(folder, converter.sentence)
        names += NAMES.values()
    config = dataclasses.replace(converter.config, lora=None)
    _write_json(
        folder / DESCRIPTION,
        {
            "schema": SCHEMA,
            "config": dataclasses.asdict(config),
            "files": {name: _sha256(folder / name) for name in names},
            "provenance": dict(provenance),
        },
    )


def write_readout(folder: Path, readout: nn.Linear) -> None:
    """Write the category readout that was trained beside a converter."""
    save_tensors(
        folder / READOUT,
        {k: v.detach().cpu().contiguous() for k, v in readout.state_dict().items()},
    )


def read_readout(folder: Path) -> nn.Linear:
    """The category readout of a folder: states [..., E] -> one number a name of ``sights.NAMES``.

    Raises:
        BadModelFolder: it is missing or damaged.
    """
    tensors = read_tensors(folder / READOUT)
    rows, columns = tensors["weight"].shape
    readout = nn.Linear(columns, rows)
    fill_strictly(readout, tensors, str(folder / READOUT))
    return readout.requires_grad_(False)


def load_converter(folder: Path) -> Converter:
    """The converter of a folder: eval mode, 32-bit floats, on the CPU, nothing to be trained.

    Raises:
        BadModelFolder: a file is missing, changed since it was written, or does not fit.
    """
    description = _read_json(folder / DESCRIPTION)
    for name, expected in dict(description.get("files", {})).items():
        if Path(name).name != name or _sha256(folder / name) != expected:
            raise BadModelFolder(f"{folder / name} has changed or is damaged.", "Train it again.")
    config = read_config(ConverterConfig, description.get("config"), DESCRIPTION)
    pieces = read_tokenizer(folder / NAMES["sentence_tokenizer"]) if config.sentence else None
    with parameters_on_meta():
        converter = build_converter(config, read_tokenizer(folder / TOKENIZER), pieces)
    tensors = {name: t.float() for name, t in read_tensors(folder / CONVERTER).items()}
    if config.sentence:
        inside = _encoder_tensors(folder)
        tensors |= {f"{INSIDE}{name}": t for name, t in inside.items()}
    fill_strictly(converter, tensors, str(folder), (_HEAD,) if config.tied_embeddings else ("\0",))
    tie_embeddings(converter)
    return converter.requires_grad_(False).eval()


def _encoder_tensors(folder: Path) -> dict[str, Tensor]:
    return read_encoder_tensors(folder / NAMES["sentence"], folder / NAMES["sentence_words"])


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadModelFolder(f"{path} cannot be read: {error}.", "Train or fetch one.") from error
    if not isinstance(content, dict):
        raise BadModelFolder(f"{path} is no object.", "Train or fetch one.")
    return content


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BadModelFolder(
            f"{path} cannot be read: {error.strerror}.", "Train it again."
        ) from error
