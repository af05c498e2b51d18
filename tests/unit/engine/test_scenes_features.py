"""Training examples: drawn picture features look like the encoder's, motion is the real code's."""

from __future__ import annotations

import numpy as np
import pytest

from vatt_engine.corpus.scenes.captions import caption, facts_of
from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.examples import make_example, measure_motion, stream
from vatt_engine.corpus.scenes.semantics import FeaturePrior, draw_features, encode_film
from vatt_engine.corpus.scenes.world import WorldPlan
from vatt_engine.model_library import find_model
from vatt_engine.motion import N_FEATURES

ENCODER = find_model("vatt-mini") / "visual.safetensors"


@pytest.fixture(scope="module")
def prior() -> FeaturePrior:
    return FeaturePrior.load(ENCODER, "backbone.")


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    from safetensors.numpy import load_file

    tensors = load_file(str(ENCODER))
    return tensors["backbone.classifier.weight"], tensors["backbone.classifier.bias"]


def test_drawn_features_have_the_statistics_of_photographs(prior: FeaturePrior) -> None:
    drawn = [draw_features(make_scene(s, "train", alone=True), prior).mean(0) for s in range(24)]
    features = np.stack(drawn)
    assert features.min() >= 0
    # 300 cut-out photographs on plain grounds: norm 15.1, mean 0.19, a quarter to a half near zero.
    assert 11 < np.linalg.norm(features, axis=1).mean() < 20
    assert 0.14 < features.mean() < 0.26
    assert 0.2 < (features < 0.01).mean() < 0.7
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    assert 0.15 < (unit @ unit.T)[np.triu_indices(24, 1)].mean() < 0.6


def test_the_classifier_sees_the_thing_that_was_cast(
    prior: FeaturePrior, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    weight, bias = rows
    found = 0
    for seed in range(20):
        scene = make_scene(seed, "train", category="dog", family="call", alone=True)
        logits = draw_features(scene, prior).mean(0) @ weight.T + bias
        found += prior.index(scene.parts[-1].picture) in np.argsort(-logits)[:10]
    assert found >= 14


def test_a_thing_that_is_cut_away_is_not_in_the_features(prior: FeaturePrior) -> None:
    for seed in range(20):
        scene = make_scene(
            seed, "train", category="dog", family="call", alone=True, plan=WorldPlan(cutaway=True)
        )
        features = draw_features(scene, prior)
        direction = prior.directions[prior.index(scene.parts[-1].picture)]
        away = scene.world.cutaway[np.minimum(np.arange(30) * 5, scene.n_frames - 1)]
        assert (features[~away] @ direction).mean() > (features[away] @ direction).mean()


def test_examples_are_whole_and_repeatable(prior: FeaturePrior) -> None:
    a, b = (make_example(3, "train", prior, 2.0) for _ in range(2))
    assert a.features.shape == (10, prior.width)
    assert a.motion.shape == (50, N_FEATURES)
    assert a.lane.shape == (100, 2)
    assert np.isfinite(a.motion).all()
    for name in ("features", "motion", "lane"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    numbers = stream(5, prior, duration_s=1.0, step=4)
    assert [next(numbers).scene.seed for _ in range(3)] == [5, 9, 13]


def test_exact_path_gives_as_many_rows_in_order() -> None:
    scene = make_scene(2, "train", 2.0)

    def brightness(images: np.ndarray) -> np.ndarray:
        assert images.dtype == np.uint8
        assert images.shape[1:3] == (3, 64)
        mean: np.ndarray = images.mean(axis=(1, 2, 3))
        return mean[:, None].astype(np.float32)

    assert encode_film(scene, brightness, fps=5.0, height=64).shape == (10, 1)


def test_motion_of_a_still_film_is_nothing_and_of_a_blow_is_something() -> None:
    still = measure_motion(make_scene(0, "train", 2.0, family="still", plan=WorldPlan()))
    blow = measure_motion(
        make_scene(
            0, "train", 2.0, category="hammer", family="strike", plan=WorldPlan(), alone=True
        )
    )
    assert np.abs(still).max() < 1e-3
    assert np.abs(blow).max() > 0.01


def test_captions_say_what_the_plan_knows_and_vary_with_the_seed() -> None:
    scene = make_scene(1, "train", category="hammer", family="strike", alone=True)
    assert caption(scene) == "hammering"
    wordings = {caption(scene, seed) for seed in range(8)}
    assert len(wordings) > 2
    assert caption(scene, 1) == caption(scene, 1)
    facts = facts_of(scene.sources[0])
    assert facts.category == "hammer"
    two = next(s for k in range(60) if len((s := make_scene(k, "train")).sources) > 1)
    assert " and " in caption(two)
