"""The rules of the front: queue, cancel, restart, give up. No process is started here."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar

import pytest

from vatt_engine import messages, server, wire
from vatt_engine.launcher import Launcher, OnBroken, OnEnd, OnLine, OnWarm, Worker
from vatt_engine.messages import (
    Beat,
    Cancel,
    Event,
    Failed,
    Finished,
    Generate,
    Hello,
    JobCancelled,
    Log,
    Progress,
    Ready,
    Shutdown,
    State,
)
from vatt_engine.server import Front

E = TypeVar("E", bound=Event)


class FakeWorker(Worker):
    """A worker without a process; a test says what it says."""

    def __init__(self, on_line: OnLine, on_end: OnEnd) -> None:
        self.sent: list[messages.Request] = []
        self.killed = False
        self._on_line = on_line
        self._on_end = on_end

    def send(self, line: bytes) -> None:
        self.sent.append(wire.decode_request(line))

    def kill(self) -> None:
        self.killed = True

    def _exit_status(self) -> int | None:
        return None

    def says(self, event: Event) -> None:
        self._on_line(self, wire.encode(event))

    def says_raw(self, line: bytes) -> None:
        self._on_line(self, line)

    def dies(self, reason: str = "killed by SIGSEGV") -> None:
        self._on_end(self, reason)


class FakeLauncher(Launcher):
    def __init__(self) -> None:
        self.workers: list[FakeWorker] = []
        self.n_warmed = 0
        self.broken: tuple[str, str] | None = None
        self.refuses: OSError | None = None

    def warm(self, on_warm: OnWarm, on_broken: OnBroken) -> None:
        self.n_warmed += 1
        if self.broken is None:
            on_warm()
        else:
            on_broken(*self.broken)

    def launch(self, on_line: OnLine, on_end: OnEnd) -> FakeWorker:
        if self.refuses:
            raise self.refuses
        self.workers.append(FakeWorker(on_line, on_end))
        return self.workers[-1]

    def close(self) -> None:
        pass


class Bench:
    """A front on a bench: fake clock, fake workers, and everything it said."""

    def __init__(self) -> None:
        self.now = 100.0
        self.said: list[Event] = []
        self.launcher = FakeLauncher()
        calls: list[Callable[[], None]] = []
        self._calls = calls
        self.front = Front(self.launcher, self.said.append, calls.append, lambda: self.now)

    def send(self, *requests: messages.Request) -> None:
        for request in requests:
            self.front.on_line(wire.encode(request))
            self.settle()

    def settle(self) -> None:
        while self._calls:
            self._calls.pop(0)()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.said if isinstance(event, kind)]

    def ends(self) -> list[Finished | Failed | JobCancelled]:
        return [e for e in self.said if isinstance(e, Finished | Failed | JobCancelled)]

    @property
    def worker(self) -> FakeWorker:
        return self.launcher.workers[-1]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.send(Hello())
    bench.said.clear()
    return bench


def job(job_id: str) -> Generate:
    return Generate(job_id=job_id)


def test_what_the_worker_logs_of_a_job_reaches_its_owner(bench: Bench) -> None:
    bench.send(job("a"))
    for job_id in ("a", "somebody else's"):
        bench.worker.says(Log("WARNING", "film.mov: 3 damaged places", job_id, "media_damaged"))
    bench.settle()
    assert bench.of(Log) == [Log("WARNING", "film.mov: 3 damaged places", "a", "media_damaged")]


def test_hello_is_answered_with_protocol_and_version() -> None:
    bench = Bench()
    bench.send(Hello())
    (ready,) = bench.of(Ready)
    assert isinstance(ready, Ready)
    assert ready.protocol == messages.PROTOCOL_VERSION
    assert ready.engine_version
    assert [s.state for s in bench.of(State)] == ["starting", "ready"]


def test_torch_is_not_loaded_for_a_client_that_only_asks_what_is_installed() -> None:
    bench = Bench()
    bench.send(Hello(warm=False), messages.ListModels("m"), messages.ModelInfo("i", "tiny"))
    assert bench.launcher.n_warmed == 0
    listed, info = bench.ends()
    assert isinstance(listed, Finished)
    assert "tiny" in [m["name"] for m in listed.result["models"]]
    assert isinstance(info, Finished)
    assert info.result["name"] == "tiny"


def test_an_unknown_model_is_named_without_a_worker(bench: Bench) -> None:
    bench.send(messages.ModelInfo("i", "nonesuch"))
    (failed,) = bench.ends()
    assert isinstance(failed, Failed)
    assert failed.code == "unknown_model"
    assert bench.launcher.workers == []


def test_another_protocol_is_refused_with_a_remedy() -> None:
    bench = Bench()
    bench.send(Hello(protocol=99), job("a"))
    mismatch, refused = bench.of(Failed)
    assert isinstance(mismatch, Failed)
    assert isinstance(refused, Failed)
    assert (mismatch.code, mismatch.job_id) == ("protocol_mismatch", "")
    assert "einstall" in mismatch.hint
    assert refused.job_id == "a"


def test_jobs_run_one_after_the_other_on_one_worker(bench: Bench) -> None:
    bench.send(job("a"), job("b"))
    assert bench.worker.sent == [job("a")]
    bench.worker.says(Progress("a", "sampling", 1, 2))
    bench.worker.says(Finished("a"))
    bench.settle()
    assert bench.worker.sent == [job("a"), job("b")]
    assert len(bench.launcher.workers) == 1
    assert bench.of(Progress) == [Progress("a", "sampling", 1, 2)]


def test_a_queued_job_is_cancelled_at_once(bench: Bench) -> None:
    bench.send(job("a"), job("b"), Cancel("b"))
    assert bench.ends() == [JobCancelled("b")]


def test_cancel_asks_the_worker_first(bench: Bench) -> None:
    bench.send(job("a"), Cancel("a"))
    assert bench.worker.sent[-1] == Cancel("a")
    bench.worker.says(JobCancelled("a"))
    bench.settle()
    assert bench.ends() == [JobCancelled("a")]
    assert not bench.worker.killed


def test_a_worker_that_ignores_cancel_for_300_ms_is_killed_and_the_next_job_runs(
    bench: Bench,
) -> None:
    bench.send(job("a"), job("b"), Cancel("a"))
    deaf = bench.worker
    bench.now += 0.29
    due = bench.front.tick()
    assert not deaf.killed
    assert due <= bench.now + 0.011
    bench.now += 0.01
    bench.front.tick()
    bench.settle()
    assert deaf.killed
    assert bench.ends() == [JobCancelled("a")]
    assert bench.worker is not deaf
    assert bench.worker.sent == [job("b")]
    deaf.says(Finished("a"))  # what was still in the pipe
    deaf.dies()
    bench.settle()
    assert bench.ends() == [JobCancelled("a")]


def test_a_result_that_crosses_with_cancel_does_not_appear(bench: Bench) -> None:
    bench.send(job("a"), Cancel("a"))
    bench.worker.says(messages.TakeReady("a"))
    bench.worker.says(Finished("a"))
    bench.settle()
    assert bench.ends() == [JobCancelled("a")]
    assert bench.of(messages.TakeReady) == []


def test_a_job_whose_worker_dies_runs_once_more_and_the_queue_follows(bench: Bench) -> None:
    bench.send(job("a"), job("b"))
    bench.worker.dies()
    bench.settle()
    assert len(bench.launcher.workers) == 2
    assert bench.worker.sent == [job("a")]
    bench.worker.says(Finished("a"))
    bench.settle()
    assert bench.worker.sent == [job("a"), job("b")]
    assert bench.ends() == [Finished("a")]
    states = [s.state for s in bench.of(State)]
    assert "restarting" in states


def test_a_job_that_kills_two_workers_fails_by_name(bench: Bench) -> None:
    bench.send(job("a"), job("b"))
    for _ in range(2):
        bench.worker.dies()
        bench.settle()
    (failed,) = bench.ends()
    assert isinstance(failed, Failed)
    assert (failed.job_id, failed.code) == ("a", "engine_lost")
    assert "SIGSEGV" in failed.message
    assert bench.worker.sent == [job("b")]


def test_three_deaths_in_a_minute_stop_the_engine_and_say_why(bench: Bench) -> None:
    bench.send(job("a"), job("b"), job("c"))
    for _ in range(3):
        bench.worker.dies()
        bench.settle()
    assert [e.job_id for e in bench.ends()] == ["a", "b", "c"]
    assert all(isinstance(e, Failed) and e.code == "engine_lost" for e in bench.ends())
    last = bench.of(State)[-1]
    assert isinstance(last, State)
    assert last.state == "unavailable"
    assert "3 times" in last.detail
    bench.send(job("d"))  # the user may try again
    assert bench.worker.sent == [job("d")]


@pytest.mark.parametrize("code", ["out_of_memory", "engine_error"])
def test_a_worker_whose_job_broke_off_half_way_is_replaced(bench: Bench, code: str) -> None:
    bench.send(job("a"), job("b"))
    tired = bench.worker
    tired.says(Failed("a", code, "9 GB needed."))
    bench.settle()
    assert tired.killed
    assert bench.worker is not tired
    assert bench.worker.sent == [job("b")]
    tired.dies()
    bench.settle()
    assert [e.type for e in bench.ends()] == ["failed"]


def test_deaths_far_apart_do_not_stop_the_engine(bench: Bench) -> None:
    for number in range(4):
        bench.send(job(f"j{number}"))
        bench.worker.dies()
        bench.settle()
        bench.worker.says(Finished(f"j{number}"))
        bench.settle()
        bench.now += 61
    assert all(isinstance(e, Finished) for e in bench.ends())


def test_a_worker_that_dies_between_jobs_costs_nothing(bench: Bench) -> None:
    bench.send(job("a"))
    bench.worker.says(Finished("a"))
    bench.worker.dies()
    bench.settle()
    bench.send(job("b"))
    bench.worker.says(Finished("b"))
    bench.settle()
    assert bench.ends() == [Finished("a"), Finished("b")]


def test_a_broken_installation_fails_jobs_with_the_remedy_and_may_be_mended() -> None:
    bench = Bench()
    bench.launcher.broken = ("cannot load torch", "pip install torch")
    bench.send(Hello(), job("a"))
    (failed,) = bench.ends()
    assert isinstance(failed, Failed)
    assert failed.code == "engine_unavailable"
    assert (failed.message, failed.hint) == bench.launcher.broken
    assert bench.of(State)[-1].state == "unavailable"
    bench.launcher.broken = None
    bench.send(job("b"))
    bench.worker.says(Finished("b"))
    bench.settle()
    assert bench.ends()[-1] == Finished("b")


def test_a_system_without_processes_to_give_is_an_error_not_a_crash(bench: Bench) -> None:
    bench.launcher.refuses = OSError(11, "Resource temporarily unavailable")
    bench.send(job("a"))
    (failed,) = bench.ends()
    assert isinstance(failed, Failed)
    assert "temporarily unavailable" in failed.message


@pytest.mark.parametrize("line", [b"rubbish", b"[]", b'{"type": "dance"}', b"\xff\xfe"])
def test_rubbish_is_ignored_and_told(bench: Bench, line: bytes) -> None:
    bench.front.on_line(line)
    (told,) = bench.of(Log)
    assert isinstance(told, Log)
    assert told.level == "WARNING"
    bench.send(job("a"))
    assert bench.worker.sent == [job("a")]


def test_a_request_of_the_wrong_shape_ends_its_job(bench: Bench) -> None:
    line = json.dumps({"type": "generate", "job_id": "a", "takes": "many"}).encode()
    bench.front.on_line(line)
    (failed,) = bench.ends()
    assert isinstance(failed, Failed)
    assert (failed.job_id, failed.code) == ("a", "bad_request")


def test_unknown_and_repeated_ids_are_ignored(bench: Bench) -> None:
    bench.send(Cancel("nobody"), job("a"), job("a"), Generate(job_id=""))
    assert bench.ends() == []
    assert bench.worker.sent == [job("a")]


def test_rubbish_from_a_worker_does_not_reach_the_client(bench: Bench) -> None:
    bench.send(job("a"))
    bench.worker.says_raw(b"Downloading 50%")
    bench.worker.says(Finished("somebody else's"))
    bench.worker.says(Finished("a"))
    bench.settle()
    assert bench.ends() == [Finished("a")]


def test_it_beats_every_second_also_while_a_job_runs(bench: Bench) -> None:
    bench.send(job("a"))
    for _ in range(30):
        bench.now += 0.1
        bench.front.tick()
    assert len(bench.of(Beat)) in (2, 3)


def test_shutdown_stops(bench: Bench) -> None:
    bench.send(job("a"), Shutdown())
    assert bench.front.stopped


def test_a_worker_that_cannot_import_reports_a_broken_installation(bench: Bench) -> None:
    bench.send(job("a"))
    bench.worker.says(Failed("", "engine_unavailable", "no torch", "pip install torch"))
    bench.settle()
    (failed,) = bench.ends()
    assert isinstance(failed, Failed)
    assert (failed.job_id, failed.message) == ("a", "no torch")


def test_the_front_needs_no_library_beyond_the_standard_one() -> None:
    import subprocess
    import sys

    code = (
        "import sys, vatt_engine.server; "
        "heavy = {'torch', 'numpy', 'av', 'transformers', 'safetensors', 'soundfile'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert server.CANCEL_SILENCE_S < 0.5
