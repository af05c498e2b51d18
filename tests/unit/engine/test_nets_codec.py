"""EnCodec: lengths, parity with the package's own loops, published numbers of parameters."""

import pytest
import torch

from vatt_engine.nets.building import parameters_on_meta
from vatt_engine.nets.codec import Codec, build_codec
from vatt_engine.sound_config import CodecConfig

SMALL = CodecConfig(n_filters=2, dimension=8, codebook_size=16, lstm=1)


@pytest.fixture(scope="module")
def codec() -> Codec:
    torch.manual_seed(0)
    return build_codec(SMALL).eval().requires_grad_(False)


def test_codes_and_wave_have_exact_lengths(codec: Codec) -> None:
    codes = codec.encode(torch.randn(2, 1, 16_000))
    assert (codes.shape, codes.dtype) == ((2, 4, 50), torch.int64)
    assert codec.decode(codes).shape == (2, 1, 16_000)
    assert codec.encode(torch.randn(1, 1, 321)).shape == (1, 4, 2)
    assert codec(torch.randn(1, 1, 1000)).shape == (1, 1, 1000)


def test_code_vectors_are_rows_of_the_codebooks(codec: Codec) -> None:
    codes = torch.randint(0, 16, (1, 4, 7))
    by_hand = torch.stack([codec.codebooks[k][codes[0, k]] for k in range(4)]).sum(0)
    vectors = codec.quantizer.decode(codes.transpose(0, 1))  # type: ignore[operator]
    assert torch.allclose(vectors[0].T, by_hand, atol=1e-6)


def test_a_batch_equals_single_runs(codec: Codec) -> None:
    codes = torch.randint(0, 16, (3, 4, 25))
    batch = codec.decode(codes)
    for b in range(3):
        assert torch.allclose(batch[b], codec.decode(codes[b : b + 1])[0], atol=1e-5)


def test_mask_ids_and_stereo_are_refused(codec: Codec) -> None:
    with pytest.raises(ValueError, match="within 0 and 15"):
        codec.decode(torch.full((1, 4, 3), 16))
    with pytest.raises(ValueError, match=r"\[B, 1, S\]"):
        codec.encode(torch.zeros(1, 2, 320))


def test_published_size_has_the_published_parameters() -> None:
    with parameters_on_meta():
        codec = build_codec(CodecConfig())
    n = sum(p.numel() for p in codec.parameters())
    assert n == pytest.approx(56.8e6, rel=0.02)
    assert len(codec.state_dict()) == 116
