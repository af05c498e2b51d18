"""A fixed split of a waveform into bands, so that a small codec need not learn one.

The modified discrete cosine transform (Princen and Bradley 1986; TDAC) with a sine window: M bands
at 1/M of the rate, windows of 2 M samples that overlap by half, no parameters, and the inverse is
exact. SEANet's costly layers are those at the full rate; behind 64 bands (windows of 8 ms at
16 kHz) the same training time on a CPU gets several times as far (``docs/training-log.md``).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LappedTransform(nn.Module):
    """Waveform to M bands and back.

    Half a window at either end has no neighbour to overlap with: those M/2 samples come back
    altered, as with any lapped transform, and the net between learns to live with it.

    Args:
        bands: M, an even number.
    """

    def __init__(self, bands: int) -> None:
        super().__init__()
        if bands < 2 or bands % 2:
            raise ValueError(f"bands is {bands}; it must be even.")
        self.bands = bands
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
        return F.conv1d(F.pad(wave, (half, half + missing)), kernel, stride=self.bands)

    def synthesise(self, bands: Tensor) -> Tensor:
        """Bands [B, M, N] -> wave [B, 1, N * M]."""
        half = self.bands // 2
        kernel = self.get_buffer("kernel").to(bands.dtype)
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
