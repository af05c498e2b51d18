"""From a picture to takes with the tiny model: exact, repeatable, continuable, honest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import soxr
import torch

from tests.helpers.movies import disc, draw, write_movie, write_numbered
from vatt_engine.code_file import read_code_file
from vatt_engine.errors import BadRequest, Cancelled, EngineError, MediaMissing
from vatt_engine.evaluation.onsets import FRAME_RATE, SAMPLE_RATE, FluxMeter
from vatt_engine.evaluation.wording import category_of
from vatt_engine.lane_words import read
from vatt_engine.messages import (
    Caption,
    CaptionReady,
    Event,
    Generate,
    HeldTake,
    ImageSequence,
    LaneReady,
    Log,
    PictureSegment,
    Spot,
    SyncLane,
    TakeReady,
)
from vatt_engine.nets.audio_model import AudioModel
from vatt_engine.pipeline import VATT
from vatt_engine.wire import encode
from vatt_engine.worded_lane import place

RATE = 48_000


@pytest.fixture(scope="module")
def vatt() -> VATT:
    return VATT.from_pretrained("tiny", "cpu")


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds at 24 fps."""
    path = tmp_path_factory.mktemp("media") / "m.mp4"
    return write_numbered(path, 288, fps=24, width=64, height=48)


def ask(movie: Path, scratch: Path, seconds: float = 2.0, **changes: Any) -> Generate:
    request = Generate(
        job_id="job",
        picture=(PictureSegment(str(movie), 0.0, seconds),),
        n_samples=round(seconds * RATE),
        prompt="footsteps on gravel",
        steps=2,
        scratch=str(scratch),
    )
    return replace(request, **changes)


def takes_of(events: list[Event]) -> list[TakeReady]:
    return [e for e in events if isinstance(e, TakeReady)]


def run(vatt: VATT, request: Generate | Caption | Spot, **options: Any) -> list[Event]:
    events = list(vatt.run(request, **options))
    for event in events:
        encode(event)  # everything must fit on the wire
    return events


def wave_of(take: TakeReady) -> np.ndarray:
    wave: np.ndarray
    wave, rate = soundfile.read(take.wav_path, dtype="float32")
    assert rate == take.sample_rate
    return wave


def test_a_take_tells_its_precision_and_by_that_it_is_made_again(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    (plain,) = takes_of(run(vatt, ask(movie, tmp_path)))
    half = VATT.from_pretrained("tiny", "cpu+audio-bfloat16")
    (other,) = takes_of(run(half, ask(movie, tmp_path, job_id="half")))
    assert (plain.precision, other.precision) == ("float32", "audio-bfloat16")
    for take in (plain, other):
        same = VATT.from_pretrained("tiny", f"cpu+{take.precision}")
        (again,) = takes_of(run(same, ask(movie, tmp_path, job_id="again")))
        assert again.wav_sha256 == take.wav_sha256


@pytest.mark.parametrize("n_samples", [1, 4799, 48_000, 100_001])
def test_takes_are_exactly_as_long_as_asked(
    vatt: VATT, movie: Path, tmp_path: Path, n_samples: int
) -> None:
    request = ask(movie, tmp_path, n_samples / RATE, n_samples=n_samples)
    (take,) = takes_of(run(vatt, request))
    assert len(wave_of(take)) == n_samples
    assert soundfile.info(take.wav_path).subtype == "FLOAT"
    assert take.n_samples == n_samples


@pytest.mark.parametrize("rate", [16_000, 44_100, 96_000])
def test_other_sample_rates_are_exact_too(
    vatt: VATT, movie: Path, tmp_path: Path, rate: int
) -> None:
    request = ask(movie, tmp_path, 1.0, n_samples=rate - 1, sample_rate=rate)
    (take,) = takes_of(run(vatt, request))
    assert len(wave_of(take)) == rate - 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    first = takes_of(run(vatt, ask(movie, tmp_path, takes=3, seed=5)))
    (again,) = takes_of(run(vatt, ask(movie, tmp_path, seed=6, job_id="again")))
    fresh = VATT(vatt.model)  # remembers no picture
    (other,) = takes_of(run(fresh, ask(movie, tmp_path, seed=6, job_id="fresh")))
    assert [t.seed for t in first] == [5, 6, 7]
    assert first[1].wav_sha256 == again.wav_sha256 == other.wav_sha256
    assert Path(first[1].codes_path).read_bytes() == Path(again.codes_path).read_bytes()
    assert len({t.wav_sha256 for t in first}) == 3


def test_takes_made_in_one_batch_are_those_made_alone(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    alone = takes_of(run(vatt, ask(movie, tmp_path, takes=3)))
    batched = VATT(vatt.model, max_batch=2)
    together = takes_of(run(batched, ask(movie, tmp_path, takes=3, job_id="b")))
    assert [t.wav_sha256 for t in together] == [t.wav_sha256 for t in alone]
    small = takes_of(run(batched, ask(movie, tmp_path, takes=3, job_id="s"), small=True))
    assert [t.seed for t in small] == [0, 1, 2]


def test_words_picture_and_guidance_make_a_difference(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"prompt": "a dog barks"},
        {"negative": "speech, music"},
        {"cfg": 1.0},
        {"steps": 3},
        {"picture": (PictureSegment(str(movie), 6.0, 2.0),)},
        {"sync": "lane", "lane": SyncLane(((0.5, 1.0), (1.2, 0.7)))},
    ]
    hashes = [
        takes_of(run(vatt, ask(movie, tmp_path, job_id=str(i), **v)))[0].wav_sha256
        for i, v in enumerate(variants)
    ]
    # An untrained lane starts as if it were not there, so that one may be equal.
    assert len(set(hashes[:6])) == 6


def test_without_a_prompt_the_picture_is_captioned_first(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    events = run(vatt, ask(movie, tmp_path, prompt=None))
    caption = events[0]
    assert isinstance(caption, CaptionReady)
    (take,) = takes_of(events)
    assert take.prompt == caption.caption
    typed = takes_of(run(vatt, ask(movie, tmp_path, prompt=caption.caption, job_id="typed")))
    assert typed[0].wav_sha256 == take.wav_sha256


def test_what_is_added_to_a_prompt_is_told_and_the_users_words_are_kept(
    vatt: VATT, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VATT, "heard", lambda self, prompt: f"{prompt.strip()}, rain")
    events = run(vatt, ask(movie, tmp_path, prompt="a drizzle"))
    (take,) = takes_of(events)
    assert (take.prompt, take.heard) == ("a drizzle", "a drizzle, rain")
    told = [e.message for e in events if isinstance(e, Log)]
    assert any("a drizzle, rain" in message for message in told)
    both = ask(movie, tmp_path, prompt="a drizzle, rain", job_id="both")
    monkeypatch.undo()
    (same,) = takes_of(run(vatt, both))
    assert same.heard == same.prompt == "a drizzle, rain"
    assert same.wav_sha256 == take.wav_sha256


def test_progress_names_every_stage_and_never_runs_backwards(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    seen: dict[str, list[tuple[int, int | None]]] = {}
    fresh = VATT(vatt.model)
    run(
        fresh,
        ask(movie, tmp_path, 12.0, n_samples=12 * RATE, prompt=None, takes=2),
        report=lambda stage, done, total: seen.setdefault(stage, []).append((done, total)),
    )
    assert list(seen) == ["decoding", "features", "caption", "sampling", "codec", "writing"]
    for stage in ("decoding", "features", "sampling", "codec", "writing"):
        done = [d for d, _ in seen[stage]]
        assert done == sorted(done)
        assert seen[stage][-1][0] == seen[stage][-1][1]


@pytest.mark.parametrize("stage", ["decoding", "features", "caption", "sampling", "codec"])
def test_cancelling_at_any_stage_leaves_no_file(
    vatt: VATT, movie: Path, tmp_path: Path, stage: str
) -> None:
    def report(now: str, done: int, total: int | None) -> None:
        if now == stage and done:
            raise Cancelled("stop")

    fresh = VATT(vatt.model)
    with pytest.raises(Cancelled):
        run(fresh, ask(movie, tmp_path, 3.0, prompt=None), report=report)
    assert list(tmp_path.iterdir()) == []


# --- longer than a window ---------------------------------------------------------------------


def seams_and_elsewhere(wave: np.ndarray, seams_s: list[float]) -> tuple[float, float]:
    """Largest jump between samples near the seams, and the largest anywhere else."""
    jumps = np.abs(np.diff(wave))
    near = np.zeros(len(jumps), bool)
    for seam in seams_s:
        near[round((seam - 0.06) * RATE) : round((seam + 0.06) * RATE)] = True
    return float(jumps[near].max()), float(jumps[~near].max())


def test_a_long_clip_goes_on_without_a_click(vatt: VATT, movie: Path, tmp_path: Path) -> None:
    segments = tuple(PictureSegment(str(movie), 0.0, 12.0) for _ in range(3))
    request = ask(movie, tmp_path, 36.0, picture=segments, n_samples=36 * RATE)
    (take,) = takes_of(run(vatt, request))
    wave = wave_of(take)
    assert len(wave) == 36 * RATE
    assert np.abs(wave[-RATE:]).max() > 0
    seams_s = [10.0, 18.0, 20.0, 26.0, 30.0]
    at_seams, elsewhere = seams_and_elsewhere(wave, seams_s)
    assert at_seams <= elsewhere
    meter = FluxMeter(float(np.abs(wave).max()))
    meter.feed(soxr.resample(wave, RATE, SAMPLE_RATE))
    flux = meter.finish()
    near = np.zeros(len(flux), bool)
    for seam in seams_s:
        near[round((seam - 0.06) * FRAME_RATE) : round((seam + 0.06) * FRAME_RATE)] = True
    assert flux[near].max() <= flux[~near].max()


def test_a_longer_clip_begins_like_a_shorter_one(vatt: VATT, movie: Path, tmp_path: Path) -> None:
    lane = {"sync": "lane", "lane": SyncLane(((1.0, 0.9),))}
    (short,) = takes_of(run(vatt, ask(movie, tmp_path, 10.0, **lane)))
    (long,) = takes_of(run(vatt, ask(movie, tmp_path, 11.0, job_id="long", **lane)))
    short_codes = read_code_file(Path(short.codes_path)).codes
    long_codes = read_code_file(Path(long.codes_path)).codes
    assert np.array_equal(short_codes, long_codes[:, :500])
    assert long_codes.shape == (4, 550)


# --- regenerating a span ----------------------------------------------------------------------


def hold(take: TakeReady, start_s: float, end_s: float) -> HeldTake:
    return HeldTake(take.codes_path, start_s, end_s)


@pytest.mark.parametrize("span", [(2.0, 3.0), (0.0, 0.5), (5.51, 6.0), (0.013, 5.987)])
def test_only_the_span_changes_codes_and_samples_alike(
    vatt: VATT, movie: Path, tmp_path: Path, span: tuple[float, float]
) -> None:
    (old,) = takes_of(run(vatt, ask(movie, tmp_path, 6.0)))
    new_request = ask(movie, tmp_path, 6.0, job_id="new", seed=9, held=hold(old, *span))
    (new,) = takes_of(run(vatt, new_request))
    before, after = read_code_file(Path(old.codes_path)), read_code_file(Path(new.codes_path))
    begin, end = int(span[0] * 50), int(np.ceil(span[1] * 50))
    outside = np.ones(300, bool)
    outside[begin:end] = False
    assert np.array_equal(before.current[:, outside], after.current[:, outside])
    assert not np.array_equal(before.current[:, begin:end], after.current[:, begin:end])
    old_wave, new_wave = wave_of(old), wave_of(new)
    reach = 4 * 960  # four code frames: what the codec's convolutions see
    low, high = max(0, begin * 960 - reach), end * 960 + reach
    assert np.array_equal(old_wave[:low], new_wave[:low])
    assert np.array_equal(old_wave[high:], new_wave[high:])
    assert not np.array_equal(old_wave[low:high], new_wave[low:high])
    at_seams, elsewhere = seams_and_elsewhere(new_wave, [s for s in span if 0.1 < s < 5.9] or [1])
    assert at_seams <= 1.5 * elsewhere


def test_span_after_span_keeps_all_that_was_not_touched(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    (take,) = takes_of(run(vatt, ask(movie, tmp_path, 4.0)))
    waves = [wave_of(take)]
    for i, span in enumerate([(1.0, 1.5), (1.2, 2.0), (3.0, 3.2)]):
        request = ask(movie, tmp_path, 4.0, job_id=f"n{i}", seed=i + 1, held=hold(take, *span))
        (take,) = takes_of(run(vatt, request))
        waves.append(wave_of(take))
        changed = np.flatnonzero(waves[-1] != waves[-2])
        assert changed.min() >= (span[0] - 0.08) * RATE
        assert changed.max() <= (span[1] + 0.08) * RATE
    again = ask(movie, tmp_path, 4.0, job_id="same", seed=3, held=hold(take, 3.0, 3.2))
    assert len(read_code_file(Path(takes_of(run(vatt, again))[0].codes_path)).patches) == 4


def test_a_span_in_a_long_clip_spares_the_other_windows(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    segments = (PictureSegment(str(movie), 0.0, 12.0),) * 2
    request = ask(movie, tmp_path, 24.0, picture=segments, n_samples=24 * RATE)
    (old,) = takes_of(run(vatt, request))
    again = replace(request, job_id="n", seed=1, held=hold(old, 11.0, 12.0))
    (new,) = takes_of(run(vatt, again))
    changed = np.flatnonzero(wave_of(old) != wave_of(new)) / RATE
    assert 10.9 < changed.min() < 11.1
    assert 11.9 < changed.max() < 12.1


def test_held_takes_that_do_not_fit_are_refused(vatt: VATT, movie: Path, tmp_path: Path) -> None:
    (old,) = takes_of(run(vatt, ask(movie, tmp_path, 2.0)))
    (tmp_path / "bad.safetensors").write_bytes(b"not codes at all")
    refused = [
        ask(movie, tmp_path, 3.0, held=hold(old, 1.0, 2.0)),
        ask(movie, tmp_path, 2.0, held=hold(old, 1.0, 1.0)),
        ask(movie, tmp_path, 2.0, held=hold(old, 5.0, 6.0)),
        ask(movie, tmp_path, 2.0, held=hold(old, float("nan"), 1.0)),
        ask(movie, tmp_path, 2.0, held=HeldTake(str(tmp_path / "bad.safetensors"), 0.0, 1.0)),
        ask(movie, tmp_path, 2.0, held=HeldTake(str(tmp_path / "none"), 0.0, 1.0)),
    ]
    for request in refused:
        with pytest.raises(BadRequest):
            run(vatt, request)
    stranger = VATT(replace(vatt.model, model_hash="another"))
    with pytest.raises(BadRequest, match="another model"):
        run(stranger, ask(movie, tmp_path, 2.0, held=hold(old, 1.0, 2.0)))


# --- captions, lanes, figures -----------------------------------------------------------------


def test_captions_come_scored_and_repeatable(vatt: VATT, movie: Path) -> None:
    request = Caption("c", picture=(PictureSegment(str(movie), 0.0, 12.0),), n=3, seed=1)
    (first,), (second,) = run(vatt, request), run(VATT(vatt.model), request)
    assert isinstance(first, CaptionReady)
    assert first == second
    assert first.score < 0


def test_spotting_needs_no_features(vatt: VATT, movie: Path) -> None:
    stages: set[str] = set()
    request = Spot("s", picture=(PictureSegment(str(movie), 0.0, 4.0),))
    (event,) = run(VATT(vatt.model), request, report=lambda stage, *_: stages.add(stage))
    assert isinstance(event, LaneReady)
    assert len(event.lane.intensity) == 200
    assert stages == {"decoding"}


def test_sync_off_sends_no_lane_and_a_given_lane_comes_back(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    lane = SyncLane(((0.5, 1.0), (1.5, 0.5)), (0.1,) * 100)
    given = run(vatt, ask(movie, tmp_path, sync="lane", lane=lane))
    assert [e.lane for e in given if isinstance(e, LaneReady)] == [lane]
    (take,) = takes_of(given)
    assert take.sync is not None
    assert take.figures["n_hits"] == 2
    off = run(vatt, ask(movie, tmp_path, sync="off", job_id="off"))
    assert not any(isinstance(e, LaneReady) for e in off)


def test_own_words_are_heard_where_nothing_hits_but_a_caption_is_not(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    still = (PictureSegment(str(movie), 1.0, 1.0, time_scalar=0.0),)

    def made(name: str, **changes: Any) -> tuple[bytes, bool]:
        events = run(vatt, ask(movie, tmp_path, 1.0, picture=still, job_id=name, **changes))
        free = any(isinstance(e, Log) and "placed freely" in e.message for e in events)
        return Path(takes_of(events)[0].wav_path).read_bytes(), free

    off = made("off", sync="off")[0]
    assert made("own") == (off, True)
    captioned, free = made("captioned", captioned=True)
    assert captioned != off
    assert not free
    assert not made("hits", sync="lane", lane=SyncLane(((0.5, 1.0),)))[1]
    assert not made("busy", sync="lane", lane=SyncLane((), (0.6,) * 50))[1]


def test_without_a_lane_of_the_picture_each_take_gets_one_made_up_from_its_words_and_seed(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    def made(name: str, **changes: Any) -> tuple[list[Event], list[TakeReady]]:
        events = run(vatt, ask(movie, tmp_path, job_id=name, sync="off", **changes))
        return events, takes_of(events)

    events, (first, second) = made("off", takes=2)
    (told,) = [e.message for e in events if isinstance(e, Log) and "made up" in e.message]
    assert "not seen" in told
    assert first.figures["made_up"] == second.figures["made_up"] == 1
    _, (alone,) = made("alone", seed=1)
    assert alone.wav_sha256 == second.wav_sha256, "its moments are those of its own seed"

    sounds = read("footsteps on gravel", category_of)
    assert second.figures["made_up_hits"] == len(place(sounds, 2.0, 1).hits)
    lane = place(sounds, 2.0, 1, (0.0, 2.0))
    assert second.moments == lane, "told, so that it can be shown and edited"
    given = run(vatt, ask(movie, tmp_path, job_id="given", seed=1, sync="lane", lane=lane))
    assert takes_of(given)[0].wav_sha256 == second.wav_sha256
    assert takes_of(given)[0].moments is None

    events, (hush,) = made("hush", prompt="silence")
    assert "made_up" not in hush.figures
    assert not any(isinstance(e, Log) and "made up" in e.message for e in events)


def test_a_model_that_hears_no_lane_gets_none_made_up(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    config = vatt.model.config
    deaf = replace(config.audio, lane_width=0, lane_tails=())
    torch.manual_seed(0)
    model = replace(vatt.model, config=replace(config, audio=deaf), audio=AudioModel(deaf).eval())
    events = run(VATT(model), ask(movie, tmp_path, sync="off"))
    assert "made_up" not in takes_of(events)[0].figures
    assert not any(isinstance(e, Log) and "made up" in e.message for e in events)


def test_a_span_of_a_made_up_take_keeps_its_moments(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    (take,) = takes_of(run(vatt, ask(movie, tmp_path, sync="off", seed=4)))
    assert read_code_file(Path(take.codes_path)).made_up == ("footsteps on gravel", 4)
    held = hold(take, 0.5, 1.5)

    def span(name: str, **changes: Any) -> TakeReady:
        return takes_of(run(vatt, ask(movie, tmp_path, job_id=name, held=held, seed=9, **changes)))[
            0
        ]

    lane = place(read("footsteps on gravel", category_of), 2.0, 4)
    same = span("off", sync="off")
    assert same.wav_sha256 == span("lane", sync="lane", lane=lane).wav_sha256
    assert read_code_file(Path(same.codes_path)).made_up == ("footsteps on gravel", 4)


def test_a_span_of_a_freely_placed_take_is_placed_freely_too(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    still = (PictureSegment(str(movie), 1.0, 1.0, time_scalar=0.0),)
    (take,) = takes_of(run(vatt, ask(movie, tmp_path, 1.0, picture=still)))
    held = hold(take, 0.2, 0.6)

    def made(name: str, sync: str) -> bytes:
        request = ask(
            movie, tmp_path, 1.0, picture=still, job_id=name, held=held, seed=9, sync=sync
        )
        return Path(takes_of(run(vatt, request))[0].wav_path).read_bytes()

    assert made("span", "auto") == made("off", "off")


def test_faint_movement_without_hits_is_heard_as_if_it_were_plain(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    def made(name: str, peak: float, **changes: Any) -> tuple[bytes, float]:
        lane = SyncLane((), (0.5 * peak, peak) * 25)
        events = run(
            vatt, ask(movie, tmp_path, 1.0, job_id=name, sync="lane", lane=lane, **changes)
        )
        (told,) = [e.lane for e in events if isinstance(e, LaneReady)]
        return Path(takes_of(events)[0].wav_path).read_bytes(), max(told.intensity)

    plain = made("plain", 1.0)[0]
    assert made("faint", 0.3) == (plain, 0.3), "what was seen is told as it was seen"
    assert made("said", 0.3, captioned=True)[0] == plain
    assert made("still", 0.1, captioned=True)[0] != plain


def test_figures_are_plain_and_true(vatt: VATT, movie: Path, tmp_path: Path) -> None:
    (take,) = takes_of(run(vatt, ask(movie, tmp_path)))
    wave = wave_of(take).astype(float)
    assert take.figures["peak_db"] == pytest.approx(20 * np.log10(np.abs(wave).max()), abs=0.01)
    assert take.figures["rms_db"] == pytest.approx(10 * np.log10((wave**2).mean()), abs=0.01)
    assert take.figures["clipped"] == (np.abs(wave) > 1).mean()
    assert take.figures["picture_missing_s"] == 0
    assert json.dumps(dict(take.figures))


def test_where_the_media_ends_the_sound_ends(vatt: VATT, movie: Path, tmp_path: Path) -> None:
    short = (PictureSegment(str(movie), 10.0, 4.0),)
    events = run(vatt, ask(movie, tmp_path, 4.0, picture=short))
    (take,) = takes_of(events)
    (log,) = [e for e in events if isinstance(e, Log)]
    assert "no picture for" in log.message
    wave = wave_of(take)
    assert np.abs(wave[: 2 * RATE]).max() > 0
    assert not wave[round(2.1 * RATE) :].any()
    assert take.figures["picture_missing_s"] == pytest.approx(2.0, abs=0.1)


def test_picture_that_lacks_in_the_handles_alone_is_not_missing(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    handled = (PictureSegment("", 0.0, 1.0), PictureSegment(str(movie), 9.5, 3.0))
    (take,) = takes_of(run(vatt, ask(movie, tmp_path, 4.0, picture=handled, handle_s=1.0)))
    assert take.figures["picture_missing_s"] == 0
    (take,) = takes_of(run(vatt, ask(movie, tmp_path, 4.0, picture=handled, handle_s=0.2)))
    assert take.figures["picture_missing_s"] == pytest.approx(0.3, abs=0.1)


def test_black_and_still_pictures_can_be_asked_about(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    for i, segment in enumerate(
        [PictureSegment("", 0.0, 1.0), PictureSegment(str(movie), 1.0, 1.0, time_scalar=0.0)]
    ):
        events = run(vatt, ask(movie, tmp_path, 1.0, picture=(segment,), job_id=str(i)))
        (take,) = takes_of(events)
        assert take.sync is None, "nothing moves, so nothing can be in sync"


def test_a_file_that_was_replaced_is_looked_at_again(vatt: VATT, tmp_path: Path) -> None:
    path = tmp_path / "m.mp4"
    request = Spot("s", picture=(PictureSegment(str(path), 0.0, 2.0),))
    write_movie(path, [np.zeros((48, 64, 3), np.uint8)] * 50)
    fresh = VATT(vatt.model)
    (calm,) = run(fresh, request)
    path.unlink()
    write_movie(path, draw(50, lambda image, i: disc(image, 3 * i, 45, 9, (255, 255, 255))))
    (busy,) = run(fresh, request)
    assert calm != busy


def test_an_image_sequence_is_looked_at_each_time(vatt: VATT, tmp_path: Path) -> None:
    def render(shift: int) -> None:
        images = draw(25, lambda im, i: disc(im, 20 + shift * i, 45, 9, (255, 255, 255)))
        for i, image in enumerate(images):
            av.VideoFrame.from_ndarray(image, "rgb24").to_image().save(tmp_path / f"s.{i:02d}.png")

    pattern = str(tmp_path / "s.%02d.png")
    segment = PictureSegment(pattern, 0.0, 1.0, sequence=ImageSequence(0, 25.0))
    fresh = VATT(vatt.model)
    render(0)
    (calm,) = run(fresh, Spot("s", picture=(segment,)))
    render(4)
    (busy,) = run(fresh, Spot("s", picture=(segment,)))
    assert calm != busy


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"n_samples": 0},
        {"sample_rate": 1},
        {"takes": 0},
        {"takes": 1000},
        {"seed": -1},
        {"sync": "perhaps"},
        {"sync": "lane"},
        {"steps": 0},
        {"cfg": -1.0},
        {"scratch": "/no/such/folder"},
        {"picture": ()},
        {"sync": "lane", "lane": SyncLane(((float("nan"), 1.0),))},
    ],
)
def test_impossible_requests_are_refused_by_name(
    vatt: VATT, movie: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(BadRequest):
        list(vatt.run(replace(ask(movie, tmp_path), **change)))


@pytest.mark.parametrize("job_id", ["../../out", "/etc/x", "a b/c", ""])
def test_job_ids_never_lead_out_of_the_scratch_folder(
    vatt: VATT, movie: Path, tmp_path: Path, job_id: str
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (take,) = takes_of(run(vatt, ask(movie, scratch, 0.5, job_id=job_id)))
    assert Path(take.wav_path).parent == Path(take.codes_path).parent == scratch
    assert list(tmp_path.iterdir()) == [scratch]


def test_missing_media_is_named(vatt: VATT, tmp_path: Path) -> None:
    with pytest.raises(MediaMissing, match=r"gone\.mp4"):
        run(vatt, ask(tmp_path / "gone.mp4", tmp_path))


def test_numbers_that_are_no_sound_are_an_error(
    vatt: VATT, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = vatt.model.codec.decode
    monkeypatch.setattr(vatt.model.codec, "decode", lambda codes: decode(codes) * float("nan"))
    with pytest.raises(EngineError, match="not finite"):
        run(vatt, ask(movie, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_published_layout_serves_clips_of_any_length(
    vatt: VATT, movie: Path, tmp_path: Path
) -> None:
    config = replace(vatt.model.config.audio, layout="official")
    audio = AudioModel(config, vatt.model.codec.codebooks)
    audio.load_state_dict(vatt.model.audio.state_dict())
    whole = replace(vatt.model.config, audio=config)
    published = VATT(replace(vatt.model, config=whole, audio=audio.eval()))
    shape = published.shape
    assert shape.fixed
    assert (shape.window, shape.overlap, shape.step) == (500, 100, 50)
    for seconds in (0.7, 10.0, 11.7):
        request = ask(movie, tmp_path, seconds, job_id=str(seconds), sync="off")
        (take,) = takes_of(run(published, request))
        assert len(wave_of(take)) == round(seconds * RATE)
    again = ask(movie, tmp_path, 11.7, job_id="n", seed=3, held=hold(take, 5.0, 6.0), sync="off")
    (new,) = takes_of(run(published, again))
    changed = np.flatnonzero(wave_of(take) != wave_of(new)) / RATE
    assert 4.9 < changed.min() < changed.max() < 6.1
