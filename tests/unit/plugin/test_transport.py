"""Carrying bytes to a real process: how it ends, what of its log is kept, its surroundings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import fake_engine
from vatt_engine.messages import ListModels
from vatt_plugin import product, transport
from vatt_plugin.client import EngineClient
from vatt_plugin.errors import BrokenInstall
from vatt_plugin.transport import EngineProcess


def command(mode: str) -> list[str]:
    return [sys.executable, "-S", str(Path(fake_engine.__file__)), mode, "."]


def serve(process: EngineProcess) -> None:
    job_id = process.client.submit(ListModels())
    for _ in process.events():
        pass
    assert process.client.job(job_id).status == "done"


def test_a_process_is_started_on_need_and_gone_afterwards() -> None:
    with EngineProcess(EngineClient(), command("good")) as process:
        assert process.pid is None
        serve(process)
        assert process.pid is not None
    assert process.pid is None
    assert process.client.status.life == "stopped"


def test_an_engine_that_will_not_go_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "STEP_S", 0.2)
    with EngineProcess(EngineClient(), command("stubborn")) as process:
        serve(process)
        popen = process._process
    assert popen is not None
    assert popen.returncode == -9


def test_closing_twice_or_unused_is_no_problem() -> None:
    process = EngineProcess(EngineClient(), command("good"))
    process.close()
    process.close()


def test_the_log_is_kept_for_the_user_and_begun_anew_when_large(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "engine.log"
    for _ in range(2):
        with EngineProcess(EngineClient(), command("broken"), path) as process:
            process.client.submit(ListModels())
            for _ in process.events():
                pass
    text = path.read_text()
    assert text.count("No module named 'vatt_engine'") == 2
    path.write_bytes(b"x" * (5 << 20))
    with EngineProcess(EngineClient(), command("good"), path) as process:
        serve(process)
    assert path.stat().st_size < 1000


def test_a_log_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with EngineProcess(EngineClient(), command("good"), tmp_path / "file" / "log") as process:
        serve(process)


# --- how parts are started ---------------------------------------------------------------------


def test_what_a_host_sets_for_its_own_python_is_not_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "QT_PLUGIN_PATH", "LD_LIBRARY_PATH", "DYLD_INSERT"):
        monkeypatch.setenv(name, "/host")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = product.clean_environment()
    assert "/host" not in environment.values()
    assert environment["LANG"] == "C.UTF-8"


def test_commands_come_from_the_manifest_and_name_this_python(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(product.PYTHON_VARIABLE, raising=False)
    assert product.command("engine")[0] == sys.executable
    assert product.command("cli", "doctor")[-1] == "doctor"
    monkeypatch.setenv(product.PYTHON_VARIABLE, "/opt/python")
    assert product.command("engine")[0] == "/opt/python"
    with pytest.raises(BrokenInstall, match="no entry point 'dance'"):
        product.command("dance")


def test_the_working_folder_cannot_shadow_our_modules() -> None:
    for name in ("engine", "cli", "panel"):
        assert "-P" in product.command(name)
