"""Classifier-free guidance of a masked-code net (arXiv 2207.12598): all its parts run as one batch.

A negative prompt takes the place of the empty condition: ``logits = negative + cfg * (condition -
negative)``. With ``lane_cfg`` words and sync lane are guided apart: ``negative + lane_cfg *
(negative with lane - negative) + cfg * (both - negative with lane)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from vatt_engine.config import AudioModelConfig


class NetContext(Protocol):
    """What a net keeps from step to step, of a batch."""

    def first(self, n: int) -> Self:
        """That of the first ``n`` samples."""


ContextT = TypeVar("ContextT", bound=NetContext)


class MaskedNet(Protocol[ContextT]):
    """What the sampler asks of a net; ``nets.audio_model.AudioModel`` is one."""

    config: AudioModelConfig

    def context(
        self,
        cond: Tensor,
        cond_mask: Tensor | None,
        n_frames: int,
        lane: Tensor | None = None,
        drop_cond: Tensor | None = None,
        drop_lane: Tensor | None = None,
    ) -> ContextT:
        """What stays the same from step to step."""

    def logits(self, codes: Tensor, context: ContextT) -> Tensor:
        """Logits [B, K, T, V] for codes [B, K, T]."""

    def guesses(self, codes: Tensor, context: ContextT, asked: Tensor) -> list[Tensor]:
        """Of these the ``asked`` ones [B, K, T], codebook by codebook: [n, V] each."""


@dataclass(frozen=True)
class Guided(Generic[ContextT]):
    """A net whose answers are guided.

    Attributes:
        net: the masked-code net.
        context: of all parts of the guidance, stacked.
        weights: one fewer than there are parts. What a part adds to the answer of the part behind
            it is multiplied by its weight; the last part counts as it is.
    """

    net: MaskedNet[ContextT]
    context: ContextT
    weights: tuple[float, ...]

    def logits(self, codes: Tensor) -> Tensor:
        """Logits [B, K, T, V] for codes [B, K, T]."""
        return self._guide(self.net.logits(self._stacked(codes), self.context))

    def guesses(self, codes: Tensor, asked: Tensor) -> list[Tensor]:
        """Of these the ``asked`` ones [B, K, T], codebook by codebook: [n, V] each."""
        answers = self.net.guesses(self._stacked(codes), self.context, self._stacked(asked))
        return [self._guide(answer) for answer in answers]

    def without(self, n_samples: int) -> Guided[ContextT]:
        """The same net and condition for a batch of ``n_samples``, not guided: half the work."""
        return Guided(self.net, self.context.first(n_samples), ()) if self.weights else self

    def _stacked(self, codes: Tensor) -> Tensor:
        return codes.repeat(len(self.weights) + 1, 1, 1) if self.weights else codes

    def _guide(self, answers: Tensor) -> Tensor:
        if not self.weights:
            return answers
        # In 32 bits: guidance multiplies the difference of two nearly equal numbers.
        parts = answers.float().chunk(len(self.weights) + 1)
        logits = parts[-1]
        for weight, part, after in zip(
            reversed(self.weights), parts[-2::-1], parts[:0:-1], strict=True
        ):
            logits = logits + weight * (part - after)
        return logits


def guided(
    net: MaskedNet[ContextT],
    cond: Tensor,
    cond_mask: Tensor | None,
    n_frames: int,
    *,
    lane: Tensor | None = None,
    cfg: float = 1.0,
    lane_cfg: float | None = None,
    negative: Tensor | None = None,
    negative_mask: Tensor | None = None,
) -> Guided[ContextT]:
    """A net with guidance.

    All parts of the guidance run as one batch: of 2B where words and lane share a strength (then
    the unguided half hears neither) or the lane is left as it is (then it hears the lane), of 3B
    where each has its own.
    """
    if lane is None:
        lane_cfg = None
    if cfg == 1.0 and lane_cfg in (None, 1.0):
        return Guided(net, net.context(cond, cond_mask, n_frames, lane), ())
    apart = lane_cfg is not None and lane_cfg not in (1.0, cfg)
    parts = 3 if apart else 2
    B = len(cond)
    part = torch.arange(parts * B, device=cond.device) // B
    if negative is None:
        whole = cond.repeat(parts, 1, 1)
        mask = None if cond_mask is None else cond_mask.repeat(parts, 1)
        drop_cond = part > 0
    else:
        whole, mask = _stack(cond, cond_mask, negative, negative_mask, parts - 1)
        drop_cond = torch.zeros_like(part > 0)
    drop_lane = part > (1 if lane_cfg == 1.0 or apart else 0)
    context = net.context(
        whole,
        mask,
        n_frames,
        None if lane is None else lane.repeat(parts, 1, 1),
        drop_cond,
        None if lane is None else drop_lane,
    )
    weights = (cfg,) if lane_cfg is None or not apart else (cfg, lane_cfg)
    return Guided(net, context, weights)


def _stack(
    cond: Tensor,
    cond_mask: Tensor | None,
    negative: Tensor,
    negative_mask: Tensor | None,
    times: int = 1,
) -> tuple[Tensor, Tensor]:
    """The condition and ``times`` the negative one as one batch, padded on the right, with a mask.

    Returns:
        States [(1 + times) B, max(L, L'), E], and a mask [(1 + times) B, max(L, L')].
    """
    if negative.shape[0] != cond.shape[0]:
        raise ValueError(f"{len(cond)} conditions, but {len(negative)} negative ones.")
    longest = max(cond.shape[1], negative.shape[1])
    states, masks = [], []
    for x, mask in ((cond, cond_mask), (negative, negative_mask)):
        room = longest - x.shape[1]
        if mask is None:
            mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
        states.append(F.pad(x, (0, 0, 0, room)))
        masks.append(F.pad(mask, (0, room), value=False))
    return torch.cat((states[0], *states[1:] * times)), torch.cat((masks[0], *masks[1:] * times))
