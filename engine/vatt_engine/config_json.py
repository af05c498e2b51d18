"""Configs to and from JSON, strictly: every key known, every value of its kind, faults named."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from vatt_engine.config import ModelConfig
from vatt_engine.config_limits import check

T = TypeVar("T")


def config_to_dict(config: Any) -> dict[str, Any]:
    """Plain form of any config, for JSON."""
    return dataclasses.asdict(config)


def config_from_dict(data: Mapping[str, Any]) -> ModelConfig:
    """Read a ``ModelConfig`` back from its plain form.

    Raises:
        BadModelFolder: an unknown or missing key, or a value of the wrong kind; it is named.
    """
    return read_config(ModelConfig, data, "config")


def read_config(kind: type[T], data: Any, where: str) -> T:
    """Read a config of any class back from its plain form.

    Raises:
        BadModelFolder: as for a whole model.
    """
    return typing.cast(T, _read(kind, data, where))


def _read(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(a for a in args if a is not type(None))
        return None if value is None else _read(inner, value, where)
    if dataclasses.is_dataclass(hint):
        check(isinstance(value, Mapping), f"{where} must be an object.")
        hints = get_type_hints(hint)
        unknown = sorted(set(value) - set(hints))
        check(not unknown, f"{where} has unknown keys: {', '.join(map(str, unknown))}.")
        required = {
            f.name
            for f in dataclasses.fields(hint)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        }
        missing = sorted(required - set(value))
        check(not missing, f"{where} lacks: {', '.join(missing)}.")
        read = {k: _read(hints[k], v, f"{where}.{k}") for k, v in value.items()}
        return typing.cast(Any, hint)(**read)
    if origin is Literal:
        check(value in args, f"{where} is {value!r}; allowed: {', '.join(map(str, args))}.")
        return value
    if origin is tuple:
        check(isinstance(value, list | tuple), f"{where} must be a list.")
        n = None if args[-1] is Ellipsis else len(args)
        check(n is None or len(value) == n, f"{where} must have {n} items, not {len(value)}.")
        return tuple(_read(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is not None and issubclass(origin, Mapping):
        check(isinstance(value, Mapping), f"{where} must be an object.")
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    right = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    check(right, f"{where} must be {hint.__name__}, not {value!r:.60}.")
    return value
