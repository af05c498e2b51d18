"""Sound for listening and for waveforms: any media's own sound, and takes.

Samples are handed over as raw 32-bit float files, interleaved, at 48 kHz; peaks as one low and
one high byte per 256 samples, base64.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

from vatt_engine.errors import CannotWrite, MediaUnreadable
from vatt_ui.helper.picture import open_local

RATE = 48_000
PEAK_SAMPLES = 256

Samples = npt.NDArray[np.float32]


def peaks_of(samples: Samples) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """Lowest and highest value per 256 samples over all channels; -127..127."""
    mono_low, mono_high = samples.min(axis=1), samples.max(axis=1)
    short = -len(mono_low) % PEAK_SAMPLES
    low = np.pad(mono_low, (0, short)).reshape(-1, PEAK_SAMPLES).min(axis=1)
    high = np.pad(mono_high, (0, short)).reshape(-1, PEAK_SAMPLES).max(axis=1)
    return _as_bytes(low), _as_bytes(high)


def _as_bytes(values: Samples) -> npt.NDArray[np.int8]:
    return np.clip(np.round(values * 127), -127, 127).astype(np.int8)


def read_wav(path: str) -> Samples:
    """A WAV as [S, C] at 48 kHz.

    Raises:
        MediaUnreadable: missing, damaged or of another rate.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise MediaUnreadable(
            f"The sound {Path(path).name} cannot be read: {error}.",
            "The take can be made again from its recipe.",
        ) from error
    if rate != RATE:
        raise MediaUnreadable(f"The sound {Path(path).name} is at {rate} Hz, not {RATE}.")
    return np.asarray(samples, dtype=np.float32)


def read_media_sound(media: str, start_s: float, duration_s: float) -> Samples:
    """The sound that belongs to a stretch of a media file, [S, 2] at 48 kHz.

    Times count from the first video frame. Where the file has no sound there is silence.
    """
    n_samples = round(duration_s * RATE)
    out = np.zeros((n_samples, 2), dtype=np.float32)
    container = open_local(media)
    with container:
        if not container.streams.audio:
            return out[:0]
        stream = container.streams.audio[0]
        origin = 0.0
        if container.streams.video:
            video = container.streams.video[0]
            origin = float((video.start_time or 0) * (video.time_base or 0))
        begin = origin + start_s
        resampler = av.AudioResampler(format="flt", layout="stereo", rate=RATE)
        try:
            container.seek(int(max(0.0, begin - 0.1) * 1_000_000))
            for frame in container.decode(stream):
                if frame.pts is None:
                    continue
                at = float(frame.pts * frame.time_base)
                if at > begin + duration_s:
                    break
                for piece in resampler.resample(frame):
                    _lay(out, piece, at - begin)
                    at += piece.samples / RATE
        except av.FFmpegError:
            return out  # what could be decoded is what there is to hear
    return out


def _lay(out: Samples, piece: Any, offset_s: float) -> None:
    samples = piece.to_ndarray().reshape(-1, 2)
    start = round(offset_s * RATE)
    skip = max(0, -start)
    start = max(0, start)
    count = min(len(samples) - skip, len(out) - start)
    if count > 0:
        out[start : start + count] = samples[skip : skip + count]


def hand_over(samples: Samples, path: str) -> dict[str, Any]:
    """Write samples [S, C] for the panel, as stereo that it can map as it is, and describe them."""
    stereo = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples[:, :2]
    try:
        stereo.astype("<f4").tofile(path)
    except OSError as error:
        raise CannotWrite(f"No room to listen to this sound: {error.strerror or error}.") from error
    if not len(samples):
        return {"path": path, "frames": 0, "low": "", "high": ""}
    low, high = peaks_of(samples)
    return {
        "path": path,
        "frames": len(samples),
        "low": base64.b64encode(low.tobytes()).decode(),
        "high": base64.b64encode(high.tobytes()).decode(),
    }
