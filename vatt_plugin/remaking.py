"""Back from a recipe to a request, and whether what came of it is the take it tells of.

Pure functions but for the reading of two WAVs; ``cli.remaking`` runs the engine.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile

from vatt_engine.messages import Generate, HeldTake
from vatt_plugin.cues import Cue, Recipe, Take, samples_with_handles
from vatt_plugin.errors import CannotRemake
from vatt_plugin.requests import Wish, generate_request
from vatt_plugin.timeline.facts import take_from_facts
from vatt_plugin.timeline.laid import OurClip, dry_name
from vatt_plugin.timeline.model import Timeline
from vatt_plugin.timeline.rates import nearest_frame

Verdict = Literal["same", "same take", "other"]
_BLOCK = 1 << 16
_PRECISION = re.compile(r"\+[\w-]*float\d+")
_UNKNOWN = (
    "Nothing that the recipe records has changed; what it does not record may have: the picture's "
    "file, the kind of processor.",
)
_WHOLE_TAKE = "Make the clip's sound anew with `vatt generate`."


# --- what is to be made ----------------------------------------------------------------------


@dataclass(frozen=True)
class Original:
    """A take as a timeline tells of it.

    Attributes:
        take: its id.
        recipe: what makes it again.
        cue: whose sound it is, as long as it was when the take was made.
        path: its file, without ducking and fades; it need not be there.
        record_time: its file is stamped with record timecode, not with zero.
        batch: how many takes the engine drew at once, and ``batch_seed`` the first one's seed. What
            is drawn together is rounded together.
        gain_db: what levelling applied; None where it is not told.
        nudge_s: how much later its sound lies in its file than it was made.
    """

    take: str
    recipe: Recipe
    cue: Cue
    path: Path
    record_time: bool = False
    batch: int = 1
    batch_seed: int = 0
    gain_db: float | None = None
    nudge_s: float = 0.0


def original_of(our: OurClip, cut: Timeline, take: str = "") -> Original:
    """The take that a clip of ours plays, or another one of its list.

    Raises:
        CannotRemake: it carries no recipe, or the picture it was made for cannot be told.
    """
    facts, name = our.facts, our.clip.name
    recipe = recipe_of(facts, name, take)
    played = our.file(cut.document.base)
    if played is None:
        raise CannotRemake(f"{name} names no file.", _WHOLE_TAKE)
    dry = dry_name(facts)
    n_samples = facts.get("samples")
    cue = _cue_of(our, cut, recipe, n_samples if isinstance(n_samples, int) else 0)
    seed, batch = recipe.batch_seed, recipe.batch
    if not batch:
        seed, batch = batch_of(recipe.seed, facts.get("takes", ()))
    return Original(
        take or our.take,
        recipe,
        cue,
        played.with_name(dry) if dry else played,
        bool(our.file_start_s),
        batch,
        seed,
        _gain_of(facts, take or our.take),
        nudge_of(facts),
    )


def nudge_of(facts: Mapping[str, Any]) -> float:
    """How much later than it was made a clip's take is laid in its file, in seconds."""
    nudge_s = facts.get("nudge_s")
    return float(nudge_s) if isinstance(nudge_s, int | float) else 0.0


def _gain_of(facts: Mapping[str, Any], take: str) -> float | None:
    listed = (each for each in facts.get("takes", ()) if isinstance(each, Mapping))
    gain_db = next((each.get("gain_db") for each in listed if each.get("take") == take), None)
    return gain_db if isinstance(gain_db, int | float) else None


def recipe_of(facts: Mapping[str, Any], name: str = "The clip", take: str = "") -> Recipe:
    """The recipe under our key of a clip's metadata, or in the sidecar.

    Args:
        facts: these.
        name: of the clip, for messages.
        take: one of the clip's list; empty for the one it plays.

    Raises:
        CannotRemake: there is none, or it does not tell what a span was made of.
    """
    try:
        recipe = take_from_facts({"take": "", **facts}, take).recipe
    except (KeyError, TypeError, ValueError) as error:
        raise CannotRemake(f"{name} carries no recipe that can be read.", _WHOLE_TAKE) from error
    steps = (*recipe.made_from, recipe)
    if steps[0].span is not None or any(step.span is None for step in steps[1:]):
        start_s, end_s = recipe.span or (0.0, 0.0)
        raise CannotRemake(
            f"Of {name}, {start_s:.2f} to {end_s:.2f} s were made anew in another take "
            f"({recipe.parent_take}), and how that one was made is not recorded, as in takes of "
            "versions before this one.",
            _WHOLE_TAKE,
        )
    return recipe


def steps_of(original: Original) -> list[Original]:
    """What is to be made for a take, oldest first: a whole take, then span after span of it."""
    recipes = (*original.recipe.made_from, original.recipe)
    ids = [*(recipe.parent_take for recipe in recipes[1:]), original.take]
    return [
        replace(
            original,
            take=take,
            recipe=recipe,
            batch=recipe.batch or 1,
            batch_seed=recipe.batch_seed if recipe.batch else recipe.seed,
        )
        if recipe is not original.recipe
        else original
        for take, recipe in zip(ids, recipes, strict=True)
    ]


def batch_of(seed: int, takes: Iterable[Any]) -> tuple[int, int]:
    """Which takes were drawn together with the one of this seed.

    Args:
        seed: of the take.
        takes: facts of the clip's takes; ``figures`` tell of each how many were drawn at once.

    Returns:
        Seed of the first one, and how many they were; the take alone where nothing is told.
    """
    sizes = {
        int(take["seed"]): int(take["figures"].get("batch", 1))
        for take in takes
        if isinstance(take, Mapping)
        and isinstance(take.get("seed"), int)
        and isinstance(take.get("figures"), Mapping)
    }
    size = sizes.get(seed, 1)
    first = seed
    while sizes.get(first - 1) == size:
        first -= 1
    return (first + (seed - first) // size * size, size) if size > 1 else (seed, 1)


def again(
    original: Original,
    *,
    model: str = "",
    device: str = "",
    job_id: str = "",
    scratch: str = "",
    parent: Take | None = None,
) -> Generate:
    """The request that a recipe came of; the take is the one of the recipe's seed.

    Args:
        original: the take.
        model: to use instead of the recipe's.
        device: to use instead of the recipe's; the precision is the recipe's unless told here.
        job_id: see ``Generate``.
        scratch: see ``Generate``.
        parent: for a span, the take before it, its codes kept.
    """
    recipe = original.recipe
    wanted = device or recipe.device or "auto"
    if recipe.precision and not _PRECISION.search(wanted):
        wanted = f"{wanted}+{recipe.precision}"
    wish = Wish(
        model=model or recipe.model,
        device=wanted,
        prompt=recipe.prompt,
        captioned=recipe.captioned,
        negative=recipe.negative,
        takes=original.batch,
        seed=original.batch_seed if original.batch > 1 else recipe.seed,
        steps=recipe.steps,
        cfg=recipe.cfg,
        sync=recipe.sync,
        handle_frames=recipe.handle_frames,
    )
    request = generate_request(original.cue, wish, job_id=job_id, scratch=scratch)
    request = replace(request, lane=recipe.lane)  # a recipe's lane counts handles already
    if parent is None or recipe.span is None:
        return request
    start_s, end_s = (at + request.handle_s for at in recipe.span)
    return replace(request, held=HeldTake(parent.codes_path, start_s, end_s))


def _cue_of(our: OurClip, cut: Timeline, recipe: Recipe, n_samples: int) -> Cue:
    """The cue as it was when the take was made.

    A re-cut may show more or less of the shot now: then the picture begins so much earlier or
    later in its media, and lasts as long as the take does.
    """
    facts, name = our.facts, our.clip.name
    cue = _shot_of(facts, cut)
    if cue is None:
        raise CannotRemake(
            f"The picture that {name} was made for is not in {cut.path.name}.",
            "Give the --cues, --track and --split-cuts that `vatt generate` was given.",
        )
    if cue.status != "ready":
        raise CannotRemake(
            f"The picture of {name} is {cue.status}. {cue.note}".strip(),
            "Say with --media-dir where its media lies.",
        )
    conformed = facts.get("conformed")
    if isinstance(conformed, Mapping) and isinstance(conformed.get("from_cue"), str):
        cue = cue._replace(cue_id=conformed["from_cue"])  # a take's id counts it in
    if n_samples in (0, samples_with_handles(cue, recipe.handle_frames)):
        return cue
    in_s = our.in_s
    if in_s is None or len(cue.picture) != 1:
        raise CannotRemake(
            f"{name} was made for another length of its picture, and that cannot be told.",
            "Make it again from the timeline that `vatt generate` wrote.",
        )
    begins = our.start - nearest_frame(in_s * cue.fps) + recipe.handle_frames
    held = Fraction(n_samples) * cue.fps / 48_000
    n_frames = held.numerator // held.denominator - 2 * recipe.handle_frames
    shift = begins - cue.start_frame
    (shown,) = cue.picture
    start_s = Fraction(shown.start_s) + shift / cue.fps * Fraction(shown.time_scalar)
    if n_frames < 1 or start_s < 0:
        raise CannotRemake(f"The picture that {name} was made for is not there.", _WHOLE_TAKE)
    duration_s = float(n_frames / cue.fps)
    return cue._replace(
        start_frame=begins,
        n_frames=n_frames,
        record_frame=cue.record_frame + shift,
        picture=(replace(shown, start_s=float(start_s), duration_s=duration_s),),
    )


def _shot_of(facts: Mapping[str, Any], cut: Timeline) -> Cue | None:
    """The cue that a take was made for, under the id that it had then.

    The id is made from the media's URL too, which packing and relinking change: where none has it,
    the cue of the same name, place and media time is meant.
    """
    cue_id = str(facts.get("cue", ""))
    cue = next((cue for cue in cut.cues if cue.cue_id == cue_id), None)
    if cue is not None:
        return cue
    origin = facts.get("origin")
    media_s = origin.get("media_s") if isinstance(origin, Mapping) else None
    told = (*map(facts.get, ("source_clip", "picture_track", "start_frame", "n_frames")), media_s)
    for cue in cut.cues:
        place = (cue.clip, cue.track, cue.start_frame, cue.n_frames, cue.origin.get("media_s"))
        if place == told:
            return cue._replace(cue_id=cue_id)
    return None


# --- what came of it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """A take beside the one it should be.

    Attributes:
        verdict: ``same``: every sample is, bit for bit; ``same take``: by the take's id, since the
            file of old is not there or was changed since; ``other``.
        sha256: of the samples now made, and ``sha256_before`` of the file of old; empty if that
            cannot be read.
        difference_dbfs: of the largest difference; None if there is none, or none can be told.
        why: what is not as it was, where the take is another.
    """

    verdict: Verdict
    sha256: str
    sha256_before: str
    difference_dbfs: float | None = None
    why: tuple[str, ...] = ()


def compare(
    original: Original,
    before: str,
    made: Take,
    strayed: tuple[Recipe, Recipe] | None = None,
) -> Comparison:
    """Whether a take is the one it should be, and if not, why that may be.

    Args:
        original: as the timeline tells of it.
        before: ``samples_sha256`` of its file, from before the new one was written.
        made: the take now made, its file in place.
        strayed: the first take before it that came out another, as recorded and as now made.
    """
    path = Path(made.wav_path)
    now = samples_sha256(path)
    if now == before:
        return Comparison("same", now, before)
    if made.take_id == original.take:
        return Comparison("same take", now, before)
    gap_dbfs = _difference_dbfs(path, original.path) if before else None
    why = reasons(*(strayed or (original.recipe, made.recipe)))
    if why == _UNKNOWN and original.gain_db not in (None, made.gain_db):
        why = (f"It was levelled by {original.gain_db} dB then, by {made.gain_db} dB now.", *why)
    if strayed is not None:
        why = ("Already a take that it was made from came out another.", *why)
    return Comparison("other", now, before, gap_dbfs, why)


def reasons(recorded: Recipe, present: Recipe) -> tuple[str, ...]:
    """Why a recipe may have given another take: what differs now, a sentence each."""
    facts = (
        ("The model", "model_hash", "has other weights"),
        ("The engine", "engine_version", "is of another version"),
        ("The precision", "precision", "is another"),
        ("The device", "made_on", "is another"),
        ("The number of CPU threads", "threads", "is another"),
    )
    found = []
    for what, name, how in facts:
        then, now = (
            _PRECISION.sub("", str(getattr(each, name) or "")) for each in (recorded, present)
        )
        if then and now and then != now:
            found.append(f"{what} {how}: {then[:24]} then, {now[:24]} now.")
    if not recorded.made_on and recorded.device == "auto":
        found.append("On which device it was made is not recorded.")
    if not recorded.threads and present.threads:
        found.append("How many CPU threads made it (OMP_NUM_THREADS) is not recorded.")
    return tuple(found) or _UNKNOWN


def samples_sha256(path: Path) -> str:
    """SHA-256 over a sound's samples, whatever its file says besides; empty if it is not there."""
    digest = hashlib.sha256()
    try:
        with soundfile.SoundFile(path) as sound:
            for block in sound.blocks(_BLOCK, dtype="int32", always_2d=True):
                digest.update(block.tobytes())
    except (OSError, soundfile.LibsndfileError):
        return ""
    return digest.hexdigest()


def _difference_dbfs(one: Path, other: Path) -> float | None:
    largest = 0.0
    with soundfile.SoundFile(one) as a, soundfile.SoundFile(other) as b:
        if (a.frames, a.channels) != (b.frames, b.channels):
            return None
        pairs = zip(a.blocks(_BLOCK), b.blocks(_BLOCK), strict=True)
        largest = max((float(np.abs(x - y).max(initial=0.0)) for x, y in pairs), default=0.0)
    return round(20 * math.log10(largest), 1) if largest > 0 else None
