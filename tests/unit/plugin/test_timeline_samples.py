"""Real files of other programs: cue counts, and lossless round trips.

The counts are the table in docs/timelines.md; a test keeps the two alike.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import opentimelineio as otio
import pytest

from tests.helpers.timelines import placements
from vatt_plugin.timeline import load, write
from vatt_plugin.timeline.conform import plan

SampleFile = Callable[[str], Path]
FILM = Fraction(24_000, 1001)
SAMPLES = {
    # file: (rate, cues to serve, clips left out)
    "audio_tones_and_video_24.otio": (Fraction(24), 12, 0),
    "avid_multitrack_3v2a.aaf": (Fraction(24), 5, 0),
    "fcpx_project.fcpxml": (Fraction(30), 11, 0),
    "feature_reel1_picture.edl": (Fraction(24), 287, 0),
    "hiero_sq001_23976.otio": (FILM, 6, 4),
    "linear_time_warp.otio": (Fraction(24), 2, 0),
    "markers.otio": (Fraction(24), 2, 0),
    "meridian_83clips_5994.otio": (Fraction(60_000, 1001), 83, 0),
    "missing_media.otio": (Fraction(24), 2, 0),
    "nested_example.otio": (Fraction(24), 7, 0),
    "premiere_fcp7_30.xml": (Fraction(30), 6, 1),
    "resolve_picchu_8v11a.otio": (Fraction(24), 4, 16),
    "timecode_rates.otio": (Fraction(24), 1, 5),
    "transition.otio": (Fraction(24), 4, 0),
    "video_30_audio_44100_gap.otio": (Fraction(30), 2, 0),
}


@pytest.fixture(params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest, sample_file: SampleFile) -> Path:
    return sample_file(f"timelines/{request.param}")


def test_every_sample_gives_its_cues(sample: Path) -> None:
    read = load(sample, rate=24.0)
    fps, n_served, n_left_out = SAMPLES[sample.name]
    found = Counter(cue.status for cue in read.cues)
    assert read.fps == fps
    assert found == Counter({"offline": n_served, "skipped": n_left_out})
    served = [cue for cue in read.cues if cue.status != "skipped"]
    for cue, after in itertools.pairwise(served):
        assert cue.start_frame + cue.n_frames <= after.start_frame
    assert all(0 <= c.start_frame < c.start_frame + c.n_frames <= read.n_frames for c in served)
    assert len({cue.cue_id for cue in read.cues}) == len(read.cues)


def test_every_sample_comes_back_unchanged(sample: Path, tmp_path: Path) -> None:
    read = load(sample, rate=24.0)
    out = tmp_path / "out.otio"
    report = write(read, placements(read.cues, tmp_path / "f"), out)
    before = json.loads(read.document.text)
    after = json.loads(out.read_text())
    added = [t["name"] for t in after["tracks"]["children"][-len(report.tracks) :]]
    assert tuple(added) == report.tracks
    del after["tracks"]["children"][-len(report.tracks) :]
    assert json.dumps(before) == json.dumps(after)
    again = load(out)
    assert [cue.cue_id for cue in again.cues] == [cue.cue_id for cue in read.cues]
    assert sum(info.ours for info in again.tracks) == len(report.tracks)
    root = otio.adapters.read_from_file(str(out))
    for track in root.tracks:
        if track.name in added:
            assert track.duration() == otio.opentime.RationalTime(read.n_frames, read.rate)
    assert {fate.fate for fate in plan(again, again).fates} <= {"kept", "skipped"}


def test_the_table_in_the_docs_says_the_same() -> None:
    text = (Path(__file__).parents[3] / "docs" / "timelines.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \| [^|]+ \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    told = {name: (int(served), int(left_out)) for name, served, left_out in rows}
    assert told == {name: counts[1:] for name, counts in SAMPLES.items()}


def test_hieros_dirty_rate_and_offsets(sample_file: SampleFile) -> None:
    read = load(sample_file("timelines/hiero_sq001_23976.otio"))
    assert read.rate == 23.976024627685547
    assert read.global_start_frame == 86400
    assert [(c.start_frame, c.n_frames) for c in read.cues if c.status != "skipped"] == [
        (0, 24), (24, 52), (76, 26), (102, 25), (127, 65), (192, 24),
    ]  # fmt: skip


def test_markers_become_cues(sample_file: SampleFile) -> None:
    read = load(sample_file("timelines/markers.otio"), cues="markers")
    assert [(c.clip, c.start_frame, c.n_frames) for c in read.cues] == [
        ("Letter_A Marker", 0, 3),
        ("Stack Marker", 0, 9),
        ("Track Marker 0", 0, 4),
        ("Gap Marker", 3, 3),
        ("Track Marker 1", 4, 5),
        ("Letter_C Marker 0", 6, 2),
        ("Letter_C Marker 1", 7, 2),
    ]
