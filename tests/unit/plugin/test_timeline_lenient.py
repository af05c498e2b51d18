"""Faults 1 to 4: files that plain OTIO refuses or dies of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.helpers.timelines import clip, gap, placements, save, timeline, track
from vatt_plugin.timeline import load, write
from vatt_plugin.timeline.errors import TimelineTooDeep, TimelineUnreadable
from vatt_plugin.timeline.text import MAX_DEPTH, nesting_depth


def document() -> dict[str, Any]:
    """Three clips, as the JSON of a file."""
    made = timeline(track(clip("A"), clip("B"), clip("C")))
    return dict(json.loads(made.to_json_string()))


def children(data: dict[str, Any]) -> list[dict[str, Any]]:
    return list(data["tracks"]["children"][0]["children"])


def saved(data: object, folder: Path) -> Path:
    path = folder / "cut.otio"
    path.write_text(json.dumps(data, indent=2))
    return path


def codes(read: Any) -> set[str]:
    return {note.code for note in read.report}


@pytest.mark.parametrize("opening", ['"x": [', '"x": {"a":'])
def test_hostile_nesting_is_refused_before_otio_sees_it(opening: str, tmp_path: Path) -> None:
    depth = 200_000
    closing = "]" if opening.endswith("[") else "}"
    key = "" if opening.endswith("[") else '{"a":'
    nest = opening + (key or "[") * (depth - 1) + "0" + closing * depth
    text = json.dumps(document())
    path = tmp_path / "deep.otio"
    path.write_text(text.replace('"metadata": {}', '"metadata": {' + nest + "}", 1))
    with pytest.raises(TimelineTooDeep, match=r"20000\d levels"):
        load(path)


def test_depth_counts_brackets_outside_strings_only() -> None:
    assert nesting_depth(b'{"a": "[[[[", "b\\"[": [1, {"c\\\\": []}]}') == 4
    assert nesting_depth(b'"' + b"[" * 50_000) == 0
    assert nesting_depth(b"no json at all ]]]") <= 0


def test_deep_but_honest_nests_are_read(tmp_path: Path) -> None:
    item = clip("deep")
    for level in range((MAX_DEPTH - 20) // 4):
        inner = track(item, name=f"t{level}")
        item = otio.schema.Stack(f"s{level}")
        item.append(inner)
    (cue,) = load(save(timeline(track(item)), tmp_path)).cues
    assert (cue.clip, cue.start_frame, cue.n_frames) == ("deep", 0, 24)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"null", "null"),
        (b"[]", "Vector"),
        (b"3", "int"),
        (b'{"a": 1}', "Dictionary"),
        (json.dumps(document()).encode()[:700], "line 1, column"),
        (json.dumps(document()).encode("utf-16"), "UTF-16"),
        (b"\x7fELF\x02\x01\x01\xff\xfe" + bytes(range(256)), "not a text file"),
    ],
)
def test_damage_is_named_with_its_place(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.otio"
    path.write_bytes(data)
    with pytest.raises(TimelineUnreadable, match=words) as caught:
        load(path)
    assert caught.value.hint or "empty" in words


def test_a_byte_order_mark_is_skipped_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "bom.otio"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(document()).encode())
    read = load(path)
    assert "bom" in codes(read)
    write(read, placements(read.cues, tmp_path / "f"), tmp_path / "out.otio")
    assert not (tmp_path / "out.otio").read_bytes().startswith(b"\xef\xbb\xbf")


def _newer_marker(data: dict[str, Any]) -> None:
    color = {"OTIO_SCHEMA": "Color.1", "name": "RED", "r": 1.0, "g": 0.0, "b": 0.0, "a": 1.0}
    span = children(data)[0]["source_range"]
    children(data)[0]["markers"] = [
        {"OTIO_SCHEMA": "Marker.3", "name": "m", "marked_range": span, "color": color}
    ]


def _unknown_effect(data: dict[str, Any]) -> None:
    children(data)[1]["effects"] = [{"OTIO_SCHEMA": "SuperBlur.7", "name": "b", "radius": 3}]


def _unknown_child(data: dict[str, Any]) -> None:
    middle = children(data)[1]
    middle["OTIO_SCHEMA"] = "AdjustmentLayer.1"


def _newer_timeline(data: dict[str, Any]) -> None:
    data["OTIO_SCHEMA"] = "Timeline.9"
    data["hologram"] = {"OTIO_SCHEMA": "Hologram.1", "depth": 3}


def _newer_in_metadata(data: dict[str, Any]) -> None:
    data["metadata"]["other"] = {"OTIO_SCHEMA": "Clip.9", "name": "kept"}


def _unknown_reference(data: dict[str, Any]) -> None:
    children(data)[0]["media_references"]["DEFAULT_MEDIA"]["OTIO_SCHEMA"] = "CloudReference.1"


def _nulls(data: dict[str, Any]) -> None:
    children(data)[0].update(effects=None, markers=None, enabled=None)
    children(data).append({"OTIO_SCHEMA": "Gap.1"})


@pytest.mark.parametrize(
    ("damage", "code", "clips"),
    [
        (_newer_marker, "newer_schema", ["A", "B", "C"]),
        (_unknown_effect, "unknown_effect", ["A", "B", "C"]),
        (_unknown_child, "unknown_child", ["A", "C"]),
        (_newer_timeline, "newer_schema", ["A", "B", "C"]),
        (_newer_in_metadata, "newer_schema", ["A", "B", "C"]),
        (_unknown_reference, "unknown_reference", ["A", "B", "C"]),
        (_nulls, "null_field", ["A", "B", "C"]),
    ],
)
def test_what_otio_refuses_is_read_reported_and_kept(
    damage: Callable[[dict[str, Any]], None], code: str, clips: list[str], tmp_path: Path
) -> None:
    data = document()
    damage(data)
    path = saved(data, tmp_path)
    with pytest.raises(Exception):  # noqa: B017  plain OTIO refuses it in various ways
        otio.adapters.read_from_file(str(path))
    read = load(path)
    assert code in codes(read)
    assert [cue.clip for cue in read.cues] == clips
    assert [cue.start_frame for cue in read.cues if cue.clip == "C"] == [48]
    out = tmp_path / "out.otio"
    write(read, placements(read.cues, tmp_path / "f"), out)
    after = json.loads(out.read_text())
    assert after["tracks"]["children"].pop()["name"] == "Foley 1"
    assert after == data


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        *((value, "24") for value in ("NaN", "Infinity", "Inf", "-5", "0", "1e400")),
        *(("24", rate) for rate in ("0", "-24", "NaN")),
    ],
)
def test_a_bad_range_flags_its_clip_alone(value: str, rate: str, tmp_path: Path) -> None:
    """Fault 4."""
    data = document()
    middle = children(data)[1]["source_range"]["duration"]
    middle["value"], middle["rate"] = "VALUE", "RATE"
    text = json.dumps(data).replace('"VALUE"', value).replace('"RATE"', rate)
    path = tmp_path / "cut.otio"
    path.write_text(text)
    read = load(path)
    by_name = {cue.clip: cue for cue in read.cues}
    assert by_name["B"].status == "skipped"
    assert "unusable" in by_name["B"].note
    assert "bad_range" in codes(read)
    assert by_name["A"].n_frames == by_name["C"].n_frames == 24
    report = write(read, placements(read.cues, tmp_path / "f"), tmp_path / "out.otio")
    assert report.clips == 2
    again = load(tmp_path / "out.otio")
    assert [cue.cue_id for cue in again.cues] == [cue.cue_id for cue in read.cues]


@pytest.mark.parametrize(
    ("place", "next_start"),
    [("source_range", 24), ("media_references", 48), ("effects", 48), ("name", 48)],
)
def test_a_damaged_clip_does_not_cost_the_reel(place: str, next_start: int, tmp_path: Path) -> None:
    data = document()
    children(data)[1][place] = 5
    read = load(saved(data, tmp_path))
    assert "damaged_item" in codes(read)
    assert [cue.start_frame for cue in read.cues if cue.clip == "A"] == [0]
    assert [cue.start_frame for cue in read.cues if cue.clip == "C"] == [next_start]
    write(read, placements(read.cues, tmp_path / "f"), tmp_path / "out.otio")
    after = json.loads((tmp_path / "out.otio").read_text())
    after["tracks"]["children"].pop()
    assert after == data


def test_a_gap_without_a_range_takes_no_time(tmp_path: Path) -> None:
    data = document()
    data["tracks"]["children"][0]["children"].insert(
        1, {"OTIO_SCHEMA": "Gap.1", "source_range": None}
    )
    read = load(saved(data, tmp_path))
    assert [cue.start_frame for cue in read.cues] == [0, 24, 48]


def test_a_clip_without_ranges_stops_its_track_only(tmp_path: Path) -> None:
    lost = clip("lost", available=None)
    lost.source_range = None
    made = timeline(track(clip("A"), lost, clip("after")), track(gap(48), clip("B"), name="V2"))
    read = load(save(made, tmp_path))
    status = {cue.clip: (cue.status, cue.origin.get("why")) for cue in read.cues}
    assert status["A"] == ("offline", None)
    assert status["B"] == ("offline", None)
    assert status["lost"] == ("skipped", "no_range")
    assert "after" not in status
    assert "no_range" in codes(read)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "CON", "x" * 300, '<img src="x">', "=1+1"])
def test_hostile_clip_names_stay_inside(name: str, tmp_path: Path) -> None:
    """Fault 7."""
    from vatt_plugin.timeline.naming import plain, take_name

    read = load(save(timeline(track(clip(name, url="a.mov"))), tmp_path))
    (cue,) = read.cues
    assert cue.clip == name
    cue = cue._replace(origin={**cue.origin, "category": "FEETHmnXXXXX"})
    file_name = take_name(cue, "0123456789ab", name, name, 99)
    assert file_name == Path(file_name).name
    assert len(file_name) <= 120
    assert set(file_name) <= set(plain("AZaz09") + "".join(map(chr, range(33, 127))) + " ")
    assert not set(file_name) & set('/\\<>:"|?*=')
    out = tmp_path / "out.otio"
    write(read, placements(read.cues, tmp_path / "f"), out)
    root = otio.adapters.read_from_file(str(out))
    url = root.tracks[-1][0].media_reference.target_url
    assert (tmp_path / url).resolve().is_relative_to(tmp_path)
