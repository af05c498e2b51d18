"""The Tab key follows the eye: pane by pane, and inside a pane in the order of its layout.

Qt goes by the order in which widgets were made, which puts the picture before the list of cues and
everything that is made later (offers, messages) at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QComboBox,
    QLayout,
    QScrollArea,
    QWidget,
)

_WHOLE = (QAbstractItemView, QAbstractSpinBox, QComboBox)  # what lies inside is theirs


def follow_the_eye(parts: Iterable[QWidget]) -> None:
    """Chain all Tab stops of the parts, part by part."""
    for one, other in pairwise(chain.from_iterable(stops(part) for part in parts)):
        QWidget.setTabOrder(one, other)


def stops(widget: QWidget) -> Iterator[QWidget]:
    """The Tab stops of a widget, itself included, in the order of its layout; hidden ones too."""
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield widget
    inner = widget.widget() if isinstance(widget, QScrollArea) else None
    layout = widget.layout()
    if inner is not None:
        yield from stops(inner)
    elif layout is not None and not isinstance(widget, _WHOLE):
        yield from _of_layout(layout)


def _of_layout(layout: QLayout) -> Iterator[QWidget]:
    for number in range(layout.count()):
        item = layout.itemAt(number)
        widget, inner = (item.widget(), item.layout()) if item is not None else (None, None)
        if widget is not None:
            yield from stops(widget)
        elif inner is not None:
            yield from _of_layout(inner)
