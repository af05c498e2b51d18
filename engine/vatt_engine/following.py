"""What a take follows in time: hits that are seen or drawn, moments made up from words, or nothing.

The picture says when, unless the user does. Where it says next to nothing, words still ask for a
sound, and a lane that is all but still would silence it: then movement is heard as if it were
plain, or the sound is placed freely. Where there is no lane at all, moments come from the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vatt_engine.lane_words import NameOf
from vatt_engine.messages import Generate, Log, SyncLane
from vatt_engine.self_check import Wish
from vatt_engine.worded_lane import Moments, rung

NOTHING_TO_HEAR = (
    "Nothing seems to make a sound in this picture: its takes are room tone or silence. Write a "
    "prompt, or draw hits into the lane, to hear something."
)
PLACED_FREELY = (
    "Nothing is seen to hit in this picture. The sound is placed freely; draw hits into the lane "
    "to say where."
)
MADE_UP = (
    "{why} The sound is placed freely: its moments are made up from the words, not seen, and "
    "another seed puts them elsewhere. Draw hits into the lane to say when."
)
NOT_SEEN = "Nothing is seen to hit in this picture."
NOT_FOLLOWED = "The hits of the picture are not followed (sync off)."
# Intensity: below the first nothing moves; below the second too little for a net to make
# something of; such a lane is lifted to the third. A shot of typing measured -60 dB at 0.6,
# all but silent, and -50 dB at 1.0 (vatt-mini, two seeds, before levelling).
_STILL, _FAINT, _LIFTED = 0.15, 0.4, 1.0


@dataclass(frozen=True)
class Followed:
    """What the takes of a request follow.

    Attributes:
        lane: as the net hears it; None for none.
        moments: that are made up where there is no lane; None where they are not.
        wish: what the takes should be, to judge them by.
        note: what the user should know of it.
    """

    lane: SyncLane | None
    moments: Moments | None
    wish: Wish
    note: Log | None = None


def follow(
    request: Generate,
    prompt: str,
    seen: SyncLane,
    lane: SyncLane | None,
    made_up: Callable[[], Moments | None],
    name_of: NameOf,
) -> Followed:
    """Decide what the takes of a request follow.

    Args:
        request: what is wanted.
        prompt: its words, or the caption that stands for them.
        seen: the lane of the picture.
        lane: the one that was asked for, ``seen`` or the user's; None for none.
        made_up: moments from the words; None where these say nothing of time.
        name_of: tells the category of sound that words mean.
    """
    wish = Wish.of(prompt, lane or seen, name_of, request.negative)
    if wish.nothing:
        return Followed(_drawn(request, lane), None, wish, Log("WARNING", NOTHING_TO_HEAR))
    # A lane without hits, and fainter than what a net makes something of, would silence what
    # the user asks for in words; also what a caption says, if anything moves at all.
    own_words = bool((request.prompt or "").strip()) and not request.captioned
    freely = lane is not None and _is_faint(lane, 0.0 if own_words else _STILL)
    followed = _drawn(request, _lifted(lane) if freely and lane is not None else lane)
    moments = made_up() if followed is None else None
    if not freely and moments is None:
        return Followed(followed, None, wish)
    why = NOT_SEEN if freely else NOT_FOLLOWED
    note = MADE_UP.format(why=why) if moments is not None else PLACED_FREELY
    return Followed(followed, moments, replace(wish, must_sound=True), Log("INFO", note))


def _drawn(request: Generate, lane: SyncLane | None) -> SyncLane | None:
    """A lane with what hits that a user drew over stillness need to ring on; others as they are."""
    if lane is None or request.sync != "lane":
        return lane
    return rung(lane, request.n_samples / request.sample_rate)


def _lifted(lane: SyncLane) -> SyncLane | None:
    """A faint lane as if its movement were plain; None, for sound placed freely, without any."""
    most = max(lane.intensity, default=0.0)
    if most < _STILL:
        return None
    return replace(lane, intensity=tuple(_LIFTED / most * i for i in lane.intensity))


def _is_faint(lane: SyncLane, least: float) -> bool:
    """Whether a lane has no hits and an intensity that never leaves ``least`` to ``_FAINT``."""
    return not lane.hits and least <= max(lane.intensity, default=0.0) < _FAINT
