"""Training the small LM: captions, prompts and what they mean, no pictures.

Half of the rows are captions to be continued, as the audio model's conditions are; the others give
a prompt and ask for its plain words. Prompts lose words and get wrong ones, and their sentence
vectors are blurred, so that neither alone is relied upon.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vatt_engine.config import ConverterConfig
from vatt_engine.errors import BadRequest
from vatt_engine.nets.converter import build_converter
from vatt_engine.nets.prompts import DUMMY_INSTRUCTIONS, TextTokenizer, prompt_ids
from vatt_engine.training import checkpoint
from vatt_engine.training.codec_config import OptimConfig, RunConfig, read_training, to_plain
from vatt_engine.training.converter_folder import read_sentence, write_converter, write_readout
from vatt_engine.training.language import LanguageTrainer, Row, averaged
from vatt_engine.training.prompt_texts import PromptPool, make_pool, train_tokenizer
from vatt_engine.training.readings import text_figures


@dataclass(frozen=True)
class TextConfig:
    """The prompts of a run.

    Attributes:
        sentence: folder of the sentence encoder (``python -m vatt_engine.training.sentence``).
        grammar: prompts drawn from the caption grammar.
        words: prompts of common words, labelled by the sentence encoder.
        seed: what the prompts follow from.
    """

    sentence: str = "runs/sentence"
    grammar: int = 5000
    words: int = 2000
    seed: int = 1


@dataclass(frozen=True)
class RowConfig:
    """How prompts are blurred and mixed.

    Attributes:
        plain: share of rows that are a caption to be continued.
        untold: share of prompts without a sentence token.
        blur: noise added to a sentence vector, as a share of its length; drawn up to this.
        lost: share of prompts whose words are partly lost or replaced.
        foreign: share of prompts whose words are all replaced; the sentence token alone tells.
    """

    plain: float = 0.3
    untold: float = 0.2
    blur: float = 0.6
    lost: float = 0.3
    foreign: float = 0.2


@dataclass(frozen=True)
class LmTraining:
    """One LM run."""

    run: RunConfig
    converter: ConverterConfig
    optim: OptimConfig
    text: TextConfig = field(default_factory=TextConfig)
    rows: RowConfig = field(default_factory=RowConfig)
    batch: int = 32
    readout: float = 0.5

    def __post_init__(self) -> None:
        if self.converter.sentence is None:
            raise BadRequest("converter.sentence is missing.", "Give it a table, empty will do.")


def read_lm_training(path: Path) -> LmTraining:
    """The run a TOML file describes; raises as ``read_training`` does."""
    return read_training(LmTraining, path)


class LmTrainer(LanguageTrainer):
    """A run that trains the LM and the sentence token.

    Args:
        config: the run.
    """

    def __init__(self, config: LmTraining) -> None:
        folder = Path(config.run.folder)
        torch.manual_seed(config.run.seed)  # first weights only
        encoder = read_sentence(Path(config.text.sentence))
        self.pool = open_pool(folder / "prompts.safetensors", config.text)
        self.tokenizer = train_tokenizer(self.pool.texts, config.converter.vocabulary)
        net = build_converter(config.converter, self.tokenizer, encoder.tokenizer)
        assert net.sentence is not None
        net.sentence.load_state_dict(encoder.state_dict())
        net.video_proj.requires_grad_(False)
        super().__init__(config, net, "lm")
        self.texts = TextRows(self.tokenizer, config.converter, self.pool, config.rows)

    def rows(self, step: int) -> list[Row]:
        """The batch of a step."""
        rng = self.rng(step)
        return [self.texts.row(rng) for _ in range(self.config.batch)]

    def evaluate(self) -> dict[str, float]:
        """How many paraphrases the states tell."""
        return text_figures(self.net, self.readout)

    def export(self, folder: Path) -> None:
        """Write the averaged weights as a converter that has not learnt to see, and the readout."""
        with averaged(self.trained, self.average):
            write_converter(folder, self.net, {"lm": to_plain(self.config), "steps": self.step})
            write_readout(folder, self.readout)


class TextRows:
    """Rows without pictures."""

    def __init__(
        self,
        tokenizer: TextTokenizer,
        config: ConverterConfig,
        pool: PromptPool,
        mix: RowConfig,
    ) -> None:
        self.tokenizer, self.config, self.pool, self.mix = tokenizer, config, pool, mix
        self._words = sorted({word for text in pool.texts for word in text.split()})

    def row(self, rng: np.random.Generator) -> Row:
        """One row: a caption, an instruction with a caption, or a prompt and its meaning."""
        index = int(rng.integers(len(self.pool.texts)))
        kind = rng.random()
        if kind < self.mix.plain / 2:
            ids = prompt_ids(self.tokenizer, self.config, self.pool.texts[index])
            return Row(ids, 1, asked=len(ids) - 1, categories=self.pool.categories[index])
        if kind < self.mix.plain:
            ids = self.instruction(rng)
            return Row([*ids, *self.ending(self.pool.meaning(index))], len(ids))
        return self.prompt(rng, index)

    def prompt(
        self,
        rng: np.random.Generator,
        index: int,
        video: Tensor | None = None,
        seen: tuple[int, ...] = (),
    ) -> Row:
        """Prompt ``index``, blurred, and its plain words; a picture may stand before it."""
        told = rng.random() >= self.mix.untold
        text = self.pool.texts[index]
        chance = rng.random()
        if told and chance < self.mix.foreign:
            text = " ".join(str(rng.choice(self._words)) for _ in text.split())
        elif chance < self.mix.foreign + self.mix.lost:
            text = self._damaged(rng, text)
        ids = prompt_ids(self.tokenizer, self.config, text or "sound")
        vector = None
        if told:
            vector = self.pool.vectors[index]
            noise = torch.from_numpy(rng.standard_normal(len(vector)).astype(np.float32))
            vector = vector + float(rng.uniform(0, self.mix.blur)) * F.normalize(noise, dim=0)
            vector = F.normalize(vector, dim=0)
        return Row(
            [*ids, *self.ending(self.pool.meaning(index))],
            len(ids),
            video=video,
            sentence=vector,
            asked=len(ids) - 1,
            categories=self.pool.categories[index],
            seen=seen,
        )

    def instruction(self, rng: np.random.Generator) -> list[int]:
        """One of the ten dummy instructions, with or without EOS."""
        words = str(rng.choice(DUMMY_INSTRUCTIONS))
        return prompt_ids(self.tokenizer, self.config, words, end=bool(rng.random() < 0.5))

    def ending(self, text: str) -> list[int]:
        """Text tokens of an answer, EOS behind."""
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return [*ids, self.config.eos_id]

    def _damaged(self, rng: np.random.Generator, text: str) -> str:
        kept = []
        for word in text.split():
            chance = rng.random()
            if chance < 0.15:
                kept.append(str(rng.choice(self._words)))
            elif chance > 0.3:
                kept.append(word)
        return " ".join(kept)


def open_pool(path: Path, config: TextConfig) -> PromptPool:
    """The prompts of a config, made once and kept in a file."""
    if path.is_file():
        tensors, state = checkpoint.load(path)
        if state["config"] == to_plain(config):
            categories = tuple(tuple(row) for row in state["categories"])
            return PromptPool(tuple(state["texts"]), categories, tensors["vectors"])
    encoder = read_sentence(Path(config.sentence))
    rng = np.random.default_rng(config.seed)
    pool = make_pool(encoder, rng, config.grammar, config.words)
    state = {"config": to_plain(config), "texts": pool.texts, "categories": pool.categories}
    checkpoint.save(path, {"vectors": pool.vectors}, state)
    return pool
