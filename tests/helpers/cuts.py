"""Cues for tests, without a timeline."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from vatt_engine.messages import PictureSegment
from vatt_plugin.cues import Cue

FPS = Fraction(24)


def make_cue(number: int = 0, n_frames: int = 12, **changes: Any) -> Cue:
    """A cue ``number`` places down the timeline, half a second long unless told otherwise."""
    start = number * n_frames
    cue = Cue(
        cue_id=f"c{number:02d}",
        clip=f"Shot_{number:03d}",
        track="V1",
        fps=FPS,
        start_frame=start,
        n_frames=n_frames,
        record_frame=86_400 + start,
        picture=(PictureSegment("/media/a.mov", 10.0, float(n_frames / FPS)),),
        origin={},
    )
    return cue._replace(**changes)
