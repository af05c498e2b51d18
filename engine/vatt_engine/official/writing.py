"""Writing safetensors one tensor at a time, so that memory does not grow with the file.

Format: eight bytes of header length (little endian), a JSON header with type, shape and place
of every tensor, padded with spaces to a multiple of eight, then the tensors back to back.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vatt_engine.manifest import FileEntry

_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_CHUNK = 16 << 20


@dataclass(frozen=True)
class Planned:
    """A tensor that is made when its turn to be written comes.

    Attributes:
        shape: of the finished tensor; ``make`` must keep the promise, dtype likewise.
        make: returns the tensor; called once.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    make: Callable[[], Tensor]

    @property
    def n_bytes(self) -> int:
        """Size in the file."""
        return math.prod(self.shape) * self.dtype.itemsize


def planned(tensor: Tensor) -> Planned:
    """Plan a tensor that is at hand already."""
    return Planned(tuple(tensor.shape), tensor.dtype, lambda: tensor)


def write_safetensors(
    path: Path,
    tensors: Mapping[str, Planned],
    on_bytes: Callable[[int], None] | None = None,
) -> FileEntry:
    """Write ``tensors`` to ``path``, making and dropping them one after the other.

    Args:
        path: written in place; callers build folders under a temporary name.
        tensors: what to write.
        on_bytes: called with the number of bytes written since the last call; may raise.

    Returns:
        The file's entry for ``model.json``, its SHA-256 taken while writing.
    """
    # Widest elements first, as the reference implementation does, so that all stay aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {}
    place = 0
    for name in order:
        item = tensors[name]
        header[name] = {
            "dtype": _NAMES[item.dtype],
            "shape": list(item.shape),
            "data_offsets": [place, place + item.n_bytes],
        }
        place += item.n_bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    digest, total = hashlib.sha256(), 0
    with path.open("wb") as file:
        for data in (len(text).to_bytes(8, "little"), text):
            digest.update(data)
            total += file.write(data)
        for name in order:
            tensor = tensors[name].make()
            if tuple(tensor.shape) != tensors[name].shape or tensor.dtype != tensors[name].dtype:
                raise RuntimeError(f"{name} did not become what was planned.")
            flat = tensor.contiguous().view(-1).view(torch.uint8).numpy()
            for start in range(0, len(flat), _CHUNK):
                chunk = flat[start : start + _CHUNK].data
                digest.update(chunk)
                total += file.write(chunk)
                if on_bytes is not None:
                    on_bytes(len(chunk))
            del tensor, flat
    return FileEntry(path.name, total, digest.hexdigest())
