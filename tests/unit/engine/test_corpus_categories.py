"""The category table: what scenes, corpus and judge agree on must make sense to each."""

import pytest

from vatt_engine.corpus.categories import CATEGORIES, category, families
from vatt_engine.evaluation.yamnet import class_names


def test_the_table_covers_the_field_and_every_row_is_complete() -> None:
    assert len(CATEGORIES) >= 30
    for name, row in CATEGORIES.items():
        assert row.name == name
        assert row.phrase
        assert row.ucs.isalpha()
        assert row.family


def test_the_judge_knows_every_class_a_category_accepts() -> None:
    known = set(class_names())
    unknown = {(c.name, y) for c in CATEGORIES.values() for y in c.yamnet if y not in known}
    assert not unknown


def test_families_partition_the_table() -> None:
    grouped = families()
    assert sum(len(rows) for rows in grouped.values()) == len(CATEGORIES)


def test_an_unknown_category_is_named_in_the_error() -> None:
    assert category("glass_break").ucs == "GLASBrk"
    with pytest.raises(KeyError, match="glas_break"):
        category("glas_break")
