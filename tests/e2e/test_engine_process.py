"""The real engine process with the model ``tiny``: the conversation, and everything that dies.

One engine serves most tests, since importing torch takes seconds. Linux only where processes are
looked up in /proc.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.helpers.movies import write_numbered
from vatt_engine import messages, wire
from vatt_engine.errors import VattError
from vatt_engine.messages import (
    Caption,
    CaptionReady,
    Doctor,
    Event,
    Generate,
    PictureSegment,
    Progress,
    State,
    TakeReady,
)
from vatt_plugin.client import EngineClient, JobState
from vatt_plugin.transport import EngineProcess

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc"),
]

PATIENCE_S = 120.0


class Engine:
    """A running engine, and a way to talk to it that never waits for ever."""

    def __init__(self, process: EngineProcess, root: Path) -> None:
        self.process = process
        self.client = process.client
        self.root = root
        self.movie = write_numbered(root / "film.mp4", 50, fps=25)
        self._n = 0

    def generate(self, duration_s: float = 1.0, **changes: Any) -> Generate:
        self._n += 1
        scratch = self.root / f"scratch{self._n}"
        scratch.mkdir()
        return Generate(
            model="tiny",
            device="cpu",
            picture=(PictureSegment(str(self.movie), 0.0, duration_s),),
            n_samples=round(duration_s * 48_000),
            scratch=str(scratch),
            **changes,
        )

    def run(
        self, request: messages.Request, meanwhile: Callable[[Event], None] = lambda _: None
    ) -> JobState:
        """Run a job to its end; ``meanwhile`` sees its events."""
        job_id = self.client.submit(request)
        self.until(lambda: self.client.job(job_id).ended, meanwhile)
        return self.client.job(job_id)

    def until(
        self, done: Callable[[], bool], meanwhile: Callable[[Event], None] = lambda _: None
    ) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end, "\n".join(self.client.log)
            for event in self.process.pump():
                meanwhile(event)

    def family(self) -> dict[str, int]:
        """Pids of front, zygote and worker, as far as they live."""
        assert self.process.pid is not None
        found = {"front": self.process.pid}
        for name, parent in (("zygote", "front"), ("worker", "zygote")):
            children = children_of(found[parent]) if parent in found else []
            if children:
                found[name] = children[-1]
        return found

    def warm_up(self) -> None:
        job = self.run(self.generate(0.2, prompt="x"))
        assert job.status == "done", "\n".join([str(job.error), *self.client.log])


def children_of(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    return False


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    root = tmp_path_factory.mktemp("engine")
    with EngineProcess(EngineClient(), log_path=root / "engine.log") as process:
        yield Engine(process, root)


def test_takes_come_back_whole_exact_and_repeatable(engine: Engine) -> None:
    sounds = []
    for seed in (3, 3, 4):
        request = engine.generate(1.0, takes=2, seed=seed)
        job = engine.run(request)
        assert job.error is None, "\n".join(engine.client.log)
        assert job.caption is not None
        assert [take.seed for take in job.takes] == [seed, seed + 1]
        for take in job.takes:
            info = soundfile.info(take.wav_path)
            assert (info.frames, info.samplerate) == (48_000, 48_000)
        assert not list(Path(request.scratch).glob("*.part*"))
        sounds.append([take.wav_sha256 for take in job.takes])
    assert sounds[0] == sounds[1]
    assert sounds[2][0] == sounds[0][1]  # take i has seed + i, whoever asks
    assert sounds[2][1] not in sounds[0]


def test_captions_spots_and_questions(engine: Engine) -> None:
    picture = (PictureSegment(str(engine.movie), 0.0, 1.0),)
    captioned = engine.run(Caption(model="tiny", device="cpu", picture=picture, n=2))
    assert isinstance(captioned.caption, CaptionReady)
    spotted = engine.run(messages.Spot(model="tiny", device="cpu", picture=picture))
    assert spotted.lane is not None
    machine: Any = engine.run(Doctor()).result
    assert machine["devices"][0]["id"] == "cpu"
    assert machine["versions"]["torch"] != "missing"
    models: Any = engine.run(messages.ListModels()).result["models"]
    assert "tiny" in [model["name"] for model in models]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": "nonesuch"}, "unknown_model"),
        ({"device": "cuda:17"}, "device_unavailable"),
        ({"picture": (PictureSegment("/none.mov", 0.0, 1.0),)}, "media_missing"),
        ({"takes": 0}, "bad_request"),
        ({"scratch": "/no/such/folder"}, "bad_request"),
    ],
)
def test_what_cannot_be_done_is_named_and_the_engine_serves_on(
    engine: Engine, changes: dict[str, Any], code: str
) -> None:
    request = dataclasses.replace(engine.generate(0.2, prompt="x"), **changes)
    job = engine.run(request)
    assert isinstance(job.error, VattError)
    assert job.error.code == code
    assert job.error.hint or code == "bad_request"


def test_a_killed_worker_costs_one_rerun_and_the_queue_follows(engine: Engine) -> None:
    engine.warm_up()
    before = engine.run(engine.generate(1.0, prompt="x")).takes[0].wav_sha256
    killed: list[int] = []
    states: list[str] = []

    def kill_once(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "sampling" and not killed:
            killed.append(engine.family()["worker"])
            os.kill(killed[0], signal.SIGKILL)
        if isinstance(event, State):
            states.append(event.state)

    first = engine.client.submit(engine.generate(1.0, prompt="x"))
    second = engine.client.submit(engine.generate(0.2, prompt="x"))
    engine.until(lambda: engine.client.job(second).ended, kill_once)
    assert killed
    assert "restarting" in states
    assert engine.client.job(first).status == engine.client.job(second).status == "done"
    assert engine.client.job(first).takes[0].wav_sha256 == before
    assert engine.family()["worker"] != killed[0]


def test_a_worker_that_never_looks_up_is_cancelled_all_the_same(engine: Engine) -> None:
    """A stopped process stands for one long operation that checks no flag."""
    engine.warm_up()
    stopped: list[int] = []
    request = engine.generate(2.0, prompt="x", takes=50)
    job_id = engine.client.submit(request)

    def stop_and_cancel(event: Event) -> None:
        if isinstance(event, Progress) and event.job_id == job_id and not stopped:
            stopped.append(engine.family()["worker"])
            os.kill(stopped[0], signal.SIGSTOP)
            engine.client.cancel(job_id)

    engine.until(lambda: engine.client.job(job_id).ended, stop_and_cancel)
    assert engine.client.job(job_id).status == "cancelled"
    engine.until(lambda: engine.client.idle)
    wait_for(lambda: not alive(stopped[0]))
    assert engine.run(engine.generate(0.2, prompt="x")).status == "done"


def test_a_running_job_lets_go_between_steps(engine: Engine) -> None:
    engine.warm_up()
    worker = engine.family()["worker"]
    job_id = engine.client.submit(engine.generate(2.0, prompt="x", takes=50))
    takes: list[TakeReady] = []

    def cancel(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "sampling":
            engine.client.cancel(job_id)
        if isinstance(event, TakeReady):
            takes.append(event)

    engine.until(lambda: engine.client.job(job_id).ended, cancel)
    engine.until(lambda: engine.client.idle)
    assert takes == []
    assert engine.run(engine.generate(0.2, prompt="x")).status == "done"
    assert engine.family()["worker"] == worker


def test_memory_that_runs_out_fails_the_job_by_name_and_the_engine_serves_on(
    engine: Engine,
) -> None:
    engine.warm_up()
    worker = engine.family()["worker"]
    status = Path(f"/proc/{worker}/status").read_text()
    size = int(next(line for line in status.splitlines() if line.startswith("VmSize")).split()[1])
    limits = resource.prlimit(worker, resource.RLIMIT_AS)
    resource.prlimit(worker, resource.RLIMIT_AS, ((size << 10) + (1 << 20), limits[1]))
    job = engine.run(engine.generate(2.0, prompt="x", takes=1))
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(worker, resource.RLIMIT_AS, limits)
    assert job.error is not None
    # Nearly always the first; but what fails may also be a thread, a library, an interpreter.
    assert job.error.code in ("out_of_memory", "engine_lost", "engine_error")
    assert job.error.hint
    assert engine.run(engine.generate(0.2, prompt="x")).status == "done"


def test_rubbish_on_stdin_is_survived(engine: Engine) -> None:
    engine.warm_up()
    assert engine.process._process is not None
    stdin = engine.process._process.stdin
    assert stdin is not None
    stdin.write(b"rubbish\n\x00\xff\n" + b"[" * 100_000 + b"\n" + b"x" * (50 << 20) + b"\n")
    stdin.write(b'{"type": "cancel", "job_id": "unknown"}\n{"type": "dance"}\n')
    stdin.flush()
    assert engine.run(engine.generate(0.2, prompt="x")).status == "done"
    assert any("Ignored" in line for line in engine.client.log)


def test_a_killed_fork_server_is_replaced(engine: Engine) -> None:
    engine.warm_up()
    family = engine.family()
    os.kill(family["zygote"], signal.SIGKILL)
    wait_for(lambda: not alive(family["worker"]))
    assert engine.run(engine.generate(0.2, prompt="x")).status == "done"
    assert engine.family()["zygote"] != family["zygote"]


def test_a_killed_front_is_replaced_and_takes_its_children_along(engine: Engine) -> None:
    engine.warm_up()
    family = engine.family()
    os.kill(family["front"], signal.SIGKILL)
    assert engine.run(engine.generate(0.2, prompt="x")).status == "done"
    wait_for(lambda: not any(alive(pid) for pid in family.values()))


def test_end_of_input_ends_every_process(engine: Engine) -> None:
    engine.warm_up()
    family = engine.family()
    assert set(family) == {"front", "zygote", "worker"}
    engine.process.close()
    wait_for(lambda: not any(alive(pid) for pid in family.values()))
    assert engine.client.status.life == "stopped"


# --- engines of their own --------------------------------------------------------------------


def serve(environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "vatt_engine", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )


def converse(process: subprocess.Popen[bytes], *requests: messages.Request) -> list[Event]:
    """Send requests, and read until the last one's job has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    for request in requests:
        process.stdin.write(wire.encode(request))
    process.stdin.flush()
    events: list[Event] = []
    for line in process.stdout:
        events.append(wire.decode_event(line))
        if isinstance(events[-1], messages.Finished | messages.Failed | messages.JobCancelled):
            break
    return events


@pytest.mark.parametrize(
    ("module", "body", "names"),
    [
        ("torch", "raise ModuleNotFoundError('No module named torch', name='torch')", "torch=="),
        (
            "torch",
            "raise OSError('libcudart.so.13: cannot open shared object file')",
            "torchaudio==",
        ),
        ("torch", "import os; os.abort()", "Install"),
    ],
)
def test_a_broken_installation_is_told_as_text(
    tmp_path: Path, module: str, body: str, names: str
) -> None:
    (tmp_path / f"{module}.py").write_text(body)
    with serve({"PYTHONPATH": str(tmp_path)}) as process:
        *_, ended = converse(process, messages.Hello(), Doctor(job_id="d"))
        assert isinstance(ended, messages.Failed)
        assert ended.code == "engine_unavailable"
        assert names in ended.hint
        # What needs no torch still works.
        *_, listed = converse(process, messages.ListModels(job_id="m"))
        assert isinstance(listed, messages.Finished)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


def test_prints_of_libraries_go_to_the_log_and_not_onto_the_wire(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("print('Downloading...'); raise ImportError('no')")
    with serve({"PYTHONPATH": str(tmp_path)}) as process:
        events = converse(process, messages.Hello(), Doctor(job_id="d"))
        assert isinstance(events[-1], messages.Failed)
        assert process.stdin is not None
        process.stdin.close()


def test_half_a_line_and_the_end_of_input_end_the_engine() -> None:
    with serve() as process:
        out, _ = process.communicate(b'{"type": "hel', timeout=PATIENCE_S)
        assert process.returncode == 0
        assert out == b""


def test_ctrl_c_is_the_clients_business(tmp_path: Path) -> None:
    with serve() as process:
        converse(process, messages.Hello(warm=False), messages.ListModels(job_id="m"))
        process.send_signal(signal.SIGINT)
        *_, ended = converse(process, messages.ListModels(job_id="n"))
        assert isinstance(ended, messages.Finished)
        assert ended.job_id == "n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_when_the_client_is_killed_the_engine_goes_with_it(tmp_path: Path) -> None:
    """Also where another process still holds the engine's stdin open."""
    pid_file = tmp_path / "pid"
    client = (
        "import os, subprocess, sys, time\n"
        "read, write = os.pipe()\n"
        "os.set_inheritable(write, True)\n"
        "engine = subprocess.Popen([sys.executable, '-m', 'vatt_engine', 'serve'], stdin=read,"
        " stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)\n"
        "holder = subprocess.Popen(['sleep', '300'], close_fds=False)\n"
        'os.write(write, b\'{"type": "hello", "warm": false}\\n\')\n'
        "engine.stdout.readline()\n"
        f"open({str(pid_file)!r}, 'w').write(f'{{engine.pid}} {{holder.pid}} ')\n"
        "time.sleep(300)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", client])
    wait_for(lambda: pid_file.exists() and pid_file.read_text().endswith(" "))
    engine, holder = map(int, pid_file.read_text().split())
    try:
        assert alive(engine)
        process.kill()
        process.wait()
        wait_for(lambda: not alive(engine))
    finally:
        os.kill(holder, signal.SIGKILL)


def test_workers_without_a_fork_server_speak_the_same(tmp_path: Path) -> None:
    """The way of platforms that cannot fork: a Python a worker."""
    program = (
        "import sys; import vatt_engine.server as s\n"
        "from vatt_engine.launcher import SpawnLauncher\n"
        "sys.exit(s.serve(sys.stdin.buffer, sys.stdout.buffer, SpawnLauncher()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        *_, ended = converse(process, messages.Hello(), Doctor(job_id="d"))
        assert isinstance(ended, messages.Finished)
        assert json.dumps(dict(ended.result))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
