"""What a converter has understood: figures for the log and the report.

A *readout* is the linear layer trained beside the LM (``training.language``): what it tells from a
state, the audio model can tell too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from vatt_engine.config import VisualConfig
from vatt_engine.corpus.scenes.draw import frames
from vatt_engine.corpus.scenes.photos import photo_index
from vatt_engine.corpus.scenes.portraits import portrait
from vatt_engine.corpus.sound_families import family_of
from vatt_engine.evaluation.wording import paraphrases, says
from vatt_engine.nets.converter import Converter
from vatt_engine.nets.prompts import caption_ids
from vatt_engine.nets.repertoire import Repertoire, also_said
from vatt_engine.nets.visual import TRAINING_ONLY, VisualEncoder, build_visual
from vatt_engine.training.sights import NAMES, Sight, numbers_of, plain_words

VISUAL = VisualConfig(
    kind="timm",
    architecture="tf_efficientnet_lite0",
    image_size=224,
    width=1280,
    fps=5.0,
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
)
"""EfficientNet-lite0 wants (pixel - 127) / 128 and gives 1280 numbers a picture."""

_BATCH = 64


def text_figures(net: Converter, readout: nn.Module) -> dict[str, float]:
    """Shares of the paraphrases whose last state tells the category, first and in three."""
    return _told(net, readout, lambda text: text)


def heard_figures(net: Converter, repertoire: Repertoire) -> dict[str, float]:
    """The same of the paraphrases as the product tells them to the audio model.

    ``added`` is the share to which a sound's name was added.
    """
    added = []

    def heard(text: str) -> str:
        also = also_said(net, repertoire, family_of, text)
        added.append(bool(also))
        return f"{text}, {also}" if also else text

    figures = _told(net, repertoire.readout, heard)
    return figures | {"added": float(np.mean(added))}


@torch.no_grad()
def _told(net: Converter, readout: nn.Module, heard: Callable[[str], str]) -> dict[str, float]:
    rows = [(name, heard(text)) for name, texts in paraphrases().items() for text in texts]
    hits, in_three = 0, 0
    for start in range(0, len(rows), _BATCH):
        mine = rows[start : start + _BATCH]
        states = net.prompt_states([text for _, text in mine])
        ranked = readout(states).topk(3).indices.tolist()
        for (name, _), best in zip(mine, ranked, strict=True):
            hits += NAMES[best[0]] == name
            in_three += name in [NAMES[k] for k in best]
    return {"paraphrases": hits / len(rows), "paraphrases_in_three": in_three / len(rows)}


@torch.no_grad()
def greedy_captions(net: Converter, videos: Sequence[NDArray[np.float32]]) -> list[str]:
    """The likeliest caption, token by token, of each picture [S, D] (one row a second)."""
    asked = caption_ids(net.tokenizer, net.config)
    out: list[str] = []
    lengths = {len(v) for v in videos}
    found: dict[int, str] = {}
    for n in sorted(lengths):
        group = [i for i, v in enumerate(videos) if len(v) == n]
        for start in range(0, len(group), _BATCH):
            mine = group[start : start + _BATCH]
            video = torch.from_numpy(np.stack([videos[i] for i in mine])).repeat_interleave(
                net.config.video_frames_a_token, dim=1
            )
            for i, text in zip(mine, _write(net, video, asked), strict=True):
                found[i] = text
    out = [found[i] for i in range(len(videos))]
    return out


def _write(net: Converter, video: Tensor, asked: list[int], limit: int = 32) -> list[str]:
    ids = torch.tensor(asked).expand(len(video), -1)
    inputs, cache = net.embed(video, ids), None
    rows: list[list[int]] = [[] for _ in range(len(video))]
    open_rows = set(range(len(video)))
    for _ in range(limit):
        out = net.llm.model(inputs_embeds=inputs, past_key_values=cache, use_cache=True)  # type: ignore[operator]
        cache = out.past_key_values
        best = net.llm.lm_head(out.last_hidden_state[:, -1]).argmax(dim=-1)  # type: ignore[operator]
        for i in list(open_rows):
            if int(best[i]) == net.config.eos_id:
                open_rows.discard(i)
            else:
                rows[i].append(int(best[i]))
        if not open_rows:
            break
        inputs = net.llm.get_input_embeddings()(best[:, None])  # type: ignore[operator]
    return [net.tokenizer.decode(row).strip() for row in rows]


@torch.no_grad()
def sight_figures(net: Converter, readout: nn.Module, sights: Sequence[Sight]) -> dict[str, float]:
    """Shares of sights whose caption names a category, and whose picture states tell one."""
    texts = greedy_captions(net, [s.seconds for s in sights])
    right = [
        any(names_it(text, k) for k in s.categories) for text, s in zip(texts, sights, strict=True)
    ]
    told, in_three = [], []
    for s in sights:
        video = torch.from_numpy(s.seconds)[None]
        states = net.hidden(net.project(video)).float()[0]
        best = readout(states).mean(dim=0).topk(3).indices.tolist()
        told.append(best[0] in s.categories)
        in_three.append(any(k in s.categories for k in best))
    return {
        "caption_right": float(np.mean(right)),
        "picture_states": float(np.mean(told)),
        "picture_states_in_three": float(np.mean(in_three)),
    }


def photographs(folder: Path, visual: Path) -> list[Sight]:
    """Cut-out photographs as pictures of one second, through the real encoder.

    Args:
        folder: ``FOLDER/<category>/*.png``; one that is not there holds none.
        visual: weights of the encoder.
    """
    if not folder.name or not folder.is_dir():
        return []
    encoder = efficientnet(visual)
    found = []
    for category, paths in photo_index(folder).items():
        for path in paths:
            image = np.concatenate(list(frames(portrait(category, path, duration_s=1.0), 224)))[:1]
            features = encoder(torch.from_numpy(image.transpose(0, 3, 1, 2).copy()))
            found.append(Sight(features.numpy(), plain_words((category,)), numbers_of((category,))))
    return found


def efficientnet(weights: Path) -> VisualEncoder:
    """The bundled model's picture encoder from its weight file."""
    encoder = build_visual(VISUAL)
    # Only what counts batches in training may be missing from the file.
    state = encoder.backbone.state_dict()
    counters = {k: v for k, v in state.items() if k.endswith(TRAINING_ONLY)}
    encoder.backbone.load_state_dict(counters | load_file(weights))
    return encoder.requires_grad_(False).eval()


def names_it(text: str, category: int) -> bool:
    """Whether a caption names a category (or silence)."""
    name = NAMES[category]
    return text == name if category == len(NAMES) - 1 else says(text, name)
