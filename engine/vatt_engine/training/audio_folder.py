"""A trained audio model as files: ``audio.safetensors`` and ``audio.json`` beside it.

The tensors are named as in a model folder, so the audio component of one is this very file. Weights
are kept in half precision, tables in 32 bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vatt_engine.config import AudioModelConfig
from vatt_engine.config_json import read_config
from vatt_engine.errors import BadModelFolder
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.building import fill_strictly, parameters_on_meta

WEIGHTS = "audio.safetensors"
DESCRIPTION = "audio.json"
SCHEMA = 1

_TABLES = ("codebooks", "positions")


def write_audio(
    folder: Path,
    config: AudioModelConfig,
    tensors: Mapping[str, Tensor],
    provenance: Mapping[str, Any],
) -> None:
    """Write an audio model's weights and what they are.

    Args:
        folder: is made; files in it are replaced.
        config: of the net ``tensors`` belong to.
        tensors: its state dict.
        provenance: where the weights come from: config of the run, steps, data.
    """
    halves = {
        name: t.detach().cpu().contiguous() if name in _TABLES else t.detach().cpu().half()
        for name, t in tensors.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(halves, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors makes it readable to its owner alone
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    description = {
        "schema": SCHEMA,
        "config": asdict(config),
        "files": {WEIGHTS: {"sha256": digest}},
        "provenance": dict(provenance),
    }
    text = json.dumps(description, indent=2) + "\n"
    (folder / DESCRIPTION).write_text(text, encoding="utf-8")


def read_audio(folder: Path) -> AudioModel:
    """The audio model of a folder, in eval mode and 32-bit floats, on the CPU.

    Raises:
        BadModelFolder: a file is missing, damaged, or does not fit the other.
    """
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        config = read_config(AudioModelConfig, description["config"], DESCRIPTION)
        whole = (folder / WEIGHTS).read_bytes()
        if hashlib.sha256(whole).hexdigest() != description["files"][WEIGHTS]["sha256"]:
            raise BadModelFolder(f"{folder / WEIGHTS} is damaged.", "Train or fetch it again.")
        tensors = load_file(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as err:
        raise BadModelFolder(
            f"No usable audio model in {folder}: {err}.", "Train or fetch one."
        ) from err
    with parameters_on_meta():
        net = AudioModel(config)
    fill_strictly(net, {k: t.float() for k, t in tensors.items()}, str(folder / WEIGHTS))
    return net.requires_grad_(False).eval()
