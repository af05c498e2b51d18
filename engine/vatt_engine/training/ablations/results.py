"""Results of experiments: JSON lines that tables are made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vatt_engine.training.ablations.plan import Plan


def results_of(plan: Plan, part: str) -> Results:
    """The results of a part of a plan: ``small`` or ``trained``."""
    return Results(Path(plan.folder) / f"{part}.jsonl")


class Results:
    """Rows of one JSON-lines file; a row made anew takes the place of the old one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self) -> dict[str, dict[str, Any]]:
        """By name of the run."""
        if not self._path.is_file():
            return {}
        lines = self._path.read_text(encoding="utf-8").splitlines()
        return {row["run"]: row for row in map(json.loads, lines)}

    def add(self, row: dict[str, Any]) -> None:
        """Write a row."""
        rows = self.rows() | {row["run"]: row}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_name(self._path.name + ".part")
        temporary.write_text("".join(json.dumps(r) + "\n" for r in rows.values()), "utf-8")
        temporary.replace(self._path)
