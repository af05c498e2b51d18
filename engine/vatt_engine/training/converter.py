"""Training the converter: the LM learns to see (VATT, section 3.1; vatt-reference.md section 3).

As published, first the projection of the picture alone, then the projection and LoRA on the
queries and values of the LM. Pictures are films and views (``training.sights``); prompts go on
being read, with pictures before them that may show something else, so that a prompt keeps its say.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from vatt_engine.config import LoraConfig
from vatt_engine.corpus.scenes.captions import SILENCE
from vatt_engine.corpus.scenes.casting import CASTING
from vatt_engine.corpus.scenes.semantics import FeaturePrior, imagenet_lemmas
from vatt_engine.errors import BadRequest
from vatt_engine.nets.converter import Converter, add_lora, merge_lora
from vatt_engine.training.codec_config import OptimConfig, RunConfig, read_training, to_plain
from vatt_engine.training.converter_folder import (
    load_converter,
    read_readout,
    write_converter,
    write_readout,
)
from vatt_engine.training.language import LanguageTrainer, Row, averaged
from vatt_engine.training.lm import RowConfig, TextConfig, TextRows, open_pool
from vatt_engine.training.readings import photographs, sight_figures, text_figures
from vatt_engine.training.sights import NAMES, SILENT, Sight, classes_of, film, plain_words, view

_FIRST_FILM, _FIRST_HELD_OUT = 20_000_000, 30_000_000


@dataclass(frozen=True)
class SightConfig:
    """The pictures of a run.

    Attributes:
        visual: weights of the picture encoder, whose last layers are the prior.
        films: share of rows that are made films.
        views: share of rows that are views; the rest are prompts.
        matching: share of prompts whose picture shows what they say; as many have none, the
            others have any picture.
        other_words: share of captions in other than the plainest words.
        splits: of the films (``corpus.scenes``).
        fitted: views from which mean and spread of the class scores are taken.
        held_out: films of the test split in the report.
        photos: folder of cut-out photographs by category, for the report only; may be empty.
    """

    visual: str
    films: float = 0.25
    views: float = 0.45
    matching: float = 0.3
    other_words: float = 0.25
    splits: tuple[str, ...] = ("train", "valid")
    fitted: int = 500
    held_out: int = 150
    photos: str = ""


@dataclass(frozen=True)
class ConverterTraining:
    """One converter run.

    Attributes:
        start: folder that ``vatt train lm`` wrote.
        prompts: file of prompts; the LM's own, so that they need not be made again.
        project_steps: steps of the projection alone; the rest has LoRA too.
        batch: rows a step.
        readout: weight of the category readout.
    """

    run: RunConfig
    start: str
    prompts: str
    sights: SightConfig
    optim: OptimConfig
    project_steps: int
    lora: LoraConfig = field(default_factory=LoraConfig)
    text: TextConfig = field(default_factory=TextConfig)
    rows: RowConfig = field(default_factory=RowConfig)
    batch: int = 48
    readout: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.project_steps <= self.optim.steps:
            raise BadRequest("project_steps exceeds optim.steps.", "Correct the training config.")


def read_converter_training(path: Path) -> ConverterTraining:
    """The run a TOML file describes; raises as ``read_training`` does."""
    return read_training(ConverterTraining, path)


@torch.no_grad()
def with_eyes(net: Converter, visual: Path, sights: Sequence[Sight]) -> Converter:
    """A copy of an LM whose pictures are read by the encoder's classifier first.

    The projection starts as a table: a class that can sound becomes the sentence tokens of its
    categories, which the LM can read already; the scores count for nothing yet.

    Args:
        net: a converter that has not learnt to see.
        visual: weights of the picture encoder, its classifier included.
        sights: from which the scores' mean and spread are taken.
    """
    assert net.sentence is not None
    tensors = load_file(visual)
    rows, bias = tensors["classifier.weight"].float(), tensors["classifier.bias"].float()
    config = dataclasses.replace(net.config, picture_classes=len(rows))
    made = Converter(config, net.llm, net.tokenizer, net.sentence)
    made.sentence_proj = net.sentence_proj
    assert made.classes is not None
    scores = torch.from_numpy(np.concatenate([s.seconds for s in sights])) @ rows.T + bias
    made.classes.load_state_dict(
        {"rows": rows, "bias": bias, "mean": scores.mean(dim=0), "spread": scores.std(dim=0)}
    )
    words = [plain_words((name,)) for name in NAMES[:SILENT]]
    tokens = made.embed_sentences(net.sentence([*words, SILENCE]))
    middle = tokens.mean(dim=0)
    owners = [[SILENT] for _ in range(len(rows))]
    for number, name in enumerate(NAMES[:SILENT]):
        for k in set(classes_of(name, imagenet_lemmas())) if name in CASTING else ():
            owners[k] = [*(o for o in owners[k] if o != SILENT), number]
    table = torch.stack([tokens[mine].mean(dim=0) - middle for mine in owners])
    made.video_proj.weight.zero_()
    made.video_proj.weight[:, : len(rows)] = table.T / made.classes.SHARP
    made.video_proj.bias.copy_(middle)
    return made


class ConverterTrainer(LanguageTrainer):
    """A run that teaches an LM to see.

    Args:
        config: the run.
    """

    def __init__(self, config: ConverterTraining) -> None:
        self.prior = FeaturePrior.load(Path(config.sights.visual))
        rng = np.random.default_rng(config.run.seed)
        sights = [view(rng, self.prior) for _ in range(config.sights.fitted)]
        start = load_converter(Path(config.start))
        net = with_eyes(start, Path(config.sights.visual), sights)
        net.sentence_proj.requires_grad_(True)
        self.with_lora = False
        super().__init__(config, net, "converter")
        readout = read_readout(Path(config.start)).requires_grad_(True)
        self.readout.load_state_dict(readout.state_dict())
        pool = open_pool(Path(config.prompts), config.text)
        self.texts = TextRows(net.tokenizer, net.config, pool, config.rows)
        self._held_out = [
            film(_FIRST_HELD_OUT + i, "test", self.prior) for i in range(config.sights.held_out)
        ]
        self._photos = photographs(Path(config.sights.photos), Path(config.sights.visual))

    def enter_stage(self, step: int) -> None:
        """Bring in LoRA where its stage begins."""
        if not self.with_lora and step >= self.config.project_steps:
            torch.manual_seed(self.config.run.seed + 1)  # first weights only
            add_lora(self.net, self.config.lora)
            for name, p in self.net.llm.named_parameters():
                p.requires_grad_("lora_" in name)
            self.with_lora = True
            self._arm()

    def rows(self, step: int) -> list[Row]:
        """The batch of a step."""
        rng, shares = self.rng(step), self.config.sights
        rows = []
        for i in range(self.config.batch):
            kind = rng.random()
            if kind < shares.films:
                split = str(rng.choice(shares.splits))
                seed = _FIRST_FILM + step * self.config.batch + i
                rows.append(self._seen(rng, film(seed, split, self.prior, shares.other_words)))
            elif kind < shares.films + shares.views:
                rows.append(self._seen(rng, view(rng, self.prior, shares.other_words)))
            else:
                rows.append(self._prompted(rng))
        return rows

    def _seen(self, rng: np.random.Generator, sight: Sight) -> Row:
        """A picture, an instruction, the caption."""
        ids = self.texts.instruction(rng)
        return Row(
            [*ids, *self.texts.ending(sight.caption)],
            len(ids),
            video=torch.from_numpy(sight.seconds),
            asked=len(ids) - 1,
            categories=sight.categories,
            seen=sight.categories,
        )

    def _prompted(self, rng: np.random.Generator) -> Row:
        """A prompt and its meaning, after a picture of this, of something else, or none."""
        index = int(rng.integers(len(self.texts.pool.texts)))
        kind, matching = rng.random(), self.config.sights.matching
        if kind < matching:
            return self.texts.prompt(rng, index)
        categories = self.texts.pool.categories[index] if kind < 2 * matching else None
        sight = view(rng, self.prior, shown=categories)
        video = torch.from_numpy(sight.seconds)
        return self.texts.prompt(rng, index, video, sight.categories)

    def evaluate(self) -> dict[str, float]:
        """Captions and states on held-out films and photographs, and the paraphrases."""
        figures = sight_figures(self.net, self.readout, self._held_out)
        figures |= text_figures(self.net, self.readout)
        if self._photos:
            for name, value in sight_figures(self.net, self.readout, self._photos).items():
                figures[f"photos_{name}"] = value
        return figures

    def plain(self) -> Converter:
        """A copy as it ships: averaged weights, LoRA merged."""
        with averaged(self.trained, self.average):
            net = copy.deepcopy(self.net)
        merge_lora(net)
        return net.eval()

    def export(self, folder: Path) -> None:
        """Write the averaged weights, LoRA merged, and the readout."""
        provenance = {"converter": to_plain(self.config), "steps": self.step}
        write_converter(folder, self.plain(), provenance)
        with averaged(self.trained, self.average):
            write_readout(folder, self.readout)
