"""The panel as a screen reader and a keyboard have it, and as eyes that need contrast see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QAbstractSpinBox, QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from tests.helpers import accessible
from tests.unit.ui.conftest import wait_take
from vatt_plugin.project_state import CueState, Hit
from vatt_ui import spoken
from vatt_ui.dialogs import (
    about,
    cue_source,
    empty_trash,
    first_run,
    key_sheet,
    model_picker,
    pattern,
    preferences,
    write_preview,
)
from vatt_ui.main_window import MainWindow
from vatt_ui.notices import Notice
from vatt_ui.shown_lane import ShownLane
from vatt_ui.theme.tokens import THEMES, contrast

needs_tree = pytest.mark.skipif(
    not accessible.AVAILABLE, reason="Qt's tree is read on Linux on x86-64 only"
)
TARGET = 24  # px, WCAG 2.2 2.5.8


@pytest.fixture
def worked(panel: MainWindow, qtbot: QtBot) -> MainWindow:
    """A panel in the midst of work: a take, hits, in..out, offers, a message, the queue shown."""
    session = panel.session
    panel.commands.handlers()["generate"]()
    wait_take(panel, qtbot)
    qtbot.waitUntil(lambda: session.jobs.open_count() == 0, timeout=30000)
    session.edit(
        "work",
        {
            session.current: {
                "hits": (Hit(0.5, 0.6), Hit(1.0, 0.9, muted=True)),
                "span": (0.25, 1.5),
                "alternatives": ("steps on gravel", "soft steps"),
                "caption": "somebody walks",
            }
        },
    )
    panel.docks["queue"].show()
    panel.show_notice(
        Notice("The cut has changed.", "Look.", "warning", "takes", "x", (("Conform", int),))
    )
    QApplication.processEvents()
    return panel


def problems(root: QWidget) -> list[str]:
    """What somebody who hears, tabs or cannot aim would stumble over."""
    found = []
    for node in accessible.tree(root, cells=12):
        if "<qt>" in node.name + node.description or "&lt;" in node.description:
            found.append(f"markup is read aloud: {node}")
        if not node.focusable:
            continue
        # On Linux Qt tells a combo box's choice as its name; the name is in the description.
        name = node.description if node.role == "combo box" else node.name
        if not any(c.isalnum() for c in name):
            found.append(f"no name: {node}")
        small = min(node.rect.width(), node.rect.height()) < TARGET
        if small and node.role not in ("cell", "text", "client"):
            found.append(f"{node.rect.width()} x {node.rect.height()} px: {node}")
    return found


@needs_tree
def test_whatever_takes_the_focus_has_a_name_and_is_large_enough(worked: MainWindow) -> None:
    nodes = accessible.tree(worked, cells=12)
    assert sum(node.focusable for node in nodes) > 50  # the tree was really walked
    assert problems(worked) == []


@needs_tree
def test_an_empty_panel_too(window: MainWindow) -> None:
    assert problems(window) == []


@needs_tree
def test_tables_say_column_and_value_and_no_signs(worked: MainWindow) -> None:
    said = [node.name for node in accessible.tree(worked, cells=60) if node.role == "cell"]
    assert "Clip: Shot_001" in said
    assert "Starred: no" in said
    assert any(name.startswith("State: used") for name in said)
    worked.session.edit(
        "star",
        {worked.session.current: {"starred": worked.session.state(worked.session.current).takes}},
    )
    said = [node.name for node in accessible.tree(worked, cells=60) if node.role == "cell"]
    assert "Starred: yes" in said
    assert not any("★" in name for name in said)


@needs_tree
def test_drawn_widgets_say_what_they_draw(worked: MainWindow) -> None:
    nodes = {node.name: node for node in accessible.tree(worked)}
    assert "Timeline, 01:00:00:00, Shot_001, in 0.25 s, out 1.50 s, 2 hits" in nodes
    lane = nodes["Hits of the current cue"]
    assert lane.description == "2 hits: 0.50 s, strength 60 %; 1.00 s, strength 90 %, muted"
    assert "Timecode at the playhead: 01:00:00:00" in nodes


@needs_tree
def test_keys_alone_move_a_hit_and_each_step_is_told(worked: MainWindow) -> None:
    handlers = worked.commands.handlers()
    worked.timeline.strip.setFocus()
    worked.player.transport.seek(0.5)
    with accessible.heard() as told:
        handlers["hit_next"]()
        handlers["hit_later"]()
        handlers["frame_on"]()
    names = [name for kind, name in told if kind == "name" and name.startswith("Timeline")]
    assert any("hit 1 of 2: 0.50 s, strength 60 %" in name for name in names) or any(
        "hit 2 of 2" in name for name in names
    )
    assert "01:00:00:13" in names[-1]


@needs_tree
def test_takes_notices_and_progress_are_told(panel: MainWindow, qtbot: QtBot) -> None:
    with accessible.heard() as told:
        panel.commands.handlers()["generate"]()
        wait_take(panel, qtbot)
        qtbot.waitUntil(lambda: ("name", "Take 1 of Shot_001 is ready.") in told, timeout=30000)
        panel.session.tell(Notice("The disk is full.", "Make room.", "error"))
    assert ("name", "Making takes of Shot_001.") in told
    assert any(kind == "value" for kind, _ in told)  # a progress bar moved
    assert ("name", "The disk is full. Make room.") in told
    assert panel.status.message.text() == "The disk is full. Make room."


def test_a_messages_buttons_say_what_they_are_about(window: MainWindow) -> None:
    window.show_notice(Notice("Gone wrong.", "Try again.", "error", actions=(("Retry", int),)))
    bar = window.window_notices
    described = [
        b.accessibleDescription()
        for b in bar.findChildren(QWidget)
        if b.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert described == ["Gone wrong. Try again."] * 2


# --- the Tab key -------------------------------------------------------------------------------


def tab_stops(window: MainWindow) -> Iterator[QWidget]:
    """What Tab goes through, from the first pane on."""
    at: QWidget | None = window
    for _ in range(500):
        at = at.nextInFocusChain() if at is not None else None
        if at is None or at is window:
            return
        stop = at.isVisible() and at.isEnabled() and at.focusPolicy() & Qt.FocusPolicy.TabFocus
        if stop and not isinstance(at.parent(), QAbstractSpinBox):
            yield at


def test_tab_goes_from_pane_to_pane_and_down_each(worked: MainWindow) -> None:
    stops = list(tab_stops(worked))
    parts: list[QWidget] = [p for pane in worked.panes for p in (pane.title, pane)]
    parts.append(worked.status)
    places = [
        next(i for i, p in enumerate(parts) if p.isAncestorOf(w))
        for w in stops
        if any(p.isAncestorOf(w) for p in parts)
    ]
    first = places.index(0) if 0 in places else places.index(1)
    turned = places[first:] + places[:first]
    assert turned == sorted(turned)
    for pane in (worked.cues, worked.inspector, worked.takes):
        inside = [w for w in stops if pane.isAncestorOf(w)]
        rows = [w.mapTo(pane, QPoint(0, w.height() // 2)).y() for w in inside]
        assert all(after >= before - TARGET for before, after in pairwise(rows))
    names = [w.accessibleName() for w in stops]
    at = names.index("Use as prompt: steps on gravel")
    assert names[at - 1] == "Caption again"
    assert "Prompt" in names[at + 2 : at + 4]


# --- dialogs -----------------------------------------------------------------------------------

DIALOGS: dict[str, Callable[[MainWindow], QDialog]] = {
    "about": lambda w: about.show(w, w.theme),
    "cue source": lambda w: cue_source.show(w, w.session.opening, w.theme),
    "keys": lambda w: key_sheet.show(w, w.theme, w.preferences),
    "models": lambda w: model_picker.show(w, w.session, w.theme, w.preferences),
    "pattern": lambda w: pattern.show(w, w.session, w.theme),
    "preferences": lambda w: preferences.show(w, w.session, w.theme, w.preferences),
    "trash": lambda w: empty_trash.show(w, w.session, 2),
    "welcome": lambda w: first_run.show(w, w.session, w.theme, w.player.transport.audio),
    "write": lambda w: write_preview.show(w, w.session, w.theme, w.preferences),
}


@needs_tree
@pytest.mark.parametrize("name", DIALOGS)
def test_dialogs(name: str, panel: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    for question in ("list_models", "list_devices", "tell_model"):
        monkeypatch.setattr(panel.session.questions, question, lambda *_args: None)
    dialog = DIALOGS[name](panel)
    QApplication.processEvents()
    assert dialog.windowTitle() or dialog.accessibleName()
    assert problems(dialog) == []
    dialog.close()


# --- what is seen ------------------------------------------------------------------------------

TEXTS = (
    ("dim", "ground"), ("accent", "raised"), ("accent", "hover"), ("failed", "raised"),
    ("focus", "pane"), ("on_accent", "focus"), ("on_accent", "accent"), ("text", "selection"),
    ("text", "picture"), ("dim", "hover"), ("done", "selection"), ("running", "selection"),
    ("ground", "running"),
)  # fmt: skip
SHAPES = (
    ("edge", "pane"), ("edge", "field"), ("hit", "ground"), ("wave", "ground"),
    ("original", "ground"), ("playhead", "ground"), ("focus", "raised"), ("focus", "field"),
)  # fmt: skip


@pytest.mark.parametrize("name", THEMES)
def test_contrast_of_states_and_shapes(name: str) -> None:
    theme = THEMES[name]
    for pairs, least in ((TEXTS, 4.5), (SHAPES, 3.0)):
        low = {
            pair: round(contrast(getattr(theme, pair[0]), getattr(theme, pair[1])), 2)
            for pair in pairs
            if contrast(getattr(theme, pair[0]), getattr(theme, pair[1])) < least
        }
        assert low == {}


def test_a_long_list_of_hits_ends() -> None:
    def told(hits: tuple[Hit, ...] | None) -> str:
        return spoken.lane(ShownLane(CueState(hits=hits)))

    said = told(tuple(Hit(i / 10, 0.5) for i in range(300)))
    assert said.startswith("300 hits: 0.00 s")
    assert said.endswith("…")
    assert len(said) < 1000
    assert told(None) == "not spotted yet"
    assert told(()) == "0 hits"


def test_no_folder_is_left_out() -> None:
    """Every dialog of the panel is walked here, recovery apart (it has its own test)."""
    folder = Path(about.__file__).parent
    modules = {p.stem for p in folder.glob("*.py")}
    helpers = {"__init__", "base", "mix_box", "take_settings", "recovery"}
    assert len(modules - helpers) == len(DIALOGS)
