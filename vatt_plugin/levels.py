"""How loud a take is and how loud it should be, measured in blocks so that memory stays flat.

Loudness after ITU-R BS.1770-5 (K-weighting, 400 ms blocks, two gates), true peak by four times
oversampling (its Annex 2). Both run at 48 kHz, the rate of every take.

The level rule. Foley lies under dialogue, so takes are brought to ``TARGET_LUFS``, below the -23
of a whole programme. A take is never lifted by more than ``MAX_LIFT_DB``, and one quieter than
``FLOOR_LUFS`` holds nothing but the model's noise and is left alone. No take ever exceeds
``CEILING_DBTP``, by gain alone: there is no limiter, so transients stay as they were made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# scipy.signal takes half a second to import, longer than most of what a command may have to say
# before it measures anything, so functions that filter import it themselves.

SAMPLE_RATE = 48_000
TARGET_LUFS = -27.0
FLOOR_LUFS = -60.0
MAX_LIFT_DB = 15.0
CEILING_DBTP = -1.0
MIN_LOUDNESS_S = 0.4  # BS.1770 knows no loudness of shorter sounds

_CATEGORY_LUFS = (
    # by the letters that ids of the Universal Category System begin with
    ("CLOTH", -35.0),
    ("FEET", -31.0),
    ("FOLYClth", -35.0),
    ("FOLYFeet", -31.0),
    ("FOLYHand", -31.0),
    ("HAND", -31.0),
    ("OBJ", -29.0),
    ("AMB", -34.0),
    ("WIND", -32.0),
    ("RAIN", -32.0),
    ("DOOR", -26.0),
    ("GLAS", -26.0),
    ("METL", -27.0),
    ("WEAP", -24.0),
    ("GUN", -22.0),
    ("EXPL", -20.0),
    ("THUN", -22.0),
    ("VEH", -26.0),
)

Block = NDArray[np.float32]
"""Samples [n, channels] of one stretch of sound, -1..1."""

# K-weighting at 48 kHz: the shelf of a head, then the high-pass (BS.1770-5, tables 1 and 2).
_SHELF = (
    (1.53512485958697, -2.69169619940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_STEP = SAMPLE_RATE // 10  # gating blocks of 400 ms overlap by three quarters
_OVERSAMPLING = 4
_TAPS_A_PHASE = 24
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0


@dataclass(frozen=True)
class Measurement:
    """What was measured over a whole sound.

    Attributes:
        n_samples: per channel.
        lufs: integrated loudness; None for silence and for sounds under 0.4 s.
        gauge_lufs: what the level rule goes by: as ``lufs``, but a short sound counts as if
            silence followed until 0.4 s; None for silence.
        true_peak_dbtp: None for digital silence.
        finite: whether every sample is a finite number.
    """

    n_samples: int
    lufs: float | None
    gauge_lufs: float | None
    true_peak_dbtp: float | None
    finite: bool


class Meter:
    """Takes in a sound block by block, then tells its loudness and true peak."""

    def __init__(self, n_channels: int) -> None:
        self._n_samples = 0
        self._finite = True
        self._peak = 0.0
        self._states = [np.zeros((2, n_channels)) for _ in range(2)]
        self._rest = np.zeros((0, n_channels))
        self._energies: list[NDArray[np.float64]] = []  # of 100 ms steps, per channel
        self._tail = np.zeros((_TAPS_A_PHASE, n_channels))
        self._kernel = _oversampling_kernel()

    def add(self, block: Block) -> None:
        """Take in samples [n, channels]."""
        from scipy import signal

        if block.shape[0] == 0:
            return
        self._n_samples += block.shape[0]
        if not np.isfinite(block).all():
            self._finite = False
            return
        samples = block.astype(np.float64)
        self._add_peak(samples)
        for i, (b, a) in enumerate((_SHELF, _HIGH_PASS)):
            samples, self._states[i] = signal.lfilter(b, a, samples, axis=0, zi=self._states[i])
        self._add_energy(samples)

    def result(self) -> Measurement:
        """Everything measured so far, as of a whole sound."""
        if not self._finite:
            return Measurement(self._n_samples, None, None, None, finite=False)
        self._add_peak(np.zeros((_TAPS_A_PHASE, self._tail.shape[1])))  # the filter's own tail
        long_enough = self._n_samples >= MIN_LOUDNESS_S * SAMPLE_RATE
        steps = list(self._energies)
        if not long_enough:
            steps.append(np.sum(self._rest**2, axis=0))
            steps += [np.zeros_like(steps[0])] * (4 - len(steps))
        gauge = _gated_loudness(np.array(steps))
        peak_db = 20 * math.log10(self._peak) if self._peak > 0 else None
        return Measurement(
            self._n_samples, gauge if long_enough else None, gauge, peak_db, finite=True
        )

    def _add_peak(self, samples: NDArray[np.float64]) -> None:
        from scipy import signal

        joined = np.concatenate([self._tail, samples])
        finer = signal.upfirdn(self._kernel, joined, up=_OVERSAMPLING, axis=0)
        # The first and last taps' worth of output see only part of their input; the overlap
        # of _TAPS_A_PHASE samples lets the next block see them whole.
        whole = finer[_TAPS_A_PHASE * _OVERSAMPLING : len(joined) * _OVERSAMPLING]
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        self._peak = max(self._peak, float(np.abs(whole).max(initial=0.0)))
        self._tail = joined[-_TAPS_A_PHASE:]

    def _add_energy(self, weighted: NDArray[np.float64]) -> None:
        joined = np.concatenate([self._rest, weighted])
        n_steps = len(joined) // _STEP
        steps = joined[: n_steps * _STEP].reshape(n_steps, _STEP, joined.shape[1])
        self._energies.extend(np.sum(steps**2, axis=1))
        self._rest = joined[n_steps * _STEP :]


def measure(blocks: Iterable[Block], n_channels: int) -> Measurement:
    """Measure a sound given as blocks [n, channels] at 48 kHz."""
    meter = Meter(n_channels)
    for block in blocks:
        meter.add(block)
    return meter.result()


def target_lufs(category: str = "") -> float:
    """Loudness for takes of a UCS category: a footstep lies lower than a slamming door."""
    known = [(len(start), level) for start, level in _CATEGORY_LUFS if category.startswith(start)]
    return max(known)[1] if known else TARGET_LUFS


def choose_gain_db(
    measured: Measurement, wanted_db: float | None = None, target: float = TARGET_LUFS
) -> float:
    """The gain that brings a take to its level; see the level rule above.

    Args:
        measured: of the take as the engine made it.
        wanted_db: use this instead of the loudness target, as for a take that continues an
            earlier one; the ceiling still holds.
        target: loudness to bring it to, LUFS; see ``target_lufs``.
    """
    if measured.true_peak_dbtp is None:
        return 0.0
    gain_db = 0.0 if wanted_db is None else wanted_db
    if wanted_db is None and measured.gauge_lufs is not None and measured.gauge_lufs > FLOOR_LUFS:
        gain_db = min(target - measured.gauge_lufs, MAX_LIFT_DB)
    ceiling_db = CEILING_DBTP - measured.true_peak_dbtp
    # Down to a hundredth, so that figures shown and figures applied are the same.
    return math.floor(min(gain_db, ceiling_db) * 100) / 100


def _gated_loudness(steps: NDArray[np.float64]) -> float | None:
    """Integrated loudness of sums of squares per 100 ms [n, channels]; None below the gate."""
    blocks = np.stack([steps[i : len(steps) - 3 + i] for i in range(4)]).sum(axis=0)
    power = blocks.sum(axis=1) / (4 * _STEP)  # left and right (or centre) weigh the same
    with np.errstate(divide="ignore"):
        loudness = -0.691 + 10 * np.log10(power)
    power = power[loudness > _ABSOLUTE_GATE_LUFS]
    if power.size == 0:
        return None
    gate = 10 * np.log10(power.mean()) + _RELATIVE_GATE_LU
    kept = power[10 * np.log10(power) > gate]
    return float(-0.691 + 10 * np.log10(kept.mean()))


def _oversampling_kernel() -> NDArray[np.float64]:
    """Low-pass at the old Nyquist frequency, unit gain after four times oversampling."""
    from scipy import signal

    n_taps = _TAPS_A_PHASE * _OVERSAMPLING
    kernel: Any = signal.firwin(n_taps + 1, 1 / _OVERSAMPLING, window=("kaiser", 8.0))
    return np.asarray(kernel * _OVERSAMPLING, dtype=np.float64)
