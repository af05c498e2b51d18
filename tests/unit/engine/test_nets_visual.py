"""Visual encoders of both libraries: preprocessing, strict weights, no downloads."""

import pytest
import torch
from safetensors.torch import load_file

from vatt_engine.config import VisualConfig
from vatt_engine.folding import folded
from vatt_engine.model_library import find_model
from vatt_engine.nets.building import fill_strictly, parameters_on_meta
from vatt_engine.nets.visual import TRAINING_ONLY, VisualEncoder, build_visual
from vatt_engine.presets import preset

LITE0 = VisualConfig(
    kind="timm",
    architecture="tf_efficientnet_lite0",
    image_size=224,
    width=1280,
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
)


@pytest.fixture(scope="module")
def tiny() -> VisualEncoder:
    torch.manual_seed(0)
    return build_visual(preset("tiny").visual).eval().requires_grad_(False)


def test_any_picture_size_gives_one_feature_each(tiny: VisualEncoder) -> None:
    for shape in ((32, 32), (90, 160), (200, 64), (10, 11)):
        features = tiny(torch.randint(0, 256, (2, 3, *shape), dtype=torch.uint8))
        assert (features.shape, features.dtype) == ((2, tiny.width), torch.float32)


def test_a_picture_of_the_right_size_is_only_normalised(tiny: VisualEncoder) -> None:
    images = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8)
    mean = torch.tensor(tiny.config.mean).view(3, 1, 1)
    std = torch.tensor(tiny.config.std).view(3, 1, 1)
    assert torch.allclose(tiny.prepare(images)[0], (images[0] / 255 - mean) / std)


def test_the_middle_of_a_wide_picture_is_seen(tiny: VisualEncoder) -> None:
    wide = torch.zeros(1, 3, 64, 256, dtype=torch.uint8)
    wide[..., 112:144] = 255
    seen = tiny.prepare(wide)[0, 0]
    assert seen.shape == (32, 32)
    assert seen[16, 16] > 1
    assert seen[16, 0] < 0


def test_features_do_not_depend_on_the_batch(tiny: VisualEncoder) -> None:
    images = torch.randint(0, 256, (3, 3, 48, 64), dtype=torch.uint8)
    assert torch.allclose(tiny(images)[1], tiny(images[1:2])[0], atol=1e-5)


def test_folding_changes_rounding_alone_and_leaves_the_encoder_as_it_is() -> None:
    torch.manual_seed(0)
    net = build_visual(LITE0).eval().requires_grad_(False)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                assert tensor is not None
                tensor.add_(torch.rand_like(tensor) * 0.2)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    images = torch.randint(0, 256, (2, 3, 96, 128), dtype=torch.uint8)
    with torch.inference_mode():
        plain = net(images)
        net.quick = folded(net.backbone)
        quick = net(images)
    assert torch.allclose(quick, plain, rtol=1e-4, atol=1e-4 * float(plain.abs().max()))
    after = net.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[k], v) for k, v in before.items())


def test_floats_and_grey_pictures_are_refused(tiny: VisualEncoder) -> None:
    with pytest.raises(ValueError, match="Wanted bytes"):
        tiny(torch.zeros(1, 3, 32, 32))
    with pytest.raises(ValueError, match="Wanted bytes"):
        tiny(torch.zeros(1, 1, 32, 32, dtype=torch.uint8))


def test_published_backbone_is_known_and_has_its_size() -> None:
    with parameters_on_meta():
        net = build_visual(VisualConfig())
    assert net.image_size == 336
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(304e6, rel=0.02)
    assert not any(b.is_meta for b in net.buffers())


def test_unknown_architectures_are_named() -> None:
    with pytest.raises(ValueError, match="EVA03"):
        build_visual(VisualConfig(architecture="EVA03"))
    with pytest.raises(ValueError, match="efficientnet_lite9"):
        build_visual(VisualConfig(kind="timm", architecture="efficientnet_lite9"))


def test_bundled_backbone_loads_strictly_and_tells_classes() -> None:
    with parameters_on_meta():
        net = build_visual(LITE0)
    tensors = load_file(find_model("vatt-mini") / "visual.safetensors")
    fill_strictly(net, {k: v.float() for k, v in tensors.items()}, "lite0", TRAINING_ONLY)
    features = net.eval()(torch.full((1, 3, 224, 224), 127, dtype=torch.uint8))
    assert features.shape == (1, 1280)
    assert net.prepare(torch.full((1, 3, 224, 224), 127, dtype=torch.uint8)).abs().max() < 1e-6
    assert net.class_logits(features).shape == (1, 1000)
