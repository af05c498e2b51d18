"""Which stretch of time the strip shows, and how wide a second is: arithmetic without painting."""

from __future__ import annotations

import math

MIN_PX_PER_S, MAX_PX_PER_S = 0.02, 2000.0
SHORTEST_S = 0.04  # no fit shows less
AIR = 0.05  # on either side of what is fitted into view


class TimeView:
    """A window onto time.

    Attributes:
        px_per_s: the zoom.
        left_s: the time at the left edge, on a whole pixel.
        duration_s: length of the cut.
        width_px: room for time, without the lanes' names.
        head_px: where it begins.
    """

    def __init__(self, head_px: int) -> None:
        self.px_per_s = 40.0
        self.left_s = 0.0
        self.duration_s = 0.0
        self.width_px = 1.0
        self.head_px = head_px

    @property
    def length_s(self) -> float:
        """How much time is in view."""
        return self.width_px / self.px_per_s

    @property
    def right_s(self) -> float:
        """The time at the right edge."""
        return self.left_s + self.length_s

    def x(self, at_s: float) -> float:
        """Where a time lies, pixels from the strip's left."""
        return self.head_px + (at_s - self.left_s) * self.px_per_s

    def time(self, x: float) -> float:
        """The time at a place; never before the first frame."""
        return max(0.0, self.left_s + (x - self.head_px) / self.px_per_s)

    def bounds(self) -> tuple[float, float]:
        """First and last possible left edge, seconds."""
        return 0.0, max(0.0, self.duration_s + AIR * self.length_s - self.length_s)

    def resize(self, width_px: float) -> None:
        """Another width; a view of the whole cut stays one."""
        whole = self.duration_s > 0 and self.level == 0
        self.width_px = max(1.0, width_px)
        if whole:
            self.fit(0.0, self.duration_s)
        else:
            self.scroll_to(self.left_s)

    def scroll_to(self, left_s: float) -> None:
        """Show time from ``left_s`` on, as far as there is any."""
        low, high = self.bounds()
        left_s = min(max(left_s, low), high)
        self.left_s = round(left_s * self.px_per_s) / self.px_per_s

    def zoom_to(self, px_per_s: float, around_s: float) -> None:
        """Another zoom; ``around_s`` stays where it is."""
        x = self.x(around_s)
        self.px_per_s = min(max(px_per_s, MIN_PX_PER_S), MAX_PX_PER_S)
        self.scroll_to(around_s - (x - self.head_px) / self.px_per_s)

    def fit(self, start_s: float, end_s: float) -> None:
        """Show a stretch of time with a little air around it."""
        length_s = max(SHORTEST_S, end_s - start_s)
        self.px_per_s = self._fitting(length_s)
        self.scroll_to(start_s - AIR * length_s)

    @property
    def level(self) -> float:
        """The zoom from 0 (the whole cut) to 1 (the closest), each step as large as the last."""
        whole = self._whole()
        return min(1.0, max(0.0, math.log(self.px_per_s / whole) / math.log(MAX_PX_PER_S / whole)))

    def zoom_of(self, level: float) -> float:
        """Pixels a second at a level."""
        whole = self._whole()
        return float(whole * (MAX_PX_PER_S / whole) ** level)

    def _whole(self) -> float:
        return min(self._fitting(max(SHORTEST_S, self.duration_s)), MAX_PX_PER_S / 2)

    def _fitting(self, length_s: float) -> float:
        fitting = (1 - 2 * AIR) * self.width_px / length_s
        return min(max(fitting, MIN_PX_PER_S), MAX_PX_PER_S)
