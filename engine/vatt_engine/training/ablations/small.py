"""The tiny runs: train each variation for a few minutes, then measure and listen."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.codec import Codec
from vatt_engine.sampling import sample_codes
from vatt_engine.training.ablations.listening import (
    PICTURES_A_SECOND,
    Away,
    Ear,
    Sample,
    Scene,
    TakeRow,
    choose,
    decode,
    make_codes,
    scenes_of,
)
from vatt_engine.training.ablations.nets import (
    CausalAudioModel,
    LmInputs,
    sample_frames,
    with_random_picture,
)
from vatt_engine.training.ablations.plan import Listening, Plan, Variation
from vatt_engine.training.audio import (
    AudioTrainer,
    Conditioner,
    open_converter,
    readable_tables,
)
from vatt_engine.training.audio_data import (
    FILM,
    Clip,
    KnownPrompts,
    read_prompts,
    read_shard,
    shard_path,
)
from vatt_engine.training.audio_loss import Masks
from vatt_engine.training.codec_folder import read_codec

log = logging.getLogger(__name__)

HIDDEN = 0.75
_LOSS_S, _LOSS_BATCH = 3, 8


class VariedTrainer(AudioTrainer):
    """An ``AudioTrainer`` with what a variation changes beyond its config."""

    def __init__(self, variation: Variation, conditioner: Conditioner) -> None:
        self._causal = variation.net == "causal"
        super().__init__(variation.training, conditioner)
        for name in variation.frozen:
            self.net.get_submodule(name).requires_grad_(False)

    def new_net(self, codebooks: Tensor) -> AudioModel:
        """A causal net where the variation wants one."""
        kind = CausalAudioModel if self._causal else AudioModel
        return kind(self.config.model, codebooks)

    def masks(self, codes: Tensor, generator: torch.Generator) -> Masks:
        """A causal net is shown all that came before, and asked for everything."""
        if not self._causal:
            return super().masks(codes, generator)
        everything = Masks.all_of(codes)
        return dataclasses.replace(everything, hidden=~everything.hidden)

    def averaged(self) -> AudioModel:
        """The net with averaged weights, to be measured."""
        net = self.new_net(self.net.codebooks.cpu()).eval()
        net.load_state_dict(self.average.tensors)
        return net.requires_grad_(False)


class SmallRuns:
    """Trains and measures variations, one after the other.

    Args:
        plan: all of them; data, codec and converter are those of the first.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        data = plan.variations[0].training.data
        torch.set_num_threads(plan.variations[0].training.run.threads or 1)
        known = read_prompts(Path(data.prompts)) if data.prompts else KnownPrompts({}, {})
        self._converter = open_converter(Path(data.converter), known, torch.device("cpu"))
        self._codec = read_codec(Path(data.codec))
        self._rate = round(self._codec.config.frame_rate)
        self._clips = read_shard(shard_path(data, 0, "valid"))
        self._ear = Ear(self._codec.sample_rate)
        films = scenes_of(self._clips, plan.listening.seconds, self._rate)
        self._scenes, self._truth = choose(films, self._codec, self._ear, plan.listening)
        log.info("listening to %d of %d films", len(self._scenes), len(films))

    def truth(self) -> dict[str, Any]:
        """How the clips' own sounds are heard: what a perfect model would get."""
        takes = [dataclasses.asdict(r) for r in self._truth]
        return {"run": "truth", "takes": takes, "families": [s.family for s in self._scenes]}

    def run(self, variation: Variation) -> dict[str, Any]:
        """Train, measure, listen; a row for the results."""
        conditioner = self._conditioner(variation)
        trainer = VariedTrainer(variation, conditioner)
        if trainer.checkpoint_path.exists():
            trainer.resume()
        trainer.run()
        net = trainer.averaged()
        net.set_plain(True)
        started = time.monotonic()
        found = losses(net, conditioner, self._clips, self._plan.listening, self._rate)
        row: dict[str, Any] = {
            "run": variation.name,
            "steps": trainer.step,
            "train_s": round(trainer.seconds, 1),
            "parameters": sum(p.numel() for p in net.parameters()),
            "losses": found,
            "takes": self._listen(net, variation, conditioner, words=True),
        }
        if variation.picture_only:
            row["picture_takes"] = self._listen(net, variation, conditioner, words=False)
        log.info("%s: measured in %.0f s", variation.name, time.monotonic() - started)
        return row

    def _conditioner(self, variation: Variation) -> Conditioner:
        if variation.condition == "inputs":
            return LmInputs(self._converter)
        if variation.condition == "random_picture":
            films = [c.pictures for c in self._clips if c.kind == FILM]
            pictures = torch.cat([torch.from_numpy(p).float() for p in films])
            return with_random_picture(self._converter, pictures)
        return self._converter

    def _listen(
        self, net: AudioModel, variation: Variation, conditioner: Conditioner, words: bool
    ) -> list[dict[str, Any]]:
        scenes = self._scenes
        prompts = [s.captions[0] if words else None for s in scenes]
        sample = sampler_of(net, variation)
        codes = make_codes(sample, conditioner, scenes, prompts, [s.lane for s in scenes], 1)
        return [dataclasses.asdict(r) for r in heard(codes, scenes, self._codec, self._ear)]


def heard(codes: Tensor, scenes: Sequence[Scene], codec: Codec, ear: Ear) -> list[TakeRow]:
    """Judge takes, codes [n, K, T], by the true hits and families of their scenes."""
    rows = []
    for take, scene in zip(codes, scenes, strict=True):
        rows.append(ear.row(decode(codec, take[None])[0], scene.hits_s, scene.family))
    return rows


def sampler_of(net: AudioModel, variation: Variation) -> Sample:
    """How a variation's net draws codes."""

    def sample(
        states: Tensor,
        mask: Tensor,
        lane: Tensor,
        generators: list[torch.Generator],
        away: Away | None,
    ) -> Tensor:
        if away is not None:
            raise ValueError("Tiny nets are asked for nothing that must not be heard.")
        heard_lane = lane if net.config.lane_width else None
        common: dict[str, Any] = {
            "generators": generators, "n_frames": lane.shape[1], "lane": heard_lane,
            "sampler": variation.sampler,
        }  # fmt: skip
        if isinstance(net, CausalAudioModel):
            return sample_frames(net, states, mask, **common)
        return sample_codes(net, states, mask, **common)

    return sample


@torch.inference_mode()
def losses(
    net: AudioModel,
    conditioner: Conditioner,
    clips: Sequence[Clip],
    listening: Listening,
    frame_rate: int,
) -> dict[str, list[float]]:
    """Held-out cross-entropy in nats a code, one number a clip; all nets see the same.

    ``next frame`` is all codes of a frame, given the true ones before it: what a causal net
    learns, and what a masked one can be asked for as well. ``hidden`` is what a masked net learns.
    ``blind``: the first codebook with nothing known, with everything heard and with parts left out.
    """
    films = [c for c in clips if c.kind == FILM][: listening.loss_clips]
    found: dict[str, list[float]] = {}
    for start in range(0, len(films), _LOSS_BATCH):
        some = films[start : start + _LOSS_BATCH]
        n = _LOSS_S * frame_rate
        codes = torch.stack([torch.from_numpy(c.codes[:n].T.astype("int64")) for c in some])
        lane = torch.stack([torch.from_numpy(c.lane[:n].astype("float32")) for c in some])
        pictures = torch.stack([torch.from_numpy(c.pictures[:_LOSS_S]).float() for c in some])
        video = pictures.repeat_interleave(PICTURES_A_SECOND, dim=1)
        told = conditioner.states(video, [c.captions[0] for c in some])
        shown = conditioner.states(video, [None] * len(some))
        generator = torch.Generator().manual_seed(start)
        for name, values in _losses(net, codes, lane, told, shown, listening, generator).items():
            found.setdefault(name, []).extend(round(float(v), 4) for v in values)
    return found


def _losses(
    net: AudioModel,
    codes: Tensor,
    lane: Tensor,
    told: tuple[Tensor, Tensor],
    shown: tuple[Tensor, Tensor],
    listening: Listening,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """``losses`` of one batch, codes [B, K, T] and lane [B, T, 2]."""
    B, _, T = codes.shape
    heard_lane = lane if net.config.lane_width else None
    mask_id = net.config.mask_id
    all_of_them = torch.ones(B, dtype=torch.bool)
    context = net.context(*told, T, heard_lane)
    moments = torch.randint(1, T, (listening.moments,), generator=generator).tolist()
    found: dict[str, Tensor] = {}
    ahead = torch.zeros(B)
    if isinstance(net, CausalAudioModel):
        guessed = _nats(net.logits(codes, context), codes)
        found["next frame"] = guessed[..., moments].mean(dim=(1, 2))
        return found
    for t in moments:
        before = torch.arange(T) < t
        known = codes.masked_fill(~before, mask_id)
        ahead += _nats(net.logits(known, context), codes)[..., t].mean(dim=1) / len(moments)
    found["next frame"] = ahead
    hidden = torch.rand(codes.shape, generator=generator) < HIDDEN
    guessed = _nats(net.logits(codes.masked_fill(hidden, mask_id), context), codes)
    found["hidden"] = (guessed * hidden).sum(dim=(1, 2)) / hidden.sum(dim=(1, 2))
    nothing = torch.full_like(codes, mask_id)
    contexts = {
        "blind": context,
        "blind, picture alone": net.context(*shown, T, heard_lane),
        "blind, neither words nor picture": net.context(*told, T, heard_lane, all_of_them),
    }
    if heard_lane is not None:
        contexts["blind, no lane"] = net.context(*told, T, lane, None, all_of_them)
    for name, other in contexts.items():
        found[name] = _nats(net.logits(nothing, other), codes)[:, 0].mean(dim=1)
    return found


def _nats(logits: Tensor, codes: Tensor) -> Tensor:
    """Cross-entropy [B, K, T] of logits [B, K, T, V]."""
    return -logits.float().log_softmax(dim=-1).gather(-1, codes[..., None])[..., 0]


@torch.inference_mode()
def time_nets(plan: Plan, sizes: Sequence[tuple[int, int]], seconds: int = 10) -> dict[str, Any]:
    """Processor seconds to draw one take of ``seconds`` with untrained nets, codec left out.

    Processor time, on one thread, is the same whatever else the machine does.

    Args:
        plan: whose first variation gives all but the size.
        sizes: width and layers of each of the two stacks.
        seconds: of the take.
    """
    torch.set_num_threads(1)
    first = plan.variations[0]
    codec = read_codec(Path(first.training.data.codec))
    T = seconds * round(codec.config.frame_rate)
    rows = []
    for width, layers in sizes:
        config = dataclasses.replace(
            first.training.model, width=width, head_dim=width // first.training.model.n_heads,
            n_encoder_layers=layers, n_decoder_layers=layers,
        )  # fmt: skip
        states = torch.randn(1, seconds + 12, config.cond_width)
        mask, lane = torch.ones(states.shape[:2], dtype=torch.bool), torch.zeros(1, T, 2)
        for net in (AudioModel(config), CausalAudioModel(config)):
            net.codebooks.copy_(readable_tables(codec.codebooks))
            net.eval()
            sample = sampler_of(net, first)
            started = time.process_time()
            sample(states, mask, lane, [torch.Generator().manual_seed(1)], None)
            causal = isinstance(net, CausalAudioModel)
            row = {
                "width": width, "layers": 2 * layers,
                "parameters": sum(p.numel() for p in net.parameters()),
                "net": "causal" if causal else "masked",
                "passes": T if causal else first.sampler.steps,
                "seconds": round(time.process_time() - started, 2),
            }  # fmt: skip
            rows.append(row)
            log.info("%s", row)
    return {"run": "speed", "take_s": seconds, "rows": rows}
