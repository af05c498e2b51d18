"""Iterative parallel decoding: schedule, repeatability, held codes, guidance."""

import dataclasses
import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from vatt_engine import sampling
from vatt_engine.config import AudioModelConfig
from vatt_engine.errors import Cancelled
from vatt_engine.guidance import guided
from vatt_engine.sampling import (
    draw,
    draw_noise,
    follow,
    mask_counts,
    refine,
    sample_codes,
)
from vatt_engine.sound_config import SamplerConfig

K, V, T = 4, 20, 25
SAMPLER = SamplerConfig(steps=6, cfg=2.0, top_k=8)


@dataclass(frozen=True)
class FakeContext:
    bias: Tensor

    def first(self, n: int) -> "FakeContext":
        return FakeContext(self.bias[:n])


class FakeNet:
    """Logits depend on the condition's mean, the position and what is known so far."""

    def __init__(self) -> None:
        self.config = AudioModelConfig(
            codebook_size=V, window_code_frames=T, cond_width=3, n_codebooks=K
        )
        g = torch.Generator().manual_seed(5)
        self.table = torch.randn(K, T, V, generator=g)
        self.seen: list[Tensor] = []
        self.asked: list[Tensor] = []

    def context(
        self,
        cond: Tensor,
        cond_mask: Tensor | None,
        n_frames: int,
        lane: Tensor | None = None,
        drop_cond: Tensor | None = None,
        drop_lane: Tensor | None = None,
    ) -> FakeContext:
        weight = torch.ones(cond.shape[:2]) if cond_mask is None else cond_mask.float()
        mean = (cond.mean(-1) * weight).sum(1) / weight.sum(1)
        if drop_cond is not None:
            mean = mean.masked_fill(drop_cond, 0.0)
        if lane is not None:
            keep = 1.0 if drop_lane is None else (~drop_lane).float()
            mean = mean + lane.mean(dim=(1, 2)) * keep
        return FakeContext(mean)

    def logits(self, codes: Tensor, context: FakeContext) -> Tensor:
        self.seen.append(codes)
        known = (codes != V).float().mean(dim=(1, 2))
        shift = torch.arange(V) * 0.1
        scale = (context.bias + known)[:, None, None, None]
        return self.table[None, :, : codes.shape[-1]] + scale * shift

    def guesses(self, codes: Tensor, context: FakeContext, asked: Tensor) -> list[Tensor]:
        self.asked.append(asked)
        logits = self.logits(codes, context)
        return [logits[:, k][asked[:, k]] for k in range(K)]


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_mask_counts_are_the_published_ones() -> None:
    counts = mask_counts([2000], 16)[:, 0].tolist()
    assert counts == [
        1990, 1961, 1913, 1847, 1763, 1662, 1546, 1414, 1268, 1111, 942, 765, 580, 390, 196, 0
    ]  # fmt: skip


def test_mask_counts_fall_for_every_sample_and_end_at_nothing() -> None:
    counts = mask_counts([100, 7, 1, 0], 5)
    assert counts[-1].tolist() == [0, 0, 0, 0]
    for row, after in itertools.pairwise(counts):
        assert (after <= row).all()
    assert counts[:, 3].tolist() == [0] * 5
    assert counts[0, 1] < 7


def test_mask_ids_shown_to_the_net_follow_the_schedule() -> None:
    net = FakeNet()
    sample_codes(
        net, torch.randn(1, 2, 3), generators=generators(1),
        sampler=dataclasses.replace(SAMPLER, cfg=1.0),
    )  # fmt: skip
    shown = [int((codes == V).sum()) for codes in net.seen]
    assert shown == [K * T, *mask_counts([K * T], 6)[:-1, 0].tolist()]


def test_nothing_stays_masked_and_the_same_seed_gives_the_same_codes() -> None:
    cond = torch.randn(2, 3, 3)
    first = sample_codes(FakeNet(), cond, generators=generators(1, 2), sampler=SAMPLER)
    again = sample_codes(FakeNet(), cond, generators=generators(1, 2), sampler=SAMPLER)
    other = sample_codes(FakeNet(), cond, generators=generators(3, 4), sampler=SAMPLER)
    assert first.shape == (2, K, T)
    assert first.min() >= 0
    assert first.max() < V
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_equals_single_runs() -> None:
    cond = torch.randn(3, 2, 3)
    batch = sample_codes(FakeNet(), cond, generators=generators(7, 8, 9), sampler=SAMPLER)
    for b, seed in enumerate((7, 8, 9)):
        single = sample_codes(
            FakeNet(), cond[b : b + 1], generators=generators(seed), sampler=SAMPLER
        )
        assert torch.equal(batch[b], single[0])


def test_global_seed_is_neither_used_nor_touched() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    sample_codes(FakeNet(), torch.zeros(1, 1, 3), generators=generators(1), sampler=SAMPLER)
    assert torch.equal(torch.get_rng_state(), before)


def test_held_codes_stay_at_every_step() -> None:
    net, cond = FakeNet(), torch.randn(2, 2, 3)
    keep = torch.randint(0, V, (2, K, T))
    held = torch.zeros(2, K, T, dtype=torch.bool)
    held[0, :, :10] = True
    held[1, 2, 5] = True
    codes = sample_codes(
        net, cond, generators=generators(1, 2), sampler=SAMPLER, held=held, held_codes=keep
    )
    assert torch.equal(codes[held], keep[held])
    for seen in net.seen:
        halves = seen.chunk(2)
        assert all(torch.equal(half[held], keep[held]) for half in halves)
    fresh = [int((seen[0] == V).sum()) for seen in net.seen]
    assert fresh[0] == K * (T - 10)


def test_all_held_gives_back_what_was_held() -> None:
    keep = torch.randint(0, V, (1, K, T))
    codes = sample_codes(
        FakeNet(), torch.zeros(1, 1, 3), generators=generators(1), sampler=SAMPLER,
        held=torch.ones(1, K, T, dtype=torch.bool), held_codes=keep,
    )  # fmt: skip
    assert torch.equal(codes, keep)


def test_negative_takes_the_place_of_the_empty_condition() -> None:
    cond, negative = torch.full((1, 2, 3), 0.5), torch.full((1, 4, 3), 3.0)
    g = generators(1)
    empty = sample_codes(FakeNet(), cond, generators=g, sampler=SAMPLER)
    against = sample_codes(
        FakeNet(), cond, generators=generators(1), sampler=SAMPLER, negative=negative
    )
    same = sample_codes(FakeNet(), cond, generators=generators(1), sampler=SAMPLER, negative=cond)
    unguided = sample_codes(
        FakeNet(), cond, generators=generators(1),
        sampler=dataclasses.replace(SAMPLER, cfg=1.0),
    )  # fmt: skip
    assert not torch.equal(empty, against)
    # A condition guided away from itself is that condition (up to rounding of the logits).
    assert (same == unguided).float().mean() > 0.98
    # High entries are what the negative asks for; guidance must avoid them.
    assert against.float().mean() < empty.float().mean()


def test_guidance_of_a_16_bit_net_is_computed_in_32() -> None:
    class Half(FakeNet):
        def logits(self, codes: Tensor, context: FakeContext) -> Tensor:
            return super().logits(codes, context).bfloat16()

    cond, codes = torch.ones(1, 2, 3), torch.full((1, K, T), V)
    half = guided(Half(), cond, None, T, cfg=5.0).logits(codes)
    assert half.dtype == torch.float32
    net = Half()
    null = net.logits(codes, FakeContext(torch.zeros(1))).float()
    full = net.logits(codes, FakeContext(torch.ones(1))).float()
    assert torch.equal(half, null + 5.0 * (full - null))


def test_words_and_lane_are_guided_apart() -> None:
    cond, codes, lane = torch.ones(1, 2, 3), torch.full((1, K, T), V), torch.ones(1, T, 2)
    net = FakeNet()

    def logits(heard: float) -> Tensor:
        return net.logits(codes, FakeContext(torch.tensor([heard])))

    nothing, hit, both = logits(0.0), logits(1.0), logits(2.0)
    for lane_cfg, halves in ((1.0, 2), (4.0, 3), (3.0, 2), (None, 2)):
        net.seen.clear()
        made = guided(net, cond, None, T, lane=lane, cfg=3.0, lane_cfg=lane_cfg).logits(codes)
        strength = 3.0 if lane_cfg is None else lane_cfg
        wanted = nothing + strength * (hit - nothing) + 3.0 * (both - hit)
        assert torch.allclose(made, wanted, atol=1e-5)
        assert len(net.seen[0]) == halves


@pytest.mark.parametrize(("share", "guided_steps"), [(1.0, 6), (0.5, 3), (0.3, 2), (0.01, 1)])
def test_the_first_steps_are_guided_and_the_others_cost_half(
    share: float, guided_steps: int
) -> None:
    net = FakeNet()
    sampler = dataclasses.replace(SAMPLER, guided_share=share)
    sample_codes(net, torch.randn(2, 2, 3), generators=generators(1, 2), sampler=sampler)
    assert [len(seen) for seen in net.seen] == [4] * guided_steps + [2] * (6 - guided_steps)


def test_a_step_that_is_not_guided_hears_words_and_lane() -> None:
    net, codes = FakeNet(), torch.full((2, K, T), V)
    cond, lane = torch.randn(2, 2, 3), torch.randn(2, T, 2)
    plain = guided(net, cond, None, T, lane=lane).logits(codes)
    late = guided(net, cond, None, T, lane=lane, cfg=3.0, lane_cfg=2.0).without(2).logits(codes)
    assert torch.equal(late, plain)


def test_without_a_lane_its_guidance_means_nothing() -> None:
    cond, codes = torch.ones(1, 2, 3), torch.full((1, K, T), V)
    plain = guided(FakeNet(), cond, None, T, cfg=3.0).logits(codes)
    with_lane = guided(FakeNet(), cond, None, T, cfg=3.0, lane_cfg=2.0).logits(codes)
    assert torch.equal(with_lane, plain)


def test_a_negative_prompt_is_guided_apart_from_the_lane_too() -> None:
    cond, negative = torch.full((1, 2, 3), 0.5), torch.full((1, 4, 3), 2.0)
    codes, lane, net = torch.full((1, K, T), V), torch.ones(1, T, 2), FakeNet()

    def logits(heard: float) -> Tensor:
        return net.logits(codes, FakeContext(torch.tensor([heard])))

    made = guided(
        net, cond, None, T, lane=lane, cfg=3.0, lane_cfg=2.0, negative=negative
    ).logits(codes)  # fmt: skip
    wanted = logits(2.0) + 2.0 * (logits(3.0) - logits(2.0)) + 3.0 * (logits(1.5) - logits(3.0))
    assert torch.allclose(made, wanted, atol=1e-5)


def test_coarse_codebooks_can_be_finished_first() -> None:
    net = FakeNet()
    sampler = dataclasses.replace(SAMPLER, cfg=1.0, coarse_first=1000.0)
    sample_codes(net, torch.randn(1, 2, 3), generators=generators(1), sampler=sampler)
    for seen in net.seen:
        unknown = (seen[0] == V).sum(dim=1)
        for coarse, fine in itertools.pairwise(unknown.tolist()):
            assert coarse == 0 or fine == T


def test_only_codes_that_a_step_may_keep_are_asked_for() -> None:
    net = FakeNet()
    sampler = dataclasses.replace(SAMPLER, cfg=1.0, coarse_first=1000.0)
    sample_codes(net, torch.randn(2, 2, 3), generators=generators(1, 2), sampler=sampler)
    after = [*net.seen[1:], None]
    for seen, asked, then in zip(net.seen, net.asked, after, strict=True):
        unknown = seen == V
        kept = unknown if then is None else unknown & (then != V)
        assert not (asked & ~unknown).any()
        assert not (kept & ~asked).any()
        idle = ~(kept.any(dim=2))
        assert not asked[idle].any()


@pytest.mark.parametrize("coarse_first", [0.0, 1.0, 30.0, 90.0, 1000.0])
def test_what_is_not_asked_for_would_have_changed_nothing(
    coarse_first: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cond = torch.randn(3, 2, 3)
    held = torch.zeros(3, K, T, dtype=torch.bool)
    held[1, :, 3:20] = True
    sampler = dataclasses.replace(SAMPLER, mask_temperature=2.0, coarse_first=coarse_first)

    def codes() -> Tensor:
        return sample_codes(
            FakeNet(), cond, generators=generators(7, 8, 9), sampler=sampler,
            held=held, held_codes=torch.ones_like(held, dtype=torch.long),
        )  # fmt: skip

    sparing = codes()
    monkeypatch.setattr(sampling, "_at_work", lambda masked, *_: masked)
    assert torch.equal(sparing, codes())


def test_finer_codebooks_may_be_drawn_hotter() -> None:
    assert dataclasses.replace(SAMPLER, temperature=0.5).temperatures(3) == [0.5, 0.5, 0.5]
    hotter = dataclasses.replace(SAMPLER, temperature=0.5, fine_temperature=1.5)
    assert hotter.temperatures(3) == [0.5, 1.0, 1.5]
    assert hotter.temperatures(1) == [0.5]

    def codes(fine: float | None) -> Tensor:
        sampler = dataclasses.replace(
            SAMPLER, cfg=1.0, coarse_first=1000.0, temperature=0.5, fine_temperature=fine
        )
        cond = torch.zeros(2, 1, 3)
        return sample_codes(FakeNet(), cond, generators=generators(1, 2), sampler=sampler)

    # What was drawn first is as it was; the details are not.
    assert torch.equal(codes(None)[:, 0], codes(30.0)[:, 0])
    assert not torch.equal(codes(None)[:, -1], codes(30.0)[:, -1])


def test_a_lane_is_heard() -> None:
    cond = torch.zeros(1, 1, 3)
    without = sample_codes(FakeNet(), cond, generators=generators(1), sampler=SAMPLER)
    heard = sample_codes(
        FakeNet(), cond, generators=generators(1), sampler=SAMPLER, lane=torch.ones(1, T, 2) * 3
    )
    assert heard.float().mean() > without.float().mean()


def test_progress_is_reported_and_can_cancel() -> None:
    steps: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        steps.append((done, total))
        if done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        sample_codes(
            FakeNet(), torch.zeros(1, 1, 3), generators=generators(1), sampler=SAMPLER,
            on_step=stop,
        )  # fmt: skip
    assert steps == [(1, 6), (2, 6)]


def test_wrong_numbers_of_generators_or_held_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="2 conditions, but 1 generators"):
        sample_codes(FakeNet(), torch.zeros(2, 1, 3), generators=generators(1))
    with pytest.raises(ValueError, match="must both have the shape"):
        sample_codes(
            FakeNet(), torch.zeros(1, 1, 3), generators=generators(1),
            held=torch.ones(1, K, T + 1, dtype=torch.bool),
            held_codes=torch.zeros(1, K, T, dtype=torch.long),
        )  # fmt: skip


def test_draw_follows_the_distribution() -> None:
    p = torch.tensor([0.5, 0.3, 0.15, 0.05])
    u = torch.linspace(0, 1, 10_001)[:-1]
    entries, chances = draw(p.log().expand(10_000, 4), u, top_k=4)
    share = torch.bincount(entries, minlength=4) / 10_000
    assert torch.allclose(share, p, atol=1e-3)
    assert torch.allclose(chances, p[entries], atol=1e-6)


def test_draw_keeps_only_the_top() -> None:
    logits = torch.tensor([0.1, 3.0, 2.0, -1.0]).expand(100, 4)
    u = torch.linspace(0, 1, 101)[:-1]
    assert set(draw(logits, u, top_k=2)[0].tolist()) == {1, 2}
    assert set(draw(logits, u, top_k=4, top_p=0.5)[0].tolist()) == {1}
    assert draw(logits[:1], torch.ones(1), top_k=3, top_p=0.9)[0].item() in {1, 2}


def test_noise_of_a_sample_does_not_depend_on_its_neighbours() -> None:
    both = draw_noise(generators(1, 2), 3, (K, T))
    alone = draw_noise(generators(2), 3, (K, T))
    assert both.shape == (3, 2, 2, K, T)
    assert torch.equal(both[:, :, 1], alone[:, :, 0])
    assert both.min() > 0
    assert both.max() < 1


def test_confident_codes_are_kept_when_the_choice_is_cold() -> None:
    """With no heat the codes the net is surest of survive the first step."""
    logits = torch.zeros(1, 1, 8, 4)
    logits[0, 0, :4, 2] = 20.0
    seen = []

    class Sure:
        def logits(self, codes: Tensor) -> Tensor:
            seen.append(codes)
            return logits

        def guesses(self, codes: Tensor, asked: Tensor) -> list[Tensor]:
            return [self.logits(codes)[:, 0][asked[:, 0]]]

    sampler = SamplerConfig(steps=2, cfg=1.0, mask_temperature=0.0, top_k=4)
    start = torch.full((1, 1, 8), 4)
    refine(Sure(), Sure(), start, 4, draw_noise(generators(1), 2, (1, 8)), sampler)
    assert (seen[1][0, 0, :4] == 2).sum() == 3  # cos(45 deg) * 8: five are masked again
    assert (seen[1][0, 0, 4:] == 4).all()


def test_noise_that_follows_is_uniform_and_changes_slowly() -> None:
    u = draw_noise([torch.Generator().manual_seed(i) for i in range(8)], 3, (2, 400))[:, 0]
    slow = follow(u, 0.9)
    assert slow.shape == u.shape
    assert 0 < float(slow.min()) < 0.05
    assert 0.95 < float(slow.max()) < 1
    assert float(slow.mean()) == pytest.approx(0.5, abs=0.05)
    assert float(slow.var()) == pytest.approx(1 / 12, rel=0.15)
    steps = slow.diff(dim=-1).abs().mean() / u.diff(dim=-1).abs().mean()
    assert float(steps) < 0.5
    # Each sample follows its own noise alone, as with any other noise of the sampler.
    assert torch.equal(follow(u[:, :1], 0.9), slow[:, :1])
    assert torch.allclose(follow(u, 0.0), u, atol=1e-6)
