"""How much memory a model needs, estimated from its sizes; no torch here.

Weights are counted exactly from the config; activations by the largest tensors of each stage at
the given batch. ``offload`` is the peak when the LM stays in main memory and only one of its
layers at a time, or its output layer, is on the device.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vatt_engine.config import AudioModelConfig, ConverterConfig, ModelConfig
from vatt_engine.sound_config import CodecConfig

# On a CPU, an LM with more parameters than this stays in 16 bits.
WIDE_ON_CPU = 2_000_000_000
_OVERHEAD = 600 << 20  # CUDA context, kernels, allocator slack


def converter_parameters(c: ConverterConfig) -> int:
    """Weights of LM and projection, LoRA not counted."""
    inner, kv = c.n_heads * c.head_dim, c.n_kv_heads * c.head_dim
    layer = 2 * c.width * inner + 2 * c.width * kv + 3 * c.width * c.ff_width + 2 * c.width
    tables = c.vocabulary * c.width * (1 if c.tied_embeddings else 2)
    return c.n_layers * layer + tables + c.width + (c.projected_width + 1) * c.width


def audio_parameters(a: AudioModelConfig) -> int:
    """Trained weights of the audio model; tables and codebooks not counted."""
    attention, ff = 4 * a.width * a.n_heads * a.head_dim, 8 * a.width**2
    encoder = a.n_encoder_layers * (attention + 2 * ff) + 4 * a.width
    decoder = a.n_decoder_layers * (attention + ff + 4 * a.width) + 2 * a.width
    heads = a.width * a.n_codebooks * a.codebook_size
    ends = (a.cond_width + 1 + a.codebook_dim + 1 + 2) * a.width + a.n_codebooks * a.codebook_dim
    heard = a.lane_width + (2 + 2 * len(a.lane_tails)) * bool(a.lane_tails)
    lane = (heard + 1) * a.width + a.width**2 if a.lane_width else 0
    summary = (a.width + 1) * a.n_heads + 2 * a.width**2 if a.close_condition else 0
    n_layers = a.n_encoder_layers + a.n_decoder_layers
    tints = a.tint_rank * (a.width + 1 + 2 * n_layers * a.width)
    near = (2 + 2 * a.neighbours + 1 + a.width) * a.width * n_layers * bool(a.neighbours)
    return encoder + decoder + heads + ends + lane + summary + tints + near


def codec_parameters(c: CodecConfig) -> int:
    """Rough count of the codec's weights (within a few per cent)."""
    width, total = c.n_filters, 2 * c.kernel_size * c.n_filters
    for ratio in reversed(c.ratios):
        residual = width * (width // c.compress) * (c.residual_kernel_size + 1)
        total += 2 * (residual * c.n_residual_layers + 4 * ratio * width * width)
        width *= 2
    total += 2 * (c.last_kernel_size * width * c.dimension + c.lstm * 8 * width * width)
    return total + 2 * c.n_codebooks * c.codebook_size * c.dimension


def estimate_memory(
    config: ModelConfig, file_bytes: Mapping[str, int] | None = None, batch: int = 1
) -> dict[str, Any]:
    """Bytes on the device, by part, resident and with ``--offload``.

    Args:
        config: the model.
        file_bytes: size of each component's file, for parts whose sizes the config cannot tell.
        batch: takes made in one go.

    Returns:
        ``{"weights": {part: bytes}, "activations", "resident", "offload", "cpu"}`` in bytes, for
        16-bit weights in LM and audio model; ``cpu`` is main memory when all runs there, in 32
        bits except for a large LM.
    """
    a, files = config.audio, file_bytes or {}
    n = config.longest_condition + a.window_code_frames
    pairs = 2 * batch  # both halves of the guidance
    step = pairs * n * a.width * 12 * 2 + pairs * a.window_code_frames * a.n_codebooks * (
        a.codebook_size * 6
    )
    bias = a.n_heads * n * n * 2 * 2
    wave = batch * config.window_samples * max(config.codec.n_filters, 16) * 4 * 3
    weights = {
        "visual": files.get("visual", 2 * _visual_guess(config)),
        "converter": 2 * converter_parameters(config.converter),
        "audio": 2 * audio_parameters(a),
        "codec": 4 * codec_parameters(config.codec),
    }
    activations = max(step + bias, wave)
    resident = sum(weights.values()) + activations + _OVERHEAD
    offload = resident - weights["converter"] + 2 * _visitor_parameters(config.converter)
    lm = 1 if converter_parameters(config.converter) > WIDE_ON_CPU else 2
    widened = lm * weights["converter"] + 2 * (weights["audio"] + activations)
    return {
        "weights": weights,
        "activations": activations,
        "resident": resident,
        "offload": offload,
        "cpu": widened + weights["visual"] + weights["codec"] + _OVERHEAD,
    }


def advice(estimate: Mapping[str, Any], ram: int) -> str:
    """The estimate in a sentence for people."""
    gb = {key: estimate[key] / 1e9 for key in ("resident", "offload", "cpu")}
    words = (
        f"A GPU needs about {gb['resident']:.1f} GB of memory for it, {gb['offload']:.1f} GB with "
        f"--offload; on the CPU it takes about {gb['cpu']:.1f} GB"
    )
    if not ram:
        return f"{words}."
    fits = "fits" if fits_cpu(estimate, ram) else "does not fit"
    return f"{words}, which {fits} this machine's {ram / 1e9:.0f} GB."


def fits_cpu(estimate: Mapping[str, Any], ram: int) -> bool | None:
    """Whether main memory of ``ram`` bytes holds it beside other programs; None if unknown (0)."""
    return bool(estimate["cpu"] < 0.8 * ram) if ram else None


def _visitor_parameters(c: ConverterConfig) -> int:
    """Weights of the largest part of the LM that visits the device at once, twice for overlap."""
    table = c.vocabulary * c.width
    layers = converter_parameters(c) - table * (1 if c.tied_embeddings else 2)
    return max(table, 2 * layers // c.n_layers)


def machine_memory() -> dict[str, int]:
    """Physical memory of this machine in bytes, 0 where the system does not tell."""
    try:
        n_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        n_bytes = 0
    return {"ram": n_bytes}


def _visual_guess(config: ModelConfig) -> int:
    """Parameters of the backbone: known for the published one, small otherwise."""
    return 304_000_000 if config.visual.architecture == "EVA02-L-14-336" else 6_000_000
