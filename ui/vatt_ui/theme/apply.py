"""Puts a palette of tokens onto the application: Fusion, QPalette, one style sheet."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QObject, QTemporaryDir, pyqtSignal
from PyQt6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPalette
from PyQt6.QtWidgets import QApplication, QStyleFactory

from vatt_ui.theme import icons
from vatt_ui.theme.tokens import DARK, GAP, RADIUS, SPACE, TARGET, THEMES, Tokens


class Theme(QObject):
    """The theme in use.

    Signals:
        changed: another palette was put on; painted caches are to be dropped.
    """

    changed = pyqtSignal()

    def __init__(self, name: str = DARK.name, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tokens = THEMES.get(name, DARK)
        self._colours: dict[tuple[str, int], QColor] = {}

    def use(self, name: str) -> None:
        """Switch to a theme by name; an unknown name takes the dark one."""
        self.tokens = THEMES.get(name, DARK)
        self._colours = {}
        application = QApplication.instance()
        if isinstance(application, QApplication):
            put_on(application, self.tokens)
        self.changed.emit()

    def colour(self, token: str, alpha: int = 255) -> QColor:
        """A token as a colour."""
        known = self._colours.get((token, alpha))
        if known is None:
            known = self._colours[token, alpha] = QColor(getattr(self.tokens, token))
            known.setAlpha(alpha)
        return known

    def icon(self, name: str, token: str = "text", on: str = "") -> QIcon:
        """An icon in the colour of a token; ``on`` is the token while checked."""
        tokens = self.tokens
        lit = getattr(tokens, on) if on else ""
        return icons.icon(name, getattr(tokens, token), tokens.line_strong, lit)


def put_on(application: QApplication, tokens: Tokens) -> None:
    """Style the whole application."""
    application.setStyle(QStyleFactory.create("Fusion"))
    application.setPalette(_palette(tokens))
    application.setStyleSheet(style_sheet(tokens, arrow_files(tokens)))


_files = QTemporaryDir()  # style sheets take pictures from files only


def arrow_files(tokens: Tokens) -> str:
    """The folder with the arrows of a palette, as SVG files."""
    folder = Path(_files.path()) / tokens.name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("up", "down", "check"):
        (folder / f"{name}.svg").write_bytes(icons.svg(name, tokens.text))
    return folder.as_posix()


def fixed_font(points: float = 0) -> QFont:
    """The font of timecodes and numbers in columns."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    if points:
        font.setPointSizeF(points)
    return font


def _palette(t: Tokens) -> QPalette:
    role = QPalette.ColorRole
    colours = {
        role.Window: t.pane,
        role.WindowText: t.text,
        role.Base: t.field,
        role.AlternateBase: t.pane,
        role.Text: t.text,
        role.PlaceholderText: t.dim,
        role.Button: t.raised,
        role.ButtonText: t.text,
        role.BrightText: t.failed,
        role.Highlight: t.selection,
        role.HighlightedText: t.on_selection,
        role.ToolTipBase: t.raised,
        role.ToolTipText: t.text,
        role.Link: t.running,
        role.Light: t.hover,
        role.Midlight: t.raised,
        role.Mid: t.line,
        role.Dark: t.line,
        role.Shadow: t.ground,
    }
    palette = QPalette()
    for which, colour in colours.items():
        palette.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(t.line_strong))
    return palette


def style_sheet(t: Tokens, arrows: str) -> str:
    """The style sheet of a palette; ``arrows`` is the folder of its small pictures."""
    return f"""
* {{ outline: 0; }}
QMainWindow {{ background: {t.ground}; }}
QMainWindow::separator {{ background: {t.ground if t.ground != t.pane else t.line}; }}
QMainWindow::separator {{ width: {SPACE}px; height: {SPACE}px; }}
QMainWindow::separator:hover {{ background: {t.line_strong}; }}
QWidget[role="pane"] {{ background: {t.pane}; }}
QWidget[role="bar"] {{ background: {t.pane}; border-bottom: 1px solid {t.line};
    border-top: 2px solid {t.pane}; }}
QWidget[role="bar"][active="true"] {{ border-top: 2px solid {t.accent}; }}
QWidget[role="foot"] {{ border-top: 1px solid {t.line}; }}
QWidget[role="status"] {{ background: {t.ground}; border-top: 1px solid {t.line}; }}
QLabel {{ background: transparent; }}
QLabel[role="title"] {{ color: {t.dim}; font-weight: 600; }}
QLabel[role="subject"] {{ color: {t.text}; font-weight: 600; }}
QLabel[role="field"] {{ color: {t.dim}; }}
QLabel[role="dim"] {{ color: {t.dim}; }}
QLabel[role="heading"] {{ color: {t.text}; font-size: 15pt; font-weight: 600; }}
QLabel[role="large"] {{ color: {t.text}; font-size: 12pt; font-weight: 600; }}
QLabel[role="error"] {{ color: {t.failed}; }}
QLabel[role="quote"] {{ color: {t.text}; background: {t.raised}; border-radius: {RADIUS}px;
    padding: {GAP}px; }}
QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.line_strong};
    padding: {SPACE}px; }}

QPushButton, QToolButton {{ background: {t.raised}; color: {t.text};
    border: 1px solid {t.line}; border-radius: {RADIUS}px; padding: 3px 9px;
    min-height: {TARGET - 8}px; }}
QToolButton {{ padding: 3px; min-width: {TARGET - 8}px; }}
QToolButton[flat="true"] {{ background: transparent; border-color: transparent; }}
QPushButton:hover, QToolButton:hover {{ background: {t.hover}; border-color: {t.line_strong}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {t.field}; }}
QPushButton:checked, QToolButton:checked {{ border-color: {t.accent}; color: {t.accent}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {t.line_strong}; background: {t.pane}; }}
QPushButton:focus, QToolButton:focus {{ border: 1px solid {t.focus}; }}
QPushButton[role="primary"] {{ background: {t.accent}; color: {t.on_accent}; font-weight: 600;
    border-color: {t.accent}; }}
QPushButton[role="primary"]:hover {{ background: {t.focus}; }}
QPushButton[role="primary"]:focus {{ border: 2px solid {t.text}; }}
QPushButton[role="primary"]:disabled {{ background: {t.raised}; color: {t.line_strong};
    border-color: {t.line}; }}
QPushButton[role="chip"] {{ border-radius: {TARGET // 2 - 1}px; text-align: left; }}
QToolButton[role="mute"] {{ padding: 3px 8px; }}
QToolButton[role="mute"]:checked {{ color: {t.failed}; border-color: {t.failed};
    text-decoration: line-through; }}
QToolButton::menu-indicator {{ image: none; }}

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox, QKeySequenceEdit {{
    background: {t.field}; color: {t.text}; border: 1px solid {t.edge};
    border-radius: {RADIUS}px; padding: 3px 6px; selection-background-color: {t.selection};
    selection-color: {t.on_selection}; }}
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ min-height: {TARGET - 8}px; }}
QLineEdit:focus, QPlainTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus,
QTextEdit:focus {{ border: 1px solid {t.focus}; }}
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled {{ color: {t.line_strong};
    border-color: {t.line}; placeholder-text-color: {t.dim}; }}
QComboBox::drop-down {{ border: 0; width: 22px; }}
QComboBox::down-arrow {{ image: url({arrows}/down.svg); width: 14px; height: 14px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: 0; width: 18px;
    background: transparent; }}
QAbstractSpinBox::up-arrow {{ image: url({arrows}/up.svg); width: 10px; height: 10px; }}
QAbstractSpinBox::down-arrow {{ image: url({arrows}/down.svg); width: 10px; height: 10px; }}
QComboBox QAbstractItemView {{ background: {t.raised}; border: 1px solid {t.line_strong}; }}
QCheckBox, QRadioButton {{ spacing: 6px; min-height: {TARGET - 2}px; }}
QCheckBox::indicator {{ width: 15px; height: 15px; border: 1px solid {t.edge};
    border-radius: 3px; background: {t.field}; }}
QRadioButton::indicator {{ width: 14px; height: 14px; border: 1px solid {t.edge};
    border-radius: 8px; background: {t.field}; }}
QRadioButton::indicator:checked {{ border: 4px solid {t.accent}; width: 8px; height: 8px;
    background: {t.on_accent}; }}
QCheckBox::indicator, QRadioButton::indicator {{ margin: 4px 0; }}
QCheckBox::indicator:checked {{ image: url({arrows}/check.svg); border-color: {t.accent}; }}
QCheckBox:focus, QRadioButton:focus {{ color: {t.focus}; }}

QTableView, QListView, QTreeView {{ background: {t.pane}; alternate-background-color: {t.pane};
    border: 0; gridline-color: {t.line}; selection-background-color: {t.selection};
    selection-color: {t.on_selection}; }}
QTableView::item, QListView::item {{ padding: 0 6px; border-bottom: 1px solid {t.line}; }}
QTableView::item:selected, QListView::item:selected {{ background: {t.selection};
    color: {t.on_selection}; }}
QHeaderView::section {{ background: {t.pane}; color: {t.dim}; border: 0;
    border-bottom: 1px solid {t.line_strong}; padding: 4px 6px 4px 9px; text-align: left; }}
QTableCornerButton::section {{ background: {t.pane}; border: 0; }}

QScrollBar:vertical {{ background: {t.pane}; width: 11px; margin: 0; }}
QScrollBar:horizontal {{ background: {t.pane}; height: 11px; margin: 0; }}
QScrollBar::handle {{ background: {t.line_strong}; border-radius: 3px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 28px; }}
QScrollBar::handle:horizontal {{ min-width: 28px; }}
QScrollBar::handle:hover {{ background: {t.dim}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: none; }}

QSlider::groove:horizontal {{ height: 4px; background: {t.edge}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {t.accent}; border-radius: 2px; }}
QSlider[role="zoom"]::sub-page:horizontal {{ background: {t.edge}; }}
QSlider::handle:horizontal {{ background: {t.text}; width: 12px; height: 12px; margin: -4px 0;
    border-radius: 6px; }}
QSlider:focus {{ border: 1px solid {t.focus}; border-radius: {RADIUS}px; }}

QProgressBar {{ background: {t.field}; border: 1px solid {t.line}; border-radius: 3px;
    text-align: center; color: {t.text}; min-height: 14px; max-height: 16px; }}
QProgressBar::chunk {{ background: {t.running}; border-radius: 2px; }}
QProgressBar[role="words"] {{ border-radius: 0; max-height: 20px; min-height: 20px; }}
QProgressBar[role="words"]::chunk {{ background: {t.selection}; border-radius: 0; }}

QMenuBar {{ background: {t.ground}; color: {t.text}; }}
QMenuBar::item {{ padding: 5px 10px; background: transparent; }}
QMenuBar::item:selected {{ background: {t.hover}; border-radius: 3px; }}
QMenu {{ background: {t.raised}; border: 1px solid {t.line_strong}; padding: {SPACE}px; }}
QMenu::item {{ padding: 5px 26px 5px 22px; border-radius: 3px; }}
QMenu::item:selected {{ background: {t.selection}; color: {t.on_selection}; }}
QMenu::item:disabled {{ color: {t.line_strong}; }}
QMenu::separator {{ height: 1px; background: {t.line}; margin: {SPACE}px {GAP}px; }}

QTabBar::tab {{ background: {t.ground}; color: {t.dim}; padding: 5px 14px; border: 0;
    border-top: 2px solid transparent; }}
QTabBar::tab:selected {{ background: {t.pane}; color: {t.text}; border-top-color: {t.accent}; }}
QTabBar::tab:focus {{ color: {t.focus}; }}
QTabWidget::pane {{ border: 0; background: {t.pane}; }}
QDialog {{ background: {t.pane}; }}
QScrollArea {{ border: 0; background: {t.pane}; }}
QGroupBox {{ border: 1px solid {t.line}; border-radius: {RADIUS}px; margin-top: 16px;
    padding-top: {GAP}px; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 8px; color: {t.dim}; }}
QFrame[role="card"] {{ background: {t.raised}; border: 1px solid {t.line};
    border-radius: {RADIUS}px; }}
QFrame[role="notice"] {{ background: {t.raised}; border-left: 3px solid {t.edited}; }}
QFrame[role="notice"] QPushButton {{ border-color: {t.line_strong}; background: {t.pane}; }}
QFrame[role="notice"][level="error"] {{ border-left-color: {t.failed}; }}
QFrame[role="notice"][level="info"] {{ border-left-color: {t.running}; }}
"""
