"""Which of the files found are taken, and what is said when one is missing or two compete."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vatt_engine.config import AudioModelConfig
from vatt_engine.errors import BadCheckpoint
from vatt_engine.official import audio, llm
from vatt_engine.official.discovery import Found, LlmFolder
from vatt_engine.official.reading import TensorSource
from vatt_engine.presets import PUBLISHED, preset

T = TypeVar("T")


def plain_name(name: str) -> str:
    """``name`` if it can be a model folder's."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) or name == "tiny":
        raise BadCheckpoint(
            f"{name!r} cannot be a model's name.",
            f"Use letters, digits, '-', '_' and '.', for example {PUBLISHED[1]}.",
        )
    return name


def lacking(found: Found) -> list[tuple[str, str]]:
    """What is missing, and where it comes from."""
    needs: Sequence[tuple[Sequence[Any], str, str]] = (
        (found.checkpoints, "the VATT checkpoint (.ckpt)", "It is in vatt_models.zip."),
        (found.codecs, "the codec (compression_state_dict.bin)", "It is in audiogen_models.zip."),
        (found.llms, "the base LLM (a folder with config.json and weights)",
         "It is in gemma_2b.zip or vicuna.zip."),
        (found.visuals, "the visual encoder (EVA02-L-14-336 of open_clip)",
         "Fetch the open_clip model file, tag merged2b_s6b_b61k."),
    )  # fmt: skip
    lacks = [(what, where) for have, what, where in needs if not have]
    projected = any(
        llm.short_name(n) == "video_proj.weight"
        for source in (*found.checkpoints, *found.converters)
        for n in source.names()
    )
    if not projected:
        lacks.append(("the converter (pytorch_model.bin)", "It is in checkpoint-231000 (Gemma) "
                      "or checkpoint-117000 (Vicuna)."))  # fmt: skip
    return lacks


def say_lacking(folder: Path, lacks: list[tuple[str, str]], found: Found) -> str:
    """What is missing in words, with the files that could not be used and why."""
    text = f"{folder} lacks {', '.join(what for what, _ in lacks)}."
    refused = [f"{path.name}: {why}" for path, why in found.ignored]
    if refused:
        text += " Not usable: " + "; ".join(refused[:4])
    return text


def choose_checkpoint(sources: list[TensorSource], name: str, given: Path | None) -> TensorSource:
    """The audio checkpoint: the one given, or the only one, or the one that fits ``name``."""
    if given is not None:
        chosen = [s for s in sources if s.path.resolve() == given.resolve()]
        if not chosen:
            raise BadCheckpoint(f"{given} is no VATT checkpoint in that folder.")
        return chosen[0]
    if len(sources) > 1 and name in PUBLISHED:
        text_mode = name.endswith("-t")
        width = preset(name).audio.cond_width
        sources = [
            s for s in sources
            if s.shape(f"{audio.PREFIX}img_linear.weight")[1] == width
            and ("t" in re.split(r"[_\-.]+", s.path.stem.lower())) == text_mode
        ] or sources  # fmt: skip
    return the_only(sources, "VATT checkpoints", lambda s: s.path)


def choose_llm(llms: list[LlmFolder], width: int, name: str) -> LlmFolder:
    """The base LLM of the width that the audio checkpoint wants."""
    fitting = [item for item in llms if item.config.get("hidden_size") == width]
    if not fitting:
        sizes = ", ".join(f"{i.folder.name} ({i.config.get('hidden_size')})" for i in llms)
        raise BadCheckpoint(
            f"The VATT checkpoint wants an LLM of width {width}; found: {sizes}.",
            "Gemma-2B is 2048 wide, Vicuna-7B 4096. Add the right one.",
        )
    chosen = the_only(fitting, "base LLMs", lambda item: item.folder)
    if name in PUBLISHED and chosen.config.get("model_type") != preset(name).converter.family:
        raise BadCheckpoint(
            f"{name} needs a {preset(name).converter.family} LLM; {chosen.folder} is "
            f"{chosen.config.get('model_type')}.",
            "Choose the other name with --as, or add the right files.",
        )
    return chosen


def llm_sources(
    found: Found, checkpoint: TensorSource, base: LlmFolder, config: AudioModelConfig
) -> list[TensorSource]:
    """Checkpoint, converter, word embedding, base LLM: first come, first served."""
    width = config.cond_width
    fitting = [s for s in found.converters if _width(s) in (width, None)]
    converters = [s for s in fitting if _width(s) == width] or fitting
    tables = [
        llm.embedding_source(path, table)
        for path, table in found.embeddings
        if table.shape[1] == width
    ]
    chosen = [the_only(converters, "converters", lambda s: s.path)] if converters else []
    return [checkpoint, *chosen, *tables[:1], base.source]


def _width(source: TensorSource) -> int | None:
    for name in source.names():
        if llm.short_name(name) == "video_proj.weight":
            return source.shape(name)[0]
    return None


def the_only(items: list[T], what: str, path_of: Callable[[T], Path]) -> T:
    """The single item of a list; it is an error if there are several."""
    if len(items) != 1:
        raise several(what, [path_of(item) for item in items])
    return items[0]


def several(what: str, paths: list[Path]) -> BadCheckpoint:
    """The error for files that compete."""
    return BadCheckpoint(
        f"There are several {what}: {', '.join(map(str, paths))}.",
        "Name one with --checkpoint, or keep only one in the folder.",
    )
