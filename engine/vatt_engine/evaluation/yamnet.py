"""YAMNet, the judge of sound: 521 AudioSet classes and a 1024-wide embedding, in torch.

The network is Google's YAMNet (MobileNet v1 over log-mel patches, trained on AudioSet); the
weights ship with the engine in half precision, so that judging works offline. They are
Apache-2.0; see `vatt_engine/assets/NOTICE.md`. The front end follows the published recipe: 16 kHz
mono, Hann window of 400 samples every 160, FFT of 512, 64 mel bands from 125 to 7500 Hz (HTK
scale), ``log(mel + 0.001)``, patches of 96 spectral rows every 48.

YAMNet judges 0.96 s at a time; what is shorter is padded with silence and judged weakly. Measured
on the ESC-10 recordings: a linear probe over its embedding is right for 97.5 %.
"""

from __future__ import annotations

import csv
import math
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLE_RATE = 16_000
N_CLASSES = 521
EMBEDDING_WIDTH = 1024

_WINDOW, _HOP, _FFT = 400, 160, 512
_N_MEL, _MEL_LOW_HZ, _MEL_HIGH_HZ = 64, 125.0, 7500.0
_PATCH, _PATCH_HOP = 96, 48
_LOG_OFFSET = 0.001
_BN_EPS = 1e-4
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
_WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
_ASSETS = Path(__file__).resolve().parents[1] / "assets"


class _Norm(nn.Module):
    """Batch norm of inference with a bias and no scale."""

    mean: Tensor
    var: Tensor
    bias: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("var", torch.ones(width))
        self.register_buffer("bias", torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.rsqrt(self.var + _BN_EPS)
        shift = self.bias - self.mean * scale
        return x * scale[:, None, None] + shift[:, None, None]


class _ConvNorm(nn.Module):
    """3x3 or 1x1 convolution with TensorFlow's "same" padding, norm and ReLU."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(c_out, c_in // groups, kernel, kernel))
        self.bn = _Norm(c_out)
        self.stride, self.groups = stride, groups
        # With stride 2 every size met here is even: TensorFlow then pads the far side only.
        self.padding = (0, 0) if kernel == 1 else (1, 1) if stride == 1 else (0, 1)

    def forward(self, x: Tensor) -> Tensor:
        near, far = self.padding
        x = F.pad(x, (near, far, near, far))
        x = F.conv2d(x, self.weight, stride=self.stride, groups=self.groups)
        return torch.relu(self.bn(x))


class _Block(nn.Module):
    """Depthwise 3x3, then pointwise 1x1."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = _ConvNorm(c_in, c_in, 3, stride, groups=c_in)
        self.pointwise = _ConvNorm(c_in, c_out, 1, 1, groups=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class Yamnet(nn.Module):
    """Log-mel patches in, class probabilities and embeddings out.

    Use `Yamnet.load`; then `scores`, `embedding` or `judge` for one recording.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvNorm(1, 32, 3, 2, groups=1)
        inputs = (32, *_WIDTHS[:-1])
        self.blocks = nn.ModuleList(
            _Block(c_in, c_out, stride)
            for c_in, c_out, stride in zip(inputs, _WIDTHS, _STRIDES, strict=True)
        )
        self.head = nn.Linear(EMBEDDING_WIDTH, N_CLASSES)
        self.register_buffer("mel", torch.from_numpy(mel_matrix()), persistent=False)
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)

    mel: Tensor
    window: Tensor

    @classmethod
    def load(cls, path: Path | None = None, device: str | torch.device = "cpu") -> Yamnet:
        """The network with its weights, ready to judge.

        Args:
            path: a safetensors file; by default the one that ships with the engine.
            device: where to run.

        Raises:
            RuntimeError: tensors are missing, unknown, or of another shape.
        """
        tensors = load_file(path or _ASSETS / "yamnet.safetensors", device=str(device))
        net = cls().to(device)
        net.load_state_dict({_rename(k): v.float() for k, v in tensors.items()}, strict=True)
        return net.requires_grad_(False).eval()

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """AudioSet display names, in the order of the scores."""
        return class_names()

    def patches(self, wave: Tensor) -> Tensor:
        """Log-mel patches of a recording: wave [S] at 16 kHz -> [N, 96, 64], N >= 1."""
        shortest = (_PATCH - 1) * _HOP + _WINDOW
        hop = _PATCH_HOP * _HOP
        n_hops = max(0, math.ceil((wave.shape[-1] - shortest) / hop))
        wave = F.pad(wave, (0, shortest + n_hops * hop - wave.shape[-1]))
        rows = wave.unfold(-1, _WINDOW, _HOP) * self.window
        mel = torch.fft.rfft(rows, n=_FFT).abs() @ self.mel
        return torch.log(mel + _LOG_OFFSET).unfold(0, _PATCH, _PATCH_HOP).transpose(1, 2)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Patches [N, 96, 64] -> probabilities [N, 521], embeddings [N, 1024]."""
        x = self.stem(patches[:, None])
        for block in self.blocks:
            x = block(x)
        embedding = x.mean(dim=(2, 3))
        return torch.sigmoid(self.head(embedding)), embedding

    @torch.inference_mode()
    def scores(self, wave: Tensor | npt.NDArray[np.float32]) -> Tensor:
        """Class probabilities over time: wave [S] at 16 kHz -> [N, 521], one row per 0.48 s."""
        return self._run(wave)[0]

    @torch.inference_mode()
    def embedding(self, wave: Tensor | npt.NDArray[np.float32]) -> Tensor:
        """Embeddings over time: wave [S] at 16 kHz -> [N, 1024], one row per 0.48 s."""
        return self._run(wave)[1]

    @torch.inference_mode()
    def judge(self, wave: Tensor | npt.NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Mean over time: wave [S] at 16 kHz -> probabilities [521], embedding [1024]."""
        scores, embedding = self._run(wave)
        return scores.mean(0), embedding.mean(0)

    def top(self, scores: Tensor, n: int = 5) -> list[tuple[str, float]]:
        """The best classes of a score row [521], best first."""
        values, indices = scores.topk(n)
        return [(self.classes[int(i)], float(v)) for v, i in zip(values, indices, strict=True)]

    def _run(self, wave: Tensor | npt.NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        signal = torch.as_tensor(wave, dtype=torch.float32, device=self.mel.device)
        if signal.ndim != 1:
            raise ValueError(f"YAMNet judges mono waves [S], not shape {tuple(signal.shape)}")
        out: tuple[Tensor, Tensor] = self(self.patches(signal))
        return out


def class_names(path: Path | None = None) -> tuple[str, ...]:
    """AudioSet display names in the order of the scores, from the class map that ships."""
    with (path or _ASSETS / "yamnet_class_map.csv").open(newline="", encoding="utf-8") as file:
        return tuple(row["display_name"] for row in csv.DictReader(file))


def mel_matrix() -> npt.NDArray[np.float32]:
    """Triangular mel bands on FFT magnitudes, [257, 64]: HTK scale, unnormalised, DC left out."""
    bins = 1127.0 * np.log1p(np.linspace(0.0, SAMPLE_RATE / 2, _FFT // 2 + 1)[:, None] / 700.0)
    first, last = (1127.0 * math.log1p(hz / 700.0) for hz in (_MEL_LOW_HZ, _MEL_HIGH_HZ))
    edges = np.linspace(first, last, _N_MEL + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    bands = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    bands[0] = 0.0
    return np.maximum(bands, 0.0).astype(np.float32)


def _rename(key: str) -> str:
    """Published tensor name -> ours: ``block3.`` -> ``blocks.3.``, ``stem.conv.`` -> ``stem.``."""
    key = key.replace("stem.conv.", "stem.")
    return f"blocks.{key.removeprefix('block')}" if key.startswith("block") else key
