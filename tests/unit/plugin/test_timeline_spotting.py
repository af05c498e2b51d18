from __future__ import annotations

import csv
import io
import socket
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import opentimelineio as otio
import pytest

from tests.helpers.timelines import clip, gap, save, time_range, timeline, track
from vatt_plugin.timeline import load
from vatt_plugin.timeline.errors import BadCueList, NoPicture, TimelineUnreadable, UnknownClip
from vatt_plugin.timeline.markers import cue_marker
from vatt_plugin.timeline.probe import probe
from vatt_plugin.timeline.scenecuts import find_cuts
from vatt_plugin.timeline.spotting import spots_csv


def film(path: Path, colours: list[int], n_frames: int = 20, fps: int = 25) -> Path:
    """Shots of moving noise over one brightness each."""
    noise = np.random.default_rng(0)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(len(colours) * n_frames):
            level = colours[number // n_frames]
            picture = np.full((64, 96, 3), level, np.uint8)
            picture[:, number % 80 : number % 80 + 12] = noise.integers(0, 255, (64, 12, 3))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def cut_path(tmp_path: Path) -> Path:
    start = otio.opentime.RationalTime(86400, 24)
    made = timeline(track(clip("A"), gap(12), clip("B", 10, 48)), start=start)
    return save(made, tmp_path)


def test_a_spotting_list_makes_cues(cut_path: Path, tmp_path: Path) -> None:
    spots = tmp_path / "spots.csv"
    spots.write_text(
        "\ufeffTC In;TC Out;Name;CatID;Description\n"
        "01:00:00:12;01:00:01:12;door;DOORWood;heavy door\n"
        "2,5;3;step;;\n".replace("2,5", "2.5"),
        encoding="utf-8",
    )
    door, step = load(cut_path, cues=spots).cues
    assert (door.clip, door.start_frame, door.n_frames) == ("door", 12, 24)
    assert door.origin["category"] == "DOORWood"
    assert door.origin["prompt"] == "heavy door"
    assert [part.duration_s for part in door.picture] == [0.5, 0.5]
    assert (step.start_frame, step.n_frames) == (60, 12)


def test_a_line_put_in_leaves_the_other_cues_what_they_were(cut_path: Path, tmp_path: Path) -> None:
    spots = tmp_path / "spots.csv"
    lines = ["in,out,category,prompt", "0.5,1,,", "1,2,CLOTHMisc,jacket", "2.5,3,,"]
    spots.write_text("\n".join(lines))
    before = load(cut_path, cues=spots).cues
    assert [cue.clip for cue in before] == ["cue at 0.50 s", "jacket", "cue at 2.50 s"]
    spots.write_text("\n".join([*lines[:1], "0,0.5,,", *lines[1:]]))
    after = load(cut_path, cues=spots).cues
    assert [cue.cue_id for cue in after[1:]] == [cue.cue_id for cue in before]


def test_cues_come_back_from_their_own_csv(cut_path: Path, tmp_path: Path) -> None:
    cut = load(cut_path)
    text = spots_csv(cut, cut.cues)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["in"] for row in rows] == ["01:00:00:00", "01:00:01:12"]
    path = tmp_path / "s.csv"
    path.write_text(text, newline="")
    again = load(cut_path, cues=path)
    assert [(c.clip, c.start_frame, c.n_frames) for c in again.cues] == [
        (c.clip, c.start_frame, c.n_frames) for c in cut.cues
    ]


def test_a_csv_cannot_smuggle_formulas(tmp_path: Path) -> None:
    cut = load(save(timeline(track(clip("=HYPERLINK(1)"))), tmp_path))
    assert "'=HYPERLINK(1)" in spots_csv(cut, cut.cues)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no columns"),
        ("name\nx\n", "no columns"),
        ("in,out\n", "no cues"),
        ("in,out\n2,1\n", "line 2: the out point"),
        ("in,out\n0,1\nx,2\n", "line 3"),
        ("in,out,category\n0,1,foot steps\n", "UCS"),
        ("in,out\n1e99,2\n", "line 2"),
    ],
)
def test_bad_spotting_lists_are_named(
    text: str, words: str, cut_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(BadCueList, match=words):
        load(cut_path, cues=path)


def test_cues_outside_the_timeline_are_reported(cut_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("in,out\n0,1\n100,101\n")
    read = load(cut_path, cues=path)
    assert len(read.cues) == 1
    assert "outside" in {note.code for note in read.report}


def test_a_point_marker_lasts_until_its_shot_ends(tmp_path: Path) -> None:
    made = timeline(track(clip("A", 100, 48), clip("B")))
    for at in (110, 130):
        made.tracks[0][0].markers.append(otio.schema.Marker(f"m{at}", time_range(at, 0)))
    read = load(save(made, tmp_path), cues="markers")
    assert [(c.clip, c.start_frame, c.n_frames) for c in read.cues] == [
        ("m110", 10, 20),
        ("m130", 30, 18),
    ]
    with pytest.raises(UnknownClip, match="no markers"):
        load(save(timeline(track(clip("A"))), tmp_path, "none.otio"), cues="markers")


def test_markers_that_mark_nothing_are_told(tmp_path: Path) -> None:
    made = timeline(track(clip("A")))
    nowhere = otio.opentime.TimeRange(
        otio.opentime.RationalTime(float("nan"), 24), otio.opentime.RationalTime(1, 24)
    )
    for name, span in (
        ("before", time_range(-10, 5)),
        ("nan", nowhere),
        ("good", time_range(2, 4)),
    ):
        made.tracks[0][0].markers.append(otio.schema.Marker(name, span))
    read = load(save(made, tmp_path), cues="markers")
    assert [cue.clip for cue in read.cues] == ["good"]
    assert [note.where for note in read.report if note.code == "outside"] == ["A"]


def test_cues_written_as_markers_come_back(cut_path: Path, tmp_path: Path) -> None:
    cut = load(cut_path)
    root = cut.document.root.deepcopy()
    root.tracks.markers.extend([cue_marker(cue, cut) for cue in cut.cues])
    again = load(save(root, tmp_path, "marked.otio"), cues="markers")
    assert [(c.clip, c.start_frame, c.n_frames) for c in again.cues] == [
        (c.clip, c.start_frame, c.n_frames) for c in cut.cues
    ]


def test_shot_cuts_split_a_cue(tmp_path: Path) -> None:
    path = film(tmp_path / "edit.mp4", [40, 200, 90])
    assert find_cuts(path, Fraction(0), Fraction(3)) == (Fraction(20, 25), Fraction(40, 25))
    cues = load(path, split_cuts=True).cues
    assert [(c.start_frame, c.n_frames) for c in cues] == [(0, 20), (20, 20), (40, 20)]
    assert [c.picture[0].start_s for c in cues] == [0.0, 0.8, 1.6]
    assert len({c.cue_id for c in cues}) == 3
    assert len(load(path).cues) == 1


def test_motion_and_flashes_are_no_cuts(tmp_path: Path) -> None:
    calm = film(tmp_path / "calm.mp4", [100])
    assert find_cuts(calm, Fraction(0), Fraction(1)) == ()
    flash = film(tmp_path / "flash.mp4", [60] * 10 + [250] + [60] * 10, n_frames=1)
    assert find_cuts(flash, Fraction(0), Fraction(1)) == ()


def test_a_bare_film_is_a_timeline(tmp_path: Path) -> None:
    path = film(tmp_path / "shot.mp4", [40])
    read = load(path)
    (cue,) = read.cues
    assert read.fps == 25
    assert (cue.n_frames, cue.status) == (20, "ready")
    assert cue.media == str(path)


def test_a_folder_of_films_is_a_timeline_in_counting_order(tmp_path: Path) -> None:
    for name in ("shot10", "shot2"):
        film(tmp_path / f"{name}.mp4", [40])
    (tmp_path / "broken.mp4").write_bytes(b"text")
    read = load(tmp_path)
    assert [(c.clip, c.start_frame) for c in read.cues] == [("shot2", 0), ("shot10", 20)]
    assert {note.where for note in read.report} == {"broken.mp4"}


def test_media_without_an_available_range_is_probed_for_its_start(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [40])
    made = clip("a", 5, 10, 25.0, url="a.mp4", available=None)
    (cue,) = load(save(timeline(track(made)), tmp_path)).cues
    assert cue.status == "ready"
    assert cue.picture[0].start_s == 0.2


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4"])
def test_playlists_are_never_followed(name: str, tmp_path: Path) -> None:
    """Faults 6 and 10: nothing connects to the listener, whatever the list is called."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        path = tmp_path / name
        path.write_text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n"
            f"http://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
        )
        assert probe(path) is None
        with pytest.raises((NoPicture, TimelineUnreadable, Exception)):
            load(path)
        urls = [
            f"http://127.0.0.1:{port}/a.mov",
            f"concat:http://127.0.0.1:{port}/a.mov",
            f"//127.0.0.1:{port}/a.mov",
            name,
        ]
        made = timeline(track(*(clip(str(n), url=url) for n, url in enumerate(urls))))
        for each in made.find_clips():
            each.media_reference.available_range = None
        read = load(save(made, tmp_path))
        assert {cue.status for cue in read.cues} <= {"offline", "unreadable", "ready"}
        assert [cue.status for cue in read.cues][:3] == ["offline"] * 3
        with pytest.raises(TimeoutError):
            listener.accept()
