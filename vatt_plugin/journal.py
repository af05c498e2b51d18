"""Files of a project folder that survive a crash: journal lines, snapshots, the lock.

The journal is append-only text, one checksummed JSON object a line, so a torn last line is
noticed and dropped while everything before it counts. A snapshot is one file, written under a
temporary name, checked by reading back, then renamed: it is wholly old or wholly new.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vatt_engine.errors import CannotWrite

KEEP_RECENT, KEEP_HOURLY, KEEP_DAILY = 6, 2, 2


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``path`` whole or not at all: all bytes, fsync, read back, rename, fsync the folder.

    Raises:
        CannotWrite: nothing was changed under the final name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if temporary.read_bytes() != data:
            raise OSError("what was written does not read back the same")
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise CannotWrite(
            f"{path.name} was not saved: {error.strerror or error}. Nothing was overwritten.",
            "Free some space or choose a folder you may write to, then save again.",
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def encode_line(record: Mapping[str, Any]) -> bytes:
    """A journal line: checksum, space, JSON, newline."""
    body = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"{_checksum(body)} {body}\n".encode()


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line, or None when the line is torn or damaged."""
    try:
        checksum, body = line.decode().rstrip("\n").split(" ", 1)
        record = json.loads(body)
    except ValueError:
        return None
    whole = line.endswith(b"\n") and checksum == _checksum(body)
    return record if whole and isinstance(record, dict) else None


class Journal:
    """An append-only file of records. Each ``append`` reaches the operating system at once.

    A process that dies loses nothing; ``sync`` (called within a second of an edit) makes it
    survive a power cut too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pending: list[bytes] = []
        self._file: int | None = None
        self._dirty = False

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record. What cannot be written stays pending and goes out with the next one.

        Raises:
            CannotWrite: the disk is full or gone; the record is kept in memory.
        """
        self._pending.append(encode_line(record))
        self.flush()

    def flush(self) -> None:
        """Write what is pending; on failure the file is cut back to whole lines."""
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            if self._file is None:
                self._cut_torn_end()
                self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            size = os.fstat(self._file).st_size
            written = os.write(self._file, data)
            if written != len(data):
                os.ftruncate(self._file, size)
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise CannotWrite(
                f"The last {len(self._pending)} step(s) could not be journalled: "
                f"{error.strerror or error}. They are kept in memory.",
                "Free some space; saving is tried again with the next step.",
            ) from error
        self._pending.clear()
        self._dirty = True

    def sync(self) -> None:
        """Force the file to the disk if anything was added since."""
        self.flush()
        if self._dirty and self._file is not None:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise CannotWrite(
                    f"The journal could not be forced to the disk: {error.strerror or error}.",
                    "Save the project to another disk.",
                ) from error
            self._dirty = False

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def records(self) -> Iterator[dict[str, Any]]:
        """All whole records; reading stops at the first damaged line."""
        try:
            with self.path.open("rb") as file:
                for line in file:
                    record = decode_line(line)
                    if record is None:
                        return
                    yield record
        except FileNotFoundError:
            return

    def _cut_torn_end(self) -> None:
        """Remove a last line that a crash left without its end, or new lines would join it."""
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(self.path, data.rfind(b"\n") + 1)


@dataclass(frozen=True)
class Snapshot:
    """A whole state on disk. ``kind`` is ``save`` (by the user or at closing) or ``auto``."""

    path: Path
    n: int
    kind: str
    time: float
    body: Mapping[str, Any]


class SnapshotStore:
    """The snapshots of one project, newest last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, n: int, kind: str, body: Mapping[str, Any]) -> Path:
        """Store the state after record ``n`` and thin out the older ones.

        Raises:
            CannotWrite: the former snapshots are untouched.
        """
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return self.write_text(n, kind, text)

    def write_text(self, n: int, kind: str, text: str) -> Path:
        """Store the state after record ``n``, given as the JSON text of its body.

        Raises:
            CannotWrite: the former snapshots are untouched.
        """
        head = {"n": n, "kind": kind, "time": time.time()}
        head["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        path = self.folder / f"{n:09d}-{kind}.json"
        write_atomically(path, json.dumps(head).encode() + b"\n" + text.encode())
        self._thin_out()
        return path

    def newest(self, kind: str | None = None) -> Snapshot | None:
        """The newest whole snapshot (of a kind); damaged ones are passed over."""
        for path in sorted(self._paths(), reverse=True):
            if kind is not None and not path.stem.endswith(f"-{kind}"):
                continue
            snapshot = self._read(path)
            if snapshot is not None:
                return snapshot
        return None

    def _paths(self) -> list[Path]:
        return [p for p in self.folder.glob("*.json") if not p.name.startswith(".")]

    @staticmethod
    def _read(path: Path) -> Snapshot | None:
        try:
            head_line, _, text = path.read_bytes().partition(b"\n")
            head = json.loads(head_line)
            if hashlib.sha256(text).hexdigest() != head["sha256"]:
                return None
            return Snapshot(path, head["n"], head["kind"], head["time"], json.loads(text))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _thin_out(self) -> None:
        """Keep the newest six, one for each of two hours and two days before, and the last save."""
        paths = sorted(self._paths(), reverse=True)
        keep = set(paths[:KEEP_RECENT])
        keep.update([p for p in paths if p.stem.endswith("-save")][:1])
        for seconds, count in ((3600, KEEP_HOURLY), (86400, KEEP_DAILY)):
            slots: dict[int, Path] = {}
            for path in paths[KEEP_RECENT:]:
                slots.setdefault(int(path.stat().st_mtime // seconds), path)
            keep.update(sorted(slots.values(), reverse=True)[:count])
        for path in paths:
            if path not in keep:
                path.unlink(missing_ok=True)


class FolderLock:
    """One writer per project folder. The lock dies with its process, so a crash frees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another running process holds it.

        Raises:
            OSError: the folder cannot be written.
        """
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _lock_handle(handle):
            os.close(handle)
            return False
        owner = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()})
        os.ftruncate(handle, 0)
        os.pwrite(handle, owner.encode(), 0) if hasattr(os, "pwrite") else os.write(
            handle, owner.encode()
        )
        self._handle = handle
        return True

    def owner(self) -> str:
        """Who holds it, in words."""
        try:
            owner = json.loads(self.path.read_text())
            return f"process {owner['pid']} on {owner['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another program"

    def release(self) -> None:
        """Give the lock back; the file goes too, which marks a clean close."""
        if self._handle is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None


def _lock_handle(handle: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: a byte-range lock does the same
        return _lock_handle_windows(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lock_handle_windows(handle: int) -> bool:
    import importlib

    msvcrt: Any = importlib.import_module("msvcrt")
    try:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
