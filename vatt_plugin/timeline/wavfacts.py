"""What a placed WAV says of itself: length, channels, and its bext time reference."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WavFacts:
    """Header of a WAV.

    Attributes:
        n_samples: samples in each channel.
        sample_rate: samples a second.
        channels: 1 mono, 2 stereo.
        bits: bits a sample.
        time_reference: samples since midnight of the first sample; None without a bext chunk.
    """

    n_samples: int
    sample_rate: int
    channels: int
    bits: int
    time_reference: int | None


def wav_facts(path: Path) -> WavFacts | None:
    """Read a WAV or RF64 header; None if it is not one."""
    try:
        with path.open("rb") as stream:
            return _read(stream.read(1 << 16), path.stat().st_size)
    except (OSError, struct.error):
        return None


def _read(head: bytes, file_size: int) -> WavFacts | None:
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        return None
    at, long_data, reference = 12, 0, None
    channels = rate = align = bits = 0
    while at + 8 <= len(head):
        name, size = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        body = at + 8
        if name == b"ds64":
            long_data = struct.unpack_from("<Q", head, body + 8)[0]
        elif name == b"fmt ":
            _, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", head, body)
        elif name == b"bext" and size >= 346:
            reference = struct.unpack_from("<Q", head, body + 338)[0]
        elif name == b"data":
            size = long_data if size == 0xFFFFFFFF else size
            if not align or not rate:
                return None
            size = min(size, file_size - body)
            return WavFacts(size // align, rate, channels, bits, reference)
        at = body + size + (size & 1)
    return None
