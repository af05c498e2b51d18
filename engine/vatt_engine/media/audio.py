"""Sound files in and out: any audio in, 32-bit float WAV out, exact lengths, resampling by soxr.

WAVs are written here byte by byte rather than by libsndfile, whose float WAVs carry the time of
writing (a PEAK chunk): the same samples must give the same file.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest, CannotWrite, MediaMissing, MediaUnreadable
from vatt_engine.media.probe import open_media, unreadable

Wave = NDArray[np.float32]

_FLOAT_FORMAT = 3  # WAVE_FORMAT_IEEE_FLOAT
_HEADER_BYTES = 58
_COPY_BYTES = 1 << 20


def read_audio(path: Path, sample_rate: int | None = None) -> tuple[Wave, int]:
    """Read a whole sound file, or the sound of a movie.

    Args:
        path: WAV, FLAC, Ogg, MP3, or anything the movie reader opens.
        sample_rate: resample to this; None keeps the file's own.

    Returns:
        Samples [C, S] in -1..1, and their rate.

    Raises:
        MediaMissing: nothing is there.
        MediaUnreadable: it holds no sound that can be decoded.
    """
    if not path.is_file():
        raise MediaMissing(f"{path} is not there.", "Check the path.")
    try:
        data, rate = soundfile.read(path, dtype="float32", always_2d=True)
        wave = np.ascontiguousarray(data.T)
    except soundfile.LibsndfileError:
        wave, rate = _decode_audio(path)
    if sample_rate is not None and sample_rate != rate:
        wave = resample(wave, rate, sample_rate)
        rate = sample_rate
    return wave, rate


def _decode_audio(path: Path) -> tuple[Wave, int]:
    with open_media(path) as container:
        if not container.streams.audio:
            raise MediaUnreadable(f"{path.name} has no sound.", "Choose a file with sound.")
        stream = container.streams.audio[0]
        rate = int(stream.rate)
        to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
        blocks: list[Wave] = []
        try:
            for frame in container.decode(stream):
                blocks.extend(f.to_ndarray() for f in to_float.resample(frame))
        except av.error.FFmpegError as error:
            if not blocks:
                raise unreadable(path, error) from None
    if not blocks:
        raise MediaUnreadable(f"{path.name} has no sound.", "Choose a file with sound.")
    return np.concatenate(blocks, axis=1).astype(np.float32, copy=False), rate


def resample(wave: Wave, rate: int, new_rate: int) -> Wave:
    """[C, S] at ``rate`` -> [C, S'] at ``new_rate``; sample 0 stays where it is in time."""
    if rate == new_rate:
        return wave
    out: Wave = soxr.resample(np.ascontiguousarray(wave.T), rate, new_rate, quality="HQ")
    return np.ascontiguousarray(out.T)


def resample_stream(chunks: Iterator[Wave], rate: int, new_rate: int) -> Iterator[Wave]:
    """Resample mono [S] chunks as one continuous signal; the chunking leaves no trace."""
    if rate == new_rate:
        yield from chunks
        return
    stream = soxr.ResampleStream(rate, new_rate, 1, dtype="float32", quality="HQ")
    for chunk in chunks:
        yield stream.resample_chunk(chunk, last=False)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


class WavWriter:
    """Write a 32-bit float WAV of known length in pieces; it appears whole or not at all.

    Use as a context manager: leaving without an error puts the file under its final name,
    anything else removes what was written.

    Attributes:
        sha256: of the file's bytes, once it stands.
    """

    def __init__(self, path: Path, n_samples: int, sample_rate: int, channels: int = 1) -> None:
        """Write nothing yet.

        Raises:
            BadRequest: longer than a WAV can be (4 GiB, about 6 hours of mono).
        """
        self.sha256 = ""
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._n_samples, self._channels = n_samples, channels
        n_bytes = n_samples * channels * 4
        if n_bytes + _HEADER_BYTES >= 1 << 32:
            raise BadRequest(
                f"{n_samples / sample_rate:.0f} s do not fit into one WAV file.",
                "Make the sound in several pieces.",
            )
        self._header = struct.pack(
            "<4sI4s4sIHHIIHHH4sII4sI",
            *(b"RIFF", _HEADER_BYTES - 8 + n_bytes, b"WAVE"),
            *(b"fmt ", 18, _FLOAT_FORMAT, channels, sample_rate),
            *(sample_rate * channels * 4, channels * 4, 32, 0),
            *(b"fact", 4, n_samples, b"data", n_bytes),
        )
        self._file: BinaryIO | None = None
        self._n_written = 0

    def __enter__(self) -> Self:
        try:
            self._file = self._temporary.open("w+b")
            self._file.write(self._header)
        except OSError as error:
            self._discard()
            raise cannot_write(self._path, error) from None
        return self

    def write(self, samples: Wave) -> None:
        """Append [S] or interleaved [S, C] samples; what exceeds the length is dropped.

        Raises:
            CannotWrite: disk full or gone.
        """
        samples = samples[: self._n_samples - self._n_written]
        self._put(samples)
        self._n_written += len(samples)

    def read(self, start: int, stop: int) -> Wave:
        """Mono samples that were already written."""
        file = self._open_file()
        file.seek(_HEADER_BYTES + start * 4)
        samples = np.frombuffer(file.read((stop - start) * 4), "<f4")
        file.seek(0, os.SEEK_END)
        return samples.astype(np.float32)

    def overwrite(self, start: int, samples: Wave) -> None:
        """Replace mono samples that were already written."""
        file = self._open_file()
        file.seek(_HEADER_BYTES + start * 4)
        self._put(samples[: max(0, self._n_written - start)])
        file.seek(0, os.SEEK_END)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            missing = self._n_samples - self._n_written
            if missing:
                self.write(np.zeros((missing, self._channels), np.float32))
            file = self._open_file()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self.sha256 = sha256_of(self._temporary)
            self._temporary.replace(self._path)
        except OSError as failure:
            self._discard()
            raise cannot_write(self._path, failure) from None
        except BaseException:
            self._discard()
            raise

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("WavWriter is used outside its with block.")
        return self._file

    def _put(self, samples: Wave) -> None:
        try:
            self._open_file().write(samples.astype("<f4").tobytes())
        except OSError as error:
            raise cannot_write(self._path, error) from None

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def write_wav(path: Path, wave: Wave, sample_rate: int) -> str:
    """Write [S] or [C, S] samples as a float WAV, atomically; returns the file's SHA-256."""
    data = np.atleast_2d(wave)
    with WavWriter(path, data.shape[1], sample_rate, data.shape[0]) as writer:
        writer.write(np.ascontiguousarray(data.T))
    return writer.sha256


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_COPY_BYTES):
            digest.update(block)
    return digest.hexdigest()


def cannot_write(path: Path, error: OSError) -> CannotWrite:
    """The error for a file that could not be written, with a remedy that fits the cause."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return CannotWrite(
        f"{path.name} could not be written to {path.parent}: {error.strerror or error}.",
        "Free some disk space and try again; nothing was overwritten."
        if full
        else "Check that the folder exists and may be written to.",
    )
