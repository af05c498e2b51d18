"""Converter: a causal LM that reads the picture, then the prompt (VATT Converter, section 3.1).

Visual features are averaged to one vector a second, projected to the LM's width and put before
the text tokens; no separator. A model with a sentence encoder (ours; not published) has one more
token before the text of a prompt, the prompt as a whole; without a prompt there is none. The LM's
last hidden states, picture positions included, are what the audio model is conditioned on.
Attention is causal, so picture states never see the text.

The text of a batch is padded on the right, where causal attention cannot see it; a sample in a
batch therefore gets the states it gets alone (the published code pads in the middle and lets
padding shift the positions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.config import ConverterConfig, LoraConfig
from vatt_engine.nets.prompts import TextTokenizer, caption_ids, clean_text, is_blank, prompt_ids
from vatt_engine.nets.sentence import SentenceEncoder
from vatt_engine.sampling import draw


class Converter(nn.Module):
    """The LM, the projection of visual features, and the tokenizer.

    Args:
        config: sizes, template, limits.
        llm: a transformers causal LM, LoRA injected or not.
        tokenizer: of that LM.
        sentence: encoder of whole prompts, if the config has one.
    """

    def __init__(
        self,
        config: ConverterConfig,
        llm: nn.Module,
        tokenizer: TextTokenizer,
        sentence: SentenceEncoder | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.llm = llm
        self.tokenizer = tokenizer
        self.classes = ClassReading(config) if config.picture_classes else None
        self.video_proj = nn.Linear(config.projected_width, config.width)
        self.sentence = sentence
        if sentence is not None:
            self.sentence_proj = nn.Linear(sentence.config.width, config.width)

    def pool_video(self, video: Tensor) -> Tensor:
        """Average video [B, F, D] over runs of video frames: [B, ceil(F / run), D].

        A last run that is not full is averaged over what it has.
        """
        B, n, D = video.shape
        if n == 0:
            raise ValueError("The converter needs at least one video frame.")
        run = self.config.video_frames_a_token
        full = n - n % run
        pooled = [video[:, :full].view(B, full // run, run, D).mean(dim=2)]
        if full < n:
            pooled.append(video[:, full:].mean(dim=1, keepdim=True))
        return torch.cat(pooled, dim=1)

    def project(self, pooled: Tensor) -> Tensor:
        """Picture tokens [..., E] of pooled features [..., D]."""
        weight = self.video_proj.weight
        if self.classes is not None:
            pooled = self.classes(pooled.float())
        return self.video_proj(pooled.to(weight))  # type: ignore[no-any-return]

    def embed(self, video: Tensor, ids: Tensor) -> Tensor:
        """LM input [B, N + P, E]: picture first, then text tokens ids [B, P]."""
        picture = self.project(self.pool_video(video.to(self.video_proj.weight.device)))
        if self.config.family == "gemma":
            # transformers scales text embeddings itself; published Gemma scales both parts.
            picture = picture * torch.tensor(self.config.width**0.5, dtype=picture.dtype)
        text = self.llm.get_input_embeddings()(ids)  # type: ignore[operator]
        return torch.cat((picture.to(text.dtype), text), dim=1)

    def embed_prompts(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
        """LM input [B, L, E] of pictures with prompts, and the mask [B, L] of what is real."""
        rows = [prompt_ids(self.tokenizer, self.config, prompt) for prompt in prompts]
        told = [i for i, prompt in enumerate(prompts) if not is_blank(prompt)]
        if self.sentence is not None:
            for i in told:
                rows[i].insert(0, self.config.pad_id)  # keeps the place of the sentence token
        ids, real = self._pad(rows)
        embedded = self.embed(video, ids)
        n_video = embedded.shape[1] - ids.shape[1]
        if self.sentence is not None and told:
            vectors = self.sentence([prompts[i] or "" for i in told])
            embedded[told, n_video] = self.embed_sentences(vectors).to(embedded.dtype)
        return embedded, F.pad(real, (n_video, 0), value=True)

    def embed_sentences(self, vectors: Tensor) -> Tensor:
        """Sentence tokens [B, E] of sentence vectors [B, W]."""
        # Vectors have unit length; so their numbers have unit size, as the LM's inputs have.
        vectors = vectors * vectors.shape[-1] ** 0.5
        return self.sentence_proj(vectors.to(self.sentence_proj.weight))  # type: ignore[no-any-return]

    def states(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
        """Condition of the audio model.

        Args:
            video: features [B, F, D].
            prompts: B prompts; None stands for "as the picture suggests".

        Returns:
            Last hidden states [B, L, E] float32, and a mask [B, L], True where they are real.
        """
        if len(prompts) != len(video):
            raise ValueError(f"{len(video)} videos, but {len(prompts)} prompts.")
        embedded, real = self.embed_prompts(video, prompts)
        return self.hidden(embedded).float(), real

    def hidden(self, embedded: Tensor) -> Tensor:
        """Last hidden states [B, L, E] of LM input [B, L, E], after the final norm."""
        out = self.llm.model(inputs_embeds=embedded, use_cache=False)  # type: ignore[operator]
        return out.last_hidden_state  # type: ignore[no-any-return]

    def text_logits(self, video: Tensor, ids: Tensor) -> Tensor:
        """Next-token logits [B, P, vocabulary] at the text positions, for training."""
        hidden = self.hidden(self.embed(video, ids))
        return self.llm.lm_head(hidden[:, -ids.shape[1] :])  # type: ignore[operator, no-any-return]

    @torch.no_grad()
    def prompt_states(self, prompts: list[str]) -> Tensor:
        """Last state [B, E] of each prompt, float32, with no picture before it.

        One blank second would be a picture, too; so its token is taken out.
        """
        nothing = self.video_proj.weight.new_zeros(len(prompts), 1, self.config.video_width)
        embedded, real = self.embed_prompts(nothing, list(prompts))
        states = self.hidden(embedded[:, 1:]).float()
        last = real[:, 1:].sum(dim=1) - 1
        return states[torch.arange(len(prompts), device=states.device), last]

    @torch.no_grad()
    def likelihoods(self, video: Tensor, texts: Sequence[str]) -> Tensor:
        """Log-probability [n] of each of ``texts``, whole, as the caption of video [F, D]."""
        asked = caption_ids(self.tokenizer, self.config)
        ends = [self.config.eos_id]
        ids, real = self._pad(
            [
                [*asked, *self.tokenizer.encode(text, add_special_tokens=False).ids, *ends]
                for text in texts
            ]
        )
        logits = self.text_logits(video[None].expand(len(texts), -1, -1), ids)
        logprobs = logits[:, len(asked) - 1 : -1].float().log_softmax(dim=-1)
        gained = logprobs.gather(2, ids[:, len(asked) :, None])[..., 0]
        return (gained * real[:, len(asked) :]).sum(dim=1)

    @torch.inference_mode()
    def caption(
        self,
        video: Tensor,
        generator: torch.Generator,
        n: int = 3,
        on_step: Callable[[int, int], None] | None = None,
    ) -> list[tuple[str, float]]:
        """What the picture should sound like.

        Args:
            video: features [F, D].
            generator: on the CPU; the same state gives the same captions.
            n: captions to draw; the first at the published temperature, the rest hotter.
            on_step: called with (text tokens done, most there can be); may raise.

        Returns:
            Captions with their mean log-probability per text token, repeats and empty ones left
            out; the first stays first, the others follow by score. Empty if nothing was said.
        """
        if n < 1:
            raise ValueError("At least one caption must be asked for.")
        rows, scores = self._write(video[None].expand(n, -1, -1), generator, on_step)
        texts = [clean_text(self.tokenizer.decode(row)) for row in rows]
        ranked = sorted(range(1, n), key=lambda i: -scores[i])
        found: dict[str, float] = {}
        for i in (0, *ranked):
            if texts[i]:
                found.setdefault(texts[i], scores[i])
        return list(found.items())

    def _write(
        self,
        video: Tensor,
        generator: torch.Generator,
        on_step: Callable[[int, int], None] | None,
    ) -> tuple[list[list[int]], list[float]]:
        """Sample text tokens for video [n, F, D]; rows of ids without EOS, and their scores."""
        said, n, device = self.config.caption, len(video), self.video_proj.weight.device
        asked = torch.tensor(caption_ids(self.tokenizer, self.config), device=device)
        ids = asked.expand(n, -1)
        temperature = torch.full((n, 1), said.alternative_temperature, device=device)
        temperature[0] = said.temperature
        total = torch.zeros(n, dtype=torch.float64)
        rows: list[list[int]] = [[] for _ in range(n)]
        lengths, open_rows = [0] * n, set(range(n))
        inputs, cache = self.embed(video, ids), None
        room = self.config.max_positions - inputs.shape[1]
        limit = max(1, min(said.max_new_tokens, room))
        for step in range(limit):
            out = self.llm.model(  # type: ignore[operator]
                inputs_embeds=inputs, past_key_values=cache, use_cache=True
            )
            cache = out.past_key_values
            logits = self.llm.lm_head(out.last_hidden_state[:, -1]).float()  # type: ignore[operator]
            logprobs = logits.log_softmax(dim=-1)
            logits = _penalise(logits, ids, said.repetition_penalty) / temperature
            u = torch.rand(n, generator=generator).to(device)
            next_ids, _ = draw(logits, u, top_k=said.top_k, top_p=said.top_p)
            gained = logprobs.gather(1, next_ids[:, None])[:, 0].double().cpu()
            for i, token in enumerate(next_ids.tolist()):
                if i in open_rows:
                    total[i] += gained[i]
                    lengths[i] += 1
                    if token == self.config.eos_id:
                        open_rows.discard(i)
                    else:
                        rows[i].append(token)
            if on_step is not None:
                on_step(step + 1, limit)
            if not open_rows:
                break
            ids = torch.cat((ids, next_ids[:, None]), dim=1)
            inputs = self.llm.get_input_embeddings()(next_ids[:, None])  # type: ignore[operator]
        return rows, [float(total[i]) / lengths[i] for i in range(n)]

    def _pad(self, rows: list[list[int]]) -> tuple[Tensor, Tensor]:
        longest, pad = max(map(len, rows)), self.config.pad_id
        device = self.video_proj.weight.device
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=device)
        lengths = torch.tensor([len(row) for row in rows], device=device)
        return ids, torch.arange(longest, device=device) < lengths[:, None]


class ClassReading(nn.Module):
    """What classes a picture shows, by the picture encoder's own classifier (ours; not published).

    One linear projection cannot tell 400 things that stand for 100 sounds; after a softmax it can.
    Gives the probabilities and, for what is faint beside the main thing, the scores they came from.
    All of it is fixed: rows of the classifier, and mean and spread of its scores.
    """

    rows: Tensor
    bias: Tensor
    mean: Tensor
    spread: Tensor

    SHARP = 8.0
    """Probabilities are multiplied by this, so that they weigh as much as the scores."""

    def __init__(self, config: ConverterConfig) -> None:
        super().__init__()
        n = config.picture_classes
        self.register_buffer("rows", torch.zeros(n, config.video_width))
        self.register_buffer("bias", torch.zeros(n))
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("spread", torch.ones(n))

    def likelihoods(self, features: Tensor) -> Tensor:
        """Probabilities [..., C] of the classes by features [..., D]."""
        return F.linear(features.float(), self.rows.float(), self.bias.float()).softmax(dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        """Readings [..., 2 C] of features [..., D]: probabilities, then scores."""
        scores = F.linear(features, self.rows.float(), self.bias.float())
        likely = self.SHARP * scores.softmax(dim=-1)
        return torch.cat((likely, (scores - self.mean) / self.spread), dim=-1)


def _penalise(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make text tokens that occurred already less likely (arXiv 1909.05858)."""
    seen = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(seen < 0, seen * penalty, seen / penalty))


def build_converter(
    config: ConverterConfig,
    tokenizer: TextTokenizer,
    sentence_tokenizer: TextTokenizer | None = None,
) -> Converter:
    """A converter with random weights, LoRA injected if the config has it.

    Args:
        config: sizes.
        tokenizer: of the LM.
        sentence_tokenizer: of the sentence encoder, which a config that has one needs.
    """
    sentence = None
    if config.sentence is not None:
        if sentence_tokenizer is None:
            raise ValueError("The config has a sentence encoder, but it has no tokenizer.")
        sentence = SentenceEncoder(config.sentence, sentence_tokenizer)
    common = {
        "vocab_size": config.vocabulary,
        "hidden_size": config.width,
        "intermediate_size": config.ff_width,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "num_key_value_heads": config.n_kv_heads,
        "head_dim": config.head_dim,
        "hidden_act": config.activation,
        "max_position_embeddings": config.max_positions,
        "rms_norm_eps": config.norm_eps,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        "tie_word_embeddings": config.tied_embeddings,
        "bos_token_id": config.bos_id,
        "eos_token_id": config.eos_id,
        "pad_token_id": config.pad_id,
    }
    llm: nn.Module
    if config.family == "gemma":
        from transformers import GemmaConfig, GemmaForCausalLM

        llm = GemmaForCausalLM(GemmaConfig(**common))
    else:
        from transformers import LlamaConfig, LlamaForCausalLM

        llm = LlamaForCausalLM(LlamaConfig(**common))
    converter = Converter(config, llm.eval(), tokenizer, sentence)
    if config.lora is not None:
        add_lora(converter, config.lora)
    return converter


def add_lora(converter: Converter, lora: LoraConfig) -> None:
    """Inject LoRA in place; the result is unchanged until the new weights are trained."""
    import peft

    options = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets),
        bias="none",
    )
    peft.inject_adapter_in_model(options, converter.llm)


def merge_lora(converter: Converter) -> int:
    """Fold LoRA into the Linears it sits on and remove it; returns how many were folded."""
    from peft.tuners.lora import LoraLayer

    injected = [(name, m) for name, m in converter.llm.named_modules() if isinstance(m, LoraLayer)]
    for name, layer in injected:
        layer.merge()
        parent, _, last = name.rpartition(".")
        setattr(converter.llm.get_submodule(parent), last, layer.get_base_layer())
    return len(injected)


def tie_embeddings(converter: Converter) -> None:
    """Make the output layer share the input embedding again, after weights were replaced."""
    if converter.config.tied_embeddings:
        converter.llm.lm_head.weight = converter.llm.get_input_embeddings().weight  # type: ignore[union-attr, operator]


def byte_tokenizer() -> TextTokenizer:
    """A tokenizer over bytes, 259 text tokens: pad, BOS, EOS and one for each byte."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(("<pad>", "<bos>", "<eos>", *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True) for token in ("<pad>", "<bos>", "<eos>")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer
