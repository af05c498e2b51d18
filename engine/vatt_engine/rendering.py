"""Codes to a WAV of exact length, in flat memory, so that equal codes give equal samples.

Long codes are decoded in blocks on a fixed grid, each with a second of its neighbours around it,
and cross-faded where blocks meet. The result is resampled as one continuous signal. A patch (a
span that was made anew) is decoded with a second around it and cross-faded into what was there:
every sample further from the span than the fade keeps its bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vatt_engine.code_file import CodeFile, Codes, Patch
from vatt_engine.errors import EngineError
from vatt_engine.media.audio import WavWriter, resample_stream
from vatt_engine.nets.codec import Codec

Wave = NDArray[np.float32]
Report = Callable[[int, int], None]

_BLOCK_S = 10
_CONTEXT_S = 1  # of neighbouring frames on either side; the decoder's LSTM settles in less
_JOIN_S = Fraction(1, 20)  # half the cross-fade between blocks
_SEAM_FRAMES = 4  # on either side of a patch; the decoder's convolutions reach no further
_KNEE, _CEILING = (
    0.8,
    0.99,
)  # of full scale: above the first, peaks are bent to stay below the second
_FADE_S = 0.03  # where the picture ends before the sound


@dataclass(frozen=True)
class Renderer:
    """Decodes takes of one codec to one sample rate.

    Attributes:
        codec: in eval mode, on ``device``.
        device: of the codec.
        sample_rate: of the WAVs.
    """

    codec: Codec
    device: torch.device
    sample_rate: int

    @property
    def frame_rate(self) -> Fraction:
        """Code frames a second, exact."""
        return Fraction(self.codec.sample_rate, self.codec.hop_length)

    def n_frames(self, n_samples: int) -> int:
        """Fewest code frames that last ``n_samples`` of the WAV."""
        return math.ceil(Fraction(n_samples, self.sample_rate) * self.frame_rate)

    def patch(self, codes: Codes, begin: int, end: int) -> Patch:
        """Cut a span and what the decoder needs around it out of new codes [K, T]."""
        context = math.ceil(_CONTEXT_S * self.frame_rate)
        grid = self._grid()
        start = max(0, begin - context) // grid * grid
        stop = min(codes.shape[1], end + context)
        return Patch(start, begin, end, codes[:, start:stop])

    def write(
        self,
        path: Path,
        take: CodeFile,
        silent_from: int | None,
        report: Report,
    ) -> str:
        """Write the WAV of a take, atomically.

        Args:
            path: of the WAV.
            take: its codes.
            silent_from: first sample that must be silent; None for no such.
            report: called with (code frames done, of how many); may raise to stop.

        Returns:
            SHA-256 of the file.

        Raises:
            CannotWrite: disk full, or no permission.
            EngineError: the codec's output is no sound.
        """
        total = take.codes.shape[1] + sum(p.codes.shape[1] for p in take.patches)
        with WavWriter(path, take.n_samples, self.sample_rate) as wav:
            position = 0
            for chunk in self._stream(take.codes, report, 0, total):
                wav.write(chunk * _gain(position, len(chunk), silent_from, self.sample_rate))
                position += len(chunk)
            done = take.codes.shape[1]
            for patch in take.patches:
                self._apply(wav, patch, take.n_samples, silent_from, report, (done, total))
                done += patch.codes.shape[1]
            report(total, total)
        return wav.sha256

    def _apply(
        self,
        wav: WavWriter,
        patch: Patch,
        n_samples: int,
        silent_from: int | None,
        report: Report,
        progress: tuple[int, int],
    ) -> None:
        """Cross-fade a patch into the WAV."""
        at = self._sample(patch.start)
        edges = (
            self._sample(patch.begin - _SEAM_FRAMES),
            self._sample(patch.begin),
            self._sample(patch.end),
            self._sample(patch.end + _SEAM_FRAMES),
        )
        for chunk in self._stream(patch.codes, report, *progress):
            low, high = max(at, edges[0], 0), min(at + len(chunk), edges[3], n_samples)
            if low < high:
                new = chunk[low - at : high - at]
                new = new * _gain(low, len(new), silent_from, self.sample_rate)
                old = wav.read(low, high)
                share = _ramp(np.arange(low, high), edges)
                wav.overwrite(low, (old + share * (new - old)).astype(np.float32))
            at += len(chunk)

    def _stream(self, codes: Codes, report: Report, done: int, total: int) -> Iterator[Wave]:
        """Sound of codes [K, T] at ``sample_rate``, from the first frame's first sample on."""

        def blocks() -> Iterator[Wave]:
            ready = 0
            for wave, n_ready in self._decode(codes):
                report(done + ready, total)
                ready = n_ready
                yield wave

        return map(_within, resample_stream(blocks(), self.codec.sample_rate, self.sample_rate))

    def _decode(self, codes: Codes) -> Iterator[tuple[Wave, int]]:
        """Blocks of sound at the codec's rate, with how many frames are done after each."""
        hop, n_frames = self.codec.hop_length, codes.shape[1]
        block, context = (math.ceil(s * self.frame_rate) for s in (_BLOCK_S, _CONTEXT_S))
        join = max(1, min(context, math.ceil(_JOIN_S * self.frame_rate)))
        if n_frames <= block + context:
            yield self._decode_block(codes), n_frames
            return
        fade_in = np.linspace(0, 1, 2 * join * hop, dtype=np.float32)
        tail: Wave | None = None
        for begin in range(0, n_frames, block):
            end = begin + block
            if n_frames - end < context:  # too little is left for a block of its own
                end = n_frames
            first, last = max(0, begin - context), min(n_frames, end + context)
            wave = self._decode_block(codes[:, first:last])
            low = max(0, begin - join) - first
            body = wave[low * hop : (min(n_frames, end + join) - first) * hop]
            if tail is not None:
                fade = fade_in[: len(tail)]
                body = np.concatenate([tail + fade * (body[: len(tail)] - tail), body[len(tail) :]])
            keep = len(body) if end == n_frames else len(body) - 2 * join * hop
            yield body[:keep], end
            tail = body[keep:]
            if end == n_frames:
                return

    def _decode_block(self, codes: Codes) -> Wave:
        with torch.inference_mode():
            given = torch.from_numpy(codes.astype(np.int64))[None].to(self.device)
            wave: Wave = self.codec.decode(given)[0, 0].float().cpu().numpy()
        if not np.isfinite(wave).all():
            raise EngineError(
                "The codec's output is no sound: it holds numbers that are not finite.",
                "The model's files may be damaged: run `vatt models verify`, or try --device cpu.",
            )
        return wave

    def _sample(self, frame: int) -> int:
        """The sample of the WAV at which a code frame begins."""
        return round(frame / self.frame_rate * self.sample_rate)

    def _grid(self) -> int:
        """Frames at multiples of this begin at a whole sample of the WAV."""
        return (self.sample_rate / self.frame_rate).denominator


def _within(wave: Wave) -> Wave:
    """Bend what comes near full scale, so that it never passes it; all else stays as it is.

    Sample by sample, without memory: a take that is changed in one place is bent alike elsewhere.
    """
    size = np.abs(wave)
    if size.max(initial=0.0) <= _KNEE:
        return wave
    bent = _KNEE + (_CEILING - _KNEE) * np.tanh((size - _KNEE) / (_CEILING - _KNEE))
    return np.where(size <= _KNEE, wave, np.sign(wave) * bent).astype(np.float32)


def _gain(start: int, n: int, silent_from: int | None, sample_rate: int) -> Wave | np.float32:
    """1 until shortly before ``silent_from``, then a fade to 0."""
    if silent_from is None or start + n <= silent_from - _FADE_S * sample_rate:
        return np.float32(1)
    ahead = (silent_from - np.arange(start, start + n)) / (_FADE_S * sample_rate)
    return np.clip(ahead, 0, 1).astype(np.float32)


def _ramp(samples: NDArray[np.int64], edges: tuple[int, int, int, int]) -> Wave:
    """0 outside ``edges[0]``..``edges[3]``, 1 within ``edges[1]``..``edges[2]``, raised cosines."""
    up = np.clip((samples - edges[0]) / max(1, edges[1] - edges[0]), 0, 1)
    down = np.clip((edges[3] - samples) / max(1, edges[3] - edges[2]), 0, 1)
    return (0.5 - 0.5 * np.cos(np.pi * np.minimum(up, down))).astype(np.float32)
