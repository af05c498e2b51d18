"""Training the LM and the converter: what they learn from, that they resume, what they write."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import vatt_engine
from vatt_engine.config import CaptionConfig, ConverterConfig, LoraConfig, SentenceConfig
from vatt_engine.errors import BadModelFolder
from vatt_engine.evaluation.wording import paraphrases
from vatt_engine.model_folder import load_model
from vatt_engine.model_writing import save_model
from vatt_engine.nets.converter import build_converter, byte_tokenizer
from vatt_engine.nets.sentence import SentenceEncoder, to_bytes
from vatt_engine.training.codec_config import OptimConfig, RunConfig
from vatt_engine.training.converter import ConverterTrainer, ConverterTraining, SightConfig
from vatt_engine.training.converter_folder import (
    load_converter,
    read_readout,
    read_sentence,
    write_sentence,
)
from vatt_engine.training.lm import LmTrainer, LmTraining, TextConfig
from vatt_engine.training.prompt_texts import PromptPool, make_pool, train_tokenizer
from vatt_engine.training.readings import text_figures
from vatt_engine.training.sights import NAMES, classes_of, plain_words

WIDTH = 24  # of the made picture encoder
SENTENCE = SentenceConfig(vocabulary=259, width=16, n_layers=1, n_heads=2, ff_width=32)
TINY = ConverterConfig(
    prompt_style="plain",
    vocabulary=300,
    width=16,
    n_layers=1,
    n_heads=2,
    n_kv_heads=2,
    head_dim=8,
    ff_width=32,
    max_positions=256,
    tied_embeddings=True,
    video_width=WIDTH,
    bos_id=1,
    eos_id=2,
    pad_id=0,
    caption=CaptionConfig(max_new_tokens=4),
    sentence=SENTENCE,
)


def random_encoder() -> SentenceEncoder:
    encoder = SentenceEncoder(SENTENCE, byte_tokenizer())
    generator = torch.Generator().manual_seed(3)
    state = encoder.state_dict()
    for name in [n for n in state if n.endswith("scale")]:
        rows = state[name.replace("scale", "weight")]
        made = to_bytes(torch.randn(rows.shape, generator=generator))
        state[name.replace("scale", "weight")], state[name] = made
    encoder.load_state_dict(state)
    return encoder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence encoder, a picture encoder's last layers, and an LM trained for two steps."""
    folder = tmp_path_factory.mktemp("converter")
    write_sentence(folder / "sentence", random_encoder())
    generator = torch.Generator().manual_seed(1)
    save_file(
        {
            "classifier.weight": torch.randn(1000, WIDTH, generator=generator),
            "classifier.bias": torch.zeros(1000),
            "bn2.weight": torch.ones(WIDTH),
            "bn2.bias": torch.zeros(WIDTH),
        },
        folder / "visual.safetensors",
    )
    trainer = LmTrainer(lm_run(folder, 2))
    assert trainer.run()
    trainer.export(folder / "lm-final")
    return folder


def text_config(folder: Path) -> TextConfig:
    return TextConfig(sentence=str(folder / "sentence"), grammar=110, words=4)


def optim(steps: int) -> OptimConfig:
    return OptimConfig(steps=steps, warmup_steps=1, decay_steps=1, ema_decay=0.5)


def lm_run(folder: Path, steps: int) -> LmTraining:
    run = RunConfig(str(folder / "lm"), device="cpu", bf16=False, eval_every=10_000)
    return LmTraining(run, TINY, optim(steps), text_config(folder), batch=6)


def converter_run(folder: Path, name: str, steps: int = 4) -> ConverterTraining:
    return ConverterTraining(
        RunConfig(str(folder / name), device="cpu", bf16=False, eval_every=10_000),
        start=str(folder / "lm-final"),
        prompts=str(folder / "lm" / "prompts.safetensors"),
        sights=SightConfig(str(folder / "visual.safetensors"), held_out=2, fitted=4),
        optim=optim(steps),
        project_steps=2,
        lora=LoraConfig(rank=2, alpha=4),
        text=text_config(folder),
        batch=6,
    )


def test_no_prompt_of_training_is_a_paraphrase(place: Path) -> None:
    pool = make_pool(random_encoder(), np.random.default_rng(0), 400, 10)
    kept = {text.lower() for texts in paraphrases().values() for text in texts}
    assert not kept & {text.lower() for text in pool.texts}
    assert {k for row in pool.categories for k in row} == set(range(len(NAMES)))


def test_tokenizer_reads_any_text() -> None:
    tokenizer = train_tokenizer(["a dog barks", "rain falls"] * 4, 280)
    for text in ("a dog barks", "Straße, 雨 🎵"):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(list(ids)) == text


def test_meaning_is_plain_words() -> None:
    pool = PromptPool(("x", "y"), ((0, 1), (len(NAMES) - 1,)), torch.zeros(2, 4))
    assert pool.meaning(0) == "footsteps on a wooden floor and footsteps on stone"
    assert pool.meaning(1) == "silence" == plain_words(())


def test_kin_are_known_but_do_not_replace_the_cast() -> None:
    from vatt_engine.corpus.scenes.semantics import imagenet_lemmas

    lemmas = imagenet_lemmas()
    dogs = classes_of("dog", lemmas)
    assert len(set(dogs)) == 118
    assert dogs.count(lemmas.index("beagle")) > dogs.count(lemmas.index("whippet")) > 0


def test_a_sentence_has_the_same_vector_in_any_batch() -> None:
    encoder = random_encoder()
    alone = encoder(["rain"])
    together = encoder(["a much longer prompt about rain", "rain"])
    assert torch.allclose(alone[0], together[1], atol=1e-5)
    assert alone.norm() == pytest.approx(1, abs=1e-5)
    assert encoder(["rain " * 500]).shape == (1, 16)


def test_stopped_and_resumed_converter_is_the_unbroken_one(place: Path) -> None:
    whole = ConverterTrainer(converter_run(place, "whole"))
    assert whole.run()
    whole.export(place / "whole-final")
    first = ConverterTrainer(converter_run(place, "parts"))
    # Stopped where LoRA is about to come in: the awkward moment.
    assert not first.run(stop=lambda: first.step >= 2)
    second = ConverterTrainer(converter_run(place, "parts"))
    second.resume()
    assert second.run()
    second.export(place / "parts-final")
    ours, theirs = load_converter(place / "whole-final"), load_converter(place / "parts-final")
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name]), name
    assert not any("lora" in name for name in ours.state_dict())
    assert read_readout(place / "whole-final").weight.shape == (len(NAMES), 16)


def test_written_converter_hears_prompts_by_one_more_token(place: Path) -> None:
    converter = load_converter(place / "lm-final")
    video = torch.rand(2, 10, WIDTH)
    states, mask = converter.states(video, ["rain", None])
    told, untold = mask.sum(dim=1).tolist()
    alone, _ = converter.states(video[1:], [" "])
    assert untold == alone.shape[1]
    assert torch.allclose(states[1, :untold], alone[0], atol=1e-5)
    words = converter.tokenizer.encode("rain", add_special_tokens=False).ids
    assert told == 2 + 1 + len(words) + 2  # two seconds, the sentence, BOS and EOS


def test_a_changed_file_is_refused(place: Path, tmp_path: Path) -> None:
    for path in (place / "lm-final").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "sentence.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(BadModelFolder, match="changed or is damaged"):
        load_converter(tmp_path)
    (tmp_path / "sentence_words.safetensors").unlink()
    with pytest.raises(BadModelFolder):
        load_converter(tmp_path)


def test_sentence_encoder_comes_back_as_it_was(place: Path) -> None:
    again = read_sentence(place / "sentence")
    assert torch.equal(again(["a dog"]), random_encoder()(["a dog"]))


def test_model_folder_keeps_a_sentence_encoder(tmp_path: Path) -> None:
    tiny = load_model("tiny")
    encoder = random_encoder()
    config = dataclasses.replace(tiny.config.converter, sentence=SENTENCE)
    converter = build_converter(config, byte_tokenizer(), encoder.tokenizer).eval()
    assert converter.sentence is not None
    converter.sentence.load_state_dict(encoder.state_dict())
    whole = dataclasses.replace(tiny.config, converter=config)
    save_model(dataclasses.replace(tiny, config=whole, converter=converter), tmp_path / "model")
    again = load_model(tmp_path / "model").converter
    video = torch.rand(1, 5, config.video_width)
    ours, theirs = (c.states(video, ["rain"])[0] for c in (converter, again))
    assert torch.allclose(ours, theirs, atol=1e-4)
    (tmp_path / "model" / "sentence_words.safetensors").unlink()
    with pytest.raises(BadModelFolder, match="sentence_words"):
        load_model(tmp_path / "model")


def test_bundled_converter_names_what_it_is_told() -> None:
    folder = Path(vatt_engine.__file__).parent / "bundled" / "vatt-mini"
    converter, readout = load_converter(folder), read_readout(folder)
    told = text_figures(converter, readout)
    assert told["paraphrases_in_three"] >= 0.65  # docs/training-log.md: 0.71
    assert max(p.stat().st_size for p in folder.iterdir()) < 20_000_000
