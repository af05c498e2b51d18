"""Does it sound like the right kind of thing? Class distributions and embeddings; numpy only.

``kld`` compares one take with its reference, ``frechet`` a set with a set, ``diversity`` the takes
of one picture among themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_FLOOR = 1e-6


def as_distribution(scores: Floats) -> Floats:
    """Independent class scores [..., C] >= 0 scaled to sum 1, with a floor against log 0."""
    raised = np.asarray(scores, float) + _FLOOR
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def kld(reference: Floats, generated: Floats) -> float:
    """Kullback-Leibler divergence KL(reference || generated) in nats, of class scores [C]."""
    p, q = as_distribution(reference), as_distribution(generated)
    return float((p * np.log(p / q)).sum())


def frechet(a: Floats, b: Floats) -> float:
    """Frechet distance between Gaussians fitted to embeddings [n, D] and [m, D].

    Needs two of each. With fewer samples than D it is biased upwards: compare sets of equal size
    only. The trace of the matrix root is taken from singular values, which stays real and exact
    for rank-deficient covariances.

    Raises:
        ValueError: fewer than two samples, or unequal widths.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.ndim != 2 or b.ndim != 2 or min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"frechet needs [n, D] and [m, D] with n, m > 1, not {a.shape}, {b.shape}")
    mean = float(((a.mean(0) - b.mean(0)) ** 2).sum())
    ca, cb = (x - x.mean(0) for x in (a, b))
    ca, cb = ca / np.sqrt(len(a) - 1), cb / np.sqrt(len(b) - 1)
    # tr sqrt(A'A B'B) is the nuclear norm of A B', for covariances A'A and B'B; the triangular
    # factors give the same norm and are never larger than D x D.
    ra, rb = _triangular(ca), _triangular(cb)
    root = float(np.linalg.svd(ra @ rb.T, compute_uv=False).sum())
    return max(mean + float((ca**2).sum() + (cb**2).sum()) - 2 * root, 0.0)


def _triangular(rows: Floats) -> Floats:
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > rows.shape[1] else rows


def diversity(embeddings: Floats) -> float | None:
    """Mean cosine distance between all pairs of [n, D]; None for fewer than two."""
    x = np.asarray(embeddings, float)
    if len(x) < 2:
        return None
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    gram = x @ x.T
    n = len(x)
    return float(1 - (gram.sum() - np.trace(gram)) / (n * (n - 1)))
