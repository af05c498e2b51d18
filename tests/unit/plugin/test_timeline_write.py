"""Audio tracks on a copy of the cut: lossless, exact, found again."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.helpers.timelines import (
    AUDIO,
    clip,
    gap,
    placements,
    save,
    time_range,
    timeline,
    track,
)
from vatt_plugin import bwf
from vatt_plugin.timeline import Placement, Timeline, load, write
from vatt_plugin.timeline.conform import plan
from vatt_plugin.timeline.errors import TimelineNotWritten, TimelineOutputExists


@pytest.fixture
def cut(tmp_path: Path) -> Timeline:
    """Two clips with a gap between, from one hour, at a dirty rate."""
    rate = 23.976024627685547
    start = otio.opentime.RationalTime(86400, rate)
    made = timeline(
        track(clip("A", rate=rate), gap(12, rate), clip("B", 10, 48, rate)), start=start
    )
    return load(save(made, tmp_path))


def foley(path: Path) -> list[Any]:
    root = otio.adapters.read_from_file(str(path))
    return [t.deepcopy() for t in root.tracks if t.name.startswith("Foley")]


def test_tracks_are_whole_frames_at_the_literal_rate(cut: Timeline, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    report = write(cut, placements(cut.cues, tmp_path / "out_foley", handle_frames=6), out)
    assert report.tracks == ("Foley 1",)
    (made,) = foley(out)
    assert made.kind == AUDIO
    assert [type(child).__name__ for child in made] == ["Clip", "Gap", "Clip"]
    assert made.duration() == otio.opentime.RationalTime(84, cut.rate)
    for child in made:
        times = [child.source_range.start_time, child.source_range.duration]
        if isinstance(child, otio.schema.Clip):
            available = child.media_reference.available_range
            times += [available.start_time, available.duration]
            assert child.source_range.start_time.value == 6
            assert available.start_time.value == 0
            assert available.duration.value == child.source_range.duration.value + 12
            assert child.enabled
            assert child.media_reference.name.endswith(".wav")
        for time in times:
            assert time.rate == cut.rate
            assert time.value == int(time.value)


def test_every_other_byte_stays(cut: Timeline, tmp_path: Path) -> None:
    before = cut.path.read_text()
    out = tmp_path / "out.otio"
    write(cut, placements(cut.cues, tmp_path / "f"), out)
    after = out.read_text()
    n_same = next(n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    assert after.endswith(before[n_same:])
    assert cut.path.read_text() == before


def test_metadata_is_plain_and_enough_to_know_the_take(cut: Timeline, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    write(cut, placements(cut.cues, tmp_path / "f"), out)
    first = json.loads(out.read_text())["tracks"]["children"][-1]["children"][0]
    facts = first["metadata"]["vatt"]
    assert facts["take"] == "000000000000"
    assert facts["take"] in first["name"]
    assert facts["source_clip"] == "A"
    assert facts["prompt"] == "steps"
    assert facts["takes"][0]["seed"] == 0
    assert facts["samples"] == 48048
    assert "OTIO_SCHEMA" not in json.dumps(facts)


def test_the_post_profile_counts_from_record_timecode(cut: Timeline, tmp_path: Path) -> None:
    placed = placements(cut.cues, tmp_path / "f", handle_frames=4)
    for each in placed:
        first = cut.global_start_frame + each.cue.start_frame - 4
        samples = bwf.time_reference(first, cut.fps)
        n = each.cue.n_samples + 2 * 8008
        facts = bwf.WavFacts(n_samples=n, time_reference=samples, fps=cut.fps)
        bwf.write(each.wav_path, facts, [bytes(3 * n)])
    report = write(cut, placed, tmp_path / "out.otio", profile="post")
    assert not report.notes
    made = foley(tmp_path / "out.otio")[0]
    assert made[0].media_reference.available_range.start_time.value == 86400 - 4
    assert made[0].source_range.start_time.value == 86400
    assert made[2].source_range.start_time.value == 86400 + 36


def test_handles_before_midnight_start_on_the_day_before(tmp_path: Path) -> None:
    cut = load(save(timeline(track(clip("A"), clip("B"))), tmp_path))
    placed = placements(cut.cues[:1], tmp_path / "f", handle_frames=4)
    n = cut.cues[0].n_samples + 2 * 8000
    day = 24 * 86_400
    facts = bwf.WavFacts(n_samples=n, time_reference=bwf.time_reference(day - 4, cut.fps))
    bwf.write(placed[0].wav_path, facts, [bytes(3 * n)])
    report = write(cut, placed, tmp_path / "out.otio", profile="post")
    assert not report.notes
    made = foley(tmp_path / "out.otio")[0][0]
    assert made.media_reference.available_range.start_time.value == day - 4
    assert made.source_range.start_time.value == day


def test_ranges_follow_the_file_when_it_says_otherwise(cut: Timeline, tmp_path: Path) -> None:
    placed = placements(cut.cues[:1], tmp_path / "f")
    n = cut.cues[0].n_samples
    facts = bwf.WavFacts(n_samples=n, time_reference=bwf.time_reference(500, cut.fps), fps=cut.fps)
    bwf.write(placed[0].wav_path, facts, [bytes(3 * n)])
    report = write(cut, placed, tmp_path / "out.otio")
    assert [note.code for note in report.notes] == ["timecode"]
    made = foley(tmp_path / "out.otio")[0][0]
    assert made.source_range.start_time == made.media_reference.available_range.start_time
    assert made.source_range.start_time.value == 500


def test_overlapping_tails_go_to_a_second_track(tmp_path: Path) -> None:
    cut = load(save(timeline(track(clip("A"), clip("B"), clip("C"))), tmp_path))
    report = write(cut, placements(cut.cues, tmp_path / "f", extra_frames=6), tmp_path / "o.otio")
    assert report.tracks == ("Foley 1", "Foley 2")
    one, two = foley(tmp_path / "o.otio")
    assert [c.source_range.duration.value for c in one] == [30, 18, 24]
    assert [type(c).__name__ for c in two] == ["Gap", "Clip", "Gap"]
    assert one.duration() == two.duration() == otio.opentime.RationalTime(72, 24)


def test_stems_follow_the_cues_categories(tmp_path: Path) -> None:
    path = save(timeline(track(clip("A"), clip("B"))), tmp_path)
    spots = tmp_path / "s.csv"
    spots.write_text("in,out,category\n0,1,FEETHmn\n0.5,1.5,CLOTHMvmt\n1,2,FEETHmn\n")
    cut = load(path, cues=spots)
    report = write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.otio")
    assert report.tracks == ("Foley CLOTHMvmt 1", "Foley FEETHmn 1")


def test_missing_and_short_files_are_left_out_by_name(cut: Timeline, tmp_path: Path) -> None:
    placed = placements(cut.cues, tmp_path / "f")
    placed[0].wav_path.unlink()
    report = write(cut, placed, tmp_path / "o.otio")
    assert report.clips == 1
    assert [(n.code, n.where) for n in report.notes] == [("bad_wav", "A")]
    long = Placement(placed[1].cue, placed[1].take, placed[1].wav_path, handle_frames=5)
    report = write(cut, [long], tmp_path / "o2.otio")
    assert [(n.code, n.where) for n in report.notes] == [("short_wav", "B")]


@pytest.mark.parametrize("lost", ["nothing", "metadata", "names"])
def test_a_rerun_replaces_only_our_tracks(lost: str, cut: Timeline, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    write(cut, placements(cut.cues, tmp_path / "f"), out)
    data = json.loads(out.read_text())
    made = data["tracks"]["children"][-1]
    if lost != "nothing":  # what a host does to metadata it does not know
        for child in [made, *made["children"]]:
            child["metadata"] = {}
        made["name"] = "A2"
    if lost == "names":
        for child in made["children"]:
            child["name"] = "clip"
    mine = track(clip("dialogue", duration=84), kind=AUDIO, name="A1")
    data["tracks"]["children"].append(json.loads(mine.to_json_string()))
    out.write_text(json.dumps(data))
    again = load(out)
    assert [info.ours for info in again.tracks] == [False, True, False]
    report = write(again, placements(again.cues, tmp_path / "g"), tmp_path / "again.otio")
    assert report.replaced == (made["name"],)
    root = otio.adapters.read_from_file(str(tmp_path / "again.otio"))
    names = [t.name for t in root.tracks]
    assert names == ["V1", "A1", "Foley 1"]


def test_a_rerun_for_one_clip_keeps_the_others_takes(cut: Timeline, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    write(cut, placements(cut.cues, tmp_path / "f"), out)
    again = load(out, clips=["B"])
    new = placements(again.cues, tmp_path / "g")
    report = write(again, new, tmp_path / "sub.otio")
    assert report.clips == 2
    first, _, last = foley(tmp_path / "sub.otio")[0]
    assert "000000000000" in first.media_reference.target_url
    assert first.media_reference.target_url.startswith("f/")
    assert last.media_reference.target_url.startswith("g/")


def test_a_track_with_the_users_clips_is_left_alone(cut: Timeline, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    write(cut, placements(cut.cues, tmp_path / "f"), out)
    data = json.loads(out.read_text())
    mine = json.loads(clip("my own", duration=5).to_json_string())
    data["tracks"]["children"][-1]["children"].append(mine)
    out.write_text(json.dumps(data))
    again = load(out)
    report = write(again, placements(again.cues, tmp_path / "g"), tmp_path / "again.otio")
    assert "mixed_track" in {note.code for note in report.notes}
    assert len(foley(tmp_path / "again.otio")) == 2


def test_the_input_is_never_written(cut: Timeline, tmp_path: Path) -> None:
    placed = placements(cut.cues, tmp_path / "f")
    with pytest.raises(TimelineOutputExists, match="never"):
        write(cut, placed, cut.path, force=True)
    out = tmp_path / "there.otio"
    out.write_text("mine")
    with pytest.raises(TimelineOutputExists, match="--force"):
        write(cut, placed, out)
    assert out.read_text() == "mine"
    write(cut, placed, out, force=True)
    assert foley(out)
    with pytest.raises(TimelineNotWritten, match="does not exist"):
        write(cut, placed, tmp_path / "nowhere" / "o.otio")


def test_a_cut_rewritten_meanwhile_is_noticed(cut: Timeline, tmp_path: Path) -> None:
    """Fault 23."""
    assert not cut.changed_on_disk
    cut.path.write_text(cut.path.read_text() + "\n")
    assert cut.changed_on_disk
    report = write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.otio")
    assert [note.code for note in report.notes] == ["changed"]
    assert load(tmp_path / "o.otio").cues == cut.cues


def test_an_edl_output_is_refused_with_a_reason(cut: Timeline, tmp_path: Path) -> None:
    with pytest.raises(TimelineNotWritten, match="drops all audio"):
        write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.edl")
    assert not (tmp_path / "o.edl").exists()


def test_fcp7_xml_can_be_written(tmp_path: Path) -> None:
    pytest.importorskip("otio_fcp_adapter")
    cut = load(save(timeline(track(clip("A", rate=25), clip("B", rate=25))), tmp_path))
    write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.xml")
    again = load(tmp_path / "o.xml")
    assert [info.kind for info in again.tracks] == ["Video", "Audio"]


def test_what_an_adapter_loses_of_the_cut_itself_is_told(tmp_path: Path) -> None:
    pytest.importorskip("otio_fcp_adapter")
    nest = otio.schema.Stack("nest", children=[track(clip("B", rate=25), clip("C", rate=25))])
    nest.source_range = time_range(0, 48, 25)
    made = timeline(track(clip("A", rate=25), nest, clip("D", rate=25, speed=2)))
    cut = load(save(made, tmp_path))
    report = write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.xml")
    (note,) = (note for note in report.notes if note.code == "adapter")
    assert "1 retime and 2 clips" in note.message


@pytest.mark.parametrize(
    ("profile", "form"),
    [("portable", "out foley/{}"), ("resolve", "{folder}/{}"), ("premiere", "file://{quoted}/{}")],
)
def test_url_profiles(profile: Any, form: str, cut: Timeline, tmp_path: Path) -> None:
    folder = tmp_path / "out foley"
    placed = placements(cut.cues, folder)
    write(cut, placed, tmp_path / "o.otio", url_profile=profile)
    url = foley(tmp_path / "o.otio")[0][0].media_reference.target_url
    quoted = str(folder).replace(" ", "%20")
    assert url == form.format(placed[0].wav_path.name, folder=folder, quoted=quoted)
    assert load(tmp_path / "o.otio").tracks[-1].items[0].status == "ready"


def test_old_files_get_clips_of_their_own_generation(cut: Timeline, tmp_path: Path) -> None:
    versions = otio.versioning.fetch_map("OTIO_CORE", "0.14.0")
    old = tmp_path / "old.otio"
    otio.adapters.write_to_file(cut.document.root, str(old), target_schema_versions=versions)
    read = load(old)
    write(read, placements(read.cues, tmp_path / "f"), tmp_path / "o.otio")
    text = (tmp_path / "o.otio").read_text()
    assert '"Clip.1"' in text
    assert '"Clip.2"' not in text


def test_a_bare_inf_is_written_from_objects(cut: Timeline, tmp_path: Path) -> None:
    text = cut.path.read_text().replace('"metadata": {}', '"metadata": {"x": Inf}', 1)
    path = tmp_path / "inf.otio"
    path.write_text(text)
    read = load(path)
    write(read, placements(read.cues, tmp_path / "f"), tmp_path / "o.otio")
    assert len(load(tmp_path / "o.otio").tracks) == 2


def test_a_chosen_timeline_of_several_is_written_in_place(cut: Timeline, tmp_path: Path) -> None:
    first = cut.document.root.deepcopy()
    second = cut.document.root.deepcopy()
    second.name = "second"
    box = otio.schema.SerializableCollection("box", [first, second])
    path = save(box, tmp_path, "box.otio")
    read = load(path, timeline="second")
    write(read, placements(read.cues, tmp_path / "f"), tmp_path / "o.otio")
    again = otio.adapters.read_from_file(str(tmp_path / "o.otio"))
    assert [len(t.tracks) for t in again] == [1, 2]
    assert [len(load(tmp_path / "o.otio", timeline=f"#{n}").tracks) for n in (1, 2)] == [1, 2]


@pytest.mark.parametrize("kind", ["stack", "track", "clip"])
def test_bare_roots_become_a_timeline(kind: str, cut: Timeline, tmp_path: Path) -> None:
    root = cut.document.root
    item = {"stack": root.tracks, "track": root.tracks[0], "clip": root.tracks[0][0]}[kind]
    read = load(save(item.deepcopy(), tmp_path, "bare.otio"))
    assert "wrapped" in {note.code for note in read.report}
    write(read, placements(read.cues, tmp_path / "f"), tmp_path / "o.otio")
    assert len(load(tmp_path / "o.otio").tracks) == 2


def test_otioz_holds_the_media_and_reads_back(cut: Timeline, tmp_path: Path) -> None:
    (tmp_path / "A.mov").write_bytes(b"picture")
    out = tmp_path / "o.otioz"
    placed = placements(cut.cues, tmp_path / "f")
    report = write(cut, placed, out)
    assert [note.code for note in report.notes] == ["not_packed"]
    with zipfile.ZipFile(out) as archive:
        names = set(archive.namelist())
        assert archive.read("media/A.mov") == b"picture"
    assert names == {
        "content.otio", "version.txt", "media/A.mov", *(f"media/{p.wav_path.name}" for p in placed)
    }  # fmt: skip
    assert len(otio.adapters.read_from_file(str(out)).tracks) == 2
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    again = load(out, media_dir=unpacked)
    assert {cue.clip: cue.status for cue in again.cues} == {"A": "ready", "B": "offline"}
    assert (unpacked / "media" / "A.mov").read_bytes() == b"picture"
    second = tmp_path / "second.otiod"
    write(again, placements(again.cues, tmp_path / "g"), second)
    assert (second / "media" / "A.mov").is_file()
    assert {c.clip: c.status for c in load(second).cues} == {"A": "ready", "B": "offline"}


def test_a_rerun_on_a_bundle_leaves_replaced_takes_behind(cut: Timeline, tmp_path: Path) -> None:
    placed = placements(cut.cues, tmp_path / "f")
    renamed = [
        replace(p, wav_path=p.wav_path.rename(p.wav_path.with_stem(f"x vatt-{p.take.take_id}")))
        for p in placed
    ]
    write(cut, renamed, tmp_path / "one.otioz")
    again = load(tmp_path / "one.otioz", clips=["B"])
    write(again, placements(again.cues, tmp_path / "g"), tmp_path / "two.otioz")
    with zipfile.ZipFile(tmp_path / "two.otioz") as archive:
        wavs = sorted(name for name in archive.namelist() if name.endswith(".wav"))
    assert len(wavs) == 2
    assert wavs[1] == "media/x vatt-000000000000.wav"
    read = load(tmp_path / "two.otioz")
    assert [i.status for i in read.tracks[-1].items if i.kind == "clip"] == ["ready", "ready"]


@pytest.mark.parametrize("name", ["../../evil.mov", "/etc/evil", "C:evil", "a/../../b"])
def test_bundles_with_names_that_point_outside_are_refused(name: str, tmp_path: Path) -> None:
    from vatt_plugin.timeline.errors import BadBundle

    path = tmp_path / "evil.otioz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.otio", timeline(track(clip("A"))).to_json_string())
        archive.writestr(name, "x")
    with pytest.raises(BadBundle, match="outside"):
        load(path)


def test_a_full_disk_leaves_the_old_output(
    cut: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 21, with the error that a full disk raises."""
    out = tmp_path / "out.otio"
    placed = placements(cut.cues, tmp_path / "f")
    write(cut, placed, out)
    before = out.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TimelineNotWritten, match="No space left"):
        write(cut, placed, out, force=True)
    monkeypatch.undo()
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".vatt-*"))
    write(cut, placed, out, force=True)


def test_sound_starts_on_its_video_frame_after_three_hours(tmp_path: Path) -> None:
    """Fault 9."""
    rate = 29.97
    start = otio.opentime.RationalTime(107892, rate)
    n_frames = 3 * 107892
    made = timeline(track(gap(n_frames, rate), clip("late", rate=rate)), start=start)
    cut = load(save(made, tmp_path))
    (cue,) = cut.cues
    assert cut.drop
    exact_s = Fraction(n_frames * 1001, 30000)
    assert cue.start_s == exact_s
    write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.otio")
    lead, _ = foley(tmp_path / "o.otio")[0]
    frames = lead.source_range.duration.value
    assert abs(Fraction(int(frames) * 1001, 30000) - exact_s) * 48000 <= 1


def test_a_trimmed_stack_is_counted_from_its_own_start(tmp_path: Path) -> None:
    made = timeline(track(clip("a"), clip("b"), clip("c")))
    made.tracks.source_range = time_range(30, 30)
    cut = load(save(made, tmp_path))
    write(cut, placements(cut.cues, tmp_path / "f"), tmp_path / "o.otio")
    root = otio.adapters.read_from_file(str(tmp_path / "o.otio"))
    sound = root.tracks[-1][1]
    assert sound.transformed_time_range(sound.trimmed_range(), root.tracks) == time_range(30, 18)
    again = load(tmp_path / "o.otio")
    ours = [(item.start, item.length) for item in again.tracks[-1].items if item.kind == "clip"]
    assert ours == [(cue.start_frame, cue.n_frames) for cue in cut.cues]
    assert {fate.fate for fate in plan(again, again).fates} == {"kept"}
    second = write(again, placements(again.cues[:1], tmp_path / "g"), tmp_path / "o2.otio")
    assert second.clips == 2
    root = otio.adapters.read_from_file(str(tmp_path / "o2.otio"))
    assert root.tracks[-1][2].range_in_parent() == time_range(48, 12)
