"""Sound out: mixes a program of sounds for PortAudio, or plays silently when there is none.

PortAudio calls ``Mixer.render`` on a thread of its own, so the mixer only reads whole values that
the panel replaces: a ``Program`` is immutable, and a change of program or of gain is cross-faded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vatt_ui.language import _

logger = logging.getLogger(__name__)

RATE = 48_000
FADE_SAMPLES = RATE * 20 // 1000  # at start and stop
SWAP_SAMPLES = RATE * 8 // 1000  # from one program to the next

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """Samples [S, 2] laid at ``start`` (samples from the timeline's first frame)."""

    start: int
    samples: Samples
    gain: float = 1.0


@dataclass(frozen=True)
class Program:
    """What is to be heard, wherever on the timeline one listens."""

    sounds: tuple[Sound, ...] = ()

    def block(self, positions: npt.NDArray[np.float64]) -> Samples:
        """The mix at fractional sample positions, [N, 2]; linear interpolation."""
        out = np.zeros((len(positions), 2), dtype=np.float32)
        if not len(positions):
            return out
        low, high = float(positions.min()), float(positions.max())
        whole = low.is_integer() and high - low == len(positions) - 1 and positions[0] == low
        for sound in self.sounds:
            end = sound.start + len(sound.samples)
            if end <= low or sound.start > high:
                continue
            if whole:
                first, last = max(sound.start, int(low)), min(end, int(high) + 1)
                piece = sound.samples[first - sound.start : last - sound.start]
                out[first - int(low) : last - int(low)] += piece * np.float32(sound.gain)
            else:
                self._interpolate(out, positions, sound)
        return out

    @staticmethod
    def _interpolate(out: Samples, positions: npt.NDArray[np.float64], sound: Sound) -> None:
        local = positions - sound.start
        inside = (local >= 0) & (local <= len(sound.samples) - 1)
        base = np.floor(local[inside]).astype(np.int64)
        share = (local[inside] - base).astype(np.float32)[:, None]
        after = np.minimum(base + 1, len(sound.samples) - 1)
        mixed = sound.samples[base] * (1 - share) + sound.samples[after] * share
        out[inside] += mixed * np.float32(sound.gain)


class Mixer:
    """Follows a position through a program; all the state of the sound that is playing."""

    def __init__(self) -> None:
        self.program = Program()
        self.volume = 0.8
        self.playing = False
        self.rate = 1.0
        self.position = 0.0  # samples
        self.n_rendered = 0
        self.loop: tuple[float, float] | None = None
        self._sounding = Program()
        self._level = 0.0

    def seek(self, position: float) -> None:
        """Go on from another sample; the next block starts there."""
        self.position = position

    def render(self, n_samples: int) -> Samples:
        """The next block [N, 2], faded where playing starts or stops."""
        target = self.volume if self.playing else 0.0
        if target == 0.0 and self._level == 0.0:
            return np.zeros((n_samples, 2), dtype=np.float32)
        positions = self.position + np.arange(n_samples, dtype=np.float64) * self.rate
        if self.loop is not None and self.playing:
            begin, end = self.loop
            if self.rate > 0 and end > begin:
                over = positions >= end
                positions[over] = begin + (positions[over] - end) % (end - begin)
        program = self.program
        block = program.block(positions) if self.loop is None else _in_pieces(program, positions)
        if program is not self._sounding:
            n_swap = min(SWAP_SAMPLES, n_samples)
            ramp = np.linspace(0, 1, n_swap, dtype=np.float32)[:, None]
            old = self._sounding.block(positions[:n_swap])
            block[:n_swap] = block[:n_swap] * ramp + old * (1 - ramp)
            self._sounding = program
        step = 1.0 / FADE_SAMPLES
        moves = np.clip(target - self._level, -step * n_samples, step * n_samples)
        levels = self._level + np.sign(moves) * np.minimum(
            np.arange(1, n_samples + 1) * step, abs(moves)
        )
        self._level = float(levels[-1])
        if self.playing:
            last = positions[-1] + self.rate
            self.position = float(last)
            self.n_rendered += n_samples
        mixed: Samples = block * levels.astype(np.float32)[:, None]
        return np.clip(mixed, -1.0, 1.0)


def _in_pieces(program: Program, positions: npt.NDArray[np.float64]) -> Samples:
    """Blocks that jump back in a loop are rendered on each side of the jump."""
    jumps = np.flatnonzero(np.diff(positions) < 0) + 1
    return np.concatenate([program.block(part) for part in np.split(positions, jumps)])


class AudioOut:
    """The sound card, if there is one.

    Attributes:
        note: why there is no sound; empty when there is.
    """

    def __init__(self, mixer: Mixer) -> None:
        self.mixer = mixer
        self.note = ""
        self._stream: Any = None
        self._tried = False

    @property
    def available(self) -> bool:
        """Whether sound comes out."""
        return self._stream is not None

    def open(self) -> None:
        """Try to open the default output, once; on failure say why and stay silent."""
        if self._tried:
            return
        self._tried = True
        try:
            import sounddevice
        except OSError:
            self.note = _(
                "Playing silently: PortAudio is missing (Debian: apt install libportaudio2)."
            )
            return
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=RATE, channels=2, dtype="float32", callback=self._fill, latency="low"
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            self._stream = None
            none = not list(sounddevice.query_devices())
            why = _("this machine has none") if none else str(error)
            self.note = _("Playing silently: no sound output could be opened ({why}).").format(
                why=why
            )
            logger.info(self.note)

    @property
    def latency_s(self) -> float:
        """From rendering to hearing."""
        return float(self._stream.latency) if self._stream is not None else 0.0

    def close(self) -> None:
        """Let the sound card go."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort()
            stream.close()
        self._tried = False

    def _fill(self, out: Samples, n_samples: int, time: object, status: object) -> None:
        del time, status
        out[:] = self.mixer.render(n_samples)
