"""Totals of a corpus: hours by category, licence, package and split, and why clips were dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]


def summarise(kept: list[Row], dropped: list[Row]) -> Row:
    """Totals as plain JSON; hours with four digits."""
    return {
        "clips": len(kept),
        "hours": _hours(sum(row["seconds"] for row in kept)),
        "by_split": _totals(kept, lambda row: row["split"]),
        "by_licence": _totals(kept, lambda row: row["licence"]),
        "by_category": _totals(kept, lambda row: row["category"] or "(none)"),
        "by_package": _totals(kept, lambda row: row["package"]),
        "dropped": dict(Counter(_reason(row) for row in dropped).most_common()),
    }


def table(summary: Row) -> str:
    """The summary for a terminal."""
    lines = [f"{summary['clips']} clips, {summary['hours']:.2f} hours"]
    for title in ("split", "licence", "category"):
        lines += ["", f"{title:26}{'clips':>7}{'hours':>9}"]
        totals = sorted(summary[f"by_{title}"].items(), key=lambda item: -item[1]["hours"])
        lines += [f"{name:26}{t['clips']:7d}{t['hours']:9.4f}" for name, t in totals]
    lines += ["", "dropped"]
    lines += [f"  {count:5d}  {reason}" for reason, count in summary["dropped"].items()]
    return "\n".join(lines)


def _reason(row: Row) -> str:
    reason = str(row["dropped"])
    return "near-duplicate" if reason.startswith("repeats ") else reason


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 4)


def _totals(rows: list[Row], key: Callable[[Row], str]) -> Row:
    clips: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for row in rows:
        name = key(row)
        clips[name] += 1
        seconds[name] += row["seconds"]
    return {name: {"clips": clips[name], "hours": _hours(seconds[name])} for name in sorted(clips)}
