"""``python -m vatt_engine.evaluation.codec_report CODEC CONFIG --out FOLDER``: is the codec good?

Every figure is taken on packages the training never saw (``data.held_out`` of the config), beside
the codec's own autoencoder without its quantiser and beside Opus. Writes ``report.json`` and
``report.html`` with players, and says plainly which bars are met.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from vatt_engine.errors import VattError
from vatt_engine.evaluation.codec_metrics import (
    FirmScore,
    firm_onsets_kept,
    onsets_kept,
    pre_echo_ms,
    si_sdr_db,
)
from vatt_engine.evaluation.opus_reference import through_opus
from vatt_engine.evaluation.sync import OnsetScore
from vatt_engine.evaluation.yamnet import Yamnet
from vatt_engine.nets.codec import Codec
from vatt_engine.training.codec_config import read_codec_data
from vatt_engine.training.codec_folder import read_codec, unquantised
from vatt_engine.training.quantiser import usage
from vatt_engine.training.sound_bank import SoundBank
from vatt_engine.training.sounds import open_sounds
from vatt_engine.training.spectral import MultiScaleMel

log = logging.getLogger(__name__)

Wave = NDArray[np.float32]

LONGEST_S = 5.0
PEAK = 0.5
OPUS_BIT_RATE = 6000
OPUS = "Opus at 6 kb/s"
N_PLAYERS = 8
TITLES = {
    "name": "system",
    "kbit_s": "kb/s",
    "mel": "mel distance, nats",
    "mel_median": "its median",
    "si_sdr_db": "SI-SDR, dB",
    "yamnet_cosine": "YAMNet distance",
    "yamnet_same_class": "class kept",
    "onset_f1": "onset F1",
    "firm_onset_f1": "firm onset F1",
    "n_onsets": "onsets",
    "pre_echo_ms": "pre-echo, ms",
}
BARS = {"onset_f1": 0.95, "pre_echo_ms": 10.0, "codes_used": 0.5}


@dataclass(frozen=True)
class Figures:
    """One system on all held-out clips; means over clips unless said otherwise.

    Attributes:
        kbit_s: kilobits a second.
        mel: multi-scale log-mel distance in nats; ``mel_median`` its median.
        si_sdr_db: scale-invariant; about 0 or below for any codec that keeps no phase.
        yamnet_cosine: 1 - cosine of the YAMNet embeddings.
        yamnet_same_class: share of clips whose likeliest class stays.
        onset_f1: onsets of decoded against original within 20 ms, counts of all clips pooled.
        firm_onset_f1: the same for onsets twice as strong as the detector's threshold.
        pre_echo_ms: of a click, worst of 16.
    """

    name: str
    kbit_s: float | None
    mel: float
    mel_median: float
    si_sdr_db: float
    yamnet_cosine: float
    yamnet_same_class: float
    onset_f1: float
    firm_onset_f1: float
    n_onsets: int
    pre_echo_ms: float


def held_out_clips(banks: Sequence[SoundBank]) -> list[tuple[str, Wave]]:
    """(name, wave [S]) of every held-out sound: its first five seconds, peak at half scale."""
    clips = []
    for bank in banks:
        for i in range(len(bank)):
            wave = bank.wave(i, 0, int(LONGEST_S * bank.sample_rate))
            clips.append((bank.names[i], wave * (PEAK / max(float(np.abs(wave).max()), 0.02))))
    return clips


def measure(
    name: str,
    system: Callable[[Wave], Wave],
    clips: Sequence[tuple[str, Wave]],
    sample_rate: int,
    hop_length: int,
    kbit_s: float | None,
    judge: Yamnet,
) -> Figures:
    """Put all clips through a system and measure what comes out."""
    ruler = MultiScaleMel(sample_rate)
    mels, ratios, cosines, same = [], [], [], []
    onsets, firm = OnsetScore(0, 0, 0), FirmScore()
    for _, wave in clips:
        made = system(wave)
        both = torch.from_numpy(made)[None], torch.from_numpy(wave)[None]
        mels.append(float(ruler(*both)))
        ratios.append(si_sdr_db(made, wave))
        onsets += onsets_kept(made, wave, sample_rate)
        firm += firm_onsets_kept(made, wave, sample_rate)
        (made_scores, made_place), (scores, place) = judge.judge(made), judge.judge(wave)
        cosine = torch.cosine_similarity(made_place.flatten(), place.flatten(), dim=0)
        cosines.append(1 - float(cosine))
        same.append(int(made_scores.argmax()) == int(scores.argmax()))
    return Figures(
        name=name,
        kbit_s=kbit_s,
        mel=float(np.mean(mels)),
        mel_median=float(np.median(mels)),
        si_sdr_db=float(np.mean(ratios)),
        yamnet_cosine=float(np.mean(cosines)),
        yamnet_same_class=float(np.mean(same)),
        onset_f1=onsets.f1,
        firm_onset_f1=firm.f1,
        n_onsets=onsets.n_true,
        pre_echo_ms=pre_echo_ms(system, sample_rate, hop_length),
    )


def onset_yardsticks(
    clips: Sequence[tuple[str, Wave]], sample_rate: int
) -> dict[str, dict[str, float]]:
    """What changes that are hard or impossible to hear do to the onset figures.

    Below which F1 does a codec really lose onsets? The same originals with white noise far below
    them, and through Opus at rates that leave an attack as it is.
    """
    rng = np.random.default_rng(0)

    def noisy(level_db: float) -> Callable[[Wave], Wave]:
        def add(wave: Wave) -> Wave:
            hiss = 10 ** (level_db / 20) * rng.standard_normal(len(wave))
            return wave + hiss.astype(np.float32)

        return add

    def opus(bit_rate: int) -> Callable[[Wave], Wave]:
        return lambda wave: through_opus(wave, sample_rate, bit_rate)[0]

    changes = {f"noise at {db} dBFS": noisy(db) for db in (-70, -60, -46)}
    changes |= {f"Opus at {kbit} kb/s": opus(1000 * kbit) for kbit in (64, 32, 16)}
    found = {}
    for name, change in changes.items():
        onsets, firm = OnsetScore(0, 0, 0), FirmScore()
        for _, wave in clips:
            made = change(wave)
            onsets += onsets_kept(made, wave, sample_rate)
            firm += firm_onsets_kept(made, wave, sample_rate)
        found[name] = {"onset_f1": onsets.f1, "firm_onset_f1": firm.f1}
    return found


@torch.no_grad()
def code_use(codec: Codec, clips: Sequence[tuple[str, Wave]]) -> dict[str, list[float]]:
    """Per codebook, over all clips: share of codes used, and perplexity."""
    counts = torch.zeros(codec.config.n_codebooks, codec.config.codebook_size)
    for _, wave in clips:
        codes = codec.encode(torch.from_numpy(wave)[None, None])[0]
        for k, row in enumerate(codes):
            counts[k] += torch.bincount(row, minlength=counts.shape[1])
    used, perplexity = usage(counts)
    return {"used": used.tolist(), "perplexity": perplexity.tolist()}


def systems_of(codec: Codec) -> dict[str, tuple[Callable[[Wave], Wave], float | None]]:
    """What is compared: name -> (wave to wave, kilobits a second)."""
    rate = codec.sample_rate
    a_codebook = codec.config.frame_rate * np.log2(codec.config.codebook_size) / 1000

    def with_codebooks(k: int) -> Callable[[Wave], Wave]:
        @torch.no_grad()
        def run(wave: Wave) -> Wave:
            codes = codec.encode(torch.from_numpy(wave)[None, None])[:, :k]
            return codec.decode(codes)[0, 0, : len(wave)].numpy()

        return run

    def plain(wave: Wave) -> Wave:
        return unquantised(codec, torch.from_numpy(wave)[None, None])[0, 0].numpy()

    n = codec.config.n_codebooks
    found: dict[str, tuple[Callable[[Wave], Wave], float | None]] = {
        f"{k} codebook{'s' * (k > 1)}": (with_codebooks(k), k * float(a_codebook))
        for k in sorted({n, n // 2} - {0}, reverse=True)
    }
    found["unquantised"] = (plain, None)
    found[OPUS] = (lambda wave: through_opus(wave, rate, OPUS_BIT_RATE)[0], None)
    return found


def report(codec: Codec, clips: Sequence[tuple[str, Wave]]) -> dict[str, Any]:
    """All figures and bars as plain values."""
    judge = Yamnet.load()
    rate, hop = codec.sample_rate, codec.hop_length
    seconds = sum(len(w) for _, w in clips) / rate
    opus_bits = 8 * sum(through_opus(w, rate, OPUS_BIT_RATE)[1] for _, w in clips)
    rows = []
    for name, (system, kbit_s) in systems_of(codec).items():
        started = time.monotonic()
        bits = opus_bits / seconds / 1000 if name == OPUS else kbit_s
        rows.append(measure(name, system, clips, rate, hop, bits, judge))
        log.info("%s: %.0f s, %s", name, time.monotonic() - started, rows[-1])
    use = code_use(codec, clips)
    ours, opus = rows[0], rows[-1]
    bars = {
        "mel distance below Opus at 6 kb/s": ours.mel < opus.mel,
        "every codebook used > 50 %": min(use["used"]) > BARS["codes_used"],
        "onset F1 at 20 ms >= 0.95": ours.onset_f1 >= BARS["onset_f1"],
        "no pre-echo over 10 ms": ours.pre_echo_ms <= BARS["pre_echo_ms"],
    }
    return {
        "n_clips": len(clips),
        "seconds": round(seconds, 1),
        "systems": [asdict(row) for row in rows],
        "codebooks": use,
        "onset_yardsticks": onset_yardsticks(clips, rate),
        "bars": bars,
    }


def page(
    title: str,
    figures: dict[str, Any],
    sounds: Sequence[tuple[str, dict[str, Wave]]],
    sample_rate: int,
) -> str:
    """One HTML file: figures, bars, codebooks and players."""
    head = "".join(f"<th>{html.escape(title)}</th>" for title in TITLES.values())
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(row[c])}</td>" for c in TITLES) + "</tr>"
        for row in figures["systems"]
    )
    bars = "".join(
        f"<li>{'met' if ok else '<b>not met</b>'}: {html.escape(name)}</li>"
        for name, ok in figures["bars"].items()
    )
    use = "".join(
        f"<tr><td>{k + 1}</td><td>{100 * used:.1f} %</td><td>{perplexity:.0f}</td></tr>"
        for k, (used, perplexity) in enumerate(
            zip(figures["codebooks"]["used"], figures["codebooks"]["perplexity"], strict=True)
        )
    )
    yard = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{row['onset_f1']:.3f}</td>"
        f"<td>{row['firm_onset_f1']:.3f}</td></tr>"
        for name, row in figures["onset_yardsticks"].items()
    )
    players = "".join(
        f"<tr><td class=sound>{html.escape(name)}</td>"
        + "".join(f"<td>{html.escape(k)}<br>{_player(w, sample_rate)}</td>" for k, w in row.items())
        + "</tr>"
        for name, row in sounds
    )
    style = (
        "body{font:14px sans-serif;max-width:1200px;margin:2em auto;padding:0 1em;color:#222;"
        "background:#fff}table{border-collapse:collapse;margin:1em 0}"
        "td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left}"
        ".sound{max-width:12em;overflow-wrap:anywhere}audio{width:180px;height:32px}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        f"<style>{style}</style><h1>{html.escape(title)}</h1>"
        f"<p>{figures['n_clips']} held-out clips, {figures['seconds']} s. Onsets are "
        "compared within 20 ms, firm ones rise twice as far as an onset must; SI-SDR is low for "
        "any codec that keeps no phase.</p>"
        f"<table><tr>{head}</tr>{body}</table><ul>{bars}</ul>"
        f"<h2>Codebooks</h2><table><tr><th>codebook</th><th>codes used</th><th>perplexity</th></tr>"
        f"{use}</table><h2>What hardly audible changes do to the onset figures</h2>"
        f"<table><tr><th>change</th><th>onset F1</th><th>firm onset F1</th></tr>{yard}</table>"
        f"<h2>Sounds</h2><table>{players}</table>\n"
    )


def _text(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else html.escape(str(value))


def _player(wave: Wave, sample_rate: int) -> str:
    data = io.BytesIO()
    soundfile.write(data, np.clip(wave, -1, 1), sample_rate, format="OGG", subtype="VORBIS")
    text = base64.b64encode(data.getvalue()).decode()
    return f'<audio controls preload="none" src="data:audio/ogg;base64,{text}"></audio>'


def get_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="codec_report", description="Measure a codec.")
    parser.add_argument("codec", type=Path, help="folder with codec.json and codec.safetensors")
    parser.add_argument("config", type=Path, help="training config, for the held-out sounds")
    parser.add_argument("--out", type=Path, required=True, help="folder for the report")
    parser.add_argument("--every", type=int, default=1, help="take every n-th clip only")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write, print the bars; 1 if the codec or the sounds cannot be read."""
    args = get_parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        data = read_codec_data(args.config)
        codec = read_codec(args.codec)
        sounds = open_sounds(data, codec.sample_rate)
        clips = held_out_clips(sounds.held_out)[:: args.every]
    except VattError as err:
        sys.stderr.write(f"{err}\n")
        return 1
    figures = report(codec, clips)
    players = []
    for name, wave in clips[:: max(1, len(clips) // N_PLAYERS)]:
        made = {key: system(wave) for key, (system, _) in systems_of(codec).items()}
        players.append((name, {"original": wave} | made))
    args.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(figures, indent=2) + "\n"
    (args.out / "report.json").write_text(text, encoding="utf-8")
    title = f"codec {args.codec.name}"
    (args.out / "report.html").write_text(
        page(title, figures, players, codec.sample_rate), encoding="utf-8"
    )
    for name, ok in figures["bars"].items():
        sys.stdout.write(f"{'met' if ok else 'NOT MET'}: {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
