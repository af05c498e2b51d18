"""``python -m vatt_engine.evaluation.train_probe FOLDER``: train the judge's two probes.

``family_probe.safetensors`` tells the sound families apart, ``category_probe.safetensors`` the 103
categories. Sounds come from a built corpus (``vatt corpus build``), split by package, and from the
synthesiser; a probe learns from recordings as they are and from both set as takes are
(``probe_sounds``). With ``--codec FOLDER`` every take is heard once more through a codec: two in
three through that one, the third through Opus at 6 kb/s. With ``--plain FOLDER`` any folder of
sub-folders named after categories is read too. What the probes get right on packages they have not
heard is printed and stored with them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from vatt_engine.corpus.sound_families import family_of
from vatt_engine.errors import VattError
from vatt_engine.evaluation import probe
from vatt_engine.evaluation.family_judge import FamilyJudge
from vatt_engine.evaluation.hearing import Heard, hear
from vatt_engine.evaluation.opus_reference import through_opus
from vatt_engine.evaluation.probe_sounds import (
    Clips,
    Coding,
    Sound,
    Wave,
    coded,
    plain,
    recorded_takes,
    synthesised_takes,
)
from vatt_engine.evaluation.yamnet import SAMPLE_RATE, Yamnet
from vatt_engine.nets.codec import Codec
from vatt_engine.training.codec_folder import read_codec

Floats = NDArray[np.floating[Any]]

PENALTY = 1e-2
BALANCE = 0.5
"""Classes are weighed by their count to the power of minus this: rare ones count, but not as if
two recordings told as much as two hundred."""

_OPUS_BITS = 6000  # a second: the least Opus does


@dataclass(frozen=True, eq=False)
class Heap:
    """Many sounds as heard, with their categories and packages."""

    heard: Sequence[Heard]
    categories: Sequence[str]
    packages: Sequence[str]

    @property
    def features(self) -> Floats:
        """[n, D] for a probe."""
        return np.stack([h.features for h in self.heard])

    @property
    def families(self) -> list[str]:
        """Sound families, one a sound."""
        return [family_of(name) for name in self.categories]

    def __add__(self, other: Heap) -> Heap:
        return Heap(
            [*self.heard, *other.heard],
            [*self.categories, *other.categories],
            [*self.packages, *other.packages],
        )


def listen(yamnet: Yamnet, sounds: Iterable[Sound]) -> Heap:
    """Let YAMNet hear sounds."""
    heard, categories, packages = [], [], []
    for sound in sounds:
        heard.append(hear(yamnet, sound.wave, SAMPLE_RATE))
        categories.append(sound.category)
        packages.append(sound.package)
    return Heap(heard, categories, packages)


def family_accuracy(judge: FamilyJudge, heap: Heap) -> dict[str, Any]:
    """How often the judge, table included, is right; ``packages`` tells it by package."""
    rows = np.stack([judge.probabilities(h) for h in heap.heard])
    found = probe.ranked_accuracy(rows, judge.names, heap.families)
    by_package = {}
    for name in sorted(set(heap.packages)):
        at = [i for i, package in enumerate(heap.packages) if package == name]
        truth = [heap.families[i] for i in at]
        by_package[name] = probe.ranked_accuracy(rows[at], judge.names, truth)["top1"]
    return {**found, "packages": {name: round(v, 3) for name, v in by_package.items()}}


def get_parser() -> argparse.ArgumentParser:
    """Options."""
    parser = argparse.ArgumentParser(
        prog="python -m vatt_engine.evaluation.train_probe", description=__doc__
    )
    parser.add_argument("output", type=Path, help="folder for the two probes")
    parser.add_argument("--corpus", type=Path, help="a built corpus")
    parser.add_argument(
        "--codec", type=Path, help="a codec's folder; takes are heard through it too"
    )
    parser.add_argument("--plain", type=Path, help="a folder with one sub-folder a category")
    parser.add_argument("--synthesised", type=int, default=9, metavar="N", help="takes a category")
    parser.add_argument("--recorded", type=int, default=14, metavar="N", help="takes a category")
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


def run(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The work; returns the facts that are stored with each probe."""
    yamnet = Yamnet.load()
    codings = codings_of(read_codec(args.codec)) if args.codec else []
    heap = _takes(yamnet, synthesised_takes(args.synthesised, seed=1), codings)
    if args.corpus:
        clips = Clips.of_corpus(args.corpus, "train")
        heap += listen(yamnet, plain(clips))
        heap += _takes(yamnet, recorded_takes(clips, args.recorded, seed=0), codings)
    if args.plain:
        heap += listen(yamnet, plain(Clips.of_folder(args.plain)))
    fresh = list(synthesised_takes(4, seed=2))
    tests = {"synthesised": listen(yamnet, fresh)}
    if args.corpus:
        unheard = Clips.of_corpus(args.corpus, "test")
        takes = list(recorded_takes(unheard, None, seed=3))
        tests["held_out_packages"] = listen(yamnet, plain(unheard))
        tests["held_out_takes"] = listen(yamnet, takes)
        if codings:
            tests["held_out_takes_coded"] = listen(yamnet, coded(takes, codings[:1]))
    if codings:
        tests["synthesised_coded"] = listen(yamnet, coded(fresh, codings[:1]))
    return fit(heap, tests, args.output)


def codings_of(codec: Codec) -> list[Coding]:
    """Ways in which a take may have been kept: twice ``codec``, once Opus."""

    @torch.inference_mode()
    def ours(wave: Wave) -> Wave:
        there = soxr.resample(wave, SAMPLE_RATE, codec.sample_rate)
        kept = codec(torch.from_numpy(there)[None, None])[0, 0].numpy()
        return _fitted(soxr.resample(kept, codec.sample_rate, SAMPLE_RATE), len(wave))

    def opus(wave: Wave) -> Wave:
        return through_opus(wave, SAMPLE_RATE, _OPUS_BITS)[0]

    return [ours, opus, ours]


def _fitted(wave: Wave, length: int) -> Wave:
    return np.asarray(np.pad(wave, (0, max(0, length - len(wave))))[:length], np.float32)


def _takes(yamnet: Yamnet, sounds: Iterable[Sound], codings: Sequence[Coding]) -> Heap:
    """Takes as they are and, if there are codings, once more as one of them keeps each."""
    takes = list(sounds)
    heap = listen(yamnet, takes)
    return heap + listen(yamnet, coded(takes, codings)) if codings else heap


def fit(heap: Heap, tests: dict[str, Heap], folder: Path) -> dict[str, dict[str, Any]]:
    """Train both probes on a heap, measure them on others, and write them to a folder."""
    features = heap.features
    by_name: dict[str, dict[str, Any]] = {}
    for name, labels in (("family", heap.families), ("category", heap.categories)):
        trained = probe.train(features, labels, penalty=PENALTY, balance=BALANCE)
        facts: dict[str, Any] = {"n_train": len(labels), "n_classes": len(trained.categories)}
        for test, sounds in tests.items():
            if not sounds.heard:
                continue
            facts[test] = (
                family_accuracy(FamilyJudge(trained), sounds)
                if name == "family"
                else probe.accuracy(trained, sounds.features, sounds.categories)
            )
        probe.save(replace(trained, facts=facts), folder / f"{name}_probe.safetensors")
        by_name[name] = facts
    return by_name


if __name__ == "__main__":
    sys.exit(main())
