"""A blinded listening test in one HTML file: captions for relevance, takes in pairs.

The page names no model. Which take was whose stays in a key file beside it, for ``ratings``. The
order of items and of the two sides follows from the seed, and each rater gets an order of their own
from their name. Answers are kept in the browser as they are given and saved as CSV.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import av
import numpy as np
import soxr

from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.films import Film, FilmSet
from vatt_engine.evaluation.judge import read_mono
from vatt_engine.evaluation.results import PICTURE, Evaluation, FilmResult

PREFERENCES = ("left", "right", "same")
CAPTION_SCALE = (1, 2, 3, 4, 5)
QUESTIONS = {
    "sync": "Which one is better in time with the picture?",
    "fit": "Which one sounds more like what you see?",
    "quality": "Which one sounds better in itself?",
    "caption": "How well do these words say what this should sound like?",
}

_RATE = 48_000


@dataclass(frozen=True)
class Item:
    """One thing to rate: ``left`` and ``right`` are model names, or ``caption`` of ``left``."""

    item: str
    kind: str
    film: str
    left: str
    right: str = ""
    caption: str = ""
    left_wav: str = ""
    right_wav: str = ""


def draw_items(
    a: Evaluation, b: Evaluation | None, n_pairs: int, n_captions: int, seed: int
) -> list[Item]:
    """Choose what is rated: films spread at random, sides tossed, models of captions in turn."""
    rng = np.random.default_rng(seed)
    items: list[Item] = []
    theirs = {film.name: film for film in b.films} if b is not None else {}
    both = [f for f in a.films if f.name in theirs and _first(f) and _first(theirs[f.name])]
    for index in rng.permutation(len(both))[:n_pairs]:
        film = both[int(index)]
        sides = [(a.model, _first(film)), (b.model if b else "", _first(theirs[film.name]))]
        if rng.random() < 0.5:
            sides.reverse()
        (left, left_wav), (right, right_wav) = sides
        key = _code(seed, "pair", film.name)
        items.append(
            Item(key, "pair", film.name, left, right, left_wav=left_wav, right_wav=right_wav)
        )
    spoken = [(a.model, f) for f in a.films if f.caption]
    if b is not None:
        spoken += [(b.model, f) for f in b.films if f.caption]
    for index in rng.permutation(len(spoken))[:n_captions]:
        model, film = spoken[int(index)]
        key = _code(seed, "caption", model + film.name)
        items.append(Item(key, "caption", film.name, model, caption=film.caption))
    order = rng.permutation(len(items))
    return [items[int(i)] for i in order]


def _first(film: FilmResult) -> str:
    return next((t.wav for t in film.takes if t.condition == PICTURE and t.wav), "")


def _code(seed: int, kind: str, text: str) -> str:
    return hashlib.sha256(f"{seed}/{kind}/{text}".encode()).hexdigest()[:10]


def write_page(items: Sequence[Item], films: FilmSet, path: Path, title: str = "Listening") -> Path:
    """Write the page and, beside it, its key.

    Returns:
        Path of the key (``<page stem>.key.json``); keep it from the raters.

    Raises:
        BadRequest: there is nothing to rate, or media are gone.
    """
    if not items:
        raise BadRequest(
            "There is nothing to rate: no takes of both models and no captions.",
            "Evaluate two models on the same set first, and keep their takes.",
        )
    known = {film.name: film for film in films.films}
    cards = "".join(_card(item, known) for item in items)
    html = _PAGE.replace("@TITLE@", escape(title)).replace("@CARDS@", cards)
    path.write_text(html, encoding="utf-8")
    key = path.with_suffix(".key.json")
    key.write_text(json.dumps({"items": [asdict(item) for item in items]}, indent=1), "utf-8")
    return key


def _card(item: Item, known: dict[str, Film]) -> str:
    film = known.get(item.film)
    if film is None or not film.path.is_file():
        raise BadRequest(f"The film {item.film} is gone.", "Keep the set where it was evaluated.")
    if item.kind == "caption":
        media = f'<video controls muted loop src="{_uri(film.path.read_bytes())}"></video>'
        marks = "".join(
            f'<label><input type="radio" name="{item.item}-caption" value="{v}">{v}</label>'
            for v in CAPTION_SCALE
        )
        return (
            f'<section data-item="{item.item}" data-kind="caption">{media}'
            f"<blockquote>{escape(item.caption)}</blockquote>"
            f'<p data-question="caption">{QUESTIONS["caption"]}<br>not at all {marks} exactly</p>'
            "</section>"
        )
    sides = "".join(
        f'<figure><video controls loop src="{_uri(mux(film.path, Path(wav)))}"></video>'
        f"<figcaption>{side}</figcaption></figure>"
        for side, wav in (("left", item.left_wav), ("right", item.right_wav))
    )
    questions = "".join(
        f'<p data-question="{name}">{QUESTIONS[name]}<br>'
        + "".join(
            f'<label><input type="radio" name="{item.item}-{name}" value="{v}">{v}</label>'
            for v in PREFERENCES
        )
        + "</p>"
        for name in ("sync", "fit", "quality")
    )
    return (
        f'<section data-item="{item.item}" data-kind="pair"><div class="sides">{sides}</div>'
        f"{questions}</section>"
    )


def _uri(data: bytes) -> str:
    return "data:video/mp4;base64," + base64.b64encode(data).decode()


def mux(film: Path, wav: Path) -> bytes:
    """An MP4 of the film's picture, copied as it is, with a take as its sound.

    Raises:
        BadRequest: one of the two cannot be read.
    """
    try:
        wave, rate = read_mono(wav)
        buffer = io.BytesIO()
        with av.open(str(film)) as source, av.open(buffer, "w", format="mp4") as target:
            picture = source.streams.video[0]
            copied = target.add_stream_from_template(picture)
            sound = target.add_stream("aac", rate=_RATE, layout="mono")
            for packet in source.demux(picture):
                if packet.dts is not None:
                    packet.stream = copied
                    target.mux(packet)
            samples = np.clip(soxr.resample(wave, rate, _RATE), -1, 1).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(samples[None]), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = _RATE, 0
            target.mux(sound.encode(frame))
            target.mux(sound.encode())
        return buffer.getvalue()
    except (OSError, av.FFmpegError, RuntimeError) as error:
        raise BadRequest(f"{film.name} and {wav.name} cannot be joined: {error}.") from error


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>@TITLE@</title><style>
body{font:16px/1.5 sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
section{display:none;border:1px solid #ccc;border-radius:8px;padding:1rem}section.on{display:block}
.sides{display:flex;gap:1rem}figure{margin:0;flex:1}video{width:100%;max-width:28rem;background:#000}
label{margin-right:1.1rem}blockquote{font-size:1.2rem}button{font:inherit;padding:.4rem 1rem}
</style></head><body>
<h1>@TITLE@</h1>
<p>Use headphones. Play each film as often as you like; there are no right answers.</p>
<p><label>Your name or number <input id="rater" autocomplete="off"></label>
<button id="start">Start</button> <span id="place"></span></p>
<main>@CARDS@</main>
<p><button id="back" disabled>Back</button> <button id="next" disabled>Next</button>
<button id="save" disabled>Save answers (CSV)</button></p>
<script>
"use strict";
const cards = [...document.querySelectorAll("section")];
let order = [], at = 0, shownAt = 0, answers = {};
const byId = id => document.getElementById(id);
function hash(text) { let h = 2166136261;
  for (const c of text) { h ^= c.codePointAt(0); h = Math.imul(h, 16777619); } return h >>> 0; }
function shuffled(n, seed) { const a = [...Array(n).keys()]; let s = seed || 1;
  const draw = () => { s ^= s << 13; s ^= s >>> 17; s ^= s << 5; return (s >>> 0) / 4294967296; };
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1)); [a[i], a[j]] = [a[j], a[i]]; }
  return a; }
function storeKey() { return "vatt-ratings:" + document.title + ":" + byId("rater").value.trim(); }
function show() {
  for (const c of cards) { c.classList.remove("on");
    c.querySelectorAll("video").forEach(v => v.pause()); }
  const card = cards[order[at]]; card.classList.add("on"); shownAt = Date.now();
  byId("place").textContent = (at + 1) + " of " + cards.length;
  byId("back").disabled = at === 0; byId("next").disabled = at === cards.length - 1; }
byId("start").onclick = () => {
  if (!byId("rater").value.trim()) { byId("rater").focus(); return; }
  byId("rater").disabled = byId("start").disabled = true;
  order = shuffled(cards.length, hash(byId("rater").value.trim()));
  try { answers = JSON.parse(localStorage.getItem(storeKey())) || {}; } catch (e) { answers = {}; }
  for (const [name, a] of Object.entries(answers)) {
    const input = document.querySelector(`input[name="${name}"][value="${a.answer}"]`);
    if (input) input.checked = true; }
  byId("save").disabled = false; at = 0; show(); };
document.querySelector("main").onchange = e => {
  const card = e.target.closest("section"), question = e.target.closest("[data-question]");
  answers[e.target.name] = { item: card.dataset.item, kind: card.dataset.kind,
    question: question.dataset.question, answer: e.target.value,
    seconds: Math.round((Date.now() - shownAt) / 1000) };
  try { localStorage.setItem(storeKey(), JSON.stringify(answers)); } catch (e) {} };
byId("back").onclick = () => { at--; show(); };
byId("next").onclick = () => { at++; show(); };
byId("save").onclick = () => {
  const quote = v => '"' + String(v).replaceAll('"', '""') + '"';
  const rater = byId("rater").value.trim();
  const rows = Object.values(answers).map(a =>
    [rater, a.item, a.kind, a.question, a.answer, a.seconds].map(quote).join(","));
  const csv = ["rater,item,kind,question,answer,seconds", ...rows].join("\\r\\n") + "\\r\\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  link.download = "ratings-" + rater.replace(/[^A-Za-z0-9_-]+/g, "_") + ".csv"; link.click(); };
</script></body></html>
"""
