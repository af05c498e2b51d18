"""The panel in the pseudo-locale, two fifths longer: what has no room, what is not translated.

``LANGUAGE=en_XA python -m tests.helpers.long_words FOLDER`` opens the sample cut with takes at
1280 x 720 and prints JSON: ``{"clipped": [...], "untranslated": [...], "n_seen": n}``. Pictures
of what was looked at go to the folder.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QTableView,
    QTabWidget,
    QToolButton,
    QWidget,
)

from vatt_ui.dialogs import (
    about,
    cue_source,
    first_run,
    key_sheet,
    model_picker,
    pattern,
    preferences,
    write_preview,
)
from vatt_ui.main_window import MainWindow
from vatt_ui.text import ElidedLabel

ROOT = Path(__file__).resolve().parents[2]
SIZE = (1280, 720)
_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_WORD = re.compile(r"[^\W\d_]{3,}")
_PLAIN_VOWEL = re.compile(r"[aeiou]", re.IGNORECASE)
_ACCENT = re.compile(r"[áéíóú]", re.IGNORECASE)
# Names that are the same in every language, and keys as the platform writes them.
_NAMES = {
    "vatt", "foley", "tiny", "mini", "gemma", "python", "lufs", "csv", "cuda", "mps", "auto", "cpu",
    "ctrl", "alt", "shift", "space", "del", "home", "end", "left", "right", "down", "return", "esc",
    "enter", "cmd", "the", "imported", "apache", "weights", "published", "dbtp",
}  # fmt: skip


def studio(folder: Path) -> tuple[ModuleType, Any]:
    """The script that takes the pictures of the panel, and its ``Studio``."""
    path = ROOT / "scripts" / "screenshots.py"
    spec = importlib.util.spec_from_file_location("screenshots", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, module.Studio(folder)


def shown(root: QWidget) -> Iterator[QWidget]:
    """Every widget a user sees in a window."""
    for widget in [root, *root.findChildren(QWidget)]:
        if widget.isVisibleTo(root) and not widget.objectName().startswith("qt_"):
            yield widget


def needs(widget: QWidget) -> QSize | None:
    """The room a widget's words need; None where eliding or scrolling is what they do."""
    if isinstance(widget, ElidedLabel):
        return None
    if isinstance(widget, QLabel):
        if not widget.text():
            return None
        if widget.wordWrap():
            return QSize(0, widget.heightForWidth(widget.width()))
        return widget.sizeHint()
    if isinstance(widget, QPushButton | QCheckBox | QRadioButton):
        return widget.sizeHint() if widget.text() else None
    if isinstance(widget, QToolButton) and widget.text() and widget.icon().isNull():
        return QSize(widget.sizeHint().width(), widget.fontMetrics().height())
    if isinstance(widget, QComboBox):
        return QSize(widget.fontMetrics().horizontalAdvance(widget.currentText()) + 30, 0)
    return None


def clipped(root: QWidget) -> Iterator[str]:
    """Widgets with less room than their words need, and headings of tables."""
    for widget in shown(root):
        size = needs(widget)
        if size is not None and (
            size.width() > widget.width() + 1 or size.height() > widget.height() + 1
        ):
            text = getattr(widget, "text", getattr(widget, "currentText", str))()
            yield f"{type(widget).__name__} {text!r}: {size} in {widget.size()}"
        if isinstance(widget, QTableView):
            yield from clipped_headings(widget)


def clipped_headings(table: QTableView) -> Iterator[str]:
    """Headings that do not fit over their columns."""
    header, model = table.horizontalHeader(), table.model()
    if header is None or model is None or header.isHidden():
        return
    for column in range(header.count()):
        if header.isSectionHidden(column):
            continue
        words = str(model.headerData(column, Qt.Orientation.Horizontal) or "")
        room = header.sectionSize(column)
        if header.fontMetrics().horizontalAdvance(words) + 8 > room:
            yield f"heading {words!r} of {table.accessibleName()}: {room} px"


def texts(root: QWidget) -> Iterator[str]:
    """Every word the panel itself says in a window, to eyes or to screen readers."""
    for widget in shown(root):
        yield widget.accessibleName()
        yield re.sub(r"<[^>]*>", " ", widget.toolTip())
        if isinstance(widget, QLabel | QAbstractButton):
            yield widget.text()
        if isinstance(widget, QComboBox):
            yield from (widget.itemText(i) for i in range(widget.count()))
        if isinstance(widget, QAbstractSpinBox):
            yield widget.text()
        if isinstance(widget, QTabWidget):
            yield from (widget.tabText(i) for i in range(widget.count()))
        model = widget.model() if isinstance(widget, QTableView) else None
        if model is not None:
            for column in range(model.columnCount()):
                yield str(model.headerData(column, Qt.Orientation.Horizontal) or "")


def untranslated(root: QWidget, data: set[str]) -> Iterator[str]:
    """Words in plain English that are no data of the user's."""
    for text in texts(root):
        for word in _WORD.findall(_PLACEHOLDER.sub(" ", text)):
            english = _PLAIN_VOWEL.search(word) and not _ACCENT.search(word)
            if english and word.casefold() not in data:
                yield f"{word!r} in {text[:80]!r}"


def data_of(window: MainWindow, module: ModuleType) -> set[str]:
    """Words that come from the user, the cut or the machine."""
    session = window.session
    own = [session.cut.path if session.cut else "", *module.PROMPTS.values()]
    own += [*module.CAPTIONS.values(), "speech, music", "grass rustles in the wind"]
    own += ["soft steps, cloth moving", "demo steps on gravel", session.engine.status.detail]
    for cue in session.cues:
        own += [cue.clip, cue.track, cue.media, session.state(cue.cue_id).caption]
    own += [track.name for track in (session.cut.tracks if session.cut else ())]
    return _NAMES | {word.casefold() for text in own for word in _WORD.findall(text)}


def main(folder: Path) -> dict[str, object]:
    """Look at the window and at its dialogs."""
    module, taker = studio(folder)
    window: MainWindow = taker.window(size=SIZE)
    found: dict[str, list[str]] = {"clipped": [], "untranslated": []}
    n_seen = 0

    def look(root: QWidget, name: str) -> None:
        nonlocal n_seen
        taker.shot(root, name)
        n_seen += sum(1 for _widget in shown(root))
        data = data_of(window, module)
        found["clipped"] += [f"{name}: {text}" for text in clipped(root)]
        found["untranslated"] += [f"{name}: {text}" for text in untranslated(root, data)]

    look(window, "long-empty")
    taker.opened(window)
    window.docks["queue"].show()
    look(window, "long-panel")
    session, theme, chosen = window.session, window.theme, window.preferences
    vars(session.questions)["list_models"] = lambda: None
    for name, dialog in (
        ("write", write_preview.show(window, session, theme, chosen)),
        ("cue-source", cue_source.show(window, session.opening, theme)),
        ("keys", key_sheet.show(window, theme, chosen)),
        ("preferences", preferences.show(window, session, theme, chosen)),
        ("models", model_picker.show(window, session, theme, chosen)),
        ("pattern", pattern.show(window, session, theme)),
        ("welcome", first_run.show(window, session, theme, window.player.transport.audio)),
        ("about", about.show(window, theme)),
    ):
        look(dialog, f"long-{name}")
        if isinstance(dialog, preferences.PreferencesDialog):
            tabs = dialog.findChild(QTabWidget)
            assert tabs is not None
            for page in range(1, tabs.count()):
                tabs.setCurrentIndex(page)
                look(dialog, f"long-preferences-{page}")
        dialog.close()
    for action in window.actions_.actions.values():
        for word in _WORD.findall(action.text()):
            english = _PLAIN_VOWEL.search(word) and not _ACCENT.search(word)
            if english and word.casefold() not in _NAMES | {"span"}:  # "span": the script's step
                found["untranslated"].append(f"menu: {word!r} in {action.text()!r}")
    taker.close(window)
    return {**{k: sorted(set(v)) for k, v in found.items()}, "n_seen": n_seen}


if __name__ == "__main__":
    result = main(Path(sys.argv[1]))
    sys.stderr.write(json.dumps(result) + "\n")
