"""A corpus made small enough to travel, and back.

`pack` joins all clips into a few long Ogg Opus files with an index, at the bit rate that fits a
given size; `unpack` cuts them apart again into the layout of a built corpus, so that training
reads the same lists on any machine. Opus is lossy: train on the built corpus where it can be had.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vatt_engine.corpus.audio import SAMPLE_RATE
from vatt_engine.corpus.check import read_split
from vatt_engine.corpus.collect import write_atomic
from vatt_engine.errors import BadRequest

_SHARD_S = 900.0
_GAP = SAMPLE_RATE // 25
# libsndfile maps its compression level linearly from 256 down to 6 kb/s a channel.
_MOST_KBPS, _LEAST_KBPS = 256.0, 6.0
_KEPT = ("file", "package", "path", "category", "family", "kind", "caption", "captions", "licence",
         "onsets_s", "seconds", "split")  # fmt: skip
_COPIED = ("ATTRIBUTION.csv", "ATTRIBUTION.md", "summary.json")


def pack(
    out: Path, target: Path, max_mib: float, report: Callable[[int, int], None] = lambda *_: None
) -> float:
    """Write a packed copy of the corpus ``out`` into the new or empty folder ``target``.

    Returns:
        the bit rate used, kb/s.

    Raises:
        NoCorpus: nothing was built in ``out``.
        BadRequest: the target is not empty, or the size asks for less than Opus can do.
    """
    if target.exists() and any(target.iterdir()):
        raise BadRequest(f"{target} is not empty.", "Name a new folder.")
    rows = [row for split in ("train", "test") for row in read_split(out, split)]
    total_s = sum(row["seconds"] + _GAP / SAMPLE_RATE for row in rows)
    # Some is left for the index and for Opus going over its mean.
    kbps: float = min(96.0, 0.86 * max_mib * 8 * 1024 * 1.024 / max(total_s, 1.0))
    if kbps < 8.0:
        raise BadRequest(
            f"{total_s / 3600:.1f} hours do not fit {max_mib} MiB.", "Allow a larger size."
        )
    target.mkdir(parents=True, exist_ok=True)
    index: list[dict[str, Any]] = []
    shard: list[np.ndarray] = []
    at = number = 0
    for done, row in enumerate(rows):
        wave, _ = soundfile.read(out / row["file"], dtype="float32")
        kept = {key: row[key] for key in _KEPT if key in row}
        index.append({**kept, "shard": f"{number:03d}.ogg", "start": at, "length": len(wave)})
        shard += [wave, np.zeros(_GAP, dtype=np.float32)]
        at += len(wave) + _GAP
        if at > _SHARD_S * SAMPLE_RATE or done == len(rows) - 1:
            _write_shard(target / f"{number:03d}.ogg", np.concatenate(shard), kbps)
            shard, at, number = [], 0, number + 1
        report(done + 1, len(rows))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in index)
    write_atomic(target / "index.jsonl", lines)
    for name in _COPIED:
        if (out / name).is_file():
            shutil.copyfile(out / name, target / name)
    return kbps


def unpack(target: Path, out: Path) -> int:
    """Cut a packed corpus apart into ``out``, laid out like a built one.

    Returns:
        the number of clips.

    Raises:
        BadRequest: ``target`` is not a packed corpus, or names a file outside of ``out``.
    """
    if not (target / "index.jsonl").is_file():
        raise BadRequest(f"{target} has no index.jsonl.", "Name a folder made by corpus pack.")
    text = (target / "index.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    root = out.resolve()
    loaded, wave = "", np.zeros(0, dtype=np.float32)
    for row in rows:
        path = (root / row["file"]).resolve()
        if not path.is_relative_to(root):
            raise BadRequest(f"{row['file']} would be written outside of {out}.", "")
        if row["shard"] != loaded:
            loaded = row["shard"]
            wave, _ = soundfile.read(target / Path(loaded).name, dtype="float32")
        clip = wave[row["start"] : row["start"] + row["length"]]
        buffer = io.BytesIO()
        soundfile.write(buffer, clip, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        write_atomic(path, buffer.getvalue())
    for split in ("train", "test"):
        part = [row for row in rows if row["split"] == split]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
        write_atomic(out / f"{split}.jsonl", lines)
    for name in _COPIED:
        if (target / name).is_file():
            shutil.copyfile(target / name, out / name)
    return len(rows)


def _write_shard(path: Path, wave: np.ndarray, kbps: float) -> None:
    level = (_MOST_KBPS - kbps) / (_MOST_KBPS - _LEAST_KBPS)
    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, 1, format="OGG", subtype="OPUS",
        compression_level=float(np.clip(level, 0.0, 1.0)),
    ) as file:  # fmt: skip
        # libsndfile's Ogg writer overflows its stack on very long single writes.
        for start in range(0, len(wave), 1 << 16):
            file.write(wave[start : start + (1 << 16)])
