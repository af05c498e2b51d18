"""A fixed split of a waveform into bands, so that a small codec need not learn one.

The modified discrete cosine transform (Princen and Bradley 1986; TDAC) with a sine window: M bands
at 1/M of the rate, windows of 2 M samples that overlap by half, no parameters, and the inverse is
exact. SEANet's costly layers are those at the full rate; behind 40 bands (windows of 5 ms at
16 kHz) the same time on a CPU gets several times as far (``docs/training-log.md``).

Companding: sound spans 100 dB, and a net's linear output hardly reaches true silence. So the net
may see and write asinh(band / level), nearly the logarithm of a band with its sign.

Noise: most Foley is noise, and a net without a source of it can only repeat a pattern, which
buzzes. So the decoder may write a mean and a spread for each band, and the sound is drawn from
them: the mean is what the codes foretell down to the phase, the spread is the rest. Perceptual
noise substitution in MPEG-4 audio is the special case of a mean of zero.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_BOUND = 14.0
_LEAST = -4.0  # of a log spread: -105 dB at a companding level of 3e-4


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
        angle = math.pi / bands * (time + bands / 2) * band
        kernel = (window * torch.cos(angle) * math.sqrt(2 / bands)).float()
        twin = (window * torch.sin(angle) * math.sqrt(2 / bands)).float()
        self.register_buffer("kernel", kernel[:, None], persistent=False)  # [M, 1, 2M]
        self.register_buffer("twin", twin[:, None], persistent=False)

    def analyse(self, wave: Tensor) -> Tensor:
        """Wave [B, 1, S] -> bands [B, M, ceil(S / M)]."""
        bands = self.linear(wave)
        return torch.asinh(bands / self.companding) if self.companding else bands

    def linear(self, wave: Tensor) -> Tensor:
        """Wave [B, 1, S] -> linear bands [B, M, ceil(S / M)]."""
        return self._project(wave, "kernel")

    def complex(self, wave: Tensor) -> Tensor:
        """Bands and sine twins as one complex number: [B, 1, S] -> [B, M, ceil(S / M)]."""
        return torch.complex(self._project(wave, "kernel"), -self._project(wave, "twin"))

    def powers(self, wave: Tensor) -> Tensor:
        """Power of each band, the mean of band and sine twin.

        Wave [B, 1, S] -> [B, M, ceil(S / M)].
        """
        return 0.5 * (self._project(wave, "kernel").square() + self._project(wave, "twin").square())

    def turns(self, wave: Tensor, least: float) -> Tensor:
        """How each band's complex coefficient turns from one window to the next.

        Unit vectors, shorter where a band's power is not far above ``least``; (1, 0) is a tone at
        the centre of its band. Wave [B, 1, S] -> [B, 2 M, ceil(S / M)]: M cosines, then M sines.
        """
        now = self.complex(wave)
        turned = now[..., 1:] * now[..., :-1].conj()
        # At the centre of band k a window later means a turn by pi (k + 1/2).
        middle = torch.arange(self.bands, device=wave.device)[:, None] + 0.5
        back = torch.polar(torch.ones_like(middle), -math.pi * middle)
        turned = F.pad(turned / (turned.abs() + 2 * least) * back, (1, 0))
        return torch.cat((turned.real, turned.imag), dim=1)

    def _project(self, wave: Tensor, name: str) -> Tensor:
        half = self.bands // 2
        missing = -wave.shape[-1] % self.bands
        kernel = self.get_buffer(name).to(wave.dtype)
        padded = F.pad(wave, (half, half + missing))
        with torch.autocast(wave.device.type, enabled=False):  # quiet bands need all their digits
            return F.conv1d(padded, kernel, stride=self.bands)

    def synthesise(self, bands: Tensor) -> Tensor:
        """Bands [B, M, N] -> wave [B, 1, N * M]."""
        if self.companding:
            # Full scale is asinh(sqrt(M) / level); the bound only keeps a wild net finite.
            bands = self.companding * torch.sinh(bands.clamp(-_BOUND, _BOUND))
        return self.inverse(bands)

    def inverse(self, bands: Tensor) -> Tensor:
        """Linear bands [B, M, N] -> wave [B, 1, N * M]."""
        half = self.bands // 2
        kernel = self.get_buffer("kernel").to(bands.dtype)
        return F.conv_transpose1d(bands, kernel, stride=self.bands)[..., half:-half]

    def complex_inverse(self, bands: Tensor) -> Tensor:
        """Complex bands [B, M, N] -> wave [B, 1, N * M]: the mean of both real transforms'."""
        half = self.bands // 2
        cosines = F.conv_transpose1d(bands.real, self.get_buffer("kernel"), stride=self.bands)
        sines = F.conv_transpose1d(bands.imag, self.get_buffer("twin"), stride=self.bands)
        return (0.5 * (cosines - sines))[..., half:-half]


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
    """A SEANet decoder that writes bands; its state-dict names are the SEANet's own.

    Args:
        seanet: writes M channels, or 2 M with noise.
        transform: back to a waveform.
        noise: whether the M channels are means in units of the spread, and another M the natural
            logarithm of the spread in units of the companding level.
    """

    def __init__(
        self,
        seanet: nn.Module,
        transform: LappedTransform,
        noise: bool = False,
    ) -> None:
        super().__init__()
        self.model = seanet.model
        self.transform = transform
        self.noise = noise
        # Always the same noise, so the same codes give the same bytes; training sets it anew.
        self.noise_seed = 0

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, dimension, T] -> wave [B, 1, T * hop]."""
        if self.noise:
            return self.draw(*self.foretell(vectors))
        # Sums over overlapping windows stay in full precision under autocast.
        return self.transform.synthesise(self.model(vectors).float())  # type: ignore[operator]

    def foretell(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Mean in units of the spread, and spread, of each linear band: both [B, M, N]."""
        written: Tensor = self.model(vectors).float()  # type: ignore[operator]
        mean, log_spread = written.chunk(2, dim=1)
        unit = self.transform.companding or 1.0
        return mean, unit * log_spread.clamp(_LEAST, _BOUND).exp()

    def draw(self, mean: Tensor, spread: Tensor) -> Tensor:
        """A wave [B, 1, S] with bands of that mean and spread."""
        # Drawn on the CPU, whose generator is the same everywhere.
        generator = torch.Generator().manual_seed(self.noise_seed)
        white = torch.randn(mean.shape, generator=generator).to(mean.device)
        return self.transform.inverse(spread * (mean + white))
