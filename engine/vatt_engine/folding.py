"""Batch norms folded into the convolutions before them, for picture encoders on a CPU.

A batch norm that learns no more is one factor and one summand a channel, which the convolution
before it can hold. Pictures are laid out channels last, as CPU kernels for convolutions want
them, and few go through at once. Features differ from the plain encoder's by rounding alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Features = Callable[[Tensor], Tensor]

_AT_ONCE = 4  # maps of more pictures fall out of a CPU's caches: 16 take twice as long each


def folded(backbone: nn.Module) -> Features:
    """What a timm backbone says before its classifier, computed faster.

    Args:
        backbone: in eval mode; it stays as it is, and what is folded does not follow its changes.
    """
    quick = copy.deepcopy(backbone)
    _fold(quick)
    quick.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def features(pictures: Tensor) -> Tensor:
        return torch.cat([few(x) for x in torch.split(pictures, _AT_ONCE)])

    def few(pictures: Tensor) -> Tensor:
        x = pictures.contiguous(memory_format=torch.channels_last)
        maps = quick.forward_features(x)  # type: ignore[operator]
        return quick.forward_head(maps, pre_logits=True)  # type: ignore[no-any-return, operator]

    return features


def _fold(module: nn.Module) -> None:
    """Fold each batch norm of ``module`` into the convolution registered right before it.

    Only timm's norms with an activation are: by its convention they follow that convolution.
    """
    from timm.layers import BatchNormAct2d

    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, BatchNormAct2d) and before and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Sequential(child.drop, child.act))
        else:
            _fold(child)
        before = name, child
