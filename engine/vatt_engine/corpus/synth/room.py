"""Rooms, distance and a microphone: what turns a dry sound into a recorded one.

A shoebox room by image sources (Allen and Berkley 1979), with a diffuse tail where the order runs
out. The direct sound keeps its place in time, so that a moment known in the dry sound is known in
the result: what a real microphone would delay by the distance is taken out again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from vatt_engine.corpus.synth import dsp
from vatt_engine.corpus.synth.dsp import Rng, Wave

_SPEED_M_S = 343.0
_ORDER = 3

ROOMS = {
    "outdoors": ((60.0, 60.0, 40.0), 0.93),
    "car": ((2.6, 1.5, 1.2), 0.55),
    "bathroom": ((2.4, 2.0, 2.5), 0.12),
    "room": ((4.5, 3.6, 2.6), 0.35),
    "office": ((8.0, 6.0, 2.8), 0.30),
    "hall": ((22.0, 14.0, 8.0), 0.18),
    "stairwell": ((5.0, 3.0, 11.0), 0.10),
}
"""(size in m, share of energy a wall takes) by name."""

PLACES = {
    "outdoors": "outdoors",
    "car": "inside a car",
    "bathroom": "in a tiled bathroom",
    "room": "in a room",
    "office": "in an office",
    "hall": "in a large hall",
    "stairwell": "in a stairwell",
}
"""Words for a caption."""


@dataclass(frozen=True)
class Placement:
    """Where a sound happens.

    Attributes:
        room: a name of `ROOMS`.
        distance_m: from the microphone; sets direct against reflected sound and dulls the highs.
        noise_db: level of the room's own noise, dBFS RMS; -inf for none.
    """

    room: str
    distance_m: float
    noise_db: float = -72.0


def draw_placement(rng: Rng) -> Placement:
    """A plausible room, distance and noise."""
    room = str(rng.choice(list(ROOMS)))
    distance = float(np.exp(rng.uniform(np.log(0.3), np.log(8.0 if room != "car" else 1.0))))
    return Placement(room, distance, float(rng.uniform(-80.0, -55.0)))


def response(placement: Placement, sample_rate: int, rng: Rng) -> Wave:
    """Impulse response whose direct sound is sample 0 with gain 1."""
    size, absorption = ROOMS[placement.room]
    box = np.array(size)
    reflection = np.sqrt(1.0 - absorption)
    ear = box * rng.uniform(0.35, 0.65, 3)
    away = rng.standard_normal(3) * (1.0, 1.0, 0.15)
    away *= placement.distance_m / np.linalg.norm(away)
    source = np.clip(ear + away, 0.05 * box, 0.95 * box)
    direct = max(float(np.linalg.norm(source - ear)), 0.1)

    steps = np.arange(-_ORDER, _ORDER + 1)
    cells = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    mirrored = np.where(cells % 2 == 0, source, box - source) + cells * box
    path = np.linalg.norm(mirrored - ear, axis=1)
    bounces = np.abs(cells).sum(axis=1)
    gain = reflection**bounces * direct / path
    late = path > direct + 1e-6
    delay = (path - direct) / _SPEED_M_S

    # Sabine's reverberation time sets the diffuse tail.
    volume, area = box.prod(), 2 * (box[0] * box[1] + box[1] * box[2] + box[0] * box[2])
    decay_s = float(np.clip(0.161 * volume / (area * absorption), 0.05, 3.0)) / 6.9
    n = dsp.samples(min(6.0 * decay_s + 0.02, 2.5), sample_rate)
    out = np.zeros(n, dtype=np.float32)
    starts = np.round(delay * sample_rate).astype(int)
    inside = late & (starts < n)
    np.add.at(out, starts[inside], gain[inside].astype(np.float32))
    if placement.room != "outdoors":
        tail = dsp.white(n, rng) * dsp.fall(n, decay_s, sample_rate, 0.01)
        # Far from the source the diffuse field outweighs the direct sound.
        reach = 0.057 * np.sqrt(volume / max(6.9 * decay_s, 0.1))
        level = min(direct / reach, 3.0) * 0.35
        out += tail * np.float32(level / max(np.sqrt(np.square(tail).sum()), 1e-9))
    # Walls take the highs first; what piles up below the room's modes is left out.
    out = 0.7 * dsp.band(out, 90.0, 4500.0, sample_rate, order=1)
    out[0] += 1.0
    return out


def place(wave: Wave, placement: Placement, sample_rate: int, rng: Rng) -> Wave:
    """A dry sound as heard there, [S] as long as the input; onsets stay on their samples.

    The level falls only gently with distance (6 dB from near to far), as recordings are levelled.
    """
    wet = signal.oaconvolve(wave, response(placement, sample_rate, rng))[: len(wave)]
    if placement.distance_m > 2.0:
        # Air and grazing ground dull what comes from afar.
        wet = dsp.band(wet, 0.0, 14_000.0 / placement.distance_m**0.5, sample_rate, order=1)
    gain = 1.0 / (1.0 + 0.12 * placement.distance_m)
    out = wet * np.float32(gain)
    if np.isfinite(placement.noise_db):
        out = out + noise_floor(len(wave), placement.noise_db, sample_rate, rng)
    return out.astype(np.float32)  # type: ignore[no-any-return]


def noise_floor(n: int, level_db: float, sample_rate: int, rng: Rng) -> Wave:
    """Room tone: noise that falls by 4 dB an octave, at a level in dBFS RMS."""
    curve = [(40.0, 0.0), (250.0, -10.0), (1000.0, -18.0), (4000.0, -26.0), (12000.0, -34.0)]
    tone = dsp.shaped_noise(n, sample_rate, curve, rng)
    return (tone * np.float32(10.0 ** (level_db / 20.0))).astype(np.float32)
