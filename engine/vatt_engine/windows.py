"""Which stretch of code frames is made in which pass of the net's window.

A net serves a window of limited length. What is longer is made piece by piece, each piece hearing
the end of the one before: its code frames are held and the net continues them. Regenerating a span
is the same with code frames held on both sides. Pure arithmetic, no arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Window:
    """One pass of the net over code frames [start, start + length).

    Frames in [new_from, new_to) are made; the others of the window are held if they are known.
    A window may reach beyond the last frame that is wanted; what it makes there is dropped.
    """

    start: int
    length: int
    new_from: int
    new_to: int


@dataclass(frozen=True)
class Shape:
    """What a net can take, in code frames.

    Attributes:
        window: longest pass.
        fixed: every pass must be exactly that long.
        overlap: how much of what is known a pass hears before what it makes.
        step: passes start at multiples of this, so that picture and sound stay aligned.
        shortest: no pass is shorter, as far as the window allows.
    """

    window: int
    fixed: bool
    overlap: int
    step: int = 1
    shortest: int = 1

    def __post_init__(self) -> None:
        if min(self.window, self.step, self.shortest) < 1 or self.overlap < 0:
            raise ValueError(f"Impossible window: {self}.")
        if self.overlap + self.step > self.window:
            raise ValueError(f"Nothing new fits into a window with so much overlap: {self}.")


def window_step(frame_rate: Fraction, fps: Fraction, video_frames_a_token: int) -> int:
    """Fewest code frames that last a whole number of pooled runs of video frames.

    Args:
        frame_rate: code frames a second.
        fps: video frames a second the visual encoder sees.
        video_frames_a_token: how many of these the converter averages.
    """
    return (frame_rate * video_frames_a_token / fps).numerator


def plan(n_frames: int, begin: int, end: int, shape: Shape) -> list[Window]:
    """Passes that make code frames [begin, end) of a cue; all others are known.

    Args:
        n_frames: length of the whole cue.
        begin: first frame to make.
        end: one past the last.
        shape: of the net.

    Returns:
        Windows in the order to run them; each frame of the span is new in exactly one, and its
        frames before ``new_from`` are known by then.
    """
    windows: list[Window] = []
    at = begin
    while at < end:
        start = _last_start(n_frames, at, end, shape)
        if start is None:
            start = max(0, at - shape.overlap) // shape.step * shape.step
        new_to = min(end, start + shape.window)
        length = min(shape.window, max(n_frames - start, shape.shortest))
        windows.append(Window(start, shape.window if shape.fixed else length, at, new_to))
        at = new_to
    return windows


def _last_start(n_frames: int, at: int, end: int, shape: Shape) -> int | None:
    """Where a pass starts that makes all the rest at once; None if it does not fit well.

    It hears as much before as after what it makes; at the end of the cue, where nothing follows,
    more of what is before.
    """
    room = shape.window - (end - at)
    flush_with_end = -(-max(0, n_frames - shape.window) // shape.step) * shape.step
    start = max(0, min(at - room // 2, flush_with_end)) // shape.step * shape.step
    hears_enough = at - start >= min(at, shape.overlap // 2)
    return (
        start if room >= 0 and hears_enough and start <= at <= end <= start + shape.window else None
    )
