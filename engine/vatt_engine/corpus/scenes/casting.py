"""Who plays what: for each sound category the families of motion, picture classes and places.

``casting.csv`` is the table. Picture classes are first lemmas of ImageNet classes: things one sees
when that sound is heard. Films of the families in ``HELD_OUT`` are made for the test split only, so
a model is measured on ways of moving it has never seen.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes import blind, gestures, impacts, lasting, machines, rhythms
from vatt_engine.corpus.scenes.plan import Part
from vatt_engine.corpus.scenes.stage import Stage

Family = Callable[[Stage], Part]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        f.__name__: f
        for module_families in (
            (impacts.fall, impacts.bounce, impacts.throw, impacts.collide, impacts.swing),
            (impacts.strike, impacts.burst, impacts.splash, impacts.jump, impacts.swipe),
            (impacts.flash, rhythms.walk, rhythms.feet, rhythms.stairs, rhythms.saw),
            (rhythms.shake, rhythms.drip, gestures.press, gestures.hinge, gestures.lid),
            (rhythms.clap, rhythms.pulse, gestures.call, gestures.bob, gestures.slide),
            (gestures.crowd, lasting.pour, lasting.flow, lasting.surge, lasting.rainfall),
            (lasting.flicker, machines.roll, machines.passing, machines.idle, machines.spin),
            (lasting.sway, lasting.fumes, machines.blink, lasting.scenery, lasting.lightning),
        )
        for f in module_families
    }
)
"""Every family of motion that sounds, by name."""

HELD_OUT = frozenset({"throw", "swing", "jump", "stairs", "shake", "lid", "bob", "surge", "spin"})
"""Families that no training film uses."""

BLIND: Mapping[Family, tuple[str, ...]] = MappingProxyType(
    {
        blind.dribble: ("ball_bounce", "impact_soft"),
        blind.sweep: ("scrape", "leaves_rustle"),
        blind.dominoes: ("game_pieces", "impact_wood"),
        blind.deal: ("cards", "paper"),
        blind.ratchet: ("latch_lock", "clock_tick"),
        blind.whip: ("whoosh", "blade"),
    }
)
"""Families of the split ``blind`` alone, with the categories they are cast for."""

SILENT = ("still", "camera", "light", "distractor")
"""Families without any sound."""


@dataclass(frozen=True)
class Casting:
    """How a category may be shown.

    Attributes:
        families: motions that make this sound, training and held-out ones.
        pictures: ImageNet lemmas of things that make it.
        places: keys of ``textures.BACKDROPS``.
    """

    families: tuple[str, ...]
    pictures: tuple[str, ...]
    places: tuple[str, ...]


def _read() -> dict[str, Casting]:
    rows: dict[str, Casting] = {}
    with (Path(__file__).parent / "casting.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lemmas = tuple(lemma.strip() for lemma in row["pictures"].split(";"))
            rows[row["category"]] = Casting(
                tuple(row["families"].split()), lemmas, tuple(row["places"].split())
            )
    return rows


CASTING: Mapping[str, Casting] = MappingProxyType(_read())
"""Every category that can be filmed."""

assert set(CASTING) <= set(CATEGORIES), sorted(set(CASTING) - set(CATEGORIES))


def family_of(name: str) -> Family:
    """The family of that name, of any split.

    Raises:
        KeyError: there is none.
    """
    return FAMILIES.get(name) or {family.__name__: family for family in BLIND}[name]


def choices(split: str) -> list[tuple[str, str]]:
    """All (category, family) pairs a split may use; ``test`` has the held-out families only."""
    if split == "blind":
        return [(name, family.__name__) for family, names in BLIND.items() for name in names]
    held = split == "test"
    return [
        (category, family)
        for category, casting in CASTING.items()
        for family in casting.families
        if (family in HELD_OUT) == held
    ]


def pictures(category: str, split: str) -> tuple[str, ...]:
    """The category's picture classes of a split: every fourth is kept from training."""
    lemmas = CASTING[category].pictures
    if len(lemmas) < 4:
        return lemmas
    kept = tuple(p for i, p in enumerate(lemmas) if (i % 4 == 3) == (split != "train"))
    return kept or lemmas
