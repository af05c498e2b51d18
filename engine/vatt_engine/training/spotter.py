"""Training the spotter: motion of made films in, hits and intensity out.

Runs are exact to the step: batches follow from (seed, step), and the checkpoint holds all else.
The weights kept are averages, those that did best on the validation films.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.errors import BadRequest
from vatt_engine.nets.spotter import Spotter
from vatt_engine.spotting import FILES, read_spotter
from vatt_engine.training import checkpoint
from vatt_engine.training.batches import hash_seed
from vatt_engine.training.checkpoint import WeightAverage
from vatt_engine.training.device import has_bf16, pick_device
from vatt_engine.training.journal import Journal
from vatt_engine.training.motion_films import FilmsSpec, join_films, open_films
from vatt_engine.training.spotter_batches import Batch, draw_batch
from vatt_engine.training.spotter_config import SpotterTraining
from vatt_engine.training.spotter_watch import (
    best_score,
    intensity_correlation,
    score_films,
    table,
    tracks_of,
)

log = logging.getLogger(__name__)


class SpotterTrainer:
    """A run: net, optimiser, films and log.

    Args:
        config: the run. Films that the store lacks are made first.
    """

    def __init__(self, config: SpotterTraining) -> None:
        self.config = config
        self.device = pick_device(config.run.device)
        self.bf16 = config.run.bf16 and has_bf16(self.device)
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        torch.manual_seed(config.run.seed)  # the first weights; dropout is seeded by step
        self.net = Spotter(config.net).to(self.device)
        self.start_sha256 = self._start_from(Path(config.start)) if config.start else ""
        self.average = WeightAverage(self.net, config.optim.ema_decay)
        optim = config.optim
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=optim.lr, betas=optim.betas, weight_decay=optim.weight_decay
        )
        data = config.data
        store = Path(data.folder)
        learnt = [FilmsSpec("train", data.first, data.train, silent=data.silent, varied=True)]
        if data.abstract:
            learnt.append(FilmsSpec("train", 0, data.abstract, abstract=True, varied=True))
        if data.camera:
            learnt.append(FilmsSpec("train", 0, data.camera, camera=True, varied=True))
        self.films = join_films([open_films(store, spec, data.workers) for spec in learnt])
        self.valid = open_films(store, FilmsSpec("valid", 0, data.valid), data.workers)
        self.journal = Journal(Path(config.run.folder), f"spotter: {config.run.folder}")
        self.step = 0
        self.seconds = 0.0
        self.best = dict(self.average.tensors)
        self.best_f1, self.threshold = -1.0, 0.5

    def _start_from(self, folder: Path) -> str:
        """Take the weights of the spotter in ``folder``; returns their digest.

        Raises:
            BadModelFolder: there is none.
            BadRequest: it is a net of another shape.
        """
        known = read_spotter(folder).net
        if dataclasses.replace(known.config, dropout=0) != dataclasses.replace(
            self.config.net, dropout=0
        ):
            raise BadRequest(
                f"The spotter in {folder} is a net of another shape.",
                "Give `net` its sizes, or leave `start` out.",
            )
        self.net.load_state_dict(known.state_dict())
        return hashlib.sha256((folder / FILES.weights).read_bytes()).hexdigest()

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's state is kept."""
        return Path(self.config.run.folder) / "checkpoint.safetensors"

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step, or until ``stop()``; the state is saved either way.

        Returns:
            whether the last step was reached.
        """
        run, steps = self.config.run, self.config.optim.steps
        last_save = time.monotonic()
        total, since = 0.0, 0
        while self.step < steps and not stop():
            started = time.monotonic()
            total += self.train_step()
            since += 1
            self.seconds += time.monotonic() - started
            if self.step % run.log_every == 0:
                self._report({"loss": total / since})
                total, since = 0.0, 0
            if self.step % run.eval_every == 0 or self.step == steps:
                self._report(self.evaluate())
                self.journal.page()
            if time.monotonic() - last_save > run.save_every_s:
                self.save()
                last_save = time.monotonic()
        self.save()
        return self.step >= steps

    def _report(self, values: dict[str, float]) -> None:
        row = {k: round(v, 5) for k, v in values.items()}
        self.journal.write(step=self.step, seconds=round(self.seconds, 1), **row)
        log.info("step %d, %.0f s: %s", self.step, self.seconds, row)

    def train_step(self) -> float:
        """One update; returns the loss."""
        config = self.config
        seed = hash_seed(config.run.seed, self.step, "spotter")
        batch = draw_batch(
            self.films,
            config.data.batch,
            config.data.shortest,
            config.loss,
            config.disturb,
            np.random.default_rng(seed),
        )
        self.net.train()
        for group in self.optimiser.param_groups:
            group["lr"] = config.optim.lr_at(self.step)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            loss = self.loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), config.optim.grad_clip)
        self.optimiser.step()
        self.average.update(self.net)
        self.step += 1
        return float(loss.detach())

    def loss(self, batch: Batch) -> Tensor:
        """Of hits, strengths and intensity together."""
        weights = self.config.loss
        # Half as long on CPUs that know bfloat16; losses are reckoned in full.
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.net(batch.motion.to(self.device))
        logits = logits.float()
        hit, near = batch.hit.to(self.device), batch.near.to(self.device)
        emphasis = 1 + (weights.positive - 1) * hit
        of_hits = F.binary_cross_entropy_with_logits(logits[..., 0], hit, emphasis)
        off = (logits[..., 1].sigmoid() - batch.strength.to(self.device)) ** 2
        of_strength = (off * near).sum() / near.sum().clamp_min(1)
        of_intensity = F.mse_loss(logits[..., 2].sigmoid(), batch.intensity.to(self.device))
        total: Tensor = of_hits + weights.strength * of_strength
        return total + weights.intensity * of_intensity

    def evaluate(self) -> dict[str, float]:
        """Figures of the averaged weights on the validation films; keeps the best so far."""
        tracks = tracks_of(self._net_of(self.average.tensors), self.valid)
        score = best_score(tracks, self.valid)
        if score.score.f1 > self.best_f1:
            self.best_f1, self.threshold = score.score.f1, score.threshold
            self.best = {k: t.clone() for k, t in self.average.tensors.items()}
        return {
            "f1": score.score.f1,
            "precision": score.score.precision,
            "recall": score.score.recall,
            "lag_ms": 1000 * score.lag_s,
            "false_a_s": score.false_a_s,
            "threshold": score.threshold,
            "intensity_correlation": intensity_correlation(tracks, self.valid),
        }

    def _net_of(self, tensors: dict[str, Tensor]) -> Spotter:
        net = Spotter(self.config.net).eval()
        net.load_state_dict({k: t.cpu() for k, t in tensors.items()})
        return net

    def report_on(self, split: str, count: int) -> str:
        """A table of the best weights on films of a split; ``test`` has held-out families."""
        films = open_films(
            Path(self.config.data.folder), FilmsSpec(split, 0, count), self.config.data.workers
        )
        return table(score_films(tracks_of(self._net_of(self.best), films), films, self.threshold))

    def save(self) -> None:
        """Write the whole state."""
        tensors = checkpoint.with_prefix("net", self.net.state_dict())
        tensors |= checkpoint.with_prefix("average", self.average.tensors)
        tensors |= checkpoint.with_prefix("best", self.best)
        tensors |= checkpoint.with_prefix("adam", checkpoint.optimiser_tensors(self.optimiser))
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "n_updates": self.average.n_updates,
            "best_f1": self.best_f1,
            "threshold": self.threshold,
            "config": self._plain(),
        }
        checkpoint.save(self.checkpoint_path, tensors, state)

    def _plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self.config)))
        return plain

    def export(self, folder: Path) -> None:
        """Write the best weights, in half precision, with threshold and provenance."""
        FILES.write(
            folder,
            self._plain()["net"],
            {k: t.detach().cpu().half().contiguous() for k, t in self.best.items()},
            {
                "data": "made films only (vatt_engine.corpus.scenes); nothing recorded",
                "steps": self.step,
                "seconds": round(self.seconds),
                "device": str(self.device),
                "valid_f1": round(self.best_f1, 4),
                "start_sha256": self.start_sha256,
                "training": self._plain(),
            },
            threshold=self.threshold,
            licence="CC-BY-SA-4.0",
        )

    def resume(self) -> None:
        """Go on from the run's checkpoint.

        Raises:
            BadRequest: there is none, or it is of a net of another shape.
        """
        tensors, state = checkpoint.load(self.checkpoint_path)
        if state["config"]["net"] != self._plain()["net"]:
            raise BadRequest(
                f"The checkpoint {self.checkpoint_path} is of a net of another shape.",
                "Use the config it was made with, or another run.folder.",
            )
        self.net.load_state_dict(checkpoint.under_prefix("net", tensors))
        averaged = checkpoint.under_prefix("average", tensors)
        self.average.tensors = {k: t.to(self.device) for k, t in averaged.items()}
        self.average.n_updates = int(state["n_updates"])
        self.best = checkpoint.under_prefix("best", tensors)
        self.best_f1, self.threshold = float(state["best_f1"]), float(state["threshold"])
        checkpoint.load_optimiser(self.optimiser, checkpoint.under_prefix("adam", tensors))
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.journal.cut_after(self.step)
