"""Where a run computes, and in what precision."""

from __future__ import annotations

import torch

from vatt_engine.errors import DeviceUnavailable
from vatt_engine.precision import has_bf16 as has_bf16


def pick_device(name: str) -> torch.device:
    """The device of this name; ``auto`` takes CUDA where there is one, else the CPU.

    Raises:
        DeviceUnavailable: this machine has none of that name.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(name, False):
        raise DeviceUnavailable(f"This machine has no {name} device.", "Set run.device to auto.")
    return torch.device(name)
