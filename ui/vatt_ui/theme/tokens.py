"""The colours and measures of the panel: three palettes of the same names.

Text on its ground holds 4.5:1 in all of them (a test computes it). Colour never stands alone:
each state also has an icon and a word.
"""

from __future__ import annotations

from dataclasses import dataclass

SPACE = 4
GAP = 8
PAD = 12
RADIUS = 5
TARGET = 26  # smallest side of anything that can be clicked, px


@dataclass(frozen=True)
class Tokens:
    """Named colours, as ``#rrggbb``.

    ``ground`` lies behind the panes, ``pane`` is a pane, ``raised`` a button or a header,
    ``field`` where one types; ``line`` separates, ``line_strong`` outlines what can be used,
    ``edge`` what can be filled in or ticked and has no other outline.
    """

    name: str
    dark: bool
    ground: str
    pane: str
    raised: str
    hover: str
    field: str
    line: str
    line_strong: str
    edge: str
    text: str
    dim: str
    accent: str
    on_accent: str
    selection: str
    on_selection: str
    focus: str
    picture: str
    wave: str
    wave_chosen: str
    original: str
    playhead: str
    hit: str
    span: str
    done: str
    running: str
    edited: str
    failed: str
    stale: str
    idle: str


DARK = Tokens(
    name="dark",
    dark=True,
    ground="#131417",
    pane="#1b1d21",
    raised="#272a30",
    hover="#31353c",
    field="#121316",
    line="#2b2e34",
    line_strong="#454a53",
    edge="#6d737e",
    text="#dfe2e8",
    dim="#9aa0ab",
    accent="#e8a548",
    on_accent="#1d1406",
    selection="#34424f",
    on_selection="#f4f6f9",
    focus="#f0bd74",
    picture="#33404d",
    wave="#56a59b",
    wave_chosen="#7fd1c5",
    original="#7c828d",
    playhead="#ff7a66",
    hit="#f0b357",
    span="#e8a548",
    done="#79c58f",
    running="#6cb2ee",
    edited="#e8bb62",
    failed="#f28379",
    stale="#bd9cf0",
    idle="#8e949f",
)

LIGHT = Tokens(
    name="light",
    dark=False,
    ground="#dddfe2",
    pane="#f4f5f6",
    raised="#e6e8ea",
    hover="#d9dce0",
    field="#ffffff",
    line="#cfd2d7",
    line_strong="#8f959f",
    edge="#7f858f",
    text="#1d2026",
    dim="#565c66",
    accent="#855304",
    on_accent="#ffffff",
    selection="#cfdeec",
    on_selection="#10161c",
    focus="#8a5200",
    picture="#c3d0dc",
    wave="#3a7f76",
    wave_chosen="#15665c",
    original="#737982",
    playhead="#c8331c",
    hit="#a86400",
    span="#855304",
    done="#1d6b36",
    running="#0f5c9c",
    edited="#7a5200",
    failed="#b3271c",
    stale="#6a3fb0",
    idle="#5d636d",
)

HIGH_CONTRAST = Tokens(
    name="high contrast",
    dark=True,
    ground="#000000",
    pane="#000000",
    raised="#101010",
    hover="#2a2a2a",
    field="#000000",
    line="#8c8c8c",
    line_strong="#ffffff",
    edge="#ffffff",
    text="#ffffff",
    dim="#e2e2e2",
    accent="#ffd400",
    on_accent="#000000",
    selection="#00388c",
    on_selection="#ffffff",
    focus="#00e5ff",
    picture="#202a3a",
    wave="#4fe3d0",
    wave_chosen="#9ffff2",
    original="#bdbdbd",
    playhead="#ff6a5c",
    hit="#ffd400",
    span="#ffd400",
    done="#63f08c",
    running="#6ec6ff",
    edited="#ffd400",
    failed="#ff8a80",
    stale="#d7b6ff",
    idle="#cfcfcf",
)

THEMES = {tokens.name: tokens for tokens in (DARK, LIGHT, HIGH_CONTRAST)}


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2, 0..1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio, 1..21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)
