"""The report: one HTML file with the table, plots and players; nothing is loaded from anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from vatt_engine.evaluation import svg
from vatt_engine.evaluation.bootstrap import Difference, Interval
from vatt_engine.evaluation.figures import FIGURES, Figure, by_family, extra_figures
from vatt_engine.evaluation.films import Film, FilmSet
from vatt_engine.evaluation.judge import read_mono
from vatt_engine.evaluation.results import Evaluation, FilmResult, TakeResult
from vatt_engine.evaluation.sync import loudness_envelope

_STYLE = """
body{font:15px/1.45 sans-serif;color:#222;max-width:70rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .7rem;text-align:left;
border-bottom:1px solid #ddd}td.n{text-align:right;font-variant-numeric:tabular-nums}
.film{border-top:2px solid #ddd;margin-top:1.2rem;padding-top:.6rem}.take{display:flex;gap:1rem;
align-items:center;flex-wrap:wrap}.note{color:#666}.fault{color:#b91c1c}video{max-width:320px}
.sure{font-weight:600}
"""
_PLAYER_RATE = 24_000


def write_report(
    evaluation: Evaluation,
    summary: Mapping[str, Interval],
    films: FilmSet,
    path: Path,
    *,
    other: Evaluation | None = None,
    differences: Mapping[str, Difference] | None = None,
    n_players: int = 12,
    notes: Sequence[str] = (),
) -> None:
    """Write the report.

    Args:
        evaluation: what to show; takes that are no longer on disk get no player.
        summary: of ``figures.summarise``.
        films: the set, for the pictures and the hits.
        path: the HTML file.
        other: a second model; with ``differences`` the table compares.
        differences: of ``figures.compare(other, evaluation)``.
        n_players: how many films get picture and sound in the report.
        notes: sentences for the top.
    """
    known = {film.name: film for film in films.films}
    parts = [
        f"<h1>{escape(evaluation.model)} on {escape(evaluation.set_name)}</h1>",
        "".join(f'<p class="note">{escape(note)}</p>' for note in notes),
        f"<p>{len(evaluation.films)} films, {sum(len(f.takes) for f in evaluation.films)} takes. "
        "Brackets hold 95 % bootstrap intervals over films.</p>",
        _table(evaluation, summary, other, differences),
        _plots(evaluation),
        "<h2>Films</h2>",
    ]
    step = max(len(evaluation.films) // max(n_players, 1), 1)
    for index, result in enumerate(evaluation.films):
        shown = index % step == 0 and index // step < n_players
        parts.append(_film(result, known.get(result.name), players=shown))
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(evaluation.model)}</title><style>{_STYLE}</style></head><body>"
        + "".join(parts)
        + "</body></html>\n"
    )
    partial = path.with_name(path.name + ".part")
    partial.write_text(html, encoding="utf-8")
    partial.replace(path)


def number(value: float | None) -> str:
    """A figure for people: three significant places, a dash for none."""
    return "–" if value is None else f"{value:.3g}"


def _span(interval: Interval | Difference) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f"[{number(interval.low)}, {number(interval.high)}]"


def _table(
    evaluation: Evaluation,
    summary: Mapping[str, Interval],
    other: Evaluation | None,
    differences: Mapping[str, Difference] | None,
) -> str:
    head = "<tr><th>figure</th><th>value</th><th></th><th>better</th><th>bar</th>"
    if other is not None:
        head += f"<th>minus {escape(other.model)}</th><th></th>"
    rows = [head + "</tr>"]
    for figure in FIGURES + extra_figures(evaluation.films):
        found = summary.get(figure.name)
        if found is None or found.value is None:
            continue
        cells = (
            f"<td>{escape(figure.label)}</td><td class=n>{number(found.value)}</td>"
            f"<td class=note>{_span(found)}</td><td>{_way(figure)}</td>"
            f"<td>{escape(figure.bar)}</td>"
        )
        change = (differences or {}).get(figure.name)
        if other is not None and change is not None:
            sure = ' class="n sure"' if change.certain else " class=n"
            cells += f"<td{sure}>{number(change.value)}</td><td class=note>{_span(change)}</td>"
        rows.append(f"<tr>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _way(figure: Figure) -> str:
    return {"high": "higher", "low": "lower", "none": ""}[figure.better]


def _plots(evaluation: Evaluation) -> str:
    by_name = {figure.name: figure for figure in FIGURES}
    lags = [1000 * t.lag_s for f in evaluation.films for t in f.takes if t.lag_s is not None]
    parts = []
    if lags:
        parts.append("<h2>Lag</h2>" + svg.histogram(lags, -400, 400, "lag of every take", "ms"))
    for name, title, limit in (
        ("onset_f1", "Onset F1 by kind of movement", 0.7),
        ("spot_f1", "Spotter F1 by kind of movement", None),
        ("asked_right", "Asked-for kind of sound by kind of movement", 0.6),
    ):
        values = by_family(evaluation.films, by_name[name])
        if values:
            parts.append(f"<h2>{title}</h2>" + svg.bars(values, title, limit))
    return "".join(parts)


def _film(result: FilmResult, film: Film | None, players: bool) -> str:
    truth = ", ".join(result.categories) or ("silent" if result.silent else "unknown")
    said = f"“{escape(result.caption)}”" if result.caption else "–"
    right = {True: " ✓", False: " ✗", None: ""}[result.caption_right]
    parts = [
        f'<div class="film"><b>{escape(result.name)}</b> {escape(result.family)} · {escape(truth)}'
        f"<br>caption: {said}{right}</div>"
    ]
    if players and film is not None and film.path.is_file():
        data = base64.b64encode(film.path.read_bytes()).decode()
        parts.append(f'<video controls muted src="data:video/mp4;base64,{data}"></video>')
    if result.failed:
        parts.append(f'<p class="fault">{escape(result.failed)}</p>')
    parts += [_take(take, film, players) for take in result.takes]
    return "".join(parts)


def _take(take: TakeResult, film: Film | None, players: bool) -> str:
    facts = [
        take.condition,
        f"“{take.prompt}”" if take.prompt else "",
        take.family or take.predicted,
    ]
    if take.onsets is not None:
        facts.append(f"F1 {take.onsets.f1:.2f}")
    if take.lag_s is not None:
        facts.append(f"{1000 * take.lag_s:+.0f} ms")
    text = escape(" · ".join(fact for fact in facts if fact))
    faults = "".join(f' <span class="fault">{escape(f)}</span>' for f in take.faults)
    media = ""
    path = Path(take.wav)
    if players and take.wav and path.is_file():
        wave, rate = read_mono(path)
        hits = film.hits if film is not None and film.hits else ()
        media = svg.timeline(
            loudness_envelope(wave, rate), len(wave) / rate, hits, "loudness and hits"
        )
        media += f'<audio controls src="{_audio(wave, rate)}"></audio>'
    return f'<div class="take"><span>{text}{faults}</span>{media}</div>'


def _audio(wave: np.ndarray, rate: int) -> str:
    """A data URI of the take, small enough to mail (Ogg Vorbis)."""
    small = soxr.resample(np.clip(wave, -1, 1), rate, _PLAYER_RATE)
    buffer = io.BytesIO()
    sf.write(buffer, small, _PLAYER_RATE, format="OGG", subtype="VORBIS")
    return "data:audio/ogg;base64," + base64.b64encode(buffer.getvalue()).decode()
