"""Which codes the audio model must guess, and how its guesses count.

Masks follow the paper (a truncated normal ratio, each code by itself) or, for part of the examples,
the way the sampler uncovers codes: the coarse codebooks before the fine ones. Of those only the
codebook at work is asked for, since the sampler keeps nothing of the finer ones yet; that halves
the cost of a step. Targets lean a little towards codes that sound nearly the same, which tells the
net more per example than a single code does, and forbids less than even smoothing over all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vatt_engine.training.audio_config import MaskLossConfig

_NEIGHBOURS = 8


@dataclass(frozen=True, eq=False)
class Masks:
    """Codes that are hidden from the net, and those of them it is asked for: both [B, K, T]."""

    hidden: Tensor
    asked: Tensor

    @classmethod
    def all_of(cls, codes: Tensor) -> Masks:
        """Everything hidden and asked for."""
        everything = torch.ones_like(codes, dtype=torch.bool)
        return cls(everything, everything)


def draw_masks(
    shape: Sequence[int],
    config: MaskLossConfig,
    generator: torch.Generator,
    progress: float = 0.0,
) -> Masks:
    """Masks for codes of ``shape`` (B, K, T); in each example something is asked for.

    ``progress`` is the share of the run that is over; a moving mask ratio goes by it.
    """
    batch, n_codebooks, n_frames = shape
    ratio = mask_ratios(batch, config, generator, progress)
    ratios = ratio[:, None].expand(batch, n_codebooks).clone()
    staged = torch.rand(batch, generator=generator) < config.coarse_first
    # As many codes are hidden as the sampler's cosine schedule leaves at a random moment.
    left = (0.5 * math.pi * torch.rand(batch, generator=generator)).cos() * n_codebooks
    if config.blind:
        # The sampler's first look: what it says decides what kind of sound this will be.
        blind = torch.rand(batch, generator=generator) < config.blind
        staged, left = staged | blind, left.masked_fill(blind, n_codebooks)
    finer = torch.arange(n_codebooks - 1, -1, -1.0)  # how many codebooks are finer than each
    ratios[staged] = (left[staged, None] - finer).clamp(0, 1)
    hidden = torch.rand(batch, n_codebooks, n_frames, generator=generator) < ratios[..., None]
    at_work = (left.ceil().clamp(1, n_codebooks)[:, None] - 1 == finer) | ~staged[:, None]
    # Part of the examples are spans made anew: around them all is known.
    spans = torch.rand(batch, generator=generator) < config.spans
    ends = (torch.rand(batch, 2, generator=generator) * (n_frames + 1)).long().sort(dim=1).values
    at = torch.arange(n_frames)
    inside = (at >= ends[:, :1]) & (at < ends[:, 1:].clamp_min(1) + 4)
    hidden &= (inside | ~spans[:, None])[:, None]
    none = ~(hidden & at_work[..., None]).flatten(1).any(dim=1)
    hidden[none] |= at_work[none, :, None]
    return Masks(hidden, hidden & at_work[..., None])


def mask_ratios(
    n: int, config: MaskLossConfig, generator: torch.Generator, progress: float = 0.0
) -> Tensor:
    """How much is hidden of each of ``n`` examples [n]."""
    low, high = config.mask_range
    if config.mask == "fixed":
        return torch.full((n,), min(max(config.mask_mean, low), high))
    if config.mask == "uniform":
        return low + torch.rand(n, generator=generator) * (high - low)
    if config.mask == "arccos":
        return (0.5 * math.pi * torch.rand(n, generator=generator)).cos().clamp(low, high)
    mean = config.mask_mean
    if config.mask == "moving":
        # A quarter of a sine: the published code's 0.25 + 0.7 sin goes from 0.25 to 0.95 so.
        mean += (config.mask_mean_end - mean) * math.sin(0.5 * math.pi * min(progress, 1.0))
    return truncated_normal(torch.empty(n), mean, config.mask_spread, low, high, generator)


def truncated_normal(
    out: Tensor, mean: float, spread: float, low: float, high: float, generator: torch.Generator
) -> Tensor:
    """Fill ``out`` with normal numbers that lie within the bounds."""

    def share(x: float) -> float:
        return 0.5 * (1 + math.erf((x - mean) / (spread * math.sqrt(2))))

    u = torch.rand(out.shape, generator=generator)
    place = share(low) + u * (share(high) - share(low))
    return out.copy_(mean + spread * math.sqrt(2) * torch.erfinv(2 * place - 1)).clamp_(low, high)


@dataclass(frozen=True, eq=False)
class Targets:
    """What stands for each code as a target: itself first, then its neighbours.

    Attributes:
        codes: [K, V, 1 + neighbours] int64.
        shares: likewise; they sum to 1.
    """

    codes: Tensor
    shares: Tensor

    @classmethod
    def near(cls, codebooks: Tensor, config: MaskLossConfig) -> Targets:
        """Targets for a codec's tables [K, V, C], in which distance is difference in sound."""
        codes, shares = [], []
        for table in codebooks.float().cpu():
            own = torch.arange(len(table))[:, None]
            distance = torch.cdist(table, table).fill_diagonal_(float("inf"))
            off, neighbours = distance.topk(min(_NEIGHBOURS, len(table) - 1), largest=False)
            width = config.near_width * off[:, 0].median()
            near = config.near * (-0.5 * (off / width) ** 2).softmax(dim=1)
            codes.append(torch.cat((own, neighbours), dim=1))
            shares.append(torch.cat((torch.full(own.shape, 1 - config.near), near), dim=1))
        return cls(torch.stack(codes), torch.stack(shares))

    def to(self, device: torch.device) -> Targets:
        """The same on a device."""
        return Targets(self.codes.to(device), self.shares.to(device))


def masked_loss(
    guesses: list[Tensor], codes: Tensor, asked: Tensor, targets: Targets, config: MaskLossConfig
) -> tuple[Tensor, list[float]]:
    """Cross-entropy on the codes that are asked for.

    Args:
        guesses: logits [n, V] of each codebook, as ``AudioModel.guesses`` gives them.
        codes: the true ones [B, K, T].
        asked: [B, K, T].
        targets: of each code.
        config: weights of the codebooks.

    Returns:
        the weighted mean, and the plain cross-entropy in nats of each codebook, which is nan where
        nothing was asked.
    """
    total, weight = codes.new_zeros((), dtype=torch.float32), 0.0
    plain = []
    for k, logits in enumerate(guesses):
        if not len(logits):
            plain.append(math.nan)
            continue
        logp = F.log_softmax(logits.float(), dim=-1)
        true = codes[:, k][asked[:, k]]
        near = logp.gather(1, targets.codes[k][true])
        own = config.weights[min(k, len(config.weights) - 1)]
        total = total - own * (targets.shares[k][true] * near).sum()
        weight += own * len(logits)
        plain.append(-float(near[:, 0].detach().mean()))
    return total / max(weight, 1e-6), plain
