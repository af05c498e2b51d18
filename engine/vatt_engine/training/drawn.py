"""Fitting a drawn codec (``nets.drawn``): principal components, then k-means on what they leave.

There is no gradient in it, so minutes on one core are enough. What is fitted to is a function of
the config alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vatt_engine.errors import BadRequest
from vatt_engine.nets.codec import Codec, build_codec
from vatt_engine.nets.drawn import DrawnDecoder, DrawnEncoder
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training import checkpoint
from vatt_engine.training.batches import SegmentSampler
from vatt_engine.training.codec_config import DataConfig, RunConfig, read_training, to_plain
from vatt_engine.training.codec_folder import write_codec
from vatt_engine.training.codec_watch import held_out_clips, held_out_figures
from vatt_engine.training.device import pick_device
from vatt_engine.training.journal import Journal
from vatt_engine.training.quantiser import start_codebooks
from vatt_engine.training.sounds import open_sounds
from vatt_engine.training.spectral import MultiScaleMel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitConfig:
    """How much is fitted to.

    Attributes:
        batches: of sounds that are described.
        vectors: of those descriptions k-means sees.
    """

    batches: int = 200
    vectors: int = 120_000

    def __post_init__(self) -> None:
        if self.batches < 1 or self.vectors < 1:
            raise BadRequest("fit: batches and vectors must be positive.", "Correct the config.")


@dataclass(frozen=True)
class DrawnTraining:
    """Everything a fit depends on."""

    run: RunConfig
    codec: CodecConfig
    data: DataConfig
    fit: FitConfig = FitConfig()


def read_drawn_training(path: Path) -> DrawnTraining:
    """The fit a TOML file describes.

    Raises:
        BadRequest: as ``codec_config.read_training``.
    """
    return read_training(DrawnTraining, path)


class DrawnFitter:
    """A fit and its log.

    Args:
        config: the fit.
        n_kept: codebooks that ``export`` writes unless told otherwise; None: all.
    """

    def __init__(self, config: DrawnTraining, n_kept: int | None = None) -> None:
        self.config = config
        self.n_kept = n_kept
        self.device = pick_device(config.run.device)
        if config.run.threads:
            torch.set_num_threads(config.run.threads)
        torch.manual_seed(config.run.seed)
        self.net: Codec = build_codec(config.codec).to(self.device).eval().requires_grad_(False)
        sounds = open_sounds(config.data, config.codec.sample_rate)
        segment = round(config.data.segment_s * config.codec.frame_rate) * config.codec.hop_length
        self.sampler = SegmentSampler(
            sounds.train, sounds.shares, config.data, segment, config.run.seed
        )
        self.held_out = sounds.held_out
        self.journal = Journal(Path(config.run.folder), f"codec: {config.run.folder}")
        self.seconds = 0.0

    @property
    def checkpoint_path(self) -> Path:
        """Where the fitted codec is kept."""
        return Path(self.config.run.folder) / "checkpoint.safetensors"

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Fit, unless ``stop()`` says otherwise on the way.

        Returns:
            whether it came to its end.
        """
        if self.seconds:  # resumed: it is done
            return True
        started = time.monotonic()
        described = []
        for step in range(self.config.fit.batches):
            if stop():
                return False
            described.append(self._describe(self.sampler.batch(step)))
        rows = torch.cat(described)
        kept = fit(self.net, rows, self.config.fit.vectors, self.config.run.seed)
        self.seconds = time.monotonic() - started
        log.info("fitted to %d code frames; components keep %.1f %%", len(rows), 100 * kept)
        self.journal.write(step=1, seconds=round(self.seconds, 1), kept=kept, **self.evaluate())
        self.journal.page()
        self.save()
        return True

    def _describe(self, wave: Tensor) -> Tensor:
        """Descriptions [B * T, F] of waves [B, 1, S]."""
        encoder = self.net.encoder
        assert isinstance(encoder, DrawnEncoder)
        described: Tensor = encoder.describer.describe(wave.to(self.device))
        return described.transpose(1, 2).flatten(0, 1)

    def evaluate(self) -> dict[str, float]:
        """Held-out figures; also keeps a few sounds."""
        clips = held_out_clips(self.held_out, self.config.run.eval_clips)
        ruler = MultiScaleMel(self.net.sample_rate).to(self.device)
        figures = held_out_figures(self.net, clips, ruler, True, self.journal)
        log.info("held out: %s", figures)
        return figures

    def save(self) -> None:
        """Write what was fitted."""
        state = {"seconds": self.seconds, "config": to_plain(self.config)}
        checkpoint.save(
            self.checkpoint_path, checkpoint.with_prefix("net", self.net.state_dict()), state
        )

    def resume(self) -> None:
        """Take up a finished fit.

        Raises:
            BadRequest: there is none, or it is of a codec of another shape.
        """
        tensors, state = checkpoint.load(self.checkpoint_path)
        theirs, ours = state["config"]["codec"], to_plain(self.config)["codec"]
        if theirs | {"ratios": tuple(theirs["ratios"])} != ours:
            raise BadRequest(
                "The checkpoint is of another codec.",
                "Use the config it was made with, or another run.folder.",
            )
        self.net.load_state_dict(checkpoint.under_prefix("net", tensors))
        self.seconds = float(state["seconds"])

    def export(self, folder: Path, n_codebooks: int | None = None) -> None:
        """Write a codec folder, with where it comes from."""
        provenance = {
            "seconds": round(self.seconds),
            "device": str(self.device),
            "training": to_plain(self.config),
        }
        kept = n_codebooks or self.n_kept
        write_codec(folder, self.config.codec, self.net.state_dict(), provenance, kept)


@torch.no_grad()
def fit(net: Codec, rows: Tensor, n_vectors: int, seed: int) -> float:
    """Fit a drawn codec to descriptions [N, F]; returns the share of their variance it keeps."""
    encoder, decoder = net.encoder, net.decoder
    if not isinstance(encoder, DrawnEncoder) or not isinstance(decoder, DrawnDecoder):
        raise BadRequest("Only a drawn codec is fitted.", 'Set codec.kind = "drawn".')
    mean = rows.mean(dim=0)
    centred = rows - mean
    # In double precision: the smallest components lie far below the largest.
    values, vectors = torch.linalg.eigh((centred.T @ centred).double() / len(rows))
    basis = vectors.flip(1)[:, : len(encoder.basis)].T.float()
    for part in (encoder, decoder):
        # In half precision, as files keep them, so that a codec read back picks the same codes.
        part.mean.copy_(mean.half())
        part.basis.copy_(basis.half())
    generator = torch.Generator().manual_seed(seed)
    picked = torch.randperm(len(rows), generator=generator)[:n_vectors].to(rows.device)
    start_codebooks(net.quantizer, centred[picked] @ encoder.basis.T, generator)
    return float(values.flip(0)[: len(encoder.basis)].sum() / values.sum())
