"""EDLs: drop-frame counting, gaps, speed changes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vatt_plugin.timeline import Timeline, load
from vatt_plugin.timeline.errors import RateNeeded

HEAD = "TITLE: REEL\nFCM: DROP FRAME\n\n"
EVENT = "{n:03d}  AX       V     C        {source} {record}\n* FROM CLIP NAME: {name}\n"


def edl(folder: Path, *events: str) -> Timeline:
    path = folder / "reel.edl"
    path.write_text(HEAD + "\n".join(events))
    return load(path, rate=29.97)


def test_an_edl_needs_a_rate(tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    spans = (
        ("00:00:00:00 00:00:08:00", "01:00:00:00 01:00:08:00"),
        ("00:00:00:00 00:00:24:00", "01:00:08:00 01:00:32:00"),
    )
    events = (
        EVENT.format(n=n, source=source, record=record, name=f"{n}.mov")
        for n, (source, record) in enumerate(spans, 1)
    )
    path = tmp_path / "reel.edl"
    path.write_text("TITLE: REEL\nFCM: NON-DROP FRAME\n\n" + "\n".join(events))
    with pytest.raises(RateNeeded, match="frame rate"):
        load(path)
    read = load(path, rate=24)
    assert read.global_start_s == 3600
    assert (read.cues[0].start_frame, read.cues[1].start_frame) == (0, 192)


def test_record_times_are_counted_drop_frame(tmp_path: Path) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    cut = edl(
        tmp_path,
        EVENT.format(
            n=1, source="00:00:00:00 00:00:02:00", record="01:00:00;00 01:00:02;00", name="a.mov"
        ),
        EVENT.format(
            n=2, source="00:00:10:00 00:00:12:00", record="01:00:59;00 01:01:01;02", name="b.mov"
        ),
    )
    assert cut.drop
    assert cut.global_start_frame == 107_892
    assert [(cue.start_frame, cue.n_frames) for cue in cut.cues] == [(0, 60), (1770, 60)]


@pytest.mark.parametrize(
    ("source_out", "speed", "told"), [("00:00:14:00", 2.0, False), ("00:00:12:00", 1.0, True)]
)
def test_a_speed_change_is_followed_or_told(
    source_out: str, speed: float, told: bool, tmp_path: Path
) -> None:
    pytest.importorskip("otio_cmx3600_adapter")
    event = EVENT.format(
        n=1, source=f"00:00:10:00 {source_out}", record="01:00:00;00 01:00:02;00", name="a.mov"
    )
    cut = edl(tmp_path, event + "M2   AX       059.9                00:00:10:00\n")
    (cue,) = cut.cues
    assert cue.n_frames == 60
    assert round(float(Fraction(cue.origin["speed"])), 1) == speed
    assert any("M2" in note.message for note in cut.report) is told
