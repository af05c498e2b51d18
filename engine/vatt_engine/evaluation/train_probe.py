"""``python -m vatt_engine.evaluation.train_probe``: train the judge's category probe.

Sounds come from a built corpus (``vatt corpus build``), split by package, and from the
synthesiser. With ``--plain FOLDER`` any folder of sub-folders named after categories is read too.
The accuracy on held-out packages is printed and stored in the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.errors import VattError
from vatt_engine.evaluation import probe
from vatt_engine.evaluation.judge import read_mono
from vatt_engine.evaluation.yamnet import SAMPLE_RATE, Yamnet

Wave = NDArray[np.float32]
_LONGEST_S = 5
_SUFFIXES = {".wav", ".ogg", ".flac", ".opus"}


def from_corpus(folder: Path, split: str) -> Iterator[tuple[Wave, str]]:
    """Clips of a split at 16 kHz with their categories."""
    from vatt_engine.corpus.check import read_split

    for row in read_split(folder, split):
        if row.get("category") in CATEGORIES:
            yield load(folder / str(row["file"])), str(row["category"])


def from_folder(folder: Path) -> Iterator[tuple[Wave, str]]:
    """Clips of ``FOLDER/<category>/*``."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _SUFFIXES and path.parent.name in CATEGORIES:
            yield load(path), path.parent.name


def synthesised(n: int, seed: int) -> Iterator[tuple[Wave, str]]:
    """``n`` clips of every category that the synthesiser has."""
    from vatt_engine.corpus.synth import api

    for name in api.synthesised():
        for i in range(n):
            rng = np.random.default_rng([seed, i, *name.encode()])
            wave = api.render(name, None, float(rng.uniform(1.0, 5.0)), SAMPLE_RATE, rng)
            yield np.asarray(wave, np.float32), name


def load(path: Path) -> Wave:
    """A clip at 16 kHz, at most 5 s."""
    wave, rate = read_mono(path)
    return np.asarray(soxr.resample(wave[: rate * _LONGEST_S], rate, SAMPLE_RATE), np.float32)


def embed(
    yamnet: Yamnet, sounds: Iterator[tuple[Wave, str]], in_film: float, seed: int = 0
) -> tuple[NDArray[np.float32], list[str]]:
    """Probe features of sounds.

    A share ``in_film`` of them is set into a longer quiet clip, as the sounds of takes are.
    """
    rows: list[NDArray[np.float32]] = []
    labels: list[str] = []
    rng = np.random.default_rng(seed)
    for wave, label in sounds:
        if rng.random() < in_film:
            n = round(rng.uniform(2.0, 6.0) * SAMPLE_RATE)
            longer = (10 ** (-3.2) * rng.standard_normal(max(n, len(wave)))).astype(np.float32)
            start = int(rng.integers(0, len(longer) - len(wave) + 1))
            longer[start : start + len(wave)] += wave * np.float32(rng.uniform(0.3, 1.0))
            wave = longer
        with torch.inference_mode():
            _, embeddings = yamnet(yamnet.patches(torch.from_numpy(wave)))
        rows.append(probe.pooled(embeddings.numpy()).astype(np.float32))
        labels.append(label)
    return np.stack(rows) if rows else np.zeros((0, 2048), np.float32), labels


def get_parser() -> argparse.ArgumentParser:
    """Options."""
    parser = argparse.ArgumentParser(
        prog="python -m vatt_engine.evaluation.train_probe", description=__doc__
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--corpus", type=Path, help="a built corpus")
    parser.add_argument("--plain", type=Path, help="a folder with one sub-folder a category")
    parser.add_argument("--synthesised", type=int, default=8, metavar="N", help="clips a category")
    parser.add_argument("--penalty", type=float, default=1e-3)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure, store."""
    args = get_parser().parse_args(argv)
    try:
        facts = run(args)
    except VattError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(facts, indent=1) + "\n")
    return 0


def run(args: argparse.Namespace) -> dict[str, object]:
    """The work; returns the facts that are stored with the probe."""
    yamnet = Yamnet.load()
    parts = [embed(yamnet, synthesised(args.synthesised, seed=1), in_film=0.0)]
    if args.corpus:
        parts.append(embed(yamnet, from_corpus(args.corpus, "train"), in_film=0.4))
    if args.plain:
        parts.append(embed(yamnet, from_folder(args.plain), in_film=0.4))
    features = np.concatenate([rows for rows, _ in parts])
    labels = [label for _, names in parts for label in names]
    facts: dict[str, object] = {"n_train": len(labels), "n_categories": len(set(labels))}
    trained = probe.train(features, labels, penalty=args.penalty)
    fresh, names = embed(yamnet, synthesised(2, seed=2), in_film=0.0)
    facts["synthesised"] = probe.accuracy(trained, fresh, names)
    if args.corpus:
        held, held_names = embed(yamnet, from_corpus(args.corpus, "test"), in_film=0.0)
        if held_names:
            facts["held_out_packages"] = probe.accuracy(trained, held, held_names)
    probe.save(
        probe.Probe(
            trained.weight, trained.bias, trained.mean, trained.scale, trained.categories, facts
        ),
        args.output,
    )
    return facts


if __name__ == "__main__":
    sys.exit(main())
