"""Further takes for a clip of a timeline: only a span, other words or hits, or one of before."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from tests.helpers import fake_engine
from tests.helpers.timelines import AUDIO, clip, gap, save, timeline, track
from vatt_engine.messages import SyncLane
from vatt_plugin import product
from vatt_plugin.cli.main import main
from vatt_plugin.cues import Recipe, Take
from vatt_plugin.errors import NoSuchHit
from vatt_plugin.nudging import copy_take
from vatt_plugin.reworking import Changes, HitEdit, changed, with_hits

Vatt = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def vatt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Vatt:
    """``vatt ... --json`` with an engine that is a script; returns its events."""
    command = [sys.executable, "-S", str(fake_engine.__file__), "coded", str(tmp_path)]
    monkeypatch.setattr(product, "command", lambda name, *words: [*command, *words])
    for place in ("STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{place}_HOME", str(tmp_path / "home"))

    def run(*words: object, code: int = 0) -> list[dict[str, Any]]:
        assert main([*map(str, words), "--json"]) == code
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


@pytest.fixture
def made(tmp_path: Path, vatt: Vatt) -> Path:
    """Shots a and b of two seconds from 01:00:00:00 on, a take of seed 7 under each."""
    (tmp_path / "a.mov").write_bytes(b"no film")
    (tmp_path / "b.mov").write_bytes(b"no film")
    cut = timeline(track(clip("a", 24, 48), clip("b", 0, 48)))
    cut.global_start_time = otio.opentime.RationalTime(86_400, 24)
    out = tmp_path / "made.otio"
    words = ["--seed", 7, "--takes", 2, "--handles", "0.125", "--prompt", "steps"]
    vatt("generate", save(cut, tmp_path), "-o", out, *words)
    return out


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder by a hash over what it holds; logs and scratch apart."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and "home" not in path.parts
    }


def played(path: Path) -> list[tuple[dict[str, Any], Path]]:
    """What our clips of a timeline carry, and the files that they play."""
    found = []
    for each in json.loads(path.read_text())["tracks"]["children"]:
        for child in each["children"]:
            if facts := child.get("metadata", {}).get("vatt"):
                url = child["media_references"]["DEFAULT_MEDIA"]["target_url"]
                found.append((facts, path.parent / url))
    return found


def suffixes_in(bundle: Path) -> list[str]:
    """Of the media files of an .otioz."""
    with zipfile.ZipFile(bundle) as archive:
        return [Path(name).suffix for name in archive.namelist() if name.startswith("media/")]


def samples(path: Path) -> np.ndarray[Any, Any]:
    return np.asarray(soundfile.read(path, dtype="int32")[0])


def remade(events: list[dict[str, Any]]) -> list[str]:
    return [event["verdict"] for event in events if event["event"] == "remade"]


# --- a span ----------------------------------------------------------------------------------


def test_only_the_span_changes_and_all_else_stays_sample_for_sample(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    before = files(tmp_path)
    (old, old_wav), other = played(made)
    out = tmp_path / "new.otio"
    words = ["--between", "01:00:00:12", "01:00:01:00", "--prompt", "door", "-o", out]
    last = vatt("rework", made, "--take", "a", *words)[-1]
    assert {name: files(tmp_path)[name] for name in before} == before
    (new, new_wav), same = played(out)
    assert same == other
    moved = np.flatnonzero(samples(new_wav) != samples(old_wav))
    rate, handle_s = 48_000, 0.125
    assert (moved[0] - 2) / rate == pytest.approx(handle_s + 0.5, abs=1e-3)
    assert (moved[-1] + 2) / rate == pytest.approx(handle_s + 1.0, abs=1e-3)
    assert last["changed_s"] == pytest.approx([0.5, 1.0], abs=1e-3)
    assert (new["take"], new["prompt"], new["seed"]) == (last["take"], "door", 9)
    assert [take["take"] for take in new["takes"]] == [
        *(take["take"] for take in old["takes"]),
        new["take"],
    ]


def test_spans_of_spans_are_made_again_from_the_timeline_alone(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    once, twice = tmp_path / "once.otio", tmp_path / "twice.otio"
    vatt("rework", made, "--take", "a", "--between", 0.5, 1, "--prompt", "door", "-o", once)
    vatt("rework", once, "--take", "a", "--between", 0.75, 1.5, "--negative", "hum", "-o", twice)
    (facts, _), _other = played(twice)
    chain = [*facts["recipe"]["made_from"], facts["recipe"]]
    assert [(step["prompt"], step["negative"], step["span"]) for step in chain] == [
        ("steps", "", None),
        ("door", "", [0.5, 1.0]),
        ("door", "hum", [0.75, 1.5]),
    ]
    assert remade(vatt("remake", twice, "-o", tmp_path / "again")) == ["same", "same"]
    del facts["recipe"]["made_from"]  # as versions before this one wrote it
    data = json.loads(twice.read_text())
    ours = [c for c in data["tracks"]["children"][-1]["children"] if "Clip" in c["OTIO_SCHEMA"]]
    ours[0]["metadata"]["vatt"] = facts
    twice.write_text(json.dumps(data))
    said = vatt("remake", twice, "-o", tmp_path / "older", code=3)
    assert "not recorded" in said[0]["error"]["message"]
    assert remade(said) == ["", "same"]


def test_a_re_cut_carries_the_chain_and_its_takes_can_be_reworked(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    once, new = tmp_path / "once.otio", tmp_path / "new.otio"
    vatt("rework", made, "--take", "a", "--between", 0.5, 1, "-o", once)
    cut = otio.adapters.read_from_file(str(tmp_path / "cut.otio"))
    a, b = (each.deepcopy() for each in cut.tracks[0])
    time = otio.opentime.RationalTime
    a.source_range = otio.opentime.TimeRange(time(36, 24), time(30, 24))  # half a second later
    cut.tracks[0][:] = [b, a]
    vatt("conform", once, save(cut, tmp_path, "recut.otio"), "-o", new)
    assert remade(vatt("remake", new)) == ["same", "same"]
    _, (old, old_wav) = played(new)
    assert "fade" in old["mix"]
    out = tmp_path / "newer.otio"
    vatt("rework", new, "--take", "a", "--between", 2.5, 2.75, "-o", out)
    _, (facts, wav) = played(out)
    assert "fade" in facts["mix"]
    found = np.flatnonzero(samples(wav) != samples(old_wav)) / 48_000
    assert found[0] == pytest.approx(0.125 + 1.0, abs=1e-3)  # the handle, twice half a second
    assert found[-1] == pytest.approx(0.125 + 1.25, abs=1e-3)
    assert remade(vatt("remake", out)) == ["same", "same"]


def test_a_take_that_does_not_come_out_the_same_keeps_its_spans(
    made: Path, vatt: Vatt, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (_, wav), _ = played(made)
    whole = wav.read_bytes()
    wav.write_bytes(whole[:-3] + b"\x01\x02\x03")  # edited since
    words = ["rework", made, "--take", "a", "-o", tmp_path / "new.otio"]
    last = vatt(*words, "--between", 0.5, 1, code=1)[-1]
    assert "edited" in last["message"]
    assert not (tmp_path / "new.otio").exists()
    vatt(*words)  # a whole take needs nothing of the file


def test_a_take_that_was_nudged_in_the_panel_stays_nudged(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    (_, wav), _ = played(made)
    data = json.loads(made.read_text())
    ours = [c for c in data["tracks"]["children"][-1]["children"] if "Clip" in c["OTIO_SCHEMA"]]
    ours[0]["metadata"]["vatt"]["nudge_s"] = 0.1  # as the panel writes it
    made.write_text(json.dumps(data))
    copy_take(wav, wav, 0.1)
    assert remade(vatt("remake", made)) == ["same", "same"]
    out = tmp_path / "new.otio"
    vatt("rework", made, "--take", "a", "--between", 0.5, 1, "-o", out)
    found = np.flatnonzero(samples(played(out)[0][1]) != samples(wav)) / 48_000
    assert found[0] == pytest.approx(0.125 + 0.5 + 0.1, abs=1e-3)
    assert found[-1] == pytest.approx(0.125 + 1.0 + 0.1, abs=1e-3)
    assert remade(vatt("remake", out)) == ["same", "same"]


def test_under_dialogue_the_new_sound_is_held_back_as_the_old_one_was(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    speech = track(gap(12), clip("speech", 0, 24), name="DX", kind=AUDIO)
    cut = save(timeline(track(clip("a", 24, 48)), speech), tmp_path, "talk.otio")
    ducked, out = tmp_path / "ducked.otio", tmp_path / "new.otio"
    vatt("generate", cut, "-o", ducked, "--prompt", "steps", "--duck", "DX")
    vatt("rework", ducked, "--between", 1.75, 2, "--prompt", "door", "-o", out)
    ((old, old_wav),), ((new, wav),) = played(ducked), played(out)
    assert new["mix"]["duck"] == old["mix"]["duck"]
    assert new["mix"]["dry"] != wav.name
    found = np.flatnonzero(samples(wav) != samples(old_wav)) / 48_000
    assert found[0] > 1.74
    assert remade(vatt("remake", out)) == ["same"]


# --- words, hits, choice ---------------------------------------------------------------------


def test_other_words_and_hits_make_a_further_take_and_the_one_before_comes_back(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    (old, old_wav), _ = played(made)
    out = tmp_path / "new.otio"
    hits = ["--move-hit", "01:00:00:03", "1.5", "--add-hit", "0.75:0.4", "--drop-hit", "0"]
    plan = vatt("rework", made, "--take", old["take"], *hits[:3], "--dry-run")[-1]
    assert [hit["time_s"] for hit in plan["hits"]] == pytest.approx([0.0, 1.5])
    assert not out.exists()
    last = vatt("rework", made, "--take", old["take"], *hits, "--prompt", "rain", "-o", out)[-1]
    (new, _), _other = played(out)
    assert new["lane"]["hits"] == pytest.approx(
        np.array([[0.875, 0.4], [1.625, 1.0]])
    )  # from the handle on
    assert (new["recipe"]["sync"], new["prompt"]) == ("lane", "rain")
    assert remade(vatt("remake", out)) == ["same", "same"]
    back = tmp_path / "back.otio"
    wav = old_wav.read_bytes()
    vatt("rework", out, "--choose", old["take"], "-o", back)
    (again, again_wav), _other = played(back)
    assert again_wav.read_bytes() == wav
    assert {key: again[key] for key in old if key not in ("takes", "lanes", "recipe")} == {
        key: old[key] for key in old if key not in ("takes", "lanes", "recipe")
    }
    assert [take["take"] for take in again["takes"]][-1] == last["take"]
    for each in (tmp_path / "made_foley").glob("*.wav"):
        each.unlink()
    (tmp_path / "back_foley" / again_wav.name).unlink()
    lost = tmp_path / "lost.otio"
    vatt("rework", out, "--choose", old["take"], "-o", lost)  # made again, since no file is there
    assert played(lost)[0][1].read_bytes()[-90_000:] == wav[-90_000:]


def test_damaged_media_is_told_of_takes_made_one_by_one(
    made: Path, vatt: Vatt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-S", str(fake_engine.__file__), "damaged", str(tmp_path)]
    monkeypatch.setattr(product, "command", lambda name, *words: [*command, *words])
    told = "a.mov: 3 damaged places were skipped."
    for words in (("rework", made, "--take", "a"), ("remake", made, "--take", "a")):
        *events, last = vatt(*words)
        notes = [e["message"] for e in events if e.get("code") == "media_damaged"]
        assert notes == [f"a: {told}"]
        facts = last if words[0] == "rework" else events[-1]
        assert facts["media_notes"] == [told]


def test_sounds_that_overlap_the_clip_stay(made: Path, vatt: Vatt, tmp_path: Path) -> None:
    spots = tmp_path / "spots.csv"
    spots.write_text("in,out,category,prompt\n0.5,1.5,DOORWood,door\n1,3,,steps\n0.5,2,,coat\n")
    many, out = tmp_path / "many.otio", tmp_path / "new.otio"
    vatt("generate", tmp_path / "cut.otio", "-o", many, "--cues", spots)
    coat = next(facts["take"] for facts, _ in played(many) if facts["prompt"] == "coat")
    vatt("rework", many, "--take", coat, "--prompt", "cape", "-o", out, "--cues", spots)
    before = {f["prompt"]: p for f, p in played(many)}
    after = {f["prompt"]: p for f, p in played(out)}
    assert set(after) == {"door", "steps", "cape"}
    assert after["door"] == before["door"]
    assert after["steps"] == before["steps"]


def test_a_packed_cut_is_made_again_and_reworked_wherever_it_lies(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    packed = tmp_path / "away" / "cut.otioz"
    packed.parent.mkdir()
    vatt("rework", made, "--take", "a", "--prompt", "door", "-o", packed)
    for gone in (tmp_path / "a.mov", tmp_path / "b.mov"):
        gone.unlink()
    for folder in (tmp_path / "made_foley", packed.with_name("cut_foley")):
        shutil.rmtree(folder)
    assert remade(vatt("remake", packed)) == ["same", "same"]
    last = vatt("rework", packed, "--take", "b", "--prompt", "rain")[-1]
    out = packed.with_name("cut_reworked.otioz")
    assert last["output"] == str(out)
    assert remade(vatt("remake", out)) == ["same", "same"]
    assert sorted(suffixes_in(out)) == [".mov", ".mov", ".wav", ".wav"]
    vatt("rework", packed, "--take", "b", "-o", packed.with_name("loose.otio"), code=2)


def test_media_that_was_relinked_is_still_what_a_take_was_made_for(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    (tmp_path / "rushes").mkdir()
    (tmp_path / "a.mov").rename(tmp_path / "rushes" / "a v2.mov")
    made.write_text(made.read_text().replace('"a.mov"', '"rushes/a v2.mov"'))
    assert remade(vatt("remake", made)) == ["same", "same"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--take", "nobody"], 2, "there are"),
        ([], 2, "cannot be told which"),
        ([], 2, "(b, 01:00:02:00)"),
        (["--take", "a", "--between", "1.5", "2.5"], 1, "lasts from 0.00 s (01:00:00:00)"),
        (["--take", "a", "--between", "1.5", "1"], 1, "Give IN before OUT"),
        (["--take", "a", "--move-hit", "1.2", "1.4"], 1, "the nearest is at 0.12 s (01:00:00:03)"),
        (["--take", "a", "--add-hit", "1:2"], 2, "strength"),
        (["--take", "a", "--choose", "nobody"], 2, "in its list"),
        (["--choose", "nobody", "--seed", "3"], 2, "--seed"),
        (["--take", "a", "--between", "soon", "1"], 1, "not a timecode"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    made: Path, tmp_path: Path, words: list[str], code: int, said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    before = files(tmp_path)
    assert main(["rework", str(made), "-o", str(tmp_path / "new.otio"), *words]) == code
    assert said in capfd.readouterr().err
    assert files(tmp_path) == before


def test_a_job_that_fails_leaves_no_empty_folder(
    made: Path, vatt: Vatt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-S", str(fake_engine.__file__), "fail", str(tmp_path)]
    monkeypatch.setattr(product, "command", lambda name, *words: [*command, *words])
    before = sorted(tmp_path.iterdir())
    vatt("rework", made, "--take", "a", code=1)
    vatt("remake", made, code=1)
    vatt("generate", tmp_path / "cut.otio", "-o", tmp_path / "x.otio", code=1)
    assert sorted(tmp_path.iterdir()) == before


def test_a_cut_without_takes_and_media_that_is_gone(
    made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["rework", str(tmp_path / "cut.otio"), "--take", "a"]) == 2
    assert "a timeline that vatt wrote" in capfd.readouterr().err
    (tmp_path / "a.mov").unlink()
    assert main(["rework", str(made), "--take", "a"]) == 1
    said = capfd.readouterr().err
    assert "offline" in said
    assert "--media-dir" in said


# --- recipes and lanes -----------------------------------------------------------------------

LANE = SyncLane(((0.2, 1.0), (0.6, 0.5)), (0.0,) * 50, 50.0)


def take(**recipe: Any) -> Take:
    plain = Recipe("m", "h", "1", "cpu", None, "", 4, None, None, "auto")
    return Take("t", "c", "", "", "a caption", Recipe(**{**vars(plain), **recipe}))


def test_a_further_take_says_what_the_one_before_said() -> None:
    recipe = changed(take(), Changes(), [4, 11])
    assert (recipe.prompt, recipe.captioned, recipe.seed) == ("a caption", True, 12)
    whole = take().recipe
    spanned = take(prompt="door", span=(0.1, 0.2), made_from=(whole,), negative="hum")
    assert changed(spanned, Changes(), []).prompt == "a caption"  # the words of the whole
    span = changed(spanned, Changes(span=(0.3, 0.4)), [])
    assert (span.prompt, span.negative, span.parent_take) == ("door", "hum", "t")


def test_hits_are_found_near_the_time_that_is_named() -> None:
    edits = [HitEdit("move", 0.25, 0.4), HitEdit("drop", 0.6), HitEdit("add", 0.9, strength=0.3)]
    assert with_hits(LANE, edits).hits == ((0.4, 1.0), (0.9, 0.3))
    with pytest.raises(NoSuchHit, match="is at 0\\.60 s"):
        with_hits(LANE, [HitEdit("drop", 0.8)])
    with pytest.raises(NoSuchHit, match="no hit at all"):
        with_hits(SyncLane(), [HitEdit("drop", 0.8)])
