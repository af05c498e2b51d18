"""What came back from the engine is checked before it becomes a take."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.helpers.cuts import make_cue
from vatt_engine.errors import CannotWrite
from vatt_engine.messages import Generate, HeldTake, TakeReady
from vatt_plugin import cues, levels, requests, takes
from vatt_plugin.cues import Take
from vatt_plugin.errors import TakeRejected
from vatt_plugin.levels import CEILING_DBTP
from vatt_plugin.project_state import take_from_plain, take_to_plain
from vatt_plugin.requests import Wish
from vatt_plugin.takes import Destination
from vatt_plugin.timeline import rates

CUE = make_cue(n_frames=24)
N = CUE.n_samples
Sound = NDArray[np.floating]


def tone(n: int = N, peak: float = 0.1, channels: int = 1) -> Sound:
    wave = peak * np.sin(2 * np.pi * 997 * np.arange(n) / 48_000)
    return np.repeat(wave[:, None], channels, axis=1)


class Desk:
    """A scratch folder with a result in it, and a folder for takes."""

    def __init__(self, root: Path, wish: Wish | None = None) -> None:
        self.scratch, self.folder = root / "scratch", root / "takes"
        self.scratch.mkdir()
        self.folder.mkdir()
        self.wish = wish or Wish("tiny")
        self.request = requests.generate_request(CUE, self.wish, scratch=str(self.scratch))

    def ready(self, sound: Sound, *, rate: int = 48_000, path: Path | None = None) -> TakeReady:
        path = path or self.scratch / "take.wav"
        soundfile.write(path, sound, rate, subtype="FLOAT")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        codes = self.scratch / "take.safetensors"
        codes.write_bytes(b"codes")
        return TakeReady(
            "j", 0, 7, str(path), str(codes), digest, len(sound), rate, prompt="steps", model="tiny"
        )

    def adopt(self, ready: TakeReady, **destination: Any) -> Take:
        to = dataclasses.replace(Destination(self.folder), **destination)
        recipe = requests.recipe(self.request, ready, self.wish.handle_frames)
        return takes.adopt(ready, self.request, CUE, recipe, to)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_good_take_is_kept_as_a_levelled_broadcast_wav(desk: Desk) -> None:
    take = desk.adopt(desk.ready(tone()))
    info = soundfile.info(take.wav_path)
    assert (info.frames, info.samplerate, info.subtype) == (N, 48_000, "PCM_24")
    assert desk.files() == [f"{take.take_id}.wav"]
    assert take.lufs == pytest.approx(-27.0, abs=0.02)
    assert take.gain_db == pytest.approx(-27 - (-20 - 3.01), abs=0.1)
    assert take.peak_dbtp is not None
    assert take.peak_dbtp <= -1.0
    assert (take.caption, take.recipe.seed, take.recipe.model) == ("steps", 7, "tiny")
    assert take.cue_id == CUE.cue_id


def test_the_figures_told_are_those_of_the_file(desk: Desk) -> None:
    take = desk.adopt(desk.ready(tone(peak=0.9)))
    sound, _ = soundfile.read(take.wav_path, dtype="float32", always_2d=True)
    measured = levels.measure([sound], 1)
    assert take.lufs == pytest.approx(measured.lufs, abs=0.1)  # the fades are in the file
    assert take.peak_dbtp == pytest.approx(measured.true_peak_dbtp, abs=0.05)


@pytest.mark.parametrize(
    ("handles_db", "heard_lufs"),
    [(-40.0, -27.0), (30.0, None), (0.0, -27.0)],
    ids=["soft handles", "handles at the ceiling", "even"],
)
def test_the_level_is_that_of_what_is_heard_between_the_handles(
    tmp_path: Path, handles_db: float, heard_lufs: float | None
) -> None:
    n = 12
    desk = Desk(tmp_path, Wish("tiny", handle_frames=n))
    sound = tone(desk.request.n_samples, peak=0.02)
    handle = n * 2000
    sound[:handle] *= 10 ** (handles_db / 20)
    take = desk.adopt(desk.ready(sound))
    assert take.peak_dbtp is not None
    assert take.peak_dbtp <= CEILING_DBTP
    written, _ = soundfile.read(take.wav_path, dtype="float32", always_2d=True)
    shot = levels.measure([written[handle:-handle]], 1)
    assert take.lufs == pytest.approx(shot.lufs, abs=0.02)
    if heard_lufs is not None:
        assert take.lufs == pytest.approx(heard_lufs, abs=0.02)


def test_a_shot_too_short_for_a_loudness_takes_that_of_its_handles(tmp_path: Path) -> None:
    cue = make_cue(n_frames=2)
    wish = Wish("tiny", handle_frames=12)
    desk = Desk(tmp_path, wish)
    desk.request = requests.generate_request(cue, wish, scratch=str(desk.scratch))
    ready = desk.ready(tone(desk.request.n_samples, peak=0.02))
    take = takes.adopt(
        ready, desk.request, cue, requests.recipe(desk.request, ready, 12), Destination(desk.folder)
    )
    assert take.gain_db == pytest.approx(-27 - (-34 - 3.01), abs=0.1)
    assert take.lufs is None


def test_a_shot_in_which_nothing_sounds_takes_the_level_of_its_handles(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Wish("tiny", handle_frames=12))
    sound = tone(desk.request.n_samples, peak=0.02)
    sound[12 * 2000 : -12 * 2000] *= 0.001
    take = desk.adopt(desk.ready(sound))
    assert take.gain_db > 5
    assert take.lufs is None or take.lufs < -60


def test_edges_are_faded_so_that_no_cut_clicks(desk: Desk) -> None:
    take = desk.adopt(desk.ready(np.full((N, 1), 0.5)))
    sound, _ = soundfile.read(take.wav_path)
    assert sound[0] == sound[-1] == 0.0
    assert np.abs(np.diff(sound)).max() < 0.005
    n_fade = round(takes.FADE_S * 48_000)
    assert 0.005 <= takes.FADE_S <= 0.010
    assert sound[n_fade:-n_fade].std() == 0.0


def test_nothing_ever_clips(desk: Desk) -> None:
    rng = np.random.default_rng(0)
    take = desk.adopt(desk.ready(rng.choice([-3.0, 3.0], size=(N, 1))))
    sound, _ = soundfile.read(take.wav_path)
    assert np.abs(sound).max() < 10 ** (-1 / 20)


def test_the_noise_floor_of_an_empty_take_is_not_lifted(desk: Desk) -> None:
    rng = np.random.default_rng(0)
    take = desk.adopt(desk.ready(rng.standard_normal((N, 1)) * 1e-4))
    assert take.gain_db == 0.0


def test_digital_silence_stays_digital_silence(desk: Desk) -> None:
    take = desk.adopt(desk.ready(np.zeros((N, 1))))
    sound, _ = soundfile.read(take.wav_path)
    assert not sound.any()
    assert (take.lufs, take.peak_dbtp, take.gain_db) == (None, None, 0.0)


def test_the_same_sound_gives_the_same_file_and_another_another(desk: Desk) -> None:
    first = desk.adopt(desk.ready(tone()))
    data = Path(first.wav_path).read_bytes()
    again = desk.adopt(desk.ready(tone()))
    assert again == first
    assert Path(again.wav_path).read_bytes() == data
    other = desk.adopt(desk.ready(tone(peak=0.1001) + 1e-3))
    assert other.take_id != first.take_id


def test_stereo_stays_stereo(desk: Desk) -> None:
    take = desk.adopt(desk.ready(tone(channels=2)))
    assert soundfile.info(take.wav_path).channels == 2


def test_the_recipe_tells_what_the_nets_were_computed_in(desk: Desk) -> None:
    ready = dataclasses.replace(desk.ready(tone()), precision="audio-bfloat16")
    take = desk.adopt(ready)
    assert take.recipe.precision == "audio-bfloat16"


def test_codes_are_kept_where_wanted(desk: Desk) -> None:
    take = desk.adopt(desk.ready(tone()), codes_folder=desk.folder)
    assert Path(take.codes_path).read_bytes() == b"codes"
    assert desk.adopt(desk.ready(tone())).codes_path == ""


def span_of(desk: Desk, parent: Take, sound: Sound, start_s: float, end_s: float) -> Take:
    held = HeldTake(parent.codes_path, start_s, end_s)
    request = dataclasses.replace(desk.request, held=held)
    ready = desk.ready(sound)
    recipe = requests.recipe(request, ready, 0, parent=parent)
    return takes.adopt(ready, request, CUE, recipe, Destination(desk.folder), parent=parent)


def test_a_span_that_hits_harder_is_held_back_and_every_sample_around_it_stays(desk: Desk) -> None:
    first = desk.adopt(desk.ready(tone()))
    before, _ = soundfile.read(first.wav_path, dtype="int32")
    loud = tone()
    loud[10_000:11_000] *= 9
    second = span_of(desk, first, loud, 0.2, 0.24)
    once, _ = soundfile.read(second.wav_path, dtype="int32")
    reach = round((0.08 + 0.001) * 48_000)
    edges = slice(9_600 - reach, 11_520 + reach)
    changed = np.flatnonzero(once != before)
    assert edges.start <= changed[0]
    assert changed[-1] < edges.stop
    assert second.gain_db == first.gain_db
    assert second.peak_dbtp is not None
    assert second.peak_dbtp <= CEILING_DBTP
    louder = loud.copy()
    louder[20_000:20_500] *= 9.5  # a second span: the first one stays as low as it was laid
    third = span_of(desk, second, louder, 0.41, 0.43)
    twice, _ = soundfile.read(third.wav_path, dtype="int32")
    assert np.flatnonzero(twice != once)[0] > edges.stop
    assert third.peak_dbtp is not None
    assert third.peak_dbtp <= CEILING_DBTP
    assert [recipe.seed for recipe in third.recipe.made_from] == [7, 7]
    assert third.recipe.parent_take == second.take_id
    assert third.recipe.made_from[1].parent_take == first.take_id
    assert take_from_plain(json.loads(json.dumps(take_to_plain(third)))) == third


def outside(desk: Desk) -> TakeReady:
    return desk.ready(tone(), path=desk.scratch.parent / "elsewhere.wav")


def dotted(desk: Desk) -> TakeReady:
    ready = outside(desk)
    return dataclasses.replace(ready, wav_path=str(desk.scratch / ".." / "elsewhere.wav"))


def linked(desk: Desk) -> TakeReady:
    ready = outside(desk)
    link = desk.scratch / "link.wav"
    link.symlink_to(ready.wav_path)
    return dataclasses.replace(ready, wav_path=str(link))


def missing(desk: Desk) -> TakeReady:
    return dataclasses.replace(desk.ready(tone()), wav_path=str(desk.scratch / "no.wav"))


def folder(desk: Desk) -> TakeReady:
    return dataclasses.replace(desk.ready(tone()), wav_path=str(desk.scratch))


def changed(desk: Desk) -> TakeReady:
    return dataclasses.replace(desk.ready(tone()), wav_sha256="0" * 64)


def with_nan(desk: Desk) -> TakeReady:
    sound = tone()
    sound[N // 2] = np.nan
    return desk.ready(sound)


def no_wav(desk: Desk) -> TakeReady:
    ready = desk.ready(tone())
    Path(ready.wav_path).write_bytes(b"RIFF....WAVEnothing")
    digest = hashlib.sha256(b"RIFF....WAVEnothing").hexdigest()
    return dataclasses.replace(ready, wav_sha256=digest)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (outside, "outside"),
        (dotted, "outside"),
        (linked, "outside"),
        (missing, "not there"),
        (folder, "outside"),
        (changed, "hash"),
        (with_nan, "not numbers"),
        (no_wav, "cannot be read"),
        (lambda desk: desk.ready(tone(N - 1)), "samples long"),
        (lambda desk: desk.ready(tone(N + 1)), "samples long"),
        (lambda desk: desk.ready(tone(), rate=44_100), "44100 Hz"),
        (lambda desk: desk.ready(tone(channels=3)), "3 channels"),
    ],
)
def test_what_was_not_asked_for_is_rejected_and_nothing_is_kept(
    desk: Desk, make: Callable[[Desk], TakeReady], says: str
) -> None:
    with pytest.raises(TakeRejected, match=says):
        desk.adopt(make(desk))
    assert desk.files() == []


def test_a_folder_that_takes_nothing_is_an_error_with_a_remedy(desk: Desk) -> None:
    with pytest.raises(CannotWrite) as caught:
        desk.adopt(desk.ready(tone()), folder=desk.folder / "gone")
    assert caught.value.hint


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001)])
@pytest.mark.parametrize("handles", [0, 12])
def test_a_take_holds_its_frames_exactly_rounded_up(fps: Fraction, handles: int) -> None:
    cue = make_cue(n_frames=101, fps=fps)
    n = cues.samples_with_handles(cue, handles)
    exact = (101 + 2 * handles) * 48_000 / fps
    assert 0 <= n - exact < 1
    if handles == 0:
        assert n == cue.n_samples


def test_record_time_counts_handles_and_wraps_at_midnight() -> None:
    assert takes.record_time_reference(make_cue(), 0) == 172_800_000
    assert takes.record_time_reference(make_cue(), 24) == 172_800_000 - 48_000
    midnight = make_cue(record_frame=0)
    assert takes.record_time_reference(midnight, 24) == 86_400 * 48_000 - 48_000


FILM, NTSC = Fraction(24_000, 1001), Fraction(30_000, 1001)
MIDNIGHTS = [
    (FILM, False, 2_073_600),
    (Fraction(25), False, 2_160_000),
    (NTSC, False, 2_592_000),
    (NTSC, True, 2_589_408),
]


@settings(max_examples=200)
@given(st.sampled_from(MIDNIGHTS), st.integers(-5000, 5000), st.integers(0, 100))
def test_record_time_is_the_timecode_however_near_to_midnight(
    counting: tuple[Fraction, bool, int], frame: int, handles: int
) -> None:
    fps, drop, day = counting
    cue = make_cue(fps=fps, record_frame=day + frame)
    samples = takes.record_time_reference(cue, handles, drop)
    assert 0 <= samples < day * 48_000 / fps
    shown = rates.to_timecode(round(samples * fps / 48_000), fps, drop)
    assert shown == rates.to_timecode(day + frame - handles, fps, drop)
    assert samples == round((day + frame - handles) % day * 48_000 / fps)


def test_record_time_before_midnight_passes_a_day_by_the_clock() -> None:
    late = rates.parse_timecode("23:59:30:00", FILM)
    samples = takes.record_time_reference(make_cue(fps=FILM, record_frame=late), 0)
    assert samples == round(late * 2002)
    assert samples > 86_400 * 48_000


def test_requests_ask_for_exactly_what_is_adopted() -> None:
    request = requests.generate_request(
        CUE, Wish("tiny", handle_frames=6), job_id="j", scratch="/s"
    )
    assert isinstance(request, Generate)
    assert request.n_samples == cues.samples_with_handles(CUE, 6)
    played = sum(segment.duration_s for segment in request.picture)
    assert played == pytest.approx((CUE.n_frames + 12) / 24)
