"""Progress for logs: CI, pipes and render farms have no terminal for a bar to be drawn on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

QUIET_S = 30.0
"""Without a line for so long, farms and people take a job for dead."""


class ProgressLines:
    """What a progress bar tells, as lines on stderr; it has the methods of ``tqdm`` that we use.

    A line follows each clip, and one every half a minute tells where a long one is.

    Args:
        total: how many there are.
        unit: what is counted, in the singular.
        each: a line for each of them; otherwise only every half a minute.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        *,
        each: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._each, self._clock = total, each, clock
        self._units = unit if total == 1 else f"{unit}s"
        self._done = self._passed = 0
        self._at = ""
        self._began = self._told = clock()

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing has to be wiped off."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        """What is being worked on, or was just done."""
        self._at = text
        if refresh:
            self.refresh()

    def refresh(self) -> None:
        """A line, if there has been none for a while."""
        if self._clock() - self._told >= QUIET_S:
            self._tell(left=False)

    def update(self, n: int = 1) -> None:
        """So many more are done."""
        self._done += n
        if self._each:
            self._tell(left=True)
        else:
            self.refresh()

    def pass_over(self) -> None:
        """One more needs no work: no line, and no bearing on the time that is left."""
        self._done += 1
        self._passed += 1

    def _tell(self, *, left: bool) -> None:
        self._told = self._clock()
        spent_s = self._told - self._began
        line = f"vatt: {self._done} of {self._total} {self._units}"
        if self._at:
            line += f", {self._at}"
        line += f"; {_minutes(spent_s)} so far"
        n_made = self._done - self._passed
        if left and n_made > 0 and self._done < self._total:
            line += f", about {_minutes(spent_s / n_made * (self._total - self._done))} left"
        print(line, file=sys.stderr, flush=True)


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
