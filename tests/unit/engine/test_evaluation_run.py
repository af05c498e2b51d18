"""The judge as a whole: baselines with known figures, reports, results on disk, wording."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from vatt_engine.corpus.captions import heads
from vatt_engine.corpus.categories import CATEGORIES
from vatt_engine.corpus.scenes.sets import FilmSpec, make_set
from vatt_engine.corpus.sound_families import CHANCE, FAMILIES, family_of
from vatt_engine.corpus.synth import api
from vatt_engine.errors import BadModelFolder, BadRequest
from vatt_engine.evaluation import figures, probe, results
from vatt_engine.evaluation.__main__ import main
from vatt_engine.evaluation.evaluators import load_evaluators, missing
from vatt_engine.evaluation.family_judge import FamilyJudge
from vatt_engine.evaluation.films import FilmSet, read_set, shipped_sets
from vatt_engine.evaluation.hearing import hear
from vatt_engine.evaluation.judge import Judge
from vatt_engine.evaluation.makers import BaselineMaker
from vatt_engine.evaluation.report import write_report
from vatt_engine.evaluation.results import Evaluation
from vatt_engine.evaluation.run import Settings, evaluate, trials
from vatt_engine.evaluation.wording import categories_of, paraphrases, says
from vatt_engine.evaluation.yamnet import Yamnet, class_names

SPECS = (
    FilmSpec(1, "train", 3.0, "hammer", "strike", alone=True),
    FilmSpec(2, "train", 3.0, "footstep_wood", "feet", alone=True),
    FilmSpec(3, "train", 3.0, "impact_metal", "fall", alone=True),
    FilmSpec(4, "train", 3.0, "door_knock", "strike", alone=True),
    FilmSpec(5, "train", 3.0, None, "still", alone=True),
)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> FilmSet:
    folder = tmp_path_factory.mktemp("sets") / "made"
    make_set(SPECS, folder, height=32)
    return read_set(str(folder), folder)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(Yamnet.load(), None)


@pytest.fixture(scope="module")
def found(
    films: FilmSet, judge: Judge, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Evaluation]:
    folder = tmp_path_factory.mktemp("takes")
    settings = Settings(takes=2, conditions=("picture", "asked"))
    return {
        kind: evaluate(BaselineMaker(kind, films.films), films, judge, folder / kind, settings)
        for kind in ("exact", "coded", "late", "shuffled", "silent", "noise")
    }


def any_value(evaluation: Evaluation, name: str) -> float | None:
    (figure,) = [f for f in figures.FIGURES if f.name == name]
    return figure.compute(evaluation.films)


def value(evaluation: Evaluation, name: str) -> float:
    """A figure that this evaluation must have."""
    found = any_value(evaluation, name)
    assert found is not None
    return found


def test_sync_figures_order_the_baselines(found: dict[str, Evaluation]) -> None:
    exact = value(found["exact"], "onset_f1")
    floor = value(found["exact"], "onset_f1_floor")
    assert exact is not None
    assert floor is not None
    assert exact > 0.8
    assert exact > 3 * floor
    for kind in ("late", "shuffled", "silent", "noise"):
        worse = value(found[kind], "onset_f1")
        assert worse is not None
        assert worse < 0.4, kind
    assert value(found["silent"], "onset_f1") == 0


def test_the_codec_alone_lies_between_the_true_sound_and_others(
    found: dict[str, Evaluation],
) -> None:
    kept, shuffled = value(found["coded"], "onset_f1"), value(found["shuffled"], "onset_f1")
    assert kept is not None
    assert shuffled is not None
    assert kept > 2 * shuffled
    altered, other = value(found["coded"], "kld"), value(found["shuffled"], "kld")
    assert altered is not None
    assert other is not None
    assert 0 < altered < other


def test_lag_is_that_of_the_sound(found: dict[str, Evaluation]) -> None:
    assert value(found["exact"], "lag_ms") == pytest.approx(0, abs=15)
    assert value(found["late"], "lag_ms") == pytest.approx(120, abs=15)
    assert any_value(found["silent"], "lag_ms") is None


def test_likeness_figures_are_zero_for_the_true_sound_only(found: dict[str, Evaluation]) -> None:
    for name in ("kld", "e_l1"):
        assert value(found["exact"], name) == pytest.approx(0, abs=1e-3)
        for kind in ("shuffled", "noise"):
            other = value(found[kind], name)
            assert other is not None
            assert other > 0.01, (name, kind)
    near, far = value(found["exact"], "frechet"), value(found["noise"], "frechet")
    assert near is not None
    assert far is not None
    assert near < 0.2 * far


def test_faults_and_false_onsets(found: dict[str, Evaluation]) -> None:
    assert value(found["silent"], "silent") == 1
    assert value(found["silent"], "silent_where_hits") == 1
    assert value(found["noise"], "noise") == 1
    assert value(found["exact"], "silent") == 0
    assert value(found["exact"], "clipped") == 0
    assert value(found["silent"], "false_onsets_per_s") == 0
    assert value(found["exact"], "spot_f1") == 1
    assert value(found["exact"], "caption_right") == 1
    assert value(found["shuffled"], "caption_right") < 0.5


def test_diversity_tells_copies_from_other_seeds(found: dict[str, Evaluation]) -> None:
    assert value(found["exact"], "diversity") == pytest.approx(0, abs=1e-6)
    assert value(found["noise"], "diversity") > 1e-5


def test_comparison_is_certain_about_exact_and_late(found: dict[str, Evaluation]) -> None:
    changes = figures.compare(found["late"], found["exact"], resamples=60)
    assert changes["onset_f1"].certain
    assert (changes["onset_f1"].value or 0) > 0.5
    same = figures.compare(found["exact"], found["exact"], resamples=60)
    assert same["onset_f1"].value == 0
    assert not same["onset_f1"].certain


def test_results_survive_the_disk(found: dict[str, Evaluation], tmp_path: Path) -> None:
    results.write(found["late"], tmp_path / "r.json")
    again = results.read(tmp_path / "r.json")
    assert again.films == found["late"].films
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(BadRequest, match=r"bad\.json"):
        results.read(tmp_path / "bad.json")


def test_report_is_one_file_with_players_and_no_addresses(
    found: dict[str, Evaluation], films: FilmSet, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    exact, late = found["exact"], found["late"]
    summary = figures.summarise(exact, resamples=30)
    differences = figures.compare(late, exact, resamples=30)
    write_report(exact, summary, films, path, other=late, differences=differences)
    html = path.read_text()
    assert "onset F1" in html
    assert "data:audio/ogg;base64," in html
    assert "data:video/mp4;base64," in html
    assert "minus baseline:late" in html
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in html


def test_command_prints_json_and_writes_the_report(
    films: FilmSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = films.films[0].path.parent
    report = tmp_path / "r.html"
    words = ["baseline:late", str(folder), "--json", "--report", str(report), "--limit", "2"]
    words += ["--only", "picture", "--out", str(tmp_path), "--takes", "1"]
    assert main(words) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["event"] for e in events][-1] == "finished"
    assert events[-1]["films"] == 2
    assert events[-1]["figures"]["onset_f1"]["value"] < 0.4
    assert report.is_file()


@pytest.mark.parametrize(
    "words",
    [
        ["baseline:loud", "SET"],
        ["baseline:exact", "nowhere"],
        ["baseline:exact", "SET", "--only", "sometimes"],
        ["baseline:exact", "SET", "--report", "nowhere/report.html"],
        ["baseline:exact", "SET", "--against", "nowhere.json"],
        ["nobody", "SET"],
    ],
)
def test_what_cannot_be_done_is_said_by_name(
    words: list[str], films: FilmSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(films.films[0].path.parent)
    out = ["--out", str(tmp_path)]
    assert main([folder if w == "SET" else w for w in words] + out) == 1
    assert "vatt eval: " in capsys.readouterr().err


def test_a_wrong_name_is_told_before_torch_is_loaded() -> None:
    code = (
        "import sys; from vatt_engine.evaluation.__main__ import main\n"
        "status = main(['nobody', 'heldout'])\n"
        "sys.exit('torch was imported' if 'torch' in sys.modules else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("vatt eval: No model called 'nobody' is installed.")
    assert "torch" not in done.stderr


def test_sets_are_found_by_name_and_bad_ones_refused(tmp_path: Path) -> None:
    assert "heldout" in shipped_sets()
    with pytest.raises(BadRequest, match="heldout"):
        read_set("no-such-set", tmp_path)
    (tmp_path / "set.jsonl").write_text('{"film": "a.mp4"}\n')
    with pytest.raises(BadRequest, match="line 1"):
        read_set(str(tmp_path), tmp_path)


def test_trials_ask_the_same_picture_for_two_sounds(films: FilmSet) -> None:
    asked = {t.condition: t for t in trials(films.films[0], 0, Settings())}
    assert set(asked) == {"picture", "asked", "swapped", "paraphrased"}
    assert asked["asked"].target == "hammer"
    assert CATEGORIES[asked["swapped"].target].family != CATEGORIES["hammer"].family
    assert asked["paraphrased"].prompt in paraphrases()["hammer"]
    assert [t.condition for t in trials(films.films[4], 4, Settings())] == ["picture"]


# --- words ------------------------------------------------------------------------------------


def test_every_way_the_corpus_names_a_category_is_understood() -> None:
    ways = [(name, way) for name, row in CATEGORIES.items() for way in heads(row)]
    wrong = [(name, way) for name, way in ways if not says(way, name)]
    assert len(wrong) <= 0.02 * len(ways), wrong


def test_captions_of_two_sources_are_understood_part_by_part() -> None:
    text = "rain falling and a dog barking, in the distance"
    assert says(text, "rain")
    assert says(text, "dog")
    assert not says(text, "hammer")
    assert categories_of("") == []
    assert not says("silence", "rain")


def test_paraphrases_cover_the_table_and_are_not_in_the_training_words() -> None:
    assert set(paraphrases()) == set(CATEGORIES)
    trained = {way for row in CATEGORIES.values() for way in heads(row)}
    assert not trained & {p for prompts in paraphrases().values() for p in prompts}


# --- probe and evaluators -----------------------------------------------------------------------


def test_probe_learns_what_can_be_told_apart_and_survives_the_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 16)) * 3
    labels = [("a", "b", "c")[i % 3] for i in range(150)]
    data = np.stack([centres["abc".index(x)] + rng.standard_normal(16) for x in labels])
    trained = probe.train(data[:90], labels[:90], facts={"n": 90})
    assert probe.accuracy(trained, data[90:], labels[90:])["top1"] > 0.95
    path = tmp_path / "probe.safetensors"
    probe.save(trained, path)
    again = probe.load(path)
    assert again.facts == {"n": 90}
    assert [again.predict(row) for row in data[:9]] == [trained.predict(row) for row in data[:9]]
    with pytest.raises(BadModelFolder, match="probe"):
        probe.load(tmp_path / "none.safetensors")


def test_evaluators_of_the_user_join_every_take(
    films: FilmSet, tmp_path: Path, judge: Judge
) -> None:
    assert set(missing(None)) == {"passt", "vggish", "clap", "synchformer"}
    with pytest.raises(BadRequest, match="evaluator"):
        load_evaluators(tmp_path)
    folder = tmp_path / "clap"
    folder.mkdir()
    script = folder / "evaluator.py"
    script.write_text("def load(folder):\n    raise FileNotFoundError('weights.pt')\n")
    with pytest.raises(BadRequest, match=r"clap.*weights\.pt"):
        load_evaluators(tmp_path)
    script.write_text(
        "class One:\n    name = 'clap'\n"
        "    def judge(self, wave, sample_rate, film, prompt, reference):\n"
        "        return {'clap': float(len(prompt))}\n"
        "def load(folder):\n    return One()\n"
    )
    (one,) = load_evaluators(tmp_path)
    assert "clap" not in missing(tmp_path)
    joined = Judge(judge._yamnet, None, [one])
    maker = BaselineMaker("exact", films.films)
    some = FilmSet("one", films.films[:1])
    done = evaluate(maker, some, joined, tmp_path / "t", Settings(1, 1, ("asked",)))
    assert done.films[0].takes[0].extra == {"clap": float(len(CATEGORIES["hammer"].phrase))}
    assert figures.summarise(done, resamples=10)["clap"].value is not None


def test_a_wav_of_two_channels_is_judged_as_one(
    judge: Judge, films: FilmSet, tmp_path: Path
) -> None:
    from vatt_engine.evaluation.makers import MadeTake

    path = tmp_path / "stereo.wav"
    sf.write(path, np.zeros((48_000, 2), np.float32), 48_000)
    take = judge.judge(MadeTake(path, 0, 1.0), films.films[0], "picture", "", "hammer")
    assert take.faults == ("silent",)
    assert take.accepted is False


def test_a_film_that_fails_stops_no_other(films: FilmSet, judge: Judge, tmp_path: Path) -> None:
    broken = FilmSet("b", (replace(films.films[0], audio=None), films.films[1]))
    settings = Settings(takes=1, conditions=("asked",))
    done = evaluate(BaselineMaker("exact", broken.films), broken, judge, tmp_path, settings)
    assert "no true sound" in done.films[0].failed
    assert not done.films[0].takes
    assert len(done.films[1].takes) == 1
    assert value(done, "kld") == pytest.approx(0, abs=1e-3)


def test_without_takes_words_and_hits_are_still_judged(
    films: FilmSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(films.films[0].path.parent)
    assert main(["baseline:exact", folder, "--only", "none", "--json", "--out", str(tmp_path)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])["figures"]
    assert found["caption_right"]["value"] == 1
    assert found["spot_f1"]["value"] == 1
    assert found["onset_f1"]["value"] is None


# --- sound families -----------------------------------------------------------------------------


def test_every_category_is_in_one_family_and_every_class_is_known() -> None:
    joined = [name for row in FAMILIES.values() for name in row.categories]
    assert sorted(joined) == sorted(CATEGORIES)
    assert {name for row in FAMILIES.values() for name in row.yamnet} <= set(class_names())
    assert pytest.approx(1 / len(FAMILIES)) == CHANCE
    assert 0.025 < CHANCE < 0.035  # what the bars of the bundled model were written for


def test_swapped_prompts_ask_for_another_family(films: FilmSet) -> None:
    for index, film in enumerate(films.films):
        for trial in trials(film, index, Settings(conditions=("swapped",))):
            assert family_of(trial.target) != family_of(film.categories[0])


def test_the_judge_of_families_knows_plain_cases_and_its_own_trust() -> None:
    judge, yamnet = FamilyJudge.load(), Yamnet.load()
    assert set(judge.names) == set(FAMILIES)
    for name in ("rain", "bell", "clock_tick", "glass_break", "door_knock"):
        rng = np.random.default_rng(77)
        wave = api.render(name, None, 4.0, 24_000, rng)
        heard = hear(yamnet, wave, 24_000)
        three = np.argsort(-judge.probabilities(heard))[:3]
        assert family_of(name) in [judge.names[i] for i in three], name
    facts = judge.probe.facts
    assert facts["held_out_packages"]["top1"] > 10 * CHANCE
    assert facts["synthesised"]["top1"] > 20 * CHANCE
