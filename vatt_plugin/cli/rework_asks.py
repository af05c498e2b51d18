"""Which take and which moments a ``vatt rework`` command line means."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vatt_plugin.cli.console import plain
from vatt_plugin.errors import BadSpan, UsageError
from vatt_plugin.reworking import STRENGTH, HitEdit
from vatt_plugin.timeline import Timeline
from vatt_plugin.timeline.laid import OurClip, our_clips
from vatt_plugin.timeline.rates import parse_time, to_timecode


def clips_of(cut: Timeline, wanted: str, choose: str) -> list[OurClip]:
    """The clips that play the take that is meant; a re-cut may have left several.

    Raises:
        UsageError: there is none, or it cannot be told which.
    """
    ours = [our for our in our_clips(cut) if our.take and not our.is_bed]
    if not ours:
        raise UsageError(
            f"{cut.path.name} holds no takes of ours.", "Give a timeline that vatt wrote."
        )
    found = ours
    if wanted:
        found = [o for o in ours if wanted in (o.take, o.clip.name, o.facts.get("source_clip"))]
    if choose:
        found = [o for o in found if choose in listed_takes(o)]
        if not found:
            raise UsageError(
                f"No clip has a take {plain(choose)!r} in its list.",
                "`vatt rework ... --take CLIP --dry-run` lists the takes of a clip.",
            )
    ids = list(dict.fromkeys(our.take for our in found))
    if len(ids) == 1:
        return found
    some = ", ".join(_told(our, cut) for our in (found or ours)[:10])
    what = f"{cut.path.name} has no take {plain(wanted)!r}" if wanted else "It cannot be told which"
    if ids and wanted:
        what = f"Several takes are called {plain(wanted)!r}"
    raise UsageError(f"{what}; there are {some}.", "Name one with --take, by its id.")


def _told(our: OurClip, cut: Timeline) -> str:
    """A take by its id, the clip it lies under and where."""
    name = plain(str(our.facts.get("source_clip") or our.clip.name), 40)
    at = to_timecode(cut.global_start_frame + our.start, cut.fps, cut.drop)
    return f"{our.take} ({name}, {at})"


def listed_takes(our: OurClip) -> list[str]:
    """Ids of all takes of a clip, in order of making."""
    return [str(e.get("take")) for e in our.facts.get("takes", ()) if isinstance(e, dict)]


@dataclass(frozen=True)
class Moments:
    """Times of the timeline as times of a take, and back.

    Attributes:
        cut: the timeline.
        clips: that play the take.
    """

    cut: Timeline
    clips: Sequence[OurClip]

    def of(self, text: str) -> Fraction:
        """Seconds from the timeline's start, of a record timecode or of such seconds."""
        time_s = parse_time(text, self.cut.fps)
        return time_s - self.cut.global_start_s if ":" in text else time_s

    def in_take(self, time_s: Fraction, what: str) -> float:
        """Seconds from the take's first sample.

        Raises:
            BadSpan: it does not lie under a clip that plays the take.
        """
        fps = self.cut.fps
        slack = 1 / (2 * fps)
        for our in self.clips:
            first_s, length_s = our.start / fps, our.length / fps
            if our.in_s is not None and -slack <= time_s - first_s <= length_s + slack:
                return float(our.in_s + min(max(time_s - first_s, Fraction(0)), length_s))
        places = ", ".join(
            f"{self.say(our.start / fps)} to {self.say((our.start + our.length) / fps)}"
            for our in self.clips
        )
        raise BadSpan(
            f"{what} {self.say(time_s)} lies outside of the clip, which lasts from {places}.",
            "Give record timecodes, or seconds from the timeline's start.",
        )

    def from_take(self, time_s: float) -> Fraction:
        """Seconds from the timeline's start, by the first clip."""
        our = self.clips[0]
        return our.start / self.cut.fps + Fraction(time_s) - (our.in_s or 0)

    def is_shown(self, time_s: Fraction) -> bool:
        """Whether a clip that plays the take lies there."""
        frame = round(time_s * self.cut.fps)
        return any(our.start <= frame <= our.start + our.length for our in self.clips)

    def say(self, time_s: Fraction) -> str:
        """A moment in seconds and as record timecode."""
        frame = self.cut.global_start_frame + round(time_s * self.cut.fps)
        return f"{float(time_s):.2f} s ({to_timecode(frame, self.cut.fps, self.cut.drop)})"


def edits_of(args: argparse.Namespace, moments: Moments) -> list[HitEdit]:
    """The hits to be moved, added and dropped, in the take's time.

    Raises:
        VattError: a time that is none, or lies outside of the clip; a strength that is none.
    """

    def at(text: str) -> float:
        return moments.in_take(moments.of(text), "The hit at")

    edits = [HitEdit("move", at(old), at(new)) for old, new in args.move_hit]
    edits += [HitEdit("drop", at(text)) for text in args.drop_hit]
    for text in args.add_hit:
        when, strength = _with_strength(text)
        edits.append(HitEdit("add", at(when), strength=strength))
    return edits


def _with_strength(text: str) -> tuple[str, float]:
    """``T`` or ``T:STRENGTH``; T may be a timecode, which has three colons itself."""
    when, colon, strength = text.rpartition(":")
    if not colon or (when.count(":") not in (0, 3) and ";" not in when):
        return text, STRENGTH
    try:
        value = float(strength)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise UsageError(
            f"--add-hit {text}: a strength lies above 0 and goes up to 1.",
            "Such as --add-hit 3.2:0.6.",
        )
    return when, value
