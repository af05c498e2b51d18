"""Log-mel spectrograms at several resolutions: the codec's loss and its ruler.

One resolution cannot see everything: a long window smears a click, a short one blurs a tone. The
distance is therefore a mean over windows, as in the multi-scale mel loss of EnCodec
(arXiv 2210.13438, section 3.4) and its successors. Numbers are natural logarithms of mel-weighted
magnitudes, so 0.69 is a factor of two (6 dB).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor, nn

FLOOR = 1e-5
"""Magnitude under which two sounds count as equally silent: -100 dB below a full-scale sine."""

N_MELS = {64: 6, 128: 12, 256: 24, 512: 40, 1024: 64, 2048: 96}
"""Mel bands for each window length in samples, few enough that none is empty at 16 kHz."""


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
        # A full-scale sine reads 1 whatever the window, so one floor serves all resolutions.
        self.register_buffer("bank", bank * (2.0 / window.sum()), persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Wave [B, S] -> natural log of mel magnitudes [B, frames of the window, mel bands]."""
        length = self.resolution.window
        spectrum = torch.stft(
            wave,
            length,
            hop_length=length // self.resolution.overlap,
            window=self.get_buffer("window"),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        # The tiny constant keeps the gradient of |z| finite where z is zero.
        magnitude = torch.view_as_real(spectrum).square().sum(-1).add(1e-14).sqrt()
        mel = magnitude.transpose(1, 2) @ self.get_buffer("bank")
        return mel.clamp_min(self.floor).log()


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
        return self.distances(made, real)[0]

    def distances(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Mel distance [], and the same of the rises and falls of the level [].

        The second compares how fast the mean over mel bands changes from one window to the next:
        what an attack is. Mel bins are noisy and a codec that cannot follow the noise learns to
        smooth it; the mean over bands is not, so this term keeps attacks sharp.
        """
        mel, flux = made.new_zeros(()), made.new_zeros(())
        for scale in self.scales:
            with torch.no_grad():
                target = scale(real)
            found = scale(made)
            mel = mel + (found - target).abs().mean()
            flux = flux + (found - target).mean(dim=2).diff(dim=1).abs().mean()
        return mel / len(self.scales), flux / len(self.scales)
