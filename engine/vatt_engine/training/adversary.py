"""The discriminator's side of codec training: hinge losses and feature matching.

Section 3.4 of EnCodec (arXiv 2210.13438), with the package's MS-STFT discriminator. It needs a GPU
to be worth its time: one step of it costs several of the codec's.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def build_discriminator(filters: int) -> nn.Module:
    """The package's ``MultiScaleSTFTDiscriminator`` with windows of 2048, 1024 and 512 samples."""
    from encodec.msstftd import MultiScaleSTFTDiscriminator

    with warnings.catch_warnings():
        # The package uses torch's older weight_norm.
        warnings.simplefilter("ignore", FutureWarning)
        return MultiScaleSTFTDiscriminator(filters)  # type: ignore[no-any-return]


def discriminator_loss(discriminator: nn.Module, made: Tensor, real: Tensor) -> Tensor:
    """Hinge loss [] that teaches to tell waves [B, 1, S] apart; nothing flows to ``made``."""
    says_real, _ = discriminator(real)
    says_made, _ = discriminator(made.detach())
    losses = [
        F.relu(1 - r).mean() + F.relu(1 + m).mean()
        for r, m in zip(says_real, says_made, strict=True)
    ]
    return torch.stack(losses).mean()


def codec_losses(discriminator: nn.Module, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Adversarial and feature loss [] of ``made`` [B, 1, S], the latter relative to ``real``'s."""
    with torch.no_grad():
        _, real_features = discriminator(real)
    says_made, made_features = discriminator(made)
    adversarial = torch.stack([F.relu(1 - m).mean() for m in says_made]).mean()
    return adversarial, _feature_distance(made_features, real_features)


def _feature_distance(made: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    distances = [
        (m - r).abs().mean() / r.abs().mean().clamp_min(1e-6)
        for made_maps, real_maps in zip(made, real, strict=True)
        for m, r in zip(made_maps, real_maps, strict=True)
    ]
    return torch.stack(distances).mean()
