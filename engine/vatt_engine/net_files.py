"""One net as two files: its tensors, and a description beside them that knows their hash.

The description is JSON: a schema number, the net's config, the SHA-256 of the tensors, and where
they come from. Whoever reads a net builds it from the config and fills it strictly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from vatt_engine.errors import BadModelFolder

SCHEMA = 1


class NetFiles(NamedTuple):
    """What a kind of net is called in a folder.

    Attributes:
        what: the net, for people, as in "No usable codec".
        weights: name of the safetensors file; ``description`` that of the JSON beside it.
        hint: what to do where there is none that can be used.
    """

    what: str
    weights: str
    description: str
    hint: str = "Train or fetch one."

    def write(
        self,
        folder: Path,
        config: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
        provenance: Mapping[str, Any],
        **more: Any,
    ) -> None:
        """Write both files, replacing what is there.

        Args:
            folder: is made.
            config: of the net the tensors belong to, JSON-ready.
            tensors: as they are to be stored.
            provenance: where they come from: config of the run, steps, data; JSON-ready.
            more: what else the description says; JSON-ready.
        """
        folder.mkdir(parents=True, exist_ok=True)
        save_tensors(folder / self.weights, tensors)
        digest = hashlib.sha256((folder / self.weights).read_bytes()).hexdigest()
        description = {
            "schema": SCHEMA,
            "config": dict(config),
            **more,
            "files": {self.weights: {"sha256": digest}},
            "provenance": dict(provenance),
        }
        text = json.dumps(description, indent=2) + "\n"
        (folder / self.description).write_text(text, encoding="utf-8")

    def read(self, folder: Path) -> tuple[Any, dict[str, Tensor]]:
        """The plain config, unchecked, and the tensors, in 32-bit floats.

        Raises:
            BadModelFolder: a file is missing, damaged, or does not fit the other.
        """
        description, tensors = self.read_whole(folder)
        return description["config"], tensors

    def read_whole(self, folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """The description, which has a config, and the tensors, in 32-bit floats.

        Raises:
            BadModelFolder: a file is missing, damaged, or does not fit the other.
        """
        try:
            description = json.loads((folder / self.description).read_text(encoding="utf-8"))
            _, expected = description["config"], description["files"][self.weights]["sha256"]
            whole = (folder / self.weights).read_bytes()
            if hashlib.sha256(whole).hexdigest() != expected:
                raise BadModelFolder(f"{folder / self.weights} is damaged.", self.hint)
            tensors = load(whole)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as err:
            raise self.unusable(folder, err) from err
        return description, {name: t.float() for name, t in tensors.items()}

    def unusable(self, folder: Path, why: Exception) -> BadModelFolder:
        """The error for a folder whose description cannot be used."""
        return BadModelFolder(f"No usable {self.what} in {folder}: {why}.", self.hint)


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file that others may read, too: the library keeps it to its owner."""
    save_file(dict(tensors), path)
    path.chmod(0o644)
