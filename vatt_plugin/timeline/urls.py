"""From the media URL an editor wrote to the paths it may mean, without touching any of them.

``opentimelineio.url_utils.filepath_from_url`` unquotes plain paths, cuts at ``#`` and loses a
drive letter on POSIX, so the forms are read here. Only local files are ever candidates: other
schemes, UNC shares and ``//host`` paths are named as remote, so that nothing is contacted.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize
from urllib.parse import unquote

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_MAX_URL = 4096


@dataclass(frozen=True)
class MediaUrl:
    """What a target URL can mean.

    Attributes:
        paths: absolute local paths to try in order; empty when it is not local here.
        basenames: file names to look for in search roots, literal form first.
        remote: it names a network place, which is never contacted.
    """

    paths: tuple[str, ...]
    basenames: tuple[str, ...]
    remote: bool = False

    @property
    def candidates(self) -> tuple[Path, ...]:
        """``paths`` as such."""
        return tuple(Path(path) for path in self.paths)


def parse_media_url(url: str, base: Path) -> MediaUrl:
    r"""Read any form editors write.

    Known forms: absolute POSIX paths, ``C:\x`` and ``C:/x``, ``\\srv\share``, ``file:///x``
    percent-encoded or not, ``file://localhost/x``, ``file:///C:/x``, ``file://srv/share/x``, and
    paths relative to ``base``. The literal path comes before the unquoted one.
    """
    if not url or "\0" in url or len(url) > _MAX_URL:
        return MediaUrl((), ())
    scheme = None if _DRIVE.match(url) else _SCHEME.match(url)
    if scheme is None:
        return _from_path(url, base)
    if scheme[1].lower() != "file":
        # "take 2: door.mov" is a file name; joined to a folder it can be nothing but a path.
        local = () if url[scheme.end() :].startswith("//") else (_join(str(base), url),)
        return MediaUrl(local, _basenames(url.split("?")[0]), remote=True)
    rest = url[len(scheme[0]) :]
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if re.fullmatch(r"[A-Za-z]:", host):  # file://C:/x, one slash short
            return _from_path(f"{host}/{path}", base)
        if host.lower() not in ("", "localhost"):
            return MediaUrl((), _basenames(path), remote=True)
        rest = slash + path
    if re.match(r"/[A-Za-z](:|%3[aA])[\\/]", rest):  # file:///C:/x and Premiere's /C%3a/x
        rest = rest[1:].replace("%3a", ":", 1).replace("%3A", ":", 1)
    return _from_path(rest, base)


def _from_path(text: str, base: Path) -> MediaUrl:
    names = _basenames(text)
    if text.startswith(("//", "\\\\")):
        return MediaUrl((), names, remote=True)
    forms = dict.fromkeys((text, unquote(text))) if "%" in text else (text,)  # literal first
    if not all(form.isascii() for form in forms):  # a Mac's names, stored by another system
        forms = dict.fromkeys(
            [*forms, *(normalize(kind, form) for form in forms for kind in ("NFC", "NFD"))]
        )
    folder = str(base)
    paths: list[str] = []
    for form in forms:
        if "\0" in form or form.startswith(("//", "\\\\")):
            continue
        if _DRIVE.match(form):
            if sys.platform == "win32":
                paths.append(form)
            continue
        paths.append(_join(folder, form))
        if "\\" in form and not form.startswith("/"):  # relative, written on Windows
            paths.append(_join(folder, form.replace("\\", "/")))
    return MediaUrl(tuple(paths), names)


def _join(folder: str, path: str) -> str:
    return path if path.startswith("/") else f"{folder}/{path}"


def _basenames(text: str) -> tuple[str, ...]:
    forms = (text, unquote(text)) if "%" in text else (text,)
    names = (form.replace("\\", "/").rstrip("/").rpartition("/")[2] for form in forms)
    return tuple(dict.fromkeys(name for name in names if name and "\0" not in name))
