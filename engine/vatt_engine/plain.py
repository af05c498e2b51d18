"""Dataclasses from parsed JSON, every field checked against its type hint; standard library only.

Covers the few shapes that the wire uses: numbers, text, tuples, mappings, nested dataclasses, and
any of these or None. Unknown keys are ignored, so that a newer program may say more.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from vatt_engine.errors import BadRequest


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def build(cls: type, body: Mapping[str, Any], where: str) -> Any:
    """An instance of the dataclass ``cls``; ``where`` names the place in errors.

    Raises:
        BadRequest: a field is missing or of the wrong type.
    """
    hints = _hints(cls)
    values = {
        f.name: _convert(hints[f.name], body[f.name], f"{where}.{f.name}")
        for f in dataclasses.fields(cls)
        if f.name in body
    }
    try:
        return cls(**values)
    except TypeError as error:
        raise BadRequest(f"{where}: {error}.") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    """Check ``value`` against a type hint of the few shapes used above, and freeze lists."""
    if hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        (inner,) = (a for a in args if a is not type(None))
        return _convert(inner, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadRequest(f"{where} must be a list, got {type(value).__name__}.")
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
        if len(value) != len(args):
            raise BadRequest(f"{where} must have {len(args)} items, got {len(value)}.")
        return tuple(_convert(a, v, where) for a, v in zip(args, value, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise BadRequest(f"{where} must be an object, got {type(value).__name__}.")
        return {str(k): _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise BadRequest(f"{where} must be an object, got {type(value).__name__}.")
        return build(typing.cast(type, hint), value, where)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise BadRequest(f"{where} must be {hint.__name__}, got {value!r:.80}.")
