"""Small plots as inline SVG: no scripts, no fonts, no files beside the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_INK, _FAINT, _HIT, _SOUND = "#333", "#ccc", "#c2410c", "#2563eb"


def _frame(width: int, height: int, body: str, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}" '
        f'font-family="sans-serif" font-size="11">{body}</svg>'
    )


def timeline(
    envelope: Floats, duration_s: float, hits: Sequence[tuple[float, float]], title: str
) -> str:
    """A sound's loudness over time with the picture's hits as ticks."""
    width, height = 420, 60
    points = np.asarray(envelope, float)
    if len(points) > width:
        points = points[: len(points) // width * width].reshape(width, -1).max(axis=1)
    peak = max(float(points.max(initial=0.0)), 1e-9)
    x = np.linspace(0, width, len(points))
    path = " ".join(
        f"{a:.1f},{height - 8 - (height - 16) * v / peak:.1f}"
        for a, v in zip(x, points, strict=True)
    )
    ticks = "".join(
        f'<line x1="{width * t / duration_s:.1f}" x2="{width * t / duration_s:.1f}" '
        f'y1="{height - 8 - (height - 16) * s:.1f}" y2="{height - 8}" stroke="{_HIT}" '
        f'stroke-width="2" opacity="0.7"/>'
        for t, s in hits
    )
    base = f'<line x1="0" x2="{width}" y1="{height - 8}" y2="{height - 8}" stroke="{_FAINT}"/>'
    curve = f'<polyline points="{path}" fill="none" stroke="{_SOUND}"/>' if len(points) else ""
    return _frame(width, height, base + ticks + curve, title)


def bars(values: Mapping[str, float], title: str, limit: float | None = None) -> str:
    """Horizontal bars; ``limit`` draws the bar to be reached."""
    if not values:
        return ""
    top = max([*values.values(), limit or 0.0, 1e-9])
    row, left, width = 18, 130, 420
    body = []
    for i, (name, value) in enumerate(values.items()):
        y = i * row
        length = (width - left - 50) * max(value, 0) / top
        body.append(
            f'<text x="{left - 6}" y="{y + 13}" text-anchor="end" fill="{_INK}">'
            f"{escape(name)}</text>"
            f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="12" fill="{_SOUND}"/>'
            f'<text x="{left + length + 4:.1f}" y="{y + 13}" fill="{_INK}">{value:.2f}</text>'
        )
    if limit is not None:
        x = left + (width - left - 50) * limit / top
        body.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{len(values) * row}" stroke="{_HIT}" '
            f'stroke-dasharray="4 3"/>'
        )
    return _frame(width, len(values) * row + 4, "".join(body), title)


def histogram(values: Sequence[float], low: float, high: float, title: str, unit: str) -> str:
    """How values spread between ``low`` and ``high``; what lies outside counts at the ends."""
    width, height, n = 420, 120, 40
    counts, _ = np.histogram(np.clip(values, low, high), bins=n, range=(low, high))
    top = max(int(counts.max(initial=0)), 1)
    step = width / n
    body = [
        f'<rect x="{i * step:.1f}" y="{100 - 90 * c / top:.1f}" width="{step - 1:.1f}" '
        f'height="{90 * c / top:.1f}" fill="{_SOUND}"/>'
        for i, c in enumerate(counts)
    ]
    zero = width * (0 - low) / (high - low)
    if 0 < zero < width:
        body.append(f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="5" y2="100" stroke="{_HIT}"/>')
    body.append(f'<text x="0" y="115" fill="{_INK}">{low:g} {escape(unit)}</text>')
    body.append(
        f'<text x="{width}" y="115" text-anchor="end" fill="{_INK}">{high:g} {escape(unit)}</text>'
    )
    return _frame(width, height, "".join(body), title)
