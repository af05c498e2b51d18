"""The engine client, fed by hand: queue, cancel, late results, death, silence."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from vatt_engine import messages, wire
from vatt_engine.errors import BadRequest, EngineLost, EngineUnavailable, ProtocolMismatch
from vatt_engine.messages import (
    Beat,
    CaptionReady,
    Event,
    Failed,
    Finished,
    Generate,
    JobCancelled,
    Log,
    Progress,
    Ready,
    Request,
    State,
    TakeReady,
)
from vatt_plugin.client import SILENCE_S, EngineClient


class Desk:
    """A client with a hand-wound clock and the engine's end of the wire."""

    def __init__(self) -> None:
        self.now = 10.0
        self.client = EngineClient(lambda: self.now)
        self.asked: list[messages.Request] = []

    def start(self) -> None:
        self.client.started()
        self.read()
        self.says(Ready(engine_version="1"))

    def read(self) -> list[messages.Request]:
        """What the client has sent since the last look."""
        data = self.client.requests()
        new = [wire.decode_request(line) for line in data.splitlines()]
        self.asked += new
        return new

    def says(self, *events: Event) -> list[Event]:
        return self.client.feed(b"".join(wire.encode(event) for event in events))

    def wait(self, seconds: float) -> list[Event]:
        """Let time pass in steps, as an event loop does."""
        events: list[Event] = []
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            events += self.client.tick()
        return events


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.start()
    return desk


def kinds(messages: Sequence[Event | Request]) -> list[str]:
    return [message.type for message in messages]


def test_nothing_is_started_before_there_is_work() -> None:
    desk = Desk()
    assert not desk.client.must_start
    desk.client.submit(Generate())
    assert desk.client.must_start


def test_jobs_wait_for_the_handshake() -> None:
    desk = Desk()
    desk.client.submit(Generate(job_id="a"))
    desk.client.started()
    assert kinds(desk.read()) == ["hello"]
    assert desk.read() == []
    desk.says(Ready(engine_version="1.2", capabilities=("generate",)))
    assert desk.read() == [Generate(job_id="a")]
    assert desk.client.status.version == "1.2"
    assert desk.client.status.capabilities == ("generate",)


def test_a_job_is_followed_to_its_end(desk: Desk) -> None:
    job_id = desk.client.submit(Generate(takes=1))
    desk.read()
    events = desk.says(
        Progress(job_id, "sampling", 1, 10),
        CaptionReady(job_id, "door", -1.0),
        TakeReady(job_id, 0, 7),
        Finished(job_id, {"device": "cpu"}),
    )
    assert kinds(events) == ["progress", "caption", "take", "finished"]
    job = desk.client.job(job_id)
    assert job.status == "done"
    assert job.ended
    assert job.fraction == 0.1
    assert job.caption is not None
    assert job.caption.caption == "door"
    assert [take.seed for take in job.takes] == [7]
    assert job.result == {"device": "cpu"}
    assert desk.client.idle


def test_one_job_is_on_the_wire_and_the_others_wait_in_order(desk: Desk) -> None:
    for name in "abc":
        desk.client.submit(Generate(job_id=name))
    assert desk.read() == [Generate(job_id="a")]
    desk.client.to_front("c")
    assert desk.client.waiting() == ("c", "b")
    desk.says(Finished("a"))
    assert desk.read() == [Generate(job_id="c")]
    desk.client.submit(Generate(job_id="d"), first=True)
    desk.says(Finished("c"))
    assert desk.read() == [Generate(job_id="d")]


def test_a_paused_queue_lets_the_running_job_end_and_starts_no_other(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.client.submit(Generate(job_id="b"))
    desk.read()
    desk.client.pause()
    assert desk.says(Finished("a")) == [Finished("a")]
    assert desk.read() == []
    desk.client.resume()
    assert desk.read() == [Generate(job_id="b")]


def test_cancel_shows_at_once_and_late_results_are_dropped(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.client.submit(Generate(job_id="b"))
    desk.read()
    assert desk.client.cancel("a") == [JobCancelled("a")]
    assert desk.client.job("a").status == "cancelled"
    assert desk.client.cancel("a") == []
    assert desk.read() == [messages.Cancel("a")]
    assert desk.says(TakeReady("a"), Finished("a")) == []
    assert desk.client.job("a").takes == ()
    assert desk.read() == [Generate(job_id="b")]


def test_a_cancelled_job_may_be_forgotten_before_the_engine_lets_go(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    desk.client.cancel("a")
    desk.client.forget("a")
    assert not desk.client.idle
    assert desk.says(Progress("a", "x", 1), JobCancelled("a")) == []
    assert desk.client.idle


def test_a_waiting_job_is_cancelled_without_the_engine(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.client.submit(Generate(job_id="b"))
    desk.read()
    desk.client.cancel("b")
    assert desk.read() == []
    assert desk.client.cancel_all() == [JobCancelled("a")]


def test_an_engine_that_does_not_confirm_a_cancel_is_killed(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    desk.client.cancel("a")
    for _ in range(4):
        desk.says(Beat())
        desk.wait(1)
    assert desk.client.must_kill
    desk.client.ended("killed by SIGKILL")
    assert desk.client.job("a").status == "cancelled"
    assert desk.client.idle


def test_silence_of_five_seconds_means_lost(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    desk.wait(4)
    desk.says(Beat())
    assert desk.wait(SILENCE_S - 0.2) == []
    (state,) = desk.wait(0.4)
    assert isinstance(state, State)
    assert state.state == "lost"
    assert desk.client.must_kill
    desk.client.ended("killed by SIGKILL")
    assert desk.client.job("a").status == "queued"
    assert desk.client.must_start


def test_our_own_sleep_is_not_taken_for_the_engines_silence(desk: Desk) -> None:
    desk.now += 3600  # a laptop's lid, a debugger
    assert desk.client.tick() == []
    assert not desk.client.must_kill


def test_an_engine_that_never_answers_hello_is_killed() -> None:
    desk = Desk()
    desk.client.submit(Generate(job_id="a"))
    desk.client.started()
    desk.wait(31)
    assert desk.client.must_kill


def test_a_job_whose_engine_dies_runs_once_more_and_takes_are_not_told_twice(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a", takes=2))
    desk.read()
    desk.says(TakeReady("a", 0, 0), Progress("a", "sampling", 5, 10))
    (state,) = desk.client.ended("killed by SIGSEGV")
    assert isinstance(state, State)
    assert state.state == "restarting"
    assert desk.client.must_start
    desk.start()
    assert [r.type for r in desk.read()] == ["generate"]
    events = desk.says(TakeReady("a", 0, 0), TakeReady("a", 1, 1), Finished("a"))
    assert kinds(events) == ["take", "finished"]
    job = desk.client.job("a")
    assert (job.status, job.n_runs, len(job.takes)) == ("done", 2, 2)


def test_a_job_that_kills_two_engines_fails_and_the_next_one_runs(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.client.submit(Generate(job_id="b"))
    desk.read()
    desk.client.ended("killed by SIGSEGV")
    desk.start()
    desk.read()
    desk.client.feed_log(b"about to die\n")
    failed, _ = desk.client.ended("killed by SIGSEGV")
    assert isinstance(failed, Failed)
    assert failed.code == "engine_lost"
    assert "about to die" in failed.message
    assert isinstance(desk.client.job("a").error, EngineLost)
    desk.start()
    assert desk.read() == [Generate(job_id="b")]


def test_three_deaths_in_a_minute_give_up_until_the_user_asks_again(desk: Desk) -> None:
    for name in "abcd":
        desk.client.submit(Generate(job_id=name))
    desk.read()
    for _ in range(2):
        desk.client.ended("killed by SIGKILL")
        desk.start()
        desk.read()
    desk.client.ended("killed by SIGKILL")
    assert desk.client.status.life == "unavailable"
    assert "3 times" in desk.client.status.detail
    assert all(job.status == "failed" for job in desk.client.jobs())
    assert not desk.client.must_start
    desk.client.submit(Generate(job_id="e"))
    assert desk.client.must_start


def test_an_engine_that_ends_before_it_is_ready_is_unavailable_with_its_last_words() -> None:
    desk = Desk()
    desk.client.submit(Generate(job_id="a"))
    desk.client.started()
    desk.client.feed_log(b"Traceback...\nModuleNotFoundError: No module named 'vatt_engine'")
    desk.client.ended("exit status 1")
    error = desk.client.job("a").error
    assert isinstance(error, EngineUnavailable)
    assert "No module named 'vatt_engine'" in error.message
    assert not desk.client.must_start


@pytest.mark.parametrize("protocol", [0, 99])
def test_another_protocol_is_told_with_a_remedy(protocol: int) -> None:
    desk = Desk()
    desk.client.submit(Generate(job_id="a"))
    desk.client.started()
    desk.read()
    desk.says(Ready(protocol=protocol, engine_version="0.0.1"))
    assert desk.client.must_kill
    error = desk.client.job("a").error
    assert isinstance(error, ProtocolMismatch)
    assert "einstall" in error.hint
    desk.client.ended("killed by SIGKILL")
    assert desk.client.status.life == "unavailable"
    assert not desk.client.must_start


def test_an_engine_that_refuses_our_protocol_is_not_asked_again() -> None:
    desk = Desk()
    desk.client.submit(Generate(job_id="a"))
    desk.client.started()
    desk.says(Failed("", "protocol_mismatch", "I speak 2.", "Reinstall."))
    assert desk.client.must_kill
    assert isinstance(desk.client.job("a").error, ProtocolMismatch)


def test_rubbish_on_the_wire_is_logged_and_ignored(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    events = desk.client.feed(b"Downloading 50%\n{}\n" + b"x" * (2 << 20) + b"\n")
    events += desk.says(Finished("nobody"), Log("WARNING", "careful"), Finished("a"))
    assert events == [Log("WARNING", "careful"), Finished("a")]
    assert any("Downloading" in line or "Not a JSON" in line for line in desk.client.log)


def test_half_a_line_and_then_the_end_is_a_death_like_any_other(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    assert desk.client.feed(wire.encode(Finished("a"))[:-4]) == []
    desk.client.ended("exit status 0")
    assert desk.client.job("a").status == "queued"


def test_time_left_is_told_after_two_steps(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    left = []
    for step in range(1, 5):
        desk.says(Progress("a", "sampling", step, 10))
        left.append(desk.client.job("a").eta_s)
        desk.now += 0.5
    assert left[:2] == [None, None]
    assert left[2:] == [pytest.approx(3.5), pytest.approx(3.0)]
    desk.says(Progress("a", "codec", 1, None))
    job = desk.client.job("a")
    assert (job.eta_s, job.fraction) == (None, None)


def test_a_failure_comes_back_as_the_error_it_was(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    desk.says(Failed("a", "out_of_memory", "9 GB needed.", "Choose a smaller model."))
    error = desk.client.job("a").error
    assert error is not None
    assert error.code == "out_of_memory"
    assert error.hint == "Choose a smaller model."


def test_what_is_no_job_or_repeats_an_id_is_refused(desk: Desk) -> None:
    with pytest.raises(BadRequest, match="not a job"):
        desk.client.submit(messages.Hello())
    desk.client.submit(Generate(job_id="a"))
    with pytest.raises(BadRequest, match="already"):
        desk.client.submit(Generate(job_id="a"))
    with pytest.raises(BadRequest, match="limit"):
        desk.client.submit(Generate(prompt="x" * (2 << 20)))


def test_stopping_is_not_a_death(desk: Desk) -> None:
    desk.client.submit(Generate(job_id="a"))
    desk.read()
    desk.client.stopping()
    assert kinds(desk.read())[-1] == "shutdown"
    (state,) = desk.client.ended("exit status 0")
    assert isinstance(state, State)
    assert state.state == "stopped"
    assert not desk.client.must_start


def test_an_idle_engine_that_ends_is_started_again_when_there_is_work(desk: Desk) -> None:
    desk.client.ended("exit status 0")
    assert desk.client.status.life == "stopped"
    assert not desk.client.must_start
    desk.client.submit(Generate())
    assert desk.client.must_start


def test_a_job_says_where_it_runs_also_when_it_fails_there(desk: Desk) -> None:
    job_id = desk.client.submit(Generate(device="auto"))
    desk.read()
    assert desk.client.job(job_id).device == ""
    desk.says(messages.Started(job_id, "cuda"), Failed(job_id, "out_of_memory", "too little"))
    assert desk.client.job(job_id).device == "cuda"
    assert desk.client.status.device == "cuda"
