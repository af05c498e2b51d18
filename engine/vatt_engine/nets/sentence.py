"""Sentence encoder: a whole prompt as one vector, whatever its words.

BERT (arXiv 1810.04805) as sentence-transformers use it: the last states averaged over all word
pieces, scaled to unit length. Weights are kept as bytes, one scale a row, and multiplied out where
they are used: 23 MB instead of 91, and the vectors keep a cosine of 0.9996 to the original's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.config import SentenceConfig
from vatt_engine.nets.prompts import TextTokenizer


class ByteRows(nn.Module):
    """A matrix [rows, columns] as bytes with a scale for each row."""

    weight: Tensor
    scale: Tensor

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(rows, columns, dtype=torch.int8))
        self.register_buffer("scale", torch.zeros(rows))

    def rows(self, ids: Tensor) -> Tensor:
        """Rows ``ids`` [...] as floats [..., columns]."""
        return self.weight[ids].float() * self.scale[ids, None]

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [..., columns] times the matrix: [..., rows]."""
        return F.linear(x, self.weight.float()) * self.scale


def to_bytes(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A float matrix as (bytes [R, C], scale [R]); zero rows stay zero."""
    scale = matrix.abs().amax(dim=1) / 127
    whole = (matrix / scale.clamp_min(1e-12)[:, None]).round().to(torch.int8)
    return whole, scale


class _Linear(ByteRows):
    """A byte matrix and a bias."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(width_out, width_in)
        self.register_buffer("bias", torch.zeros(width_out))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias  # type: ignore[operator]


class _Layer(nn.Module):
    """One BERT layer: attention, then feed-forward, norms behind each."""

    def __init__(self, config: SentenceConfig) -> None:
        super().__init__()
        E, self.n_heads = config.width, config.n_heads
        self.query, self.key, self.value = _Linear(E, E), _Linear(E, E), _Linear(E, E)
        self.out = _Linear(E, E)
        self.widen, self.narrow = _Linear(E, config.ff_width), _Linear(config.ff_width, E)
        self.attention_norm = _Norm(E, config.norm_eps)
        self.ff_norm = _Norm(E, config.norm_eps)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        B, L, E = x.shape

        def heads(t: Tensor) -> Tensor:
            return t.view(B, L, self.n_heads, -1).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(
            heads(self.query(x)),
            heads(self.key(x)),
            heads(self.value(x)),
            attn_mask=real[:, None, None, :],
        )
        x = self.attention_norm(x + self.out(mixed.transpose(1, 2).reshape(B, L, E)))
        return self.ff_norm(x + self.narrow(F.gelu(self.widen(x))))  # type: ignore[no-any-return]


class _Norm(nn.Module):
    """Layer norm with its weights as buffers: nothing of this encoder is ever trained."""

    weight: Tensor
    bias: Tensor

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(width))
        self.register_buffer("bias", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class SentenceEncoder(nn.Module):
    """Prompts to vectors.

    Args:
        config: sizes.
        tokenizer: word pieces, which puts its own special tokens around a text.
    """

    def __init__(self, config: SentenceConfig, tokenizer: TextTokenizer) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.words = ByteRows(config.vocabulary, config.width)
        self.positions = ByteRows(config.max_pieces, config.width)
        self.norm = _Norm(config.width, config.norm_eps)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.n_layers))

    @torch.no_grad()
    def forward(self, texts: Sequence[str]) -> Tensor:
        """Vectors [B, E] of unit length, float32.

        A text in a batch gets the vector it gets alone, rounding aside.
        """
        rows = [self._pieces(text) for text in texts]
        longest, device = max(map(len, rows)), self.words.weight.device
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows], device=device)
        lengths = torch.tensor([len(row) for row in rows], device=device)
        places = torch.arange(longest, device=device)
        real = places < lengths[:, None]
        x = self.norm(self.words.rows(ids) + self.positions.rows(places))
        for layer in self.layers:
            x = layer(x, real)
        mean = (x * real[..., None]).sum(dim=1) / lengths[:, None]
        return F.normalize(mean, dim=-1)

    def _pieces(self, text: str) -> list[int]:
        ids = list(self.tokenizer.encode(text, add_special_tokens=True).ids)
        most = self.config.max_pieces
        return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]
