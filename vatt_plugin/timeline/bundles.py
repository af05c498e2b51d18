"""``.otioz`` and ``.otiod``: a timeline together with its media.

Only ``content.otio`` is read; media is unpacked when a job needs it, one member at a time, each
name checked, each size bounded.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vatt_plugin.timeline.errors import BadBundle, TimelineNotFound, TimelineTooLarge
from vatt_plugin.timeline.text import read_bytes

CONTENT = "content.otio"
MAX_MEMBERS = 100_000
MAX_CONTENT_BYTES = 1 << 28
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # a compression or encryption that zipfile lacks
    RuntimeError,
    EOFError,
    ValueError,
)
MAX_RATIO = 200
"""Media hardly compresses; a member that unpacks to 200 times its size is a bomb."""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle.

    Attributes:
        path: the ``.otioz`` file or ``.otiod`` folder.
        data: bytes of ``content.otio``.
        members: names of all files in it, relative, checked.
    """

    path: Path
    data: bytes
    members: frozenset[str]


def open_bundle(path: Path) -> Bundle:
    """Read a bundle's timeline and the names of what it holds.

    Raises:
        BadBundle: damaged, hostile, or without ``content.otio``.
        TimelineNotFound: cannot be read.
    """
    if path.is_dir():
        names = frozenset(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
        if CONTENT not in names:
            raise BadBundle(f"{path.name} holds no {CONTENT}.", "Export the bundle again.")
        return Bundle(path, read_bytes(path / CONTENT), names)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_MEMBERS:
                raise BadBundle(
                    f"{path.name} holds {len(infos)} files; the limit is {MAX_MEMBERS}."
                )
            for info in infos:
                _check_name(info, path)
            names = frozenset(info.filename for info in infos if not info.is_dir())
            if CONTENT not in names:
                raise BadBundle(f"{path.name} holds no {CONTENT}.", "Export the bundle again.")
            content = archive.getinfo(CONTENT)
            if content.file_size > MAX_CONTENT_BYTES:
                raise TimelineTooLarge(
                    f"The timeline in {path.name} is {content.file_size} bytes long."
                )
            with archive.open(content) as stream:
                data = stream.read(MAX_CONTENT_BYTES)
    except FileNotFoundError:
        raise TimelineNotFound(f"There is no file {path}.", "Check the path.") from None
    except PermissionError as error:
        raise TimelineNotFound(f"{path} cannot be read: {error.strerror}.") from error
    except (*_DAMAGE, OSError) as error:  # OSError: offsets in the file that lead nowhere
        raise BadBundle(
            f"{path.name} is not a sound .otioz: {error}.", "Export the bundle again."
        ) from error
    return Bundle(path, data, names)


def _check_name(info: zipfile.ZipInfo, path: Path) -> None:
    name = info.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    mode = info.external_attr >> 16
    bad = name.startswith(("/", "\\")) or ".." in parts or ":" in (parts[0] if parts else "")
    if bad or stat.S_ISLNK(mode):
        raise BadBundle(
            f"{path.name} holds a file named {name!r:.120}, which points outside the bundle.",
            "It was not made by an editor; do not trust it.",
        )


def unpacked(bundle: Bundle, member: str, folder: Path) -> Path:
    """The path of a member's media, unpacked into ``folder`` if it is not there yet.

    Args:
        bundle: an opened bundle.
        member: one of its ``members``.
        folder: existing folder of ours; the member keeps its relative name below it.

    Raises:
        BadBundle: damaged, or it unpacks to an absurd size.
    """
    if bundle.path.is_dir():
        return bundle.path / member
    target = folder / member
    with zipfile.ZipFile(bundle.path) as archive:
        info = archive.getinfo(member)
        if target.is_file() and target.stat().st_size == info.file_size:
            return target
        if info.file_size > MAX_RATIO * max(info.compress_size, 1 << 16):
            raise BadBundle(f"{member} in {bundle.path.name} unpacks to {info.file_size} bytes.")
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".vatt-")
        try:
            with os.fdopen(handle, "wb") as out, archive.open(info) as stream:
                shutil.copyfileobj(stream, out, 1 << 20)
            Path(temporary).replace(target)
        except (*_DAMAGE, OSError) as error:
            raise BadBundle(
                f"{member} cannot be unpacked from {bundle.path.name}: {error}."
            ) from error
        finally:
            Path(temporary).unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def opened_out(path: Path, *, pictures: bool = False) -> Iterator[Path]:
    """A cut of ours with its sounds beside it as files, for as long as the block lasts.

    An ``.otioz``'s timeline and WAVs, with ``pictures`` all of its media, are unpacked into a
    temporary folder; anything else is yielded as it is.

    Raises:
        BadBundle: see ``unpacked``.
    """
    if path.suffix.lower() != ".otioz" or path.is_dir():
        yield path
        return
    bundle = open_bundle(path)
    with tempfile.TemporaryDirectory(prefix="vatt-") as name:
        folder = Path(name)
        content = folder / f"{path.stem}.otio"
        content.write_bytes(bundle.data)
        for member in bundle.members:
            if member.lower().endswith(".wav") or (pictures and member != CONTENT):
                unpacked(bundle, member, folder)
        yield content
