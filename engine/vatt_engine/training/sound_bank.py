"""Banks of decoded sounds: 16-bit mono end to end in one file, with an index beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest


@dataclass(frozen=True)
class SoundBank:
    """Decoded sounds of one source, end to end.

    Attributes:
        samples: int16 [all samples], memory-mapped.
        starts: first sample of each sound [N].
        lengths: samples of each sound [N].
        packages: where each sound came from [N].
        names: file name of each sound [N].
        sample_rate: samples a second.
    """

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    packages: tuple[str, ...]
    names: tuple[str, ...]
    sample_rate: int

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def seconds(self) -> float:
        """Length of all sounds together."""
        return float(self.lengths.sum()) / self.sample_rate

    def wave(self, index: int, start: int = 0, length: int | None = None) -> NDArray[np.float32]:
        """Samples of one sound, from ``start``, as floats within -1 and 1."""
        first = int(self.starts[index]) + start
        end = int(self.starts[index] + self.lengths[index])
        last = end if length is None else min(end, first + length)
        return self.samples[first:last].astype(np.float32) / 32768.0

    def split(self, held_out: Sequence[str]) -> tuple[SoundBank, SoundBank]:
        """(training, held out) by package."""
        held = np.array([p in held_out for p in self.packages], dtype=bool)
        return self._take(~held), self._take(held)

    def _take(self, mask: NDArray[np.bool_]) -> SoundBank:
        index = np.flatnonzero(mask)
        return SoundBank(
            self.samples,
            self.starts[index],
            self.lengths[index],
            tuple(self.packages[i] for i in index),
            tuple(self.names[i] for i in index),
            self.sample_rate,
        )


def load_bank(path: Path) -> SoundBank:
    """Map a packed file.

    Raises:
        BadRequest: it, or the index beside it, is missing.
    """
    try:
        index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        samples = np.load(path, mmap_mode="r")
    except OSError as err:
        raise BadRequest(
            f"Cannot read the packed sounds {path}: {err}.", "Pack them anew."
        ) from err
    sounds = index["sounds"]
    return SoundBank(
        samples,
        np.array([s["start"] for s in sounds], dtype=np.int64),
        np.array([s["length"] for s in sounds], dtype=np.int64),
        tuple(s["package"] for s in sounds),
        tuple(s["name"] for s in sounds),
        int(index["sample_rate"]),
    )


def save_bank(
    samples: NDArray[np.int16], sounds: list[dict[str, object]], sample_rate: int, target: Path
) -> None:
    """Write samples and index; the samples appear last, and whole."""
    target.with_suffix(".json").write_text(
        json.dumps({"sample_rate": sample_rate, "sounds": sounds}), encoding="utf-8"
    )
    temporary = target.with_name(target.name + ".part")
    with temporary.open("wb") as out:
        np.save(out, samples)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(target)
