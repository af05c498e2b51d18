"""A project as the text of a snapshot, in pieces, so that a panel can make it between redraws.

The text is that of ``json.dumps(project.as_plain())``. The pieces describe the project as it was
when they were asked for, whatever happens to it meanwhile: states, takes and steps are immutable,
so copies of their lists are enough.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Iterator
from typing import Any

from vatt_plugin.project import Project
from vatt_plugin.project_memory import SCHEMA
from vatt_plugin.project_state import cue_state_to_plain, take_to_plain


def snapshot_pieces(project: Project) -> Iterator[str]:
    """The pieces of a snapshot's body, each made in well under a millisecond or two."""
    states, takes = list(project.states.items()), list(project.takes.values())
    history, position = list(project.history), project.position
    rest = {
        "settings": dataclasses.asdict(project.settings),
        "queue": [dict(job) for job in project.queue],
    }
    cut = list(project.cut.items())

    def pieces() -> Iterator[str]:
        yield f'{{"schema":{SCHEMA},"cues":{{'
        worked = ((key, plain) for key, s in states if (plain := cue_state_to_plain(s)))
        yield from _joined(f"{dumps(key)}:{dumps(plain)}" for key, plain in worked)
        yield '},"takes":['
        yield from _joined(dumps(take_to_plain(take)) for take in takes)
        yield '],"history":['
        yield from _joined(dumps(edit.to_plain()) for edit in history)
        yield f'],"position":{position},"cut":{{'
        yield from _joined(f"{dumps(key)}:{dumps(facts)}" for key, facts in cut)
        yield "}"
        yield "".join(f",{dumps(name)}:{dumps(value)}" for name, value in rest.items())
        yield "}"

    return pieces()


def dumps(value: Any) -> str:
    """JSON as snapshots hold it."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _joined(texts: Iterator[str]) -> Iterator[str]:
    for before, text in zip(itertools.chain([""], itertools.repeat(",")), texts, strict=False):
        yield before + text
