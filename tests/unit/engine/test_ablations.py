"""Small experiments: masks, the causal net, lanes that are moved, plans, tables in a document."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vatt_engine.config import AudioModelConfig
from vatt_engine.errors import BadRequest
from vatt_engine.sound_config import SamplerConfig
from vatt_engine.training.ablations import tables
from vatt_engine.training.ablations.nets import CausalAudioModel, sample_frames
from vatt_engine.training.ablations.plan import Plan, read_plan
from vatt_engine.training.ablations.results import Results, results_of
from vatt_engine.training.ablations.small import losses
from vatt_engine.training.ablations.trained import moved, read_trained, shifted
from vatt_engine.training.audio_config import MaskLossConfig
from vatt_engine.training.audio_data import Clip
from vatt_engine.training.audio_loss import mask_ratios

K, V, T, E = 2, 8, 12, 8
SHIPPED = Path(__file__).parents[3] / "configs" / "ablations.toml"


def causal_net(seed: int = 0) -> CausalAudioModel:
    """A net of two layers that hears a lane and is tinted, with nothing left at zero."""
    torch.manual_seed(seed)
    config = AudioModelConfig(
        width=16, n_encoder_layers=1, n_decoder_layers=1, n_heads=2, head_dim=8, cond_width=E,
        n_codebooks=K, codebook_size=V, codebook_dim=6, window_code_frames=50, n_positions=80,
        lane_width=2, close_condition=True, tint_rank=4, dropout=0.0,
    )  # fmt: skip
    net = CausalAudioModel(config, torch.randn(K, V, 6))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return net.eval()


def heard(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """States, of which the last is padding in the first example; their mask; a lane."""
    generator = torch.Generator().manual_seed(5)
    mask = torch.ones(batch, 4, dtype=torch.bool)
    mask[0, -1] = False
    return torch.randn(batch, 4, E, generator=generator), mask, torch.zeros(batch, T, 2)


@pytest.mark.parametrize(
    ("kind", "least", "most", "mean"),
    [("truncated_normal", 0.5, 1.0, 0.75), ("fixed", 0.75, 0.75, 0.75),
     ("uniform", 0.02, 1.0, 0.51), ("arccos", 0.02, 1.0, 0.637)],
)  # fmt: skip
def test_mask_ratios_have_the_range_and_mean_of_their_kind(
    kind: Any, least: float, most: float, mean: float
) -> None:
    bounds = (0.5, 1.0) if kind in ("truncated_normal", "fixed") else (0.02, 1.0)
    config = MaskLossConfig(mask=kind, mask_range=bounds)
    ratios = mask_ratios(4000, config, torch.Generator().manual_seed(1))
    assert least - 1e-6 <= float(ratios.min()) <= float(ratios.max()) <= most
    assert float(ratios.mean()) == pytest.approx(mean, abs=0.02)


def test_a_moving_mask_ratio_goes_from_one_mean_to_the_other() -> None:
    config = MaskLossConfig(
        mask="moving", mask_mean=0.3, mask_mean_end=0.9, mask_spread=0.01, mask_range=(0.01, 1.0)
    )
    generator = torch.Generator().manual_seed(1)
    means = [float(mask_ratios(500, config, generator, p).mean()) for p in (0.0, 0.5, 1.0)]
    assert means == pytest.approx([0.3, 0.3 + 0.6 * 0.5**0.5, 0.9], abs=0.01)


def test_a_causal_net_hears_no_code_of_its_own_frame_or_later() -> None:
    net, (states, mask, lane) = causal_net(), heard()
    context = net.context(states, mask, T, lane)
    codes = torch.randint(0, V, (2, K, T), generator=torch.Generator().manual_seed(2))
    changed = codes.clone()
    changed[:, :, 5] = (changed[:, :, 5] + 1) % V
    before, after = net.logits(codes, context), net.logits(changed, context)
    assert torch.equal(before[:, :, :6], after[:, :, :6])
    assert not torch.allclose(before[:, :, 6], after[:, :, 6])


def test_going_frame_by_frame_gives_what_the_whole_sequence_gives() -> None:
    net, (states, mask, lane) = causal_net(), heard()
    context = net.context(states, mask, T, lane)
    codes = torch.randint(0, V, (2, K, T), generator=torch.Generator().manual_seed(2))
    whole = net.logits(codes, context)
    past = net.begin(context)
    before = torch.full((2, K), net.config.mask_id)
    for t in range(T):
        step = net.advance(before, context, past, t)
        torch.testing.assert_close(step, whole[:, :, t], atol=1e-4, rtol=1e-3)
        before = codes[..., t]


def test_a_frame_by_frame_take_follows_its_seed_alone() -> None:
    net, (states, mask, lane) = causal_net(), heard()
    sampler = SamplerConfig(cfg=2.0, top_k=V)

    def take(rows: slice) -> Tensor:
        generators = [torch.Generator().manual_seed(i) for i in range(2)][rows]
        return sample_frames(
            net, states[rows], mask[rows], generators=generators, n_frames=T, lane=lane[rows],
            sampler=sampler,
        )  # fmt: skip

    both = take(slice(0, 2))
    assert both.shape == (2, K, T)
    assert int(both.max()) < V
    assert torch.equal(both[1:], take(slice(1, 2)))


def test_losses_know_what_a_causal_net_can_be_asked(tmp_path: Path) -> None:
    net = causal_net()
    rng = torch.Generator().manual_seed(3)
    codes = torch.randint(0, V, (45, K), generator=rng).numpy().astype("int16")
    pictures = torch.randn(3, E, generator=rng).numpy().astype("float16")
    lane = torch.zeros(45, 2).numpy().astype("float16")
    clips = [Clip(codes, lane, pictures, ("a knock",), ("door",), "film")] * 3

    class Told:
        def states(self, video: Tensor, prompts: list[str | None]) -> tuple[Tensor, Tensor]:
            return video[:, ::5], torch.ones(len(video), video.shape[1] // 5, dtype=torch.bool)

    plan = read_plan(SHIPPED)
    found = losses(net, Told(), clips, plan.listening, 15)
    assert set(found) == {"next frame"}
    assert len(found["next frame"]) == 3


def test_a_moved_hit_is_one_with_room_and_the_others_stay() -> None:
    lane = torch.zeros(100, 2)
    lane[[10, 20, 60], 0] = torch.tensor([0.5, 0.6, 0.7])
    found = moved(lane, 200, 50)
    assert found is not None
    edited, old_s, new_s = found
    assert (old_s, new_s) == pytest.approx((1.21, 1.41))
    assert edited[:, 0].nonzero().flatten().tolist() == [10, 20, 70]
    assert float(edited[70, 0]) == pytest.approx(0.7)
    crowded = torch.zeros(20, 2)
    crowded[::5, 0] = 1
    assert moved(crowded, 200, 50) is None


def test_a_shifted_lane_loses_what_leaves_it() -> None:
    lane = torch.arange(1.0, 6.0)[:, None].expand(5, 2)
    assert shifted(lane, 40, 50)[:, 0].tolist() == [0, 0, 1, 2, 3]
    assert shifted(lane, -40, 50)[:, 0].tolist() == [3, 4, 5, 0, 0]


def test_the_shipped_plan_varies_what_its_runs_say() -> None:
    plan = read_plan(SHIPPED)
    runs = {v.name: v for v in plan.variations}
    assert runs["mask-uniform"].training.loss.mask == "uniform"
    assert runs["ours"].training.loss.mask == "truncated_normal"
    assert runs["no-lane"].training.model.lane_width == 0
    assert runs["causal"].net == "causal"
    folders = {v.training.run.folder for v in plan.variations}
    assert len(folders) == len(plan.variations)


@pytest.mark.parametrize(
    ("change", "says"),
    [(('"run.seed" = 2', '"runs.seed" = 2'), "runs.seed is of no section"),
     (('"run.seed" = 2', '"run.sede" = 2'), "sede"),
     (('name = "ours-2"', 'name = "ours"'), "one name"),
     (("[listening]", "[listen]"), "unknown keys: listen")],
)  # fmt: skip
def test_a_plan_with_a_slip_is_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "plan.toml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(BadRequest, match=says):
        read_plan(path)


def take_row(family: str, matched: int) -> dict[str, Any]:
    """A take of three hits, as results keep it."""
    return {
        "onsets": [4, 3, matched], "floor": [96, 72, 10], "lag_s": 0.01, "family": family,
        "closeness": 0.5, "level_db": -30.0, "clipped": False,
    }  # fmt: skip


def small_plan(tmp_path: Path) -> Plan:
    plan = read_plan(SHIPPED)
    return dataclasses.replace(
        plan, folder=str(tmp_path / "runs"), document=str(tmp_path / "notes.md")
    )


def test_tables_take_their_places_and_leave_the_rest_of_the_document(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    results = results_of(plan, "small")
    results.add({"run": "truth", "takes": [take_row("knock", 3)] * 3, "families": ["knock"] * 3})
    for name, shift in (("ours", 0.0), ("mask-fixed", 0.5)):
        values = [4.0 + shift, 4.2 + shift, 4.4 + shift]
        results.add(
            {"run": name, "takes": [take_row("knock", 2), take_row("", 0), take_row("drip", 1)],
             "losses": {"hidden": values, "blind": values, "next frame": values}}
        )  # fmt: skip
    document = Path(plan.document)
    document.write_text(
        "before\n<!-- table: masks -->\nold\n<!-- end -->\nbetween\n"
        "<!-- table: steps -->\nnot asked yet\n<!-- end -->\nafter\n"
    )
    tables.write(plan)
    text = document.read_text()
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("between\n<!-- table: steps -->\nnot asked yet\n<!-- end -->\nafter\n")
    fixed = next(line for line in text.splitlines() if "always 0.75" in line)
    assert "4.700 (+0.500 to +0.500)" in fixed
    assert "1 of 3" in fixed
    once = text
    tables.write(plan)
    assert document.read_text() == once


def test_a_result_made_anew_takes_the_old_ones_place(tmp_path: Path) -> None:
    results = Results(tmp_path / "r" / "small.jsonl")
    for row in ({"run": "a", "n": 1}, {"run": "b", "n": 2}, {"run": "a", "n": 3}):
        results.add(row)
    lines = (tmp_path / "r" / "small.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"run": "a", "n": 3}, {"run": "b", "n": 2}]


def test_a_run_that_goes_on_can_be_asked_by_its_checkpoint(tmp_path: Path) -> None:
    from vatt_engine.nets.audio_model import AudioModel
    from vatt_engine.training import checkpoint

    config = causal_net().config
    net = AudioModel(config)
    state = {"step": 7, "config": {"model": dataclasses.asdict(config)}}
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, checkpoint.with_prefix("average", net.state_dict()), state)
    found, step = read_trained(path)
    assert step == 7
    assert found.config == config
    assert torch.equal(found.heads.weight, net.heads.weight)
