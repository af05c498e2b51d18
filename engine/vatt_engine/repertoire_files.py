"""A repertoire as files: names and wordings as JSON, witnesses and sentence vectors as tensors.

A model folder may do without; captions are then the LM's own words.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from vatt_engine.config import ConverterConfig
from vatt_engine.config_json import read_config
from vatt_engine.errors import BadModelFolder
from vatt_engine.net_files import save_tensors
from vatt_engine.nets.building import fill_strictly
from vatt_engine.nets.repertoire import Repertoire, VoteConfig
from vatt_engine.sentence_files import read_tensors

NAMES: Mapping[str, str] = {
    "repertoire": "repertoire.safetensors",
    "repertoire_words": "repertoire.json",
}
"""File by what it holds, as a manifest calls it."""


def write_repertoire(folder: Path, repertoire: Repertoire) -> None:
    """Write both files; tables and vectors in half precision."""
    tensors = {
        k: v.detach().cpu().contiguous() if k.startswith("readout.") else v.cpu().half()
        for k, v in repertoire.state_dict().items()
    }
    save_tensors(folder / NAMES["repertoire"], tensors)
    words = {
        "sounds": [
            {"name": name, "wordings": list(wordings)}
            for name, wordings in zip(repertoire.names, repertoire.wordings, strict=True)
        ],
        "vote": dataclasses.asdict(repertoire.vote),
    }
    text = json.dumps(words, indent=1, ensure_ascii=False)
    (folder / NAMES["repertoire_words"]).write_text(text + "\n", "utf-8")


def read_repertoire(tensors: Path, words: Path, config: ConverterConfig) -> Repertoire:
    """The repertoire of a converter of ``config``, from its two files; on the CPU.

    Raises:
        BadModelFolder: a file is damaged or does not fit the converter.
    """
    if config.sentence is None or not config.picture_classes:
        raise BadModelFolder(
            f"{words.name} in {words.parent} needs a converter that reads sentences and classes.",
            "Fetch or import the model again.",
        )
    try:
        data = json.loads(words.read_text("utf-8"))
        sounds = [(str(row["name"]), tuple(map(str, row["wordings"]))) for row in data["sounds"]]
        repertoire = Repertoire(
            [name for name, _ in sounds],
            [wordings for _, wordings in sounds],
            config.width,
            config.picture_classes,
            config.sentence.width,
            read_config(VoteConfig, data["vote"], f"vote in {words.name}"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModelFolder(
            f"{words} is no readable repertoire ({error}).", "Fetch or import the model again."
        ) from error
    fill_strictly(repertoire, read_tensors(tensors), str(tensors))
    return repertoire.float().requires_grad_(False).eval()
