"""Which take of a cue is best? What the engine's self-check found, in order and in words."""

from __future__ import annotations

from collections.abc import Sequence

from vatt_plugin.cues import Take

_FAULTS = {
    "clipped": "it clips",
    "silent": "it is silent where the picture hits",
    "noise": "it is mostly hiss",
    "speech": "there is speech in it",
    "music": "there is music in it",
    "restless": "it is restless, and there is nothing to hear",
    "unwanted": "it sounds like what must not be heard",
}
MADE_UP = "its moments are made up from the words, not seen"

_FAINT_DBTP = -40.0  # levelled to -27 LUFS, only what is next to nothing peaks below that
_FAINT_LUFS = -55.0  # between the handles, whose own peak may be high


def rank(take: Take) -> tuple[float, float]:
    """Sorts the best take first: few faults, then timing and kind of sound together.

    A take of an engine that did not listen to itself has no score; its timing stands for it.
    """
    figures = take.figures
    score = figures.get("score", -1.0 if take.sync is None else take.sync)
    return figures.get("faults", 0.0), -score


def best(takes: Sequence[Take]) -> Take | None:
    """The best take, the first of equals; None of none."""
    return min(takes, key=rank, default=None)


def faults(take: Take) -> list[str]:
    """What the engine found wrong with a take, as short sentences without a full stop."""
    told = _FAULTS | ({"silent": "it is silent"} if take.figures.get("made_up") else {})
    return [words for name, words in told.items() if take.figures.get(f"fault_{name}")]


def remarks(take: Take) -> list[str]:
    """Faults, and whether nothing is to be heard or its moments are made up; no full stops.

    A take is called faint where no hit tells that it should be louder: hits that stay silent are a
    fault, and in a picture with nothing to hear silence is right.
    """
    figures = take.figures
    if figures.get("nothing_to_hear"):
        return ["nothing seems to sound in this picture", *faults(take)]
    known = (take.peak_dbtp, _FAINT_DBTP), (take.lufs, _FAINT_LUFS)
    faint = any(level is not None and level < least for level, least in known)
    faint = (faint or figures.get("silence", 0.0) >= 1) and not figures.get("fault_silent")
    made_up = [MADE_UP] if figures.get("made_up") else []
    return [*(["it is all but silent"] if faint else []), *faults(take), *made_up]
