"""What the small LM reads: prompts with what they mean, and the tokenizer made from them.

Three kinds of prompt. *Grammar*: captions as the corpus writes them, alone and in circumstances.
*Things*: names of what makes the sound, from the casting table and the judge's class names.
*Words*: common words that no list of ours names, given the category whose wordings lie nearest in
the sentence encoder; they teach the LM to follow the sentence token where the text is new to it.
The prompts of ``evaluation/paraphrases.csv`` are in none of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from vatt_engine.corpus.captions import Facts, captions, heads
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes.casting import CASTING
from vatt_engine.nets.prompts import DUMMY_INSTRUCTIONS, TextTokenizer
from vatt_engine.nets.sentence import SentenceEncoder
from vatt_engine.training.sights import NAMES, numbers_of, plain_words

SPECIAL = ("<pad>", "<bos>", "<eos>")
"""Text tokens 0, 1 and 2."""

_CIRCUMSTANCES = """
in the kitchen / in an old house / in a cellar / at night / in the morning / outside / indoors
in the garden / in a big hall / on a ship / in a small room / in the city / in the woods / upstairs
next door / behind me / across the street / in a film / for a horror scene / during a fight
on a farm / in a workshop / in an office / at home / on the way home / in slow motion / after rain
""".replace("\n", " / ")
_WHO = """
a man / a woman / a child / somebody / he / she / they / a soldier / an old man / workers
""".replace("\n", " ")
_SHARP, _SURE = 0.04, 0.35
_MOST_CATEGORIES = 3
_JUDGES_CLASSES = 3


@dataclass(frozen=True, eq=False)
class PromptPool:
    """Prompts with their sentence vectors.

    Attributes:
        texts: the prompts, N of them.
        categories: numbers into ``NAMES`` for each.
        vectors: [N, W] unit length.
    """

    texts: tuple[str, ...]
    categories: tuple[tuple[int, ...], ...]
    vectors: Tensor

    def meaning(self, index: int) -> str:
        """The plain words for a prompt."""
        return plain_words(tuple(NAMES[k] for k in self.categories[index] if k < len(CATEGORIES)))


def make_pool(
    encoder: SentenceEncoder, rng: np.random.Generator, n_grammar: int, n_words: int
) -> PromptPool:
    """Draw prompts and encode them.

    Args:
        encoder: of sentences.
        rng: what is drawn follows from it.
        n_grammar: captions of the grammar.
        n_words: single words and pairs of words.
    """
    rows = [*_grammar(rng, n_grammar), *_things(), *_words(encoder, rng, n_words)]
    texts = tuple(text for text, _ in rows)
    return PromptPool(texts, tuple(c for _, c in rows), encode_all(encoder, texts))


def encode_all(encoder: SentenceEncoder, texts: Sequence[str], batch: int = 64) -> Tensor:
    """Sentence vectors [N, W]; texts of like length go together."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    out = torch.empty(len(texts), encoder.config.width)
    for start in range(0, len(order), batch):
        mine = order[start : start + batch]
        out[mine] = encoder([texts[i] for i in mine])
    return out


def nearest_categories(encoder: SentenceEncoder, vectors: Tensor) -> Tensor:
    """Closeness [N, categories] of vectors to the wordings of each category."""
    rows = [(i, way) for i, row in enumerate(CATEGORIES.values()) for way in heads(row)]
    closeness = vectors @ encode_all(encoder, [way for _, way in rows]).T
    owner = torch.tensor([i for i, _ in rows])
    columns = [closeness[:, owner == i] for i in range(len(CATEGORIES))]
    # The nearest wording and the mean of all: better than either alone.
    return torch.stack([c.amax(dim=1) + c.mean(dim=1) for c in columns], dim=1)


def train_tokenizer(texts: Sequence[str], size: int) -> TextTokenizer:
    """A byte-level BPE tokenizer: whole words for common ones, bytes for anything else."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *DUMMY_INSTRUCTIONS], trainer)
    return cast(TextTokenizer, tokenizer)


def random_caption(category: str, rng: np.random.Generator) -> str:
    """A caption of the grammar with random facts."""

    def some(*values: str) -> str:
        return str(rng.choice(values)) if rng.random() < 0.3 else ""

    facts = Facts(
        category,
        count=int(rng.integers(0, 9)) if rng.random() < 0.3 else 0,
        pace=some("slow", "fast"),
        size=some("small", "large"),
        loudness=some("soft", "loud"),
        distance=some("close", "far"),
    )
    return captions(facts, rng, 2)[-1]


def _grammar(rng: np.random.Generator, n: int) -> list[tuple[str, tuple[int, ...]]]:
    places = [part.strip() for part in _CIRCUMSTANCES.split("/") if part.strip()]
    people = [part.strip() for part in _WHO.split("/")]
    names = tuple(CATEGORIES)
    rows = []
    for i in range(n):
        # Every category as often; each tenth prompt has a second one.
        chosen = [names[i % len(names)]]
        if rng.random() < 0.1:
            chosen.append(str(rng.choice(names)))
        text = " and ".join(random_caption(name, rng) for name in chosen)
        if rng.random() < 0.3:
            text = f"{text} {rng.choice(places)}"
        if rng.random() < 0.1:
            text = f"{rng.choice(people)}, {text}"
        rows.append((text, numbers_of(tuple(chosen))))
    rows += [(way, numbers_of((name,))) for name in names for way in heads(CATEGORIES[name])]
    return [*rows, ("silence", numbers_of(())), ("nothing at all", numbers_of(()))]


def _things() -> list[tuple[str, tuple[int, ...]]]:
    owners: dict[str, list[str]] = {}
    for name, row in CATEGORIES.items():
        seen = CASTING[name].pictures if name in CASTING else ()
        for thing in (*seen, *(c.split(",")[0] for c in row.yamnet[:_JUDGES_CLASSES])):
            owners.setdefault(thing.lower(), []).append(name)
    rows = []
    for thing, names in owners.items():
        if len(names) <= _MOST_CATEGORIES:
            for text in (thing, f"the sound of a {thing}"):
                rows += [(text, numbers_of((name,))) for name in names]
    return rows


def _words(
    encoder: SentenceEncoder, rng: np.random.Generator, n: int
) -> list[tuple[str, tuple[int, ...]]]:
    """Words of the encoder's own tokenizer and pairs of them that are near one category."""
    pieces = json.loads(encoder.tokenizer.to_str())["model"]["vocab"]
    common = [w for w, _ in sorted(pieces.items(), key=lambda item: item[1]) if w.isalpha()]
    common = [w for w in common if w.isascii() and len(w) > 2]
    singles = [str(w) for w in rng.permutation(common)[:n]]
    pairs = [f"{a} {b}" for a, b in zip(singles, reversed(singles), strict=True)]
    texts = [*singles, *pairs][: 2 * n]
    closeness = nearest_categories(encoder, encode_all(encoder, texts))
    sure = (closeness / _SHARP).softmax(dim=1).max(dim=1)
    rows = [
        (text, (int(k),))
        for text, p, k in zip(texts, sure.values.tolist(), sure.indices.tolist(), strict=True)
        if p > _SURE
    ]
    # No category may drown the others.
    counts: Counter[tuple[int, ...]] = Counter()
    kept = []
    for text, k in rows:
        counts[k] += 1
        if counts[k] <= max(4, 4 * n // len(CATEGORIES)):
            kept.append((text, k))
    return list(islice(kept, n))
