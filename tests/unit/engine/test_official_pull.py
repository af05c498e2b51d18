"""Fetching published files from a server on the loopback: resume, wrong hash, refusals."""

import errno
import hashlib
import http.server
import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vatt_engine.errors import Cancelled, CannotWrite, LicenceNotAccepted, PullFailed, UnknownModel
from vatt_engine.official.catalogue import SOURCES, TERMS, Source
from vatt_engine.official.fetch import fetch
from vatt_engine.official.pull import describe, pull_model

DATA = bytes(range(256)) * 20_000  # 5 MB
SHA = hashlib.sha256(DATA).hexdigest()
PUBLISHED = ("vatt-gemma", "vatt-gemma-t", "vatt-llama", "vatt-llama-t")


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/weights.bin": DATA}
        self.redirects: dict[str, str] = {}
        self.etag = '"one"'
        self.cut_after: int | None = None
        self.ranges: list[str] = []

    def url(self, path: str = "/weights.bin") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def answer(self, *, body: bool) -> None:
        server = self.server
        path = self.path.split("?")[0]
        if path in server.redirects:
            self.send_response(302)
            self.send_header("Location", server.redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if path not in server.files:
            self.send_error(404)
            return
        data, start = server.files[path], 0
        wanted = self.headers.get("Range")
        if wanted:
            server.ranges.append(wanted)
            if self.headers.get("If-Range", server.etag) == server.etag:
                start = int(wanted.removeprefix("bytes=").split("-")[0])
        if start and start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", server.etag)
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("X-Linked-Etag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Linked-Size", str(len(data)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if body:
            end = len(data) if server.cut_after is None else start + server.cut_after
            self.wfile.write(data[start:end])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def nothing(done: int, total: int | None) -> None:
    pass


def test_a_file_is_fetched_checked_and_reported(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = fetch(server.url(), tmp_path / "new" / "w.bin", lambda *a: seen.append(a), sha256=SHA)
    assert path.read_bytes() == DATA
    assert seen[0] == (0, len(DATA))
    assert seen[-1] == (len(DATA), len(DATA))
    assert [p.name for p in path.parent.iterdir()] == ["w.bin"]
    server.files.clear()
    assert fetch(server.url(), path, nothing, sha256=SHA) == path  # there already: not asked for


def test_an_interrupted_fetch_is_continued(server: Server, tmp_path: Path) -> None:
    server.cut_after = 2_000_000
    with pytest.raises(PullFailed, match=r"ended after 2000000 of 5120000 bytes"):
        fetch(server.url(), tmp_path / "w.bin", nothing, sha256=SHA)
    assert not (tmp_path / "w.bin").exists()
    server.cut_after = None
    assert fetch(server.url(), tmp_path / "w.bin", nothing, sha256=SHA).read_bytes() == DATA
    assert server.ranges == ["bytes=2000000-"]


def test_a_cancelled_fetch_is_continued_too(server: Server, tmp_path: Path) -> None:
    def stop(done: int, total: int | None) -> None:
        if done:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        fetch(server.url(), tmp_path / "w.bin", stop)
    assert (tmp_path / "w.bin.part").stat().st_size > 0
    assert fetch(server.url(), tmp_path / "w.bin", nothing).read_bytes() == DATA
    assert server.ranges


def test_a_changed_file_is_started_again(server: Server, tmp_path: Path) -> None:
    server.cut_after = 1_000_000
    with pytest.raises(PullFailed):
        fetch(server.url(), tmp_path / "w.bin", nothing)
    server.cut_after, server.etag = None, '"two"'
    server.files["/weights.bin"] = DATA[::-1]
    assert fetch(server.url(), tmp_path / "w.bin", nothing).read_bytes() == DATA[::-1]


def test_a_part_longer_than_the_file_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "w.bin.part").write_bytes(DATA + b"more")
    note = {"url": server.url(), "etag": server.etag}
    (tmp_path / "w.bin.etag").write_text(json.dumps(note))
    assert fetch(server.url(), tmp_path / "w.bin", nothing).read_bytes() == DATA


def test_a_file_with_another_hash_is_thrown_away(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match="SHA-256 differs"):
        fetch(server.url(), tmp_path / "w.bin", nothing, sha256="0" * 64)
    assert not list(tmp_path.glob("w.bin*")) or [p.name for p in tmp_path.iterdir()] == [
        "w.bin.etag"
    ]


def test_404_says_that_the_file_has_moved(server: Server, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match="answers 404") as caught:
        fetch(server.url("/gone.bin"), tmp_path / "w.bin", nothing)
    assert "moved" in caught.value.hint


def test_redirects_lead_to_listed_hosts_only(server: Server, tmp_path: Path) -> None:
    server.redirects["/here"] = "/weights.bin"
    assert fetch(server.url("/here"), tmp_path / "a.bin", nothing).read_bytes() == DATA
    server.redirects["/away"] = f"http://localhost:{server.server_port}/weights.bin"
    with pytest.raises(PullFailed, match="sends us on to localhost, which is not on the list"):
        fetch(server.url("/away"), tmp_path / "b.bin", nothing)
    assert fetch(server.url("/away"), tmp_path / "b.bin", nothing, hosts=("localhost",))
    server.redirects["/evil"] = "http://elsewhere.invalid/weights.bin"
    with pytest.raises(PullFailed, match="not HTTPS"):
        fetch(server.url("/evil"), tmp_path / "c.bin", nothing, hosts=("elsewhere.invalid",))
    server.redirects["/round"] = "/round"
    with pytest.raises(PullFailed, match="in circles"):
        fetch(server.url("/round"), tmp_path / "d.bin", nothing)


def test_files_and_plain_http_elsewhere_are_not_addresses(tmp_path: Path) -> None:
    for url in ("file:///etc/hostname", "http://example.invalid/x", "ftp://example.invalid/x"):
        with pytest.raises(PullFailed, match="not HTTPS"):
            fetch(url, tmp_path / "x", nothing)


def test_a_full_disk_is_told_and_the_part_stays(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(CannotWrite, match="disk is full"):
        fetch(server.url(), tmp_path / "w.bin", nothing)


def test_a_disk_that_fills_up_on_the_way_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(done: int, total: int | None) -> None:
        if done:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CannotWrite, match="disk is full"):
        fetch(server.url(), tmp_path / "w.bin", fails)
    assert (tmp_path / "w.bin.part").exists()


def test_no_server_is_told(tmp_path: Path) -> None:
    with Server() as unused:
        url = unused.url()
    with pytest.raises(PullFailed, match="cannot be reached"):
        fetch(url, tmp_path / "w.bin", nothing)


# --- whole models ----------------------------------------------------------------------------


def archive() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("vatt_gemma_T.ckpt", b"weights")
        packed.writestr("../../escaped.ckpt", b"evil")
    return data.getvalue()


def catalogue(server: Server) -> dict[str, tuple[Source, ...]]:
    server.files["/models.zip"] = archive()
    return {
        "vatt-gemma-t": (
            Source("codec", "url", "audiogen", server.url(), ("codec.bin",), 5, SHA),
            Source("all", "url", "vatt", server.url("/models.zip"), ("models.zip",), unpack=True),
            Source("converter", "page", "vatt", "https://example.invalid/page"),
        )
    }


def test_nothing_is_fetched_before_every_licence_is_accepted(
    server: Server, tmp_path: Path
) -> None:
    sources = catalogue(server)
    with pytest.raises(LicenceNotAccepted, match="CC-BY-NC") as caught:
        pull_model("vatt-gemma-t", tmp_path / "into", {"vatt"}, lambda *_: None, sources)
    assert "--accept audiogen" in caught.value.hint
    assert not (tmp_path / "into").exists()


def test_a_model_is_fetched_unpacked_and_the_rest_named(server: Server, tmp_path: Path) -> None:
    into, stages = tmp_path / "a" / "into", set()
    answer = pull_model(
        "vatt-gemma-t", into, {"vatt", "audiogen"}, lambda s, *_: stages.add(s), catalogue(server)
    )
    assert (into / "codec.bin").read_bytes() == DATA
    assert (into / "models" / "vatt_gemma_T.ckpt").read_bytes() == b"weights"
    assert not (tmp_path / "escaped.ckpt").exists()
    assert not (into / "models.zip").exists()
    assert [item["what"] for item in answer["by_hand"]] == ["converter"]
    assert stages == {"fetching codec", "fetching all", "unpacking"}
    server.files.clear()
    again = pull_model(
        "vatt-gemma-t", into, {"vatt", "audiogen"}, lambda *_: None, catalogue(server)
    )
    assert again["files"] == answer["files"]


def test_a_page_instead_of_an_archive_is_refused(server: Server, tmp_path: Path) -> None:
    sources = catalogue(server)
    server.files["/models.zip"] = b"<html>link expired</html>"
    with pytest.raises(PullFailed, match="no ZIP archive"):
        pull_model("vatt-gemma-t", tmp_path, {"vatt", "audiogen"}, lambda *_: None, sources)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_model_has_sources_with_terms(name: str) -> None:
    offer = describe(name)
    json.dumps(offer)
    assert offer["bytes"] > 1e9
    assert {licence["id"] for licence in offer["licences"]} >= {"vatt", "audiogen", "eva02"}
    for source in SOURCES[name]:
        assert TERMS[source.terms].page.startswith("https://")
        assert source.kind == "hub" or source.address.startswith("https://")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match="vatt-mega"):
        describe("vatt-mega")


@pytest.fixture
def hub(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    monkeypatch.setenv("HF_ENDPOINT", server.url(""))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    server.files["/me/model/resolve/main/w.safetensors"] = DATA
    return server


def hub_source(name: str) -> dict[str, tuple[Source, ...]]:
    return {"m": (Source("weights", "hub", "eva02", "me/model", (name,)),)}


def test_hub_files_come_through_the_hub_s_own_client(hub: Server, tmp_path: Path) -> None:
    answer = pull_model(
        "m", tmp_path / "into", {"eva02"}, lambda *_: None, hub_source("w.safetensors")
    )
    assert Path(answer["files"][0]).read_bytes() == DATA


def test_a_missing_hub_file_is_named(hub: Server, tmp_path: Path) -> None:
    with pytest.raises(PullFailed, match=r"nope\.bin of me/model cannot be fetched"):
        pull_model("m", tmp_path / "into", {"eva02"}, lambda *_: None, hub_source("nope.bin"))
