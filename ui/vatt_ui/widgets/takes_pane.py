"""The Takes pane: the cue's takes with waveforms; A against B, use, star, trash, recall."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import (
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPoint,
    QRectF,
    Qt,
    QUrl,
    pyqtSignal,
)
from PyQt6.QtGui import QColor, QDrag, QMouseEvent, QPainter, QPen
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QMenu,
    QProgressBar,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QWidget,
)

from vatt_ui.cue_status import stage_words
from vatt_ui.dropping import TAKE_MIME
from vatt_ui.language import _
from vatt_ui.models import takes_model
from vatt_ui.models.takes_model import MARK_ROLE, TAKE_ID_ROLE, TRASHED_ROLE, TakesModel
from vatt_ui.playback.sounds import SoundBank
from vatt_ui.session import Session
from vatt_ui.text import Label
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP, SPACE, TARGET
from vatt_ui.widgets.columns import SpareColumns
from vatt_ui.widgets.common import EmptyState, Pane, Stack, icon_button, quiet, text_button
from vatt_ui.widgets.flow import FlowLayout
from vatt_ui.widgets.strip_blocks import Block
from vatt_ui.widgets.strip_tiles import wave_image

ROW_PX = 46
LEAST_WAVE_PX = 60


class _WaveDelegate(QStyledItemDelegate):
    """Draws a take's waveform from its peaks, and its A and B marks."""

    def __init__(self, sounds: SoundBank, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._sounds = sounds
        self._theme = theme

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Background as any cell, then the wave."""
        super().paint(painter, option, index)
        if painter is None:
            return
        tokens = self._theme.tokens
        rect = QRectF(option.rect).adjusted(9, 4, -4, -4)
        peaks = self._sounds.peaks(index.data(TAKE_ID_ROLE))
        mark = index.data(MARK_ROLE)
        if peaks is not None and rect.width() > 4:
            n = int(rect.width())
            columns = peaks.columns(0.0, peaks.duration_s / n, n)
            wave = "wave_chosen" if "A" in mark else "wave"
            block = Block(0, 1, wave=wave, dim=bool(index.data(TRASHED_ROLE)))
            painter.drawImage(
                rect.topLeft(), wave_image(columns, int(rect.height()), tokens, block)
            )
        else:
            painter.setPen(QPen(QColor(tokens.line_strong), 1))
            middle = rect.center().y()
            painter.drawLine(int(rect.left()), int(middle), int(rect.right()), int(middle))
        x = rect.left()
        for letter in mark:
            badge = QRectF(x, rect.top(), 17, 17)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent if letter == "A" else tokens.running))
            painter.drawRoundedRect(badge, 3, 3)
            painter.setPen(QColor(tokens.on_accent if letter == "A" else tokens.ground))
            painter.drawText(badge, int(Qt.AlignmentFlag.AlignCenter), letter)
            x += 20
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class TakesTable(QTableView):
    """The table; a take can be dragged onto a cue, or out to any program as its WAV.

    Signals:
        activated_row(int): a row was clicked or entered.
    """

    activated_row = pyqtSignal(int)
    _pressed: QPoint | None = None

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Remember where a drag may begin."""
        super().mousePressEvent(event)
        if event is not None:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Begin the drag once the mouse has moved far enough."""
        if event is None or self._pressed is None or not event.buttons():
            return
        moved = (event.position().toPoint() - self._pressed).manhattanLength()
        if moved >= QApplication.startDragDistance():
            index = self.indexAt(self._pressed)
            self._pressed = None
            data = take_data(self.model(), index)
            if data is not None:
                drag = QDrag(self)
                drag.setMimeData(data)
                drag.exec(Qt.DropAction.CopyAction)


def take_data(model: object, index: QModelIndex) -> QMimeData | None:
    """What is dragged: the take's id for cues, its WAV for other programs."""
    if not isinstance(model, TakesModel) or not index.isValid():
        return None
    take = model.take(index.row())
    if take is None:
        return None
    data = QMimeData()
    data.setData(TAKE_MIME, take.take_id.encode())
    if Path(take.wav_path).is_file():
        data.setUrls([QUrl.fromLocalFile(take.wav_path)])
    return data


class TakesPane(Pane):
    """The takes of the current cue."""

    def __init__(self, session: Session, sounds: SoundBank, theme: Theme) -> None:
        super().__init__("takes", _("Takes"), theme)
        self._session = session
        self.model = TakesModel(session, theme, self)
        self.table = TakesTable()
        self._sounds = sounds
        self._build_table(sounds, theme)
        self.ab = Label("", "dim")
        self.buttons = {
            "swap": icon_button(theme, "swap", _("Swap A and B")),
            "star": icon_button(theme, "star", _("Star take")),
            "delete": icon_button(theme, "trash", _("Trash take")),
        }
        self.use = text_button(theme, _("Use"), "check")
        self.use.setToolTip(_("Let this take go to the timeline (double-click does so too)"))
        self.recall = QToolButton()
        self.recall.setText(_("Recall"))
        self.recall.setAccessibleName(_("Recall the recipe of this take"))
        self.recall.setToolTip(_("Put this take's recipe back into the inspector"))
        self.recall.setFixedHeight(TARGET)
        self.recall.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.recall.setMenu(self._recall_menu())
        self.nudge = text_button(theme, _("Nudge"))
        self.nudge.setToolTip(_("Lay the sound earlier or later by its measured lag"))
        self.nudge.hide()
        self.trash = icon_button(theme, "restore", _("Show the trash"), checkable=True)
        self.empty = EmptyState(
            theme,
            _("No takes yet"),
            _("Press R, or Generate above, for a first take."),
            "",
            "generate",
        )
        self._stack = Stack(self.table, self.empty)
        self.body.addWidget(self._stack, 1)
        self.progress = QProgressBar()
        self.progress.setProperty("role", "words")
        self.progress.setAccessibleName(_("Progress of the next take"))
        self.progress.hide()
        self.body.addWidget(self.progress)
        tools = FlowLayout(SPACE)
        tools.setContentsMargins(GAP, SPACE, GAP, SPACE + 2)
        for widget in (
            self.use,
            self.buttons["star"],
            self.recall,
            self.buttons["delete"],
            self.trash,
            self.nudge,
        ):
            tools.addWidget(widget)
        self.body.addLayout(tools)
        self._busy = False
        self._connect()
        self.refresh()

    def _build_table(self, sounds: SoundBank, theme: Theme) -> None:
        table = self.table
        table.setModel(self.model)
        table.setAccessibleName(_("Takes"))
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setItemDelegateForColumn(takes_model.WAVE, _WaveDelegate(sounds, theme, table))
        words = (_("used"), _("best"), _("faulty"), _("trash"))
        used = max(table.fontMetrics().horizontalAdvance(word) for word in words) + 44
        quiet(table, takes_model.WAVE, {0: 26, 2: 52, 3: 68, 4: 66, 5: max(70, used)})
        SpareColumns(table, takes_model.WAVE, LEAST_WAVE_PX, (takes_model.LAG, takes_model.SEED))
        vertical = table.verticalHeader()
        assert vertical is not None
        vertical.setDefaultSectionSize(ROW_PX)

    def _connect(self) -> None:
        session = self._session
        selection = self.table.selectionModel()
        assert selection is not None
        selection.currentRowChanged.connect(self._on_row_changed)
        self.table.doubleClicked.connect(lambda _: self.use_shown())
        self.use.clicked.connect(self.use_shown)
        self.nudge.clicked.connect(self.nudge_away_lag)
        self.trash.toggled.connect(self._on_trash_toggled)
        self._sounds.ready.connect(self._on_sound_ready)
        session.cut_opened.connect(self.refresh)
        session.current_changed.connect(self.refresh)
        session.take_shown.connect(self.refresh)
        session.cue_changed.connect(self._on_cue_changed)

    def _recall_menu(self) -> QMenu:
        menu = QMenu(self)
        for text, what in (
            (_("All of its recipe"), "all"),
            (_("Its seed"), "seed"),
            (_("Remix: all but the seed"), "remix"),
        ):
            action = menu.addAction(text)
            if action is not None:
                action.triggered.connect(lambda _, w=what: self.recall_recipe(w))
        return menu

    def tools(self) -> list[QWidget]:
        """What is compared with what, and the way from one to the other."""
        return [self.ab, self.buttons["swap"]]

    def first_focus(self) -> QWidget:
        """The table."""
        return self.table

    @property
    def shown(self) -> str:
        """The id of the take that is shown (A)."""
        return self._session.current_take(self._session.current)

    # --- what can be done with a take -------------------------------------------------------

    def use_shown(self) -> None:
        """Let the shown take go to the timeline."""
        if self.shown:
            self.choose(self.shown)

    def choose(self, take_id: str) -> None:
        """Choose a take, or none."""
        session = self._session
        session.edit_each(_("Choose take"), [session.current], chosen=take_id)
        if take_id:
            session.show_take(take_id)

    def choose_number(self, number: int) -> None:
        """Choose a take by its number; 0 chooses none."""
        takes = self._session.state(self._session.current).takes
        if number == 0:
            self.choose("")
        elif (
            number <= len(takes)
            and takes[number - 1] in self._session.state(self._session.current).visible_takes
        ):
            self.choose(takes[number - 1])

    def star_shown(self) -> None:
        """Star the shown take, or take its star away."""
        self._toggle("starred", _("Star take"))

    def trash_shown(self) -> None:
        """Put the shown take into the trash, or back."""
        session, take_id = self._session, self.shown
        state = session.state(session.current)
        if not take_id:
            return
        if take_id in state.trashed:
            kept = tuple(t for t in state.trashed if t != take_id)
            session.edit_each(_("Take back from trash"), [session.current], trashed=kept)
            return
        left = [t for t in state.visible_takes if t != take_id]
        chosen = "" if state.chosen == take_id else state.chosen
        session.shown_take.pop(session.current, None)
        session.edit_each(
            _("Trash take"), [session.current], trashed=(*state.trashed, take_id), chosen=chosen
        )
        if left:
            session.show_take(chosen or left[-1])

    def copy_shown(self) -> None:
        """Put the shown take on the clipboard as a file, for any program that takes sounds."""
        at = self.model.row_of(self.shown)
        data = take_data(self.model, self.model.index(at, 0)) if at >= 0 else None
        clipboard = QApplication.clipboard()
        if data is not None and clipboard is not None:
            clipboard.setMimeData(data)

    def set_b(self) -> None:
        """Compare against the shown take."""
        if self.shown:
            self._session.compared_take[self._session.current] = self.shown
            self._session.take_shown.emit(self.shown)

    def swap(self) -> None:
        """Hear B instead of A; without a B, the take before."""
        session = self._session
        shown, other = self.shown, session.compared_take.get(session.current, "")
        visible = session.state(session.current).visible_takes
        if other not in visible or other == shown:
            others = [t for t in visible if t != shown]
            other = others[-1] if others else ""
        if shown and other:
            session.compared_take[session.current] = shown
            session.show_take(other)

    def recall_recipe(self, what: str) -> None:
        """Put the shown take's recipe back: ``all``, ``seed`` or ``remix`` (all but the seed)."""
        session = self._session
        take = session.take(self.shown)
        if take is None:
            return
        recipe = take.recipe
        fields: dict[str, object] = {}
        if what in ("all", "seed"):
            fields.update(seed=recipe.seed, seed_locked=True)
        if what in ("all", "remix"):
            fields.update(prompt=recipe.prompt or "", negative=recipe.negative, span=recipe.span)
        session.edit(_("Recall recipe"), {session.current: fields})

    def nudge_away_lag(self) -> None:
        """Lay the sound earlier or later by its measured lag."""
        take = self._session.take(self.shown)
        if take is not None and take.lag_s is not None:
            self._session.edit_each(_("Nudge sound"), [self._session.current], nudge_s=-take.lag_s)

    def _toggle(self, field: str, label: str) -> None:
        session, take_id = self._session, self.shown
        if not take_id:
            return
        present: tuple[str, ...] = getattr(session.state(session.current), field)
        kept = tuple(t for t in present if t != take_id)
        new = kept if take_id in present else (*present, take_id)
        session.edit(label, {session.current: {field: new}})

    # --- showing ----------------------------------------------------------------------------

    def refresh(self, *_args: object) -> None:
        """One method sets all controls from the state of the cue."""
        session = self._session
        state = session.state(session.current)
        cue = session.cue(session.current)
        self.title.subject.setText(cue.clip if cue is not None else "")
        any_shown = self.model.rowCount() > 0
        self._stack.show_content(any_shown)
        if not any_shown:
            trashed = len(state.trashed)
            if cue is None:
                hint = _("Pick a cue first.")
            elif session.can_generate(cue.cue_id):
                hint = _("Press R, or Generate above, for a first take.")
            else:
                hint = cue.note or _("None can be made: this cue is locked, or only looked at.")
            if trashed:
                hint += " " + _("{n} in the trash.").format(n=trashed)
            self.empty.say(_("No takes yet"), hint)
        take = session.take(self.shown)
        has = take is not None
        for control in (self.use, self.recall, *self.buttons.values()):
            control.setEnabled(has and not session.read_only)
        self.buttons["swap"].setEnabled(len(state.visible_takes) > 1)
        starred = has and self.shown in state.starred
        self.buttons["star"].setIcon(self.theme.icon("starred" if starred else "star"))
        name = _("Take the star away") if starred else _("Star take")
        self.buttons["star"].setAccessibleName(name)
        self.trash.setVisible(bool(state.trashed))
        numbers = {take_id: i + 1 for i, take_id in enumerate(state.takes)}
        other = session.compared_take.get(session.current, "")
        a, b = numbers.get(self.shown), numbers.get(other)
        self.ab.setText(f"A {a}   B {b}" if a and b else "")
        lag = take.lag_s if take is not None else None
        worth = lag is not None and abs(lag) >= 0.01 and abs(state.nudge_s + lag) > 0.001
        self.nudge.setVisible(worth)
        if lag is not None:
            self.nudge.setText(_("Nudge {ms} ms").format(ms=f"{-lag * 1000:+.0f}"))
            self.nudge.setAccessibleName(
                _("Nudge the sound by {ms} milliseconds").format(ms=f"{-lag * 1000:+.0f}")
            )
        self._show_progress()
        self._select_shown()

    def _show_progress(self) -> None:
        """The take that is being made, where it will appear."""
        session = self._session
        job = session.jobs.look(session.current)
        self.progress.setVisible(job is not None)
        if job is None:
            return
        n = len(session.state(session.current).takes) + 1
        stage = stage_words(job.stage) if job.running else _("waiting")
        known = job.running and job.fraction is not None
        self.progress.setRange(0, 100 if known or not job.running else 0)
        self.progress.setValue(round((job.fraction or 0.0) * 100))
        self.progress.setFormat(_("Take {n}: {stage}").format(n=n, stage=stage))

    def _select_shown(self) -> None:
        at = self.model.row_of(self.shown)
        selection = self.table.selectionModel()
        if at < 0 or selection is None:
            return
        self._busy = True
        flags = QItemSelectionModel.SelectionFlag
        selection.setCurrentIndex(self.model.index(at, 0), flags.ClearAndSelect | flags.Rows)
        self._busy = False

    def _on_row_changed(self, current: QModelIndex, _: QModelIndex) -> None:
        take = self.model.take(current.row())
        if not self._busy and take is not None:
            self._session.show_take(take.take_id)

    def _on_cue_changed(self, cue_id: str) -> None:
        if cue_id == self._session.current:
            self.refresh()

    def _on_trash_toggled(self, shown: bool) -> None:
        self.model.set_with_trash(shown)
        self.refresh()

    def _on_sound_ready(self, key: str) -> None:
        at = self.model.row_of(key)
        if at >= 0:
            index = self.model.index(at, takes_model.WAVE)
            self.table.update(index)
