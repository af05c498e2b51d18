"""How codes are drawn and how they become sound: the configs of sampler and codec.

Like those of ``config``: frozen, no torch, and impossible values are refused when they are built.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import Literal

from vatt_engine.config_limits import MAX_WIDTH, check

DRAWN_GROUPS = 5
"""Groups of bands whose attacks a drawn codec follows (``nets.drawn``)."""


@dataclass(frozen=True)
class CodecConfig:
    """EnCodec: waveform to codes and back (SEANet and a residual vector quantiser).

    Attributes:
        kind: ``seanet``, or ``drawn``: levels and turns of bands by a linear map (``nets.drawn``),
            for which of what follows only bands, ratios, dimension and codebooks count.
        bands: M of a fixed lapped transform before and behind the net; 1: none, as published.
        companding: level under which the bands are linear and above which they are logarithmic
            (asinh); 0: linear throughout. Only with bands.
        noise: the decoder writes a mean and a spread for each band, and sound is drawn from
            them. Only with bands.
        ratios: up-sampling factors of the decoder; times the bands, the hop.
        true_skip: identity shortcuts in the residual blocks (AudioGen) instead of 1x1 convs.
    """

    sample_rate: int = 16_000
    kind: Literal["seanet", "drawn"] = "seanet"
    bands: int = 1
    companding: float = 0.0
    noise: bool = False
    ratios: tuple[int, ...] = (8, 5, 4, 2)
    n_filters: int = 64
    dimension: int = 128
    n_residual_layers: int = 1
    kernel_size: int = 7
    last_kernel_size: int = 7
    residual_kernel_size: int = 3
    dilation_base: int = 2
    compress: int = 2
    lstm: int = 2
    pad_mode: Literal["constant", "reflect"] = "constant"
    true_skip: bool = True
    causal: bool = False
    n_codebooks: int = 4
    codebook_size: int = 2048

    def __post_init__(self) -> None:
        check(8000 <= self.sample_rate <= 192_000, "codec.sample_rate is out of range.")
        check(bool(self.ratios) and min(self.ratios) > 0, "codec.ratios must be positive.")
        check(
            self.bands == 1 or (self.bands > 1 and self.bands % 2 == 0),
            f"codec.bands is {self.bands}; allowed: 1, or an even number.",
        )
        check(
            self.companding == 0 or (0 < self.companding < 1 and self.bands > 1),
            f"codec.companding is {self.companding}; allowed: 0, or up to 1 with bands.",
        )
        check(self.bands > 1 or not self.noise, "codec.noise needs codec.bands.")
        check(
            self.kind == "seanet" or (self.bands % DRAWN_GROUPS == 0 and self.bands > 1),
            f"codec.bands is {self.bands}; a drawn codec needs a multiple of {DRAWN_GROUPS}.",
        )
        check(self.n_filters > 0 and self.dimension > 0, "codec: sizes must be positive.")
        check(self.n_codebooks > 0 and self.codebook_size > 1, "codec: codebooks.")
        check(0 <= self.lstm <= 16 and 0 < self.n_residual_layers <= 16, "codec: layers.")
        widest = self.n_filters * 2 ** len(self.ratios)
        check(len(self.ratios) <= 10 and widest <= MAX_WIDTH, "codec: too wide.")
        check(self.dimension <= MAX_WIDTH and self.n_codebooks <= 64, "codec: too many codes.")

    @property
    def hop_length(self) -> int:
        """Samples a code frame."""
        return self.bands * prod(self.ratios)

    @property
    def frame_rate(self) -> float:
        """Code frames a second."""
        return self.sample_rate / self.hop_length


@dataclass(frozen=True)
class SamplerConfig:
    """Iterative parallel decoding; defaults are those of the published script.

    Attributes:
        cfg: guidance strength; 1 leaves out the unguided half.
        guided_share: of the steps, the first ones, that are guided (arXiv 2404.07724). With
            ``coarse_first`` the others fill fine codebooks, where guidance is not heard.
        lane_cfg: guidance strength of the sync lane alone; None strengthens it along with the
            words. 1 leaves it as it is.
        mask_temperature: how random the choice is of codes that are masked again.
        coarse_first: how much surer a codebook counts than the next finer one when codes are
            masked again; as large as 1000, the first codebook is finished before the second.
        temperature: of the draw of a code.
        fine_temperature: of the finest codebook; those between it and the coarsest go up or down
            to it in even steps. None: all have the same.
        top_k: candidates a code is drawn from.
        steady: how much the draws of neighbouring code frames resemble each other, 0 to below 1
            (``sampling.follow``).
        drafts: takes drawn for each one that is asked for; the self-check keeps the best.
    """

    steps: int = 16
    cfg: float = 5.0
    guided_share: float = 1.0
    lane_cfg: float | None = None
    mask_temperature: float = 25.5
    temperature: float = 1.0
    fine_temperature: float | None = None
    top_k: int = 256
    coarse_first: float = 0.0
    steady: float = 0.0
    drafts: int = 1

    def __post_init__(self) -> None:
        check(1 <= self.drafts <= 16, f"sampler.drafts is {self.drafts}; allowed: 1 to 16.")
        check(0 <= self.steady < 1, f"sampler.steady is {self.steady}; allowed: 0 to below 1.")
        check(1 <= self.steps <= 1000, f"sampler.steps is {self.steps}; allowed: 1 to 1000.")
        check(0 <= self.cfg <= 100, f"sampler.cfg is {self.cfg}; allowed: 0 to 100.")
        check(
            0 < self.guided_share <= 1,
            f"sampler.guided_share is {self.guided_share}; allowed: above 0, to 1.",
        )
        check(self.temperature > 0 and self.top_k > 0, "sampler: temperature or top_k.")
        check(
            self.fine_temperature is None or self.fine_temperature > 0,
            "sampler.fine_temperature must be positive.",
        )
        check(self.mask_temperature >= 0, "sampler.mask_temperature must not be negative.")
        check(
            self.lane_cfg is None or 0 <= self.lane_cfg <= 100,
            f"sampler.lane_cfg is {self.lane_cfg}; allowed: none, or 0 to 100.",
        )
        check(0 <= self.coarse_first <= 1e6, "sampler.coarse_first must not be negative.")

    @property
    def guided_steps(self) -> int:
        """How many steps are guided."""
        return ceil(self.guided_share * self.steps)

    def temperatures(self, n_codebooks: int) -> list[float]:
        """Of the draw of each codebook, the coarsest first."""
        last = self.temperature if self.fine_temperature is None else self.fine_temperature
        step = (last - self.temperature) / max(1, n_codebooks - 1)
        return [self.temperature + k * step for k in range(n_codebooks)]
