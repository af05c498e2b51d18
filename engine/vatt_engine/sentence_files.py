"""A sentence encoder as files: its layers, its word pieces, its tokenizer.

Two weight files, so that none is larger than 20 MB; a converter's own file holds none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vatt_engine.errors import BadModelFolder
from vatt_engine.net_files import save_tensors
from vatt_engine.nets.prompts import TextTokenizer
from vatt_engine.nets.sentence import SentenceEncoder

NAMES: Mapping[str, str] = {
    "sentence": "sentence.safetensors",
    "sentence_words": "sentence_words.safetensors",
    "sentence_tokenizer": "sentence_tokenizer.json",
}
"""File by what it holds, as a manifest calls it."""

INSIDE = "sentence."
"""What a converter's state dict puts before the encoder's keys."""

_WORDS = "words."


def write_encoder(folder: Path, encoder: SentenceEncoder) -> None:
    """Write the three files of an encoder."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in encoder.state_dict().items()}
    words = {k: v for k, v in tensors.items() if k.startswith(_WORDS)}
    rest = {k: v for k, v in tensors.items() if not k.startswith(_WORDS)}
    for part, content in (("sentence", rest), ("sentence_words", words)):
        save_tensors(folder / NAMES[part], content)
    (folder / NAMES["sentence_tokenizer"]).write_text(encoder.tokenizer.to_str(), "utf-8")


def read_encoder_tensors(layers: Path, words: Path) -> dict[str, Tensor]:
    """State dict of an encoder from its two weight files.

    Raises:
        BadModelFolder: one cannot be read.
    """
    return read_tensors(layers) | read_tensors(words)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file.

    Raises:
        BadModelFolder: it cannot be read.
    """
    try:
        tensors: dict[str, Tensor] = load_file(path)
        return tensors
    except (OSError, SafetensorError, ValueError) as error:
        raise BadModelFolder(
            f"{path.name} in {path.parent} is no readable safetensors file ({error}).",
            "Fetch or make the model again.",
        ) from error


def read_tokenizer(path: Path) -> TextTokenizer:
    """A tokenizer file, which neither cuts nor pads a text.

    Raises:
        BadModelFolder: it is missing or no tokenizer.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise BadModelFolder(
            f"{path} is no readable tokenizer ({error}).", "Fetch or import the model again."
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return cast(TextTokenizer, tokenizer)
