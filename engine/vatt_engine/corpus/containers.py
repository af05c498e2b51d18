"""Readers for what sounds are packed in: Debian packages and the archives of games.

All readers give back plain (name, bytes) pairs; no name is ever used as a path here. A Debian
package is an `ar` archive whose data member is a tar; it is read as a stream, and what is wanted
is spooled (to an unnamed temporary file when large), since one game keeps gigabytes in a single
zip. Formats follow their public descriptions: Qt's resource files (rcc), the C4
group files of OpenClonk, Doom's WAD with DMX sound lumps, OpenTTD's sound catalogues.
"""

from __future__ import annotations

import io
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, BinaryIO

MAX_SOUND_BYTES = 200_000_000
_SPOOL_BYTES = 64_000_000
_ZIP_SUFFIXES = (".zip", ".pk3")


class BadContainer(ValueError):
    """The bytes are not what their name promises."""


class _Window(io.RawIOBase):
    """A read-only view of part of a file, without seeking: what tarfile's stream mode needs."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data


def read_deb(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The wanted regular files of a Debian package, in its own order.

    Args:
        path: the ``.deb``.
        wanted: paths as they would be below ``/``, without a leading slash.

    Yields:
        name and an open, seekable file that is closed when the next one is asked for.

    Raises:
        BadContainer: not a Debian package, or compressed in a way Python's tarfile lacks.
    """
    names = set(wanted)
    with path.open("rb") as file:
        size = _find_data_member(file, path)
        try:
            with tarfile.open(fileobj=_Window(file, size), mode="r|*") as tar:
                for member in tar:
                    name = member.name.removeprefix("./")
                    if name not in names or not member.isfile():
                        continue
                    content = tar.extractfile(member)
                    if content is None:
                        continue
                    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
                        shutil.copyfileobj(content, spool, 1 << 20)
                        spool.seek(0)
                        yield name, spool
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise BadContainer(f"{path.name}: {error}") from error


def _find_data_member(file: BinaryIO, path: Path) -> int:
    if file.read(8) != b"!<arch>\n":
        raise BadContainer(f"{path.name} is not a Debian package")
    while header := file.read(60):
        if len(header) < 60 or header[58:] != b"`\n":
            break
        name, size = header[:16].decode("ascii", "replace").strip(" /"), int(header[48:58])
        if name.startswith("data.tar"):
            return size
        file.seek(size + size % 2, io.SEEK_CUR)
    raise BadContainer(f"{path.name} has no data member")


def read_inside(name: str, file: IO[bytes], wanted: Collection[str]) -> dict[str, bytes]:
    """The wanted members of an archive, by the manifest's name for them.

    Args:
        name: file name of the archive; its suffix decides the reader.
        file: the archive, seekable.
        wanted: member names as written after ``!/`` in the manifest.

    Raises:
        BadContainer: no reader for the suffix, or damaged bytes.
    """
    suffix = Path(name).suffix.lower()
    try:
        if suffix in _ZIP_SUFFIXES:
            return _read_zip(file, set(wanted))
        if suffix not in _READERS:
            raise BadContainer(f"no reader for {suffix} ({name})")
        return _READERS[suffix](file.read(), set(wanted))
    except (struct.error, zipfile.BadZipFile, zlib.error, IndexError, ValueError) as error:
        raise BadContainer(f"{name}: {error}") from error


def _read_zip(file: IO[bytes], wanted: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            # The stated size bounds what is unpacked: zipfile stops there.
            if info.filename in wanted and info.file_size <= MAX_SOUND_BYTES:
                found[info.filename] = archive.read(info)
    return found


def _read_rcc(data: bytes, wanted: Collection[str]) -> dict[str, bytes]:
    """Qt binary resources: a tree of nodes, a table of UTF-16 names, zlib or plain payloads."""
    magic, version, tree, payload, names = struct.unpack_from(">4sIIII", data)
    if magic != b"qres" or version > 3:
        raise BadContainer(f"resource version {version} is unknown")
    node_size = 14 if version == 1 else 22
    found: dict[str, bytes] = {}

    def visit(index: int, folder: str) -> None:
        name_at, flags = struct.unpack_from(">IH", data, tree + index * node_size)
        name = ""
        if index:
            length = struct.unpack_from(">H", data, names + name_at)[0]
            start = names + name_at + 6
            name = data[start : start + 2 * length].decode("utf-16-be")
        full = f"{folder}/{name}" if folder else name
        if flags & 2:
            count, first = struct.unpack_from(">II", data, tree + index * node_size + 6)
            for child in range(first, first + count):
                visit(child, full)
        elif full in wanted:
            place = struct.unpack_from(">I", data, tree + index * node_size + 10)[0] + payload
            size = struct.unpack_from(">I", data, place)[0]
            body = data[place + 4 : place + 4 + size]
            # A compressed payload is Qt's: four bytes of length, then a zlib stream.
            found[full] = zlib.decompress(body[4:]) if flags & 1 else body

    visit(0, "")
    return found


def _read_c4_group(data: bytes, wanted: Collection[str]) -> dict[str, bytes]:
    """A packed C4 group: gzip with other magic bytes; folders are groups inside the group."""
    found: dict[str, bytes] = {}
    plain = zlib.decompressobj(wbits=31).decompress(b"\x1f\x8b" + data[2:], 8 * MAX_SOUND_BYTES)
    _visit_c4(plain, "", wanted, found)
    return found


def _visit_c4(data: bytes, folder: str, wanted: Collection[str], found: dict[str, bytes]) -> None:
    head = bytearray(byte ^ 237 for byte in data[:204])
    for i in range(0, 202, 3):
        head[i], head[i + 2] = head[i + 2], head[i]
    if not head.startswith(b"RedWolf Design GrpFolder"):
        raise BadContainer("not a C4 group")
    (count,) = struct.unpack_from("<i", head, 36)
    body = 204 + 316 * count
    for i in range(count):
        entry = data[204 + 316 * i : 204 + 316 * (i + 1)]
        name = entry[:260].split(b"\0", 1)[0].decode("latin-1")
        is_group, size, _, offset = struct.unpack_from("<iiii", entry, 264)
        full = f"{folder}/{name}" if folder else name
        content = data[body + offset : body + offset + size]
        if is_group:
            _visit_c4(content, full, wanted, found)
        elif full in wanted:
            found[full] = content


def _read_wad(data: bytes, wanted: Collection[str]) -> dict[str, bytes]:
    """Doom's WAD: DMX sound lumps (8 bit) come back as WAV files."""
    magic, count, table = struct.unpack_from("<4sii", data)
    if magic not in (b"IWAD", b"PWAD"):
        raise BadContainer("not a WAD")
    found: dict[str, bytes] = {}
    for i in range(count):
        start, size, raw = struct.unpack_from("<ii8s", data, table + 16 * i)
        name = raw.rstrip(b"\0").decode("ascii", "replace") + ".wav"
        if name not in wanted:
            continue
        kind, rate, length = struct.unpack_from("<HHI", data, start)
        if kind != 3 or length > size - 8:
            raise BadContainer(f"{name} is not a DMX sound")
        # The first and last 16 samples repeat the edge, for the mixer of the time.
        pcm = data[start + 8 + 16 : start + 8 + length - 16]
        found[name] = _wav(pcm, rate)
    return found


def _wav(pcm: bytes, rate: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(pcm)) + pcm
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _read_cat(data: bytes, wanted: Collection[str]) -> dict[str, bytes]:
    """OpenTTD's sound catalogue: a table of offsets, then name, WAV, and a closing word.

    The manifest names a member by its number and its name, made fit for a file system.
    """
    by_number = {int(name.split("_", 1)[0]): name for name in wanted}
    first = struct.unpack_from("<I", data)[0] & 0x7FFFFFFF
    found: dict[str, bytes] = {}
    for i in range(first // 8):
        offset, size = struct.unpack_from("<II", data, 8 * i)
        start = offset & 0x7FFFFFFF
        label = data[start]
        body = data[start + 1 + label : start + 1 + label + size]
        if i in by_number and body.startswith(b"RIFF"):
            found[by_number[i]] = body
    return found


_READERS: dict[str, Callable[[bytes, Collection[str]], dict[str, bytes]]] = {
    ".rcc": _read_rcc,
    ".ocd": _read_c4_group,
    ".ocf": _read_c4_group,
    ".ocg": _read_c4_group,
    ".wad": _read_wad,
    ".cat": _read_cat,
}
