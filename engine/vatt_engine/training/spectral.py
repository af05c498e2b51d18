"""Log-mel spectrograms at several resolutions: the codec's loss and its ruler.

One resolution cannot see everything: a long window smears a click, a short one blurs a tone. The
distance is therefore a mean over windows, as in the multi-scale mel loss of EnCodec
(arXiv 2210.13438, section 3.4) and its successors. Numbers are natural logarithms of mel-weighted
magnitudes, so 0.69 is a factor of two (6 dB).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torchaudio
from torch import Tensor, nn

FLOOR = 1e-5
"""Magnitude under which two sounds count as equally silent: -100 dB below a full-scale sine."""

N_MELS = {64: 6, 128: 12, 256: 24, 512: 40, 1024: 64, 2048: 96}
"""Mel bands for each window length in samples, few enough that none is empty at 16 kHz."""


TAIL = 5.0
"""Degrees of freedom in ``surprise``."""


@dataclass(frozen=True)
class Resolution:
    """One analysis window of the multi-scale distance.

    Attributes:
        window: length in samples of the Hann window, a key of ``N_MELS``.
        overlap: windows over each sample; 4 measures, 2 trains at half the cost.
    """

    window: int
    overlap: int = 4


RULER = tuple(Resolution(w) for w in (128, 256, 512, 1024, 2048))
"""What held-out figures are measured with."""


class LogMel(nn.Module):
    """Log-mel magnitude at one resolution.

    Args:
        resolution: window and overlap.
        sample_rate: of the sound, in hertz.
        floor: smallest magnitude told apart from silence.
    """

    def __init__(self, resolution: Resolution, sample_rate: int, floor: float = FLOOR) -> None:
        super().__init__()
        self.resolution = resolution
        self.floor = floor
        window = torch.hann_window(resolution.window)
        bank = torchaudio.functional.melscale_fbanks(
            resolution.window // 2 + 1, 0.0, sample_rate / 2, N_MELS[resolution.window], sample_rate
        )
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Wave [B, S] -> natural log of mel magnitudes [B, frames of the window, mel bands]."""
        return self.mel(self.magnitude(wave))

    def magnitude(self, wave: Tensor) -> Tensor:
        """Wave [B, S] -> magnitudes [B, frames of the window, bins]; a full-scale sine reads 1."""
        length = self.resolution.window
        window = self.get_buffer("window")
        spectrum = torch.stft(
            wave,
            length,
            hop_length=length // self.resolution.overlap,
            window=window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        # The tiny constant keeps the gradient of |z| finite where z is zero.
        power = torch.view_as_real(spectrum).square().sum(-1).add(1e-14)
        return power.sqrt().transpose(1, 2) * (2.0 / window.sum())

    def mel(self, magnitude: Tensor) -> Tensor:
        """Magnitudes [B, frames, bins] -> natural log of mel magnitudes [B, frames, mel bands]."""
        return (magnitude @ self.get_buffer("bank")).clamp_min(self.floor).log()

    def bins(self, magnitude: Tensor) -> Tensor:
        """Magnitudes -> their natural log, bin by bin."""
        return magnitude.clamp_min(self.floor).log()


class MultiScaleMel(nn.Module):
    """Mean absolute log-mel distance over several resolutions."""

    def __init__(
        self,
        sample_rate: int,
        resolutions: Sequence[Resolution] = RULER,
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList(LogMel(r, sample_rate, floor) for r in resolutions)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Distance [] between waves [B, S]; gradients flow to ``made`` only."""
        mel = made.new_zeros(())
        for scale in self.scales:
            with torch.no_grad():
                target = scale(real)
            mel = mel + (scale(made) - target).abs().mean()
        return mel / len(self.scales)

    def distances(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Three losses [], each a mean over resolutions.

        * mel: as ``forward``.
        * fine: the distance bin by bin. A pattern repeated every code frame is a comb, whose gaps
          mel bands do not see.
        * flux: how fast the mean over mel bands changes from one window to the next, which is what
          an attack is. Mel bins are noisy, and a codec that cannot follow the noise learns to
          smooth it; their mean is not noisy, so this term keeps attacks sharp.
        """
        mel, fine, flux = (made.new_zeros(()) for _ in range(3))
        for scale in cast(Iterable[LogMel], self.scales):
            with torch.no_grad():
                real_bins = scale.magnitude(real)
                real_mel = scale.mel(real_bins)
            made_bins = scale.magnitude(made)
            made_mel = scale.mel(made_bins)
            mel = mel + (made_mel - real_mel).abs().mean()
            fine = fine + (scale.bins(made_bins) - scale.bins(real_bins)).abs().mean()
            flux = flux + (made_mel - real_mel).mean(dim=2).diff(dim=1).abs().mean()
        n = len(self.scales)
        return mel / n, fine / n, flux / n


def surprise(mean: Tensor, spread: Tensor, bands: Tensor) -> Tensor:
    """How badly a foretold mean and spread fit the bands of the original [], in nats.

    The negative log-likelihood of Student's t with ``TAIL`` degrees of freedom, up to a constant;
    a normal distribution would let a single attack outweigh everything else.

    Args:
        mean: in units of the spread [B, M, N].
        spread: [B, M, N], positive.
        bands: what was to be foretold [B, M, N].
    """
    off = bands / spread - mean
    return (spread.log() + (TAIL + 1) / 2 * torch.log1p(off.square() / TAIL)).mean()
