"""A job that runs out of memory: what is said, in numbers where they are known, and what helps."""

from __future__ import annotations

import dataclasses

import pytest
from PyQt6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import wait_take
from vatt_engine import messages
from vatt_ui.main_window import MainWindow


def notice_buttons(panel: MainWindow) -> dict[str, QPushButton]:
    """The buttons of the notices in the pane of the takes, by their words."""
    return {b.text(): b for b in panel.takes.notices.findChildren(QPushButton) if b.text()}


GPU_WAYS = {"Retry", "Use less GPU memory", "Try on the CPU"}


@pytest.mark.parametrize(
    ("device", "told", "labels"),
    [
        ("cuda:0", "", GPU_WAYS),
        ("auto", "cuda", GPU_WAYS),
        ("cuda+offload", "cuda+offload", {"Retry", "Try on the CPU"}),
        ("auto", "cpu", {"Retry"}),
        ("cpu", "", {"Retry"}),
    ],
)
def test_a_job_short_of_memory_offers_what_helps_there(
    panel: MainWindow, device: str, told: str, labels: set[str]
) -> None:
    session = panel.session
    assert session.project is not None
    session.project.settings = dataclasses.replace(session.settings, device=device)
    session.engine.set_paused(True)
    job_id = session.jobs.generate(session.current, takes=2)
    job = session.engine.job(job_id)
    asked = job.request
    assert isinstance(asked, messages.Generate)
    session.engine.client._jobs.take_in(job, messages.Started(job_id, told))
    session.engine.event_received.emit(
        messages.Failed(job_id, "out_of_memory", "Not enough memory.", "Close other programs.")
    )
    buttons = notice_buttons(panel)
    assert set(buttons) == labels
    chosen = next(b for b in ("Use less GPU memory", "Try on the CPU", "Retry") if b in buttons)
    buttons[chosen].click()
    ((_, state),) = session.jobs.table()
    again = state.request
    assert isinstance(again, messages.Generate)
    assert again.device == {
        "Use less GPU memory": f"{told or device}+offload", "Try on the CPU": "cpu", "Retry": device
    }[chosen]  # fmt: skip
    renamed = dataclasses.replace(
        again, job_id=asked.job_id, device=asked.device, scratch=asked.scratch
    )
    assert renamed == asked
    session.jobs.cancel_all()


def test_want_of_memory_is_told_in_numbers(panel: MainWindow) -> None:
    session = panel.session
    gpu = {"id": "cuda:0", "name": "a GPU", "memory_bytes": 8 * 10**9, "auto": True}
    session.questions.devices_found.emit([{"id": "cpu", "memory_bytes": 24 * 10**9}, gpu])
    needs = {"cpu": 10 * 10**9, "resident": 92 * 10**8, "offload": 3 * 10**9}
    session.questions.model_told.emit({"name": session.model, "memory": needs})
    session.engine.set_paused(True)
    job_id = session.jobs.generate(session.current)
    session.engine.event_received.emit(messages.Failed(job_id, "out_of_memory", "CUDA says so."))
    (text,) = [t for t in panel.takes.notices.texts if "needs" in t]
    assert text == "Shot_001 needs about 9.2 GB; this GPU has 8 GB. Other takes are safe."
    assert {"Use less GPU memory", "Details"} < set(notice_buttons(panel))
    session.jobs.cancel_all()


def test_want_of_memory_is_seen_on_the_engine_chip(panel: MainWindow, qtbot: QtBot) -> None:
    session = panel.session
    panel.commands.generate()
    wait_take(panel, qtbot)
    session.engine.set_paused(True)
    job_id = session.jobs.generate(session.current)
    session.engine.event_received.emit(
        messages.Failed(job_id, "out_of_memory", "Not enough memory.", "Close other programs.")
    )
    session.jobs.changed.emit()
    assert "Out of memory" in panel.status.chip.text()
    session.jobs.retry(job_id)
    session.jobs.changed.emit()
    assert "Out of memory" not in panel.status.chip.text()
    session.jobs.cancel_all()


def test_a_gpu_that_others_fill_is_said(panel: MainWindow) -> None:
    session = panel.session
    session.questions.devices_found.emit(
        [{"id": "cuda:0", "memory_bytes": 8 * 10**9, "auto": True}]
    )
    needs = {"resident": 1053 * 10**6, "offload": 1048 * 10**6}
    session.questions.model_told.emit({"name": session.model, "memory": needs})
    session.engine.set_paused(True)
    job_id = session.jobs.generate(session.current)
    session.engine.event_received.emit(messages.Failed(job_id, "out_of_memory", "CUDA says so."))
    (text,) = [t for t in panel.takes.notices.texts if "needs" in t]
    assert "needs about 1.1 GB; others hold too much of this GPU's 8 GB" in text
    assert "Use less GPU memory" not in notice_buttons(panel)  # it would save next to nothing
    session.jobs.cancel_all()


def test_the_chip_says_where_the_engine_runs(panel: MainWindow, qtbot: QtBot) -> None:
    session, chip = panel.session, panel.status.chip
    panel.commands.generate()
    wait_take(panel, qtbot)
    qtbot.waitUntil(lambda: session.engine.status.life == "ready", timeout=30000)
    assert chip.text() == f"Engine ready: {session.model}"
    gpu = {"id": "cuda:0", "name": "a GPU", "memory_bytes": 8 * 10**9, "auto": True}
    session.questions.devices_found.emit([{"id": "cpu"}, gpu])
    assert chip.text() == f"Engine ready: {session.model}, GPU"
    session.set_settings(dataclasses.replace(session.settings, device="cpu"))
    panel.status.refresh()
    assert chip.text() == f"Engine ready: {session.model}, CPU"
