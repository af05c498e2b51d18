"""What only a trained model can tell: steps, guidance, lanes, captions, rounds, timing.

Each group of questions varies one thing; all takes of a clip have the same seed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.config import AudioModelConfig
from vatt_engine.config_json import read_config
from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.evaluation.onsets import find_onsets
from vatt_engine.evaluation.sync import TOLERANCE_S
from vatt_engine.evaluation.wording import families_of, paraphrases
from vatt_engine.lane_editing import followed
from vatt_engine.messages import SyncLane
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.sampling import sample_codes
from vatt_engine.sound_config import SamplerConfig
from vatt_engine.training import checkpoint
from vatt_engine.training.ablations.listening import (
    Away,
    Ear,
    Scene,
    choose,
    decode,
    hits_of,
    make_codes,
    scenes_of,
)
from vatt_engine.training.ablations.plan import Plan, Questions
from vatt_engine.training.ablations.results import Results, results_of
from vatt_engine.training.audio_data import read_shard
from vatt_engine.training.audio_folder import read_audio
from vatt_engine.training.codec_config import from_plain
from vatt_engine.training.codec_folder import read_codec
from vatt_engine.training.converter_folder import load_converter
from vatt_engine.training.device import has_bf16

log = logging.getLogger(__name__)

Waves = list[NDArray[np.float32]]

_APART_S = 0.15  # a moved hit keeps so far from all others, or nobody could tell where it went
_RANKING_SEEDS = (11, 12)


def ask(plan: Plan, model: str | None, clips: int | None, only: Sequence[str] | None) -> None:
    """Ask all groups of questions, or ``only`` some, and keep the answers.

    Args:
        plan: the questions.
        model: a trained model's folder, or the checkpoint of a run, instead of the plan's.
        clips: how many clips, instead of the plan's number.
        only: names of groups.

    Raises:
        BadRequest: there is no group of that name, or no model.
        BadModelFolder: a part of the model cannot be read.
    """
    groups: dict[str, Callable[[Asker], None]] = {
        "steps": Asker.steps, "cfg": Asker.cfg, "lane": Asker.lane, "captions": Asker.captions,
        "negative": Asker.negative, "timing": Asker.timing, "rounds": Asker.rounds,
    }  # fmt: skip
    unknown = sorted(set(only or ()) - set(groups))
    if unknown:
        raise BadRequest(f"No group {', '.join(unknown)}.", f"There are: {', '.join(groups)}.")
    if clips is not None:
        plan = replace(plan, trained_listening=replace(plan.trained_listening, clips=clips))
    asker = Asker(plan, Path(model or plan.questions.model))
    for name, group in groups.items():
        if not only or name in only:
            group(asker)


def read_trained(path: Path) -> tuple[AudioModel, int]:
    """A trained model, or the averaged weights of a run's checkpoint; and steps, 0 if unknown."""
    if not path.is_file():
        return read_audio(path), 0
    tensors, state = checkpoint.load(path)
    net = AudioModel(from_plain(AudioModelConfig, state["config"]["model"], str(path)))
    net.load_state_dict(checkpoint.under_prefix("average", tensors))
    return net.requires_grad_(False).eval(), int(state["step"])


def bundled_sampler(folder: Path) -> SamplerConfig:
    """How the model of a folder is sampled unless asked otherwise.

    Raises:
        BadModelFolder: it does not say.
    """
    path = folder / "model.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["config"]["sampler"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise BadModelFolder(f"{path} tells no sampler: {err}.", "Give one in the plan.") from err
    return read_config(SamplerConfig, found, str(path))


class Asker:
    """A trained model, held-out clips, and what has been asked so far."""

    def __init__(self, plan: Plan, model: Path) -> None:
        self._plan, self._questions = plan, plan.questions
        questions: Questions = plan.questions
        self._sampler = questions.sampler or bundled_sampler(Path(questions.converter))
        self._net, steps = read_trained(model)
        self._converter = load_converter(Path(questions.converter))
        self._codec = read_codec(Path(questions.codec))
        self._rate = round(self._codec.config.frame_rate)
        self._bf16 = has_bf16(torch.device("cpu"))
        self._ear = Ear(self._codec.sample_rate)
        self._results: Results = results_of(plan, "trained")
        listening = plan.trained_listening
        films = scenes_of(read_shard(Path(questions.clips)), listening.seconds, self._rate)
        self._scenes, truth = choose(films, self._codec, self._ear, listening)
        self._lanes = [s.lane for s in self._scenes]
        self._words: list[str | None] = [s.captions[0] for s in self._scenes]
        self._said: list[list[tuple[str, float]]] | None = None
        row: dict[str, Any] = {"takes": [asdict(r) for r in truth], "model_steps": steps}
        row["kind"] = [r.family == s.family for r, s in zip(truth, self._scenes, strict=True)]
        row |= {"model": model.name, "seconds_a_clip": listening.seconds}
        self._results.add({"run": "truth", "group": "truth", **row})
        self._plain_waves = self._ask("plain", "plain", "as it is", self._words, self._lanes)

    def steps(self) -> None:
        """Sampler steps."""
        for n in self._questions.steps:
            sampler = replace(self._sampler, steps=n)
            self._ask("steps", f"steps {n}", str(n), self._words, self._lanes, sampler)

    def cfg(self) -> None:
        """Guidance, of words and lane together."""
        for strength in self._questions.cfg:
            sampler = replace(self._sampler, cfg=strength)
            self._ask("cfg", f"cfg {strength}", f"{strength:g}", self._words, self._lanes, sampler)

    def lane(self) -> None:
        """Without a lane, and with one hit of it moved."""
        self._ask("lane", "lane off", "off", self._words, None)
        moves = [moved(lane, self._questions.moved_ms, self._rate) for lane in self._lanes]
        lanes = [
            m[0] if m else lane for m, lane in zip(moves, self._lanes, strict=True)
        ]  # a lane without room for a move stays, and its hit is not counted
        waves = self._takes(self._words, lanes)
        places = [m[1:] if m else None for m in moves]
        extra = {
            "edited": self._heard_at(waves, places), "unedited": self._heard_at(
                self._plain_waves, places
            ),
        }  # fmt: skip
        hits = [hits_of(lane) for lane in lanes]
        name = f"one hit moved by {self._questions.moved_ms} ms"
        self._keep("lane", "lane edited", name, waves, hits=hits, extra=extra)

    def captions(self) -> None:
        """Words of all kinds: none, the converter's, other ones, wrong ones."""
        scenes = self._scenes
        self._ask("captions", "caption other", "true, another wording",
                  [s.captions[-1] for s in scenes], self._lanes)  # fmt: skip
        said = [ways[0][0] if ways else None for ways in self._alternatives()]
        right = [float(s.family in families_of(t or "")) for s, t in zip(scenes, said, strict=True)]
        self._ask("captions", "caption generated", "generated from the picture", said, self._lanes,
                  extra={"right": right})  # fmt: skip
        own = paraphrases()
        users = [own.get(s.category, (s.category.replace("_", " "),))[0] for s in scenes]
        self._ask("captions", "caption users", "out of style: a user's own words", users,
                  self._lanes)  # fmt: skip
        self._ask("captions", "caption none", "none, picture alone", [None] * len(scenes),
                  self._lanes)  # fmt: skip
        other = [_of_another_family(scenes, i) for i in range(len(scenes))]
        waves = self._takes([s.captions[0] for s in other], self._lanes)
        families = [s.family for s in other]
        self._keep("captions", "caption wrong", "wrong, judged by the picture", waves)
        self._keep("captions", "caption wrong, by words", "wrong, judged by the words", waves,
                   families=families)  # fmt: skip

    def negative(self) -> None:
        """Two sounds asked for at once, and one of them in the negative prompt.

        Half of the words are the film's own, the other half another film's.
        """
        scenes = self._scenes
        others = [_of_another_family(scenes, i) for i in range(len(scenes))]
        first, second = ([s.captions[0] for s in some] for some in (scenes, others))
        both = [f"{a} and {b}" for a, b in zip(first, second, strict=True)]
        families = [s.family for s in others]
        for says, away in (("nothing", None), ("the second", second), ("the first", first)):
            waves = self._takes(both, self._lanes, negatives=away)
            name = f"negative {says}"
            other = self._judged(waves, families=families)
            right = [t["family"] == f for t, f in zip(other, families, strict=True)]
            extra = {"second": other, "second_kind": right}
            self._keep("negative", name, says, waves, extra=extra)

    def timing(self) -> None:
        """Whole lanes moved; how late is the sound, by the unmoved truth?"""
        self._keep("timing", "shift 0", "0", self._plain_waves)
        for ms in self._questions.shifts_ms:
            lanes = [shifted(lane, ms, self._rate) for lane in self._lanes]
            self._ask("timing", f"shift {ms}", str(ms), self._words, lanes)

    def rounds(self) -> None:
        """Caption, sound, captions ranked anew by how well each is heard in its sound; twice."""
        scenes, said = self._scenes, self._alternatives()
        self._ask_chosen("0 rounds", "none: the first caption", [0] * len(scenes))
        sampler = replace(self._sampler, steps=self._questions.rounds_steps)
        n = max(map(len, said), default=0)
        scores = np.array([[0.0] * len(ways) + [-np.inf] * (n - len(ways)) for ways in said])
        for number, seed in enumerate(_RANKING_SEEDS, start=1):
            for j in range(n):
                at = [i for i, ways in enumerate(said) if j < len(ways)]
                words: list[str | None] = [said[i][j][0] for i in at]
                waves = self._takes(words, [self._lanes[i] for i in at], sampler, seed, at)
                for i, text, wave in zip(at, words, waves, strict=True):
                    likely = self._ear.likely(wave)
                    scores[i, j] += sum(likely[f] for f in families_of(text or ""))
            chosen = [int(np.argmax(row)) for row in scores]
            self._ask_chosen(f"{number} rounds", f"{number}", chosen)

    def _ask_chosen(self, run: str, says: str, chosen: Sequence[int]) -> None:
        texts: list[str | None] = [
            ways[j][0] if ways else None
            for ways, j in zip(self._alternatives(), chosen, strict=True)
        ]
        pairs = list(zip(self._scenes, texts, strict=True))
        right = [float(s.family in families_of(t or "")) for s, t in pairs]
        any_right = [
            float(any(s.family in families_of(t) for t, _ in ways))
            for s, ways in zip(self._scenes, self._alternatives(), strict=True)
        ]
        extra = {"right": right, "any_right": any_right}
        self._ask("rounds", run, says, texts, self._lanes, extra=extra)

    def _alternatives(self) -> list[list[tuple[str, float]]]:
        """The converter's captions of each clip, best first."""
        if self._said is None:
            self._said = [
                self._converter.caption(
                    s.video, torch.Generator().manual_seed(i), self._questions.captions
                )
                for i, s in enumerate(self._scenes)
            ]
        return self._said

    def _ask(
        self,
        group: str,
        run: str,
        says: str,
        words: Sequence[str | None],
        lanes: Sequence[Tensor] | None,
        sampler: SamplerConfig | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Waves:
        started = time.process_time()
        waves = self._takes(words, lanes, sampler)
        spent = (time.process_time() - started) / len(waves)
        self._keep(group, run, says, waves, extra={"seconds": round(spent, 3), **(extra or {})})
        return waves

    def _takes(
        self,
        words: Sequence[str | None],
        lanes: Sequence[Tensor] | None,
        sampler: SamplerConfig | None = None,
        seed: int | None = None,
        at: Sequence[int] | None = None,
        negatives: Sequence[str] | None = None,
    ) -> Waves:
        """A take for each scene, or those ``at``; ``lanes`` None leaves the lane out."""
        scenes = self._scenes if at is None else [self._scenes[i] for i in at]

        def sample(
            states: Tensor,
            mask: Tensor,
            lane: Tensor,
            generators: list[torch.Generator],
            away: Away | None,
        ) -> Tensor:
            negative, negative_mask = away or (None, None)
            with torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
                return sample_codes(
                    self._net, states, mask, generators=generators, n_frames=lane.shape[1],
                    lane=None if lanes is None else lane,
                    negative=negative, negative_mask=negative_mask,
                    sampler=sampler or self._sampler,
                )  # fmt: skip

        own = lanes if lanes is not None else [s.lane for s in scenes]
        codes = make_codes(
            sample, self._converter, scenes, words, own,
            self._questions.seed if seed is None else seed, self._questions.batch, negatives,
        )  # fmt: skip
        return [decode(self._codec, take[None])[0] for take in codes]

    def _keep(
        self,
        group: str,
        run: str,
        says: str,
        waves: Waves,
        hits: Sequence[NDArray[np.float64]] | None = None,
        families: Sequence[str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        """Judge takes, by the scenes' own hits and families unless others are given."""
        families = families or [s.family for s in self._scenes]
        takes = self._judged(waves, hits, families)
        right = [t["family"] == f for t, f in zip(takes, families, strict=True)]
        row = {"run": run, "group": group, "says": says, "takes": takes, "kind": right}
        self._results.add(row | (extra or {}))
        log.info("%s: done", run)

    def _judged(
        self,
        waves: Waves,
        hits: Sequence[NDArray[np.float64]] | None = None,
        families: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        hits = hits or [s.hits_s for s in self._scenes]
        families = families or [s.family for s in self._scenes]
        return [asdict(self._ear.row(*one)) for one in zip(waves, hits, families, strict=True)]

    def _heard_at(
        self, waves: Waves, places: Sequence[tuple[float, float] | None]
    ) -> list[tuple[bool, bool]]:
        """Of each place before and after a move: is there an onset?"""
        found = []
        for wave, place in zip(waves, places, strict=True):
            if place is not None:
                times = find_onsets(wave, self._codec.sample_rate).times_s
                near = [bool((np.abs(times - p) <= TOLERANCE_S).any()) for p in place]
                found.append((near[0], near[1]))
        return found


def moved(lane: Tensor, ms: int, frame_rate: int) -> tuple[Tensor, float, float] | None:
    """A lane [T, 2] with one hit moved, and where it was and is, in seconds.

    Its part of the intensity goes along, as it does when a user drags a hit.
    The hit is the one that is furthest from all others in both places; None if none is far enough.
    """
    by = round(ms * frame_rate / 1000)
    places = np.flatnonzero(lane[:, 0].numpy() > 0)
    best, room = None, _APART_S * frame_rate
    for place in places:
        others = places[places != place]
        both = np.array([place, place + by])
        free = np.abs(both[:, None] - others).min(initial=len(lane))
        if 0 <= place + by < len(lane) and free > room:
            best, room = int(place), float(free)
    if best is None:
        return None
    out = lane.clone()
    out[best + by, 0] = out[best, 0]
    out[best, 0] = 0
    edited = SyncLane(_hits_of(out, frame_rate), tuple(lane[:, 1].tolist()), float(frame_rate))
    out[:, 1] = torch.tensor(followed(edited, _hits_of(lane, frame_rate)).intensity)
    return out, (best + 0.5) / frame_rate, (best + by + 0.5) / frame_rate


def _hits_of(lane: Tensor, frame_rate: int) -> tuple[tuple[float, float], ...]:
    """Hits of a lane [T, 2] as (seconds, strength)."""
    places = np.flatnonzero(lane[:, 0].numpy() > 0)
    return tuple((float(k) / frame_rate, float(lane[k, 0])) for k in places)


def shifted(lane: Tensor, ms: int, frame_rate: int) -> Tensor:
    """A lane [T, 2] that comes ``ms`` later; what leaves it is lost."""
    by = round(ms * frame_rate / 1000)
    out = torch.zeros_like(lane)
    if by >= 0:
        out[by:] = lane[: len(lane) - by]
    else:
        out[:by] = lane[-by:]
    return out


def _of_another_family(scenes: Sequence[Scene], i: int) -> Scene:
    """The next scene, half way round, that is of another family than scene ``i``."""
    n = len(scenes)
    for step in range(n):
        other = scenes[(i + n // 2 + step) % n]
        if other.family != scenes[i].family:
            return other
    return scenes[i]
