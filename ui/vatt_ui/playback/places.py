"""Where in its media the picture of a moment lies."""

from __future__ import annotations

import dataclasses

from vatt_engine.messages import PictureSegment


@dataclasses.dataclass(frozen=True)
class Place:
    """A picture that can be asked for."""

    media: str
    time_s: float
    sequence: dict[str, float] | None = None


def place_of(picture: tuple[PictureSegment, ...], at_s: float) -> Place | None:
    """Where in the media the picture of a cue's time lies; None for black."""
    start = 0.0
    for i, segment in enumerate(picture):
        if at_s < start + segment.duration_s - 1e-6 or i == len(picture) - 1:
            if not segment.media:
                return None
            time_s = max(0.0, segment.start_s + (at_s - start) * segment.time_scalar)
            sequence = dataclasses.asdict(segment.sequence) if segment.sequence else None
            return Place(segment.media, time_s, sequence)
        start += segment.duration_s
    return None
