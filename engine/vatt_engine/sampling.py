"""Iterative parallel decoding of masked codes (MaskGIT, arXiv 2202.04200), as free functions.

All randomness is drawn up front from one generator per sample, so a sample of a batch comes out
as it would alone, and nothing touches torch's global seed. Codes that are held stay what they
are and count as known from the start; without any, mask counts and order of operations are
those of the published sampler.

On a CPU the net is asked only for codes that a step may keep. With ``coarse_first`` those are of
one or two codebooks at a time: the finer ones would be drawn and masked again, whatever came out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from vatt_engine.guidance import ContextT, MaskedNet, guided
from vatt_engine.sound_config import SamplerConfig

OnStep = Callable[[int, int], None]

_LEAST_NOISE = 1e-7
_LEAST_P = 1e-20
# How far apart the confidences of two codes can be: by their probabilities, and by the noise.
_SPREAD_OF_P = -math.log(_LEAST_P)
_SPREAD_OF_NOISE = math.log(-math.log(_LEAST_NOISE)) - math.log(_LEAST_NOISE)


class Predictor(Protocol):
    """What refining asks of a net with its guidance; ``Guided`` is one."""

    def logits(self, codes: Tensor) -> Tensor:
        """Logits [B, K, T, V] for codes [B, K, T]."""

    def guesses(self, codes: Tensor, asked: Tensor) -> list[Tensor]:
        """Of these the ``asked`` ones [B, K, T], codebook by codebook: [n, V] each."""


@torch.inference_mode()
def sample_codes(
    net: MaskedNet[ContextT],
    cond: Tensor,
    cond_mask: Tensor | None = None,
    *,
    generators: list[torch.Generator],
    n_frames: int | None = None,
    lane: Tensor | None = None,
    held_codes: Tensor | None = None,
    held: Tensor | None = None,
    negative: Tensor | None = None,
    negative_mask: Tensor | None = None,
    sampler: SamplerConfig | None = None,
    on_step: OnStep | None = None,
) -> Tensor:
    """Draw codes for a batch of conditions.

    Args:
        net: the masked-code net.
        cond: the converter's states [B, L, E].
        cond_mask: True where a state is real [B, L]; None if all are.
        generators: B generators on the CPU, one per sample.
        n_frames: T; the model's window if None.
        lane: sync lane [B, T, lane_width] or None.
        held_codes: codes to keep [B, K, T]; read where ``held`` is True.
        held: True where a code is kept [B, K, T].
        negative: states of what must not be heard [B, L', E]; None guides away from nothing.
        negative_mask: its mask [B, L'].
        sampler: steps, guidance, temperatures; the defaults if None.
        on_step: called with (steps done, steps) after each step; may raise to stop.

    Returns:
        Codes [B, K, T] int64, none of them masked.

    Raises:
        ValueError: lengths or shapes that do not fit.
    """
    sampler = sampler or SamplerConfig()
    config, B = net.config, len(cond)
    T = n_frames if n_frames is not None else config.window_code_frames
    shape = (B, config.n_codebooks, T)
    if len(generators) != B:
        raise ValueError(f"{B} conditions, but {len(generators)} generators.")
    start = torch.full(shape, config.mask_id, device=cond.device)
    if held is not None:
        if held_codes is None or held.shape != shape or held_codes.shape != shape:
            raise ValueError(f"Held codes and their mask must both have the shape {shape}.")
        start = torch.where(held.to(cond.device), held_codes.to(start), start)
    predict = guided(
        net, cond, cond_mask, T, lane=lane, cfg=sampler.cfg, lane_cfg=sampler.lane_cfg,
        negative=negative, negative_mask=negative_mask,
    )  # fmt: skip
    late = predict.without(B) if sampler.guided_steps < sampler.steps else predict
    noise = draw_noise(generators, sampler.steps, shape[1:])
    if sampler.steady:
        noise[:, 0] = follow(noise[:, 0], sampler.steady)
    noise = noise.to(cond.device)
    return refine(predict, late, start, config.mask_id, noise, sampler, on_step)


def refine(
    predict: Predictor,
    late: Predictor,
    codes: Tensor,
    mask_id: int,
    noise: Tensor,
    sampler: SamplerConfig,
    on_step: OnStep | None = None,
) -> Tensor:
    """Fill masked codes step by step, masking the least confident again.

    Args:
        predict: tells logits in the first ``sampler.guided_steps``.
        late: tells them in all others.
        codes: start [B, K, T]; ``mask_id`` where unknown, all else is kept.
        mask_id: the code that stands for unknown.
        noise: uniform in (0, 1) [steps, 2, B, K, T]: for the draw, and for the choice.
        sampler: steps, temperatures, top_k.
        on_step: called with (done, steps) after each step.
    """
    n_masked = (codes == mask_id).flatten(1).sum(dim=1)  # [B]
    counts = mask_counts(n_masked.tolist(), sampler.steps).to(codes.device)
    for step in range(sampler.steps):
        asked = predict if step < sampler.guided_steps else late
        codes = refine_step(asked, codes, mask_id, noise[step], counts[step],
                            step, sampler)  # fmt: skip
        if on_step is not None:
            on_step(step + 1, sampler.steps)
    return codes


def refine_step(
    predict: Predictor,
    codes: Tensor,
    mask_id: int,
    noise: Tensor,
    n_again: Tensor,
    step: int,
    sampler: SamplerConfig,
) -> Tensor:
    """One step of ``refine``: noise [2, B, K, T], ``n_again`` [B] codes are masked again."""
    masked = codes == mask_id
    heat = sampler.mask_temperature * (1 - (step + 1) / sampler.steps)
    if codes.device.type == "cpu":
        asked = _at_work(masked, n_again, heat, sampler.coarse_first)
        drawn, p = _draw_asked(predict, codes, noise[0], asked, sampler)
    else:  # picking codes out would make the host wait, and the result is the same
        heats = torch.tensor(sampler.temperatures(codes.shape[1]), device=codes.device)
        logits = predict.logits(codes).float() / heats[:, None, None]
        drawn, p = draw(logits, noise[0], top_k=sampler.top_k)
    codes = torch.where(masked, drawn, codes)
    confidence = p.clamp(min=_LEAST_P).log() + heat * -(-noise[1].log()).log()
    if sampler.coarse_first:
        finer = torch.arange(codes.shape[1], device=codes.device)
        confidence = confidence - sampler.coarse_first * finer[:, None]
    confidence = confidence.masked_fill(~masked, float("inf")).flatten(1)
    # Rank every code by confidence; the lowest n_again of each sample are masked again.
    ranks = confidence.argsort(dim=1, stable=True).argsort(dim=1)
    again = (ranks < n_again[:, None]).view_as(codes)
    return codes.masked_fill(again, mask_id)


def _at_work(masked: Tensor, n_again: Tensor, heat: float, coarse_first: float) -> Tensor:
    """Which of the ``masked`` codes [B, K, T] a step may keep; all others are masked again.

    Codes of a codebook are kept only after those of every coarser one where no probability and no
    noise can make up for ``coarse_first``. Elsewhere any code may be kept.
    """
    if coarse_first <= _SPREAD_OF_P + heat * _SPREAD_OF_NOISE:
        return masked
    left = masked.sum(dim=2)  # [B, K]
    n_kept = left.sum(dim=1, keepdim=True) - n_again[:, None]
    coarser = left.cumsum(dim=1) - left
    return masked & (coarser < n_kept)[..., None]


def _draw_asked(
    predict: Predictor, codes: Tensor, u: Tensor, asked: Tensor, sampler: SamplerConfig
) -> tuple[Tensor, Tensor]:
    """Drawn codes and their probabilities [B, K, T] where ``asked``; 0 and 1 elsewhere."""
    drawn, p = torch.zeros_like(codes), torch.ones(codes.shape)
    heats = sampler.temperatures(codes.shape[1])
    for k, logits in enumerate(predict.guesses(codes, asked)):
        here = asked[:, k]
        wanted = logits.float() / heats[k]
        drawn[:, k][here], p[:, k][here] = draw(wanted, u[:, k][here], top_k=sampler.top_k)
    return drawn, p


def mask_counts(n_masked: list[int], steps: int) -> Tensor:
    """How many codes are masked again after each step [steps, B]; cosine schedule, 0 at last.

    The count is between 1 and one less than before, where there is anything left to mask.
    """
    rows = []
    now = list(n_masked)
    for step in range(1, steps + 1):
        share = math.cos(math.pi * step / steps / 2)
        if step == steps:
            now = [0] * len(now)
        else:
            wanted = [math.floor(share * n) for n in n_masked]
            now = [max(min(1, n), min(w, n - 1)) for w, n in zip(wanted, now, strict=True)]
        rows.append(now)
    return torch.tensor(rows)


def draw(logits: Tensor, u: Tensor, *, top_k: int, top_p: float = 1.0) -> tuple[Tensor, Tensor]:
    """Draw one entry per row by inverting the distribution function at ``u``.

    Args:
        logits: [..., V], temperature applied.
        u: uniform in [0, 1) [...].
        top_k: candidates kept, by logit.
        top_p: of these, the fewest that hold this share are kept.

    Returns:
        Drawn entries [...] int64, and their probabilities among the candidates [...].
    """
    values, entries = logits.topk(min(top_k, logits.shape[-1]), dim=-1)
    p = values.softmax(dim=-1)
    if top_p < 1.0:
        p = p.masked_fill(p.cumsum(dim=-1) - p >= top_p, 0.0)
        p = p / p.sum(dim=-1, keepdim=True)
    reached = p.cumsum(dim=-1)
    place = (reached <= u[..., None] * reached[..., -1:]).sum(dim=-1, keepdim=True)
    last = (p > 0).sum(dim=-1, keepdim=True) - 1
    place = torch.minimum(place, last)
    return entries.gather(-1, place)[..., 0], p.gather(-1, place)[..., 0]


def draw_noise(
    generators: list[torch.Generator], steps: int, shape: torch.Size | tuple[int, ...]
) -> Tensor:
    """Uniform noise in (0, 1) [steps, 2, B, *shape], sample b from generator b alone."""
    each = [torch.rand((steps, 2, *shape), generator=g) for g in generators]
    return torch.stack(each, dim=2).clamp(_LEAST_NOISE, 1 - _LEAST_NOISE)


def follow(u: Tensor, steady: float) -> Tensor:
    """Uniform noise [..., T] of which each frame resembles the one before; still uniform by itself.

    Many codes are drawn at once, each by itself, and where several would do, neighbouring code
    frames pick different ones: what should last, flickers. Noise that changes slowly lets them
    pick alike.

    Args:
        u: independent, in (0, 1).
        steady: correlation of neighbours, of the normal numbers behind the uniform ones.
    """
    fresh = torch.special.ndtri(u.double())
    frames = [fresh[..., 0]]
    for t in range(1, fresh.shape[-1]):
        frames.append(steady * frames[-1] + math.sqrt(1 - steady**2) * fresh[..., t])
    uniform: Tensor = torch.special.ndtr(torch.stack(frames, dim=-1))
    return uniform.to(u).clamp(_LEAST_NOISE, 1 - _LEAST_NOISE)
