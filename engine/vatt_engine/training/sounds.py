"""Sounds to train on: found, decoded once into banks at the codec's rate, split by package."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest
from vatt_engine.training.codec_config import DataConfig, SoundSource
from vatt_engine.training.made_sounds import pack_made
from vatt_engine.training.sound_bank import SoundBank, load_bank, save_bank

log = logging.getLogger(__name__)

AUDIO_SUFFIXES = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"}
PATH_COLUMNS = ("file", "path", "audio")
PACKAGE_COLUMNS = ("package", "source_repository", "source")
MIN_SECONDS = 0.04


@dataclass(frozen=True)
class SoundFile:
    """One file to decode, and the package it came in."""

    path: Path
    package: str


def list_sounds(source: SoundSource) -> list[SoundFile]:
    """The files of a source, in a fixed order.

    Raises:
        BadRequest: the path is missing, or holds no sound.
    """
    path = Path(source.path)
    if path.suffix in (".csv", ".jsonl") and path.is_file():
        found = _from_manifest(path)
    elif path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
        # ESC-10 puts the fold first in a file's name; folds share no original recording.
        found = [SoundFile(p, f"{path.name}/{p.name.split('-')[0]}") for p in files]
    else:
        raise BadRequest(
            f"No sounds at {path}: neither a manifest nor a folder.",
            "Build the corpus (vatt corpus build), or correct data.sources.",
        )
    if not found:
        raise BadRequest(f"{path} lists no sounds.", "Correct data.sources.")
    return found


def _from_manifest(path: Path) -> list[SoundFile]:
    text = path.read_text(encoding="utf-8")
    rows: list[dict[str, object]]
    if path.suffix == ".csv":
        rows = [dict(row) for row in csv.DictReader(text.splitlines())]
    else:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    found = []
    for row in rows:
        name = next((str(row[c]) for c in PATH_COLUMNS if row.get(c)), None)
        if name is None:
            raise BadRequest(
                f"{path} has a row without any of: {', '.join(PATH_COLUMNS)}.",
                "Correct the manifest.",
            )
        package = next((str(row[c]) for c in PACKAGE_COLUMNS if row.get(c)), path.stem)
        found.append(SoundFile(path.parent / name, package))
    return found


@dataclass(frozen=True)
class Sounds:
    """What a run trains on and what it is measured on.

    Attributes:
        train: sounds of each source that is there.
        shares: how often each of ``train`` is drawn from.
        held_out: sounds kept for the report, by source.
    """

    train: tuple[SoundBank, ...]
    shares: tuple[float, ...]
    held_out: tuple[SoundBank, ...]


def open_sounds(config: DataConfig, sample_rate: int) -> Sounds:
    """Read all sources of a run and split them.

    Raises:
        BadRequest: a source is missing (and not optional) or empty, or nothing is left to train on.
    """
    train, shares, held_out = [], [], []
    for source in config.sources:
        if source.optional and not source.is_made and not Path(source.path).exists():
            log.warning("going on without %s: it is not there", source.path)
            continue
        bank = open_bank(source, sample_rate, Path(config.cache))
        kept, held = bank.split(bank.packages if source.held_out else config.held_out)
        if len(kept):
            train.append(kept)
            shares.append(source.share)
        if len(held):
            held_out.append(held)
    if not train:
        raise BadRequest(
            "No sound is left to train on.", "Build the corpus, or correct data.sources."
        )
    return Sounds(tuple(train), tuple(shares), tuple(held_out))


def open_bank(source: SoundSource, sample_rate: int, cache: Path) -> SoundBank:
    """Decode a source into the cache, or map what is already there."""
    path = Path(source.path)
    if source.is_made:
        target = cache / f"made-{sample_rate}-{source.clips}.npy"
        if not target.is_file():
            pack_made(source.clips, sample_rate, seed=0, target=target)
        return load_bank(target)
    if path.suffix == ".npy":
        return load_bank(path)
    files = list_sounds(source)
    stamp = hashlib.sha256()
    for f in files:
        size = f.path.stat().st_size if f.path.is_file() else -1
        stamp.update(f"{f.path}\0{f.package}\0{size}\n".encode())
    target = cache / f"{path.stem or 'sounds'}-{sample_rate}-{stamp.hexdigest()[:12]}.npy"
    if not target.is_file():
        pack(files, sample_rate, target)
    return load_bank(target)


def pack(files: Sequence[SoundFile], sample_rate: int, target: Path) -> int:
    """Decode ``files`` into ``target`` (.npy) with an index (.json) beside it.

    A file that cannot be read, is silent or is shorter than 40 ms is left out and logged.

    Returns:
        how many sounds were packed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    pieces: list[NDArray[np.int16]] = []
    sounds: list[dict[str, object]] = []
    start = 0
    for f in files:
        try:
            wave = read_mono(f.path, sample_rate)
        except (OSError, RuntimeError) as err:  # libsndfile's errors are RuntimeErrors
            log.warning("left out %s: %s", f.path, err)
            continue
        if len(wave) < MIN_SECONDS * sample_rate or float(np.abs(wave).max()) < 1e-3:
            log.info("left out %s: silent or too short", f.path)
            continue
        pieces.append((wave * 32767.0).astype(np.int16))
        name = f"{f.path.parent.name}/{f.path.name}"
        sounds.append({"name": name, "package": f.package, "start": start, "length": len(wave)})
        start += len(wave)
    if not pieces:
        raise BadRequest("None of the sounds could be decoded.", "See the log for each file.")
    save_bank(np.concatenate(pieces), sounds, sample_rate, target)
    log.info(
        "packed %d sounds, %.1f minutes, into %s", len(sounds), start / sample_rate / 60, target
    )
    return len(sounds)


def read_mono(path: Path, sample_rate: int) -> NDArray[np.float32]:
    """A sound file as mono [S] at ``sample_rate``, scaled down only if it clips."""
    data, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave: NDArray[np.float32] = data.mean(axis=1)
    if rate != sample_rate:
        wave = soxr.resample(wave, rate, sample_rate, "HQ")
    peak = float(np.abs(wave).max(initial=0.0))
    return wave / peak if peak > 1 else wave
