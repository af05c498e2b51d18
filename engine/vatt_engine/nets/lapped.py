"""A fixed split of a waveform into bands, so that a small codec need not learn one.

The modified discrete cosine transform (Princen and Bradley 1986; TDAC) with a sine window: M bands
at 1/M of the rate, windows of 2 M samples that overlap by half, no parameters, and the inverse is
exact. SEANet's costly layers are those at the full rate; behind 40 bands (windows of 5 ms at
16 kHz) the same time on a CPU gets several times as far (``docs/training-log.md``).

Companding: sound spans 100 dB, and a net's linear output hardly reaches true silence. So the net
may see and write asinh(band / level), nearly the logarithm of a band with its sign.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BOUND = 14.0


class LappedTransform(nn.Module):
    """Waveform to M bands and back.

    Half a window at either end has no neighbour to overlap with: those M/2 samples come back
    altered, as with any lapped transform, and the net between learns to live with it.

    Args:
        bands: M, an even number.
        companding: the level of ``asinh(band / level)``; 0 leaves the bands linear.
    """

    def __init__(self, bands: int, companding: float = 0.0) -> None:
        super().__init__()
        if bands < 2 or bands % 2:
            raise ValueError(f"bands is {bands}; it must be even.")
        self.bands = bands
        self.companding = companding
        time = torch.arange(2 * bands, dtype=torch.float64) + 0.5
        band = torch.arange(bands, dtype=torch.float64)[:, None] + 0.5
        window = torch.sin(math.pi / (2 * bands) * time)
        basis = torch.cos(math.pi / bands * (time + bands / 2) * band)
        kernel = (window * basis * math.sqrt(2 / bands)).float()
        self.register_buffer("kernel", kernel[:, None], persistent=False)  # [M, 1, 2M]

    def analyse(self, wave: Tensor) -> Tensor:
        """Wave [B, 1, S] -> bands [B, M, ceil(S / M)]."""
        half = self.bands // 2
        missing = -wave.shape[-1] % self.bands
        kernel = self.get_buffer("kernel").to(wave.dtype)
        bands = F.conv1d(F.pad(wave, (half, half + missing)), kernel, stride=self.bands)
        return torch.asinh(bands / self.companding) if self.companding else bands

    def synthesise(self, bands: Tensor) -> Tensor:
        """Bands [B, M, N] -> wave [B, 1, N * M]."""
        half = self.bands // 2
        kernel = self.get_buffer("kernel").to(bands.dtype)
        if self.companding:
            # Full scale is asinh(sqrt(M) / level); the bound only keeps a wild net finite.
            bands = self.companding * torch.sinh(bands.clamp(-_BOUND, _BOUND))
        return F.conv_transpose1d(bands, kernel, stride=self.bands)[..., half:-half]


class BandedEncoder(nn.Module):
    """A SEANet encoder that reads bands; its state-dict names are the SEANet's own."""

    def __init__(self, seanet: nn.Module, transform: LappedTransform) -> None:
        super().__init__()
        self.model = seanet.model
        self.transform = transform

    def forward(self, wave: Tensor) -> Tensor:
        """Wave [B, 1, S] -> vectors [B, dimension, T]."""
        return self.model(self.transform.analyse(wave))  # type: ignore[operator,no-any-return]


class BandedDecoder(nn.Module):
    """A SEANet decoder that writes bands; its state-dict names are the SEANet's own."""

    def __init__(self, seanet: nn.Module, transform: LappedTransform) -> None:
        super().__init__()
        self.model = seanet.model
        self.transform = transform

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, dimension, T] -> wave [B, 1, T * hop]."""
        # The sum over overlapping windows stays in full precision under autocast.
        return self.transform.synthesise(self.model(vectors).float())  # type: ignore[operator]
