"""Which category do words mean? Nearest of all the ways the corpus names a category.

Content words are weighed by how rare they are among all categories, after cutting common endings.
This is deliberately simple and open: a caption is judged by words that anyone can look up.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from vatt_engine.corpus.captions import heads
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.sound_families import family_of

_STOP = frozenset(
    {"a", "an", "the", "of", "on", "in", "at", "to", "is", "are", "and", "or", "with", "over"}
    | {"under", "from", "by", "some", "somebody", "someone", "something", "it", "its", "being"}
    | {"made", "sound", "sounds", "while", "there", "through", "into", "up", "down"}
)
_SURE = 0.2
_ENDINGS = ("ings", "ing", "ies", "es", "ed", "s", "e")


def stems(text: str) -> list[str]:
    """Content words without endings, lower case."""
    words = re.findall(r"[a-z]+", text.lower())
    return [_stem(word) for word in words if word not in _STOP]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[Mapping[str, Mapping[str, float]], Mapping[str, float]]:
    """Word weights of every category, and the rarity of every word."""
    documents: dict[str, Counter[str]] = {}
    for name, row in CATEGORIES.items():
        words: Counter[str] = Counter(stems(name.replace("_", " ")) * 2)
        for way in heads(row):
            words.update(stems(way))
        documents[name] = words
    spread = Counter(word for words in documents.values() for word in words)
    rarity = {word: math.log(1 + len(documents) / n) for word, n in spread.items()}
    weights = {}
    for name, words in documents.items():
        row_weights = {w: (1 + math.log(n)) * rarity[w] for w, n in words.items()}
        norm = math.sqrt(sum(v * v for v in row_weights.values()))
        weights[name] = {w: v / norm for w, v in row_weights.items()}
    return weights, rarity


def categories_of(text: str, n: int = 3) -> list[tuple[str, float]]:
    """The ``n`` categories nearest to ``text`` with their similarity 0..1, best first."""
    weights, rarity = _vocabulary()
    words = Counter(stems(text))
    query = {w: rarity.get(w, 0.0) * c for w, c in words.items()}
    norm = math.sqrt(sum(v * v for v in query.values()))
    if norm == 0:
        return []
    scored = [
        (name, sum(query.get(w, 0.0) * v for w, v in row.items()) / norm)
        for name, row in weights.items()
    ]
    scored.sort(key=lambda item: -item[1])
    return [(name, score) for name, score in scored[:n] if score > 0]


def category_of(text: str) -> str:
    """The category words mean, empty where they are hardly like those of any."""
    found = categories_of(text, 1)
    return found[0][0] if found and found[0][1] >= _SURE else ""


def families_of(text: str) -> tuple[str, ...]:
    """Sound families that the parts of ``text`` mean, in the order they are named; () for none.

    A part whose words are all unknown, or hardly like those of any category, means none.
    """
    found = [best for part in _parts(text) for best in categories_of(part, 1)]
    sure = [family_of(category) for category, likeness in found if likeness >= _SURE]
    return tuple(dict.fromkeys(sure))


def says(text: str, category: str) -> bool:
    """Whether the words of ``text`` mean ``category`` first of all (in any of its parts)."""
    best = [found[0][0] for part in [text, *_parts(text)] if (found := categories_of(part, 1))]
    return category in best


def _parts(text: str) -> list[str]:
    return re.split(r"\band\b|\bwhile\b|\bwith\b|,", text)


@lru_cache(maxsize=1)
def paraphrases() -> Mapping[str, tuple[str, ...]]:
    """Prompts in users' words, by category; kept out of every training text."""
    path = Path(__file__).parent / "paraphrases.csv"
    found: dict[str, list[str]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["category"], []).append(row["prompt"])
    return {name: tuple(prompts) for name, prompts in found.items()}
