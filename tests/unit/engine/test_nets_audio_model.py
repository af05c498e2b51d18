"""VATT Audio: what a position can see, layouts, padding, lane, fused against plain attention."""

import dataclasses

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from vatt_engine.config import AudioModelConfig, Layout
from vatt_engine.memory import audio_parameters
from vatt_engine.nets.audio_model import AudioModel, position_table, with_tails
from vatt_engine.nets.transformer import Neighbours, alibi_bias

T, L, E = 12, 5, 8


def make(
    layout: Layout = "aligned",
    lane_width: int = 0,
    lane_tails: tuple[float, ...] = (),
    close_condition: bool = False,
    tint_rank: int = 0,
    neighbours: int = 0,
) -> AudioModel:
    config = AudioModelConfig(
        width=32,
        n_encoder_layers=2,
        n_decoder_layers=2,
        n_heads=2,
        head_dim=16,
        cond_width=E,
        codebook_size=10,
        codebook_dim=6,
        window_code_frames=T,
        n_positions=40,
        layout=layout,
        lane_width=lane_width,
        lane_tails=lane_tails,
        close_condition=close_condition,
        tint_rank=tint_rank,
        neighbours=neighbours,
    )
    torch.manual_seed(0)
    return AudioModel(config, torch.randn(4, 10, 6)).eval()


def inputs(batch: int = 2, n_cond: int = L) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    codes = torch.randint(0, 11, (batch, 4, T), generator=g)
    return codes, torch.randn(batch, n_cond, E, generator=g)


def test_every_output_sees_every_real_state_and_no_padding() -> None:
    net = make()
    codes, cond = inputs()
    cond.requires_grad_()
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    net(codes, cond, mask)[:, :, 0].sum().backward()
    assert cond.grad is not None
    seen = cond.grad.abs().sum(dim=-1) > 0
    assert torch.equal(seen, mask)


def test_context_is_heard_before_and_after() -> None:
    """Changing one code changes the logits of every code frame: attention is bidirectional."""
    net = make()
    codes, cond = inputs(1)
    other = codes.clone()
    other[0, 0, 6] = (other[0, 0, 6] + 1) % 10
    with torch.no_grad():
        changed = (net(codes, cond) - net(other, cond)).abs().amax(dim=(0, 1, 3)) > 0
    assert changed.all()


def test_a_close_condition_is_padded_and_dropped_like_any_other() -> None:
    net = make(close_condition=True)
    codes, cond = inputs(2)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    with torch.no_grad():
        batch = net(codes, cond, mask)
        single = net(codes[1:], cond[1:, :2])
        assert torch.allclose(batch[1], single[0], atol=1e-5)
        drop = torch.tensor([True, True])
        assert torch.equal(net(codes, cond, drop_cond=drop), net(codes, cond + 1, drop_cond=drop))


def test_tints_bend_code_frames_by_the_condition_and_start_as_if_they_were_not_there() -> None:
    net, plain = make(close_condition=True, tint_rank=3), make(close_condition=True)
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if "tints" not in k})
    codes, cond = inputs(2)
    with torch.no_grad():
        assert torch.equal(net(codes, cond), plain(codes, cond))
        assert net.tints is not None
        net.tints.up.weight.normal_()
        context = net.context(cond, None, T)
        assert context.tints is not None
        assert context.tints.shape == (2, 4, 2, 32)
        assert not torch.allclose(context.tints[0], context.tints[1])
        # All that differs between these two is what the layers are bent by.
        other = dataclasses.replace(context, tints=context.tints.flip(0))
        assert not torch.allclose(net.head_logits(codes, context), net.head_logits(codes, other))
        drop = torch.tensor([True, True])
        dropped = net.context(cond, None, T, drop_cond=drop).tints
        assert dropped is not None
        assert torch.equal(dropped[0], dropped[1])


@pytest.mark.parametrize("masked", [False, True])
def test_the_context_of_the_first_samples_is_that_of_a_smaller_batch(masked: bool) -> None:
    net = make(lane_width=2, close_condition=True, tint_rank=3)
    codes, cond = inputs(3)
    lane = torch.randn(3, T, 2)
    mask = torch.tensor([[True] * L, [True] * 2 + [False] * (L - 2), [True] * L])
    with torch.no_grad():
        whole = net.context(cond, mask if masked else None, T, lane)
        alone = net.context(cond[:2], mask[:2] if masked else None, T, lane[:2])
        heard = net.head_logits(codes[:2], whole.first(2))
        assert torch.allclose(heard, net.head_logits(codes[:2], alone), atol=1e-5)


def test_neighbours_tell_before_from_after_and_start_as_if_they_were_not_there() -> None:
    net, plain = make(neighbours=2), make()
    plain.load_state_dict({k: v for k, v in net.state_dict().items() if "neighbours" not in k})
    codes, cond = inputs(1)
    with torch.no_grad():
        assert torch.equal(net(codes, cond), plain(codes, cond))
        near = net.neighbours[0]
        assert isinstance(near, Neighbours)
        near.mix.weight.normal_()
        x = torch.randn(1, L + T, 32)
        moved = x.clone()
        moved[0, L + 6, 3] += 1
        change = (near(moved, L) - moved - near(x, L) + x)[0]
        heard = torch.arange(L + T)
        assert torch.equal(change.abs().amax(dim=-1) > 1e-6, (heard >= L + 4) & (heard <= L + 8))
        before, after = change[L + 5], change[L + 7]
        assert torch.cosine_similarity(before, after, dim=0) < 0.9


def test_the_far_end_hears_a_close_condition_as_well_as_the_near_one() -> None:
    """The published bias lets the condition fade with distance; a close one has none."""
    cond = torch.randn(1, L, E)
    bias = make(close_condition=True).context(cond, None, T).bias
    assert (bias[..., :L, L:] == 0).all()
    assert (bias[..., L:, :L] == 0).all()
    assert bias[0, 0, L, L + 3] == pytest.approx(-3 * 2**-4)
    far = make().context(cond, None, T).bias
    assert far[0, 0, -1, 0] < far[0, 0, L, 0] < 0


def test_hits_are_known_around_their_frame_by_strength_and_presence() -> None:
    lane = torch.zeros(1, 9, 2)
    lane[0, 4, 0], lane[0, 2, 1] = 0.5, 0.7
    heard = with_tails(lane, (2.0, -1.0))
    assert heard.shape == (1, 9, 2 + 2 + 4)
    assert torch.equal(heard[..., :2], lane)
    assert heard[0, 4, 2:].tolist() == [0.5, 1.0, 0.5, 1.0, 0.5, 1.0]
    # Behind the hit the first trail has died away by e in two frames; the second led up to it.
    assert heard[0, 6, 4:].tolist() == pytest.approx([0.5 / torch.e, 1 / torch.e, 0, 0])
    assert heard[0, 3, 4:].tolist() == pytest.approx([0, 0, 0.5 / torch.e, 1 / torch.e])


def test_weights_are_counted_as_they_are() -> None:
    net = make(lane_width=2, lane_tails=(2.0, 6.0), close_condition=True, tint_rank=3)
    assert audio_parameters(net.config) == sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("layout", ["aligned", "official"])
def test_guesses_are_the_logits_of_the_asked_codes(layout: Layout) -> None:
    net = make(layout)
    codes, cond = inputs()
    asked = torch.rand(codes.shape, generator=torch.Generator().manual_seed(2)) < 0.3
    asked[:, 2] = False
    with torch.no_grad():
        context = net.context(cond, None, T)
        logits = net.logits(codes, context)
        guesses = net.guesses(codes, context, asked)
    assert [len(g) for g in guesses] == asked.sum(dim=(0, 2)).tolist()
    for k, guess in enumerate(guesses):
        assert torch.allclose(guess, logits[:, k][asked[:, k]], atol=1e-5)


def test_fused_attention_equals_the_plain_formula() -> None:
    net = make()
    codes, cond = inputs()
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()
    with torch.no_grad():
        fused = net(codes, cond, mask)
        net.set_plain(True)
        plain = net(codes, cond, mask)
    assert torch.allclose(fused, plain, atol=1e-5)


def test_bfloat16_stays_close_to_the_reference() -> None:
    net = make()
    codes, cond = inputs()
    with torch.no_grad():
        exact = net(codes, cond).softmax(-1)
        rough = net.bfloat16()(codes, cond).float().softmax(-1)
    assert (exact - rough).abs().max() < 1e-2


def test_a_padded_batch_equals_single_runs() -> None:
    net = make()
    codes, cond = inputs(3)
    lengths = (5, 3, 1)
    mask = torch.arange(L) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        batch = net(codes, cond, mask)
        for b, n in enumerate(lengths):
            single = net(codes[b : b + 1], cond[b : b + 1, :n])
            assert torch.allclose(batch[b], single[0], atol=1e-5)


def test_padding_in_the_middle_takes_no_place_unless_counted() -> None:
    net = make()
    codes, cond = inputs(1)
    mask = torch.tensor([[1, 1, 0, 0, 1]]).bool()
    with torch.no_grad():
        compact = net(codes, cond, mask)
        packed = net(codes, cond[mask][None])
        context = net.context(cond, mask, T, count_padding=True)
        counted = net.logits(codes, context)
    assert torch.allclose(compact, packed, atol=1e-5)
    assert not torch.allclose(counted, packed, atol=1e-3)


def test_dropped_condition_is_nothing_and_differs_per_sample() -> None:
    net = make()
    codes, cond = inputs()
    drop = torch.tensor([True, False])
    with torch.no_grad():
        mixed = net(codes, cond, drop_cond=drop)
        other = net(codes, cond * 2 + 1, drop_cond=drop)
        kept = net(codes, cond)
    assert torch.equal(mixed[0], other[0])
    assert not torch.allclose(mixed[1], other[1])
    assert torch.allclose(mixed[1], kept[1], atol=1e-6)


def test_official_layout_maps_heads_to_codes_as_the_reference_says() -> None:
    net = make("official")
    heads = torch.arange(4 * T).view(1, 4, T, 1).float()
    by_code = net.by_code(heads)[0, :, :, 0]
    for c in range(4):
        for f in range(T):
            p = 4 * f + c
            assert by_code[c, f] == heads[0, p // T, p % T, 0]


def test_official_layout_serves_its_window_only() -> None:
    net = make("official")
    codes, cond = inputs(1)
    with pytest.raises(ValueError, match="takes 12 code frames, not 8"):
        net(codes[..., :8], cond)


def test_too_long_a_sequence_is_refused() -> None:
    net = make()
    with pytest.raises(ValueError, match="exceed 40 positions"):
        net(torch.zeros(1, 4, 36, dtype=torch.long), torch.zeros(1, L, E))


def test_a_new_lane_changes_nothing_until_trained() -> None:
    net = make(lane_width=2)
    codes, cond = inputs()
    lane = torch.rand(2, T, 2)
    with torch.no_grad():
        assert torch.equal(net(codes, cond, lane=lane), net(codes, cond))
        net.get_parameter("lane_proj.2.weight").normal_()
        heard, silent = net(codes, cond, lane=lane), net(codes, cond)
        assert not torch.allclose(heard, silent)
        dropped = net(codes, cond, lane=lane, drop_lane=torch.tensor([True, False]))
    assert torch.allclose(dropped[0], silent[0], atol=1e-6)
    assert torch.allclose(dropped[1], heard[1], atol=1e-6)


def test_a_lane_for_a_model_without_one_is_refused() -> None:
    codes, cond = inputs(1)
    with pytest.raises(ValueError, match="no sync lane"):
        make()(codes, cond, lane=torch.zeros(1, T, 2))
    with pytest.raises(ValueError, match="A lane of shape"):
        make(lane_width=2)(codes, cond, lane=torch.zeros(1, T - 1, 2))


def test_code_embedding_sums_codebook_rows_and_the_mask_row() -> None:
    net = make()
    codes = torch.tensor([3, 10, 0, 9]).view(1, 4, 1)
    rows = net.codebooks[0, 3] + net.mask_rows[1] + net.codebooks[2, 0] + net.codebooks[3, 9]
    assert torch.allclose(net.embed_codes(codes)[0, 0], net.code_proj(rows), atol=1e-6)


def test_alibi_is_symmetric_and_falls_with_the_published_slopes() -> None:
    bias = alibi_bias(torch.arange(4)[None], 16)
    assert torch.allclose(bias, bias.transpose(-1, -2))
    assert bias[0, 0, 0, 1].item() == pytest.approx(-(2**-0.5))
    assert bias[0, 15, 0, 3].item() == pytest.approx(-3 * 2**-8)


def test_position_table_has_sines_then_cosines() -> None:
    table = position_table(10, 8)
    assert torch.equal(table[0], torch.tensor([0.0] * 4 + [1.0] * 4))
    assert table[3, 1].item() == pytest.approx(torch.sin(torch.tensor(3 * 10_000**-0.25)).item())


def test_masked_cross_entropy_trains() -> None:
    net = make().train()
    codes, cond = inputs()
    target = codes.clamp(max=9)
    masked = torch.full_like(codes, 10)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        loss = cross_entropy(net(masked, cond).flatten(0, 2), target.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
