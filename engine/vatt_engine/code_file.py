"""The codes of a take on disk: what a later "regenerate this span" starts from.

A safetensors file beside the WAV. Spans that were made anew later are kept as patches over the
first codes instead of replacing them: a codec's decoder remembers what it has decoded, so only by
decoding the same codes again does every sample outside a span come out bit for bit as it was.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vatt_engine.errors import BadRequest
from vatt_engine.media.audio import cannot_write

SCHEMA = 1
MAX_PATCHES = 200

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Patch:
    """Codes of a span that was made anew, with some frames around it for the decoder.

    Attributes:
        start: code frame of the first column of ``codes``.
        begin: first code frame that is new.
        end: one past the last.
        codes: [K, n].
    """

    start: int
    begin: int
    end: int
    codes: Codes


@dataclass(frozen=True)
class CodeFile:
    """All that is needed to decode a take again.

    Attributes:
        codes: codes of the take as first made [K, T].
        patches: later spans, in the order they were made.
        n_samples: of the WAV.
        sample_rate: of the WAV.
        model_hash: of the model whose codec reads them.
        made_up: words and seed that its moments were made up from (``worded_lane``); None where
            they come from the picture or the user.
    """

    codes: Codes
    patches: tuple[Patch, ...]
    n_samples: int
    sample_rate: int
    model_hash: str
    made_up: tuple[str, int] | None = None

    @property
    def current(self) -> Codes:
        """Codes of the take as it is now [K, T]."""
        codes = self.codes.copy()
        for patch in self.patches:
            span = patch.codes[:, patch.begin - patch.start : patch.end - patch.start]
            codes[:, patch.begin : patch.end] = span
        return codes

    def patched(self, patch: Patch) -> CodeFile:
        """The same take with one more span made anew.

        Raises:
            BadRequest: too many patches already.
        """
        if len(self.patches) >= MAX_PATCHES:
            raise BadRequest(
                f"Spans of this take were made anew {MAX_PATCHES} times already.",
                "Generate a new take.",
            )
        return replace(self, patches=(*self.patches, patch))


def write_code_file(path: Path, take: CodeFile) -> None:
    """Write atomically.

    Raises:
        CannotWrite: disk full, or no permission.
    """
    kind = np.int16 if take.codes.max(initial=0) < 1 << 15 else np.int32
    tensors = {"codes": np.ascontiguousarray(take.codes.astype(kind))}
    for i, patch in enumerate(take.patches):
        tensors[f"patch.{i}"] = np.ascontiguousarray(patch.codes.astype(kind))
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "n_samples": take.n_samples,
        "sample_rate": take.sample_rate,
        "model_hash": take.model_hash,
        "patches": [[p.start, p.begin, p.end] for p in take.patches],
    }
    if take.made_up is not None:
        facts["made_up"] = list(take.made_up)
    data = save(tensors, metadata={"vatt": json.dumps(facts)})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from None


def read_code_file(path: Path) -> CodeFile:
    """Read and check.

    Raises:
        BadRequest: not there, damaged, or of a newer version.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name).astype(np.int32) for name in file.keys()}  # noqa: SIM118
            facts = json.loads((file.metadata() or {})["vatt"])
        if facts["schema"] != SCHEMA:
            raise ValueError(f"schema {facts['schema']}")
        patches = tuple(
            Patch(int(start), int(begin), int(end), tensors[f"patch.{i}"])
            for i, (start, begin, end) in enumerate(facts["patches"])
        )
        made_up = facts.get("made_up")
        take = CodeFile(
            codes=tensors["codes"],
            patches=patches,
            n_samples=int(facts["n_samples"]),
            sample_rate=int(facts["sample_rate"]),
            model_hash=str(facts["model_hash"]),
            made_up=None if made_up is None else (str(made_up[0]), int(made_up[1])),
        )
        _check(take)
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        raise BadRequest(
            f"The codes of the earlier take cannot be read from {path}: {error}.",
            "Generate a whole new take instead of a span.",
        ) from None
    return take


def _check(take: CodeFile) -> None:
    n_codebooks, n_frames = take.codes.shape
    for patch in take.patches:
        reach = patch.start + patch.codes.shape[1]
        if patch.codes.shape[0] != n_codebooks or not (
            0 <= patch.start <= patch.begin < patch.end <= reach <= n_frames
        ):
            raise ValueError("a patch lies outside the take")
    if take.n_samples < 1 or take.sample_rate < 1:
        raise ValueError("no length or rate")
