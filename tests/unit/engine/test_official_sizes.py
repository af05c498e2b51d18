"""Full-size key tables and parameter counts against the reference, without memory for weights."""

import dataclasses
import math
from typing import Any

import pytest
from torch import nn

from vatt_engine.config import ConverterConfig, LoraConfig
from vatt_engine.memory import (
    audio_parameters,
    codec_parameters,
    converter_parameters,
    estimate_memory,
)
from vatt_engine.model_folder import build_empty, left_out_keys
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.building import parameters_on_meta, stored_keys
from vatt_engine.nets.converter import build_converter, byte_tokenizer
from vatt_engine.official.audio import key_table
from vatt_engine.presets import PUBLISHED, preset

MILLION = 1_000_000


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.fixture(scope="module", params=["vatt-gemma-t", "vatt-llama-t"])
def nets(request: pytest.FixtureRequest) -> dict[str, Any]:
    return build_empty(preset(request.param), byte_tokenizer())


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_audio_model_has_330_keys_of_the_known_shapes(name: str) -> None:
    config = preset(name).audio
    table = key_table(config)
    assert len(table) == 330
    width = config.cond_width
    known = {
        "modality_v": (1, 1, 1024),
        "pos_embed": (1, 1000, 1024),
        "encoder.attn_layers.layers.0.0.0.A.weight": (1024,),
        "encoder.attn_layers.layers.23.0.0.B.bias": (1024,),
        "encoder.attn_layers.layers.22.1.to_q.weight": (1024, 1024),
        "encoder.attn_layers.layers.23.1.A.ff.0.0.weight": (4096, 1024),
        "encoder.attn_layers.layers.1.1.B.ff.2.weight": (1024, 4096),
        "encoder.attn_layers.final_norm.B.bias": (1024,),
        "decoder.attn_layers.layers.5.0.0.weight": (1024,),
        "decoder.attn_layers.layers.4.1.to_out.weight": (1024, 1024),
        "decoder.attn_layers.layers.23.1.ff.0.0.weight": (4096, 1024),
        "decoder.attn_layers.final_norm.weight": (1024,),
        "embedding.special.MASK": (4, 128),
        "embedding.out_proj.weight": (1024, 128),
        "classifier.3.weight": (2048, 1024),
        "img_linear.weight": (1024, width),
        "img_linear.bias": (1024,),
    }
    assert {name: table[name] for name in known} == known
    assert not [name for name in table if name.startswith("decoder") and ".A." in name]
    # A tied pair of norms is stored 25 times; trained once.
    tied = sum(math.prod(s) for n, s in table.items() if ".A." in n and s == (1024,))
    assert tied == 25 * 2 * 1024


@pytest.mark.parametrize(("name", "millions"), [("vatt-llama", 416.45), ("vatt-gemma", 414.35)])
def test_parameters_of_the_audio_model(name: str, millions: float) -> None:
    with parameters_on_meta():
        net = AudioModel(preset(name).audio)
    # The reference counts the position table, which is stored but not trained.
    assert (count(net) + net.positions.numel()) / MILLION == pytest.approx(millions, abs=0.005)
    assert count(net.encoder) / MILLION == pytest.approx(251.7, abs=0.05)
    assert count(net.decoder) / MILLION == pytest.approx(151.0, abs=0.06)
    assert count(net.heads) / MILLION == pytest.approx(8.4, abs=0.05)


def test_published_nets_take_no_memory_until_filled(nets: dict[str, Any]) -> None:
    for net in nets.values():
        assert all(p.is_meta for p in net.parameters())
        assert not any(b.is_meta for b in net.buffers())


def test_counts_used_for_memory_estimates_are_right(nets: dict[str, Any]) -> None:
    converter, audio = nets["converter"], nets["audio"]
    assert converter_parameters(converter.config) == count(converter)
    assert audio_parameters(audio.config) == count(audio)
    codec = nets["codec"]
    assert codec_parameters(codec.config) == pytest.approx(count(codec), rel=0.05)


def test_llm_keys_are_those_of_hugging_face(nets: dict[str, Any]) -> None:
    converter = nets["converter"]
    keys = stored_keys(converter, left_out_keys("converter", converter))
    config = converter.config
    assert isinstance(config, ConverterConfig)
    d, kv = config.width, config.n_kv_heads * config.head_dim
    at = f"llm.model.layers.{config.n_layers - 1}."
    assert tuple(keys[f"{at}self_attn.q_proj.weight"]) == (config.n_heads * config.head_dim, d)
    assert tuple(keys[f"{at}self_attn.v_proj.weight"]) == (kv, d)
    assert tuple(keys[f"{at}mlp.down_proj.weight"]) == (d, config.ff_width)
    assert tuple(keys["video_proj.weight"]) == (d, 768)
    tied = {"llm.lm_head.weight"} & keys.keys()
    assert len(keys) == config.n_layers * 9 + 2 + 2 + len(tied)
    assert bool(tied) == (config.family == "llama")


@pytest.mark.parametrize(("name", "lora", "projector"), [
    ("vatt-llama", 8.39, 3.15), ("vatt-gemma", 1.84, 1.57),
])  # fmt: skip
def test_lora_and_projector_have_the_published_sizes(
    name: str, lora: float, projector: float
) -> None:
    config = dataclasses.replace(preset(name).converter, lora=LoraConfig())
    with parameters_on_meta():
        net = build_converter(config, byte_tokenizer())
    thin = sum(p.numel() for n, p in net.named_parameters() if "lora_" in n)
    assert thin / MILLION == pytest.approx(lora, abs=0.005)
    assert count(net.video_proj) / MILLION == pytest.approx(projector, abs=0.005)
    shapes = {n: tuple(p.shape) for n, p in net.named_parameters() if "lora_" in n}
    v = "llm.model.layers.0.self_attn.v_proj.lora_"
    assert shapes[f"{v}A.default.weight"] == (16, config.width)
    assert shapes[f"{v}B.default.weight"] == (config.n_kv_heads * config.head_dim, 16)


def test_with_offload_gemma_fits_8_gb_and_llama_12_gb() -> None:
    gemma = estimate_memory(preset("vatt-gemma-t"))
    llama = estimate_memory(preset("vatt-llama-t"))
    assert gemma["offload"] < 8 * 2**30
    assert llama["offload"] < 12 * 2**30 < llama["resident"]
    assert llama["weights"]["converter"] == pytest.approx(13.5e9, rel=0.01)
