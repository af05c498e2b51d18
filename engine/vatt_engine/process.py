"""What every process of the engine does when it starts; standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import sys

from vatt_engine.version import pinned

IMPORTS = (
    "torch",
    "torchvision",
    "torchaudio",
    "encodec",
    "open_clip",
    "transformers.models.llama.modeling_llama",
    "vatt_engine.jobs",
)
"""Everything that loading a model imports, so that a forked worker has nothing left to import."""
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: int | None = None) -> None:
    """Ask Linux to signal this process when its parent dies; elsewhere end of file must do.

    Args:
        parent: the parent's pid, noted before it could have died.
        signal_number: what to be sent; SIGKILL if None.
    """
    if sys.platform != "linux":
        return
    number = signal.SIGKILL if signal_number is None else signal_number
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def yield_to_the_panel() -> None:
    """Let the editor's programs go first: a take may come later, playback may not stutter."""
    if hasattr(os, "nice"):
        os.nice(5)


def prepare_environment() -> None:
    """Settings that libraries read while they are imported."""
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # no CUDA context in the zygote
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # repeatable matrix products
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Threads that wait by spinning starve each other as soon as anything else runs: beside a busy
    # player or compiler a sampling step took ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is downloaded at run time
    os.environ["TRANSFORMERS_OFFLINE"] = "1"


def import_all(names: tuple[str, ...] = IMPORTS) -> tuple[str, str] | None:
    """Import the engine's libraries; None when all is well, else message and hint.

    A broken installation raises nearly anything (ImportError, OSError for a missing shared
    library, RuntimeError for an operator registered twice), so everything is caught and told.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"[:500]
            return f"The engine cannot load {name} ({what}).", _remedy(error)
    return None


def _remedy(error: Exception) -> str:
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0]
    if missing and missing not in ("torch", "torchvision", "torchaudio", "vatt_engine"):
        return f"Install what is missing: {sys.executable} -m pip install {pinned(missing)}"
    if missing == "vatt_engine":
        return f"Install the product again: {sys.executable} -m pip install vatt-plugin"
    trio = pinned("torch", "torchvision", "torchaudio")
    return f"The three belong together: {sys.executable} -m pip install {trio}"
