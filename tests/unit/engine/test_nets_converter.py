"""Converter: prompts as published, what states can see, batches, captions, LoRA."""

import copy
import dataclasses
from typing import Any, NamedTuple

import pytest
import torch

from vatt_engine.config import CaptionConfig, ConverterConfig, LoraConfig
from vatt_engine.nets.converter import (
    Converter,
    add_lora,
    build_converter,
    byte_tokenizer,
    merge_lora,
)
from vatt_engine.nets.prompts import DUMMY_INSTRUCTIONS, caption_ids, clean_text, prompt_ids, render

TINY = ConverterConfig(
    prompt_style="plain",
    vocabulary=259,
    width=32,
    n_layers=2,
    n_heads=2,
    n_kv_heads=1,
    head_dim=16,
    ff_width=64,
    max_positions=256,
    video_width=6,
    caption=CaptionConfig(max_new_tokens=8),
)
GEMMA = dataclasses.replace(
    TINY, family="gemma", activation="gelu_pytorch_tanh", tied_embeddings=True
)


def make(config: ConverterConfig = TINY) -> Converter:
    torch.manual_seed(0)
    return build_converter(config, byte_tokenizer()).eval()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Words(NamedTuple):
    ids: list[int]


class WordTokenizer:
    """One text token a word, special ones by their published ids."""

    special: dict[str, int]

    def __init__(self) -> None:
        self.special = {"<bos>": 2, "<start_of_turn>": 106, "<end_of_turn>": 107}
        self.texts: list[str] = []

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Words:
        assert not add_special_tokens
        self.texts.append(sequence)
        for name in self.special:
            sequence = sequence.replace(name, f" {name} ")
        return Words([self.special.get(word, 200 + i) for i, word in enumerate(sequence.split())])

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        return " ".join(map(str, ids))

    def to_str(self, pretty: bool = False) -> str:
        return "{}"


def test_templates_are_the_published_ones() -> None:
    assert render("vicuna", "a {} dog") == "### Instruction:\na {} dog\n\n### Response:\n"
    assert (
        render("gemma", "rain")
        == "<bos><start_of_turn>user\nrain<end_of_turn>\n<start_of_turn>model"
    )


def test_gemma_gets_bos_twice_and_eos_at_the_end() -> None:
    config = dataclasses.replace(GEMMA, prompt_style="gemma", bos_id=2, eos_id=1)
    ids = prompt_ids(WordTokenizer(), config, "rain")
    assert ids[:3] == [2, 2, 106]
    assert ids[-1] == 1
    assert caption_ids(WordTokenizer(), config)[-1] != 1


def test_long_prompts_are_cut_on_the_right_and_lose_eos() -> None:
    ids = prompt_ids(byte_tokenizer(), TINY, "x" * 100)
    assert len(ids) == 64
    assert ids[-1] != TINY.eos_id
    fits = prompt_ids(byte_tokenizer(), TINY, "x" * 62)
    assert len(fits) == 64
    assert fits[-1] == TINY.eos_id
    assert prompt_ids(byte_tokenizer(), TINY, "x" * 63)[-1] != TINY.eos_id


@pytest.mark.parametrize("prompt", [None, "", "  \n"])
def test_no_prompt_means_the_third_dummy_instruction(prompt: str | None) -> None:
    tokenizer = WordTokenizer()
    prompt_ids(tokenizer, TINY, prompt)
    assert tokenizer.texts == ["What audio could be inferred from this video?"]
    assert len(DUMMY_INSTRUCTIONS) == 10


def test_caption_prompt_is_second_for_vicuna_and_first_for_gemma() -> None:
    tokenizer = WordTokenizer()
    caption_ids(tokenizer, TINY)
    gemma = dataclasses.replace(TINY, caption=CaptionConfig(instruction=0))
    caption_ids(tokenizer, gemma)
    assert tokenizer.texts == list(DUMMY_INSTRUCTIONS[1::-1])


def test_video_is_averaged_five_frames_a_token_and_the_rest_alone() -> None:
    net, video = make(), torch.randn(2, 12, 6)
    pooled = net.pool_video(video)
    assert pooled.shape == (2, 3, 6)
    assert torch.allclose(pooled[:, 1], video[:, 5:10].mean(1))
    assert torch.allclose(pooled[:, 2], video[:, 10:].mean(1), atol=1e-6)
    published = torch.nn.functional.adaptive_avg_pool1d(torch.ones(1, 6, 50), 10)
    assert net.pool_video(torch.ones(1, 50, 6)).shape[1] == published.shape[2]
    assert net.pool_video(video[:, :2]).shape == (2, 1, 6)
    with pytest.raises(ValueError, match="at least one video frame"):
        net.pool_video(video[:, :0])


def test_text_sees_the_picture_but_the_picture_does_not_see_the_text() -> None:
    net, video = make(), torch.randn(1, 10, 6)
    with torch.no_grad():
        rain, _ = net.states(video, ["rain"])
        wind, _ = net.states(video, ["wind"])
        other, _ = net.states(video + 1, ["rain"])
    assert torch.equal(rain[:, :2], wind[:, :2])
    assert not torch.allclose(rain[:, -1], wind[:, -1])
    assert not torch.allclose(rain[:, -1], other[:, -1])


@pytest.mark.parametrize("config", [TINY, GEMMA])
def test_a_batch_of_prompts_equals_single_runs(config: ConverterConfig) -> None:
    net, video = make(config), torch.randn(3, 50, 6)
    prompts = ["a door slams", None, "x"]
    with torch.no_grad():
        states, mask = net.states(video, prompts)
        for b, prompt in enumerate(prompts):
            single, whole = net.states(video[b : b + 1], [prompt])
            assert whole.all()
            assert torch.allclose(states[b][mask[b]], single[0], atol=1e-5)
    assert mask.sum(dim=1).tolist() == [10 + 14, 10 + 47, 10 + 3]


def test_gemma_scales_the_picture_as_it_scales_text() -> None:
    net, video = make(GEMMA), torch.randn(1, 5, 6)
    embedded = net.embed(video, torch.tensor([[5]]))
    plain = net.video_proj(video.mean(1))
    assert torch.allclose(embedded[:, 0], plain * 32**0.5, atol=1e-5)
    table = net.llm.get_parameter("model.embed_tokens.weight")
    assert torch.allclose(embedded[0, 1], table[5] * 32**0.5, atol=1e-5)


def test_captions_repeat_with_the_seed_and_come_with_scores() -> None:
    net, video = make(), torch.randn(10, 6)
    first = net.caption(video, generator(3), n=4)
    assert first == net.caption(video, generator(3), n=4)
    assert first != net.caption(video, generator(4), n=4)
    scores = [score for _, score in first]
    assert all(score < 0 for score in scores)
    assert scores[1:] == sorted(scores[1:], reverse=True)
    assert all(text == clean_text(text) and text for text, _ in first)


def test_caption_score_is_the_mean_log_probability_of_its_text_tokens() -> None:
    net, video = make(), torch.randn(10, 6)
    with torch.inference_mode():
        rows, scores = net._write(video[None], generator(3), None)
    prompt = caption_ids(net.tokenizer, net.config)
    said = rows[0] if len(rows[0]) == 8 else [*rows[0], net.config.eos_id]
    ids = torch.tensor([[*prompt, *said]])
    with torch.no_grad():
        logprobs = net.text_logits(video[None], ids).log_softmax(-1)
    gained = [logprobs[0, len(prompt) - 1 + i, token].item() for i, token in enumerate(said)]
    assert scores[0] == pytest.approx(sum(gained) / len(gained), abs=1e-4)


def test_captioning_reports_and_can_be_stopped() -> None:
    def stop(done: int, total: int) -> None:
        assert total == 8
        raise InterruptedError(done)

    with pytest.raises(InterruptedError, match="1"):
        make().caption(torch.randn(5, 6), generator(), on_step=stop)


def test_shown_text_has_no_control_characters() -> None:
    assert clean_text(" a\x1b[31m\tdoor\n\ufffd slams\x00 ") == "a [31m door slams"


def test_lora_leaves_the_base_untouched_until_trained_and_merges_once() -> None:
    plain, video = make(), torch.randn(1, 10, 6)
    net = copy.deepcopy(plain)
    add_lora(net, LoraConfig(rank=4, alpha=8, dropout=0.0))
    with torch.no_grad():
        before, _ = plain.states(video, ["rain"])
        assert torch.equal(net.states(video, ["rain"])[0], before)
        layer: Any = net.llm.get_submodule("model.layers.0.self_attn.q_proj")
        layer.lora_B["default"].weight.normal_()
        wanted = layer.base_layer.weight + 2.0 * (
            layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        )
        trained, _ = net.states(video, ["rain"])
        assert not torch.allclose(trained, before)
        assert merge_lora(net) == 4
        assert merge_lora(net) == 0
        merged, _ = net.states(video, ["rain"])
    weight = net.llm.get_parameter("model.layers.0.self_attn.q_proj.weight")
    assert torch.allclose(weight, wanted, atol=1e-6)
    assert torch.allclose(merged, trained, atol=1e-5)
    assert net.state_dict().keys() == plain.state_dict().keys()


def test_every_video_needs_a_prompt() -> None:
    with pytest.raises(ValueError, match="2 videos, but 1 prompts"):
        make().states(torch.randn(2, 5, 6), ["rain"])
