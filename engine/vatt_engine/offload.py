"""Running the LM on a device that cannot hold it: its layers visit one after the other.

The weights stay in main memory. Each layer is brought to the device just before it runs and let
go of right after, so the device holds one layer at a time; what flows between them stays there.
One pass over a prompt costs one transfer of the weights (Gemma-2B 5 GB, Vicuna-7B 13.5 GB: about
a quarter and three quarters of a second on PCIe 4); writing a caption costs that per text token.
The word embedding is looked up in main memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vatt_engine.nets.converter import Converter


def offload_converter(converter: Converter, device: torch.device) -> None:
    """Keep the LM of ``converter`` in main memory and run it on ``device``.

    The projection of the picture stays on the device: by it the converter knows where it runs.
    """
    llm: Any = converter.llm
    llm.cpu()
    converter.video_proj.to(device)
    embedding = llm.get_input_embeddings()
    embedding.register_forward_pre_hook(lambda _, args: tuple(_to(a, "cpu") for a in args))
    embedding.register_forward_hook(lambda _, __, out: out.to(device))
    for buffer_owner in (llm.model.rotary_emb,):
        buffer_owner.to(device)
    for layer in llm.model.layers:
        _visit(layer, device)
    _visit(llm.model.norm, device)
    _visit(llm.lm_head, device)


def _visit(module: nn.Module, device: torch.device) -> None:
    """Let a module's weights visit the device for the time of each call."""
    at_home: dict[str, Tensor] = {}

    def come(_: nn.Module, __: Any) -> None:
        for name, parameter in module.named_parameters():
            at_home[name] = parameter.data
            parameter.data = parameter.data.to(device, non_blocking=True)

    def go(_: nn.Module, __: Any, ___: Any) -> None:
        for name, parameter in module.named_parameters():
            parameter.data = at_home.pop(name)

    module.register_forward_pre_hook(come)
    module.register_forward_hook(go, always_call=True)


def _to(value: Any, device: str) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value
