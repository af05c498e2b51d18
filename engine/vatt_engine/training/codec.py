"""The training loop of the codec.

Every random choice of a step comes from (seed, step), so resuming needs no generator states: a run
that was stopped and resumed makes the same weights as one that was not.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vatt_engine.errors import BadRequest
from vatt_engine.nets.codec import build_codec
from vatt_engine.nets.lapped import BandedDecoder
from vatt_engine.training import adversary, checkpoint
from vatt_engine.training.balancer import Balancer
from vatt_engine.training.batches import Batches, SegmentSampler, hash_seed
from vatt_engine.training.checkpoint import WeightAverage
from vatt_engine.training.codec_config import CodecTraining, to_plain
from vatt_engine.training.codec_folder import write_codec
from vatt_engine.training.codec_watch import held_out_clips, held_out_figures
from vatt_engine.training.device import has_bf16, pick_device
from vatt_engine.training.journal import Journal
from vatt_engine.training.quantiser import (
    Quantised,
    quantise,
    revive_unused,
    start_codebooks,
)
from vatt_engine.training.sounds import open_sounds
from vatt_engine.training.spectral import MultiScaleMel, Resolution, surprise

log = logging.getLogger(__name__)


class CodecTrainer:
    """A codec run: its net, optimisers, data and log.

    Args:
        config: the run.
        n_kept: codebooks that ``export`` writes unless told otherwise; None: all.
    """

    def __init__(self, config: CodecTraining, n_kept: int | None = None) -> None:
        self.config = config
        self.n_kept = n_kept
        self.device = pick_device(config.run.device)
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        self.bf16 = config.run.bf16 and has_bf16(self.device)
        torch.manual_seed(config.run.seed)  # the nets' first weights; nothing later draws from it
        self.net = build_codec(config.codec).to(self.device)
        self.average = WeightAverage(self.net, config.optim.ema_decay)
        self.optimiser = self._adam(self.net, config.optim.lr)
        loss = config.loss
        self.discriminator: nn.Module | None = None
        if loss.adversarial > 0:
            self.discriminator = adversary.build_discriminator(loss.discriminator_filters)
            self.discriminator.to(self.device)
            self.judge_optimiser = self._adam(self.discriminator, loss.discriminator_lr)
        self.balancer = Balancer(
            {
                "mel": loss.mel,
                "fine": loss.fine,
                "flux": loss.flux,
                "wave": loss.wave,
                "adversarial": loss.adversarial,
                "feature": loss.feature,
            }
        )
        rate = config.codec.sample_rate
        self.mels = [
            MultiScaleMel(rate, [Resolution(w, loss.overlap)]).to(self.device) for w in loss.windows
        ]
        self.ruler = MultiScaleMel(rate).to(self.device)
        sounds = open_sounds(config.data, rate)
        self.sampler = SegmentSampler(
            sounds.train, sounds.shares, config.data, config.segment_samples, config.run.seed
        )
        self.held_out = sounds.held_out
        self.journal = Journal(Path(config.run.folder), f"codec: {config.run.folder}")
        self.step = 0
        self.seconds = 0.0

    def _adam(self, net: nn.Module, lr: float) -> torch.optim.Optimizer:
        optim = self.config.optim
        return torch.optim.AdamW(
            net.parameters(), lr=lr, betas=optim.betas, weight_decay=optim.weight_decay
        )

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's state is kept."""
        return Path(self.config.run.folder) / "checkpoint.safetensors"

    @property
    def quantising(self) -> bool:
        """Whether the codebooks are in use yet."""
        return self.step >= self.config.quantiser.start_step

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step, or until ``stop()`` says so; the state is saved either way.

        Returns:
            whether the last step was reached.
        """
        run, data = self.config.run, self.config.data
        last_save = time.monotonic()
        sums: dict[str, float] = {}
        since = 0
        with Batches(self.sampler.batch, self.step, data.workers) as batches:
            while self.step < self.config.optim.steps and not stop():
                started = time.monotonic()
                losses = self.train_step(batches.get(self.step))
                self.seconds += time.monotonic() - started
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + value
                since += 1
                if self.step % run.log_every == 0:
                    self._report({k: v / since for k, v in sums.items()})
                    sums, since = {}, 0
                if self.step % run.eval_every == 0:
                    self._report(self.evaluate())
                    self.journal.page()
                if time.monotonic() - last_save > run.save_every_s:
                    self.save()
                    last_save = time.monotonic()
        self.save()
        done = self.step >= self.config.optim.steps
        if done and self.step % run.eval_every:
            self._report(self.evaluate())
        self.journal.page()
        return done

    def _report(self, values: dict[str, float]) -> None:
        lr = self.config.optim.lr_at(self.step)
        row = {k: round(v, 5) for k, v in values.items()}
        self.journal.write(step=self.step, seconds=round(self.seconds, 1), lr=lr, **row)
        log.info("step %d, %.0f s: %s", self.step, self.seconds, row)

    def train_step(self, wave: Tensor) -> dict[str, float]:
        """One update on wave [B, 1, S]; returns the losses."""
        config = self.config
        self.net.train()
        if self.step == config.quantiser.start_step:
            self._start_codebooks()
        wave = wave.to(self.device, non_blocking=True)
        if isinstance(self.net.decoder, BandedDecoder):
            self.net.decoder.noise_seed = self._seed("noise")
        for group in self.optimiser.param_groups:
            group["lr"] = config.optim.lr_at(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            vectors = self.net.encoder(wave)
            quantised = self._quantise(vectors)
            through = quantised.vectors if quantised else vectors.float()
            made, surprised = self._decode(through, wave)
        made = made.float()[..., : wave.shape[-1]]
        report = self._update_codec(wave, made, quantised, surprised)
        if quantised and self.step % config.quantiser.revive_every == 0:
            generator = torch.Generator().manual_seed(self._seed("revive"))
            below = config.quantiser.revive_below
            report["revived"] = revive_unused(self.net.quantizer, vectors, below, generator)
        self.average.update(self.net)
        self.step += 1
        return report

    def _seed(self, use: str) -> int:
        return hash_seed(self.config.run.seed, self.step, use)

    def _quantise(self, vectors: Tensor) -> Quantised | None:
        if not self.quantising:
            return None
        q, n_codebooks = self.config.quantiser, self.config.codec.n_codebooks
        rng = np.random.default_rng(self._seed("drop"))
        chance = rng.random()
        if chance < q.skip:
            return None
        if chance < q.skip + q.drop:
            n_codebooks = int(rng.integers(1, n_codebooks + 1))
        with torch.autocast(self.device.type, enabled=False):
            return quantise(self.net.quantizer, vectors, n_codebooks, q.decay)

    def _decode(self, vectors: Tensor, wave: Tensor) -> tuple[Tensor, Tensor | None]:
        """The wave made of ``vectors``, and how surprising the original is to the decoder."""
        decoder = self.net.decoder
        if not isinstance(decoder, BandedDecoder) or not decoder.noise:
            return decoder(vectors), None
        mean, spread = decoder.foretell(vectors)
        surprised = surprise(mean, spread, decoder.transform.linear(wave))
        if self.discriminator is None:
            mean = mean.detach()
        return decoder.draw(mean, spread), surprised

    def _update_codec(
        self,
        wave: Tensor,
        made: Tensor,
        quantised: Quantised | None,
        surprised: Tensor | None,
    ) -> dict[str, float]:
        """Losses, gradients and the optimisers' steps."""
        weights = self.config.loss
        losses = self._wave_losses(wave, made)
        report: dict[str, float] = {}
        judge = self.discriminator if self.step >= weights.adversarial_from else None
        if judge is not None:
            report["discriminator"] = self._update_judge(judge, made, wave)
            judge.requires_grad_(False)
            losses["adversarial"], losses["feature"] = adversary.codec_losses(judge, made, wave)
            judge.requires_grad_(True)
        self.optimiser.zero_grad(set_to_none=True)
        # What does not come out of the wave goes past the balancer.
        beside = made.new_zeros(())
        if quantised:
            beside = beside + weights.commit * quantised.commitment
            report["commitment"] = float(quantised.commitment.detach())
        if surprised is not None:
            beside = beside + weights.surprise * surprised
            report["surprise"] = float(surprised.detach())
        if weights.balancer:
            ends = [made] + [beside] * beside.requires_grad
            grads = [self.balancer.combine(losses, made), None][: len(ends)]
            torch.autograd.backward(ends, grads)
        else:
            total = beside + sum(self.balancer.weights[k] * v for k, v in losses.items())
            total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), self.config.optim.grad_clip)
        report["grad_norm"] = float(norm)
        if math.isfinite(report["grad_norm"]):
            self.optimiser.step()
        else:
            report["skipped"] = 1.0
        report |= {k: float(v.detach()) for k, v in losses.items()}
        return report

    def _wave_losses(self, wave: Tensor, made: Tensor) -> dict[str, Tensor]:
        """Distances of the waves, if any of them counts: they cost more than the net."""
        weights = self.config.loss
        if not (weights.mel or weights.fine or weights.flux or weights.wave):
            return {}
        found = [m.distances(made[:, 0], wave[:, 0]) for m in self._mels_of_step()]
        mel, fine, flux = (torch.stack(each).mean() for each in zip(*found, strict=True))
        off = (made - wave).abs().mean() / wave.abs().mean().clamp_min(1e-4)
        return {"mel": mel, "fine": fine, "flux": flux, "wave": off}

    def _mels_of_step(self) -> list[MultiScaleMel]:
        """All windows where they cost little; on the CPU every other one, in turn."""
        if self.device.type == "cpu" and len(self.mels) > 1:
            return self.mels[self.step % 2 :: 2]
        return self.mels

    def _update_judge(self, judge: nn.Module, made: Tensor, wave: Tensor) -> float:
        loss = adversary.discriminator_loss(judge, made, wave)
        if self.step % self.config.loss.discriminator_every == 0:
            self.judge_optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(judge.parameters(), self.config.optim.grad_clip)
            self.judge_optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def _start_codebooks(self) -> None:
        found = []
        for i in range(self.config.quantiser.kmeans_batches):
            # Batches past the end of the run, which no step will see.
            wave = self.sampler.batch(self.config.optim.steps + 1 + i).to(self.device)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                vectors = self.net.encoder(wave)
            found.append(vectors.float().transpose(1, 2).flatten(0, 1))
        generator = torch.Generator().manual_seed(self._seed("kmeans"))
        start_codebooks(self.net.quantizer, torch.cat(found), generator)
        log.info("codebooks started from %d vectors", sum(map(len, found)))

    def evaluate(self) -> dict[str, float]:
        """Held-out figures of the averaged weights; also keeps a few sounds."""
        net = build_codec(self.config.codec).to(self.device).eval()
        net.load_state_dict(self.average.tensors)
        clips = held_out_clips(self.held_out, self.config.run.eval_clips)
        return held_out_figures(net, clips, self.ruler, self.quantising, self.journal)

    def save(self) -> None:
        """Write the whole state."""
        tensors = checkpoint.with_prefix("net", self.net.state_dict())
        tensors |= checkpoint.with_prefix("average", self.average.tensors)
        tensors |= checkpoint.with_prefix("adam", checkpoint.optimiser_tensors(self.optimiser))
        if self.discriminator is not None:
            tensors |= checkpoint.with_prefix("judge", self.discriminator.state_dict())
            moments = checkpoint.optimiser_tensors(self.judge_optimiser)
            tensors |= checkpoint.with_prefix("judge_adam", moments)
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "n_updates": self.average.n_updates,
            "balancer": self.balancer.state(),
            "config": to_plain(self.config),
        }
        checkpoint.save(self.checkpoint_path, tensors, state)

    def export(self, folder: Path, n_codebooks: int | None = None) -> None:
        """Write the averaged weights as a codec folder, with where they come from."""
        provenance = {
            "steps": self.step,
            "seconds": round(self.seconds),
            "device": str(self.device),
            "training": to_plain(self.config),
        }
        write_codec(
            folder,
            self.config.codec,
            self.average.tensors,
            provenance,
            n_codebooks=n_codebooks or self.n_kept,
        )

    def resume(self) -> None:
        """Go on from the run's checkpoint.

        Raises:
            BadRequest: there is none, or it is of a codec of another shape.
        """
        tensors, state = checkpoint.load(self.checkpoint_path)
        theirs, ours = state["config"]["codec"], to_plain(self.config)["codec"]
        theirs["ratios"], ours["ratios"] = list(theirs["ratios"]), list(ours["ratios"])
        if theirs != ours:
            changed = ", ".join(k for k in ours if ours[k] != theirs.get(k))
            raise BadRequest(
                f"The checkpoint is of another codec; these differ: {changed}.",
                "Use the config it was made with, or another run.folder.",
            )
        self.net.load_state_dict(checkpoint.under_prefix("net", tensors))
        averaged = checkpoint.under_prefix("average", tensors)
        self.average.tensors = {k: v.to(self.device) for k, v in averaged.items()}
        self.average.n_updates = int(state["n_updates"])
        checkpoint.load_optimiser(self.optimiser, checkpoint.under_prefix("adam", tensors))
        judge = checkpoint.under_prefix("judge", tensors)
        if self.discriminator is not None and judge:
            self.discriminator.load_state_dict(judge)
            moments = checkpoint.under_prefix("judge_adam", tensors)
            checkpoint.load_optimiser(self.judge_optimiser, moments)
        self.balancer.load_state(state["balancer"])
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.journal.cut_after(self.step)
