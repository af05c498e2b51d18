"""The listening test: blind, repeatable, and read back into agreement and preference."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from vatt_engine.corpus.scenes.compose import make_scene
from vatt_engine.corpus.scenes.film import write_film
from vatt_engine.errors import BadRequest
from vatt_engine.evaluation.__main__ import main
from vatt_engine.evaluation.films import Film, FilmSet
from vatt_engine.evaluation.rating_page import Item, draw_items, mux, write_page
from vatt_engine.evaluation.ratings import Rating, read_key, read_ratings, verdicts
from vatt_engine.evaluation.results import PICTURE, Evaluation, FilmResult, TakeResult, write
from vatt_engine.evaluation.sync import OnsetScore

N = 6


def take(f1: int, wav: Path) -> TakeResult:
    onsets = OnsetScore(10, 10, f1)
    return TakeResult(
        PICTURE, 0, "", "hammer", "hammer", True, 1.0, 10, onsets, onsets, 0.0, 0.1, 1.0, (),
        (0.0,), {}, str(wav),
    )  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> tuple[FilmSet, Evaluation, Evaluation]:
    folder = tmp_path_factory.mktemp("films")
    scene = make_scene(1, "train", 1.0)
    write_film(scene, folder / "f.mp4", 32)
    wav = folder / "t.wav"
    sf.write(wav, np.zeros(48_000, np.float32), 48_000)
    names = [f"f{i}.mp4" for i in range(N)]
    films = FilmSet("s", tuple(Film(name, folder / "f.mp4", 1.0) for name in names))

    def evaluation(model: str, f1s: list[int], right: list[bool]) -> Evaluation:
        rows = tuple(
            FilmResult(name, "fall", 1.0, False, ("hammer",), f"{model} caption", (), ok, ok, None,
                       None, None, None, (), (take(f1, wav),))
            for name, f1, ok in zip(names, f1s, right, strict=True)
        )  # fmt: skip
        return Evaluation(model, "s", {}, rows)

    a = evaluation("alpha", [9, 8, 7, 6, 5, 4], [True, True, True, False, False, False])
    b = evaluation("beta", [1, 2, 3, 4, 5, 6], [False] * N)
    return films, a, b


def test_page_is_blind_whole_and_repeatable(
    stage: tuple[FilmSet, Evaluation, Evaluation], tmp_path: Path
) -> None:
    films, a, b = stage
    items = draw_items(a, b, 4, 3, seed=7)
    assert items == draw_items(a, b, 4, 3, seed=7)
    assert items != draw_items(a, b, 4, 3, seed=8)
    assert sorted(i.kind for i in items) == ["caption"] * 3 + ["pair"] * 4
    plain = [replace(i, caption="some words") for i in items]
    key = write_page(plain, films, tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert "alpha" not in html
    assert "beta" not in html
    assert "f1.mp4" not in html
    assert not re.search(r"https?://", html)
    assert html.count("<section") == 7
    assert read_key(key) == {item.item: item for item in plain}


def test_sides_are_tossed(stage: tuple[FilmSet, Evaluation, Evaluation]) -> None:
    _, a, b = stage
    lefts = {i.left for s in range(6) for i in draw_items(a, b, N, 0, seed=s)}
    assert lefts == {"alpha", "beta"}


def test_a_pair_plays_picture_and_take_together(
    stage: tuple[FilmSet, Evaluation, Evaluation], tmp_path: Path
) -> None:
    films, a, _ = stage
    path = tmp_path / "both.mp4"
    path.write_bytes(mux(films.films[0].path, Path(a.films[0].takes[0].wav)))
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 25
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    with pytest.raises(BadRequest, match="joined"):
        mux(tmp_path / "gone.mp4", Path(a.films[0].takes[0].wav))


def answers(items: list[Item], favourite: str, raters: int) -> list[Rating]:
    found = []
    for rater in range(raters):
        for item in items:
            side = "left" if item.left == favourite else "right"
            found.append(Rating(f"r{rater}", item.item, "pair", "sync", side, 3.0))
    return found


def test_unanimous_raters_agree_and_prefer_the_better_model(
    stage: tuple[FilmSet, Evaluation, Evaluation],
) -> None:
    _, a, b = stage
    items = draw_items(a, b, N, 0, seed=3)
    key = {item.item: item for item in items}
    (verdict,) = verdicts(answers(items, "alpha", 3), key, [a, b])
    assert verdict.question == "sync"
    assert (verdict.n_raters, verdict.n_items, verdict.n_answers) == (3, N, 3 * N)
    assert verdict.alpha == pytest.approx(1)
    assert verdict.shares["alpha"].value == 1
    assert verdict.shares["beta"].value == 0


def test_figures_that_follow_people_correlate(
    stage: tuple[FilmSet, Evaluation, Evaluation],
) -> None:
    _, a, b = stage
    items = draw_items(a, b, N, 0, seed=3)
    key = {item.item: item for item in items}
    better = {f.name: "alpha" if int(f.name[1]) < 4 else "beta" for f in a.films}
    found = [
        Rating("r", i.item, "pair", "sync", "left" if i.left == better[i.film] else "right", 1)
        for i in items
    ]
    (verdict,) = verdicts(found, key, [a, b])
    assert verdict.correlations["onset_f1"] > 0.8
    assert verdict.alpha is None  # one rater cannot agree with anyone


def test_captions_are_scored_per_model(stage: tuple[FilmSet, Evaluation, Evaluation]) -> None:
    _, a, b = stage
    items = draw_items(a, b, 0, 2 * N, seed=1)
    key = {item.item: item for item in items}
    right = {("alpha", f.name): f.caption_right for f in a.films}
    found = [
        Rating(r, i.item, "caption", "caption", "5" if right.get((i.left, i.film)) else "2", 1)
        for i in items
        for r in ("x", "y")
    ]
    (verdict,) = verdicts(found, key, [a, b])
    assert verdict.shares["alpha"].value == pytest.approx(3.5)
    assert verdict.shares["beta"].value == pytest.approx(2)
    assert verdict.correlations["caption_right"] == pytest.approx(1)
    assert verdict.alpha == pytest.approx(1)


def test_saved_answers_are_read_back_by_the_command(
    stage: tuple[FilmSet, Evaluation, Evaluation],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    films, a, b = stage
    items = draw_items(a, b, 2, 0, seed=3)
    key = write_page(items, films, tmp_path / "p.html")
    rows = ['"rater","item","kind","question","answer","seconds"']
    for rater in ("Ann, Dr.", "Bo"):
        rows += [f'"{rater}","{i.item}","pair","fit","same","4"' for i in items]
    rows.append(f'"Bo","{items[0].item}","pair","fit","left","9"')  # Bo thought again
    csv = tmp_path / "r.csv"
    csv.write_text("\ufeff" + "\r\n".join(rows) + "\r\n", encoding="utf-8")
    assert len(read_ratings([csv])) == 4
    write(a, tmp_path / "a.json")
    write(b, tmp_path / "b.json")
    words = ["--ratings", str(csv), "--key", str(key), "--json"]
    words += ["--results", str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert main(words) == 0
    (verdict,) = json.loads(capsys.readouterr().out)["ratings"]
    assert verdict["n_raters"] == 2
    assert main(["--ratings", str(csv)]) == 1
    assert "key" in capsys.readouterr().err
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadRequest, match=r"bad\.csv"):
        read_ratings([tmp_path / "bad.csv"])
