"""The codec's training: resuming is exact, the quantiser and the losses do what they say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.nets.codec import build_codec
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training import codec_folder, quantiser
from vatt_engine.training.adversary import build_discriminator, discriminator_loss
from vatt_engine.training.balancer import Balancer
from vatt_engine.training.batches import SegmentSampler
from vatt_engine.training.codec import CodecTrainer
from vatt_engine.training.codec_config import (
    CodecTraining,
    DataConfig,
    LossConfig,
    OptimConfig,
    QuantiserConfig,
    RunConfig,
    SoundSource,
    read_codec_training,
)
from vatt_engine.training.sounds import open_bank
from vatt_engine.training.spectral import MultiScaleMel, surprise

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest of four short sounds from two packages, and one broken file."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    rows = ["file,source_repository"]
    for i in range(4):
        n = 16000 if i else 1500
        wave = rng.standard_normal(n) * np.exp(-np.arange(n) / 3000) * 0.2
        soundfile.write(folder / f"{i}.wav", wave, 16000)
        rows.append(f"{i}.wav,{'kept' if i < 3 else 'held'}")
    (folder / "broken.wav").write_bytes(b"no sound")
    rows.append("broken.wav,kept")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def config(sounds: Path, tmp_path: Path) -> CodecTraining:
    codec = CodecConfig(
        bands=40, companding=1e-3, noise=True, ratios=(8,), n_filters=4, dimension=8, lstm=1,
        n_codebooks=2, codebook_size=16,
    )  # fmt: skip
    return CodecTraining(
        run=RunConfig(
            folder=str(tmp_path / "run"), device="cpu", bf16=False, log_every=2, eval_every=3
        ),
        codec=codec,
        data=DataConfig(
            sources=(SoundSource(str(sounds / "manifest.csv")),),
            held_out=("held",),
            segment_s=0.2,
            batch=2,
            cache=str(tmp_path / "cache"),
        ),
        optim=OptimConfig(steps=6, warmup_steps=1, decay_steps=2),
        loss=LossConfig(windows=(128, 512)),
        quantiser=QuantiserConfig(start_step=2, kmeans_batches=2, revive_every=2),
    )


def weights(trainer: CodecTrainer) -> dict[str, torch.Tensor]:
    return {
        **trainer.net.state_dict(),
        **{f"average.{k}": v for k, v in trainer.average.tensors.items()},
    }


def with_discriminator(config: CodecTraining) -> CodecTraining:
    loss = dataclasses.replace(
        config.loss, adversarial=1.0, feature=1.0, adversarial_from=2, discriminator_filters=2
    )
    return dataclasses.replace(
        config, loss=loss, data=dataclasses.replace(config.data, segment_s=0.3)
    )


@pytest.mark.parametrize("adversarial", [False, True])
def test_a_resumed_run_equals_an_unbroken_one(
    config: CodecTraining, tmp_path: Path, adversarial: bool
) -> None:
    if adversarial:
        config = with_discriminator(config)
    whole = CodecTrainer(config)
    assert whole.run()

    elsewhere = dataclasses.replace(config.run, folder=str(tmp_path / "broken-off"))
    config = dataclasses.replace(config, run=elsewhere)
    first = CodecTrainer(config)
    assert not first.run(stop=lambda: first.step >= 3)
    second = CodecTrainer(config)
    second.resume()
    assert second.step == 3
    assert second.run()

    expected = weights(whole)
    for name, value in weights(second).items():
        assert torch.equal(value, expected[name]), name
    if adversarial:
        assert whole.discriminator is not None
        assert second.discriminator is not None
        theirs = whole.discriminator.state_dict()
        for name, value in second.discriminator.state_dict().items():
            assert torch.equal(value, theirs[name]), name


def test_a_run_leaves_a_log_a_page_and_sounds(config: CodecTraining) -> None:
    trainer = CodecTrainer(config)
    trainer.run()
    rows = trainer.journal.rows()
    assert [r["step"] for r in rows if "mel" in r] == [2, 4, 6]
    assert any("held_out" in r and "codes_used_least" in r for r in rows)
    page = (trainer.journal.folder / "report.html").read_text()
    assert "<svg" in page
    assert list((trainer.journal.folder / "sounds").glob("*-codec.wav"))


def test_resuming_drops_log_lines_past_the_checkpoint(config: CodecTraining) -> None:
    trainer = CodecTrainer(config)
    trainer.run(stop=lambda: trainer.step >= 2)
    trainer.journal.write(step=5, mel=1.0)
    again = CodecTrainer(config)
    again.resume()
    assert max(r["step"] for r in again.journal.rows()) == 2


def test_another_codec_cannot_resume(config: CodecTraining) -> None:
    trainer = CodecTrainer(config)
    trainer.save()
    other = dataclasses.replace(config, codec=dataclasses.replace(config.codec, n_filters=6))
    with pytest.raises(BadRequest, match="n_filters"):
        CodecTrainer(other).resume()


def test_resuming_nothing_is_a_named_error(config: CodecTraining) -> None:
    with pytest.raises(BadRequest, match="checkpoint"):
        CodecTrainer(config).resume()


def test_discriminator_learns_to_tell_apart() -> None:
    torch.manual_seed(0)
    judge = build_discriminator(2)
    optimiser = torch.optim.Adam(judge.parameters(), 1e-2)
    real, made = torch.randn(2, 1, 4096) * 0.1, torch.zeros(2, 1, 4096, requires_grad=True)
    losses = []
    for _ in range(3):
        loss = discriminator_loss(judge, made, real)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert made.grad is None


def tiny_quantizer(n_codebooks: int = 2, size: int = 16, dimension: int = 4) -> Any:
    """A quantiser of the ``encodec`` package, which has no types."""
    config = CodecConfig(n_filters=2, dimension=dimension, n_codebooks=n_codebooks, lstm=0,
                         codebook_size=size)  # fmt: skip
    torch.manual_seed(0)
    return build_codec(config).quantizer.train()


def test_gradients_pass_straight_through_and_commitment_sees_all_codebooks() -> None:
    quantizer = tiny_quantizer()
    vectors = torch.randn(2, 4, 5, requires_grad=True)
    result = quantiser.quantise(quantizer.eval(), vectors, 2, 0.99)
    assert result.codes.shape == (2, 2, 5)
    upstream = torch.randn(2, 4, 5)
    (grad,) = torch.autograd.grad(result.vectors, vectors, upstream, retain_graph=True)
    torch.testing.assert_close(grad, upstream)
    (pull,) = torch.autograd.grad(result.commitment, vectors)
    toward = vectors - result.vectors
    assert torch.cosine_similarity(pull.flatten(), toward.flatten(), dim=0) > 0.999


def test_training_and_inference_pick_the_same_codes() -> None:
    quantizer = tiny_quantizer().eval()
    vectors = torch.randn(2, 4, 5)
    ours = quantiser.quantise(quantizer, vectors, 2, 0.99)
    theirs = quantizer.encode(vectors, 16000).transpose(0, 1)
    assert torch.equal(ours.codes, theirs)
    torch.testing.assert_close(ours.vectors, quantizer.decode(theirs.transpose(0, 1)))


def test_kmeans_leaves_no_centre_empty() -> None:
    generator = torch.Generator().manual_seed(0)
    lumps = torch.randn(4, 3) * 100
    vectors = (lumps[:, None] + torch.randn(4, 50, 3)).flatten(0, 1)
    centres, counts = quantiser.kmeans(vectors, 8, generator)
    assert (torch.bincount(quantiser.nearest(vectors, centres), minlength=8) > 0).all()
    assert (counts >= 1).all()
    assert (torch.cdist(vectors, centres).min(1).values < 6).all()


def test_unused_codes_come_back_to_life() -> None:
    quantizer = tiny_quantizer(n_codebooks=1)
    book: Any = quantiser.codebooks_of(quantizer)[0]
    book.embed.fill_(1000.0)
    book.embed[0] = 0.0
    book.cluster_size.zero_()
    book.cluster_size[0] = 10.0
    vectors = torch.randn(4, 4, 50)
    generator = torch.Generator().manual_seed(0)
    moved = quantiser.revive_unused(quantizer, vectors, 0.1, generator)
    assert moved == 15
    codes = quantiser.quantise(quantizer, vectors, 1, 0.99).codes
    assert len(codes.unique()) == 16


def test_usage_of_even_and_of_single_codes() -> None:
    used, perplexity = quantiser.usage(torch.tensor([[5.0, 5, 5, 5], [9, 0, 0, 0]]))
    assert used.tolist() == [1.0, 0.25]
    assert perplexity.tolist() == pytest.approx([4.0, 1.0])


def test_balancer_shares_gradients_by_weight_whatever_the_scale() -> None:
    output = torch.randn(2, 1, 8, requires_grad=True)
    losses = {"big": 1000 * output[..., :4].sum(), "small": 0.001 * output[..., 4:].sum()}
    grad = Balancer({"big": 1.0, "small": 3.0}).combine(losses, output)
    ratio = grad[..., 4:].norm() / grad[..., :4].norm()
    assert float(ratio) == pytest.approx(3.0, rel=1e-4)


def test_mel_distance_counts_decibels() -> None:
    wave = torch.randn(1, 8000) * 0.1
    ruler = MultiScaleMel(16000)
    assert float(ruler(wave, wave)) == 0
    assert float(ruler(wave * 2, wave)) == pytest.approx(np.log(2), abs=1e-3)


def test_mel_distance_has_a_finite_gradient_in_silence() -> None:
    made = torch.zeros(1, 4096, requires_grad=True)
    MultiScaleMel(16000)(made, torch.randn(1, 4096)).backward()
    assert made.grad is not None
    assert torch.isfinite(made.grad).all()


def test_the_right_spread_surprises_least() -> None:
    bands = torch.randn(1, 40, 500) * 0.1
    none = torch.zeros_like(bands)
    fits = {s: float(surprise(none, torch.full_like(bands, s), bands)) for s in (0.03, 0.09, 0.3)}
    assert min(fits, key=fits.__getitem__) == 0.09
    knowing = surprise(bands / 0.01, torch.full_like(bands, 0.01), bands)
    assert float(knowing) < fits[0.09]


def test_a_batch_depends_on_its_step_only(config: CodecTraining) -> None:
    bank = open_bank(config.data.sources[0], 16000, Path(config.data.cache))
    assert len(bank) == 4  # the broken file is left out
    train, held = bank.split(["held"])
    assert (len(train), len(held)) == (3, 1)
    samplers = [SegmentSampler([train], [1.0], config.data, 3200, seed=5) for _ in range(2)]
    samplers[0].batch(0)
    first, second = samplers[0].batch(7), samplers[1].batch(7)
    assert first.shape == (2, 1, 3200)
    assert torch.equal(first, second)
    assert not torch.equal(first, samplers[0].batch(8))


def test_jsonl_manifests_and_folders_are_read_too(sounds: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"file": f"{i}.wav", "package": "p"}) for i in range(3)]
    (sounds / "train.jsonl").write_text("\n".join(lines))
    bank = open_bank(SoundSource(str(sounds / "train.jsonl")), 16000, tmp_path)
    assert bank.packages == ("p", "p", "p")
    assert len(open_bank(SoundSource(str(sounds)), 16000, tmp_path)) == 4


def test_the_synthesiser_is_a_source_and_repeatable(tmp_path: Path) -> None:
    source = SoundSource("synthesiser", clips=5)
    first = open_bank(source, 16000, tmp_path / "one")
    second = open_bank(source, 16000, tmp_path / "two")
    assert 3 <= len(first) <= 5
    assert set(first.packages) == {"synthesised"}
    assert np.array_equal(first.samples, second.samples)


def test_missing_sounds_are_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="neither a manifest nor a folder"):
        open_bank(SoundSource(str(tmp_path / "none")), 16000, tmp_path)


def test_a_codec_folder_gives_the_codec_back(config: CodecTraining, tmp_path: Path) -> None:
    trainer = CodecTrainer(config)
    trainer.run()
    trainer.export(tmp_path / "codec")
    codec = codec_folder.read_codec(tmp_path / "codec")
    wave = torch.randn(1, 1, 3200) * 0.1
    codes = codec.encode(wave)
    assert codes.shape == (1, 2, 10)
    assert codec.decode(codes).shape == (1, 1, 3200)

    trainer.export(tmp_path / "shorter", n_codebooks=1)
    shorter = codec_folder.read_codec(tmp_path / "shorter")
    assert shorter.config.n_codebooks == 1
    assert torch.equal(shorter.encode(wave), codes[:, :1])


def test_a_damaged_codec_folder_is_refused(config: CodecTraining, tmp_path: Path) -> None:
    CodecTrainer(config).export(tmp_path / "codec")
    weights_path = tmp_path / "codec" / codec_folder.FILES.weights
    data = bytearray(weights_path.read_bytes())
    data[-1] ^= 1
    weights_path.write_bytes(data)
    with pytest.raises(BadModelFolder, match="damaged"):
        codec_folder.read_codec(tmp_path / "codec")


@pytest.mark.parametrize("name", ["codec-cpu.toml", "codec-gpu.toml"])
def test_the_shipped_configs_differ_in_scale_only(name: str) -> None:
    config = read_codec_training(CONFIGS / name)
    assert config.codec.frame_rate == 50
    assert config.codec.n_codebooks >= 4
    assert config.codec.sample_rate == 16000


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("steps =", "stepps =", "stepps"),
        ("batch = ", "batch = 0 #", "must be positive"),
        ("seed = 1", 'seed = "one"', "seed must be int"),
        ("[run]", "[run", "no TOML"),
        ("bands = 40", "bands = 7", "bands"),
    ],
)
def test_a_wrong_config_names_what_is_wrong(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    text = (CONFIGS / "codec-cpu.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises((BadRequest, BadModelFolder), match=complaint):
        read_codec_training(path)


def test_learning_rate_rises_stays_and_falls() -> None:
    optim = OptimConfig(steps=100, lr=1.0, warmup_steps=10, decay_steps=20, final_share=0.1)
    assert optim.lr_at(0) == pytest.approx(0.1)
    assert optim.lr_at(50) == 1.0
    assert optim.lr_at(99) == pytest.approx(0.1 + 0.9 / 20)
