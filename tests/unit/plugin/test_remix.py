"""Ducking and room tone over a re-cut: made anew where the new cut wants them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from tests.helpers.timelines import AUDIO, clip, gap, placements, save, timeline, track
from vatt_plugin import mixing
from vatt_plugin.cli.main import main
from vatt_plugin.remix import Mix
from vatt_plugin.room_tone import room_tone
from vatt_plugin.timeline import load, write
from vatt_plugin.timeline.wavfacts import wav_facts


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Two shots of two seconds, ducked under a line over the second, with room tone."""
    speech = track(gap(60), clip("line", duration=24), name="Dialog", kind=AUDIO)
    made = timeline(track(clip("a", 0, 48), clip("b", 0, 48)), speech)
    cut = load(save(made, tmp_path, "cut.otio"))
    placed = placements(cut.cues, tmp_path / "old_foley")
    for number, each in enumerate(placed):
        noise = np.random.default_rng(number).normal(0, 0.05, each.cue.n_samples)
        soundfile.write(each.wav_path, noise, 48_000, subtype="PCM_24")
    placed = mixing.duck(placed, mixing.find_speech(cut, ["Dialog"], -12.0))
    beds = room_tone(cut, placed, tmp_path / "old_foley")
    write(cut, placed, tmp_path / "old.otio", extra=beds)
    return tmp_path / "old.otio"


def recut(folder: Path, dialog: str = "Dialog") -> Path:
    """The shots the other way round, the line still over ``b``."""
    speech = track(gap(12), clip("line", duration=24), name=dialog, kind=AUDIO)
    shots = track(clip("b", 0, 48), clip("a", 0, 48), gap(48))
    return save(timeline(shots, speech), folder, "new.otio")


def test_the_rules_of_a_cut_are_found_again(old: Path) -> None:
    assert Mix.of(load(old)) == Mix(("Dialog",), -12.0, True)
    data = json.loads(old.read_text())
    for foley in data["tracks"]["children"][2:]:
        for child in foley["children"]:
            child["metadata"] = {}
    old.write_text(json.dumps(data))
    assert Mix.of(load(old)) == Mix(("Dialog",), -12.0, True)


def test_ducking_and_room_tone_are_made_for_the_new_cut(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.otio"
    assert main(["conform", str(old), str(recut(tmp_path)), "-o", str(out), "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["mix"] == {"ducked": 1, "duck_tracks": ["Dialog"], "beds": 1, "faded": 0}
    foley, beds = load(out).tracks[-2:]
    assert beds.name == "Foley Room tone 1"
    assert [(item.kind, item.start, item.length) for item in beds.items] == [
        ("clip", 0, 96),
        ("gap", 96, 48),
    ]
    b, a = (Path(item.media) for item in foley.items[:2])
    assert " ducked " in b.name
    assert " ducked " not in a.name
    wet, _ = soundfile.read(b)
    dry, _ = soundfile.read(next((tmp_path / "old_foley").glob("*_000000000001.wav")))
    gain_db = 20 * np.log10(np.std(wet[30_000:66_000]) / np.std(dry[30_000:66_000]))
    assert gain_db == pytest.approx(-12.0, abs=0.01)
    assert np.array_equal(wet[80_000:], dry[80_000:])
    assert Mix.of(load(out)) == Mix(("Dialog",), -12.0, True)


def test_a_cut_that_counts_record_timecode_goes_on_doing_so(tmp_path: Path) -> None:
    hour = otio.opentime.RationalTime(86_400, 24)
    cut = load(save(timeline(track(clip("a"), clip("b")), start=hour), tmp_path, "cut.otio"))
    placed = placements(cut.cues, tmp_path / "f")
    beds = room_tone(cut, placed, tmp_path / "f", record_time=True)
    write(cut, placed, tmp_path / "old.otio", profile="post", extra=beds)
    new = save(timeline(track(clip("b"), clip("a")), start=hour), tmp_path, "new.otio")
    for options, said in (([], 3600 * 48_000), (["--profile", "nle", "--force"], 0)):
        out = tmp_path / "out.otio"
        assert (
            main(["conform", str(tmp_path / "old.otio"), str(new), "-o", str(out), *options]) == 0
        )
        bed = load(out).tracks[-1].items[0]
        header = wav_facts(Path(bed.media))
        assert header is not None
        assert header.time_reference == said


def test_a_take_in_two_places_is_ducked_in_one(old: Path, tmp_path: Path) -> None:
    speech = track(gap(56), clip("line", duration=24), name="Dialog", kind=AUDIO)
    made = timeline(track(clip("b", 0, 48), clip("b", 0, 48), clip("a", 0, 48)), speech)
    new, out = save(made, tmp_path, "new.otio"), tmp_path / "out.otio"
    assert main(["conform", str(old), str(new), "-o", str(out)]) == 0
    names = [Path(item.media).name for item in load(out).tracks[-2].items]
    assert [" ducked " in name for name in names] == [False, True, False]


def test_a_dialogue_track_of_another_name_is_asked_for(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = recut(tmp_path, "DX 1")
    arguments = ["conform", str(old), str(new), "-o", str(tmp_path / "out.otio")]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert "'Dialog'" in shown.err
    assert "--duck" in shown.err
    assert main([*arguments, "--duck", "DX 1", "--force"]) == 0
    assert "Ducked    1 under DX 1" in capsys.readouterr().out


def test_both_can_be_left_away(old: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.otio"
    assert main(["conform", str(old), str(recut(tmp_path)), "-o", str(out), "--no-mix"]) == 0
    assert [info.name for info in load(out).tracks if info.ours] == ["Foley 1"]
