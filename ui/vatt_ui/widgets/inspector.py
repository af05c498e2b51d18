"""The Inspector: the engine's caption, the user's prompt, the recipe of the next take."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import (
    QGridLayout,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vatt_plugin import ranking
from vatt_ui.cue_status import LOOKS
from vatt_ui.language import _, ngettext
from vatt_ui.session import Session
from vatt_ui.shown_lane import made_up_words
from vatt_ui.text import Label, duration, plain, set_tip
from vatt_ui.theme.apply import Theme
from vatt_ui.theme.tokens import GAP, PAD, SPACE, TARGET
from vatt_ui.widgets.common import EmptyState, Pane, Stack, icon_button, row, text_button
from vatt_ui.widgets.flow import FlowLayout

CHIPS_FROM_PX = 320
MAX_OFFERS = 6
MIXED = _("(several prompts; typing sets them all)")


class PromptEdit(QPlainTextEdit):
    """A few lines of plain text. Tab leaves the field, as in a form.

    Signals:
        edited(str): the user typed.

    Args:
        name: for screen readers.
        placeholder: shown while it is empty.
        lines: how many it shows, and at least how many where there is little room.
    """

    edited = pyqtSignal(str)

    def __init__(self, name: str, placeholder: str, lines: tuple[int, int]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        most, least = (self.fontMetrics().lineSpacing() * n + 16 for n in lines)
        self.setMinimumHeight(least)
        self.setMaximumHeight(most)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        if lines == (1, 1):
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._silent = False
        self.textChanged.connect(self._on_text_changed)

    def show_text(self, text: str) -> None:
        """Show text that the user did not type just now."""
        if text != self.toPlainText():
            self._silent = True
            self.setPlainText(text)
            self._silent = False

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Undo and redo are the panel's, not the field's: one history for everything."""
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.ignore()  # a prompt is one paragraph
            return
        super().keyPressEvent(event)

    def _on_text_changed(self) -> None:
        if not self._silent:
            self.edited.emit(self.toPlainText().replace("\n", " ")[:2000])


class Inspector(Pane):
    """What the current cue should sound like. Editing never starts a job."""

    def __init__(self, session: Session, theme: Theme) -> None:
        super().__init__("inspector", _("Inspector"), theme)
        self._session = session
        self.caption = Label("", "quote")
        self.caption.setWordWrap(True)
        self.caption.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.recaption = icon_button(theme, "again", _("Caption again"))
        self.chips_holder = QWidget()
        self.chips = FlowLayout()
        self.chips_holder.setLayout(self.chips)
        self.prompt = PromptEdit(
            _("Prompt"), _("What should be heard? Empty: the caption above."), (4, 2)
        )
        self.history = icon_button(theme, "recall", _("Earlier prompts and the engine's offers"))
        self.heard = Label("", "dim")
        self.heard.setWordWrap(True)
        self.made_up = Label("", "dim")
        self.made_up.setWordWrap(True)
        set_tip(
            self.made_up,
            _(
                "They are the hollow marks in the Hits lane. Another seed places them elsewhere; "
                "change one, and all of them are yours."
            ),
        )
        self.negative = PromptEdit(_("Negative prompt"), _("What must not be heard"), (1, 1))
        self.seed = QSpinBox()
        self.seed.setRange(0, 2_000_000_000)
        self.seed.setAccessibleName(_("Seed of the next take"))
        self.seed.setToolTip(_("The same seed makes the same take again"))
        self.seed.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.seed.setKeyboardTracking(False)
        self.lock = icon_button(theme, "lock", _("Lock seed"), checkable=True)
        self.dice = icon_button(theme, "dice", _("New seed"))
        self.takes = QSpinBox()
        self.takes.setRange(1, 9)
        self.takes.setAccessibleName(_("How many takes"))
        self.takes.setToolTip(_("How many takes are made at once, each with a seed of its own"))
        self.takes.setMinimumWidth(56)
        self.generate = text_button(theme, _("Generate"), "generate", primary=True)
        self.regenerate = text_button(theme, _("Regenerate in..out"), "span")
        self.find_hits = text_button(theme, _("Find hits"), "hit")
        self.facts = Label("", "dim")
        self.facts.setWordWrap(True)
        self.lacking = Label("", "dim")
        self.lacking.setWordWrap(True)
        self._content = QWidget()
        self.empty = EmptyState(
            theme, _("No cue selected"), _("Pick a cue to say how it should sound.")
        )
        self._lay_out()
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self._content)
        column.setContentsMargins(PAD, GAP, PAD, PAD)
        column.setSpacing(SPACE + 1)
        column.addLayout(row(Label(_("Caption by the engine"), "field"), 1, self.recaption))
        column.addWidget(self.caption)
        column.addWidget(self.chips_holder)
        column.addSpacing(SPACE)
        column.addLayout(row(self._named(_("Prompt"), self.prompt), 1, self.history))
        column.addWidget(self.prompt, 4)
        column.addWidget(self.heard)
        column.addWidget(self.made_up)
        fields = QGridLayout()
        fields.setHorizontalSpacing(GAP)
        fields.setVerticalSpacing(SPACE + 1)
        fields.setColumnStretch(1, 1)
        fields.addWidget(self._named(_("Negative"), self.negative), 0, 0)
        fields.addWidget(self.negative, 0, 1)
        fields.addWidget(self._named(_("Seed"), self.seed), 1, 0)
        fields.addLayout(row(self.seed, self.lock, self.dice, 1), 1, 1)
        column.addLayout(fields)
        column.addWidget(self.lacking)
        column.addWidget(self.facts)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self._content)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._content.setProperty("role", "pane")
        whole = QWidget()
        halves = QVBoxLayout(whole)
        halves.setContentsMargins(0, 0, 0, 0)
        halves.setSpacing(0)
        halves.addWidget(scroll, 1)
        halves.addWidget(self._foot())
        self._stack = Stack(whole, self.empty)
        self.body.addWidget(self._stack, 1)
        self.setMinimumWidth(300)

    def _foot(self) -> QWidget:
        """What is pressed most stays in view, however low the pane is."""
        foot = QWidget()
        foot.setProperty("role", "foot")
        foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(foot)
        column.setContentsMargins(PAD, GAP, PAD, GAP)
        column.setSpacing(SPACE)
        self.generate.setMinimumHeight(TARGET + 6)
        again = row(self._named(_("Takes"), self.takes), self.takes)
        again.addWidget(self.generate, 1)
        column.addLayout(again)
        column.addLayout(row(self.regenerate, self.find_hits))
        return foot

    @staticmethod
    def _named(text: str, buddy: QWidget) -> Label:
        label = Label(text, "field")
        label.setBuddy(buddy)
        return label

    def _connect(self) -> None:
        session = self._session
        self.prompt.edited.connect(lambda text: self._edit(_("Edit prompt"), "prompt", prompt=text))
        self.negative.edited.connect(
            lambda text: self._edit(_("Edit negative prompt"), "negative", negative=text)
        )
        self.seed.valueChanged.connect(lambda value: self._edit(_("Set seed"), "seed", seed=value))
        self.takes.valueChanged.connect(
            lambda value: self._edit(_("Set number of takes"), "n_takes", n_takes=value)
        )
        self.history.clicked.connect(self._offer_history)
        session.current_changed.connect(self.refresh)
        session.selection_changed.connect(self.refresh)
        session.cut_opened.connect(self.refresh)
        session.take_shown.connect(self.refresh)
        session.cue_changed.connect(self._on_cue_changed)
        session.questions.models_found.connect(self.refresh)

    def first_focus(self) -> QWidget:
        """The prompt."""
        return self.prompt

    def _edit(self, label: str, merge: str, **fields: object) -> None:
        ids = [c for c in self._session.selected if not self._session.state(c).locked]
        if not self._filling:
            self._session.edit_each(label, ids, f"{merge}:{','.join(ids)[:400]}", **fields)

    _filling = False

    def _on_cue_changed(self, cue_id: str) -> None:
        if cue_id in self._session.selected:
            self.refresh()

    def refresh(self, *_args: object) -> None:
        """One method sets all controls from the state of the selected cues."""
        session = self._session
        cue = session.cue(session.current)
        self._stack.show_content(cue is not None)
        if cue is None:
            self.title.subject.setText("")
            return
        self._filling = True
        state = session.state(cue.cue_id)
        n = len(session.selected)
        self.title.subject.setText(
            cue.clip if n == 1 else ngettext("{n} cue", "{n} cues", n).format(n=n)
        )
        same = len({session.state(c).prompt for c in session.selected}) <= 1
        self.prompt.show_text(state.prompt if same else "")
        self.prompt.setPlaceholderText(
            _("What should be heard? Empty: the caption above.") if same else MIXED
        )
        self.negative.show_text(state.negative)
        caption = plain(state.caption, 600) if state.caption else _("Not captioned yet (C).")
        self.caption.setText(caption)
        # A label's accessible name is read instead of its text, so it has to hold both.
        self.caption.setAccessibleName(_("Caption by the engine: {text}").format(text=caption))
        self._show_chips(state.alternatives)
        self._show_heard()
        take = session.take(session.current_take(cue.cue_id))
        told = made_up_words(take) if not state.hits else ""
        self.made_up.setText(told)
        self.made_up.setVisible(bool(told))
        self.seed.setValue(state.seed)
        self.lock.setChecked(state.seed_locked)
        self.takes.setValue(state.n_takes)
        self._show_buttons(n)
        self._show_facts()
        self._filling = False

    def _show_heard(self) -> None:
        """What the model was told besides, under the words it was told them with.

        Only while these are the words in the field: of others it says nothing. The takes' tool tips
        keep it.
        """
        session = self._session
        take = session.take(session.current_take(session.current))
        prompt = session.state(session.current).prompt.strip()
        same = take is not None and (take.recipe.prompt or "").strip() == prompt
        added = take.added_words if take is not None and same else ""
        self.heard.setVisible(bool(added))
        if take is not None and added:
            said = _("Heard as: {text}")
            self.heard.setText(said.format(text=f"…, {plain(added)}"))
            self.heard.setAccessibleName(said.format(text=plain(take.heard, 600)))
            why = _("The model knows this sound by name, so its name is said behind your words.")
            set_tip(self.heard, f"{said.format(text=plain(take.heard, 600))}\n{why}", why)

    def _show_buttons(self, n: int) -> None:
        session = self._session
        editable = [c for c in session.selected if session.can_generate(c)]
        locked = bool(session.state(session.current).locked) or session.read_only
        for field in (self.prompt, self.negative):
            field.setReadOnly(locked)
        for control in (self.seed, self.takes, self.lock, self.dice):
            control.setEnabled(not locked)
        self.generate.setEnabled(bool(editable))
        text = _("Generate")
        if n > 1:
            text = ngettext("Generate for {n} cue", "Generate for {n} cues", len(editable))
            text = text.format(n=len(editable))
        estimate_s = session.jobs.estimate_s(editable)
        self.generate.setAccessibleName(text)
        self.generate.setText(text if estimate_s is None else f"{text}  ·  {duration(estimate_s)}")
        state = session.state(session.current)
        take = session.take(session.current_take(session.current))
        can_span = state.span is not None and take is not None and bool(take.codes_path)
        self.regenerate.setEnabled(can_span and bool(editable))
        self.find_hits.setEnabled(bool(editable))
        self.history.setEnabled(bool(state.prompt_history or state.alternatives))
        self.recaption.setEnabled(bool(editable))
        self.lacking.setVisible(not session.models.hears_hits(session.model))
        self.lacking.setText(
            _(
                "The model {name} does not hear hits: found or edited, its takes stay the same."
            ).format(name=plain(session.model))
        )

    def _show_facts(self) -> None:
        session = self._session
        cue = session.cue(session.current)
        assert cue is not None
        status = session.status(cue.cue_id)
        lines = [f"{LOOKS[status].word} · {duration(float(cue.duration_s))} · {plain(cue.track)}"]
        if relinked := session.state(cue.cue_id).relinked:
            lines.append(_("Relinked to {name}").format(name=plain(Path(relinked).name, 80)))
        elif cue.note:
            lines.append(plain(cue.note, 300))
        told = [plain(note, 300) for note in session.state(cue.cue_id).media_notes]
        take = session.take(session.current_take(cue.cue_id))
        if take is not None and take.lag_s is not None:
            lag = _("Sound {ms} ms against the picture's hits")
            lines.append(lag.format(ms=f"{take.lag_s * 1000:+.0f}"))
        if take is not None:
            told += [what for what in ranking.remarks(take) if what != ranking.MADE_UP]
        lines += [_("Mind: {what}").format(what=what) for what in told]
        state = session.state(cue.cue_id)
        if state.muted:
            lines.append(_("Left out of the written timeline"))
        if state.nudge_s:
            lines.append(_("Nudged by {ms} ms").format(ms=f"{state.nudge_s * 1000:+.0f}"))
        self.facts.setText("\n".join(lines))

    def _show_chips(self, offers: tuple[str, ...]) -> None:
        shown = [offer for offer in offers[:MAX_OFFERS] if offer]
        current = [
            widget.property("offer")
            for i in range(self.chips.count())
            if (item := self.chips.itemAt(i)) is not None and (widget := item.widget()) is not None
        ]
        if shown == current:
            return
        while self.chips.count():
            item = self.chips.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        before: QWidget = self.recaption
        for offer in shown:
            chip = QPushButton(
                self.fontMetrics().elidedText(plain(offer), Qt.TextElideMode.ElideRight, 230)
            )
            chip.setProperty("role", "chip")
            chip.setProperty("offer", offer)
            chip.setAccessibleName(_("Use as prompt: {text}").format(text=plain(offer)))
            set_tip(chip, offer)
            chip.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
            chip.setAutoDefault(False)
            chip.clicked.connect(lambda _, text=offer: self.use_prompt(text))
            self.chips.addWidget(chip)
            QWidget.setTabOrder(before, chip)
            before = chip
        self.chips_holder.setVisible(bool(shown))
        self.chips_holder.updateGeometry()

    def use_prompt(self, text: str) -> None:
        """Make a caption or an earlier prompt the prompt."""
        self._edit(_("Use caption as prompt"), "", prompt=text)

    def _offer_history(self) -> None:
        self.history_menu().popup(self.history.mapToGlobal(self.history.rect().bottomLeft()))

    def history_menu(self) -> QMenu:
        """Earlier prompts, the latest first, and what the engine offers."""
        state = self._session.state(self._session.current)
        menu = QMenu(self)
        for texts in (tuple(reversed(state.prompt_history)), state.alternatives[:MAX_OFFERS]):
            menu.addSeparator()
            for text in filter(None, texts):
                action = menu.addAction(plain(text, 80).replace("&", "&&"))
                if action is not None:
                    action.triggered.connect(lambda _, t=text: self.use_prompt(t))
        return menu

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """A low pane has no room for chips above the prompt; the menu beside it has them too."""
        super().resizeEvent(event)
        self.chips_holder.setVisible(self.height() >= CHIPS_FROM_PX)
