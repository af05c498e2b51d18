"""`vatt corpus check`: is a built corpus whole, lawful and cleanly split?"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from vatt_engine.corpus.audio import MAX_SECONDS, SAMPLE_RATE
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.licences import parse_licence
from vatt_engine.corpus.split import split_of
from vatt_engine.errors import EngineError

Row = dict[str, Any]


class NoCorpus(EngineError):
    """The folder holds no built corpus."""

    code = "no_corpus"


def read_split(out: Path, split: str) -> list[Row]:
    """Rows of ``train.jsonl`` or ``test.jsonl``.

    Raises:
        NoCorpus: the list is not there.
    """
    path = out / f"{split}.jsonl"
    if not path.is_file():
        raise NoCorpus(f"{out} has no {split}.jsonl.", "Run `vatt corpus build` first.")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check(out: Path) -> list[str]:
    """Everything that is wrong with a corpus, in words; empty when all is well.

    Decodes every clip: a few seconds for each hour of sound.

    Raises:
        NoCorpus: there is nothing to check.
    """
    problems: list[str] = []
    rows = {split: read_split(out, split) for split in ("train", "test")}
    packages = {split: {row["package"] for row in part} for split, part in rows.items()}
    for package in sorted(packages["train"] & packages["test"]):
        problems.append(f"{package} is on both sides of the split")
    credited = _credited(out)
    seen: set[str] = set()
    for split, part in rows.items():
        for row in part:
            problems += _check_row(out, split, row)
            if (row["package"], row["path"]) not in credited:
                problems.append(f"{row['file']}: not in ATTRIBUTION.csv")
            if row["file"] in seen:
                problems.append(f"{row['file']}: listed twice")
            seen.add(row["file"])
    for path in sorted((out / "audio").rglob("*.flac")):
        if path.relative_to(out).as_posix() not in seen:
            problems.append(f"{path.relative_to(out)}: on disk but in no list")
    return problems


def _check_row(out: Path, split: str, row: Row) -> list[str]:
    name = str(row["file"])
    found = []
    if parse_licence(row["licence"]) is None:
        found.append(f"{name}: licence {row['licence']!r} may not be used")
    if row["category"] and row["category"] not in CATEGORIES:
        found.append(f"{name}: unknown category {row['category']!r}")
    if row["category"] and not row["captions"]:
        found.append(f"{name}: no caption")
    if split_of(row["package"]) != split:
        found.append(f"{name}: {row['package']} belongs to {split_of(row['package'])}")
    try:
        wave, rate = soundfile.read(out / name, dtype="float32")
    except (soundfile.LibsndfileError, OSError) as error:
        return [*found, f"{name}: {error}"]
    if rate != SAMPLE_RATE or wave.ndim != 1:
        found.append(f"{name}: {rate} Hz, {wave.ndim} channels")
    if abs(len(wave) / rate - row["seconds"]) > 0.002 or row["seconds"] > MAX_SECONDS + 0.1:
        found.append(f"{name}: lasts {len(wave) / rate:.3f} s, listed {row['seconds']} s")
    if float(np.abs(wave).max(initial=0.0)) < 0.01:
        found.append(f"{name}: silent")
    return found


def _credited(out: Path) -> set[tuple[str, str]]:
    path = out / "ATTRIBUTION.csv"
    if not path.is_file():
        return set()
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["package"], row["path"]) for row in csv.DictReader(file)}
