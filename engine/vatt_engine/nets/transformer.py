"""Blocks of the audio model: biased attention, feed-forward, and the two kinds of layers.

Both kinds are pre-norm with plain residuals. Attention is bidirectional; distance enters only
through a bias that falls off linearly per head (symmetric ALiBi, arXiv 2108.12409). The fused
kernel and the plain formula are interchangeable and tested against each other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def alibi_bias(places: Tensor, n_heads: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Bias -slope_h * |i - j| for attention logits [B, H, N, N], from places [B, N].

    Slopes are 2^(-8 (h+1) / H), for 16 heads 2^(-(h+1)/2). Rows are laid out a multiple of 16
    apart, which the fused kernel wants; it would copy the bias at every call otherwise.
    """
    B, N = places.shape
    h = torch.arange(1, n_heads + 1, device=places.device, dtype=torch.float32)
    slopes = torch.exp2(-8.0 * h / n_heads)
    distance = (places[:, :, None] - places[:, None, :]).abs().float()
    rows = torch.empty(B, n_heads, N, N + -N % 16, dtype=dtype, device=places.device)
    bias = rows[..., :N]
    return bias.copy_(-slopes[None, :, None, None] * distance[:, None])


class Attention(nn.Module):
    """Multi-head self-attention without biases in its Linears, with an additive logit bias."""

    def __init__(self, width: int, inner: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.plain = False
        self.qkv = nn.Linear(width, 3 * inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Attend within x [B, N, D] under ``bias`` [1 or B, H, N, N]."""
        B, N, _ = x.shape
        q, k, v = self.qkv(x).view(B, N, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        if self.plain:
            heard = _one_by_one(q, k, v, bias, dropout)
        else:
            heard = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
        return self.out(heard.transpose(1, 2).reshape(B, N, -1))  # type: ignore[no-any-return]


def _one_by_one(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, dropout: float) -> Tensor:
    """Attention of q, k, v [B, H, N, d], a sample at a time.

    The weights of one sample stay in the caches of a CPU, those of a batch do not: half the time
    for eight samples of 520 places.
    """
    heard = []
    for i in range(len(q)):
        here = bias[i if len(bias) > 1 else 0]
        weights = torch.baddbmm(here, q[i], k[i].transpose(-1, -2), alpha=q.shape[-1] ** -0.5)
        heard.append(F.dropout(weights.softmax(dim=-1), dropout, training=dropout > 0) @ v[i])
    return torch.stack(heard)


class FeedForward(nn.Module):
    """Widen fourfold, exact GELU, narrow; no biases."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]."""
        return self.down(self.dropout(F.gelu(self.up(x))))  # type: ignore[no-any-return]


class LayerNormPair(nn.Module):
    """One LayerNorm for the condition's positions and one for the code frames."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cond = nn.LayerNorm(width)
        self.audio = nn.LayerNorm(width)

    def forward(self, x: Tensor, n_cond: int) -> Tensor:
        """Norm x [B, N, D], of which the first ``n_cond`` positions are condition."""
        return torch.cat((self.cond(x[:, :n_cond]), self.audio(x[:, n_cond:])), dim=1)


class MultiwayBlock(nn.Module):
    """Encoder layer: shared attention, a feed-forward for each of the two parts."""

    def __init__(self, width: int, inner: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = Attention(width, inner, n_heads, dropout)
        self.ff_cond = FeedForward(width, dropout)
        self.ff_audio = FeedForward(width, dropout)

    def forward(
        self,
        x: Tensor,
        n_cond: int,
        norm: LayerNormPair,
        bias: Tensor,
        keep: Tensor | None,
        tint: Tensor | None = None,
    ) -> Tensor:
        """Serve x [B, N, D]; ``norm`` is shared by all encoder layers.

        ``tint`` [B, 2, D] scales and shifts what the code frames' feed-forward reads.
        """
        heard = self.attn(norm(x, n_cond), bias)
        x = x + (heard if keep is None else heard * keep)
        cond, audio = x[:, :n_cond], x[:, n_cond:]
        cond = cond + self.ff_cond(norm.cond(cond))
        audio = audio + self.ff_audio(tinted(norm.audio(audio), tint))
        return torch.cat((cond, audio), dim=1)


class Block(nn.Module):
    """Decoder layer: its own norms, one feed-forward for all positions."""

    def __init__(self, width: int, inner: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn_norm = nn.LayerNorm(width)
        self.attn = Attention(width, inner, n_heads, dropout)
        self.ff_norm = nn.LayerNorm(width)
        self.ff = FeedForward(width, dropout)

    def forward(
        self, x: Tensor, bias: Tensor, keep: Tensor | None, tint: Tensor | None = None
    ) -> Tensor:
        """Serve x [B, N, D]; ``tint`` [B, 2, D] scales and shifts what the feed-forward reads."""
        heard = self.attn(self.attn_norm(x), bias)
        x = x + (heard if keep is None else heard * keep)
        return x + self.ff(tinted(self.ff_norm(x), tint))  # type: ignore[no-any-return]


def tinted(x: Tensor, tint: Tensor | None) -> Tensor:
    """Scale x [B, N, D] by 1 + tint[:, 0] and shift it by tint[:, 1]; None leaves it."""
    return x if tint is None else x * (1 + tint[:, None, 0]) + tint[:, None, 1]


class Tints(nn.Module):
    """What a summary of the condition does to each layer: adaptive norms (arXiv 1709.07871).

    Starts as if it were not there.
    """

    def __init__(self, width: int, rank: int, n_layers: int) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.down = nn.Linear(width, rank)
        self.up = nn.Linear(rank, n_layers * 2 * width, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, summary: Tensor) -> Tensor:
        """Summary [B, D] -> [B, layers, 2, D]."""
        wide: Tensor = self.up(F.gelu(self.down(summary)))
        return wide.view(len(summary), self.n_layers, 2, -1)


class Neighbours(nn.Module):
    """Lets each code frame hear those right before and after it, told apart by their place.

    Attention with a bias that only knows distance cannot tell before from after but by way of the
    position table, which takes a small net long to learn. Starts as if it were not there.

    Args:
        width: D.
        reach: frames heard on either side.
    """

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.norm = nn.LayerNorm(width)
        self.weigh = nn.Parameter(torch.randn(2 * reach + 1, width) * (2 * reach + 1) ** -0.5)
        self.mix = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.mix.weight)

    def forward(self, x: Tensor, n_cond: int) -> Tensor:
        """Serve the code frames of x [B, N, D], which follow ``n_cond`` positions of condition."""
        audio = x[:, n_cond:]
        T = audio.shape[1]
        normed: Tensor = self.norm(audio)
        weigh: Tensor = self.weigh
        if torch.is_autocast_enabled(x.device.type):
            # Sums of products are no operation that autocast knows.
            dtype = torch.get_autocast_dtype(x.device.type)
            normed, weigh = normed.to(dtype), weigh.to(dtype)
        padded = F.pad(normed, (0, 0, self.reach, self.reach))
        heard = padded[:, :T] * weigh[0]
        for k in range(1, len(weigh)):
            heard = heard + padded[:, k : k + T] * weigh[k]
        return torch.cat((x[:, :n_cond], audio + self.mix(heard)), dim=1)


class Summary(nn.Module):
    """One vector for a whole condition: each head averages the states by weights it has learnt."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.weigh = nn.Linear(width, n_heads)
        self.up = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """States [B, L, D], of which ``mask`` [B, L] tells the real ones, -> [B, D]."""
        B, L, _ = states.shape
        weights = self.weigh(states)
        if mask is not None:
            weights = weights.masked_fill(~mask[..., None], float("-inf"))
        weights = weights.softmax(dim=1)
        heads = states.view(B, L, self.n_heads, -1)
        mean = (weights[..., None] * heads).sum(dim=1).flatten(1)
        return self.out(F.gelu(self.up(mean)))  # type: ignore[no-any-return]
