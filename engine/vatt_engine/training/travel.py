"""Decoded sounds made small enough to travel to another machine, and back.

``python -m vatt_engine.training.travel pack CONFIG FOLDER`` writes the recordings of a config (two
banks then, ``train`` and ``held_out``) as long Ogg Opus files with an index; ``unpack`` makes
``.npy`` banks of them again, sample for sample as long. Synthesised sounds do not travel: they are
made where they are used. Opus is lossy: at 24 kb/s its own mel distance is about 0.23.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from vatt_engine.errors import VattError
from vatt_engine.training.codec_config import read_codec_training
from vatt_engine.training.sound_bank import SoundBank, save_bank
from vatt_engine.training.sounds import open_sounds

SHARD_S = 600
_MOST_KBPS, _LEAST_KBPS = 256.0, 6.0  # of libsndfile's compression levels 0 and 1


def pack(banks: Sequence[SoundBank], target: Path, kbps: float) -> None:
    """Write banks as ``target`` (.json) and Opus shards beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    sounds, pieces, start = [], [], 0
    for bank in banks:
        for i in range(len(bank)):
            wave = bank.wave(i)
            row = {"name": bank.names[i], "package": bank.packages[i]}
            sounds.append({**row, "start": start, "length": len(wave)})
            pieces.append(wave)
            start += len(wave)
    rate = banks[0].sample_rate
    whole = np.concatenate(pieces)
    shards = []
    for number, first in enumerate(range(0, len(whole), SHARD_S * rate)):
        name = f"{target.stem}-{number:03d}.opus"
        _write(target.with_name(name), whole[first : first + SHARD_S * rate], rate, kbps)
        shards.append(name)
    index = {"sample_rate": rate, "sounds": sounds, "shards": shards, "n_samples": len(whole)}
    target.write_text(json.dumps(index), encoding="utf-8")


def unpack(packed: Path, target: Path) -> None:
    """Make a bank (``target``, .npy) of what ``pack`` wrote."""
    index = json.loads(packed.read_text(encoding="utf-8"))
    pieces = [soundfile.read(packed.with_name(s), dtype="int16")[0] for s in index["shards"]]
    whole = np.concatenate(pieces)[: index["n_samples"]]
    target.parent.mkdir(parents=True, exist_ok=True)
    save_bank(whole, index["sounds"], index["sample_rate"], target)


def _write(path: Path, wave: NDArray[np.float32], rate: int, kbps: float) -> None:
    level = (_MOST_KBPS - kbps) / (_MOST_KBPS - _LEAST_KBPS)
    with soundfile.SoundFile(
        path, "w", rate, 1, format="OGG", subtype="OPUS", compression_level=level
    ) as file:
        # libsndfile's Ogg writer overflows its stack on very long single writes.
        for start in range(0, len(wave), 1 << 16):
            file.write(wave[start : start + (1 << 16)])


def main(argv: Sequence[str] | None = None) -> int:
    """Pack or unpack; 1 when the sounds cannot be read."""
    parser = argparse.ArgumentParser(prog="travel", description="Make training sounds small.")
    actions = parser.add_subparsers(dest="action", required=True)
    packing = actions.add_parser("pack")
    packing.add_argument("config", type=Path)
    packing.add_argument("folder", type=Path)
    packing.add_argument("--kbps", type=float, default=28.0)
    unpacking = actions.add_parser("unpack")
    unpacking.add_argument("folder", type=Path)
    unpacking.add_argument("target", type=Path)
    args = parser.parse_args(argv)
    try:
        if args.action == "pack":
            config = read_codec_training(args.config)
            recorded = tuple(s for s in config.data.sources if not s.is_made)
            data = dataclasses.replace(config.data, sources=recorded)
            sounds = open_sounds(data, config.codec.sample_rate)
            pack(sounds.train, args.folder / "train.json", args.kbps)
            pack(sounds.held_out, args.folder / "held_out.json", args.kbps)
        else:
            for name in ("train", "held_out"):
                unpack(args.folder / f"{name}.json", args.target / f"{name}.npy")
    except (VattError, OSError) as err:
        sys.stderr.write(f"{err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
