"""Published files -> a model folder: find, check everything, then write tensor by tensor.

All checks come before the first byte is written, and the folder appears under its name only
when it is whole. Memory stays small whatever the size of the checkpoint: inputs are mapped, and
each tensor is made when its turn to be written comes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from vatt_engine.config import AudioModelConfig, Layout, ModelConfig, VisualConfig
from vatt_engine.errors import BadCheckpoint, BadModelFolder, CannotWrite
from vatt_engine.manifest import COMPONENTS, TOKENIZER, Licence, Manifest, write_manifest
from vatt_engine.model_folder import build_empty, left_out_keys
from vatt_engine.model_writing import entry_of, write_folder
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.building import fill_strictly, stored_keys
from vatt_engine.nets.codec import Codec
from vatt_engine.nets.prompts import TextTokenizer
from vatt_engine.official import audio, codec, llm
from vatt_engine.official.choosing import (
    choose_checkpoint,
    choose_llm,
    lacking,
    llm_sources,
    plain_name,
    say_lacking,
    several,
    the_only,
)
from vatt_engine.official.discovery import Found, discover, visual_tensors
from vatt_engine.official.probe import probe_layout, read_clips
from vatt_engine.official.reading import TensorSource
from vatt_engine.official.sentencepiece import read_sentencepiece
from vatt_engine.official.writing import Planned, write_safetensors
from vatt_engine.presets import preset
from vatt_engine.version import engine_version

Report = Callable[[str, int, int | None], None]
# Codebooks saved apart from the codec may have been through another precision.
_CODEBOOK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Options:
    """How to import.

    Attributes:
        checkpoint: the audio checkpoint to take if a folder holds several.
        probe: folder of clips that decide the layout; None takes ``official`` as given.
        ignore_unknown: leave unknown LLM keys out instead of refusing the file.
        dry_run: check and report only.
        force: replace a model of that name.
    """

    checkpoint: Path | None = None
    probe: Path | None = None
    ignore_unknown: bool = False
    dry_run: bool = False
    force: bool = False


@dataclass
class _Plan:
    """Everything that will be written, checked."""

    config: ModelConfig
    tokenizer: TextTokenizer
    tensors: dict[str, dict[str, Planned]]
    sources: dict[str, Path]
    notes: list[str] = field(default_factory=list)

    @property
    def n_bytes(self) -> int:
        return sum(p.n_bytes for plan in self.tensors.values() for p in plan.values())


def import_model(
    folder: Path, name: str, models_dir: Path, options: Options, report: Report
) -> dict[str, Any]:
    """Import the published files in ``folder`` as the model ``name``.

    Args:
        folder: holds the files, in any arrangement.
        name: of the new model; the four published names also choose among several files.
        models_dir: where model folders go.
        options: see there.
        report: called with (stage, done, total); may raise to cancel.

    Returns:
        ``{"name", "folder", "written", "found", "lacks", "notes", ...}``, ready for JSON.

    Raises:
        BadCheckpoint: something is missing, damaged, unsafe or does not fit; named.
        CannotWrite: the model exists already, or the disk refuses.
    """
    target = models_dir / plain_name(name)
    if target.exists() and not options.force and not options.dry_run:
        raise CannotWrite(f"A model called {name!r} exists in {models_dir}.", "Use --force.")
    report("looking", 0, None)
    found = discover(folder)
    lacks = lacking(found)
    if lacks:
        if options.dry_run:
            return _answer(name, target, found, lacks, None)
        raise BadCheckpoint(say_lacking(folder, lacks, found), lacks[0][1])
    plan = _make_plan(found, name, options, report)
    if options.dry_run:
        return _answer(name, target, found, [], plan)
    _check_space(models_dir, plan.n_bytes)
    manifest = write_folder(
        target, lambda place: _write(place, plan, name, report), force=options.force
    )
    answer = _answer(name, target, found, [], plan)
    return {**answer, "written": True, "model_hash": manifest.model_hash}


def _make_plan(found: Found, name: str, options: Options, report: Report) -> _Plan:
    checkpoint = choose_checkpoint(found.checkpoints, name, options.checkpoint)
    if len(found.codecs) > 1:
        raise several("codec files", [c.path for c in found.codecs])
    codec_file = found.codecs[0]
    codec_config = codec.read_config(codec_file.path, codec_file.data)
    audio_config = audio.read_config(checkpoint, codec_config.codebook_size, "official")
    base = choose_llm(found.llms, audio_config.cond_width, name)
    files = llm.LlmFiles(
        llm_sources(found, checkpoint, base, audio_config), base.config, base.folder
    )
    video_a_token = preset("vatt-gemma").converter.video_frames_a_token
    window_s = audio_config.window_code_frames / codec_config.frame_rate
    n_video = max(1, -(-round(window_s * VisualConfig().fps) // video_a_token))
    room = audio_config.n_positions - audio_config.window_code_frames - n_video
    converter_config = llm.read_config(files, room, video_a_token)
    visual_source, visual_config = _read_visual(found, converter_config.video_width)
    tokenizer = _read_tokenizer(base.folder)
    try:
        config = ModelConfig(
            name, visual_config, converter_config, audio_config, codec_config,
            preset("vatt-gemma").sampler,
        )  # fmt: skip
        nets = build_empty(config, tokenizer)
    except BadModelFolder as error:
        raise BadCheckpoint(
            f"These files do not fit together: {error.message}", error.hint
        ) from error
    wanted = {
        part: {k: tuple(v) for k, v in stored_keys(net, left_out_keys(part, net)).items()}
        for part, net in nets.items()
    }
    codec_wanted = {k: tuple(v.shape) for k, v in nets["codec"].state_dict().items()}
    codec_tensors = codec.plan_codec(
        codec.codec_source(codec_file.path, codec_file.data), codec_wanted
    )
    codebooks = torch.stack(
        [
            codec_tensors[f"quantizer.vq.layers.{k}._codebook.embed"].make().float()
            for k in range(codec_config.n_codebooks)
        ]
    )
    notes = _check_codebooks(found, codebooks)
    llm_tensors, n_lora = llm.plan_llm(files, wanted["converter"], options.ignore_unknown)
    if n_lora:
        notes.append(f"LoRA is folded into {n_lora} layers of the LLM.")
    tensors = {
        "visual": _plan_visual(visual_source, wanted["visual"]),
        "converter": llm_tensors,
        "audio": audio.plan_audio(checkpoint, audio_config, codebooks),
        "codec": codec_tensors,
    }
    layout, said = _decide_layout(tensors, nets, audio_config, options.probe, report)
    config = replace(config, audio=replace(audio_config, layout=layout))
    sources = {
        "visual": visual_source.path,
        "converter": _holder(files.sources, "video_proj.weight"),
        "llm": base.folder,
        "audio": checkpoint.path,
        "codec": codec_file.path,
    }
    return _Plan(config, tokenizer, tensors, sources, [*notes, said])


def _write(place: Path, plan: _Plan, name: str, report: Report) -> Manifest:
    done = 0

    def count(n_bytes: int) -> None:
        nonlocal done
        done += n_bytes
        report("writing", done, plan.n_bytes)

    files = {}
    for part in COMPONENTS:
        files[part] = write_safetensors(place / f"{part}.safetensors", plan.tensors[part], count)
    (place / TOKENIZER).write_text(plan.tokenizer.to_str(), "utf-8")
    files["tokenizer"] = entry_of(place / TOKENIZER)
    manifest = Manifest(
        config=plan.config,
        trained=True,
        files=files,
        description=f"Published VATT weights ({plan.config.converter.family}), imported.",
        licences=licences(plan.config.converter.family),
        provenance={
            "imported_by": f"vatt engine {engine_version()}",
            "files": {what: path.name for what, path in plan.sources.items()},
            "notes": plan.notes,
        },
    )
    (place / "MODEL_CARD.md").write_text(_card(name, manifest), "utf-8")
    write_manifest(place, manifest)
    return manifest


def licences(family: str) -> tuple[Licence, ...]:
    """Terms of the parts of an imported model."""
    base = (
        Licence("base LLM", "Gemma Terms of Use")
        if family == "gemma"
        else Licence("base LLM", "Vicuna / LLaMA, non-commercial")
    )
    return (
        Licence("VATT code and weights", "BSD-4-Clause (acknowledgement clause)"),
        base,
        Licence("codec (AudioGen)", "CC-BY-NC-4.0"),
        Licence("visual encoder (EVA02-CLIP)", "MIT"),
    )


def _card(name: str, manifest: Manifest) -> str:
    terms = "\n".join(f"- {item.what}: {item.name}" for item in manifest.licences)
    return (
        f"# {name}\n\nPublished VATT weights, converted for this engine without changing them "
        "(LoRA folded in).\n10 s windows, 16 kHz mono; the model hears the picture once a "
        "second, so takes are ranked by\nmeasured sync instead of being in sync by themselves.\n"
        f"\nTerms of use, part by part:\n{terms}\n"
    )


def _read_visual(found: Found, width: int) -> tuple[TensorSource, VisualConfig]:
    """The visual encoder's file, and its config from open_clip's JSON beside it if there is one."""
    source = the_only(found.visuals, "visual encoders", lambda s: s.path)
    config = VisualConfig()
    beside = source.path.parent / "open_clip_config.json"
    if beside.is_file():
        try:
            data = json.loads(beside.read_text("utf-8"))
            net, seen = data["model_cfg"], data.get("preprocess_cfg", {})
            vision = dict(net["vision_cfg"])
            standard = vision.get("timm_model_name") == "eva02_large_patch14_clip_336"
            config = VisualConfig(
                architecture=config.architecture if standard else beside.parent.name,
                image_size=int(vision["image_size"]),
                width=int(net["embed_dim"]),
                mean=_triple(seen.get("mean", config.mean)),
                std=_triple(seen.get("std", config.std)),
                vision={} if standard else vision,
            )
        except (OSError, ValueError, KeyError, TypeError, BadModelFolder) as error:
            raise BadCheckpoint(f"{beside} describes no visual encoder ({error}).") from error
    if config.width != width:
        raise BadCheckpoint(
            f"The LLM wants picture features {width} wide; {source.path} makes {config.width}.",
            "These files do not belong together.",
        )
    return source, config


def _holder(sources: Sequence[TensorSource], short: str) -> Path:
    """The first file that holds a tensor of that short name."""
    return next(s.path for s in sources if any(llm.short_name(n) == short for n in s.names()))


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    r, g, b = (float(v) for v in values)
    return r, g, b


def _plan_visual(source: TensorSource, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Planned]:
    theirs = visual_tensors(source)
    wrong = [
        f"{theirs[k]} is {list(source.shape(theirs[k]))} instead of {list(shape)}"
        for k, shape in wanted.items()
        if k in theirs and source.shape(theirs[k]) != tuple(shape)
    ]
    missing = [k for k in wanted if k not in theirs]
    audio.report_keys(source, missing, [theirs[k] for k in theirs if k not in wanted], wrong)

    def plan(name: str) -> Planned:
        return Planned(source.shape(name), source.dtype(name), lambda: source.get(name))

    return {ours: plan(name) for ours, name in theirs.items()}


def _read_tokenizer(folder: Path) -> TextTokenizer:
    from tokenizers import Tokenizer

    path = folder / TOKENIZER
    if path.is_file():
        try:
            tokenizer: TextTokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises nothing narrower
            raise BadCheckpoint(f"{path} is no readable tokenizer ({error}).") from error
        return tokenizer
    if (folder / "tokenizer.model").is_file():
        return read_sentencepiece(folder / "tokenizer.model")
    raise BadCheckpoint(
        f"{folder} has neither tokenizer.json nor tokenizer.model.", "Fetch the base LLM again."
    )


def _check_codebooks(found: Found, codebooks: torch.Tensor) -> list[str]:
    """Compare codebooks saved apart with the codec's; what was found, in words."""
    fitting = [
        (path, tables) for path, tables in found.codebooks
        if len(tables) == len(codebooks) and tables[0].shape == codebooks[0].shape
    ]  # fmt: skip
    if not fitting:
        if found.codebooks:
            path, tables = found.codebooks[0]
            raise BadCheckpoint(
                f"{path} holds {len(tables)} tables {list(tables[0].shape)}; the codec has "
                f"{len(codebooks)} of {list(codebooks[0].shape)}.",
                "The codebooks and the codec do not belong together.",
            )
        return ["The codebooks are the codec's own; no separate file was there to compare."]
    for path, tables in fitting:
        off = float((torch.stack(tables).float() - codebooks).abs().max())
        if not off <= _CODEBOOK_TOLERANCE:
            raise BadCheckpoint(
                f"The codebooks in {path} differ from the codec's by up to {off:.3g}.",
                "The codebooks and the codec do not belong together.",
            )
    return ["The codebooks equal the codec's."]


def _decide_layout(
    tensors: Mapping[str, Mapping[str, Planned]],
    nets: Mapping[str, Any],
    config: AudioModelConfig,
    probe: Path | None,
    report: Report,
) -> tuple[Layout, str]:
    if probe is None:
        return "official", "Layout: official, as published; not probed."
    report("probing", 0, None)
    for part in ("audio", "codec"):
        made = {name: item.make() for name, item in tensors[part].items()}
        fill_strictly(nets[part], made, part, left_out_keys(part, nets[part]))
    net, codec_net = nets["audio"], nets["codec"].eval()
    assert isinstance(net, AudioModel)
    assert isinstance(codec_net, Codec)
    clips = read_clips(probe, config, codec_net)
    layout, losses = probe_layout(net, clips)
    return layout, (
        f"Layout: {layout}, by probe on {len(clips)} clips (masked cross-entropy: official "
        f"{losses['official']:.3f}, aligned {losses['aligned']:.3f})."
    )


def _check_space(models_dir: Path, n_bytes: int) -> None:
    place = models_dir
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < n_bytes:
        raise CannotWrite(
            f"The model takes {n_bytes / 1e9:.1f} GB; {models_dir} has {free / 1e9:.1f} GB left.",
            "Make room, or choose another place with VATT_MODELS.",
        )


def _answer(
    name: str, target: Path, found: Found, lacks: list[tuple[str, str]], plan: _Plan | None
) -> dict[str, Any]:
    """The result of an import or a dry run, ready for JSON."""
    kinds: tuple[tuple[str, Sequence[Path]], ...] = (
        ("checkpoint", [s.path for s in found.checkpoints]),
        ("converter", [s.path for s in found.converters]),
        ("codebooks", [path for path, _ in found.codebooks]),
        ("codec", [c.path for c in found.codecs]),
        ("llm", [item.folder for item in found.llms]),
        ("word embedding", [path for path, _ in found.embeddings]),
        ("visual", [s.path for s in found.visuals]),
    )
    answer: dict[str, Any] = {
        "name": name,
        "folder": str(target),
        "written": False,
        "found": [{"what": what, "path": str(p)} for what, paths in kinds for p in paths],
        "lacks": [{"what": what, "hint": hint} for what, hint in lacks],
        "ignored": [{"path": str(path), "why": why} for path, why in found.ignored],
        "notes": [],
    }
    if plan is not None:
        answer["notes"] = plan.notes
        answer["bytes"] = plan.n_bytes
        answer["layout"] = plan.config.audio.layout
        answer["used"] = {what: str(path) for what, path in plan.sources.items()}
    return answer
