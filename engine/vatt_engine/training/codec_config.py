"""Everything a codec run depends on: frozen dataclasses read from one TOML file.

The same format serves two CPU cores and a GPU; only numbers differ (``configs/codec-*.toml``).
"""

from __future__ import annotations

import dataclasses
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from vatt_engine.errors import BadRequest
from vatt_engine.sound_config import CodecConfig
from vatt_engine.training.spectral import N_MELS

T = TypeVar("T")

SYNTHESISER = "synthesiser"


def _check(ok: bool, message: str) -> None:
    if not ok:
        raise BadRequest(message, "Correct the training config.")


@dataclass(frozen=True)
class SoundSource:
    """Where sounds come from.

    Attributes:
        path: a manifest (``.csv`` or ``.jsonl`` with a column ``file``), a folder of audio, or a
            packed ``.npy`` (``sounds.pack``), relative to the working directory; or
            ``synthesiser``, whose sounds are made on the spot.
        clips: how many sounds the synthesiser makes.
        share: how often this source is drawn from, relative to the others' shares.
        optional: whether a run may go on when the path does not exist.
        held_out: all of it is kept for the report.
    """

    path: str
    clips: int = 0
    share: float = 1.0
    optional: bool = False
    held_out: bool = False

    def __post_init__(self) -> None:
        _check(self.share > 0, f"data.sources: share of {self.path} must be positive.")
        _check(
            self.is_made == (self.clips > 0),
            f"data.sources: clips goes with path = {SYNTHESISER!r}, and only with it.",
        )

    @property
    def is_made(self) -> bool:
        """Whether the sounds are synthesised."""
        return self.path == SYNTHESISER


@dataclass(frozen=True)
class DataConfig:
    """Which sounds, and how a batch is cut from them.

    Attributes:
        sources: see ``SoundSource``.
        held_out: packages kept for the report.
        segment_s: seconds of one training example.
        batch: examples a step.
        gain_db: loudest and softest peak of an example, in dB of full scale.
        mix: probability that an example is the sum of two sounds.
        clicks: probability that sharp bursts are added, half of the time to silence; they teach
            the codec to place an attack, of which recordings hold few clean ones.
        cache: folder for the decoded sounds.
        workers: threads that cut batches ahead of time; 0 cuts each when it is needed.
    """

    sources: tuple[SoundSource, ...]
    held_out: tuple[str, ...] = ()
    segment_s: float = 0.5
    batch: int = 16
    gain_db: tuple[float, float] = (-24.0, 0.0)
    mix: float = 0.1
    clicks: float = 0.1
    cache: str = "runs/codec/sounds"
    workers: int = 0

    def __post_init__(self) -> None:
        _check(any(not s.held_out for s in self.sources), "data.sources has none to train on.")
        _check(self.segment_s > 0 and self.batch > 0, "data: segment_s and batch must be positive.")
        _check(0 <= self.mix <= 1, f"data.mix is {self.mix}; it is a probability.")
        _check(0 <= self.clicks <= 1, f"data.clicks is {self.clicks}; it is a probability.")
        low, high = self.gain_db
        _check(low <= high <= 0, "data.gain_db must be two numbers, low to high, at most 0.")


@dataclass(frozen=True)
class OptimConfig:
    """AdamW with a warm-up, a plateau and a linear end.

    The plateau may be cut short or drawn out by a new ``steps`` in the file and ``--resume``.

    Attributes:
        steps: length of the run.
        warmup_steps: rising linearly from zero.
        decay_steps: falling linearly to ``final_share`` of ``lr`` at the very end.
        ema_decay: of the averaged weights that are kept.
        grad_clip: norm to which the whole gradient is cut.
    """

    steps: int
    lr: float = 1e-3
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 0.0
    warmup_steps: int = 100
    decay_steps: int = 1000
    final_share: float = 0.02
    ema_decay: float = 0.999
    grad_clip: float = 3.0

    def __post_init__(self) -> None:
        _check(self.steps > 0 and self.lr > 0, "optim: steps and lr must be positive.")
        _check(0 < self.ema_decay < 1, "optim.ema_decay must lie within 0 and 1.")
        _check(
            0 <= self.warmup_steps + self.decay_steps <= self.steps,
            "optim: warmup_steps and decay_steps together exceed steps.",
        )

    def lr_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        rise = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = min(1.0, (self.steps - step) / max(1, self.decay_steps))
        return self.lr * rise * (self.final_share + (1 - self.final_share) * left)


@dataclass(frozen=True)
class LossConfig:
    """Weights of the losses; with the balancer, shares of the gradient.

    Attributes:
        mel: of the multi-scale log-mel distance.
        fine: of the log-magnitude distance bin by bin, which tells noise from a buzz.
        flux: of the distance between the level's rises and falls, which are the attacks.
        wave: of the distance between waves, relative to the original's size.
        surprise: of the likelihood of the bands, where the codec has noise; it alone teaches the
            means then, unless there is a discriminator, since the other losses prefer a buzz to
            noise of the same spectrum.
        commit: of the distance between the encoder's output and its code vectors.
        windows: analysis windows of the mel loss in samples; half of them serve each step.
        overlap: windows over each sample.
        balancer: rescale each loss's gradient to its weight (EnCodec, section 3.4).
        adversarial: of the hinge loss against the MS-STFT discriminator; 0 leaves it out.
        feature: of the distance between the discriminator's features.
        adversarial_from: step at which the discriminator comes in.
        discriminator_filters: its width.
        discriminator_every: it learns on every n-th step.
    """

    mel: float = 1.0
    fine: float = 0.5
    flux: float = 1.0
    wave: float = 0.1
    surprise: float = 1.0
    commit: float = 0.25
    windows: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048)
    overlap: int = 4
    balancer: bool = True
    adversarial: float = 0.0
    feature: float = 0.0
    adversarial_from: int = 0
    discriminator_filters: int = 32
    discriminator_lr: float = 3e-4
    discriminator_every: int = 1

    def __post_init__(self) -> None:
        allowed = ", ".join(map(str, N_MELS))
        _check(
            bool(self.windows) and set(self.windows) <= set(N_MELS),
            f"loss.windows is {list(self.windows)}; allowed: {allowed}.",
        )
        _check(self.mel >= 0, "loss.mel must not be negative.")
        _check(self.discriminator_every > 0, "loss.discriminator_every must be positive.")


@dataclass(frozen=True)
class QuantiserConfig:
    """How the codebooks are trained; their number and size are the codec's.

    Attributes:
        start_step: the autoencoder learns alone until here; then k-means makes the codebooks.
        kmeans_batches: batches whose vectors k-means sees.
        decay: of the running means that are the code vectors.
        revive_every: steps between revivals of unused codes.
        revive_below: share of the even use (1 / V) under which a code counts as unused.
        drop: probability that a batch uses fewer codebooks, so that each helps by itself.
        skip: probability that a batch is not quantised at all.
    """

    start_step: int = 500
    kmeans_batches: int = 64
    decay: float = 0.99
    revive_every: int = 20
    revive_below: float = 0.1
    drop: float = 0.1
    skip: float = 0.0

    def __post_init__(self) -> None:
        _check(self.revive_every > 0 and self.kmeans_batches > 0, "quantiser: counts.")
        _check(0 <= self.drop + self.skip <= 1, "quantiser: drop and skip are probabilities.")


@dataclass(frozen=True)
class RunConfig:
    """Where and how the run lives.

    Attributes:
        folder: log, checkpoint and sounds; relative to the working directory.
        device: ``auto`` takes CUDA where there is one.
        threads: CPU threads; 0 leaves torch's choice.
        bf16: autocast, where the device has it in hardware.
        eval_clips: held-out sounds listened to at each evaluation.
    """

    folder: str
    seed: int = 1
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int = 0
    bf16: bool = True
    log_every: int = 20
    eval_every: int = 500
    eval_clips: int = 48
    save_every_s: float = 120.0

    def __post_init__(self) -> None:
        _check(bool(self.folder), "run.folder is empty.")
        _check(self.log_every > 0 and self.eval_every > 0, "run: intervals must be positive.")


@dataclass(frozen=True)
class CodecTraining:
    """One codec run."""

    run: RunConfig
    codec: CodecConfig
    data: DataConfig
    optim: OptimConfig
    loss: LossConfig = field(default_factory=LossConfig)
    quantiser: QuantiserConfig = field(default_factory=QuantiserConfig)

    def __post_init__(self) -> None:
        _check(
            self.segment_samples >= max(self.loss.windows),
            f"data.segment_s is {self.data.segment_s}, shorter than the longest of loss.windows.",
        )

    @property
    def segment_samples(self) -> int:
        """Samples of one example: whole code frames."""
        n_code_frames = round(self.data.segment_s * self.codec.frame_rate)
        return n_code_frames * self.codec.hop_length


def read_codec_training(path: Path) -> CodecTraining:
    """The codec run a TOML file describes; raises as ``read_training`` does."""
    return read_training(CodecTraining, path)


def read_codec_data(path: Path) -> DataConfig:
    """The sounds of a codec run of either kind; raises as ``read_training``."""
    return from_plain(DataConfig, read_toml(path).get("data", {}), f"{path.name}: data")


def codec_kind(path: Path) -> str:
    """Which kind of codec a TOML file describes, ``CodecConfig.kind``; raises likewise."""
    codec = read_toml(path).get("codec")
    return str(codec.get("kind", "seanet")) if isinstance(codec, dict) else "seanet"


def read_training(kind: type[T], path: Path) -> T:
    """The run a TOML file describes.

    Raises:
        BadRequest: the file is missing or no TOML, a key is unknown or missing, or a value is of
            the wrong kind; it is named.
    """
    return from_plain(kind, read_toml(path), path.name)


def read_toml(path: Path) -> dict[str, Any]:
    """A training config as plain values.

    Raises:
        BadRequest: the file is missing or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise BadRequest(f"Cannot read {path}: {err.strerror}.", "Give a training config.") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise BadRequest(f"{path} is no TOML: {err}.", "Correct the file.") from err


def from_plain(kind: type[T], data: Mapping[str, Any], where: str) -> T:
    """A frozen dataclass from nested plain values, with every key and type checked."""
    _check(isinstance(data, Mapping), f"{where} must be a table.")
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields))
    allowed = ", ".join(fields)
    _check(not unknown, f"{where} has unknown keys: {', '.join(unknown)}. Allowed: {allowed}.")
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        _check(name in data or not required, f"{where} lacks {name}.")
    return kind(**{k: _value(hints[k], v, f"{where}: {k}") for k, v in data.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is types.UnionType:  # X | None
        return None if value is None else _value(get_args(hint)[0], value, where)
    if dataclasses.is_dataclass(hint):
        return from_plain(hint, value, where)  # type: ignore[arg-type]
    if get_origin(hint) is tuple:
        _check(isinstance(value, list | tuple), f"{where} must be a list.")
        args = get_args(hint)
        _check(
            args[-1] is Ellipsis or len(value) == len(args), f"{where} must have {len(args)} items."
        )
        return tuple(_value(args[0], v, where) for v in value)
    if get_origin(hint) is Literal:
        allowed = ", ".join(map(str, get_args(hint)))
        _check(value in get_args(hint), f"{where} is {value!r}; allowed: {allowed}.")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    right = isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool)
    _check(right, f"{where} must be {hint.__name__}, not {value!r:.60}.")
    return value


def to_plain(config: Any) -> dict[str, Any]:
    """Nested plain values of a run's config, for logs and checkpoints."""
    return dataclasses.asdict(config)
