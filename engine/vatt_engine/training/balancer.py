"""Gradient balancer: losses pull at the output by their weights, whatever their scales.

Section 3.4 of EnCodec (arXiv 2210.13438): each loss's gradient with respect to the generated wave
is divided by a running mean of its norm and multiplied by its share of the weights, and the sum is
sent on through the net in one backward pass.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Balancer:
    """Combines losses of one output.

    Args:
        weights: share of each loss in the gradient; they need not sum to one.
        decay: of the running mean of each norm.
        total_norm: norm of the combined gradient.
    """

    def __init__(
        self, weights: Mapping[str, float], decay: float = 0.999, total_norm: float = 1.0
    ) -> None:
        self.weights = dict(weights)
        self.decay = decay
        self.total_norm = total_norm
        self._means: dict[str, tuple[float, float]] = {}  # decayed sum of norms, of ones

    def combine(self, losses: Mapping[str, Tensor], output: Tensor) -> Tensor:
        """Gradient to send into ``output`` [B, C, S]; losses of weight 0 are left alone."""
        used = {name: loss for name, loss in losses.items() if self.weights.get(name, 0.0) > 0}
        whole = sum(self.weights[name] for name in used)
        combined = torch.zeros_like(output)
        for name, loss in used.items():
            (grad,) = torch.autograd.grad(loss, output, retain_graph=True)
            norm = float(grad.flatten(1).norm(dim=1).mean())
            total, count = self._means.get(name, (0.0, 0.0))
            total = total * self.decay + norm
            count = count * self.decay + 1.0
            self._means[name] = (total, count)
            share = self.weights[name] / whole
            combined += grad * (self.total_norm * share / max(total / count, 1e-12))
        return combined

    def state(self) -> dict[str, list[float]]:
        """Running means, as plain values."""
        return {name: list(pair) for name, pair in self._means.items()}

    def load_state(self, state: Mapping[str, list[float]]) -> None:
        """Go on from ``state()``."""
        self._means = {name: (float(a), float(b)) for name, (a, b) in state.items()}
