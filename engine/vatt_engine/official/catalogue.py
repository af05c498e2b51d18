"""Where the published files are, how large, under which terms.

Sizes are rough where the authors do not state them. What has no direct address (the authors'
archives behind a page) is listed with the page: the user fetches it by hand and puts it into the
same folder. Nothing here is fetched unless the user asks for it and accepts each licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Terms:
    """A licence to accept: its name, what it means in a line, and the page that has it all."""

    name: str
    summary: str
    page: str


@dataclass(frozen=True)
class Source:
    """One thing to fetch.

    Attributes:
        what: in words.
        kind: ``url`` (direct), ``hub`` (a repository on the model hub), ``page`` (by hand).
        terms: id of the licence in ``TERMS``.
        address: URL, repository, or page.
        files: names in a hub repository; for a URL, the one name to store it under.
        n_bytes: size, exact only if ``sha256`` is known.
        sha256: of the single file, where known.
        hosts: further hosts a redirect may lead to; a leading dot allows sub-domains.
        unpack: a ZIP archive to unpack after fetching.
    """

    what: str
    kind: Literal["url", "hub", "page"]
    terms: str
    address: str
    files: tuple[str, ...] = ()
    n_bytes: int = 0
    sha256: str = ""
    hosts: tuple[str, ...] = ()
    unpack: bool = False


_PROJECT = "https://github.com/DragonLiu1995/video-to-audio-through-text"
_HUB = "https://huggingface.co"

TERMS: Mapping[str, Terms] = {
    "vatt": Terms(
        "BSD-4-Clause",
        "Material that mentions the use of this software must acknowledge the authors.",
        _PROJECT,
    ),
    "audiogen": Terms(
        "CC-BY-NC-4.0",
        "Attribution, no commercial use.",
        f"{_HUB}/facebook/audiogen-medium",
    ),
    "gemma": Terms(
        "Gemma Terms of Use",
        "Use restrictions; must be accepted on the page with an account before fetching.",
        f"{_HUB}/google/gemma-2b",
    ),
    "vicuna": Terms(
        "Vicuna / LLaMA",
        "Non-commercial, under the licence of the LLaMA version it was made from.",
        f"{_HUB}/lmsys/vicuna-7b-v1.3",
    ),
    "eva02": Terms(
        "MIT",
        "Free use with the copyright notice.",
        f"{_HUB}/timm/eva02_large_patch14_clip_336.merged2b_s6b_b61k",
    ),
}

_VATT = Source(
    "VATT checkpoints (all four)",
    "url",
    "vatt",
    "https://www.dropbox.com/scl/fi/2hx009fyvwj2xjk9gnjwq/vatt_models.zip"
    "?rlkey=ibjlgr2ztk0oe4zueldtgbrxc&dl=1",
    files=("vatt_models.zip",),
    n_bytes=7_000_000_000,
    hosts=(".dropboxusercontent.com", ".dropbox.com"),
    unpack=True,
)
_CODEC = Source(
    "codec of AudioGen",
    "hub",
    "audiogen",
    "facebook/audiogen-medium",
    files=("compression_state_dict.bin",),
    n_bytes=236_000_000,
)
_EVA = Source(
    "visual encoder EVA02-CLIP-L/14-336",
    "hub",
    "eva02",
    "timm/eva02_large_patch14_clip_336.merged2b_s6b_b61k",
    files=("open_clip_config.json", "open_clip_model.safetensors"),
    n_bytes=1_710_000_000,
)
_GEMMA = (
    Source("converter for Gemma (checkpoint-231000)", "page", "vatt", _PROJECT),
    Source(
        "base LLM Gemma-2B",
        "hub",
        "gemma",
        "google/gemma-2b",
        files=(
            "config.json",
            "tokenizer.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ),
        n_bytes=5_030_000_000,
    ),
)
_LLAMA = (
    Source("converter for Vicuna (checkpoint-117000)", "page", "vatt", _PROJECT),
    Source("base LLM Vicuna-7B (vicuna.zip)", "page", "vicuna", _PROJECT, n_bytes=13_500_000_000),
)

SOURCES: Mapping[str, tuple[Source, ...]] = {
    "vatt-gemma": (_VATT, _CODEC, _EVA, *_GEMMA),
    "vatt-gemma-t": (_VATT, _CODEC, _EVA, *_GEMMA),
    "vatt-llama": (_VATT, _CODEC, _EVA, *_LLAMA),
    "vatt-llama-t": (_VATT, _CODEC, _EVA, *_LLAMA),
}
