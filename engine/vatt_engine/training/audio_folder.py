"""A trained audio model as files: ``audio.safetensors`` and ``audio.json`` beside it.

The tensors are named as in a model folder, so the audio component of one is this very file. Weights
are kept in half precision, tables in 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from vatt_engine.config import AudioModelConfig
from vatt_engine.config_json import read_config
from vatt_engine.net_files import NetFiles
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.building import fill_strictly, parameters_on_meta

FILES = NetFiles("audio model", "audio.safetensors", "audio.json")

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
    FILES.write(folder, asdict(config), halves, provenance)


def read_audio(folder: Path) -> AudioModel:
    """The audio model of a folder, in eval mode and 32-bit floats, on the CPU.

    Raises:
        BadModelFolder: a file is missing, damaged, or does not fit the other.
    """
    plain, tensors = FILES.read(folder)
    config = read_config(AudioModelConfig, plain, FILES.description)
    with parameters_on_meta():
        net = AudioModel(config)
    fill_strictly(net, tensors, str(folder / FILES.weights))
    return net.requires_grad_(False).eval()
