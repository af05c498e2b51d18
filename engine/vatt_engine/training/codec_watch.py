"""A glance at the codec during its training: held-out figures and a few sounds to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vatt_engine.nets.codec import Codec
from vatt_engine.training.codec_folder import unquantised
from vatt_engine.training.journal import Journal
from vatt_engine.training.quantiser import usage
from vatt_engine.training.sound_bank import SoundBank
from vatt_engine.training.spectral import MultiScaleMel

GLANCE_S = 2.0
"""Seconds of each sound that are looked at."""

N_KEPT = 6
PEAK = 0.5


def held_out_clips(banks: Sequence[SoundBank], n_clips: int) -> list[tuple[str, Tensor]]:
    """(name, wave [S]) of about ``n_clips`` sounds, evenly over each bank."""
    found = []
    n_each = max(1, n_clips // max(1, len(banks)))
    for bank in banks:
        length = int(GLANCE_S * bank.sample_rate)
        for i in range(0, len(bank), max(1, len(bank) // n_each)):
            wave = torch.from_numpy(bank.wave(i, 0, length))
            found.append((bank.names[i], wave * (PEAK / wave.abs().max().clamp_min(0.02))))
    return found


@torch.no_grad()
def held_out_figures(
    codec: Codec,
    clips: Sequence[tuple[str, Tensor]],
    ruler: MultiScaleMel,
    quantising: bool,
    journal: Journal,
) -> dict[str, float]:
    """Mel distance with and without the quantiser, and how much the codebooks are used.

    Args:
        codec: in eval mode.
        clips: (name, wave [S]).
        ruler: the mel distance.
        quantising: whether the codebooks mean anything yet.
        journal: takes some of the sounds.
    """
    if not clips:
        return {}
    device = codec.codebooks.device
    distances, plain_distances = [], []
    counts = torch.zeros(codec.config.n_codebooks, codec.config.codebook_size)
    for i, (name, clip) in enumerate(clips):
        wave = clip.to(device)[None, None]
        made = plain = unquantised(codec, wave)
        plain_distances.append(float(ruler(plain[0], wave[0])))
        if quantising:
            codes = codec.encode(wave)
            made = codec.decode(codes)[..., : wave.shape[-1]]
            distances.append(float(ruler(made[0], wave[0])))
            for k, row in enumerate(codes[0].cpu()):
                counts[k] += torch.bincount(row, minlength=counts.shape[1])
        if i % max(1, len(clips) // N_KEPT) == 0:
            label = f"{i:02d}-{Path(name).stem}"
            journal.sound(f"{label}-original", clip, codec.sample_rate)
            journal.sound(f"{label}-codec", made[0, 0], codec.sample_rate)
    values = {"held_out_unquantised": float(np.mean(plain_distances))}
    if quantising:
        used, perplexity = usage(counts)
        values["held_out"] = float(np.mean(distances))
        values["codes_used_least"] = float(used.min())
        values["perplexity_least"] = float(perplexity.min())
    return values
