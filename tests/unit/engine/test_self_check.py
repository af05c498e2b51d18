"""The engine listens to its takes: faults are found, made anew, told; the rest is ranked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.helpers.movies import write_numbered
from vatt_engine.corpus.sound_families import family_of
from vatt_engine.corpus.synth import api
from vatt_engine.errors import Cancelled
from vatt_engine.evaluation.wording import category_of, paraphrases
from vatt_engine.messages import Event, Generate, Log, PictureSegment, SyncLane, TakeReady
from vatt_engine.pipeline import VATT
from vatt_engine.self_check import MAX_REDOS, SelfCheck, Verdict, Wish, attempt_seed
from vatt_engine.take_figures import measure_take

RATE = 24_000
TIMES = (0.4, 1.1, 1.9, 2.5, 3.3)
LANE = SyncLane(tuple((t, 0.9) for t in TIMES))
STILL = SyncLane()


@pytest.fixture(scope="module")
def ears() -> SelfCheck:
    return SelfCheck()


@pytest.fixture
def judged(ears: SelfCheck, tmp_path: Path) -> Callable[..., Verdict]:
    def judge(
        wave: np.ndarray,
        words: str,
        lane: SyncLane = LANE,
        negative: str = "",
        handle_s: float = 0.0,
    ) -> Verdict:
        path = tmp_path / "take.wav"
        soundfile.write(path, wave.astype(np.float32), RATE, subtype="FLOAT")
        measured = measure_take(path, lane, lambda: None, handle_s)
        wish = Wish.of(words, lane, category_of, negative)
        return ears.verdict(path, measured, wish, lambda: None, handle_s)

    return judge


def knocks(times: tuple[float, ...] = TIMES) -> np.ndarray:
    rng = np.random.default_rng(5)
    wave = api.render_events("door_knock", [(t, 0.9) for t in times], 4.0, RATE, rng)
    return np.asarray(0.8 * wave + 5e-4 * rng.standard_normal(len(wave)))


def hiss() -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)


def test_handles_are_not_listened_to(judged: Callable[..., Verdict]) -> None:
    wave = knocks()
    wave[: RATE // 4] = 2.0
    assert "clipped" in judged(wave, "knocking on a door").faults
    assert judged(wave, "knocking on a door", handle_s=0.25).faults == ()
    wave[RATE // 4 :] = 0
    assert "silent" in judged(wave, "knocking on a door", handle_s=0.25).faults


def test_a_good_take_has_no_fault_and_outranks_a_late_or_a_wrong_one(
    judged: Callable[..., Verdict],
) -> None:
    good = judged(knocks(), "knocking on a door")
    late = judged(knocks(tuple(t + 0.3 for t in TIMES)), "knocking on a door")
    wrong = judged(knocks(), "a bird calling")
    assert good.faults == ()
    assert good.closeness is not None
    assert wrong.closeness is not None
    assert good.closeness > 3 * wrong.closeness
    assert good.rank < late.rank
    assert good.rank < wrong.rank
    assert good.figures["faults"] == 0


def test_faults_are_named_and_rank_last(judged: Callable[..., Verdict]) -> None:
    good = judged(knocks(), "knocking on a door")
    for wave, fault in (
        (hiss(), "noise"),
        (np.zeros(4 * RATE), "silent"),
        (9 * knocks(), "clipped"),
    ):
        found = judged(wave, "knocking on a door")
        assert fault in found.faults
        assert found.figures[f"fault_{fault}"] == 1
        assert good.rank < found.rank


def test_a_take_that_sounds_like_what_must_not_be_heard_is_faulty(
    judged: Callable[..., Verdict],
) -> None:
    plain = judged(knocks(), "footsteps on gravel")
    banned = judged(knocks(), "footsteps on gravel", negative="knocking on a door")
    harmless = judged(knocks(), "footsteps on gravel", negative="rain")
    assert plain.unwanted is None
    assert "unwanted" in banned.faults
    assert banned.unwanted is not None
    assert harmless.unwanted is not None
    assert banned.figures["unwanted"] > 3 * harmless.unwanted
    assert "unwanted" not in harmless.faults
    assert harmless.rank < banned.rank


def test_words_that_are_asked_for_are_not_banned_but_voices_can_be() -> None:
    assert Wish.of("a door knock while rain falls", LANE, category_of, "rain").unwanted == ()
    assert Wish.of("a door knock", LANE, category_of, "rain").unwanted == ("rain",)
    assert Wish.of("a door knock", LANE, category_of, "no rain").unwanted == ("rain",)
    assert not Wish.of("a crowd singing", LANE, category_of, "no voices, no singing").voices


def test_hiss_is_right_where_it_is_asked_for(judged: Callable[..., Verdict]) -> None:
    assert judged(hiss(), "rain falling", STILL).faults == ()
    assert judged(hiss(), "steam hissing", LANE).faults == ()
    assert judged(hiss(), "a gadget nobody has heard of", STILL).faults == ()


def test_where_there_is_nothing_to_hear_silence_is_right_and_knocks_are_not(
    judged: Callable[..., Verdict],
) -> None:
    for words in ("", "silence", "nothing at all", "the hush of a room"):
        quiet, busy = judged(np.zeros(4 * RATE), words, STILL), judged(knocks(), words, STILL)
        assert quiet.faults == ()
        assert quiet.figures["nothing_to_hear"] == 1
        assert busy.faults == ("restless",)
        assert quiet.rank < busy.rank


def test_words_and_lane_tell_what_is_wished_for() -> None:
    assert Wish.of("sneakers on a gym floor", LANE, category_of).families == ("steps_firm",)
    assert Wish.of("a door knock while rain falls", LANE, category_of).families == ("knock", "rain")
    assert Wish.of("a woman sings", STILL, category_of).voices
    assert not Wish.of("wood knocked", STILL, category_of).voices
    assert Wish.of("a bell ringing", LANE, category_of).tones
    assert not Wish.of("silence", LANE, category_of).nothing  # the picture hits: it is not believed
    assert not Wish.of("a quiet stream", STILL, category_of).nothing


def test_the_bundled_model_reads_words_of_a_users_own() -> None:
    name_of = VATT.from_pretrained("vatt-mini").name_of
    told = [
        family_of(category) in Wish.of(text, LANE, name_of).families
        for category, texts in paraphrases().items()
        for text in texts
    ]
    assert sum(told) > 0.6 * len(told)
    assert Wish.of("background music", LANE, name_of).families == ()
    assert Wish.of("a dog barking, close by", LANE, name_of).families == ("beast",)


def test_redos_have_seeds_of_their_own() -> None:
    seeds = {attempt_seed(seed, n) for seed in range(50) for n in range(1, 1 + MAX_REDOS)}
    assert len(seeds) == 50 * MAX_REDOS
    assert all(0 <= seed < 1 << 62 for seed in seeds)
    assert attempt_seed(7, 1) == attempt_seed(7, 1)


# --- in the pipeline ----------------------------------------------------------------------------


class Ears:
    """Finds the faults it is told to, attempt by attempt."""

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = list(verdicts)
        self.n = 0
        self.wishes: list[Wish] = []

    def verdict(
        self, wav_path: Path, measured: object, wish: Wish, check: object, handle_s: float
    ) -> Verdict:
        self.n += 1
        self.wishes.append(wish)
        return self._verdicts[min(self.n, len(self._verdicts)) - 1]


BAD, WORSE, GOOD = (
    Verdict(("noise",), 0.1, 0.5),
    Verdict(("noise", "music"), 0.1, 0.9),
    Verdict((), 0.4, 0.3),
)


@pytest.fixture(scope="module")
def tiny() -> VATT:
    return VATT.from_pretrained("tiny", "cpu")


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbered(
        tmp_path_factory.mktemp("media") / "m.mp4", 48, fps=24, width=64, height=48
    )


def run(
    tiny: VATT,
    movie: Path,
    folder: Path,
    *verdicts: Verdict,
    trained: bool = True,
    drafts: int = 1,
    handle_s: float = 0.0,
    **options: Any,
) -> tuple[TakeReady, Ears, list[Event]]:
    config = tiny.model.config
    config = replace(config, sampler=replace(config.sampler, drafts=drafts))
    vatt = VATT(replace(tiny.model, trained=trained, config=config))
    ears = Ears(*verdicts)
    vatt._self_check = ears  # type: ignore[assignment]
    folder.mkdir(exist_ok=True)
    request = Generate(
        job_id="job",
        picture=(PictureSegment(str(movie), 0.0, 1.0),),
        n_samples=48_000,
        prompt=str(options.pop("prompt", "wood knocked")),
        captioned=bool(options.pop("captioned", False)),
        handle_s=handle_s,
        steps=2,
        seed=3,
        scratch=str(folder),
    )
    events = list(vatt.run(request, **options))
    (take,) = [e for e in events if isinstance(e, TakeReady)]
    return take, ears, events


def test_a_faulty_take_is_made_anew_and_only_the_good_one_stays(
    tiny: VATT, movie: Path, tmp_path: Path
) -> None:
    take, ears, _ = run(tiny, movie, tmp_path / "a", BAD, GOOD)
    assert ears.n == 2
    assert take.figures["faults"] == 0
    assert take.figures["redone"] == 1
    assert take.seed == 3
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(
        Path(p).name for p in (take.wav_path, take.codes_path)
    )
    again, _, _ = run(tiny, movie, tmp_path / "b", BAD, GOOD)
    first, _, _ = run(tiny, movie, tmp_path / "c", GOOD)
    assert again.wav_sha256 == take.wav_sha256 != first.wav_sha256


def test_of_several_drafts_the_best_is_the_take(tiny: VATT, movie: Path, tmp_path: Path) -> None:
    better = Verdict((), 0.4, 0.6)
    told: list[tuple[str, int, int | None]] = []
    first, _, _ = run(tiny, movie, tmp_path / "a", GOOD)
    kept, ears, _ = run(tiny, movie, tmp_path / "b", GOOD, Verdict((), 0.1, 0.1), drafts=2)
    other, _, _ = run(
        tiny, movie, tmp_path / "c", GOOD, better, drafts=2, report=lambda *news: told.append(news)
    )
    again, _, _ = run(tiny, movie, tmp_path / "d", GOOD, better, drafts=2)
    assert ears.n == 2
    assert kept.seed == other.seed == 3
    assert kept.figures["drafts"] == 2
    assert kept.figures["redone"] == 0
    assert kept.wav_sha256 == first.wav_sha256 != other.wav_sha256 == again.wav_sha256
    assert len(list((tmp_path / "c").iterdir())) == 2  # the worse draft's files are gone
    for stage in ("sampling", "codec", "writing"):
        done = [n for name, n, _ in told if name == stage]
        assert done == sorted(done)


def test_what_stays_faulty_is_delivered_and_marked_after_few_tries(
    tiny: VATT, movie: Path, tmp_path: Path
) -> None:
    take, ears, _ = run(tiny, movie, tmp_path / "a", BAD, WORSE)
    assert ears.n == 1 + MAX_REDOS
    assert take.figures["redone"] == MAX_REDOS
    assert take.figures["fault_noise"] == 1
    assert "fault_music" not in take.figures  # the first attempt was the least bad
    assert len(list((tmp_path / "a").iterdir())) == 2
    random, ears, _ = run(tiny, movie, tmp_path / "b", BAD, trained=False)
    assert (ears.n, random.figures["redone"]) == (1, 0)


def test_redoing_tells_its_progress_and_can_be_stopped(
    tiny: VATT, movie: Path, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int | None]] = []
    run(tiny, movie, tmp_path / "a", BAD, report=lambda *news: told.append(news))
    redone = [(done, total) for stage, done, total in told if stage == "redoing"]
    assert redone == sorted(redone)
    assert redone[-1] == (4, 4)  # two redos of two steps
    others = [(done, total) for stage, done, total in told if stage == "codec"]
    assert others == sorted(others)

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "redoing":
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run(tiny, movie, tmp_path / "b", BAD, report=stop)
    assert list((tmp_path / "b").iterdir()) == []


def test_nothing_to_hear_is_said(
    tiny: VATT, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VATT, "lane", lambda self, seen: STILL)
    _, _, events = run(tiny, movie, tmp_path / "a", GOOD, prompt="silence")
    assert any(isinstance(e, Log) and "Nothing seems to make a sound" in e.message for e in events)
    _, _, events = run(tiny, movie, tmp_path / "b", GOOD)
    assert ["placed freely" in e.message for e in events if isinstance(e, Log)] == [True]


def test_a_shot_may_be_silent_whose_hits_lie_in_the_handles(
    tiny: VATT, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VATT, "lane", lambda self, seen: SyncLane(((0.1, 0.9),)))
    _, ears, _ = run(tiny, movie, tmp_path / "a", GOOD)
    assert ears.wishes[0].must_sound
    _, ears, _ = run(tiny, movie, tmp_path / "b", GOOD, handle_s=0.25)
    assert not ears.wishes[0].must_sound


def test_own_words_that_stay_silent_are_a_fault_though_nothing_hits(
    tiny: VATT, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VATT, "lane", lambda self, seen: STILL)
    _, ears, _ = run(tiny, movie, tmp_path / "a", GOOD)
    assert ears.wishes[0].must_sound
    _, ears, _ = run(tiny, movie, tmp_path / "b", GOOD, captioned=True)
    assert not ears.wishes[0].must_sound
