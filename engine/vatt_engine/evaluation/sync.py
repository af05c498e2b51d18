"""Is the sound in sync? Onsets matched to known hits, lag, and envelopes; numpy only.

Two habits make the figures trustworthy. Silence scores 0, never 1. And every F1 comes with its
floor: the F1 against the same truth shifted in a circle, which a dense rattle reaches by luck.
People notice a lag from about 25 to 45 ms; matching is within 50 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

TOLERANCE_S = 0.05
ENVELOPE_HZ = 100.0


@dataclass(frozen=True)
class OnsetScore:
    """Counts of one film, or of many added up.

    Attributes:
        n_found: onsets heard; ``n_true`` hits known; ``n_matched`` pairs within the tolerance.
    """

    n_found: int
    n_true: int
    n_matched: int

    def __add__(self, other: OnsetScore) -> OnsetScore:
        return OnsetScore(
            self.n_found + other.n_found,
            self.n_true + other.n_true,
            self.n_matched + other.n_matched,
        )

    @property
    def precision(self) -> float:
        """Share of the onsets that belong to a hit; 0 when nothing was heard."""
        return self.n_matched / self.n_found if self.n_found else 0.0

    @property
    def recall(self) -> float:
        """Share of the hits that were heard."""
        return self.n_matched / self.n_true if self.n_true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean; 0 for silence."""
        total = self.n_found + self.n_true
        return 2 * self.n_matched / total if total else 0.0


def match(found: Floats, true: Floats, tolerance_s: float = TOLERANCE_S) -> list[tuple[int, int]]:
    """Pair onsets with hits, one to one, as many as possible.

    Args:
        found: ascending times [n] in seconds.
        true: ascending times [m].
        tolerance_s: the largest distance of a pair.

    Returns:
        (index in found, index in true), ascending. With one common tolerance, pairing the earliest
        with the earliest is a largest matching.
    """
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(found) and j < len(true):
        distance = found[i] - true[j]
        if abs(distance) <= tolerance_s + 1e-9:
            pairs.append((i, j))
            i += 1
            j += 1
        elif distance < 0:
            i += 1
        else:
            j += 1
    return pairs


def onset_score(found: Floats, true: Floats, tolerance_s: float = TOLERANCE_S) -> OnsetScore:
    """Count one film."""
    found, true = np.sort(np.asarray(found, float)), np.sort(np.asarray(true, float))
    return OnsetScore(len(found), len(true), len(match(found, true, tolerance_s)))


def shift_floor(
    found: Floats,
    true: Floats,
    duration_s: float,
    n_shifts: int = 24,
    tolerance_s: float = TOLERANCE_S,
) -> OnsetScore:
    """The score against truth that is shifted in a circle: what chance alone gives.

    Args:
        found: onset times in seconds.
        true: hit times in seconds.
        duration_s: the circle.
        n_shifts: how many shifts are averaged, spread over the circle without its two ends.
        tolerance_s: as in ``match``.

    Returns:
        Counts added up over all shifts (so ``f1`` is their pooled F1).
    """
    total = OnsetScore(0, 0, 0)
    for shift in np.linspace(0, duration_s, n_shifts + 2)[1:-1]:
        moved = np.sort((np.asarray(true, float) + shift) % duration_s)
        total += onset_score(found, moved, tolerance_s)
    return total


def hit_envelope(
    times_s: Floats, strengths: Floats, duration_s: float, rate_hz: float = ENVELOPE_HZ
) -> Floats:
    """Hits as narrow bells (10 ms), [round(duration * rate)]."""
    t = np.arange(round(duration_s * rate_hz)) / rate_hz
    bells = np.exp(-0.5 * ((t[:, None] - np.asarray(times_s)[None, :]) / 0.010) ** 2)
    return np.asarray(bells @ np.asarray(strengths, float))


def lag_s(
    sound: Floats, picture: Floats, rate_hz: float = ENVELOPE_HZ, limit_s: float = 0.5
) -> tuple[float, float] | None:
    """How far the sound is behind the picture, by cross-correlating onset envelopes.

    Args:
        sound: onset strength envelope of what is heard.
        picture: the same of what is seen, at equal rate; unequal lengths are cut.
        rate_hz: of both.
        limit_s: largest lag looked for, either way.

    Returns:
        (lag in seconds, positive when the sound is late; correlation 0..1 at that lag), or None
        when either is flat or nothing peaks within the limit. The peak is placed between samples
        by a parabola.
    """
    n = min(len(sound), len(picture))
    a = np.asarray(sound[:n], float) - np.mean(sound[:n])
    b = np.asarray(picture[:n], float) - np.mean(picture[:n])
    norm = float(np.sqrt((a @ a) * (b @ b)))
    if norm < 1e-12:
        return None
    reach = min(int(limit_s * rate_hz), n - 1)
    full = np.correlate(a, b, mode="full") / norm
    window = full[n - 1 - reach : n + reach]
    k = int(np.argmax(window))
    if not 0 < k < len(window) - 1:
        return None  # still rising at the limit: whatever this is, it is not the lag
    left, middle, right = window[k - 1 : k + 2]
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if abs(bend) > 1e-12 else 0.0
    return (k - reach + offset) / rate_hz, float(np.clip(window[k], 0, 1))


def loudness_envelope(wave: Floats, sample_rate: int, rate_hz: float = 50.0) -> Floats:
    """RMS [ceil(S / hop)] of a wave [S] in steps of ``1 / rate_hz``."""
    hop = round(sample_rate / rate_hz)
    padded = np.pad(np.asarray(wave, float), (0, -len(wave) % hop))
    return np.asarray(np.sqrt((padded.reshape(-1, hop) ** 2).mean(axis=1)))


def envelope_l1(wave: Floats, reference: Floats, sample_rate: int) -> float:
    """E-L1: mean absolute difference of two RMS envelopes, each scaled to a peak of 1.

    A silent wave keeps its zeros, so it does not look alike by being scaled.
    """
    a, b = (loudness_envelope(w, sample_rate) for w in (wave, reference))
    n = min(len(a), len(b))
    a, b = (e[:n] / peak if (peak := float(e.max(initial=0.0))) > 1e-6 else e[:n] for e in (a, b))
    return float(np.abs(a - b).mean()) if n else 0.0
