"""Fetching one file over HTTPS: resumed, checked, never from an unlisted host.

What is there already of an interrupted fetch is continued if the server still has the same file
(its ETag says so), else started again. The file appears under its name only when it is whole.
"""

from __future__ import annotations

import errno
import http.client
import json
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from vatt_engine.errors import CannotWrite, PullFailed
from vatt_engine.manifest import file_sha256

OnBytes = Callable[[int, int | None], None]

_CHUNK = 1 << 20
_TIMEOUT_S = 30.0
_MAX_REDIRECTS = 8
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Redirects come back as errors, so that each one can be judged."""

    def redirect_request(self, *_: Any) -> None:
        return None


def fetch(
    url: str,
    target: Path,
    on_bytes: OnBytes,
    *,
    sha256: str = "",
    hosts: tuple[str, ...] = (),
) -> Path:
    """Fetch ``url`` to ``target``.

    Args:
        url: HTTPS (plain HTTP on the loopback only).
        target: the file; an interrupted fetch is kept beside it as ``.part``.
        on_bytes: called with (bytes so far, all or None); may raise to cancel, the part stays.
        sha256: expected; checked when given.
        hosts: hosts redirects may lead to besides the first one.

    Raises:
        PullFailed: the server refuses, the file is another one, or a redirect leads elsewhere.
        CannotWrite: the disk refuses.
    """
    if target.is_file() and (not sha256 or file_sha256(target) == sha256):
        return target
    part, note = target.with_name(target.name + ".part"), target.with_name(target.name + ".etag")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _continue(url, part, note, on_bytes, hosts)
        if sha256 and file_sha256(part) != sha256:
            part.unlink()
            raise PullFailed(
                f"{target.name} is not the expected file (SHA-256 differs).",
                "It has been thrown away. Try again; if it happens again, tell us.",
            )
        part.replace(target)
        note.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def cannot_write(target: Path, error: OSError) -> CannotWrite:
    """The error for a disk that refuses."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(target.parent).free
        return CannotWrite(
            f"The disk is full: {target.name} does not fit ({free / 1e9:.1f} GB left).",
            "Make room and run the same command again; it continues where it stopped.",
        )
    return CannotWrite(
        f"{target} cannot be written: {error.strerror or error}.", "Check the permissions there."
    )


def _continue(url: str, part: Path, note: Path, on_bytes: OnBytes, hosts: tuple[str, ...]) -> None:
    etag = _read_note(note, url)
    done = part.stat().st_size if part.is_file() and etag else 0
    headers = {"Range": f"bytes={done}-", "If-Range": etag} if done else {}
    try:
        with _open(url, headers, hosts) as answer:
            if answer.status != 206:
                done = 0
            length = answer.headers.get("Content-Length")
            total = done + int(length) if length and length.isdigit() else None
            _check_room(part, total, done)
            _write_note(note, url, answer.headers.get("ETag", ""))
            on_bytes(done, total)
            with part.open("ab" if done else "wb") as file:
                while chunk := _read(answer, url):
                    file.write(chunk)
                    done += len(chunk)
                    on_bytes(done, total)
        if total is not None and done != total:
            raise PullFailed(
                f"The connection ended after {done} of {total} bytes.",
                "Run the same command again; it continues where it stopped.",
            )
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # all there already, or more than there should be
            part.unlink()
            note.unlink(missing_ok=True)
            _continue(url, part, note, on_bytes, hosts)
            return
        raise _refused(url, error.code) from error


def _read(answer: Any, url: str) -> bytes:
    try:
        return bytes(answer.read(_CHUNK))
    except http.client.IncompleteRead as error:
        return error.partial
    except (TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise _lost(url, error) from error


def _open(url: str, headers: dict[str, str], hosts: tuple[str, ...]) -> Any:
    """Open ``url``, following redirects to listed hosts only."""
    first = urlsplit(url).hostname or ""
    opener = urllib.request.build_opener(_NoRedirects)
    for _ in range(_MAX_REDIRECTS):
        _check_address(url)
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "vatt", **headers})
            return opener.open(request, timeout=_TIMEOUT_S)
        except urllib.error.HTTPError as error:
            where = error.headers.get("Location")
            if error.code not in (301, 302, 303, 307, 308) or not where:
                raise
            url = urljoin(url, where)
            host = urlsplit(url).hostname or ""
            if host != first and not _listed(host, hosts):
                raise PullFailed(
                    f"The server sends us on to {host}, which is not on the list for this file.",
                    "Fetch the file by hand from the page given, if you trust it.",
                ) from error
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise _lost(url, error) from error
    raise PullFailed(f"{urlsplit(url).hostname} sends us round in circles.", "Try again later.")


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise PullFailed(f"{parts.scheme}://{parts.hostname} is not fetched: it is not HTTPS.")


def _listed(host: str, hosts: tuple[str, ...]) -> bool:
    return any(host == h or (h.startswith(".") and host.endswith(h)) for h in hosts)


def _check_room(part: Path, total: int | None, done: int) -> None:
    if total is not None and shutil.disk_usage(part.parent).free < total - done:
        raise OSError(errno.ENOSPC, "No space left on device")


def _read_note(note: Path, url: str) -> str:
    """The ETag of an interrupted fetch of this very address; empty if it cannot be continued."""
    try:
        data = json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    same = isinstance(data, dict) and data.get("url") == url
    return str(data.get("etag", "")) if same else ""


def _write_note(note: Path, url: str, etag: str) -> None:
    strong = "" if etag.startswith("W/") else etag
    note.write_text(json.dumps({"url": url, "etag": strong}), "utf-8")


def _refused(url: str, code: int) -> PullFailed:
    host = urlsplit(url).hostname
    hints = {
        401: "Accept the terms on its page with your account, then try again.",
        403: "Accept the terms on its page with your account, then try again.",
        404: "The file has moved; look at its page and fetch it by hand.",
        429: "The server is busy; try again later.",
    }
    hint = hints.get(code, "Try again later.")
    return PullFailed(f"{host} answers {code} for {urlsplit(url).path}.", hint)


def _lost(url: str, error: Exception) -> PullFailed:
    why = getattr(error, "reason", None) or error
    return PullFailed(
        f"{urlsplit(url).hostname} cannot be reached ({why}).",
        "Check the connection and run the same command again; it continues where it stopped.",
    )
