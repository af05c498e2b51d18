"""A net that reads the sync lane off motion.

A small stack of convolutions over time and the grid of blocks finds what happens at a place,
wherever that is; the largest and the mean over all places go to a stack over time, which knows
rhythm and what the whole picture does. Every 25th of a second gives two 50ths of a lane.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.motion import FEATURES, GRID, MAPS, N_BLOCKS, N_FEATURES

OUTPUTS = ("hit", "strength", "intensity")
STEPS_A_FRAME = 2
"""Lane values of one row of motion features."""

_LIMIT = 6.0  # of what the net reads, after asinh: about 200 times the scale below
_FEATURE_SCALE = dict.fromkeys(("right", "left", "down", "up", "flash"), 0.05) | {
    "energy": 1.0,
    "speed": 0.1,
    "camera": 0.5,
    "zoom": 0.5,
    "cut": 0.3,
}
_MAP_SCALE = {"change": 2.0, "down": 0.3, "right": 0.3}
_KERNEL = 5


@dataclass(frozen=True)
class SpotterConfig:
    """Sizes of a spotter.

    Attributes:
        places: channels of the two stages that look at places.
        width: channels of the stack over time.
        dilations: of its layers, which are 5 rows wide.
        dropout: in training.
    """

    places: tuple[int, int] = (16, 32)
    width: int = 96
    dilations: tuple[int, ...] = (1, 2, 4, 1, 8)
    dropout: float = 0.1

    @property
    def reach(self) -> int:
        """Rows to either side that a row's output depends on."""
        return 2 + 1 + 2 + _KERNEL // 2 * sum(self.dilations)


class Spotter(nn.Module):
    """Motion features to logits of the lane."""

    def __init__(self, config: SpotterConfig) -> None:
        super().__init__()
        self.config = config
        first, second = config.places
        self.near = nn.Conv3d(len(MAPS), first, (5, 3, 3), padding=(2, 1, 1))
        self.far = nn.Conv3d(first, second, 3, stride=(1, 2, 2), padding=1)
        self.course = nn.Conv3d(second, second, (5, 1, 1), padding=(2, 0, 0))
        self.join = nn.Conv1d(2 * second + len(FEATURES), config.width, 1)
        self.layers = nn.ModuleList(
            _Layer(config.width, dilation, config.dropout) for dilation in config.dilations
        )
        self.out = nn.Conv1d(config.width, STEPS_A_FRAME * len(OUTPUTS), 1)
        scale = [_FEATURE_SCALE[name] for name in FEATURES]
        scale += [_MAP_SCALE[name] for name in MAPS for _ in range(N_BLOCKS)]
        self.register_buffer("scale", torch.tensor(scale), persistent=False)
        self.scale: Tensor

    def forward(self, motion: Tensor) -> Tensor:
        """Logits of ``OUTPUTS`` [B, 2F, 3] for motion [B, F, N_FEATURES]."""
        B, n_frames, n_features = motion.shape
        if n_features != N_FEATURES:
            raise ValueError(f"motion has {n_features} features, not {N_FEATURES}")
        x = torch.asinh(motion.float() / self.scale).clamp(-_LIMIT, _LIMIT)
        whole, maps = x[..., : len(FEATURES)], x[..., len(FEATURES) :]
        places = maps.reshape(B, n_frames, len(MAPS), *GRID).transpose(1, 2)
        places = places.contiguous(memory_format=torch.channels_last_3d)  # a third faster on CPUs
        for conv in (self.near, self.far, self.course):
            places = F.relu(conv(places))  # [B, C, F, h, w]
        seen = torch.cat([places.amax((3, 4)), places.mean((3, 4)), whole.transpose(1, 2)], dim=1)
        h = self.join(seen)  # [B, width, F]
        for layer in self.layers:
            h = layer(h)
        logits: Tensor = self.out(h).reshape(B, len(OUTPUTS), STEPS_A_FRAME, n_frames)
        return logits.permute(0, 3, 2, 1).reshape(B, STEPS_A_FRAME * n_frames, len(OUTPUTS))


class _Layer(nn.Module):
    """A residual layer over time; rows are normalised one by one, so films may be cut anywhere."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        padding = _KERNEL // 2 * dilation
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, _KERNEL, padding=padding, dilation=dilation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape [B, width, F]."""
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        added: Tensor = self.dropout(F.gelu(self.conv(normed)))
        return x + added
