"""Visual encoder: video frames to feature vectors, over open_clip or timm.

Pictures come as the decoder gives them, bytes of any size; resizing and normalising belong to
the net, because every backbone wants its own. Nothing is ever downloaded: backbones are built
empty and filled from a model folder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vatt_engine.config import VisualConfig

# Batch-norm step counters serve training only; weight files often leave them out.
TRAINING_ONLY = ("num_batches_tracked",)


class VisualEncoder(nn.Module):
    """A backbone with the preprocessing it was trained with."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: VisualConfig, backbone: nn.Module) -> None:
        super().__init__()
        self.config = config
        self.backbone = backbone
        # Set by ``model_folder``: a faster way from prepared pictures to features.
        self.quick: Callable[[Tensor], Tensor] | None = None
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(config.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(shape), persistent=False)

    @property
    def image_size(self) -> int:
        """Side of the square picture the backbone sees; smaller input is enlarged."""
        return self.config.image_size

    @property
    def width(self) -> int:
        """D, length of a feature vector."""
        return self.config.width

    def prepare(self, images: Tensor) -> Tensor:
        """Normalised float pictures [B, 3, size, size] from bytes [B, 3, H, W].

        The shorter side is brought to ``image_size`` (bicubic, antialiased), then the middle is
        cut out, as CLIP does.
        """
        if images.ndim != 4 or images.shape[1] != 3 or images.dtype != torch.uint8:
            raise ValueError(
                f"Wanted bytes [B, 3, H, W], got {images.dtype} {tuple(images.shape)}."
            )
        size, (height, width) = self.image_size, images.shape[2:]
        x = images.to(self.mean.device).float()
        if (height, width) != (size, size):
            scale = size / min(height, width)
            target = (max(size, round(height * scale)), max(size, round(width * scale)))
            x = F.interpolate(x, target, mode="bicubic", antialias=True).clamp(0, 255)
            top, left = (target[0] - size) // 2, (target[1] - size) // 2
            x = x[..., top : top + size, left : left + size]
        return (x / 255 - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, D] float32, not normalised, of bytes [B, 3, H, W]."""
        x = self.prepare(images).to(next(self.backbone.parameters()).dtype)
        read = self._features if self.quick is None else self.quick
        return read(x).float()

    def _features(self, pictures: Tensor) -> Tensor:
        """Features of prepared pictures [B, 3, size, size]."""
        if self.config.kind != "timm":
            return self.backbone(pictures)  # type: ignore[no-any-return]
        maps = self.backbone.forward_features(pictures)  # type: ignore[operator]
        return self.backbone.forward_head(maps, pre_logits=True)  # type: ignore[no-any-return, operator]

    def class_logits(self, features: Tensor) -> Tensor:
        """What a classifying backbone (timm) makes of features [B, D]: logits [B, classes]."""
        if self.config.kind != "timm":
            raise ValueError(f"{self.config.architecture} has no classes.")
        head = self.backbone.get_classifier()  # type: ignore[operator]
        return head(features.to(head.weight.dtype)).float()  # type: ignore[no-any-return]


def build_visual(config: VisualConfig) -> VisualEncoder:
    """A visual encoder with random weights.

    Raises:
        ValueError: the library knows no such architecture.
    """
    build = _timm_backbone if config.kind == "timm" else _open_clip_backbone
    return VisualEncoder(config, build(config))


def _timm_backbone(config: VisualConfig) -> nn.Module:
    import timm

    if not timm.is_model(config.architecture):
        raise ValueError(f"timm knows no architecture {config.architecture!r}.")
    return timm.create_model(config.architecture, pretrained=False)  # type: ignore[no-any-return]


def _open_clip_backbone(config: VisualConfig) -> nn.Module:
    """Only the picture half of a CLIP; its text half would double the memory for nothing."""
    import open_clip
    from open_clip.model import _build_vision_tower

    if config.vision:
        known: dict[str, Any] | None = {
            "embed_dim": config.width,
            "vision_cfg": dict(config.vision),
        }
    else:
        known = open_clip.get_model_config(config.architecture)
    if known is None:
        raise ValueError(f"open_clip knows no architecture {config.architecture!r}.")
    trunk = known["vision_cfg"].get("timm_model_name")
    if trunk is not None:
        import timm

        if not timm.is_model(trunk):  # a hub address, say, which would be looked up on the network
            raise ValueError(f"timm knows no architecture {trunk!r}.")
    vision: dict[str, object] = {**known["vision_cfg"], "timm_model_pretrained": False}
    tower: nn.Module = _build_vision_tower(
        known["embed_dim"], vision, quick_gelu=known.get("quick_gelu", False)
    )
    return tower
