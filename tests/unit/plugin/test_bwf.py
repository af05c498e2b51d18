"""Broadcast WAVs: every field where the standard wants it, the file whole or not there."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile

from vatt_engine.errors import CannotWrite
from vatt_plugin import bwf
from vatt_plugin.bwf import WavFacts, time_reference

NTSC_24, NTSC_30 = Fraction(24000, 1001), Fraction(30000, 1001)
FACTS = WavFacts(
    n_samples=3,
    time_reference=172_800_000,
    description="Shot_012: schwere Tür & <b>steps</b>",
    reference="VATT-abc",
    fps=NTSC_24,
    project="Reel <2>",
    scene="Shot & 12",
    take="abc",
    lufs=-27.04,
    peak_dbtp=-1.5,
)
PCM = bwf.to_pcm24(np.array([[0.0], [0.5], [-1.0]]))


def chunks(data: bytes) -> dict[str, bytes]:
    """Chunks of a RIFF file, checking sizes and padding on the way."""
    assert data[8:12] == b"WAVE"
    found: dict[str, bytes] = {}
    at = 12
    while at < len(data):
        name, size = data[at : at + 4].decode(), struct.unpack_from("<I", data, at + 4)[0]
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    return found


@pytest.fixture
def written(tmp_path: Path) -> bytes:
    path = tmp_path / "a.wav"
    bwf.write(path, FACTS, [PCM])
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
    return path.read_bytes()


def test_the_samples_come_back_bit_for_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sound = rng.uniform(-1, 1, (4801, 2))
    path = tmp_path / "a.wav"
    facts = WavFacts(n_samples=4801, n_channels=2)
    bwf.write(path, facts, [bwf.to_pcm24(sound[:1000]), bwf.to_pcm24(sound[1000:])])
    info = soundfile.info(path)
    assert (info.samplerate, info.channels, info.frames) == (48_000, 2, 4801)
    assert info.subtype == "PCM_24"
    read, _ = soundfile.read(path, dtype="int32")
    expected = np.clip(np.rint(sound * (1 << 23)), -(1 << 23), (1 << 23) - 1)
    assert (read >> 8 == expected).all()


def test_full_scale_does_not_wrap_around() -> None:
    assert bwf.to_pcm24(np.array([[1.0], [-1.0], [2.0]])).hex() == "ffff7f000080ffff7f"


def test_chunks_stand_in_order_and_odd_ones_are_padded(written: bytes) -> None:
    names = list(chunks(written))
    assert names == ["JUNK", "bext", "iXML", "fmt ", "data"]
    assert len(chunks(written)["data"]) == 9


def test_bext_fields(written: bytes) -> None:
    bext = chunks(written)["bext"]
    assert bext[:256].rstrip(b"\0") == b"Shot_012: schwere Tur & <b>steps</b>"
    assert bext[256:288].rstrip(b"\0") == b"VATT Foley"
    assert bext[288:320].rstrip(b"\0") == b"VATT-abc"
    assert bext[320:338] == bytes(18)  # no date: two runs must give the same bytes
    assert struct.unpack_from("<QH", bext, 338) == (172_800_000, 2)
    assert bext[348:412] == bytes(64)
    loudness = struct.unpack_from("<5h", bext, 412)
    assert loudness == (-2704, 0x7FFF, -150, 0x7FFF, 0x7FFF)
    assert bext[422:602] == bytes(180)
    assert bext[602:] == b"A=PCM,F=48000,W=24,M=mono,T=VATT Foley\r\n"


def test_ixml_is_well_formed_whatever_the_names_hold(written: bytes) -> None:
    root = ElementTree.fromstring(chunks(written)["iXML"])
    assert root.findtext("PROJECT") == "Reel <2>"
    assert root.findtext("SCENE") == "Shot & 12"
    assert root.findtext("SPEED/TIMECODE_RATE") == "24000/1001"
    assert root.findtext("SPEED/TIMECODE_FLAG") == "NDF"
    assert root.findtext("SPEED/TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO") == "172800000"
    assert root.findtext("TRACK_LIST/TRACK_COUNT") == "1"


def test_names_that_xml_cannot_hold_lose_those_characters_only(tmp_path: Path) -> None:
    hostile = dataclasses.replace(FACTS, scene="\x00Shot\x1b]0;x\x07]]>", note="Reel \udcff é")
    bwf.write(tmp_path / "a.wav", hostile, [PCM])
    root = ElementTree.fromstring(chunks((tmp_path / "a.wav").read_bytes())["iXML"])
    assert root.findtext("SCENE") == "Shot]0;x]]>"
    assert root.findtext("NOTE") == "Reel  é"


@pytest.mark.parametrize(
    ("frames", "fps", "samples"),
    [
        (3600 * 24, Fraction(24), 172_800_000),
        (3600 * 25, Fraction(25), 172_800_000),
        (3600 * 24, NTSC_24, 172_972_800),
        (3600 * 30, NTSC_30, 172_972_800),
        (107_892, NTSC_30, 172_799_827),  # 01:00:00;00 drop-frame
        (1, NTSC_24, 2002),
    ],
)
def test_time_references_are_exact(frames: int, fps: Fraction, samples: int) -> None:
    assert time_reference(frames, fps) == samples


def test_above_four_gigabytes_it_is_rf64() -> None:
    facts = WavFacts(n_samples=2_000_000_000, n_channels=1)
    head = bwf.header(facts)
    assert head[:12] == b"RF64\xff\xff\xff\xffWAVE"
    assert head[12:16] == b"ds64"
    riff, data, samples = struct.unpack_from("<QQQ", head, 20)
    assert data == 6_000_000_000
    assert riff == len(head) + data - 8
    assert samples == 2_000_000_000
    assert head[-8:] == b"data\xff\xff\xff\xff"
    assert len(head) == len(bwf.header(WavFacts(n_samples=3)))


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        bwf.write(tmp_path / name, FACTS, [PCM])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_sound_of_another_length_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="announced"):
        bwf.write(tmp_path / "a.wav", FACTS, [PCM, PCM])
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_the_old_file_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")

    def pcm() -> Iterator[bytes]:
        yield PCM[:3]
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CannotWrite, match="No space left") as caught:
        bwf.write(path, FACTS, pcm())
    assert "Free" in caught.value.hint
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_a_disk_that_lies_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short writes that report success: what is read back decides."""
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: hashlib.sha256(b"something else"))
    with pytest.raises(CannotWrite, match="read back"):
        bwf.write(tmp_path / "a.wav", FACTS, [PCM])
    assert list(tmp_path.iterdir()) == []
