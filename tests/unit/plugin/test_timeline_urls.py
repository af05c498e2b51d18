from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from vatt_plugin.timeline.media import MediaFinder, sequence_in_name
from vatt_plugin.timeline.urls import parse_media_url

BASE = Path("/cut")
Form = Literal["NFC", "NFD"]


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("/v/a b.mov", "/v/a b.mov"),
        ("/v/a%20b.mov", "/v/a%20b.mov"),
        ("file:///v/a%20b.mov", "/v/a%20b.mov"),
        ("file:///v/a b.mov", "/v/a b.mov"),
        ("file://localhost/v/a.mov", "/v/a.mov"),
        ("media/a#1.mov", "/cut/media/a#1.mov"),
        ("../media/a.mov", "/cut/../media/a.mov"),
        ("./a.mov", "/cut/a.mov"),
        ("take 2: door.mov", "/cut/take 2: door.mov"),
    ],
)
def test_local_forms(url: str, first: str) -> None:
    assert str(parse_media_url(url, BASE).candidates[0]) == first


def test_a_name_is_tried_in_both_unicode_forms(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFC", "Tür.mov")).write_bytes(b"x")
    found = MediaFinder(tmp_path).find(f"file://{tmp_path}/Tu%CC%88r.mov")
    assert found.status == "ready"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://media.example/reel/x.mp4", "https://media.example/reel/x.mp4"),
        ("https://me:secret@host/x.mp4?sig=secret", "https://host/x.mp4"),
        ("\\\\srv\\share\\a.mov", "\\\\srv\\share\\a.mov"),
        ("file://srv/share/a.mov", "file://srv/share/a.mov"),
    ],
)
def test_a_place_that_is_not_opened_is_told_whole(tmp_path: Path, url: str, shown: str) -> None:
    found = MediaFinder(tmp_path).find(url)
    assert found.status == "offline"
    assert found.note == f"{shown} is not a local file; nothing else is opened."


def test_of_a_long_url_both_ends_are_told(tmp_path: Path) -> None:
    shown = MediaFinder(tmp_path).find(f"https://host/{'a/' * 1000}x.mp4").note.split(" is not ")[0]
    assert len(shown) == 100
    assert shown.startswith("https://host/a/")
    assert shown.endswith("/a/x.mp4")


def test_the_unquoted_path_comes_second() -> None:
    parsed = parse_media_url("file:///v/50%25%20off.mov", BASE)
    assert [str(c) for c in parsed.candidates] == ["/v/50%25%20off.mov", "/v/50% off.mov"]
    assert parsed.basenames == ("50%25%20off.mov", "50% off.mov")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/a.mov",
        "https://host/a.mov",
        "rtsp://host/a.mov",
        "//host/share/a.mov",
        "\\\\srv\\share\\a.mov",
        "file://srv/share/a.mov",
        "file:////srv/share/a.mov",
        "http:%2F%2Fhost/a.mov",
        "%2F%2Fhost/a.mov",
    ],
)
def test_network_places_are_never_candidates(url: str) -> None:
    for candidate in parse_media_url(url, BASE).candidates:
        assert str(candidate).startswith("/cut/")


@pytest.mark.parametrize(
    "url", ["C:\\v\\a.mov", "C:/v/a.mov", "file:///C:/v/a.mov", "file://localhost/D%3a/v/a.mov"]
)
def test_windows_drives_are_found_by_name_alone(url: str, tmp_path: Path) -> None:
    assert MediaFinder(BASE).find(url).status == "offline"
    (tmp_path / "a.mov").write_bytes(b"x")
    found = MediaFinder(BASE, (tmp_path,)).find(url)
    assert found.status == "ready"
    assert found.path == tmp_path / "a.mov"
    assert found.note == f"Not where the timeline says; {tmp_path / 'a.mov'} is used."


@pytest.mark.parametrize("url", ["concat:a.mov|b.mov", "pipe:0", "data:video/mp4;base64,AAAA"])
def test_protocols_of_ffmpeg_are_offline(url: str, tmp_path: Path) -> None:
    assert MediaFinder(tmp_path).find(url).status == "offline"


@pytest.mark.parametrize(("stored", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_search_roots_forgive_unicode_forms(stored: Form, asked: Form, tmp_path: Path) -> None:
    deep = tmp_path / "day 1" / "b"
    deep.mkdir(parents=True)
    (deep / unicodedata.normalize(stored, "Tür.mov")).write_bytes(b"x")
    finder = MediaFinder(BASE, (tmp_path,))
    assert finder.find("/x/" + unicodedata.normalize(asked, "Tür.mov")).status == "ready"


def test_bad_media_is_told_from_missing(tmp_path: Path) -> None:
    (tmp_path / "empty.mov").touch()
    (tmp_path / "folder.mov").mkdir()
    (tmp_path / "list.m3u8").write_text("#EXTM3U")
    finder = MediaFinder(tmp_path)
    assert finder.find("nothing.mov").status == "offline"
    for name, word in (
        ("empty.mov", "0 bytes"),
        ("folder.mov", "folder"),
        ("list.m3u8", "playlist"),
    ):
        assert finder.find(name).status == "unreadable"
        assert word in finder.find(name).note
    for url in ("", "\0", "x" * 5000, "a" * 300 + ".mov"):
        assert finder.find(url).status == "offline"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("/s/sh.%04d.exr", ("/s/sh.", ".exr", 4, None)),
        ("/s/sh.####.exr", ("/s/sh.", ".exr", 4, None)),
        ("/s/sh.[0101-0200].exr", ("/s/sh.", ".exr", 4, 101)),
        ("/s/100%done.mov", None),
        ("/s/take#3.mov", None),
        ("/s#1/plate.mov", None),
    ],
)
def test_sequences_written_as_one_url(url: str, parts: object) -> None:
    assert sequence_in_name(url) == parts
