"""Tensors in files of others, read one at a time: torch checkpoints and safetensors.

Pickled files are opened with ``weights_only=True`` and memory-mapped, so nothing in them runs
and only what is used is read. The few harmless classes that training frameworks leave in
checkpoints are mapped to plain stand-ins; anything else is refused by name.
"""

from __future__ import annotations

import argparse
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vatt_engine.errors import BadCheckpoint

_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def _known(path: Path, name: str, dtype: torch.dtype | None, kind: str = "") -> torch.dtype:
    if dtype is None or dtype not in _DTYPES.values():
        raise BadCheckpoint(
            f"{path}: {name} has elements of a kind that is not known here ({kind or dtype}).",
            "Quantised weights cannot be imported; fetch the original ones.",
        )
    return dtype


class TensorSource(Protocol):
    """Named tensors of which shape and type are known before they are read."""

    path: Path

    def names(self) -> list[str]:
        """All names."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""

    def dtype(self, name: str) -> torch.dtype:
        """Element type of one tensor."""

    def get(self, name: str) -> Tensor:
        """One tensor, on the CPU; not for writing to."""


class DictSource:
    """Tensors of a torch file that has been opened already (memory-mapped)."""

    def __init__(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        self.path = path
        self._tensors = tensors

    def names(self) -> list[str]:
        """All names."""
        return list(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return tuple(self._tensors[name].shape)

    def dtype(self, name: str) -> torch.dtype:
        """Element type of one tensor."""
        return _known(self.path, name, self._tensors[name].dtype)

    def get(self, name: str) -> Tensor:
        """One tensor."""
        return self._tensors[name].detach()


class SafetensorsSource:
    """Tensors of a safetensors file, each read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: Any = safe_open(path, framework="pt")
        except (SafetensorError, OSError) as error:
            raise BadCheckpoint(
                f"{path} is no whole safetensors file ({error}).", "Fetch it again."
            ) from error

    def names(self) -> list[str]:
        """All names."""
        return list(self._file.keys())

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return tuple(self._file.get_slice(name).get_shape())

    def dtype(self, name: str) -> torch.dtype:
        """Element type of one tensor."""
        kind = str(self._file.get_slice(name).get_dtype())
        return _known(self.path, name, _DTYPES.get(kind), kind)

    def get(self, name: str) -> Tensor:
        """One tensor."""
        tensor: Tensor = self._file.get_tensor(name)
        return tensor


class MergedSource:
    """Several files that together hold one model (shards)."""

    def __init__(self, path: Path, parts: list[TensorSource]) -> None:
        self.path = path
        self._where = {name: part for part in parts for name in part.names()}

    def names(self) -> list[str]:
        """All names."""
        return list(self._where)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return self._where[name].shape(name)

    def dtype(self, name: str) -> torch.dtype:
        """Element type of one tensor."""
        return self._where[name].dtype(name)

    def get(self, name: str) -> Tensor:
        """One tensor."""
        return self._where[name].get(name)


def load_torch(path: Path) -> Any:
    """What a torch file holds, without running anything in it.

    Raises:
        BadCheckpoint: damaged, no torch file, or it wants to run code; which is named.
    """
    # The dictionaries of training frameworks become plain ones (subclasses would be refused).
    allowed: list[Any] = [
        nn.ParameterList, nn.ModuleList, nn.Embedding, argparse.Namespace, defaultdict,
        (OrderedDict, "pytorch_lightning.utilities.parsing.AttributeDict"),
        (OrderedDict, "lightning.pytorch.utilities.parsing.AttributeDict"),
        (OrderedDict, "lightning_fabric.utilities.data.AttributeDict"),
        (OrderedDict, "lightning.fabric.utilities.data.AttributeDict"),
    ]  # fmt: skip
    try:
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(
                path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path) or None
            )
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted is None:
            raise _damaged(path, "it is no torch file, or an unsafe one") from error
        raise BadCheckpoint(
            f"{path} is refused: opening it would run {wanted.group(1)}, which no weight file "
            "needs.",
            "Do not use this file; fetch it again from the authors' page.",
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError,
            UnicodeDecodeError, zipfile.BadZipFile, IndexError) as error:  # fmt: skip
        raise _damaged(path, str(error).split("\n")[0]) from error
    except OSError as error:
        raise BadCheckpoint(f"{path} cannot be read: {error.strerror}.") from error


def tensors_of(path: Path, data: Any) -> DictSource | None:
    """The state dict in what a torch file holds, under any of its usual keys; None if none."""
    for key in ("state_dict", "best_state", "model"):
        if isinstance(data, Mapping) and isinstance(data.get(key), Mapping):
            data = data[key]
            break
    if not isinstance(data, Mapping):
        return None
    tensors = {str(k): v for k, v in data.items() if isinstance(v, Tensor)}
    return DictSource(path, tensors) if tensors else None


def tensor_list(data: Any) -> list[Tensor] | None:
    """Equal-shaped tensors from a list, tensor, ParameterList or ModuleList; None if it is none."""
    if isinstance(data, Tensor):
        return list(data.detach()) if data.ndim == 3 else None
    if isinstance(data, nn.ModuleList):
        data = [getattr(module, "weight", None) for module in data]
    elif isinstance(data, Mapping) and all(str(k).isdigit() for k in data):
        data = [data[k] for k in sorted(data, key=lambda k: int(str(k)))]
    if not isinstance(data, list | tuple | nn.ParameterList) or len(data) == 0:
        return None
    found = [t.detach() for t in data if isinstance(t, Tensor) and t.ndim == 2]
    same = len(found) == len(data) and len({t.shape for t in found}) == 1
    return found if same else None


def _damaged(path: Path, why: str) -> BadCheckpoint:
    return BadCheckpoint(f"{path} cannot be read: {why}.", "Fetch the file again.")
