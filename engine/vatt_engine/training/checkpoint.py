"""Training state on disk: one safetensors file, written whole or not at all.

No pickle: tensors go in by name, everything else as JSON in the file's header. What is restored is
exact, so a resumed run goes on as the unbroken one would have.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vatt_engine.errors import BadRequest


def save(path: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Write a checkpoint beside ``path`` and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    whole = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    save_file(whole, temporary, metadata={"state": json.dumps(state)})
    with temporary.open("rb+") as written:
        os.fsync(written.fileno())
    temporary.replace(path)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state of a checkpoint, on the CPU.

    Raises:
        BadRequest: there is none, or it is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
            return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError) as err:
        raise BadRequest(
            f"No usable checkpoint at {path}: {err}.", "Start without --resume."
        ) from err


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, named ``prefix.name``."""
    return {f"{prefix}.{name}": t for name, t in tensors.items()}


def under_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those named ``prefix.name``, without the prefix."""
    start = f"{prefix}."
    return {n[len(start) :]: t for n, t in tensors.items() if n.startswith(start)}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Running moments of an optimiser, named ``parameter index.moment``."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{k}": torch.as_tensor(v) for i, row in state.items() for k, v in row.items()}


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser over the same parameters its running moments back."""
    rows: dict[int, dict[str, Tensor]] = {}
    for name, t in tensors.items():
        index, key = name.split(".", 1)
        rows.setdefault(int(index), {})[key] = t
    state = optimiser.state_dict()
    optimiser.load_state_dict({"state": rows, "param_groups": state["param_groups"]})


class WeightAverage:
    """Exponential moving average of a module's parameters; buffers are followed as they are.

    The decay rises from 0.1 with the number of updates, so the random start is soon forgotten.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.n_updates = 0
        self.tensors = {k: v.detach().clone() for k, v in module.state_dict().items()}
        self._averaged = {name for name, _ in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move towards the module's present weights."""
        self.n_updates += 1
        decay = min(self.decay, (1 + self.n_updates) / (10 + self.n_updates))
        for name, value in module.state_dict().items():
            mine = self.tensors[name]
            if name in self._averaged:
                mine.lerp_(value, 1 - decay)
            else:
                mine.copy_(value)
