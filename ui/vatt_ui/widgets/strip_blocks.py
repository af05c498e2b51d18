"""What the timeline strip is made of: blocks on lanes, with the tables that find them quickly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PyQt6.QtGui import QImage

from vatt_ui.language import _
from vatt_ui.playback.sounds import Peaks

LANE_TIPS = {
    "ruler": _("Drag to move the playhead; the wheel scrolls, with Ctrl it zooms"),
    "picture": _("Click selects a cue, double-click fits it into view"),
    "hits": _("Drag a hit in time or strength; double-click adds one; Del mutes it"),
    "original": _("The cut's own sound, heard dimmed; Shift+M mutes it"),
    "foley": _(
        "The take in use; drop another of its takes here. The edge's colour is the cue's state"
    ),
    "take": _("A take of the current cue; its number key uses it"),
}
MAX_GROWTH = 2.0
# Pixels that each kind of lane can still be read and worked on at: a line of words, or a wave
# under one.
LEAST_H = {"picture": 20, "hits": 32, "original": 22, "foley": 40, "take": 34}
_UNTELLING = ("line", "line_strong", "text", "idle")  # edges that say nothing about a state


@dataclass(frozen=True)
class Block:
    """A clip or a cue on a lane, ready to be painted; seconds from the first frame.

    Attributes:
        fill, edge: names of theme colours.
        peaks: a waveform; ``offset_s`` is where in it the block starts.
        fraction: progress painted over the block; None for none.
        hits: (seconds in the block, strength, muted).
        made_up: hits and intensity are guessed from words; drawn hollow.
        tip: what its tool tip says besides.
        thumbnails: (seconds in the block, picture) for picture lanes.
    """

    start_s: float
    end_s: float
    text: str = ""
    fill: str = "raised"
    edge: str = "line_strong"
    wave: str = "wave"
    peaks: Peaks | None = None
    offset_s: float = 0.0
    gain: float = 1.0
    fraction: float | None = None
    busy: bool = False
    dim: bool = False
    badge: str = ""
    hits: tuple[tuple[float, float, bool], ...] = ()
    intensity: tuple[float, ...] = ()
    made_up: bool = False
    tip: str = ""
    thumbnails: tuple[tuple[float, QImage], ...] = ()


class Lane:
    """A row of the strip. Its blocks are sorted by start and do not overlap.

    Attributes:
        height: pixels, as it is shown; ``usual_height`` where there is neither too much room nor
            too little, ``least_height`` where there is none.
        starts, ends: of the blocks, seconds.
        tints: per block the place in ``names`` of the colour it has when it is very small.
    """

    def __init__(self, name: str, kind: str, height: int, blocks: Iterable[Block]) -> None:
        self.name = name
        self.kind = kind
        self.height = self.usual_height = height
        self.least_height = min(height, LEAST_H.get(kind, height))
        self.blocks = list(blocks)
        self.starts = np.array([b.start_s for b in self.blocks], dtype=np.float64)
        self.ends = np.array([b.end_s for b in self.blocks], dtype=np.float64)
        self.names: list[str] = []
        self.tints = np.array([self._tint(b) for b in self.blocks], dtype=np.uint8)

    def replace(self, place: int, block: Block) -> None:
        """Exchange a block for another one of the same time."""
        self.blocks[place] = block
        self.tints[place] = self._tint(block)

    def between(self, start_s: float, end_s: float) -> range:
        """Places of the blocks that touch a stretch of time."""
        first = int(np.searchsorted(self.ends, start_s, side="right"))
        last = int(np.searchsorted(self.starts, end_s, side="left"))
        return range(first, max(first, last))

    def tip(self, at_s: float) -> str:
        """What the mouse does here, and before it what the block there has to tell."""
        told = [self.blocks[i].tip for i in self.between(at_s, at_s)]
        return "\n".join([*filter(None, told), LANE_TIPS.get(self.kind, "")])

    def overview_fill(self, block: Block) -> str:
        """The colour of a block too small for a waveform: for Foley, the colour of its state."""
        telling = self.kind == "foley" and block.edge not in _UNTELLING
        return block.edge if telling else block.fill

    def runs(
        self, found: range, start_s: float, px_per_s: float, width: int
    ) -> dict[str, npt.NDArray[np.int64]]:
        """Per colour the stretches of pixel columns its blocks cover, [n, 2], each a pixel or more.

        Args:
            found: places of blocks.
            start_s: the time at column 0.
            px_per_s: the zoom.
            width: columns; what lies outside is cut off.
        """
        part = slice(found.start, found.stop)
        left = np.clip(((self.starts[part] - start_s) * px_per_s).astype(np.int64), 0, width)
        right = np.clip(((self.ends[part] - start_s) * px_per_s).astype(np.int64), 0, width)
        right = np.maximum(right, np.minimum(left + 1, width))
        tints = self.tints[part]
        runs = {}
        for tint in np.unique(tints).tolist():
            of_tint = tints == tint
            steps = np.bincount(left[of_tint], minlength=width + 1).astype(np.int64)
            steps -= np.bincount(right[of_tint], minlength=width + 1)
            covered = np.concatenate(([0], np.cumsum(steps)[:width] > 0, [0])).astype(np.int8)
            borders = np.flatnonzero(np.diff(covered))
            runs[self.names[tint]] = borders.reshape(-1, 2)
        return runs

    def _tint(self, block: Block) -> int:
        name = self.overview_fill(block)
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)


def shared_heights(lanes: Sequence[Lane], room: int) -> list[int]:
    """How high each lane is: a high pane shows high waves, and a low one lower rows.

    Args:
        lanes: all of them.
        room: pixels for them; with less than their least heights they have to be scrolled.
    """
    usual = sum(lane.usual_height for lane in lanes)
    least = sum(lane.least_height for lane in lanes)
    if room >= usual:
        share = min(room / max(1, usual), MAX_GROWTH)
        return [int(lane.usual_height * share) for lane in lanes]
    part = max(0, room - least) / max(1, usual - least)
    return [
        lane.least_height + int((lane.usual_height - lane.least_height) * part) for lane in lanes
    ]
