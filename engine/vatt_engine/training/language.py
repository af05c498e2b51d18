"""What training the LM and training the converter have in common.

A batch is a list of ``Row``s: a picture (or none), a sentence vector (or none), text tokens. The
loss is the next-token cross-entropy over the scored text tokens, plus a linear readout of the
category from single states, which is thrown away afterwards: the audio model hears nothing but
those states, so each must say what the sound is.
"""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.errors import BadRequest
from vatt_engine.nets.converter import Converter
from vatt_engine.training import checkpoint
from vatt_engine.training.batches import hash_seed
from vatt_engine.training.checkpoint import WeightAverage
from vatt_engine.training.codec_config import OptimConfig, RunConfig, to_plain
from vatt_engine.training.device import has_bf16, pick_device
from vatt_engine.training.journal import Journal
from vatt_engine.training.sights import NAMES

log = logging.getLogger(__name__)

_FROZEN = "sentence."


@dataclass(frozen=True, eq=False)
class Row:
    """One training example.

    Attributes:
        ids: text tokens, BOS first.
        scored: the loss counts the text tokens from this one on.
        video: [S, D] features, one row a second.
        sentence: [W] vector of the prompt.
        asked: text token whose state must tell ``categories``; None for none.
        categories: numbers into ``NAMES``.
        seen: likewise, what the picture's states must tell; empty: nothing.
    """

    ids: Sequence[int]
    scored: int
    video: Tensor | None = None
    sentence: Tensor | None = None
    asked: int | None = None
    categories: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()


class LanguageTrainer(ABC):
    """A run that trains (parts of) a converter.

    Args:
        config: anything with ``run``, ``optim``, ``readout``; kept in checkpoints.
        net: what is trained; only parameters that require gradients are.
        what: name for the journal.
    """

    def __init__(self, config: Any, net: Converter, what: str) -> None:
        self.config = config
        run: RunConfig = config.run
        self.device = pick_device(run.device)
        if run.threads:
            torch.set_num_threads(run.threads)
        self.bf16 = run.bf16 and has_bf16(self.device)
        self.net = net.to(self.device)
        self.readout = nn.Linear(net.config.width, len(NAMES)).to(self.device)
        self.journal = Journal(Path(run.folder), f"{what}: {run.folder}")
        self.step = 0
        self.seconds = 0.0
        self._arm()

    def _arm(self) -> None:
        """Optimiser and average over what is trainable now."""
        optim: OptimConfig = self.config.optim
        self.trained = nn.ParameterDict(
            {
                name.replace(".", "/"): p
                for part, module in (("net", self.net), ("readout", self.readout))
                for name, p in ((f"{part}.{n}", q) for n, q in module.named_parameters())
                if p.requires_grad
            }
        )
        self.optimiser = torch.optim.AdamW(
            self.trained.parameters(),
            lr=optim.lr,
            betas=optim.betas,
            weight_decay=optim.weight_decay,
        )
        self.average = WeightAverage(self.trained, optim.ema_decay)

    @property
    def checkpoint_path(self) -> Path:
        """Where the run's state is kept."""
        return Path(self.config.run.folder) / "checkpoint.safetensors"

    @abstractmethod
    def rows(self, step: int) -> list[Row]:
        """The batch of a step; the same step, the same batch."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Held-out figures of the averaged weights, which are in place when this is called."""

    @abstractmethod
    def export(self, folder: Path) -> None:
        """Write the averaged weights."""

    def enter_stage(self, step: int) -> None:  # noqa: B027 - most runs have one stage
        """Be in the stage that a step belongs to."""

    def rng(self, step: int) -> np.random.Generator:
        """Random numbers of a step."""
        return np.random.default_rng(hash_seed(self.config.run.seed, step, "rows"))

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Train to the last step, or until ``stop()`` says so; the state is saved either way."""
        run: RunConfig = self.config.run
        last_save, since = time.monotonic(), 0
        sums: dict[str, float] = {}
        while self.step < self.config.optim.steps and not stop():
            started = time.monotonic()
            self.enter_stage(self.step)
            for name, value in self.train_step(self.rows(self.step)).items():
                sums[name] = sums.get(name, 0.0) + value
            self.seconds += time.monotonic() - started
            since += 1
            if self.step % run.log_every == 0:
                self._report({k: v / since for k, v in sums.items()})
                sums, since = {}, 0
            if self.step % run.eval_every == 0:
                self._glance()
            if time.monotonic() - last_save > run.save_every_s:
                self.save()
                last_save = time.monotonic()
        self.save()
        done = self.step >= int(self.config.optim.steps)
        if done and self.step % run.eval_every:
            self._glance()
        return done

    def _glance(self) -> None:
        with averaged(self.trained, self.average):
            self.net.eval()
            self._report(self.evaluate())
        self.journal.page()

    def _report(self, values: dict[str, float]) -> None:
        row = {k: round(v, 5) for k, v in values.items()}
        lr = self.config.optim.lr_at(self.step)
        self.journal.write(step=self.step, seconds=round(self.seconds, 1), lr=lr, **row)
        log.info("step %d, %.0f s: %s", self.step, self.seconds, row)

    def train_step(self, rows: Sequence[Row]) -> dict[str, float]:
        """One update; returns the losses."""
        optim: OptimConfig = self.config.optim
        self.net.train()
        for group in self.optimiser.param_groups:
            group["lr"] = optim.lr_at(self.step)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            losses = self.losses(rows)
        total = losses["text"] + self.config.readout * losses["readout"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        norm = float(nn.utils.clip_grad_norm_(self.trained.parameters(), optim.grad_clip))
        if math.isfinite(norm):
            self.optimiser.step()
        self.average.update(self.trained)
        self.step += 1
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def losses(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Mean losses of a batch: of text tokens, and of the readout."""
        embedded, first = embed_rows(self.net, rows)
        states = self.net.hidden(embedded).float()
        where = [
            (b, first[b] + i - 1) for b, r in enumerate(rows) for i in range(r.scored, len(r.ids))
        ]
        wanted = [t for r in rows for t in r.ids[r.scored :]]
        logits = self.net.llm.lm_head(at(states, where))  # type: ignore[operator]
        text = F.cross_entropy(logits.float(), torch.tensor(wanted, device=self.device))
        places, targets = [], []
        for b, row in enumerate(rows):
            if row.asked is not None and row.categories:
                places.append((b, first[b] + row.asked))
                targets.append(spread_over(row.categories))
            if row.video is not None and row.seen:
                places += [(b, i) for i in range(len(row.video))]
                targets += [spread_over(row.seen)] * len(row.video)
        if not places:
            return {"text": text, "readout": text.new_zeros(())}
        guessed = self.readout(at(states, places)).float()
        readout = F.cross_entropy(guessed, torch.stack(targets).to(self.device))
        return {"text": text, "readout": readout}

    def save(self) -> None:
        """Write the whole state."""
        tensors = checkpoint.with_prefix("trained", self.trained.state_dict())
        tensors |= checkpoint.with_prefix("average", self.average.tensors)
        tensors |= checkpoint.with_prefix("adam", checkpoint.optimiser_tensors(self.optimiser))
        state = {
            "step": self.step,
            "seconds": self.seconds,
            "n_updates": self.average.n_updates,
            "config": to_plain(self.config),
        }
        checkpoint.save(self.checkpoint_path, tensors, state)

    def resume(self) -> None:
        """Go on from the run's checkpoint.

        Raises:
            BadRequest: there is none, or it is of another net.
        """
        tensors, state = checkpoint.load(self.checkpoint_path)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.enter_stage(self.step - 1)  # the state is that of the last step done
        theirs = checkpoint.under_prefix("trained", tensors)
        ours = self.trained.state_dict()
        if {k: v.shape for k, v in theirs.items()} != {k: v.shape for k, v in ours.items()}:
            raise BadRequest(
                "The checkpoint is of another net.",
                "Use the config it was made with, or another run.folder.",
            )
        self.trained.load_state_dict(theirs)
        kept = checkpoint.under_prefix("average", tensors)
        self.average.tensors = {k: v.to(self.device) for k, v in kept.items()}
        self.average.n_updates = int(state["n_updates"])
        checkpoint.load_optimiser(self.optimiser, checkpoint.under_prefix("adam", tensors))
        self.journal.cut_after(self.step)


class averaged:  # noqa: N801 - used as a statement
    """Inside, trained parameters have their averaged values."""

    def __init__(self, trained: nn.ParameterDict, average: WeightAverage) -> None:
        self._trained, self._average = trained, average

    def __enter__(self) -> None:
        self._kept = {k: v.detach().clone() for k, v in self._trained.state_dict().items()}
        self._trained.load_state_dict(self._average.tensors)

    def __exit__(self, *_: object) -> None:
        self._trained.load_state_dict(self._kept)


def embed_rows(net: Converter, rows: Sequence[Row]) -> tuple[Tensor, list[int]]:
    """LM input [B, L, E] of rows, and the place of each row's first text token.

    Right-padded with zeros, which causal attention does not see.
    """
    device = net.video_proj.weight.device
    parts: list[list[Tensor]] = [[] for _ in rows]
    seen = [b for b, row in enumerate(rows) if row.video is not None]
    if seen:
        videos = [row.video for row in rows if row.video is not None]
        whole = net.project(torch.cat(videos).to(device))
        for b, part in zip(seen, torch.split(whole, [len(v) for v in videos]), strict=True):
            parts[b].append(part)
    told = [b for b, row in enumerate(rows) if row.sentence is not None]
    if told:
        vectors = torch.stack([row.sentence for row in rows if row.sentence is not None])
        for b, token in zip(told, net.embed_sentences(vectors.to(device)), strict=True):
            parts[b].append(token[None])
    first = [sum(map(len, part)) for part in parts]
    words = net.llm.get_input_embeddings()(  # type: ignore[operator]
        torch.tensor([t for row in rows for t in row.ids], device=device)
    )
    for b, part in enumerate(words.split([len(row.ids) for row in rows])):
        parts[b].append(part)
    joined = [torch.cat([p.float() for p in part]) for part in parts]
    return nn.utils.rnn.pad_sequence(joined, batch_first=True), first


def spread_over(categories: Sequence[int]) -> Tensor:
    """Target distribution [names]: the categories, equally likely."""
    target = torch.zeros(len(NAMES))
    target[list(categories)] = 1 / len(categories)
    return target


def at(states: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
    """States [N, E] at (row, position) of states [B, L, E]."""
    b, i = torch.tensor(places, device=states.device).T
    return states[b, i]
