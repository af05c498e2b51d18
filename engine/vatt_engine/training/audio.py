"""The training loop of the audio model: frozen converter states and a lane in, hidden codes out.

Every random choice of a step comes from (seed, step), so resuming needs no generator states. The
converter runs beside the net at every step; it costs a few per cent and lets words, pictures and
their drop-out be drawn anew each time.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.errors import BadRequest
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.converter import Converter
from vatt_engine.nets.sentence import SentenceEncoder
from vatt_engine.training import checkpoint
from vatt_engine.training.audio_batches import Batch, BatchMaker
from vatt_engine.training.audio_config import AudioTraining
from vatt_engine.training.audio_data import (
    KnownPrompts,
    make_shards,
    read_prompts,
    read_shard,
    shard_path,
)
from vatt_engine.training.audio_folder import write_audio
from vatt_engine.training.audio_loss import Masks, Targets, draw_masks, masked_loss
from vatt_engine.training.batches import hash_seed
from vatt_engine.training.checkpoint import WeightAverage
from vatt_engine.training.codec_folder import read_codec
from vatt_engine.training.converter_folder import load_converter
from vatt_engine.training.device import has_bf16, pick_device
from vatt_engine.training.journal import Journal
from vatt_engine.training.optimisers import Optimisers, adamw, muon
from vatt_engine.training.sights import NAMES

log = logging.getLogger(__name__)

_PICTURES_A_SECOND = 5
_VALID_BATCHES = 6


class Conditioner(Protocol):
    """The part of ``nets.converter.Converter`` that is used here."""

    def states(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
        """States [B, L, E] and their mask [B, L] of video [B, F, D] and prompts."""


class AudioTrainer:
    """A run of the audio model.

    Args:
        config: the run.
        converter: frozen; None reads ``config.data.converter``.
    """

    def __init__(self, config: AudioTraining, converter: Conditioner | None = None) -> None:
        self.config = config
        self.device = pick_device(config.run.device)
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        self.bf16 = config.run.bf16 and has_bf16(self.device)
        data = config.data
        known = read_prompts(Path(data.prompts)) if data.prompts else KnownPrompts({}, {})
        self._converter = converter or open_converter(Path(data.converter), known, self.device)
        codec = read_codec(Path(data.codec))
        torch.manual_seed(config.run.seed)  # the net's first weights; nothing later draws from it
        self.net = self.new_net(readable_tables(codec.codebooks)).to(self.device)
        start_heads(self.net)
        self.teller = nn.Linear(config.model.width, len(NAMES)).to(self.device)
        # On a CPU the plain formula is the faster one where gradients are wanted.
        self.net.set_plain(self.device.type == "cpu")
        self.average = WeightAverage(self.net, config.optim.ema_decay)
        self._trained = [*self.net.parameters(), *self.teller.parameters()]
        self.optimisers = self._optimisers()
        self._targets = Targets.near(codec.codebooks, config.loss).to(self.device)
        rate = round(codec.config.frame_rate)
        numbers = range(data.shards)
        make_shards(data, numbers)
        clips = [c for n in numbers for c in read_shard(shard_path(data, n))]
        self._batches = BatchMaker(clips, config.batch, config.run.seed, rate, known.by_category)
        make_shards(data, [0], "valid")
        held_out = read_shard(shard_path(data, 0, "valid"))[: data.valid_clips]
        self._valid = BatchMaker(held_out, config.batch, config.run.seed, rate)
        self.journal = Journal(Path(config.run.folder), f"audio model: {config.run.folder}")
        self.step = 0
        self.seconds = 0.0

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's state is kept."""
        return Path(self.config.run.folder) / "checkpoint.safetensors"

    def _optimisers(self) -> Optimisers:
        """Muon for the matrices that every code frame passes through, if asked for, else AdamW."""
        optim = self.config.optim
        ways = (optim.lr, optim.betas, optim.weight_decay)
        layers = (self.net.encoder, self.net.decoder, self.net.neighbours)
        # Few positions are condition: their own feed-forwards are not worth Muon's time.
        found = {
            id(weight)
            for stack in layers
            for name, weight in stack.named_parameters()
            if name.endswith(".weight") and weight.ndim == 2 and "ff_cond" not in name
        }
        if optim.matrices == "adamw":
            found = set()
        matrices = [w for w in self._trained if id(w) in found]
        rest = [w for w in self._trained if id(w) not in found]
        if not matrices:
            return Optimisers(adam=adamw(rest, *ways))
        return Optimisers(
            muon=muon(matrices, optim.lr, optim.weight_decay), adam=adamw(rest, *ways)
        )

    def new_net(self, codebooks: Tensor) -> AudioModel:
        """A net of this run's shape with fresh weights, around tables [K, V, C]."""
        return AudioModel(self.config.model, codebooks)

    def masks(self, codes: Tensor, generator: torch.Generator) -> Masks:
        """What is hidden and asked for of a step's codes [B, K, T]."""
        progress = self.step / self.config.optim.steps
        return draw_masks(codes.shape, self.config.loss, generator, progress)

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step, or until ``stop()`` says so; the state is saved either way.

        Returns:
            whether the last step was reached.
        """
        run = self.config.run
        last_save = time.monotonic()
        rows: list[dict[str, float]] = []
        while self.step < self.config.optim.steps and not stop():
            started = time.monotonic()
            rows.append(self.train_step(self._batches.batch(self.step)))
            self.seconds += time.monotonic() - started
            if self.step % run.log_every == 0:
                self._report(_means(rows))
                rows = []
            if self.step % run.eval_every == 0:
                self._report(self.evaluate())
                self.journal.page()
            if time.monotonic() - last_save > run.save_every_s:
                self.save()
                last_save = time.monotonic()
        self.save()
        self.journal.page()
        return self.step >= self.config.optim.steps

    def _report(self, values: dict[str, float]) -> None:
        lr = self.config.optim.lr_at(self.step)
        row = {k: round(v, 5) for k, v in values.items()}
        self.journal.write(step=self.step, seconds=round(self.seconds, 1), lr=lr, **row)
        log.info("step %d, %.0f s: %s", self.step, self.seconds, row)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update; returns losses in nats, by codebook and as a weighted whole."""
        config = self.config
        self.net.train()
        generator = torch.Generator().manual_seed(hash_seed(config.run.seed, self.step, "masks"))
        torch.manual_seed(hash_seed(config.run.seed, self.step, "dropout"))
        lr = config.optim.lr_at(self.step)
        self.optimisers.set_lr(lr)
        masks = self.masks(batch.codes, generator)
        loss, plain, told = self._loss(self.net, batch, masks)
        if config.loss.tell:
            loss = loss + config.loss.tell * told
        self.optimisers.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(nn.utils.clip_grad_norm_(self._trained, config.optim.grad_clip))
        report = {"loss": float(loss.detach()), "grad_norm": norm, "told": float(told.detach())}
        if math.isfinite(norm):
            self.optimisers.step()
        else:
            report["skipped"] = 1.0
        self.average.update(self.net)
        self.step += 1
        return report | {f"codebook {k + 1}": v for k, v in enumerate(plain)}

    def _loss(
        self, net: AudioModel, batch: Batch, masks: Masks
    ) -> tuple[Tensor, list[float], Tensor]:
        """Loss of the codes, plain cross-entropy of each codebook, and loss of the readout."""
        with torch.no_grad():
            video = batch.pictures.repeat_interleave(_PICTURES_A_SECOND, dim=1)
            states, real = self._converter.states(video.to(self.device), batch.prompts)
        codes, asked = batch.codes.to(self.device), masks.asked.to(self.device)
        shown = codes.masked_fill(masks.hidden.to(self.device), self.config.model.mask_id)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            context = net.context(
                states.to(self.device),
                real.to(self.device),
                codes.shape[-1],
                batch.lane.to(self.device) if self.config.model.lane_width else None,
                batch.drop_cond.to(self.device),
                batch.drop_lane.to(self.device),
            )
            guesses = net.guesses(shown, context, asked)
        loss, plain = masked_loss(guesses, codes, asked, self._targets, self.config.loss)
        return loss, plain, self._told(context.summary, batch)

    def _told(self, summary: Tensor | None, batch: Batch) -> Tensor:
        """How badly the readout names what is said or shown, in nats [], where anything is."""
        shares = category_shares(batch.categories)
        told = (shares.sum(dim=1) > 0) & ~batch.drop_cond
        if summary is None or not told.any():
            return self.teller.weight.new_zeros(())
        guessed = self.teller(summary[told.to(self.device)].float())
        return F.cross_entropy(guessed, shares[told].to(self.device))

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Cross-entropy of the averaged weights on held-out clips.

        ``valid`` hides codes as training does; ``blind`` hides all of them, as the sampler begins,
        and tells the first codebook's with everything heard, without the lane, and without words
        and picture: what each of the two is worth.
        """
        net = self.new_net(self.net.codebooks.cpu()).to(self.device).eval()
        net.load_state_dict(self.average.tensors)
        rows = []
        for i in range(_VALID_BATCHES):
            batch = self._valid.batch(i)
            generator = torch.Generator().manual_seed(i)
            masks = self.masks(batch.codes, generator)
            loss, plain, told = self._loss(net, batch, masks)
            row = {"valid": float(loss), "valid codebook 1": plain[0], "valid told": float(told)}
            everything = Masks.all_of(batch.codes)
            heard, dropped = torch.zeros_like(batch.drop_cond), torch.ones_like(batch.drop_cond)
            for name, cond, lane in (
                ("blind", heard, heard),
                ("blind without lane", heard, dropped),
                ("blind without words", dropped, heard),
            ):
                asked = dataclasses.replace(batch, drop_cond=cond, drop_lane=lane)
                row[name] = self._loss(net, asked, everything)[1][0]
            rows.append(row)
        return _means(rows)

    def save(self) -> None:
        """Write the whole state."""
        tensors = checkpoint.with_prefix("net", self.net.state_dict())
        tensors |= checkpoint.with_prefix("teller", self.teller.state_dict())
        tensors |= checkpoint.with_prefix("average", self.average.tensors)
        tensors |= checkpoint.with_prefix("optim", self.optimisers.tensors())
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "n_updates": self.average.n_updates,
            "config": asdict(self.config),
        }
        checkpoint.save(self.checkpoint_path, tensors, state)

    def resume(self) -> None:
        """Go on from the run's checkpoint.

        Raises:
            BadRequest: there is none, or it is of a net of another shape.
        """
        tensors, state = checkpoint.load(self.checkpoint_path)
        theirs, ours = state["config"]["model"], asdict(self.config)["model"]
        changed = [k for k in ours if _listed(ours[k]) != _listed(theirs.get(k))]
        if changed:
            raise BadRequest(
                f"The checkpoint is of another net; these differ: {', '.join(changed)}.",
                "Use the config it was made with, or another run.folder.",
            )
        self.net.load_state_dict(checkpoint.under_prefix("net", tensors))
        self.teller.load_state_dict(checkpoint.under_prefix("teller", tensors))
        averaged = checkpoint.under_prefix("average", tensors)
        self.average.tensors = {k: v.to(self.device) for k, v in averaged.items()}
        self.average.n_updates = int(state["n_updates"])
        self.optimisers.load(checkpoint.under_prefix("optim", tensors))
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.journal.cut_after(self.step)

    def export(self, folder: Path) -> None:
        """Write the averaged weights, with where they come from."""
        provenance = {
            "steps": self.step,
            "seconds": round(self.seconds),
            "device": str(self.device),
            "training": asdict(self.config),
        }
        write_audio(folder, self.config.model, self.average.tensors, provenance)


def open_converter(folder: Path, known: KnownPrompts, device: torch.device) -> Converter:
    """The frozen converter, whose sentence encoder remembers the few thousand captions."""
    converter = load_converter(folder).to(device)
    if converter.sentence is not None:
        remembered: nn.Module = RememberedSentences(converter.sentence, known.vectors)
        converter.sentence = remembered  # type: ignore[assignment]
    return converter


class RememberedSentences(nn.Module):
    """A sentence encoder that computes each sentence once, and those already known not at all."""

    def __init__(self, encoder: SentenceEncoder, known: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.config = encoder.config
        self._encoder = encoder
        self._known = dict(known)

    def forward(self, sentences: list[str]) -> Tensor:
        """Vectors [B, W] of B sentences."""
        new = sorted({s for s in sentences if s not in self._known})
        if new:
            self._known |= dict(zip(new, self._encoder(new), strict=True))
        return torch.stack([self._known[s] for s in sentences])


def category_shares(categories: Sequence[tuple[str, ...]]) -> Tensor:
    """What a readout should say of each example [B, 103]: equal shares, or nothing."""
    shares = torch.zeros(len(categories), len(NAMES))
    for row, names in zip(shares, categories, strict=True):
        known = {NAMES.index(name) for name in names if name in NAMES}
        for at in known:
            row[at] = 1 / len(known)
    return shares


def readable_tables(codebooks: Tensor) -> Tensor:
    """A codec's tables [K, V, C] as the net reads them: centred, at sizes a net can work with.

    Residual tables shrink from codebook to codebook by far more than their importance does, so
    the square root of the ratio is kept. Vectors of the first have about unit size a number.
    """
    centred = codebooks.float() - codebooks.float().mean(dim=1, keepdim=True)
    sizes = centred.pow(2).mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-12)
    return centred / sizes * (sizes / sizes[0]).sqrt()


@torch.no_grad()
def start_heads(net: AudioModel) -> None:
    """Let the heads begin with codes that sound alike close together: random views of the tables.

    Rows keep the size that a fresh Linear would have.
    """
    K, V, C = net.codebooks.shape
    fresh = net.heads.weight
    size = fresh.pow(2).mean().sqrt()
    rows = net.codebooks @ torch.randn(K, C, fresh.shape[1]).to(net.codebooks)
    rows = rows / rows.pow(2).mean(dim=(1, 2), keepdim=True).sqrt() * size
    fresh.copy_(rows.reshape(K * V, -1))


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each figure over the rows in which it is a number."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if math.isfinite(value):
                found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
