"""Takes from their recipes: the same request, the same sound, and why not where it is another."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from tests.helpers import fake_engine
from tests.helpers.cuts import make_cue
from tests.helpers.timelines import clip, gap, save, timeline, track
from vatt_engine.messages import SyncLane, TakeReady
from vatt_plugin import product
from vatt_plugin.cli.main import main
from vatt_plugin.cues import Recipe
from vatt_plugin.errors import CannotRemake
from vatt_plugin.remaking import Original, again, batch_of, reasons, recipe_of
from vatt_plugin.requests import Wish, generate_request, recipe
from vatt_plugin.timeline import facts

Vatt = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def vatt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Vatt:
    """``vatt ... --json`` with an engine that is a script; returns its events."""
    command = [sys.executable, "-S", str(fake_engine.__file__), "good", str(tmp_path)]
    monkeypatch.setattr(product, "command", lambda name, *words: [*command, *words])
    for place in ("STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{place}_HOME", str(tmp_path / "home"))

    def run(*words: object, code: int = 0) -> list[dict[str, Any]]:
        assert main([*map(str, words), "--json"]) == code
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


@pytest.fixture
def made(tmp_path: Path, vatt: Vatt) -> Path:
    """A cut of two shots of two seconds, with a take of seed 7 under each."""
    (tmp_path / "a.mov").write_bytes(b"no film")
    (tmp_path / "b.mov").write_bytes(b"no film")
    cut = save(timeline(track(clip("a", 24, 48), clip("b", 0, 48))), tmp_path)
    out = tmp_path / "made.otio"
    vatt("generate", cut, "-o", out, "--seed", 7, "--takes", 2, "--profile", "post")
    return out


def told(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "remade"]


def wavs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.wav")}


# --- from recipe to request ------------------------------------------------------------------

LANE = SyncLane(((0.1, 1.0), (0.3, 0.5)), (0.1, 0.2, 0.7), 50.0)


@pytest.mark.parametrize(
    "wish",
    [
        Wish("m"),
        Wish("m", "cpu", "rain", negative="wind", seed=9, steps=4, cfg=2.5, sync="off"),
        Wish("m", prompt="a tone", captioned=True, handle_frames=6),
        Wish("m", prompt="steps", sync="lane", lane=LANE, handle_frames=7),
    ],
)
def test_a_recipe_asks_for_what_it_came_of_also_by_way_of_the_timeline(wish: Wish) -> None:
    cue = make_cue()
    asked = generate_request(cue, wish, job_id="j", scratch="/s")
    ready = TakeReady("j", seed=wish.seed, model="m", model_hash="h")
    plain = facts.to_plain(recipe(asked, ready, wish.handle_frames))
    stored = {"recipe": {**plain, "newer": 1}, "lane": plain["lane"]}
    back = recipe_of(json.loads(json.dumps(stored)))
    original = Original("t", back, cue, Path("t.wav"))
    assert again(original, job_id="j", scratch="/s") == asked


def test_the_precision_of_old_is_asked_for_on_any_device() -> None:
    plain = Recipe("m", "h", "1", "auto", "x", "", 1, None, None, "auto", precision="lm-bfloat16")
    original = Original("t", plain, make_cue(), Path("t.wav"))
    assert again(original).device == "auto+lm-bfloat16"
    assert again(original, device="cuda:1").device == "cuda:1+lm-bfloat16"
    assert again(original, device="cpu+float32", model="n").device == "cpu+float32"
    assert again(original, model="n").model == "n"


def test_takes_that_were_drawn_together_are_drawn_together_again() -> None:
    takes = [{"seed": 10 + i, "figures": {"batch": 4 if i < 8 else 2}} for i in range(10)]
    assert [batch_of(seed, takes) for seed in (10, 13, 14, 17, 18, 19)] == [
        (10, 4), (10, 4), (14, 4), (14, 4), (18, 2), (18, 2),
    ]  # fmt: skip
    assert batch_of(3, [{"seed": 3, "figures": {}}, "damaged", {"seed": "4"}]) == (3, 1)


def test_a_recipe_tells_what_it_was_drawn_with() -> None:
    asked = generate_request(make_cue(), Wish("m", takes=8, seed=10))
    ready = TakeReady("j", 5, 15, figures={"batch": 4.0, "batch_first": 4.0})
    made = recipe(asked, ready, 0)
    assert (made.seed, made.batch, made.batch_seed) == (15, 4, 14)


def test_what_differs_from_the_recipe_is_said() -> None:
    then = Recipe("m", "aaaa", "1", "auto", "x", "", 1, None, None, "auto", made_on="cuda:0")
    now = dataclasses.replace(then, model_hash="bbbb", precision="float32", made_on="cpu")
    one, two = reasons(then, now)
    assert "aaaa" in one
    assert "cuda:0 then, cpu now" in two
    (nothing,) = reasons(then, then)
    assert "picture's file" in nothing
    (threads,) = reasons(dataclasses.replace(then, threads=4), dataclasses.replace(then, threads=2))
    assert "4 then, 2 now" in threads
    assert "OMP_NUM_THREADS" in reasons(then, dataclasses.replace(then, threads=2))[0]
    assert "not recorded" in reasons(dataclasses.replace(then, made_on=""), now)[-1]


def test_a_clip_without_a_recipe_or_with_a_span_cannot_be_made_again() -> None:
    with pytest.raises(CannotRemake, match="carries no recipe"):
        recipe_of({"recipe": {"seed": 1}})
    span = Recipe(
        "m", "h", "1", "cpu", "x", "", 1, None, None, "auto", span=(0.5, 1.0), parent_take="abc"
    )
    with pytest.raises(CannotRemake, match="abc"):
        recipe_of({"recipe": facts.to_plain(span)})


# --- the command -----------------------------------------------------------------------------


def test_takes_come_out_the_same_file_for_file(made: Path, vatt: Vatt) -> None:
    before = wavs(made.with_name("made_foley"))
    events = vatt("remake", made)
    assert [event["verdict"] for event in told(events)] == ["same", "same"]
    assert all(event["sha256"] == event["sha256_before"] for event in told(events))
    assert events[-1] == {
        "event": "finished",
        "folder": str(made.with_name("made_remade")),
        "takes": 2,
        "same": 2,
    }
    again = wavs(made.with_name("made_remade"))
    assert len(again) == 2
    assert all(before[name] == data for name, data in again.items())  # headers too
    assert wavs(made.with_name("made_foley")) == before


def test_one_take_alone_and_nothing_over_another_file(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    (only,) = told(vatt("remake", made, "--take", "b", "-o", tmp_path / "r"))
    assert only["clip"].startswith("b ")
    before = wavs(made.with_name("made_foley"))
    vatt("remake", made, "--take", only["take"], "-o", tmp_path / "r", code=1)
    vatt("remake", made, "--take", only["take"], "-o", tmp_path / "r", "--force")
    vatt("remake", made, "-o", made.with_name("made_foley"), "--force", code=1)
    assert wavs(made.with_name("made_foley")) == before
    assert main(["remake", str(made), "--take", "nobody"]) == 2


def test_a_name_that_several_clips_bear_means_them_all(vatt: Vatt, tmp_path: Path) -> None:
    (tmp_path / "a.mov").write_bytes(b"no film")
    shots = [clip("a", start, 24, url="a.mov") for start in (0, 30, 60)]
    shots[1].name = "b"
    cut = save(timeline(track(*shots)), tmp_path)
    vatt("generate", cut, "-o", tmp_path / "made.otio")
    again = told(vatt("remake", tmp_path / "made.otio", "--take", "a"))
    assert [event["clip"][:2] for event in again] == ["a ", "a "]
    assert len({event["take"] for event in again}) == 2


def test_a_take_whose_file_is_lost_is_made_again_and_known_by_its_id(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    folder = made.with_name("made_foley")
    first = told(vatt("remake", made, "-o", tmp_path / "r"))[0]
    lost = folder / Path(first["wav"]).name
    data = lost.read_bytes()
    lost.unlink()
    (found,) = told(vatt("remake", made, "--take", first["take"], "-o", folder))
    assert (found["verdict"], found["sha256_before"]) == ("same take", "")
    assert lost.read_bytes() == data


def test_another_sound_is_said_to_be_one_and_why(made: Path, vatt: Vatt) -> None:
    data = json.loads(made.read_text())
    ours = [c for c in data["tracks"]["children"][-1]["children"] if "Clip" in c["OTIO_SCHEMA"]]
    recipe = ours[0]["metadata"]["vatt"]["recipe"]
    recipe["seed"], recipe["model_hash"], recipe["model"] = 900, "beef", "tiny"
    ours[0]["metadata"]["vatt"]["takes"] = []
    made.write_text(json.dumps(data))
    other, same = told(vatt("remake", made, code=3))
    assert (other["verdict"], same["verdict"]) == ("other", "same")
    assert any("other weights" in why for why in other["why"])
    assert other["difference_dbfs"] > -60


def test_after_a_re_cut_the_whole_take_is_made_again(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    cut = otio.adapters.read_from_file(str(tmp_path / "cut.otio"))
    a, b = (each.deepcopy() for each in cut.tracks[0])
    time = otio.opentime.RationalTime
    a.source_range = otio.opentime.TimeRange(time(30, 24), time(30, 24))
    cut.tracks[0][:] = [b, a]
    recut = save(cut, tmp_path, "recut.otio")
    vatt("conform", made, recut, "-o", tmp_path / "new.otio")
    events = told(vatt("remake", tmp_path / "new.otio"))
    assert [event["verdict"] for event in events] == ["same", "same"]
    assert {Path(event["wav"]).name for event in events} <= set(wavs(tmp_path / "made_foley"))


def test_a_take_is_known_by_its_id_after_any_number_of_re_cuts(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    old = made
    for n in (1, 2):
        cut = timeline(track(gap(12 * n), clip("a", 24, 48), clip("b", 0, 48)))
        new = save(cut, tmp_path, f"re-cut {n}.otio")
        vatt("conform", old, new, "-o", tmp_path / f"{n}.otio")
        old = tmp_path / f"{n}.otio"
    shutil.rmtree(tmp_path / "2_foley")
    remade = told(vatt("remake", old))
    assert [event["verdict"] for event in remade] == ["same take", "same take"]


def test_a_timeline_without_takes_and_media_that_is_gone(
    made: Path, vatt: Vatt, tmp_path: Path
) -> None:
    assert main(["remake", str(tmp_path / "cut.otio")]) == 2
    (tmp_path / "a.mov").unlink()
    gone, same = told(vatt("remake", made, code=3))
    assert "offline" in gone["error"]["message"]
    assert same["verdict"] == "same"


def test_a_model_that_is_not_there_is_said_once_and_not_of_each_take(
    made: Path, vatt: Vatt
) -> None:
    before = sorted(made.parent.iterdir())
    (last,) = vatt("remake", made, "--model", "nobody", code=1)
    assert sorted(made.parent.iterdir()) == before, "no empty folder is left behind"
    assert (last["event"], last["code"]) == ("error", "unknown_model")


def test_spotted_takes_are_made_again_by_their_list(made: Path, vatt: Vatt, tmp_path: Path) -> None:
    spots = tmp_path / "spots.csv"
    spots.write_text("in,out,category,prompt\n0.5,1.5,DOORWood,door\n1,3,,steps\n")
    out = tmp_path / "spotted.otio"
    vatt("generate", tmp_path / "cut.otio", "-o", out, "--cues", spots, "--handles", "0.25")
    for event in told(vatt("remake", out, code=1)):
        assert "--cues" in event["error"]["hint"]
    events = told(vatt("remake", out, "--cues", spots))
    assert [event["verdict"] for event in events] == ["same", "same"]


def test_the_engine_gets_as_many_threads_as_made_the_take(
    made: Path, vatt: Vatt, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = json.loads(made.read_text())
    ours = [c for c in data["tracks"]["children"][-1]["children"] if "Clip" in c["OTIO_SCHEMA"]]
    ours[0]["metadata"]["vatt"]["recipe"]["threads"] = 3
    made.write_text(json.dumps(data))
    given: list[str] = []
    start = subprocess.Popen

    def popen(*words: Any, **options: Any) -> Any:
        given.append((options.get("env") or {}).get("OMP_NUM_THREADS", ""))
        return start(*words, **options)

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(subprocess, "Popen", popen)
    vatt("remake", made)
    assert given == ["1", "3"]  # what does not say goes first, with the threads of now
