"""What a model is made of: frozen dataclasses that refuse what cannot be.

No torch here. Every class refuses impossible sizes when it is built, so a net never has to.
Numbers that follow from others (code frames a second, samples a window) are properties. Where
a default is a size, it is the published VATT's (arXiv 2411.05679); ``presets`` has the names.
The last steps to sound, codec and sampler, are in ``sound_config``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from vatt_engine.config_limits import (
    MAX_CODE_FRAMES,
    MAX_LAYERS,
    MAX_VOCABULARY,
    MAX_WIDTH,
    check,
)
from vatt_engine.sound_config import CodecConfig, SamplerConfig

Layout = Literal["official", "aligned"]

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class VisualConfig:
    """The visual encoder: one feature vector per video frame.

    Attributes:
        kind: library that builds the net.
        architecture: its name there, such as ``EVA02-L-14-336``; free text for a custom ViT.
        image_size: side in pixels of the square picture the net sees.
        width: D, length of a feature vector.
        fps: video frames a second the model was trained on.
        mean: per-channel mean of the picture scaled to 0..1.
        std: per-channel standard deviation, likewise.
        vision: open_clip ``vision_cfg`` of an architecture open_clip has no name for; else empty.
    """

    kind: Literal["open_clip", "timm"] = "open_clip"
    architecture: str = "EVA02-L-14-336"
    image_size: int = 336
    width: int = 768
    fps: float = 5.0
    mean: tuple[float, float, float] = OPENAI_MEAN
    std: tuple[float, float, float] = OPENAI_STD
    vision: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(0 < self.image_size <= 2048, "visual.image_size must lie within 1 and 2048.")
        check(0 < self.width <= MAX_WIDTH, "visual.width is out of range.")
        check(0 < self.fps <= 120, f"visual.fps is {self.fps}; it must lie within 0 and 120.")
        check(min(self.std) > 0, "visual.std must be positive.")


@dataclass(frozen=True)
class LoraConfig:
    """Low-rank additions to the LLM's attention (peft), for training.

    Attributes:
        rank: r of the two thin matrices.
        alpha: their product counts ``alpha / rank``.
        dropout: on the input of the thin matrices while training.
        targets: names of the Linears that get them.
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")

    def __post_init__(self) -> None:
        check(self.rank > 0 and bool(self.targets), "converter.lora needs a rank and targets.")
        check(0 <= self.dropout < 1, "converter.lora.dropout must lie within 0 and 1.")


@dataclass(frozen=True)
class CaptionConfig:
    """How captions are drawn from the LLM; defaults are the published ones.

    Attributes:
        temperature: of the first caption.
        alternative_temperature: of the further ones, which at 0.1 would all be the same.
        instruction: index of the dummy instruction that asks for a caption.
        max_new_tokens: longest caption in text tokens.
    """

    temperature: float = 0.1
    alternative_temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 500
    repetition_penalty: float = 1.1
    max_new_tokens: int = 400
    instruction: int = 1

    def __post_init__(self) -> None:
        check(self.temperature > 0 and self.alternative_temperature > 0, "caption: temperature.")
        check(0 < self.top_p <= 1 and self.top_k > 0, "caption: top_p or top_k out of range.")
        check(0 <= self.instruction < 10, "caption.instruction must be one of the ten, 0..9.")
        check(self.max_new_tokens > 0 and self.repetition_penalty > 0, "caption: lengths.")


@dataclass(frozen=True)
class SentenceConfig:
    """An encoder of whole prompts beside the LM: BERT, its last states averaged, unit length.

    Its one vector stands before a prompt's text tokens, so that words the LM was never trained on
    still mean something. Defaults are the sizes of all-MiniLM-L6-v2.

    Attributes:
        vocabulary: word pieces of its own tokenizer.
        width: of its states and of the sentence vector.
        max_pieces: prompts are cut on the right to this many word pieces, special ones included.
    """

    vocabulary: int = 30_522
    width: int = 384
    n_layers: int = 6
    n_heads: int = 12
    ff_width: int = 1536
    max_pieces: int = 128
    norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        sizes = (self.vocabulary, self.width, self.n_layers, self.n_heads, self.ff_width)
        check(min(sizes) > 0, "converter.sentence: sizes must be positive.")
        check(max(self.width, self.ff_width) <= MAX_WIDTH, "converter.sentence: too wide.")
        check(self.n_layers <= MAX_LAYERS, "converter.sentence: too many layers.")
        check(self.vocabulary <= MAX_VOCABULARY, "converter.sentence.vocabulary is too large.")
        check(self.width % self.n_heads == 0, "converter.sentence.width must divide by n_heads.")
        check(2 < self.max_pieces <= 4096, "converter.sentence.max_pieces is out of range.")


@dataclass(frozen=True)
class ConverterConfig:
    """The causal LM that turns picture and prompt into the audio model's condition.

    Attributes:
        family: ``llama`` or ``gemma``; gemma also scales the video tokens by sqrt(width).
        prompt_style: template around a prompt: ``vicuna``, ``gemma``, or ``plain`` (none).
        width: E, width of the LM and of the states.
        video_width: D of the visual features.
        picture_classes: C of the picture encoder's own classifier, if that reads the features
            before they are projected; 0 if they are projected as they are.
        video_frames_a_token: that many video frames are averaged into one text-like token.
        max_text_tokens: prompts are cut on the right to this many text tokens, BOS included.
        bos_id: likewise ``eos_id`` and ``pad_id``: ids of the special text tokens.
        sentence: encoder of whole prompts, one more token before the text; None for none.
    """

    family: Literal["llama", "gemma"] = "llama"
    prompt_style: Literal["vicuna", "gemma", "plain"] = "vicuna"
    vocabulary: int = 32_000
    width: int = 4096
    n_layers: int = 32
    n_heads: int = 32
    n_kv_heads: int = 32
    head_dim: int = 128
    ff_width: int = 11_008
    activation: str = "silu"
    norm_eps: float = 1e-6
    rope_theta: float = 10_000.0
    max_positions: int = 2048
    tied_embeddings: bool = False
    video_width: int = 768
    video_frames_a_token: int = 5
    max_text_tokens: int = 64
    bos_id: int = 1
    eos_id: int = 2
    pad_id: int = 0
    caption: CaptionConfig = field(default_factory=CaptionConfig)
    lora: LoraConfig | None = None
    sentence: SentenceConfig | None = None
    picture_classes: int = 0

    @property
    def projected_width(self) -> int:
        """Numbers of a pooled picture that are projected to one token."""
        return 2 * self.picture_classes or self.video_width

    def __post_init__(self) -> None:
        sizes = (self.vocabulary, self.width, self.n_layers, self.n_heads, self.n_kv_heads)
        check(min(sizes) > 0 and self.head_dim > 0, "converter: sizes must be positive.")
        check(self.n_layers <= MAX_LAYERS, f"converter.n_layers is {self.n_layers}: too many.")
        widths = (self.width, self.ff_width, self.n_heads * self.head_dim, self.video_width)
        check(min(widths) > 0 and max(widths) <= MAX_WIDTH, "converter: a width is out of range.")
        check(self.vocabulary <= MAX_VOCABULARY, "converter.vocabulary is too large.")
        check(self.n_heads % self.n_kv_heads == 0, "converter.n_heads must divide by n_kv_heads.")
        check(0 <= self.picture_classes <= MAX_WIDTH, "converter.picture_classes is out of range.")
        check(self.video_frames_a_token > 0, "converter.video_frames_a_token must be positive.")
        check(self.max_text_tokens > 1, "converter.max_text_tokens must be at least 2.")
        ids = (self.bos_id, self.eos_id, self.pad_id)
        check(min(ids) >= 0 and max(ids) < self.vocabulary, "converter: a special id is no id.")


@dataclass(frozen=True)
class AudioModelConfig:
    """The masked-token audio transformer (VATT Audio).

    Attributes:
        cond_width: E of the converter's states.
        head_dim: width of an attention head; ``n_heads * head_dim`` may differ from ``width``.
        n_codebooks: K; ``codebook_size`` is V and ``codebook_dim`` the length of a code vector.
        window_code_frames: T the model was trained on.
        n_positions: rows of the position table; condition plus code frames must fit.
        layout: how heads and positions map to codes, see ``nets.audio_model``.
        lane_width: numbers a code frame in the sync lane; 0 for a model that hears none.
        lane_tails: lengths in code frames of the trails by which a hit is known around its own
            frame: dying away behind it, or, where negative, rising towards it.
        close_condition: every code frame is equally near to the condition, and is given a summary
            of it beside; the published model knows the condition by its distance in the sequence.
        tint_rank: the summary also scales and shifts what each layer reads, through this many
            numbers; 0: it does not. Only with ``close_condition``.
        neighbours: before each layer a code frame also hears so many frames before and after it,
            each by its place; 0: only attention looks around.
    """

    width: int = 1024
    n_encoder_layers: int = 12
    n_decoder_layers: int = 12
    n_heads: int = 16
    head_dim: int = 64
    cond_width: int = 4096
    n_codebooks: int = 4
    codebook_size: int = 2048
    codebook_dim: int = 128
    window_code_frames: int = 500
    n_positions: int = 1000
    layout: Layout = "aligned"
    lane_width: int = 0
    lane_tails: tuple[float, ...] = ()
    close_condition: bool = False
    tint_rank: int = 0
    neighbours: int = 0
    dropout: float = 0.1

    def __post_init__(self) -> None:
        sizes = (self.width, self.n_heads, self.head_dim, self.cond_width, self.codebook_dim)
        check(min(sizes) > 0 and self.codebook_size > 1, "audio: sizes must be positive.")
        check(self.n_codebooks > 0 and self.lane_width >= 0, "audio: sizes must be positive.")
        check(self.n_encoder_layers > 0 and self.n_decoder_layers >= 0, "audio: no layers.")
        n_layers = max(self.n_encoder_layers, self.n_decoder_layers)
        check(n_layers <= MAX_LAYERS, f"audio: {n_layers} layers are too many.")
        widths = (self.width, self.n_heads * self.head_dim, self.cond_width, self.codebook_dim)
        check(max(widths) <= MAX_WIDTH, "audio: a width is out of range.")
        check(self.n_codebooks <= 64, "audio.n_codebooks must be at most 64.")
        check(self.codebook_size <= MAX_CODE_FRAMES, "audio.codebook_size is too large.")
        check(self.n_positions <= MAX_CODE_FRAMES, "audio.n_positions is too large.")
        check(
            0 <= self.tint_rank <= MAX_WIDTH * self.close_condition,
            "audio.tint_rank needs audio.close_condition.",
        )
        check(0 <= self.neighbours <= 64, "audio.neighbours must be within 0 and 64.")
        check(self.width % 2 == 0, "audio.width must be even for the position table.")
        check(
            0 < self.window_code_frames <= self.n_positions,
            f"audio.window_code_frames is {self.window_code_frames}, but there are only "
            f"{self.n_positions} positions.",
        )
        check(
            self.layout == "aligned" or self.window_code_frames % self.n_codebooks == 0,
            "audio: the official layout needs a window that divides by the number of codebooks.",
        )
        check(0 <= self.dropout < 1, "audio.dropout must lie within 0 and 1.")
        check(
            len(self.lane_tails) <= 16 and all(0.1 <= abs(t) <= 1000 for t in self.lane_tails),
            "audio.lane_tails: at most 16 trails of 0.1 to 1000 code frames.",
        )
        check(bool(self.lane_width) or not self.lane_tails, "audio.lane_tails need a lane.")

    @property
    def mask_id(self) -> int:
        """The code that stands for "not known yet": one past the last real one."""
        return self.codebook_size

    @property
    def fixed_window(self) -> bool:
        """Whether the net serves windows of exactly ``window_code_frames`` only.

        The official layout mixes codebooks and time in a way that depends on the length.
        """
        return self.layout == "official"


@dataclass(frozen=True)
class ModelConfig:
    """A whole model; refuses parts that do not fit together."""

    name: str
    visual: VisualConfig
    converter: ConverterConfig
    audio: AudioModelConfig
    codec: CodecConfig
    sampler: SamplerConfig = field(default_factory=SamplerConfig)

    def __post_init__(self) -> None:
        visual, converter, audio, codec = self.visual, self.converter, self.audio, self.codec
        pairs = (
            ("visual.width", visual.width, "converter.video_width", converter.video_width),
            ("converter.width", converter.width, "audio.cond_width", audio.cond_width),
            ("codec.n_codebooks", codec.n_codebooks, "audio.n_codebooks", audio.n_codebooks),
            ("codec.codebook_size", codec.codebook_size, "audio's", audio.codebook_size),
            ("codec.dimension", codec.dimension, "audio.codebook_dim", audio.codebook_dim),
        )
        for left_name, left, right_name, right in pairs:
            check(left == right, f"{left_name} is {left}, but {right_name} is {right}.")
        check(bool(self.name), "A model needs a name.")
        longest = self.longest_condition + self.audio.window_code_frames
        check(
            longest <= self.audio.n_positions,
            f"audio.n_positions is {self.audio.n_positions}, but picture, prompt and a window "
            f"take up to {longest}.",
        )

    @property
    def window_s(self) -> float:
        """Seconds of sound in one window."""
        return self.audio.window_code_frames / self.codec.frame_rate

    @property
    def window_samples(self) -> int:
        """Samples of sound in one window, at the codec's rate."""
        return self.audio.window_code_frames * self.codec.hop_length

    @property
    def window_video_frames(self) -> int:
        """Video frames the visual encoder sees in one window."""
        return self.video_frames(self.audio.window_code_frames)

    @property
    def longest_condition(self) -> int:
        """Most states [L] the converter hands to the audio model for one window."""
        converter = self.converter
        n_video = -(-self.window_video_frames // converter.video_frames_a_token)
        return n_video + (converter.sentence is not None) + converter.max_text_tokens

    def video_frames(self, n_code_frames: int) -> int:
        """Video frames that lie within ``n_code_frames``, at least one."""
        seconds = Fraction(n_code_frames * self.codec.hop_length, self.codec.sample_rate)
        return max(1, round(seconds * Fraction(self.visual.fps)))
