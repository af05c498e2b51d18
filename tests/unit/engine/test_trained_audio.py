"""What the bundled audio model has learnt: lanes are obeyed, spans are kept, words are heard."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from vatt_engine.evaluation.onsets import find_onsets
from vatt_engine.lanes import rasterise
from vatt_engine.messages import SyncLane
from vatt_engine.model_folder import Model, load_model
from vatt_engine.model_library import list_models
from vatt_engine.sampling import sample_codes

NAME = "vatt-mini"
RATE, T = 50, 200
WAS_S, NOW_S = 2.3, 2.5
SPAN = slice(105, 145)
SEEDS = (1, 2, 3, 4)

pytestmark = pytest.mark.skipif(
    NAME not in {m["name"] for m in list_models()}, reason="vatt-mini is not bundled yet"
)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(NAME)


def lane(*times_s: float) -> Tensor:
    hits = tuple((t, 0.8) for t in times_s)
    return torch.from_numpy(rasterise(SyncLane(hits, (), RATE), T, RATE))[None]


def draw(model: Model, prompt: str, track: Tensor, seed: int, held: Tensor | None = None) -> Tensor:
    video = torch.full((1, 20, model.config.visual.width), 0.4)
    states, mask = model.converter.states(video, [prompt])
    known = None
    if held is not None:
        known = torch.ones_like(held, dtype=torch.bool)
        known[..., SPAN] = False
    return sample_codes(
        model.audio, states, mask, generators=[torch.Generator().manual_seed(seed)], n_frames=T,
        lane=track, held_codes=held, held=known, sampler=model.config.sampler,
    )  # fmt: skip


@torch.inference_mode()
def onsets(model: Model, codes: Tensor) -> NDArray[np.floating]:
    wave = model.codec.decode(codes)[0, 0].numpy()
    return find_onsets(wave, model.codec.sample_rate).times_s


def near(found: NDArray[np.floating], time_s: float) -> bool:
    return bool((np.abs(found - time_s) <= 0.06).any())


def test_moving_one_hit_by_200_ms_moves_its_onset_and_nothing_else(model: Model) -> None:
    moved = 0
    for seed in SEEDS:
        before = draw(model, "something hits wood", lane(0.5, 1.4, WAS_S, 3.4), seed)
        after = draw(model, "something hits wood", lane(0.5, 1.4, NOW_S, 3.4), seed, before)
        outside = torch.ones(T, dtype=torch.bool)
        outside[SPAN] = False
        assert torch.equal(before[..., outside], after[..., outside])
        old, new = onsets(model, before), onsets(model, after)
        was_there = near(old, WAS_S) and not near(old, NOW_S)
        moved += was_there and near(new, NOW_S) and not near(new, WAS_S)
    assert moved >= 3


def test_hits_are_heard_where_the_lane_has_them(model: Model) -> None:
    times = (0.4, 1.1, 1.5, 2.6, 3.3)
    heard = 0
    for seed in SEEDS:
        found = onsets(model, draw(model, "hammer blows", lane(*times), seed))
        heard += sum(near(found, t) for t in times)
    assert heard >= 0.7 * len(SEEDS) * len(times)


def test_an_empty_lane_and_a_word_for_silence_make_hardly_a_sound(model: Model) -> None:
    codes = draw(model, "silence", lane(), 1)
    with torch.inference_mode():
        wave = model.codec.decode(codes)
    assert float(wave.square().mean().sqrt()) < 10 ** (-40 / 20)


def test_words_change_what_is_heard(model: Model) -> None:
    """The same seed and lane, other words: the codes of the first codebook hardly agree."""
    track = lane(0.5, 1.4, 2.3)
    metal = draw(model, "a metal clang", track, 1)[0, 0]
    grass = draw(model, "footsteps through grass", track, 1)[0, 0]
    loud = torch.zeros(T, dtype=torch.bool)
    for t in (25, 70, 115):
        loud[t : t + 8] = True
    assert (metal[loud] == grass[loud]).float().mean() < 0.5
