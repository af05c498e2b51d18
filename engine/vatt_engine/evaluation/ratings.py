"""What people said: do raters agree, which model do they prefer, do figures follow them."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.agreement import Level, krippendorff_alpha, spearman
from vatt_engine.evaluation.bootstrap import Interval, interval
from vatt_engine.evaluation.rating_page import Item
from vatt_engine.evaluation.results import PICTURE, Evaluation, FilmResult, TakeResult


@dataclass(frozen=True)
class Rating:
    """One answer of one rater."""

    rater: str
    item: str
    kind: str
    question: str
    answer: str
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """What was found for one question.

    Attributes:
        question: of the page.
        n_answers, n_raters, n_items: how much it rests on.
        alpha: Krippendorff's; None when it cannot be told (one rater, or no two on an item).
        shares: model -> share of the votes (``same`` counts half for each), or model -> mean score.
        correlations: automatic figure -> rank correlation with the items' mean answer.
    """

    question: str
    n_answers: int
    n_raters: int
    n_items: int
    alpha: float | None
    shares: Mapping[str, Interval]
    correlations: Mapping[str, float]


def read_ratings(paths: Sequence[Path]) -> list[Rating]:
    """Answers of one or more CSV files; a later answer of a rater replaces an earlier one.

    Raises:
        BadRequest: a file cannot be read or lacks a column.
    """
    latest: dict[tuple[str, str, str], Rating] = {}
    for path in paths:
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                for row in csv.DictReader(file):
                    rating = Rating(
                        row["rater"].strip(),
                        row["item"].strip(),
                        row["kind"].strip(),
                        row["question"].strip(),
                        row["answer"].strip(),
                        float(row.get("seconds") or 0),
                    )
                    latest[rating.rater, rating.item, rating.question] = rating
        except (OSError, KeyError, ValueError, AttributeError) as error:
            raise BadRequest(
                f"{path} cannot be read as ratings: {type(error).__name__}: {error}.",
                "Give the CSV files that the rating page saved.",
            ) from error
    if not latest:
        raise BadRequest("The files hold no ratings.", "Ask the raters to press Save.")
    return list(latest.values())


def read_key(path: Path) -> dict[str, Item]:
    """The page's key: item code -> what it was.

    Raises:
        BadRequest: not a key file.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["items"]
        return {row["item"]: Item(**row) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{path} is no key of a rating page: {error}.", "Give the .key.json beside the page."
        ) from error


def verdicts(
    ratings: Sequence[Rating],
    key: Mapping[str, Item],
    evaluations: Sequence[Evaluation] = (),
) -> list[Verdict]:
    """Put answers, key and automatic figures together, question by question."""
    questions = sorted({r.question for r in ratings if r.item in key})
    return [_verdict(q, [r for r in ratings if r.question == q and r.item in key], key, evaluations)
            for q in questions]  # fmt: skip


def _verdict(
    question: str,
    ratings: Sequence[Rating],
    key: Mapping[str, Item],
    evaluations: Sequence[Evaluation],
) -> Verdict:
    by_item: dict[str, list[str]] = defaultdict(list)
    for rating in ratings:
        by_item[rating.item].append(rating.answer)
    pairs = question != "caption"
    if pairs:
        level: Level = "nominal"
        units: list[list[float | str | None]] = [list(answers) for answers in by_item.values()]
    else:
        level = "ordinal"
        units = [[float(answer) for answer in answers] for answers in by_item.values()]
    shares = _preferences(by_item, key) if pairs else _means(by_item, key)
    return Verdict(
        question=question,
        n_answers=len(ratings),
        n_raters=len({r.rater for r in ratings}),
        n_items=len(by_item),
        alpha=krippendorff_alpha(units, level),
        shares=shares,
        correlations=_correlations(by_item, key, evaluations, pairs),
    )


def _vote(answer: str, item: Item, model: str) -> float:
    if answer == "same":
        return 0.5
    return float((item.left if answer == "left" else item.right) == model)


def _preferences(by_item: Mapping[str, list[str]], key: Mapping[str, Item]) -> dict[str, Interval]:
    models = sorted({m for code in by_item for m in (key[code].left, key[code].right)})
    votes: dict[str, list[float]] = {
        model: [
            sum(_vote(a, key[code], model) for a in answers) / len(answers)
            for code, answers in by_item.items()
            if model in (key[code].left, key[code].right)
        ]
        for model in models
    }
    return {model: interval(values, _mean) for model, values in votes.items()}


def _means(by_item: Mapping[str, list[str]], key: Mapping[str, Item]) -> dict[str, Interval]:
    scores: dict[str, list[float]] = defaultdict(list)
    for code, answers in by_item.items():
        scores[key[code].left].append(sum(float(a) for a in answers) / len(answers))
    return {model: interval(values, _mean) for model, values in sorted(scores.items())}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _correlations(
    by_item: Mapping[str, list[str]],
    key: Mapping[str, Item],
    evaluations: Sequence[Evaluation],
    pairs: bool,
) -> dict[str, float]:
    """Rank correlation of people's mean answer with figures of the same takes or captions."""
    found = {e.model: {f.name: f for f in e.films} for e in evaluations}
    table: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for code, answers in by_item.items():
        item = key[code]
        left = found.get(item.left, {}).get(item.film)
        if left is None:
            continue
        if not pairs:
            figures = {"caption_right": left.caption_right, "caption_near": left.caption_near}
            answer = sum(float(a) for a in answers) / len(answers)
        else:
            right = found.get(item.right, {}).get(item.film)
            if right is None:
                continue
            figures = _differences(left, right)
            answer = sum(_vote(a, item, item.left) for a in answers) / len(answers)
        for name, value in figures.items():
            if value is not None:
                table[name][0].append(answer)
                table[name][1].append(float(value))
    result = {name: spearman(a, b) for name, (a, b) in table.items()}
    return {name: value for name, value in result.items() if value is not None}


def _differences(left: FilmResult, right: FilmResult) -> dict[str, Any]:
    """Left minus right, signed so that more is better."""
    a, b = _picture_take(left), _picture_take(right)
    if a is None or b is None:
        return {}

    def gap(x: float | None, y: float | None, sign: float) -> float | None:
        return None if x is None or y is None else sign * (x - y)

    return {
        "onset_f1": gap(a.onsets.f1 if a.onsets else None, b.onsets.f1 if b.onsets else None, 1),
        "kld": gap(a.kld, b.kld, -1),
        "e_l1": gap(a.e_l1, b.e_l1, -1),
        "accepted": gap(_number(a.accepted), _number(b.accepted), 1),
    }


def _number(value: bool | None) -> float | None:
    return None if value is None else float(value)


def _picture_take(film: FilmResult) -> TakeResult | None:
    return next((t for t in film.takes if t.condition == PICTURE), None)
