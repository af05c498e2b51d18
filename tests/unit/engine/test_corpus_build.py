"""Building a corpus from packages made on the spot: what is taken, dropped, credited, redone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vatt_engine.corpus import build as builder
from vatt_engine.corpus import collect, pack, sources
from vatt_engine.corpus.__main__ import main
from vatt_engine.corpus.check import NoCorpus, check, read_split
from vatt_engine.corpus.containers import BadContainer, read_deb, read_inside
from vatt_engine.corpus.fetch import PackageUnavailable, fetch_package
from vatt_engine.corpus.sources import Source, debian_sources, esc10_sources, foley_sources
from vatt_engine.errors import BadRequest

RATE = 44_100


def wav(seed: int, seconds: float = 0.6, rate: int = RATE) -> bytes:
    """A decaying noise burst that no other seed repeats."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    colour = np.convolve(rng.standard_normal(n), rng.standard_normal(24), "same")
    wave = colour * np.exp(-np.arange(n) / rate * rng.uniform(4, 20))
    buffer = io.BytesIO()
    wave = 0.5 * wave / np.abs(wave).max()
    soundfile.write(buffer, wave.astype(np.float32), rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def deb(path: Path, files: dict[str, bytes]) -> Path:
    """A Debian package with these files."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:xz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", inner.getvalue()),
    ]
    with path.open("wb") as file:
        file.write(b"!<arch>\n")
        for name, data in members:
            file.write(f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(data):<10}`\n".encode())
            file.write(data + b"\n" * (len(data) % 2))
    return path


def source(package: str, path: str, data: bytes, category: str = "impact_wood") -> Source:
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]
    return Source(package, "1.0", path, category, "made up", "CC0-1.0", sha1=sha1)


Maker = Callable[..., builder.Plan]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> builder.Plan:
    """Two packages: one on either side of the split, with all that can go wrong inside."""
    packages = tmp_path / "packages"
    packages.mkdir()
    sounds = {f"usr/a/{k}.wav": wav(k) for k in range(4)}
    copy, dull, broken = wav(0), wav(9, rate=11_025), b"RIFFnonsense"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("deep/in.wav", wav(20))
    files = {
        **sounds, "usr/copy.wav": copy, "usr/dull.wav": dull, "usr/broken.wav": broken,
        "usr/pack.zip": zipped.getvalue(), "usr/share/doc/made-a/copyright": b"Authors: us",
    }  # fmt: skip
    deb(packages / "made-a_1.0_all.deb", files)
    deb(packages / "scratch_1.0_all.deb", {"usr/t.wav": wav(30), "usr/again.wav": wav(1)})
    rows = {
        "made-a": [
            *(source("made-a", name, data) for name, data in sounds.items()),
            source("made-a", "usr/copy.wav", copy),
            source("made-a", "usr/dull.wav", dull),
            source("made-a", "usr/broken.wav", broken),
            source("made-a", "usr/pack.zip!/deep/in.wav", wav(20), "footstep_gravel"),
            source("made-a", "usr/missing.wav", b""),
            Source("made-a", "1.0", "usr/a/3.wav", "bell", "changed", "CC0-1.0", sha1="0" * 12),
        ],
        "scratch": [
            source("scratch", "usr/t.wav", wav(30)),
            source("scratch", "usr/again.wav", wav(1)),
        ],
    }
    rows["made-a"] = [
        row for row in rows["made-a"] if row.path != "usr/a/3.wav" or row.sha1[0] == "0"
    ]
    monkeypatch.setattr(sources, "debian_sources", lambda: rows)

    class SameProcess:
        """Runs the work here: a patched manifest does not reach a spawned process."""

        def __init__(self, **_: object) -> None: ...

        def __enter__(self) -> SameProcess:
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, work: Callable[..., Path], *args: object) -> Future[Path]:
            future: Future[Path] = Future()
            try:
                future.set_result(work(*args))
            except Exception as error:
                future.set_exception(error)
            return future

    monkeypatch.setattr(builder, "ProcessPoolExecutor", SameProcess)
    return builder.Plan(tmp_path / "corpus", packages=packages, keep_packages=True)


def test_a_build_takes_what_is_good_and_says_why_not(plan: builder.Plan) -> None:
    summary = builder.build(plan)
    train, test = read_split(plan.out, "train"), read_split(plan.out, "test")
    assert {row["path"] for row in train} == {
        "usr/a/0.wav", "usr/a/1.wav", "usr/a/2.wav", "usr/pack.zip!/deep/in.wav",
    }  # fmt: skip
    assert [row["path"] for row in test] == ["usr/t.wav"]
    reasons = {
        json.loads(line)["path"]: json.loads(line)["dropped"]
        for line in (plan.out / "dropped.jsonl").read_text().splitlines()
    }
    assert reasons["usr/copy.wav"].startswith("repeats")
    assert reasons["usr/again.wav"].startswith("repeats")
    assert reasons["usr/dull.wav"] == "band-limited"
    assert reasons["usr/broken.wav"] == "cannot be decoded"
    assert reasons["usr/missing.wav"] == "not in the package"
    assert reasons["usr/a/3.wav"] == "other content than listed"
    assert summary["clips"] == 5
    assert summary["by_split"]["test"]["clips"] == 1
    assert (plan.out / "licences" / "made-a.txt").read_text() == "Authors: us"
    assert check(plan.out) == []


def test_clips_are_24_khz_mono_levelled_and_captioned(plan: builder.Plan) -> None:
    builder.build(plan)
    for row in read_split(plan.out, "train"):
        wave, rate = soundfile.read(plan.out / row["file"])
        assert (rate, wave.ndim) == (24_000, 1)
        assert 0.1 < np.abs(wave).max() < 0.9
        assert row["caption"] in row["captions"]
        assert len(set(row["captions"])) == len(row["captions"])


def test_every_clip_is_credited(plan: builder.Plan) -> None:
    builder.build(plan)
    with (plan.out / "ATTRIBUTION.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all(row["licence"] == "CC0-1.0" and row["author"] for row in rows)
    assert "made-a" in (plan.out / "ATTRIBUTION.md").read_text()


def test_a_second_run_does_nothing(plan: builder.Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert builder.build(plan)["changed"]
    before = {path: path.stat().st_mtime_ns for path in plan.out.rglob("*") if path.is_file()}

    def forbidden(*_: object) -> None:
        raise AssertionError("nothing should be read again")

    monkeypatch.setattr(collect, "read_deb", forbidden)
    assert not builder.build(plan)["changed"]
    assert before == {p: p.stat().st_mtime_ns for p in plan.out.rglob("*") if p.is_file()}


def test_two_builds_give_the_same_bytes(plan: builder.Plan, tmp_path: Path) -> None:
    builder.build(plan)
    again = builder.Plan(tmp_path / "again", packages=plan.packages, keep_packages=True)
    builder.build(again)
    first = {p.relative_to(plan.out): p.read_bytes() for p in plan.out.rglob("*") if p.is_file()}
    second = {p.relative_to(again.out): p.read_bytes() for p in again.out.rglob("*") if p.is_file()}
    assert first == second


def test_a_package_that_cannot_be_had_is_named_and_the_rest_is_built(
    plan: builder.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert plan.packages is not None
    (plan.packages / "scratch_1.0_all.deb").unlink()
    summary = builder.build(plan)
    assert "no apt-get" in summary["failed"]["scratch"]
    assert len(read_split(plan.out, "train")) == 4
    with pytest.raises(PackageUnavailable, match="scratch"):
        fetch_package(plan.packages, "scratch", "1.0")


def test_packages_are_deleted_when_read_unless_kept(plan: builder.Plan) -> None:
    builder.build(builder.Plan(plan.out, packages=plan.packages, keep_packages=False))
    assert plan.packages is not None
    assert not list(plan.packages.glob("*.deb"))
    assert not builder.build(plan)["changed"]


def test_check_finds_what_is_wrong(plan: builder.Plan) -> None:
    builder.build(plan)
    rows = read_split(plan.out, "train")
    (plan.out / rows[0]["file"]).unlink()
    rows[1]["licence"] = "CC-BY-NC-4.0"
    rows[2]["package"] = "scratch"
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (plan.out / "train.jsonl").write_text(lines)
    problems = "\n".join(check(plan.out))
    assert rows[0]["file"] in problems
    assert "CC-BY-NC-4.0" in problems
    assert "both sides" in problems


def test_a_packed_corpus_comes_back_in_place(plan: builder.Plan, tmp_path: Path) -> None:
    builder.build(plan)
    pack.pack(plan.out, tmp_path / "packed", 1.0)
    assert pack.unpack(tmp_path / "packed", tmp_path / "back") == 5
    assert [r["file"] for r in read_split(tmp_path / "back", "train")] == [
        r["file"] for r in read_split(plan.out, "train")
    ]
    for row in read_split(plan.out, "train"):
        original, _ = soundfile.read(plan.out / row["file"])
        back, _ = soundfile.read(tmp_path / "back" / row["file"])
        assert len(original) == len(back)
        assert np.corrcoef(original, back)[0, 1] > 0.8
    with pytest.raises(BadRequest, match="not empty"):
        pack.pack(plan.out, tmp_path / "packed", 1.0)


def test_unpack_writes_nothing_outside(plan: builder.Plan, tmp_path: Path) -> None:
    builder.build(plan)
    target = tmp_path / "packed"
    pack.pack(plan.out, target, 1.0)
    text = (target / "index.jsonl").read_text().replace("audio/made-a/", "../../evil/", 1)
    (target / "index.jsonl").write_text(text)
    with pytest.raises(BadRequest, match="outside"):
        pack.unpack(target, tmp_path / "back")


def test_command_line_says_what_it_did(
    plan: builder.Plan, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["build", str(plan.out), "--packages", str(plan.packages), "--keep-packages", "--json"]
    assert main(words) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["event"], last["clips"]) == ("finished", 5)
    assert main(["list", str(plan.out)]) == 0
    assert "5 clips" in capsys.readouterr().out
    assert main(["check", str(plan.out), "--json"]) == 0
    assert main(["check", str(tmp_path / "nowhere")]) == 1
    assert "vatt corpus build" in capsys.readouterr().err
    with pytest.raises(NoCorpus):
        read_split(tmp_path / "nowhere", "train")


def test_a_package_is_read_as_a_stream(tmp_path: Path) -> None:
    path = deb(tmp_path / "x_1_all.deb", {"usr/one": b"1" * 999, "usr/two": b"2"})
    found = {name: file.read() for name, file in read_deb(path, ["usr/two", "usr/none"])}
    assert found == {"usr/two": b"2"}
    path.write_bytes(b"nonsense")
    with pytest.raises(BadContainer, match="not a Debian package"):
        list(read_deb(path, ["usr/two"]))


def test_qt_resources_are_read() -> None:
    payload = b"sound" * 9
    packed = struct.pack(">I", len(payload)) + zlib.compress(payload)
    data = struct.pack(">I", len(packed)) + packed
    name = struct.pack(">HI", 5, 0) + "a.wav".encode("utf-16-be")
    root = struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
    leaf = struct.pack(">IHHHIQ", 0, 1, 0, 0, 0, 0)
    head = 20
    tree, blob, names = head, head + 44, head + 44 + len(data)
    rcc = struct.pack(">4sIIII", b"qres", 2, tree, blob, names) + root + leaf + data + name
    assert read_inside("x.rcc", io.BytesIO(rcc), ["a.wav"]) == {"a.wav": payload}
    with pytest.raises(BadContainer):
        read_inside("x.rcc", io.BytesIO(b"qres"), ["a.wav"])


def test_doom_sounds_become_wav_files() -> None:
    lump = struct.pack("<HHI", 3, 22_050, 132) + bytes(range(132))
    table = struct.pack("<ii8s", 12, len(lump), b"DSPUNCH")
    wad = struct.pack("<4sii", b"IWAD", 1, 12 + len(lump)) + lump + table
    found = read_inside("doom.wad", io.BytesIO(wad), ["DSPUNCH.wav"])
    samples, rate = soundfile.read(io.BytesIO(found["DSPUNCH.wav"]))
    assert (rate, len(samples)) == (22_050, 100)


def test_unknown_archives_are_refused() -> None:
    with pytest.raises(BadContainer, match="no reader"):
        read_inside("x.rar", io.BytesIO(b""), ["a"])


def test_the_manifest_names_real_files_of_allowed_licences() -> None:
    packages = debian_sources()
    rows = [row for part in packages.values() for row in part]
    assert len(rows) > 3000
    assert len(packages) > 15
    assert all(len(row.sha1) == 12 and not row.outer.startswith("/") for row in rows)
    assert len({(row.package, row.path) for row in rows}) == len(rows)


def test_collected_folders_are_listed_with_their_authors(tmp_path: Path) -> None:
    rows = [
        "file,category,caption,licence,author,source_repository,commit,original_url",
        "audio/a.ogg,ambience,room tone,CC-BY-3.0,Ann,https://github.com/x/packs,8858,https://f/1",
        "audio/b.ogg,footsteps,steps,CC0-1.0,Bob,https://github.com/x/packs/,8858,",
        "audio/c.ogg,footsteps,steps,All rights reserved,Eve,https://github.com/y/z,1,https://f/3",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    foley = foley_sources(tmp_path)
    assert foley.keys() == {"x/packs"}
    assert [(row.path, row.author, row.url) for row in foley["x/packs"]] == [
        ("audio/a.ogg", "Ann", "https://f/1"),
        ("audio/b.ogg", "Bob", "https://github.com/x/packs/"),
    ]
    credit = (
        "- **[{file}](https://github.com/karoldvl/ESC-10/raw/master/{file})**:       clip derived "
        "from [bark.wav](http://f/{n}) by *{by}* ([CC0](http://cc/0))\n"
    )
    esc10 = tmp_path / "esc10"
    for n, (name, by) in enumerate({"1-1-A": "Ann", "1-2-A": "Bob B.", "2-3-A": "Cy"}.items()):
        file = esc10 / "002 - Rain" / f"{name}.ogg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        with (esc10 / "README.md").open("a") as readme:
            readme.write(credit.format(file=file.name, n=n, by=by))
    found = esc10_sources(esc10)
    assert {fold: [row.author for row in rows] for fold, rows in found.items()} == {
        "ESC-10/1": ["Ann", "Bob B."],
        "ESC-10/2": ["Cy"],
    }
    assert found["ESC-10/2"][0].url == "http://f/2"
    assert foley_sources(tmp_path / "nowhere") == {}
    assert esc10_sources(tmp_path / "nowhere") == {}
