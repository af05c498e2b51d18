"""How many bits the nets of a model are computed in, and which choice a take can be repeated by.

``auto`` chooses by the device, and on a CPU by what that CPU can do. What it has become is told
with every take, and can be asked for by name behind a device: ``cpu+float32``.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch

Precision = Literal["float32", "bfloat16", "lm-bfloat16", "audio-bfloat16"]
"""LM and audio model: both in 32 bits, both in bfloat16, or one of them in bfloat16."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; elsewhere it would only cost."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        flags = torch.cpu.get_capabilities()
        return any(bool(flags.get(f)) for f in ("avx512_bf16", "amx_bf16", "bf16"))
    return False


def choose_precision(device: torch.device, *, wide_lm: bool, audio_fits: bool) -> Precision:
    """What ``auto`` is.

    Args:
        device: where the model runs.
        wide_lm: its LM would need too much memory in 32 bits and is stored in 16.
        audio_fits: by its makers, the audio model sounds the same in bfloat16 (decision 14).
    """
    if device.type == "cuda":
        return "bfloat16"
    audio = audio_fits and device.type == "cpu" and has_bf16(device)
    if wide_lm:
        return "bfloat16" if audio else "lm-bfloat16"
    return "audio-bfloat16" if audio else "float32"


def run_dtype(component: str, device: torch.device, precision: Precision) -> torch.dtype:
    """What the weights of a component become.

    The codec runs in 32 bits, the visual encoder in 16 on CUDA; LM and audio model as asked.
    """
    if component == "visual":
        half = device.type == "cuda" and precision != "float32"
        return torch.float16 if half else torch.float32
    in_16_bits = {
        "converter": ("bfloat16", "lm-bfloat16"),
        "audio": ("bfloat16", "audio-bfloat16"),
        "codec": (),
    }[component]
    return torch.bfloat16 if precision in in_16_bits else torch.float32
