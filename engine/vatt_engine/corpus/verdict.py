"""How recognisable is a category, synthesised and recorded, to the judge and by its spectrum?

Both are put to the judge in the same way: a few seconds with several events, in the same room,
over the same quiet noise, since a judge trained on recordings mistakes a perfectly dry sound for
music. A category is recognised in a clip when one of its accepted classes is among the judge's
first five, not counting classes that describe the recording rather than the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from vatt_engine.corpus.audio import SAMPLE_RATE
from vatt_engine.corpus.categories import CATEGORIES, Category
from vatt_engine.corpus.check import Row
from vatt_engine.corpus.synth import api, room
from vatt_engine.corpus.synth.dsp import Rng, Wave, add_at, unit_peak
from vatt_engine.evaluation.onsets import find_onsets
from vatt_engine.evaluation.yamnet import SAMPLE_RATE as JUDGE_RATE
from vatt_engine.evaluation.yamnet import Yamnet

CLIP_S = 4.2
N_CLIPS = 6
HEARD_WITHIN_S = 0.1
"""An event counts as heard when an onset is this near."""

_NOT_A_SOURCE = frozenset(
    {
        "Silence", "Inside, small room", "Inside, large room or hall", "Inside, public space",
        "Sound effect", "Outside, rural or natural", "Outside, urban or manmade", "Speech",
        "Music", "Reverberation", "Echo", "Field recording",
    }
)  # fmt: skip
_ROOM = room.Placement("room", 0.5, -65.0)


@dataclass(frozen=True)
class Verdict:
    """What was found out about one category in one form.

    Attributes:
        recognised: share of clips in which the judge names the category or its family, 0..1.
        first: share in which it is the judge's first choice.
        top: mean of the best patch per class, best first: (class, score).
        centroid_hz: spectral centroid of all clips.
        level_db: loudest 50 ms of each clip, mean, dBFS.
        onsets_heard: share of the asked-for events with an onset within `HEARD_WITHIN_S`; None
            without events. Low for what swells rather than starts, like a whoosh.
        onset_error_ms: median distance of those from their onset; None where none was heard.
        examples: clips for listening, mono at `SAMPLE_RATE`, dry.
    """

    recognised: float
    first: float
    top: tuple[tuple[str, float], ...]
    centroid_hz: float
    level_db: float
    onsets_heard: float | None
    onset_error_ms: float | None
    examples: tuple[Wave, ...]


def judge_synth(judge: Yamnet, name: str, n_clips: int = N_CLIPS) -> Verdict:
    """Verdict on a synthesised category; clip ``k`` comes from seed ``k``."""
    row = CATEGORIES[name]
    clips: list[Wave] = []
    errors: list[float] = []
    for seed in range(n_clips):
        rng = np.random.default_rng(seed)
        if api.has_events(name):
            events = _event_times(row, rng)
            wave = api.render_events(name, events, CLIP_S, SAMPLE_RATE, rng)
            heard = find_onsets(wave, SAMPLE_RATE).times_s
            errors += [float(np.abs(heard - time).min(initial=CLIP_S)) for time, _ in events]
        else:
            wave = api.render(name, None, CLIP_S, SAMPLE_RATE, rng)
        clips.append(wave)
    return _verdict(judge, row, clips, errors)


def judge_recordings(
    judge: Yamnet, name: str, rows: Sequence[Row], out: Path, n_clips: int = N_CLIPS
) -> Verdict | None:
    """Verdict on a category's recordings; None when the corpus has none."""
    if not rows:
        return None
    row = CATEGORIES[name]
    clips = []
    for seed in range(n_clips):
        rng = np.random.default_rng(seed)
        # Events of one clip come from one package, as if from one place.
        package = rows[int(rng.integers(len(rows)))]["package"]
        pool = [item for item in rows if item["package"] == package]
        wave = np.zeros(round(CLIP_S * SAMPLE_RATE), dtype=np.float32)
        times = [(0.0, 1.0)] if row.kind == "continuous" else _event_times(row, rng)
        for time, strength in times:
            item = pool[int(rng.integers(len(pool)))]
            sound, _ = soundfile.read(out / item["file"], dtype="float32")
            add_at(wave, sound, round(time * SAMPLE_RATE), strength)
        clips.append(wave)
    return _verdict(judge, row, clips, [])


def _event_times(row: Category, rng: Rng) -> list[tuple[float, float]]:
    """Moments for a clip: a loose beat for a rhythm, a few single events otherwise."""
    step = 0.5 if row.kind == "rhythm" else 1.3
    times = np.arange(0.15, CLIP_S - 0.3, step)
    times = times + rng.uniform(0.0, 0.15 * step, times.size)
    return [(float(time), float(rng.uniform(0.75, 1.0))) for time in times]


def _verdict(
    judge: Yamnet, row: Category, clips: Sequence[Wave], errors_s: Sequence[float]
) -> Verdict:
    ranks, best = [], []
    for seed, clip in enumerate(clips):
        rng = np.random.default_rng([seed, 1])
        placed = room.place(0.5 * unit_peak(clip), _ROOM, SAMPLE_RATE, rng)
        scores = judge.scores(soxr.resample(placed, SAMPLE_RATE, JUDGE_RATE)).max(dim=0).values
        best.append(scores)
        named = [name for name, _ in judge.top(scores, 24) if name not in _NOT_A_SOURCE][:5]
        ranks.append(next((i for i, name in enumerate(named) if name in row.yamnet), 99))
    heard = [error for error in errors_s if error <= HEARD_WITHIN_S]
    mean = sum(best[1:], best[0]) / len(best)
    return Verdict(
        recognised=float(np.mean([rank < 5 for rank in ranks])),
        first=float(np.mean([rank == 0 for rank in ranks])),
        top=tuple(judge.top(mean, 6)),
        centroid_hz=_centroid(clips),
        level_db=float(np.mean([_level_db(clip) for clip in clips])),
        onsets_heard=len(heard) / len(errors_s) if errors_s else None,
        onset_error_ms=1000 * float(np.median(heard)) if heard else None,
        examples=tuple(clips[:1]),
    )


def _centroid(clips: Sequence[Wave]) -> float:
    power = np.square(np.abs(np.fft.rfft(np.stack(clips), axis=1))).sum(axis=0)
    hz = np.fft.rfftfreq(len(clips[0]), 1 / SAMPLE_RATE)
    return float((hz * power).sum() / max(float(power.sum()), 1e-12))


def _level_db(clip: Wave) -> float:
    span = SAMPLE_RATE // 20
    blocks = clip[: len(clip) // span * span].reshape(-1, span)
    return float(10 * np.log10(np.square(blocks).mean(axis=1).max() + 1e-12))
