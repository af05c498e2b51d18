"""A trained codec as files: ``codec.safetensors`` and ``codec.json`` beside it.

The tensors are named as in a model folder, so the codec component of one is this very file. Nets
are kept in half precision; the codebooks stay in 32 bits, since codes are picked by small
differences of distance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vatt_engine.config_json import read_config
from vatt_engine.errors import BadModelFolder
from vatt_engine.net_files import NetFiles
from vatt_engine.nets.building import fill_strictly, parameters_on_meta
from vatt_engine.nets.codec import TRAINING_ONLY, Codec, build_codec
from vatt_engine.sound_config import CodecConfig

FILES = NetFiles("codec", "codec.safetensors", "codec.json")


def write_codec(
    folder: Path,
    config: CodecConfig,
    tensors: Mapping[str, Tensor],
    provenance: Mapping[str, Any],
    n_codebooks: int | None = None,
) -> CodecConfig:
    """Write a codec's weights and what they are.

    Args:
        folder: is made; files in it are replaced.
        config: of the net ``tensors`` belong to.
        tensors: its state dict.
        provenance: where the weights come from: config of the run, steps, data, licence.
        n_codebooks: keep only the first so many; None keeps all.

    Returns:
        the config of what was written.
    """
    kept = n_codebooks or config.n_codebooks
    if not 1 <= kept <= config.n_codebooks:
        raise BadModelFolder(
            f"The codec has {config.n_codebooks} codebooks, not {kept}.", "Keep fewer."
        )
    written = dataclasses.replace(config, n_codebooks=kept)
    beyond = tuple(f"quantizer.vq.layers.{k}." for k in range(kept, config.n_codebooks))
    halves = {
        name: t.detach().cpu().contiguous() if "_codebook" in name else t.detach().cpu().half()
        for name, t in tensors.items()
        if not name.endswith(TRAINING_ONLY) and not name.startswith(beyond)
    }
    FILES.write(folder, dataclasses.asdict(written), halves, provenance)
    return written


def read_codec(folder: Path) -> Codec:
    """The codec of a folder, in eval mode and 32-bit floats, on the CPU.

    Raises:
        BadModelFolder: a file is missing, damaged, or does not fit the other.
    """
    plain, tensors = FILES.read(folder)
    config = read_config(CodecConfig, plain, FILES.description)
    with parameters_on_meta():
        codec = build_codec(config)
    fill_strictly(codec, tensors, str(folder / FILES.weights), TRAINING_ONLY)
    return codec.requires_grad_(False).eval()


@torch.no_grad()
def unquantised(codec: Codec, wave: Tensor) -> Tensor:
    """What the net makes of wave [B, 1, S] when the quantiser is left out."""
    made: Tensor = codec.decoder(codec.encoder(wave))
    return made[..., : wave.shape[-1]]
