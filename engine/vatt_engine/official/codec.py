"""AudioGen's codec file: options from its YAML config, weights under the names we use.

``compression_state_dict.bin`` is a dict with ``best_state`` (116 tensors) and ``xp.cfg`` (YAML
text, which decides over any default). References like ``${channels}`` in it are resolved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from vatt_engine.errors import BadCheckpoint, BadModelFolder
from vatt_engine.official.audio import report_keys
from vatt_engine.official.reading import DictSource, TensorSource
from vatt_engine.official.writing import Planned
from vatt_engine.sound_config import CodecConfig

_REFERENCE = re.compile(r"^\$\{([\w.]+)\}$")
_RENAMED = (
    (".parametrizations.weight.original0", ".weight_g"),
    (".parametrizations.weight.original1", ".weight_v"),
)


def is_codec_file(data: Any) -> bool:
    """Whether a torch file is a compression model as audiocraft exports it."""
    return isinstance(data, Mapping) and isinstance(data.get("best_state"), Mapping) and any(
        str(k).startswith("quantizer.vq.") for k in data["best_state"]
    )  # fmt: skip


def read_config(path: Path, data: Mapping[str, Any]) -> CodecConfig:
    """The codec's options from ``xp.cfg``.

    Raises:
        BadCheckpoint: no readable config, or options this program's codec does not have.
    """
    try:
        config = yaml.safe_load(str(data.get("xp.cfg", "")))
    except yaml.YAMLError as error:
        raise BadCheckpoint(f"xp.cfg in {path} is not YAML ({error}).") from error
    if not isinstance(config, Mapping) or not isinstance(config.get("seanet"), Mapping):
        raise BadCheckpoint(f"{path} has no xp.cfg that describes a SEANet codec.")
    net, rvq = config["seanet"], config.get("rvq") or {}

    def option(section: Mapping[str, Any], key: str, default: Any) -> Any:
        return _resolve(config, section.get(key, default), path)

    fixed = {"norm": "weight_norm", "activation": "ELU", "disable_norm_outer_blocks": 0}
    for key, value in fixed.items():
        if option(net, key, value) != value:
            raise BadCheckpoint(
                f"{path}: seanet.{key} is {option(net, key, value)!r}, not {value!r}."
            )
    encodec = config.get("encodec") or {}
    if option(encodec, "renormalize", False) or option(config, "channels", 1) != 1:
        raise BadCheckpoint(f"{path}: only mono codecs without renormalisation are supported.")
    try:
        return CodecConfig(
            sample_rate=int(option(config, "sample_rate", 16_000)),
            ratios=tuple(int(r) for r in option(net, "ratios", [8, 5, 4, 2])),
            n_filters=int(option(net, "n_filters", 64)),
            dimension=int(option(net, "dimension", 128)),
            n_residual_layers=int(option(net, "n_residual_layers", 1)),
            kernel_size=int(option(net, "kernel_size", 7)),
            last_kernel_size=int(option(net, "last_kernel_size", 7)),
            residual_kernel_size=int(option(net, "residual_kernel_size", 3)),
            dilation_base=int(option(net, "dilation_base", 2)),
            compress=int(option(net, "compress", 2)),
            lstm=int(option(net, "lstm", 2)),
            pad_mode=option(net, "pad_mode", "constant"),
            true_skip=bool(option(net, "true_skip", True)),
            causal=bool(option(net, "causal", False)),
            n_codebooks=int(option(rvq, "n_q", 4)),
            codebook_size=int(option(rvq, "bins", 2048)),
        )
    except (TypeError, ValueError, BadModelFolder) as error:
        raise BadCheckpoint(f"xp.cfg in {path} has an unusable value: {error}.") from error


def codec_source(path: Path, data: Mapping[str, Any]) -> DictSource:
    """The codec's tensors, newer weight-norm names brought to the older ones."""
    tensors = {}
    for name, tensor in data["best_state"].items():
        for new, old in _RENAMED:
            name = name.replace(new, old)
        tensors[str(name)] = tensor
    return DictSource(path, tensors)


def plan_codec(source: TensorSource, wanted: Mapping[str, tuple[int, ...]]) -> dict[str, Planned]:
    """The codec's tensors after checking every key and shape.

    Raises:
        BadCheckpoint: a missing or extra key, or a wrong shape, named.
    """
    names = source.names()
    wrong = [
        f"{n} is {list(source.shape(n))} instead of {list(wanted[n])}"
        for n in names
        if n in wanted and source.shape(n) != tuple(wanted[n])
    ]
    missing = [n for n in wanted if n not in set(names)]
    report_keys(source, missing, [n for n in names if n not in wanted], wrong)

    def plan(name: str) -> Planned:
        return Planned(source.shape(name), source.dtype(name), lambda: source.get(name))

    return {name: plan(name) for name in names}


def _resolve(config: Mapping[str, Any], value: Any, path: Path, depth: int = 0) -> Any:
    """Follow ``${a.b}`` to what it stands for."""
    match = _REFERENCE.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    found: Any = config
    for key in match[1].split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if found is None or depth > 8:
        raise BadCheckpoint(f"xp.cfg in {path} refers to {value}, which it does not have.")
    return _resolve(config, found, path, depth + 1)
