"""Trained parts -> one model folder: ``python -m vatt_engine.training.bundle OUT --codec ...``.

Codec, converter and audio model are taken as their trainers wrote them, byte for byte; the picture
encoder, which is not ours, is brought to half precision. Text files beside the parts (the model
card, the licence) go in as they are. The result is loaded once before it is said to be good.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from vatt_engine import repertoire_files
from vatt_engine.config import ModelConfig
from vatt_engine.errors import VattError
from vatt_engine.manifest import TOKENIZER, Licence, Manifest, write_manifest
from vatt_engine.model_folder import load_model, stored_tensors
from vatt_engine.model_writing import entry_of, write_folder
from vatt_engine.sentence_files import NAMES
from vatt_engine.sound_config import SamplerConfig
from vatt_engine.training.audio import readable_tables
from vatt_engine.training.audio_folder import read_audio
from vatt_engine.training.codec_folder import read_codec
from vatt_engine.training.converter_folder import load_converter
from vatt_engine.training.readings import VISUAL, efficientnet

SAMPLER = SamplerConfig(
    steps=8,
    cfg=3.0,
    mask_temperature=2.0,
    temperature=0.5,
    fine_temperature=1.0,
    top_k=256,
    coarse_first=1000.0,
    steady=0.9,
    drafts=3,
    guided_share=0.5,
)

TEXTS = ("MODEL_CARD.md", "LICENSE", "NOTICE.md")

LICENCES = (
    Licence("audio model, codec, converter", "CC-BY-SA-4.0", "LICENSE"),
    Licence("picture encoder (EfficientNet-lite0)", "Apache-2.0", "MODEL_CARD.md"),
    Licence("sentence encoder (all-MiniLM-L6-v2)", "Apache-2.0", "MODEL_CARD.md"),
)


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where the parts lie.

    Attributes:
        picture: weights of the picture encoder as timm names them.
        codec: folder written by ``vatt train codec``; likewise ``converter`` and ``audio``.
        texts: folder with ``MODEL_CARD.md`` and ``LICENSE``.
    """

    picture: Path
    codec: Path
    converter: Path
    audio: Path
    texts: Path


def bundle(parts: Parts, folder: Path, description: str, sampler: SamplerConfig) -> Manifest:
    """Write the model folder, replacing an older one.

    Raises:
        BadModelFolder: a part is missing, damaged, or does not fit the others.
    """
    codec, converter = read_codec(parts.codec), load_converter(parts.converter)
    audio = read_audio(parts.audio)
    if not torch.allclose(audio.codebooks, readable_tables(codec.codebooks), atol=1e-4):
        raise VattError(
            "The audio model was trained on the codes of another codec.", "Train it anew."
        )
    config = ModelConfig(folder.name, VISUAL, converter.config, audio.config, codec.config, sampler)

    def fill(place: Path) -> Manifest:
        save_file(
            stored_tensors("visual", efficientnet(parts.picture).half()),
            place / "visual.safetensors",
        )
        shutil.copyfile(parts.codec / "codec.safetensors", place / "codec.safetensors")
        shutil.copyfile(parts.audio / "audio.safetensors", place / "audio.safetensors")
        for name in ("converter.safetensors", TOKENIZER, *NAMES.values()):
            shutil.copyfile(parts.converter / name, place / name)
        # The trainers' own descriptions, so that each part can be opened without the others.
        for part in ("codec", "converter", "audio"):
            name = f"{part}.json"
            shutil.copyfile(getattr(parts, part) / name, place / name)
        shutil.copyfile(parts.converter / "readout.safetensors", place / "readout.safetensors")
        for text in TEXTS:
            shutil.copyfile(parts.texts / text, place / text)
        names = {c: f"{c}.safetensors" for c in ("visual", "converter", "audio", "codec")}
        names |= {"tokenizer": TOKENIZER, **NAMES}
        for part, name in repertoire_files.NAMES.items():
            if (parts.converter / name).is_file():
                shutil.copyfile(parts.converter / name, place / name)
                names[part] = name
        for name in names.values():
            (place / name).chmod(0o644)
        files = {what: entry_of(place / name) for what, name in names.items()}
        provenance = {
            "codec": _provenance(parts.codec / "codec.json"),
            "converter": _provenance(parts.converter / "converter.json"),
            "audio": _provenance(parts.audio / "audio.json"),
            "credits": "docs/attribution.md",
            "log": "docs/training-log.md",
        }
        manifest = Manifest(
            config, True, files, description, LICENCES, provenance, audio_in_bfloat16=True
        )
        write_manifest(place, manifest)
        return manifest

    manifest = write_folder(folder, fill, force=True)
    load_model(folder)
    return manifest


def _provenance(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")).get("provenance", {}))


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="bundle", description="Put a model folder together.")
    parser.add_argument("out", type=Path, help="model folder to write; its name is the model's")
    for field in dataclasses.fields(Parts):
        parser.add_argument(f"--{field.name}", type=Path, required=True)
    parser.add_argument("--description", default="", help="one line for lists")
    parser.add_argument("--steps", type=int, default=SAMPLER.steps)
    parser.add_argument("--cfg", type=float, default=SAMPLER.cfg)
    args = parser.parse_args(argv)
    parts = Parts(**{f.name: getattr(args, f.name) for f in dataclasses.fields(Parts)})
    sampler = dataclasses.replace(SAMPLER, steps=args.steps, cfg=args.cfg)
    try:
        manifest = bundle(parts, args.out, args.description, sampler)
    except VattError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 1
    sys.stdout.write(f"{args.out}: {manifest.n_bytes / 1e6:.1f} MB, {manifest.model_hash}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
