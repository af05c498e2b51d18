"""A batch against an engine that is a script: results, failures, deaths, reruns."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.helpers import fake_engine
from tests.helpers.cuts import make_cue
from vatt_engine.errors import CannotWrite
from vatt_engine.messages import Event, Progress, State, TakeReady
from vatt_plugin import ranking
from vatt_plugin.batch import Batch, CueResult, Media, Order, choose
from vatt_plugin.client import EngineClient
from vatt_plugin.ledger import LEDGER, Ledger
from vatt_plugin.requests import Wish
from vatt_plugin.transport import EngineProcess

N_FRAMES = 12
SCRIPT = str(Path(fake_engine.__file__))
Told = list[tuple[Order | None, Event | CueResult]]


class Studio:
    """Runs batches in one output folder with fake engines of several kinds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "cut_foley"
        self.told: Told = []
        self.stop: Callable[[], bool] = lambda: False
        self.process: EngineProcess | None = None

    def run(self, mode: str, n: int = 2, **wish: Any) -> list[CueResult]:
        self.told.clear()
        command = [sys.executable, "-S", SCRIPT, mode, str(self.root)]
        orders = [Order(make_cue(i), Wish("fake", **wish)) for i in range(n)]
        with EngineProcess(EngineClient(), command) as process:
            self.process = process
            batch = Batch(
                process,
                Media(self.folder, "cut"),
                notify=lambda order, news: self.told.append((order, news)),
                stop=lambda: self.stop(),
            )
            return batch.run(orders)

    def wavs(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.wav"))

    def leftovers(self) -> list[str]:
        files = (path.name for path in self.folder.iterdir())
        return [name for name in files if not name.endswith(".wav") and name != LEDGER]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    yield studio
    if studio.folder.exists():
        assert studio.leftovers() == []
    assert studio.process is None or studio.process.pid is None


def statuses(results: list[CueResult]) -> list[str]:
    return [result.status for result in results]


def test_every_cue_gets_its_takes(studio: Studio) -> None:
    results = studio.run("good", takes=2)
    assert statuses(results) == ["done", "done"]
    assert len(studio.wavs()) == 4
    for result in results:
        assert result.caption == "a tone"
        assert [take.recipe.seed for take in result.takes] == [0, 1]
        for take in result.takes:
            assert soundfile.info(take.wav_path).frames == result.cue.n_samples
            assert f"vatt-{take.take_id}.wav" in take.wav_path
    kinds = {type(news) for _, news in studio.told}
    assert {Progress, TakeReady, CueResult, State} <= kinds


def test_a_rerun_makes_nothing_again_and_another_seed_everything(studio: Studio) -> None:
    first = studio.run("good")
    written = {name: (studio.folder / name).stat().st_mtime_ns for name in studio.wavs()}
    again = studio.run("die-always")  # any job would fail
    assert all(result.kept for result in again)
    assert [r.takes for r in again] == [r.takes for r in first]
    assert written == {n: (studio.folder / n).stat().st_mtime_ns for n in studio.wavs()}
    assert not any(result.kept for result in studio.run("good", seed=5))
    assert len(studio.wavs()) == 4


def test_a_take_that_was_deleted_or_changed_is_made_again(studio: Studio) -> None:
    first, second = studio.run("good")
    Path(first.takes[0].wav_path).unlink()
    data = bytearray(Path(second.takes[0].wav_path).read_bytes())
    data[-10] ^= 1
    Path(second.takes[0].wav_path).write_bytes(data)
    again = studio.run("good")
    assert [result.kept for result in again] == [False, False]
    assert [r.takes for r in again] == [first.takes, second.takes]


def test_a_damaged_ledger_costs_time_and_nothing_else(studio: Studio) -> None:
    studio.run("good", n=3)
    path = studio.folder / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"rubbish\n" + lines[2][: len(lines[2]) // 2])
    again = studio.run("good", n=3)
    assert [result.kept for result in again] == [True, False, False]
    assert all(result.kept for result in studio.run("die-always", n=3))


def test_one_cue_that_fails_does_not_stop_the_others(studio: Studio) -> None:
    results = studio.run("fail-second", n=3)
    assert statuses(results) == ["done", "failed", "done"]
    error = results[1].error
    assert error is not None
    assert (error.code, error.hint) == ("media_unreadable", "Export it again.")
    assert len(studio.wavs()) == 2


def test_cues_that_cannot_be_served_are_told_and_the_engine_is_not_asked(studio: Studio) -> None:
    cues = [
        make_cue(0, status="offline", note="a.mov was not found."),
        make_cue(1, status="skipped"),
    ]
    with EngineProcess(EngineClient(), ["/nonexistent"]) as process:
        results = Batch(process, Media(studio.folder)).run(Order(c, Wish("m")) for c in cues)
    assert statuses(results) == ["offline", "skipped"]
    assert results[0].note == "a.mov was not found."


@pytest.mark.parametrize("mode", ["nan", "short", "rate", "outside", "hash", "link"])
def test_bad_results_are_rejected_and_nothing_is_adopted(studio: Studio, mode: str) -> None:
    results = studio.run(mode)
    assert statuses(results) == ["failed", "failed"]
    assert {r.error.code for r in results if r.error} == {"take_rejected"}
    assert studio.wavs() == []
    assert Ledger(studio.folder).takes("any") == ()


def test_an_engine_that_dies_once_costs_nothing(studio: Studio) -> None:
    results = studio.run("die-once", n=3)
    assert statuses(results) == ["done", "done", "done"]
    states = [news.state for _, news in studio.told if isinstance(news, State)]
    assert "restarting" in states


def test_an_engine_that_dies_always_is_given_up_with_its_last_words(studio: Studio) -> None:
    results = studio.run("die-always", n=5)
    assert statuses(results) == ["failed"] * 5
    assert {r.error.code for r in results if r.error} == {"engine_lost"}
    assert results[0].error is not None
    assert "SIGABRT" in results[0].error.message
    assert "about to die" in results[0].error.message
    assert studio.wavs() == []


def test_rubbish_on_the_wire_is_ignored(studio: Studio) -> None:
    assert statuses(studio.run("noisy")) == ["done", "done"]


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("broken", "engine_unavailable", "No module named 'vatt_engine'"),
        ("old", "protocol_mismatch", "protocol 0"),
    ],
)
def test_an_engine_that_cannot_work_is_named_with_a_remedy(
    studio: Studio, mode: str, code: str, words: str
) -> None:
    results = studio.run(mode, n=20)
    for result in results:
        assert result.error is not None
        assert result.error.code == code
        assert words in result.error.message
        assert result.error.hint
    starts = [n for _, n in studio.told if isinstance(n, State) and n.state == "starting"]
    assert len(starts) == 1  # twenty cues are no reason to try twenty times


def test_a_missing_python_is_named_with_a_remedy(studio: Studio) -> None:
    with EngineProcess(EngineClient(), ["/no/such/python", "-m", "x"]) as process:
        (result,) = Batch(process, Media(studio.folder)).run([Order(make_cue(), Wish("m"))])
    assert result.error is not None
    assert result.error.code == "engine_unavailable"
    assert "/no/such/python" in result.error.message
    assert "VATT_PYTHON" in result.error.hint


def test_stopping_keeps_what_is_done_and_a_rerun_makes_the_rest(studio: Studio) -> None:
    def done() -> int:
        return sum(isinstance(news, CueResult) for _, news in studio.told)

    studio.stop = lambda: done() >= 2
    results = studio.run("good", n=5)
    n_done = statuses(results).count("done")
    assert 2 <= n_done < 5
    assert set(statuses(results)) == {"done", "cancelled"}
    assert len(studio.wavs()) == n_done
    studio.stop = lambda: False
    again = studio.run("good", n=5)
    assert statuses(again) == ["done"] * 5
    assert sum(result.kept for result in again) == n_done


@pytest.mark.parametrize("mode", ["slow", "deaf"])
def test_a_running_job_is_cancelled_whether_the_engine_listens_or_not(
    studio: Studio, mode: str
) -> None:
    studio.stop = lambda: any(isinstance(news, Progress) for _, news in studio.told)
    assert statuses(studio.run(mode)) == ["cancelled", "cancelled"]
    assert studio.wavs() == []


def test_an_engine_killed_from_outside_is_replaced(studio: Studio) -> None:
    killed: list[int] = []

    def kill_once() -> bool:
        running = any(isinstance(news, Progress) for _, news in studio.told)
        if running and not killed and studio.process is not None and studio.process.pid:
            killed.append(studio.process.pid)
            os.kill(studio.process.pid, signal.SIGKILL)
        return False

    studio.stop = kill_once
    assert statuses(studio.run("good", n=3)) == ["done"] * 3
    assert killed


def test_a_disk_that_takes_no_more_stops_the_batch_and_keeps_the_finished(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vatt_plugin import bwf

    real, calls = bwf.write, []

    def write(*args: Any) -> None:
        calls.append(args)
        if len(calls) > 1:
            raise CannotWrite("No space left on device.", "Free 1 MB.")
        real(*args)

    monkeypatch.setattr(bwf, "write", write)
    with pytest.raises(CannotWrite):
        studio.run("good", n=4)
    assert len(studio.wavs()) == 1
    monkeypatch.undo()
    assert [result.kept for result in studio.run("good", n=4)] == [True, False, False, False]


def test_a_folder_that_cannot_be_made_is_an_error_before_any_work(studio: Studio) -> None:
    studio.folder.write_text("a file is in the way")
    with pytest.raises(CannotWrite, match="cannot be made"):
        studio.run("good")
    studio.folder.unlink()


def test_the_best_in_sync_is_chosen_and_the_first_of_equals(studio: Studio) -> None:
    import dataclasses

    (result,) = studio.run("good", n=1, takes=3)
    assert result.chosen is result.takes[0]
    better = dataclasses.replace(result.takes[2], sync=0.9)
    unknown = dataclasses.replace(result.takes[0], sync=None)
    assert choose([unknown, result.takes[1], better]) is better
    assert choose([unknown]) is unknown
    assert choose([]) is None


def test_a_take_without_faults_is_chosen_before_one_in_better_sync(studio: Studio) -> None:
    import dataclasses

    (result,) = studio.run("good", n=1, takes=3)
    hiss, plain, close = (
        dataclasses.replace(take, figures=figures)
        for take, figures in zip(
            result.takes,
            (
                {"score": 0.9, "faults": 1.0, "fault_noise": 1.0},
                {"score": 0.3, "faults": 0.0},
                {"score": 0.4, "faults": 0.0, "nothing_to_hear": 1.0},
            ),
            strict=True,
        )
    )
    assert choose([hiss, plain, close]) is close
    assert sorted([hiss, plain, close], key=ranking.rank) == [close, plain, hiss]
    assert choose([hiss]) is hiss  # marked, but there is no other
    assert ranking.faults(hiss) == ["it is mostly hiss"]
    assert ranking.remarks(close) == ["nothing seems to sound in this picture"]
    faint = dataclasses.replace(plain, peak_dbtp=-49.2)
    assert ranking.remarks(faint) == ["it is all but silent"]
    hit_in_a_handle = dataclasses.replace(faint, peak_dbtp=-9.0, lufs=-58.4)
    assert ranking.remarks(hit_in_a_handle) == ["it is all but silent"]
    assert ranking.remarks(dataclasses.replace(plain, peak_dbtp=-12.0)) == []
    free = dataclasses.replace(plain, figures={"made_up": 1.0, "fault_silent": 1.0})
    assert ranking.remarks(free) == [
        "it is silent",
        "its moments are made up from the words, not seen",
    ]
    hush = dataclasses.replace(close, peak_dbtp=-49.2)  # silence is right there
    assert ranking.remarks(hush) == ["nothing seems to sound in this picture"]


def test_silence_on_the_wire_is_noticed(studio: Studio) -> None:
    """An engine that hangs: found by the clock, which the test winds on."""
    now = [0.0]
    client = EngineClient(lambda: now[0])
    command = [sys.executable, "-S", SCRIPT, "mute", str(studio.root)]
    with EngineProcess(client, command) as process:
        batch = Batch(process, Media(studio.folder), notify=lambda *told: studio.told.append(told))

        def winding() -> bool:
            if client.status.life == "ready":
                now[0] += 1.0
            return any(isinstance(n, State) and n.state == "lost" for _, n in studio.told)

        batch.stop = winding
        (result,) = batch.run([Order(make_cue(), Wish("m"))])
    assert result.status == "cancelled"
