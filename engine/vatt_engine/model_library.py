"""Which models are installed, and what is known of each; no torch here.

A model is named by its folder's name, or by a path to the folder. Names are looked for in the
user's model folders first (``VATT_MODELS``, else the platform's data folder), then among the
bundled models; ``tiny`` needs no files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vatt_engine.config import ModelConfig
from vatt_engine.config_json import config_to_dict
from vatt_engine.errors import BadModelFolder, UnknownModel
from vatt_engine.manifest import MANIFEST, Manifest, check_file, read_manifest
from vatt_engine.memory import advice, estimate_memory, fits_cpu, machine_memory
from vatt_engine.presets import PRESETS, PUBLISHED

TINY = "tiny"
ENV_MODELS = "VATT_MODELS"


def user_models_dir() -> Path:
    """Where imported and fetched models go: the first of ``VATT_MODELS``, or the data folder."""
    return _user_dirs(os.environ)[0]


def search_path() -> tuple[Path, ...]:
    """Folders that hold model folders, in the order they are looked through."""
    return (*_user_dirs(os.environ), Path(__file__).parent / "bundled")


def find_model(name: str) -> Path:
    """The folder of an installed model, by name or by path.

    Raises:
        UnknownModel: nothing of that name; the installed ones are listed.
    """
    if name and (Path(name) / MANIFEST).is_file():
        return Path(name)
    if Path(name).name == name and not name.startswith(".") and name:
        for place in search_path():
            if (place / name / MANIFEST).is_file():
                return place / name
    installed = ", ".join(sorted(_names())) or "none"
    hint = f"Installed: {installed}."
    if name in PUBLISHED:
        hint = (
            f"Fetch the published files, then run: vatt models import FOLDER --as {name} "
            f"(docs/published-checkpoints.md tells how). {hint}"
        )
    raise UnknownModel(f"No model called {name!r} is installed.", hint)


def list_models() -> list[dict[str, Any]]:
    """All installed models, ready for JSON; a damaged one is listed with its ``error``."""
    found: dict[str, dict[str, Any]] = {}
    for place in search_path():
        if not place.is_dir():
            continue
        for folder in sorted(place.iterdir()):
            hidden = folder.name.startswith(".")  # being written
            if not hidden and folder.name not in found and (folder / MANIFEST).is_file():
                found[folder.name] = _summary(folder)
    found.setdefault(TINY, _tiny_summary())
    return list(found.values())


def model_info(name: str) -> dict[str, Any]:
    """All that is known of one model, ready for JSON.

    Raises:
        UnknownModel: nothing of that name.
        BadModelFolder: the folder is damaged; what is wrong is named.
    """
    if name == TINY:
        config = PRESETS[TINY]
        return {**_tiny_summary(), "config": config_to_dict(config), **_memory(config, {})}
    folder = find_model(name)
    manifest = read_manifest(folder)
    return {
        **_summary(folder),
        "licences": [vars(licence) for licence in manifest.licences],
        "provenance": dict(manifest.provenance),
        "files": {what: vars(entry) for what, entry in manifest.files.items()},
        "config": config_to_dict(manifest.config),
        **_memory(manifest.config, _sizes(manifest)),
    }


def verify_model(
    name: str, on_bytes: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[str, Any]:
    """Read every file of a model and compare it with ``model.json``.

    Args:
        name: of the model, or its folder.
        on_bytes: called with (bytes read, all) after each file; may raise to stop.

    Raises:
        UnknownModel: nothing of that name.
        BadModelFolder: a file is missing, truncated or changed.
    """
    if name == TINY:
        return {"name": TINY, "files": 0, "bytes": 0}
    folder = find_model(name)
    manifest = read_manifest(folder)
    done = 0
    for entry in manifest.files.values():
        on_bytes(done, manifest.n_bytes)
        check_file(folder, entry, whole=True)
        done += entry.n_bytes
    return {"name": folder.name, "files": len(manifest.files), "bytes": manifest.n_bytes}


def _user_dirs(environ: Mapping[str, str]) -> tuple[Path, ...]:
    given = [Path(p).expanduser() for p in environ.get(ENV_MODELS, "").split(os.pathsep) if p]
    if given:
        return tuple(given)
    import platformdirs

    return (Path(platformdirs.user_data_dir("vatt", appauthor=False)) / "models",)


def _names() -> set[str]:
    folders = (f for place in search_path() if place.is_dir() for f in place.iterdir())
    return {TINY, *(f.name for f in folders if f.name[0] != "." and (f / MANIFEST).is_file())}


def _summary(folder: Path) -> dict[str, Any]:
    try:
        manifest = read_manifest(folder)
    except BadModelFolder as error:
        return {"name": folder.name, "folder": str(folder), "error": error.message}
    return {
        "name": folder.name,
        "folder": str(folder),
        "description": manifest.description,
        "trained": manifest.trained,
        "bytes": manifest.n_bytes,
        "model_hash": manifest.model_hash,
        "licence": "; ".join(dict.fromkeys(licence.name for licence in manifest.licences)),
        **_figures(manifest.config, _sizes(manifest)),
    }


def _tiny_summary() -> dict[str, Any]:
    return {
        "name": TINY,
        "folder": "",
        "description": "Random weights, for trying out the program: its sounds mean nothing.",
        "trained": False,
        "bytes": 0,
        "licence": "Apache-2.0",
        **_figures(PRESETS[TINY], {}),
    }


def _figures(config: ModelConfig, file_bytes: Mapping[str, int]) -> dict[str, Any]:
    """What the model does, and whether it does it here; ``fits`` is None where nobody can tell."""
    estimate, ram = estimate_memory(config, file_bytes), machine_memory()["ram"]
    return {
        "window_s": config.window_s,
        "sample_rate": config.codec.sample_rate,
        "layout": config.audio.layout,
        "sync_lane": config.audio.lane_width > 0,
        "memory_bytes": estimate["cpu"],
        "machine_bytes": ram,
        "fits": fits_cpu(estimate, ram),
    }


def _memory(config: ModelConfig, file_bytes: Mapping[str, int]) -> dict[str, Any]:
    estimate, machine = estimate_memory(config, file_bytes), machine_memory()
    return {"memory": estimate, "machine": machine, "advice": advice(estimate, machine["ram"])}


def _sizes(manifest: Manifest) -> dict[str, int]:
    return {what: entry.n_bytes for what, entry in manifest.files.items()}
