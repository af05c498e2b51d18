"""The bench reports what it promises; how fast is not tested."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vatt_engine.bench import STAGES, StageClock, draw_clip, run
from vatt_engine.errors import BadRequest, Cancelled, UnknownModel
from vatt_engine.media.sources import probe
from vatt_engine.messages import Bench, Finished
from vatt_engine.pipeline import silent
from vatt_engine.wire import decode_event, encode


def test_the_table_has_every_stage_and_fits_on_the_wire() -> None:
    table = run(
        Bench("b", model="tiny", device="cpu", duration_s=1.0, options={"steps": 2}), silent
    )
    assert set(table["cold_s"]) == set(table["warm_s"]) == set(STAGES)
    assert all(seconds > 0 for seconds in table["warm_s"].values())
    assert table["real_time_factor"] == pytest.approx(1.0 / table["total_warm_s"], rel=0.05)
    assert table["peak_memory_bytes"] > 50 << 20
    assert table["steps"] == 2
    assert not table["trained"]
    assert table["environment"]["parameters"] > 10_000
    event = decode_event(encode(Finished("b", table)))
    assert isinstance(event, Finished)
    assert json.dumps(event.result) == json.dumps(table)


def test_the_clip_is_what_it_says(tmp_path: Path) -> None:
    draw_clip(tmp_path / "c.mp4", 1.2, silent)
    info = probe(tmp_path / "c.mp4")
    assert (info.width, info.height, info.n_frames) == (1280, 720, 30)
    assert info.fps == 25


def test_time_goes_to_the_stage_that_reports() -> None:
    clock = StageClock(silent)
    clock("features", 1, 2)
    clock("sampling", 1, 1)
    clock("features", 2, 2)
    assert set(clock.seconds) == {"features", "sampling"}
    assert clock.total_s == pytest.approx(sum(clock.seconds.values()))


def test_it_can_be_cancelled() -> None:
    def report(stage: str, done: int, total: int | None) -> None:
        if stage == "drawing":
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run(Bench("b", model="tiny", device="cpu", duration_s=1.0), report)


@pytest.mark.parametrize("duration_s", [0.0, -1.0, 1e9])
def test_impossible_lengths_are_refused(duration_s: float) -> None:
    with pytest.raises(BadRequest, match="duration_s"):
        run(Bench("b", duration_s=duration_s), silent)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownModel):
        run(Bench("b", model="nonesuch", duration_s=1.0), silent)
