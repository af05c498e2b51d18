"""Signal primitives of the synthesiser: noise, resonators, envelopes, grains in bulk.

Everything is vectorised: a bank of decaying resonances is one small matrix product, a thousand
grains are one FFT convolution. Waves are float32 [S], times seconds, frequencies Hz. Random
numbers come from the generator that is passed in, so a seed gives the same sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import signal

Wave: TypeAlias = npt.NDArray[np.float32]
Floats: TypeAlias = npt.NDArray[np.floating]
Rng: TypeAlias = np.random.Generator

_BLOCK = 128


def wave32(values: npt.ArrayLike) -> Wave:
    """Samples as float32, copied only where they are not yet."""
    return np.asarray(values, dtype=np.float32)


def samples(seconds: float, sample_rate: int) -> int:
    """Length in samples, at least one."""
    return max(1, round(seconds * sample_rate))


def seconds(n: int, sample_rate: int) -> Wave:
    """Time axis of ``n`` samples."""
    return np.arange(n, dtype=np.float32) / np.float32(sample_rate)


def white(n: int, rng: Rng) -> Wave:
    """White Gaussian noise of unit variance, [n]."""
    return rng.standard_normal(n, dtype=np.float32)


def shaped_noise(n: int, sample_rate: int, curve: Sequence[tuple[float, float]], rng: Rng) -> Wave:
    """Gaussian noise with a drawn spectrum, unit variance.

    Args:
        n: samples.
        sample_rate: Hz.
        curve: corner points (Hz, dB), rising in frequency; straight lines over log frequency.
        rng: source of randomness.
    """
    return unit_rms(filter_curve(white(n, rng), sample_rate, curve))


def filter_curve(wave: Wave, sample_rate: int, curve: Sequence[tuple[float, float]]) -> Wave:
    """Zero-phase equaliser: gain in dB given at corner frequencies, straight over log frequency.

    Smears an onset by about one period of the narrowest feature; meant for textures.
    """
    n = signal_length(len(wave))
    hz = np.fft.rfftfreq(n, 1.0 / sample_rate)
    corners, gains_db = np.array(curve, dtype=float).T
    gain = 10.0 ** (np.interp(np.log(np.maximum(hz, 1.0)), np.log(corners), gains_db) / 20.0)
    spectrum = np.fft.rfft(wave, n) * gain.astype(np.float32)
    return np.fft.irfft(spectrum, n)[: len(wave)].astype(np.float32)


def band(wave: Floats, low_hz: float, high_hz: float, sample_rate: int, order: int = 2) -> Wave:
    """Causal Butterworth band-pass; an edge of 0 or above Nyquist is left open."""
    nyquist = sample_rate / 2
    low_open, high_open = low_hz <= 5.0, high_hz >= 0.95 * nyquist
    if low_open and high_open:
        return wave32(wave)
    if low_open:
        sos = signal.butter(order, high_hz / nyquist, "lowpass", output="sos")
    elif high_open:
        sos = signal.butter(order, min(low_hz / nyquist, 0.9), "highpass", output="sos")
    else:
        sos = signal.butter(order, (low_hz / nyquist, high_hz / nyquist), "bandpass", output="sos")
    return wave32(signal.sosfilt(sos, wave))


def resonate(wave: Floats, hz: float, decay_s: float, sample_rate: int) -> Wave:
    """One two-pole resonator driven by ``wave``; its ringing falls by 1/e in ``decay_s``."""
    radius = np.exp(-1.0 / (max(decay_s, 1e-4) * sample_rate))
    angle = 2 * np.pi * min(hz, 0.49 * sample_rate) / sample_rate
    poles = [1.0, -2 * radius * np.cos(angle), radius * radius]
    gain = (1 - radius) * np.sqrt(1 - 2 * radius * np.cos(2 * angle) + radius * radius)
    return wave32(signal.lfilter([gain], poles, wave))


def ringing(
    hz: Floats, decay_s: Floats, gain: Floats, n: int, sample_rate: int, phase: Floats | None = None
) -> Wave:
    """Sum of exponentially decaying sines that all start at sample 0, [n].

    A sum over modes of ``exp((i w - 1/decay) t)`` is split by ``t = block + offset`` into one
    matrix product, so sixty modes over a second cost about a millisecond.

    Args:
        hz: frequencies [M]; those above 0.48 of the rate are left out.
        decay_s: time of each to fall by 1/e, [M].
        gain: amplitudes [M].
        n: samples.
        sample_rate: Hz.
        phase: start phases [M]; 0 starts each sine at zero, without a click.
    """
    keep = (hz < 0.48 * sample_rate) & (hz > 0)
    hz, decay_s, gain = hz[keep], decay_s[keep], gain[keep]
    start = np.zeros_like(hz) if phase is None else phase[keep]
    pole = (2j * np.pi * hz - 1.0 / np.maximum(decay_s, 1e-4)) / sample_rate
    n_blocks = -(-n // _BLOCK)
    fine = np.exp(pole[:, None] * np.arange(_BLOCK)).astype(np.complex64)
    coarse = np.exp(pole[:, None] * (_BLOCK * np.arange(n_blocks)))
    coarse = (coarse * (gain * np.exp(1j * start))[:, None]).astype(np.complex64)
    return np.ascontiguousarray((coarse.T @ fine).imag.reshape(-1)[:n])


def scatter(starts: npt.NDArray[np.integer], gains: Floats, grain: Wave, n: int) -> Wave:
    """The same grain at many places: ``sum gains[i] * grain`` from ``starts[i]``, cut to [n]."""
    train = np.zeros(n, dtype=np.float32)
    inside = (starts >= 0) & (starts < n)
    np.add.at(train, starts[inside], gains[inside].astype(np.float32))
    return wave32(signal.oaconvolve(train, grain)[:n])


def poisson_times(
    rate_hz: Floats | float, n: int, sample_rate: int, rng: Rng
) -> npt.NDArray[np.int64]:
    """Sample positions of a Poisson process with a constant or varying rate [n]."""
    density = np.broadcast_to(np.asarray(rate_hz, dtype=np.float64) / sample_rate, (n,))
    count = rng.poisson(density.sum())
    return np.sort(np.searchsorted(np.cumsum(density), rng.random(count) * density.sum()))


def wander(n: int, rate_hz: float, sample_rate: int, rng: Rng) -> Wave:
    """A smooth random curve between 0 and 1 that changes about ``rate_hz`` times a second, [n]."""
    n_knots = max(4, int(np.ceil(n / sample_rate * rate_hz)) + 3)
    knots = rng.random(n_knots)
    place = np.linspace(0, n_knots - 1.001, n)
    left = place.astype(int)
    blend = place - left
    blend = blend * blend * (3 - 2 * blend)
    return wave32(knots[left] * (1 - blend) + knots[np.minimum(left + 1, n_knots - 1)] * blend)


def fall(n: int, decay_s: float, sample_rate: int, attack_s: float = 0.0) -> Wave:
    """Envelope: a straight rise over ``attack_s``, then a fall by 1/e every ``decay_s``."""
    t = seconds(n, sample_rate)
    envelope = np.exp(-np.maximum(t - attack_s, 0.0) / max(decay_s, 1e-4))
    if attack_s > 0:
        envelope *= np.minimum(t / attack_s, 1.0)
    return wave32(envelope)


def bump(n: int, rise: float = 0.5, power: float = 2.0) -> Wave:
    """A bell between 0 and 1 over ``n`` samples whose top lies at the fraction ``rise``."""
    x = np.linspace(0.0, 1.0, n, dtype=np.float32)
    after = 0.5 + 0.5 * (x - rise) / max(1 - rise, 1e-3)
    warped = np.where(x < rise, 0.5 * x / max(rise, 1e-3), after)
    return (np.maximum(np.sin(np.pi * warped), 0.0) ** power).astype(np.float32)


def add_at(out: Wave, wave: Wave, start: int, gain: float = 1.0) -> None:
    """Add ``wave`` into ``out`` (in place) from sample ``start``; what lies outside is cut."""
    first, last = max(0, start), min(len(out), start + len(wave))
    if first < last:
        out[first:last] += np.float32(gain) * wave[first - start : last - start]


def unit_rms(wave: Floats) -> Wave:
    """Scaled to root mean square 1; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0
    return wave32(wave if rms < 1e-9 else wave / np.float32(rms))


def unit_peak(wave: Floats) -> Wave:
    """Scaled to peak 1; silence stays silence."""
    top = float(np.max(np.abs(wave), initial=0.0))
    return wave32(wave if top < 1e-9 else wave / np.float32(top))


def limit(wave: Wave, ceiling: float = 0.95, knee: float = 0.6) -> Wave:
    """Peaks above ``knee`` bent smoothly below ``ceiling``; what is below is untouched."""
    room = ceiling - knee
    over = np.maximum(np.abs(wave) - knee, 0.0)
    return np.where(over > 0, np.sign(wave) * (knee + room * np.tanh(over / room)), wave).astype(
        np.float32
    )


def soft_clip(wave: Floats, drive: float = 1.0) -> Wave:
    """Smooth saturation, as of an overdriven source."""
    return wave32(np.tanh(wave * drive))


def fade_out(wave: Wave, n: int) -> Wave:
    """The last ``n`` samples brought down to nothing, so that a cut tail does not click."""
    n = min(n, len(wave) // 2)
    if n < 1:
        return wave
    out = wave.copy()
    out[-n:] *= np.linspace(1.0, 0.0, n, dtype=np.float32)
    return out


def signal_length(n: int) -> int:
    """The next length the FFT likes."""
    from scipy.fft import next_fast_len

    return int(next_fast_len(max(n, 2), real=True))
