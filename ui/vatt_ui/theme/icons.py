"""The icon set: our own line drawings on a 24 x 24 grid, coloured by the theme.

Each icon is a short SVG fragment in which ``S`` classes are strokes and ``F`` classes are fills;
the colour is put in when it is drawn, so the same drawing serves every theme and state. Drawn
for this project, GPL-3.0-or-later as the rest of the panel.
"""

from __future__ import annotations

from functools import lru_cache

from PyQt6.QtCore import QByteArray, QRectF, Qt
from PyQt6.QtGui import QIcon, QPainter, QPixmap
from PyQt6.QtSvg import QSvgRenderer

_PLAY = (
    '<path class="F" '
    'd="M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.6-6.8a.8.8 0 0 0 0-1.4L9.2 4.5A.8.8 0 0 0 8 5.2z"/>'
)
_STAR = "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8L3.6 9.7l5.8-.8z"

ICONS: dict[str, str] = {
    "play": _PLAY,
    "pause": '<rect class="F" x="6.5" y="5" width="4" height="14" rx="1"/>'
    '<rect class="F" x="13.5" y="5" width="4" height="14" rx="1"/>',
    "back": '<path class="F" d="M12 6.2v11.6L3.8 12zM20.5 6.2v11.6L12.3 12z"/>',
    "forward": '<path class="F" d="M12 6.2v11.6l8.2-5.8zM3.5 6.2v11.6l8.2-5.8z"/>',
    "previous": '<path class="F" d="M18 6v12l-8.5-6z"/><path class="S" d="M6.5 6v12"/>',
    "next": '<path class="F" d="M6 6v12l8.5-6z"/><path class="S" d="M17.5 6v12"/>',
    "loop": '<path class="S" d="M4.5 12a5.5 5.5 0 0 1 5.5-5.5h8.5M15.5 3.5l3 3-3 3"/>'
    '<path class="S" d="M19.5 12a5.5 5.5 0 0 1-5.5 5.5H5.5M8.5 20.5l-3-3 3-3"/>',
    "in": '<path class="S" d="M14 5H8v14h6"/>',
    "out": '<path class="S" d="M10 5h6v14h-6"/>',
    "sound": '<path class="F" d="M4 9.5v5h3.5l4.5 4v-13l-4.5 4z"/>'
    '<path class="S" d="M15 9a4.2 4.2 0 0 1 0 6M17.7 6.5a8 8 0 0 1 0 11"/>',
    "mute": '<path class="F" d="M4 9.5v5h3.5l4.5 4v-13l-4.5 4z"/>'
    '<path class="S" d="M15.5 9.5l5 5M20.5 9.5l-5 5"/>',
    "lock": '<rect class="F" x="5.5" y="11" width="13" height="9" rx="1.8"/>'
    '<path class="S" d="M8.5 11V8a3.5 3.5 0 0 1 7 0v3"/>',
    "unlock": '<rect class="S" x="5.5" y="11" width="13" height="9" rx="1.8"/>'
    '<path class="S" d="M8.5 11V7.5a3.5 3.5 0 0 1 6.8-1.2"/>',
    "dice": '<rect class="S" x="4.5" y="4.5" width="15" height="15" rx="3"/>'
    '<circle class="F" cx="9" cy="9" r="1.5"/><circle class="F" cx="15" cy="15" r="1.5"/>'
    '<circle class="F" cx="15" cy="9" r="1.5"/><circle class="F" cx="9" cy="15" r="1.5"/>',
    "redo": '<path class="S" d="M19 8.5H9.5a5 5 0 0 0 0 10H15M15.5 5l3.5 3.5-3.5 3.5"/>',
    "undo": '<path class="S" d="M5 8.5h9.5a5 5 0 0 1 0 10H9M8.5 5L5 8.5 8.5 12"/>',
    "again": '<path class="S" d="M19 12a7 7 0 1 1-2.2-5.1M19 4v4h-4"/>',
    "star": f'<path class="S" d="{_STAR}"/>',
    "starred": f'<path class="F" d="{_STAR}"/>',
    "trash": '<path class="S" d="M5 7.5h14M9.5 7V4.8h5V7M7 7.5l.8 12h8.4l.8-12"/>'
    '<path class="S" d="M10.3 11v5M13.7 11v5"/>',
    "restore": '<path class="S" d="M12 19V8M7.5 12L12 7.5l4.5 4.5M5 4.5h14"/>',
    "swap": '<path class="S" d="M5 9h13M14.5 5.5L18 9l-3.5 3.5M19 15.5H6M9.5 12L6 15.5 9.5 19"/>',
    "recall": '<path class="S" d="M5 5v5h5"/><path class="S" d="M5.5 10a7.2 7.2 0 1 1-.4 4"/>'
    '<path class="S" d="M12.3 8.3V12l2.6 1.8"/>',
    "check": '<path class="S" d="M5 12.6l4.6 4.6L19 7.6"/>',
    "cross": '<path class="S" d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>',
    "warning": '<path class="S" d="M12 4.5l8.5 14.8h-17z"/><path class="S" d="M12 10v4.4"/>'
    '<circle class="F" cx="12" cy="16.9" r="1"/>',
    "info": '<circle class="S" cx="12" cy="12" r="8.2"/><path class="S" d="M12 11v5.3"/>'
    '<circle class="F" cx="12" cy="8" r="1.1"/>',
    "offline": '<path class="S" d="M5 5l14 14"/><path class="S" d="M9 5.5h9.5v9.8M5.5 7.5v11h11"/>',
    "none": '<circle class="S" cx="12" cy="12" r="2.6"/>',
    "queued": '<circle class="S" cx="12" cy="12" r="7.6"/><path class="S" d="M12 7.8V12l3 2"/>',
    "running": '<path class="S" d="M12 4.4A7.6 7.6 0 1 1 4.4 12"/>',
    "edited": '<path class="S" d="M5 19l.9-4L16.2 4.8l3 3L9 18.1z"/>',
    "stale": '<path class="S" d="M4.5 6h10v7h-10zM9.5 17.5h10v-8"/>',
    "engine": '<rect class="S" x="6.5" y="6.5" width="11" height="11" rx="2"/>'
    '<path class="S" d="M9.5 3.5v3M14.5 3.5v3M9.5 17.5v3M14.5 17.5v3M3.5 9.5h3M3.5 14.5h3'
    'M17.5 9.5h3M17.5 14.5h3"/>',
    "queue": '<path class="S" d="M5 7h14M5 12h14M5 17h9"/>',
    "front": '<path class="S" d="M5 5h14M12 20V9M7.5 13.5L12 9l4.5 4.5"/>',
    "folder": '<path class="S" d="M4 18.5v-12h5.5l2 2.5H20v9.5z"/>',
    "write": '<path class="S" d="M12 4v10.5M7.5 10.5L12 15l4.5-4.5M5 19.5h14"/>',
    "generate": '<path class="F" d="M3.5 10.5h2v3h-2zM7.5 7h2v10h-2zM11.5 9h2v6h-2z"/>'
    '<path class="S" d="M18 8.5v7M14.6 12h6.8"/>',
    "span": '<path class="S" d="M7.5 5H5v14h2.5M16.5 5H19v14h-2.5"/>'
    '<path class="F" d="M8.5 10h1.6v4H8.5zM11.2 7.5h1.6v9h-1.6zM13.9 10h1.6v4h-1.6z"/>',
    "caption": '<path class="S" d="M4.5 5.5h15v10.2h-8L7.5 19v-3.3h-3z"/>'
    '<path class="S" d="M8 9.3h8M8 12.2h5"/>',
    "hit": '<path class="S" d="M12 4v16"/><circle class="F" cx="12" cy="7" r="3"/>',
    "zoom_in": '<circle class="S" cx="10.5" cy="10.5" r="5.8"/>'
    '<path class="S" d="M15 15l4.8 4.8M10.5 8v5M8 10.5h5"/>',
    "zoom_out": '<circle class="S" cx="10.5" cy="10.5" r="5.8"/>'
    '<path class="S" d="M15 15l4.8 4.8M8 10.5h5"/>',
    "fit": '<path class="S" d="M4 8V4.5h3.5M20 8V4.5h-3.5M4 16v3.5h3.5M20 16v3.5h-3.5M8 12h8"/>',
    "settings": '<path class="S" d="M4 8h8M17 8h3M4 16h3M12 16h8"/>'
    '<circle class="S" cx="14.5" cy="8" r="2.3"/><circle class="S" cx="9.5" cy="16" r="2.3"/>',
    "keys": '<rect class="S" x="3.5" y="7" width="17" height="10.5" rx="1.8"/>'
    '<path class="S" d="M8 14.5h8M7 10.7h.1M10.4 10.7h.1M13.7 10.7h.1M17 10.7h.1"/>',
    "search": '<circle class="S" cx="10.5" cy="10.5" r="5.8"/><path class="S" d="M15 15l4.8 4.8"/>',
    "more": '<circle class="F" cx="6" cy="12" r="1.6"/><circle class="F" cx="12" cy="12" r="1.6"/>'
    '<circle class="F" cx="18" cy="12" r="1.6"/>',
    "lanes": '<path class="S" d="M4 6h16M8 11h12M8 15h12M8 19h12M4 9v10"/>',
    "follow": '<path class="S" d="M12 4v16M3.5 12h5M6 9.5L8.5 12 6 14.5M15.5 12h5M18 9.5l2.5 2.5'
    '-2.5 2.5"/>',
    "down": '<path class="S" d="M6 9l6 6 6-6"/>',
    "up": '<path class="S" d="M6 15l6-6 6 6"/>',
    "float": '<path class="S" d="M9.5 5.5h9v9h-9zM14.5 17.5v1h-9v-9h1"/>',
}

_WRAPPER = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><style>'
    ".S{{fill:none;stroke:{colour};stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}}"
    ".F{{fill:{colour};stroke:none}}</style>{body}</svg>"
)


def svg(name: str, colour: str) -> bytes:
    """An icon as an SVG file."""
    return _WRAPPER.format(colour=colour, body=ICONS[name]).encode()


def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(svg(name, colour)))


@lru_cache(maxsize=512)
def pixmap(name: str, colour: str, size: int = 18, ratio: float = 1.0) -> QPixmap:
    """An icon as a picture of ``size`` device-independent pixels."""
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    picture.setDevicePixelRatio(ratio)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, colour).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return picture


@lru_cache(maxsize=256)
def icon(name: str, colour: str, disabled: str = "", on: str = "") -> QIcon:
    """An icon at the sizes and pixel ratios in use.

    Args:
        name: a key of ``ICONS``.
        colour: of the normal state.
        disabled: colour while disabled; empty leaves it to Qt.
        on: colour while checked; empty for no difference.
    """
    result = QIcon()
    for ratio in (1.0, 1.5, 2.0):
        for size in (16, 18, 22):
            result.addPixmap(pixmap(name, colour, size, ratio))
            if disabled:
                result.addPixmap(pixmap(name, disabled, size, ratio), QIcon.Mode.Disabled)
            if on:
                for mode in (QIcon.Mode.Normal, QIcon.Mode.Active):
                    result.addPixmap(pixmap(name, on, size, ratio), mode, QIcon.State.On)
    return result
