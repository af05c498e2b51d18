"""The project folder: everything that can be done survives undo, crashes and full disks."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.crashes import crash
from tests.helpers.unprivileged import unprivileged
from vatt_engine.errors import CannotWrite
from vatt_engine.messages import SyncLane
from vatt_plugin import journal
from vatt_plugin.cues import Recipe, Take
from vatt_plugin.project import Project, ProjectReadOnly, inspect, project_folder
from vatt_plugin.project_state import CueState, Hit, Settings


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timeline(tmp_path: Path) -> Path:
    path = tmp_path / "reel 1.otio"
    path.write_text("{}")
    return path


@pytest.fixture
def project(timeline: Path, clock: Clock) -> Project:
    return Project.open(timeline, clock=clock)


def take(take_id: str = "t1") -> Take:
    recipe = Recipe(
        "tiny", "abc", "1.0", "cpu", "door", "", 7, None, None, "lane",
        lane=SyncLane(((0.5, 0.9),), (0.1, 0.2)), span=(0.5, 1.0),
    )  # fmt: skip
    return Take(take_id, "c1", "/x/t1.wav", "/x/t1.safetensors", "a door", recipe, lag_s=0.01)


ACTIONS: dict[str, dict[str, Any]] = {
    "prompt": {"prompt": "heavy door <b>"},
    "negative": {"negative": "speech"},
    "seed": {"seed": 99, "seed_locked": True},
    "takes": {"n_takes": 4},
    "hits": {"hits": (Hit(0.5, 0.8), Hit(1.0, 0.3, True)), "hits_edited": True},
    "span": {"span": (0.5, 1.25)},
    "no span": {"span": None},
    "choose": {"chosen": "t2"},
    "star": {"starred": ("t1",)},
    "trash": {"trashed": ("t2",), "chosen": ""},
    "new take": {"takes": ("t1", "t2", "t3"), "chosen": "t3"},
    "nudge": {"nudge_s": -0.04},
    "lock": {"locked": True},
    "mute": {"muted": True},
    "relink": {"relinked": "/media/b.mov"},
}


@pytest.mark.parametrize("name", ACTIONS)
def test_do_undo_redo_save_crash_recover(name: str, timeline: Path, clock: Clock) -> None:
    project = Project.open(timeline, clock=clock)
    project.edit("base", {"c1": {"takes": ("t1", "t2"), "span": (0.0, 0.5)}})
    clean = project.states["c1"]
    assert project.edit(name, {"c1": ACTIONS[name]})
    done = project.state("c1")
    assert done != clean
    project.undo()
    assert project.state("c1") == clean
    project.redo()
    assert project.state("c1") == done
    whole = project.as_plain()
    crash(project)

    again = Project.open(timeline, clock=clock)
    assert again.as_plain() == whole
    again.undo()
    assert again.state("c1") == clean


def test_edits_without_effect_make_no_step(project: Project) -> None:
    assert not project.edit("same", {"c1": {"prompt": ""}})
    assert project.undo_label == ""
    assert project.unsaved_steps == 0


def test_typing_merges_within_a_second_only(project: Project, clock: Clock) -> None:
    for text in ("d", "do", "door"):
        project.edit("Edit prompt", {"c1": {"prompt": text}}, merge="prompt:c1")
        clock.now += 0.4
    clock.now += 1.0
    project.edit("Edit prompt", {"c1": {"prompt": "door!"}}, merge="prompt:c1")
    assert len(project.history) == 2
    project.undo()
    assert project.state("c1").prompt == "door"
    project.undo()
    assert project.state("c1").prompt == ""


def test_merged_steps_are_recovered_as_one(project: Project, timeline: Path, clock: Clock) -> None:
    project.edit("a", {"c1": {"prompt": "x"}}, merge="m")
    project.edit("a", {"c1": {"prompt": "xy"}}, merge="m")
    whole = project.as_plain()
    crash(project)
    assert Project.open(timeline, clock=clock).as_plain() == whole


def test_a_new_step_drops_what_was_undone(project: Project) -> None:
    project.edit("one", {"c1": {"seed": 2}})
    project.undo()
    project.edit("two", {"c1": {"seed": 3}})
    assert project.redo() is None
    assert [e.label for e in project.history] == ["two"]


def test_history_is_kept_across_sessions_and_capped(project: Project, timeline: Path) -> None:
    for seed in range(2, 250):
        project.edit(f"seed {seed}", {"c1": {"seed": seed}})
    project.close()
    again = Project.open(timeline)
    assert len(again.history) == 200
    for _ in range(200):
        assert again.undo() is not None
    assert again.undo() is None
    assert again.state("c1").seed == 49


def test_takes_settings_and_queue_survive_a_crash(project: Project, timeline: Path) -> None:
    project.add_take(take())
    project.set_settings(Settings(model="vatt-mini", steps=8))
    project.set_queue([{"cue_id": "c1", "kind": "generate", "takes": 2}])
    project.note("c1", caption="a door closes", alternatives=("steps",))
    crash(project)
    again = Project.open(timeline)
    assert again.takes == {"t1": take()}
    assert again.settings == Settings(model="vatt-mini", steps=8)
    assert again.queue == [{"cue_id": "c1", "kind": "generate", "takes": 2}]
    assert again.state("c1").caption == "a door closes"
    assert again.undo() is None  # what the engine found is no step of the user's


def test_recovery_is_offered_only_after_a_crash(project: Project, timeline: Path) -> None:
    project.edit("one", {"c1": {"prompt": "kept"}})
    project.close()
    assert inspect(timeline) is None
    second = Project.open(timeline)
    second.edit("two", {"c1": {"prompt": "lost?"}})
    second.undo()
    crash(second)
    found = inspect(timeline)
    assert found is not None
    assert found.unsaved_steps == 2
    assert found.saved_at is not None


def test_opening_the_saved_state_sets_the_steps_aside(project: Project, timeline: Path) -> None:
    project.edit("one", {"c1": {"prompt": "saved"}})
    project.save()
    project.edit("two", {"c1": {"prompt": "later"}})
    project.save("auto")
    project.edit("three", {"c1": {"prompt": "latest"}})
    crash(project)
    again = Project.open(timeline, recover=False)
    assert again.state("c1").prompt == "saved"
    again.close()
    assert inspect(timeline) is None
    aside = list(project_folder(timeline).glob("set-aside-*/*"))
    assert any("latest" in p.read_text() for p in aside)


def test_looking_leaves_no_trace(timeline: Path) -> None:
    project = Project.open(timeline)
    project.close()
    assert not project_folder(timeline).exists()


def test_second_opening_is_read_only(project: Project, timeline: Path) -> None:
    project.edit("one", {"c1": {"prompt": "mine"}})
    second = Project.open(timeline)
    assert "open in process" in second.read_only
    assert second.state("c1").prompt == "mine"
    with pytest.raises(ProjectReadOnly, match="Nothing was changed"):
        second.edit("two", {"c1": {"prompt": "theirs"}})
    before = sorted(p.name for p in project.folder.rglob("*"))
    second.close()
    assert sorted(p.name for p in project.folder.rglob("*")) == before


def test_newer_project_is_opened_without_writing(project: Project, timeline: Path) -> None:
    project.edit("one", {"c1": {"prompt": "x"}})
    project.close()
    marker = project.folder / "project.json"
    marker.write_text(json.dumps({"schema": 99, "timeline": timeline.name}))
    again = Project.open(timeline)
    assert "newer version" in again.read_only
    assert again.state("c1").prompt == "x"


def test_torn_last_line_costs_only_itself(project: Project, timeline: Path) -> None:
    project.edit("one", {"c1": {"prompt": "whole"}})
    project.edit("two", {"c1": {"prompt": "torn"}})
    crash(project)
    path = next(project.folder.glob("journal-*.jsonl"))
    path.write_bytes(path.read_bytes()[:-9])
    again = Project.open(timeline)
    assert again.state("c1").prompt == "whole"
    again.edit("three", {"c1": {"prompt": "after"}})
    crash(again)
    assert Project.open(timeline).state("c1").prompt == "after"


def test_damaged_snapshot_falls_back_to_the_one_before(project: Project, timeline: Path) -> None:
    project.edit("one", {"c1": {"prompt": "first"}})
    project.save()
    project.edit("two", {"c1": {"prompt": "second"}})
    project.save()
    project.edit("three", {"c1": {"prompt": "third"}})
    crash(project)
    newest = sorted((project.folder / "snapshots").glob("*.json"))[-1]
    data = bytearray(newest.read_bytes())
    data[-20] ^= 1
    newest.write_bytes(bytes(data))
    assert Project.open(timeline).state("c1").prompt == "third"


def test_snapshots_are_thinned_out(project: Project) -> None:
    for seed in range(2, 40):
        project.edit("s", {"c1": {"seed": seed}})
        project.save("auto")
    n = len(list((project.folder / "snapshots").glob("*.json")))
    assert n <= journal.KEEP_RECENT + journal.KEEP_HOURLY + journal.KEEP_DAILY + 1


def test_full_disk_keeps_the_step_and_tries_again(
    project: Project, timeline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.edit("one", {"c1": {"prompt": "before"}})
    real = os.write

    def full(handle: int, data: bytes) -> int:
        real(handle, data[: len(data) // 2])
        return len(data) // 2

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CannotWrite, match="kept in memory"):
        project.edit("two", {"c1": {"prompt": "during"}})
    assert project.state("c1").prompt == "during"
    monkeypatch.setattr(os, "write", real)
    project.sync()
    crash(project)
    assert Project.open(timeline).state("c1").prompt == "during"


def test_failed_save_leaves_the_former_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.edit("one", {"c1": {"prompt": "x"}})
    project.save()
    before = {p.name: p.read_bytes() for p in (project.folder / "snapshots").iterdir()}
    project.edit("two", {"c1": {"prompt": "y"}})

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(CannotWrite, match="Nothing was overwritten"):
        project.save()
    assert {p.name: p.read_bytes() for p in (project.folder / "snapshots").iterdir()} == before


def test_read_only_folder(anyones_path: Path) -> None:
    timeline = anyones_path / "reel 1.otio"
    timeline.write_text("{}")
    anyones_path.chmod(0o500)
    try:
        with unprivileged(anyones_path):
            assert "cannot be written" in Project.open(timeline).read_only
    finally:
        anyones_path.chmod(0o700)


def test_lane_leaves_muted_hits_out_in_order() -> None:
    state = CueState(hits=(Hit(1.0, 0.5), Hit(0.5, 0.9), Hit(0.7, 0.4, True)), intensity=(0.1,))
    assert state.lane() == SyncLane(((0.5, 0.9), (1.0, 0.5)), (0.1,))
    assert dataclasses.replace(state, hits=None).lane() is None


def test_a_moved_hit_takes_its_part_of_the_curve_along(project: Project, timeline: Path) -> None:
    curve = tuple(0.5 if i in (50, 51) else 0.0 for i in range(150))
    spotted = (Hit(1.0, 0.5),)
    project.edit("spot", {"c1": {"hits": spotted, "spotted": spotted, "intensity": curve}})
    project.edit("move", {"c1": {"hits": (Hit(2.0, 0.5),), "hits_edited": True}})
    crash(project)
    lane = Project.open(timeline).state("c1").lane()
    assert lane is not None
    assert max(lane.intensity[40:60]) == 0
    assert lane.intensity[100] == 0.5


def test_emptied_trash_stays_empty_after_undo_and_crash(project: Project, timeline: Path) -> None:
    project.add_take(take("t1"))
    project.add_take(take("t2"))
    project.edit("takes", {"c1": {"takes": ("t1", "t2"), "chosen": "t2"}})
    project.edit("trash", {"c1": {"trashed": ("t1",)}})
    project.forget_takes(["t1"])
    assert project.state("c1").takes == ("t2",)
    assert project.state("c1").trashed == ()
    whole = project.as_plain()
    crash(project)
    again = Project.open(timeline)
    assert again.as_plain() == whole
    again.undo()
    assert "t1" not in again.takes
