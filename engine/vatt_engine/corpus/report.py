"""`vatt corpus report`: one HTML file to look at and listen to, without a network.

For every category: a synthesised and, where there are any, a recorded example with player and
spectrogram, what the judge says about both, level, spectral centroid, and how exactly onsets sit.
Sounds are embedded as Ogg Vorbis, pictures as PNG written with the standard library.
"""

from __future__ import annotations

import base64
import html
import io
import struct
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from vatt_engine.corpus.audio import SAMPLE_RATE
from vatt_engine.corpus.categories import CATEGORIES, families
from vatt_engine.corpus.check import Row, read_split
from vatt_engine.corpus.collect import write_atomic
from vatt_engine.corpus.summary import summarise
from vatt_engine.corpus.synth import api
from vatt_engine.corpus.synth.dsp import Wave
from vatt_engine.corpus.verdict import (
    CLIP_S,
    HEARD_WITHIN_S,
    N_CLIPS,
    Verdict,
    judge_recordings,
    judge_synth,
)
from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.yamnet import Yamnet

_LEVELS = 28
_LOWEST_HZ = 60.0
_HIGHEST_HZ = SAMPLE_RATE / 2 * 0.98
_DEPTH_DB = 70.0
_STYLE = """
:root{color-scheme:light dark}
body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1150px;padding:0 1em;color:#222;
background:#fff}h2{margin-top:2em;border-bottom:1px solid #ccc}h3{margin:1.6em 0 .3em}
h3 small{font-weight:normal}p{max-width:46em}
table{border-collapse:collapse}td,th{padding:2px 10px 2px 0;text-align:left;vertical-align:top}
th.n,td.n{text-align:right}td.n{font-variant-numeric:tabular-nums}
.pair{display:flex;flex-wrap:wrap;gap:24px}.side{width:540px;max-width:100%}
.side small{display:block;min-height:4.4em}small{color:#666}.good{color:#00702a}
img{width:540px;max-width:100%;height:150px;display:block;border:1px solid #ddd}
audio{width:540px;max-width:100%;height:32px;margin:4px 0}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}small{color:#999}
h2{border-color:#444}img{border-color:#444}.good{color:#6fdc8c}}
"""
_INTRO = (
    f"<p>Recognised: the judge (YAMNet) names the thing or its family among its first five classes "
    f"(those that describe the recording aside), in {N_CLIPS} clips of {CLIP_S} s each, placed in "
    f"a room over quiet noise. Over each picture stand the classes it hears most, those that count "
    f"for the category in <span class=good>green</span>. Pictures: {CLIP_S} s to the right, "
    f"{_LOWEST_HZ:.0f} Hz to {_HIGHEST_HZ / 1000:.1f} kHz upwards by octaves, "
    f"{_DEPTH_DB:.0f} dB deep.</p>"
)


def write_report(path: Path, out: Path | None, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Judge every category and write the page.

    Args:
        path: the HTML file.
        out: a built corpus to compare with, or None.
        only: categories to look at; empty for all that can be synthesised or were recorded.

    Returns:
        ``{category: {"synth": share recognised or None, "recorded": the same}}``.

    Raises:
        BadRequest: an unknown category.
    """
    unknown = sorted(set(only) - set(CATEGORIES))
    if unknown:
        raise BadRequest(f"No such category: {', '.join(unknown)}.", "See docs/corpus.md.")
    rows = [row for split in ("train", "test") for row in read_split(out, split)] if out else []
    by_category: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_category[row["category"]].append(row)
    judge = Yamnet.load()
    shares: dict[str, Any] = {}
    body: list[str] = []
    for family, members in families().items():
        sections = []
        for member in members:
            if only and member.name not in only:
                continue
            made = judge_synth(judge, member.name) if member.name in api.RECIPES else None
            found = (
                judge_recordings(judge, member.name, by_category[member.name], out) if out else None
            )
            if made is None and found is None:
                continue
            shares[member.name] = {
                "synth": made.recognised if made else None,
                "recorded": found.recognised if found else None,
            }
            sections.append(_section(member.name, made, found, len(by_category[member.name])))
        if sections:
            body += [f"<h2>{html.escape(family)}</h2>", *sections]
    page = [
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>Corpus and synthesiser</title>",
        f"<style>{_STYLE}</style><h1>Corpus and synthesiser</h1>",
        _overview(rows, shares),
        *body,
    ]
    write_atomic(path, "\n".join(page))
    return shares


def _overview(rows: list[Row], shares: dict[str, Any]) -> str:
    lines = [
        _INTRO,
        "<table><tr><th>category<th class=n>synthesised<th class=n>recorded<th class=n>clips"
        "<th class=n>minutes</tr>",
        "<tr><th>mean"
        + "".join(
            f"<th class=n>{_mean([share[key] for share in shares.values()])}"
            for key in ("synth", "recorded")
        )
        + "</tr>",
    ]
    totals = summarise(rows, [])["by_category"] if rows else {}
    for name, share in shares.items():
        total = totals.get(name, {"clips": 0, "hours": 0.0})
        lines.append(
            f"<tr><td><a href='#{name}'>{name}</a><td class=n>{_percent(share['synth'])}"
            f"<td class=n>{_percent(share['recorded'])}<td class=n>{total['clips']}"
            f"<td class=n>{60 * total['hours']:.1f}</tr>"
        )
    return "\n".join([*lines, "</table>"])


def _mean(shares: list[float | None]) -> str:
    known = [share for share in shares if share is not None]
    return f"{_percent(float(np.mean(known)))} of {len(known)}" if known else ""


def _section(name: str, made: Verdict | None, found: Verdict | None, n_clips: int) -> str:
    row = CATEGORIES[name]
    sides = []
    for title, verdict in (
        ("synthesised", made),
        (f"recorded, {n_clips} clip{'s' * (n_clips != 1)}", found),
    ):
        if verdict is None:
            continue
        top = ", ".join(
            f"<span{' class=good' if label in row.yamnet else ''}>{html.escape(label)} "
            f"{score:.2f}</span>"
            for label, score in verdict.top
        )
        facts = f"centroid {verdict.centroid_hz:.0f} Hz, level {verdict.level_db:.1f} dBFS"
        facts += _onsets(verdict)
        players = "".join(
            f"<img alt='spectrogram of {name}, {title}' src='{_png_uri(clip)}'>"
            f"<audio controls preload=none src='{_ogg_uri(clip)}'></audio>"
            for clip in verdict.examples
        )
        sides.append(
            f"<div class=side><b>{title}</b>: recognised {_percent(verdict.recognised)}, first "
            f"{_percent(verdict.first)}<br><small>{facts}<br>{top}</small>{players}</div>"
        )
    head = f"<h3 id='{name}'>{name} <small>{row.ucs} · {row.kind} · {row.phrase}</small></h3>"
    return f"{head}<div class=pair>{''.join(sides)}</div>"


def _onsets(verdict: Verdict) -> str:
    if verdict.onsets_heard is None:
        return ""
    if verdict.onset_error_ms is None:
        return f", no onset heard within {1000 * HEARD_WITHIN_S:.0f} ms of an event"
    heard = "" if verdict.onsets_heard == 1 else f" ({_percent(verdict.onsets_heard)} heard)"
    return f", onsets within {verdict.onset_error_ms:.0f} ms{heard}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _ogg_uri(wave: Wave) -> str:
    buffer = io.BytesIO()
    soundfile.write(
        buffer, wave, SAMPLE_RATE, format="OGG", subtype="VORBIS", compression_level=0.8
    )
    return "data:audio/ogg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _png_uri(wave: Wave) -> str:
    return "data:image/png;base64," + base64.b64encode(png(spectrogram(wave))).decode()


def spectrogram(wave: Wave, width: int = 480, height: int = 120) -> npt.NDArray[np.uint8]:
    """A picture of a sound, [height, width]: time to the right, octaves up, 70 dB deep."""
    size = 1024
    padded = np.pad(wave, (size // 2, size))
    starts = np.linspace(0, max(len(wave) - 1, 1), width).astype(int)
    rows = padded[starts[:, None] + np.arange(size)] * np.hanning(size).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(rows, axis=1))) + 1e-9
    hz = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, height)
    lines = np.clip(np.round(hz / SAMPLE_RATE * size).astype(int), 0, power.shape[1] - 1)
    level = 10 * np.log10(power[:, lines].T[::-1])
    share = np.clip((level - level.max() + _DEPTH_DB) / _DEPTH_DB, 0.0, 1.0)
    return np.asarray(np.round(share * (_LEVELS - 1)), dtype=np.uint8)


def png(image: npt.NDArray[np.uint8]) -> bytes:
    """A picture of palette indices [H, W] below `_LEVELS` as a PNG file."""
    height, width = image.shape
    lines = b"".join(b"\0" + line.tobytes() for line in image)

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    # Dark violet over orange to pale yellow: brightness rises evenly.
    stops = np.array([[10, 5, 30], [75, 15, 110], [190, 50, 90], [245, 140, 50], [252, 250, 190]])
    share, place = np.linspace(0, 1, _LEVELS), np.linspace(0, 1, len(stops))
    palette = np.stack([np.interp(share, place, stops[:, c]) for c in range(3)], -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"PLTE", palette.astype(np.uint8).tobytes()),
            chunk(b"IDAT", zlib.compress(lines, 9)),
            chunk(b"IEND", b""),
        ]
    )
