"""Our metadata: enough, in plain JSON, to know a take again and to make the same WAV again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from vatt_plugin.cues import Cue, Recipe, Take
from vatt_plugin.project_state import recipe_from_plain
from vatt_plugin.timeline.model import Placement

SCHEMA = 1


def placement_facts(placement: Placement, n_samples: int, sample_rate: int) -> dict[str, Any]:
    """What goes under ``metadata["vatt"]`` of a placed clip."""
    cue, take = placement.cue, placement.take
    lanes: dict[str, Any] = {}
    facts: dict[str, Any] = {
        **placement.metadata,
        "schema": SCHEMA,
        **cue_facts(cue),
        **_played_facts(take, lanes),
        "takes": [take_facts(each, lanes) for each in placement.takes or (take,)],
        "lanes": lanes,
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


def take_facts(take: Take, lanes: dict[str, Any]) -> dict[str, Any]:
    """A take in a clip's list of takes, without paths of this machine; see ``recipe_facts``."""
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
        "recipe": recipe_facts(take.recipe, lanes),
    }


def with_take(facts: Mapping[str, Any], take: Take, n_samples: int) -> dict[str, Any]:
    """The facts of a clip that plays another take of its cue from now on.

    The list keeps the takes that it has; the one that was played so far gets its recipe there,
    where a version before this one wrote none.

    Args:
        facts: what is under our key.
        take: a new one, or one of the list.
        n_samples: of its file.
    """
    lanes = dict(facts.get("lanes", {}))
    listed = [dict(each) for each in facts.get("takes", ()) if isinstance(each, Mapping)]
    for each in listed:
        if each.get("take") == facts.get("take") and "recipe" not in each:
            recipe = recipe_from_facts(facts["recipe"], facts)
            each["recipe"] = recipe_facts(recipe, lanes)
    if all(each.get("take") != take.take_id for each in listed):
        listed.append(take_facts(take, lanes))
    played: dict[str, Any] = to_plain(
        {
            **{key: value for key, value in facts.items() if key != "mix"},
            "schema": SCHEMA,
            **_played_facts(take, lanes),
            "takes": listed,
            "lanes": lanes,
            "handle_frames": take.recipe.handle_frames,
            "samples": n_samples,
        }
    )
    return played


def take_from_facts(facts: Mapping[str, Any], take_id: str = "") -> Take:
    """A take of a clip's list as far as the timeline tells of it; it names no files.

    Args:
        facts: what is under our key.
        take_id: one of the list; empty for the one that is played.

    Raises:
        KeyError, TypeError, ValueError: there is none, or it carries no recipe.
    """
    played = str(facts["take"])
    wanted = take_id or played
    listed = [each for each in facts.get("takes", ()) if isinstance(each, Mapping)]
    found = next((each for each in listed if each.get("take") == wanted), {})
    recipe = facts["recipe"] if wanted == played else found["recipe"]
    figures = found.get("figures")
    return Take(
        take_id=wanted,
        cue_id=str(facts.get("cue", "")),
        wav_path="",
        codes_path="",
        caption=str(found.get("caption") or (facts.get("caption") if wanted == played else "")),
        recipe=recipe_from_facts(recipe, facts),
        sync=found.get("sync"),
        lag_s=found.get("lag_s"),
        lufs=found.get("lufs"),
        peak_dbtp=found.get("peak_dbtp"),
        gain_db=float(found.get("gain_db") or 0.0),
        figures=dict(figures) if isinstance(figures, Mapping) else {},
    )


def _played_facts(take: Take, lanes: dict[str, Any]) -> dict[str, Any]:
    """The take that a clip plays."""
    recipe = take.recipe
    return {
        "take": take.take_id,
        "prompt": recipe.prompt,
        "negative": recipe.negative,
        "caption": take.caption,
        "seed": recipe.seed,
        "model": recipe.model,
        "model_hash": recipe.model_hash,
        "engine_version": recipe.engine_version,
        "lane": recipe.lane,
        "recipe": recipe_facts(recipe, lanes),
    }


def recipe_facts(recipe: Recipe, lanes: dict[str, Any]) -> dict[str, Any]:
    """A recipe with the chain it was made from, its lanes by name.

    Takes of a clip mostly share one lane, which is longer than all the rest.

    Args:
        recipe: of a take.
        lanes: gets every lane that is named, by a hash over what it holds.
    """
    facts: dict[str, Any] = to_plain(_fields(recipe))
    if facts["lane"] is not None:
        text = json.dumps(facts["lane"], sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        lanes[name] = facts["lane"]
        facts["lane"] = name
    facts["made_from"] = [recipe_facts(each, lanes) for each in recipe.made_from]
    return facts


def recipe_from_facts(plain: Mapping[str, Any], facts: Mapping[str, Any]) -> Recipe:
    """A recipe as ``recipe_facts`` wrote it, or as versions before it did.

    Args:
        plain: the recipe.
        facts: of the clip, with the lanes.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """

    def whole(recipe: Mapping[str, Any]) -> dict[str, Any]:
        lane = recipe.get("lane", facts.get("lane"))
        return {
            **recipe,
            "lane": facts["lanes"][lane] if isinstance(lane, str) else lane,
            "made_from": [whole(each) for each in recipe.get("made_from", ())],
        }

    return recipe_from_plain(whole(plain))


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
