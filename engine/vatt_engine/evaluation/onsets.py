"""When does something start to sound? Onsets by spectral flux; no learned parts.

Onsets are peaks of the log-magnitude spectral flux above its running median (STFT of 512 samples
every 128 at 22,050 Hz), at least 50 ms apart. Magnitudes are averaged in bands as wide as the ear's
before the logarithm, so that a low thud counts as much as a hiss. ``evaluation.sync`` compares
onsets with known hits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter

Floats = NDArray[np.float32]

SAMPLE_RATE = 22_050
HOP = 128
FRAME_RATE = SAMPLE_RATE / HOP
"""Values of the envelope a second."""

REFRACTORY_S = 0.05

_WINDOW = 512
_FLOOR = 1e-4  # -80 dBFS; what lies below is taken as silence
_RANGE = 1e-3  # 60 dB below the peak: reverberation tails and codec hiss do not count either
ONSET_RISE = 0.16
"""Flux above the median that makes an onset: 3.2 dB in all bands at once; noise does 0.11."""

_MEDIAN_S = 0.5
_BANDS_AN_ERB = 1
_ATTACK_S = 0.004  # the flux peaks that much before the middle of the window meets the attack


_HANN = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


def _make_bands() -> Floats:
    """Weights [257, n] that sum power within bands an ear hears as one (ERB, Moore 1990)."""
    hertz = np.arange(_WINDOW // 2 + 1) * SAMPLE_RATE / _WINDOW
    erb = 21.4 * np.log10(1 + 0.00437 * hertz)
    _, band = np.unique(np.floor(erb[1:] * _BANDS_AN_ERB), return_inverse=True)
    weights = np.zeros((len(hertz), band.max() + 1), np.float32)
    weights[np.arange(1, len(hertz)), band] = (2 / _HANN.sum()) ** 2  # a full-scale sine is 1
    return weights


_BANDS = _make_bands()


@dataclass(frozen=True)
class Onsets:
    """What was heard.

    Attributes:
        times_s: ascending.
        strengths: rise of each, in decades of magnitude averaged over frequency.
        envelope: flux above its running median, ``FRAME_RATE`` values a second.
    """

    times_s: Floats
    strengths: Floats
    envelope: Floats


class FluxMeter:
    """Spectral flux of a signal that comes in pieces, in flat memory but for the flux itself."""

    def __init__(self, peak: float) -> None:
        """``peak`` is the largest magnitude of the whole signal."""
        self._floor = max(_FLOOR, _RANGE * peak)
        self._rest: Floats = np.zeros(_WINDOW // 2, np.float32)
        self._last: Floats | None = None
        self._flux: list[Floats] = []
        self._n_samples = 0

    def feed(self, wave: Floats) -> None:
        """Take the next samples [S] at ``SAMPLE_RATE``."""
        self._n_samples += len(wave)
        self._push(wave)

    def finish(self) -> Floats:
        """The flux, one value every ``HOP`` samples from the first sample on."""
        self._push(np.zeros(_WINDOW, np.float32))
        n = self._n_samples // HOP + 1
        return (
            np.concatenate([np.zeros(1, np.float32), *self._flux])[:n]
            if self._flux
            else (np.zeros(n, np.float32))
        )

    def _push(self, wave: Floats) -> None:
        wave = np.concatenate([self._rest, wave.astype(np.float32, copy=False)])
        n = (len(wave) - _WINDOW) // HOP + 1
        if n < 1:
            self._rest = wave
            return
        frames = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::HOP][:n]
        spectrum = np.fft.rfft(frames * _HANN, axis=1)
        bands = np.sqrt((np.abs(spectrum) ** 2).astype(np.float32) @ _BANDS)
        level = np.log10(np.maximum(bands, self._floor)).astype(np.float32)
        if self._last is not None:
            level = np.concatenate([self._last, level])
        rise = np.maximum(np.diff(level, axis=0), 0).mean(axis=1)
        self._last = level[-1:]
        self._flux.append(rise.astype(np.float32))
        self._rest = wave[n * HOP :]


def find_onsets(wave: Floats, sample_rate: int) -> Onsets:
    """Onsets of a mono signal [S]."""
    if sample_rate != SAMPLE_RATE:
        wave = soxr.resample(wave, sample_rate, SAMPLE_RATE, quality="HQ")
    meter = FluxMeter(float(np.abs(wave).max(initial=0.0)))
    for start in range(0, len(wave), 1 << 18):
        meter.feed(wave[start : start + (1 << 18)])
    return pick_onsets(meter.finish())


def pick_onsets(flux: Floats) -> Onsets:
    """Peaks of a flux above its running median."""
    width = int(_MEDIAN_S * FRAME_RATE) | 1
    envelope = np.maximum(flux - median_filter(flux, width, mode="nearest"), 0)
    apart = int(np.ceil(REFRACTORY_S * FRAME_RATE))
    highest = maximum_filter1d(envelope, 2 * apart + 1, mode="constant")
    peaks = np.flatnonzero((envelope == highest) & (envelope > ONSET_RISE))
    kept: list[int] = []
    for peak in peaks:
        if not kept or peak - kept[-1] >= apart:
            kept.append(int(peak))
    at = np.array(kept, dtype=np.int64)
    times = np.maximum(at / FRAME_RATE + _ATTACK_S, 0).astype(np.float32)
    return Onsets(times, envelope[at].astype(np.float32), envelope.astype(np.float32))
