"""The worker's side of a job: cancel, progress, memory, errors by name."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from vatt_engine.errors import MediaMissing
from vatt_engine.messages import (
    Cancel,
    Event,
    Failed,
    Finished,
    Generate,
    JobCancelled,
    Log,
    Progress,
)
from vatt_engine.running_job import Job
from vatt_engine.wire import decode_event, encode
from vatt_engine.worker import Connection, DeviceFailure, is_out_of_memory, run_job

Work = Callable[[Job, bool], dict[str, Any]]


class Runner:
    def __init__(self, work: Work) -> None:
        self._work = work
        self.n_released = 0
        self.runs: list[bool] = []

    def run(self, job: Job, *, small: bool) -> dict[str, Any]:
        self.runs.append(small)
        return self._work(job, small)

    def release(self) -> None:
        self.n_released += 1


def run(work: Work) -> tuple[Event, Runner, list[Event]]:
    said: list[Event] = []
    runner = Runner(work)
    return run_job(runner, Job(Generate(job_id="j"), said.append)), runner, said


def test_a_job_finishes_with_its_result() -> None:
    ended, runner, _ = run(lambda job, small: {"takes": 1})
    assert ended == Finished("j", {"takes": 1})
    assert runner.n_released == 0


def test_a_line_for_the_log_tells_of_which_job_it_is() -> None:
    """Without its id the front takes it for a line of a job that is gone, and drops it."""

    def work(job: Job, small: bool) -> dict[str, Any]:
        job.emit(Log("WARNING", "3 damaged places", code="media_damaged"))
        return {}

    _, _, said = run(work)
    assert said == [Log("WARNING", "3 damaged places", "j", "media_damaged")]


def test_named_errors_keep_their_names() -> None:
    def work(job: Job, small: bool) -> dict[str, Any]:
        raise MediaMissing("a.mov is gone.", "Relink it.")

    ended, _, _ = run(work)
    assert ended == Failed("j", "media_missing", "a.mov is gone.", "Relink it.")


def test_what_nobody_foresaw_is_told_with_its_kind_and_the_worker_lives() -> None:
    def work(job: Job, small: bool) -> dict[str, Any]:
        raise KeyError("shape")

    ended, _, _ = run(work)
    assert isinstance(ended, Failed)
    assert ended.code == "engine_error"
    assert "KeyError" in ended.message


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"
        ),
        OSError(12, "Cannot allocate memory"),
        BlockingIOError(11, "Resource temporarily unavailable"),
        RuntimeError("could not create a primitive"),
    ],
)
def test_out_of_memory_is_tried_smaller_and_then_failed_by_name(error: Exception) -> None:
    assert is_out_of_memory(error)

    def never(job: Job, small: bool) -> dict[str, Any]:
        raise error

    ended, runner, _ = run(never)
    assert isinstance(ended, Failed)
    assert ended.code == "out_of_memory"
    assert ended.hint
    assert runner.runs == [False, True]
    assert runner.n_released == 2

    def second_time(job: Job, small: bool) -> dict[str, Any]:
        if not small:
            raise error
        return {}

    ended, runner, _ = run(second_time)
    assert ended == Finished("j", {})
    assert runner.n_released == 1


@pytest.mark.parametrize("shown", [True, False])
def test_memory_behind_another_name_is_still_memory(shown: bool) -> None:
    def work(job: Job, small: bool) -> dict[str, Any]:
        try:
            raise MemoryError
        except MemoryError as error:
            raise MediaMissing("a.mov cannot be opened") from (error if shown else None)

    ended, runner, _ = run(work)
    assert isinstance(ended, Failed)
    assert ended.code == "out_of_memory"
    assert runner.runs == [False, True]


def test_a_device_failure_asks_for_another_process() -> None:
    def work(job: Job, small: bool) -> dict[str, Any]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceFailure):
        run(work)


def test_cancel_unwinds_at_the_next_step() -> None:
    def work(job: Job, small: bool) -> dict[str, Any]:
        for step in range(100):
            job.report("sampling", step, 100)
            if step == 3:
                job.cancel()
        raise AssertionError("it went on")

    ended, _, said = run(work)
    assert ended == JobCancelled("j")
    assert all(isinstance(e, Progress) and e.done <= 3 for e in said)


def test_progress_is_thinned_out_but_ends_and_changes_of_stage_are_told() -> None:
    said: list[Event] = []
    now = 0.0
    job = Job(Generate(job_id="j"), said.append, clock=lambda: now)
    for step in range(1, 1001):
        now += 0.001
        job.report("looking", step, 1000)
    job.report("sampling", 1, 8)
    steps = [(e.stage, e.done) for e in said if isinstance(e, Progress)]
    assert len(steps) < 30
    assert steps[0] == ("looking", 1)
    assert ("looking", 1000) in steps
    assert steps[-1] == ("sampling", 1)


def test_a_line_takes_a_job_through_a_pipe_and_cancel_overtakes_it() -> None:
    started = threading.Event()
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()

    def work(job: Job, small: bool) -> dict[str, Any]:
        started.set()
        while True:
            job.check()

    reader, writer = os.fdopen(down_read, "rb"), os.fdopen(up_write, "wb")
    connection = Connection(reader, writer)
    threading.Thread(target=connection.serve, args=(Runner(work),), daemon=True).start()
    os.write(down_write, encode(Generate(job_id="j")))
    assert started.wait(10)
    os.write(down_write, encode(Cancel("someone else")) + encode(Cancel("j")))
    assert decode_event(os.read(up_read, 4096)) == JobCancelled("j")
    # The pipes stay open: closing them would end this process, as it ends a worker.
