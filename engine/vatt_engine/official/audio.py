"""The audio model of a published checkpoint: key table, sizes read off shapes, mapping.

Published names come from a general transformer library: sublayer i of a stack sits under
``layers.{i}``, even ones attend, odd ones feed forward. One pair of norms is stored 25 times
(the same module object in every encoder sublayer); all copies must agree.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from vatt_engine.config import AudioModelConfig, Layout
from vatt_engine.errors import BadCheckpoint
from vatt_engine.official.reading import TensorSource
from vatt_engine.official.writing import Planned, planned

PREFIX = "audio_token_decoder."
# A codebook kept as a module by some version of the code; the codec has it anyway.
_TOLERATED = (PREFIX + "quantizer",)
_HEAD_DIM = 64


def key_table(config: AudioModelConfig) -> dict[str, tuple[int, ...]]:
    """Every key of the published state dict, without prefix, with its shape."""
    D, E, inner = config.width, config.cond_width, config.n_heads * config.head_dim
    table: dict[str, tuple[int, ...]] = {
        "modality_v": (1, 1, D),
        "modality_a": (1, 1, D),
        "pos_embed": (1, config.n_positions, D),
        "embedding.special.MASK": (config.n_codebooks, config.codebook_dim),
        "embedding.out_proj.weight": (D, config.codebook_dim),
        "embedding.out_proj.bias": (D,),
        "img_linear.weight": (D, E),
        "img_linear.bias": (D,),
    }
    for k in range(config.n_codebooks):
        table[f"classifier.{k}.weight"] = (config.codebook_size, D)
    for stack, n_layers in (
        ("encoder", config.n_encoder_layers),
        ("decoder", config.n_decoder_layers),
    ):
        ways = ("A.", "B.") if stack == "encoder" else ("",)
        for i in range(2 * n_layers):
            at = f"{stack}.attn_layers.layers.{i}."
            for way in ways:
                table[f"{at}0.0.{way}weight"] = table[f"{at}0.0.{way}bias"] = (D,)
            if i % 2 == 0:
                for name in ("to_q", "to_k", "to_v"):
                    table[f"{at}1.{name}.weight"] = (inner, D)
                table[f"{at}1.to_out.weight"] = (D, inner)
            else:
                for way in ways:
                    table[f"{at}1.{way}ff.0.0.weight"] = (4 * D, D)
                    table[f"{at}1.{way}ff.2.weight"] = (D, 4 * D)
        for way in ways:
            at = f"{stack}.attn_layers.final_norm.{way}"
            table[f"{at}weight"] = table[f"{at}bias"] = (D,)
    return table


def read_config(source: TensorSource, codebook_size: int, layout: Layout) -> AudioModelConfig:
    """Sizes of the audio model in ``source``.

    The window is half the position table (1000 rows, 500 code frames); heads are 64 wide.

    Raises:
        BadCheckpoint: a key the sizes are read from is missing or oddly shaped.
    """
    names = {name.removeprefix(PREFIX) for name in source.names() if name.startswith(PREFIX)}

    def shape(name: str, n_dims: int) -> tuple[int, ...]:
        found = source.shape(PREFIX + name) if name in names else ()
        if len(found) != n_dims:
            raise BadCheckpoint(
                f"{source.path} lacks {PREFIX}{name} or holds it in an unknown shape "
                f"{list(found)}.",
                "Is this a VATT checkpoint? Fetch it again.",
            )
        return found

    queries = [n for n in names if n.endswith(".to_q.weight")]
    n_layers = {
        stack: sum(n.startswith(f"{stack}.attn_layers.") for n in queries)
        for stack in ("encoder", "decoder")
    }
    K, C = shape("embedding.special.MASK", 2)
    D, E = shape("img_linear.weight", 2)
    rows = shape("pos_embed", 3)[1]
    inner = shape("encoder.attn_layers.layers.0.1.to_q.weight", 2)[0]
    found_size = shape("classifier.0.weight", 2)[0]
    if found_size != codebook_size:
        raise BadCheckpoint(
            f"{source.path} predicts {found_size} codes a codebook, but the codec has "
            f"{codebook_size}.",
            "These files do not belong together.",
        )
    if inner % _HEAD_DIM:
        raise BadCheckpoint(f"{source.path} has attention heads of an unknown width ({inner}).")
    return AudioModelConfig(
        width=D,
        n_encoder_layers=n_layers["encoder"],
        n_decoder_layers=n_layers["decoder"],
        n_heads=inner // _HEAD_DIM,
        head_dim=_HEAD_DIM,
        cond_width=E,
        n_codebooks=K,
        codebook_size=codebook_size,
        codebook_dim=C,
        window_code_frames=rows // 2,
        n_positions=rows,
        layout=layout,
    )


def plan_audio(
    source: TensorSource, config: AudioModelConfig, codebooks: Tensor
) -> dict[str, Planned]:
    """Our audio model's tensors, by our names, after checking every published key.

    Raises:
        BadCheckpoint: a missing or extra key, a wrong shape, or copies of a norm that differ.
    """
    _check_keys(source, config)
    tensors = map_keys(
        {n.removeprefix(PREFIX): source.get(n) for n in source.names() if n.startswith(PREFIX)},
        config,
        str(source.path),
    )
    ours = {name: planned(tensor) for name, tensor in tensors.items()}
    return {"codebooks": planned(codebooks), **ours}


def map_keys(
    official: Mapping[str, Tensor], config: AudioModelConfig, where: str
) -> dict[str, Tensor]:
    """Published tensors (no prefix) to ours; codebooks are not among them."""
    o = {name: tensor.float() for name, tensor in official.items()}
    ours = {
        "positions": o["pos_embed"][0],
        "mask_rows": o["embedding.special.MASK"],
        "code_proj.weight": o["embedding.out_proj.weight"],
        "code_proj.bias": o["embedding.out_proj.bias"],
        "cond_proj.weight": o["img_linear.weight"],
        "cond_proj.bias": o["img_linear.bias"],
        "cond_modality": o["modality_v"].flatten(),
        "audio_modality": o["modality_a"].flatten(),
        "heads.weight": torch.cat([o[f"classifier.{k}.weight"] for k in range(config.n_codebooks)]),
    }
    for way, name in (("A", "cond"), ("B", "audio")):
        for part in ("weight", "bias"):
            ours[f"encoder_norm.{name}.{part}"] = _the_one(o, f".{way}.{part}", where)
    for stack, n_layers in (
        ("encoder", config.n_encoder_layers),
        ("decoder", config.n_decoder_layers),
    ):
        layers = f"{stack}.attn_layers.layers."
        for n in range(n_layers):
            attn, ff = f"{layers}{2 * n}.", f"{layers}{2 * n + 1}."
            ours[f"{stack}.{n}.attn.qkv.weight"] = torch.cat(
                [o[f"{attn}1.to_{x}.weight"] for x in "qkv"]
            )
            ours[f"{stack}.{n}.attn.out.weight"] = o[f"{attn}1.to_out.weight"]
            ways = (("A.", "ff_cond"), ("B.", "ff_audio")) if stack == "encoder" else (("", "ff"),)
            for way, name in ways:
                ours[f"{stack}.{n}.{name}.up.weight"] = o[f"{ff}1.{way}ff.0.0.weight"]
                ours[f"{stack}.{n}.{name}.down.weight"] = o[f"{ff}1.{way}ff.2.weight"]
            if stack == "decoder":
                for part in ("weight", "bias"):
                    ours[f"decoder.{n}.attn_norm.{part}"] = o[f"{attn}0.0.{part}"]
                    ours[f"decoder.{n}.ff_norm.{part}"] = o[f"{ff}0.0.{part}"]
    for part in ("weight", "bias"):
        ours[f"decoder_norm.{part}"] = o[f"decoder.attn_layers.final_norm.{part}"]
    return ours


def _the_one(tensors: Mapping[str, Tensor], ending: str, where: str) -> Tensor:
    """The value shared by all encoder norms of one kind."""
    copies = {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith("encoder.attn_layers.")
        and name.endswith(ending)
        and ("final_norm" in name or ".0.0." in name)
        and ".ff." not in name
    }
    first_name, first = next(iter(copies.items()))
    for name, tensor in copies.items():
        if not torch.equal(tensor, first):
            raise BadCheckpoint(
                f"{where}: {name} differs from {first_name}; the published model has one norm "
                "for both.",
                "This checkpoint is of another architecture and cannot be imported.",
            )
    return first


def _check_keys(source: TensorSource, config: AudioModelConfig) -> None:
    table = {PREFIX + name: shape for name, shape in key_table(config).items()}
    there = [
        name
        for name in source.names()
        if name.startswith(PREFIX) and not name.startswith(_TOLERATED)
    ]
    missing = [name for name in table if name not in set(there)]
    extra = [name for name in there if name not in table]
    wrong = [
        f"{name} is {list(source.shape(name))} instead of {list(table[name])}"
        for name in there
        if name in table and source.shape(name) != table[name]
    ]
    report_keys(source, missing, extra, wrong)


def report_keys(
    source: TensorSource, missing: list[str], extra: list[str], wrong: list[str]
) -> None:
    """Raise ``BadCheckpoint`` naming the first few keys, if there are any."""
    for what, names in (("lacks", missing), ("has unknown", extra), ("has wrong sizes:", wrong)):
        if names:
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            raise BadCheckpoint(
                f"{source.path} {what} {', '.join(names[:4])}{more}.",
                "The file is damaged or of another model; fetch it again.",
            )
