"""Optimisers that act as one: Muon for the matrices of layers, AdamW for the rest.

Muon (Jordan et al. 2024; ``torch.optim.Muon``) gives every direction of a matrix an update of the
same size. Steps are scaled to AdamW's (arXiv 2502.16982), so both go by one learning rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from vatt_engine.training import checkpoint


class Optimisers:
    """Several optimisers, each over parameters of its own, that are stepped together."""

    def __init__(self, **parts: torch.optim.Optimizer) -> None:
        self._parts = parts

    def set_lr(self, lr: float) -> None:
        """Set the learning rate of all."""
        for part in self._parts.values():
            for group in part.param_groups:
                group["lr"] = lr

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for part in self._parts.values():
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Move all parameters."""
        for part in self._parts.values():
            part.step()

    def tensors(self) -> dict[str, Tensor]:
        """Running moments, named ``part.parameter index.moment``."""
        found: dict[str, Tensor] = {}
        for name, part in self._parts.items():
            found |= checkpoint.with_prefix(name, checkpoint.optimiser_tensors(part))
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Give optimisers over the same parameters their moments back."""
        for name, part in self._parts.items():
            checkpoint.load_optimiser(part, checkpoint.under_prefix(name, tensors))


def muon(matrices: Iterable[nn.Parameter], lr: float, weight_decay: float) -> torch.optim.Muon:
    """Muon over ``matrices`` [out, in]."""
    return torch.optim.Muon(
        matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
    )


def adamw(
    weights: Iterable[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW over weights of any shape."""
    return torch.optim.AdamW(weights, lr=lr, betas=betas, weight_decay=weight_decay)
