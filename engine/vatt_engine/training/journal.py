"""What a run leaves for people: a JSON line a report, curves, and sounds to listen to.

The page is one HTML file with inline SVG; it needs neither a server nor a plotting library.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile
from torch import Tensor

_WIDTH, _HEIGHT, _MARGIN = 640, 220, 44


class Journal:
    """The log of a run in ``folder``: ``log.jsonl``, ``report.html``, ``sounds/``."""

    def __init__(self, folder: Path, title: str) -> None:
        self.folder = folder
        self.title = title
        folder.mkdir(parents=True, exist_ok=True)

    def cut_after(self, step: int) -> None:
        """Drop lines past ``step``: a resumed run writes them anew."""
        kept = [row for row in self.rows() if row.get("step", 0) <= step]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        (self.folder / "log.jsonl").write_text(text, encoding="utf-8")

    def write(self, **row: Any) -> None:
        """Append one line."""
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """All lines so far; a line cut off by a crash is left out."""
        path = self.folder / "log.jsonl"
        if not path.is_file():
            return []
        found = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found

    def sound(self, name: str, wave: Tensor, sample_rate: int) -> None:
        """Keep a wave [S] as ``sounds/NAME.wav``."""
        folder = self.folder / "sounds"
        folder.mkdir(exist_ok=True)
        clipped = wave.detach().float().cpu().clamp(-1, 1).numpy()
        soundfile.write(folder / f"{name}.wav", clipped, sample_rate, subtype="PCM_16")

    def page(self) -> None:
        """Draw ``report.html`` from the log and the sounds."""
        rows = self.rows()
        names = sorted({k for row in rows for k, v in row.items() if isinstance(v, int | float)})
        curves = [n for n in names if n not in ("step", "seconds")]
        parts = [_svg(n, _series(rows, n)) for n in curves]
        sounds = sorted((self.folder / "sounds").glob("*.wav"))
        players = [
            f"<figure><figcaption>{html.escape(p.stem)}</figcaption>"
            f'<audio controls preload="none" src="sounds/{html.escape(p.name)}"></audio></figure>'
            for p in sounds
        ]
        title = html.escape(self.title)
        style = (
            "body{font:14px sans-serif;max-width:1340px;margin:2em auto;color:#222}"
            "figure{display:inline-block;margin:.5em}svg{background:#fafafa}"
        )
        (self.folder / "report.html").write_text(
            f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{style}</style>"
            f"<h1>{title}</h1>{''.join(parts)}<h2>Sounds</h2>{''.join(players)}\n",
            encoding="utf-8",
        )


def _series(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if name in row and "step" in row]


def _svg(name: str, points: Sequence[tuple[float, float]]) -> str:
    """One curve over steps, its least and greatest value at the side."""
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)
    across, up = (right - left) or 1, (high - low) or 1
    line = " ".join(
        f"{_MARGIN + (x - left) / across * (_WIDTH - _MARGIN - 10):.1f},"
        f"{_HEIGHT - 24 - (y - low) / up * (_HEIGHT - 48):.1f}"
        for x, y in points
    )
    return (
        f'<figure><svg width="{_WIDTH}" height="{_HEIGHT}" role="img"'
        f' aria-label="{html.escape(name)}">'
        f'<text x="{_MARGIN}" y="16" font-weight="bold">{html.escape(name)}: {ys[-1]:.4g}</text>'
        f'<text x="2" y="30" font-size="11">{high:.4g}</text>'
        f'<text x="2" y="{_HEIGHT - 24}" font-size="11">{low:.4g}</text>'
        f'<text x="{_WIDTH - 80}" y="{_HEIGHT - 6}" font-size="11">step {right:.0f}</text>'
        f'<polyline fill="none" stroke="#2563eb" stroke-width="1.5" points="{line}"/>'
        f"</svg></figure>"
    )
