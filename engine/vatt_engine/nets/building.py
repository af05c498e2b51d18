"""Building nets empty, filling them from tensors strictly, and filling them at random.

Big nets are built with their parameters on the ``meta`` device (no memory, no time spent on
random numbers) and get the tensors of the file itself assigned. Buffers that files do not carry
(rotary tables and the like) are computed for real.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from vatt_engine.errors import BadModelFolder


@contextmanager
def parameters_on_meta() -> Iterator[None]:
    """Inside, parameters of new modules take no memory; their buffers are real.

    Torch has no switch for this short of putting buffers on ``meta`` too, so the registration
    of parameters is wrapped for as long as the block lasts. Not for use from two threads. The
    global random state, from which libraries draw weights, is put back afterwards.
    """
    register = nn.Module.register_parameter

    def on_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and parameter.device.type != "meta":
            parameter = nn.Parameter(parameter.to("meta"), parameter.requires_grad)
        register(module, name, parameter)

    nn.Module.register_parameter = on_meta  # type: ignore[method-assign, assignment]
    try:
        with torch.random.fork_rng(devices=()):
            yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


def stored_keys(net: nn.Module, left_out: tuple[str, ...] = ()) -> dict[str, torch.Size]:
    """State-dict keys a file must hold for ``net``, with shapes.

    Args:
        net: built, on meta or not.
        left_out: endings of keys that files need not hold.
    """
    return {k: v.shape for k, v in net.state_dict().items() if not k.endswith(left_out)}


def fill_strictly(
    net: nn.Module, tensors: Mapping[str, Tensor], where: str, left_out: tuple[str, ...] = ()
) -> None:
    """Assign ``tensors`` to ``net``; every key and shape must fit.

    Args:
        net: built under ``parameters_on_meta``.
        tensors: become the net's own, not copied.
        where: named in errors.
        left_out: endings of keys that may be absent; only buffers may be.

    Raises:
        BadModelFolder: a missing or extra key, or a wrong shape; the first few are named.
    """
    state = net.state_dict()
    missing = [k for k in state if k not in tensors and not k.endswith(left_out)]
    extra = [k for k in tensors if k not in state]
    wrong = [
        f"{k} is {list(tensors[k].shape)} instead of {list(state[k].shape)}"
        for k in state
        if k in tensors and tensors[k].shape != state[k].shape
    ]
    for what, names in (("lacks", missing), ("has unknown", extra), ("has wrong sizes:", wrong)):
        if names:
            more = f" and {len(names) - 4} more" if len(names) > 4 else ""
            raise BadModelFolder(
                f"{where} {what} {', '.join(names[:4])}{more}.",
                "The file does not belong to this model; fetch or import the model again.",
            )
    net.load_state_dict(dict(tensors), strict=False, assign=True)


def fill_random(net: nn.Module, generator: torch.Generator, left_out: tuple[str, ...] = ()) -> None:
    """Give a net built on meta random weights that keep signals at about unit size.

    Depends on names and shapes only, not on the libraries' own initialisation, so that the same
    seed makes the same net with any version of them.
    """
    tensors: dict[str, Tensor] = {}
    for key, old in net.state_dict().items():
        if key.endswith(left_out) or not old.is_floating_point():
            continue
        if old.ndim >= 2 and not key.endswith("weight_g"):
            fan_in = old[0].numel() if old.ndim > 1 else 1
            tensors[key] = torch.randn(old.shape, generator=generator) * fan_in**-0.5
        elif key.endswith(("weight", "weight_g", "running_var", "inited")):
            tensors[key] = torch.ones(old.shape)
        else:
            tensors[key] = torch.zeros(old.shape)
    net.load_state_dict(tensors, strict=False, assign=True)
