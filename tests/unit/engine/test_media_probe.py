"""Files that are no movies, are broken, or are traps, are refused by name and in bounded memory."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.movies import number_image, read_number, write_numbered
from tests.helpers.unprivileged import unprivileged
from vatt_engine.errors import (
    MediaMissing,
    MediaTooLarge,
    MediaUnreadable,
    NoVideoStream,
)
from vatt_engine.media.picture import Feed, Picture
from vatt_engine.media.sources import probe
from vatt_engine.messages import PictureSegment

FEED = Feed(Fraction(25), 64, 48, gray=True, fit="stretch")


def test_a_movie_is_described(tmp_path: Path) -> None:
    path = write_numbered(
        tmp_path / "m.mov",
        48,
        fps=Fraction(24000, 1001),
        pixel_aspect=Fraction(2),
        timecode="01:00:00:00",
        sound=np.zeros(48_000, np.float32),
    )
    info = probe(path)
    assert info.fps == Fraction(24000, 1001)
    assert info.duration_s == pytest.approx(48 * 1001 / 24000)
    assert info.n_frames == 48
    assert (info.width, info.height) == (256, 96)
    assert info.has_audio
    assert not info.is_still
    assert info.start_timecode == "01:00:00:00"


def test_a_still_image_is_described(tmp_path: Path) -> None:
    path = tmp_path / "still.jpg"
    av.VideoFrame.from_ndarray(number_image(1), format="rgb24").to_image().save(path)
    info = probe(path)
    assert info.is_still
    assert info.duration_s is None
    assert (info.width, info.height) == (128, 96)


def test_missing_files_and_urls_are_missing(tmp_path: Path) -> None:
    for name in (
        str(tmp_path / "no.mp4"),
        "http://127.0.0.1:9/a.mp4",
        f"concat:{tmp_path}/a.mp4|{tmp_path}/b.mp4",
        "pipe:0",
        "data:video/mp4;base64,AAAA",
        "//host/share/a.mp4",
        "a\0b.mp4",
        "x" * 5000,
    ):
        with pytest.raises(MediaMissing) as caught:
            probe(Path(name))
        assert caught.value.hint


def test_a_name_full_of_url_signs_is_just_a_name(tmp_path: Path) -> None:
    for name in ("http:a?b#c%20d.mp4", "concat:x|y.mp4", "-i.mp4", "50%.mp4", "shot_%04d.mp4"):
        path = write_numbered(tmp_path / name, 2)
        assert probe(path).n_frames == 2


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.m3u8", PLAYLIST),
        ("a.mp4", PLAYLIST),
        ("b.mp4", "\ufeff\n" + PLAYLIST),
        ("c.mp4", "ffconcat version 1.0\nfile {}\n"),
        ("d.mpd", '<?xml version="1.0"?><MPD><Period><BaseURL>{}</BaseURL></Period></MPD>'),
        ("e.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"),
        ("f.pls", "[playlist]\nFile1={}\n"),
    ],
)
def test_lists_of_files_are_never_followed(tmp_path: Path, name: str, content: str) -> None:
    movie = write_numbered(tmp_path / "real.ts", 5)
    path = tmp_path / name
    path.write_text(content.format(movie.name), encoding="utf-8")
    with pytest.raises(MediaUnreadable, match="lists are not followed"):
        probe(path)


def test_what_is_not_a_movie_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("INT. KITCHEN - NIGHT\n" * 50)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "picture.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(MediaUnreadable) as caught:
            probe(path)
        assert path.name in caught.value.message
        assert caught.value.hint


def test_a_file_without_permission_is_unreadable(anyones_path: Path) -> None:
    path = write_numbered(anyones_path / "m.mp4", 2)
    path.chmod(0)
    with unprivileged(), pytest.raises(MediaUnreadable, match="permission"):
        probe(path)


def test_sound_without_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000)
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
        block.sample_rate = 48_000
        container.mux(stream.encode(block))
    with pytest.raises(NoVideoStream):
        probe(path)


def test_cover_art_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame", rate=48_000, layout="mono")
        cover = container.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(
            cover.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24"))
        )
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), "fltp", "mono")
        block.sample_rate = 48_000
        container.mux([*sound.encode(block), *sound.encode()])
    with pytest.raises(NoVideoStream):
        probe(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tiff", "webp", "gif"])
def test_still_images_of_many_kinds_can_be_looked_at(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"still.{suffix}"
    av.VideoFrame.from_ndarray(number_image(99), format="rgb24").to_image().save(path)
    (first, *_) = Picture([PictureSegment(str(path), 0.0, 1.0)]).images([FEED])
    assert read_number(first.image) == 99


@pytest.mark.parametrize(("codec", "suffix"), [("dpx", "dpx"), ("exr", "exr"), ("targa", "tga")])
def test_images_of_the_film_trade_can_be_looked_at(tmp_path: Path, codec: str, suffix: str) -> None:
    formats = {"dpx": "rgb48be", "exr": "gbrpf32le", "targa": "bgr24"}
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height, encoder.pix_fmt = 128, 96, formats[codec]
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(number_image(7), format="rgb24")
    path = tmp_path / f"still.{suffix}"
    packets = encoder.encode(frame.reformat(format=formats[codec]))
    path.write_bytes(b"".join(bytes(p) for p in [*packets, *encoder.encode()]))
    (first, *_) = Picture([PictureSegment(str(path), 0.0, 1.0)]).images([FEED])
    assert read_number(first.image) == 7


def _png_header(path: Path, width: int, height: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 999))
    )


def test_a_gigantic_image_is_refused_from_its_header(tmp_path: Path) -> None:
    _png_header(tmp_path / "big.png", 60_000, 60_000)
    with pytest.raises(MediaTooLarge, match="60000x60000"):
        probe(tmp_path / "big.png")


def test_a_gigantic_movie_is_refused_before_decoding(tmp_path: Path) -> None:
    """In a process of its own, so that its peak memory can be read."""
    path = tmp_path / "huge.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 8192
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "x264-params": "rc-lookahead=0:threads=1"}
        frame = av.VideoFrame(8192, 8192, "yuv420p")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert path.stat().st_size < 300_000
    script = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from vatt_engine.errors import MediaTooLarge\n"
        "from vatt_engine.media.sources import probe\n"
        "try:\n    probe(Path(sys.argv[1]))\n"
        "except MediaTooLarge as error:\n    print(error.message)\n"
        "print(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert "8192x8192" in out[0]
    assert int(out[1]) < 300_000, "kilobytes"


def test_a_movie_cut_in_half_gives_what_is_there(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mkv", 100)
    data = whole.read_bytes()
    half = tmp_path / "half.mkv"
    half.write_bytes(data[: len(data) // 2])
    picture = Picture([PictureSegment(str(half), 0.0, 4.0)])
    images = list(picture.images([FEED]))
    shown = [read_number(p.image) for p in images if p.shown]
    assert shown[:20] == list(range(20))
    assert len(images) == 100
    assert not images[-1].shown
    assert "media_short" in [n.kind for n in picture.notes]


def test_a_movie_cut_before_its_index_is_unreadable(tmp_path: Path) -> None:
    whole = write_numbered(tmp_path / "whole.mp4", 100)
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(MediaUnreadable):
        probe(half)


@pytest.mark.parametrize("name", ["m.ts", "m.mkv", "m.mp4", "m.avi"])
def test_flipped_bytes_in_the_middle_are_skipped_and_said_so(tmp_path: Path, name: str) -> None:
    path = write_numbered(tmp_path / name, 120, codec="mpeg4" if name == "m.avi" else "libx264")
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    middle = slice(len(data) * 2 // 5, len(data) * 3 // 5)
    for at in range(middle.start, middle.stop, 7):
        data[at] ^= int(rng.integers(1, 256))
    path.write_bytes(data)
    picture = Picture([PictureSegment(str(path), 0.0, 4.8)])
    images = list(picture.images([FEED]))
    assert len(images) == 120
    assert [read_number(p.image) for p in images[:6]] == list(range(6))
    assert picture.notes


@pytest.mark.parametrize("seed", range(8))
def test_damaged_headers_never_escape_as_anything_but_a_named_error(
    tmp_path: Path, seed: int
) -> None:
    path = write_numbered(tmp_path / "m.mp4", 12)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    start = data.index(b"moov")
    for at in rng.integers(start, len(data), 12):
        data[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    with contextlib.suppress(MediaUnreadable, MediaTooLarge, NoVideoStream):
        list(Picture([PictureSegment(str(path), 0.0, 0.5)]).images([FEED]))
