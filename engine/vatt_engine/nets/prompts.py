"""Prompts as the converter was trained on them: templates, dummy instructions, text tokens.

The rules are those of the published code, odd corners included: a caption sits in the
instruction's place, Gemma gets ``<bos>`` twice, and a long prompt loses its end, template and
EOS too.
"""

from __future__ import annotations

from typing import Literal, Protocol

from vatt_engine.config import ConverterConfig

Style = Literal["vicuna", "gemma", "plain"]

DUMMY_INSTRUCTIONS = (
    "Imagine possible sounds for this video.",
    "Describe possible sounds that could match the video.",
    "What audio could be inferred from this video?",
    "What sounds could match the video?",
    "Infer the sounds that match the video.",
    "What audio could best match this video?",
    "What sound events could the video yields?",
    "Caption possible sound events that describe the video.",
    "What sound events make sense to this video?",
    "Imagine audio events that match this video.",
)
"""What stands in a prompt's place when the picture alone decides; spelling as published."""

AUDIO_INSTRUCTION = 2
"""Index of the dummy instruction used to generate sound without a prompt."""

_TEMPLATES: dict[Style, str] = {
    "vicuna": "### Instruction:\n{}\n\n### Response:\n",
    "gemma": "<bos><start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model",
    "plain": "{}",
}


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class TextTokenizer(Protocol):
    """The part of ``tokenizers.Tokenizer`` that is used here."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> _Encoding:
        """Split text into text tokens."""

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        """Join text tokens to text."""

    def to_str(self, pretty: bool = False) -> str:
        """The tokenizer as JSON."""


def render(style: Style, instruction: str) -> str:
    """The text the LM reads for an instruction or, in text mode, for a caption."""
    return _TEMPLATES[style].replace("{}", instruction)


def is_blank(prompt: str | None) -> bool:
    """Whether a prompt says nothing, so that the picture alone decides."""
    return prompt is None or not prompt.strip()


def prompt_ids(
    tokenizer: TextTokenizer, config: ConverterConfig, prompt: str | None, *, end: bool = True
) -> list[int]:
    """Text tokens of a prompt, at most ``max_text_tokens``.

    Args:
        tokenizer: of the model.
        config: template, limit and special ids.
        prompt: the user's words or a caption; None or blank for the dummy instruction.
        end: append EOS where there is room, as for sound; captioning leaves it out.
    """
    if prompt is None or is_blank(prompt):
        prompt = DUMMY_INSTRUCTIONS[AUDIO_INSTRUCTION]
    text = render(config.prompt_style, prompt)
    ids = [config.bos_id, *tokenizer.encode(text, add_special_tokens=False).ids]
    ids = ids[: config.max_text_tokens]
    if end and len(ids) < config.max_text_tokens and ids[-1] != config.eos_id:
        ids.append(config.eos_id)
    return ids


def caption_ids(tokenizer: TextTokenizer, config: ConverterConfig) -> list[int]:
    """Text tokens that ask for a caption of the picture."""
    instruction = DUMMY_INSTRUCTIONS[config.caption.instruction]
    return prompt_ids(tokenizer, config, instruction, end=False)


def clean_text(text: str) -> str:
    """Printable text on one line: what a converter writes is shown in terminals and panels."""
    kept = "".join(c if c.isprintable() and c != "\ufffd" else " " for c in text)
    return " ".join(kept.split())
