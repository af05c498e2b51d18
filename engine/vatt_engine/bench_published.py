"""``vatt bench --size published``: how fast the published size runs here, on random weights.

Nothing is loaded: nets of the published sizes are filled with random numbers on the device, which
costs what real weights cost. Every stage is timed alone, warm, with the device synchronised.
With ``layers`` the stacks are cut to that many layers: a smoke test where the whole would not do.
"""

from __future__ import annotations

import dataclasses
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vatt_engine.acceleration import enable_graphs
from vatt_engine.config import ModelConfig
from vatt_engine.errors import BadRequest
from vatt_engine.messages import Bench
from vatt_engine.model_folder import build_empty, place_net, resolve_device
from vatt_engine.nets.converter import Converter, byte_tokenizer, tie_embeddings
from vatt_engine.presets import PUBLISHED, preset
from vatt_engine.sampling import sample_codes

Report = Callable[[str, int, int | None], None]

_PROMPT = "A door slams shut, then footsteps on gravel."
# A cut-down run looks up so few words that a full table would only cost memory.
_SMALL_VOCABULARY = 4096


@torch.inference_mode()
def bench_published(
    model: str = "vatt-gemma",
    device: str = "auto",
    *,
    batch_sizes: Sequence[int] = (),
    layers: int | None = None,
    steps: int | None = None,
    repeats: int | None = None,
    graphs: bool = True,
    compiled: bool = False,
    precision: str = "auto",
    report: Report = lambda *_: None,
) -> dict[str, Any]:
    """Time every stage for a 10 s window.

    Args:
        model: one of the published presets.
        device: as for ``load_model``.
        batch_sizes: clips at once; (1, 16) on CUDA and (1,) elsewhere if empty.
        layers: cut LM, audio stacks and visual encoder to that many layers; None for all.
        steps: sampling steps; the published 16 if None.
        repeats: runs of each stage, of which the median counts; 5 on CUDA, 1 elsewhere if None.
        graphs: replay steps from CUDA graphs (CUDA only).
        compiled: fuse the step by ``torch.compile`` first.
        precision: ``auto`` (bfloat16 on CUDA), ``bfloat16`` or ``float32``.
        report: called with (stage, done, total); may raise to stop.

    Returns:
        Plain numbers by name; ``batches`` holds a table per batch size.
    """
    target = resolve_device(device)
    cuda = target.type == "cuda"
    half = precision == "bfloat16" or (precision == "auto" and cuda)
    dtype = torch.bfloat16 if half else torch.float32
    config = _config(model, layers)
    if steps is not None:
        config = dataclasses.replace(
            config, sampler=dataclasses.replace(config.sampler, steps=steps)
        )
    report("building", 0, None)
    nets = _random_nets(config, target, dtype, layers)
    if cuda and graphs:
        enable_graphs(nets["audio"], config.longest_condition, compiled=compiled)
    sizes = tuple(batch_sizes) or ((1, 16) if cuda else (1,))
    n_video = config.window_video_frames if cuda else 5
    runs = repeats or (5 if cuda else 1)
    batches = {}
    for n, size in enumerate(sizes):
        report("timing", n, len(sizes))
        batches[str(size)] = _time_batch(config, nets, target, size, n_video, runs)
    peak = _matmul_flops(target, dtype)
    for count, table in batches.items():
        flops = sampler_flops(config, int(count))
        table["sampler_tflop"] = round(flops / 1e12, 3)
        table["share_of_peak"] = round(flops / table["seconds"]["sampling"] / peak, 3)
    return {
        "model": f"{model}, random weights",
        "device": str(target),
        "processor": torch.cuda.get_device_name(target) if cuda else platform.machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "precision": str(dtype).removeprefix("torch."),
        "cuda_graphs": cuda and graphs,
        "compiled": compiled,
        "layers": layers or "all",
        "window_s": config.window_s,
        "steps": config.sampler.steps,
        "visual_frames_timed": n_video,
        "matmul_tflop_per_s": round(peak / 1e12, 2),
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated(target) if cuda else 0,
        "parameters": {
            part: sum(p.numel() for p in net.parameters()) for part, net in nets.items()
        },
        "batches": batches,
    }


def run_published(request: Bench, report: Report) -> dict[str, Any]:
    """Answer a ``Bench`` request with ``size: published``.

    Args:
        request: options ``layers``, ``steps``, ``batches``, ``compiled`` and ``precision``.
        report: called with (stage, done, total); may raise to stop.

    Raises:
        BadRequest: an option that cannot be.
    """
    options = request.options
    numbers = [options.get(key) for key in ("layers", "steps")]
    batches = options.get("batches") or []
    good = isinstance(batches, list | tuple) and all(_is_count(n) for n in batches)
    if not good or not all(n is None or _is_count(n) for n in numbers):
        raise BadRequest("layers, steps and batches must be whole numbers from 1 to 1000.")
    if request.model and request.model not in PUBLISHED:
        raise BadRequest(
            f"{request.model!r} is no published size.", f"Choose one of {', '.join(PUBLISHED)}."
        )
    return bench_published(
        request.model or "vatt-gemma",
        request.device,
        batch_sizes=batches,
        layers=numbers[0],
        steps=numbers[1],
        compiled=bool(options.get("compiled", False)),
        precision=str(options.get("precision", "auto")),
        report=report,
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1000


def sampler_flops(config: ModelConfig, batch: int) -> float:
    """Multiply-adds times two of all sampling steps, both halves of the guidance."""
    a = config.audio
    n_cond, n = config.longest_condition, config.longest_condition + a.window_code_frames
    attention, ff = 4 * a.width * a.n_heads * a.head_dim, 8 * a.width**2
    layers = a.n_encoder_layers + a.n_decoder_layers
    weights = n * layers * (attention + ff)  # a position passes one feed-forward a layer
    heads = a.window_code_frames * a.width * a.n_codebooks * a.codebook_size
    ends = n_cond * a.cond_width * a.width / config.sampler.steps
    pairs = layers * 2 * n * n * a.n_heads * a.head_dim
    guided = 0 if config.sampler.cfg == 1.0 else config.sampler.guided_steps
    return 2.0 * batch * (config.sampler.steps + guided) * (weights + heads + ends + pairs)


def _config(model: str, layers: int | None) -> ModelConfig:
    config = preset(model)
    if layers is None:
        return config
    return dataclasses.replace(
        config,
        converter=dataclasses.replace(
            config.converter, n_layers=layers, vocabulary=_SMALL_VOCABULARY
        ),
        audio=dataclasses.replace(config.audio, n_encoder_layers=layers, n_decoder_layers=layers),
    )


def _random_nets(
    config: ModelConfig, device: torch.device, dtype: torch.dtype, layers: int | None
) -> dict[str, Any]:
    """The four nets filled with random numbers where they will run."""
    nets: dict[str, Any] = build_empty(config, byte_tokenizer())
    if layers is not None:
        trunk = nets["visual"].backbone.trunk
        trunk.blocks = trunk.blocks[:layers]
    generator = torch.Generator(device).manual_seed(0)
    for part, net in nets.items():
        kind = {"codec": torch.float32, "visual": torch.float16 if device.type == "cuda" else dtype}
        _fill(net, device, kind.get(part, dtype), generator)
        net.requires_grad_(False).eval()
    return nets


def _fill(net: nn.Module, device: torch.device, dtype: torch.dtype, g: torch.Generator) -> None:
    """Random weights of a size that keeps signals finite, made on the device."""
    tensors = {}
    for name, p in net.named_parameters():
        value = torch.ones(p.shape, dtype=dtype, device=device)
        if p.ndim >= 2 and not name.endswith("weight_g"):
            value.normal_(0.0, p[0].numel() ** -0.5, generator=g)
        tensors[name] = value
    net.load_state_dict(tensors, strict=False, assign=True)
    if isinstance(net, Converter):
        tie_embeddings(net)
    place_net(net, device, dtype)


def _time_batch(
    config: ModelConfig, nets: dict[str, Any], device: torch.device, size: int, n_video: int,
    repeats: int,
) -> dict[str, Any]:  # fmt: skip
    side = config.visual.image_size
    pictures = torch.zeros(n_video, 3, side, side, dtype=torch.uint8, device=device)
    video = torch.randn(size, config.window_video_frames, config.visual.width, device=device)
    seconds: dict[str, float] = {}

    def timed(stage: str, call: Callable[[], Any]) -> Any:
        seconds[stage], result = _median(call, device, repeats)
        return result

    timed("visual", lambda: nets["visual"](pictures))
    cond, mask = timed("converter", lambda: nets["converter"].states(video, [_PROMPT] * size))

    def sample() -> Tensor:
        generators = [torch.Generator().manual_seed(i) for i in range(size)]
        return sample_codes(
            nets["audio"], cond, mask, generators=generators, sampler=config.sampler
        )

    codes = timed("sampling", sample)
    timed("codec", lambda: nets["codec"].decode(codes))
    # What the paper times: converter and sampler; then with the waveform, as a user waits for it.
    total = seconds["converter"] + seconds["sampling"] + seconds["codec"]
    return {
        "seconds": {stage: round(s, 4) for stage, s in seconds.items()},
        "converter_sampling_codec_s": round(total, 4),
        "per_clip_s": round(total / size, 4),
        "codes_per_s": round(codes.numel() / seconds["sampling"], 1),
        "real_time_factor": round(size * config.window_s / total, 2),
    }


def _median(call: Callable[[], Any], device: torch.device, repeats: int) -> tuple[float, Any]:
    """Median seconds of a warm call, and what it returned."""
    n_warm = 2 if device.type == "cuda" else 0
    times, result = [], None
    for n in range(n_warm + repeats):
        _wait(device)
        before = time.perf_counter()
        result = call()
        _wait(device)
        if n >= n_warm:
            times.append(time.perf_counter() - before)
    return statistics.median(times), result


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _matmul_flops(device: torch.device, dtype: torch.dtype) -> float:
    """What this device does in large matrix products, the yardstick for ``share_of_peak``."""
    n = 8192 if device.type == "cuda" else 768
    a = torch.randn(n, n, device=device, dtype=dtype)
    seconds, _ = _median(lambda: a @ a, device, 5)
    return 2.0 * n**3 / seconds
