"""Probes: one linear layer over YAMNet embeddings, trained on the corpus.

They answer "which of our categories, which sound family is this?", which YAMNet's own classes
cannot. They judge takes, so they must never see one: they are trained on recordings of the training
packages and on synthesised sounds, and their own accuracy on held-out packages is stored with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from vatt_engine.errors import BadModelFolder

Floats = NDArray[np.floating[Any]]

SHIPPED = Path(__file__).resolve().parents[1] / "assets" / "category_probe.safetensors"


@dataclass(frozen=True, eq=False)
class Probe:
    """A trained probe.

    Attributes:
        weight: [C, D]; ``bias`` [C].
        mean: [D] of the training embeddings, ``scale`` [D] their deviation.
        categories: names of the C rows.
        facts: how it was trained and how well it does, for reports.
    """

    weight: Floats
    bias: Floats
    mean: Floats
    scale: Floats
    categories: tuple[str, ...]
    facts: Mapping[str, Any]

    def probabilities(self, features: Floats) -> Floats:
        """[..., C] from features [..., D] (``hearing.Heard.features``)."""
        x = (np.asarray(features, float) - self.mean) / self.scale
        logits = x @ self.weight.T + self.bias
        logits = logits - logits.max(axis=-1, keepdims=True)
        raised = np.exp(logits)
        return np.asarray(raised / raised.sum(axis=-1, keepdims=True))

    def predict(self, features: Floats) -> str:
        """The best category for one recording's features [D]."""
        return self.categories[int(np.argmax(self.probabilities(features)))]


def train(
    features: Floats,
    labels: Sequence[str],
    *,
    penalty: float = 1e-3,
    balance: float = 1.0,
    steps: int = 100,
    facts: Mapping[str, Any] | None = None,
) -> Probe:
    """Fit softmax regression; deterministic.

    Args:
        features: [n, D].
        labels: n category names.
        penalty: weight of the squared norm.
        balance: 1 weighs all classes alike, 0 all examples; between them, a power of the count.
        steps: of L-BFGS.
        facts: kept with the probe.
    """
    categories = tuple(sorted(set(labels)))
    y = torch.tensor([categories.index(label) for label in labels])
    x = np.asarray(features, np.float32)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 0.05
    data = torch.from_numpy((x - mean) / scale)
    counts = torch.bincount(y, minlength=len(categories)).float()
    share = counts.pow(-balance)[y]
    share = share / share.sum()
    layer = torch.nn.Linear(x.shape[1], len(categories))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=steps, history_size=10)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        each = torch.nn.functional.cross_entropy(layer(data), y, reduction="none")
        total = (each * share).sum() + penalty * layer.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    weight = layer.weight.detach().numpy().astype(np.float32)
    bias = layer.bias.detach().numpy().astype(np.float32)
    return Probe(weight, bias, mean, scale, categories, dict(facts or {}))


def accuracy(probe: Probe, features: Floats, labels: Sequence[str]) -> dict[str, float]:
    """How often a probe is right on features [n, D]; see ``ranked_accuracy``."""
    return ranked_accuracy(probe.probabilities(features), probe.categories, labels)


def ranked_accuracy(rows: Floats, names: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    """Of probabilities [n, C]: ``top1``, ``top3``, and ``balanced`` (``top1``, mean by class)."""
    order = np.argsort(-rows, axis=1)
    known, truth = np.array(names), np.array(labels)
    first = known[order[:, 0]] == truth
    three = (known[order[:, :3]] == truth[:, None]).any(axis=1)
    per_class = [first[truth == name].mean() for name in np.unique(truth)]
    return {
        "top1": round(float(first.mean()), 4),
        "top3": round(float(three.mean()), 4),
        "balanced": round(float(np.mean(per_class)), 4),
        "n": float(len(truth)),
    }


def save(probe: Probe, path: Path) -> None:
    """Write in half precision with names and facts in the header."""
    tensors = {
        "weight": np.asarray(probe.weight, np.float16),
        "bias": np.asarray(probe.bias, np.float16),
        "mean": np.asarray(probe.mean, np.float16),
        "scale": np.asarray(probe.scale, np.float16),
    }
    header = {"categories": json.dumps(probe.categories), "facts": json.dumps(dict(probe.facts))}
    save_file(tensors, str(path), metadata=header)


def load(path: Path = SHIPPED) -> Probe:
    """Read a probe.

    Raises:
        BadModelFolder: the file is not there or is no probe.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = file.metadata() or {}
            parts = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        return Probe(
            parts["weight"],
            parts["bias"],
            parts["mean"],
            parts["scale"],
            tuple(json.loads(header["categories"])),
            json.loads(header["facts"]),
        )
    except (OSError, KeyError, ValueError) as error:
        raise BadModelFolder(
            f"There is no category probe {path.name}: {type(error).__name__}.",
            "Train one with `python -m vatt_engine.evaluation.train_probe`.",
        ) from error
