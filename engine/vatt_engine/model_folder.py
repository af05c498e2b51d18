"""Model folder -> nets: ``model.json``, a safetensors file per component, the tokenizer.

Loading is strict (every key, every shape), never unpickles, and never goes on the network. The
nets start without memory and take over the tensors of the files. ``tiny`` is made on the spot
from a fixed seed. ``model_writing`` writes such folders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save
from torch import Tensor, nn

from vatt_engine import repertoire_files, sentence_files
from vatt_engine.acceleration import enable_graphs
from vatt_engine.config import ModelConfig
from vatt_engine.errors import BadModelFolder, DeviceUnavailable
from vatt_engine.folding import folded
from vatt_engine.manifest import (
    COMPONENTS,
    FileEntry,
    Manifest,
    check_file,
    read_manifest,
)
from vatt_engine.memory import WIDE_ON_CPU
from vatt_engine.model_library import TINY, find_model
from vatt_engine.nets import codec as codec_net
from vatt_engine.nets import visual as visual_net
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.building import fill_random, fill_strictly, parameters_on_meta
from vatt_engine.nets.codec import Codec, build_codec
from vatt_engine.nets.converter import (
    Converter,
    build_converter,
    byte_tokenizer,
    tie_embeddings,
)
from vatt_engine.nets.prompts import TextTokenizer
from vatt_engine.nets.repertoire import Repertoire
from vatt_engine.nets.visual import VisualEncoder, build_visual
from vatt_engine.offload import offload_converter
from vatt_engine.precision import PRECISIONS, Precision, choose_precision, run_dtype
from vatt_engine.presets import preset

_TINY_SEED = 2411_05679
# Files up to this size are hashed whenever they are loaded; larger ones by ``models verify``.
_HASHED_AT_LOAD = 256 << 20


@dataclass(frozen=True)
class Model:
    """A model ready to run: nets in eval mode on one device.

    Attributes:
        model_hash: identifies config and weights (see ``Manifest.model_hash``).
        trained: False for random weights.
        folder: where it came from; None for ``tiny``.
        repertoire: sounds that the converter knows by name; None if it only writes freely.
        audio_in_bfloat16: see ``Manifest``.
        precision: what the nets are computed in.
    """

    config: ModelConfig
    visual: VisualEncoder
    converter: Converter
    audio: AudioModel
    codec: Codec
    model_hash: str
    trained: bool
    device: torch.device
    folder: Path | None = None
    repertoire: Repertoire | None = None
    audio_in_bfloat16: bool = False
    precision: Precision = "float32"

    @property
    def n_parameters(self) -> dict[str, int]:
        """Weights by component."""
        return {c: sum(p.numel() for p in getattr(self, c).parameters()) for c in COMPONENTS}


def load_model(
    name_or_folder: str | Path,
    device: str | torch.device = "cpu",
    precision: Precision | Literal["auto"] = "auto",
) -> Model:
    """Load an installed model, or make ``tiny``.

    Args:
        name_or_folder: a model's name, or the path of a model folder.
        device: where the nets go: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``. With
            ``+offload`` behind it the LM stays in main memory and visits layer by layer; a
            precision may be named there too, as in ``cpu+float32``.
        precision: of LM and audio model, where the device names none; see ``choose_precision``.

    Raises:
        UnknownModel: no such model.
        BadModelFolder: incomplete, damaged, or made by a newer version.
        DeviceUnavailable: this machine has no such device.
    """
    place, *manners = str(device).split("+")
    for manner in manners:
        if manner not in ("offload", *PRECISIONS):
            raise DeviceUnavailable(
                f"A device cannot be used as {manner!r}.",
                f"What may be behind a device: +offload, +{', +'.join(PRECISIONS)}.",
            )
    offload = "offload" in manners
    precision = next((p for p in PRECISIONS if p in manners), precision)
    target = resolve_device(place)
    if str(name_or_folder) == TINY:
        model = _make_tiny()
    else:
        model = _read_folder(find_model(str(name_or_folder)))
    if precision == "auto":
        precision = choose_precision(
            target, wide_lm=_wide_lm(model.converter), audio_fits=model.audio_in_bfloat16
        )
    for component in COMPONENTS:
        net: nn.Module = getattr(model, component)
        net.requires_grad_(False).eval()
        stays = component == "converter" and offload
        where, dtype = (
            torch.device("cpu") if stays else target,
            run_dtype(component, target, precision),
        )
        # Logits of 8 bits would tell few of the codes apart that are drawn from.
        place_net(net, where, dtype, wide=("heads.weight",) if target.type == "cpu" else ())
    if offload:
        offload_converter(model.converter, target)
    if model.repertoire is not None:
        model.repertoire.to(target)
    if target.type == "cuda":
        enable_graphs(model.audio, model.config.longest_condition)
    elif target.type == "cpu":
        # The fused kernel is the faster one in 32 bits alone.
        model.audio.set_plain(run_dtype("audio", target, precision) == torch.bfloat16)
        if model.config.visual.kind == "timm":
            model.visual.quick = folded(model.visual.backbone)
    return replace(model, device=target, precision=precision)


def stored_tensors(component: str, net: nn.Module) -> dict[str, Tensor]:
    """What a component's file holds: contiguous, no training counters, no tied copies.

    A sentence encoder has files of its own.
    """
    left_out = left_out_keys(component, net)
    return {
        k: v.detach().cpu().contiguous()
        for k, v in net.state_dict().items()
        if not k.endswith(left_out) and not k.startswith(sentence_files.INSIDE)
    }


def left_out_keys(component: str, net: nn.Module) -> tuple[str, ...]:
    """Endings of state-dict keys that a component's file need not hold."""
    if component == "visual":
        return visual_net.TRAINING_ONLY
    if component == "codec":
        return codec_net.TRAINING_ONLY
    if isinstance(net, Converter) and net.config.tied_embeddings:
        return ("llm.lm_head.weight",)
    return ("\0",)  # no key ends so; an empty tuple would do too, an empty string would not


def build_empty(
    config: ModelConfig, tokenizer: TextTokenizer, sentence_tokenizer: TextTokenizer | None = None
) -> dict[str, nn.Module]:
    """The four nets of a model without weights (parameters on ``meta``).

    Args:
        config: of the model.
        tokenizer: of its LM.
        sentence_tokenizer: of its sentence encoder, if it has one.

    Raises:
        BadModelFolder: an architecture no library knows, or sizes one refuses.
    """
    try:
        with parameters_on_meta():
            return {
                "visual": build_visual(config.visual),
                "converter": build_converter(config.converter, tokenizer, sentence_tokenizer),
                "audio": AudioModel(config.audio),
                "codec": build_codec(config.codec),
            }
    except (ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadModelFolder(
            f"The config of {config.name!r} describes nets that cannot be built: {error}.",
            "Fetch or import the model again, or update the program.",
        ) from error


def resolve_device(device: str | torch.device) -> torch.device:
    """The device of that name; ``auto`` takes CUDA, then MPS, then the CPU.

    Raises:
        DeviceUnavailable: unknown, or not on this machine.
    """
    hint = "Use --device cpu, or auto; `vatt doctor` lists what this machine has."
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        target = torch.device(device)
    except RuntimeError as error:
        raise DeviceUnavailable(
            f"There is no kind of device called {str(device)!r}.", hint
        ) from error
    n_cuda = torch.cuda.device_count() if target.type == "cuda" else 0
    there = {
        "cpu": target.index in (None, 0),
        "cuda": (target.index or 0) < n_cuda,
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(target.type, False):
        raise DeviceUnavailable(f"This machine has no device {str(device)!r}.", hint)
    return target


def place_net(
    net: nn.Module, device: torch.device, dtype: torch.dtype, wide: tuple[str, ...] = ()
) -> None:
    """Move a net; its weights become ``dtype``, its tables (rotary, codebooks) keep 32 bits.

    Weights named ``wide`` become 32 bits whatever ``dtype`` is.
    """
    for name, parameter in net.named_parameters():
        if parameter.is_floating_point():
            of_it = torch.float32 if name in wide else dtype
            parameter.data = parameter.data.to(device, of_it)
    for buffer in net.buffers():
        # Statistics stored in half precision belong to the weights; 32-bit tables stay as they are.
        if buffer.dtype in (torch.float16, torch.bfloat16):
            buffer.data = buffer.data.to(device, dtype)
    net.to(device)


def _read_folder(folder: Path) -> Model:
    manifest = read_manifest(folder)
    paths = {
        what: check_file(folder, entry, whole=entry.n_bytes <= _HASHED_AT_LOAD)
        for what, entry in manifest.files.items()
    }
    tokenizers = [sentence_files.read_tokenizer(paths["tokenizer"])]
    if manifest.config.converter.sentence is not None:
        tokenizers.append(sentence_files.read_tokenizer(paths["sentence_tokenizer"]))
    nets = build_empty(manifest.config, *tokenizers)
    for component, net in nets.items():
        name = manifest.files[component].name
        tensors = sentence_files.read_tensors(paths[component])
        if component == "converter" and manifest.config.converter.sentence is not None:
            inside = sentence_files.read_encoder_tensors(paths["sentence"], paths["sentence_words"])
            tensors |= {f"{sentence_files.INSIDE}{k}": t for k, t in inside.items()}
        fill_strictly(net, tensors, f"{name} in {folder}", left_out_keys(component, net))
    model = _assemble(manifest, nets, folder)
    if not paths.keys() >= repertoire_files.NAMES.keys():
        return model
    repertoire = repertoire_files.read_repertoire(
        paths["repertoire"], paths["repertoire_words"], manifest.config.converter
    )
    return replace(model, repertoire=repertoire)


def _assemble(manifest: Manifest, nets: Mapping[str, Any], folder: Path | None) -> Model:
    tie_embeddings(nets["converter"])
    return Model(
        config=manifest.config,
        **nets,
        model_hash=manifest.model_hash,
        trained=manifest.trained,
        device=torch.device("cpu"),
        folder=folder,
        audio_in_bfloat16=manifest.audio_in_bfloat16,
    )


def _make_tiny() -> Model:
    """The ``tiny`` preset with random weights; the same everywhere."""
    config = preset(TINY)
    tokenizer = byte_tokenizer()
    nets: dict[str, Any] = build_empty(config, tokenizer)
    generator = torch.Generator().manual_seed(_TINY_SEED)
    positions = nets["audio"].positions
    for component in COMPONENTS:
        fill_random(nets[component], generator, left_out_keys(component, nets[component]))
    tables = {"positions": positions, "codebooks": nets["codec"].codebooks}
    nets["audio"].load_state_dict(tables, strict=False)
    tie_embeddings(nets["converter"])
    nets["codec"].decoder.model[-1].conv.conv.weight_g.data *= 0.4  # keep clear of full scale
    files = {
        c: FileEntry("", 0, hashlib.sha256(save(stored_tensors(c, nets[c]))).hexdigest())
        for c in COMPONENTS
    }
    text = tokenizer.to_str().encode()
    files["tokenizer"] = FileEntry("", 0, hashlib.sha256(text).hexdigest())
    return _assemble(Manifest(config, False, files), nets, None)


def _wide_lm(converter: Converter) -> bool:
    """Whether an LM is so large that a CPU keeps it in 16 bits, as its file does."""
    weights = next(converter.parameters())
    n = sum(p.numel() for p in converter.parameters())
    return n > WIDE_ON_CPU and weights.dtype != torch.float32
