"""VATT Audio: predicts masked codes from the converter's states (arXiv 2411.05679, section 3.2).

One sequence holds the condition and then the code frames. Twelve encoder blocks keep separate
norms and feed-forwards for the two parts but share attention; twelve decoder blocks treat them
alike; one linear head per codebook reads the code frames. ``docs/vatt.md`` lists every detail.

Two layouts say which code a head's output at a position stands for. ``aligned``: head k at
position t is codebook k of code frame t. ``official``: the published training code flattened
outputs codebook by codebook but targets frame by frame, so the output at flat place p = k*T + t
stands for codebook p mod K of code frame p div K. ``forward`` returns logits by code either way.

Padding takes no positions here, so a sample in a padded batch gets what it would get alone;
``count_padding=True`` gives the published behaviour, where padding shifts what follows it.

``close_condition`` departs from the paper, for nets that learn from little: by the published bias
only the flattest heads can hear the condition at all from the far end of a window, so here it is
equally near to every code frame, and a summary of it is added to each (decision 9).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.config import AudioModelConfig
from vatt_engine.nets.transformer import (
    Block,
    LayerNormPair,
    MultiwayBlock,
    Neighbours,
    Summary,
    Tints,
    alibi_bias,
)


@dataclass(frozen=True)
class Context:
    """All that stays the same while the codes of one window are refined.

    Attributes:
        cond: embedded condition [B, L, D].
        keep: 1 where a position is real, 0 where it is padding [1 or B, L+T, 1]; None if all are.
        bias: added to the attention logits [1 or B, H, L+T, L+T].
        audio: what every code frame gets besides its codes [1 or B, T, D].
        tints: how the condition bends each layer [B, layers, 2, D]; None for a net without.
        summary: of the condition [B, D]; None for a net without. No layer reads it from here.
    """

    cond: Tensor
    keep: Tensor | None
    bias: Tensor
    audio: Tensor
    tints: Tensor | None = None
    summary: Tensor | None = None

    def tint(self, layer: int) -> Tensor | None:
        """What layer ``layer`` is bent by [B, 2, D]."""
        return None if self.tints is None else self.tints[:, layer]

    def first(self, n: int) -> Context:
        """That of the first ``n`` of B samples; what is common to all stays so."""

        def part(x: Tensor | None) -> Tensor | None:
            return None if x is None else x[:n]

        audio, bias = self.audio[:n], self.bias[:n]
        return Context(
            self.cond[:n], part(self.keep), bias, audio, part(self.tints), part(self.summary)
        )


class AudioModel(nn.Module):
    """The masked-code transformer.

    Args:
        config: sizes.
        codebooks: the codec's tables [K, V, codebook_dim]; frozen, stored with the weights.
    """

    codebooks: Tensor
    positions: Tensor

    def __init__(self, config: AudioModelConfig, codebooks: Tensor | None = None) -> None:
        super().__init__()
        self.config = config
        shape = (config.n_codebooks, config.codebook_size, config.codebook_dim)
        if codebooks is None:
            codebooks = torch.zeros(shape)
        if tuple(codebooks.shape) != shape:
            raise ValueError(
                f"Codebooks of shape {tuple(codebooks.shape)}; the config says {shape}."
            )
        width, inner = config.width, config.n_heads * config.head_dim
        self.register_buffer("codebooks", codebooks.detach().clone())
        self.register_buffer("positions", position_table(config.n_positions, width))
        self.mask_rows = nn.Parameter(torch.randn(config.n_codebooks, config.codebook_dim))
        self.code_proj = nn.Linear(config.codebook_dim, width)
        self.cond_proj = nn.Linear(config.cond_width, width)
        self.cond_modality = nn.Parameter(torch.randn(width) * 0.02)
        self.audio_modality = nn.Parameter(torch.randn(width) * 0.02)
        self.lane_proj: nn.Sequential | None = None
        if config.lane_width:
            n_heard = config.lane_width + (2 + 2 * len(config.lane_tails)) * bool(config.lane_tails)
            self.lane_proj = nn.Sequential(
                nn.Linear(n_heard, width), nn.GELU(), nn.Linear(width, width, bias=False)
            )
        self.summary = Summary(width, config.n_heads) if config.close_condition else None
        n_layers = config.n_encoder_layers + config.n_decoder_layers
        self.tints = Tints(width, config.tint_rank, n_layers) if config.tint_rank else None
        # The published encoder has a single pair of norms for all its sublayers and its end.
        self.encoder_norm = LayerNormPair(width)
        self.encoder = nn.ModuleList(
            MultiwayBlock(width, inner, config.n_heads, config.dropout)
            for _ in range(config.n_encoder_layers)
        )
        self.decoder = nn.ModuleList(
            Block(width, inner, config.n_heads, config.dropout)
            for _ in range(config.n_decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(width)
        self.neighbours = nn.ModuleList(
            Neighbours(width, config.neighbours) for _ in range(n_layers * bool(config.neighbours))
        )
        self.heads = nn.Linear(width, config.n_codebooks * config.codebook_size, bias=False)
        # Set by ``acceleration``: a faster way to run a step, and the length that conditions are
        # padded to so that one recording serves all prompts.
        self.step: Callable[[Tensor, Context], Tensor] | None = None
        self.static_cond: int | None = None
        self.init_weights()

    def init_weights(self) -> None:
        """Published initialisation: truncated normal, smaller the deeper the sublayer."""
        for stack in (self.encoder, self.decoder):
            for n, block in enumerate(stack):
                for name, weight in block.named_parameters():
                    if weight.ndim == 2:
                        index = 2 * n + (0 if name.startswith("attn") else 1)
                        std = weight.shape[1] ** -0.5 / (2 * (index + 1)) ** 0.5
                        nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)
        if self.lane_proj is not None:
            # Starts as if there were no lane.
            nn.init.zeros_(self.lane_proj[2].weight)  # type: ignore[arg-type]

    def set_plain(self, plain: bool) -> None:
        """Choose the plain fp32-style attention (matmul, softmax) instead of the fused kernel."""
        for block in (*self.encoder, *self.decoder):
            block.attn.plain = plain

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
        """Embed what does not change from step to step.

        Args:
            cond: the converter's states [B, L, E].
            cond_mask: True where a state is real [B, L]; None if all are.
            n_frames: T, code frames to predict.
            lane: sync lane [B, T, lane_width]; None for a model or a clip without one.
            drop_cond: True for samples whose condition is replaced by nothing [B].
            drop_lane: True for samples that do not hear the lane [B].
            count_padding: let padding take positions, as the published code does.

        Raises:
            ValueError: lengths or widths that this model cannot serve.
        """
        if self.static_cond is not None:
            cond, cond_mask = _padded(cond, cond_mask, self.static_cond)
        L = cond.shape[1]
        self._check_length(L, n_frames)
        if cond_mask is not None and bool(cond_mask.all()):
            cond_mask = None
        projected = self.cond_proj(cond.to(self.cond_proj.weight.dtype))
        if drop_cond is not None:
            projected = projected.masked_fill(drop_cond[:, None, None], 0.0)
        # Samples padded alike (the takes of one clip) share positions and bias.
        masks = cond_mask
        if masks is not None and bool((masks == masks[:1]).all()):
            masks = masks[:1]
        places = self._places(L, n_frames, masks, count_padding)
        if self.summary is not None:
            # Each part counts for itself, and no distance lies between the two.
            frames = torch.arange(n_frames, device=places.device).expand(len(places), -1)
            places = torch.cat((places[:, :L], frames), dim=1)
        table = self.positions.to(projected.dtype)[places]
        bias = alibi_bias(places, self.config.n_heads, projected.dtype)
        if self.summary is not None:
            bias[..., :L, L:] = 0.0
            bias[..., L:, :L] = 0.0
        keep = None
        if masks is not None:
            real = F.pad(masks, (0, n_frames), value=True)
            bias.masked_fill_(~real[:, None, None, :], float("-inf"))
            keep = real[..., None].to(projected.dtype)
        audio = table[:, L:] + self.audio_modality
        summary = tints = None
        if self.summary is not None:
            summary = self.summary(projected, cond_mask)
            audio = audio + summary[:, None]
            tints = None if self.tints is None else self.tints(summary)
        if lane is not None:
            audio = audio + self._embed_lane(lane, n_frames, drop_lane)
        heard = projected + table[:, :L] + self.cond_modality
        return Context(heard, keep, bias, audio, tints, summary)

    def logits(self, codes: Tensor, context: Context) -> Tensor:
        """Logits by code [B, K, T, V] for codes [B, K, T]; unknown ones hold ``mask_id``."""
        step = self.head_logits if self.step is None else self.step
        return self.by_code(step(codes, context))

    def head_logits(self, codes: Tensor, context: Context) -> Tensor:
        """What head k says at position t [B, K, T, V], before the layout is applied."""
        B, K, T = codes.shape
        x = self.decode(self.encode(codes, context), context)
        out: Tensor = self.heads(x[:, -T:].to(self.heads.weight.dtype))  # [B, T, K*V]
        return out.view(B, T, K, -1).transpose(1, 2)

    def guesses(self, codes: Tensor, context: Context, asked: Tensor) -> list[Tensor]:
        """Logits [n, V] of the codes that are ``asked`` [B, K, T], codebook by codebook.

        Heads are as costly as layers, and most of what they say is not asked.
        """
        K, T = codes.shape[1:]
        if self.step is not None or self.config.layout != "aligned":
            # A recorded step says all; and by the official layout heads speak for each other.
            logits = self.logits(codes, context)
            return [logits[:, k][asked[:, k]] for k in range(K)]
        x = self.decode(self.encode(codes, context), context)[:, -T:]
        heads = self.heads.weight.chunk(K)
        return [F.linear(x[asked[:, k]].to(head.dtype), head) for k, head in enumerate(heads)]

    def encode(self, codes: Tensor, context: Context) -> Tensor:
        """Output of the encoder stack [B, L+T, D]."""
        L = context.cond.shape[1]
        audio = self.embed_codes(codes) + context.audio
        x = torch.cat((context.cond, audio), dim=1)
        for n, block in enumerate(self.encoder):
            x = self._beside(x, L, n)
            x = block(x, L, self.encoder_norm, context.bias, context.keep, context.tint(n))
        out: Tensor = self.encoder_norm(x, L)
        return out

    def decode(self, x: Tensor, context: Context) -> Tensor:
        """Output of the decoder stack [B, L+T, D]."""
        L = context.cond.shape[1]
        for n, block in enumerate(self.decoder, start=len(self.encoder)):
            x = self._beside(x, L, n)
            x = block(x, context.bias, context.keep, context.tint(n))
        out: Tensor = self.decoder_norm(x)
        return out

    def _beside(self, x: Tensor, n_cond: int, layer: int) -> Tensor:
        """Tell the code frames of x [B, N, D] of their neighbours, if this net does so."""
        return self.neighbours[layer](x, n_cond) if self.neighbours else x

    def embed_codes(self, codes: Tensor) -> Tensor:
        """Sum of the K code vectors of each code frame, projected [B, T, D]."""
        tables = torch.cat((self.codebooks, self.mask_rows[:, None]), dim=1)  # [K, V+1, C]
        K, rows, C = tables.shape
        offset = torch.arange(K, device=codes.device)[:, None] * rows
        vectors = F.embedding(codes + offset, tables.reshape(K * rows, C)).sum(dim=1)
        return self.code_proj(vectors.to(self.code_proj.weight.dtype))  # type: ignore[no-any-return]

    def by_code(self, heads: Tensor) -> Tensor:
        """Reorder head outputs [B, K, T, V] so that [b, k, t] is about codes[b, k, t]."""
        if self.config.layout == "aligned":
            return heads
        B, K, T, V = heads.shape
        return heads.reshape(B, T, K, V).transpose(1, 2)

    def forward(
        self,
        codes: Tensor,
        cond: Tensor,
        cond_mask: Tensor | None = None,
        lane: Tensor | None = None,
        drop_cond: Tensor | None = None,
        drop_lane: Tensor | None = None,
    ) -> Tensor:
        """Logits by code [B, K, T, V]; see ``context`` for the arguments."""
        n_frames = codes.shape[-1]
        return self.logits(
            codes, self.context(cond, cond_mask, n_frames, lane, drop_cond, drop_lane)
        )

    def _check_length(self, n_cond: int, n_frames: int) -> None:
        window, rows = self.config.window_code_frames, self.config.n_positions
        if self.config.fixed_window and n_frames != window:
            raise ValueError(f"The official layout takes {window} code frames, not {n_frames}.")
        if n_cond + n_frames > rows:
            raise ValueError(f"{n_cond} states and {n_frames} code frames exceed {rows} positions.")

    def _places(self, L: int, T: int, mask: Tensor | None, count_padding: bool) -> Tensor:
        """Index of every position [1 or B, L+T]; ALiBi and the position table both go by it."""
        if mask is None or count_padding:
            steps = torch.arange(L + T, device=self.positions.device)[None]
            return steps if mask is None else steps.expand(len(mask), -1)
        before = F.pad(mask.long(), (0, T), value=1).cumsum(dim=1) - 1
        return before.clamp(min=0)

    def _embed_lane(self, lane: Tensor, n_frames: int, drop_lane: Tensor | None) -> Tensor:
        if self.lane_proj is None:
            raise ValueError("This model has no sync lane (lane_width is 0).")
        if lane.shape[1:] != (n_frames, self.config.lane_width):
            raise ValueError(
                f"A lane of shape {tuple(lane.shape)}; wanted [B, {n_frames}, "
                f"{self.config.lane_width}]."
            )
        if self.config.lane_tails:
            lane = with_tails(lane, self.config.lane_tails)
        heard: Tensor = self.lane_proj(lane.to(self.code_proj.weight.dtype))
        if drop_lane is not None:
            heard = heard.masked_fill(drop_lane[:, None, None], 0.0)
        return heard


def _padded(cond: Tensor, mask: Tensor | None, length: int) -> tuple[Tensor, Tensor | None]:
    """A condition padded on the right to ``length`` states, if it is shorter."""
    room = length - cond.shape[1]
    if room <= 0:
        return cond, mask
    if mask is None:
        mask = torch.ones(cond.shape[:2], dtype=torch.bool, device=cond.device)
    return F.pad(cond, (0, 0, 0, room)), F.pad(mask, (0, room), value=False)


def with_tails(lane: Tensor, tails: tuple[float, ...]) -> Tensor:
    """A lane [B, T, W] with trails of its hits: [B, T, W + 2 + 2 * tails].

    A hit is one number in one code frame, but rings on for many and may be led up to. Told how
    long ago the last ones were, a net need not learn to look around first. Two numbers are
    trailed: how strong a hit is, and that there is one.

    Args:
        lane: its first number is the hit.
        tails: lengths in code frames; negative ones rise towards the hit.
    """
    T = lane.shape[1]
    lane = lane.float()
    strength = lane[..., :1]
    hits = torch.cat((strength, (strength > 0).float()), dim=-1)  # [B, T, 2]
    length = torch.tensor(tails, device=lane.device)[:, None, None]
    step = torch.arange(T, device=lane.device)
    since = (step[:, None] - step)[None] * length.sign()  # [tails, T, T]
    trail = torch.where(since >= 0, (-since.clamp(min=0) / length.abs()).exp(), 0.0)
    # [B, T, tails, 2] -> [B, T, 2 * tails]
    trailed = torch.einsum("nts,bsw->btnw", trail, hits).flatten(2)
    return torch.cat((lane, hits, trailed), dim=-1)


def position_table(n_positions: int, width: int) -> Tensor:
    """Fixed sin-cos table [n_positions, width]: sines in the first half, cosines in the second."""
    half = width // 2
    rate = 10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(n_positions, dtype=torch.float64)[:, None] * rate
    return torch.cat((angle.sin(), angle.cos()), dim=1).float()
