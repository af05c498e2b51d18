"""Named model sizes: ``tiny`` for tests and the four published ones; no torch here.

Sizes of the published presets are those of VATT (arXiv 2411.05679) over Gemma-2B and Vicuna-7B;
``docs/vatt.md`` maps them to the paper and to the published keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from vatt_engine.config import (
    AudioModelConfig,
    CaptionConfig,
    ConverterConfig,
    ModelConfig,
    VisualConfig,
)
from vatt_engine.errors import UnknownModel
from vatt_engine.sound_config import CodecConfig, SamplerConfig

_VICUNA_7B = ConverterConfig()
_GEMMA_2B = ConverterConfig(
    family="gemma",
    prompt_style="gemma",
    vocabulary=256_000,
    width=2048,
    n_layers=18,
    n_heads=8,
    n_kv_heads=1,
    head_dim=256,
    ff_width=16_384,
    activation="gelu_pytorch_tanh",
    max_positions=8192,
    tied_embeddings=True,
    bos_id=2,
    eos_id=1,
    pad_id=0,
    caption=CaptionConfig(instruction=0),
)


def _published(name: str, converter: ConverterConfig) -> ModelConfig:
    audio = AudioModelConfig(cond_width=converter.width, layout="official")
    return ModelConfig(name, VisualConfig(), converter, audio, CodecConfig())


def _tiny() -> ModelConfig:
    vision = {"layers": 2, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}
    return ModelConfig(
        name="tiny",
        visual=VisualConfig(architecture="tiny-vit", image_size=32, width=32, vision=vision),
        converter=ConverterConfig(
            prompt_style="plain",
            vocabulary=259,
            width=64,
            n_layers=2,
            n_heads=4,
            n_kv_heads=2,
            head_dim=16,
            ff_width=128,
            max_positions=512,
            tied_embeddings=True,
            video_width=32,
            bos_id=1,
            eos_id=2,
            pad_id=0,
            caption=CaptionConfig(max_new_tokens=16),
        ),
        audio=AudioModelConfig(
            width=64,
            n_encoder_layers=2,
            n_decoder_layers=2,
            n_heads=2,
            head_dim=32,
            cond_width=64,
            codebook_size=64,
            codebook_dim=16,
            lane_width=2,
        ),
        codec=CodecConfig(n_filters=4, dimension=16, codebook_size=64, lstm=1),
        sampler=SamplerConfig(steps=8, cfg=3.0, top_k=64),
    )


PRESETS: Mapping[str, ModelConfig] = {
    "tiny": _tiny(),
    "vatt-gemma": _published("vatt-gemma", _GEMMA_2B),
    "vatt-gemma-t": _published("vatt-gemma-t", _GEMMA_2B),
    "vatt-llama": _published("vatt-llama", _VICUNA_7B),
    "vatt-llama-t": _published("vatt-llama-t", _VICUNA_7B),
}
"""Sizes by name. Only ``tiny`` can be made without files; it is random, and says so."""

PUBLISHED = ("vatt-gemma", "vatt-gemma-t", "vatt-llama", "vatt-llama-t")


def preset(name: str) -> ModelConfig:
    """The config of a preset.

    Raises:
        UnknownModel: no such preset; the known ones are listed.
    """
    if name not in PRESETS:
        raise UnknownModel(f"No preset is called {name!r}; known: {', '.join(PRESETS)}.")
    return PRESETS[name]
