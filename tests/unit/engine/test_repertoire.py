"""Repertoire: what sounds by vote, captions that differ, prompts in other words, files."""

import dataclasses
from pathlib import Path

import pytest
import torch

import vatt_engine
from vatt_engine.config import CaptionConfig, ConverterConfig, SentenceConfig
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.sound_families import family_of
from vatt_engine.errors import BadModelFolder
from vatt_engine.model_folder import load_model
from vatt_engine.model_writing import save_model
from vatt_engine.nets.converter import Converter, build_converter, byte_tokenizer
from vatt_engine.nets.repertoire import Repertoire, also_said, captions
from vatt_engine.nets.sentence import to_bytes
from vatt_engine.repertoire_files import NAMES, read_repertoire, write_repertoire

BUNDLED = Path(vatt_engine.__file__).parent / "bundled" / "vatt-mini"
CLASSES = 4
CONFIG = ConverterConfig(
    prompt_style="plain",
    vocabulary=259,
    width=16,
    n_layers=1,
    n_heads=2,
    n_kv_heads=2,
    head_dim=8,
    ff_width=32,
    max_positions=256,
    video_width=6,
    picture_classes=CLASSES,
    caption=CaptionConfig(max_new_tokens=4),
    sentence=SentenceConfig(vocabulary=259, width=8, n_layers=1, n_heads=2, ff_width=16),
)
SOUNDS = (("dog", ("a dog", "barking")), ("rain", ("rain",)), ("bell", ("a bell", "it tolls")))


def converter() -> Converter:
    torch.manual_seed(0)
    tokenizer = byte_tokenizer()
    net = build_converter(CONFIG, tokenizer, tokenizer).eval()
    assert net.sentence is not None
    assert net.classes is not None
    state = net.sentence.state_dict()
    for name in [n for n in state if n.endswith("scale")]:
        rows = state[name.replace("scale", "weight")]
        state[name.replace("scale", "weight")], state[name] = to_bytes(torch.randn(rows.shape))
    net.sentence.load_state_dict(state)
    net.classes.rows.copy_(torch.randn(CLASSES, 6))
    return net.requires_grad_(False)


def repertoire() -> Repertoire:
    """Class 0 shows a dog, class 1 rain, class 2 a bell; the readout knows nothing yet."""
    names = [*(name for name, _ in SOUNDS), "silence"]
    made = Repertoire(names, [*(ways for _, ways in SOUNDS), ("silence",)], 16, CLASSES, 8)
    torch.nn.init.zeros_(made.readout.weight)
    torch.nn.init.zeros_(made.readout.bias)
    for number in range(3):
        made.things[number, number] = 1.0
    return made.requires_grad_(False).eval()


def shares(made: Repertoire, *classes: float) -> torch.Tensor:
    return made.shares(torch.zeros(2, 16), torch.tensor([classes, classes]))


def test_what_the_picture_shows_is_named_first_and_answers_differ() -> None:
    made = repertoire()
    vote = dataclasses.replace(made.vote, silence=0.5)
    made.vote = vote
    found = shares(made, 0.1, 0.85, 0.05, 0.0)
    assert float(found.sum()) == pytest.approx(1)
    assert made.chosen(found, 3) == [(1,), (0,), (2,)]


def test_two_sounds_are_named_together_where_both_are_likely() -> None:
    made = repertoire()
    made.vote = dataclasses.replace(made.vote, silence=0.5)
    assert made.chosen(shares(made, 0.45, 0.05, 0.5, 0.0), 3) == [(2, 0), (1,)]


def test_silence_is_said_when_the_states_tell_it_whatever_is_seen() -> None:
    made = repertoire()
    made.readout.bias[made.silence] = 2.0
    assert made.chosen(shares(made, 0.9, 0.1, 0.0, 0.0), 2) == [(3,), (0,)]
    made.readout.bias[made.silence] = -9.0
    assert made.chosen(shares(made, 0.9, 0.1, 0.0, 0.0), 2) == [(0,), (1,)]


def test_captions_repeat_with_the_seed_and_never_name_a_sound_twice() -> None:
    net, made = converter(), repertoire()
    video = torch.randn(7, 6)

    def said(seed: int, n: int = 3) -> list[tuple[str, float]]:
        return captions(net, made, video, torch.Generator().manual_seed(seed), n)

    assert said(1) == said(1)
    named = " / ".join(text for text, _ in said(1, 4))
    for name, ways in SOUNDS:
        assert sum(named.count(way) for way in ways) <= 1, name
    assert len(said(1, 1)) == 1
    assert all(score <= 0 for _, score in said(1))


def test_captioning_can_be_stopped() -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        captions(converter(), repertoire(), torch.randn(5, 6), torch.Generator(), 1, stop)


def test_likelihood_of_a_text_does_not_hang_on_the_others() -> None:
    net, video = converter(), torch.randn(5, 6)
    alone = net.likelihoods(video, ["rain"])
    together = net.likelihoods(video, ["a very long caption about rain", "rain"])
    assert float(together[1]) == pytest.approx(float(alone[0]), abs=1e-4)
    assert float(together[0]) < float(together[1]) < 0


def test_only_a_prompt_taken_for_another_sound_gets_a_name_added() -> None:
    net, made = converter(), repertoire()
    assert net.sentence is not None
    words = [way for row in made.wordings for way in row]
    made.vectors.copy_(net.sentence(words))

    def one_group(name: str) -> str:
        return "all"

    for number, wrong in ((0, 1), (1, 2)):
        made.readout.bias.zero_()
        made.readout.bias[wrong] = 5.0
        text = made.wordings[number][0]
        meant = int(made.nearness(net.sentence([text])[0]).argmax())
        expected = made.wordings[meant][0] if meant != wrong else ""
        assert also_said(net, made, one_group, text) == expected
        nobody_is_sure = {name: name for name in made.names}
        made.vectors.mul_(1e-3)
        assert also_said(net, made, nobody_is_sure.__getitem__, text) == ""
        made.vectors.mul_(1e3)
        made.readout.bias[meant] = 9.0
        assert also_said(net, made, one_group, text) == ""


def test_files_give_the_same_repertoire_and_refuse_another_converter(tmp_path: Path) -> None:
    made = repertoire()
    made.vectors.normal_()
    write_repertoire(tmp_path, made)
    paths = [tmp_path / name for name in NAMES.values()]
    read = read_repertoire(paths[0], paths[1], CONFIG)
    assert (read.names, read.wordings, read.vote) == (made.names, made.wordings, made.vote)
    found = shares(made, 0.2, 0.3, 0.5, 0.0)
    assert torch.allclose(shares(read, 0.2, 0.3, 0.5, 0.0), found, atol=1e-3)
    with pytest.raises(BadModelFolder, match="wrong sizes"):
        read_repertoire(paths[0], paths[1], dataclasses.replace(CONFIG, width=32))
    with pytest.raises(BadModelFolder, match="sentences"):
        read_repertoire(paths[0], paths[1], dataclasses.replace(CONFIG, sentence=None))
    paths[1].write_text("{}", "utf-8")
    with pytest.raises(BadModelFolder, match="repertoire"):
        read_repertoire(paths[0], paths[1], CONFIG)


@pytest.mark.skipif(
    not (BUNDLED / NAMES["repertoire"]).is_file(), reason="vatt-mini has no repertoire yet"
)
def test_a_model_folder_keeps_its_repertoire(tmp_path: Path) -> None:
    model = load_model(BUNDLED)
    assert model.repertoire is not None
    assert model.repertoire.names == (*CATEGORIES, "silence")
    save_model(model, tmp_path / "copy")
    again = load_model(tmp_path / "copy")
    assert again.repertoire is not None
    assert torch.equal(again.repertoire.things, model.repertoire.things)
    text = "sneakers on a gym floor"
    added = also_said(model.converter, model.repertoire, family_of, text)
    assert added == also_said(again.converter, again.repertoire, family_of, text)
    assert added in ("", *(c.phrase for c in CATEGORIES.values()))
