"""Every metric on made cases whose right answer is known: exact, late, shuffled, silent, noisy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vatt_engine.evaluation import bootstrap, distribution, sync
from vatt_engine.evaluation.agreement import krippendorff_alpha, spearman
from vatt_engine.evaluation.health import check_health, spectral_flatness
from vatt_engine.evaluation.onsets import FRAME_RATE, find_onsets

RATE = 22_050
HITS = np.array([0.4, 1.1, 1.5, 2.6, 3.3, 4.2])
NONE = np.zeros(0)


def clicks(times: np.ndarray, duration_s: float = 5.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    wave = np.zeros(round(duration_s * RATE), np.float32)
    burst = rng.standard_normal(2000) * np.exp(-np.arange(2000) / 300)
    for t in times:
        k = round(t * RATE)
        wave[k : k + 2000] += 0.3 * burst[: len(wave) - k].astype(np.float32)
    return wave


# --- onsets ----------------------------------------------------------------------------------


def test_exact_sound_scores_one() -> None:
    score = sync.onset_score(find_onsets(clicks(HITS), RATE).times_s, HITS)
    assert (score.precision, score.recall, score.f1) == (1.0, 1.0, 1.0)


def test_late_sound_scores_zero_and_its_lag_is_measured() -> None:
    found = find_onsets(clicks(HITS + 0.12), RATE)
    assert sync.onset_score(found.times_s, HITS).f1 == 0
    seen = sync.hit_envelope(HITS, np.ones(len(HITS)), 5.0, FRAME_RATE)
    lag = sync.lag_s(found.envelope, seen, FRAME_RATE)
    assert lag is not None
    assert lag[0] == pytest.approx(0.12, abs=0.01)


def test_early_sound_has_a_negative_lag() -> None:
    seen = sync.hit_envelope(HITS, np.ones(len(HITS)), 5.0)
    heard = sync.hit_envelope(HITS - 0.07, np.ones(len(HITS)), 5.0)
    lag = sync.lag_s(heard, seen)
    assert lag is not None
    assert lag[0] == pytest.approx(-0.07, abs=0.005)


def test_silence_scores_zero_and_has_no_lag() -> None:
    silent = find_onsets(np.zeros(5 * RATE, np.float32), RATE)
    assert sync.onset_score(silent.times_s, HITS).f1 == 0
    assert sync.lag_s(silent.envelope, silent.envelope, FRAME_RATE) is None


def test_steady_noise_is_no_onset() -> None:
    rng = np.random.default_rng(1)
    noise = (0.1 * rng.standard_normal(5 * RATE)).astype(np.float32)
    found = find_onsets(noise, RATE).times_s
    assert len(found) <= 1  # its beginning may count as one
    assert sync.onset_score(found, HITS).f1 < 0.2


def test_shuffled_times_score_near_their_floor_and_true_ones_far_above() -> None:
    rng = np.random.default_rng(2)
    scores, floors = [], []
    for _ in range(50):
        wrong = np.sort(rng.uniform(0, 5, len(HITS)))
        scores.append(sync.onset_score(wrong, HITS).f1)
        floors.append(sync.shift_floor(wrong, HITS, 5.0).f1)
    assert np.mean(scores) == pytest.approx(np.mean(floors), abs=0.05)
    assert 3 * sync.shift_floor(HITS, HITS, 5.0).f1 < 1.0


def test_a_rattle_hits_everything_but_so_does_its_floor() -> None:
    rattle = np.arange(0, 5, 0.08)
    score, floor = sync.onset_score(rattle, HITS), sync.shift_floor(rattle, HITS, 5.0)
    assert score.recall == 1
    assert score.f1 < 1.3 * floor.f1


def test_matching_is_one_to_one_and_largest() -> None:
    assert sync.match(np.array([1.0, 1.01, 1.02]), np.array([1.0])) == [(0, 0)]
    # Pairing nearest first would take (1.04, 1.05) and leave 1.0 and 1.09 alone.
    assert len(sync.match(np.array([1.0, 1.04]), np.array([1.03, 1.09]), 0.05)) == 2
    assert sync.match(NONE, HITS) == []


def test_scores_add_up_over_films() -> None:
    total = sync.OnsetScore(2, 4, 1) + sync.OnsetScore(8, 4, 4)
    assert (total.precision, total.recall) == (0.5, 5 / 8)
    assert sync.OnsetScore(0, 0, 0).f1 == 0


# --- envelopes -------------------------------------------------------------------------------


def test_envelope_distance_ignores_loudness_but_not_silence() -> None:
    wave = clicks(HITS)
    assert sync.envelope_l1(0.1 * wave, wave, RATE) == pytest.approx(0, abs=1e-6)
    silent = sync.envelope_l1(np.zeros_like(wave), wave, RATE)
    late = sync.envelope_l1(clicks(HITS + 0.2), wave, RATE)
    assert silent > 0
    assert late > silent  # a sound at the wrong moments is farther off than none


# --- distributions ---------------------------------------------------------------------------


def test_kld_is_zero_for_equal_and_grows_with_difference() -> None:
    p = np.array([0.9, 0.05, 0.0, 0.0])
    near, far = np.array([0.8, 0.1, 0.0, 0.0]), np.array([0.0, 0.0, 0.9, 0.1])
    assert distribution.kld(p, p) == pytest.approx(0)
    assert 0 < distribution.kld(p, near) < distribution.kld(p, far)


def test_kld_of_a_known_pair() -> None:
    value = distribution.kld(np.array([0.5, 0.5]), np.array([0.25, 0.75]))
    assert value == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-4)


def test_frechet_of_shifted_and_scaled_gaussians() -> None:
    rng = np.random.default_rng(3)
    a = rng.standard_normal((4000, 4))
    assert distribution.frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert distribution.frechet(a, a + 2.0) == pytest.approx(16, rel=1e-6)
    # Deviation 1 against 3 in four dimensions: 4 * (3 - 1)^2.
    assert distribution.frechet(a, 3 * a - 2 * a.mean(0)) == pytest.approx(16, rel=0.05)
    with pytest.raises(ValueError, match="frechet"):
        distribution.frechet(a[:1], a)


def test_frechet_survives_fewer_samples_than_dimensions() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((5, 64)), rng.standard_normal((6, 64)) + 1
    assert np.isfinite(distribution.frechet(a, b))
    assert distribution.frechet(a, b) == pytest.approx(distribution.frechet(b, a))


def test_diversity_tells_copies_from_opposites() -> None:
    same = np.ones((3, 8))
    assert distribution.diversity(same) == pytest.approx(0)
    assert distribution.diversity(np.array([[1.0, 0], [0, 1.0]])) == pytest.approx(1)
    assert distribution.diversity(same[:1]) is None


# --- bootstrap -------------------------------------------------------------------------------


def mean(values: Sequence[float]) -> float | None:
    rows = list(values)
    return float(np.mean(rows)) if rows else None


def test_interval_holds_the_mean_of_a_known_sample() -> None:
    rng = np.random.default_rng(5)
    found = bootstrap.interval(list(rng.normal(1.0, 1.0, 400)), mean)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.0 < found.high
    # 1.96 standard errors of 1 / sqrt(400) to either side.
    assert found.high - found.low == pytest.approx(2 * 1.96 / 20, rel=0.25)


def test_paired_difference_sees_a_small_steady_gain_that_spread_would_hide() -> None:
    rng = np.random.default_rng(6)
    a = list(rng.normal(0, 10, 100))
    b = [v + 0.5 + rng.normal(0, 0.1) for v in a]
    gain = bootstrap.paired_difference(a, b, mean)
    assert gain.certain
    assert gain.value == pytest.approx(0.5, abs=0.1)
    assert not bootstrap.paired_difference(a, a, mean).certain
    with pytest.raises(ValueError, match="paired"):
        bootstrap.paired_difference(a, b[:3], mean)


# --- agreement -------------------------------------------------------------------------------

# Krippendorff (2011), example C: four observers, twelve units, missing values.
_OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


def test_krippendorff_alpha_of_the_published_example() -> None:
    units = [list(unit) for unit in zip(*_OBSERVERS, strict=True)]
    assert krippendorff_alpha(units, "nominal") == pytest.approx(0.743, abs=0.001)
    assert krippendorff_alpha(units, "interval") == pytest.approx(0.849, abs=0.001)
    assert krippendorff_alpha(units, "ordinal") == pytest.approx(0.815, abs=0.001)


def test_alpha_at_its_ends() -> None:
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == pytest.approx(1)
    opposed = krippendorff_alpha([["a", "b"], ["b", "a"]])
    assert opposed is not None
    assert opposed < 0
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None
    assert krippendorff_alpha([["a"], ["b", None]]) is None
    rng = np.random.default_rng(7)
    random = [[int(v) for v in rng.integers(0, 3, 4)] for _ in range(500)]
    assert krippendorff_alpha(random) == pytest.approx(0, abs=0.05)


def test_spearman_with_ties() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 400]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 2, 3], [1, 3, 2, 4]) == pytest.approx(0.9487, abs=1e-4)
    assert spearman([1, 1, 1], [1, 2, 3]) is None


# --- health ----------------------------------------------------------------------------------

CLASSES = (
    "Speech", "Conversation", "Narration, monologue", "Child speech, kid speaking", "Babbling",
    "Speech synthesizer", "Singing", "Music", "Musical instrument", "Synthesizer", "Drum machine",
    "Electronic music", "White noise", "Pink noise", "Static", "Noise", "Hiss", "Knock",
)  # fmt: skip


def scores(**heard: float) -> np.ndarray:
    return np.array([heard.get(name, 0.01) for name in CLASSES])


def test_faults_are_named() -> None:
    rng = np.random.default_rng(8)
    noise = 0.1 * rng.standard_normal(RATE)
    plain = check_health(clicks(HITS), scores(Knock=0.9), CLASSES)
    assert plain == check_health(clicks(HITS), scores(Knock=0.9), CLASSES, expects_noise=True)
    assert not any(vars(plain).values())
    assert check_health(np.ones(100), scores(), CLASSES).clipped
    assert check_health(np.zeros(RATE), scores(Speech=0.9), CLASSES) == check_health(
        np.zeros(RATE), scores(), CLASSES
    )  # nothing can be heard in silence
    assert check_health(np.zeros(RATE), scores(), CLASSES).silent
    assert check_health(noise, scores(), CLASSES).noise
    assert not check_health(noise, scores(), CLASSES, expects_noise=True).noise
    assert check_health(clicks(HITS), scores(Speech=0.8), CLASSES).speech
    assert check_health(clicks(HITS), scores(Music=0.8), CLASSES).music


def test_flatness_tells_noise_from_a_tone() -> None:
    rng = np.random.default_rng(9)
    assert spectral_flatness(rng.standard_normal(RATE)) > 0.5
    assert spectral_flatness(np.sin(np.arange(RATE) * 0.2)) < 0.01
    assert spectral_flatness(np.zeros(RATE)) == 0
    room = 10 ** (-62 / 20) * rng.standard_normal(5 * RATE)
    assert spectral_flatness(clicks(HITS) + room) < 0.3  # a quiet room between knocks is no hiss


def test_a_peak_at_the_limit_is_no_lag() -> None:
    rising = np.linspace(0, 1, 500)
    assert sync.lag_s(np.roll(rising, 250), rising, limit_s=0.1) is None
