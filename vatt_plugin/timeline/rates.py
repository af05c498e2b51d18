"""Exact frame rates, frames and timecode.

Editors store a rate as whatever double they have at hand (23.976, 23.98, a float32 of 24000/1001).
Here a rate is read once into the ``Fraction`` it stands for; all positions follow in whole frames
or exact seconds, and only the file's own literal is ever written back.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import opentimelineio as otio

from vatt_plugin.timeline.errors import TimelineError

TOLERANCE = 0.0005
"""Relative distance up to which a literal counts as the rate it resembles; half of 24 vs 23.976."""
FRAME_SLACK = 0.1
"""A frame number this close to a whole one is a whole one that went through floats."""
PICTURE_RATES = (Fraction(1), Fraction(1000))
"""Anything outside is an audio or tick rate, not a frame rate."""
Frames = int | Fraction
"""A position in frames of the timeline: whole in nearly every cut, an exact fraction otherwise."""
MAX_SECONDS = 7 * 86_400
"""Longer ranges are damage: no programme lasts a week."""


@lru_cache(maxsize=1024)
def exact_rate(literal: float) -> Fraction | None:
    """The exact rate a stored number stands for; None if it is no rate (0, negative, NaN, inf).

    >>> exact_rate(23.976024627685547), exact_rate(59.94), exact_rate(48000)
    (Fraction(24000, 1001), Fraction(60000, 1001), Fraction(48000, 1))
    """
    if not math.isfinite(literal) or literal <= 0 or literal > 1e9:
        return None
    nearest = float(otio.opentime.RationalTime.nearest_smpte_timecode_rate(literal))
    for rate in (nearest, literal):  # beyond SMPTE's list: 119.88, 15, 48000, 44100...
        whole = Fraction(round(rate))
        ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
        candidates = [whole] if whole else []
        if rate < 1000 and ntsc and ntsc.numerator % 3000 == 0:
            candidates.append(ntsc)
        best = min(candidates, key=lambda c: abs(float(c) - literal), default=None)
        if best is not None and abs(float(best) - literal) <= TOLERANCE * literal:
            return best
    return Fraction(repr(float(literal)))


def frames(value: float) -> Frames | None:
    """A stored frame number: whole if within 0.1 frame of it, else exact; None if not finite."""
    if not math.isfinite(value):
        return None
    nearest = round(value)
    return nearest if abs(value - nearest) <= FRAME_SLACK else Fraction(value)


@lru_cache(maxsize=1 << 16)
def _seconds(value: float, literal: float) -> Fraction | None:
    rate, count = exact_rate(literal), frames(value)
    if rate is None or count is None or not -1 <= count / (MAX_SECONDS * rate) <= 1:
        return None
    return Fraction(count * rate.denominator, rate.numerator)


def seconds(time: otio.opentime.RationalTime) -> Fraction | None:
    """Exact seconds of an OTIO time; None if its rate or value is unusable."""
    return _seconds(time.value, time.rate)


@lru_cache(maxsize=64)
def counter(fps: Fraction) -> Callable[[float, float], Frames | None]:
    """A function from an OTIO time's value and rate to frames of ``fps``; None if unusable.

    It remembers what it counted: a cut has few lengths and fewer rates.
    """

    @lru_cache(maxsize=1 << 16)
    def count(value: float, literal: float) -> Frames | None:
        time_s = _seconds(value, literal)
        return None if time_s is None else whole(time_s * fps)

    return count


def in_frames(time: otio.opentime.RationalTime, fps: Fraction) -> Frames | None:
    """An OTIO time in frames of ``fps``: whole in most cuts; None if it is unusable."""
    return counter(fps)(time.value, time.rate)


def whole(exact: Fraction) -> Frames:
    """A fraction as a plain integer where it is one."""
    return exact.numerator if exact.denominator == 1 else exact


def nearest_frame(exact: Frames) -> int:
    """The whole frame nearest to a position; halves round up, as a play head does."""
    return exact if isinstance(exact, int) else math.floor(exact + Fraction(1, 2))


def whole_frames(time_s: Fraction, fps: Fraction) -> int:
    """The whole frame nearest to an exact time; halves round up, as a play head does."""
    return nearest_frame(time_s * fps)


def is_drop_frame_rate(fps: Fraction) -> bool:
    """Whether SMPTE defines drop-frame counting at this rate (29.97 and 59.94)."""
    return fps in (Fraction(30_000, 1001), Fraction(60_000, 1001))


def frames_a_day(fps: Fraction, drop: bool = False) -> int:
    """Frames from midnight to midnight by timecode, after which it starts at zero again.

    By SMPTE ST 12-1 a day has 24 hours of timecode, not of clock: without drop-frame it lasts
    86 486.4 s at 23.976 and 29.97, with it 86 399.9 s.
    """
    nominal = math.ceil(fps)
    if drop and is_drop_frame_rate(fps):
        return 144 * (nominal * 600 - 9 * (nominal // 15))
    return nominal * 86_400


def to_timecode(frame: int, fps: Fraction, drop: bool = False) -> str:
    """``hh:mm:ss:ff`` of a frame number (``;ff`` when drop-frame), wrapped at 24 h."""
    nominal = math.ceil(fps)
    frame %= frames_a_day(fps, drop)
    if drop and is_drop_frame_rate(fps):
        dropped = nominal // 15  # 2 at 29.97, 4 at 59.94, each minute but every tenth
        per_minute, per_ten = nominal * 60 - dropped, nominal * 600 - 9 * dropped
        tens, rest = divmod(frame, per_ten)
        extra = 0 if rest < dropped else (rest - dropped) // per_minute
        frame += dropped * (9 * tens + extra)
    total_s, frame_part = divmod(frame, nominal)
    mark = ";" if drop and is_drop_frame_rate(fps) else ":"
    width = max(2, len(str(nominal - 1)))
    minutes = total_s // 60
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{total_s % 60:02d}{mark}{frame_part:0{width}d}"


def parse_timecode(text: str, fps: Fraction) -> int:
    """Frame number of ``hh:mm:ss:ff`` or ``hh:mm:ss;ff`` (drop-frame).

    Raises:
        TimelineError: not a timecode, or a frame the rate does not have.
    """
    match = re.fullmatch(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})", text.strip())
    if match is None:
        raise TimelineError(
            f"{text!r:.60} is not a timecode.", "Write hh:mm:ss:ff, or hh:mm:ss;ff for drop-frame."
        )
    hours, minutes, secs, frame_part = (int(match[i]) for i in (1, 2, 3, 5))
    nominal = math.ceil(fps)
    if minutes > 59 or secs > 59 or frame_part >= nominal:
        raise TimelineError(
            f"Timecode {text!r} does not exist at {float(fps):.3f} frames a second.",
            f"Minutes and seconds go to 59, frames to {nominal - 1}.",
        )
    frame = ((hours * 60 + minutes) * 60 + secs) * nominal + frame_part
    if match[4] in ";," and is_drop_frame_rate(fps):
        dropped = nominal // 15
        if secs == 0 and frame_part < dropped and minutes % 10:
            raise TimelineError(f"Timecode {text!r} is one that drop-frame counting leaves out.")
        total_minutes = hours * 60 + minutes
        frame -= dropped * (total_minutes - total_minutes // 10)
    return frame


def parse_time(text: str, fps: Fraction) -> Fraction:
    """Seconds given as timecode or as a plain number of seconds.

    Raises:
        TimelineError: neither of the two.
    """
    if re.fullmatch(r"\d{1,7}(\.\d{1,9})?", text.strip()):
        return Fraction(text.strip())
    return Fraction(parse_timecode(text, fps)) / fps
