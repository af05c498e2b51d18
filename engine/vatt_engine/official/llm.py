"""The converter from published files: base LLM, converter weights, LoRA, whatever wraps them.

The same tensors come under many names: with or without ``encoder.``, peft's
``base_model.model.``, the causal LM's ``model.``. All are brought to one short form
(``layers.0.self_attn.q_proj.weight``, ``norm.weight``, ``embed_tokens.weight``,
``video_proj.bias`` ...). For each tensor the audio checkpoint comes first, then the converter
file, then the base LLM; LoRA is folded in once, W + (alpha / rank) B A.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vatt_engine.config import CaptionConfig, ConverterConfig
from vatt_engine.errors import BadCheckpoint
from vatt_engine.official.audio import PREFIX as AUDIO_PREFIX
from vatt_engine.official.audio import report_keys
from vatt_engine.official.reading import TensorSource
from vatt_engine.official.writing import Planned

# LoRA as published: alpha 32, rank 16. The rank is read off the shapes, the scale cannot be.
LORA_SCALE = 2.0
_WRAPPERS = ("encoder.", "base_model.", "model.", "llm.")
_LORA = re.compile(r"^(?P<at>.*)\.lora_(?P<half>[AB])(\.default)?\.weight$")
_IGNORED = re.compile(r"rotary_emb\.(original_)?inv_freq$|^$")
_KNOWN = re.compile(r"^(layers\.\d+\.|norm\.|embed_tokens\.|lm_head\.|video_proj\.)")


@dataclass(frozen=True)
class LlmFiles:
    """Sources of the converter, first come first served.

    Attributes:
        sources: in order of precedence.
        config: contents of the base LLM's ``config.json``.
        folder: of the base LLM, where the tokenizer is.
    """

    sources: Sequence[TensorSource]
    config: Mapping[str, Any]
    folder: Path


def short_name(name: str) -> str:
    """The short form of a published LLM key; empty for keys of other parts."""
    if name.startswith(AUDIO_PREFIX):
        return ""
    name = name.replace(".base_layer.", ".")
    while name.startswith(_WRAPPERS):
        name = name.split(".", 1)[1]
    return name


def read_config(
    files: LlmFiles, n_video_tokens_room: int, video_frames_a_token: int = 5
) -> ConverterConfig:
    """Sizes of the converter from the base LLM's config and the tensors' shapes.

    Args:
        files: sources and the base LLM's config.
        n_video_tokens_room: most text tokens the audio model's position table has room for.
        video_frames_a_token: video frames averaged into one.

    Raises:
        BadCheckpoint: neither Llama nor Gemma, or the visual projection is nowhere.
    """
    c = files.config
    family = str(c.get("model_type", ""))
    if family not in ("llama", "gemma"):
        raise BadCheckpoint(
            f"{files.folder / 'config.json'} describes a {family or 'nameless'!r} model; VATT "
            "was published with llama (Vicuna-7B) and gemma (Gemma-2B).",
            "Put the right base LLM into the folder.",
        )
    where = _index(files.sources)
    if "video_proj.weight" not in where:
        raise BadCheckpoint(
            "No file holds video_proj.weight, the projection of the picture into the LLM.",
            "Add the converter's pytorch_model.bin (checkpoint-117000 or checkpoint-231000).",
        )
    source, name = where["video_proj.weight"]
    width, video_width = source.shape(name)
    gemma = family == "gemma"
    n_heads = _number(c, "num_attention_heads", files.folder)
    rope = c.get("rope_parameters") or {}
    embedding, embedding_name = where.get("embed_tokens.weight", (None, ""))
    vocabulary = c.get("vocab_size", 0)
    if embedding is not None:
        vocabulary = embedding.shape(embedding_name)[0]
    activation = c.get("hidden_activation") or c.get("hidden_act") or "silu"
    if gemma and not c.get("hidden_activation"):
        activation = "gelu_pytorch_tanh"  # what Gemma was trained with, its first config aside
    eos = c.get("eos_token_id", 1 if gemma else 2)
    return ConverterConfig(
        family="gemma" if gemma else "llama",
        prompt_style="gemma" if gemma else "vicuna",
        vocabulary=int(vocabulary),
        width=width,
        n_layers=_number(c, "num_hidden_layers", files.folder),
        n_heads=n_heads,
        n_kv_heads=int(c.get("num_key_value_heads") or n_heads),
        head_dim=int(c.get("head_dim") or width // n_heads),
        ff_width=_number(c, "intermediate_size", files.folder),
        activation=activation,
        norm_eps=float(c.get("rms_norm_eps", 1e-6)),
        rope_theta=float(c.get("rope_theta") or rope.get("rope_theta") or 10_000.0),
        max_positions=int(c.get("max_position_embeddings", 2048)),
        tied_embeddings=bool(c.get("tie_word_embeddings", gemma)),
        video_width=video_width,
        video_frames_a_token=video_frames_a_token,
        max_text_tokens=min(64, n_video_tokens_room),
        bos_id=int(c.get("bos_token_id", 2 if gemma else 1)),
        eos_id=int(eos[0] if isinstance(eos, list) else eos),
        pad_id=0,
        caption=CaptionConfig(instruction=0 if gemma else 1),
    )


def plan_llm(
    files: LlmFiles,
    wanted: Mapping[str, tuple[int, ...]],
    ignore_unknown: bool = False,
) -> tuple[dict[str, Planned], int]:
    """Our converter's tensors by our names, after checking every published key.

    Args:
        files: sources in order of precedence.
        wanted: our keys (``llm.model.layers...``) with shapes.
        ignore_unknown: leave unknown keys out instead of refusing the file.

    Returns:
        The tensors, and how many Linears get LoRA folded in.

    Raises:
        BadCheckpoint: a missing or extra key, or a wrong shape, named.
    """
    where = _index(files.sources)
    lora = _lora(files.sources)
    ours = {our_name(name): name for name in where}
    unknown = [n for n in ours if n not in wanted and not _is_tied_head(n, wanted)]
    if unknown and not ignore_unknown:
        source, name = where[ours[unknown[0]]]
        report_keys(source, [], [where[ours[n]][1] for n in unknown], [])
    nowhere = [n for n in wanted if n not in ours]
    if nowhere:
        report_keys(files.sources[0], nowhere, [], [])
    left = sorted(set(lora) - {n.removesuffix(".weight") for n in where})
    if left:
        report_keys(files.sources[0], [f"{at}.weight" for at in left], [], [])
    plan = {}
    for name, shape in wanted.items():
        source, theirs = where[ours[name]]
        found = source.shape(theirs)
        if found != tuple(shape):
            wrong = f"{theirs} is {list(found)} instead of {list(shape)}"
            report_keys(source, [], [], [wrong])
        if not source.dtype(theirs).is_floating_point:
            report_keys(source, [], [], [f"{theirs} holds whole numbers (quantised weights?)"])
        thin = lora.get(ours[name].removesuffix(".weight"))
        plan[name] = Planned(found, source.dtype(theirs), _maker(source, theirs, thin))
    return plan, len(lora)


def our_name(short: str) -> str:
    """Our key for a short one."""
    if short.startswith("video_proj."):
        return short
    if short.startswith("lm_head."):
        return f"llm.{short}"
    return f"llm.model.{short}"


@dataclass(frozen=True)
class _Lora:
    a: TensorSource
    a_name: str
    b: TensorSource
    b_name: str


def _index(sources: Sequence[TensorSource]) -> dict[str, tuple[TensorSource, str]]:
    """Short name -> first source that has it and its name there, LoRA left out."""
    found: dict[str, tuple[TensorSource, str]] = {}
    for source in sources:
        for name in source.names():
            short = short_name(name)
            if _LORA.match(name) or _IGNORED.search(short):
                continue
            found.setdefault(short, (source, name))
    return found


def _lora(sources: Sequence[TensorSource]) -> dict[str, _Lora]:
    """Short name of each Linear with LoRA -> its halves.

    A source that holds whole layers is complete in itself: what comes after it adds no LoRA.
    """
    for source in sources:
        halves: dict[str, dict[str, str]] = {}
        for name in source.names():
            match = _LORA.match(name)
            if match:
                halves.setdefault(short_name(match["at"] + "."), {})[match["half"]] = name
        if halves:
            broken = [at for at, pair in halves.items() if len(pair) != 2]
            if broken:
                report_keys(source, [f"the other half of LoRA at {broken[0]}"], [], [])
            pairs = {at.removesuffix("."): pair for at, pair in halves.items()}
            return {at: _checked(source, p["A"], p["B"]) for at, p in pairs.items()}
        if any(short_name(n).startswith("layers.") for n in source.names()):
            return {}
    return {}


def _checked(source: TensorSource, a: str, b: str) -> _Lora:
    a_shape, b_shape = source.shape(a), source.shape(b)
    if len(a_shape) != 2 or len(b_shape) != 2 or a_shape[0] != b_shape[1]:
        wrong = f"{a} is {list(a_shape)} and {b} is {list(b_shape)}; their ranks differ"
        report_keys(source, [], [], [wrong])
    return _Lora(source, a, source, b)


def _maker(source: TensorSource, name: str, lora: _Lora | None) -> Any:
    if lora is None:
        return lambda: source.get(name)

    def merged() -> Tensor:
        base = source.get(name)
        thin = lora.b.get(lora.b_name).float() @ lora.a.get(lora.a_name).float()
        if thin.shape != base.shape:
            wrong = f"{lora.b_name} x {lora.a_name} is {list(thin.shape)}, {name} is not"
            report_keys(lora.a, [], [], [wrong])
        return (base.float() + LORA_SCALE * thin).to(base.dtype)

    return merged


def _is_tied_head(name: str, wanted: Mapping[str, tuple[int, ...]]) -> bool:
    """A stored copy of tied output weights is no extra key."""
    return name == "llm.lm_head.weight" and name not in wanted


def _number(config: Mapping[str, Any], key: str, folder: Path) -> int:
    value = config.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadCheckpoint(
            f"{folder / 'config.json'} has no usable {key!r}.", "Fetch the base LLM again."
        )
    return value


def read_llm_json(folder: Path) -> dict[str, Any]:
    """The base LLM's ``config.json``.

    Raises:
        BadCheckpoint: it is not JSON.
    """
    try:
        data = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{folder / 'config.json'} cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise BadCheckpoint(f"{folder / 'config.json'} is no object.")
    return data


def has_llm_keys(source: TensorSource) -> bool:
    """Whether a file holds anything of the converter."""
    return any(_KNOWN.match(short_name(n)) or _LORA.match(n) for n in source.names())


def embedding_source(path: Path, table: Tensor) -> TensorSource:
    """The word embedding that Gemma's authors keep in a file of its own."""
    from vatt_engine.official.reading import DictSource

    return DictSource(path, {"embed_tokens.weight": table.to(torch.float32)})
