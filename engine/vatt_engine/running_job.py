"""A request while it is worked on: its progress, its events, and whether it was cancelled.

Standard library only: it lies below both the worker, which is to need no more, and the code that
does the work.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

from vatt_engine import messages
from vatt_engine.errors import Cancelled
from vatt_engine.messages import Event, Request

PROGRESS_EVERY_S = 0.05


class Job:
    """One request being worked on, as the code that works on it sees it."""

    def __init__(
        self,
        request: Request,
        emit: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.request = request
        self.job_id = str(getattr(request, "job_id", ""))
        self._emit = emit
        self._clock = clock
        self._cancelled = threading.Event()
        self._stage = ""
        self._next_report = 0.0

    def cancel(self) -> None:
        """Ask the job to stop; safe from any thread."""
        self._cancelled.set()

    def check(self) -> None:
        """Call between steps.

        Raises:
            Cancelled: the owner wants no more of this job.
        """
        if self._cancelled.is_set():
            raise Cancelled("The job was cancelled.")

    def report(self, stage: str, done: int, total: int | None = None) -> None:
        """Tell how far ``stage`` is, and ``check``; cheap enough for every step."""
        self.check()
        now = self._clock()
        if stage != self._stage or done == total or now >= self._next_report:
            self._stage, self._next_report = stage, now + PROGRESS_EVERY_S
            self._emit(messages.Progress(self.job_id, stage, done, total))

    def emit(self, event: Event) -> None:
        """Send an event of this job; a line for the log is marked as one of its own."""
        self.check()
        if isinstance(event, messages.Log):
            event = dataclasses.replace(event, job_id=self.job_id)
        self._emit(event)
