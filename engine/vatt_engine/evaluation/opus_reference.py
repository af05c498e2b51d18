"""Opus at a bit rate, in memory: the yardstick beside our codec."""

from __future__ import annotations

import io

import av
import numpy as np
import soxr
from numpy.typing import NDArray

Wave = NDArray[np.float32]

_OPUS_RATE = 48_000  # Opus always decodes at this rate


def through_opus(wave: Wave, sample_rate: int, bit_rate: int) -> tuple[Wave, int]:
    """Encode and decode with libopus.

    Args:
        wave: mono [S] within -1 and 1.
        sample_rate: 8, 12, 16, 24 or 48 kHz.
        bit_rate: bits a second; Opus starts at 6000.

    Returns:
        the decoded wave [S], and how many bytes its packets took.
    """
    file = io.BytesIO()
    n_bytes = 0
    with av.open(file, "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=sample_rate, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "flt", "mono")
        frame.sample_rate = sample_rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            n_bytes += packet.size
            out.mux(packet)
    file.seek(0)
    pieces = []
    with av.open(file) as back:
        # The demuxer marks the encoder's delay, and the decoder leaves it out.
        for decoded in back.decode(audio=0):
            pieces.append(decoded.to_ndarray().reshape(-1))
    made = np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, np.float32)
    made = soxr.resample(made, _OPUS_RATE, sample_rate, "HQ")[: len(wave)]
    return np.pad(made, (0, len(wave) - len(made))), n_bytes
