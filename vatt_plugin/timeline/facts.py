"""Our metadata: enough, in plain JSON, to know a take again and to make the same WAV again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from vatt_plugin.cues import Cue, Take
from vatt_plugin.timeline.model import Placement

SCHEMA = 1


def placement_facts(placement: Placement, n_samples: int, sample_rate: int) -> dict[str, Any]:
    """What goes under ``metadata["vatt"]`` of a placed clip."""
    cue, take = placement.cue, placement.take
    recipe = take.recipe
    facts: dict[str, Any] = {
        **placement.metadata,
        "schema": SCHEMA,
        "take": take.take_id,
        **cue_facts(cue),
        "prompt": recipe.prompt,
        "negative": recipe.negative,
        "caption": take.caption,
        "seed": recipe.seed,
        "model": recipe.model,
        "model_hash": recipe.model_hash,
        "engine_version": recipe.engine_version,
        "lane": recipe.lane,
        "recipe": {k: v for k, v in _fields(recipe).items() if k != "lane"},
        "takes": [take_facts(each) for each in placement.takes or (take,)],
        "handle_frames": placement.handle_frames,
        "tail_frames": placement.tail_frames,
        "samples": n_samples,
        "sample_rate": sample_rate,
    }
    plain: dict[str, Any] = to_plain(facts)
    return plain


def cue_facts(cue: Cue) -> dict[str, Any]:
    """A cue as ``conform`` needs it to find the picture again."""
    return {
        "cue": cue.cue_id,
        "source_clip": cue.clip,
        "picture_track": cue.track,
        "start_frame": cue.start_frame,
        "n_frames": cue.n_frames,
        "fps": str(cue.fps),
        "origin": dict(cue.origin),
    }


def take_facts(take: Take) -> dict[str, Any]:
    """A take in a clip's list of takes, without paths of this machine."""
    return {
        "take": take.take_id,
        "caption": take.caption,
        "prompt": take.recipe.prompt,
        "seed": take.recipe.seed,
        "sync": take.sync,
        "lag_s": take.lag_s,
        "lufs": take.lufs,
        "peak_dbtp": take.peak_dbtp,
        "gain_db": take.gain_db,
        "figures": dict(take.figures),
    }


def to_plain(value: Any) -> Any:
    """Only what JSON and OTIO's metadata hold: no dataclass, Path, Fraction, NaN or huge number."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Fraction):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_plain(_fields(value))
    if isinstance(value, Mapping):
        return {
            str(key): to_plain(item) for key, item in value.items() if str(key) != "OTIO_SCHEMA"
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if hasattr(value, "item"):  # a NumPy scalar
        return to_plain(value.item())
    return str(value)


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
