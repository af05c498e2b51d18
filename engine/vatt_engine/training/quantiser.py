"""Training of the residual vector quantiser on top of the ``encodec`` package's modules.

The package (0.1.1) holds the codebooks and their running means, but three of its training habits
do not survive small batches, so they are done here:

* its straight-through residual stops the commitment loss of every codebook after the first;
* its revived codes are overwritten by the running means within the same step;
* its k-means sees a single batch, and its threshold for unused codes counts vectors of a batch
  rather than a share of the use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

KMEANS_ROUNDS = 20


@dataclass(frozen=True)
class Quantised:
    """What one pass through the codebooks gives.

    Attributes:
        vectors: [B, D, T]; gradients pass straight through to the encoder.
        codes: [B, K, T] int64.
        commitment: mean squared distance of encoder output from its code vectors, relative to the
            output's variance, so that a growing latent space cannot drown the other losses.
    """

    vectors: Tensor
    codes: Tensor
    commitment: Tensor


def codebooks_of(quantizer: nn.Module) -> list[nn.Module]:
    """The package's ``EuclideanCodebook`` of each layer."""
    layers = cast(nn.ModuleList, cast(nn.Module, quantizer.vq).layers)
    return [cast(nn.Module, layer._codebook) for layer in layers]


def quantise(quantizer: nn.Module, vectors: Tensor, n_codebooks: int, decay: float) -> Quantised:
    """Quantise [B, D, T] with the first ``n_codebooks``; in training the running means move on."""
    vectors = vectors.float()
    B, _, T = vectors.shape
    flat = vectors.transpose(1, 2).reshape(B * T, -1)
    residual = flat.detach()
    total = torch.zeros_like(residual)
    all_codes = []
    for book in codebooks_of(quantizer)[:n_codebooks]:
        embed = book.get_buffer("embed")
        codes = nearest(residual, embed)
        if quantizer.training:
            _move_means(book, residual, codes, decay)
        chosen = embed[codes]  # the vectors as they were when the codes were picked
        total = total + chosen
        residual = residual - chosen
        all_codes.append(codes.view(B, T))
    spread = flat.detach().var(dim=0).mean().clamp_min(1e-6)
    commitment = (flat - total).square().mean() / spread
    passed = flat + (total - flat).detach()
    return Quantised(
        passed.view(B, T, -1).transpose(1, 2), torch.stack(all_codes, dim=1), commitment
    )


def nearest(vectors: Tensor, embed: Tensor) -> Tensor:
    """Index [N] of the entry of ``embed`` [V, D] nearest to each of ``vectors`` [N, D]."""
    return (embed.square().sum(1) - 2 * vectors @ embed.t()).argmin(dim=1)


@torch.no_grad()
def _move_means(book: nn.Module, vectors: Tensor, codes: Tensor, decay: float) -> None:
    size, mean = book.get_buffer("cluster_size"), book.get_buffer("embed_avg")
    counts = torch.zeros_like(size).index_add_(0, codes, torch.ones_like(codes, dtype=size.dtype))
    sums = torch.zeros_like(mean).index_add_(0, codes, vectors)
    size.lerp_(counts, 1 - decay)
    mean.lerp_(sums, 1 - decay)
    # Laplace smoothing, as in the package: an entry of little use moves little.
    total, epsilon = size.sum(), 1e-5
    smooth = (size + epsilon) / (total + len(size) * epsilon) * total
    new = mean / smooth[:, None]
    embed = book.get_buffer("embed")
    embed.copy_(torch.where((counts > 0)[:, None], new, embed))


@torch.no_grad()
def start_codebooks(quantizer: nn.Module, vectors: Tensor, generator: torch.Generator) -> None:
    """K-means for each codebook in turn on the residuals of ``vectors`` [N, D]."""
    residual = vectors.float()
    for book in codebooks_of(quantizer):
        embed = book.get_buffer("embed")
        centres, counts = kmeans(residual, embed.shape[0], generator)
        embed.copy_(centres)
        share = counts / counts.sum()
        book.get_buffer("cluster_size").copy_(share * embed.shape[0])
        book.get_buffer("embed_avg").copy_(centres * (share * embed.shape[0])[:, None])
        book.get_buffer("inited").fill_(1.0)
        residual = residual - centres[nearest(residual, centres)]


def kmeans(vectors: Tensor, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm; an empty cluster is put on the vector served worst.

    Args:
        vectors: [N, D].
        n: number of centres.
        generator: picks the first centres; on the CPU.

    Returns:
        centres [n, D] and how many vectors each has [n], at least one.
    """
    N = len(vectors)
    picks = torch.randperm(N, generator=generator)[:n]
    if len(picks) < n:  # fewer vectors than centres: some centres coincide
        picks = torch.randint(N, (n,), generator=generator)
    centres = vectors[picks.to(vectors.device)].clone()
    counts = torch.ones(n, device=vectors.device)
    for _ in range(KMEANS_ROUNDS):
        codes = nearest(vectors, centres)
        counts = torch.bincount(codes, minlength=n).to(vectors.dtype)
        sums = torch.zeros_like(centres).index_add_(0, codes, vectors)
        error = (vectors - centres[codes]).square().sum(1)
        centres = sums / counts.clamp_min(1)[:, None]
        empty = (counts == 0).nonzero()[:, 0]
        if len(empty):
            worst = error.topk(min(len(empty), N)).indices
            centres[empty[: len(worst)]] = vectors[worst]
    return centres, counts.clamp_min(1)


@torch.no_grad()
def revive_unused(
    quantizer: nn.Module, vectors: Tensor, below: float, generator: torch.Generator
) -> int:
    """Put codes that are hardly used where the batch needs them.

    Args:
        quantizer: whose codebooks are mended in place.
        vectors: encoder output of the present batch [B, D, T].
        below: share of the even use under which a code counts as unused.
        generator: picks the vectors; on the CPU.

    Returns:
        how many codes were moved.
    """
    residual = vectors.detach().float().transpose(1, 2).flatten(0, 1)
    moved = 0
    for book in codebooks_of(quantizer):
        embed, size = book.get_buffer("embed"), book.get_buffer("cluster_size")
        even = float(size.mean())
        unused = (size < below * even).nonzero()[:, 0]
        # No more than a tenth of the batch at once: its other vectors keep their codes.
        unused = unused[: max(1, len(residual) // 10)]
        if len(unused):
            picks = torch.randint(len(residual), (len(unused),), generator=generator)
            embed[unused] = residual[picks.to(residual.device)]
            size[unused] = even
            book.get_buffer("embed_avg")[unused] = embed[unused] * even
            moved += len(unused)
        residual = residual - embed[nearest(residual, embed)]
    return moved


def usage(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Share of codes used at all [K] and perplexity [K] of counts [K, V]."""
    share = counts / counts.sum(1, keepdim=True).clamp_min(1)
    entropy = -(share * share.clamp_min(1e-12).log()).sum(1)
    return (counts > 0).float().mean(1), entropy.exp()
