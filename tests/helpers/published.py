"""Folders like those users unpack: published file formats at small sizes, random weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vatt_engine.config import AudioModelConfig, VisualConfig
from vatt_engine.nets.codec import Codec, build_codec
from vatt_engine.nets.converter import byte_tokenizer
from vatt_engine.nets.visual import build_visual
from vatt_engine.official.audio import PREFIX, key_table
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training.quantiser import codebooks_of

VISION = {"layers": 1, "width": 16, "head_width": 8, "patch_size": 16, "image_size": 32}
LLM = "encoder.base_model.model.model."
CONVERTER = "base_model.model.model."


@dataclass
class Published:
    """Sizes of a published set; ``write`` lays it out in a folder."""

    width: int = 32
    family: str = "llama"
    video_width: int = 24
    lora: str = "none"  # none, full (whole LLM and LoRA), only (LoRA and projection)
    audio: AudioModelConfig = field(
        default_factory=lambda: AudioModelConfig(
            width=16,
            n_encoder_layers=1,
            n_decoder_layers=1,
            n_heads=1,
            head_dim=64,
            cond_width=32,
            codebook_size=20,
            codebook_dim=8,
            window_code_frames=100,
            n_positions=200,
            layout="official",
        )
    )
    codec: CodecConfig = field(
        default_factory=lambda: CodecConfig(n_filters=2, dimension=8, codebook_size=20)
    )

    def write(self, folder: Path) -> Path:
        """All files, in sub-folders named as the archives unpack."""
        self.write_audio(folder / "vatt_models" / f"vatt_{self.family}_T_final.ckpt")
        codebooks = self.write_codec(folder / "audiogen" / "compression_state_dict.bin")
        torch.save(list(codebooks), folder / "meta_pretrain_vgg_encodec_embed.pt")
        self.write_llm(folder / "base_llm")
        self.write_converter(folder / "checkpoint-117000" / "pytorch_model.bin")
        self.write_visual(folder / "eva02")
        return folder

    def write_audio(self, path: Path, extra: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """A Lightning checkpoint with the audio model."""
        tensors = random_tensors(key_table(self.audio), seed=1)
        for name in tensors:
            if name.startswith("encoder.") and (".0.0." in name or "final_norm" in name):
                if ".ff." in name:
                    continue
                way, part = name.split(".")[-2:]
                tensors[name] = tensors[f"encoder.attn_layers.final_norm.{way}.{part}"].clone()
        state = {PREFIX + name: tensor for name, tensor in tensors.items()} | (extra or {})
        save(path, {"state_dict": state, "epoch": 3, "pytorch-lightning_version": "2.0.1"})
        return tensors

    def write_codec(self, path: Path, codebooks: Tensor | None = None) -> Tensor:
        """AudioGen's codec file; returns the codebooks."""
        codec = self.make_codec(codebooks)
        save(path, {"best_state": codec.state_dict(), "xp.cfg": self.codec_yaml(), "version": "1"})
        return codec.codebooks.clone()

    def make_codec(self, codebooks: Tensor | None = None) -> Codec:
        """The codec that ``write_codec`` stores."""
        torch.manual_seed(2)
        codec = build_codec(self.codec).eval().requires_grad_(False)
        if codebooks is not None:
            for book, table in zip(codebooks_of(codec.quantizer), codebooks, strict=True):
                book.get_buffer("embed").copy_(table)
        return codec

    def codec_yaml(self) -> str:
        """Options in YAML, with the references the real file has."""
        c = self.codec
        return (
            f"sample_rate: {c.sample_rate}\nchannels: 1\nencodec:\n  causal: false\n"
            "  renormalize: false\nseanet:\n  channels: ${channels}\n"
            f"  dimension: {c.dimension}\n  n_filters: {c.n_filters}\n"
            "  causal: ${encodec.causal}\n  norm: weight_norm\n  pad_mode: constant\n"
            f"  true_skip: true\n  ratios: {list(c.ratios)}\n  lstm: {c.lstm}\n"
            f"rvq:\n  n_q: {c.n_codebooks}\n  bins: {c.codebook_size}\n"
        )

    def llm_config(self) -> dict[str, Any]:
        """``config.json`` of the base LLM."""
        return {
            "model_type": self.family,
            "vocab_size": 259,
            "hidden_size": self.width,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "max_position_embeddings": 256,
            "rms_norm_eps": 1e-6,
            "hidden_act": "gelu" if self.family == "gemma" else "silu",
            "bos_token_id": 1,
            "eos_token_id": 2,
        }

    def llm_tensors(self) -> dict[str, Tensor]:
        """The base LLM under its Hugging Face names."""
        w = self.width
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (259, w),
            "model.norm.weight": (w,),
        }
        if self.family == "llama":
            shapes["lm_head.weight"] = (259, w)
        for n in range(2):
            at = f"model.layers.{n}."
            shapes |= {
                f"{at}self_attn.q_proj.weight": (32, w),
                f"{at}self_attn.k_proj.weight": (16, w),
                f"{at}self_attn.v_proj.weight": (16, w),
                f"{at}self_attn.o_proj.weight": (w, 32),
                f"{at}mlp.gate_proj.weight": (48, w),
                f"{at}mlp.up_proj.weight": (48, w),
                f"{at}mlp.down_proj.weight": (w, 48),
                f"{at}input_layernorm.weight": (w,),
                f"{at}post_attention_layernorm.weight": (w,),
            }
        return random_tensors(shapes, seed=3)

    def write_llm(self, folder: Path) -> None:
        """The base LLM in Hugging Face layout."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.llm_config()))
        save_file(self.llm_tensors(), folder / "model.safetensors")
        (folder / "tokenizer.json").write_text(byte_tokenizer().to_str())

    def projection(self) -> dict[str, Tensor]:
        """``video_proj`` under its short names."""
        shapes = {"video_proj.weight": (self.width, self.video_width),
                  "video_proj.bias": (self.width,)}  # fmt: skip
        return random_tensors(shapes, seed=4)

    def lora_tensors(self) -> dict[str, Tensor]:
        """LoRA of rank 4 under its short names."""
        shapes: dict[str, tuple[int, ...]] = {}
        for n in range(2):
            for name, out in (("q_proj", 32), ("v_proj", 16)):
                at = f"layers.{n}.self_attn.{name}"
                shapes[f"{at}.lora_A.default.weight"] = (4, self.width)
                shapes[f"{at}.lora_B.default.weight"] = (out, 4)
        return random_tensors(shapes, seed=5)

    def write_converter(self, path: Path) -> None:
        """The Trainer's state dict: projection, and LLM and LoRA as ``lora`` says."""
        state = {CONVERTER + k: v for k, v in self.projection().items()}
        if self.lora != "none":
            state |= {CONVERTER + k: v for k, v in self.lora_tensors().items()}
        if self.lora == "full":
            for name, tensor in self.llm_tensors().items():
                head = name.startswith("lm_head")
                short = name.removeprefix("model.")
                state[f"base_model.model.{short}" if head else CONVERTER + short] = tensor
            state[f"{CONVERTER}layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
        save(path, state)

    def embedded_llm(self) -> dict[str, Tensor]:
        """The LLM as it sits in a Lightning checkpoint, weights unlike the base LLM's."""
        state = {f"{LLM}{k.removeprefix('model.')}": v + 1 for k, v in self.llm_tensors().items()
                 if not k.startswith("lm_head")}  # fmt: skip
        return state | {LLM + k: v + 1 for k, v in self.projection().items()}

    def write_visual(self, folder: Path) -> None:
        """An open_clip model file, text half and all, with its config."""
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(6)
        config = VisualConfig(
            architecture="x", image_size=32, width=self.video_width, vision=VISION
        )
        state = {f"visual.{k}": v for k, v in build_visual(config).backbone.state_dict().items()}
        state |= {"logit_scale": torch.tensor(4.6), "text.proj": torch.zeros(2, 2)}
        save(folder / "open_clip_pytorch_model.bin", state)
        described = {
            "model_cfg": {"embed_dim": self.video_width, "vision_cfg": VISION},
            "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
        }
        (folder / "open_clip_config.json").write_text(json.dumps(described))


def as_published(golden: Path, folder: Path) -> Path:
    """A copy of a golden folder with its files as published.

    The tree tracks nothing that is pickled and keeps their tensors plain; ``../shared`` has the
    files themselves.
    """
    shutil.copytree(golden, folder)
    audio, codebooks = folder / "audio_model.safetensors", folder / "codebooks.safetensors"
    codec = folder / "compression_state_dict.safetensors"
    if audio.exists():
        save(audio.with_suffix(".ckpt"), {"state_dict": load_file(audio), "epoch": 0})
        torch.save(list(load_file(codebooks)["codebooks"]), codebooks.with_suffix(".pt"))
    if codec.exists():
        with safe_open(codec, "pt") as file:
            facts = file.metadata()
        state = {"best_state": load_file(codec), "exported": True, **facts}
        save(codec.with_suffix(".bin"), state)
    return folder


def golden_set(golden: Path, folder: Path) -> tuple[Published, dict[str, Tensor]]:
    """A published set around the audio checkpoint of a golden folder, and what is expected of it.

    The other parts are random, in sizes that fit; the codec has the golden codebooks.
    """
    golden = as_published(golden, folder.with_name(f"{folder.name}_golden"))
    sizes = json.loads((golden / "config.json").read_text())
    codec = CodecConfig(
        n_filters=2, dimension=sizes["codebook_dim"], codebook_size=sizes["codebook_size"]
    )
    published = Published(width=sizes["cond_dim"], codec=codec)
    (folder / "vatt").mkdir(parents=True)
    shutil.copy(golden / "audio_model.ckpt", folder / "vatt" / "audio_model.ckpt")
    shutil.copy(golden / "codebooks.pt", folder / "codebooks.pt")
    codebooks = torch.stack(torch.load(golden / "codebooks.pt", weights_only=True))
    published.write_codec(folder / "compression_state_dict.bin", codebooks)
    published.write_llm(folder / "llm")
    published.write_converter(folder / "checkpoint" / "pytorch_model.bin")
    published.write_visual(folder / "visual")
    return published, load_file(golden / "expected.safetensors")


def random_tensors(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Small random tensors of the given shapes."""
    g = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=g) * 0.2 for name, shape in shapes.items()}


def save(path: Path, data: object) -> None:
    """``torch.save`` that makes the folders first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(data, path)
