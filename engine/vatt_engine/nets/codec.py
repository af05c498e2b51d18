"""EnCodec: waveform to codes and back (arXiv 2210.13438), built from the ``encodec`` package.

The parts and their state-dict names are that package's, which are AudioGen's too, so published
codec weights need no renaming. Options differ from the package's defaults; they are in
``CodecConfig``. The running statistics of the quantiser serve training only: a model folder may
leave them out (``TRAINING_ONLY``).
"""

from __future__ import annotations

import warnings
from math import prod

import torch
from torch import Tensor, nn

from vatt_engine.nets.drawn import Describer, DrawnDecoder, DrawnEncoder
from vatt_engine.nets.lapped import BandedDecoder, BandedEncoder, LappedTransform
from vatt_engine.sound_config import CodecConfig

TRAINING_ONLY = ("_codebook.inited", "_codebook.cluster_size", "_codebook.embed_avg")


class Codec(nn.Module):
    """Encoder, residual vector quantiser and decoder.

    Args:
        config: sizes; ``build_codec`` makes the parts that fit.
    """

    def __init__(
        self, config: CodecConfig, encoder: nn.Module, quantizer: nn.Module, decoder: nn.Module
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.quantizer = quantizer
        self.decoder = decoder

    @property
    def sample_rate(self) -> int:
        """Samples a second of every waveform here."""
        return self.config.sample_rate

    @property
    def hop_length(self) -> int:
        """Samples a code frame."""
        return self.config.hop_length

    @property
    def codebooks(self) -> Tensor:
        """Code vectors [K, V, dimension]."""
        return torch.stack([layer.codebook for layer in self.quantizer.vq.layers])  # type: ignore[union-attr]

    def encode(self, wave: Tensor) -> Tensor:
        """Codes [B, K, T] int64 of wave [B, 1, S]; T = ceil(S / hop)."""
        if wave.ndim != 3 or wave.shape[1] != 1:
            raise ValueError(f"Wanted a waveform [B, 1, S], got {tuple(wave.shape)}.")
        codes: Tensor = self.quantizer.encode(self.encoder(wave), self.sample_rate)  # type: ignore[operator]
        return codes.transpose(0, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Waveform [B, 1, T * hop] of codes [B, K, T].

        Raises:
            ValueError: a code that is no entry of its codebook (a mask id, say).
        """
        if codes.numel() and (codes.min() < 0 or codes.max() >= self.config.codebook_size):
            raise ValueError(f"Codes must lie within 0 and {self.config.codebook_size - 1}.")
        vectors = self.quantizer.decode(codes.transpose(0, 1))  # type: ignore[operator]
        wave: Tensor = self.decoder(vectors)
        return wave[..., : codes.shape[-1] * self.hop_length]

    def forward(self, wave: Tensor) -> Tensor:
        """The waveform as the codec keeps it [B, 1, S]."""
        return self.decode(self.encode(wave))[..., : wave.shape[-1]]


def build_codec(config: CodecConfig, kmeans_init: bool = False) -> Codec:
    """A codec with random weights.

    Args:
        config: sizes.
        kmeans_init: start the codebooks from the first training batch instead of at random.
    """
    from encodec.quantization import ResidualVectorQuantizer

    quantizer = ResidualVectorQuantizer(
        dimension=config.dimension,
        n_q=config.n_codebooks,
        bins=config.codebook_size,
        kmeans_init=kmeans_init,
    )
    encoder, decoder = _drawn(config) if config.kind == "drawn" else _seanets(config)
    return Codec(config, encoder, quantizer, decoder)


def _drawn(config: CodecConfig) -> tuple[nn.Module, nn.Module]:
    describer = Describer(LappedTransform(config.bands), prod(config.ratios))
    return DrawnEncoder(describer, config.dimension), DrawnDecoder(describer, config.dimension)


def _seanets(config: CodecConfig) -> tuple[nn.Module, nn.Module]:
    from encodec.modules import SEANetDecoder, SEANetEncoder

    options = {
        "dimension": config.dimension,
        "n_filters": config.n_filters,
        "n_residual_layers": config.n_residual_layers,
        "ratios": list(config.ratios),
        "norm": "weight_norm",
        "kernel_size": config.kernel_size,
        "last_kernel_size": config.last_kernel_size,
        "residual_kernel_size": config.residual_kernel_size,
        "dilation_base": config.dilation_base,
        "causal": config.causal,
        "pad_mode": config.pad_mode,
        "true_skip": config.true_skip,
        "compress": config.compress,
        "lstm": config.lstm,
    }
    with warnings.catch_warnings():
        # The package uses torch's older weight_norm, whose key names the published files have.
        warnings.simplefilter("ignore", FutureWarning)
        encoder = SEANetEncoder(config.bands, **options)
        decoder = SEANetDecoder(config.bands * (2 if config.noise else 1), **options)
    if config.bands > 1:
        transform = LappedTransform(config.bands, config.companding)
        encoder = BandedEncoder(encoder, transform)
        decoder = BandedDecoder(decoder, transform, config.noise)
    return encoder, decoder
