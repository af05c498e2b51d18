"""Which codes the audio model must guess, and how its guesses count.

Masks follow the paper (a truncated normal ratio, each code by itself) or, for part of the examples,
the way the sampler uncovers codes: the coarse codebooks before the fine ones. Targets lean a little
towards codes that sound nearly the same, which tells the net more per example than a single code
does, and forbids less than even smoothing over all of them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vatt_engine.training.audio_config import MaskLossConfig


def draw_masks(
    batch: int, n_codebooks: int, n_frames: int, config: MaskLossConfig, generator: torch.Generator
) -> Tensor:
    """True where a code is hidden [B, K, T]; at least one in each example is."""
    ratio = torch.empty(batch, 1)
    low, high = config.mask_range
    truncated_normal(ratio, config.mask_mean, config.mask_spread, low, high, generator)
    ratios = ratio.expand(batch, n_codebooks).clone()
    staged = torch.rand(batch, generator=generator) < config.coarse_first
    # As many codes are hidden as the sampler's cosine schedule leaves at a random moment.
    left = (0.5 * math.pi * torch.rand(batch, generator=generator)).cos() * n_codebooks
    finer = torch.arange(n_codebooks - 1, -1, -1.0)  # codebooks finer than each
    ratios[staged] = (left[staged, None] - finer).clamp(0, 1)
    hidden = torch.rand(batch, n_codebooks, n_frames, generator=generator) < ratios[..., None]
    none = ~hidden.flatten(1).any(dim=1)
    hidden[none, -1] = True
    return hidden


def truncated_normal(
    out: Tensor, mean: float, spread: float, low: float, high: float, generator: torch.Generator
) -> Tensor:
    """Fill ``out`` with normal numbers that lie within the bounds."""

    def share(x: float) -> float:
        return 0.5 * (1 + math.erf((x - mean) / (spread * math.sqrt(2))))

    u = torch.rand(out.shape, generator=generator)
    place = share(low) + u * (share(high) - share(low))
    return out.copy_(mean + spread * math.sqrt(2) * torch.erfinv(2 * place - 1)).clamp_(low, high)


def near_targets(codebooks: Tensor, config: MaskLossConfig) -> Tensor:
    """What stands for each code as a target [K, V, V]: mostly itself, partly its neighbours.

    Args:
        codebooks: the codec's tables [K, V, C], in which distance is difference in sound.
        config: how much, and how far.
    """
    rows = []
    for table in codebooks.float():
        distance = torch.cdist(table, table)
        off = distance.clone().fill_diagonal_(float("inf"))
        width = config.near_width * off.min(dim=1).values.median()
        near = (-0.5 * (off / width) ** 2).softmax(dim=1)
        rows.append((1 - config.near) * torch.eye(len(table)) + config.near * near)
    return torch.stack(rows)


def masked_loss(
    logits: Tensor, codes: Tensor, hidden: Tensor, targets: Tensor, weights: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    """Cross-entropy on hidden codes.

    Args:
        logits: [B, K, T, V].
        codes: the true ones [B, K, T].
        hidden: [B, K, T].
        targets: of each code [K, V, V], see ``near_targets``.
        weights: of the codebooks.

    Returns:
        the weighted mean, and the plain cross-entropy in nats of each codebook [K], which is nan
        where nothing was hidden.
    """
    K = logits.shape[1]
    total, weight = logits.new_zeros((), dtype=torch.float32), 0.0
    plain = torch.full((K,), float("nan"))
    for k in range(K):
        where = hidden[:, k]
        n = int(where.sum())
        if n == 0:
            continue
        logp = F.log_softmax(logits[:, k][where].float(), dim=-1)  # [n, V]
        true = codes[:, k][where]
        own = weights[min(k, len(weights) - 1)]
        total = total - own * (targets[k][true] * logp).sum()
        weight += own * n
        plain[k] = -logp.detach().gather(1, true[:, None]).mean()
    return total / max(weight, 1e-6), plain
