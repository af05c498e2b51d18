"""Published evaluators (PaSST, VGGish, CLAP, Synchformer): used when a user has them.

None of them may ship with the project or be downloaded by it. A user puts a Python module and its
weights into a folder, one sub-folder each::

    FOLDER/passt/evaluator.py     with  def load(folder: Path) -> Evaluator
    FOLDER/passt/...              whatever it needs

and calls ``vatt eval --evaluators FOLDER``. Its numbers join every take under their own names, are
averaged in the summary, and take part in comparisons.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vatt_engine.errors import BadRequest

KNOWN = {
    "passt": "KLD of class distributions as in the papers (PaSST)",
    "vggish": "Frechet audio distance (VGGish)",
    "clap": "similarity of sound and words (LAION-CLAP)",
    "synchformer": "offset of sound and picture (DeSync)",
}
"""What the field uses, and what for."""


class Evaluator(Protocol):
    """One more judge."""

    @property
    def name(self) -> str:
        """Prefix of its figures."""

    def judge(
        self,
        wave: NDArray[np.float32],
        sample_rate: int,
        film: Path,
        prompt: str,
        reference: Path | None,
    ) -> Mapping[str, float]:
        """Figures of one take, by name."""


def load_evaluators(folder: Path) -> list[Evaluator]:
    """All evaluators of a folder.

    Raises:
        BadRequest: the folder has none, or one of them does not load; says which and why.
    """
    if not folder.is_dir():
        raise BadRequest(f"There is no folder {folder}.", "Give the folder of your evaluators.")
    scripts = sorted(folder.glob("*/evaluator.py"))
    if not scripts:
        wanted = "; ".join(f"{name}: {what}" for name, what in KNOWN.items())
        raise BadRequest(
            f"{folder} holds no evaluators.",
            f"Put each into its own sub-folder with evaluator.py and its weights ({wanted}).",
        )
    return [_load(script) for script in scripts]


def missing(folder: Path | None) -> dict[str, str]:
    """The known evaluators that are not at hand, with what they would add."""
    return {
        name: what
        for name, what in KNOWN.items()
        if folder is None or not (folder / name / "evaluator.py").is_file()
    }


def _load(script: Path) -> Evaluator:
    spec = importlib.util.spec_from_file_location(f"vatt_evaluator_{script.parent.name}", script)
    if spec is None or spec.loader is None:
        raise BadRequest(f"{script} is no Python module.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        evaluator: Evaluator = module.load(script.parent)
    except Exception as error:  # the user's own code: whatever it raises, the user must read it
        raise BadRequest(
            f"The evaluator {script.parent.name} does not load: {type(error).__name__}: {error}.",
            "Check its weights and what it imports.",
        ) from error
    return evaluator
