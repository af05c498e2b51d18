"""Faults that any listener names at once: clipping, silence, hiss, speech, music.

Speech and music are looked for by YAMNet's classes; both are wrong in Foley unless asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

CLIP_LEVEL = 0.999
SILENCE_DB = -60.0
_SPEECH = ("Speech", "Conversation", "Narration, monologue", "Child speech, kid speaking",
           "Babbling", "Speech synthesizer", "Singing")  # fmt: skip
_MUSIC = ("Music", "Musical instrument", "Synthesizer", "Drum machine", "Electronic music")
_NOISE = ("White noise", "Pink noise", "Static", "Noise", "Hiss")
_SURE = 0.5
_FLAT = 0.45


@dataclass(frozen=True)
class Health:
    """Faults of one take, each True when present."""

    clipped: bool
    silent: bool
    noise: bool
    speech: bool
    music: bool


def spectral_flatness(wave: Floats) -> float:
    """Geometric over arithmetic mean of the power spectrum, 0 (a tone) .. about 0.56 (white noise).

    Median over all windows of 1024 samples; what is 20 dB below the loudest window counts as 0, so
    that neither noisy knocks in silence nor a quiet room between them are taken for hiss.
    """
    n = len(wave) // 1024
    if n == 0:
        return 0.0
    windows = np.asarray(wave[: n * 1024], float).reshape(n, 1024) * np.hanning(1024)
    power = np.abs(np.fft.rfft(windows, axis=1))[:, 1:-1] ** 2
    level = power.mean(axis=1)
    loud = level > max(1e-9, 1e-2 * float(level.max()))
    power = power + 1e-20
    flat = np.exp(np.log(power).mean(axis=1)) / power.mean(axis=1)
    return float(np.median(np.where(loud, flat, 0.0)))


def check_health(
    wave: Floats,
    scores: Floats,
    classes: tuple[str, ...],
    expects_noise: bool = False,
    expects_speech: bool = False,
    expects_music: bool = False,
) -> Health:
    """Look for faults.

    Args:
        wave: [S] as the take has it, before any levelling.
        scores: mean class scores [521] of YAMNet.
        classes: their names.
        expects_noise: rain, wind, steam and their kind are noise by nature and are not blamed.
        expects_speech: voices were asked for.
        expects_music: bells, alarms and birds are tones, which YAMNet often calls music.
    """
    rms = float(np.sqrt(np.mean(np.square(wave, dtype=float)))) if len(wave) else 0.0
    silent = rms < 10 ** (SILENCE_DB / 20)

    def heard(names: tuple[str, ...]) -> float:
        return max(float(scores[classes.index(name)]) for name in names)

    hiss = spectral_flatness(wave) > _FLAT or heard(_NOISE) > _SURE
    return Health(
        clipped=bool(np.abs(wave).max(initial=0.0) >= CLIP_LEVEL),
        silent=silent,
        noise=bool(hiss and not silent and not expects_noise),
        speech=not silent and not expects_speech and heard(_SPEECH) > _SURE,
        music=not silent and not expects_music and heard(_MUSIC) > _SURE,
    )
