"""Ducking under dialogue, room tone, levels by category."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from tests.helpers.timelines import AUDIO, clip, gap, placements, save, timeline, track
from vatt_plugin import levels, mixing
from vatt_plugin.room_tone import room_tone, scenes
from vatt_plugin.timeline import Placement, Timeline, load, write
from vatt_plugin.timeline.conform import plan, sounds_of
from vatt_plugin.timeline.errors import UnknownClip
from vatt_plugin.timeline.spotting import quoted
from vatt_plugin.timeline.stems import CUE_SHEET, export_wavs
from vatt_plugin.timeline.wavfacts import wav_facts
from vatt_plugin.timeline.writing import write_sounds


@pytest.fixture
def cut(tmp_path: Path) -> Timeline:
    """Two shots of two seconds, with dialogue over the second."""
    speech = track(gap(60), clip("line", duration=24, url="line.wav"), name="Dialog", kind=AUDIO)
    return load(save(timeline(track(clip("a", 0, 48), clip("b", 0, 48)), speech), tmp_path))


def with_noise(cut: Timeline, folder: Path) -> list[Placement]:
    placed = placements(cut.cues, folder)
    noise = np.random.default_rng(0)
    for each in placed:
        samples = noise.normal(0, 0.05, each.cue.n_samples)
        soundfile.write(each.wav_path, samples, 48_000, subtype="PCM_24")
    return placed


def test_foley_is_held_back_where_a_dialogue_clip_lies(cut: Timeline, tmp_path: Path) -> None:
    placed = with_noise(cut, tmp_path / "f")
    ducking = mixing.find_speech(cut, ["Dialog"], -12.0)
    assert ducking.spans == ((2.5, 3.5),)
    first, second = mixing.duck(placed, ducking)
    assert first.wav_path == placed[0].wav_path
    dry, _ = soundfile.read(placed[1].wav_path)
    wet, _ = soundfile.read(second.wav_path)
    assert len(wet) == len(dry)
    assert np.array_equal(wet[:12_000], dry[:12_000])
    during = slice(30_000, 70_000)
    gain_db = 20 * np.log10(np.std(wet[during]) / np.std(dry[during]))
    assert gain_db == pytest.approx(-12.0, abs=0.01)
    assert second.metadata["mix"]["dry"] == placed[1].wav_path.name


def test_ducking_follows_the_sound_where_it_can_be_read(cut: Timeline, tmp_path: Path) -> None:
    line = np.zeros(48_000)
    line[24_000:33_600] = 0.2 * np.sin(np.arange(9_600) * 0.1)
    soundfile.write(tmp_path / "line.wav", line, 48_000)
    ((start, end),) = mixing.find_speech(load(cut.path), ["A1"]).spans
    assert start == pytest.approx(3.0, abs=0.04)
    assert end == pytest.approx(3.2, abs=0.04)


def test_a_nest_on_a_dialogue_track_speaks_throughout(tmp_path: Path) -> None:
    nest = track(clip("line", duration=24), name="scene", kind=AUDIO)
    speech = track(gap(24), nest, name="Dialog", kind=AUDIO)
    cut = load(save(timeline(track(clip("a", 0, 48)), speech), tmp_path))
    assert mixing.find_speech(cut, ["Dialog"]).spans == ((1.0, 2.0),)


def test_a_dialogue_clip_whose_reference_is_missing_speaks_throughout(cut: Timeline) -> None:
    data = json.loads(cut.path.read_text())
    data["tracks"]["children"][1]["children"][1]["active_media_reference_key"] = "none such"
    cut.path.write_text(json.dumps(data))
    assert mixing.find_speech(load(cut.path), ["Dialog"]).spans == ((2.5, 3.5),)


def test_a_track_of_that_name_comes_before_the_one_of_that_number(tmp_path: Path) -> None:
    tracks = [track(clip("line", duration=24), name=name, kind=AUDIO) for name in ("Music", "A1")]
    cut = load(save(timeline(track(clip("a", 0, 48)), *tracks), tmp_path))
    assert mixing.find_speech(cut, ["A1"]).tracks == ("A1",)
    assert mixing.find_speech(cut, ["A2"]).tracks == ("A1",)


def test_an_unknown_dialogue_track_is_named(cut: Timeline) -> None:
    with pytest.raises(UnknownClip, match="Dialog"):
        mixing.find_speech(cut, ["A9"])


def test_a_conform_starts_from_the_dry_file(cut: Timeline, tmp_path: Path) -> None:
    placed = mixing.duck(with_noise(cut, tmp_path / "f"), mixing.find_speech(cut, ["A1"]))
    write(cut, placed, tmp_path / "o.otio")
    old = load(tmp_path / "o.otio")
    assert " ducked " in Path(old.tracks[-1].items[1].media).name
    _, fate = plan(old, cut).fates
    assert "ducked" not in fate.pieces[0].laid.wav_path.name


def test_room_tone_lies_under_the_whole_scene(cut: Timeline, tmp_path: Path) -> None:
    placed = with_noise(cut, tmp_path / "f")
    (bed,) = room_tone(cut, placed, tmp_path / "f")
    assert (bed.start_frame, bed.n_frames) == (0, 96)
    samples, _ = soundfile.read(bed.wav_path)
    assert len(samples) == 4 * 48_000
    level = 20 * np.log10(np.std(samples[48_000:96_000]))
    assert -67 < level < -51
    assert abs(samples[0]) == 0.0
    before = bed.wav_path.read_bytes()
    room_tone(cut, placed, tmp_path / "f")
    assert bed.wav_path.read_bytes() == before
    report = write(cut, placed, tmp_path / "o.otio", extra=[bed])
    assert report.tracks == ("Foley 1", "Foley Room tone 1")
    again = load(tmp_path / "o.otio")
    assert [info.ours for info in again.tracks] == [False, False, True, True]
    assert not plan(again, again).unused
    again = load(tmp_path / "o.otio", clips=["b"])
    report = write(again, placements(again.cues, tmp_path / "g"), tmp_path / "o2.otio")
    assert report.clips == 3


def test_long_sounds_are_mixed_in_flat_memory(tmp_path: Path) -> None:
    """Two minutes of dialogue, takes and bed: 46 MB apiece if they were held whole."""
    minute = 60 * 48_000
    speech = track(clip("line", duration=2880, url="line.wav", available=None), kind=AUDIO)
    shots = track(clip("a", 0, 1440), clip("b", 0, 1440))
    cut = load(save(timeline(shots, speech), tmp_path))
    placed = placements(cut.cues, tmp_path / "f")
    noise = np.random.default_rng(0).normal(0, 0.05, minute).astype(np.float32)
    for each in placed:
        soundfile.write(each.wav_path, noise, 48_000, subtype="PCM_24")
    soundfile.write(tmp_path / "line.wav", np.concatenate([noise, 0 * noise]), 48_000)
    tracemalloc.start()
    ducking = mixing.find_speech(cut, ["A1"])
    ducked, dry = mixing.duck(placed, ducking)
    (bed,) = room_tone(cut, [ducked, dry], tmp_path / "f")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 20e6
    (span,) = ducking.spans
    assert span == pytest.approx((0.0, 60.0), abs=0.04)
    wet, _ = soundfile.read(ducked.wav_path, dtype="float32")
    assert np.allclose(wet[: minute // 2], noise[: minute // 2] * 10 ** (-9 / 20), atol=1e-6)
    samples, _ = soundfile.read(bed.wav_path)
    assert len(samples) == 2 * minute
    level = 20 * np.log10(np.std(samples[48_000:-48_000]))
    assert level == pytest.approx(bed.metadata["level_dbfs"], abs=0.1)


def test_dialogue_that_lies_outside_of_its_file_counts_as_spoken(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "line.wav", np.zeros(48_000), 48_000)
    speech = track(clip("line", 48, 24, url="line.wav"), name="Dialog", kind=AUDIO)
    cut = load(save(timeline(track(clip("a", 0, 48)), speech), tmp_path))
    assert mixing.find_speech(cut, ["Dialog"]).spans == ((0.0, 1.0),)


def test_a_long_gap_begins_a_new_scene(tmp_path: Path) -> None:
    made = timeline(track(clip("a"), clip("b"), gap(100), clip("c")))
    cut = load(save(made, tmp_path))
    found = scenes(placements(cut.cues, tmp_path / "f"), cut.fps)
    assert [(scene.first, scene.last) for scene in found] == [(0, 48), (148, 172)]


def test_levels_follow_the_category() -> None:
    assert levels.target_lufs("FEETHmn") < levels.target_lufs("DOORWood")
    assert levels.target_lufs("") == levels.TARGET_LUFS
    measured = levels.Measurement(48_000, -40.0, -40.0, -20.0, finite=True)
    assert levels.choose_gain_db(measured, target=levels.target_lufs("FEETHmn")) == 9.0


def test_wavs_alone_carry_record_timecode_and_ucs_names(tmp_path: Path) -> None:
    start = otio.opentime.RationalTime(86400, 24)
    path = save(timeline(track(clip("a"), clip("b")), start=start), tmp_path)
    spots = tmp_path / "s.csv"
    spots.write_text("in,out,category,prompt\n0,1,FEETHmn,slow steps\n1,2,,=door\n")
    cut = load(path, cues=spots)
    placed = placements(cut.cues, tmp_path / "f", handle_frames=12)
    write(cut, placed, tmp_path / "o.otio")
    done = export_wavs(load(tmp_path / "o.otio"), tmp_path / "wavs", show="My_Show")
    names = sorted(wav.name for wav in done.wavs)
    assert [name.split("_")[0] for name in names] == ["FEETHmn", "FOLYMisc"]
    assert all(name.split("_")[3] == "My Show" and name.count("_") == 4 for name in names)
    for wav in done.wavs:
        header = wav_facts(wav)
        assert header is not None
        second = 3600 if "f0t" in wav.name else 3601
        assert header.time_reference == (second - 0.5) * 48_000
        assert header.n_samples == 96_000
    sheet = (tmp_path / "wavs" / CUE_SHEET).read_text()
    assert "01:00:00:00,01:00:01:00,00:59:59:12" in sheet
    assert [quoted(text) for text in ("-27.1", "-1+2", "@a")] == ["-27.1", "'-1+2", "'@a"]
    originals = {json.dumps(soundfile.read(p.wav_path)[0].tolist()) for p in placed}
    copies = {json.dumps(soundfile.read(wav)[0].tolist()) for wav in done.wavs}
    assert originals == copies


def test_wavs_alone_keep_to_timecode_around_midnight(tmp_path: Path) -> None:
    rate, day = 24_000 / 1001, 24 * 86_400
    start = otio.opentime.RationalTime(day - 24, rate)
    made = timeline(track(clip("a", rate=rate), clip("b", rate=rate)), start=start)
    cut = load(save(made, tmp_path))
    placed = placements(cut.cues, tmp_path / "f")
    beds = room_tone(cut, placed, tmp_path / "f", record_time=True)
    write(cut, placed, tmp_path / "o.otio", extra=beds)
    done = export_wavs(load(tmp_path / "o.otio"), tmp_path / "wavs")
    headers = [wav_facts(wav) for wav in [*done.wavs, beds[0].wav_path]]
    stamps = sorted(h.time_reference or 0 for h in headers if h is not None)
    before = (day - 24) * 2002
    assert stamps == [0, before, before, before]
    assert before > 86_400 * 48_000


def test_what_is_played_is_exported(cut: Timeline, tmp_path: Path) -> None:
    placed = mixing.duck(with_noise(cut, tmp_path / "f"), mixing.find_speech(cut, ["A1"]))
    beds = room_tone(cut, placed, tmp_path / "f")
    write(cut, placed, tmp_path / "o.otio", extra=beds)
    done = export_wavs(load(tmp_path / "o.otio"), tmp_path / "wavs")
    played = [placed[0].wav_path, placed[1].wav_path, beds[0].wav_path]
    exported = {json.dumps(soundfile.read(wav)[0].tolist()) for wav in done.wavs}
    assert exported == {json.dumps(soundfile.read(wav)[0].tolist()) for wav in played}
    assert any(wav.name.startswith("AMBRoom_Room tone") for wav in done.wavs)


def test_a_trimmed_take_is_exported_trimmed(tmp_path: Path) -> None:
    cut = load(save(timeline(track(clip("a", 0, 48))), tmp_path))
    write(cut, placements(cut.cues, tmp_path / "f", handle_frames=4), tmp_path / "o.otio")
    made = timeline(track(clip("a", 0, 12), gap(12), clip("a", 30, 18)))
    new = load(save(made, tmp_path, "new.otio"))
    old = load(tmp_path / "o.otio")
    write_sounds(new, sounds_of(plan(old, new), new), tmp_path / "n.otio")
    done = export_wavs(load(tmp_path / "n.otio"), tmp_path / "wavs")
    headers = [wav_facts(wav) for wav in done.wavs]
    spans = [(h.time_reference, h.n_samples) for h in headers if h is not None]
    frame = 2000
    day = 24 * 3600 * 48_000
    assert spans == [(day - 4 * frame, 20 * frame), (20 * frame, 26 * frame)]
