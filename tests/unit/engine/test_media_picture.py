"""The frame the audience sees at a time is the frame the nets get."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.movies import number_image, read_number, write_movie, write_numbered
from vatt_engine.errors import BadRequest, Cancelled, MediaMissing
from vatt_engine.media.picture import Feed, Picture, exact
from vatt_engine.media.sources import TIME_TOLERANCE, MovieSource
from vatt_engine.messages import ImageSequence, PictureSegment

F = Fraction
ZERO = F(0)
GRAY = Feed(F(25), 64, 48, gray=True, fit="stretch")


def numbers(picture: Picture, feed: Feed = GRAY, from_s: Fraction = ZERO) -> list[int | None]:
    """Which numbered frame is on screen at each k / fps; None for black."""
    return [read_number(p.image) if p.image.any() else None for p in picture.images([feed], from_s)]


def segment(path: Path, start_s: float, duration_s: float, speed: float = 1.0) -> PictureSegment:
    return PictureSegment(str(path), start_s, duration_s, speed)


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames at 25 fps with B-frames and key frames 30 apart."""
    return write_numbered(tmp_path_factory.mktemp("m") / "m.mp4", 100, gop=30)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mov", "mpeg4"),
        ("a.mkv", "libx264"),
        ("a.ts", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.mpg", "mpeg2video"),
        ("a.webm", "libvpx-vp9"),
        ("a.mxf", "mpeg2video"),
        ("a.wmv", "wmv2"),
        ("a.flv", "libx264"),
        ("a.h264", "libx264"),
        ("a.m2v", "mpeg2video"),
        ("a.mjpeg", "mjpeg"),
        ("a.mov", "prores_ks"),
    ],
)
def test_every_container_is_exact_from_the_start_and_from_the_middle(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = tmp_path / name
    if codec == "prores_ks":
        _write_prores(path, 60)
    else:
        write_numbered(path, 60, codec=codec)
    assert numbers(Picture([segment(path, 0.0, 60 / 25)])) == list(range(60))
    assert numbers(Picture([segment(path, 41 / 25, 10 / 25)])) == list(range(41, 51))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_pictures_that_lean_on_the_next_key_frame_are_exact_after_a_seek(
    tmp_path: Path, suffix: str
) -> None:
    path = write_numbered(
        tmp_path / f"open.{suffix}",
        100,
        options={"x264-params": "open-gop=1:keyint=20:bframes=3:scenecut=0"},
    )
    for first in (17, 19, 20, 21, 38, 39, 59, 77):
        assert numbers(Picture([segment(path, first / 25, 0.2)])) == list(range(first, first + 5))


def _write_prores(path: Path, n: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("prores_ks", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv422p10le"
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(number_image(i), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    "fps", [F(24000, 1001), F(24), F(30000, 1001), F(753, 25), F(50), F(60000, 1001)]
)
def test_source_rates_are_kept_exactly(tmp_path: Path, fps: Fraction) -> None:
    path = write_numbered(tmp_path / "r.mp4", 120, fps=fps)
    feed = Feed(F(25), 64, 48, gray=True, fit="stretch")
    start = 30
    got = numbers(Picture([segment(path, float(start / fps), float(60 / fps))]), feed)
    assert got == [
        int(start + (F(k, 25) + TIME_TOLERANCE) * fps) for k in range(feed.n_images(60 / fps))
    ]


def test_variable_rate_follows_the_timestamps(tmp_path: Path) -> None:
    times = [F(t) for t in ("0", "0.05", "0.4", "0.43", "1.0", "1.02", "1.9", "2.0")]
    path = write_numbered(tmp_path / "v.mp4", len(times), times_s=times)
    got = numbers(Picture([segment(path, 0.0, 2.0)]))
    want = [
        max(i for i, t in enumerate(times) if t <= F(k, 25) + TIME_TOLERANCE) for k in range(50)
    ]
    assert got == want


@settings(max_examples=25, deadline=None)
@given(
    first=st.integers(0, 99),
    n=st.integers(1, 40),
    speed=st.sampled_from([1.0, 2.0, 0.5, -1.0, -2.0, 0.0]),
)
def test_any_cut_at_any_speed_shows_what_an_editor_would(
    movie: Path, first: int, n: int, speed: float
) -> None:
    got = numbers(Picture([segment(movie, first / 25, n / 25, speed)]))
    want = [first + (int(k * speed) if speed >= 0 else -int(k * -speed)) for k in range(n)]
    # One frame past either end is forgiven as rounding and shows the nearest frame.
    assert got == [min(99, max(0, w)) if -1 <= w <= 100 else None for w in want]


def test_long_reverse_playback_meets_at_its_chunks(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "m.mp4", 300, gop=250)
    assert numbers(Picture([segment(path, 299 / 25, 12.0, -1.0)])) == list(range(299, -1, -1))


def test_two_feeds_from_one_pass_come_in_time_order(movie: Path) -> None:
    colour = Feed(F(5), 96, 96)
    picked = list(Picture([segment(movie, 0.0, 2.0)]).images([colour, GRAY]))
    assert [p.number for p in picked if p.feed == 0] == list(range(10))
    assert [p.number for p in picked if p.feed == 1] == list(range(50))
    times = [p.number / (colour, GRAY)[p.feed].fps for p in picked]
    assert times == sorted(times)
    assert picked[0].image.shape == (3, 96, 96)
    assert picked[1].image.shape == (48, 64)


def test_starting_late_gives_the_same_images(movie: Path) -> None:
    cut = Picture([segment(movie, 1.0, 1.0), segment(movie, 0.0, 1.0)])
    assert numbers(cut, from_s=F(3, 2)) == numbers(cut)[38:]


def test_a_frame_that_stays_on_screen_is_the_same_array(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "slow.mp4", 10, fps=10)
    images = [p.image for p in Picture([segment(path, 0.0, 0.4)]).images([GRAY])]
    assert images[0] is images[1]
    assert images[2] is not images[3]


@pytest.mark.parametrize("speed", [1.0, 2.0, -1.0])
def test_images_say_since_when_they_are_on_screen(tmp_path: Path, speed: float) -> None:
    path = write_numbered(tmp_path / "n.mp4", 60, fps=24)
    start_s = 0.5 if speed > 0 else 1.5
    for picked in Picture([segment(path, start_s, 0.5, speed)]).images([GRAY]):
        frame_s = read_number(picked.image) / 24
        assert picked.since_s is not None
        assert picked.since_s == pytest.approx((frame_s - start_s) / speed, abs=1e-3)
        assert -1 / 24 <= picked.since_s - picked.number / 25 <= 0.001


def test_cuts_gaps_and_files_follow_each_other(movie: Path, tmp_path: Path) -> None:
    other = write_numbered(tmp_path / "o.mkv", 20)
    cut = Picture(
        [segment(movie, 0.4, 0.12), PictureSegment("", 0.0, 0.08), segment(other, 0.2, 0.08)]
    )
    assert numbers(cut) == [10, 11, 12, None, None, 5, 6]
    assert cut.notes == []
    assert cut.missing_s == []
    assert cut.duration_s == F(28, 100)


def test_a_cut_of_many_ntsc_clips_does_not_drift(tmp_path: Path) -> None:
    rate = F(24000, 1001)
    path = write_numbered(tmp_path / "n.mp4", 50, fps=rate)
    clip = segment(path, float(10 / rate), float(7 / rate))
    picture = Picture([clip] * 1000)
    assert picture.duration_s == 7000 / rate
    assert exact(float(1234567 / rate)) == 1234567 / rate


def test_media_that_ends_early_is_black_and_said_so(movie: Path) -> None:
    picture = Picture([segment(movie, 3.0, 2.0)])
    got = numbers(picture)
    assert got == [*range(75, 100), 99, *[None] * 24]
    assert picture.missing_s == [(1.04, 2.0)]
    (note,) = picture.notes
    assert note.kind == "media_short"
    assert "0.96 s" in note.message


def test_a_frame_that_stays_for_minutes_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [F(0), F(30), F(31)]  # a slide show, and a clip that is longer than its file
    path = write_numbered(tmp_path / "slides.mp4", 3, times_s=times)
    seeks = []
    monkeypatch.setattr(MovieSource, "_seek", lambda self, target: seeks.append(target))
    got = numbers(Picture([segment(path, 0.0, 60.0)]), Feed(F(1), 64, 48, gray=True, fit="stretch"))
    assert got[:31] == [0] * 30 + [1]
    assert got[-1] is None
    assert seeks == []


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (17, 5)])
def test_pictures_of_any_shape_can_be_looked_at(tmp_path: Path, size: tuple[int, int]) -> None:
    image = np.full((size[1], size[0], 3), 200, np.uint8)
    path = tmp_path / "odd.png"
    av.VideoFrame.from_ndarray(image, format="rgb24").to_image().save(path)
    for feed in (GRAY, Feed(F(1), 336, 336)):
        (picked, *_) = Picture([segment(path, 0.0, 1.0)]).images([feed])
        assert picked.image.min() > 150


def test_one_frame_movie_shows_it_once(tmp_path: Path) -> None:
    path = write_numbered(tmp_path / "one.mp4", 1)
    picture = Picture([segment(path, 0.0, 0.2)])
    assert numbers(picture)[0] == 0
    assert numbers(picture)[-1] is None
    assert [n.kind for n in picture.notes] == ["media_short"]


def test_a_still_image_lasts_as_long_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    _write_image(path, 77)
    picture = Picture([segment(path, 5.0, 2.0)])
    assert numbers(picture) == [77] * 50
    assert picture.notes == []


def _write_image(path: Path, number: int) -> None:
    av.VideoFrame.from_ndarray(number_image(number), format="rgb24").to_image().save(path)


def test_an_image_sequence_plays_at_its_own_rate(tmp_path: Path) -> None:
    for number in (1001, 1002, 1003, 1005):
        _write_image(tmp_path / f"s.{number:04d}.png", number)
    sequence = PictureSegment(
        str(tmp_path / "s.%04d.png"), 1 / 24, 4 / 24, sequence=ImageSequence(1001, 24.0)
    )
    feed = Feed(F(24), 64, 48, gray=True, fit="stretch")
    picture = Picture([sequence])
    assert numbers(picture, feed) == [1002, 1003, None, 1005]
    (missing,) = picture.missing_s
    assert missing == pytest.approx((2 / 24, 3 / 24))


def test_a_missing_sequence_is_missing_media(tmp_path: Path) -> None:
    segments = [PictureSegment(str(tmp_path / "no.%d.png"), 0, 1, sequence=ImageSequence(1, 24))]
    with pytest.raises(MediaMissing):
        list(Picture(segments).images([GRAY]))


@pytest.mark.parametrize("rotation", [90, 180, 270, -90])
def test_rotated_footage_is_upright(tmp_path: Path, rotation: int) -> None:
    upright = [np.ascontiguousarray(number_image(i, 96, 128)) for i in range(3)]
    stored = [np.rot90(i, k=-rotation // 90) for i in upright]
    path = write_movie(tmp_path / "r.mp4", stored, rotation=rotation)
    for feed in (GRAY, Feed(F(25), 60, 80)):
        assert numbers(Picture([segment(path, 0, 0.12)]), feed) == [0, 1, 2]


def test_pixel_aspect_is_undone_before_cropping(tmp_path: Path) -> None:
    # 128x96 stored pixels shown twice as wide: 256x96 on screen, of which the middle 96x96 is cut.
    columns = np.zeros((96, 128, 3), np.uint8)
    columns[:, 40:88] = 255
    path = write_movie(tmp_path / "p.mp4", [columns] * 2, pixel_aspect=F(2))
    image = next(iter(Picture([segment(path, 0, 0.04)]).images([Feed(F(25), 96, 96)]))).image
    assert image[:, :, 2:-2].min() > 200, "the white columns fill the square crop"


def test_cover_keeps_shapes_and_crops_the_sides(tmp_path: Path) -> None:
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[15:75, 50:110] = 255  # a centred 60 x 60 square
    path = write_movie(tmp_path / "c.mp4", [picture] * 2)
    image = next(iter(Picture([segment(path, 0, 0.04)]).images([Feed(F(25), 45, 45)]))).image[0]
    bright = image > 128
    assert bright.any(axis=0).sum() == pytest.approx(30, abs=1)
    assert bright.any(axis=1).sum() == pytest.approx(30, abs=1)


def test_colours_survive(tmp_path: Path) -> None:
    for height in (96, 720):  # SD and HD files that name no matrix are meant differently
        red = np.zeros((height, 128, 3), np.uint8)
        red[:, :, 0] = 200
        path = write_movie(tmp_path / f"{height}.png.mov", [red] * 2, codec="mpeg4")
        image = next(iter(Picture([segment(path, 0, 0.04)]).images([Feed(F(25), 16, 16)]))).image
        assert image[0].mean() > 180
        assert image[1:].mean() < 40


def test_cancelling_stops_the_decoder(movie: Path) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls > 20:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        list(Picture([segment(movie, 0.0, 4.0)], check).images([GRAY]))


@pytest.mark.parametrize(
    "bad",
    [
        (),
        (PictureSegment("a.mp4", 0.0, 0.0),),
        (PictureSegment("a.mp4", 0.0, float("nan")),),
        (PictureSegment("a.mp4", float("inf"), 1.0),),
    ],
)
def test_impossible_pictures_are_refused(bad: tuple[PictureSegment, ...]) -> None:
    with pytest.raises(BadRequest):
        Picture(bad)
