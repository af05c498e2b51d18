"""Finding the media a clip refers to: on disk, in search roots, or honestly offline.

Nothing is opened here except, when a reference has no ``available_range``, the one look that
``probe`` takes at the file's header. Answers are kept per URL, since a cut refers to the same
rushes hundreds of times.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from vatt_plugin.cues import CueStatus
from vatt_plugin.timeline.errors import BadBundle
from vatt_plugin.timeline.urls import parse_media_url

MAX_INDEXED_FILES = 500_000
_SHOWN = 100  # characters of a URL
_SKIP_FOLDERS = {".git", "@eaDir", "$RECYCLE.BIN", "System Volume Information"}
PLAYLISTS = frozenset({".m3u8", ".m3u", ".pls", ".mpd", ".sdp", ".ffconcat", ".asx", ".xspf"})
STILLS = frozenset(
    {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".dpx", ".psd", ".bmp", ".tga", ".gif"}
    | {".webp", ".heic", ".svg", ".cin"}
)


@dataclass(frozen=True)
class Found:
    """Where a URL leads.

    Attributes:
        path: the file, or None.
        status: ``ready``, ``offline`` or ``unreadable``.
        note: why it is not ready, or that it was found elsewhere, by its name.
    """

    path: Path | None
    status: CueStatus
    note: str = ""


@dataclass
class MediaFinder:
    """Looks media up; one per reading of a timeline.

    Attributes:
        base: folder that relative URLs start from.
        roots: folders searched by file name when the URL itself leads nowhere.
        bundled: URL to path, for media that lies inside a bundle.
    """

    base: Path
    roots: tuple[Path, ...] = ()
    bundled: Mapping[str, Path] = field(default_factory=dict)
    _known: dict[str, Found] = field(default_factory=dict)

    def find(self, url: str) -> Found:
        """The file behind a URL. Never raises for what a URL or a disk can hold."""
        if url not in self._known:
            self._known[url] = self._look_up(url)
        return self._known[url]

    def find_named(self, names: Iterable[str]) -> Path | None:
        """A file of one of these names in the search roots: exact first, then NFC or NFD."""
        for name in names:
            for key in (name, unicodedata.normalize("NFC", name)):
                if hit := self._index.get(key):
                    return hit
        return None

    def _look_up(self, url: str) -> Found:
        try:
            if (inside := self.bundled.get(url)) is not None:
                return Found(inside, "ready")
        except BadBundle as error:  # this member alone is damaged
            return Found(None, "unreadable", error.message)
        if not url:
            return Found(None, "offline", "The clip names no media file.")
        parsed = parse_media_url(url, self.base)
        problem: Found | None = None
        for path in parsed.paths:
            found = _check(path)
            if found.status == "ready":
                return found
            if found.status == "unreadable":
                problem = problem or found
        if hit := self.find_named(parsed.basenames):
            found = _check(str(hit))
            if found.status == "ready":
                return Found(hit, "ready", f"Not where the timeline says; {hit} is used.")
        if problem:
            return problem
        if parsed.remote:
            text = f"{_shown(url)} is not a local file; nothing else is opened."
            return Found(None, "offline", text)
        name = parsed.basenames[-1] if parsed.basenames else url[:200]
        return Found(None, "offline", f"{name} was not found.")

    @cached_property
    def _index(self) -> dict[str, Path]:
        """Basename to path over all roots; the first root and the shallowest folder win."""
        index: dict[str, Path] = {}
        for root in self.roots:
            for folder, folders, files in os.walk(root):
                folders[:] = sorted(f for f in folders if f not in _SKIP_FOLDERS)
                for name in sorted(files):
                    path = Path(folder, name)
                    index.setdefault(name, path)
                    index.setdefault(unicodedata.normalize("NFC", name), path)
                if len(index) > MAX_INDEXED_FILES:
                    return index
        return index


def _shown(url: str) -> str:
    """A network place for people: not its password or signature, and of a long one both ends."""
    text = re.sub(r"^([^/]*//)[^/]*@", r"\1", url).partition("?")[0]
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 + 1 :]}"


def _check(name: str) -> Found:
    try:
        facts = os.stat(name)  # noqa: PTH116  (a long cut asks ten thousand times)
    except (OSError, ValueError):  # ValueError: a name the file system cannot hold
        return _ABSENT
    path = Path(name)
    if stat.S_ISDIR(facts.st_mode):
        return Found(path, "unreadable", f"{path.name} is a folder, not a media file.")
    if not stat.S_ISREG(facts.st_mode):  # a pipe or a device would block or never end
        return Found(path, "unreadable", f"{path.name} is not an ordinary file.")
    if facts.st_size == 0:
        return Found(path, "unreadable", f"{path.name} is empty (0 bytes).")
    if path.suffix.lower() in PLAYLISTS:
        return Found(path, "unreadable", f"{path.name} is a playlist; those are not followed.")
    return Found(path, "ready")


_ABSENT = Found(None, "offline")
_HASHES = re.compile(r"(#+)")
_PRINTF = re.compile(r"%0?(\d*)d")
_RANGE = re.compile(r"\[(\d+)-(\d+)\]")


@lru_cache(maxsize=4096)
def sequence_in_name(url: str) -> tuple[str, str, int, int | None] | None:
    """An image sequence written as one URL: ``sh.%04d.exr``, ``sh.####.exr``, ``sh.[1-9].exr``.

    Returns:
        (text before the number, text after it, digits, first number or None), or None.
    """
    folder, slash, name = url.rpartition("/")
    head = folder + slash
    if match := _RANGE.search(name):
        digits, first = len(match[1]), int(match[1])
        return head + name[: match.start()], name[match.end() :], digits, first
    match = _PRINTF.search(name) or _HASHES.search(name)
    if match is None or Path(name).suffix.lower() not in STILLS:
        return None
    digits = int(match[1] or 1) if match[0].startswith("%") else len(match[1])
    return head + name[: match.start()], name[match.end() :], digits, None
