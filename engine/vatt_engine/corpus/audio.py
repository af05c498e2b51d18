"""From any audio file to a clip of the corpus: decode, judge, trim, level.

Everything ends as 24 kHz mono: enough for the codec and for every class of sound the model is to
make, at half the size of full rate. All steps are deterministic.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import av
import av.error
import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from scipy import signal

Wave: TypeAlias = npt.NDArray[np.float32]

SAMPLE_RATE = 24_000
MIN_SECONDS = 0.05
MAX_SECONDS = 30.0
MIN_SOURCE_RATE = 15_000

_FRAME = SAMPLE_RATE // 100
_QUIET_DB = -55.0
_LOUD_DBFS = -16.0
_PEAK_DBFS = -1.0
_MEL_BANDS, _MEL_STEPS = 32, 24


class Unusable(ValueError):
    """A clip that does not go into the corpus; the message is the reason, in a word or two."""


@dataclass(frozen=True)
class Clip:
    """A sound made ready.

    Attributes:
        wave: mono [S] at `SAMPLE_RATE`.
        gain_db: what levelling added.
        cut_s: seconds of silence (or of overlong texture) that were cut away.
        source_rate: sample rate of the source.
    """

    wave: Wave
    gain_db: float
    cut_s: float
    source_rate: int


def decode(data: bytes) -> tuple[Wave, int]:
    """Samples [C, S] and sample rate of an audio file in memory.

    Raises:
        Unusable: neither libsndfile nor ffmpeg can read it.
    """
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.T), int(rate)
    except soundfile.LibsndfileError:
        return _decode_av(data)


def _decode_av(data: bytes) -> tuple[Wave, int]:
    try:
        with av.open(io.BytesIO(data)) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise Unusable("no sound in it")
            rate = int(stream.rate)
            resampler = av.AudioResampler(format="fltp", rate=rate)
            parts = [
                part.to_ndarray()
                for block in (*container.decode(stream), None)
                for part in resampler.resample(block)
            ]
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Unusable("cannot be decoded") from error
    if not parts:
        raise Unusable("empty")
    return np.concatenate(parts, axis=1).astype(np.float32), rate


def prepare(data: bytes) -> Clip:
    """Decode a file and make a clip of it.

    Raises:
        Unusable: too short, silent, band-limited or undecodable.
    """
    samples, rate = decode(data)
    if rate < MIN_SOURCE_RATE:
        raise Unusable("band-limited")
    if not np.isfinite(samples).all():
        raise Unusable("not finite")
    mono = _to_mono(samples)
    if len(mono) < MIN_SECONDS * rate:
        raise Unusable("too short")
    if is_band_limited(mono, rate):
        raise Unusable("band-limited")
    wave = soxr.resample(mono, rate, SAMPLE_RATE, quality="HQ").astype(np.float32)
    wave = _without_rumble(wave)
    trimmed = trim(wave)
    if len(trimmed) < MIN_SECONDS * SAMPLE_RATE:
        raise Unusable("too short")
    cut_s = (len(wave) - len(trimmed)) / SAMPLE_RATE
    gain = level_gain(trimmed)
    return Clip((trimmed * gain).astype(np.float32), 20 * float(np.log10(gain)), cut_s, rate)


def _to_mono(samples: Wave) -> Wave:
    mixed = np.asarray(samples.mean(axis=0), dtype=np.float32)
    loudest: Wave = samples[int(np.argmax(np.square(samples).mean(axis=1)))]
    # Channels in opposite phase cancel out in a mix: keep one of them then.
    if np.square(mixed).mean() < 0.1 * np.square(loudest).mean():
        return loudest
    return mixed


def is_band_limited(mono: Wave, rate: int) -> bool:
    """Whether the sound was once at 8 or 11 kHz: a cliff in the spectrum at 4 or 5.5 kHz.

    A dull sound falls off gently; a resampled one drops by tens of decibels within a few hundred
    hertz.
    """
    n = min(2048, len(mono))
    hz, power = signal.welch(mono, rate, nperseg=n)
    level_db = 10 * np.log10(power + 1e-20)
    for edge in (4000.0, 5512.5):
        below = level_db[(hz > 0.80 * edge) & (hz < 0.94 * edge)]
        above = level_db[(hz > 1.10 * edge) & (hz < min(1.6 * edge, 0.49 * rate))]
        if len(below) and len(above) and np.median(below) - np.median(above) > 38.0:
            return True
    return False


def _without_rumble(wave: Wave) -> Wave:
    sos = signal.butter(2, 20.0, "highpass", fs=SAMPLE_RATE, output="sos")
    return signal.sosfilt(sos, wave).astype(np.float32)  # type: ignore[no-any-return]


def trim(wave: Wave) -> Wave:
    """Without silence at the ends (5 ms kept before, 40 ms after), at most `MAX_SECONDS`.

    Raises:
        Unusable: nothing but silence.
    """
    n_frames = max(1, -(-len(wave) // _FRAME))
    padded = np.pad(wave, (0, n_frames * _FRAME - len(wave)))
    power_db = 10 * np.log10(np.square(padded.reshape(n_frames, _FRAME)).mean(axis=1) + 1e-12)
    top = power_db.max()
    if top < -70.0:
        raise Unusable("silent")
    heard = np.flatnonzero(power_db > max(top + _QUIET_DB, -85.0))
    first = max(0, heard[0] * _FRAME - SAMPLE_RATE // 200)
    last = min(len(wave), (heard[-1] + 1) * _FRAME + SAMPLE_RATE // 25)
    last = min(last, first + round(MAX_SECONDS * SAMPLE_RATE))
    out = wave[first:last].copy()
    ramp = min(len(out) // 4, SAMPLE_RATE // 500)
    fade = np.linspace(0.0, 1.0, ramp, endpoint=False, dtype=np.float32)
    out[:ramp] *= fade
    out[len(out) - ramp :] *= fade[::-1]
    return out


def level_gain(wave: Wave) -> float:
    """Gain that brings the loudest 50 ms to -16 dBFS RMS, but no sample above -1 dBFS."""
    span = min(len(wave), SAMPLE_RATE // 20)
    energy = np.cumsum(np.concatenate([[0.0], np.square(wave, dtype=np.float64)]))
    loudest = float(np.sqrt((energy[span:] - energy[:-span]).max() / span))
    peak = float(np.abs(wave).max())
    return min(10 ** (_LOUD_DBFS / 20) / loudest, 10 ** (_PEAK_DBFS / 20) / peak)


def fingerprint(wave: Wave) -> Wave:
    """Shape of a sound for finding near-duplicates: log-mel on a fixed grid, unit length [768].

    Two takes of one recording at other levels, rates or codings correlate above 0.985.
    """
    hop = max(1, len(wave) // (_MEL_STEPS * 4))
    size = 512
    padded = np.pad(wave, (size // 2, size))
    starts = np.linspace(0, max(len(wave) - hop, 0), _MEL_STEPS * 4).astype(int)
    rows = padded[starts[:, None] + np.arange(size)] * np.hanning(size).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(rows, axis=1)))
    edges = np.geomspace(80.0, 11_000.0, _MEL_BANDS + 1) / (SAMPLE_RATE / size)
    lines = np.searchsorted(np.arange(power.shape[1]), edges)
    bands = np.stack(
        [power[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(lines)],
        1,
    )
    grid = np.log(bands.reshape(_MEL_STEPS, 4, _MEL_BANDS).mean(axis=1) + 1e-8).ravel()
    grid -= grid.mean()
    return np.asarray(grid / max(float(np.linalg.norm(grid)), 1e-9), dtype=np.float32)


def near_duplicates(prints: Wave, seconds: npt.NDArray[np.floating]) -> dict[int, int]:
    """Later sounds that repeat an earlier one: ``{index: index of the one that is kept}``.

    Args:
        prints: fingerprints [N, D], most wanted first.
        seconds: lengths [N].
    """
    kept: list[int] = []
    repeats: dict[int, int] = {}
    order = np.argsort(seconds, kind="stable")
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    ordered_s = seconds[order]
    dropped = np.zeros(len(order), dtype=bool)
    for i in range(len(order)):
        if dropped[i]:
            continue
        kept.append(i)
        low = np.searchsorted(ordered_s, seconds[i] / 1.04)
        high = np.searchsorted(ordered_s, seconds[i] * 1.04, side="right")
        near = order[low:high]
        near = near[near > i]
        for j in near[prints[near] @ prints[i] > 0.985]:
            if not dropped[j]:
                dropped[j] = True
                repeats[int(j)] = i
    return repeats
