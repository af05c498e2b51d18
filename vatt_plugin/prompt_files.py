"""Prompts from a CSV file and sync lanes from the JSON that ``vatt spot --json`` prints."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.messages import SyncLane
from vatt_plugin.cues import Cue
from vatt_plugin.errors import BadPromptFile

MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Prompt:
    """A row of the file: ``prompt`` None where the cell is empty."""

    prompt: str | None
    negative: str = ""


def read_prompts(path: Path) -> dict[str, Prompt]:
    """Prompts by clip name or cue id, from columns ``clip,prompt[,negative]``.

    A heading line naming the columns may come first, in any order; UTF-8, with or without a
    byte order mark; comma, semicolon or tab.

    Raises:
        BadPromptFile: it cannot be read, or a row lacks a clip or a prompt.
    """
    text = _read(path, "utf-8-sig")
    try:
        rows = list(csv.reader(text.splitlines(), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise BadPromptFile(f"{path.name} is not a CSV file: {error}.", _CSV_HINT) from error
    numbered = [(n, [c.strip() for c in row]) for n, row in enumerate(rows, 1) if any(row)]
    columns = ["clip", "prompt", "negative"]
    if numbered and "clip" in (heading := [c.lower() for c in numbered[0][1]]):
        columns = heading
        del numbered[0]
    prompts: dict[str, Prompt] = {}
    for number, row in numbered:
        cells = dict(zip(columns, row, strict=False))
        if not cells.get("clip") or "prompt" not in cells:
            raise BadPromptFile(f"{path.name}, line {number} has no clip or no prompt.", _CSV_HINT)
        prompts[cells["clip"]] = Prompt(cells["prompt"] or None, cells.get("negative", ""))
    if not prompts:
        raise BadPromptFile(f"{path.name} holds no prompts.", _CSV_HINT)
    return prompts


def read_lanes(path: Path) -> dict[str, SyncLane]:
    """Sync lanes by clip name, times from the clip's first visible frame.

    Raises:
        BadPromptFile: not readable, not JSON, or not of the shape ``vatt spot --json`` prints.
    """
    try:
        body = json.loads(_read(path, "utf-8-sig"))
        return {str(clip["clip"]): _lane(clip) for clip in body["clips"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadPromptFile(
            f"{path.name} is no list of sync lanes ({type(error).__name__}: {error}).",
            "Make one with: vatt spot INPUT --json > FILE.json",
        ) from error


def for_cue(table: Mapping[str, Any], cue: Cue) -> Any | None:
    """The entry of a cue: by its id, else by its clip's name."""
    return table.get(cue.cue_id, table.get(cue.clip))


def unused(table: Iterable[str], cues: Iterable[Cue]) -> list[str]:
    """Names in a table that no cue has, to be told to the user."""
    known = {name for cue in cues for name in (cue.cue_id, cue.clip)}
    return sorted(set(table) - known)


_CSV_HINT = "Expected: clip,prompt[,negative], one clip a line."


def _read(path: Path, encoding: str) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadPromptFile(f"{path.name} is larger than {MAX_BYTES >> 20} MB.")
        return path.read_text(encoding=encoding)
    except OSError as error:
        raise BadPromptFile(
            f"{path} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise BadPromptFile(f"{path.name} is not UTF-8 text.", "Save it as UTF-8.") from error


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    return max(",;\t", key=first.count) if first else ","


def _lane(clip: Mapping[str, Any]) -> SyncLane:
    hits = tuple(sorted((_number(h["time_s"]), _unit(h["strength"])) for h in clip["hits"]))
    intensity = tuple(_unit(value) for value in clip.get("intensity", ()))
    rate_hz = _number(clip.get("intensity_rate_hz", 50.0))
    if rate_hz <= 0:
        raise ValueError(f"intensity_rate_hz must be above 0, got {rate_hz}")
    return SyncLane(hits, intensity, rate_hz)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a finite number")
    return number


def _unit(value: Any) -> float:
    return min(1.0, max(0.0, _number(value)))
