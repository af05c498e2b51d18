"""Time opening a long cut, against OpenTimelineIO's own reading of the same file.

    .venv/bin/python scripts/bench_timeline.py [CLIPS]

Prints one JSON line: CPU seconds, the best of five, so that other work here counts little.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import opentimelineio as otio

from vatt_plugin.timeline import load


def long_cut(n_clips: int, path: Path) -> None:
    """A reel of ``n_clips`` clips from 300 files, as an editor would write it."""
    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    for n in range(n_clips):
        time_range = otio.opentime.TimeRange(
            otio.opentime.RationalTime(n % 100 + 10, 24),
            otio.opentime.RationalTime(20 + n % 37, 24),
        )
        available = otio.opentime.TimeRange(
            otio.opentime.RationalTime(0, 24), otio.opentime.RationalTime(1000, 24)
        )
        name = f"a{n % 300}.mov"
        media = otio.schema.ExternalReference(f"/Volumes/media/day{n % 9}/{name}", available)
        media.name = name
        clip = otio.schema.Clip(f"Shot_{n:05d}", media, time_range, {"Host": {"Link Group": n}})
        track.append(clip)
    timeline = otio.schema.Timeline("reel", [], otio.opentime.RationalTime(86400, 24))
    timeline.tracks.append(track)
    otio.adapters.write_to_file(timeline, str(path))


def best(work: Callable[[], Any]) -> float:
    """CPU seconds of the fastest of five runs."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        made = work()
        taken.append(time.process_time() - start)
        del made
    return min(taken)


def main() -> None:
    """Measure and print."""
    n_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reel.otio"
        long_cut(n_clips, path)
        otio_s = best(lambda: otio.adapters.read_from_file(str(path)))
        ours_s = best(lambda: load(path))
        size = path.stat().st_size
    print(
        json.dumps(
            {
                "clips": n_clips,
                "megabytes": round(size / 1e6, 1),
                "otio_s": round(otio_s, 3),
                "vatt_s": round(ours_s, 3),
                "ratio": round(ours_s / otio_s, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
