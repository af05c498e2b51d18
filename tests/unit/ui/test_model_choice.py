"""What the panel tells about a model before it is used: room for it, and what it cannot hear."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from tests.unit.ui.conftest import cell_text, press, wait_take
from vatt_ui.dialogs.model_picker import GPU_FIT, ModelPicker
from vatt_ui.main_window import MainWindow


def test_the_picker_says_whether_a_model_fits(panel: MainWindow, qtbot: QtBot) -> None:
    dialog = ModelPicker(panel, panel.session, panel.theme, panel.preferences)
    small = {"name": "small", "memory_bytes": 600_000_000, "machine_bytes": 23 * 10**9}
    rows = [
        {**small, "fits": True},
        {**small, "name": "huge", "bytes": 7 * 10**9, "memory_bytes": 31 * 10**9, "fits": False},
        {**small, "name": "unknown machine", "machine_bytes": 0, "fits": None},
        {"name": "broken", "error": "a file is missing"},
    ]
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=60000)  # the engine's answer
    panel.session.questions.models_found.emit(rows)
    fits = [cell_text(dialog.table, row, 3) for row in range(4)]
    assert fits == [
        "fits: needs 0.6 GB of 23 GB",
        "too large: needs 31.0 GB of 23 GB",
        "needs 0.6 GB",
        "–",
    ]
    assert cell_text(dialog.table, 1, 1) == "7.0 GB"
    assert cell_text(dialog.table, 3, 5) == "damaged: a file is missing"
    dialog.accept()


def test_the_picker_says_what_fits_on_the_gpu(panel: MainWindow, qtbot: QtBot) -> None:
    dialog = ModelPicker(panel, panel.session, panel.theme, panel.preferences)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=60000)
    assert dialog.table.isColumnHidden(GPU_FIT)
    questions = panel.session.questions
    names = ("small", "large", "huge", "untold")
    questions.models_found.emit([{"name": name, "trained": True} for name in names])
    gpu = {"id": "cuda:0", "name": "a GPU", "memory_bytes": 8 * 10**9}
    questions.devices_found.emit([{"id": "cpu", "memory_bytes": 10**9}, gpu])
    for name, whole, lean in zip(names, (1.1, 9.2, 20.0), (1.0, 3.5, 15.0), strict=False):
        memory = {"resident": int(whole * 1e9), "offload": int(lean * 1e9)}
        questions.model_told.emit({"name": name, "memory": memory})
    assert not dialog.table.isColumnHidden(GPU_FIT)
    assert [cell_text(dialog.table, row, GPU_FIT) for row in range(4)] == [
        "fits: needs 1.1 GB of 8 GB",
        "in parts: needs 3.5 GB of 8 GB",
        "too large: needs 20.0 GB of 8 GB",
        "–",
    ]
    dialog.accept()


def test_the_inspector_says_that_a_model_hears_no_hits(panel: MainWindow, qtbot: QtBot) -> None:
    session, inspector = panel.session, panel.inspector
    deaf = {"name": "tiny", "trained": True, "sync_lane": False}
    hearing = {"name": "hearing", "trained": True, "sync_lane": True}
    assert not inspector.lacking.isVisible()
    session.models.preferred = "tiny"
    session.questions.models_found.emit([deaf, hearing])
    assert inspector.lacking.isVisible()
    assert "tiny does not hear hits" in inspector.lacking.text()
    panel.commands.generate()
    wait_take(panel, qtbot)
    panel.timeline.hits.add(0.5, 1.0)
    assert any("'tiny' hears no hits" in text for text in panel.timeline.notices.texts)
    buttons = panel.timeline.notices.findChildren(type(inspector.generate))
    assert "Regenerate around it" not in [button.text() for button in buttons]
    session.models.preferred = "hearing"
    session.questions.models_found.emit([deaf, hearing])
    assert not inspector.lacking.isVisible()


def test_a_picked_model_makes_the_takes_and_the_inspector_knows(
    panel: MainWindow, qtbot: QtBot
) -> None:
    panel.show_models()
    dialog = panel.findChild(ModelPicker)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=60000)
    deaf = {"name": "deaf", "trained": True, "sync_lane": False}
    panel.session.questions.models_found.emit([{"name": "tiny", "sync_lane": True}, deaf])
    dialog.table.setCurrentCell(1, 0)
    press(panel, "Use this model")
    assert panel.session.model == panel.preferences.model == "deaf"
    assert "deaf does not hear hits" in panel.inspector.lacking.text()


def test_the_picker_says_what_a_model_says_of_itself(panel: MainWindow, qtbot: QtBot) -> None:
    dialog = ModelPicker(panel, panel.session, panel.theme, panel.preferences)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=60000)
    row = next(r for r in range(2) if cell_text(dialog.table, r, 0) == "tiny")
    dialog.table.setCurrentCell(row, 0)
    qtbot.waitUntil(lambda: "Random weights" in dialog.about.text(), timeout=60000)
    assert "Untrained" in dialog.about.text()
    assert "Apache-2.0" in dialog.about.text()
    qtbot.waitUntil(lambda: "24.0 GB" in dialog.devices.text(), timeout=60000)
    dialog.accept()
