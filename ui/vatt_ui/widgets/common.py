"""Small parts that all panes are made of: title bars, notices, empty states, buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QDockWidget,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QStackedLayout,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vatt_ui.language import _
from vatt_ui.notices import Notice
from vatt_ui.text import ElidedLabel, Label, plain, set_tip
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP, PAD, SPACE, TARGET


def icon_button(
    theme: Theme, icon: str, name: str, *, checkable: bool = False, on: str = "accent"
) -> QToolButton:
    """A square button with an icon; ``name`` is what screen readers say and the tool tip shows."""
    button = QToolButton()
    button.setAccessibleName(name)
    button.setToolTip(name)
    button.setCheckable(checkable)
    button.setIconSize(QSize(18, 18))
    button.setFixedSize(TARGET + 2, TARGET)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def redraw() -> None:
        button.setIcon(theme.icon(icon, "text", on if checkable else ""))

    redraw()
    theme.changed.connect(redraw)
    return button


def name_choice(box: QComboBox, name: str) -> None:
    """Name a combo box. On Linux Qt says its choice as its name, so the name is said besides."""
    box.setAccessibleName(name)
    set_tip(box, name)


def quiet(table: QTableView, stretched: int, widths: Mapping[int, int]) -> None:
    """The looks that all tables share: whole rows, no grid, headings that do not shout."""
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    vertical, header = table.verticalHeader(), table.horizontalHeader()
    assert vertical is not None
    assert header is not None
    vertical.hide()
    header.setMinimumSectionSize(24)
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    model = table.model()
    for column, width in widths.items():
        word = str(model.headerData(column, Qt.Orientation.Horizontal) or "") if model else ""
        needed = header.fontMetrics().horizontalAdvance(word) + 16  # a heading is never cut
        table.setColumnWidth(column, max(width, needed))


def word_button(word: str, name: str) -> QToolButton:
    """A small checkable button with a word on it; ``name`` says what checking does."""
    button = QToolButton()
    button.setText(word)
    button.setAccessibleName(name)
    button.setToolTip(name)
    button.setCheckable(True)
    button.setProperty("role", "mute")
    button.setFixedHeight(TARGET)
    button.setMinimumWidth(button.fontMetrics().horizontalAdvance(word) + 24)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button


def text_button(theme: Theme, text: str, icon: str = "", *, primary: bool = False) -> QPushButton:
    """A button with words, and perhaps an icon before them."""
    button = QPushButton(text)
    button.setAccessibleName(text)
    button.setAutoDefault(False)
    if primary:
        button.setProperty("role", "primary")
    if icon:
        button.setIconSize(QSize(18, 18))

        def redraw() -> None:
            button.setIcon(theme.icon(icon, "on_accent" if primary else "text"))

        redraw()
        theme.changed.connect(redraw)
    return button


def row(*widgets: QWidget | int, spacing: int = SPACE, margin: int = 0) -> QHBoxLayout:
    """Widgets side by side; an integer is a stretch."""
    layout = QHBoxLayout()
    layout.setSpacing(spacing)
    layout.setContentsMargins(margin, margin, margin, margin)
    for widget in widgets:
        if isinstance(widget, int):
            layout.addStretch(widget)
        else:
            layout.addWidget(widget)
    return layout


class PaneTitle(QWidget):
    """The title bar of a pane: its name, what it shows, and its own small tools."""

    def __init__(self, title: str, theme: Theme, dock: QDockWidget | None = None) -> None:
        super().__init__(dock)
        self.setProperty("role", "bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.name = Label(title, "title")
        self.subject = ElidedLabel("", "subject")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(PAD, 3, PAD - 4, 3)
        self._layout.setSpacing(GAP)
        self._layout.addWidget(self.name)
        self._layout.addWidget(self.subject, 1)
        self.setMinimumHeight(TARGET + 8)
        if dock is not None:
            button = icon_button(theme, "float", _("Float {pane}").format(pane=title))
            button.setProperty("flat", True)
            button.clicked.connect(lambda: dock.setFloating(not dock.isFloating()))
            self._layout.addWidget(button)

    def set_active(self, active: bool) -> None:
        """Mark the pane that the keyboard is in."""
        if bool(self.property("active")) != active:
            self.setProperty("active", active)
            style = self.style()
            if style is not None:
                style.unpolish(self)
                style.polish(self)

    def add(self, widget: QWidget) -> None:
        """Put a tool before the float button."""
        self._layout.insertWidget(self._layout.count() - 1, widget)


class NoticeBar(QFrame):
    """Messages of a pane, one below the other; each can be put away.

    Args:
        theme: for its icons.
        wide: the pane is wide and low: buttons stand beside the words, not below.
    """

    def __init__(self, theme: Theme, *, wide: bool = False) -> None:
        super().__init__()
        self._theme = theme
        self._wide = wide
        self._shown: dict[str, QFrame] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self.hide()

    def show_notice(self, notice: Notice) -> None:
        """Add a notice; it takes the place of an older one of the same key."""
        key = notice.key or notice.text
        self.clear(key)
        frame = self._card(notice, key)
        self._shown[key] = frame
        self._layout.addWidget(frame)
        while len(self._shown) > 3:
            self.clear(next(iter(self._shown)))
        self.show()

    def clear(self, key: str) -> None:
        """Put a notice away."""
        frame = self._shown.pop(key, None)
        if frame is not None:
            self._layout.removeWidget(frame)
            frame.hide()
            frame.deleteLater()
        if not self._shown:
            self.hide()

    def clear_all(self) -> None:
        """Put all notices away."""
        for key in list(self._shown):
            self.clear(key)

    @property
    def texts(self) -> list[str]:
        """What is shown now, for tests and screen readers."""
        return [frame.accessibleName() for frame in self._shown.values()]

    def _card(self, notice: Notice, key: str) -> QFrame:
        frame = QFrame()
        frame.setProperty("role", "notice")
        frame.setProperty("level", notice.level)
        said = f"{notice.text} {notice.hint}".strip()
        frame.setAccessibleName(said)
        text = Label(f"{plain(notice.text, 600)} {plain(notice.hint, 400)}".strip())
        text.setWordWrap(True)
        text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        text.setMinimumWidth(120)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        body = QVBoxLayout()
        body.setSpacing(SPACE)
        first = row(spacing=GAP)
        first.addWidget(text, 1)
        body.addLayout(first)
        buttons = row()
        for label, act in notice.actions:
            buttons.addWidget(self._button(label, act, key))
        if notice.details:
            buttons.addWidget(self._details_button(frame, notice.details))
        if buttons.count() and self._wide:
            first.addLayout(buttons)
        elif buttons.count():
            buttons.addStretch(1)
            body.addLayout(buttons)
        layout = QHBoxLayout(frame)
        layout.setContentsMargins(GAP, SPACE, SPACE, SPACE)
        layout.addLayout(body, 1)
        close = icon_button(self._theme, "cross", _("Put this message away"))
        close.setProperty("flat", True)
        close.clicked.connect(lambda: self.clear(key))
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        for button in frame.findChildren(QAbstractButton):
            button.setAccessibleDescription(plain(said, 600))  # what it is about
        return frame

    def _button(self, label: str, act: Callable[[], object], key: str) -> QPushButton:
        button = text_button(self._theme, label)

        def pressed() -> None:
            self.clear(key)
            act()

        button.clicked.connect(pressed)
        return button

    def _details_button(self, frame: QFrame, details: str) -> QPushButton:
        button = text_button(self._theme, _("Details"))
        shown = Label(details[:4000], "dim")
        shown.setWordWrap(True)
        shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        shown.hide()

        def toggle() -> None:
            layout = frame.layout()
            first = layout.itemAt(0) if layout is not None else None
            body = first.layout() if first is not None else None
            if body is not None and shown.parent() is None:
                body.addWidget(shown)
            shown.setVisible(not shown.isVisible())

        button.clicked.connect(toggle)
        return button


class EmptyState(QWidget):
    """What a pane says when it has nothing to show: the next step.

    Signals:
        acted(): its button was pressed.
        acted_otherwise(): its second button was pressed.
    """

    acted = pyqtSignal()
    acted_otherwise = pyqtSignal()

    def __init__(
        self, theme: Theme, title: str, text: str = "", button: str = "", icon: str = ""
    ) -> None:
        super().__init__()
        self.setAccessibleName(title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PAD, PAD, PAD, PAD)
        layout.setSpacing(GAP)
        layout.addStretch(1)
        if icon:
            picture = Label()
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)

            def redraw() -> None:
                picture.setPixmap(theme.icon(icon, "line_strong").pixmap(QSize(44, 44)))

            redraw()
            theme.changed.connect(redraw)
            layout.addWidget(picture)
        self.title = Label(title, "large")
        self.text = Label(text, "dim")
        for label in (self.title, self.text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            layout.addWidget(label)
        self.button = text_button(theme, button or _("OK"))
        self.button.setVisible(bool(button))
        self.button.clicked.connect(self.acted)
        self.other = text_button(theme, _("OK"))
        self.other.hide()
        self.other.clicked.connect(self.acted_otherwise)
        holder = QHBoxLayout()
        holder.addStretch(1)
        holder.addWidget(self.button)
        holder.addWidget(self.other)
        holder.addStretch(1)
        layout.addLayout(holder)
        layout.addStretch(2)

    def say(self, title: str, text: str = "", button: str = "", other: str = "") -> None:
        """Another message; ``other`` is a second thing to do."""
        self.other.setText(other)
        self.other.setAccessibleName(other or _("OK"))
        self.other.setVisible(bool(other))
        self.title.setText(title)
        self.setAccessibleName(title)
        self.text.setText(text)
        self.button.setText(button)
        self.button.setAccessibleName(button or _("OK"))
        self.button.setVisible(bool(button))


class Stack(QWidget):
    """Either the content or its empty state."""

    def __init__(self, content: QWidget, empty: QWidget) -> None:
        super().__init__()
        self._layout = QStackedLayout(self)
        self._layout.addWidget(empty)
        self._layout.addWidget(content)

    def show_content(self, shown: bool) -> None:
        """Show the content, or what stands in for it."""
        self._layout.setCurrentIndex(1 if shown else 0)


class Pane(QWidget):
    """A pane: notices above, content below.

    Attributes:
        key: name that notices are addressed to.
    """

    def __init__(self, key: str, title: str, theme: Theme, *, wide: bool = False) -> None:
        super().__init__()
        self.key = key
        self.title_text = title
        self.theme = theme
        self.setProperty("role", "pane")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(title)
        self.notices = NoticeBar(theme, wide=wide)
        self.title = PaneTitle(title, theme)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(0)
        self.body.addWidget(self.notices)

    def first_focus(self) -> QWidget:
        """Where the keyboard goes when the pane is entered."""
        return self

    def docked(self, area: str = "") -> QDockWidget:
        """The pane in a dock of its own."""
        dock = QDockWidget(self.title_text)
        dock.setObjectName(f"dock_{area or self.key}")
        title = PaneTitle(self.title_text, self.theme, dock)
        for widget in self.tools():
            title.add(widget)
        self.title = title
        dock.setTitleBarWidget(title)
        dock.setWidget(self)
        return dock

    def tools(self) -> list[QWidget]:
        """Small tools for the title bar."""
        return []
