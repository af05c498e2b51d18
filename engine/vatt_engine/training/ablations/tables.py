"""Results as Markdown, written between markers of a document.

A place for the table ``masks`` begins with the line ``<!-- table: masks -->`` and ends with
``<!-- end -->``. What has no results yet is left as it is.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.bootstrap import interval, paired_difference
from vatt_engine.training.ablations.listening import TakeRow, f1_of, floor_of, row_from
from vatt_engine.training.ablations.plan import Plan
from vatt_engine.training.ablations.results import results_of

log = logging.getLogger(__name__)

Row = Mapping[str, Any]

_NEAR_S = 0.04  # people notice a lag from about here on
_HEARD = ("onset F1", "floor", "kind", "likeness")


def write(plan: Plan) -> None:
    """Put all tables that have results into the plan's document.

    Raises:
        BadRequest: the document cannot be read.
    """
    path = Path(plan.document)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as err:
        raise BadRequest(f"Cannot read {path}: {err.strerror}.", "Give plan.document.") from err
    small, trained = results_of(plan, "small").rows(), results_of(plan, "trained").rows()
    for name, table in (_small_tables(plan, small) | _trained_tables(trained)).items():
        text = placed(text, name, table)
    path.write_text(text, encoding="utf-8")


def placed(text: str, name: str, table: str) -> str:
    """A document with a table in its place; unchanged where it has no such place."""
    place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(text):
        log.warning("the document has no place for the table %s", name)
    return place.sub(lambda found: f"{found[1]}{table}{found[2]}", text)


def _small_tables(plan: Plan, rows: Mapping[str, Row]) -> dict[str, str]:
    shapes: dict[str, tuple[tuple[str, ...], bool]] = {
        "masks": (("hidden", "blind", "next frame"), False),
        "llm": (("hidden", "blind", "blind, picture alone"), True),
        "order": (("next frame",), False),
        "projection": (("hidden", "blind", "blind, picture alone"), True),
        "extras": (
            ("hidden", "blind", "blind, no lane", "blind, neither words nor picture"), False
        ),
    }  # fmt: skip
    found = {}
    for name, (losses, pictures) in shapes.items():
        own = [v for v in plan.variations if name in v.tables and v.name in rows]
        if all(len(v.tables) == len(shapes) for v in own):
            continue  # nothing but the yardstick that every table has
        head = ["run", *losses, *_HEARD, *(["kind, picture alone"] if pictures else [])]
        lines = []
        first = rows[own[0].name]
        for variation in own:
            row = rows[variation.name]
            cells = [variation.says]
            cells += [_loss(row, first, loss) for loss in losses]
            cells += _heard(row["takes"], families_right(row["takes"], rows))
            if pictures:
                shown = row.get("picture_takes")
                cells.append(_share(families_right(shown, rows)) if shown else "–")
            lines.append(cells)
        if "truth" in rows:
            takes = rows["truth"]["takes"]
            blank = ["–"] * len(losses)
            more = ["–"] if pictures else []
            lines.append(
                ["the true sounds", *blank, *_heard(takes, families_right(takes, rows)), *more]
            )
        found[name] = _table(head, lines)
    if "speed" in rows:
        head = ["width", "layers", "parameters", "net", "passes", "core-s"]
        timed = [
            [
                str(r["width"]), str(r["layers"]), f"{r['parameters'] / 1e6:.1f} M", r["net"],
                str(r["passes"]), f"{r['seconds']:.1f}",
            ]
            for r in rows["speed"]["rows"]
        ]  # fmt: skip
        found["speed"] = _table(head, timed)
    return found


def families_right(takes: Sequence[Row], rows: Mapping[str, Row]) -> list[bool]:
    """Which takes of a tiny run the judge gives the family of their film."""
    return [t["family"] == f for t, f in zip(takes, rows["truth"]["families"], strict=True)]


def _trained_tables(rows: Mapping[str, Row]) -> dict[str, str]:
    groups: dict[str, list[Row]] = {}
    for row in rows.values():
        groups.setdefault(row["group"], []).append(row)
    if "truth" not in groups or "plain" not in groups:
        return {}
    truth, plain = groups["truth"][0], groups["plain"][0]
    shapes: dict[str, tuple[str, Callable[[Row], list[str]], list[str]]] = {
        "steps": ("steps", _level, ["level, dB", "core-s a take"]),
        "cfg": ("guidance", _level, ["level, dB", "core-s a take"]),
        "lane": ("lane", _level, ["level, dB", "core-s a take"]),
        "captions": ("words", _caption, ["caption right"]),
        "rounds": ("rounds", _rounds, ["caption right", "one of the alternatives right"]),
    }
    found = {"trained": _about(truth, plain)}
    plainly = {"lane": "true", "captions": "true, plain"}
    for name, (what, more, more_head) in shapes.items():
        lines = []
        for row in [*([plain] if name in plainly else []), *groups.get(name, [])]:
            says = plainly[name] if row is plain else row["says"]
            lines.append([says, *_heard(row["takes"], row["kind"]), *more(row)])
        if lines and name in groups:
            found[name] = _table([what, *_HEARD, *more_head], lines)
    for row in groups.get("lane", []):
        if "edited" in row:
            found["moved"] = _moved(row)
    if "negative" in groups:
        found["negative"] = _negative(groups["negative"])
    if "timing" in groups:
        lines = [_timing(row) for row in groups["timing"]]
        lines.sort(key=lambda cells: int(cells[0]))
        head = ["lane moved by, ms", "median lag, ms", "quartiles", "within 40 ms", "measurable"]
        found["timing"] = _table(head, lines)
    return found


def _about(truth: Row, plain: Row) -> str:
    """Which model, and what the best there can be is."""
    step = f"step {truth['model_steps']} of its run" if truth["model_steps"] else "its last step"
    own, takes = _rows(truth["takes"]), _rows(plain["takes"])
    return (
        f"The model at {step}; {len(takes)} held-out films of one sound, "
        f"{truth['seconds_a_clip']} s each. As it is: onset F1 {f1_of(takes):.2f}, kind "
        f"{_share(plain['kind'])}. The true sounds, coded and decoded: onset F1 {f1_of(own):.2f}, "
        f"kind {_share(truth['kind'])}, median level {median(r.level_db for r in own):.0f} dB.\n"
    )


def _loss(row: Row, first: Row, name: str) -> str:
    """Mean nats a code, and how it differs from the first row's, clip by clip."""
    values = row["losses"].get(name)
    if values is None:
        return "–"
    theirs = first["losses"].get(name)
    if row is first or theirs is None:
        return f"{fmean(values):.3f}"
    change = paired_difference(theirs, values, fmean)
    if change.low is None or change.high is None:
        return f"{fmean(values):.3f}"
    return f"{fmean(values):.3f} ({change.low:+.3f} to {change.high:+.3f})"


def _heard(takes: Sequence[Row], right: Sequence[bool]) -> list[str]:
    """The four columns of ``_HEARD``."""
    rows = _rows(takes)
    f1 = interval(rows, f1_of)
    bounds = "" if f1.low is None else f" ({f1.low:.2f}–{f1.high:.2f})"
    return [
        f"{f1_of(rows):.2f}{bounds}",
        f"{floor_of(rows):.2f}",
        _share(right),
        f"{fmean(r.closeness for r in rows):.3f}",
    ]


def _level(row: Row) -> list[str]:
    level = median(r.level_db for r in _rows(row["takes"]))
    return [f"{level:.0f}", f"{row['seconds']:.1f}" if "seconds" in row else "–"]


def _caption(row: Row) -> list[str]:
    return [_share(row["right"]) if "right" in row else "–"]


def _rounds(row: Row) -> list[str]:
    return [_share(row["right"]), _share(row["any_right"])]


def _moved(row: Row) -> str:
    """Where the moved hit is heard, with the lane edited and as it was."""
    lines = []
    for says, name in (("as it was", "unedited"), ("edited", "edited")):
        found = row[name]
        olds, news = [old for old, _ in found], [new for _, new in found]
        lines.append([says, _share(olds), _share(news)])
    return _table(["lane", "onset at the old place", "onset at the new place"], lines)


def _negative(group: Sequence[Row]) -> str:
    """How likely each of two sounds is heard, by which of them must not be."""
    lines = []
    for row in group:
        first, second = _rows(row["takes"]), _rows(row["second"])
        cells = [row["says"]]
        for rows, right in ((first, row["kind"]), (second, row["second_kind"])):
            cells += [_share(right), f"{fmean(r.closeness for r in rows):.3f}"]
        lines.append([*cells, f"{f1_of(first):.2f}"])
    heads = [f"{which}: {what}" for which in ("first", "second") for what in ("kind", "likeness")]
    return _table(["must not be heard", *heads, "onset F1"], lines)


def _timing(row: Row) -> list[str]:
    asked = int(row["says"]) / 1000
    rows = _rows(row["takes"])
    lags = sorted(r.lag_s for r in rows if r.lag_s is not None)
    measurable = f"{len(lags)} of {len(rows)}"
    if len(lags) < 2:
        return [row["says"], "–", "–", "–", measurable]
    low, _, high = quantiles(lags, n=4)
    near = [abs(lag - asked) <= _NEAR_S for lag in lags]
    middle = f"{1000 * median(lags):+.0f}"
    return [
        row["says"],
        middle,
        f"{1000 * low:+.0f} to {1000 * high:+.0f}",
        _share(near),
        measurable,
    ]


def _rows(takes: Sequence[Row]) -> list[TakeRow]:
    return [row_from(dict(t)) for t in takes]


def _share(values: Sequence[float | bool]) -> str:
    return f"{round(sum(values))} of {len(values)}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
