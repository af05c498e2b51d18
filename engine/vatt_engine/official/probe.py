"""Which code layout do these weights want? Measured on real codes, with both tried.

The published training code mixed up codebooks and time (``docs/vatt.md``). Weights trained that
way predict masked codes well only when their outputs are read that way, so the layout with the
lower cross-entropy on masked codes is the right one. The condition is left out: none is needed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from vatt_engine.config import AudioModelConfig, Layout
from vatt_engine.errors import BadCheckpoint
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.nets.codec import Codec

_MAX_CLIPS = 64
_MASKED = 0.75


def read_clips(folder: Path, config: AudioModelConfig, codec: Codec | None) -> list[Tensor]:
    """Codes [K, T] from ``.npy`` files ([T, K] or [K, T]) and ``.wav`` files, one window each.

    Raises:
        BadCheckpoint: nothing usable in the folder.
    """
    K, T, V = config.n_codebooks, config.window_code_frames, config.codebook_size
    clips = []
    for path in sorted(folder.rglob("*"))[:10_000]:
        codes: Tensor | None = None
        if path.suffix == ".npy":
            codes = _read_npy(path, K)
        elif path.suffix.lower() == ".wav" and codec is not None:
            codes = _read_wave(path, codec)
        if codes is not None and codes.shape[1] >= T and 0 <= codes.min() <= codes.max() < V:
            clips.append(codes[:, :T])
        if len(clips) == _MAX_CLIPS:
            break
    if not clips:
        raise BadCheckpoint(
            f"{folder} holds no clip of at least {T} code frames.",
            f"--probe takes .npy files of codes [{T},{K}] or WAV files of the model's length.",
        )
    return clips


@torch.inference_mode()
def probe_layout(
    net: AudioModel, clips: list[Tensor], seed: int = 0
) -> tuple[Layout, dict[str, float]]:
    """The layout with the lower masked cross-entropy, and both numbers (nats a code)."""
    config = replace(net.config, layout="official")
    generator = torch.Generator().manual_seed(seed)
    sums: dict[Layout, float] = {"official": 0.0, "aligned": 0.0}
    net.eval()
    for codes in clips:
        masked = torch.rand(codes.shape, generator=generator) < _MASKED
        shown = codes.masked_fill(masked, config.mask_id)[None]
        cond = torch.zeros(1, 10, config.cond_width)
        context = net.context(cond, None, codes.shape[1], drop_cond=torch.tensor([True]))
        heads = net.head_logits(shown, context)
        _, K, T, V = heads.shape
        readings = {"aligned": heads, "official": heads.reshape(1, T, K, V).transpose(1, 2)}
        for layout, logits in readings.items():
            loss = cross_entropy(logits[0][masked].float(), codes[masked])
            sums["official" if layout == "official" else "aligned"] += float(loss) / len(clips)
    best: Layout = "official" if sums["official"] <= sums["aligned"] else "aligned"
    return best, {str(k): v for k, v in sums.items()}


def _read_npy(path: Path, n_codebooks: int) -> Tensor | None:
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError):
        return None
    if array.ndim != 2 or array.dtype.kind not in "iu" or n_codebooks not in array.shape:
        return None
    codes = torch.from_numpy(array.astype(np.int64))
    return codes if codes.shape[0] == n_codebooks else codes.T


def _read_wave(path: Path, codec: Codec) -> Tensor | None:
    import soundfile
    import soxr

    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, RuntimeError):
        return None
    mono = soxr.resample(wave.mean(axis=1), rate, codec.sample_rate)
    with torch.inference_mode():
        return codec.encode(torch.from_numpy(mono)[None, None])[0]
