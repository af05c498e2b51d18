"""Does a model sound the same in bfloat16? Held-out clips in both precisions, heard by the judge.

`python scripts/compare_precisions.py runs/audio-data/valid-0000.npz`, a shard of packed clips
(`configs/audio.toml`). Words and lanes are the true ones, states are in float32 for both, and
take i of a seed has the same noise. A model's `audio_in_bfloat16` is set on the strength of these
figures (decision 14). One thread, so that processor time can be compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vatt_engine.model_folder import Model, load_model
from vatt_engine.precision import Precision
from vatt_engine.sampling import guided, sample_codes
from vatt_engine.training.ablations.listening import (
    Ear,
    Scene,
    choose,
    f1_of,
    floor_of,
    scenes_of,
)
from vatt_engine.training.ablations.plan import Listening
from vatt_engine.training.audio_data import read_shard

PRECISIONS: tuple[Precision, Precision] = ("float32", "audio-bfloat16")


def main() -> None:
    """Print what differs: foretold codes first, then takes, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shard", type=Path)
    parser.add_argument("--model", default="vatt-mini")
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    args = parser.parse_args()
    torch.set_num_threads(1)
    models = {p: load_model(args.model, "cpu", p) for p in PRECISIONS}
    codec = models["float32"].codec
    ear = Ear(codec.sample_rate)
    films = scenes_of(read_shard(args.shard), args.seconds, codec.sample_rate // codec.hop_length)
    listening = Listening(clips=args.clips, seconds=args.seconds, least_f1=0.6)
    scenes, truth = choose(films, codec, ear, listening)
    kinds = sum(r.family == s.family for r, s in zip(truth, scenes, strict=True))
    print(f"{len(scenes)} clips; their own sound: onset F1 {f1_of(truth):.3f}, kind right {kinds}")
    with torch.inference_mode():
        foretell(models, scenes)
        for seed in args.seeds:
            for name, model in models.items():
                listen(f"seed {seed}, {name}", models["float32"], model, scenes, ear, seed)


def foretell(models: dict[Precision, Model], scenes: Sequence[Scene]) -> None:
    """Print how well hidden codes are foretold, and how much the two disagree."""
    plain, half = (models[p] for p in PRECISIONS)
    found = []
    for i, scene in enumerate(scenes):
        states, mask = states_of(plain, scene)
        generator = torch.Generator().manual_seed(i)
        share = 0.5 + 0.5 * torch.rand((), generator=generator)
        codes = scene.codes[None]
        asked = torch.rand(codes.shape, generator=generator) < share
        shown = codes.masked_fill(asked, plain.config.audio.mask_id)
        truth = torch.cat([codes[:, k][asked[:, k]] for k in range(codes.shape[1])])

        def logprobs(
            model: Model, states: Tensor = states, mask: Tensor = mask, shown: Tensor = shown,
            asked: Tensor = asked, lane: Tensor = scene.lane,
        ) -> Tensor:  # fmt: skip
            net = guided(model.audio, states, mask, shown.shape[-1], lane=lane[None])
            return torch.cat(net.guesses(shown, asked)).float().log_softmax(dim=-1)

        a, b = logprobs(plain), logprobs(half)
        nats = [-float(x.gather(1, truth[:, None]).mean()) for x in (a, b)]
        divergence = float((a.exp() * (a - b)).sum(dim=-1).mean())
        alike = float((a.argmax(dim=-1) == b.argmax(dim=-1)).float().mean())
        found.append((*nats, divergence, alike))
    first, second, divergence, alike = np.mean(found, axis=0)
    print(
        f"nats a hidden code: {first:.4f} and {second:.4f}; KL {divergence:.1e};"
        f" the same likeliest code {alike:.1%}"
    )


def listen(
    name: str, plain: Model, model: Model, scenes: Sequence[Scene], ear: Ear, seed: int
) -> None:
    """Print what is heard in one take of every clip."""
    rows, spent_s = [], 0.0
    for i, scene in enumerate(scenes):
        states, mask = states_of(plain, scene)
        started = time.process_time()
        codes = sample_codes(
            model.audio, states, mask, generators=[torch.Generator().manual_seed(seed * 1000 + i)],
            n_frames=len(scene.lane), lane=scene.lane[None], sampler=model.config.sampler,
        )  # fmt: skip
        spent_s += time.process_time() - started
        wave = plain.codec.decode(codes)[0, 0].numpy()
        rows.append(ear.row(wave, scene.hits_s, scene.family))
    kinds = sum(r.family == s.family for r, s in zip(rows, scenes, strict=True))
    closeness = np.mean([r.closeness for r in rows])
    level = np.mean([r.level_db for r in rows])
    print(
        f"{name}: onset F1 {f1_of(rows):.3f} (chance {floor_of(rows):.3f}), kind right {kinds},"
        f" closeness {closeness:.3f}, {level:.1f} dB, sampled in {spent_s / len(rows):.2f} s a clip"
    )


def states_of(model: Model, scene: Scene) -> tuple[Tensor, Tensor]:
    """States [1, L, E] and mask [1, L] of a clip's picture and true caption."""
    return model.converter.states(scene.video[None], [scene.captions[0]])


if __name__ == "__main__":
    main()
