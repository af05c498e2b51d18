"""The audio model's training: clips, crops, masks, loss, and a run that stops and goes on."""

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from vatt_engine.config import AudioModelConfig
from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.nets.codec import build_codec
from vatt_engine.nets.sentence import SentenceEncoder
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training import checkpoint
from vatt_engine.training.arranged import draw_curve, draw_pattern, envelope, strength_of
from vatt_engine.training.audio import (
    AudioTrainer,
    RememberedSentences,
    category_shares,
    readable_tables,
)
from vatt_engine.training.audio_batches import BatchMaker, roughened
from vatt_engine.training.audio_config import (
    AudioDataConfig,
    AudioOptimConfig,
    AudioTraining,
    BatchConfig,
    MaskLossConfig,
    read_audio_training,
)
from vatt_engine.training.audio_data import (
    Clip,
    read_prompts,
    read_shard,
    shard_path,
    write_shard,
)
from vatt_engine.training.audio_folder import FILES, read_audio
from vatt_engine.training.audio_loss import Targets, draw_masks, masked_loss
from vatt_engine.training.codec_config import RunConfig
from vatt_engine.training.codec_folder import write_codec
from vatt_engine.training.quantiser import codebooks_of
from vatt_engine.training.sights import NAMES

K, V, RATE, D, E = 2, 8, 50, 6, 8

CODEC = CodecConfig(
    sample_rate=8000, bands=20, ratios=(8,), n_filters=4, dimension=6, lstm=0,
    n_codebooks=K, codebook_size=V,
)  # fmt: skip


def clip(number: int, seconds: int = 6, kind: str = "film") -> Clip:
    """Codes tell clip and second, the picture likewise, hits are where the second begins."""
    rng = np.random.default_rng(number)
    codes = rng.integers(0, V, (seconds * RATE, K)).astype(np.int16)
    lane = np.zeros((seconds * RATE, 2), np.float16)
    lane[::RATE, 0] = 1
    lane[:, 1] = np.repeat(np.arange(seconds) / 10, RATE)
    pictures = np.zeros((seconds, D), np.float16)
    pictures[:, 0], pictures[:, 1] = number, np.arange(seconds)
    seen = pictures if kind == "film" else pictures[:0]
    return Clip(codes, lane, seen, (f"sound {number}",), (NAMES[number % 2],), kind)


class Stub:
    """States are the pictures, and a token that is 1 where there is a prompt."""

    def states(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
        told = torch.tensor([float(p is not None) for p in prompts])
        states = torch.zeros(len(video), video.shape[1] // 5 + 1, E)
        states[:, :-1, :D] = video[:, ::5]
        states[:, -1, -1] = told
        return states, torch.ones(states.shape[:2], dtype=torch.bool)


class Told(Stub):
    """The token tells which prompt it is."""

    def states(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
        states, mask = super().states(video, prompts)
        states[:, -1, -1] = torch.tensor([float(str(p)[-1:] in "024") for p in prompts])
        return states, mask


def training(folder: Path, steps: int = 6) -> AudioTraining:
    """A run over shards that are there already."""
    codec = build_codec(CODEC)
    for book in codebooks_of(codec.quantizer):
        book.get_buffer("embed").copy_(
            torch.randn(V, 6, generator=torch.Generator().manual_seed(1))
        )
    write_codec(folder / "codec", CODEC, codec.state_dict(), {})
    data = AudioDataConfig(
        folder=str(folder / "data"), codec=str(folder / "codec"), converter="", corpus="",
        picture="", shards=2, clips=3, valid_clips=3,
    )  # fmt: skip
    for n in (0, 1):
        path = shard_path(data, n)
        write_shard(path, [clip(3 * n + i, kind=("film", "arranged")[i % 2]) for i in range(3)])
    write_shard(shard_path(data, 0, "valid"), [clip(i) for i in range(3)])
    return AudioTraining(
        RunConfig(str(folder / "run"), device="cpu", bf16=False, log_every=2, eval_every=4),
        AudioModelConfig(
            width=16, n_encoder_layers=1, n_decoder_layers=1, n_heads=2, head_dim=8, cond_width=E,
            n_codebooks=K, codebook_size=V, codebook_dim=6, n_positions=520, lane_width=2,
            lane_tails=(2.0, -1.0), close_condition=True, dropout=0.0,
        ),
        data,
        AudioOptimConfig(steps=steps, warmup_steps=1, decay_steps=2, ema_decay=0.9),
        BatchConfig(size=4, crop_s=(1, 2), whole=0.0),
    )  # fmt: skip


def test_a_shard_comes_back_as_it_was_written(tmp_path: Path) -> None:
    clips = [clip(0), clip(1, 10), clip(2, kind="arranged")]
    write_shard(tmp_path / "a.npz", clips)
    for mine, theirs in zip(clips, read_shard(tmp_path / "a.npz"), strict=True):
        assert np.array_equal(mine.codes, theirs.codes)
        assert np.array_equal(mine.lane, theirs.lane)
        assert np.array_equal(mine.pictures, theirs.pictures)
        assert (mine.captions, mine.categories, mine.kind) == (
            theirs.captions, theirs.categories, theirs.kind
        )  # fmt: skip
    (tmp_path / "a.npz").write_bytes(b"no zip")
    with pytest.raises(BadRequest, match=r"No usable clips in .*a\.npz"):
        read_shard(tmp_path / "a.npz")


def test_crops_keep_sound_lane_and_picture_together() -> None:
    config = BatchConfig(
        size=8, crop_s=(3, 3), whole=0.0, wrong_picture=0.0, rough_lane=0.0, picture_only=0.0
    )
    clips = [clip(n) for n in range(4)]
    for step in range(5):
        batch = BatchMaker(clips, config, 1, RATE).batch(step)
        assert batch.codes.shape == (8, K, 3 * RATE)
        for b in range(8):
            number = int(batch.pictures[b, 0, 0])
            assert batch.prompts[b] == f"sound {number}"
            for s in range(3):
                second = int(batch.pictures[b, s, 1])
                codes = clips[number].codes[second * RATE : (second + 1) * RATE].T
                assert np.array_equal(batch.codes[b, :, s * RATE : (s + 1) * RATE], codes)
                assert batch.lane[b, s * RATE, 0] == 1
                assert batch.lane[b, s * RATE + 7, 1] == pytest.approx(second / 10, abs=1e-3)


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    makers = [BatchMaker([clip(n) for n in range(4)], BatchConfig(size=4), 7, RATE) for _ in "ab"]
    makers[0].batch(1)
    first, second = makers[0].batch(5), makers[1].batch(5)
    assert torch.equal(first.codes, second.codes)
    assert torch.equal(first.lane, second.lane)
    assert first.prompts == second.prompts
    assert not torch.equal(first.lane, makers[0].batch(6).lane[:, : first.lane.shape[1]])


def test_windows_of_full_length_are_made_of_short_clips() -> None:
    config = BatchConfig(size=6, crop_s=(2, 6), whole=1.0)
    batch = BatchMaker([clip(0), clip(1, 10)], config, 1, RATE).batch(0)
    assert batch.codes.shape == (4, K, 10 * RATE)  # as much sound as six clips of six seconds
    assert batch.pictures.shape == (4, 10, D)


def test_unseen_clips_never_go_without_words_unless_a_film_shows_their_thing() -> None:
    config = BatchConfig(size=32, crop_s=(2, 2), whole=0.0, picture_only=1.0, splice=0.0)
    clips = [clip(0), clip(1, kind="arranged"), clip(2, kind="arranged")]
    seen: dict[str | None, set[int]] = {}
    for step in range(3):
        batch = BatchMaker(clips, config, 1, RATE).batch(step)
        for b in range(32):
            seen.setdefault(batch.prompts[b], set()).add(int(batch.pictures[b, 0, 0]))
    # Clip 1 is a thing no film shows; clip 2 is what film 0 shows, so that its picture may speak.
    assert seen == {None: {0}, "sound 1": {0}}


def test_other_words_come_in_for_clips_of_one_category() -> None:
    config = BatchConfig(
        size=32, crop_s=(2, 2), whole=0.0, picture_only=0.0, other_words=1.0, roll=0.0
    )
    two = dataclasses.replace(clip(3), categories=(NAMES[0], NAMES[1]))
    words = {NAMES[0]: ("a gadget", "gizmos")}
    batch = BatchMaker([clip(0), clip(1), two], config, 1, RATE, words).batch(0)
    assert set(batch.prompts) == {"a gadget", "gizmos", "sound 1", "sound 3"}


def test_the_prompts_of_an_lm_run_serve_by_category(tmp_path: Path) -> None:
    state = {"texts": ["a dog", "a dog and rain"], "categories": [[3], [3, 4]]}
    checkpoint.save(tmp_path / "prompts.safetensors", {"vectors": torch.eye(2)}, state)
    known = read_prompts(tmp_path / "prompts.safetensors")
    assert known.by_category == {NAMES[3]: ("a dog",)}
    assert torch.equal(known.vectors["a dog and rain"], torch.tensor([0.0, 1.0]))


class CountingSentences(torch.nn.Module):
    """A stand-in for the sentence encoder that counts."""

    config = None

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def forward(self, sentences: list[str]) -> Tensor:
        self.asked += sentences
        return torch.tensor([[float(len(s))] for s in sentences])


def test_sentences_are_encoded_once() -> None:
    encoder = CountingSentences()
    remembered = RememberedSentences(cast(SentenceEncoder, encoder), {"known": torch.tensor([9.0])})
    for _ in range(2):
        assert remembered(["a", "known", "bcd", "a"]).flatten().tolist() == [1, 9, 3, 1]
    assert sorted(encoder.asked) == ["a", "bcd"]


def test_a_rough_lane_keeps_most_hits_near_their_place() -> None:
    lane = np.zeros((500, 2), np.float32)
    lane[10::25, 0] = 0.7
    lane[:, 1] = 0.3
    rng = np.random.default_rng(1)
    kept, total = 0, 0
    for _ in range(20):
        rough = roughened(lane, RATE, rng)
        assert rough.shape == lane.shape
        assert 0 <= rough.min() <= rough.max() <= 1
        places = np.flatnonzero(rough[:, 0])
        total += 20
        kept += sum(bool((abs(places - at) <= 2).any()) for at in range(10, 500, 25))
    assert 0.8 * total < kept < total


def masks(batch: int = 64, frames: int = 40, **changes: Any) -> tuple[Tensor, Tensor]:
    config = dataclasses.replace(MaskLossConfig(spans=0.0), **changes)
    drawn = draw_masks((batch, 4, frames), config, torch.Generator().manual_seed(3))
    return drawn.hidden, drawn.asked


def test_masks_are_those_of_the_paper() -> None:
    hidden, asked = masks(batch=400, coarse_first=0.0)
    assert torch.equal(hidden, asked)
    ratio = hidden.float().mean(dim=(1, 2))
    assert ratio.mean().item() == pytest.approx(0.75, abs=0.02)
    assert ratio.std().item() == pytest.approx(0.135, abs=0.03)
    assert ratio.min() > 0.4


def test_coarse_first_masks_are_what_the_sampler_shows() -> None:
    hidden, asked = masks(coarse_first=1.0)
    share = hidden.float().mean(dim=-1)
    for b in range(len(hidden)):
        partly = [k for k in range(4) if 0 < share[b, k] < 1]
        at_work = [k for k in range(4) if asked[b, k].any()]
        assert len(partly) <= 1
        assert len(at_work) == 1
        assert (share[b, at_work[0] + 1 :] == 1).all()
        assert (share[b, : at_work[0]] == 0).all()
        assert torch.equal(asked[b, at_work[0]], hidden[b, at_work[0]])
    assert len({k for b in range(64) for k in range(4) if asked[b, k].any()}) == 4


def test_blind_examples_hide_everything_and_ask_for_the_coarsest_codebook() -> None:
    config = MaskLossConfig(blind=1.0, coarse_first=0.0, spans=0.0)
    masks = draw_masks((5, K, 20), config, torch.Generator().manual_seed(1))
    assert masks.hidden.all()
    assert masks.asked[:, 0].all()
    assert not masks.asked[:, 1:].any()


def test_around_a_span_everything_is_known() -> None:
    hidden, asked = masks(spans=1.0, mask_mean=1.0, mask_range=(0.999, 1.0), coarse_first=0.0)
    for row in hidden.any(dim=1):
        places = row.nonzero().flatten()
        assert row[places[0] : places[-1] + 1].all()
    assert asked.flatten(1).any(dim=1).all()
    assert hidden.float().mean() < 0.6


def test_the_loss_is_cross_entropy_on_what_was_asked() -> None:
    codebooks = torch.randn(K, V, 3)
    config = MaskLossConfig(near=0.0, weights=(1.0, 0.5))
    codes = torch.randint(0, V, (3, K, 10))
    asked = torch.rand(3, K, 10) < 0.5
    guesses = [torch.randn(int(asked[:, k].sum()), V) for k in range(K)]
    loss, plain = masked_loss(guesses, codes, asked, Targets.near(codebooks, config), config)
    each = [torch.nn.functional.cross_entropy(g, codes[:, k][asked[:, k]], reduction="sum")
            for k, g in enumerate(guesses)]  # fmt: skip
    n = [len(g) for g in guesses]
    assert loss.item() == pytest.approx(((each[0] + each[1] / 2) / (n[0] + n[1] / 2)).item())
    assert plain[1] == pytest.approx(each[1].item() / n[1])
    nothing = torch.zeros_like(asked)
    none = masked_loss([g[:0] for g in guesses], codes, nothing, Targets.near(codebooks, config),
                       config)[1]  # fmt: skip
    assert all(math.isnan(value) for value in none)


def test_targets_lean_towards_codes_that_sound_alike() -> None:
    line = torch.arange(V, dtype=torch.float32)[None, :, None] ** 1.5
    targets = Targets.near(line, MaskLossConfig(near=0.3))
    assert torch.allclose(targets.shares.sum(dim=-1), torch.ones(1, V))
    assert targets.codes[0, 4, 0] == 4
    assert targets.shares[0, 4, 0].item() == pytest.approx(0.7)
    assert set(targets.codes[0, 4, 1:3].tolist()) == {3, 5}


def test_tables_are_read_at_sizes_a_net_can_work_with() -> None:
    tables = readable_tables(torch.stack((500 + 400 * torch.randn(V, 6), 4 * torch.randn(V, 6))))
    sizes = tables.pow(2).mean(dim=(1, 2)).sqrt()
    assert sizes[0].item() == pytest.approx(1.0, abs=0.01)
    assert 0.05 < sizes[1] < 0.2
    assert tables.mean(dim=1).abs().max() < 1e-4


def test_a_resumed_run_makes_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    config = training(tmp_path)
    whole = AudioTrainer(config, Stub())
    assert whole.run()
    other = dataclasses.replace(
        config, run=dataclasses.replace(config.run, folder=str(tmp_path / "other"))
    )
    first = AudioTrainer(other, Stub())
    assert not first.run(stop=lambda: first.step >= 3)
    second = AudioTrainer(other, Stub())
    second.resume()
    assert second.step == 3
    assert second.run()
    for name, value in whole.net.state_dict().items():
        assert torch.equal(second.net.state_dict()[name], value), name
    rows = [json.loads(r) for r in (tmp_path / "other/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [2, 4, 6]
    assert any("blind without lane" in row for row in rows)

    whole.export(tmp_path / "audio")
    net = read_audio(tmp_path / "audio")
    assert net.config == config.model
    for name, value in whole.average.tensors.items():
        assert torch.allclose(net.state_dict()[name], value, atol=2e-3), name
    (tmp_path / "audio" / FILES.weights).write_bytes(b"short")
    with pytest.raises(BadModelFolder, match="damaged"):
        read_audio(tmp_path / "audio")


def test_muon_moves_the_layers_and_resumes_where_it_was(tmp_path: Path) -> None:
    config = training(tmp_path, steps=4)
    config = dataclasses.replace(config, optim=dataclasses.replace(config.optim, matrices="muon"))
    trainer = AudioTrainer(config, Stub())
    before = {n: p.detach().clone() for n, p in trainer.net.named_parameters()}
    trainer.train_step(trainer._batches.batch(0))
    trainer.save()
    trainer.train_step(trainer._batches.batch(1))
    resumed = AudioTrainer(config, Stub())
    resumed.resume()
    resumed.train_step(resumed._batches.batch(1))
    for name, value in trainer.net.named_parameters():
        assert torch.equal(resumed.net.get_parameter(name), value), name
    # Directions of a matrix are moved alike: AdamW would move a few most and the rest hardly.
    name = "decoder.0.attn.out.weight"
    change = torch.linalg.svdvals(trainer.net.get_parameter(name).detach() - before[name])
    assert change.median() > 0.5 * change.max()


def test_the_readout_learns_to_name_what_is_said(tmp_path: Path) -> None:
    """It pulls the summary towards what tells categories apart; nothing of it is exported."""
    config = training(tmp_path, steps=60)
    config = dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, tint_rank=2),
        optim=dataclasses.replace(config.optim, lr=0.02),
        loss=MaskLossConfig(tell=1.0),
        batch=dataclasses.replace(config.batch, drop_condition=0.0),
    )
    trainer = AudioTrainer(config, Told())
    first = trainer.train_step(trainer._batches.batch(0))["told"]
    for step in range(1, 60):
        last = trainer.train_step(trainer._batches.batch(step))["told"]
    assert first == pytest.approx(math.log(len(NAMES)), abs=1.0)
    assert last < 0.5 * first
    trainer.export(tmp_path / "out")
    read_audio(tmp_path / "out")  # refuses tensors that the net does not have


def test_shares_of_what_is_said() -> None:
    shares = category_shares([(NAMES[3], NAMES[5]), (), ("unheard of",), (NAMES[3],) * 2])
    assert shares[0, 3] == shares[0, 5] == 0.5
    assert not shares[1:3].any()
    assert shares[3, 3] == 1


def test_a_checkpoint_of_another_net_is_refused(tmp_path: Path) -> None:
    config = training(tmp_path, steps=3)
    AudioTrainer(config, Stub()).run()
    wider = dataclasses.replace(config, model=dataclasses.replace(config.model, n_heads=4))
    with pytest.raises(BadRequest, match="these differ: n_heads"):
        AudioTrainer(wider, Stub()).resume()


def test_the_shipped_config_is_read_and_mistakes_are_named(tmp_path: Path) -> None:
    shipped = read_audio_training(Path(__file__).parents[3] / "configs/audio.toml")
    assert shipped.model.lane_width == 2
    path = tmp_path / "a.toml"
    path.write_text((Path(__file__).parents[3] / "configs/audio.toml").read_text() + "wide = 1\n")
    with pytest.raises(BadRequest, match="loss has unknown keys: wide"):
        read_audio_training(path)


def test_patterns_and_curves_stay_within_their_clip() -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        hits, pace = draw_pattern(6.0, rng)
        times = [t for t, _ in hits]
        assert 0 <= min(times) <= max(times) < 6
        assert all(b - a >= 0.06 for a, b in itertools.pairwise(times))
        assert all(0 < s <= 1 for _, s in hits)
        assert pace in ("", "slow", "fast")
        curve = draw_curve(300, rng)
        assert curve.shape == (300,)
        assert 0 <= curve.min() <= curve.max() <= 1


def test_levels_of_recordings_become_strengths_and_intensity() -> None:
    assert strength_of(0.7) == 1.0
    assert strength_of(0.7 * 10**-0.6) == pytest.approx(0.5)
    wave = np.zeros(16_000, np.float32)
    wave[8000:] = 0.5
    curve = envelope(wave, 16_000)
    assert curve.shape == (50,)
    assert curve[:20].max() == 0
    assert curve[30:45].min() == pytest.approx(1.0)
