"""Takes over a re-cut: slide, trim, split; handles before regeneration."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.helpers.timelines import clip, gap, placements, save, timeline, track
from vatt_plugin.cli.main import main
from vatt_plugin.timeline import Timeline, load, write
from vatt_plugin.timeline.conform import Plan, plan, sounds_of


def shot(name: str, start: float, duration: float, media: str = "m.mov") -> Any:
    return clip(name, start, duration, url=media)


def foleyed(folder: Path, *clips: Any, handle_frames: int = 0) -> Timeline:
    cut = load(save(timeline(track(*clips)), folder, "old.otio"))
    placed = placements(cut.cues, folder / "old_foley", handle_frames=handle_frames)
    write(cut, placed, folder / "old_out.otio")
    return load(folder / "old_out.otio")


def recut(folder: Path, *clips: Any) -> Timeline:
    return load(save(timeline(track(*clips)), folder, "new.otio"))


def told(planned: Plan) -> list[tuple[Any, ...]]:
    return [
        (f.cue.clip, f.fate, [(p.first, p.last, p.in_frame) for p in f.pieces], list(f.missing))
        for f in planned.fates
    ]


def test_a_take_slides_with_its_shot(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 0, 24, "a.mov"), shot("b", 0, 24, "b.mov"))
    new = recut(tmp_path, shot("b", 0, 24, "b.mov"), gap(10), shot("a", 0, 24, "/moved/a.mov"))
    planned = plan(old, new)
    assert told(planned) == [("b", "moved", [(0, 24, 0)], []), ("a", "moved", [(0, 24, 0)], [])]
    one, two = sounds_of(planned, new)
    assert (one.start_frame, two.start_frame) == (0, 34)
    assert two.metadata["conformed"]["fate"] == "moved"
    assert two.metadata["cue"] == planned.fates[1].cue.cue_id


def test_a_trim_cuts_into_the_file(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 100, 48))
    planned = plan(old, recut(tmp_path, shot("a", 110, 20)))
    assert told(planned) == [("a", "trimmed", [(0, 20, 10)], [])]


def test_handles_are_used_before_anything_is_made_anew(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 100, 48), handle_frames=6)
    planned = plan(old, recut(tmp_path, shot("a", 96, 56)))
    assert told(planned) == [("a", "trimmed", [(0, 56, 2)], [])]
    assert not planned.to_regenerate
    planned = plan(old, recut(tmp_path, shot("a", 90, 70)))
    assert told(planned) == [("a", "partly", [(4, 64, 0)], [(0, 4), (64, 70)])]
    assert [cue.clip for cue in planned.to_regenerate] == ["a"]


def test_a_shot_cut_in_two_splits_its_take(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 0, 48), shot("b", 0, 24, "b.mov"))
    new = recut(tmp_path, shot("a", 0, 20), shot("b", 0, 24, "b.mov"), shot("a", 20, 28))
    assert told(plan(old, new)) == [
        ("a", "trimmed", [(0, 20, 0)], []),
        ("b", "moved", [(0, 24, 0)], []),
        ("a", "trimmed", [(0, 28, 20)], []),
    ]


def test_two_halves_joined_again_are_covered_by_both(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 0, 20), shot("a2", 20, 28))
    (fate,) = plan(old, recut(tmp_path, shot("a", 0, 48))).fates
    assert fate.fate == "trimmed"
    assert [(p.first, p.last, p.in_frame) for p in fate.pieces] == [(0, 20, 0), (20, 48, 0)]


def test_duplicates_get_the_take_too_and_new_shots_none(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 0, 24), shot("gone", 0, 24, "gone.mov"))
    new = recut(tmp_path, shot("a", 0, 24), shot("a", 0, 24), shot("x", 0, 24, "x.mov"))
    planned = plan(old, new)
    assert [fate.fate for fate in planned.fates] == ["kept", "moved", "missing"]
    assert [laid.cue.clip for laid in planned.unused] == ["gone"]


def test_equal_ranges_keep_their_own_takes(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("one", 0, 24), shot("two", 0, 24))
    new = recut(tmp_path, shot("two", 0, 24), shot("one", 0, 24))
    takes = [fate.pieces[0].laid.take for fate in plan(old, new).fates]
    assert takes == ["000000000001", "000000000000"]


def test_another_speed_is_another_sound(tmp_path: Path) -> None:
    old = foleyed(tmp_path, shot("a", 0, 24))
    slow = shot("a", 0, 24)
    slow.effects.append(otio.schema.LinearTimeWarp(time_scalar=0.5))
    assert [fate.fate for fate in plan(old, recut(tmp_path, slow)).fates] == ["missing"]


def test_a_sound_nudged_by_hand_keeps_its_nudge(tmp_path: Path) -> None:
    foleyed(tmp_path, shot("a", 0, 24), shot("b", 0, 24, "b.mov"))
    data = json.loads((tmp_path / "old_out.otio").read_text())
    children = data["tracks"]["children"][-1]["children"]
    nudge = json.loads(gap(2).to_json_string())
    children.insert(1, nudge)
    children[2]["source_range"]["duration"]["value"] = 22
    (tmp_path / "old_out.otio").write_text(json.dumps(data))
    old = load(tmp_path / "old_out.otio")
    new = recut(tmp_path, gap(24), shot("b", 0, 24, "b.mov"))
    (fate,) = plan(old, new).fates
    assert [(p.first, p.last, p.in_frame) for p in fate.pieces] == [(2, 24, 0)]


def spotted(folder: Path, rows: str, *clips: Any, handle_frames: int = 0) -> Timeline:
    """A cut with a sound for each row of a spotting list, every length in seconds."""
    path = save(timeline(track(*clips)), folder, "old.otio")
    (folder / "s.csv").write_text(f"in,out,category,prompt\n{rows}")
    cut = load(path, cues=folder / "s.csv")
    placed = placements(cut.cues, folder / "old_foley", handle_frames=handle_frames)
    write(cut, placed, folder / "old_out.otio", stems=False)
    return load(folder / "old_out.otio")


def test_spotted_sounds_stay_at_their_moments_and_silence_stays(tmp_path: Path) -> None:
    shots = (shot("a", 0, 120, "a.mov"), shot("b", 0, 48, "b.mov"))
    old = spotted(tmp_path, "1,2,FEETHmn,step\n3,4,,door\n", *shots, handle_frames=6)
    assert told(plan(old, old))[0] == ("a", "kept", [(24, 48, 6), (72, 96, 6)], [])
    new = recut(tmp_path, shot("b", 0, 48, "b.mov"), shot("a", 36, 30, "a.mov"))
    planned = plan(old, new)
    assert told(planned) == [
        ("b", "missing", [], [(0, 48)]),
        ("a", "trimmed", [(0, 12, 18)], []),
    ]
    assert [laid.metadata["prompt"] for laid in planned.unused] == ["steps"]
    (sound,) = sounds_of(planned, new)
    assert (sound.start_frame, sound.n_frames) == (48, 12)
    assert sound.metadata["origin"]["kind"] == "spotted"
    assert sound.metadata["origin"]["category"] == "FEETHmn"
    quiet = plan(old, recut(tmp_path, shot("a", 50, 10, "a.mov")))
    assert told(quiet) == [("a", "silent", [], [])]
    assert not quiet.to_regenerate


def test_spotted_sounds_may_overlap_and_cross_a_cut(tmp_path: Path) -> None:
    shots = (shot("a", 0, 48, "a.mov"), shot("b", 0, 48, "b.mov"))
    old = spotted(tmp_path, "0,2,,wind\n1,3,,train\n", *shots)
    again = [(s.start_frame, s.n_frames, s.in_frame) for s in sounds_of(plan(old, old), old)]
    assert again == [(0, 48, 0), (24, 48, 0)]
    apart = plan(old, recut(tmp_path, shots[1].deepcopy(), gap(10), shots[0].deepcopy()))
    assert [(f.cue.clip, [(p.first, p.last) for p in f.pieces]) for f in apart.fates] == [
        ("b", [(0, 24)]),
        ("a", [(0, 48), (24, 48)]),
    ]
    assert not apart.unused


@pytest.mark.parametrize("kept", ["metadata", "nothing"])
def test_the_command_carries_takes_over(
    kept: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foleyed(tmp_path, shot("a", 0, 24, "a.mov"), shot("b", 0, 24, "b.mov"))
    old = tmp_path / "old_out.otio"
    if kept == "nothing":
        data = json.loads(old.read_text())
        for child in data["tracks"]["children"][-1]["children"]:
            child["metadata"] = {}
        old.write_text(json.dumps(data))
    recut(tmp_path, shot("b", 0, 24, "b.mov"), shot("a", 0, 24, "a.mov"))
    before = (old.read_bytes(), (tmp_path / "new.otio").read_bytes())
    out = tmp_path / "out.otio"
    assert main(["conform", str(old), str(tmp_path / "new.otio"), "-o", str(out), "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "finished"
    assert [row["fate"] for row in last["cues"]] == ["moved", "moved"]
    assert (old.read_bytes(), (tmp_path / "new.otio").read_bytes()) == before
    read = load(out)
    assert [item.status for item in read.tracks[-1].items] == ["ready", "ready"]
    assert all("out_foley" in item.media for item in read.tracks[-1].items)


def test_the_command_lists_what_is_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foleyed(tmp_path, shot("a", 0, 24))
    recut(tmp_path, shot("a", 0, 30), shot("x", 0, 24, "x.mov"))
    arguments = ["conform", str(tmp_path / "old_out.otio"), str(tmp_path / "new.otio")]
    assert main([*arguments, "--dry-run"]) == 0
    assert not (tmp_path / "new_foley.otio").exists()
    assert main(arguments) == 3
    shown = capsys.readouterr()
    assert "no sound for 24-30 of 30 frames" in shown.out
    assert "--regenerate" in shown.err
    assert main(arguments) == 1
    assert main(["conform", str(tmp_path / "new.otio"), str(tmp_path / "old.otio")]) == 2


def test_a_full_disk_leaves_no_half_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    foleyed(tmp_path, shot("a", 0, 24))
    recut(tmp_path, shot("a", 0, 24))

    def half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", half)
    arguments = ["conform", str(tmp_path / "old_out.otio"), str(tmp_path / "new.otio")]
    assert main(arguments) == 1
    assert "No space left" in capsys.readouterr().err
    assert not list((tmp_path / "new_foley_foley").iterdir())
    assert not (tmp_path / "new_foley.otio").exists()
