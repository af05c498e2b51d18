"""The published-size benchmark: its arithmetic, its options, a run at the smallest size."""

import json

import pytest

from vatt_engine import bench_published as module
from vatt_engine.bench_published import bench_published, run_published, sampler_flops
from vatt_engine.errors import BadRequest
from vatt_engine.messages import Bench
from vatt_engine.presets import preset


def quiet(stage: str, done: int, total: int | None) -> None:
    pass


def test_the_published_sampler_costs_what_the_reference_says() -> None:
    """Sixteen steps with both halves of the guidance are 11 to 13 TFLOP."""
    assert 11e12 < sampler_flops(preset("vatt-llama"), 1) < 13e12
    assert sampler_flops(preset("vatt-llama"), 16) == 16 * sampler_flops(preset("vatt-llama"), 1)


def test_every_stage_is_timed_at_every_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "preset", lambda _: preset("tiny"))
    table = bench_published("vatt-gemma", "cpu", batch_sizes=(1, 2), steps=2)
    json.dumps(table)
    for size in ("1", "2"):
        batch = table["batches"][size]
        assert set(batch["seconds"]) == {"visual", "converter", "sampling", "codec"}
        assert min(batch["seconds"].values()) > 0
        assert batch["codes_per_s"] > 0
    assert table["steps"] == 2
    assert table["model"] == "vatt-gemma, random weights"


@pytest.mark.parametrize(
    "options", [{"layers": 0}, {"layers": "2"}, {"steps": True}, {"batches": [0]}, {"batches": 4}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadRequest, match="whole numbers"):
        run_published(Bench(options={"size": "published", **options}), quiet)


def test_only_published_names_have_a_published_size() -> None:
    with pytest.raises(BadRequest, match="vatt-gemma"):
        run_published(Bench(model="tiny"), quiet)
