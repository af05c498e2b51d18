"""The audio model made causal, and conditions with a part taken away."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.nets.audio_model import AudioModel, Context
from vatt_engine.nets.converter import Converter
from vatt_engine.nets.transformer import Attention, Block, MultiwayBlock, tinted
from vatt_engine.sampling import draw
from vatt_engine.sound_config import SamplerConfig


@dataclass(eq=False)
class Past:
    """What the layers remember of positions already served: keys and values [B, H, n, d]."""

    keys: list[Tensor]
    values: list[Tensor]


class CausalAudioModel(AudioModel):
    """The same net, autoregressive: a code frame hears the condition and the frames before it.

    Codes go in one frame late, and all codebooks of a frame are guessed at once. Weights, their
    number and their names are those of ``AudioModel``.
    """

    def context(
        self,
        cond: Tensor,
        cond_mask: Tensor | None,
        n_frames: int,
        lane: Tensor | None = None,
        drop_cond: Tensor | None = None,
        drop_lane: Tensor | None = None,
        count_padding: bool = False,
    ) -> Context:
        """As ``AudioModel.context``; nothing hears a later code frame."""
        heard = super().context(
            cond, cond_mask, n_frames, lane, drop_cond, drop_lane, count_padding
        )
        L = heard.cond.shape[1]
        position = torch.arange(L + n_frames, device=cond.device)
        later = (position > position[:, None]) & (position >= L)
        return replace(heard, bias=heard.bias.masked_fill(later, float("-inf")))

    def embed_codes(self, codes: Tensor) -> Tensor:
        """Codes [B, K, T], each one frame later; the first frame gets "not known"."""
        return super().embed_codes(F.pad(codes[..., :-1], (1, 0), value=self.config.mask_id))

    @property
    def _encoder_blocks(self) -> list[MultiwayBlock]:
        return [block for block in self.encoder if isinstance(block, MultiwayBlock)]

    @property
    def _decoder_blocks(self) -> list[Block]:
        return [block for block in self.decoder if isinstance(block, Block)]

    def begin(self, context: Context) -> Past:
        """Serve the condition, which hears itself alone."""
        L = context.cond.shape[1]
        past = Past([], [])
        x = context.cond
        keep = None if context.keep is None else context.keep[:, :L]
        bias = context.bias[..., :L, :L]
        for block in self._encoder_blocks:
            x = x + _kept(_remember(block.attn, self.encoder_norm.cond(x), bias, past), keep)
            x = x + block.ff_cond(self.encoder_norm.cond(x))
        x = self.encoder_norm.cond(x)
        for n, layer in enumerate(self._decoder_blocks, start=len(self.encoder)):
            x = x + _kept(_remember(layer.attn, layer.attn_norm(x), bias, past), keep)
            x = x + layer.ff(tinted(layer.ff_norm(x), context.tint(n)))
        return past

    def advance(self, before: Tensor, context: Context, past: Past, t: int) -> Tensor:
        """Logits [B, K, V] of code frame ``t``, given the codes ``before`` it [B, K]."""
        L = context.cond.shape[1]
        x = super().embed_codes(before[..., None]) + context.audio[:, t : t + 1]
        bias = context.bias[..., L + t : L + t + 1, : L + t + 1]
        for n, block in enumerate(self._encoder_blocks):
            x = x + _recall(block.attn, self.encoder_norm.audio(x), bias, past, n)
            x = x + block.ff_audio(tinted(self.encoder_norm.audio(x), context.tint(n)))
        x = self.encoder_norm.audio(x)
        for n, layer in enumerate(self._decoder_blocks, start=len(self.encoder)):
            x = x + _recall(layer.attn, layer.attn_norm(x), bias, past, n)
            x = x + layer.ff(tinted(layer.ff_norm(x), context.tint(n)))
        out: Tensor = self.heads(self.decoder_norm(x[:, 0]))
        return out.view(len(out), self.config.n_codebooks, -1)


def _kept(heard: Tensor, keep: Tensor | None) -> Tensor:
    return heard if keep is None else heard * keep


def _parts(attn: Attention, x: Tensor) -> tuple[Tensor, ...]:
    B, N, _ = x.shape
    return attn.qkv(x).view(B, N, 3, attn.n_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)  # type: ignore[no-any-return]


def _attend(attn: Attention, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    heard = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias).softmax(dim=-1) @ v
    return attn.out(heard.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def _remember(attn: Attention, x: Tensor, bias: Tensor, past: Past) -> Tensor:
    """Attend within x [B, N, D]; its keys and values become a layer's past."""
    q, k, v = _parts(attn, x)
    past.keys.append(k)
    past.values.append(v)
    return _attend(attn, q, k, v, bias)


def _recall(attn: Attention, x: Tensor, bias: Tensor, past: Past, layer: int) -> Tensor:
    """Attend from one position x [B, 1, D] to itself and the past of a layer."""
    q, k, v = _parts(attn, x)
    past.keys[layer] = torch.cat((past.keys[layer], k), dim=2)
    past.values[layer] = torch.cat((past.values[layer], v), dim=2)
    return _attend(attn, q, past.keys[layer], past.values[layer], bias)


@torch.inference_mode()
def sample_frames(
    net: CausalAudioModel,
    cond: Tensor,
    cond_mask: Tensor | None,
    *,
    generators: Sequence[torch.Generator],
    n_frames: int,
    lane: Tensor | None,
    sampler: SamplerConfig,
) -> Tensor:
    """Draw codes [B, K, T] frame by frame; guidance, temperature and top_k as in ``sampling``."""
    B, K = len(cond), net.config.n_codebooks
    parts = 1 if sampler.cfg == 1 else 2
    drop = torch.arange(parts * B) >= B
    context = net.context(
        cond.repeat(parts, 1, 1),
        None if cond_mask is None else cond_mask.repeat(parts, 1),
        n_frames,
        None if lane is None else lane.repeat(parts, 1, 1),
        drop,
        drop,
    )
    past = net.begin(context)
    noise = torch.stack([torch.rand((n_frames, K), generator=g) for g in generators], dim=1)
    codes = torch.empty((B, K, n_frames), dtype=torch.int64)
    before = torch.full((B, K), net.config.mask_id)
    for t in range(n_frames):
        logits = net.advance(before.repeat(parts, 1), context, past, t).float().chunk(parts)
        guided = logits[-1] + sampler.cfg * (logits[0] - logits[-1])
        if parts == 1:
            guided = logits[0]
        before, _ = draw(guided / sampler.temperature, noise[t], top_k=sampler.top_k)
        codes[..., t] = before
    return codes


class LmInputs:
    """What the LM would read, as a condition: projected picture, sentence token, word vectors.

    Vectors are brought to one size, as the LM's own states are.
    """

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def states(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
        """Inputs [B, L, E] and their mask [B, L] of video [B, F, D] and prompts."""
        embedded, real = self._converter.embed_prompts(video, prompts)
        embedded = embedded.float()
        size = embedded.pow(2).mean(dim=-1, keepdim=True).sqrt().clamp_min(1e-6)
        return embedded / size, real


@torch.no_grad()
def with_random_picture(converter: Converter, pictures: Tensor, seed: int = 7) -> Converter:
    """A converter whose pictures reach the LM by a random projection that nothing was taught.

    Args:
        converter: left as it is; all but the projection is shared.
        pictures: features [n, D], on which the random projection is made as large as the taught.
        seed: of the projection.
    """
    changed = copy.copy(converter)
    changed._modules = dict(converter._modules)  # so that the new projection is its own alone
    taught = converter.project(pictures)
    weight = torch.randn(converter.video_proj.weight.shape, generator=_seeded(seed))
    projection = nn.Linear(weight.shape[1], weight.shape[0])
    projection.weight.copy_(weight)
    projection.bias.zero_()
    changed.video_proj = projection.requires_grad_(False)
    ours = changed.project(pictures)
    projection.weight.mul_((taught.pow(2).mean() / ours.pow(2).mean()).sqrt())
    return changed


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
