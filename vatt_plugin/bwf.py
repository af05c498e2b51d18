"""Broadcast WAV files: 24 bit PCM with ``bext`` and ``iXML``, written whole or not at all.

After EBU Tech 3285 (bext version 2) and EBU Tech 3306 (RF64 above 4 GiB). The same sound and the
same facts give the same bytes: the origination date and time are left empty (zero bytes, "not
known"), since a date would make two runs differ; the file system keeps the date anyway.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import struct
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import CannotWrite

SAMPLE_RATE = 48_000
BYTES_PER_SAMPLE = 3
_FULL_SCALE = 1 << 23
_UINT32_MAX = 0xFFFF_FFFF
_NOT_SET = 0x7FFF


@dataclass(frozen=True)
class WavFacts:
    """What a file says about itself.

    Attributes:
        n_samples: per channel.
        n_channels: 1 or 2.
        time_reference: samples since midnight of the first sample.
        description: free text, cut to 256 ASCII characters.
        reference: a name unique to the sound, at most 32 characters.
        originator: the program that made it.
        fps: timecode rate of the timeline.
        drop: whether that timecode is drop-frame.
        project, scene, take, note: for iXML, as a sound report shows them.
        lufs, peak_dbtp: measured; None writes "not set".
    """

    n_samples: int
    n_channels: int = 1
    time_reference: int = 0
    description: str = ""
    reference: str = ""
    originator: str = "VATT Foley"
    fps: Fraction = Fraction(24)
    drop: bool = False
    project: str = ""
    scene: str = ""
    take: str = ""
    note: str = ""
    lufs: float | None = None
    peak_dbtp: float | None = None

    @property
    def data_bytes(self) -> int:
        """Length of the samples."""
        return self.n_samples * self.n_channels * BYTES_PER_SAMPLE


def time_reference(frames: int | Fraction, fps: Fraction) -> int:
    """Samples since midnight at 48 kHz of a count of frames at the exact rate.

    EBU Tech 3285 calls it the timecode of the sound as a count of samples since midnight; so
    midnight is the timecode's (``timeline.rates.frames_a_day``), and the count may pass 86 400 s.
    """
    return round(Fraction(frames) * SAMPLE_RATE / fps)


def to_pcm24(samples: NDArray[np.floating]) -> bytes:
    """Little-endian 24 bit PCM of samples [n, channels] in -1..1.

    Rounded, not dithered: a float32 carries 24 bits itself, the step lies 60 dB below the noise
    of any codec, and digital silence stays digital silence.
    """
    scaled = np.rint(samples.astype(np.float64) * _FULL_SCALE)
    whole = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i4")
    return np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def header(facts: WavFacts) -> bytes:
    """Everything before the first sample.

    ``JUNK`` and ``ds64`` are of one size, so plain and RF64 files are laid out alike.
    """
    chunks = _chunk(b"bext", _bext(facts)) + _chunk(b"iXML", _ixml(facts))
    block = facts.n_channels * BYTES_PER_SAMPLE
    fmt = struct.pack("<HHIIHH", 1, facts.n_channels, SAMPLE_RATE, SAMPLE_RATE * block, block, 24)
    chunks += _chunk(b"fmt ", fmt)
    n_data = facts.data_bytes
    riff_size = 4 + 36 + len(chunks) + 8 + n_data + n_data % 2
    if riff_size <= _UINT32_MAX:
        start = b"RIFF" + struct.pack("<I", riff_size) + b"WAVE" + _chunk(b"JUNK", bytes(28))
        return start + chunks + b"data" + struct.pack("<I", n_data)
    sizes = struct.pack("<QQQI", riff_size, n_data, facts.n_samples, 0)
    start = b"RF64" + struct.pack("<I", _UINT32_MAX) + b"WAVE" + _chunk(b"ds64", sizes)
    return start + chunks + b"data" + struct.pack("<I", _UINT32_MAX)


def write(path: Path, facts: WavFacts, pcm: Iterable[bytes]) -> None:
    """Write a file under a temporary name, read it back, then give it its name.

    Args:
        path: replaced if it exists; wholly old or wholly new at any moment.
        facts: the count of samples must be that of ``pcm``.
        pcm: stretches of 24 bit PCM, as of ``to_pcm24``.

    Raises:
        CannotWrite: disk full, no permission, or it does not read back. Nothing is left behind.
        ValueError: ``pcm`` is not as long as ``facts`` says.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    written = hashlib.sha256()
    try:
        with part.open("wb") as file:
            for piece in itertools.chain([header(facts)], _padded(pcm, facts.data_bytes)):
                written.update(piece)
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        with part.open("rb") as file:
            if hashlib.file_digest(file, "sha256").digest() != written.digest():
                raise OSError("what was written does not read back the same")
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        megabytes = max(1, round(facts.data_bytes / 1e6))
        raise CannotWrite(
            f"{path.name} was not saved: {error.strerror or error}. Nothing was overwritten.",
            f"Free {megabytes} MB or more, or choose a folder you may write to; then try again.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _padded(pcm: Iterable[bytes], n_bytes: int) -> Iterator[bytes]:
    """``pcm``, checked to be ``n_bytes`` long, and the pad byte that an odd chunk ends with."""
    n_seen = 0
    for piece in pcm:
        n_seen += len(piece)
        yield piece
    if n_seen != n_bytes:
        raise ValueError(f"{n_seen} bytes of sound, {n_bytes} were announced")
    yield bytes(n_bytes % 2)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` last through a power cut, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def _text(value: str, size: int) -> bytes:
    """ASCII of at most ``size`` bytes: accents dropped, else ``?``; control codes a space."""
    letters = (c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    plain = "".join(c if c.isprintable() else " " for c in letters)
    return plain.encode("ascii", "replace")[:size].ljust(size, b"\0")


def _hundredths(value: float | None) -> int:
    return _NOT_SET if value is None else max(-0x7FFF, min(_NOT_SET - 1, round(value * 100)))


def _bext(facts: WavFacts) -> bytes:
    mode = {1: "mono", 2: "stereo"}.get(facts.n_channels, "multitrack")
    history = f"A=PCM,F={SAMPLE_RATE},W=24,M={mode},T={facts.originator}\r\n"
    loudness = (_hundredths(facts.lufs), _NOT_SET, _hundredths(facts.peak_dbtp), _NOT_SET, _NOT_SET)
    return b"".join(
        (
            _text(facts.description, 256),
            _text(facts.originator, 32),
            _text(facts.reference, 32),
            bytes(10 + 8),  # origination date and time: see the module's text
            struct.pack("<Q", facts.time_reference),
            struct.pack("<H", 2),
            bytes(64),  # UMID
            struct.pack("<5h", *loudness),
            bytes(180),
            history.encode("ascii", "replace"),
        )
    )


def _ixml(facts: WavFacts) -> bytes:
    """The iXML chunk, version 1.61: what a sound report or a DAW's import window shows."""
    high, low = divmod(facts.time_reference, 1 << 32)
    rate = f"{facts.fps.numerator}/{facts.fps.denominator}"
    names = ("Foley",) if facts.n_channels == 1 else ("Foley L", "Foley R")
    tracks = "".join(
        f"<TRACK><CHANNEL_INDEX>{i}</CHANNEL_INDEX><INTERLEAVE_INDEX>{i}</INTERLEAVE_INDEX>"
        f"<NAME>{name}</NAME></TRACK>"
        for i, name in enumerate(names, start=1)
    )
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML><IXML_VERSION>1.61</IXML_VERSION>'
        f"<PROJECT>{_xml(facts.project)}</PROJECT><SCENE>{_xml(facts.scene)}</SCENE>"
        f"<TAKE>{_xml(facts.take)}</TAKE><NOTE>{_xml(facts.note)}</NOTE>"
        f"<SPEED><MASTER_SPEED>{rate}</MASTER_SPEED><CURRENT_SPEED>{rate}</CURRENT_SPEED>"
        f"<TIMECODE_RATE>{rate}</TIMECODE_RATE>"
        f"<TIMECODE_FLAG>{'DF' if facts.drop else 'NDF'}</TIMECODE_FLAG>"
        f"<FILE_SAMPLE_RATE>{SAMPLE_RATE}</FILE_SAMPLE_RATE>"
        "<AUDIO_BIT_DEPTH>24</AUDIO_BIT_DEPTH>"
        f"<DIGITIZER_SAMPLE_RATE>{SAMPLE_RATE}</DIGITIZER_SAMPLE_RATE>"
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>{high}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI>"
        f"<TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>{low}</TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO>"
        f"<TIMESTAMP_SAMPLE_RATE>{SAMPLE_RATE}</TIMESTAMP_SAMPLE_RATE></SPEED>"
        f"<TRACK_LIST><TRACK_COUNT>{len(names)}</TRACK_COUNT>{tracks}</TRACK_LIST></BWFXML>\n"
    )
    return body.encode()


def _xml(text: str) -> str:
    allowed = (c for c in text[:1000] if c.isprintable() or c in "\n\t")
    return escape("".join(allowed))
