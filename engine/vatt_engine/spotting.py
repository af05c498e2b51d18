"""Where a picture hits and how busy it is: motion in, sync lane out, by a trained net.

The net is an asset of the engine and serves every model, for it needs no picture features. A hit is
a peak of the net's 50 Hz track, at least 50 ms from a higher one, placed between its samples.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vatt_engine.messages import SyncLane
from vatt_engine.motion import MOTION_FPS, Motion
from vatt_engine.net_files import NetFiles
from vatt_engine.nets.building import fill_strictly, parameters_on_meta
from vatt_engine.nets.spotter import STEPS_A_FRAME, Spotter, SpotterConfig

Floats = NDArray[np.float32]

BUNDLED = Path(__file__).parent / "bundled" / "spotter"
FILES = NetFiles(
    "spotter",
    "spotter.safetensors",
    "spotter.json",
    "Install the product again, or train one: vatt train spotter configs/spotter.toml.",
)

LANE_HZ = float(MOTION_FPS * STEPS_A_FRAME)
REFRACTORY = 3
"""Lane steps two hits are apart at least."""

_CHUNK = 1500  # motion rows read at once: a minute
_AFTER_END = 12  # rows by which the last one is drawn out
_SMOOTH = np.array([0.25, 0.5, 0.25])


@dataclass(frozen=True)
class TrainedSpotter:
    """A net and what makes its tracks a lane.

    Attributes:
        net: in eval mode, on the CPU.
        threshold: of the smoothed hit track, from which on a peak is a hit.
    """

    net: Spotter
    threshold: float


@functools.cache
def bundled_spotter() -> TrainedSpotter:
    """The spotter that ships, read once a process."""
    return read_spotter(BUNDLED)


def read_spotter(folder: Path) -> TrainedSpotter:
    """A spotter from its folder.

    Raises:
        BadModelFolder: a file is missing, damaged, or does not fit the other.
    """
    description, tensors = FILES.read_whole(folder)
    try:
        config = SpotterConfig(**{k: _frozen(v) for k, v in description["config"].items()})
        threshold = float(description["threshold"])
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise FILES.unusable(folder, err) from err
    with parameters_on_meta():
        net = Spotter(config)
    fill_strictly(net, tensors, str(folder / FILES.weights))
    return TrainedSpotter(net.requires_grad_(False).eval(), threshold)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def spot(motion: Motion, spotter: TrainedSpotter | None = None) -> SyncLane:
    """The sync lane of a picture.

    Args:
        motion: features [F, N_FEATURES] at 25 fps.
        spotter: None takes the one that ships.

    Raises:
        BadModelFolder: the spotter that ships is missing or damaged.
    """
    spotter = spotter or bundled_spotter()
    tracks = read_tracks(spotter.net, motion)
    hits = pick_hits(tracks, spotter.threshold)
    return SyncLane(hits, tuple(round(float(v), 4) for v in tracks[:, 2]), LANE_HZ)


@torch.inference_mode()
def read_tracks(net: Spotter, motion: Motion) -> Floats:
    """Hit, strength and intensity [2F, 3], all 0..1; a minute at a time, with no seams."""
    pieces = [np.zeros((0, 3), np.float32)]
    margin = net.config.reach
    n_rows = len(motion)
    # What moves at the end goes on moving: an end is no stop.
    motion = np.concatenate([motion, np.repeat(motion[-1:], _AFTER_END, axis=0)])
    for start in range(0, n_rows, _CHUNK):
        first, end = max(0, start - margin), min(n_rows, start + _CHUNK)
        window = np.asarray(motion[first : end + margin], np.float32)
        logits = net(torch.from_numpy(window)[None])[0]
        kept = slice(STEPS_A_FRAME * (start - first), STEPS_A_FRAME * (end - first))
        pieces.append(logits[kept].sigmoid().numpy())
    return np.concatenate(pieces)


def pick_hits(tracks: Floats, threshold: float) -> tuple[tuple[float, float], ...]:
    """(time_s, strength) of the hits, ascending.

    Args:
        tracks: as ``read_tracks`` makes them.
        threshold: smallest height of a peak, 0..1.
    """
    padded = np.pad(tracks[:, 0], 1, mode="edge") if len(tracks) else np.zeros(0)
    height = np.convolve(padded, _SMOOTH, mode="valid") if len(tracks) else padded
    sides = np.pad(height, 1)
    is_peak = (height >= sides[:-2]) & (height >= sides[2:]) & (height >= threshold)
    taken = np.zeros(len(height), bool)
    hits = []
    for k in sorted(np.flatnonzero(is_peak), key=lambda k: -height[k]):
        if taken[max(0, k - REFRACTORY + 1) : k + REFRACTORY].any():
            continue
        taken[k] = True
        low, here, high = sides[k : k + 3]
        bend = low - 2 * here + high
        off = 0.5 * (low - high) / bend if bend < 0 else 0.0
        time_s = max(0.0, (k + 0.5 + off) / LANE_HZ)
        hits.append((round(float(time_s), 4), round(float(tracks[k, 1]), 4)))
    return tuple(sorted(hits))
