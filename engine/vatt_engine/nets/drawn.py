"""A codec that describes sound and draws it: levels and turns of bands, no net between.

Two kilobits a second have no room for phases. What tells an ear a bell from a hiss is not the phase
but how it goes on: from one window of the complex lapped transform (``lapped``) to the next, the
coefficient of a tone turns by an angle that tells its frequency within the band, and that of noise
by any angle. So a code frame is described by

* the level of each band over its windows,
* how the level of a few groups of bands moves from window to window: the attacks,
* the mean turn of each band, whose angle is a frequency and whose length tells how sure that is,

which one linear map brings to the quantiser's dimension (principal components) and another back.
Each band is then drawn as a process that turns by the foretold angle and forgets its phase the
faster the shorter the mean turn is. Why this and no SEANet: ``docs/decisions/0011``.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vatt_engine.nets.lapped import LappedTransform
from vatt_engine.sound_config import DRAWN_GROUPS

_UNIT = 3e-4  # level that counts as 1: about 80 dB below a loud sound's bands
_QUIET = 0.02  # power added to a band's, in squared units: silence is finite
_LEAST, _MOST = -4.0, 14.0  # natural logarithms of levels in units that are drawn
# How much each part counts for the principal components, tried out by the judge's ear
# (docs/training-log.md). Turns count by how loud their band is; short ones, which mostly are
# noise's, by far less than long ones.
_GROUP_WEIGHT = 2.0
_TURN_WEIGHT = 2.0
_TURN_POWER = 3
_KNEE, _FULL = 0.7, 0.98
_NOISE_TURN = 0.3  # mean length of the turn of noise, whose windows overlap


def description_width(bands: int, windows: int) -> int:
    """Numbers that describe a code frame of so many bands and windows."""
    return bands + DRAWN_GROUPS * windows + 2 * bands


class Describer:
    """Waveforms to descriptions of code frames, and descriptions to levels and turns.

    Args:
        transform: M bands.
        windows: of the transform in a code frame.
    """

    def __init__(self, transform: LappedTransform, windows: int) -> None:
        self.transform = transform
        self.windows = windows

    def describe(self, wave: Tensor) -> Tensor:
        """Wave [B, 1, S] -> descriptions [B, F, T]."""
        M, W = self.transform.bands, self.windows
        power = self.transform.powers(wave) / _UNIT**2
        turns = self.transform.turns(wave, _UNIT**2 * _QUIET)
        missing = -power.shape[-1] % W
        power, turns = F.pad(power, (0, missing)), F.pad(turns, (0, missing))
        B, T = len(power), power.shape[-1] // W
        frames = power.view(B, M, T, W)
        levels = _log_level(frames.mean(dim=3))
        groups = frames.view(B, DRAWN_GROUPS, M // DRAWN_GROUPS, T, W).mean(dim=2)
        moves = _log_level(groups) - _log_level(groups.mean(dim=3, keepdim=True))
        moves = moves.transpose(2, 3).flatten(1, 2)  # [B, groups * W, T]
        turns = F.avg_pool1d(turns, W)
        turns = turns * _lengths(turns) ** (_TURN_POWER - 1) * _turn_weight(levels)
        return torch.cat((levels, _GROUP_WEIGHT * moves, turns), dim=1)

    def read(self, descriptions: Tensor) -> tuple[Tensor, Tensor]:
        """Descriptions [B, F, T] -> levels [B, M, N] in natural logarithms, turns [B, 2 M, N]."""
        M, W = self.transform.bands, self.windows
        levels, turns = descriptions[:, :M], descriptions[:, -2 * M :]
        moves = descriptions[:, M : -2 * M]
        B, _, T = levels.shape
        turns = turns / _turn_weight(levels)
        turns = turns * _lengths(turns).clamp_min(1e-6) ** (1 / _TURN_POWER - 1)
        moves = (moves / _GROUP_WEIGHT).view(B, DRAWN_GROUPS, W, T).permute(0, 3, 2, 1)
        spread = F.interpolate(moves.reshape(B, T * W, DRAWN_GROUPS), size=M, mode="linear")
        levels = levels.repeat_interleave(W, dim=2) + spread.transpose(1, 2)
        return levels, turns.repeat_interleave(W, dim=2)


class _LinearMap(nn.Module):
    """Between descriptions and the quantiser's vectors.

    Args:
        describer: what is kept of a wave.
        dimension: of the vectors.
    """

    def __init__(self, describer: Describer, dimension: int) -> None:
        super().__init__()
        self.transform = describer.transform
        self.describer = describer
        width = description_width(describer.transform.bands, describer.windows)
        self.mean = nn.Parameter(torch.zeros(width))
        self.basis = nn.Parameter(torch.randn(dimension, width) * width**-0.5)


class DrawnEncoder(_LinearMap):
    """Wave -> the quantiser's vectors."""

    def forward(self, wave: Tensor) -> Tensor:
        """Wave [B, 1, S] -> vectors [B, dimension, T]."""
        with torch.autocast(wave.device.type, enabled=False):  # phases need all their digits
            described = self.describer.describe(wave.float())
            return self.basis @ (described - self.mean[:, None])


class DrawnDecoder(_LinearMap):
    """The quantiser's vectors -> wave."""

    def __init__(self, describer: Describer, dimension: int) -> None:
        super().__init__(describer, dimension)
        # Always the same noise, so the same codes give the same bytes.
        self.noise_seed = 0

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors [B, dimension, T] -> wave [B, 1, T * hop]."""
        with torch.autocast(vectors.device.type, enabled=False):
            described = self.basis.T @ vectors.float() + self.mean[:, None]
            levels, turns = self.describer.read(described)
            spread = _UNIT * levels.clamp(_LEAST, _MOST).exp()
            # Drawn on the CPU, whose generator is the same everywhere.
            white = white_bands(self.transform, turns.shape[-1] + 1, self.noise_seed)
            drawn = turning(turns.detach().cpu().numpy(), white)
            bands = torch.from_numpy(drawn).to(spread.device) * spread * math.sqrt(2)
            return rounded(self.transform.complex_inverse(bands))


def rounded(wave: Tensor) -> Tensor:
    """Bend what lies above the knee, so that nothing reaches full scale.

    Peaks of drawn noise go beyond those of the sound it stands for; only they are touched.
    """
    size = wave.abs()
    bent = _KNEE + (_FULL - _KNEE) * torch.tanh((size - _KNEE) / (_FULL - _KNEE))
    return torch.where(size > _KNEE, wave.sign() * bent, wave)


def white_bands(transform: LappedTransform, n: int, seed: int) -> NDArray[np.complex64]:
    """White noise as the bands have it, of unit power [M, n].

    Taken from one wave: neighbouring bands know of each other, so a tone that lies in two of them
    comes out of both in step.
    """
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(n * transform.bands, np.float32) * np.float32(math.sqrt(0.5))
    on_cpu = LappedTransform(transform.bands)
    found: NDArray[np.complex64] = on_cpu.complex(torch.from_numpy(wave)[None, None])[0].numpy()
    return found


def turning(turns: NDArray[np.float32], white: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Complex processes of unit power that turn by foretold angles.

    First-order autoregressive in each band: the noise as it is where nothing is foretold, a tone of
    steady level where the turn is certain.

    Args:
        turns: [B, 2 M, N] as ``LappedTransform.turns`` has them; lengths above 1 count as 1.
        white: noise [M, N + 1]; each of the B hears the same.

    Returns:
        [B, M, N].
    """
    M = turns.shape[1] // 2
    # Time first: the recursion below goes through it.
    mean = np.moveaxis(turns[:, :M] + 1j * turns[:, M:], 2, 0).astype(np.complex64)
    length = np.abs(mean)
    certain = np.sqrt(np.clip((length - _NOISE_TURN) / (1 - _NOISE_TURN), 0.0, 0.998))
    centre = np.exp(1j * math.pi * (np.arange(M) + 0.5)).astype(np.complex64)
    turn = certain * mean / np.maximum(length, 1e-6) * centre
    drawn = white.T[1:, None] * np.sqrt(1 - certain**2)
    state = np.broadcast_to(white[:, 0], drawn.shape[1:])
    for n in range(len(drawn)):
        state = turn[n] * state + drawn[n]
        drawn[n] = state
    # A tone keeps the level it was foretold, not the one it happened to start with.
    drawn *= np.maximum(np.abs(drawn), 1e-6) ** -certain
    return np.ascontiguousarray(np.moveaxis(drawn, 0, 2), np.complex64)


def _log_level(power: Tensor) -> Tensor:
    return 0.5 * torch.log(power + _QUIET)


def _lengths(turns: Tensor) -> Tensor:
    """Length of each mean turn, twice: [B, 2 M, N]."""
    cosines, sines = turns.chunk(2, dim=1)
    return (cosines.square() + sines.square()).sqrt().repeat(1, 2, 1)


def _turn_weight(levels: Tensor) -> Tensor:
    """How much turns count where bands have these levels [B, 2 M, T]."""
    return _TURN_WEIGHT * (levels.clamp_min(0.05) / 4).sqrt().repeat(1, 2, 1)
